/**
 * The transport alone: when a request is written, which connection carries it, and when that connection is closed.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ApiAnswer, ApiClient, type ApiClientOptions } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { podCredentials } from '../../src/kube/credentials.ts';
import { ManualClock } from './manual-clock.ts';
import { type Responder, type StubServer, serviceAccountDirectory, startStub, until } from './stub-server.ts';

const TIMEOUT_MS = 5_000;
const READ: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };

/** A client of whatever listens on that port, on a clock that the test moves. */
function clientOf(
  t: TestContext,
  port: number,
  options: Partial<ApiClientOptions> = {},
): { client: ApiClient; clock: ManualClock } {
  const clock = new ManualClock();
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
  const credentials = podCredentials(environment, serviceAccountDirectory(t), clock);
  const client = new ApiClient({ credentials, requestTimeoutMs: TIMEOUT_MS, clock, ...options });
  t.after(() => client.close());
  return { client, clock };
}

interface Setting {
  readonly stub: StubServer;
  readonly client: ApiClient;
  readonly clock: ManualClock;
}

async function connect(t: TestContext, respond: Responder): Promise<Setting> {
  const stub = await startStub(t, respond);
  return { stub, ...clientOf(t, stub.port) };
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function messageOf(answer: ApiAnswer): string {
  return answer.ok ? 'ok' : answer.failure.message;
}

test('the caller learns that its request was written before the server answers', async (t) => {
  const { client, stub } = await connect(t, () => {});
  let written = 0;
  const answer = client.request(READ, { written: () => (written += 1) });
  await until(() => written === 1 && stub.seen.length === 1);
  client.close();
  assert.equal((await answer).ok, false);
  assert.equal(written, 1, 'the hook is called once');
});

test('the caller of a request that is never written is told so by the same hook, before the failure', async (t) => {
  const { client } = clientOf(t, await freePort());
  const calls: string[] = [];
  const answer = await client.request(READ, { written: () => calls.push('written') });
  assert.deepEqual(calls, ['written']);
  assert.match(messageOf(answer), /ECONNREFUSED/);
});

test('the hook stays silent while a connection is being made', async (t) => {
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
