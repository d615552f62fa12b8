/**
 * Checks the attempts of a request when the events of its connections come in an order that no server can be made to
 * cause: the test emits the events of Node.js itself.
 */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type ClientRequest, IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ApiAnswer, ApiClient, type RequestHooks } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import type { Authorization } from '../../src/kube/authorization.ts';
import type { Credentials } from '../../src/kube/credentials.ts';
import { QUEUE_TIMEOUTS, type RequestReport } from '../../src/kube/exchange.ts';
import { ServerConnections, TCP_KEEP_ALIVE_MS } from '../../src/kube/server-connections.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { statusBody } from './stub-server.ts';

const TIMEOUT_MS = 5_000;
const READ: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };
const CREATE: ApiRequest = { ...READ, verb: 'create', body: { metadata: { name: 'web-0' } } };
const WATCH: ApiRequest = { ...READ, verb: 'watch', watch: { resourceVersion: '1', timeoutSeconds: 300 } };
const BEARER: Authorization = { headers: { authorization: 'Bearer a-token' }, options: {}, proxyAgent: null };

/** A connection that is made when the test emits `connect`. */
class ScriptedSocket extends Socket {
  readonly keepAlive: unknown[][] = [];

  constructor(connecting: boolean) {
    super();
    Object.assign(this, { connecting });
  }

  override setKeepAlive(...settings: unknown[]): this {
    this.keepAlive.push(settings);
    return this;
  }
}

/** A request whose events the test emits. */
class ScriptedRequest extends EventEmitter {
  readonly headers: Record<string, unknown> = {};
  readonly options: RequestOptions;
  destroyed = false;

  constructor(options: RequestOptions) {
    super();
    this.options = options;
  }

  setHeader(name: string, value: unknown): void {
    this.headers[name] = value;
  }

  end(): void {}

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    // Node.js emits the error later.
    if (error !== undefined) process.nextTick(() => this.emit('error', error));
    return this;
  }

  /** Uses this connection, and has the request written. */
  carry(socket: ScriptedSocket = new ScriptedSocket(false)): ScriptedSocket {
    this.emit('socket', socket);
    this.emit('finish');
    return socket;
  }

  /** Gives the head of an answer, and its body if there is one. */
  answer(status: number, body?: unknown): IncomingMessage {
    const response = new IncomingMessage(new Socket());
    response.statusCode = status;
    if (body !== undefined) {
      response.push(JSON.stringify(body));
      response.push(null);
    }
    this.emit('response', response);
    return response;
  }
}

interface Started {
  readonly client: ApiClient;
  readonly clock: ManualClock;
  readonly connections: ServerConnections;
  /** The attempts, in order. */
  readonly sent: ScriptedRequest[];
  readonly reports: RequestReport[];
  /** The number of times that the authorization was read. */
  readonly readings: () => number;
  /** The number of times that an authorization was refused. */
  readonly distrusts: () => number;
  readonly request: (request?: ApiRequest, hooks?: RequestHooks) => Promise<ApiAnswer>;
}

function start(
  t: TestContext,
  authorization: Authorization | (() => Promise<Authorization>) = BEARER,
  protocol: 'https:' | 'http:' = 'https:',
): Started {
  const clock = new ManualClock();
  let [readings, distrusts] = [0, 0];
  const credentials: Credentials = {
    server: { protocol, hostname: '127.0.0.1', port: 1, basePath: '' },
    source: {},
    defaultNamespace: () => null,
    // Each reading returns another object, like a credential plug-in.
    async authorize() {
      readings += 1;
      return typeof authorization === 'function' ? authorization() : { ...authorization };
    },
    distrust() {
      distrusts += 1;
    },
  };
  const sent: ScriptedRequest[] = [];
  const reports: RequestReport[] = [];
  const connections = ServerConnections.join(credentials, TIMEOUT_MS, clock);
  t.mock.method(connections, 'open', (options: RequestOptions) => {
    const request = new ScriptedRequest(options);
    sent.push(request);
    return request as unknown as ClientRequest;
  });
  const onRequest = (report: RequestReport): void => void reports.push(report);
  const client = new ApiClient({ credentials, requestTimeoutMs: TIMEOUT_MS, clock, onRequest });
  t.after(() => {
    client.close();
    connections.leave();
  });
  const request: Started['request'] = (one = READ, hooks) => client.request(one, hooks);
  return { client, clock, connections, sent, reports, readings: () => readings, distrusts: () => distrusts, request };
}

