/**
 * Faults of connections, over sockets: closed after an answer, reset when used again, and a sick server behind a
 * balancer. Also late answers, in process on a clock that only the test moves.
 */

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { Agent, type RequestOptions, request } from 'node:https';
import { type TestContext, test } from 'node:test';
import { EmbeddedCluster, LEASES } from '../../src/testing/index.ts';
import { Faults } from '../../src/testing/kit/faults/fault-plan.ts';
import { IssuedTokens } from '../../src/testing/kit/issued-tokens.ts';
import { RequestInterceptor } from '../../src/testing/kit/request-interceptor.ts';
import { RequestLog } from '../../src/testing/kit/request-log.ts';
import { WatchTracker } from '../../src/testing/kit/watch-tracker.ts';
import { LEASES_PATH, leaseBody, makeServer, send } from './api-client.ts';

interface Reply {
  readonly status: number;
  readonly connectionHeader: string | undefined;
  /** The local port, which identifies the connection. */
  readonly port: number | undefined;
  readonly reused: boolean;
}

async function start(t: TestContext): Promise<{ cluster: EmbeddedCluster; agent: Agent }> {
  const cluster = await EmbeddedCluster.start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: cluster.server.caPem });
  t.after(() => agent.destroy());
  t.after(() => cluster.stop());
  return { cluster, agent };
}

function sendRequest(cluster: EmbeddedCluster, agent: Agent | false, method = 'GET', body?: object): Promise<Reply> {
  const headers = { authorization: `Bearer ${cluster.server.adminToken}`, 'content-type': 'application/json' };
  const options: RequestOptions = { method, headers, agent, ca: cluster.server.caPem };
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  return new Promise((resolve, reject) => {
    const sent = request(`${cluster.url}${path}`, options, (response) => {
      const { localPort: port } = response.socket;
      const { statusCode: status = 0, headers: received } = response;
      response.resume().on('end', () => {
        resolve({ status, connectionHeader: received.connection, port, reused: sent.reusedSocket });
      });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('without faults a connection is used again', async (t) => {
  const { cluster, agent } = await start(t);
  const [first, second] = [await sendRequest(cluster, agent), await sendRequest(cluster, agent)];
  assert.deepEqual([first.reused, second.reused, first.port === second.port], [false, true, true]);
});

for (const { announced, connectionHeader } of [
  { announced: true, connectionHeader: 'close' },
  { announced: false, connectionHeader: 'keep-alive' },
]) {
  test(`a server closes each connection after its answer, ${announced ? 'and announces that' : 'without an announcement'}`, async (t) => {
    const { cluster, agent } = await start(t);
    const fault = cluster.faults.closeConnection(announced ? {} : { announced });
    const ports = new Set<number | undefined>();
    for (let count = 0; count < 3; count += 1) {
      const closed = new Promise((resolve) => {
        agent.once('free', (socket) => socket.once('close', resolve));
        if (announced) resolve(undefined);
      });
      const reply = await sendRequest(cluster, agent);
      assert.deepEqual([reply.status, reply.connectionHeader, reply.reused], [200, connectionHeader, false]);
      ports.add(reply.port);
      await closed;
    }
    assert.deepEqual([ports.size, fault.hits], [3, 3]);
    assert.deepEqual(
      [...cluster.requests].map(({ faults }) => faults),
      [['closeConnection'], ['closeConnection'], ['closeConnection']],
    );
  });
}

for (const announced of [true, false]) {
  test(`an HTTP/2 session is closed after its answer, ${announced ? 'with' : 'without'} an announcement`, async (t) => {
    const { cluster } = await start(t);
    cluster.faults.closeConnection({ announced });
    const session = http2.connect(cluster.url, { ca: cluster.server.caPem });
    const closed = new Promise((resolve) => session.once('close', resolve));
    const stream = session.request({ ':path': '/version', authorization: `Bearer ${cluster.server.adminToken}` });
    const status = new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])));
    stream.resume();
    assert.equal(await status, 200);
    await closed;
  });
}

test('a reused connection is reset when the next request arrives, and that request is not carried out', async (t) => {
  const { cluster, agent } = await start(t);
  const fault = cluster.faults.resetReused({ verb: 'create' });
  await sendRequest(cluster, agent);
  await assert.rejects(sendRequest(cluster, agent, 'POST', leaseBody('app')), { code: 'ECONNRESET' });
  assert.equal(cluster.server.store.list(LEASES).length, 0);
  assert.equal((await sendRequest(cluster, agent, 'POST', leaseBody('app'))).status, 201, 'on a fresh connection');
  assert.equal((await sendRequest(cluster, agent)).reused, true, 'other verbs use it again');
  assert.equal(fault.hits, 1);
});

test('a reset with `times` waits for a connection that is used again', async (t) => {
  const { cluster, agent } = await start(t);
  const fault = cluster.faults.resetReused({ times: 1 });
  await sendRequest(cluster, false);
  assert.equal(fault.active, true);
  await sendRequest(cluster, agent);
  await assert.rejects(sendRequest(cluster, agent), { code: 'ECONNRESET' });
  assert.equal(fault.active, false);
});

test('a client stays at a sick server as long as it keeps its connection', async (t) => {
  const { cluster } = await start(t);
  const fault = cluster.faults.sickServer({ status: 503 });
  const statuses: (readonly number[])[] = [];
  for (let count = 0; count < 12; count += 1) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const replies = [
      await sendRequest(cluster, agent),
      await sendRequest(cluster, agent),
      await sendRequest(cluster, agent),
    ];
    agent.destroy();
    statuses.push(replies.map(({ status }) => status));
  }
  const [sick, healthy] = [503, 200].map((status) => statuses.filter(([first]) => first === status));
  assert.ok(
    statuses.every((all) => new Set(all).size === 1),
    'each connection ends at one server',
  );
  assert.ok(sick !== undefined && healthy !== undefined && sick.length >= 2 && healthy.length >= 2);
  assert.equal(fault.hits, sick.length * 3);
});

