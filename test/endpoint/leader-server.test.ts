/**
 * Checks the answers to the byte. They equal those of the elector sidecar, a Go program.
 */

import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { LeaderServer, PORT_RETRY_MS } from '../../src/endpoint/leader-server.ts';
import { PORT_OWNER_TIMEOUT_MS } from '../../src/endpoint/port-owner.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import {
  ask,
  DATE,
  IPV6_LOOPBACK,
  LAST_UPDATE_MS,
  openHandles,
  POD_A,
  rawClient,
  startServer,
  wire,
} from './raw-client.ts';

const answerOf = (body: string): string =>
  wire(
    'HTTP/1.1 200 OK',
    'Cache-Control: no-cache',
    'Content-Type: application/json',
    `Date: ${DATE}`,
    `Content-Length: ${body.length}`,
    '',
    body,
  );

test('the answer is {} before a leader is known, and then its name and the time of the last confirmation', async (t) => {
  const { server, port } = await startServer(t);
  const client = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost:4040', '');
  assert.equal(await client.has('{}'), answerOf('{}'));
  server.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS });
  client.received = '';
  client.send('GET / HTTP/1.1', 'Host: localhost:4040', '');
  assert.equal(await client.has('}'), answerOf(POD_A), 'the connection stays open');
  server.publish(null);
  client.received = '';
  client.send('GET /?x=1#y HTTP/1.1', 'Host: localhost:4040', '');
  assert.equal(await client.has('{}'), answerOf('{}'), 'a query changes nothing');
});

test('the time of the last confirmation is read again for each answer', async (t) => {
  const { server, port } = await startServer(t);
  let lastUpdateMs = LAST_UPDATE_MS;
  server.publish({
    name: 'pod-a',
    get lastUpdateMs() {
      return lastUpdateMs;
    },
  });
  assert.match(await ask(t, port, 'GET / HTTP/1.1'), /"last_update":"2026-11-22T17:04:37Z"/);
  lastUpdateMs += 1_000;
  assert.match(await ask(t, port, 'GET / HTTP/1.1'), /"last_update":"2026-11-22T17:04:38Z"/);
});

test('HEAD is answered with the same head and no body', async (t) => {
  const { server, port } = await startServer(t);
  server.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS });
  const client = rawClient(t, port).send('HEAD / HTTP/1.1', 'Host: localhost:4040', '');
  client.send('HEAD / HTTP/1.1', 'Host: localhost:4040', 'Connection: close', '');
  const head = answerOf(POD_A).slice(0, -POD_A.length);
  assert.equal(await client.whole(), head + head.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
});

test('the answer has Connection: close when the client requests that', async (t) => {
  const { port } = await startServer(t);
  assert.equal(
    await ask(t, port, 'GET / HTTP/1.1'),
    answerOf('{}').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
  );
});

test('a request of HTTP/1.0 is answered with HTTP/1.0, and its connection is closed', async (t) => {
  const { port } = await startServer(t);
  const old = answerOf('{}').replace('HTTP/1.1', 'HTTP/1.0');
  assert.equal(await rawClient(t, port).send('GET / HTTP/1.0', '').whole(), old);
  assert.equal(await rawClient(t, port).send('HEAD / HTTP/1.0', '').whole(), old.slice(0, -2));
  const twice = rawClient(t, port).send('GET / HTTP/1.0', 'Connection: keep-alive', '', 'GET / HTTP/1.0', '');
  assert.equal(await twice.whole(), old, 'the connection is not kept open');
});

test('a request is not evaluated when the last answer of its connection was sent', async (t) => {
  let reads = 0;
  const metrics = (): string => {
    reads += 1;
    return '';
  };
  const { port } = await startServer(t, { metrics });
  const client = rawClient(t, port).send('GET / HTTP/1.0', 'Connection: keep-alive', '', 'GET /metrics HTTP/1.0', '');
  await client.whole();
  assert.equal(reads, 0);
});

test('a client may end its half of the connection at once', async (t) => {
  const { port } = await startServer(t);
  const client = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost:4040', '');
  client.socket.end();
  assert.equal(await client.whole(), answerOf('{}'));
});