/** The attempt with this number, as soon as it is sent. */
async function attempt(sent: readonly ScriptedRequest[], number: number): Promise<ScriptedRequest> {
  await until(() => sent.length >= number);
  return sent[number - 1] as ScriptedRequest;
}

/** Sends a request on this connection, and has it answered. */
async function succeed({ sent, request }: Started, socket: ScriptedSocket, one: ApiRequest = READ): Promise<void> {
  const number = sent.length + 1;
  const answer = request(one);
  const last = await attempt(sent, number);
  last.carry(socket);
  last.answer(200, {});
  assert.equal(messageOf(await answer), 'ok');
  last.emit('close');
}

function messageOf(answer: ApiAnswer): string {
  return answer.ok ? 'ok' : answer.failure.message;
}

/** The connection of a first request, which was answered. */
async function keptConnection({ sent, request }: Pick<Started, 'sent' | 'request'>): Promise<ScriptedSocket> {
  const first = request();
  const socket = (await attempt(sent, 1)).carry();
  sent[0]?.answer(200, {});
  await first;
  return socket;
}

test('a client reports each request that has ended to the receiver of its options', async (t) => {
  const { sent, request, reports } = start(t);
  const answer = request();
  const first = await attempt(sent, 1);
  first.carry();
  first.answer(200, {});
  assert.equal((await answer).ok, true);
  assert.deepEqual(
    reports.map(({ verb, name, status }) => ({ verb, name, status })),
    [{ verb: 'get', name: 'web-0', status: 200 }],
  );
});

test('a connection has TCP keep-alive, and TCP and TLS each have the time-out', async (t) => {
  const { sent, request, clock } = start(t);
  const answer = request();
  const first = await attempt(sent, 1);
  const socket = new ScriptedSocket(true);
  first.emit('socket', socket);
  assert.deepEqual(socket.keepAlive, [[true, TCP_KEEP_ALIVE_MS]]);
  clock.advance(TIMEOUT_MS - 1);
  socket.emit('connect');
  clock.advance(TIMEOUT_MS - 1);
  assert.equal(first.destroyed, false);
  clock.advance(1);
  assert.equal(first.destroyed, true);
  assert.match(messageOf(await answer), /no connection within 5000 ms$/);
});

test('the time-out of TCP begins when a request has its connection', async (t) => {
  const { sent, request, clock } = start(t);
  const answer = request();
  const first = await attempt(sent, 1);
  clock.advance(TIMEOUT_MS);
  first.emit('socket', new ScriptedSocket(true));
  clock.advance(TIMEOUT_MS);
  assert.match(messageOf(await answer), /no connection within 5000 ms$/);
});

test('a kept connection gets no listener for its next request', async (t) => {
  const { sent, request } = start(t);
  const socket = new ScriptedSocket(false);
  for (let number = 1; number <= 2; number += 1) {
    const answer = request();
    const one = await attempt(sent, number);
    one.carry(socket);
    one.answer(200, {});
    await answer;
  }
  assert.equal(socket.listenerCount('connect'), 0);
});

test('an attempt that was replaced after a 401 has no further effect', async (t) => {
  const { sent, request, clock } = start(t);
  let isWritten = false;
  const answer = request(READ, { written: () => (isWritten = true) });
  const first = await attempt(sent, 1);
  const late = new ScriptedSocket(true);
  first.emit('socket', late);
  // The server answers before the request is written.
  first.answer(401, statusBody(401, 'Unauthorized', 'Unauthorized'));
  const second = await attempt(sent, 2);
  first.emit('finish');
  assert.equal(isWritten, false);
  second.emit('socket', new ScriptedSocket(true));
  clock.advance(TIMEOUT_MS - 1);
  late.emit('connect');
  first.emit('socket', new ScriptedSocket(true));
  first.emit('error', new Error('socket hang up'));
  assert.equal(second.destroyed, false, 'the second attempt goes on');
  clock.advance(1);
  assert.equal(second.destroyed, true, 'its time-out was not started again');
  assert.match(messageOf(await answer), /no connection within 5000 ms$/);
  assert.equal(sent.length, 2);
});