test('a sick server without a status does not answer until the connection breaks', async (t) => {
  const { cluster, agent } = await start(t);
  const fault = cluster.faults.sickServer({ of: 1 });
  const answer = assert.rejects(sendRequest(cluster, agent), { code: 'ECONNRESET' });
  await cluster.until(() => fault.hits === 1);
  await cluster.stopServer();
  await answer;
  fault.lift();
  await cluster.restartServer();
  assert.equal((await sendRequest(cluster, agent)).status, 200);
});

test('a request whose answer is delayed is carried out at once', async () => {
  const { server, clock } = makeServer();
  const watches = new WatchTracker();
  const faults = new Faults(clock, watches);
  const tokens = new IssuedTokens(server.adminToken);
  const gate = new RequestInterceptor({ server, clock, tokens, faults, watches, log: new RequestLog(10) });
  const headers = { authorization: `Bearer ${server.adminToken}` };
  const create = (name: string): ReturnType<RequestInterceptor['handle']> =>
    gate.handle({ method: 'POST', path: LEASES_PATH, headers, body: JSON.stringify(leaseBody(name)) });
  faults.delayAnswer({ ms: 6000 });
  faults.delayAnswer({ ms: 1000 });
  let answered = false;
  const answer = create('l').then(({ status }) => {
    answered = true;
    return status;
  });
  await settled();
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/l`)).status, 200);
  clock.advance(6999);
  await settled();
  assert.equal(answered, false);
  clock.advance(1);
  assert.equal(await answer, 201);
  const lost = assert.rejects(create('m'), { code: 'ECONNRESET' });
  await settled();
  gate.breakConnections();
  clock.advance(7000);
  await lost;
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/m`)).status, 200);
});

/** Runs the promise callbacks that are due in this turn of the event loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}
