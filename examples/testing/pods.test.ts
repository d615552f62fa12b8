/**
 * The ways in which a Pod ends, and their effect on the election. In your project, import from 'lease-elector' and
 * 'lease-elector/testing'.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LeaseElector } from '../../src/index.ts';
import { EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';

async function clusterWithLeader(t: TestContext): Promise<{
  readonly cluster: EmbeddedCluster;
  readonly leader: EmbeddedPod;
  readonly elector: LeaseElector;
  /** Of another Pod. */
  readonly candidate: LeaseElector;
}> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const leader = cluster.createPod({ name: 'web-1' });
  const elector = new LeaseElector(leader.electorOptions());
  await elector.start();
  const candidate = new LeaseElector(cluster.createPod({ name: 'web-2' }).electorOptions());
  await candidate.start();
  return { cluster, leader, elector, candidate };
}

test('delete: an elector that stops in time hands over before the Pod object is gone', async (t) => {
  const { cluster, leader, elector, candidate } = await clusterWithLeader(t);
  await leader.delete();
  await elector.stop();
  await cluster.until(() => candidate.isLeader);
  assert.ok(leader.exists);
  await leader.confirmTermination();
  assert.ok(!leader.exists);
});

test('evict: an elector that does not stop leads until the kubelet has ended its Pod', async (t) => {
  const { cluster, leader, elector, candidate } = await clusterWithLeader(t);
  await leader.evict();
  assert.ok(elector.isLeader);
  await leader.confirmTermination();
  await cluster.until(() => candidate.isLeader);
});

test('restartContainer: a restarted container is still the leader, and resumes its term', async (t) => {
  const { leader, candidate } = await clusterWithLeader(t);
  await leader.restartContainer();
  const restarted = new LeaseElector(leader.electorOptions());
  await new Promise((elected) => {
    restarted.once('elected', elected);
    void restarted.start();
  });
  assert.equal(restarted.term?.resumed, true);
  assert.ok(!candidate.isLeader);
});

test('crash: a Pod whose container does not restart stays the leader as long as it exists', async (t) => {
  const { cluster, leader, elector, candidate } = await clusterWithLeader(t);
  leader.crash();
  assert.equal(elector.state, 'stopped');
  assert.equal(cluster.leader(), leader);
  assert.ok(!candidate.isLeader);
});

test('finish and fail: a Pod that has ended stays the leader until it is deleted', async (t) => {
  const { cluster, leader, candidate } = await clusterWithLeader(t);
  await leader.fail({ reason: 'Evicted' });
  assert.equal(leader.object?.status?.['phase'], 'Failed');
  assert.equal(cluster.leader(), leader);
  await leader.delete();
  await cluster.until(() => candidate.isLeader);
});

test('forceDelete: the ghost of a lost node finds out that it no longer leads', async (t) => {
  const { cluster, leader, elector, candidate } = await clusterWithLeader(t);
  leader.partition();
  const ghostToken = elector.term?.fencingToken ?? 0n;
  await leader.forceDelete();
  await cluster.until(() => candidate.isLeader);
  assert.ok(elector.isLeader, 'both believe that they lead, so your storage should compare fencing tokens');
  assert.ok((candidate.term?.fencingToken ?? 0n) > ghostToken);
  leader.heal();
  await cluster.until(() => !elector.isLeader);
});

test('a Pod of the same name is another Pod', async (t) => {
  const { cluster, leader, candidate } = await clusterWithLeader(t);
  await leader.forceDelete();
  const namesake = cluster.createPod({ name: leader.name });
  assert.notEqual(namesake.uid, leader.uid);
  await cluster.until(() => candidate.isLeader);
});
