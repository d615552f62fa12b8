/**
 * The transport: when a request is written, the connection that carries it, and when that connection is closed.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent as HttpsAgent } from 'node:https';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { inspect } from 'node:util';
import { type ApiAnswer, ApiClient, type ApiClientOptions } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { type Credentials, kubeConfigCredentials, podCredentials } from '../../src/kube/credentials.ts';
import { QUEUE_TIMEOUTS } from '../../src/kube/exchange.ts';
import { leaseWatchPort } from '../../src/kube/lease-api.ts';
import { TEST_CA_CERTIFICATE } from '../../src/testing/access/test-certificate.ts';
import { freePort } from '../worlds/free-port.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import {
  json,
  type Responder,
  type StubServer,
  serviceAccountDirectory,
  startStub,
  statusBody,
} from './stub-server.ts';
import { startBalancer } from './tcp-balancer.ts';

const TIMEOUT_MS = 5_000;
const POD = { kind: 'Pod', metadata: { name: 'web-0', uid: 'u', resourceVersion: '1' } };
const READ: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };

const LEASE = {
  verb: 'get',
  apiGroup: 'coordination.k8s.io',
  resource: 'leases',
  namespace: 'shop',
  name: 'web',
} as const;
const CREATE: ApiRequest = { ...LEASE, verb: 'create', body: { metadata: { name: 'web' } } };
const REPLACE: ApiRequest = { ...LEASE, verb: 'update', body: { metadata: { uid: 'u', resourceVersion: '7' } } };
const DELETE: ApiRequest = { ...LEASE, verb: 'delete', body: { preconditions: { uid: 'u', resourceVersion: '7' } } };
const PATCH: ApiRequest = { ...READ, verb: 'patch', body: { metadata: { uid: 'u', resourceVersion: '7' } } };
const LIST: ApiRequest = { ...LEASE, verb: 'list' };
const WATCH: ApiRequest = { ...LEASE, verb: 'watch', watch: { resourceVersion: '1', timeoutSeconds: 300 } };

const answerWithPod: Responder = (_, response) => json(response, 200, POD);

/** A client of the server on that port, on a clock that the test moves. */
function clientOf(
  t: TestContext,
  port: number,
  options: Partial<ApiClientOptions> = {},
  files: Parameters<typeof serviceAccountDirectory>[1] = {},
): { client: ApiClient; clock: ManualClock } {
  const clock = new ManualClock();
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
  const credentials = podCredentials(environment, serviceAccountDirectory(t, files), clock);
  const client = new ApiClient({ credentials, requestTimeoutMs: TIMEOUT_MS, clock, ...options });
  t.after(() => client.close());
  return { client, clock };
}

interface Setting {
  readonly stub: StubServer;
  readonly client: ApiClient;
  readonly clock: ManualClock;
}

async function connect(
  t: TestContext,
  respond: Responder,
  files: Parameters<typeof serviceAccountDirectory>[1] = {},
): Promise<Setting> {
  const stub = await startStub(t, respond);
  return { stub, ...clientOf(t, stub.port, {}, files) };
}

function messageOf(answer: ApiAnswer): string {
  return answer.ok ? 'ok' : answer.failure.message;
}

test('the hook reports that the request was written before the server answers', async (t) => {
  const { client, stub } = await connect(t, () => {});
  let written = 0;
  const answer = client.request(READ, { written: () => (written += 1) });
  await until(() => written === 1 && stub.seen.length === 1);
  client.close();
  assert.equal((await answer).ok, false);
  assert.equal(written, 1, 'the hook is called once');
});

test('the hook reports a request that is never written before its failure', async (t) => {
  const { client } = clientOf(t, await freePort());
  const calls: string[] = [];
  const answer = await client.request(READ, { written: () => calls.push('written') });
  assert.deepEqual(calls, ['written']);
  assert.match(messageOf(answer), /ECONNREFUSED/);
});

