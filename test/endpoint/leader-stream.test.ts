/**
 * Checks what readers of `/sse` receive, and when they are dropped.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEARTBEAT_MS, MAX_UNSENT_BYTES } from '../../src/endpoint/leader-stream.ts';
import { until } from '../worlds/until.ts';
import { ask, DATE, LAST_UPDATE_MS, POD_A, rawClient, sseReader, startServer, wire } from './raw-client.ts';

const HEAD = wire(
  'HTTP/1.1 200 OK',
  'Cache-Control: no-cache',
  'Connection: keep-alive',
  'Content-Type: text/event-stream',
  `Date: ${DATE}`,
  'Transfer-Encoding: chunked',
  '',
  '',
);

/** A chunk with one event, like those of the sidecar. */
function chunk(text: string): string {
  return wire(text.length.toString(16), text, '');
}

const RETRY = chunk('retry: 1000\n\n');

const podA = { name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS };
const podB = { name: 'pod-b', lastUpdateMs: LAST_UPDATE_MS + 5_000 };

/** The events and comments (as `:`) that a reader received. */
function eventsOf(received: string): string[] {
  return [...received.matchAll(/data: (.*)\n\n|(:)\n\n/g)].map(([, data, comment]) => data ?? comment ?? '');
}

test('a reader receives the current answer at once, and then the retry interval', async (t) => {
  const { server, port } = await startServer(t);
  const early = await sseReader(t, port);
  assert.equal(early.received, `${HEAD}${chunk('data: {}\n\n')}${RETRY}`);
  server.publish(podA);
  await early.has('pod-a');
  const late = await sseReader(t, port);
  assert.equal(late.received, `${HEAD}${chunk(`data: ${POD_A}\n\n`)}${RETRY}`);
  assert.equal(early.received, `${HEAD}${chunk('data: {}\n\n')}${RETRY}${chunk(`data: ${POD_A}\n\n`)}`);
});

test('a reader receives each change of the name once, and no confirmation', async (t) => {
  const { server, port } = await startServer(t);
  const reader = await sseReader(t, port);
  server.publish(null);
  server.publish(podA);
  server.publish(podA);
  server.publish({ ...podA, lastUpdateMs: podA.lastUpdateMs + 5_000 });
  server.publish(podB);
  server.publish(null);
  server.publish(podB);
  await reader.has('pod-b');
  await until(() => eventsOf(reader.received).length >= 5);
  const names = eventsOf(reader.received).map((event) => JSON.parse(event).name);
  assert.deepEqual(names, [undefined, 'pod-a', 'pod-b', undefined, 'pod-b']);
});

test('a request is answered when each byte arrives alone', async (t) => {
  const { port } = await startServer(t);
  const reader = rawClient(t, port);
  reader.socket.setNoDelay(true);
  for (const character of 'GET /sse?x HTTP/1.1\r\nHost: localhost\r\n\r\n') reader.socket.write(character);
  await reader.has(RETRY);
  assert.ok(reader.received.startsWith(HEAD));
});

test('a reader receives a comment every 15 seconds', async (t) => {
  const { clock, port } = await startServer(t);
  assert.equal(clock.timers.size, 0);
  const reader = await sseReader(t, port);
  const leaver = await sseReader(t, port);
  assert.equal(clock.timers.size, 1, 'one timer for all readers');
  clock.advance(HEARTBEAT_MS - 1);
  clock.advance(1);
  // Node.js 26 puts the writes of one turn into one chunk.
  await until(() => eventsOf(reader.received).length === 2);
  clock.advance(HEARTBEAT_MS);
  await until(() => eventsOf(reader.received).length === 3);
  assert.deepEqual(eventsOf(reader.received), ['{}', ':', ':']);
  assert.ok(reader.received.endsWith(`${chunk(':\n\n')}${chunk(':\n\n')}`));
  leaver.socket.destroy();
  reader.socket.destroy();
  await until(() => clock.timers.size === 0);
});

test('a reader is removed when it leaves, with or without an error', async (t) => {
  const { clock, port, server } = await startServer(t);
  const ways = [
    (await sseReader(t, port)).socket,
    (await sseReader(t, port)).socket,
    (await sseReader(t, port)).socket,
  ] as const;
  ways[0].end();
  ways[1].destroy();
  ways[2].resetAndDestroy();
  await until(() => clock.timers.size === 0);
  server.publish(podA);
});

