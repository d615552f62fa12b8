/**
 * Checks one request in flight without a connection: its outcome, its time-outs, its report, and which requests may be
 * sent twice.
 */

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import {
  ANSWER_LIMIT_BYTES,
  collect,
  doubtRefusal,
  Exchange,
  type ExchangeOptions,
  isOfSickServer,
  isRepeatable,
  QUEUE_TIMEOUTS,
  type RequestReport,
  type Step,
} from '../../src/kube/exchange.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { statusBody } from './stub-server.ts';

const TIMEOUT_MS = 5_000;
const READ: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };
const IDENTITY = { uid: 'u', resourceVersion: '7' };

/** An exchange, and the calls that it makes: those to the caller in `calls`, and the reports of its end. */
interface Started {
  readonly exchange: Exchange;
  readonly clock: ManualClock;
  readonly calls: string[];
  readonly failures: RequestFailure[];
  readonly reports: RequestReport[];
  readonly underWay: Set<Exchange>;
  /** The errors with which the sent request was destroyed. */
  readonly destroyed: (Error | undefined)[];
}

function startExchange(options: Partial<ExchangeOptions> = {}, request = READ): Started {
  const clock = new ManualClock();
  const started = {
    clock,
    calls: [] as string[],
    failures: [] as RequestFailure[],
    reports: [] as RequestReport[],
    underWay: new Set<Exchange>(),
    destroyed: [] as (Error | undefined)[],
  };
  const outcome = {
    written: () => void started.calls.push('written'),
    succeeded: () => void started.calls.push('succeeded'),
    failed(failure: RequestFailure, absent: boolean) {
      started.calls.push(absent ? 'failed, absent' : 'failed');
      started.failures.push(failure);
    },
  };
  const exchange = new Exchange(request, outcome, {
    clock,
    timeoutMs: TIMEOUT_MS,
    conceal: String,
    ended: (report) => void started.reports.push(report),
    underWay: started.underWay,
    ...options,
  });
  return { ...started, exchange };
}

/** Gives the exchange a sent request, a connection and a place in the queue. */
function send({ exchange, calls, destroyed }: Started): Socket {
  const socket = new Socket();
  exchange.sent = {
    destroy(error?: Error) {
      destroyed.push(error);
    },
  } as unknown as ClientRequest;
  exchange.carriedBy(socket);
  exchange.leaveQueue = () => void calls.push('left the queue');
  return socket;
}

/** The head of an answer, whose body the test may add. */
function headOf(status: number | undefined, headers: Record<string, string> = {}): IncomingMessage {
  const response = new IncomingMessage(new Socket());
  if (status !== undefined) response.statusCode = status;
  Object.assign(response.headers, headers);
  return response;
}

/** A complete answer. */
function answerOf(status: number | undefined, body = '', headers: Record<string, string> = {}): IncomingMessage {
  const response = headOf(status, headers);
  if (body !== '') response.push(body);
  response.push(null);
  return response;
}

const STATUSES: readonly { readonly status: number | undefined; readonly outcome: string }[] = [
  { status: undefined, outcome: 'failed' },
  { status: 199, outcome: 'failed' },
  { status: 200, outcome: 'succeeded' },
  { status: 299, outcome: 'succeeded' },
  { status: 300, outcome: 'failed' },
];
for (const { status, outcome } of STATUSES) {
  test(`an exchange has ${outcome} when the head has the status ${status}`, async () => {
    const { exchange, calls } = startExchange();
    exchange.take(answerOf(status));
    await until(() => calls.length === 2);
    assert.deepEqual(calls, ['written', outcome]);
  });
}

test('an exchange fails once when its answer arrives after its time-out', () => {
  const started = startExchange();
  const { exchange, clock, calls, failures } = started;
  send(started);
  exchange.enter('written');
  clock.advance(TIMEOUT_MS);
  exchange.cancel(new Error('the connections were closed'));
  assert.deepEqual(calls, ['written', 'left the queue', 'failed', 'left the queue']);
  assert.match(failures[0]?.message ?? '', /no answer within 5000 ms/);
  const late = answerOf(200);
  exchange.take(late);
  assert.equal(late.destroyed, true);
  assert.equal(calls.includes('succeeded'), false);
});

