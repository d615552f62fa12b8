/**
 * Checks the sources of credentials: the service account of a Pod, a KubeConfig object, and a kubeconfig file.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { LeaseElectorError } from '../../src/errors.ts';
import { type Cluster, type ConnectOptions, connectToCluster } from '../../src/kube/connect.ts';
import { type Environment, kubeConfigFileCredentials, podCredentials } from '../../src/kube/credentials.ts';
import { isShortage } from '../../src/runtime/shortage.ts';
import { TEST_CA_CERTIFICATE } from '../../src/testing/access/test-certificate.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import {
  boundToken,
  connectInPod,
  failureOf,
  json,
  type SeenRequest,
  type StubServer,
  serviceAccountDirectory,
  startStub,
  statusBody,
  successOf,
} from './stub-server.ts';
import { startProxy, startSocksProxy } from './tunnel-proxy.ts';

const LEASE = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '41' },
};
const ON_LINUX = { skip: process.platform === 'linux' ? false : 'other systems count descriptors differently' };
const IN_POD: Environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

function connectWith(options: Partial<ConnectOptions>): Promise<Cluster> {
  return connectToCluster({ requestTimeoutMs: 5_000, clock: new ManualClock(), environment: {}, ...options });
}

/** Reads the Lease, and returns the request that the server received. */
async function readLease(t: TestContext, stub: StubServer, cluster: Cluster): Promise<SeenRequest> {
  t.after(() => cluster.close());
  successOf(await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read());
  return stub.seen.at(-1) as SeenRequest;
}

function kubeConfigOf(stub: StubServer, cluster: object = {}, user: object = { token: 'kube-token' }): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [
      {
        name: 'c',
        server: `https://127.0.0.1:${stub.port}`,
        caData: Buffer.from(TEST_CA_CERTIFICATE).toString('base64'),
        skipTLSVerify: false,
        ...cluster,
      },
    ],
    users: [{ name: 'u', ...user }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u', namespace: 'shop' }],
    currentContext: 'x',
  });
  return kubeConfig;
}

function startLeaseStub(t: TestContext, protocol: 'https' | 'http' = 'https'): Promise<StubServer> {
  return startStub(t, (_, response) => json(response, 200, LEASE), protocol);
}

test('the error names the possible sources when there is neither a Pod nor a KubeConfig', async () => {
  await assert.rejects(connectWith({}), {
    code: 'ERR_LEASE_ELECTOR_NO_CLUSTER',
    message:
      /not run in a Pod.*`kubeConfig`.*LEASE_ELECTOR_LOCAL=leader.*`local: true`.*KUBECONFIG and ~\/\.kube\/config are used only/,
  });
  await assert.rejects(connectWith({ environment: { ...IN_POD, KUBERNETES_SERVICE_PORT: 'https' } }), {
    code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
  });
});

test('the error names a file that cannot be read', async (t) => {
  for (const file of ['token', 'ca.crt']) {
    const directory = serviceAccountDirectory(t);
    rmSync(join(directory, file));
    await assert.rejects(connectWith({ environment: IN_POD, serviceAccountDirectory: directory }), {
      code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
      message: new RegExp(`${join(directory, file)} cannot be read.*automountServiceAccountToken`),
    });
    writeFileSync(join(directory, file), ' \n');
    await assert.rejects(connectWith({ environment: IN_POD, serviceAccountDirectory: directory }), {
      code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
      message: new RegExp(`${join(directory, file)} is empty`),
    });
  }
});

test('an IPv6 address of the API server is understood with and without brackets', (t) => {
  const directory = serviceAccountDirectory(t);
  for (const host of ['fd00::1', '[fd00::1]']) {
    const credentials = podCredentials({ ...IN_POD, KUBERNETES_SERVICE_HOST: host }, directory, new ManualClock());
    assert.deepEqual(credentials.server, { protocol: 'https:', hostname: 'fd00::1', port: 443, basePath: '' });
  }
});

