/**
 * The effect of a fault on its client, in process and on a clock that only the test moves. The sockets are in
 * embedded-cluster.test.ts.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiResponse } from '../../src/testing/handlers/api-request.ts';
import type { ApiServer } from '../../src/testing/index.ts';
import { Faults } from '../../src/testing/kit/faults/fault-plan.ts';
import { IssuedTokens } from '../../src/testing/kit/issued-tokens.ts';
import { RequestInterceptor } from '../../src/testing/kit/request-interceptor.ts';
import { RequestLog } from '../../src/testing/kit/request-log.ts';
import { WatchTracker } from '../../src/testing/kit/watch-tracker.ts';
import { ConnectionResetError } from '../../src/testing/server/faults.ts';
import type { ManualClock } from '../worlds/manual-clock.ts';
import { LEASES_PATH, leaseBody, makeServer, send } from './api-client.ts';

interface Setup {
  readonly server: ApiServer;
  readonly clock: ManualClock;
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly tokens: IssuedTokens;
  readonly gate: RequestInterceptor;
  request(method: string, path: string, body?: unknown, token?: string): Promise<ApiResponse>;
}

function makeSetup(): Setup {
  const { server, clock } = makeServer();
  const watches = new WatchTracker();
  const faults = new Faults(clock, watches);
  const log = new RequestLog(100);
  const tokens = new IssuedTokens(server.adminToken);
  const gate = new RequestInterceptor({ server, clock, tokens, faults, watches, log });
  return {
    server,
    clock,
    faults,
    log,
    tokens,
    gate,
    request: (method, path, body, token = server.adminToken) =>
      gate.handle({
        method,
        path,
        headers: token === '' ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  };
}

async function exists({ server }: Setup): Promise<boolean> {
  return (await send(server, 'GET', `${LEASES_PATH}/l`)).status === 200;
}

function linesOf(answer: ApiResponse): string[] {
  const lines: string[] = [];
  answer.stream?.open(
    (chunk) => lines.push(...chunk.split('\n').filter((line) => line !== '')),
    (error) => lines.push(error === undefined ? 'end' : error.name),
  );
  return lines;
}

test('without faults a request is carried out, and logged with its client', async () => {
  const setup = makeSetup();
  assert.equal((await setup.request('POST', LEASES_PATH, leaseBody('l'))).status, 201);
  assert.equal((await setup.request('GET', `${LEASES_PATH}/l`, undefined, '')).status, 403);
  setup.clock.advance(5);
  assert.equal((await setup.request('GET', '/version')).status, 200);
  assert.deepEqual(
    [...setup.log].map(({ client, verb, resource, name, status, atMs }) => [
      client,
      verb,
      resource,
      name,
      status,
      atMs,
    ]),
    [
      ['admin', 'create', 'leases', '', 201, 0],
      ['system:anonymous', 'get', 'leases', 'l', 403, 0],
      ['admin', 'get', '', '', 200, 5],
    ],
  );
});

test('the log distinguishes clients by their tokens: of containers, of Pods, of service accounts', async () => {
  const setup = makeSetup();
  const pod = setup.server.createPod({ namespace: 'ns', name: 'web-0' });
  const account = { namespace: 'ns', serviceAccountName: 'default' };
  const [own, requested, unbound] = [
    setup.server.issueToken({ ...account, pod }),
    setup.server.issueToken({ ...account, pod }),
    setup.server.issueToken(account),
  ];
  setup.tokens.add(own, { podName: 'web-0', podUid: pod.uid, running: true });
  for (const token of [own, requested, unbound, 'nonsense']) await setup.request('GET', '/version', undefined, token);
  assert.deepEqual(
    [...setup.log].map(({ client, podUid, status }) => [client, podUid, status]),
    [
      ['web-0', pod.uid, 200],
      ['web-0', pod.uid, 200],
      ['system:serviceaccount:ns:default', undefined, 200],
      ['system:anonymous', undefined, 401],
    ],
  );
});

test('a refused request is not carried out, and its connection is reset', async () => {
  const setup = makeSetup();
  setup.faults.refuse();
  await assert.rejects(setup.request('POST', LEASES_PATH, leaseBody('l')), ConnectionResetError);
  assert.equal(await exists(setup), false);
  assert.deepEqual([[...setup.log][0]?.status, [...setup.log][0]?.faults], [0, ['refuse']]);
});

test('a write with a dropped answer is carried out, and the log has its status', async () => {
  const setup = makeSetup();
  setup.faults.dropAnswer();
  await assert.rejects(setup.request('POST', LEASES_PATH, leaseBody('l')), ConnectionResetError);
  assert.equal(await exists(setup), true);
  assert.deepEqual([[...setup.log][0]?.status, [...setup.log][0]?.faults], [201, ['dropAnswer']]);
});

test('a delayed request is carried out after the delay', async () => {
  const setup = makeSetup();
  setup.faults.delay({ ms: 10 });
  const answer = setup.request('POST', LEASES_PATH, leaseBody('l'));
  setup.clock.advance(9);
  assert.equal(await exists(setup), false);
  setup.clock.advance(1);
  assert.equal((await answer).status, 201);
});

test('a delayed request is lost when the server stops during the delay', async () => {
  const setup = makeSetup();
  setup.faults.delay({ ms: 10 });
  const answer = setup.request('POST', LEASES_PATH, leaseBody('l'));
  setup.gate.breakConnections();
  setup.clock.advance(10);
  await assert.rejects(answer, ConnectionResetError);
  assert.equal(await exists(setup), false);
});

for (const [status, method, path, reason] of [
  [401, 'GET', `${LEASES_PATH}/l`, 'Unauthorized'],
  [409, 'POST', LEASES_PATH, 'AlreadyExists'],
  [409, 'PUT', `${LEASES_PATH}/l`, 'Conflict'],
  [409, 'GET', '/version', 'Conflict'],
  [410, 'GET', LEASES_PATH, 'Expired'],
  [429, 'PUT', `${LEASES_PATH}/l`, 'TooManyRequests'],
  [500, 'GET', LEASES_PATH, 'InternalError'],
  [503, 'GET', LEASES_PATH, 'ServiceUnavailable'],
  [504, 'DELETE', `${LEASES_PATH}/l`, 'Timeout'],
  [418, 'GET', LEASES_PATH, 'InternalError'],
] as const) {
  test(`${status} for ${method} ${path} has the reason ${reason}`, async () => {
    const setup = makeSetup();
    setup.faults.answer(status);
    const answer = await setup.request(method, path, leaseBody('l'));
    const body = JSON.parse(answer.body ?? '');
    assert.deepEqual([answer.status, body.code, body.reason], [status, status, reason]);
    assert.equal(answer.headers['retry-after'], status === 429 ? '1' : undefined);
    if (reason === 'AlreadyExists') assert.match(body.message, /leases.coordination.k8s.io "l" already exists/);
  });
}

test('a 409 to a create with an unreadable body names no object', async () => {
  const setup = makeSetup();
  setup.faults.answer(409);
  const answer = await setup.request('POST', LEASES_PATH);
  assert.equal(JSON.parse(answer.body ?? '').reason, 'AlreadyExists');
});

test('fact 17: a watch receives 410 as an event, then it ends', async () => {
  const setup = makeSetup();
  setup.faults.answer(410, { verb: 'watch' });
  const answer = await setup.request('GET', `${LEASES_PATH}?watch=1&resourceVersion=1`);
  assert.equal(answer.status, 200);
  const [event, end] = linesOf(answer);
  assert.deepEqual([JSON.parse(event ?? '').type, JSON.parse(event ?? '').object.code, end], ['ERROR', 410, 'end']);
  answer.stream?.close();
});

test('a fault cuts or silences only the watches of its client', async () => {
  const setup = makeSetup();
  const admin = linesOf(await setup.request('GET', `${LEASES_PATH}?watch=1`));
  const silence = setup.faults.silenceWatches({ client: 'admin', resource: 'leases' });
  await send(setup.server, 'POST', LEASES_PATH, leaseBody('l'));
  assert.deepEqual(admin, []);
  silence.lift();
  assert.equal(admin.length, 1);
  assert.equal(setup.faults.cutWatches({ client: 'web-0' }), 0);
  assert.equal(setup.faults.cutWatches({ client: 'admin' }), 1);
  assert.equal(admin.at(-1), 'ConnectionResetError');
});

test('random faults cut and silence the watches of the client that sent the request', async () => {
  const setup = makeSetup();
  const silent = linesOf(await setup.request('GET', `${LEASES_PATH}?watch=1`));
  const silences = setup.faults.random(1, { silenceWatches: 1 }, { maxDelayMs: 10 });
  await setup.request('POST', LEASES_PATH, leaseBody('l'));
  assert.deepEqual(silent, []);
  silences.lift();
  setup.clock.advance(10);
  assert.equal(silent.length, 1);
  setup.faults.random(1, { cutWatches: 1 });
  await setup.request('GET', LEASES_PATH);
  assert.equal(silent.at(-1), 'ConnectionResetError');
});

test('an expired token is answered 401, and a request of an ended container does not reach the server', async () => {
  const setup = makeSetup();
  const pod = setup.server.createPod({ namespace: 'ns', name: 'web-0' });
  const token = setup.server.issueToken({ namespace: 'ns', serviceAccountName: 'default', pod });
  const container = { podName: 'web-0', podUid: pod.uid, running: true };
  setup.tokens.add(token, container);
  setup.faults.delay({ ms: 10, times: 1 });
  const late = setup.request('GET', '/version', undefined, token);
  container.running = false;
  setup.clock.advance(10);
  await assert.rejects(late, ConnectionResetError, 'the process that would receive the answer has ended');
  await assert.rejects(setup.request('GET', '/version', undefined, token), ConnectionResetError);
  container.running = true;
  setup.tokens.expire(token);
  assert.equal((await setup.request('GET', '/version', undefined, token)).status, 401);
  assert.deepEqual(
    [...setup.log].map(({ status, faults }) => [status, faults]),
    [
      [200, ['delay']],
      [0, ['containerEnded']],
      [401, ['tokenExpired']],
    ],
  );
});
