/**
 * One watch whose inputs wait in a queue: late timers, dropped events, and a list that fails.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import { WATCH_SETTLED_MS, WATCH_SILENCE_MS } from '../../src/core/watch.ts';
import { Watcher, type WatchReport } from '../../src/driver/watcher.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { type OpenStream, promisesSettled, ScriptedPorts } from './scripted-ports.ts';

interface Watching {
  readonly world: ScriptedPorts;
  readonly clock: ManualClock;
  readonly reports: readonly WatchReport<LeaseRecord>[];
  /** The inputs that wait. */
  readonly queue: (() => void)[];
  /** Processes every input that waits. */
  readonly run: () => void;
}

/** @param acceptsEvents whether there is space for events in the queue */
function watch({ acceptsEvents = true }: { readonly acceptsEvents?: boolean } = {}): Watching {
  const world = new ScriptedPorts();
  const clock = new ManualClock();
  const queue: (() => void)[] = [];
  const reports: WatchReport<LeaseRecord>[] = [];
  const watcher = new Watcher<LeaseRecord>({
    name: 'Lease',
    port: world.ports.leaseWatch,
    clock,
    random: { next: () => 0.5 },
    enqueue: (work) => queue.push(work),
    enqueueEvent: (work) => {
      if (acceptsEvents) queue.push(work);
      return acceptsEvents;
    },
    report: (report) => reports.push(report),
    opened: () => undefined,
  });
  watcher.start();
  const run = (): void => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) next();
  };
  return { world, clock, reports, queue, run };
}

/** Opens the stream, and waits until the watch believes its silence. */
async function settle({ world, clock, run }: Watching): Promise<OpenStream> {
  world.take('list lease').succeed({ items: [], resourceVersion: '10' });
  await promisesSettled();
  run();
  const stream = world.stream('lease');
  stream.sink.opened();
  run();
  clock.advance(WATCH_SETTLED_MS);
  run();
  return stream;
}

const BOOKMARK = { type: 'bookmark', resourceVersion: '11' } as const;

test('a watch ignores a queued timer that an earlier event has set again', async () => {
  const watching = watch();
  const stream = await settle(watching);
  const { clock, queue, run } = watching;
  stream.sink.event(BOOKMARK);
  clock.advance(WATCH_SILENCE_MS - WATCH_SETTLED_MS);
  assert.equal(queue.length, 2, 'the event and the timer wait');
  run();
  assert.equal(stream.closed, false);
});

for (const [lateMs, isClosed] of [
  [249, true],
  [250, false],
] as const) {
  test(`a watch ${isClosed ? 'closes' : 'keeps'} its silent stream when its timer fires ${lateMs} ms late`, async () => {
    const watching = watch();
    const stream = await settle(watching);
    watching.clock.stall(WATCH_SILENCE_MS - WATCH_SETTLED_MS + lateMs);
    watching.run();
    assert.equal(stream.closed, isClosed);
  });
}

test('a watch reports a list that fails, and lists again after the back-off', async () => {
  const { world, clock, reports, run } = watch();
  world.take('list lease').fail('unavailable');
  await promisesSettled();
  run();
  assert.deepEqual(
    reports.map((report) => (report.type === 'failed' ? report.failure.kind : report.type)),
    ['unavailable'],
  );
  assert.deepEqual(world.calls, ['list lease']);
  clock.advance(250);
  run();
  assert.deepEqual(world.calls, ['list lease', 'list lease']);
});

test('a watch queues one failure when several events of a stream are dropped', async () => {
  const watching = watch({ acceptsEvents: false });
  const stream = await settle(watching);
  const { queue, run, reports } = watching;
  for (let count = 0; count < 3; count += 1) stream.sink.event(BOOKMARK);
  assert.equal(queue.length, 1);
  run();
  assert.equal(stream.closed, true);
  const report = reports.at(-1);
  assert.ok(report?.type === 'failed');
  assert.match(report.failure.message, /^the watch is closed: its server sent more events than can be queued\. /);
});