test('the files are checked at most once a second, and an authorization is built only when they change', async (t) => {
  const directory = serviceAccountDirectory(t);
  const clock = new ManualClock();
  const credentials = podCredentials(IN_POD, directory, clock);
  const first = await credentials.authorize();
  writeFileSync(join(directory, 'token'), 'a-second-token');
  clock.advance(999);
  assert.equal(await credentials.authorize(), first);
  clock.advance(1);
  const second = await credentials.authorize();
  assert.equal(second.headers['authorization'], 'Bearer a-second-token');
  clock.advance(10_000);
  assert.equal(await credentials.authorize(), second);
  assert.equal(clock.timers.size, 0, 'no timer keeps the process alive');
});

test('a changed ca.crt is used', async (t) => {
  const { cluster, directory, clock } = await connectInPod(t, (_, response) => json(response, 200, LEASE), {
    ca: '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n',
  });
  const { lease } = cluster.ports({ namespace: 'shop', lease: 'web' });
  assert.equal((await lease.read()).ok, false);
  writeFileSync(join(directory, 'ca.crt'), TEST_CA_CERTIFICATE);
  clock.advance(1_000);
  successOf(await lease.read());
});

test('a process in its Pod takes its identity from its token, without a request', async (t) => {
  const token = boundToken('shop', 'web-0', 'pod-uid');
  const { stub, cluster } = await connectInPod(t, () => assert.fail('asked'), { token });
  assert.deepEqual(successOf(await cluster.identify({ lease: 'web' })), {
    pod: { name: 'web-0', uid: 'pod-uid' },
    namespace: 'shop',
    lease: 'web',
  });
  assert.equal(stub.seen.length, 0);
});

test('an unbound token leads to one read of the Pod by hostname and namespace file', async (t) => {
  const { stub, cluster } = await connectInPod(t, (_, response) =>
    json(response, 200, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web-0', namespace: 'shop', uid: 'p', resourceVersion: '1', labels: { app: 'a' } },
    }),
  );
  assert.deepEqual(successOf(await cluster.identify({})), {
    pod: { name: 'web-0', uid: 'p' },
    namespace: 'shop',
    lease: 'a',
  });
  assert.deepEqual(
    stub.seen.map((request) => request.path),
    ['/api/v1/namespaces/shop/pods/web-0'],
  );
});

test('the error names the Pod when it does not exist', async (t) => {
  const { cluster } = await connectInPod(t, (_, response) =>
    json(response, 404, statusBody(404, 'NotFound', 'pods "web-0" not found', { name: 'web-0', kind: 'pods' })),
  );
  await assert.rejects(cluster.identify({ lease: 'web' }), { code: 'ERR_LEASE_ELECTOR_IDENTITY' });
});

test('a KubeConfig object brings its token, CA and the namespace of its context', async (t) => {
  const stub = await startLeaseStub(t);
  const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub) });
  const seen = await readLease(t, stub, cluster);
  assert.equal(seen.headers['authorization'], 'Bearer kube-token');
  const metadata = { name: 'p', namespace: 'shop', uid: 'u', resourceVersion: '1' };
  stub.respond = (_, response) => json(response, 200, { apiVersion: 'v1', kind: 'Pod', metadata });
  const identity = successOf(await cluster.identify({ lease: 'web', pod: { name: 'p', uid: 'u' } }));
  assert.equal(identity.namespace, 'shop');
});

test('a KubeConfig whose token is bound to a Pod identifies this process', async (t) => {
  const stub = await startLeaseStub(t);
  const kubeConfig = kubeConfigOf(stub, {}, { token: boundToken('other', 'api-0', 'api-uid') });
  const identity = successOf(await (await connectWith({ kubeConfig })).identify({ lease: 'web' }));
  assert.deepEqual(identity, { pod: { name: 'api-0', uid: 'api-uid' }, namespace: 'other', lease: 'web' });
});

test("a KubeConfig's basic authentication, impersonation and path prefix are honoured", async (t) => {
  const stub = await startLeaseStub(t);
  const kubeConfig = kubeConfigOf(
    stub,
    { server: `https://127.0.0.1:${stub.port}/k8s/clusters/c-1/` },
    { username: 'anna', password: 'secret', impersonateUser: 'bert' },
  );
  const seen = await readLease(t, stub, await connectWith({ kubeConfig }));
  assert.equal(seen.headers['authorization'], `Basic ${Buffer.from('anna:secret').toString('base64')}`);
  assert.equal(seen.headers['impersonate-user'], 'bert');
  assert.match(seen.path, /^\/k8s\/clusters\/c-1\/apis\/coordination/);
});

