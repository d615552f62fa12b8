import assert from 'node:assert/strict';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { systemClock } from '../../src/runtime/clock.ts';
import { ApiServer, type ApiServerAddress, type ApiServerOptions, LEASES } from '../../src/testing/index.ts';
import { MAX_DISCARDED_BYTES, MAX_UNSENT_BYTES } from '../../src/testing/server/http-listener.ts';
import { until } from '../worlds/until.ts';

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly aborted: boolean;
}

async function started(
  t: TestContext,
  options: ApiServerOptions = {},
): Promise<ApiServerAddress & { server: ApiServer }> {
  const server = new ApiServer({ adminToken: 'admin-token', ...options });
  const address = await server.start();
  t.after(() => server.stop());
  return { ...address, server };
}

function sendRequest(
  address: ApiServerAddress,
  path: string,
  options: {
    readonly method?: string;
    readonly body?: string;
    readonly servername?: string;
    readonly onChunk?: (text: string) => void;
  } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      `${address.url}${path}`,
      {
        ca: address.caPem,
        agent: false,
        method: options.method ?? 'GET',
        headers: { authorization: 'Bearer admin-token' },
        ...(options.servername === undefined ? {} : { servername: options.servername }),
      },
      (response) => {
        let text = '';
        let aborted = false;
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          options.onChunk?.(chunk);
        });
        response.on('error', () => {
          aborted = true;
        });
        response.on('close', () => resolve({ status: response.statusCode ?? 0, text, aborted }));
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

test('the published certificate is trusted for its names', async (t) => {
  const address = await started(t);
  for (const servername of ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc']) {
    assert.equal((await sendRequest(address, '/healthz', { servername })).text, 'ok', servername);
  }
  assert.equal((await sendRequest(address, '/healthz')).text, 'ok');
});

test('a body over 3 MiB is 413', async (t) => {
  const address = await started(t);
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const reply = await sendRequest(address, path, { method: 'POST', body: 'x'.repeat(3_145_729) });
  assert.equal(reply.status, 413);
  assert.match(reply.text, /limit is 3145728/);
});

test('a watch over a socket delivers each event at once, and cutWatches breaks its connection', async (t) => {
  const address = await started(t);
  const chunks: string[] = [];
  const reply = await sendRequest(address, '/api/v1/namespaces?watch=1', {
    onChunk: (chunk) => {
      chunks.push(chunk);
      if (chunks.length === 1) address.server.createNamespace('later');
      if (chunk.includes('"later"')) address.server.cutWatches();
    },
  });
  assert.match(chunks.join(''), /"name":"later"/);
  assert.equal(reply.aborted, true);
});

test('a clean stop ends the answers of open watches', async (t) => {
  const address = await started(t);
  let stopped: Promise<void> | undefined;
  const reply = await sendRequest(address, '/api/v1/namespaces?watch=1', {
    onChunk: () => {
      stopped ??= address.server.stop();
    },
  });
  await stopped;
  assert.equal(reply.aborted, false);
});

test('a clean stop ends the answer of a watch that has just begun', async (t) => {
  for (let round = 0; round < 20; round += 1) {
    const address = await started(t);
    const whole = await new Promise<boolean>((resolve, reject) => {
      const headers = { authorization: 'Bearer admin-token' };
      const options = { ca: address.caPem, agent: false, headers };
      const request = https.get(`${address.url}/api/v1/namespaces?watch=1`, options, (response) => {
        response.resume();
        response.on('error', () => {});
        response.on('close', () => resolve(response.complete));
        address.server.stop().catch(reject);
      });
      request.on('error', reject);
    });
    assert.ok(whole, 'the end of the watch was lost');
  }
});

test('a clean stop does not wait for half-open or idle connections', async (t) => {
  const address = await started(t);
  const halfOpen = net.connect(address.port, address.host);
  const idle = http2.connect(address.url, { ca: address.caPem });
  await Promise.all([opened(halfOpen, 'connect'), opened(idle, 'connect')]);
  const startedMs = systemClock.nowMs();
  await address.server.stop();
  assert.ok(systemClock.nowMs() - startedMs < 900, 'the stop waited for its deadline');
  halfOpen.destroy();
  idle.destroy();
});

test('a clean stop ends the answers of watches over HTTP/2', async (t) => {
  const address = await started(t);
  const session = http2.connect(address.url, { ca: address.caPem });
  const stream = session.request({ ':path': '/api/v1/namespaces?watch=1', authorization: 'Bearer admin-token' });
  let text = '';
  stream.setEncoding('utf8');
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (chunk: string) => {
      if (text === '') address.server.stop().catch(reject);
      text += chunk;
    });
    stream.on('error', reject);
    stream.on('end', resolve);
  });
  assert.equal(stream.rstCode, http2.constants.NGHTTP2_NO_ERROR);
  assert.match(text, /"name":"default".*\n$/s);
  session.close();
});

