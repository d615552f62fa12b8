/**
 * Hand-overs over TLS sockets: from a leader that drains because its Pod is being deleted, and from a leader whose Pod
 * has stopped for good.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Succession } from '../../src/index.ts';
import { RELEASED_ANNOTATION } from '../../src/kube/lease-mapping.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { endedStatus } from '../../src/testing/kinds/pod-status.ts';
import { until } from '../worlds/until.ts';
import { CandidateProcess, tokenOf } from './candidate-process.ts';
import { NAMESPACE, TestCluster, type TestPod } from './cluster.ts';
import { renewals } from './pair.ts';

/** The times of the writes to the Lease at the API server, in milliseconds. */
interface Writes {
  released: number;
  deleted: number;
  created: number;
}

/** Records the writes of the last hand-over. */
function noteWrites(cluster: TestCluster): Writes {
  const writes: Writes = { released: Number.NaN, deleted: Number.NaN, created: Number.NaN };
  cluster.server.onWrite(({ type, resource, object }) => {
    if (resource !== 'leases') return;
    const nowMs = systemClock.nowMs();
    const { uid } = object.metadata.ownerReferences?.[0] ?? {};
    if (type === 'ADDED') writes.created = nowMs;
    if (type === 'DELETED') writes.deleted = nowMs;
    if (type === 'MODIFIED' && object.metadata.annotations?.[RELEASED_ANNOTATION] === uid) writes.released = nowMs;
  });
  return writes;
}

const DRAIN_MS = 200;

test('each leader drains, and its successor leads one round trip after the release, when three Pods are updated', async (t) => {
  const cluster = await TestCluster.start(t);
  const writes = noteWrites(cluster);
  const addPod = (name: string): CandidateProcess => {
    const pod = cluster.addPod(name, { nodeName: 'node-1' });
    const environment = { ...pod.environment, DRAIN_MS: String(DRAIN_MS) };
    return new CandidateProcess(t, { ...pod, environment });
  };
  const old = ['web-1-0', 'web-1-1', 'web-1-2'].map(addPod);
  await Promise.all(old.map((process) => process.report('started')));
  const working = [...old];
  const leaders = (): CandidateProcess[] => working.filter((process) => process.leads);
  const gapsMs: number[] = [];

  // The leader is deleted first each time, so that every Pod of the old revision hands over.
  for (let round = 0; round < 3; round += 1) {
    await until('one Pod leads', () => leaders().length === 1);
    const [leader] = leaders() as [CandidateProcess];
    const fresh = addPod(`web-2-${round}`);
    await fresh.report('started');
    working.push(fresh);

    await cluster.delete('pod', leader.pod.name);
    const signalledAtMs = systemClock.nowMs();
    leader.signal('SIGTERM');
    const before = await leader.report('elected');
    await until('another Pod leads', () => leaders().some((process) => process !== leader));
    const [successor] = leaders() as [CandidateProcess];
    const after = await successor.report('elected');
    assert.ok(cluster.pod(leader.pod.name), 'the old Pod still exists');
    assert.ok(writes.released - signalledAtMs >= DRAIN_MS, 'the release waits for the work');
    assert.ok(leader.all('work ended').length === 1 && tokenOf(after) > tokenOf(before));
    // The time between the two writes: the answer to the first write travels back, then the second write arrives.
    const roundTripMs = writes.deleted - writes.released;
    const gapMs = writes.created - writes.deleted;
    gapsMs.push(gapMs);
    const electedMs = (after.atMs ?? Number.NaN) - writes.deleted;
    t.diagnostic(
      `a round trip of the releaser: ${roundTripMs.toFixed(1)} ms; ` +
        `without a Lease: ${gapMs.toFixed(1)} ms; elected after ${electedMs.toFixed(1)} ms`,
    );
    assert.equal(await leader.ended(), 0);
    cluster.server.confirmPodTermination(NAMESPACE, leader.pod.name);
    working.splice(working.indexOf(leader), 1);
  }
  // A generous limit, because a busy machine runs many processes at once. The test below counts round trips.
  assert.ok(Math.min(...gapsMs) < 500, `without a Lease for ${gapsMs} ms`);
});

