/**
 * The end of a driver: before its start, by a defect, and when a second defect follows the first.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INPUT_QUEUE_LIMIT } from '../../src/driver/driver.ts';
import { drive, follow, lead, leaseOfOther } from './scripted-driver.ts';
import { failureOf } from './scripted-ports.ts';

/** Queues one input more than a driver accepts. */
function flood({ driver }: ReturnType<typeof drive>): void {
  for (let count = 0; count <= INPUT_QUEUE_LIMIT; count += 1) {
    driver.take({ type: 'siblingLockAnswered', outcome: 'held' });
  }
}

test('a driver that was never started stops and closes its ports', () => {
  const { driver, world, log } = drive();
  driver.take({ type: 'stopRequested', release: 'ifTerminating' });
  assert.deepEqual(log, ['stopped', 'role stopped']);
  assert.equal(world.closings, 1);
});

test('a driver reports only the first defect when a second one follows in the same input', async () => {
  const driven = drive((application) => ({
    ...application,
    announce: () => {
      flood(driven);
      throw new Error('a second defect');
    },
  }));
  await lead(driven);
  assert.deepEqual(
    driven.log.filter((entry) => entry === 'defect'),
    ['defect'],
  );
});

test('a driver takes no further fact after a defect', async () => {
  const driven = drive();
  await lead(driven);
  const { driver, world, clock, log } = driven;
  world.throwing = { call: 'replace lease', error: new Error('a defect of a port') };
  clock.advance(1_000);
  assert.equal(log.at(-1), 'defect');
  const { state, diagnostics } = driver;
  driver.take({ type: 'leaseObserved', lease: leaseOfOther(20, 1), by: 'watch' });
  assert.equal(driver.state, state);
  assert.equal(driver.diagnostics, diagnostics);
});

test('a driver takes no report of a watch when the restart of that watch has ended the driver', async () => {
  const driven = drive((application) => ({ ...application, watchRestarted: () => flood(driven) }));
  await follow(driven);
  const { driver, world, log } = driven;
  const { diagnostics } = driver;
  world.stream('lease').sink.ended(failureOf('unavailable'));
  assert.equal(log.at(-1), 'defect');
  assert.equal(driver.diagnostics, diagnostics);
});

test('a driver ends with one defect when a watch cannot be opened', async () => {
  const driven = drive();
  const { world, log } = driven;
  Object.assign(world.ports.leaseWatch, {
    open: () => {
      throw new Error('a defect of a port');
    },
  });
  await lead(driven).catch(() => undefined);
  assert.deepEqual(log, ['defect']);
  assert.equal(world.closings, 1);
  assert.equal(driven.clock.timers.size, 0);
});