test('the hook is not called while a connection is being made', async (t) => {
  const mute = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  t.after(() => mute.close());
  const sockets: { destroy(): void }[] = [];
  mute.on('connection', (socket) => sockets.push(socket));
  await once(mute, 'listening');
  const { client, clock } = clientOf(t, (mute.address() as AddressInfo).port);
  let written = 0;
  const answer = client.request(READ, { written: () => (written += 1) });
  await until(() => sockets.length === 1);
  assert.equal(written, 0, 'the TLS handshake is not over');
  for (let step = 0; step < 5; step += 1) clock.advance(TIMEOUT_MS);
  assert.equal((await answer).ok, false);
  assert.equal(written, 1);
  for (const socket of sockets) socket.destroy();
});

/** Opens a watch, and records its end. */
function watch(client: ApiClient): { opened: boolean; readonly over: () => boolean; close(): void } {
  let over = false;
  const state = { opened: false, over: () => over, close: () => stream.close() };
  const stream = client.stream(WATCH, {
    opened: () => {
      state.opened = true;
    },
    bytes() {},
    ended: () => {
      over = true;
    },
  });
  return state;
}

interface SickServer {
  readonly name: string;
  readonly respond: Responder;
  readonly hangs?: true;
  /** Only the body of its answers is wrong, so a watch is opened. */
  readonly isHeadGood?: true;
}

const SICK: readonly SickServer[] = [
  ...[500, 503, 504].map((status) => ({
    name: `answers ${status}`,
    respond: ((_, response) => json(response, status, statusBody(status, 'Sick', 'etcd'))) as Responder,
  })),
  {
    name: 'answers 401',
    respond: (_, response) => json(response, 401, statusBody(401, 'Unauthorized', 'Unauthorized')),
  },
  {
    name: 'answers 403 because its Roles are not loaded yet',
    respond: (_, response) => json(response, 403, statusBody(403, 'Forbidden', 'RBAC: role "web" not found')),
  },
  { name: 'redirects', respond: (_, response) => void response.writeHead(302).end() },
  {
    name: 'answers with a text that is not JSON',
    respond: (_, response) => void response.end('<html>'),
    isHeadGood: true,
  },
  {
    name: 'answers with bytes that are not HTTP',
    respond: ({ socket }) => void socket.write('SSH-2.0-OpenSSH_9.9\r\n'),
  },
  { name: 'hangs', respond: () => {}, hangs: true },
  {
    name: 'hangs in the middle of an answer',
    respond: (_, response) => void response.writeHead(200).write('{'),
    hangs: true,
    isHeadGood: true,
  },
];

/**
 * A round robin chooses between two servers. A request has its answer at the second attempt at the latest: after one
 * time-out when the sick server hangs, and otherwise at once.
 */
const ATTEMPTS_LIMIT = 2;

for (const { name, respond, hangs = false } of SICK) {
  test(`a kept connection is left when its server ${name}: attempt ${ATTEMPTS_LIMIT} has an answer`, async (t) => {
    const sick = await startStub(t, answerWithPod);
    const well = await startStub(t, answerWithPod);
    const balancer = await startBalancer(t, (index) => (index % 2 === 0 ? sick.port : well.port));
    const { client, clock } = clientOf(t, balancer.port);
    // The connection is made while the server is well.
    assert.equal((await client.request(READ)).ok, true);
    sick.respond = respond;
    const beganMs = clock.nowMs();
    let attempts = 0;
    for (let answered = false; !answered; ) {
      attempts += 1;
      assert.ok(attempts <= ATTEMPTS_LIMIT, `attempt ${attempts}`);
      const asked = sick.seen.length;
      const answer = client.request(READ);
      if (hangs && attempts === 1) {
        await until(() => sick.seen.length > asked);
        // The head of the answer may be in flight. The time-out must not depend on it.
        clock.advance(TIMEOUT_MS);
      }
      answered = (await answer).ok;
    }
    assert.ok(clock.nowMs() - beganMs <= (hangs ? TIMEOUT_MS : 0));
    assert.equal(balancer.chosen.length, 2, 'the second connection, to the other server, is kept');
    assert.equal((await client.request(READ)).ok, true);
    assert.equal(balancer.chosen.length, 2);
  });
}

