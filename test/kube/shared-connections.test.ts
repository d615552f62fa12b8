/**
 * Checks which electors share connections, and what remains of the connections when the last elector has left them.
 */

import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ApiClient } from '../../src/kube/api-client.ts';
import type { Authorization } from '../../src/kube/authorization.ts';
import type { ConnectionQueue } from '../../src/kube/connection-queue.ts';
import type { Credentials } from '../../src/kube/credentials.ts';
import { ServerConnections } from '../../src/kube/server-connections.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const SERVER: Credentials['server'] = { protocol: 'https:', hostname: 'api.example', port: 443, basePath: '' };
const PLAIN: Authorization = { headers: {}, options: {}, proxyAgent: null };

function credentialsOf(server: Partial<Credentials['server']> = {}, source?: string): Credentials {
  return {
    server: { ...SERVER, ...server },
    ...(source === undefined ? {} : { source }),
    defaultNamespace: () => null,
    authorize: async () => PLAIN,
    distrust: () => undefined,
  };
}

function join(t: TestContext, credentials: Credentials, timeoutMs: number, clock: Clock): ServerConnections {
  const connections = ServerConnections.join(credentials, timeoutMs, clock);
  t.after(() => connections.leave());
  return connections;
}

const CLOCK = new ManualClock();

const OTHERS: readonly (readonly [what: string, credentials: Credentials, timeoutMs: number, clock: Clock])[] = [
  ['protocol', credentialsOf({ protocol: 'http:' }, 'a'), 1_000, CLOCK],
  ['host', credentialsOf({ hostname: 'other.example' }, 'a'), 1_000, CLOCK],
  ['port', credentialsOf({ port: 6443 }, 'a'), 1_000, CLOCK],
  ['path', credentialsOf({ basePath: '/other' }, 'a'), 1_000, CLOCK],
  ['source', credentialsOf({}, 'b'), 1_000, CLOCK],
  ['time-out', credentialsOf({}, 'a'), 1_001, CLOCK],
  ['clock', credentialsOf({}, 'a'), 1_000, new ManualClock()],
];

for (const [what, credentials, timeoutMs, clock] of OTHERS) {
  test(`electors do not share connections when they differ in the ${what}`, (t) => {
    const first = join(t, credentialsOf({}, 'a'), 1_000, CLOCK);
    assert.notEqual(join(t, credentials, timeoutMs, clock), first);
    assert.equal(join(t, credentialsOf({}, 'a'), 1_000, CLOCK), first);
  });
}

test('electors do not share connections when their credentials have no source', (t) => {
  assert.notEqual(join(t, credentialsOf(), 1_000, CLOCK), join(t, credentialsOf(), 1_000, CLOCK));
});

test('an elector opens new connections when the last one has left the earlier connections', (t) => {
  const first = ServerConnections.join(credentialsOf({}, 'a'), 1_000, CLOCK);
  first.leave();
  assert.notEqual(join(t, credentialsOf({}, 'a'), 1_000, CLOCK), first);
});

for (const name of ['requests', 'requestsApart', 'lists'] as const) {
  test(`a waiting request of the queue "${name}" is dropped when the last elector leaves`, () => {
    const connections = ServerConnections.join(credentialsOf(), 1_000, CLOCK);
    const frees = fill(connections[name]);
    assert.ok(frees.length > 0);
    const sent = frees.length;
    connections.leave();
    frees[0]?.();
    assert.equal(frees.length, sent);
  });
}

/** Fills the queue until one request waits. Returns a function for each sent request, which frees its connection. */
function fill(queue: ConnectionQueue): readonly (() => void)[] {
  const frees: (() => void)[] = [];
  const owner = {};
  for (let entered = 0; entered === frees.length; entered += 1)
    queue.enter({ owner, isOver: () => false, go: (leave) => frees.push(leave) });
  return frees;
}

for (const fresh of [true, false]) {
  test(`the agent of a ${fresh ? 'new' : 'kept'} connection distinguishes TLS contexts, and is closed with the last elector`, (t) => {
    const connections = ServerConnections.join(credentialsOf(), 1_000, CLOCK);
    const agent = connections.agentFor(PLAIN, fresh);
    const { mock: destroyed } = t.mock.method(agent, 'destroy');
    assert.equal(agent.getName({ host: 'api.example' }), 'plain');
    connections.leave();
    assert.equal(destroyed.callCount(), 1);
  });
}

test('a socket that becomes free after the last elector has left is closed', (t) => {
  const connections = ServerConnections.join(credentialsOf(), 1_000, CLOCK);
  const agent = connections.agentFor(PLAIN, false);
  const socketOf = (): Socket => {
    // Only the socket of a request that keeps its connection is kept by the agent.
    const socket = Object.assign(new Socket(), { _httpMessage: { shouldKeepAlive: true } });
    t.after(() => socket.destroy());
    return socket;
  };
  const before = socketOf();
  agent.emit('free', before, {});
  assert.equal(before.destroyed, false);
  connections.leave();
  const late = socketOf();
  agent.emit('free', late, {});
  assert.equal(late.destroyed, true);
});

test('a request fails when OpenSSL cannot parse its client key', async (t) => {
  const options = { cert: 'nonsense', key: 'nonsense' };
  const credentials: Credentials = {
    ...credentialsOf({ hostname: '127.0.0.1', port: 1 }),
    authorize: async () => ({ ...PLAIN, options }),
  };
  const client = new ApiClient({ credentials, requestTimeoutMs: 1_000, clock: new ManualClock() });
  t.after(() => client.close());
  const answer = await client.request({
    verb: 'get',
    apiGroup: '',
    resource: 'pods',
    namespace: 'shop',
    name: 'web-0',
  });
  assert.match(answer.ok ? '' : answer.failure.message, /^get pods "web-0" in namespace "shop" failed: .*PEM/);
});