function opened(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once(event, () => resolve());
    emitter.once('error', reject);
  });
}

const LEASES_PATH = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

/** Writes one Lease again and again, each time with this many bytes, until `holds` returns true. */
async function writeUntil(server: ApiServer, what: string, holds: () => boolean): Promise<number> {
  const headers = { authorization: 'Bearer admin-token', 'content-type': 'application/merge-patch+json' };
  const text = 'x'.repeat(200_000);
  let written = 0;
  await until(what, () => {
    written += text.length;
    const body = JSON.stringify({ metadata: { annotations: { text: `${written}${text}` } } });
    server.handle({ method: 'PATCH', path: `${LEASES_PATH}/a`, headers, body }).catch(() => {});
    return holds();
  });
  return written;
}

async function withLease(address: { readonly server: ApiServer }): Promise<void> {
  const headers = { authorization: 'Bearer admin-token' };
  const body = JSON.stringify({ metadata: { name: 'a' } });
  await address.server.handle({ method: 'POST', path: LEASES_PATH, headers, body });
}

/** The bytes that the kernel may buffer for both ends, in addition to the bytes that the server buffers. */
const KERNEL_BYTES = 32 * 1024 * 1024;

test('a watcher that stops reading is dropped, and nothing is kept for it', async (t) => {
  const address = await started(t);
  await withLease(address);
  const socket = tls.connect({ host: address.host, port: address.port, ca: address.caPem });
  await opened(socket, 'secureConnect');
  socket.on('error', () => {});
  socket.write(`GET ${LEASES_PATH}?watch=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin-token\r\n\r\n`);
  await opened(socket, 'data');
  socket.pause();
  const openWatches = (): number => address.server.stats().watches;
  assert.equal(openWatches(), 1);
  const written = await writeUntil(address.server, 'the watch is dropped', () => openWatches() === 0);
  assert.ok(written > MAX_UNSENT_BYTES, 'the watch was dropped too early');
  assert.ok(written < MAX_UNSENT_BYTES + KERNEL_BYTES, `dropped only after ${written} bytes`);
  assert.equal(address.server.store.list(LEASES, 'default').length, 1);
  socket.destroy();
});

test('a watcher over HTTP/2 that stops reading is dropped, and other streams of its connection continue', async (t) => {
  const address = await started(t);
  await withLease(address);
  const session = http2.connect(address.url, { ca: address.caPem });
  const stream = session.request({ ':path': `${LEASES_PATH}?watch=1`, authorization: 'Bearer admin-token' });
  stream.on('error', () => {});
  await opened(stream, 'response');
  stream.pause();
  await writeUntil(address.server, 'the watch is dropped', () => address.server.stats().watches === 0);
  const other = session.request({ ':path': '/healthz' });
  other.resume();
  await opened(other, 'end');
  session.destroy();
});

test('a body without an end is cut off', async (t) => {
  const address = await started(t);
  let sent = 0;
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  const request = https.request(`${address.url}${LEASES_PATH}`, {
    ca: address.caPem,
    agent: false,
    method: 'POST',
    headers: { authorization: 'Bearer admin-token' },
  });
  const status = new Promise<number | undefined>((resolve) => {
    request.on('response', (response) => {
      response.resume();
      response.on('error', () => {});
      resolve(response.statusCode);
    });
  });
  const closed = opened(request, 'close').catch(() => {});
  const more = (): void => {
    if (request.destroyed) return;
    sent += chunk.length;
    request.write(chunk, more);
  };
  more();
  assert.equal(await status, 413);
  await closed;
  assert.ok(sent <= MAX_DISCARDED_BYTES + KERNEL_BYTES, `${sent} bytes were taken`);
});

test('a fault that loses the answer resets the connection', async (t) => {
  const address = await started(t, { faults: () => ({ dropAnswer: true }) });
  await assert.rejects(sendRequest(address, '/version'), { code: 'ECONNRESET' });
});

test('the kubeconfig names the server, the authority and the admin token', async (t) => {
  const { server, url, caPem } = await started(t);
  const config = JSON.parse(server.kubeconfig());
  assert.equal(config.clusters[0].cluster.server, url);
  assert.equal(Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString(), caPem);
  assert.equal(config.users[0].user.token, 'admin-token');
});