test('a certificate for another host is untrusted', async (t) => {
  const stub = await startLeaseStub(t);
  const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, { tlsServerName: 'api.example.com' }) });
  const failure = failureOf(await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read());
  assert.equal(failure.kind, 'untrusted');
  assert.match(failure.message, /ERR_TLS_CERT_ALTNAME_INVALID/);
});

test('a KubeConfig can skip the verification of the certificate', async (t) => {
  const stub = await startLeaseStub(t);
  const kubeConfig = kubeConfigOf(stub, { caData: undefined, skipTLSVerify: true });
  await readLease(t, stub, await connectWith({ kubeConfig }));
});

test('a KubeConfig can use a plain http server only with skipTLSVerify', async (t) => {
  const stub = await startLeaseStub(t, 'http');
  const server = `http://127.0.0.1:${stub.port}`;
  await readLease(t, stub, await connectWith({ kubeConfig: kubeConfigOf(stub, { server, skipTLSVerify: true }) }));
  await assert.rejects(connectWith({ kubeConfig: kubeConfigOf(stub, { server }) }), {
    code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
    message: /insecure-skip-tls-verify/,
  });
});

test('an exec plug-in is run for its token, and again when the token has expired', async (t) => {
  const stub = await startLeaseStub(t);
  // Hands out a token that is already expired, with a number that grows.
  const counter = join(serviceAccountDirectory(t), 'counter');
  writeFileSync(counter, '');
  const script = `
    const { appendFileSync, statSync } = require('node:fs');
    appendFileSync(${JSON.stringify(counter)}, 'x');
    const token = 'exec-' + statSync(${JSON.stringify(counter)}).size;
    console.log(JSON.stringify({ status: { token, expirationTimestamp: '2020-01-01T00:00:00Z' } }));`;
  const kubeConfig = kubeConfigOf(stub, {}, { exec: { command: process.execPath, args: ['-e', script] } });
  const cluster = await connectWith({ kubeConfig });
  assert.equal((await readLease(t, stub, cluster)).headers['authorization'], 'Bearer exec-1');
  assert.equal((await readLease(t, stub, cluster)).headers['authorization'], 'Bearer exec-2');
});

test('a broken exec plug-in fails the request, which can be retried, and not the process', async (t) => {
  const stub = await startLeaseStub(t);
  const user = { exec: { command: process.execPath, args: ['-e', 'console.error("log in first"); process.exit(3)'] } };
  const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, {}, user) });
  const failure = failureOf(await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read());
  assert.equal(failure.kind, 'unavailable');
  assert.match(failure.message, /log in first/);
  const unknown = await cluster.identify({ lease: 'web' });
  assert.match(failureOf(unknown).message, /log in first/);
});

for (const protocol of ['https', 'http'] as const) {
  test(`the requests to an ${protocol} server share one tunnel of the HTTP proxy, and a watch has a separate one`, async (t) => {
    const stub = await startLeaseStub(t, protocol);
    const proxy = await startProxy(t);
    const server = `${protocol}://127.0.0.1:${stub.port}`;
    const options = { proxyUrl: proxy.url, server, ...(protocol === 'http' ? { skipTLSVerify: true } : {}) };
    const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, options) });
    for (let request = 0; request < 5; request += 1) await readLease(t, stub, cluster);
    assert.deepEqual(proxy.tunnels, [`127.0.0.1:${stub.port}`]);
    await new Promise<void>((resolve) => {
      const sink = { opened() {}, event() {}, ended: () => resolve() };
      cluster.ports({ namespace: 'shop', lease: 'web' }).leaseWatch.open('1', 1, sink);
    });
    assert.equal(proxy.tunnels.length, 2);
    await readLease(t, stub, cluster);
    await until(() => proxy.open === 1);
    assert.equal(proxy.tunnels.length, 2, 'the watch does not use the kept tunnel');
    // The next request finds the tunnel broken and is sent once more.
    proxy.cut();
    await readLease(t, stub, cluster);
    assert.equal(proxy.tunnels.length, 3);
    cluster.close();
    await until(() => proxy.open === 0);
  });
}

