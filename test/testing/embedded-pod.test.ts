/**
 * A Pod of an embedded cluster: the credentials of its process, its faults and its end. The examples show how an
 * elector reacts.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EmbeddedCluster, type EmbeddedPod, type EmbeddedPodOptions } from '../../src/testing/index.ts';

interface Setup {
  readonly cluster: EmbeddedCluster;
  readonly pod: EmbeddedPod;
}

async function makePod(t: TestContext, options: Partial<EmbeddedPodOptions> = {}): Promise<Setup> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  return { cluster, pod: cluster.createPod({ name: 'web-0', ...options }) };
}

/** The token that an elector of the Pod sends now. */
async function tokenSent(options: ReturnType<EmbeddedPod['electorOptions']>): Promise<string> {
  const request: RequestOptions = {};
  await options.kubeConfig.applyToHTTPSOptions(request);
  const { authorization = '' } = request.headers as { readonly authorization?: string };
  return authorization.replace('Bearer ', '');
}

function phaseOf(pod: EmbeddedPod): unknown {
  return pod.object?.status?.['phase'];
}

function restartsOf(pod: EmbeddedPod): unknown {
  return (pod.object?.status?.['containerStatuses'] as { restartCount?: number }[] | undefined)?.[0]?.restartCount;
}

test('a Pod has the environment and the files of its container', async (t) => {
  const { cluster, pod } = await makePod(t, { namespace: 'shop' });
  const { port } = new URL(cluster.url);
  assert.deepEqual(pod.env, {
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: port,
    HOSTNAME: 'web-0',
    POD_NAME: 'web-0',
    POD_NAMESPACE: 'shop',
    POD_UID: pod.uid,
    NODE_NAME: 'node-1',
  });
  const directory = pod.serviceAccountDirectory;
  assert.equal(pod.serviceAccountDirectory, directory);
  const file = (name: string): string => readFileSync(join(directory, name), 'utf8');
  assert.deepEqual([file('token'), file('ca.crt'), file('namespace')], [pod.token, cluster.server.caPem, 'shop']);
  pod.rotateToken();
  assert.equal(file('token'), pod.token);
});

test('the KubeConfig for an elector has the same cluster and token as a complete KubeConfig', async (t) => {
  const { cluster, pod } = await makePod(t);
  const { kubeConfig: part } = pod.electorOptions();
  const whole = await pod.kubeConfig();
  assert.equal(part.getCurrentContext(), whole.getCurrentContext());
  const context = part.getCurrentContext();
  assert.deepEqual({ ...part.getContextObject(context) }, { ...whole.getContextObject(context) });
  assert.equal(part.getContextObject('another'), null);
  const [cluster1, cluster2] = [part.getCurrentCluster(), whole.getCurrentCluster()];
  assert.deepEqual([cluster1?.server, cluster1?.caData], [cluster2?.server, cluster2?.caData]);
  assert.equal(cluster1?.server, cluster.url);
  assert.equal(whole.getCurrentUser()?.token, await tokenSent(pod.electorOptions()));
});

test('an elector sends an expired token until it is rotated, and then the new token', async (t) => {
  const { pod } = await makePod(t);
  const options = pod.electorOptions();
  const first = pod.token;
  assert.equal(await tokenSent(options), first);
  pod.expireToken();
  assert.equal(await tokenSent(options), first);
  pod.rotateToken();
  assert.notEqual(pod.token, first);
  assert.equal(await tokenSent(options), pod.token);
});

test('a bound Pod runs, and is deleted in two steps', async (t) => {
  const { pod } = await makePod(t);
  assert.deepEqual([phaseOf(pod), pod.nodeName, pod.exists, pod.running], ['Running', 'node-1', true, true]);
  await assert.rejects(pod.confirmTermination(), /is not being deleted: delete\(\) it first/);
  const { signal } = pod.electorOptions();
  await pod.delete({ gracePeriodSeconds: 5 });
  assert.equal(pod.object?.metadata.deletionGracePeriodSeconds, 5);
  assert.deepEqual([pod.exists, pod.running, signal.aborted], [true, true, false]);
  await pod.confirmTermination();
  assert.deepEqual([pod.exists, pod.running, signal.aborted, pod.object], [false, false, true, undefined]);
});

test('a Pod that is not bound is Pending, and its deletion removes it at once', async (t) => {
  const { pod } = await makePod(t, { nodeName: null });
  assert.deepEqual([phaseOf(pod), pod.nodeName, pod.env['NODE_NAME']], ['Pending', undefined, undefined]);
  await pod.delete();
  assert.deepEqual([pod.exists, pod.running], [false, true]);
});

test('an eviction is a deletion with a condition that names the reason', async (t) => {
  const { pod } = await makePod(t, { gracePeriodSeconds: 7 });
  await pod.evict();
  assert.equal(pod.object?.metadata.deletionGracePeriodSeconds, 7);
  assert.match(JSON.stringify(pod.object?.status?.['conditions']), /EvictionByEvictionAPI/);
});

