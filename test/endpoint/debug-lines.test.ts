/**
 * Checks the output of `DEBUG=lease-elector:http`.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type LeaderServer, type LeaderServerOptions, PORT_RETRY_MS } from '../../src/endpoint/leader-server.ts';
import { debugOutput } from '../worlds/debug-output.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { ask, rawClient } from './raw-client.ts';

const HOST = '127.0.0.1';

/** A module reads `$DEBUG` when it is loaded, so the query loads it again. */
const AGAIN = new URL('../../src/endpoint/leader-server.ts?debug', import.meta.url).href;

/** A server that prints, and that is closed at the end of the test. */
async function serverOf(t: TestContext, options: Partial<LeaderServerOptions> = {}): Promise<LeaderServer> {
  const again: typeof import('../../src/endpoint/leader-server.ts') = await import(AGAIN);
  const server = new again.LeaderServer({ port: 0, hosts: [HOST], clock: new ManualClock(), ...options });
  t.after(() => server.close());
  return server;
}

/** Starts a server and returns its port. */
async function portOf(server: LeaderServer): Promise<number> {
  await server.listen();
  return server.address?.port ?? 0;
}

test('a server prints its port, and the error of a function that throws', async (t) => {
  const lines = debugOutput(t, 'lease-elector:http');
  const health = (): never => {
    throw new Error('no database');
  };
  const port = await portOf(await serverOf(t, { health }));
  await ask(t, port, 'GET /healthz HTTP/1.1');
  await until('both are printed', () => lines.length === 2);
  assert.match(lines[0] ?? '', new RegExp(`^lease-elector:http listens on port ${port}`));
  assert.match(lines[1] ?? '', /^lease-elector:http \/healthz failed: Error: no database/);
});

test('a server prints that it closes a connection', async (t) => {
  const lines = debugOutput(t, 'lease-elector:http');
  const port = await portOf(await serverOf(t, { limits: { connections: 1 } }));
  const first = rawClient(t, port);
  await ask(t, port, 'GET / HTTP/1.1');
  await first.whole();
  await until('both are printed', () => lines.length === 2);
  assert.match(lines[1] ?? '', /^lease-elector:http more than 1 connections: the least recently used one is closed/);
});

test('a worker prints why it cannot listen, and later that it listens', async (t) => {
  const lines = debugOutput(t, 'lease-elector:http');
  const first = await serverOf(t);
  const port = await portOf(first);
  const clock = new ManualClock();
  const worker = await serverOf(t, { port, isWorker: true, clock });
  await worker.listen();
  await until('three lines are printed', () => lines.length === 3);
  const refused = new RegExp(`^lease-elector:http ${HOST}: listen EADDRINUSE: address already in use ${HOST}:${port}`);
  assert.match(lines[1] ?? '', refused);
  assert.match(lines[2] ?? '', /^lease-elector:http The endpoint cannot listen on .* the port is taken/);
  clock.advance(PORT_RETRY_MS);
  await until('the port is still taken', () => clock.timers.size === 1);
  assert.equal(lines.length, 4);
  assert.match(lines[3] ?? '', refused);
  await first.close();
  clock.advance(PORT_RETRY_MS);
  await until('the worker has the port', () => worker.address !== null);
  assert.equal(lines.length, 5);
  assert.match(lines[4] ?? '', new RegExp(`^lease-elector:http listens on port ${port} after another process`));
});
