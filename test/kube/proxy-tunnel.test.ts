/**
 * Checks the CONNECT request to a proxy, and how its answer or its error becomes a connection or a failure.
 */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import http, { Agent } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { ProxyTunnels, proxyAuthorization } from '../../src/kube/proxy-tunnel.ts';
import { TEST_SERVER_CERTIFICATE, TEST_SERVER_KEY } from '../../src/testing/access/test-certificate.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';

const TIMEOUT_MS = 5_000;
const TARGET = { host: '10.0.0.1', port: 6443 };

/** A CONNECT request whose events the test emits. */
class ScriptedConnect extends EventEmitter {
  readonly options: http.RequestOptions;
  readonly headers: Record<string, unknown> = {};
  readonly destroyedWith: (Error | undefined)[] = [];
  isSent = false;

  constructor(options: http.RequestOptions) {
    super();
    this.options = options;
  }

  setHeader(name: string, value: unknown): void {
    this.headers[name] = value;
  }

  end(): void {
    this.isSent = true;
  }

  destroy(error?: Error): void {
    this.destroyedWith.push(error);
    if (error !== undefined) this.emit('error', error);
  }
}

/** The result of an agent's `createConnection`. */
interface Ended {
  readonly error: (Error & { readonly code?: string }) | null;
  readonly socket: Duplex | undefined;
}

interface Opened {
  readonly tunnels: ProxyTunnels;
  readonly clock: ManualClock;
  readonly ended: Ended[];
}

/** Opens one connection of a plain agent through the proxy. */
function open(proxyUrl: string, target: { readonly host: string; readonly port: number } = TARGET): Opened {
  const clock = new ManualClock();
  const tunnels = new ProxyTunnels(new URL(proxyUrl), TIMEOUT_MS, clock);
  const agent = new Agent();
  tunnels.lead(agent);
  const ended: Ended[] = [];
  agent.createConnection(target as http.ClientRequestArgs, (error, socket) => ended.push({ error, socket }));
  return { tunnels, clock, ended };
}

/** Opens a connection through a plain HTTP proxy whose answer the test scripts. */
function openScripted(
  t: TestContext,
  proxyUrl: string,
  target = TARGET,
): Opened & { readonly request: ScriptedConnect } {
  const requests: ScriptedConnect[] = [];
  const mocked = t.mock.method(http, 'request', (options: http.RequestOptions) => {
    const request = new ScriptedConnect(options);
    requests.push(request);
    return request;
  });
  const opened = open(proxyUrl, target);
  mocked.mock.restore();
  const [request] = requests;
  assert.ok(request !== undefined);
  return { ...opened, request };
}

const ADDRESSES: readonly { readonly url: string; readonly host: string; readonly port: number }[] = [
  { url: 'http://proxy.example:3128', host: 'proxy.example', port: 3128 },
  { url: 'http://proxy.example', host: 'proxy.example', port: 80 },
  { url: 'http://[fd00::1]:3128', host: 'fd00::1', port: 3128 },
];
for (const { url, host, port } of ADDRESSES) {
  test(`the request for a tunnel is sent to ${host} and port ${port} when the proxy is ${url}`, (t) => {
    const { request } = openScripted(t, url);
    assert.equal(request.isSent, true);
    assert.deepEqual([request.options.method, request.options.host, request.options.port], ['CONNECT', host, port]);
  });
}

const TARGETS: readonly { readonly host: string; readonly target: string }[] = [
  { host: '10.0.0.1', target: '10.0.0.1:6443' },
  { host: 'api.example', target: 'api.example:6443' },
  { host: 'fd00::2', target: '[fd00::2]:6443' },
];
for (const { host, target } of TARGETS) {
  test(`the request for a tunnel names ${target} when the API server is ${host}`, (t) => {
    const { request } = openScripted(t, 'http://proxy.example:3128', { host, port: 6443 });
    assert.equal(request.options.path, target);
    assert.deepEqual(request.headers, { host: target });
  });
}

test('the request for a tunnel has the credentials of the proxy only as a header', (t) => {
  const { request } = openScripted(t, 'http://anna:s3cr3t@proxy.example:3128');
  const value = `Basic ${Buffer.from('anna:s3cr3t').toString('base64')}`;
  assert.equal(request.headers['proxy-authorization'], value);
  assert.doesNotMatch(JSON.stringify(request.options), /anna|s3cr3t/);
});

