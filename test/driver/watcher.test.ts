/**
 * Checks one watch over time: a suspended process, a version from the future, and servers that send nothing useful.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WATCH_LATE_GRACE_MS, WATCH_SETTLED_MS, WATCH_SILENCE_MS } from '../../src/core/watch.ts';
import { Watcher, type WatchReport } from '../../src/driver/watcher.ts';
import type { ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { watchPort } from '../../src/kube/watch-stream.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { failureOf, promisesSettled } from './scripted-ports.ts';

interface Item {
  readonly uid: string;
  readonly resourceVersion: string;
}

interface OpenedStream {
  readonly resumeFrom: string;
  readonly sink: ByteSink;
  closed: boolean;
}

/** A server of one object at the level of bytes. The test determines its behaviour. */
class ScriptedServer implements ApiTransport {
  readonly #clock: Clock;
  /** The resourceVersion of the server, with which it answers each list. */
  version = 10;
  /** The resourceVersion that lists claim, when it differs from that of the server. */
  listVersion: string | null = null;
  /** Runs for each new stream. */
  onStream: (stream: OpenedStream) => void = ({ sink }) => sink.opened();
  readonly streams: OpenedStream[] = [];
  /** The times of all lists and streams. */
  readonly requestTimesMs: number[] = [];
  lists = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  request(): ReturnType<ApiTransport['request']> {
    this.requestTimesMs.push(this.#clock.nowMs());
    this.lists += 1;
    const items = [this.object()];
    const metadata = { resourceVersion: this.listVersion ?? String(this.version) };
    return Promise.resolve({ ok: true, value: { kind: 'LeaseList', metadata, items } });
  }

  stream(request: Parameters<ApiTransport['stream']>[0], sink: ByteSink): { close(): void } {
    this.requestTimesMs.push(this.#clock.nowMs());
    const stream: OpenedStream = { resumeFrom: request.watch?.resourceVersion ?? '', sink, closed: false };
    this.streams.push(stream);
    this.onStream(stream);
    return {
      close: () => {
        stream.closed = true;
      },
    };
  }

  get current(): OpenedStream {
    const stream = this.streams.at(-1);
    assert.ok(stream !== undefined && !stream.closed, 'no stream is open');
    return stream;
  }

  object(version: number = this.version): unknown {
    return { metadata: { name: 'web', uid: 'a', resourceVersion: String(version) } };
  }

  send(stream: OpenedStream, type: string, version: number): void {
    if (!stream.closed) stream.sink.bytes(Buffer.from(`${JSON.stringify({ type, object: this.object(version) })}\n`));
  }
}

interface Watching {
  readonly server: ScriptedServer;
  readonly watcher: Watcher<Item>;
  readonly reports: WatchReport<Item>[];
}

function watch(
  clock: Clock,
  { random = () => 0.5, listVersion = null }: { random?: () => number; listVersion?: string | null } = {},
): Watching {
  const server = new ScriptedServer(clock);
  server.listVersion = listVersion;
  const reports: WatchReport<Item>[] = [];
  const queue: (() => void)[] = [];
  // Processes one input at a time, like the driver.
  const enqueue = (work: () => void): void => {
    if (queue.push(work) > 1) return;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      next();
      queue.shift();
    }
  };
  const watcher = new Watcher<Item>({
    name: 'item',
    port: watchPort<Item>({
      client: server,
      apiGroup: 'coordination.k8s.io',
      resource: 'leases',
      listKind: 'LeaseList',
      namespace: 'shop',
      name: 'web',
      read: (value) => ({ ok: true, value: (value as { metadata: Item }).metadata }),
    }),
    clock,
    random: { next: random },
    enqueue,
    enqueueEvent: (work) => {
      enqueue(work);
      return true;
    },
    report: (report) => reports.push(report),
    opened: () => undefined,
  });
  watcher.start();
  return { server, watcher, reports };
}

/** Advances the clock in steps, so that answers arrive between the timers. */
async function pass(clock: ManualClock, ms: number, eachSecond: () => void = () => undefined): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
    for (let step = 0; step < 4; step += 1) {
      clock.advance(250);
      await promisesSettled();
    }
    eachSecond();
  }
}

/** A watch with a settled stream. The clock fires late timers late. */
async function settledWatch(): Promise<Watching & { readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const watching = watch(clock);
  await promisesSettled();
  clock.stall(WATCH_SETTLED_MS);
  assert.equal(watching.server.current.resumeFrom, '10');
  return { ...watching, clock };
}

test('a watch reads its socket first when the process was suspended for longer than WATCH_SILENCE_MS', async () => {
  const { clock, server, reports } = await settledWatch();
  const stream = server.current;
  clock.stall(300_000);
  assert.equal(stream.closed, false);
  server.send(stream, 'MODIFIED', 11);
  clock.stall(WATCH_LATE_GRACE_MS);
  assert.equal(stream.closed, false);
  assert.deepEqual(
    reports.map(({ type }) => type),
    ['present', 'present'],
  );
  clock.stall(WATCH_SILENCE_MS - WATCH_LATE_GRACE_MS);
  assert.equal(stream.closed, true, 'the silence after that message is believed');
});

test('a watch lists again when its socket was empty after a suspension', async () => {
  const { clock, server } = await settledWatch();
  const stream = server.current;
  clock.stall(300_000);
  clock.stall(WATCH_LATE_GRACE_MS);
  assert.equal(stream.closed, true);
  assert.equal(server.lists, 2);
});