for (const { name, respond, hangs = false } of SICK.filter((row) => row.isHeadGood !== true)) {
  test(`a watch is balanced again when the server of its head ${name}`, async (t) => {
    const sick = await startStub(t, respond);
    const well = await startStub(t, (_, response) => response.writeHead(200).flushHeaders());
    const balancer = await startBalancer(t, (index) => (index % 2 === 0 ? sick.port : well.port));
    const { client, clock } = clientOf(t, balancer.port);
    const first = watch(client);
    t.after(() => first.close());
    await until(() => sick.seen.length === 1);
    if (hangs) clock.advance(TIMEOUT_MS);
    // The client repeats a request that is answered 401, and reaches the other server.
    await until(() => first.over() || first.opened);
    if (first.opened) return assert.deepEqual(balancer.chosen, [sick.port, well.port]);
    const second = watch(client);
    t.after(() => second.close());
    await until(() => second.opened);
    assert.deepEqual(balancer.chosen, [sick.port, well.port]);
    await until(() => sick.seen[0]?.socket.destroyed === true);
  });
}

test('a connection is kept after a refusal', async (t) => {
  const { stub, client } = await connect(t, (_, response) => json(response, 409, statusBody(409, 'Conflict', 'old')));
  const replies = [404, 409, 410, 422, 429];
  for (const status of replies) {
    stub.respond = (_, response) => json(response, status, statusBody(status, 'No', 'no'));
    await client.request(READ);
  }
  assert.equal(stub.seen.length, replies.length);
  assert.equal(connections(stub), 1);
});

function connections(stub: StubServer): number {
  return new Set(stub.seen.map(({ socket }) => socket)).size;
}

for (const share of [0.6, 0.9]) {
  test(`requests side by side have their answers with a constant latency of ${share} of the time-out`, async (t) => {
    const waiting: (() => void)[] = [];
    const { client, clock, stub } = await connect(t, (request, response) => {
      waiting.push(() => answerWithPod(request, response));
    });
    const latencyMs = share * TIMEOUT_MS;
    const beganMs = clock.nowMs();
    // Two requests are sent at once. Three wait for a connection, longer than the time-out.
    const answers = [READ, READ, READ, READ, READ].map((request) => client.request(request));
    for (const [round, expected] of [2, 4, 5].entries()) {
      await until(() => stub.seen.length === expected);
      clock.advance(latencyMs);
      for (const answer of waiting.splice(0)) answer();
      await Promise.all(answers.slice(2 * round, expected));
    }
    for (const answer of await Promise.all(answers)) assert.equal(messageOf(answer), 'ok');
    assert.equal(clock.nowMs() - beganMs, 3 * latencyMs);
    assert.equal(connections(stub), 2);
    assert.equal(clock.timers.size, 0);
  });
}

test('a request ends within a bound and is never sent when no connection becomes free', async (t) => {
  const { client, clock, stub } = await connect(t, () => {});
  const answers = Array.from({ length: 20 }, () => client.request(READ));
  const messages: string[] = [];
  for (const answer of answers) void answer.then((one) => messages.push(messageOf(one)));
  for (let round = 0; round < QUEUE_TIMEOUTS; round += 1) {
    await until(() => stub.seen.length === 2 * (round + 1));
    clock.advance(TIMEOUT_MS);
  }
  await until(() => messages.length === answers.length);
  assert.equal(messages.filter((message) => /no free connection within 20000 ms/.test(message)).length, 12);
  assert.equal(messages.filter((message) => /no answer within 5000 ms/.test(message)).length, 8);
});