test('a reader that does not read is dropped, and the others receive everything', async (t) => {
  const { server, port } = await startServer(t);
  const hanging = await sseReader(t, port);
  hanging.socket.pause();
  const reader = await sseReader(t, port);
  // The kernel buffers some megabytes for a reader before data remains unsent.
  const size = 20 * MAX_UNSENT_BYTES;
  let published = 0;
  for (; !hanging.ended && published < 100; published += 1) {
    const name = `${published}-${'x'.repeat(size)}`;
    server.publish({ name, lastUpdateMs: LAST_UPDATE_MS });
    await reader.has(`${name}"`);
    reader.received = '';
    // The data that the reader did not read is lost with the connection. The test notices only the end of the connection.
    if (published === 20) hanging.socket.resume();
  }
  assert.equal(hanging.ended, true);
  assert.ok(hanging.received.length < 20 * size, 'the reader did not receive everything');
  assert.equal(reader.closed, false);
});

test('a reader that sends another request on its connection is dropped', async (t) => {
  const { clock, port } = await startServer(t);
  const reader = await sseReader(t, port);
  reader.send('GET /sse HTTP/1.1', 'Host: localhost', '');
  await reader.whole();
  const babbler = await sseReader(t, port);
  babbler.send('thank you');
  await babbler.whole();
  assert.equal(clock.timers.size, 0);
});

test('HEAD is answered with only the head', async (t) => {
  const { clock, port } = await startServer(t);
  const client = rawClient(t, port).send('HEAD /sse HTTP/1.1', 'Host: localhost', '');
  const head = HEAD.replace('Transfer-Encoding: chunked\r\n', '');
  assert.equal(await client.has('\r\n\r\n'), head);
  assert.equal(clock.timers.size, 0, 'nobody reads');
});

test('a stream of HTTP/1.0 has no chunks and no Connection header', async (t) => {
  const { server, port, clock } = await startServer(t);
  const reader = rawClient(t, port).send('GET /sse HTTP/1.0', '');
  await reader.has('retry: 1000\n\n');
  server.publish(podA);
  await reader.has('pod-a');
  await server.close();
  const head = HEAD.replace('HTTP/1.1', 'HTTP/1.0').replace(/Connection.*\r\n|Transfer-Encoding.*\r\n/g, '');
  assert.equal(await reader.whole(), `${head}data: {}\n\nretry: 1000\n\ndata: ${POD_A}\n\n`);
  assert.equal(clock.timers.size, 0);
});

test('a stream has Connection: close when the reader requests that', async (t) => {
  const { port } = await startServer(t);
  const reader = rawClient(t, port).send('GET /sse HTTP/1.1', 'Host: localhost', 'Connection: close', '');
  await reader.has(RETRY);
  const closing = HEAD.replace('Connection: keep-alive\r\n', '').replace('Transfer', 'Connection: close\r\nTransfer');
  assert.equal(reader.received, `${closing}${chunk('data: {}\n\n')}${RETRY}`);
});

test('a reader above the limit is answered 503, and the others are not affected', async (t) => {
  const { server, port } = await startServer(t, { limits: { readers: 2 } });
  const readers = [await sseReader(t, port), await sseReader(t, port)];
  assert.match(
    await ask(t, port, 'GET /sse HTTP/1.1'),
    /^HTTP\/1.1 503 .*\r\nRetry-After: 5\r\n.*\r\n\r\nAll 2 streams are in use\. Try again later\.$/s,
  );
  assert.match(await ask(t, port, 'GET / HTTP/1.1'), /^HTTP\/1.1 200 /);
  server.publish(podA);
  for (const reader of readers) await reader.has('pod-a');
  readers[0]?.socket.destroy();
  await until(() => readers[0]?.closed === true);
  await sseReader(t, port);
});

test('a stream ends completely when the server is closed', async (t) => {
  const { server, port } = await startServer(t);
  const reader = await sseReader(t, port);
  server.publish(podA);
  await server.close();
  assert.ok((await reader.whole()).endsWith(`${chunk(`data: ${POD_A}\n\n`)}0\r\n\r\n`));
  assert.equal(reader.failure, null);
});
