/**
 * `explain()` and the successions, over real sockets: what a follower says while its leader's Pod fares badly, and that
 * what it advises an administrator to do ends it.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type ExplanationReason, LeaseElector, type LeaseElectorOptions } from '../../src/index.ts';
import { EmbeddedCluster, type EmbeddedPod, type EmbeddedPodOptions } from '../../src/testing/index.ts';

async function startCluster(t: TestContext): Promise<EmbeddedCluster> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  return cluster;
}

interface Member {
  readonly pod: EmbeddedPod;
  readonly elector: LeaseElector;
}

/** A Pod with its elector, started. */
async function join(
  cluster: EmbeddedCluster,
  pod: EmbeddedPodOptions,
  options: LeaseElectorOptions = {},
): Promise<Member> {
  const created = cluster.createPod(pod);
  const elector = new LeaseElector({ ...options, ...created.electorOptions() });
  await elector.start();
  return { pod: created, elector };
}

/** A leader, and one that follows it. */
async function pair(cluster: EmbeddedCluster, options: LeaseElectorOptions = {}): Promise<[Member, Member]> {
  const leader = await join(cluster, { name: 'web-0' }, options);
  const follower = await join(cluster, { name: 'web-1' }, options);
  assert.equal(leader.elector.explain().reason, 'leading');
  await explains(cluster, follower, 'following');
  return [leader, follower];
}

function explains(cluster: EmbeddedCluster, { elector }: Member, reason: ExplanationReason): Promise<void> {
  return cluster.until(() => elector.explain().reason === reason);
}