test('requests are answered in order when they arrive together or in pieces', async (t) => {
  const { port } = await startServer(t);
  const client = rawClient(t, port);
  const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
  client.socket.write(`${request}${request}HEAD /healthz HTTP/1.1\r\nHo`);
  await client.has(`${answerOf('{}')}${answerOf('{}')}`);
  client.socket.write('st: localhost\r\nConnection: close\r\n\r\n');
  assert.match((await client.whole()).slice(2 * answerOf('{}').length), /^HTTP\/1.1 200 OK\r\nContent-Type: text/);
});

test('an answer of HTTP/1.0 does not overtake earlier answers', async (t) => {
  const { port } = await startServer(t);
  const client = rawClient(t, port);
  const request = (path: string, version: string): string => `GET ${path} HTTP/${version}\r\nHost: localhost\r\n\r\n`;
  client.socket.write(request('/a', '1.1') + request('/healthz', '1.1') + request('/', '1.0'));
  const bodies = [...(await client.whole()).matchAll(/\r\n\r\n(.*?)(?=HTTP|$)/gs)].map(([, body]) => body);
  assert.deepEqual(bodies, ['Not found. Available paths: /, /healthz, /readyz, /sse.', 'ok', '{}']);
});

test('a whole URL, an offer of HTTP/2 and a small body change nothing', async (t) => {
  const { port } = await startServer(t);
  const client = rawClient(t, port).send('GET http://localhost:4040?x HTTP/1.1', 'Host: localhost:4040', '');
  assert.equal(await client.has('{}'), answerOf('{}'));
  client.received = '';
  client.send('GET / HTTP/1.1', 'Host: localhost', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c');
  client.send('HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA', '');
  assert.equal(await client.has('{}'), answerOf('{}'));
  client.received = '';
  client.send('GET / HTTP/1.1', 'Host: localhost', 'Content-Length: 5', '', 'abc');
  assert.equal(await client.has('{}'), answerOf('{}'));
});

test('every other method is answered 405, and every other path 404', async (t) => {
  const { port } = await startServer(t);
  const others = METHODS.filter((method) => method !== 'GET' && method !== 'HEAD');
  for (const method of others) {
    for (const path of ['/', '/sse', '/healthz']) {
      const target = method === 'CONNECT' ? 'localhost:80' : path;
      const answer = await ask(t, port, `${method} ${target} HTTP/1.1`);
      assert.match(answer, /^HTTP\/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n/, `${method} ${path}`);
    }
  }
  for (const path of [
    '/x',
    '/sse/',
    '//',
    '/SSE',
    '/..',
    '/metrics',
    '/%2e',
    '/__proto__',
    '/healthzhttp://localhost',
  ]) {
    assert.match(
      await ask(t, port, `GET ${path} HTTP/1.1`),
      /^HTTP\/1.1 404 Not Found\r\nContent-Type: text\/plain/,
      path,
    );
    assert.match(await ask(t, port, `POST ${path} HTTP/1.1`), /^HTTP\/1.1 404 /, path);
  }
});

test('the answer 405 names the methods in its head and in its body', async (t) => {
  const { port } = await startServer(t);
  const body = 'Only GET and HEAD.';
  assert.equal(
    await ask(t, port, 'POST / HTTP/1.1'),
    wire(
      'HTTP/1.1 405 Method Not Allowed',
      'Allow: GET, HEAD',
      'Content-Type: text/plain; charset=utf-8',
      `Date: ${DATE}`,
      `Content-Length: ${body.length}`,
      'Connection: close',
      '',
      body,
    ),
  );
});

test('/healthz reports the problem, and /readyz waits only for the first leader', async (t) => {
  let trouble: string | null = null;
  const { server, port } = await startServer(t, { health: () => trouble });
  assert.match(await ask(t, port, 'GET /healthz HTTP/1.1'), /^HTTP\/1.1 200 OK\r\n.*\r\n\r\nok$/s);
  trouble = 'no progress for 60 s';
  assert.match(await ask(t, port, 'GET /healthz HTTP/1.1'), /^HTTP\/1.1 503 .*\r\n\r\nno progress for 60 s$/s);
  assert.match(await ask(t, port, 'GET / HTTP/1.1'), /^HTTP\/1.1 200 /);

  assert.match(await ask(t, port, 'GET /readyz HTTP/1.1'), /^HTTP\/1.1 503 .*no leader is known yet$/s);
  server.publish(null);
  assert.match(await ask(t, port, 'GET /readyz HTTP/1.1'), /^HTTP\/1.1 503 /);
  server.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS });
  server.publish(null);
  assert.match(await ask(t, port, 'GET /readyz HTTP/1.1'), /^HTTP\/1.1 200 .*ok$/s);
});