test('a PATCH is a JSON merge patch, and every other body is JSON', async (t) => {
  const { client, stub } = await connect(t, answerWithPod);
  await client.request(PATCH);
  await client.request(REPLACE);
  assert.deepEqual(
    stub.seen.map(({ method, path, headers }) => [method, path.split('/').at(-1), headers['content-type']]),
    [
      ['PATCH', 'web-0', 'application/merge-patch+json'],
      ['PUT', 'web', 'application/json'],
    ],
  );
});

test('a separate request does not wait for others, and others do not wait for it', async (t) => {
  const { client, stub } = await connect(t, () => {});
  const hanging = [READ, READ].map((request) => client.request(request));
  const apart = [PATCH, PATCH].map((request) => client.request({ ...request, apart: true }));
  await until(() => stub.seen.length === 4);
  assert.equal(connections(stub), 4);
  client.close();
  for (const answer of await Promise.all([...hanging, ...apart])) assert.equal(answer.ok, false);
  // Conversely, separate requests hang while both connections of the election are free.
  const second = await connect(t, ({ method }, response) => void (method === 'GET' && json(response, 200, POD)));
  const patches = [PATCH, PATCH, PATCH].map((request) => second.client.request({ ...request, apart: true }));
  await until(() => second.stub.seen.length === 3);
  assert.equal((await second.client.request(READ)).ok, true);
  second.client.close();
  await Promise.all(patches);
});

test('each step of making a connection has the time-out', async (t) => {
  const sockets: Socket[] = [];
  // TCP, and never TLS.
  const mute = createServer((socket) => void sockets.push(socket.on('error', () => {}).resume())).listen(
    0,
    '127.0.0.1',
  );
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    mute.close();
  });
  await once(mute, 'listening');
  const { client, clock } = clientOf(t, (mute.address() as AddressInfo).port);
  const answer = client.request(READ);
  await until(() => sockets.length === 1 && (sockets[0]?.bytesRead ?? 0) > 0);
  clock.advance(TIMEOUT_MS - 1);
  assert.equal(clock.timers.size, 1);
  clock.advance(1);
  assert.match(messageOf(await answer), /no connection within 5000 ms/);
  await until(() => sockets[0]?.destroyed === true);
});

/** How the server closes a connection after an answer without a Connection header. */
const CLOSINGS: readonly { readonly how: string; readonly close: (socket: Socket) => void }[] = [
  { how: 'resets it', close: (socket) => socket.resetAndDestroy() },
  { how: 'ends it', close: (socket) => socket.destroy() },
];
const REPEATED = [READ, LIST, REPLACE, PATCH, DELETE];

for (const { how, close } of CLOSINGS) {
  for (const request of REPEATED) {
    test(`${request.verb} is sent once more when the server ${how} instead of answering on a kept connection`, async (t) => {
      const { client, stub } = await connect(t, answerWithPod);
      assert.equal((await client.request(READ)).ok, true);
      stub.respond = ({ socket }, response) => {
        stub.respond = answerWithPod;
        response.on('error', () => {});
        close(rawOf(socket));
      };
      assert.equal(messageOf(await client.request(request)), 'ok');
      assert.equal(stub.seen.length, 3);
      assert.deepEqual(stub.seen[2]?.body, stub.seen[1]?.body);
      assert.equal(connections(stub), 2);
    });
  }
}

/** The TCP socket below TLS. Ending TLS would announce the end. */
function rawOf(socket: Socket): Socket {
  return (socket as Socket & { _parent?: Socket })._parent ?? socket;
}

test('a request on a separate connection is sent once', async (t) => {
  const { client, stub } = await connect(t, ({ socket }) => socket.destroy());
  for (const request of REPEATED) assert.equal((await client.request(request)).ok, false, request.verb);
  assert.equal(stub.seen.length, REPEATED.length);
});

test('a request is sent at most twice', async (t) => {
  const { client, stub } = await connect(t, answerWithPod);
  await client.request(READ);
  stub.respond = ({ socket }) => socket.destroy();
  assert.equal((await client.request(REPLACE)).ok, false);
  assert.equal(stub.seen.length, 3);
});

