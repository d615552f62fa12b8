/**
 * Checks the loop between the core and the ports: one input at a time, late timers, defects, and the end.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Announcement } from '../../src/core/effect.ts';
import { InvariantError } from '../../src/core/election.ts';
import type { LeaseContent } from '../../src/core/lease-record.ts';
import { INPUT_QUEUE_LIMIT, WATCH_EVENT_QUEUE_LIMIT } from '../../src/driver/driver.ts';
import { type Driven, drive as driveScripted, lead, leaseOfOther, OTHER, SELF, SELF_POD } from './scripted-driver.ts';
import { failureOf, promisesSettled, storedLease } from './scripted-ports.ts';

interface ObservedDriver extends Driven {
  readonly announced: string[];
  readonly defects: unknown[];
  readonly listener: { receive: (announcement: Announcement) => void; settle: (drained: boolean) => void };
}

/** A driver with its ports, and the announcements that it made. */
function drive(): ObservedDriver {
  const announced: string[] = [];
  const defects: unknown[] = [];
  const listener = { receive: (_: Announcement): void => undefined, settle: (_: boolean): void => undefined };
  const driven = driveScripted((application) => ({
    ...application,
    announce(announcement) {
      announced.push(announcement.type);
      listener.receive(announcement);
    },
    settleWork: () =>
      new Promise((resolve) => {
        listener.settle = resolve;
      }),
    defect: (error) => defects.push(error),
  }));
  return { ...driven, announced, defects, listener };
}

/** Breaks the watch of another Pod's Lease after its list was answered. */
async function watchBroke({ world, driver, clock }: ReturnType<typeof drive>): Promise<void> {
  driver.take({ type: 'started' });
  world.reportLock('held');
  world.take('list lease').succeed({ items: [leaseOfOther(9, 1)], resourceVersion: '10' });
  await promisesSettled();
  world.stream('lease').sink.opened();
  clock.advance(10_000);
  const broken = world.stream('lease');
  broken.closed = true;
  broken.sink.ended(failureOf('unavailable'));
  assert.equal(driver.diagnostics.failure?.kind, 'unavailable');
}

test('a watch that opens again shows that the API server answers, before its first event', async () => {
  const driven = drive();
  await watchBroke(driven);
  const { world, driver, clock } = driven;
  clock.advance(2_000);
  assert.equal(driver.diagnostics.failure?.kind, 'unavailable', 'the stream is requested, but not open');
  const { state } = driver;
  world.stream('lease').sink.opened();
  assert.equal(driver.diagnostics.failure, null);
  assert.deepEqual(driver.state, state, 'the election does not change when no stream was refused');
});

test('a watch of the Lease that opens ends the refusals of its streams, but not of its lists', async () => {
  const driven = drive();
  await watchBroke(driven);
  const { driver, world, clock } = driven;
  for (const verb of ['list', 'watch']) {
    const missingRule = { verb, apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'shop' };
    driver.take({ type: 'leaseWatchFailed', failure: { ...failureOf('forbidden'), missingRule } });
  }
  assert.deepEqual(Object.keys(driver.state.knowledge.failures.refusals), ['list leases', 'watch leases']);
  clock.advance(2_000);
  world.stream('lease').sink.opened();
  assert.deepEqual(Object.keys(driver.state.knowledge.failures.refusals), ['list leases']);
});

test("a watch of the holder's Pod that opens shows that the API server answers", async () => {
  const driven = drive();
  await watchBroke(driven);
  const { world, driver, clock } = driven;
  world
    .take('list pod web-1')
    .succeed({ items: [{ ...OTHER, resourceVersion: '5', terminating: false }], resourceVersion: '10' });
  await promisesSettled();
  clock.advance(2_000);
  world.stream('lease').sink.ended(failureOf('unavailable'));
  assert.equal(driver.diagnostics.failure?.kind, 'unavailable');
  world.stream('pod web-1').sink.opened();
  assert.equal(driver.diagnostics.failure, null);
});

test('only a confirmation changes the time of day of the last confirmation', async () => {
  const driven = drive();
  const { world, clock, driver } = driven;
  assert.equal(driver.verifiedWallMs, 0);
  await lead(driven);
  const confirmedWallMs = clock.wallMs();
  assert.equal(driver.verifiedWallMs, confirmedWallMs);
  clock.advance(1_000);
  world.take('replace lease').fail('unavailable');
  await promisesSettled();
  assert.equal(driver.verifiedWallMs, confirmedWallMs);
  clock.stall(2_000);
  world.take('read lease').succeed(driver.state.knowledge.observation?.lease);
  await promisesSettled();
  assert.equal(driver.verifiedWallMs, confirmedWallMs + 3_000);
});