test('requests through a SOCKS proxy keep one connection, which ends with the client', async (t) => {
  const stub = await startLeaseStub(t);
  const proxy = await startSocksProxy(t);
  const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, { proxyUrl: proxy.url }) });
  for (let request = 0; request < 5; request += 1) await readLease(t, stub, cluster);
  assert.equal(proxy.tunnels.length, 1);
  cluster.close();
  await until(() => proxy.open === 0);
});

test('the proxy of a kubeconfig that was read again is used from then on', async (t) => {
  const stub = await startLeaseStub(t);
  const proxies = [await startProxy(t), await startProxy(t)] as const;
  const path = join(serviceAccountDirectory(t), 'kubeconfig');
  const write = (proxyUrl: string): void =>
    writeFileSync(path, kubeConfigOf(stub, { proxyUrl }).exportConfig().replaceAll('proxyUrl', 'proxy-url'));
  write(proxies[0].url);
  const cluster = await connectWith({ kubeConfig: { path } });
  await readLease(t, stub, cluster);
  write(proxies[1].url);
  stub.respond = (_, response) => {
    stub.respond = (_, again) => json(again, 200, LEASE);
    json(response, 401, statusBody(401, 'Unauthorized', 'Unauthorized'));
  };
  await readLease(t, stub, cluster);
  assert.deepEqual([proxies[0].tunnels.length, proxies[1].tunnels.length], [1, 1]);
  await until(() => proxies[0].open === 0);
});

const PROXY_PASSWORD = 's3cr3t-p@ss%';

test('a proxy receives its password, and no failure of a proxy contains it', async (t) => {
  const stub = await startLeaseStub(t);
  const proxy = await startProxy(t);
  const user = `anna:${encodeURIComponent(PROXY_PASSWORD)}@`;
  const proxyUrl = proxy.url.replace('//', `//${user}`);
  const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, { proxyUrl }) });
  await readLease(t, stub, cluster);
  assert.equal(proxy.authorization, `Basic ${Buffer.from(`anna:${PROXY_PASSWORD}`).toString('base64')}`);

  let mutes = 0;
  const mute = createNetServer((socket) => {
    mutes += 1;
    t.after(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  t.after(() => mute.close());
  await once(mute, 'listening');
  const socks = await startSocksProxy(t);
  const closed = await startProxy(t);
  await closed.close();
  const cases: readonly (readonly [url: string, answer: number, expected: RegExp])[] = [
    [
      proxy.url,
      407,
      /the proxy 127\.0\.0\.1:\d+ answered 407 to CONNECT\. Check the name and the password in proxy-url/,
    ],
    [proxy.url, 503, /the proxy 127\.0\.0\.1:\d+ answered 503 to CONNECT\. Check that proxy-url names an HTTP proxy/],
    [closed.url, 200, /the proxy 127\.0\.0\.1:\d+ cannot be used: connect ECONNREFUSED.*Check proxy-url/],
    [`http://127.0.0.1:${(mute.address() as AddressInfo).port}`, 200, /no tunnel within 200 ms/],
    [socks.url, 200, /failed: .*[Ss]ocks/],
  ];
  for (const [url, answer, expected] of cases) {
    proxy.answer = answer;
    socks.refuses = true;
    const kubeConfig = kubeConfigOf(stub, { proxyUrl: url.replace('//', `//${user}`) });
    const clock = new ManualClock();
    const failing = await connectWith({ kubeConfig, clock, requestTimeoutMs: 200 });
    t.after(() => failing.close());
    const answered = failing.ports({ namespace: 'shop', lease: 'web' }).lease.read();
    if (expected.source.includes('within 200 ms')) {
      await until(() => mutes > 0);
      clock.advance(200);
    }
    const failure = failureOf(await answered);
    assert.equal(failure.kind, 'unavailable');
    assert.match(failure.message, expected);
    const shown = inspect(failure, { depth: 10, showHidden: true });
    for (const secret of [PROXY_PASSWORD, encodeURIComponent(PROXY_PASSWORD), 'anna']) {
      assert.ok(!shown.includes(secret), shown);
    }
  }
});

test('an invalid address of a proxy is refused and not shown', async (t) => {
  const stub = await startLeaseStub(t);
  for (const proxyUrl of ['proxy:3128', `anna:${PROXY_PASSWORD}@proxy`, 'ftp://anna:s3cr3t@proxy', 'http://', '//x']) {
    await assert.rejects(connectWith({ kubeConfig: kubeConfigOf(stub, { proxyUrl }) }), (error: unknown) => {
      assert.ok(error instanceof LeaseElectorError);
      assert.equal(error.code, 'ERR_LEASE_ELECTOR_CREDENTIALS');
      assert.match(error.message, /cluster "c" has a `proxy-url` that names no proxy\. Set it/);
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes('s3cr3t'));
      return true;
    });
  }
});