test('a connection whose server answers 401 is closed before the second attempt', async (t) => {
  const { sent, request, distrusts } = start(t);
  const answer = request();
  const first = await attempt(sent, 1);
  const socket = first.carry();
  first.answer(401, statusBody(401, 'Unauthorized', 'Unauthorized'));
  const second = await attempt(sent, 2);
  assert.equal(socket.destroyed, true);
  assert.equal(distrusts(), 1);
  second.carry();
  second.answer(200, {});
  assert.equal(messageOf(await answer), 'ok');
});

test('a request that has ended refuses no token when the rest of a 401 arrives', async (t) => {
  const { client, sent, request, distrusts } = start(t);
  const answer = request();
  const first = await attempt(sent, 1);
  first.carry();
  const response = first.answer(401);
  client.close();
  response.push(null);
  assert.match(messageOf(await answer), /the connections were closed/);
  await until(() => response.readableEnded);
  assert.equal(distrusts(), 0);
});

test('a request is sent once more when its kept connection breaks with an error without a code', async (t) => {
  const { sent, request } = start(t);
  const socket = await keptConnection({ sent, request });
  const answer = request();
  (await attempt(sent, 2)).carry(socket);
  sent[1]?.emit('error', new Error('it broke'));
  (await attempt(sent, 3)).answer(200, {});
  assert.equal(messageOf(await answer), 'ok');
});

test('a request is not sent once more when it fails before it has a connection', async (t) => {
  const { sent, request, connections } = start(t);
  const answer = request();
  (await attempt(sent, 1)).emit('error', new Error('no tunnel within 5000 ms'));
  assert.match(messageOf(await answer), /no tunnel within 5000 ms$/);
  assert.equal(connections.keptOnesDie, false);
  assert.equal(sent.length, 1);
});

test('a time-out on a kept connection does not count as the death of that connection', async (t) => {
  const { sent, request, connections, clock } = start(t);
  const socket = await keptConnection({ sent, request });
  const answer = request();
  (await attempt(sent, 2)).carry(socket);
  let isDestroyed = false;
  sent[1]?.on('error', () => {
    isDestroyed = true;
  });
  clock.advance(TIMEOUT_MS);
  assert.match(messageOf(await answer), /no answer within 5000 ms/);
  await until(() => isDestroyed);
  assert.equal(connections.keptOnesDie, false);
});

test('a stream that has ended is not ended again when the client is closed', async (t) => {
  const { client, sent } = start(t);
  const ends: (string | undefined)[] = [];
  const sink = { opened() {}, bytes() {}, ended: (failure: { message: string } | null) => ends.push(failure?.message) };
  client.stream(WATCH, sink);
  const ended = await attempt(sent, 1);
  ended.answer(200, {});
  await until(() => ends.length === 1);
  const { close } = client.stream(WATCH, sink);
  const closed = await attempt(sent, 2);
  closed.answer(200);
  close();
  assert.equal(closed.destroyed, true);
  closed.destroyed = false;
  client.close();
  assert.deepEqual([ended.destroyed, closed.destroyed], [false, false]);
  assert.deepEqual(ends, [undefined]);
});

test('a closed stream receives neither the bytes nor the end that arrive later', async (t) => {
  const { client, sent } = start(t);
  const calls: string[] = [];
  const stream = client.stream(WATCH, {
    opened: () => void calls.push('opened'),
    bytes: (chunk) => void calls.push(String(chunk)),
    ended: () => void calls.push('ended'),
  });
  const response = (await attempt(sent, 1)).answer(200);
  response.push('first');
  await until(() => calls.length === 2);
  stream.close();
  response.push('second');
  response.push(null);
  await until(() => response.closed);
  assert.deepEqual(calls, ['opened', 'first']);
});

test('a stream ends once when it breaks after its end', async (t) => {
  const { client, sent } = start(t);
  const ends: unknown[] = [];
  client.stream(WATCH, { opened() {}, bytes() {}, ended: (failure) => ends.push(failure) });
  const response = (await attempt(sent, 1)).answer(200);
  response.once('end', () => response.destroy(new Error('aborted')));
  response.push(null);
  await until(() => response.closed);
  assert.deepEqual(ends, [null]);
});

