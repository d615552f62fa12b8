/**
 * Checks the ports against the embedded API server, which validates their requests.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { LeaseContent, LeaseRecord } from '../../src/core/lease-record.ts';
import { type Cluster, type ClusterPorts, connectToCluster } from '../../src/kube/connect.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ApiServer } from '../../src/testing/index.ts';
import { rulesOf } from '../worlds/permissions.ts';
import { until } from '../worlds/until.ts';
import { failureOf, serviceAccountDirectory, successOf } from './stub-server.ts';

const NAMESPACE = 'shop';
const ACCOUNT = { namespace: NAMESPACE, serviceAccountName: 'web' };

interface InPod {
  readonly server: ApiServer;
  readonly cluster: Cluster;
  readonly ports: ClusterPorts;
  readonly content: LeaseContent;
}

/** A Pod, its bound token, these verbs on leases and Pods, and the ports of a process in it. */
async function startInPod(t: TestContext, verbs: { leases: string[]; pods: string[] }): Promise<InPod> {
  const server = new ApiServer();
  const { port } = await server.start();
  t.after(() => server.stop());
  server.createNamespace(NAMESPACE);
  server.grant({
    ...ACCOUNT,
    rules: rulesOf(verbs),
  });
  const pod = server.createPod({ ...ACCOUNT, name: 'web-0', labels: { app: 'web' } });
  const token = server.issueToken({ ...ACCOUNT, pod: { name: pod.name, uid: pod.uid } });
  const cluster = await connectToCluster({
    serviceAccountDirectory: serviceAccountDirectory(t, { token, ca: server.caPem, namespace: NAMESPACE }),
    requestTimeoutMs: 10_000,
    clock: systemClock,
    environment: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
  });
  t.after(() => cluster.close());
  const identity = successOf(await cluster.identify({}));
  assert.deepEqual(identity, { pod: { name: 'web-0', uid: pod.uid }, namespace: NAMESPACE, lease: 'web' });
  const content: LeaseContent = {
    holderIdentity: 'web-0',
    owner: identity.pod,
    acquireTimeMs: 1_772_359_200_123,
    renewTimeMs: 1_772_359_200_123,
    leaseDurationSeconds: 30,
    leaseTransitions: 0,
    releasedBy: null,
  };
  return { server, cluster, ports: cluster.ports(identity), content };
}

const ALL = ['get', 'list', 'watch', 'create', 'update', 'delete'];

test('a Lease is created, read, renewed, released and deleted, and each refusal has its kind', async (t) => {
  const { ports, content } = await startInPod(t, { leases: ALL, pods: ALL });
  const { lease } = ports;
  assert.equal(successOf(await lease.read()), null);
  const created = successOf(await lease.create(content));
  assert.deepEqual(
    { ...created, uid: '', resourceVersion: '', source: null },
    { ...content, uid: '', resourceVersion: '', terminating: false, finalizers: [], source: null },
  );
  assert.equal(failureOf(await lease.create(content)).kind, 'alreadyExists');
  const renewed = successOf(await lease.replace(created, { ...content, renewTimeMs: 1_772_359_210_000 }));
  assert.equal(renewed.uid, created.uid);
  assert.equal(renewed.renewTimeMs, 1_772_359_210_000);
  assert.equal(failureOf(await lease.replace(created, content)).kind, 'conflict');
  assert.equal(failureOf(await lease.delete(created)).kind, 'conflict');
  const released = successOf(await lease.replace(renewed, { ...content, releasedBy: content.owner?.uid ?? '' }));
  assert.equal(released.releasedBy, content.owner?.uid);
  assert.equal(successOf(await lease.delete(released)), null);
  assert.equal(successOf(await lease.delete(released)), null, 'nothing left to delete is a success');
  assert.equal(failureOf(await lease.replace(released, content)).kind, 'conflict', 'a PUT never creates');
  assert.equal(successOf(await lease.read()), null);
});