test('a cancelled exchange destroys its request, leaves its connection and the queue, and has no time-out', () => {
  const started = startExchange();
  const { exchange, clock, calls, destroyed, underWay } = started;
  const socket = send(started);
  exchange.enter('connecting');
  const error = new Error('the connections were closed');
  exchange.cancel(error);
  assert.deepEqual(destroyed, [error]);
  assert.equal(socket.destroyed, true);
  assert.deepEqual(calls, ['left the queue', 'written', 'failed']);
  assert.equal(clock.timers.size, 0);
  assert.equal(underWay.size, 0);
});

test('a cancelled exchange fails when it was not sent yet', () => {
  const { exchange, calls } = startExchange();
  exchange.cancel(new Error('the connections were closed'));
  assert.deepEqual(calls, ['written', 'failed']);
});

test('an abandoned exchange has no outcome, and destroys its request without an error', () => {
  const started = startExchange();
  const { exchange, clock, calls, destroyed, underWay } = started;
  send(started);
  exchange.enter('connecting');
  exchange.abandon();
  assert.deepEqual(destroyed, [undefined]);
  assert.deepEqual(calls, ['left the queue']);
  assert.equal(clock.timers.size, 0);
  assert.equal(underWay.size, 0);
  exchange.fail(exchange.failureOf(new Error('socket hang up')));
  assert.deepEqual(calls, ['left the queue']);
});

test('an abandoned exchange has no outcome when it was not sent yet', () => {
  const { exchange, calls, clock } = startExchange();
  exchange.abandon();
  exchange.enter('written');
  assert.deepEqual(calls, []);
  assert.equal(clock.timers.size, 0);
});

test('a finished exchange begins no time-out', () => {
  const { exchange, clock, underWay } = startExchange();
  exchange.enter('connecting');
  assert.equal(clock.timers.size, 1);
  exchange.finish();
  exchange.enter('written');
  assert.equal(clock.timers.size, 0);
  assert.equal(underWay.size, 0);
});

const LIMITS: readonly {
  readonly step: Step;
  readonly body?: unknown;
  readonly limitMs: number;
  readonly problem: string;
}[] = [
  { step: 'queued', limitMs: QUEUE_TIMEOUTS * TIMEOUT_MS, problem: 'no free connection within 20000 ms' },
  { step: 'connecting', limitMs: TIMEOUT_MS, problem: 'no connection within 5000 ms' },
  { step: 'written', limitMs: TIMEOUT_MS, problem: 'no answer within 5000 ms' },
  {
    step: 'written',
    body: {},
    limitMs: TIMEOUT_MS,
    problem: 'no answer within 5000 ms; it is not known whether it was carried out',
  },
];
for (const { step, body, limitMs, problem } of LIMITS) {
  test(`a request ${body === undefined ? 'without' : 'with'} a body fails after ${limitMs} ms when it is ${step}`, () => {
    const { exchange, clock, failures } = startExchange({}, { ...READ, verb: 'patch', body });
    exchange.enter(step);
    clock.advance(limitMs - 1);
    assert.equal(failures.length, 0);
    clock.advance(1);
    assert.equal(failures[0]?.message, `patch pods "web-0" in namespace "shop" failed: ${problem}`);
  });
}

test('a refusal has the text of the Status, the time to wait, and whether the object is absent', async () => {
  const started = [404, 429].map((status) => {
    const one = startExchange();
    const details = { name: 'web-0', kind: 'pods' };
    const body = JSON.stringify(statusBody(status, 'NotFound', 'no such Pod', details));
    one.exchange.take(answerOf(status, body, { 'retry-after': '7' }));
    return one;
  });
  await until(() => started.every(({ failures }) => failures.length === 1));
  assert.deepEqual(
    started.map(({ calls }) => calls.at(-1)),
    ['failed, absent', 'failed'],
  );
  for (const { failures } of started) {
    assert.match(failures[0]?.message ?? '', /: no such Pod$/);
    assert.equal(failures[0]?.retryAfterMs, 7_000);
  }
});

test('an exchange closes its connection when the server is sick, and keeps it after another refusal', async () => {
  const closed = [503, 409].map((status) => {
    const started = startExchange();
    const socket = send(started);
    started.exchange.take(answerOf(status));
    return async () => {
      await until(() => started.failures.length === 1);
      return socket.destroyed;
    };
  });
  assert.deepEqual(await Promise.all(closed.map((isClosed) => isClosed())), [true, false]);
});