describe('explanations', { concurrency: 2 }, () => {
  test("the leader's Pod is evicted: it holds the Lease until it is deleted as advised", async (t) => {
    const cluster = await startCluster(t);
    const [leader, follower] = await pair(cluster);
    await leader.pod.fail({ reason: 'Evicted' });
    await explains(cluster, follower, 'holder-failed');
    const { command, caution, holderPod, leader: known } = follower.elector.explain();
    assert.deepEqual([command, caution], ['kubectl delete pod web-0 -n default', null]);
    assert.deepEqual(
      [holderPod?.phase, holderPod?.reason, holderPod?.containersTerminated, holderPod?.nodeName],
      ['Failed', 'Evicted', true, 'node-1'],
    );
    assert.equal(known?.uid, leader.pod.uid);
    await leader.pod.delete();
    await explains(cluster, follower, 'leading');
  });

  test("the leader's Pod is being deleted: it leads until it is gone", async (t) => {
    const cluster = await startCluster(t);
    const [leader, follower] = await pair(cluster);
    const beforeMs = Date.now();
    await leader.pod.delete();
    await explains(cluster, follower, 'holder-terminating');
    const { since, command, holderPod } = follower.elector.explain();
    assert.equal(command, null, 'it is not due yet');
    assert.ok(since !== null && Math.abs(since.getTime() - beforeMs) < 10_000, String(since));
    assert.equal(holderPod?.deletionTimestamp?.getTime(), since.getTime() + 30_000);
    await leader.pod.confirmTermination();
    await explains(cluster, follower, 'leading');
  });

  test('the leader hangs: its renewals stand still, and it stays the leader', async (t) => {
    const cluster = await startCluster(t);
    const [leader, follower] = await pair(cluster, { renewIntervalMs: 100, leaseDurationSeconds: 1 });
    await cluster.until(() => (follower.elector.leader?.renewTimeAgeMs ?? null) !== null);
    leader.pod.partition();
    // The follower reads the Lease when a renewal is overdue, so it is sure that there was none.
    await explains(cluster, follower, 'holder-silent');
    assert.equal(follower.elector.leader?.name, 'web-0');
    await explains(cluster, { ...leader }, 'leading');
    assert.match(leader.elector.explain().message, /which does not end the term/);
    leader.pod.heal();
    await cluster.until(() => /all is well/.test(follower.elector.explain().message));
  });

  test('the API server cannot be reached', async (t) => {
    const cluster = await startCluster(t);
    const [leader, follower] = await pair(cluster, { renewIntervalMs: 100, leaseDurationSeconds: 1 });
    await cluster.stopServer();
    await explains(cluster, follower, 'api-unreachable');
    const { failure, leader: known } = follower.elector.explain();
    assert.match(failure ?? '', /failed/);
    assert.equal(known?.name, 'web-0');
    assert.equal(leader.elector.explain().reason, 'leading');
    await cluster.restartServer();
    await explains(cluster, follower, 'following');
    assert.equal(follower.elector.explain().failure, null);
  });

  test('Leases may not be deleted: the garbage collector is waited for', async (t) => {
    const cluster = await startCluster(t);
    cluster.grant({
      rules: [
        {
          apiGroups: ['coordination.k8s.io'],
          resources: ['leases'],
          verbs: ['get', 'list', 'watch', 'create', 'update'],
        },
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      ],
    });
    const [leader, follower] = await pair(cluster);
    const hold = cluster.holdGarbageCollector();
    await leader.pod.forceDelete();
    await explains(cluster, follower, 'waiting-for-collector');
    const { missingRules, leader: known, command } = follower.elector.explain();
    assert.deepEqual(
      missingRules.map(({ verb, resource }) => `${verb} ${resource}`),
      ['delete leases'],
    );
    assert.deepEqual([known, command], [null, null]);
    hold.release();
    await explains(cluster, follower, 'leading');
  });

  test('Pods may not be read: whether the leader exists is not known', async (t) => {
    const cluster = await startCluster(t);
    const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] };
    cluster.grant({ rules: [{ ...leases, verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'] }] });
    const leader = await join(cluster, { name: 'web-0' }, { lease: 'app' });
    const follower = await join(cluster, { name: 'web-1' }, { lease: 'app' });
    await cluster.until(() => /not allowed to read Pods/.test(follower.elector.explain().message));
    const { reason, missingRules } = follower.elector.explain();
    assert.equal(reason, 'holder-unknown');
    assert.deepEqual(missingRules.map(({ verb }) => verb).sort(), ['get', 'list']);
    assert.equal(leader.elector.explain().reason, 'leading');
  });

  test('stopped, with the Lease kept: the restarted container leads on', async (t) => {
    const cluster = await startCluster(t);
    const [leader] = await pair(cluster);
    await leader.elector.stop();
    const { reason, message } = leader.elector.explain();
    assert.equal(reason, 'stopped');
    assert.match(message, /keeps the Lease.*Restart its container/);
    assert.doesNotThrow(() => JSON.stringify(leader.elector.explain()));
  });
});

describe("succession: 'pod-stopped'", { concurrency: 2 }, () => {
  for (const [how, stop] of [
    ['was evicted', (pod: EmbeddedPod) => pod.fail({ reason: 'Evicted' })],
    ['has finished', (pod: EmbeddedPod) => pod.finish()],
  ] as const) {
    test(`a Pod that ${how} is succeeded while its object exists`, async (t) => {
      const cluster = await startCluster(t);
      const [leader, follower] = await pair(cluster, { succession: 'pod-stopped' });
      const before = leader.elector.term?.fencingToken ?? 0n;
      await stop(leader.pod);
      await explains(cluster, follower, 'leading');
      assert.ok(leader.pod.exists);
      assert.ok((follower.elector.term?.fencingToken ?? 0n) > before);
      assert.equal(cluster.leader()?.uid, follower.pod.uid);
      await leader.pod.delete();
      await cluster.until(() => !leader.pod.exists);
      assert.equal(follower.elector.isLeader, true);
    });
  }

  test('one that joins later succeeds it, too, and an elector that waits for the deletion follows', async (t) => {
    const cluster = await startCluster(t);
    const [leader, patient] = await pair(cluster);
    await leader.pod.fail();
    await explains(cluster, patient, 'holder-failed');
    const eager = await join(cluster, { name: 'web-2' }, { succession: 'pod-stopped' });
    await explains(cluster, eager, 'leading');
    await explains(cluster, patient, 'following');
    assert.equal(patient.elector.leader?.uid, eager.pod.uid);
  });

  test('a container that crashes and is restarted is no stopped Pod: it leads on', async (t) => {
    const cluster = await startCluster(t);
    const [leader, follower] = await pair(cluster, { succession: 'pod-stopped' });
    await leader.pod.restartContainer();
    const again = new LeaseElector({ ...leader.pod.electorOptions(), succession: 'pod-stopped' });
    await again.start();
    await cluster.until(() => again.isLeader);
    assert.equal(follower.elector.isLeader, false);
    assert.equal(again.term?.resumed, true);
  });
});