const SECRETS: readonly {
  readonly rule: string;
  readonly authorization: Partial<Authorization>;
  readonly secrets: string[];
}[] = [
  {
    rule: 'a bearer token, whatever the case of its header',
    authorization: { headers: { Authorization: 'Bearer a-long-token' } },
    secrets: ['a-long-token'],
  },
  {
    rule: 'the name and the password of basic authentication',
    authorization: { headers: {}, options: { auth: 'annabella:a-password' } },
    secrets: ['a-password', 'annabella:a-password', Buffer.from('annabella:a-password').toString('base64')],
  },
  {
    rule: 'the password of the proxy',
    authorization: { headers: {}, proxy: new URL('http://annabella:a%20password@proxy.example') },
    secrets: ['a%20password', 'a password', Buffer.from('annabella:a password').toString('base64')],
  },
];
for (const { rule, authorization, secrets } of SECRETS) {
  test(`a failure does not contain ${rule}`, async (t) => {
    const { sent, request } = start(t, { ...BEARER, ...authorization });
    const answer = request();
    const first = await attempt(sent, 1);
    first.carry();
    first.answer(500, statusBody(500, 'InternalError', secrets.map((secret) => `<${secret}>`).join()));
    const message = messageOf(await answer);
    assert.ok(message.endsWith(secrets.map(() => '<<credentials>>').join()), message);
  });
}

test('a failure keeps its words when the address of the proxy has no credentials', async (t) => {
  const { sent, request } = start(t, { ...BEARER, proxy: new URL('http://proxy.example') });
  const answer = request();
  const first = await attempt(sent, 1);
  first.carry();
  first.answer(500, statusBody(500, 'InternalError', 'Basic null, a-token'));
  assert.match(messageOf(await answer), /: Basic null, <credentials>$/);
});

test('a failure keeps words that would be secret if the bearer token were a name and a password', async (t) => {
  const token = Buffer.from('no server:is ready').toString('base64');
  const { sent, request } = start(t, { ...BEARER, headers: { authorization: `Bearer ${token}` } });
  const answer = request();
  const first = await attempt(sent, 1);
  first.carry();
  first.answer(500, statusBody(500, 'InternalError', `no server:is ready for ${token}`));
  assert.match(messageOf(await answer), /: no server:is ready for <credentials>$/);
});

test('the headers of a request name the library and the form of the answer', async (t) => {
  const { sent, request } = start(t, { ...BEARER, headers: {}, options: { auth: 'anna:s3cr3t' } });
  void request();
  const { headers } = await attempt(sent, 1);
  assert.equal(headers['user-agent'], 'lease-elector');
  assert.equal(headers['authorization'], `Basic ${Buffer.from('anna:s3cr3t').toString('base64')}`);
  assert.match(String(headers['accept']), /application\/json/);
});

for (const protocol of ['https:', 'http:'] as const) {
  test(`a request to an ${protocol.slice(0, -1)} server has ${protocol === 'https:' ? 'a' : 'no'} server name for TLS`, async (t) => {
    const { sent, request } = start(t, { ...BEARER, options: { servername: 'api.example' } }, protocol);
    void request();
    const { options } = await attempt(sent, 1);
    assert.equal(options.servername, protocol === 'https:' ? 'api.example' : undefined);
  });
}

test('a request that does not wait reads the authorization once', async (t) => {
  const started = start(t);
  await succeed(started, new ScriptedSocket(false));
  assert.equal(started.readings(), 1);
});

test('a request that waits when the client is closed does not read the authorization again', async (t) => {
  const { client, sent, request, readings } = start(t);
  const answers = [READ, READ, READ, READ].map((one) => request(one));
  await attempt(sent, 2);
  client.close();
  for (const answer of await Promise.all(answers)) assert.match(messageOf(answer), /the connections were closed/);
  assert.equal(readings(), 1);
});

test('a request that ended while it waited does not read the authorization again', async (t) => {
  const { sent, request, readings, clock } = start(t);
  const answers = Array.from({ length: 11 }, () => request());
  for (let round = 1; round <= QUEUE_TIMEOUTS; round += 1) {
    await attempt(sent, 2 * round);
    for (const one of sent.slice(-2)) one.carry();
    clock.advance(TIMEOUT_MS);
  }
  const messages = (await Promise.all(answers)).map(messageOf);
  assert.equal(messages.filter((message) => message.includes('no free connection')).length, 3);
  // The requests of a moment share one reading: all at first, and then two after each time-out, except the last.
  assert.equal(readings(), QUEUE_TIMEOUTS);
});