for (const status of [199, 200, 299, 300]) {
  const isOpen = status >= 200 && status < 300;
  test(`a tunnel is ${isOpen ? 'open' : 'refused'} when the proxy answers ${status}`, (t) => {
    const { request, tunnels, clock, ended } = openScripted(t, 'http://proxy.example:3128');
    const socket = new Socket();
    request.emit('connect', { statusCode: status }, socket, Buffer.alloc(0));
    assert.equal(ended.length, 1);
    assert.equal(clock.timers.size, 0);
    assert.equal(socket.destroyed, !isOpen);
    if (isOpen) assert.equal(ended[0]?.socket, socket);
    else assert.match(ended[0]?.error?.message ?? '', new RegExp(`answered ${status} to CONNECT`));
    tunnels.close();
    assert.deepEqual(request.destroyedWith, [], 'the tunnel is no longer being opened');
  });
}

test('a tunnel begins with the bytes that arrived with the answer of the proxy', (t) => {
  const { request, ended } = openScripted(t, 'http://proxy.example:3128');
  request.emit('connect', { statusCode: 200 }, new Socket(), Buffer.from('first bytes'));
  assert.equal(String(ended[0]?.socket?.read()), 'first bytes');
});

test('a tunnel is refused when the proxy answers CONNECT like another request', (t) => {
  const { request, ended } = openScripted(t, 'http://proxy.example:3128');
  let isDestroyed = false;
  const destroy = (): void => {
    isDestroyed = true;
  };
  request.emit('response', { statusCode: 501, destroy });
  assert.equal(isDestroyed, true);
  assert.match(ended[0]?.error?.message ?? '', /the proxy proxy\.example:3128 answered 501 to CONNECT/);
});

test('a tunnel fails once when a second error follows the refusal', (t) => {
  const { request, ended } = openScripted(t, 'http://proxy.example:3128');
  request.emit('connect', { statusCode: 407 }, new Socket(), Buffer.alloc(0));
  request.emit('error', new Error('socket hang up'));
  assert.deepEqual(
    ended.map(({ error }) => error?.message),
    ['the proxy proxy.example:3128 answered 407 to CONNECT. Check the name and the password in proxy-url'],
  );
});

test('a tunnel that is being opened fails when the connections are closed', (t) => {
  const { request, tunnels, clock, ended } = openScripted(t, 'http://proxy.example:3128');
  tunnels.close();
  assert.equal(request.destroyedWith.length, 1);
  assert.match(ended[0]?.error?.message ?? '', /cannot be used: the connections were closed\. Check proxy-url/);
  assert.equal(clock.timers.size, 0);
});

const ERRORS: readonly { readonly rule: string; readonly error: object; readonly code: string | undefined }[] = [
  { rule: 'the code of a system error', error: { code: 'ECONNREFUSED', errno: -111 }, code: 'ECONNREFUSED' },
  { rule: 'no code of an error of TLS', error: { code: 'CERT_HAS_EXPIRED' }, code: undefined },
];
for (const { rule, error, code } of ERRORS) {
  test(`the failure of a tunnel has ${rule}`, (t) => {
    const { request, ended } = openScripted(t, 'http://proxy.example:3128');
    request.emit('error', Object.assign(new Error('it failed'), error));
    assert.equal(ended[0]?.error?.code, code);
    assert.match(ended[0]?.error?.message ?? '', /^the proxy proxy\.example:3128 cannot be used: it failed\. Check/);
  });
}

test('the failure of a tunnel has the code as its text when the error has no text', (t) => {
  const { request, ended } = openScripted(t, 'http://proxy.example:3128');
  request.emit('error', Object.assign(new Error(), { code: 'ECONNRESET', errno: -104 }));
  assert.match(ended[0]?.error?.message ?? '', /cannot be used: ECONNRESET\. Check/);
});

test('a proxy with https is reached by TLS, and its certificate must be trusted', async (t) => {
  const server = createServer({ cert: TEST_SERVER_CERTIFICATE, key: TEST_SERVER_KEY }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await until(() => server.listening);
  const { ended } = open(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await until(() => ended.length === 1);
  assert.match(ended[0]?.error?.message ?? '', /cannot be used: .*certificate/);
  assert.equal(ended[0]?.error?.code, undefined);
});

const CREDENTIALS: readonly { readonly user: string; readonly decoded: string | null }[] = [
  { user: '', decoded: null },
  { user: 'anna@', decoded: 'anna:' },
  { user: ':s3cr3t@', decoded: ':s3cr3t' },
  { user: 'anna:s3cr%20t@', decoded: 'anna:s3cr t' },
  { user: 'anna:100%@', decoded: 'anna:100%' },
];
for (const { user, decoded } of CREDENTIALS) {
  test(`the header for the proxy has ${decoded ?? 'no value'} when the address begins with "${user}"`, () => {
    const value = decoded === null ? null : `Basic ${Buffer.from(decoded).toString('base64')}`;
    assert.equal(proxyAuthorization(new URL(`http://${user}proxy.example`)), value);
  });
}