test('an ended exchange reports its status, its duration and its failure once', async () => {
  const { exchange, clock, calls, reports } = startExchange();
  const { verb, apiGroup, resource, namespace, name } = READ;
  clock.advance(700);
  exchange.take(answerOf(409));
  await until(() => calls.includes('failed'));
  exchange.finish();
  const failure = 'get pods "web-0" in namespace "shop" was answered 409';
  assert.deepEqual(reports, [{ verb, apiGroup, resource, namespace, name, status: 409, durationMs: 700, failure }]);
});

test('a finished exchange reports no failure, even when a stream breaks later', () => {
  const { exchange, reports } = startExchange();
  exchange.take(headOf(200));
  exchange.finish();
  exchange.abandon();
  assert.deepEqual(
    reports.map(({ status, failure }) => ({ status, failure })),
    [{ status: 200, failure: null }],
  );
});

/** The reports on the channel during a test. */
function publishedIn(t: TestContext): RequestReport[] {
  const published: RequestReport[] = [];
  const note = (message: unknown): void => void published.push(message as RequestReport);
  subscribe('lease-elector:request', note);
  t.after(() => unsubscribe('lease-elector:request', note));
  return published;
}

test('an exchange publishes its report when its client has no receiver of reports', (t) => {
  const published = publishedIn(t);
  const options = { clock: new ManualClock(), timeoutMs: TIMEOUT_MS, conceal: String, underWay: new Set<Exchange>() };
  const exchange = new Exchange(READ, { written() {}, succeeded() {}, failed() {} }, options);
  exchange.finish();
  assert.deepEqual(
    published.map(({ name, status, failure }) => ({ name, status, failure })),
    [{ name: 'web-0', status: null, failure: null }],
  );
});

test('an abandoned exchange is published, but not reported to its client', (t) => {
  const published = publishedIn(t);
  const { exchange, reports } = startExchange();
  exchange.abandon();
  assert.deepEqual(reports, []);
  assert.deepEqual(
    published.map(({ failure }) => failure),
    ['the request was abandoned, since its answer is no longer needed'],
  );
});

const EXPIRED_AT_SECONDS = Date.parse('2027-01-01T00:00:00Z') / 1_000;
const EXPIRED = `e30.${Buffer.from(JSON.stringify({ exp: EXPIRED_AT_SECONDS })).toString('base64url')}.c2ln`;

test('only an answer 401 names the time of the token', async () => {
  const problems = await Promise.all(
    [
      { status: 401, token: EXPIRED },
      { status: 401, token: null },
      { status: 403, token: EXPIRED },
    ].map(async ({ status, token }) => {
      const { exchange, failures } = startExchange();
      exchange.token = token;
      exchange.take(answerOf(status, JSON.stringify(statusBody(status, 'No', 'no'))));
      await until(() => failures.length === 1);
      return failures[0]?.tokenProblem?.slice(0, 34);
    }),
  );
  assert.deepEqual(problems, ['it expired at 2027-01-01T00:00:00.', undefined, undefined]);
});

const KINDS: readonly {
  readonly kind: RequestFailureKind;
  readonly named?: true;
  readonly sick: boolean;
}[] = [
  { kind: 'unavailable', sick: true },
  { kind: 'unauthorized', sick: true },
  { kind: 'forbidden', named: true, sick: true },
  { kind: 'forbidden', sick: false },
  { kind: 'conflict', sick: false },
  { kind: 'throttled', sick: false },
  { kind: 'malformed', sick: false },
];

