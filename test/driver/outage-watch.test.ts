/**
 * Checks that an API server that answers nothing is reported once, after 10 s, and that its return is reported. A
 * process that was suspended reports no outage.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import { observedPorts } from '../../src/driver/observed-ports.ts';
import { type OutageReport, OutageWatch, UNREACHABLE_AFTER_MS } from '../../src/driver/outage-watch.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { failure } from '../core/story.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { failureOf, promisesSettled, ScriptedPorts } from './scripted-ports.ts';

const SECONDS = UNREACHABLE_AFTER_MS / 1000;

function watched(): { watch: OutageWatch; clock: ManualClock; reports: string[]; run: (seconds: number) => void } {
  const clock = new ManualClock();
  const reports: string[] = [];
  const watch = new OutageWatch(clock, (report) =>
    reports.push(report.type === 'reachable' ? 'reachable' : `unreachable: ${report.failure?.message ?? 'no failure'}`),
  );
  const run = (seconds: number): void => {
    for (let second = 0; second < seconds; second += 1) clock.advance(1_000);
  };
  return { watch, clock, reports, run };
}

/** A request that fails at once. */
function fail(watch: OutageWatch, kind: RequestFailureKind = 'unavailable'): void {
  watch.requestSent();
  watch.failed(failure(kind));
}

test('requests that fail for 10 s are reported once, with the last failure, and the next answer ends it', () => {
  const { watch, reports, run, clock } = watched();
  for (let second = 0; second < SECONDS; second += 2) {
    fail(watch, second === 8 ? 'malformed' : 'unavailable');
    assert.deepEqual(reports, [], `after ${second} s`);
    run(2);
  }
  assert.deepEqual(reports, ['unreachable: it failed: malformed']);
  for (let second = 0; second < 60; second += 2) {
    fail(watch);
    run(2);
  }
  assert.equal(reports.length, 1, 'once per outage');
  watch.requestSent();
  watch.answered();
  assert.deepEqual(reports.slice(1), ['reachable']);
  assert.equal(clock.timers.size, 0, 'no timer runs');
});

test('each outage is reported', () => {
  const { watch, reports, run } = watched();
  for (let outage = 0; outage < 2; outage += 1) {
    watch.requestSent();
    run(SECONDS + 1);
    watch.answered();
  }
  assert.deepEqual(reports, ['unreachable: no failure', 'reachable', 'unreachable: no failure', 'reachable']);
});

test('a request that hangs is reported with its failure when it times out after 10 s', () => {
  const { watch, reports, run } = watched();
  watch.requestSent();
  run(SECONDS);
  assert.deepEqual(reports, []);
  watch.failed(failure('unavailable'));
  assert.deepEqual(reports, ['unreachable: it failed: unavailable']);
});

test('an outage is reported by the next failure when the Retry-After is long', () => {
  const { watch, reports, run } = watched();
  fail(watch);
  run(59);
  assert.deepEqual(reports, [], 'no request was sent');
  fail(watch);
  assert.equal(reports.length, 1);
});

test('one failure without a later request is not an outage', () => {
  const { watch, reports, run } = watched();
  fail(watch);
  run(60);
  watch.requestSent();
  run(1);
  watch.answered();
  run(60);
  assert.deepEqual(reports, []);
});

for (const kind of [
  'forbidden',
  'unauthorized',
  'conflict',
  'alreadyExists',
  'notFound',
  'throttled',
  'expired',
  'rejected',
] as const) {
  test(`an answer (${kind}) ends an outage and does not begin one`, () => {
    const { watch, reports, run } = watched();
    for (let second = 0; second < 20; second += 1) {
      fail(watch, kind);
      run(1);
    }
    assert.deepEqual(reports, []);
    watch.requestSent();
    run(SECONDS + 1);
    watch.failed(failure(kind));
    assert.deepEqual(reports, ['unreachable: no failure', 'reachable']);
  });
}

