/**
 * Faults, by name and by seed. In your project, import from 'lease-elector' and 'lease-elector/testing'.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LeaseElector } from '../../src/index.ts';
import { EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';

const FAST = { renewIntervalMs: 100, leaseDurationSeconds: 1 };

async function startCluster(t: TestContext): Promise<{
  readonly cluster: EmbeddedCluster;
  readonly pod: EmbeddedPod;
  readonly elector: LeaseElector;
}> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'web-1' });
  return { cluster, pod, elector: new LeaseElector({ ...pod.electorOptions(), ...FAST }) };
}

test('delay: a slow API server only makes an election slow', async (t) => {
  const { cluster, elector } = await startCluster(t);
  cluster.faults.delay({ ms: 20, resource: 'leases' });
  await elector.start();
  assert.ok(elector.isLeader);
});

test('refuse: the leader continues to lead without the API server, and reports how long it is unverified', async (t) => {
  const { cluster, elector } = await startCluster(t);
  await elector.start();
  const outage = cluster.faults.refuse();
  await cluster.requests.next({ verb: 'update' });
  assert.ok(elector.isLeader && elector.unverifiedForMs > 0);
  outage.lift();
});

test('answer: the next matching requests are answered with an error', async (t) => {
  const { cluster, elector } = await startCluster(t);
  const fault = cluster.faults.answer(503, { verb: 'create', resource: 'leases', times: 2 });
  await elector.start();
  assert.ok(elector.isLeader);
  assert.deepEqual(
    cluster.requests.filter({ verb: 'create', resource: 'leases' }).map(({ status }) => status),
    [503, 503, 201],
  );
  assert.equal(fault.active, false);
});

test('dropAnswer: an elector finds out that it has won when the answer is lost', async (t) => {
  const { cluster, elector } = await startCluster(t);
  cluster.faults.dropAnswer({ verb: 'create', resource: 'leases', times: 1 });
  await elector.start();
  assert.ok(elector.isLeader);
  assert.equal(cluster.requests.count({ verb: 'create', resource: 'leases' }), 1);
});

test('cutWatches: a watch that breaks is opened again', async (t) => {
  const { cluster, pod, elector } = await startCluster(t);
  const opened = cluster.requests.next({ verb: 'watch', resource: 'leases' });
  await elector.start();
  await opened;
  const again = cluster.requests.next({ client: pod, verb: 'watch', resource: 'leases' });
  assert.equal(cluster.faults.cutWatches({ client: pod, resource: 'leases' }), 1);
  await again;
});

test('silenceWatches: all events arrive, but late', async (t) => {
  const { cluster, elector } = await startCluster(t);
  await elector.start();
  const candidate = new LeaseElector(cluster.createPod({ name: 'web-2' }).electorOptions());
  await candidate.start();
  const silence = cluster.faults.silenceWatches({ client: 'web-2' });
  await cluster.leader()?.forceDelete();
  await cluster.until(() => cluster.leader() === undefined);
  assert.ok(!candidate.isLeader);
  silence.lift();
  await cluster.until(() => candidate.isLeader);
});

test('random: a seed draws the same faults for each client in every run', async (t) => {
  const { cluster, elector } = await startCluster(t);
  const random = cluster.faults.random(1, { delay: 0.5, refuse: 0.2, dropAnswer: 0.2 }, { maxDelayMs: 10 });
  await elector.start();
  await cluster.until(() => random.hits > 5);
  cluster.faults.liftAll();
  const { status } = await cluster.requests.next({ verb: 'update', resource: 'leases' });
  assert.equal(status, 200);
});