function failureOfKind(kind: RequestFailureKind, named = false): RequestFailure {
  const missingRule = named ? { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop' } : null;
  return { kind, message: 'it failed', retryAfterMs: null, missingRule, cause: null };
}

for (const { kind, named = false, sick } of KINDS) {
  const which = named ? `${kind} with a missing permission` : kind;
  test(`a failure ${which} is ${sick ? '' : 'not '}of a sick server`, () => {
    assert.equal(isOfSickServer(failureOfKind(kind, named)), sick);
  });
}

const REPEATABLE: readonly { readonly verb: ApiRequest['verb']; readonly body?: unknown; readonly may: boolean }[] = [
  { verb: 'get', may: true },
  { verb: 'list', may: true },
  { verb: 'watch', may: true },
  { verb: 'create', body: { metadata: IDENTITY }, may: false },
  ...(['update', 'patch'] as const).flatMap((verb) => [
    { verb, body: { metadata: IDENTITY }, may: true },
    { verb, body: { metadata: { uid: 'u' } }, may: false },
    { verb, body: { preconditions: IDENTITY }, may: false },
    { verb, body: null, may: false },
  ]),
  { verb: 'delete', body: { preconditions: IDENTITY }, may: true },
  { verb: 'delete', body: { preconditions: { ...IDENTITY, uid: '' } }, may: false },
  { verb: 'delete', body: { preconditions: { ...IDENTITY, uid: 1 } }, may: false },
  { verb: 'delete', body: { preconditions: { ...IDENTITY, resourceVersion: '' } }, may: false },
  { verb: 'delete', body: { preconditions: { ...IDENTITY, resourceVersion: 7 } }, may: false },
  { verb: 'delete', body: { metadata: IDENTITY }, may: false },
  { verb: 'delete', may: false },
];
for (const { verb, body, may } of REPEATABLE) {
  test(`${verb} may ${may ? '' : 'not '}be sent twice when its body is ${JSON.stringify(body)}`, () => {
    assert.equal(isRepeatable({ ...READ, verb, body }), may);
  });
}

test('a refusal is doubted only when the request has a body and the outcome is not already unknown', () => {
  const doubted = (body: unknown, kind: RequestFailureKind): boolean => {
    const failure = failureOfKind(kind, true);
    const told = doubtRefusal({ ...READ, verb: 'patch', body }, failure);
    if (told === failure) return false;
    assert.equal(told.kind, 'unavailable');
    assert.equal(told.missingRule, null);
    assert.match(told.message, /^it failed\. The connection had broken before, so the request was sent twice/);
    return true;
  };
  assert.equal(doubted({}, 'conflict'), true);
  assert.equal(doubted({}, 'forbidden'), true);
  assert.equal(doubted(undefined, 'conflict'), false);
  assert.equal(doubted({}, 'unavailable'), false);
  assert.equal(doubted({}, 'malformed'), false);
});

/** Reads a body, and records each call with the text. */
function collected(response: IncomingMessage): { readonly error: string | null; readonly text: string }[] {
  const calls: { readonly error: string | null; readonly text: string }[] = [];
  collect(response, (error, text) => calls.push({ error: error?.message ?? null, text }));
  return calls;
}

test('a body is collected up to its limit, and a longer one ends the answer', async () => {
  const longest = headOf(200);
  const longestCalls = collected(longest);
  longest.push(Buffer.alloc(ANSWER_LIMIT_BYTES, 'x'));
  longest.push(null);
  await until(() => longestCalls.length === 1);
  assert.equal(longestCalls[0]?.error, null);
  assert.equal(longestCalls[0]?.text.length, ANSWER_LIMIT_BYTES);

  const tooLong = headOf(200);
  const calls = collected(tooLong);
  tooLong.push(Buffer.alloc(ANSWER_LIMIT_BYTES, 'x'));
  tooLong.push('y');
  tooLong.push('z');
  await until(() => tooLong.closed);
  assert.deepEqual(calls, [{ error: `the answer is longer than ${ANSWER_LIMIT_BYTES} bytes`, text: '' }]);
});

test('a body that breaks off is collected so far, with the error', async () => {
  const response = headOf(200);
  const calls = collected(response);
  response.push('{"a":');
  await until(() => response.readableLength === 0);
  response.destroy(new Error('aborted'));
  await until(() => response.closed);
  assert.deepEqual(calls, [{ error: 'aborted', text: '{"a":' }]);
});

test('a body is collected once when its receiver destroys the answer', async () => {
  const response = headOf(200);
  const texts: string[] = [];
  collect(response, (_, text) => {
    texts.push(text);
    response.destroy(new Error('the connections were closed'));
  });
  response.push('{}');
  response.push(null);
  await until(() => response.closed);
  assert.deepEqual(texts, ['{}']);
});
