/**
 * Checks what a connection to a cluster passes on: its options, and the question whether this process seems to be in a
 * Pod.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Cluster, type ConnectOptions, connectToCluster } from '../../src/kube/connect.ts';
import type { UsedKubeConfig } from '../../src/kube/credentials.ts';
import { TEST_CA_CERTIFICATE } from '../../src/testing/access/test-certificate.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { failureOf, json, type StubServer, serviceAccountDirectory, startStub, statusBody } from './stub-server.ts';

const LEASE_PLACE = { namespace: 'shop', lease: 'web' };

function kubeConfigOf({ port }: StubServer): UsedKubeConfig {
  return {
    getCurrentContext: () => 'x',
    getContextObject: () => null,
    getCurrentCluster: () => ({ name: 'c', server: `https://127.0.0.1:${port}` }),
    async applyToHTTPSOptions(options) {
      Object.assign(options, { ca: TEST_CA_CERTIFICATE });
    },
  };
}

async function connect(t: TestContext, options: Partial<ConnectOptions>): Promise<Cluster> {
  const cluster = await connectToCluster({
    requestTimeoutMs: 5_000,
    clock: new ManualClock(),
    environment: {},
    hostname: () => 'web-0',
    ...options,
  });
  t.after(() => cluster.close());
  return cluster;
}

test('a cluster reports the requests and the difference of the clocks to the receivers of its options', async (t) => {
  const stub = await startStub(t, (_, response) => {
    response.setHeader('date', 'Sun, 06 Nov 1994 08:49:37 GMT');
    json(response, 404, statusBody(404, 'NotFound', 'not found', { name: 'web', kind: 'leases' }));
  });
  const statuses: (number | null)[] = [];
  const skews: boolean[] = [];
  const cluster = await connect(t, {
    kubeConfig: kubeConfigOf(stub),
    onRequest: ({ status }) => void statuses.push(status),
    reportClockSkew: ({ over }) => void skews.push(over),
  });
  const { lease } = cluster.ports(LEASE_PLACE);
  for (let answers = 1; answers <= 4; answers += 1) await lease.read();
  assert.deepEqual(statuses, [404, 404, 404, 404]);
  assert.deepEqual(skews, [false]);
});

test('a KubeConfig is used as a KubeConfig when it has a path that is not a text', async (t) => {
  const stub = await startStub(t, (_, response) =>
    json(response, 404, statusBody(404, 'NotFound', 'not found', { name: 'web', kind: 'leases' })),
  );
  const kubeConfig = Object.assign(kubeConfigOf(stub), { path: null });
  const cluster = await connect(t, { kubeConfig });
  assert.deepEqual(await cluster.ports(LEASE_PLACE).lease.read(), { ok: true, value: null });
});

test('the error about a missing Pod does not read the namespace when there is a service account directory', async (t) => {
  const stub = await startStub(t, ({ path }, response) => {
    const [kind = '', name = ''] = path.split('/').slice(-2);
    json(response, 404, statusBody(404, 'NotFound', 'not found', { kind, name }));
  });
  const pathsWith = async (serviceAccountDirectory: string): Promise<string[]> => {
    stub.seen.length = 0;
    const environment = { POD_NAME: 'web-0', POD_NAMESPACE: 'shop' };
    const cluster = await connect(t, { kubeConfig: kubeConfigOf(stub), environment, serviceAccountDirectory });
    await assert.rejects(cluster.identify({ lease: 'web' }), /There is no (Pod|namespace)/);
    return stub.seen.map(({ path }) => path);
  };
  const pod = '/api/v1/namespaces/shop/pods/web-0';
  assert.deepEqual(await pathsWith(serviceAccountDirectory(t)), [pod]);
  assert.deepEqual(await pathsWith('/does/not/exist'), [pod, '/api/v1/namespaces/shop']);
});

test('the identification fails like the read of a Pod without a name when the credentials are not available', async (t) => {
  const kubeConfig: UsedKubeConfig = {
    ...kubeConfigOf(await startStub(t, () => {})),
    applyToHTTPSOptions: async () => Promise.reject(new Error('log in first')),
  };
  const failure = failureOf(await (await connect(t, { kubeConfig })).identify({ lease: 'web' }));
  assert.equal(failure.message, 'get pods "" in the whole cluster failed: log in first');
});
