/**
 * The whole cluster, over its socket: start and stop, namespaces, Pods, grants, and a server that stops and starts
 * again.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import {
  ELECTOR_RULES,
  EmbeddedCluster,
  type EmbeddedClusterOptions,
  type EmbeddedPod,
  type EmbeddedPodOptions,
  LEASES,
  type PolicyRule,
} from '../../src/testing/index.ts';
import { leaseBody } from './api-client.ts';

const LEASES_PATH = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

async function start(t: TestContext, options?: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
  const cluster = await EmbeddedCluster.start(options);
  t.after(() => cluster.stop());
  return cluster;
}

/** Sends a request over the socket, as a Pod or as the administrator. Rejects when the connection breaks. */
async function sendRequest(
  cluster: EmbeddedCluster,
  who: EmbeddedPod | null,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly text: string }> {
  const token = who === null ? cluster.server.adminToken : who.token;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const options: RequestOptions = { method, headers, ca: cluster.server.caPem, agent: false };
  return new Promise((resolve, reject) => {
    const sent = request(`${cluster.url}${path}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function ownedBy({ name, uid }: EmbeddedPod): object {
  return { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] } };
}

test('a Pod has the permissions that an elector needs, unless it was granted others', async (t) => {
  const cluster = await start(t);
  const pod = cluster.createPod({ name: 'web-0' });
  assert.equal((await sendRequest(cluster, pod, 'POST', LEASES_PATH, leaseBody('app', ownedBy(pod)))).status, 201);
  assert.equal((await sendRequest(cluster, pod, 'DELETE', '/api/v1/namespaces/default/pods/web-0')).status, 403);
  assert.equal(cluster.leader(), pod);
  cluster.grant({ rules: [] });
  assert.equal((await sendRequest(cluster, pod, 'GET', LEASES_PATH)).status, 403);
  cluster.grant({ serviceAccountName: 'batch', rules: [] });
  const other = cluster.createPod({ name: 'batch-0', serviceAccountName: 'batch' });
  assert.equal((await sendRequest(cluster, other, 'GET', LEASES_PATH)).status, 403);
});

test('the cluster reports its Pods, namespaces and leaders', async (t) => {
  const cluster = await start(t);
  const [first, second] = [cluster.namespace(), cluster.namespace()];
  assert.notEqual(first, second);
  assert.equal(cluster.namespace('shop'), 'shop');
  assert.equal(cluster.namespace('shop'), 'shop');
  const pods = [first, second, 'shop', 'made-on-the-way'].map((namespace) =>
    cluster.createPod({ name: 'web-0', namespace, labels: { app: 'web' } }),
  );
  assert.deepEqual(cluster.pods, pods);
  assert.equal(new Set(pods.map(({ uid }) => uid)).size, 4);
  assert.deepEqual(pods[0]?.object?.metadata.labels, { app: 'web' });
  assert.equal(cluster.leader('web', 'shop'), undefined);
  await pods[0]?.forceDelete();
  assert.deepEqual(cluster.pods, pods.slice(1));
});

test('kubeconfig() returns a kubeconfig of the administrator', async (t) => {
  const cluster = await start(t);
  const config = JSON.parse(cluster.kubeconfig());
  assert.equal(config.clusters[0].cluster.server, cluster.url);
  assert.equal(config.users[0].user.token, cluster.server.adminToken);
});

test('a restarted server has the same port and data, and its revisions continue', async (t) => {
  const cluster = await start(t);
  const { url } = cluster;
  await sendRequest(cluster, null, 'POST', LEASES_PATH, leaseBody('app'));
  const { revision } = cluster.server.store;
  await cluster.stopServer();
  await cluster.stopServer();
  await assert.rejects(sendRequest(cluster, null, 'GET', LEASES_PATH), { code: 'ECONNREFUSED' });
  await cluster.restartServer();
  assert.equal(cluster.url, url);
  assert.equal((await sendRequest(cluster, null, 'GET', `${LEASES_PATH}/app`)).status, 200);
  assert.equal(cluster.server.store.revision, revision);
  await cluster.restartServer();
  assert.equal(
    (await sendRequest(cluster, null, 'GET', `${LEASES_PATH}/app`)).status,
    200,
    'also without a stop before',
  );
});

test('a restarted server answers 403 until its roles are read, and 401 to bound tokens until its Pods are read', async (t) => {
  const cluster = await start(t);
  const pod = cluster.createPod({ name: 'web-0' });
  const status = async (): Promise<number> => (await sendRequest(cluster, pod, 'GET', LEASES_PATH)).status;
  const opened = cluster.requests.next({ verb: 'watch' });
  const watch = assert.rejects(sendRequest(cluster, pod, 'GET', `${LEASES_PATH}?watch=1`));
  await opened;
  await cluster.restartServer({ rbacAfterMs: 600_000, tokensAfterMs: 600_000 });
  await watch;
  assert.equal(await status(), 401);
  await cluster.restartServer({ rbacAfterMs: 600_000 });
  const { status: refused, text } = await sendRequest(cluster, pod, 'GET', LEASES_PATH);
  assert.equal(refused, 403);
  assert.match(JSON.parse(text).message, /: RBAC: role\.rbac\.authorization\.k8s\.io "default" not found$/);
  assert.equal((await sendRequest(cluster, null, 'GET', LEASES_PATH)).status, 200);
  cluster.createPod({ name: 'web-1' });
  await cluster.restartServer();
  assert.equal(await status(), 200);
});

test('a Pod is forbidden until its Role is created', async (t) => {
  const cluster = await start(t);
  cluster.revoke({ keepBinding: true });
  const pod = cluster.createPod({ name: 'web-0' });
  const { status, text } = await sendRequest(cluster, pod, 'GET', LEASES_PATH);
  assert.equal(status, 403);
  assert.match(JSON.parse(text).message, /: RBAC: role\.rbac\.authorization\.k8s\.io "default" not found$/);
  cluster.revoke();
  assert.doesNotMatch((await sendRequest(cluster, pod, 'GET', LEASES_PATH)).text, /RBAC/);
  cluster.grant({ rules: ELECTOR_RULES });
  assert.equal((await sendRequest(cluster, pod, 'GET', LEASES_PATH)).status, 200);
});

for (const [what, options, message] of [
  ['an unknown option', { rbacAfter: 1 }, /^TypeError: restartServer knows no "rbacAfter"/],
  ['a negative time', { tokensAfterMs: -1 }, /^RangeError: restartServer, tokensAfterMs, must be a number from 0/],
] as const) {
  test(`a restart with ${what} is refused, and the server stays`, async (t) => {
    const cluster = await start(t);
    await assert.rejects(cluster.restartServer(options as object), message);
    assert.equal((await sendRequest(cluster, null, 'GET', LEASES_PATH)).status, 200);
  });
}

test('an open watch breaks when the server stops', async (t) => {
  const cluster = await start(t);
  const opened = cluster.requests.next({ verb: 'watch' });
  const watch = sendRequest(cluster, null, 'GET', `${LEASES_PATH}?watch=1`);
  await opened;
  await Promise.all([assert.rejects(watch), cluster.stopServer()]);
});

test('the cluster does not change while its server is stopped, and the garbage collector waits', async (t) => {
  const cluster = await start(t, { garbageCollectionDelayMs: 0 });
  const pod = cluster.createPod({ name: 'web-0' });
  const other = cluster.createPod({ name: 'web-2' });
  await sendRequest(cluster, pod, 'POST', LEASES_PATH, leaseBody('app', ownedBy(pod)));
  await pod.forceDelete();
  await cluster.stopServer();
  assert.throws(() => cluster.createPod({ name: 'web-1' }), /API server is down.*partition/);
  await assert.rejects(other.delete(), /API server is down/);
  assert.ok(cluster.server.store.get(LEASES, 'default', 'app'));
  await cluster.restartServer();
  await cluster.until(() => cluster.leader() === undefined);
});

test('the garbage collector stops during a hold, and continues after it', async (t) => {
  const cluster = await start(t, { garbageCollectionDelayMs: 0 });
  const hold = cluster.holdGarbageCollector();
  const pod = cluster.createPod({ name: 'web-0' });
  await sendRequest(cluster, pod, 'POST', LEASES_PATH, leaseBody('app', ownedBy(pod)));
  await pod.forceDelete();
  assert.equal(cluster.leader(), pod, 'its Lease still exists');
  hold.release();
  hold[Symbol.dispose]();
  await cluster.until(() => cluster.leader() === undefined);
});

test('a watch from a compacted version is answered 410', async (t) => {
  const cluster = await start(t);
  const before = cluster.server.store.revision;
  cluster.createPod({ name: 'web-0' });
  cluster.compactHistory();
  const { text } = await sendRequest(cluster, null, 'GET', `${LEASES_PATH}?watch=1&resourceVersion=${before}`);
  assert.equal(JSON.parse(text).object.code, 410);
});

test('until() waits, and its error names the condition', async (t) => {
  const cluster = await start(t);
  let checks = 0;
  await cluster.until(() => {
    checks += 1;
    return checks === 3;
  });
  await assert.rejects(
    cluster.until(() => checks > 100, { timeoutMs: 0 }),
    /the condition did not hold within 0 ms: \(\) => checks > 100/,
  );
  await assert.rejects(
    cluster.until(() => true, { timeout: 1 } as object),
    TypeError,
  );
});

test('every method throws a clear error after stop()', async () => {
  const cluster = await EmbeddedCluster.start();
  const pod = cluster.createPod({ name: 'web-0' });
  const { signal } = pod.electorOptions();
  const directory = pod.serviceAccountDirectory;
  const waiting = cluster.until(() => false);
  pod.partition();
  const stopped = cluster.stop();
  assert.equal(cluster[Symbol.asyncDispose](), stopped, 'a second stop returns the same promise');
  await stopped;
  pod.heal();
  assert.ok(signal.aborted);
  assert.ok(!existsSync(directory));
  assert.deepEqual(cluster.faults.active, []);
  await assert.rejects(waiting, /until: the cluster was stopped/);
  for (const use of [
    () => cluster.url,
    () => cluster.kubeconfig(),
    () => cluster.namespace(),
    () => cluster.grant({ rules: [] }),
    () => cluster.revoke(),
    () => cluster.createPod({ name: 'web-1' }),
    () => cluster.compactHistory(),
    () => cluster.holdGarbageCollector(),
    () => pod.env,
    () => pod.electorOptions(),
    () => pod.expireToken(),
    () => pod.partition(),
  ]) {
    assert.throws(use, /the cluster was stopped/);
  }
  for (const use of [() => cluster.stopServer(), () => cluster.restartServer(), () => pod.delete()]) {
    await assert.rejects(use(), /the cluster was stopped/);
  }
});

test('a cluster that is stopped does not keep its process alive, even with faults under way', async () => {
  const script = `
    import { EmbeddedCluster } from ${JSON.stringify(new URL('../../src/testing/index.ts', import.meta.url).href)};
    const cluster = await EmbeddedCluster.start();
    cluster.createPod({ name: 'web-0' });
    cluster.faults.delay({ ms: 600_000 });
    fetch(cluster.url).catch(() => {});
    await cluster.stop();
    console.log('stopped');
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  assert.equal(stdout, 'stopped\n');
});

test('start() rejects when the port is taken', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  await assert.rejects(EmbeddedCluster.start({ port: address.port }), { code: 'EADDRINUSE' });
});

for (const [name, options, message] of [
  [
    'an instance of a class, whose getters would be lost',
    new (class {
      get historyLimit(): number {
        return 5;
      }
    })(),
    /EmbeddedCluster.start takes a plain object, but was given an instance of a class/,
  ],
  ['options that are inherited', Object.create({ historyLimit: 5 }), /EmbeddedCluster.start takes a plain object/],
  ['an unknown option', { seed: 1 }, /EmbeddedCluster.start knows no "seed"; it knows port/],
  ['a port out of range', { port: 70_000 }, /port, must be a whole number from 0 to 65535/],
  ['a log without a limit', { requestLogLimit: 0 }, /requestLogLimit, must be a whole number from 1/],
  ['no history', { historyLimit: 0.5 }, /historyLimit, must be a whole number/],
  ['a negative delay', { garbageCollectionDelayMs: -1 }, /garbageCollectionDelayMs, must be a number from 0/],
] as const) {
  test(`starting with ${name} is refused`, async () => {
    await assert.rejects(EmbeddedCluster.start(options as EmbeddedClusterOptions), message);
  });
}

for (const [name, options, message] of [
  ['without a name', {}, /createPod needs a name/],
  ['with an unknown option', { name: 'a', label: {} }, /createPod knows no "label"; it knows name, namespace/],
  ['with an invalid name', { name: 'Web' }, /Pod "Web" is invalid/],
  ['that exists already', { name: 'web-0' }, /createPod: the Pod default\/web-0 exists already/],
] as const) {
  test(`a Pod ${name} is refused`, async (t) => {
    const cluster = await start(t);
    cluster.createPod({ name: 'web-0' });
    assert.throws(() => cluster.createPod(options as unknown as EmbeddedPodOptions), message);
  });
}

test('restarts that are requested at the same time run one after another', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const { url } = cluster;
  await Promise.all([cluster.restartServer(), cluster.stopServer(), cluster.restartServer()]);
  assert.equal(cluster.url, url);
  cluster.createPod({ name: 'a' });
});

test('a cluster does not listen when it is stopped during a restart', async () => {
  for (const turns of [0, 1, 2, 5]) {
    const cluster = await EmbeddedCluster.start();
    const port = Number(new URL(cluster.url).port);
    const restarting = assert.rejects(cluster.restartServer(), /^Error: restartServer: the cluster was stopped$/);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    await cluster.stop();
    await restarting;
    const probe = createServer();
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen(port, '127.0.0.1', resolve);
    });
    await new Promise((resolve) => probe.close(resolve));
  }
});

test('grant() rejects an unknown key of a rule, and createPod() rejects an invalid grace period', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const rule = { verb: ['get'] } as unknown as PolicyRule;
  assert.throws(() => cluster.grant({ rules: [rule] }), /^TypeError: grant, rules, knows no "verb"/);
  for (const gracePeriodSeconds of [-1, Number.NaN, 0.5]) {
    assert.throws(() => cluster.createPod({ name: 'a', gracePeriodSeconds }), RangeError);
  }
});
