/**
 * Tokens that expire and rotate, a KubeConfig for your API client, and a Pod that is cut off. In your project,
 * import from 'lease-elector' and 'lease-elector/testing'.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CoordinationV1Api } from '@kubernetes/client-node';
import { LeaseElector } from '../../src/index.ts';
import { EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';

const FAST = { renewIntervalMs: 100, leaseDurationSeconds: 1 };

async function clusterWithLeader(t: TestContext): Promise<{
  readonly cluster: EmbeddedCluster;
  readonly pod: EmbeddedPod;
  readonly elector: LeaseElector;
}> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'web-1' });
  const elector = new LeaseElector({ ...pod.electorOptions(), ...FAST });
  await elector.start();
  return { cluster, pod, elector };
}

test('the leader steps down when its token expires, and resumes its term with a new one', async (t) => {
  const { cluster, pod, elector } = await clusterWithLeader(t);
  pod.expireToken();
  // A short refusal does not end the term: it must last for 10 seconds.
  await cluster.until(() => !elector.isLeader, { timeoutMs: 20_000 });
  pod.rotateToken();
  await cluster.until(() => elector.isLeader);
  assert.equal(elector.term?.resumed, true);
});

test('a token that is rotated in time does not affect the election', async (t) => {
  const { cluster, pod, elector } = await clusterWithLeader(t);
  pod.rotateToken();
  const { status } = await cluster.requests.next({ client: pod, verb: 'update' });
  assert.equal(status, 200);
  assert.ok(elector.isLeader);
});

test('a Pod that is cut off stays the leader, and the other Pods see that it is silent', async (t) => {
  const { cluster, pod, elector } = await clusterWithLeader(t);
  const candidate = new LeaseElector({ ...cluster.createPod({ name: 'web-2' }).electorOptions(), ...FAST });
  const stale = new Promise((resolve) => candidate.once('stale', resolve));
  await candidate.start();
  // A leader counts as silent only after a first renewal.
  await cluster.requests.next({ client: pod, verb: 'update' });
  pod.partition();
  await stale;
  assert.ok(elector.isLeader && !candidate.isLeader);
  pod.heal();
});

test('a client of the Kubernetes API acts as the Pod with its KubeConfig', async (t) => {
  const { pod } = await clusterWithLeader(t);
  const kubeConfig = await pod.kubeConfig();
  const leases = kubeConfig.makeApiClient(CoordinationV1Api);
  const lease = await leases.readNamespacedLease({ namespace: pod.namespace, name: 'app' });
  assert.equal(lease.spec?.holderIdentity, 'web-1');
});