test('a write without preconditions is never sent twice', async (t) => {
  const bodies: ApiRequest[] = [
    CREATE,
    { ...REPLACE, body: { metadata: { uid: 'u' } } },
    { ...REPLACE, body: { metadata: { uid: '', resourceVersion: '7' } } },
    { ...DELETE, body: { preconditions: { resourceVersion: '7' } } },
    { ...DELETE, body: undefined },
  ];
  const { client, stub } = await connect(t, answerWithPod);
  for (const request of bodies) {
    stub.respond = answerWithPod;
    await client.request(READ);
    const asked = stub.seen.length;
    stub.respond = ({ socket }) => socket.destroy();
    const answer = await client.request(request);
    assert.equal(!answer.ok && answer.failure.kind, 'unavailable');
    assert.equal(stub.seen.length, asked + 1, JSON.stringify(request));
  }
});

const REFUSED_AGAIN: readonly { readonly status: number; readonly reason: string }[] = [
  { status: 401, reason: 'Unauthorized' },
  { status: 403, reason: 'Forbidden' },
  { status: 409, reason: 'Conflict' },
  { status: 422, reason: 'Invalid' },
  { status: 429, reason: 'TooManyRequests' },
];
for (const { status, reason } of REFUSED_AGAIN) {
  test(`a write that was sent twice and answered ${status} is uncertain, because the first may have been executed`, async (t) => {
    const { client, stub } = await connect(t, answerWithPod);
    await client.request(READ);
    stub.respond = ({ socket }) => {
      stub.respond = (_, response) => json(response, status, statusBody(status, reason, 'no'), { 'retry-after': '7' });
      socket.destroy();
    };
    const answer = await client.request(REPLACE);
    assert.equal(!answer.ok && answer.failure.kind, 'unavailable');
    assert.equal(!answer.ok && answer.failure.retryAfterMs, 7_000);
    assert.match(messageOf(answer), /the request was sent twice/);
  });
}

test('a delete that was sent twice and finds no object has succeeded', async (t) => {
  const { client, stub } = await connect(t, answerWithPod);
  await client.request(READ);
  stub.respond = ({ socket }) => {
    const details = { name: 'web', kind: 'leases' };
    stub.respond = (_, response) => json(response, 404, statusBody(404, 'NotFound', 'not found', details));
    socket.destroy();
  };
  const answer = await client.request(DELETE);
  assert.equal(!answer.ok && answer.absent, true);
});

/** How a server ends each of its connections after one answer. */
const ONE_ANSWER: readonly { readonly how: string; readonly respond: Responder }[] = [
  {
    how: 'says so',
    respond: (request, response) => {
      response.setHeader('connection', 'close');
      answerWithPod(request, response);
    },
  },
  {
    how: 'says nothing',
    respond: (request, response) => {
      answerWithPod(request, response);
      response.on('finish', () => request.socket.destroySoon());
    },
  },
  {
    how: 'closes without an answer at the next request',
    respond: (request, response) => {
      if (used.has(request.socket)) {
        request.socket.destroy();
      } else {
        used.add(request.socket);
        answerWithPod(request, response);
      }
    },
  },
];
const used = new WeakSet<Socket>();

for (const { how, respond } of ONE_ANSWER) {
  test(`every request has its answer from a server that answers once a connection and ${how}`, async (t) => {
    const { client } = await connect(t, respond);
    const failures: string[] = [];
    // As in a take-over, each request follows the previous answer at once.
    for (let round = 0; round < 5; round += 1) {
      const [first] = await Promise.all([client.request(DELETE), client.request(READ), client.request(LIST)]);
      for (const request of [CREATE, REPLACE, READ]) {
        const answer = await client.request(request);
        if (!answer.ok) failures.push(`${round} ${request.verb}: ${answer.failure.kind}`);
      }
      assert.equal(messageOf(first), 'ok');
    }
    // A create without an answer is uncertain, and the core repeats it. The next one has a new connection.
    assert.ok(failures.length <= 1, failures.join(', '));
    assert.ok(failures.every((failure) => failure.includes('create')));
  });
}

