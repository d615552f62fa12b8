/**
 * Checks a thousand readers of the stream. They do not delay this process, and they leave nothing behind.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HEARTBEAT_MS } from '../../src/endpoint/leader-stream.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { heapBytes } from '../worlds/heap-bytes.ts';
import { until } from '../worlds/until.ts';
import { ask, LAST_UPDATE_MS, openHandles, RawClient, type Running, rawClient, startServer } from './raw-client.ts';

const READERS = 1_000;

/** The longest pause of the event loop. The election renews every 10 s, so a pause of this length does no harm. */
const MAX_PAUSE_MS = 500;

/** The most bytes that a reader may leave behind. A socket alone takes more than a thousand. */
const MAX_LEFT_BYTES_PER_READER = 500;

async function openReaders(port: number): Promise<RawClient[]> {
  const readers = Array.from({ length: READERS }, () =>
    new RawClient(port).send('GET /sse HTTP/1.1', 'Host: localhost', ''),
  );
  await until(() => readers.every((reader) => reader.received.includes('retry:')));
  return readers;
}

/** The duration of `work`, in milliseconds. */
function durationMs(work: () => void): number {
  const startedAtMs = systemClock.nowMs();
  work();
  return systemClock.nowMs() - startedAtMs;
}

/** The longest pause of the event loop in one round, in milliseconds. */
async function round(t: TestContext, { server, clock, port }: Running): Promise<number> {
  const readers = await openReaders(port);
  const publishMs = durationMs(() => server.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS }));
  const heartbeatMs = durationMs(() => clock.advance(HEARTBEAT_MS));
  await until(() => readers.every(({ received }) => received.includes('pod-a') && received.includes(':\n\n')));
  t.diagnostic(`a change takes ${publishMs.toFixed(1)} ms, a heartbeat ${heartbeatMs.toFixed(1)} ms`);
  for (const reader of readers) {
    assert.equal(reader.received.match(/pod-a/g)?.length, 1);
    reader.socket.destroy();
  }
  server.publish(null);
  await until(() => clock.timers.size === 0);
  await until(() => openHandles('TCPSocketWrap') === 0);
  return Math.max(publishMs, heartbeatMs);
}

test(`${READERS} readers that come and go leave nothing behind`, async (t) => {
  const running = await startServer(t);
  const coldMs = await round(t, running);
  const before = heapBytes();
  const warmMs = await round(t, running);
  const left = heapBytes() - before;
  t.diagnostic(`${Math.round(left / READERS)} bytes are left of a reader`);
  assert.ok(left < READERS * MAX_LEFT_BYTES_PER_READER, `${left} bytes are left`);
  // One round may be slow because the machine is busy.
  assert.ok(Math.min(coldMs, warmMs) < MAX_PAUSE_MS);
});

test(`${READERS} readers that hang do not delay other clients, and closing ends them all`, async (t) => {
  const { server, port } = await startServer(t);
  const readers = await openReaders(port);
  for (const reader of readers) reader.socket.pause();
  for (let count = 0; count < 10; count += 1) server.publish({ name: `pod-${count}`, lastUpdateMs: LAST_UPDATE_MS });
  assert.match(await ask(t, port, 'GET / HTTP/1.1'), /"pod-9"/);
  const late = rawClient(t, port).send('GET /sse HTTP/1.1', 'Host: localhost', '');
  await late.has('pod-9');
  await server.close();
  await late.whole();
  for (const reader of readers) reader.socket.destroy();
  late.socket.destroy();
  await until(() => openHandles('TCPSocketWrap') === 0 && openHandles('TCPServerWrap') === 0);
});
