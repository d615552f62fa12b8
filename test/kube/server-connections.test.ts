/**
 * Checks that electors with the same credentials share connections and the token, and do not disturb one another.
 */

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { ApiClient } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { IDLE_PIECES, PATIENCE_MS } from '../../src/kube/connection-queue.ts';
import {
  type Credentials,
  kubeConfigCredentials,
  podCredentials,
  type UsedKubeConfig,
} from '../../src/kube/credentials.ts';
import { ServerConnections } from '../../src/kube/server-connections.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { json, type StubServer, serviceAccountDirectory, startStub, statusBody } from './stub-server.ts';
import { startProxy } from './tunnel-proxy.ts';

const TIMEOUT_MS = 5_000;
const POD = { kind: 'Pod', metadata: { name: 'web-0', uid: 'u', resourceVersion: '1' } };

function readOf(name: string): ApiRequest {
  return { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name };
}

const READ = readOf('web-0');
const WATCH: ApiRequest = { ...READ, verb: 'watch', watch: { resourceVersion: '1', timeoutSeconds: 300 } };
const SILENT = { opened() {}, bytes() {}, ended() {} };

/** A server that keeps watches open and answers every read except that of the Pod `hangs`. */
async function startServer(t: TestContext): Promise<StubServer> {
  return startStub(t, ({ path }, response) => {
    if (path.includes('watch=true')) response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    else if (!path.endsWith('/hangs')) json(response, 200, POD);
  });
}

interface Setting {
  readonly stub: StubServer;
  readonly directory: string;
  readonly clock: ManualClock;
  readonly credentials: () => Credentials;
  readonly client: (options?: { readonly credentials?: Credentials; readonly requestTimeoutMs?: number }) => ApiClient;
}

async function start(t: TestContext, files: Parameters<typeof serviceAccountDirectory>[1] = {}): Promise<Setting> {
  const stub = await startServer(t);
  const directory = serviceAccountDirectory(t, files);
  const clock = new ManualClock();
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(stub.port) };
  const credentials = (): Credentials => podCredentials(environment, directory, clock);
  const client: Setting['client'] = (options = {}) => {
    const made = new ApiClient({ credentials: credentials(), requestTimeoutMs: TIMEOUT_MS, clock, ...options });
    t.after(() => made.close());
    return made;
  };
  return { stub, directory, clock, credentials, client };
}

function sockets(stub: StubServer): number {
  return new Set(stub.seen.map(({ socket }) => socket)).size;
}

function openSockets(stub: StubServer): number {
  return new Set(stub.seen.map(({ socket }) => socket).filter(({ destroyed }) => !destroyed)).size;
}

async function succeed(...answers: readonly ReturnType<ApiClient['request']>[]): Promise<void> {
  for (const answer of await Promise.all(answers)) assert.equal(answer.ok, true);
}

test('a hundred electors send two hundred requests at once over three connections', async (t) => {
  const { stub, client, clock } = await start(t);
  const clients = Array.from({ length: 100 }, () => client());
  await succeed(...clients.flatMap((one) => [one.request(READ), one.request(READ)]));
  assert.equal(sockets(stub), 3);
  assert.equal(stub.seen.length, 200);
  for (const one of clients) one.close();
  await until(() => openSockets(stub) === 0);
  assert.equal(clock.timers.size, 0);
});

test('the requests of others are answered at once when two requests of one elector hang', async (t) => {
  const { client, clock } = await start(t);
  const slow = client();
  const hanging = [slow.request(readOf('hangs')), slow.request(readOf('hangs'))];
  const others = Array.from({ length: 20 }, () => client());
  await succeed(...others.flatMap((one) => [one.request(READ), one.request(READ), one.request(READ)]));
  clock.advance(TIMEOUT_MS);
  for (const answer of await Promise.all(hanging)) assert.equal(answer.ok, false);
});

test('the requests of others are answered after a moment when requests of many electors hang', async (t) => {
  const { stub, client, clock } = await start(t);
  const slow = Array.from({ length: 10 }, () => client());
  const hanging = slow.flatMap((one) => [one.request(readOf('hangs')), one.request(readOf('hangs'))]);
  await until(() => stub.seen.length === 3);
  const answer = client().request(READ);
  let waitedMs = 0;
  let isAnswered = false;
  void answer.then(() => {
    isAnswered = true;
  });
  for (let doublings = 1; doublings <= 3; doublings += 1) {
    for (let piece = 0; piece < IDLE_PIECES; piece += 1) clock.advance(PATIENCE_MS);
    waitedMs += IDLE_PIECES * PATIENCE_MS;
    const wanted = Math.min(3 * 2 ** doublings, 21);
    await until(() => stub.seen.length === wanted);
  }
  await until(() => isAnswered);
  assert.ok(waitedMs < TIMEOUT_MS / 2);
  await succeed(answer);
  for (const one of slow) one.close();
  await Promise.all(hanging);
});

