/**
 * The API server itself: it goes down and comes back, forgets its history, and its garbage collector is late. And the
 * log of what it was asked. In your project, import from 'lease-elector' and 'lease-elector/testing'.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LeaseElector } from '../../src/index.ts';
import { EmbeddedCluster, LEASES } from '../../src/testing/index.ts';

async function startCluster(t: TestContext): Promise<{
  readonly cluster: EmbeddedCluster;
  readonly leader: LeaseElector;
  readonly candidate: LeaseElector;
}> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const [leader, candidate] = [1, 2].map(
    (number) => new LeaseElector(cluster.createPod({ name: `web-${number}` }).electorOptions()),
  ) as [LeaseElector, LeaseElector];
  await leader.start();
  await candidate.start();
  return { cluster, leader, candidate };
}

test('the API server is away for a while: the leader stays, and the watches come back', async (t) => {
  const { cluster, leader } = await startCluster(t);
  await cluster.stopServer();
  assert.ok(leader.isLeader);
  const watched = cluster.requests.next({ verb: 'watch', resource: 'leases' });
  await cluster.restartServer();
  await watched;
  assert.ok(leader.isLeader);
});

test('a watch whose place in history is gone lists anew', async (t) => {
  const { cluster } = await startCluster(t);
  // Revisions are counted over all objects: those of the Lease's watches are old now.
  cluster.createPod({ name: 'web-3' });
  cluster.compactHistory();
  const listed = cluster.requests.next({ verb: 'list', resource: 'leases' });
  cluster.faults.cutWatches({ resource: 'leases' });
  assert.equal((await listed).status, 200);
});

test('nobody needs to wait for the garbage collector', async (t) => {
  const { cluster, candidate } = await startCluster(t);
  const hold = cluster.holdGarbageCollector();
  const before = cluster.server.store.get(LEASES, 'default', 'app');
  await cluster.leader()?.forceDelete();
  await cluster.until(() => candidate.isLeader);
  assert.notEqual(cluster.server.store.get(LEASES, 'default', 'app')?.metadata.uid, before?.metadata.uid);
  hold.release();
});

test('the log says what a failover costs', async (t) => {
  const { cluster, candidate } = await startCluster(t);
  cluster.holdGarbageCollector();
  cluster.requests.clear();
  await cluster.leader()?.forceDelete();
  await cluster.until(() => candidate.isLeader);
  assert.equal(cluster.requests.count({ client: 'web-2', verb: 'delete', resource: 'leases' }), 1);
  assert.equal(cluster.requests.count({ client: 'web-2', verb: 'create', resource: 'leases' }), 1);
});

test('without a permission the elector says what is missing', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  cluster.grant({ rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }] });
  const pod = cluster.createPod({ name: 'web-1' });
  // Half a minute by default, since a Role may arrive after the Pod.
  const elector = new LeaseElector({ ...pod.electorOptions(), startGraceMs: 100 });
  await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_FORBIDDEN', message: /leases/ });
});
