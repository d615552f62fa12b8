/**
 * The timers of the driver: at most one of each name. A timer that was cleared or set again has no effect.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fact } from '../../src/core/input.ts';
import { drive, follow, leaseOfOther, OTHER, OTHER_POD } from './scripted-driver.ts';
import { promisesSettled } from './scripted-ports.ts';

/** The time after which a candidate reads the Lease again when it has not observed the holder's Pod, in milliseconds. */
const RECHECK_MS = 5_000;
/** The time after which a renewal is overdue, for a renewal every second, in milliseconds. */
const OVERDUE_MS = 1_500;

/** How many timers are due after this time. */
function dueAfter({ clock }: ReturnType<typeof drive>, afterMs: number): number {
  return [...clock.timers].filter(({ dueMs }) => dueMs === clock.nowMs() + afterMs).length;
}

const POD_SEEN: Fact = { type: 'podObserved', watched: OTHER, pod: OTHER_POD, by: 'list' };

test('a timer is removed from the clock when it is cleared', async () => {
  const driven = drive();
  const { driver, world } = driven;
  driver.take({ type: 'started' });
  world.reportLock('held');
  world.take('list lease').succeed({ items: [leaseOfOther(10, 1)], resourceVersion: '10' });
  await promisesSettled();
  assert.equal(dueAfter(driven, RECHECK_MS), 1);
  driver.take(POD_SEEN);
  assert.equal(dueAfter(driven, RECHECK_MS), 0);
});

test('a timer is removed from the clock when it is set again', async () => {
  const driven = drive();
  await follow(driven);
  const { driver, clock } = driven;
  assert.equal(dueAfter(driven, OVERDUE_MS), 1);
  clock.advance(500);
  driver.take({ type: 'leaseObserved', lease: leaseOfOther(11, 500), by: 'watch' });
  assert.deepEqual([dueAfter(driven, OVERDUE_MS - 500), dueAfter(driven, OVERDUE_MS)], [0, 1]);
});

test('a driver ignores a queued timer that an earlier input has set again', async () => {
  let renewals = 0;
  const driven = drive((application) => ({
    ...application,
    announce: ({ type }) => {
      if (type !== 'renewed') return;
      renewals += 1;
      if (renewals > 1) return;
      driven.driver.take({ type: 'leaseObserved', lease: leaseOfOther(12, 600), by: 'watch' });
      driven.clock.advance(OVERDUE_MS);
    },
  }));
  await follow(driven);
  driven.driver.take({ type: 'leaseObserved', lease: leaseOfOther(11, 500), by: 'watch' });
  assert.equal(renewals, 2);
  assert.ok(!driven.world.calls.includes('read lease'), 'the renewal is not overdue');
  driven.clock.advance(OVERDUE_MS);
  assert.ok(driven.world.calls.includes('read lease'));
});

test('a driver ignores a queued timer that an earlier input has cleared', async () => {
  const driven = drive((application) => ({
    ...application,
    announce: ({ type }) => {
      if (type !== 'leaderChanged') return;
      driven.driver.take(POD_SEEN);
      driven.clock.advance(RECHECK_MS);
    },
  }));
  const { driver, world } = driven;
  driver.take({ type: 'started' });
  world.reportLock('held');
  const lease = { ...leaseOfOther(10, 1), renewTimeMs: null };
  world.take('list lease').succeed({ items: [lease], resourceVersion: '10' });
  await promisesSettled();
  assert.equal(driver.state.knowledge.knownHolder?.liveness, 'alive');
  assert.ok(!world.calls.some((call) => call.startsWith('read')), `the calls are ${world.calls}`);
});
