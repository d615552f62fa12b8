/**
 * Checks which answers of the process that has a port are those of an endpoint.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { isAnsweredAsEndpoint, PORT_OWNER_TIMEOUT_MS } from '../../src/endpoint/port-owner.ts';
import { freePort } from '../worlds/free-port.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';

const HOST = '127.0.0.1';

/** Starts a process that has a port, and returns the port. */
async function ownerOf(t: TestContext, answer: RequestListener): Promise<number> {
  const owner = createServer(answer).listen(0, HOST);
  t.after(() => {
    owner.closeAllConnections();
    owner.close();
  });
  await once(owner, 'listening');
  return (owner.address() as AddressInfo).port;
}

/** The longest answer of an endpoint, and an answer that is longer by one character. */
const LONGEST = JSON.stringify({ name: 'x'.repeat(1_013) });
const TOO_LONG = JSON.stringify({ name: 'x'.repeat(1_014) });

const ANSWERS: readonly (readonly [what: string, isEndpoint: boolean, status: number, body: string])[] = [
  ['the name of a leader', true, 200, '{"name":"pod-a","last_update":"2026-11-22T17:04:37Z"}'],
  ['no leader', true, 200, '{}'],
  ['1,024 characters', true, 200, LONGEST],
  ['1,025 characters', false, 200, TOO_LONG],
  ['a name that is not text', false, 200, '{"name":1}'],
  ['an object without a name', false, 200, '{"leader":"pod-a"}'],
  ['a list', false, 200, '[]'],
  ['null', false, 200, 'null'],
  ['a number', false, 200, '1'],
  ['an empty text', false, 200, '""'],
  ['text that is not JSON', false, 200, 'ok'],
  ['an error in the form of an endpoint', false, 404, '{}'],
];

for (const [what, isEndpoint, status, body] of ANSWERS) {
  test(`an owner ${isEndpoint ? 'is' : 'is not'} an endpoint when it answers ${what}`, async (t) => {
    const clock = new ManualClock();
    const port = await ownerOf(t, (_request, response) => response.writeHead(status).end(body));
    assert.equal(await isAnsweredAsEndpoint(HOST, port, clock), isEndpoint);
    assert.equal(clock.timers.size, 0, 'the timer is cancelled');
  });
}

test('an owner receives one GET / on a connection of its own', async (t) => {
  const requests: string[] = [];
  const port = await ownerOf(t, ({ method, url, headers }, response) => {
    requests.push(`${method} ${url} ${headers.connection}`);
    response.end('{}');
  });
  await isAnsweredAsEndpoint(HOST, port, new ManualClock());
  assert.deepEqual(requests, ['GET / close']);
});

test('an owner is not an endpoint when its answer has no end', async (t) => {
  const port = await ownerOf(t, (_request, response) => {
    response.write(TOO_LONG);
  });
  assert.equal(await isAnsweredAsEndpoint(HOST, port, new ManualClock()), false);
});

test('an owner is not an endpoint when it ends the connection before the whole answer', async (t) => {
  const port = await ownerOf(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 }).write('{}', () => response.destroy());
  });
  assert.equal(await isAnsweredAsEndpoint(HOST, port, new ManualClock()), false);
});

test('a port without an owner is not an endpoint', async () => {
  const clock = new ManualClock();
  assert.equal(await isAnsweredAsEndpoint(HOST, await freePort(), clock), false);
  assert.equal(clock.timers.size, 0);
});

test('the connection to an owner without an answer is closed when the wait ends', async (t) => {
  const connections: Socket[] = [];
  const mute = createTcpServer((socket) => void connections.push(socket.on('error', () => {}).resume()));
  mute.listen(0, HOST);
  t.after(() => {
    for (const socket of connections) socket.destroy();
    mute.close();
  });
  await once(mute, 'listening');
  const clock = new ManualClock();
  const answered = isAnsweredAsEndpoint(HOST, (mute.address() as AddressInfo).port, clock);
  await until('the owner is connected', () => connections.length === 1);
  assert.deepEqual(
    [...clock.timers].map(({ background }) => background),
    [true],
    'the wait keeps no process alive',
  );
  clock.advance(PORT_OWNER_TIMEOUT_MS);
  assert.equal(await answered, false);
  await until('the connection is closed', () => connections.every(({ closed }) => closed));
});
