/**
 * Checks the endpoints of the workers of node:cluster: only one of them has the port, and another one takes it later.
 */

import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { PORT_ATTEMPTS } from '../../src/endpoint/addresses.ts';
import { LeaderServer, type LeaderServerOptions, PORT_RETRY_MS } from '../../src/endpoint/leader-server.ts';
import { freePort } from '../worlds/free-port.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { IPV6_LOOPBACK, startServer } from './raw-client.ts';

const HOST = '127.0.0.1';

interface Worker {
  readonly server: LeaderServer;
  readonly clock: ManualClock;
}

/** A worker that does not listen yet. */
function worker(t: TestContext, port: number, options: Partial<LeaderServerOptions> = {}): Worker {
  const clock = new ManualClock();
  const server = new LeaderServer({ port, hosts: [HOST], isWorker: true, ...options, clock });
  t.after(() => server.close());
  return { server, clock };
}

/** A program that has a port and never answers. */
async function muteOwner(t: TestContext): Promise<{ readonly port: number; readonly connections: readonly Socket[] }> {
  const connections: Socket[] = [];
  const owner = createServer((socket) => void connections.push(socket.on('error', () => {}))).listen(0, HOST);
  t.after(() => {
    for (const socket of connections) socket.destroy();
    owner.close();
  });
  await once(owner, 'listening');
  return { port: (owner.address() as AddressInfo).port, connections };
}

/** Whether nothing listens on the port. */
async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer().once('error', () => resolve(false));
  server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

test('an endpoint answers on no port before it listens', (t) => {
  assert.equal(worker(t, 4040).server.answeredPort, null);
});

test('a worker sets no timer when its port is free', async (t) => {
  const port = await freePort();
  const { server, clock } = worker(t, port);
  assert.equal(await server.listen(), null);
  assert.deepEqual([server.answeredPort, clock.timers.size], [port, 0]);
});

test('a worker sets no timer when this machine does not have one of its addresses', async (t) => {
  const { server, clock } = worker(t, await freePort(), { hosts: [HOST, '2001:db8::1'] });
  assert.equal(await server.listen(), null);
  assert.deepEqual([server.address?.hosts, clock.timers.size], [[HOST], 0]);
});

test('a process that is no worker warns and sets no timer when another endpoint has its port', async (t) => {
  const { port } = await startServer(t, { hosts: [HOST] });
  const { server, clock } = worker(t, port, { isWorker: false });
  assert.equal((await server.listen())?.code, 'endpoint-unavailable');
  assert.deepEqual([server.answeredPort, clock.timers.size], [null, 0]);
});

test('a worker tries its port again in the background until it has the port', async (t) => {
  const first = await startServer(t, { hosts: [HOST] });
  const { server, clock } = worker(t, first.port);
  await server.listen();
  await first.server.close();
  assert.deepEqual(
    [...clock.timers].map(({ background }) => background),
    [true],
  );
  clock.advance(PORT_RETRY_MS);
  await until('the worker has the port', () => server.address !== null);
  assert.equal(clock.timers.size, 0);
});

test('a worker tries again only the address that is still taken', IPV6_LOOPBACK, async (t) => {
  const first = await startServer(t, { hosts: [HOST] });
  const second = await startServer(t, { port: first.port, hosts: ['::1'] });
  const { server, clock } = worker(t, first.port, { hosts: [HOST, '::1'] });
  await server.listen();
  await first.server.close();
  clock.advance(PORT_RETRY_MS);
  await until('the worker has the first address', () => server.address !== null && clock.timers.size === 1);
  assert.deepEqual(server.address, { port: first.port, hosts: [HOST] });
  await second.server.close();
  clock.advance(PORT_RETRY_MS);
  await until('the worker has both addresses', () => server.address?.hosts.length === 2);
  assert.deepEqual(server.address?.hosts, [HOST, '::1']);
  assert.equal(clock.timers.size, 0);
});

test('a worker sets no timer for its port when it is closed while it begins', async (t) => {
  const { port, connections } = await muteOwner(t);
  const { server, clock } = worker(t, port);
  const listening = server.listen();
  const closed = server.close();
  await until('the owner of the port is asked', () => connections.length === 1);
  assert.equal(clock.timers.size, 1, 'only the wait for the answer');
  connections[0]?.destroy();
  await Promise.all([listening, closed]);
});

test('a worker leaves the port free when it is closed while it takes the port', async (t) => {
  const first = await startServer(t, { hosts: [HOST] });
  const { server, clock } = worker(t, first.port);
  await server.listen();
  await first.server.close();
  clock.advance(PORT_RETRY_MS);
  await server.close();
  // The attempt to bind may still run, so the port is free a moment later.
  for (let attempt = 1; !(await isFree(first.port)); attempt += 1) assert.ok(attempt < 100, 'the port is not free');
  assert.equal(server.address, null);
});

test('a process is a worker by default when node:cluster has started it', async (t) => {
  const { port } = await startServer(t, { hosts: [HOST] });
  const writable = cluster as { isWorker: boolean };
  writable.isWorker = true;
  t.after(() => {
    writable.isWorker = false;
  });
  const clock = new ManualClock();
  const server = new LeaderServer({ port, hosts: [HOST], clock });
  t.after(() => server.close());
  assert.equal(await server.listen(), null);
  assert.deepEqual([server.answeredPort, clock.timers.size], [port, 1]);
});

test('a server shares its port with no other worker', async (t) => {
  const listen = t.mock.method(HttpServer.prototype, 'listen');
  const { port } = await startServer(t, { hosts: [HOST] });
  assert.deepEqual(listen.mock.calls[0]?.arguments[0], { host: HOST, port: 0, exclusive: true });
  assert.notEqual(port, 0);
});

test('a worker does not try port 0 again, and closes each port that is not free on all addresses', async (t) => {
  const close = t.mock.method(HttpServer.prototype, 'close');
  const { server, clock } = worker(t, 0, { hosts: [HOST, HOST] });
  assert.equal((await server.listen())?.code, 'endpoint-unavailable');
  assert.equal(close.mock.callCount(), PORT_ATTEMPTS - 1);
  assert.deepEqual([server.address?.hosts, clock.timers.size], [[HOST], 0]);
});