test('a request that waited for a connection is sent once more when that connection breaks', async (t) => {
  const { client, stub } = await connect(t, ONE_ANSWER[2]?.respond as Responder);
  const answers = await Promise.all([READ, READ, READ, READ].map((request) => client.request(request)));
  assert.deepEqual(answers.map(messageOf), ['ok', 'ok', 'ok', 'ok']);
  assert.equal(stub.seen.length, 6);
});

test('the failures of requests and watches do not contain a token that the server repeats', async (t) => {
  const token = 'eyJhbGciOiJSUzI1NiJ9.dG9rZW4.c2lnbmF0dXJl';
  const echo = statusBody(500, 'InternalError', `bad header \u001b[31mBearer ${token}\r\n`);
  const { client, stub } = await connect(t, (_, response) => json(response, 500, echo), { token });
  const messages = [messageOf(await client.request(READ))];
  for (const line of [
    `${JSON.stringify({ type: 'ERROR', object: echo })}\n`,
    `${JSON.stringify({ type: token, object: {} })}\n`,
    `{"type":"${token}`,
    `${token}\n`,
  ]) {
    stub.respond = (_, response) => void response.end(line);
    await new Promise<void>((resolve) => {
      leaseWatchPort(client, 'shop', 'web').open('1', 300, {
        opened() {},
        event: (event) => event.type === 'error' && messages.push(inspect(event.failure)),
        ended(failure) {
          messages.push(inspect(failure));
          resolve();
        },
      });
    });
  }
  stub.respond = ({ socket }) => void socket.write(`${token}\r\n\r\n`);
  const nonsense = await client.request(READ);
  messages.push(inspect(nonsense));
  assert.match(messages.join('\n'), /bad header .*Bearer <credentials>/);
  for (const message of messages) {
    assert.ok(!message.includes('dG9rZW4') && !message.includes('<Buffer'), message);
    assert.doesNotMatch(message.replaceAll('\n', ''), /\p{Cc}/u);
  }
  assert.equal(stub.seen[0]?.headers['authorization'], `Bearer ${token}`);
});

/** The proxy agent of a KubeConfig that keeps its connections, as another client may configure it. */
class KeepingProxyAgent extends HttpsAgent {
  readonly #port: number;

  constructor(port: number) {
    super({ keepAlive: true });
    this.#port = port;
  }

  override createConnection(
    options: object,
    callback: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const tunnel = connectSocket(this.#port, '127.0.0.1', () => {
      callback(null, connectTls({ ...options, socket: tunnel }));
    });
    tunnel.on('error', () => {});
    return undefined;
  }
}

test('a client leaves a sick server and repeats a request without an answer behind a SOCKS proxy', async (t) => {
  const sick = await startStub(t, answerWithPod);
  const well = await startStub(t, answerWithPod);
  const balancer = await startBalancer(t, (index) => (index % 2 === 0 ? sick.port : well.port));
  const agent = new KeepingProxyAgent(balancer.port);
  t.after(() => agent.destroy());
  const credentials = kubeConfigCredentials(
    {
      getCurrentContext: () => 'x',
      getContextObject: () => null,
      getCurrentCluster: () => ({ name: 'c', server: 'https://127.0.0.1:1', proxyUrl: 'socks5://proxy' }),
      async applyToHTTPSOptions(options) {
        Object.assign(options, { ca: TEST_CA_CERTIFICATE, agent });
      },
    },
    null,
  );
  const { client, clock } = clientOf(t, 0, { credentials });
  assert.equal(messageOf(await client.request(READ)), 'ok');
  sick.respond = (_, response) => json(response, 503, statusBody(503, 'ServiceUnavailable', 'etcd'));
  assert.match(messageOf(await client.request(READ)), /503/);
  assert.equal(messageOf(await client.request(READ)), 'ok');
  assert.deepEqual(balancer.chosen, [sick.port, well.port]);
  // The kept connection breaks. The third one leads to the sick server again, which is left again.
  well.respond = ({ socket }) => socket.destroy();
  assert.match(messageOf(await client.request(READ)), /503/);
  assert.deepEqual(balancer.chosen, [sick.port, well.port, sick.port]);
  well.respond = () => {};
  const hanging = client.request(READ);
  await until(() => well.seen.length === 3);
  clock.advance(TIMEOUT_MS);
  assert.match(messageOf(await hanging), /no answer within/);
  sick.respond = answerWithPod;
  assert.equal(messageOf(await client.request(READ)), 'ok');
  assert.deepEqual(balancer.chosen, [sick.port, well.port, sick.port, well.port, sick.port]);
});