test('a driver keeps the Lease when a finalizer delays its deletion', async () => {
  const driven = drive();
  const { world, driver } = driven;
  const lease = await lead(driven);
  driver.take({ type: 'stepDownRequested' });
  driven.listener.settle(true);
  await promisesSettled();
  world.take('replace lease').succeed({ ...lease, releasedBy: SELF.uid, resourceVersion: '12' });
  await promisesSettled();
  const left = { ...lease, releasedBy: SELF.uid, resourceVersion: '13', terminating: true, finalizers: ['hold'] };
  world.take('delete lease').succeed(left);
  await promisesSettled();
  assert.equal(driver.state.knowledge.observation?.lease, left);
});

for (const holder of [{ pid: 17, uid: 1000 }, null]) {
  test(`a sibling names the silent holder of the socket: ${JSON.stringify(holder)}`, async () => {
    const { world, clock, driver, listener } = drive();
    const warnings: string[] = [];
    listener.receive = (announcement) => {
      if (announcement.type === 'warning') warnings.push(announcement.message);
    };
    if (holder !== null) Object.assign(world.ports.siblingLock, { findHolder: async () => holder });
    driver.take({ type: 'started' });
    world.reportLock('taken');
    world.take('list lease').succeed({ items: [], resourceVersion: '10' });
    await promisesSettled();
    clock.advance(60_000);
    world.take('read lease').succeed(null);
    await promisesSettled();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', holder === null ? /cannot be seen/ : /process id 17 and the user id 1000/);
  });
}

test('a driver announces a warning when the bind of the socket is refused', async () => {
  const { world, driver, announced } = drive();
  driver.take({ type: 'started' });
  world.reportLock('taken', { refusedBy: 'EACCES' });
  assert.deepEqual(announced, ['warning']);
});

test('a driver claims the lock and watches the Lease, and the answers lead to a term', async () => {
  const driven = drive();
  await lead(driven);
  assert.deepEqual(driven.world.calls.slice(0, 4), ['list lease', 'watch lease', 'read pod web-0', 'create lease']);
  assert.deepEqual(driven.announced, ['elected', 'leaderChanged']);
  assert.equal(driven.world.stream('lease').closed, false);
});

test('a driver queues the call of an application that is made during an announcement', async () => {
  const driven = drive();
  const rolesSeen: string[] = [];
  driven.listener.receive = (announcement) => {
    if (announcement.type === 'elected') driven.driver.take({ type: 'stepDownRequested' });
    rolesSeen.push(`${announcement.type} as ${driven.driver.state.role.name}`);
  };
  const pendingRole = lead(driven).catch(() => undefined);
  await pendingRole;
  // leaderChanged belongs to the step of elected, so it comes before the effects of the queued call.
  assert.deepEqual(rolesSeen.slice(0, 3), ['elected as leader', 'leaderChanged as leader', 'demoted as leader']);
});

test('a driver stores the new state before it performs the effects', async () => {
  const driven = drive();
  const roles: string[] = [];
  driven.listener.receive = () => roles.push(driven.driver.state.role.name);
  await lead(driven);
  assert.deepEqual(roles, ['leader', 'leader']);
});

test('a driver ignores a queued timer that was set again', async () => {
  const driven = drive();
  const { driver, world, clock, announced, listener } = driven;
  driver.take({ type: 'started' });
  world.reportLock('held');
  world.take('list lease').succeed({ items: [leaseOfOther(10, 1)], resourceVersion: '10' });
  await promisesSettled();
  assert.deepEqual(announced, ['leaderChanged']);

  clock.advance(2_000);
  let acted = false;
  listener.receive = () => {
    if (acted) return;
    acted = true;
    // Two inputs are queued: a renewal, and behind it the timer that was due before the renewal.
    driver.take({ type: 'leaseObserved', lease: leaseOfOther(12, 3), by: 'watch' });
    clock.advance(3_000);
  };
  driver.take({ type: 'leaseObserved', lease: leaseOfOther(11, 2), by: 'watch' });
  assert.deepEqual(announced, ['leaderChanged', 'renewed', 'renewed']);
  clock.advance(3_000);
  // The first read was sent before the silence was due, so a second one follows.
  for (let reads = 1; reads <= 2; reads += 1) {
    world.take('read lease').succeed(leaseOfOther(12, 3));
    await promisesSettled();
  }
  assert.deepEqual(announced, ['leaderChanged', 'renewed', 'renewed', 'stale']);
});

test('a port that throws ends the driver, which reports the defect and keeps only the lock', async () => {
  const driven = drive();
  await lead(driven);
  const { world, clock, driver, defects, announced } = driven;
  const error = new Error('a defect');
  world.throwing = { call: 'replace lease', error };
  clock.advance(1_000);
  assert.deepEqual(defects, [error]);
  assert.equal(world.lockIsFree, false, 'the lock is kept, because work may still run');
  assert.equal(world.closings, 1);
  assert.equal(clock.timers.size, 0);
  assert.ok(world.streams.every((stream) => stream.closed));

  world.throwing = null;
  const [calls, announcements] = [world.calls.length, announced.length];
  driver.take({ type: 'stopRequested', release: 'always' });
  clock.advance(600_000);
  await promisesSettled();
  assert.deepEqual([world.calls.length, announced.length, defects.length], [calls, announcements, 1]);
});

