/**
 * How the driver executes effects: watches, timers, the sibling lock, the work, and the first renewal.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive, follow, lead, leaseOfOther, OTHER, OTHER_POD, SELF_POD } from './scripted-driver.ts';
import { failureOf, promisesSettled } from './scripted-ports.ts';

test('the application receives a new role once, after the announcements of the same step', async () => {
  const driven = drive();
  await lead(driven);
  assert.deepEqual(driven.log, ['role candidate', 'elected', 'leaderChanged', 'role leader']);
});

test('a term ends when a request outside of the election shows that this Pod is gone', async () => {
  const driven = drive();
  await lead(driven);
  driven.driver.takeOwnPodGone();
  assert.ok(driven.log.includes('demoted: pod-deleted'), `the log is ${driven.log}`);
});

test('the sibling lock is freed once when it was kept at the end, and never before', async () => {
  const driven = drive();
  const { driver, world, freed } = driven;
  await lead(driven);
  driver.freeSiblingLock();
  assert.equal(freed(), 0, 'the elector still runs');
  world.throwing = { call: 'replace lease', error: new Error('a defect of a port') };
  driven.clock.advance(1_000);
  assert.equal(driven.log.at(-1), 'defect');
  assert.equal(freed(), 0, 'work may still run');
  driver.freeSiblingLock();
  driver.freeSiblingLock();
  assert.equal(freed(), 1);
});

test('the sibling lock is not freed again when it was freed at the end', async () => {
  const driven = drive();
  const { driver, world, settlings, freed } = driven;
  await lead(driven);
  driver.take({ type: 'stopRequested', release: 'ifTerminating' });
  settlings[0]?.resolve(true);
  await promisesSettled();
  world.take('read pod web-0').succeed(SELF_POD);
  await promisesSettled();
  assert.equal(driver.state.role.name, 'stopped');
  driver.freeSiblingLock();
  assert.equal(freed(), 1);
});

test('a watch of the Lease that missed a renewal is closed and listed again, and the watch of the Pod stays', async () => {
  const driven = drive();
  await follow(driven);
  const { world, clock, driver } = driven;
  const [leaseStream, podStream] = [world.stream('lease'), world.stream('pod web-1')];
  for (let silentMs = 0; !world.pending.some(({ call }) => call === 'read lease'); silentMs += 1_000) {
    assert.ok(silentMs < 60_000, 'no read of the Lease');
    clock.advance(1_000);
  }
  world.take('read lease').succeed(leaseOfOther(12, 2_000));
  await promisesSettled();
  assert.deepEqual([leaseStream.closed, podStream.closed], [true, false]);
  world.take('list lease').succeed({ items: [leaseOfOther(12, 2_000)], resourceVersion: '12' });
  await promisesSettled();
  assert.equal(world.stream('lease').resumeFrom, '12');
  assert.equal(driver.state.role.name, 'candidate');
});

test("the watch of the holder's Pod reports its stream, its events and its restarts as those of a Pod", async () => {
  const driven = drive();
  await follow(driven);
  const { world, clock, driver, log } = driven;
  world.stream('pod web-1').sink.event({
    type: 'modified',
    item: { ...leaseOfOther(1, 1), ...OTHER_POD, resourceVersion: '12', terminating: true },
  });
  assert.equal(driver.diagnostics.holderPod?.terminating, true);
  const { sink } = world.stream('pod web-1');
  world.stream('pod web-1').closed = true;
  sink.ended(failureOf('unavailable'));
  assert.equal(driver.diagnostics.failure?.kind, 'unavailable');
  clock.advance(2_000);
  world.stream('pod web-1').sink.opened();
  assert.equal(driver.diagnostics.failure, null);
  assert.deepEqual(
    log.filter((entry) => entry.includes('restarted')),
    ['watch of pods restarted: failed'],
  );
});

test('the opening of a Pod stream ends the refusal of Pod streams, and not that of Lease streams', async () => {
  const driven = drive();
  await follow(driven);
  const { world, driver } = driven;
  for (const resource of ['leases', 'pods'] as const) {
    const apiGroup = resource === 'pods' ? '' : 'coordination.k8s.io';
    const failure = {
      ...failureOf('forbidden'),
      missingRule: { verb: 'watch', apiGroup, resource, namespace: 'shop' },
    };
    driver.take(
      resource === 'pods' ? { type: 'podWatchFailed', watched: OTHER, failure } : { type: 'leaseWatchFailed', failure },
    );
  }
  const { sink } = world.stream('pod web-1');
  world.stream('pod web-1').closed = true;
  sink.ended(null);
  driven.clock.advance(5_000);
  world.stream('pod web-1').sink.opened();
  assert.deepEqual(Object.keys(driver.state.knowledge.failures.refusals), ['watch leases']);
});

test('the promise of the next renewal resolves when the renewal is handed to its socket', async () => {
  const driven = drive();
  await lead(driven);
  let isWritten = false;
  void driven.driver.nextRenewalWritten().then(() => {
    isWritten = true;
  });
  await promisesSettled();
  assert.equal(isWritten, false, 'no renewal was sent');
  driven.clock.advance(0);
  await promisesSettled();
  assert.equal(isWritten, true);
  assert.equal(driven.world.pending.filter(({ call }) => call === 'replace lease').length, 1, 'it has no answer');
});

for (const answer of ['succeeds', 'fails'] as const) {
  test(`the promise of the next renewal resolves when a renewal without a socket ${answer}`, async () => {
    const driven = drive();
    driven.world.writesAtOnce = false;
    const lease = await lead(driven);
    let isWritten = false;
    void driven.driver.nextRenewalWritten().then(() => {
      isWritten = true;
    });
    driven.clock.advance(0);
    await promisesSettled();
    assert.equal(isWritten, false, 'the renewal has no answer');
    const renewal = driven.world.take('replace lease');
    if (answer === 'succeeds') renewal.succeed({ ...lease, resourceVersion: '12' });
    else renewal.reject(new Error('a defect of a port'));
    await promisesSettled();
    assert.equal(isWritten, true);
  });
}

test('only the last wait for work counts when stop() follows a stepDown() that lost the Lease', async () => {
  const driven = drive();
  const { driver, settlings, log } = driven;
  const lease = await lead(driven);
  driver.take({ type: 'stepDownRequested' });
  driver.take({ type: 'leaseObserved', lease: { ...leaseOfOther(20, 1), uid: lease.uid }, by: 'watch' });
  driver.take({ type: 'stopRequested', release: 'ifTerminating' });
  assert.equal(settlings.length, 2, `the log is ${log}`);
  settlings[0]?.resolve(true);
  await promisesSettled();
  assert.ok(!log.includes('stopped'), 'the answer of the first wait ended the second');
  settlings[1]?.resolve(true);
  await promisesSettled();
  assert.ok(log.includes('stopped'));
});

test('a driver closes the watch of a Pod and opens no other when the new Lease names no Pod', async () => {
  const driven = drive();
  await follow(driven);
  const { world, driver, log } = driven;
  const before = world.stream('pod web-1');
  const lease = { ...leaseOfOther(20, 1), uid: 'lease-2', owner: null, holderIdentity: 'a program' };
  driver.take({ type: 'leaseObserved', lease, by: 'watch' });
  assert.equal(before.closed, true);
  assert.equal(driver.state.knowledge.knownHolder, null);
  assert.ok(!log.includes('defect'), `the log is ${log}`);
});

test('a stream of a Pod that is opened ends the diagnostics of its refusal', async () => {
  const driven = drive();
  await follow(driven);
  const { world, driver } = driven;
  const missingRule = { verb: 'watch', apiGroup: '', resource: 'pods', namespace: 'shop' };
  driver.take({ type: 'podWatchFailed', watched: OTHER, failure: { ...failureOf('forbidden'), missingRule } });
  assert.equal(driver.diagnostics.refusals.length, 1);
  const { sink } = world.stream('pod web-1');
  world.stream('pod web-1').closed = true;
  sink.ended(null);
  driven.clock.advance(5_000);
  world.stream('pod web-1').sink.opened();
  assert.deepEqual(driver.diagnostics.refusals, []);
});

test('the watches restart when the application does not count restarts', async () => {
  const driven = drive(({ announce, settleWork, defect }) => ({ announce, settleWork, defect }));
  await follow(driven);
  const { world, clock, log } = driven;
  for (const subject of ['lease', 'pod web-1']) {
    const { sink } = world.stream(subject);
    world.stream(subject).closed = true;
    sink.ended(null);
    clock.advance(5_000);
    assert.equal(world.stream(subject).closed, false, subject);
  }
  assert.ok(!log.includes('defect'), `the log is ${log}`);
});