test('a health or metrics function that throws does not affect other answers', async (t) => {
  const fail = (): never => {
    throw new Error('secret');
  };
  const { port } = await startServer(t, { health: fail, metrics: fail });
  for (const path of ['/healthz', '/metrics']) {
    const answer = await ask(t, port, `GET ${path} HTTP/1.1`);
    assert.match(answer, /^HTTP\/1.1 500 .*Set DEBUG=lease-elector:http to log the error\.$/s);
    assert.doesNotMatch(answer, /secret/);
  }
});

test('/metrics answers with the text of its function', async (t) => {
  const { port } = await startServer(t, { metrics: () => 'leader 1\n' });
  const answer = await ask(t, port, 'GET /metrics HTTP/1.1');
  assert.match(answer, /\r\nContent-Type: text\/plain; version=0.0.4; charset=utf-8\r\n/);
  assert.match(answer, /\r\n\r\nleader 1\n$/);
});

test('names are escaped like in Go', async (t) => {
  const { server, port } = await startServer(t);
  const name = 'a<b>&"\\\u2028é';
  server.publish({ name, lastUpdateMs: 0 });
  const answer = Buffer.from(await ask(t, port, 'GET / HTTP/1.1'), 'latin1').toString('utf8');
  const body = '{"name":"a\\u003cb\\u003e\\u0026\\"\\\\\\u2028é","last_update":"1970-01-01T00:00:00Z"}';
  assert.ok(answer.endsWith(`\r\n\r\n${body}`), answer);
  assert.match(answer, new RegExp(`Content-Length: ${Buffer.byteLength(body)}\r\n`));
  assert.equal(JSON.parse(body).name, name);
});

test('both loopback addresses answer on one port', IPV6_LOOPBACK, async (t) => {
  const { server, port } = await startServer(t);
  assert.deepEqual(server.address, { port, hosts: ['127.0.0.1', '::1'] });
  for (const host of ['127.0.0.1', '::1']) {
    const client = rawClient(t, port, host).send('GET / HTTP/1.1', 'Host: localhost:4040', '');
    assert.equal(await client.has('{}'), answerOf('{}'), host);
  }
});

test('an address that this machine does not have is not reported', async (t) => {
  const { server } = await startServer(t, { hosts: ['127.0.0.1', '2001:db8::1'] });
  assert.deepEqual(server.address?.hosts, ['127.0.0.1']);
});

test(
  'a port that is taken on one address causes a warning, and the other address answers',
  IPV6_LOOPBACK,
  async (t) => {
    const first = await startServer(t, { hosts: ['127.0.0.1'] });
    const second = new LeaderServer({ port: first.port, clock: new ManualClock() });
    t.after(() => second.close());
    const warning = await second.listen();
    assert.equal(warning?.code, 'endpoint-unavailable');
    assert.match(
      warning.message,
      new RegExp(
        `cannot listen on 127.0.0.1:${first.port}: the port is taken .* sidecar.* a second process of the application\\. .*endpoint\\.port`,
      ),
    );
    assert.match(warning.message, new RegExp(`does answer on \\[::1\\]:${first.port}\\.$`));
    assert.deepEqual(second.address, { port: first.port, hosts: ['::1'] });
    assert.equal(await second.listen(), warning, 'the warning is returned again');
  },
);