test('a hundred lists beside the election share two connections at a time and delay no request', async (t) => {
  const { stub, client } = await start(t);
  const clients = Array.from({ length: 10 }, () => client());
  const apart = clients.map((one) => one.request({ ...readOf('hangs'), apart: true }));
  await until(() => stub.seen.length === 2);
  await succeed(...clients.map((one) => one.request(READ)));
  assert.equal(stub.seen.length, 12);
  for (const one of clients) one.close();
  await Promise.all(apart);
});

test('different servers, directories, time-outs, clocks and kubeconfigs are not shared', async (t) => {
  const one = await start(t);
  const first = one.client();
  await succeed(first.request(READ));
  const otherServer = await start(t);
  await succeed(otherServer.client().request(READ));
  assert.equal(sockets(otherServer.stub), 1);
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(one.stub.port) };
  const other = serviceAccountDirectory(t, { token: 'other-token' });
  const kubeConfigs = [kubeConfigOf(one.stub.port, 'a'), kubeConfigOf(one.stub.port, 'b')];
  const others = [
    one.client({ credentials: podCredentials(environment, other, one.clock) }),
    one.client({ requestTimeoutMs: TIMEOUT_MS + 1 }),
    ...kubeConfigs.map((kubeConfig) => one.client({ credentials: kubeConfigCredentials(kubeConfig, null) })),
  ];
  const clock = new ManualClock();
  const otherClock = new ApiClient({ credentials: one.credentials(), requestTimeoutMs: TIMEOUT_MS, clock });
  t.after(() => otherClock.close());
  await succeed(...[...others, otherClock].map((client) => client.request(READ)));
  assert.equal(sockets(one.stub), 6);
  assert.deepEqual(one.stub.seen.map(({ headers }) => headers.authorization).sort(), [
    'Bearer a',
    'Bearer b',
    'Bearer first-token',
    'Bearer first-token',
    'Bearer first-token',
    'Bearer other-token',
  ]);
  // The same KubeConfig object is the same credentials.
  const [kubeConfig] = kubeConfigs;
  assert.ok(kubeConfig !== undefined);
  await succeed(one.client({ credentials: kubeConfigCredentials(kubeConfig, null) }).request(READ));
  assert.equal(sockets(one.stub), 6);
});

function kubeConfigOf(port: number, token: string): UsedKubeConfig {
  return {
    getCurrentContext: () => 'x',
    getContextObject: () => null,
    getCurrentCluster: () => ({ name: 'c', server: `https://127.0.0.1:${port}`, skipTLSVerify: true }),
    async applyToHTTPSOptions(applied) {
      Object.assign(applied, { headers: { authorization: `Bearer ${token}` }, rejectUnauthorized: false });
    },
  };
}

test('an elector that stops ends only its own requests and streams, and the last one leaves no connection', async (t) => {
  const { stub, client, clock } = await start(t);
  const [first, second] = [client(), client()];
  const ended: string[] = [];
  first.stream(WATCH, { ...SILENT, ended: () => ended.push('first') });
  second.stream(WATCH, { ...SILENT, ended: () => ended.push('second') });
  await until(() => stub.seen.length === 2);
  const own = first.request(readOf('hangs'));
  const other = second.request(readOf('hangs'));
  await until(() => stub.seen.length === 4);
  first.close();
  first.close();
  const answer = await own;
  assert.ok(!answer.ok && answer.failure.message.includes('the connections were closed'));
  await until(() => openSockets(stub) === 2);
  await succeed(second.request(READ));
  assert.deepEqual(
    ended.filter((name) => name === 'second'),
    [],
  );
  second.close();
  assert.equal((await other).ok, false);
  await until(() => openSockets(stub) === 0);
  assert.equal(clock.timers.size, 0);
  // The next elector opens new connections.
  await succeed(client().request(READ));
});

test('a client that was closed twice does not close the connections of another one', async (t) => {
  const { stub, client } = await start(t);
  const [first, second, third] = [client(), client(), client()];
  await succeed(second.request(READ));
  first.close();
  first.close();
  second.close();
  await succeed(third.request(READ));
  assert.equal(sockets(stub), 1);
});