test('a watch believes the silence at once when its timer fires in time', async () => {
  const { clock, server } = await settledWatch();
  clock.stall(WATCH_SILENCE_MS - WATCH_SETTLED_MS);
  assert.equal(server.streams[0]?.closed, true);
  assert.equal(server.lists, 2);
});

test('a watch believes the silence at its second timer when both fire late', async () => {
  const { clock, server } = await settledWatch();
  clock.stall(WATCH_SILENCE_MS + 10_000);
  clock.stall(WATCH_LATE_GRACE_MS + 10_000);
  assert.equal(server.streams[0]?.closed, true);
});

test('a watch receives events again after a requested list when a bookmark was from the future', async () => {
  const clock = new ManualClock();
  const { server, watcher, reports } = watch(clock);
  await pass(clock, 10_000);
  server.send(server.current, 'BOOKMARK', 1_000_000);
  server.current.sink.ended(null);
  await pass(clock, 1_000);
  assert.equal(server.current.resumeFrom, '1000000', 'the server sends nothing from this version');
  server.version = 20;
  watcher.relist();
  await promisesSettled();
  assert.equal(server.current.resumeFrom, '20');
  server.send(server.current, 'MODIFIED', 21);
  assert.deepEqual(reports.at(-1), {
    type: 'present',
    item: { name: 'web', uid: 'a', resourceVersion: '21' },
    by: 'watch',
  });
});

test('a watch receives events again within WATCH_SILENCE_MS when a list was from the future', async () => {
  const clock = new ManualClock();
  const { server } = watch(clock, { listVersion: '1000000' });
  await promisesSettled();
  assert.equal(server.current.resumeFrom, '1000000');
  server.listVersion = null;
  await pass(clock, WATCH_SILENCE_MS + 1_000);
  assert.equal(server.current.resumeFrom, '10');
});

const BEHAVIOURS = {
  'sends nothing': () => undefined,
  'sends old bookmarks': (server, stream) => server.send(stream, 'BOOKMARK', 5),
  'sends old objects': (server, stream) => server.send(stream, 'MODIFIED', 5),
  'sends old deletions': (server, stream) => server.send(stream, 'DELETED', 5),
  'repeats the same bookmark': (server, stream) => server.send(stream, 'BOOKMARK', Number(stream.resumeFrom)),
  'sends bookmarks from the future': (server, stream) => server.send(stream, 'BOOKMARK', 1_000_000),
  'sends half lines': (_, stream) => {
    if (!stream.closed) stream.sink.bytes(Buffer.from('{"type":"BOOKMARK",'));
  },
  'sends invalid bytes': (_, stream) => {
    if (!stream.closed) stream.sink.bytes(Buffer.from('\u0000\n'));
  },
  'ends each stream': (_, stream) => {
    if (!stream.closed) stream.sink.ended(null);
  },
  'refuses each stream': (_, stream) => {
    if (!stream.closed) stream.sink.ended(failureOf('forbidden'));
  },
  'breaks each stream': (_, stream) => {
    if (!stream.closed) stream.sink.ended(failureOf('unavailable'));
  },
} satisfies Record<string, (server: ScriptedServer, stream: OpenedStream) => void>;

/** The interval of the lists that the election requests here, in milliseconds. */
const REQUEST_INTERVAL_MS = 15_000;
const WINDOW_MS = 10_000;
/**
 * Two requests (list and stream) a second, because the largest back-off is at least 1 s, and five of each for the first
 * steps of the back-off.
 */
const REQUESTS_IN_WINDOW = 30;

test('a watch lists when requested and never loops faster than its back-off, whatever its streams carry', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...(Object.keys(BEHAVIOURS) as (keyof typeof BEHAVIOURS)[])), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 30 }),
      fc.nat(),
      async (names, opens, sendsAtOnce, everySeconds, seed) => {
        const clock = new ManualClock();
        const random = seededRandom(seed);
        const { server, watcher } = watch(clock, { random: () => random.next() });
        let count = 0;
        const misbehave = (stream: OpenedStream): void => {
          const name = names[count % names.length];
          count += 1;
          if (name !== undefined) BEHAVIOURS[name](server, stream);
        };
        server.onStream = (stream) => {
          if (opens) stream.sink.opened();
          if (sendsAtOnce) queueMicrotask(() => misbehave(stream));
        };
        let second = 0;
        await pass(clock, 180_000, () => {
          second += 1;
          const last = server.streams.at(-1);
          if (second % everySeconds === 0 && last !== undefined) misbehave(last);
          if ((second * 1_000) % REQUEST_INTERVAL_MS !== 0) return;
          const { lists } = server;
          const isOpen = server.streams.at(-1)?.closed === false;
          watcher.relist();
          // Without a stream, the watch is already listing, or waits to list after a failure.
          assert.equal(server.lists, isOpen ? lists + 1 : lists);
        });
        watcher.stop();
        const times = server.requestTimesMs;
        for (const [index, time] of times.entries()) {
          const after = times[index + REQUESTS_IN_WINDOW];
          assert.ok(
            after === undefined || after - time > WINDOW_MS,
            `${REQUESTS_IN_WINDOW} requests from ${time} ms on`,
          );
        }
        assert.ok(server.lists >= 3, 'the watch never listed again');
      },
    ),
    { numRuns: 40 },
  );
});