test('a watch agrees with the list until the garbage collector deletes the Lease', async (t) => {
  const { server, ports, content } = await startInPod(t, { leases: ALL, pods: ALL });
  const before = successOf(await ports.leaseWatch.list());
  assert.deepEqual(before.items, []);
  const seen: string[] = [];
  let last: LeaseRecord | null = null;
  const stream = ports.leaseWatch.open(before.resourceVersion, 300, {
    opened: () => seen.push('opened'),
    event(event) {
      if (event.type === 'bookmark') return;
      seen.push(event.type);
      if ('item' in event) last = event.item;
    },
    ended: () => seen.push('ended'),
  });
  t.after(() => stream.close());
  const podSeen: string[] = [];
  const pods = successOf(await ports.podWatch('web-0').list());
  assert.equal(pods.items.length, 1);
  const podStream = ports.podWatch('web-0').open(pods.resourceVersion, 300, {
    opened: () => podSeen.push('opened'),
    event: (event) => podSeen.push(event.type),
    ended: () => podSeen.push('ended'),
  });
  t.after(() => podStream.close());
  const created = successOf(await ports.lease.create(content));
  await until(() => seen.includes('added'));
  assert.deepEqual(last, { ...created, source: (last as LeaseRecord | null)?.source });
  const { status } = await server.handle({
    method: 'DELETE',
    path: `/api/v1/namespaces/${NAMESPACE}/pods/web-0`,
    headers: { authorization: `Bearer ${server.adminToken}` },
  });
  assert.equal(status, 200);
  await until(() => seen.includes('deleted') && podSeen.includes('deleted'));
  assert.equal(seen.join(' '), 'opened added deleted');
});

test('a missing verb is named like in a Role, for requests and streams', async (t) => {
  const { ports, content } = await startInPod(t, { leases: ['get', 'list', 'create'], pods: ['get'] });
  const created = successOf(await ports.lease.create(content));
  assert.equal(failureOf(await ports.lease.replace(created, content)).missingRule?.verb, 'update');
  assert.match(
    failureOf(await ports.lease.delete(created)).message,
    /Grant `delete` on leases\.coordination\.k8s\.io in namespace "shop"/,
  );
  const list = failureOf(await ports.podWatch('web-0').list());
  assert.deepEqual(list.missingRule, { verb: 'list', apiGroup: '', resource: 'pods', namespace: NAMESPACE });
  const ended = await new Promise<string | undefined>((resolve) => {
    const sink = {
      opened() {},
      event() {},
      ended: (failure: { missingRule: { verb: string } | null } | null) => resolve(failure?.missingRule?.verb),
    };
    ports.leaseWatch.open(created.resourceVersion, 300, sink);
  });
  assert.equal(ended, 'watch');
});

test('a read of a missing Pod is null, and a read of an existing Pod has its uid', async (t) => {
  const { ports, content } = await startInPod(t, { leases: ALL, pods: ALL });
  assert.equal(successOf(await ports.pod.read('web-1')), null);
  const own = successOf(await ports.pod.read('web-0'));
  assert.equal(own?.uid, content.owner?.uid);
  assert.equal(own?.terminating, false);
});

test('the error about a missing Pod reads the namespace only outside of a Pod', async (t) => {
  const server = new ApiServer();
  await server.start();
  t.after(() => server.stop());
  server.createNamespace(NAMESPACE);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(server.kubeconfig());
  const identify = async (environment: Record<string, string>): Promise<string> => {
    const cluster = await connectToCluster({
      kubeConfig,
      requestTimeoutMs: 10_000,
      clock: systemClock,
      environment,
      serviceAccountDirectory: '/does/not/exist',
    });
    t.after(() => cluster.close());
    return cluster.identify({ lease: 'web' }).then(
      () => 'found',
      (error: Error) => error.message,
    );
  };
  const missing = { POD_NAME: 'web-0', POD_NAMESPACE: 'typo' };
  assert.match(await identify(missing), /^There is no namespace "typo" .*kubectl create namespace typo/);
  assert.match(
    await identify({ ...missing, POD_NAMESPACE: NAMESPACE }),
    /^There is no Pod "web-0" in namespace "shop" [^`]*`kubectl run web-0 -n shop --image=none`/,
  );
  assert.match(await identify({ ...missing, KUBERNETES_SERVICE_HOST: '::1' }), /^There is no Pod .* downward API/);
});