test('a port whose promise rejects ends the driver without an unhandled rejection', async () => {
  for (const call of ['create lease', 'read pod web-0', 'list lease', 'list pod web-0']) {
    const driven = drive();
    const { world, driver, defects } = driven;
    const error = new Error(`${call}: a defect`);
    driver.take({ type: 'started' });
    world.reportLock('held');
    if (call === 'list lease') world.take(call).reject(error);
    else {
      world.take('list lease').succeed({ items: [], resourceVersion: '10' });
      await promisesSettled();
      if (call === 'read pod web-0') world.take(call).reject(error);
      else {
        world.take('read pod web-0').succeed(SELF_POD);
        await promisesSettled();
        const creation = world.take('create lease');
        if (call === 'create lease') creation.reject(error);
        else {
          creation.succeed(storedLease(creation.content as LeaseContent, 11));
          await promisesSettled();
          world.take(call).reject(error);
        }
      }
    }
    await promisesSettled();
    assert.deepEqual(defects, [error], call);
    assert.equal(world.closings, 1, call);
  }
});

test('an error during an input ends the driver, which performs no further effect', async () => {
  const driven = drive();
  const { world, driver, defects, announced, listener } = driven;
  const error = new InvariantError('a defect');
  listener.receive = () => {
    throw error;
  };
  await lead(driven).catch(() => undefined);
  assert.deepEqual(defects, [error]);
  assert.deepEqual(announced, ['elected'], 'leaderChanged is not announced');
  assert.equal(world.closings, 1);
  driver.take({ type: 'timerFired', timer: 'renew' });
  assert.ok(!world.calls.includes('replace lease'));
});

test('a full queue of inputs ends the driver with a defect, and it performs no further effect', async () => {
  const driven = drive();
  const { driver, defects, listener, announced, clock } = driven;
  listener.receive = () => {
    for (let count = 0; count <= INPUT_QUEUE_LIMIT; count += 1) {
      driver.take({ type: 'siblingLockAnswered', outcome: 'held' });
    }
  };
  await lead(driven).catch(() => undefined);
  assert.equal(defects.length, 1);
  assert.match(String(defects[0]), /more than 10000 inputs wait/);
  assert.deepEqual(announced, ['elected'], 'leaderChanged is not announced');
  assert.equal(clock.timers.size, 0);
});

test('a driver queues ten thousand inputs', async () => {
  const driven = drive();
  let flooded = false;
  driven.listener.receive = () => {
    if (flooded) return;
    flooded = true;
    for (let count = 0; count < INPUT_QUEUE_LIMIT; count += 1) {
      driven.driver.take({ type: 'siblingLockAnswered', outcome: 'held' });
    }
  };
  await lead(driven);
  assert.deepEqual(driven.defects, []);
});

/**
 * Sends this many events to the watch of the Lease during one announcement. Each shows one more renewal, from version
 * 12 on.
 */
async function floodDuringAnnouncement(driven: ReturnType<typeof drive>, count: number): Promise<void> {
  const { world, driver, listener } = driven;
  driver.take({ type: 'started' });
  world.reportLock('held');
  world.take('list lease').succeed({ items: [leaseOfOther(10, 1)], resourceVersion: '10' });
  await promisesSettled();
  const { sink } = world.stream('lease');
  sink.opened();
  listener.receive = (announcement) => {
    if (announcement.type !== 'renewed') return;
    listener.receive = () => undefined;
    for (let sent = 0; sent < count; sent += 1) {
      sink.event({ type: 'modified', item: { ...OTHER, ...leaseOfOther(12 + sent, 3 + sent) } });
    }
  };
  sink.event({ type: 'modified', item: { ...OTHER, ...leaseOfOther(11, 2) } });
}

test('a watch processes every event when its queue is exactly full', async () => {
  const driven = drive();
  await floodDuringAnnouncement(driven, WATCH_EVENT_QUEUE_LIMIT);
  assert.equal(driven.driver.state.knowledge.observation?.lease?.resourceVersion, String(11 + WATCH_EVENT_QUEUE_LIMIT));
  assert.equal(driven.world.stream('lease').closed, false);
  assert.deepEqual(driven.defects, []);
});

