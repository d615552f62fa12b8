/**
 * Checks clients that are slow, silent, huge or gone. They leave nothing behind, and the other clients are answered.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ENDPOINT_LIMITS, MAX_BODY_BYTES, MAX_HEADER_BYTES } from '../../src/endpoint/leader-server.ts';
import { until } from '../worlds/until.ts';
import { ask, IPV6_LOOPBACK, rawClient, startServer } from './raw-client.ts';

/** Limits as short as possible, because the time-outs of Node.js' server use the real clock. */
const SHORT_LIMITS = { requestTimeoutMs: 50, checkIntervalMs: 10, idleTimeoutMs: 10_000 };

async function assertAnswered(t: TestContext, port: number): Promise<void> {
  assert.match(await ask(t, port, 'GET / HTTP/1.1'), /^HTTP\/1.1 200 OK\r\n/);
}

test('a request is answered 408 when it is incomplete after its time-out', async (t) => {
  // On a busy machine a complete request takes longer than the limit of the other tests.
  const { port } = await startServer(t, { limits: { ...SHORT_LIMITS, requestTimeoutMs: 250 } });
  const silent = rawClient(t, port);
  const headless = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost');
  const bodiless = rawClient(t, port).send('POST / HTTP/1.1', 'Host: localhost', 'Content-Length: 9', '', 'abc');
  const second = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost', '');
  await second.has('{}');
  second.received = '';
  second.send('GET / HTTP/1.1', 'Host: lo');
  for (const client of [silent, headless, bodiless, second]) {
    assert.match(await client.whole(), /^HTTP\/1.1 408 Request Timeout\r\n/);
  }
  await assertAnswered(t, port);
});

test('an idle connection stays open longer than an incomplete request, but not for ever', async (t) => {
  const { port } = await startServer(t, { limits: { ...SHORT_LIMITS, idleTimeoutMs: 200 } });
  const idle = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost', '');
  const reader = rawClient(t, port).send('GET /sse HTTP/1.1', 'Host: localhost', '');
  const slow = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost');
  await slow.whole();
  assert.equal(idle.ended, false);
  assert.match(await idle.whole(), /\{\}$/);
  assert.equal(reader.ended, false, 'a stream has no limit');
});

test('a head that is too long is answered 431', async (t) => {
  const { port } = await startServer(t);
  for (const line of [`GET /${'x'.repeat(MAX_HEADER_BYTES)} HTTP/1.1`, `X: ${'x'.repeat(MAX_HEADER_BYTES)}`]) {
    const client = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost', '');
    await client.has('{}');
    client.received = '';
    if (line.startsWith('X')) client.send('GET / HTTP/1.1');
    client.send(line, 'Host: localhost', '');
    assert.match(await client.whole(), /^HTTP\/1.1 431 /);
  }
  await assertAnswered(t, port);
});

test('bytes after the last request of a connection are ignored', async (t) => {
  const { port } = await startServer(t);
  const client = rawClient(t, port);
  client.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nhello');
  assert.match(await client.whole(), /^HTTP\/1.1 200 OK\r\n.*\{\}$/s);
});

test('a request that is not HTTP or has no Host is answered 400', async (t) => {
  const { port } = await startServer(t);
  for (const lines of [['hello'], ['GET / HTTP/1.1', ''], ['GET / HTTP/1.1', 'Host: a', 'Content-Length: x', '']]) {
    assert.match(
      await rawClient(t, port)
        .send(...lines)
        .whole(),
      /^HTTP\/1.1 400 Bad Request\r\n/,
      lines[0],
    );
  }
  const tls = rawClient(t, port);
  tls.socket.write(Buffer.from('16030100c8010000c40303', 'hex'));
  assert.match(await tls.whole(), /^HTTP\/1.1 400 /);
  await assertAnswered(t, port);
});

const HUGE_BYTES = 64 * 1024 * 1024;

for (const framing of [`Content-Length: ${HUGE_BYTES}`, 'Transfer-Encoding: chunked']) {
  test(`a request with a huge body is answered and its connection is closed (${framing})`, async (t) => {
    // On a busy machine the body takes longer than the limit of the other tests.
    const { port } = await startServer(t, { limits: { ...SHORT_LIMITS, requestTimeoutMs: 2_000 } });
    for (const [request, status] of [
      ['POST /', 405],
      ['PUT /x', 404],
      ['GET /', 200],
      ['GET /sse', 200],
    ]) {
      const client = rawClient(t, port).send(`${request} HTTP/1.1`, 'Host: localhost', framing, '');
      if (framing.startsWith('T')) client.send(HUGE_BYTES.toString(16));
      const piece = Buffer.alloc(1024 * 1024);
      let left = HUGE_BYTES / piece.length;
      const feed = (): void => {
        while (!client.closed && left > 0) {
          left -= 1;
          if (!client.socket.write(piece)) return void client.socket.once('drain', feed);
        }
      };
      feed();
      assert.match(await client.whole(), new RegExp(`^HTTP/1.1 ${status} .*\r\nConnection: close\r\n\r\n`, 's'));
      // The server either reads the body to its end or closes the connection.
      await until(() => client.closed || left === 0);
      client.socket.destroy();
    }
    await assertAnswered(t, port);
  });
}

