/**
 * The API server itself: it stops and starts again, drops its history, and its garbage collector is late. The last
 * tests read the log of its requests. In your project, import from 'lease-elector' and 'lease-elector/testing'.
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

test('the leader stays the leader during an outage of the API server, and the watches are opened again', async (t) => {
  const { cluster, leader } = await startCluster(t);
  await cluster.stopServer();
  assert.ok(leader.isLeader);
  const watched = cluster.requests.next({ verb: 'watch', resource: 'leases' });
  await cluster.restartServer();
  await watched;
  assert.ok(leader.isLeader);
});

test('a watch lists again when its place in the history is gone', async (t) => {
  const { cluster } = await startCluster(t);
  // Revisions are counted over all objects, so those of the Lease's watches are old now.
  cluster.createPod({ name: 'web-3' });
  cluster.compactHistory();
  const listed = cluster.requests.next({ verb: 'list', resource: 'leases' });
  cluster.faults.cutWatches({ resource: 'leases' });
  assert.equal((await listed).status, 200);
});

test('a successor does not wait for the garbage collector', async (t) => {
  const { cluster, candidate } = await startCluster(t);
  const hold = cluster.holdGarbageCollector();
  const before = cluster.server.store.get(LEASES, 'default', 'app');
  await cluster.leader()?.forceDelete();
  await cluster.until(() => candidate.isLeader);
  assert.notEqual(cluster.server.store.get(LEASES, 'default', 'app')?.metadata.uid, before?.metadata.uid);
  hold.release();
});

test('the log shows the requests of a failover', async (t) => {
  const { cluster, candidate } = await startCluster(t);
  cluster.holdGarbageCollector();
  cluster.requests.clear();
  await cluster.leader()?.forceDelete();
  await cluster.until(() => candidate.isLeader);
  assert.equal(cluster.requests.count({ client: 'web-2', verb: 'delete', resource: 'leases' }), 1);
  assert.equal(cluster.requests.count({ client: 'web-2', verb: 'create', resource: 'leases' }), 1);
});

test('the elector names the missing rule when it lacks a permission', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  cluster.grant({ rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }] });
  const pod = cluster.createPod({ name: 'web-1' });
  // The default is half a minute, since a Role can be created after the Pod.
  const elector = new LeaseElector({ ...pod.electorOptions(), startGraceMs: 100 });
  await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_FORBIDDEN', message: /leases/ });
});