test('a tunnel ends with the client when it is not open yet', async (t) => {
  const stub = await startLeaseStub(t);
  let open = 0;
  const mute = createNetServer((socket) => {
    open += 1;
    socket
      .on('error', () => {})
      .on('close', () => (open -= 1))
      .resume();
  }).listen(0, '127.0.0.1');
  t.after(() => mute.close());
  await once(mute, 'listening');
  const proxyUrl = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, { proxyUrl }) });
  const read = cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read();
  await until(() => open === 1);
  cluster.close();
  assert.equal(failureOf(await read).kind, 'unavailable');
  await until(() => open === 0);
});

test('two electors share one source of a kubeconfig until its file changes', async (t) => {
  const stub = await startLeaseStub(t);
  const path = join(serviceAccountDirectory(t), 'kubeconfig');
  const load = (token: string): ReturnType<typeof kubeConfigFileCredentials> => {
    writeFileSync(path, kubeConfigOf(stub, {}, { token }).exportConfig());
    return kubeConfigFileCredentials({ path });
  };
  const { source } = await load('first-secret');
  assert.equal((await load('first-secret')).source, source);
  const other = await load('other-secret');
  assert.notEqual(other.source, source);
  assert.doesNotMatch(String(source), /secret/);
  // After a refusal the file is read again, and the credentials are those of its present contents.
  const reread = await load('first-secret');
  await load('other-secret');
  reread.distrust();
  assert.equal(reread.source, other.source);
});

test('a kubeconfig file is loaded on request, with the given context, and again after a 401', async (t) => {
  const stub = await startStub(t, (request, response) => {
    if (request.headers['authorization'] === 'Bearer new-token') json(response, 200, LEASE);
    else {
      write('new-token');
      json(response, 401, statusBody(401, 'Unauthorized', 'Unauthorized'));
    }
  });
  const path = join(serviceAccountDirectory(t), 'kubeconfig');
  const write = (token: string): void => {
    const exported = JSON.parse(kubeConfigOf(stub, {}, { token }).exportConfig());
    writeFileSync(path, JSON.stringify({ ...exported, 'current-context': 'none' }));
  };
  write('old-token');
  const seen = await readLease(t, stub, await connectWith({ kubeConfig: { path, context: 'x' } }));
  assert.equal(seen.headers['authorization'], 'Bearer new-token');
  assert.equal(stub.seen.length, 2);
  const rejections: [Partial<ConnectOptions>, RegExp][] = [
    [{ kubeConfig: { path, context: 'y' } }, /has no context "y"/],
    [{ kubeConfig: { path } }, /current context \("none"\) names no cluster/],
    [{ kubeConfig: { path: `${path}.missing` } }, /kubeconfig\.missing cannot be read/],
  ];
  for (const [options, message] of rejections) {
    await assert.rejects(connectWith(options), { code: 'ERR_LEASE_ELECTOR_CREDENTIALS', message });
  }
});

const SECRETS = { token: 's3cr3t-t0k3n', key: 'c2VjcmV0LWNsaWVudC1rZXk=' };

/** A kubeconfig that is valid except for this line in its middle. */
function brokenKubeConfig(fault: string): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: { server: "https://127.0.0.1:1" }
users:
- name: u
  user:
    token: ${SECRETS.token}
    client-key-data: ${SECRETS.key}