for (const kind of ['unavailable', 'malformed', 'untrusted'] as const) {
  test(`a failure (${kind}) is not an answer`, () => {
    const { watch, reports, run } = watched();
    for (let second = 0; second < SECONDS; second += 1) {
      fail(watch, kind);
      run(1);
    }
    assert.equal(reports.length, 1);
  });
}

test('a process that is suspended for a minute again and again reports no outage', () => {
  const { watch, clock, reports } = watched();
  for (let round = 0; round < 5; round += 1) {
    watch.requestSent();
    clock.stall(60_000);
    watch.failed(failure('unavailable'));
    fail(watch);
    clock.stall(60_000);
    watch.requestSent();
    watch.answered();
  }
  assert.deepEqual(reports, []);
});

test('a process whose timers are always late reports an outage', () => {
  const { watch, clock, reports } = watched();
  for (let second = 0; second < SECONDS; second += 1) {
    fail(watch);
    clock.advance(1_700);
  }
  assert.equal(reports.length, 1);
});

test('a message on a stream is an answer, so a bookmark every 9 s prevents an outage', () => {
  const { watch, reports, run } = watched();
  watch.requestSent();
  for (let round = 0; round < 5; round += 1) {
    run(9);
    watch.received();
  }
  assert.deepEqual(reports, []);
  run(SECONDS + 1);
  assert.equal(reports.length, 1);
  watch.received();
  assert.equal(reports.at(-1), 'reachable');
});

test('a stream that breaks begins an outage', () => {
  const { watch, reports, run } = watched();
  watch.requestSent();
  watch.answered();
  watch.streamFailed(failure('unavailable'));
  run(1);
  watch.requestSent();
  run(SECONDS - 1);
  assert.equal(reports.length, 1);
});

test('a withdrawn request does not count', () => {
  const { watch, reports, run, clock } = watched();
  watch.requestSent();
  run(5);
  watch.withdrawn();
  assert.equal(clock.timers.size, 0);
  watch.requestSent();
  run(SECONDS - 1);
  assert.deepEqual(reports, [], 'the 10 s begin again');
});

test('an outage watch reports nothing and has no timer after stop()', () => {
  const { watch, reports, run, clock } = watched();
  fail(watch);
  watch.stop();
  assert.equal(clock.timers.size, 0);
  for (let second = 0; second < 30; second += 1) {
    fail(watch);
    run(1);
  }
  watch.received();
  assert.deepEqual([reports, clock.timers.size], [[], 0]);
});

test('an outage is known as long as it lasts', () => {
  const { watch, run } = watched();
  watch.requestSent();
  assert.equal(watch.isReported, false);
  run(SECONDS + 1);
  assert.equal(watch.isReported, true);
  watch.answered();
  assert.equal(watch.isReported, false);
});

test('restart() discards an outage and everything that was counted, and reports nothing', () => {
  const { watch, reports, run, clock } = watched();
  fail(watch);
  run(SECONDS + 1);
  assert.equal(reports.length, 0, 'one failure alone is no outage');
  fail(watch);
  assert.equal(reports.length, 1);
  watch.restart();
  assert.deepEqual([watch.isReported, reports.length, clock.timers.size], [false, 1, 0]);
  watch.requestSent();
  run(SECONDS - 1);
  assert.equal(reports.length, 1, 'the 10 s begin again');
  run(2);
  assert.equal(reports.length, 2);
});

test('an answer begins the count again, also for a request that is still pending', () => {
  const { watch, reports, run } = watched();
  watch.requestSent();
  watch.requestSent();
  run(SECONDS - 1);
  watch.answered();
  run(SECONDS - 1);
  assert.deepEqual(reports, []);
  run(2);
  assert.equal(reports.length, 1);
});

test('an outage watch that was stopped during an outage does not report its end', () => {
  const { watch, reports, run } = watched();
  watch.requestSent();
  run(SECONDS + 1);
  watch.stop();
  watch.stop();
  watch.answered();
  assert.deepEqual(
    reports.map((report) => report.split(':')[0]),
    ['unreachable'],
  );
});