for (const count of [WATCH_EVENT_QUEUE_LIMIT + 1, 5_000]) {
  test(`a watch lists again and the elector continues when ${count} events arrive at once`, async () => {
    const driven = drive();
    const { world, clock, driver, defects } = driven;
    await floodDuringAnnouncement(driven, count);
    assert.ok(world.streams[0]?.closed);
    assert.equal(driver.diagnostics.failure?.kind, 'malformed');
    assert.ok(!world.pending.some(({ call }) => call === 'list lease'), 'a list follows with back-off');
    clock.advance(250);
    world.take('list lease').succeed({ items: [leaseOfOther(9_000, 9_000)], resourceVersion: '9000' });
    await promisesSettled();
    assert.equal(driver.state.knowledge.observation?.lease?.resourceVersion, '9000');
    assert.equal(world.stream('lease').closed, false);
    assert.deepEqual(defects, []);
  });
}

test('a watch lists again after one failure when a list shows 1,002 Leases of one name', async () => {
  const driven = drive();
  const { world, clock, driver, defects } = driven;
  driver.take({ type: 'started' });
  world.reportLock('held');
  const items = Array.from({ length: 1_002 }, () => leaseOfOther(10, 1));
  world.take('list lease').succeed({ items, resourceVersion: '10' });
  await promisesSettled();
  assert.equal(driver.diagnostics.failure?.kind, 'malformed');
  assert.equal(world.streams.length, 0);
  clock.advance(250);
  world.take('list lease').succeed({ items: [leaseOfOther(10, 1)], resourceVersion: '10' });
  await promisesSettled();
  assert.equal(driver.state.knowledge.observation?.lease?.resourceVersion, '10');
  assert.deepEqual(defects, []);
});

test('a driver that ends closes its watches, timers and lock, and calls nothing afterwards', async () => {
  const driven = drive();
  const { world, clock, driver, announced, listener, defects } = driven;
  const lease = await lead(driven);
  world.take('list pod web-0').succeed({ items: [SELF_POD], resourceVersion: '12' });
  await promisesSettled();
  clock.advance(1_000);
  const renewal = world.take('replace lease');
  const streams = [world.stream('lease'), world.stream('pod web-0')];

  driver.take({ type: 'stopRequested', release: 'ifTerminating' });
  assert.equal(announced.at(-1), 'demoted');
  listener.settle(true);
  await promisesSettled();
  world.take('read pod web-0').succeed(SELF_POD);
  await promisesSettled();
  assert.equal(announced.at(-1), 'stopped');
  assert.equal(driver.state.role.name, 'stopped');
  assert.deepEqual([world.lockIsFree, world.closings, clock.timers.size], [true, 1, 0]);
  assert.ok(streams.every((stream) => stream.closed));

  const [calls, announcements] = [world.calls.length, announced.length];
  renewal.succeed({ ...lease, resourceVersion: '12' });
  for (const { sink } of streams) {
    sink.event({ type: 'deleted', item: { ...lease, ...SELF_POD, resourceVersion: '13' } });
    sink.ended(failureOf('unavailable'));
  }
  world.reportLock('held');
  driver.take({ type: 'stopRequested', release: 'always' });
  clock.advance(600_000);
  await promisesSettled();
  assert.deepEqual([world.calls.length, announced.length, clock.timers.size], [calls, announcements, 0]);
  assert.deepEqual(defects, []);
});

test('a driver closes the watch of the last holder and watches the Pod of the new one', async () => {
  const driven = drive();
  const { world, driver } = driven;
  driver.take({ type: 'started' });
  world.reportLock('held');
  world.take('list lease').succeed({ items: [leaseOfOther(10, 1)], resourceVersion: '10' });
  await promisesSettled();
  world
    .take('list pod web-1')
    .succeed({ items: [{ ...OTHER, resourceVersion: '4', terminating: false }], resourceVersion: '10' });
  await promisesSettled();
  const before = world.stream('pod web-1');
  const next = { ...leaseOfOther(12, 2), uid: 'lease-2', owner: { name: 'web-2', uid: 'pod-2' } };
  driver.take({ type: 'leaseObserved', lease: next, by: 'watch' });
  assert.equal(before.closed, true);
  assert.ok(world.calls.includes('list pod web-2'));

  // A late event of the closed watch concerns no holder.
  before.sink.event({ type: 'deleted', item: { ...next, ...OTHER, resourceVersion: '14', terminating: false } });
  assert.equal(driver.state.knowledge.knownHolder?.liveness, 'unknown');
});

test('a watch opens no stream when its list is answered after the stop', async () => {
  const driven = drive();
  const { world, driver } = driven;
  driver.take({ type: 'started' });
  const list = world.take('list lease');
  driver.take({ type: 'stopRequested', release: 'ifTerminating' });
  list.succeed({ items: [], resourceVersion: '10' });
  await promisesSettled();
  assert.equal(world.streams.length, 0);
  assert.deepEqual(driven.announced, ['stopped']);
});