test('a request whose authorization cannot be read after its wait fails and frees its connection', async (t) => {
  let problem: Error | null = null;
  const { sent, request } = start(t, async () => {
    if (problem !== null) throw problem;
    return { ...BEARER };
  });
  void request();
  void request();
  const [first] = [await attempt(sent, 1), await attempt(sent, 2)];
  const waiting = request();
  await promisesSettled();
  problem = new Error('log in first');
  first.answer(200, {});
  first.emit('close');
  assert.match(messageOf(await waiting), /failed: log in first$/);
  problem = null;
  void request();
  await attempt(sent, 3);
});

test('a request that ends while its authorization is read after its wait is not sent', async (t) => {
  let wait: Promise<void> = Promise.resolve();
  const { client, sent, request, readings } = start(t, async () => {
    await wait;
    return { ...BEARER };
  });
  const [answered, hanging] = [request(), request()];
  const [first] = [await attempt(sent, 1), await attempt(sent, 2)];
  const waiting = request();
  await promisesSettled();
  const reading = Promise.withResolvers<void>();
  wait = reading.promise;
  first.answer(200, {});
  assert.equal(messageOf(await answered), 'ok');
  first.emit('close');
  await until(() => readings() === 2);
  client.close();
  reading.resolve();
  for (const answer of [await hanging, await waiting]) assert.match(messageOf(answer), /the connections were closed/);
  await promisesSettled();
  assert.equal(sent.length, 2);
});

test('only a create needs a new connection after a kept one has died, until a kept one carries an answer', async (t) => {
  const started = start(t);
  const { sent, request, connections } = started;
  const [fresh, pooled] = [true, false].map((isFresh) => connections.agentFor(BEARER, isFresh));
  const [first, second] = [new ScriptedSocket(false), new ScriptedSocket(false)];
  await succeed(started, first);
  const broken = request();
  (await attempt(sent, 2)).carry(first);
  sent[1]?.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  sent[1]?.emit('close');
  (await attempt(sent, 3)).carry();
  sent[2]?.answer(200, {});
  sent[2]?.emit('close');
  assert.equal(messageOf(await broken), 'ok');
  await succeed(started, second);
  await succeed(started, new ScriptedSocket(false), CREATE);
  await succeed(started, second);
  await succeed(started, new ScriptedSocket(false), CREATE);
  assert.deepEqual(
    sent.map(({ options }) => (options.agent === fresh ? 'fresh' : options.agent === pooled ? 'pooled' : 'other')),
    ['pooled', 'pooled', 'fresh', 'pooled', 'fresh', 'pooled', 'pooled'],
  );
});

test('a create uses a kept connection when a new connection has failed', async (t) => {
  const started = start(t);
  const { sent, request, connections } = started;
  const broken = request();
  (await attempt(sent, 1)).carry();
  sent[0]?.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  sent[0]?.emit('close');
  assert.match(messageOf(await broken), /ECONNRESET/);
  await succeed(started, new ScriptedSocket(false), CREATE);
  assert.equal(sent[1]?.options.agent, connections.agentFor(BEARER, false));
});

test('a request beside the election has a new connection, which is not kept', async (t) => {
  const started = start(t);
  await succeed(started, new ScriptedSocket(false), { ...READ, apart: true });
  assert.equal(started.sent[0]?.options.agent, started.connections.agentFor(BEARER, true));
});

const BAD_BODIES: readonly {
  readonly how: string;
  readonly end: (body: IncomingMessage) => void;
  readonly message: RegExp;
}[] = [
  { how: 'breaks', end: (body) => body.destroy(new Error('aborted')), message: / failed: aborted$/ },
  { how: 'is not JSON', end: (body) => body.push(null), message: /: the answer is not JSON$/ },
];
for (const { how, end, message } of BAD_BODIES) {
  test(`a request fails when the body of its answer ${how}`, async (t) => {
    const { sent, request } = start(t);
    const answer = request();
    const first = await attempt(sent, 1);
    first.carry();
    const body = first.answer(200);
    body.push('<html>');
    end(body);
    assert.match(messageOf(await answer), message);
  });
}