test('a failure counts as recent for three seconds', () => {
  for (const [failedAfter, outages] of [
    [SECONDS - 4, 0],
    [SECONDS - 3, 1],
  ] as const) {
    const { watch, reports, run } = watched();
    fail(watch);
    run(failedAfter);
    fail(watch);
    run(SECONDS - failedAfter);
    assert.equal(reports.length, outages, `the last failure after ${failedAfter} s`);
  }
});

test('a failure before an answer does not count for the next outage, however recent it is', () => {
  const { watch, reports, run } = watched();
  fail(watch);
  run(SECONDS - 1);
  fail(watch);
  watch.received();
  watch.requestSent();
  run(SECONDS);
  assert.deepEqual(reports, []);
  run(1);
  assert.deepEqual(reports, ['unreachable: no failure']);
});

test('the earlier failures count when a later request is withdrawn', () => {
  const { watch, reports, run } = watched();
  for (let second = 0; second < SECONDS; second += 2) {
    fail(watch);
    run(1);
    watch.requestSent();
    watch.withdrawn();
    run(1);
  }
  assert.deepEqual(reports, ['unreachable: it failed: unavailable']);
});

test('an old failure is not an outage when the request after it was withdrawn', () => {
  const { watch, reports, run } = watched();
  fail(watch);
  run(1);
  watch.requestSent();
  run(SECONDS - 2);
  watch.withdrawn();
  run(SECONDS);
  assert.deepEqual(reports, []);
});

test('an answer ends the timer when no request is pending', () => {
  const { watch, clock } = watched();
  watch.requestSent();
  assert.equal(clock.timers.size, 1);
  watch.answered();
  assert.equal(clock.timers.size, 0);
});

test('the count continues for a pending request after the end of an outage', () => {
  const { watch, reports, run } = watched();
  watch.requestSent();
  watch.requestSent();
  run(SECONDS + 1);
  watch.answered();
  run(SECONDS + 1);
  assert.deepEqual(reports, ['unreachable: no failure', 'reachable', 'unreachable: no failure']);
});

test('restart() counts again for a pending request', () => {
  const { watch, reports, run } = watched();
  watch.requestSent();
  run(SECONDS + 1);
  watch.restart();
  run(SECONDS + 1);
  assert.deepEqual(reports, ['unreachable: no failure', 'unreachable: no failure']);
});

test('an outage watch sets no timer during an outage and after its end', () => {
  const { watch, clock, run } = watched();
  watch.requestSent();
  run(SECONDS + 1);
  watch.requestSent();
  assert.equal(clock.timers.size, 0, 'the outage is reported');
  watch.answered();
  watch.stop();
  watch.requestSent();
  assert.equal(clock.timers.size, 0, 'the watch has stopped');
});

test('the timer of an outage watch does not keep the process alive', () => {
  const manual = new ManualClock();
  const backgrounds: (boolean | undefined)[] = [];
  const clock: Clock = {
    nowMs: () => manual.nowMs(),
    wallMs: () => manual.wallMs(),
    setTimer(afterMs, callback, options) {
      backgrounds.push(options?.background);
      return manual.setTimer(afterMs, callback);
    },
  };
  new OutageWatch(clock, () => undefined).requestSent();
  assert.deepEqual(backgrounds, [true]);
});

test('the reports of an outage have their types', () => {
  const clock = new ManualClock();
  const reports: OutageReport[] = [];
  const watch = new OutageWatch(clock, (report) => reports.push(report));
  watch.requestSent();
  for (let second = 0; second <= SECONDS; second += 1) clock.advance(1_000);
  watch.answered();
  assert.deepEqual(reports, [{ type: 'unreachable', failure: null }, { type: 'reachable' }]);
});

// The ports

interface Noted {
  readonly world: ScriptedPorts;
  readonly ports: ScriptedPorts['ports'];
  readonly noted: string[];
}