test('a new token reaches all electors, even if a new elector reads it', async (t) => {
  const { stub, directory, client, clock } = await start(t);
  const clients = Array.from({ length: 5 }, () => client());
  const tokens = async (): Promise<readonly (string | undefined)[]> => {
    stub.seen.length = 0;
    await succeed(...clients.map((one) => one.request(READ)));
    return [...new Set(stub.seen.map(({ headers }) => headers.authorization))];
  };
  assert.deepEqual(await tokens(), ['Bearer first-token']);
  writeFileSync(join(directory, 'token'), 'second-token!');
  clock.advance(1_000);
  assert.deepEqual(await tokens(), ['Bearer second-token!']);
  writeFileSync(join(directory, 'token'), 'third-token!!!');
  clients.push(client());
  assert.deepEqual(await tokens(), ['Bearer third-token!!!']);
});

test('one read of the token follows the refusals of many electors, and each request is sent once more', async (t) => {
  const { stub, client, credentials } = await start(t);
  let reads = 0;
  const shared = credentials();
  const counted: Credentials = {
    ...{ server: shared.server, source: {}, defaultNamespace: () => null },
    // Each read returns another object, like a credential plug-in.
    authorize: async () => ({ ...(await shared.authorize()) }),
    distrust() {
      reads += 1;
    },
  };
  const clients = Array.from({ length: 3 }, () => client({ credentials: counted }));
  const waiting: (() => void)[] = [];
  stub.respond = (_, response) => {
    waiting.push(() => json(response, 401, statusBody(401, 'Unauthorized', 'Unauthorized')));
    // All requests of a round are answered together, so that each was sent before the first refusal.
    if (waiting.length === clients.length) for (const answer of waiting.splice(0)) answer();
  };
  for (const answer of await Promise.all(clients.map((one) => one.request(READ)))) {
    assert.ok(!answer.ok && answer.failure.kind === 'unauthorized');
  }
  assert.equal(stub.seen.length, 6);
  assert.equal(reads, 1);
});

test('an elector that stops opens no connection for waiting or later requests', async (t) => {
  const { stub, client, credentials, clock } = await start(t);
  const first = client();
  const connections = ServerConnections.join(credentials(), TIMEOUT_MS, clock);
  t.after(() => connections.leave());
  const own = Array.from({ length: 5 }, () => first.request(readOf('hangs')));
  await until(() => stub.seen.length === 2);
  const opened = t.mock.method(connections, 'open');
  first.close();
  own.push(first.request(READ));
  for (const answer of await Promise.all(own)) {
    assert.ok(!answer.ok && answer.failure.message.includes('the connections were closed'));
  }
  assert.equal(opened.mock.callCount(), 0);
  assert.equal(clock.timers.size, 0);
});

test('a token that is invalid in a header breaks no connection', async (t) => {
  const { stub, directory, client, clock } = await start(t);
  const [first, second] = [client(), client()];
  await succeed(first.request(READ));
  const connections = t.mock.method(tls, 'connect');
  writeFileSync(join(directory, 'token'), 'to\u0100ken');
  clock.advance(1_000);
  for (let tries = 0; tries < 5; tries += 1) {
    const answer = await second.request(READ);
    assert.ok(!answer.ok && answer.failure.message.includes('Invalid character'));
  }
  writeFileSync(join(directory, 'token'), 'second-token!');
  clock.advance(1_000);
  await succeed(first.request(READ), second.request(READ));
  const isOpen = ({ result }: { readonly result?: tls.TLSSocket | undefined }): boolean => result?.destroyed === false;
  await until(() => connections.mock.calls.filter(isOpen).length <= 2);
  first.close();
  second.close();
  await until(() => openSockets(stub) === 0);
});

test('a request that waited uses the current proxy and the current token', async (t) => {
  const { stub, client, credentials } = await start(t);
  const [before, after] = [await startProxy(t), await startProxy(t)];
  const shared = credentials();
  let [proxy, token] = [before, 'old-token'];
  let reads = 0;
  const changing: Credentials = {
    ...{ server: shared.server, source: {}, defaultNamespace: () => null, distrust() {} },
    async authorize() {
      const { options } = await shared.authorize();
      reads += 1;
      return { options, proxyAgent: null, proxy: new URL(proxy.url), headers: { authorization: `Bearer ${token}` } };
    },
  };
  const [first, second, third, fourth] = Array.from({ length: 4 }, () => client({ credentials: changing })) as [
    ApiClient,
    ApiClient,
    ApiClient,
    ApiClient,
  ];
  const hanging = [first, first, second].map((one) => one.request(readOf('hangs')));
  await until(() => stub.seen.length === 3);
  reads = 0;
  const waiting = third.request(READ);
  await until(() => reads === 1);
  [proxy, token] = [after, 'new-token'];
  let ended = false;
  fourth.stream(WATCH, {
    ...SILENT,
    ended() {
      ended = true;
    },
  });
  await Promise.all(hanging);
  await succeed(waiting, fourth.request(READ));
  assert.equal(before.tunnels.length, 3);
  assert.deepEqual(
    stub.seen.filter(({ path }) => path.endsWith('/web-0')).map(({ headers }) => headers.authorization),
    ['Bearer new-token', 'Bearer new-token'],
  );
  assert.equal(ended, false);
});