test('a request is answered before its body when the body is huge or expects 100-continue', async (t) => {
  const { port } = await startServer(t);
  for (const line of [`Content-Length: ${HUGE_BYTES}`, 'Content-Length: 3\r\nExpect: 100-continue']) {
    const client = rawClient(t, port).send('POST / HTTP/1.1', 'Host: localhost', line, '');
    assert.match(await client.whole(), /^HTTP\/1.1 405 .*\r\nConnection: close\r\n/s);
    // The server reads what the client still sends. Otherwise the client would receive a reset in place of the answer.
    for (const part of ['ab', 'c']) {
      await new Promise((resolve) => client.socket.write(part, resolve));
      await assertAnswered(t, port);
    }
    client.socket.end();
    await until(() => client.closed);
    assert.equal(client.failure, null);
  }
});

test('a body within the limit is read, even in chunks, and the connection stays open', async (t) => {
  const { port } = await startServer(t);
  const client = rawClient(t, port);
  client.send('POST / HTTP/1.1', 'Host: localhost', `Content-Length: ${MAX_BODY_BYTES}`, '');
  client.socket.write('x'.repeat(MAX_BODY_BYTES));
  await client.has('405');
  assert.doesNotMatch(client.received, /Connection: close/);
  client.received = '';
  client.send('POST / HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked', '', '3', 'abc', '0', '');
  await client.has('405');
  client.received = '';
  client.send('GET / HTTP/1.1', 'Host: localhost', '');
  await client.has('{}');
});

test('the server stops reading from a client that sends requests and reads no answer', async (t) => {
  const { port } = await startServer(t);
  const client = rawClient(t, port);
  client.socket.pause();
  const requests = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(10_000);
  let rounds = 0;
  // The server no longer reads when the buffers of the kernel are full in both directions.
  while (client.socket.writableLength < 2 * requests.length && rounds < 1_000) {
    rounds += 1;
    client.socket.write(requests);
    // During this request the server has time to read on.
    await assertAnswered(t, port);
  }
  assert.ok(rounds < 1_000);
});

test('a client that leaves at any moment does not affect the others', async (t) => {
  const { server, port } = await startServer(t);
  const beginnings = [
    [],
    ['GET / HT'],
    ['GET / HTTP/1.1', 'Host: localhost', ''],
    ['GET / HTTP/1.0', ''],
    ['GET /sse HTTP/1.0', ''],
    ['POST / HTTP/1.1', 'Host: localhost', 'Content-Length: 100', '', 'x'],
    [
      'POST / HTTP/1.1',
      'Host: localhost',
      `Content-Length: ${10 * MAX_BODY_BYTES}`,
      '',
      'x'.repeat(2 * MAX_BODY_BYTES),
    ],
    ['POST / HTTP/1.1', 'Host: localhost', 'Expect: 100-continue', 'Content-Length: 100', ''],
    ['CONNECT localhost:80 HTTP/1.1', 'Host: localhost', ''],
    ['GET / HTTP/1.1', 'Host: localhost', '', 'GET /sse HTTP/1.1', 'Host: localhost', ''],
  ];
  for (const lines of beginnings) {
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const client = rawClient(t, port).send(...lines);
      await new Promise((resolve) => client.socket.once('ready', resolve));
      client.socket[leave]();
      await assertAnswered(t, port);
      server.publish({ name: `${lines[0]} ${leave}`, lastUpdateMs: 0 });
    }
  }
});

test('the connection that was idle for longest is closed when the limit is reached', async (t) => {
  const { port } = await startServer(t, { limits: { connections: 3 } });
  const active = rawClient(t, port);
  const leaked = [rawClient(t, port), rawClient(t, port).send('GET / HTTP/1.1')];
  const sendRequest = async (): Promise<void> => {
    active.received = '';
    active.send('GET / HTTP/1.1', 'Host: localhost', '');
    await active.has('{}');
  };
  for (let count = 0; count < 20; count += 1) {
    await sendRequest();
    leaked.push(rawClient(t, port));
  }
  await sendRequest();
  await until(() => leaked.filter((client) => client.ended || client.closed).length === leaked.length - 2);
  await assertAnswered(t, port);
});

for (const [what, lines] of [
  ['its client has ended it', ['GET / HTTP/1.1', 'Host: localhost', '']],
  ['its request of HTTP/1.0 was answered', ['GET / HTTP/1.0', '']],
] as const) {
  test(`a connection does not count for the limit when ${what}`, async (t) => {
    const { port } = await startServer(t, { limits: { connections: 2 } });
    const idle = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost', '');
    await idle.has('{}');
    for (let count = 0; count < 3; count += 1) {
      const leaver = rawClient(t, port).send(...lines);
      await leaver.has('{}');
      if (what.startsWith('its client')) leaver.socket.end();
      await leaver.whole();
    }
    assert.equal(idle.ended, false);
  });
}

test('the limit is kept when both addresses accept a connection at the same moment', IPV6_LOOPBACK, async (t) => {
  const { port } = await startServer(t, { limits: { connections: 1 } });
  const first = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost', '');
  await first.has('{}');
  const later = ['127.0.0.1', '::1'].map((host) => rawClient(t, port, host));
  await until(
    'one connection is left',
    () => [first, ...later].filter(({ closed, ended }) => !closed && !ended).length === 1,
  );
});

test(`${2 * ENDPOINT_LIMITS.connections} half-open connections do not keep a new client out`, async (t) => {
  const { server, port } = await startServer(t);
  const leaked = Array.from({ length: 2 * ENDPOINT_LIMITS.connections }, () =>
    rawClient(t, port).send('GET / HTTP/1.1'),
  );
  await until(() => leaked.filter((client) => client.closed || client.ended).length >= ENDPOINT_LIMITS.connections);
  await assertAnswered(t, port);
  await server.close();
  for (const client of leaked) await client.whole();
});