/** Ports with an outage watch that records each call. */
function observed(): Noted {
  const world = new ScriptedPorts();
  const noted: string[] = [];
  const note =
    (name: string): (() => void) =>
    () =>
      noted.push(name);
  const watchOf = (prefix: string): OutageWatch =>
    ({
      requestSent: note(`${prefix}requestSent`),
      answered: note(`${prefix}answered`),
      failed: note(`${prefix}failed`),
      withdrawn: note(`${prefix}withdrawn`),
      received: note(`${prefix}received`),
      streamFailed: note(`${prefix}streamFailed`),
      stop: note(`${prefix}stop`),
    }) as unknown as OutageWatch;
  return { world, ports: observedPorts(world.ports, watchOf(''), watchOf('write ')), noted };
}

const LEASE = { uid: 'lease-1', resourceVersion: '11' } as never;
const CALLS: readonly (readonly [call: string, ask: (ports: Noted['ports']) => Promise<unknown>])[] = [
  ['read lease', (ports) => ports.lease.read()],
  ['create lease', (ports) => ports.lease.create(LEASE)],
  ['replace lease', (ports) => ports.lease.replace(LEASE, LEASE)],
  ['delete lease', (ports) => ports.lease.delete(LEASE)],
  ['read pod web-1', (ports) => ports.pod.read('web-1')],
  ['list lease', (ports) => ports.leaseWatch.list()],
  ['list pod web-1', (ports) => ports.podWatch('web-1').list()],
];

const isWrite = (call: string): boolean => /^(create|replace|delete)/.test(call);

for (const [call, ask] of CALLS) {
  test(`the ports report the request and its answer to the outage watch: ${call}`, async () => {
    const { world, ports, noted: all } = observed();
    const answer = ask(ports);
    assert.deepEqual(all.includes('write requestSent'), isWrite(call));
    world.take(call).succeed('the answer');
    assert.deepEqual(await answer, { ok: true, value: 'the answer' });
    const failed = ask(ports);
    world.take(call).fail('unavailable');
    assert.deepEqual(await failed, { ok: false, failure: failureOf('unavailable', 'unavailable') });
    const ofAll = all.filter((name) => !name.startsWith('write '));
    assert.deepEqual(ofAll, ['requestSent', 'answered', 'requestSent', 'failed']);
    const ofWrites = all.filter((name) => name.startsWith('write '));
    assert.deepEqual(
      ofWrites,
      isWrite(call) ? ['write requestSent', 'write answered', 'write requestSent', 'write failed'] : [],
    );
  });
}

test('the ports report a stream, its messages and its end to the outage watch', async () => {
  const { world, ports, noted } = observed();
  const received: string[] = [];
  const sink = {
    opened: () => received.push('opened'),
    event: () => received.push('event'),
    ended: () => received.push('ended'),
  };
  ports.leaseWatch.open('1', 300, sink);
  const granted = world.stream('lease');
  granted.sink.opened();
  granted.sink.event({ type: 'bookmark', resourceVersion: '2' });
  granted.sink.ended(failureOf('unavailable', 'cut'));
  granted.closed = true;
  assert.deepEqual(noted.splice(0), ['requestSent', 'answered', 'received', 'streamFailed']);

  ports.podWatch('web-1').open('1', 300, sink);
  world.stream('pod web-1').sink.ended(failureOf('unavailable', 'refused'));
  assert.deepEqual(noted.splice(0), ['requestSent', 'failed']);

  const closed = ports.leaseWatch.open('1', 300, sink);
  closed.close();
  closed.close();
  assert.deepEqual(noted.splice(0), ['requestSent', 'withdrawn'], 'the stream was closed before its head arrived');
  assert.deepEqual(received, ['opened', 'event', 'ended', 'ended']);

  const orderly = ports.leaseWatch.open('1', 300, sink);
  world.stream('lease').sink.opened();
  world.stream('lease').sink.ended(null);
  orderly.close();
  assert.deepEqual(noted.splice(0), ['requestSent', 'answered']);

  ports.leaseWatch.open('1', 300, sink);
  world.stream('lease').sink.ended(null);
  assert.deepEqual(noted.splice(0), ['requestSent', 'withdrawn'], 'the stream ended before its head arrived');
  ports.close();
  await promisesSettled();
  assert.deepEqual([noted, world.closings], [['stop', 'write stop'], 1]);
});