${fault}
contexts:
- { name: x, context: { cluster: c, user: u } }
current-context: x
`;
}

const BROKEN: readonly (readonly [fault: string, text: string, expected: RegExp])[] = [
  ['a tab', brokenKubeConfig('\tx: 1'), /it is not YAML at line \d+, column \d+/],
  ['a bracket', brokenKubeConfig('  - ]'), /it is not YAML at line 11, column \d+/],
  ['a key twice', brokenKubeConfig(`    token: ${SECRETS.token}`), /it is not YAML at line 11, column \d+/],
  ['an alias of nothing', brokenKubeConfig(`    exec: *${SECRETS.token}`), /it is not YAML at line 11, column \d+/],
  ['a quote without its end', brokenKubeConfig(`    x: "${SECRETS.token}`), /it is not YAML at line \d+, column \d+/],
  ['half a JSON', `{"users":[{"user":{"token":"${SECRETS.token}"`, /it is not YAML at line 1, column \d+/],
  ['a user without a name', `users:\n- user: { token: ${SECRETS.token} }`, /: users\[0\]\.name is missing\. /],
  [
    'an eleventh user without a name',
    `users:\n${'- { name: u, user: {} }\n'.repeat(10)}- user: { token: ${SECRETS.token} }`,
    /: users\[10\]\.name is missing\. /,
  ],
  [
    'a bracket and a comment like a message',
    `users:\n- user: { token: ${SECRETS.token} }\n  ]\n# users[0].name is missing\n`,
    /it is not YAML at line 3, column \d+/,
  ],
  ['an entry that is null', 'users: [null]', /cannot be read\. Its contents are not shown/],
  ['text in place of a list', `users: ${SECRETS.token}`, /names no cluster/],
  ['text alone', SECRETS.token, /names no cluster/],
  ['nothing', '', /cannot be read\. Its contents are not shown/],
];
for (const [fault, text, expected] of BROKEN) {
  test(`a kubeconfig with ${fault} is refused with file and position, and its content is not shown`, async (t) => {
    const path = join(serviceAccountDirectory(t), 'kubeconfig');
    writeFileSync(path, text);
    const error = await connectWith({ kubeConfig: { path } }).then(
      () => assert.fail('connected'),
      (thrown: unknown) => thrown as LeaseElectorError,
    );
    assert.equal(error.code, 'ERR_LEASE_ELECTOR_CREDENTIALS');
    assert.match(error.message, expected);
    const shown = inspect(error, { depth: 10, showHidden: true });
    for (const secret of Object.values(SECRETS)) assert.ok(!shown.includes(secret), shown);
    if (!expected.source.includes('names no cluster'))
      assert.ok(error.message.includes(path), 'the error names the file');
  });
}

test('the text of a kubeconfig that is given as a path is not shown', async () => {
  for (const path of [brokenKubeConfig(''), JSON.stringify({ token: SECRETS.token }), SECRETS.token.repeat(30)]) {
    await assert.rejects(connectWith({ kubeConfig: { path } }), (error: unknown) => {
      assert.ok(error instanceof LeaseElectorError);
      assert.equal(error.code, 'ERR_LEASE_ELECTOR_CREDENTIALS');
      assert.match(error.message, /a path of \d+ characters, which is not shown/);
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(SECRETS.token), error.message);
      return true;
    });
  }
});

test("a cluster's address, which can contain a password, is not shown", async (t) => {
  const stub = await startLeaseStub(t);
  const kubeConfig = kubeConfigOf(stub, { server: `ftp://anna:${SECRETS.token}@127.0.0.1` });
  await assert.rejects(connectWith({ kubeConfig }), (error: unknown) => {
    assert.match(String(error), /cluster "c" has no http\(s\) address/);
    assert.ok(!inspect(error, { depth: 10 }).includes(SECRETS.token));
    return true;
  });
});

