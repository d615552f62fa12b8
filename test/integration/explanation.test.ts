/**
 * `explain()` and the succession policies, over real sockets: the explanation of a follower while its leader's Pod has
 * a problem, and the effect of the command in it.
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

/** A leader and a follower. */
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
  test("a follower explains the deletion command when the leader's Pod is evicted, and leads after the deletion", async (t) => {
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

  test("a follower explains the wait when the leader's Pod is being deleted, and leads when that Pod is gone", async (t) => {
    const cluster = await startCluster(t);
    const [leader, follower] = await pair(cluster);
    const beforeMs = Date.now();
    await leader.pod.delete();
    await explains(cluster, follower, 'holder-terminating');
    const { since, command, holderPod } = follower.elector.explain();
    assert.equal(command, null, 'no command is needed yet');
    assert.ok(since !== null && Math.abs(since.getTime() - beforeMs) < 10_000, String(since));
    assert.equal(holderPod?.deletionTimestamp?.getTime(), since.getTime() + 30_000);
    await leader.pod.confirmTermination();
    await explains(cluster, follower, 'leading');
  });

  test('a follower explains the missing renewals when the leader hangs, and the leader stays', async (t) => {
    const cluster = await startCluster(t);
    const [leader, follower] = await pair(cluster, { renewIntervalMs: 100, leaseDurationSeconds: 1 });
    await cluster.until(() => (follower.elector.leader?.renewTimeAgeMs ?? null) !== null);
    leader.pod.partition();
    // The follower reads the Lease when a renewal is overdue, so the renewal is really missing.
    await explains(cluster, follower, 'holder-silent');
    assert.equal(follower.elector.leader?.name, 'web-0');
    await explains(cluster, { ...leader }, 'leading');
    assert.match(leader.elector.explain().message, /which does not end the term/);
    leader.pod.heal();
    await cluster.until(() => /all is well/.test(follower.elector.explain().message));
  });

  test('a follower explains the failure when the API server cannot be reached', async (t) => {
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

  test('a follower explains the wait for the garbage collector when it is not permitted to delete Leases', async (t) => {
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

  test('a follower explains the missing rules when it is not permitted to read Pods', async (t) => {
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

  test('a stopped leader explains that its restarted container leads when the Lease is kept', async (t) => {
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
    test(`a follower takes over from a Pod that ${how} while its object exists`, async (t) => {
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

  test('a later elector takes over from a stopped Pod, and an elector that waits for the deletion follows it', async (t) => {
    const cluster = await startCluster(t);
    const [leader, waiting] = await pair(cluster);
    await leader.pod.fail();
    await explains(cluster, waiting, 'holder-failed');
    const late = await join(cluster, { name: 'web-2' }, { succession: 'pod-stopped' });
    await explains(cluster, late, 'leading');
    await explains(cluster, waiting, 'following');
    assert.equal(waiting.elector.leader?.uid, late.pod.uid);
  });

  test('a leader resumes its term when its container crashes and is restarted', async (t) => {
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