test('a request fails after the time-out when its proxy never opens the tunnel', async (t) => {
  const stuck = new HttpsAgent();
  stuck.createConnection = () => undefined;
  t.after(() => stuck.destroy());
  const credentials: Credentials = {
    server: { protocol: 'https:', hostname: '127.0.0.1', port: 1, basePath: '' },
    defaultNamespace: () => null,
    authorize: async () => ({ headers: {}, options: {}, proxyAgent: stuck }),
    distrust() {},
  };
  const { client, clock } = clientOf(t, 0, { credentials });
  const answer = client.request(READ);
  await until(() => Object.keys(stuck.sockets).length === 1);
  clock.advance(TIMEOUT_MS);
  assert.match(messageOf(await answer), /no connection within 5000 ms/);
});

test('a request that waits for a connection when the client is closed is never sent', async (t) => {
  const { client, stub } = await connect(t, () => {});
  const answers = [READ, READ, DELETE, CREATE].map((request) => client.request(request));
  await until(() => stub.seen.length === 2);
  client.close();
  for (const answer of await Promise.all(answers)) assert.match(messageOf(answer), /the connections were closed/);
  await until(() => stub.seen.every(({ socket }) => socket.destroyed));
  // A request of another client is answered, so the waiting requests had enough time.
  stub.respond = answerWithPod;
  assert.equal(messageOf(await clientOf(t, stub.port).client.request(READ)), 'ok');
  assert.deepEqual(
    stub.seen.map(({ method }) => method),
    ['GET', 'GET', 'GET'],
  );
});

const OLD_DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';

test('a clock that is off from the header Date of the answers is reported once, streams included', async (t) => {
  const told: boolean[] = [];
  const stub = await startStub(t, (_, response) => {
    response.setHeader('date', OLD_DATE);
    json(response, 200, POD);
  });
  const { client } = clientOf(t, stub.port, { reportClockSkew: ({ over }) => told.push(over) });
  await client.request(READ);
  await client.request(READ);
  assert.deepEqual(told, []);
  await new Promise<void>((resolve) => {
    client.stream(WATCH, { opened: resolve, bytes: () => {}, ended: () => {} });
  });
  await client.request(READ);
  assert.deepEqual(told, [false]);
});

test('an answer 401 names a token that has expired by the clock of the API server', async (t) => {
  const expSeconds = Date.parse(OLD_DATE) / 1_000 - 60;
  const token = `e30.${Buffer.from(JSON.stringify({ exp: expSeconds })).toString('base64url')}.c2ln`;
  const respond: Responder = (_, response) => {
    response.setHeader('date', OLD_DATE);
    json(response, 401, statusBody(401, 'Unauthorized', 'Unauthorized'));
  };
  const { client } = await connect(t, respond, { token });
  const answer = await client.request(READ);
  assert.ok(!answer.ok);
  assert.equal(answer.failure.kind, 'unauthorized');
  assert.match(answer.failure.tokenProblem ?? '', /^it expired at 1994-11-06T08:48:37/);
  assert.match(answer.failure.message, /does not accept the token: it expired at 1994-11-06T08:48:37/);
  assert.ok(!answer.failure.message.includes(token));
});