test('a Pod that is deleted by force is gone, and its process continues', async (t) => {
  const { pod } = await makePod(t);
  await pod.forceDelete();
  assert.deepEqual([pod.exists, pod.running, pod.electorOptions().signal.aborted], [false, true, false]);
});

test('a Pod that finishes or fails stays, and its container has ended', async (t) => {
  const { cluster, pod } = await makePod(t);
  await pod.finish();
  assert.deepEqual([phaseOf(pod), pod.exists, pod.running], ['Succeeded', true, false]);
  const other = cluster.createPod({ name: 'web-1' });
  await other.fail({ reason: 'Evicted', message: 'out of memory', exitCode: 137 });
  assert.deepEqual([phaseOf(other), other.object?.status?.['reason'], other.running], ['Failed', 'Evicted', false]);
  await other.delete();
  assert.equal(other.exists, false, 'the end of a failed Pod needs no confirmation');
});

test('a restarted container has other credentials, and requests of the previous one are lost', async (t) => {
  const { pod } = await makePod(t);
  const before = { token: pod.token, directory: pod.serviceAccountDirectory, options: pod.electorOptions() };
  await pod.restartContainer();
  assert.equal(restartsOf(pod), 1);
  assert.ok(before.options.signal.aborted);
  assert.notEqual(pod.token, before.token);
  assert.notEqual(pod.serviceAccountDirectory, before.directory);
  assert.equal(await tokenSent(before.options), before.token);
  assert.equal(pod.electorOptions().signal.aborted, false);
});

test('a crashed container has no credentials until it is started again', async (t) => {
  const { pod } = await makePod(t);
  const { signal } = pod.electorOptions();
  pod.crash();
  pod.crash();
  assert.match(String(signal.reason), /the container of the Pod default\/web-0 .* has ended/);
  const ended = /has ended: restartContainer\(\) first/;
  assert.throws(() => pod.electorOptions(), ended);
  assert.throws(() => pod.serviceAccountDirectory, ended);
  assert.throws(() => pod.token, ended);
  assert.throws(() => pod.expireToken(), ended);
  assert.throws(() => pod.rotateToken(), ended);
  await assert.rejects(pod.kubeConfig(), ended);
  await pod.restartContainer();
  assert.ok(pod.running);
});

test('restartContainer rejects when the Pod is ending or has ended', async (t) => {
  const { cluster, pod } = await makePod(t);
  await pod.delete();
  await assert.rejects(pod.restartContainer(), /is being deleted: no kubelet would start its container again/);
  const other = cluster.createPod({ name: 'web-1' });
  await other.finish();
  await assert.rejects(other.restartContainer(), /has the phase Succeeded/);
});

test('the methods of a Pod reject when the Pod is gone, and do not affect a Pod of the same name', async (t) => {
  const { cluster, pod } = await makePod(t);
  await pod.forceDelete();
  const namesake = cluster.createPod({ name: 'web-0' });
  for (const act of [
    () => pod.delete(),
    () => pod.forceDelete(),
    () => pod.evict(),
    () => pod.confirmTermination(),
    () => pod.finish(),
    () => pod.fail(),
    () => pod.restartContainer(),
  ]) {
    await assert.rejects(act(), /the Pod default\/web-0 \(uid .*\) is gone/);
  }
  assert.throws(() => pod.rotateToken(), /is gone/);
  assert.ok(namesake.exists && phaseOf(namesake) === 'Running');
});

test('a partition injects two faults for this Pod only, until it heals', async (t) => {
  const { cluster, pod } = await makePod(t);
  pod.partition();
  pod.partition();
  assert.deepEqual(
    cluster.faults.active.map(({ name }) => name),
    ['refuse', 'silenceWatches'],
  );
  assert.ok(pod.isPartitioned);
  pod.heal();
  pod.heal();
  assert.deepEqual([pod.isPartitioned, cluster.faults.active], [false, []]);
  pod.partition();
  cluster.faults.liftAll();
  assert.ok(!pod.isPartitioned);
});

for (const [name, act, message] of [
  ['deleted with an unknown option', (pod) => pod.delete({ grace: 1 } as object), /knows no "grace"/],
  [
    'deleted with a grace period of half a second',
    (pod) => pod.delete({ gracePeriodSeconds: 0.5 }),
    /gracePeriodSeconds, must be a whole/,
  ],
  ['failed with an unknown option', (pod) => pod.fail({ code: 1 } as object), /pod.fail knows no "code"/],
  ['failed with exit code 0', (pod) => pod.fail({ exitCode: 0 }), /exitCode, must be a whole number from 1 to 255/],
] as const satisfies readonly (readonly [string, (pod: EmbeddedPod) => Promise<void>, RegExp])[]) {
  test(`a Pod cannot be ${name}, and nothing happens to it`, async (t) => {
    const { pod } = await makePod(t);
    await assert.rejects(act(pod), message);
    assert.deepEqual([phaseOf(pod), pod.running, pod.object?.metadata.deletionTimestamp], ['Running', true, undefined]);
  });
}