test('the list of Pods before a stop is not delayed when writes beside the election hang', async (t) => {
  const { stub, client } = await start(t);
  const slow = [client(), client()];
  const writes = slow.map((one) => one.request({ ...readOf('hangs'), verb: 'patch', body: {}, apart: true }));
  await until(() => stub.seen.length === 2);
  // The clock does not advance, so the list does not wait.
  await succeed(client().request({ ...READ, verb: 'list', apart: true }));
  for (const one of slow) one.close();
  await Promise.all(writes);
});

test('a request that waited for another elector keeps the async context of its own caller', async (t) => {
  const { stub, client, credentials, clock } = await start(t);
  const callers = new AsyncLocalStorage<string>();
  const [first, second, third] = [client(), client(), client()];
  const hanging = callers.run('first', () => [first, first, second].map((one) => one.request(readOf('hangs'))));
  await until(() => stub.seen.length === 3);
  const connections = ServerConnections.join(credentials(), TIMEOUT_MS, clock);
  t.after(() => connections.leave());
  const entered = t.mock.method(connections.requests, 'enter');
  const waiting = callers.run('third', () => third.request(READ));
  await until(() => entered.mock.callCount() === 1);
  const opened: (string | undefined)[] = [];
  const { open } = connections;
  t.mock.method(connections, 'open', (options: Parameters<typeof open>[0]) => {
    opened.push(callers.getStore());
    return open(options);
  });
  callers.run('first', () => first.close());
  await succeed(waiting);
  assert.deepEqual(opened, ['third']);
  second.close();
  await Promise.all(hanging);
});

test('the credentials of an elector are closed at once when it joins others, and otherwise with the last elector', async (t) => {
  const { credentials, clock } = await start(t);
  const closed: string[] = [];
  const named = (name: string): Credentials => ({ ...credentials(), close: () => void closed.push(name) });
  const first = ServerConnections.join(named('first'), TIMEOUT_MS, clock);
  assert.deepEqual(closed, []);
  const second = ServerConnections.join(named('second'), TIMEOUT_MS, clock);
  assert.equal(second, first);
  assert.deepEqual(closed, ['second']);
  first.leave();
  assert.deepEqual(closed, ['second']);
  second.leave();
  assert.deepEqual(closed, ['second', 'first']);
});

test('a request that needs a new connection behind a SOCKS proxy closes the idle connections of its agent', async (t) => {
  const { credentials, clock } = await start(t);
  const connections = ServerConnections.join(credentials(), TIMEOUT_MS, clock);
  t.after(() => connections.leave());
  const idle = [new Socket(), new Socket(), new Socket()];
  const proxyAgent = Object.assign(new Agent(), { freeSockets: { one: idle.slice(0, 2), other: idle.slice(2) } });
  const authorization = { headers: {}, options: {}, proxyAgent };
  assert.equal(connections.agentFor(authorization, false), proxyAgent);
  assert.ok(idle.every(({ destroyed }) => !destroyed));
  assert.equal(connections.agentFor(authorization, true), proxyAgent);
  assert.ok(idle.every(({ destroyed }) => destroyed));
});

test('a server without TLS is reached without TLS', async (t) => {
  const stub = await startStub(t, (_, response) => json(response, 200, POD), 'http');
  const kubeConfig: UsedKubeConfig = {
    getCurrentContext: () => 'x',
    getContextObject: () => null,
    getCurrentCluster: () => ({ name: 'c', server: `http://127.0.0.1:${stub.port}`, skipTLSVerify: true }),
    async applyToHTTPSOptions() {},
  };
  const credentials = kubeConfigCredentials(kubeConfig, null);
  const client = new ApiClient({ credentials, requestTimeoutMs: TIMEOUT_MS, clock: new ManualClock() });
  t.after(() => client.close());
  await succeed(client.request(READ));
});