const PLUGINS: readonly (readonly [plugin: string, exec: object, expected: RegExp])[] = [
  ['prints no JSON', { command: process.execPath, args: ['-p', JSON.stringify(SECRETS.token)] }, /printed .* not JSON/],
];
for (const [plugin, exec, expected] of PLUGINS) {
  test(`an auth plug-in that ${plugin} fails the request, and shows neither output nor arguments`, async (t) => {
    const stub = await startLeaseStub(t);
    const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, {}, { exec }) });
    t.after(() => cluster.close());
    for (const answer of [
      await cluster.identify({ lease: 'web' }),
      await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read(),
    ]) {
      const failure = failureOf(answer);
      assert.equal(failure.kind, 'unavailable');
      assert.match(failure.message, expected);
      assert.ok(!inspect(failure, { depth: 10, showHidden: true }).includes(SECRETS.token));
    }
  });
}

for (const [what, command, why] of [
  ['does not exist', '/does/not/exist', /"\/does\/not\/exist" .*not found\. Install it/],
  ['is not executable', '/etc/passwd', /"\/etc\/passwd" .*not permitted to execute/],
  ['lies below a file', '/etc/passwd/plug-in', /cannot be started: it was not found/],
] as const) {
  test(`an auth plug-in that ${what} ends the start at once, and its arguments are not shown`, async (t) => {
    const stub = await startLeaseStub(t);
    const exec = { command, args: [SECRETS.token] };
    const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, {}, { exec }) });
    t.after(() => cluster.close());
    await assert.rejects(cluster.identify({ lease: 'web' }), (error: LeaseElectorError) => {
      assert.equal(error.code, 'ERR_LEASE_ELECTOR_CREDENTIALS');
      assert.match(error.message, why);
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(SECRETS.token));
      return true;
    });
    // A request of a running elector fails like any other: the plug-in may be installed again.
    const failure = failureOf(await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read());
    assert.equal(failure.kind, 'unavailable');
    assert.match(failure.message, why);
  });
}

for (const [what, user, message] of [
  [
    'a client certificate',
    { certFile: '/does/not/exist/cert', keyFile: '/does/not/exist/key' },
    /^The file \/does\/not\/exist\/cert, .*cannot be read \(ENOENT\)\. Provide it/,
  ],
  [
    'a token file',
    { authProvider: { name: 'tokenFile', config: { tokenFile: '/etc' } } },
    /^A file that the kubeconfig names cannot be read \(EISDIR\)/,
  ],
] as const) {
  test(`${what} of the kubeconfig that cannot be read ends the start at once`, async (t) => {
    const stub = await startLeaseStub(t);
    const cluster = await connectWith({ kubeConfig: kubeConfigOf(stub, {}, user) });
    t.after(() => cluster.close());
    await assert.rejects(cluster.identify({ lease: 'web' }), { code: 'ERR_LEASE_ELECTOR_CREDENTIALS', message });
    const failure = failureOf(await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read());
    assert.equal(failure.kind, 'unavailable');
    assert.equal(stub.seen.length, 0);
  });
}

/** Opens files until no descriptor is left, and returns the function that closes them. */
function takeAllDescriptors(): () => void {
  const descriptors: number[] = [];
  for (;;) {
    try {
      descriptors.push(openSync('/dev/null', 'r'));
    } catch {
      return () => descriptors.splice(0).forEach(closeSync);
    }
  }
}

test('a namespace file is a temporary failure when no file descriptor is free', ON_LINUX, async (t) => {
  const { cluster } = await connectInPod(t, () => assert.fail('asked'));
  const release = takeAllDescriptors();
  t.after(release);
  const failure = failureOf(await cluster.identify({ lease: 'web' }));
  release();
  assert.equal(failure.kind, 'unavailable');
  assert.match(failure.message, /EMFILE.*Close files and sockets/);
});

test(
  'credentials in files and in a kubeconfig are a temporary shortage when no file descriptor is free',
  ON_LINUX,
  async (t) => {
    const directory = serviceAccountDirectory(t);
    const stub = await startLeaseStub(t);
    const path = join(directory, 'kubeconfig');
    writeFileSync(path, kubeConfigOf(stub).exportConfig());
    const options = [{ serviceAccountDirectory: directory, environment: IN_POD }, { kubeConfig: { path } }];
    for (const option of options) {
      const release = takeAllDescriptors();
      const error = await connectWith(option).catch((thrown: unknown) => thrown);
      release();
      assert.ok(isShortage(error), String(error));
      (await connectWith(option)).close();
    }
  },
);