test('a port that is taken, even on all addresses, causes only a warning', async (t) => {
  const other = createServer().listen({ port: 0 });
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const server = new LeaderServer({ port, clock: new ManualClock() });
  const warning = await server.listen();
  assert.match(
    warning?.message ?? '',
    /on 127.0.0.1:\d+.*: the port is taken .* The endpoint is not available. The election continues/,
  );
  assert.equal(server.address, null);
  server.publish({ name: 'pod-a', lastUpdateMs: 0 });
  await server.close();
});

test('a worker leaves its port to another worker without a warning, and takes the port later', async (t) => {
  const clock = new ManualClock();
  const first = new LeaderServer({ port: 0, hosts: ['127.0.0.1'], clock, isWorker: true });
  t.after(() => first.close());
  await first.listen();
  const port = first.address?.port ?? 0;
  const second = new LeaderServer({ port, hosts: ['127.0.0.1'], clock, isWorker: true });
  t.after(() => second.close());
  assert.equal(await second.listen(), null);
  assert.deepEqual([second.address, second.answeredPort], [null, port]);
  second.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS });

  clock.advance(PORT_RETRY_MS);
  await until(() => clock.timers.size > 0);
  assert.equal(second.address, null, 'the first worker still answers');
  await first.close();
  clock.advance(PORT_RETRY_MS);
  await until(() => second.address !== null);
  const client = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost:4040', '');
  assert.ok((await client.has('"}')).endsWith(POD_A));
  await second.close();
  assert.equal(clock.timers.size, 0);
});

test('a worker warns when another program has its port, and makes no attempt after close()', async (t) => {
  const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]')).listen({
    port: 0,
    host: '127.0.0.1',
  });
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const clock = new ManualClock();
  const worker = new LeaderServer({ port, hosts: ['127.0.0.1'], clock, isWorker: true });
  assert.match((await worker.listen())?.message ?? '', /the port is taken/);
  assert.deepEqual([worker.address, worker.answeredPort], [null, null]);
  await worker.close();
  assert.equal(clock.timers.size, 0);
});

test('a worker warns when the process that has its port does not answer', async (t) => {
  const mute = createServer((socket) => void t.after(() => socket.destroy())).listen({ port: 0, host: '127.0.0.1' });
  t.after(() => mute.close());
  await new Promise((resolve) => mute.once('listening', resolve));
  const { port } = mute.address() as { port: number };
  const clock = new ManualClock();
  const worker = new LeaderServer({ port, hosts: ['127.0.0.1'], clock, isWorker: true });
  const listening = worker.listen();
  await until(() => clock.timers.size === 2);
  clock.advance(PORT_OWNER_TIMEOUT_MS);
  assert.equal((await listening)?.code, 'endpoint-unavailable');
  await worker.close();
});

test('an invalid port and a host that does not exist cause a warning', async () => {
  for (const wrong of [{ port: 70_000 }, { port: 0, hosts: ['no-such-host.invalid'] }]) {
    const server = new LeaderServer({ ...wrong, clock: new ManualClock() });
    assert.match((await server.listen())?.message ?? '', /Check the option endpoint/);
    await server.close();
  }
});

test('closing frees the port and ends every connection, once', async (t) => {
  const { server, port } = await startServer(t);
  const idle = rawClient(t, port).send('GET / HTTP/1.1', 'Host: localhost:4040', '');
  const unfinished = rawClient(t, port).send('GET / HTTP/1.1');
  const silent = rawClient(t, port);
  await idle.has('{}');
  const closed = server.close();
  assert.equal(server.close(), closed);
  assert.equal(server.address, null);
  await closed;
  for (const client of [idle, unfinished, silent]) await client.whole();
  const again = new LeaderServer({ port, clock: new ManualClock() });
  t.after(() => again.close());
  assert.equal(await again.listen(), null);
});

test('the server does not listen when it is closed before or while it begins', async () => {
  const beginning = new LeaderServer({ port: 0, clock: new ManualClock() });
  const listening = beginning.listen();
  await beginning.close();
  assert.equal(await listening, null);
  assert.equal(beginning.address, null);

  const never = new LeaderServer({ port: 0, clock: new ManualClock() });
  await never.close();
  assert.equal(await never.listen(), null);
  assert.equal(never.address, null);
  await until(() => openHandles('TCPServerWrap') === 0);
});