test('a successor sends one request and waits for no jitter when the leader releases', async (t) => {
  const cluster = await TestCluster.start(t);
  const writes = noteWrites(cluster);
  // With these intervals, no renewal and no read for an overdue renewal happens during the test.
  const calm = { renewIntervalMs: 10_000, leaseDurationSeconds: 30 };
  const leader = cluster.elector(cluster.addPod('web-0'), calm);
  await leader.start();
  await renewals(leader, 1);
  // Timers that take a hundred times as long, and the longest jitter. A wait for the jitter would take five seconds.
  const slow = {
    nowMs: () => systemClock.nowMs(),
    wallMs: () => systemClock.wallMs(),
    setTimer: (afterMs: number, callback: () => void) => systemClock.setTimer(afterMs * 100, callback),
  };
  const pod = cluster.addPod('web-1');
  const successor = cluster.elector(pod, calm, { clock: slow, random: { next: () => 0.999 } });
  await successor.start();

  // Long compared to the delays of a busy machine.
  const tripMs = 1_500;
  cluster.requests.clear();
  const verb = ['get', 'create', 'update', 'delete'] as const;
  cluster.faults.delay({ ms: tripMs, verb });
  const elected = new Promise<number>((resolve) => successor.on('elected', () => resolve(systemClock.nowMs())));
  await leader.stop({ release: true });
  const gapMs = (await elected) - writes.deleted;
  t.diagnostic(`with requests that take ${tripMs} ms: elected ${gapMs.toFixed(0)} ms after the DELETE`);
  assert.ok(gapMs >= tripMs * 0.9 && gapMs < tripMs * 1.9, `elected ${gapMs} ms after the DELETE`);
  const sent = cluster.requests.filter({ verb }).map((request) => `${request.verb} ${request.resource}`);
  assert.deepEqual(sent.sort(), ['create leases', 'delete leases', 'get pods', 'update leases']);
});

/** Writes the status of an evicted Pod, after its containers have ended. */
function reportEvicted(cluster: TestCluster, { name }: TestPod): Promise<void> {
  const pod = cluster.pod(name);
  assert.ok(pod);
  const status = endedStatus(pod, { phase: 'Failed', exitCode: 137, reason: 'Evicted' }, new Date(0).toISOString());
  return cluster.patchStatus(name, status);
}

for (const [succession, follows] of [
  ['pod-stopped', true],
  ['pod-deleted', false],
] as const satisfies readonly (readonly [Succession, boolean])[]) {
  test(`a candidate with \`${succession}\` ${follows ? 'takes over' : 'waits'} when the Pod of the leader is evicted`, async (t) => {
    const cluster = await TestCluster.start(t);
    const [pod, otherPod] = ['web-0', 'web-1'].map((name) => cluster.addPod(name, { nodeName: 'node-1' })) as [
      TestPod,
      TestPod,
    ];
    const leader = new CandidateProcess(t, pod, { succession });
    const before = await leader.report('elected');
    const other = new CandidateProcess(t, otherPod, { succession });
    await other.report('renewed', pod.name);
    await leader.kill();
    await reportEvicted(cluster, pod);
    if (follows) {
      const after = await other.report('elected');
      assert.ok(cluster.pod(pod.name), 'the object of the old leader still exists');
      assert.ok(tokenOf(after) > tokenOf(before));
      assert.equal(cluster.ownerUid(), otherPod.uid);
    } else {
      await other.report('stale', pod.name);
      assert.equal(other.all('elected').length, 0);
      assert.equal(cluster.ownerUid(), pod.uid);
      await cluster.delete('pod', pod.name, { gracePeriodSeconds: 0 });
      await other.report('elected');
    }
  });
}
