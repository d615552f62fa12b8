/**
 * The sibling lock with artificial sockets: what it does with each socket, and when it tries again.
 */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { SiblingLockPort } from '../../src/driver/ports.ts';
import { type SocketFunctions, siblingLock, siblingSocketPath } from '../../src/joining/sibling-lock.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const PATH = siblingSocketPath('pod-uid', 'shop', 'web');

/** A socket that records the calls of its methods. */
class FakeSocket extends EventEmitter {
  readonly calls: string[] = [];
  readonly #onDestroy: () => void;

  constructor(onDestroy: () => void = () => undefined) {
    super();
    this.#onDestroy = onDestroy;
  }

  unref(): this {
    this.calls.push('unref');
    return this;
  }

  resume(): void {
    this.calls.push('resume');
  }

  destroy(): void {
    this.calls.push('destroy');
    this.#onDestroy();
  }
}

/** A server that records the calls of its methods. A test emits its events. */
class FakeServer extends EventEmitter {
  readonly calls: string[] = [];
  readonly accept: (socket: FakeSocket) => void;
  readonly #onClose: () => void;
  maxConnections = 0;
  listening = false;

  constructor(accept: (socket: FakeSocket) => void, onClose: () => void) {
    super();
    this.accept = accept;
    this.#onClose = onClose;
  }

  unref(): void {
    this.calls.push('unref');
  }

  listen(options: object): void {
    this.calls.push(`listen ${JSON.stringify(options)}`);
  }

  close(): void {
    this.calls.push('close');
    this.#onClose();
  }

  /** The bind has succeeded. */
  bound(): void {
    this.listening = true;
    this.emit('listening');
  }

  fail(code: string): void {
    this.emit('error', Object.assign(new Error(`bind ${code}`), { code }));
  }
}

interface Locking {
  readonly lock: SiblingLockPort;
  readonly clock: ManualClock;
  /** The outcomes of the claim. */
  readonly outcomes: string[];
  readonly servers: readonly FakeServer[];
  /** The connections to the holder. */
  readonly connections: readonly FakeSocket[];
  /** The options of each connection. */
  readonly targets: readonly unknown[];
  /** Whether each timer runs in the background. */
  readonly backgrounds: readonly (boolean | undefined)[];
  /** The closed servers and the destroyed sockets, in their order. */
  readonly ends: string[];
  /** The last server. */
  readonly server: () => FakeServer;
  /** The time until the only timer is due, in milliseconds. */
  readonly delayMs: () => number;
}

/** Claims the lock. @param react receives each outcome */
function claim(react: (outcome: string, lock: SiblingLockPort) => void = () => undefined): Locking {
  const clock = new ManualClock();
  const outcomes: string[] = [];
  const servers: FakeServer[] = [];
  const connections: FakeSocket[] = [];
  const targets: unknown[] = [];
  const backgrounds: (boolean | undefined)[] = [];
  const ends: string[] = [];
  const net = {
    createServer: (accept: (socket: FakeSocket) => void) => {
      const server = new FakeServer(accept, () => ends.push('server'));
      servers.push(server);
      return server;
    },
    connect: (options: unknown) => {
      targets.push(options);
      const socket = new FakeSocket(() => ends.push('connection'));
      connections.push(socket);
      return socket;
    },
  };
  const observedClock: Clock = {
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    setTimer(afterMs, callback, options) {
      backgrounds.push(options?.background);
      return clock.setTimer(afterMs, callback);
    },
  };
  const lock = siblingLock({
    podUid: 'pod-uid',
    namespace: 'shop',
    lease: 'web',
    clock: observedClock,
    random: { next: () => 0.5 },
    platform: 'linux',
    net: net as unknown as SocketFunctions,
  });
  lock.claim((outcome, { refusedBy } = {}) => {
    outcomes.push(refusedBy === undefined ? outcome : `${outcome} ${refusedBy}`);
    react(outcome, lock);
  });
  return {
    lock,
    clock,
    outcomes,
    servers,
    connections,
    targets,
    backgrounds,
    ends,
    server: () => servers.at(-1) as FakeServer,
    delayMs: () => {
      assert.equal(clock.timers.size, 1);
      const [timer] = clock.timers;
      return (timer?.dueMs ?? 0) - clock.nowMs();
    },
  };
}

/** The connection to the holder ends after this time. */
function holderEnds({ clock, connections }: Locking, afterMs = 0): void {
  clock.advance(afterMs);
  connections.at(-1)?.emit('close');
}

test('the holder binds a socket that is not shared, and accepts 64 siblings', () => {
  const { server, outcomes } = claim();
  assert.deepEqual(server().calls.toSorted(), [`listen ${JSON.stringify({ path: PATH, exclusive: true })}`, 'unref']);
  assert.equal(server().maxConnections, 64);
  server().bound();
  assert.deepEqual(outcomes, ['held']);
});

test('the holder reads nothing from a sibling, survives its error, and closes its connection at the end', () => {
  const { lock, server, ends } = claim();
  server().bound();
  const [open, closed] = [new FakeSocket(() => ends.push('sibling')), new FakeSocket()];
  for (const socket of [open, closed]) server().accept(socket);
  assert.deepEqual(open.calls, ['unref', 'resume']);
  closed.emit('error', new Error('ECONNRESET'));
  closed.emit('close');
  lock.free();
  assert.deepEqual(closed.calls, ['unref', 'resume'], 'it is closed already');
  assert.deepEqual(ends, ['server', 'sibling'], 'the name is free before the siblings try again');
});

test('the holder keeps the lock when it fails to accept a connection', () => {
  const { server, servers, outcomes, clock } = claim();
  server().bound();
  server().fail('EMFILE');
  assert.deepEqual([outcomes, servers.length, clock.timers.size], [['held'], 1, 0]);
});

test('a freed lock ignores the late events of its server and of its connection', () => {
  const freed = claim();
  freed.lock.free();
  freed.server().fail('EADDRINUSE');
  freed.server().bound();
  assert.deepEqual([freed.outcomes, freed.connections.length], [[], 0]);

  const waiting = claim();
  waiting.server().fail('EADDRINUSE');
  waiting.lock.free();
  assert.deepEqual(waiting.ends, ['connection']);
  holderEnds(waiting);
  assert.deepEqual([waiting.outcomes, waiting.servers.length, waiting.clock.timers.size], [['taken'], 1, 0]);
});

test('a lock that is claimed again frees its socket first', () => {
  const { lock, server, servers, ends, outcomes } = claim();
  server().bound();
  const later: string[] = [];
  lock.claim((outcome) => later.push(outcome));
  assert.deepEqual(ends, ['server']);
  assert.equal(servers.length, 2);
  server().bound();
  assert.deepEqual([outcomes, later], [['held'], ['held']]);
});

test('a lock that is claimed again reports again that it is taken, and its first attempt does not wait', () => {
  const locking = claim();
  const { lock, server } = locking;
  server().fail('EPERM');
  const later: string[] = [];
  lock.claim((outcome, { refusedBy } = {}) => later.push(`${outcome} ${refusedBy ?? ''}`));
  assert.equal(locking.clock.timers.size, 0);
  server().fail('EADDRINUSE');
  holderEnds(locking);
  assert.equal(locking.clock.timers.size, 0);
  server().fail('EPERM');
  assert.deepEqual(later, ['taken ', 'taken EPERM']);
});

test('a lock that is claimed again ignores the late events of the first claim', () => {
  const { lock, server, servers, outcomes } = claim();
  const later: string[] = [];
  lock.claim((outcome) => later.push(outcome));
  servers[0]?.fail('EADDRINUSE');
  servers[0]?.bound();
  server().fail('EADDRINUSE');
  assert.deepEqual([outcomes, later], [[], ['taken']]);

  const waiting = claim();
  waiting.server().fail('EADDRINUSE');
  waiting.lock.claim(() => undefined);
  holderEnds(waiting);
  assert.equal(waiting.servers.length, 2, 'the second claim has one server');
});

test('a sibling waits at the socket of the holder, and survives the error of its connection', () => {
  const locking = claim();
  locking.server().fail('EADDRINUSE');
  const [connection] = locking.connections;
  assert.deepEqual(connection?.calls, ['unref', 'resume']);
  assert.deepEqual(locking.targets, [{ path: PATH }]);
  connection.emit('error', new Error('ECONNREFUSED'));
  holderEnds(locking);
  locking.server().bound();
  assert.deepEqual(locking.outcomes, ['taken', 'held']);
});

test('a sibling tries again after 10 ms three times, and then with a back-off, in the background', () => {
  const locking = claim();
  locking.server().fail('EADDRINUSE');
  holderEnds(locking);
  const delaysMs: number[] = [];
  for (let attempt = 0; attempt < 5; attempt += 1) {
    locking.server().fail('EADDRINUSE');
    holderEnds(locking);
    delaysMs.push(locking.delayMs());
    locking.clock.advance(locking.delayMs());
  }
  assert.deepEqual(delaysMs, [10, 10, 10, 188, 375]);
  assert.deepEqual(new Set(locking.backgrounds), new Set([true]));
});

for (const [waitedMs, delayMs] of [
  [999, 10],
  [1_000, null],
] as const) {
  test(`a sibling that waited for ${waitedMs} ms tries again ${delayMs === null ? 'immediately' : 'later'}`, () => {
    const locking = claim();
    locking.server().fail('EADDRINUSE');
    holderEnds(locking);
    locking.server().fail('EADDRINUSE');
    holderEnds(locking, waitedMs);
    if (delayMs === null) assert.equal(locking.clock.timers.size, 0);
    else assert.equal(locking.delayMs(), delayMs);
    assert.equal(locking.servers.length, delayMs === null ? 3 : 2);
  });
}

test('the first short wait after a long wait is not delayed', () => {
  const locking = claim();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    locking.server().fail('EADDRINUSE');
    holderEnds(locking);
  }
  locking.clock.advance(locking.delayMs());
  locking.server().fail('EADDRINUSE');
  holderEnds(locking, 60_000);
  locking.server().fail('EADDRINUSE');
  holderEnds(locking);
  assert.equal(locking.clock.timers.size, 0);
});

test('a refused bind is repeated after 10 ms four times, and then with a back-off, without a connection', () => {
  const locking = claim();
  const delaysMs: number[] = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    locking.server().fail('EPERM');
    delaysMs.push(locking.delayMs());
    locking.clock.advance(locking.delayMs());
  }
  assert.deepEqual(delaysMs, [10, 10, 10, 10, 188, 375]);
  assert.deepEqual([locking.outcomes, locking.connections.length, locking.servers.length], [['taken EPERM'], 0, 7]);
});

test('a refused bind without a code is reported with its message', () => {
  const locking = claim();
  locking.server().emit('error', new Error('no sockets here'));
  assert.deepEqual(locking.outcomes, ['taken no sockets here']);
});

test('a sibling that was refused before does not report again that the lock is taken', () => {
  const locking = claim();
  locking.server().fail('EPERM');
  locking.clock.advance(10);
  locking.server().fail('EADDRINUSE');
  assert.deepEqual(locking.outcomes, ['taken EPERM']);
  assert.equal(locking.connections.length, 1);
});

for (const code of ['EPERM', 'EADDRINUSE']) {
  test(`a claim that ends in its callback after ${code} leaves no timer and no connection`, () => {
    const locking = claim((_, lock) => lock.free());
    locking.server().fail(code);
    assert.equal(locking.outcomes.length, 1);
    assert.deepEqual([locking.clock.timers.size, locking.connections.length], [0, 0]);
  });
}

test('a lock that is unsupported reports nothing after it was freed', async () => {
  const outcomes: string[] = [];
  const lock = siblingLock({
    podUid: 'pod-uid',
    namespace: 'shop',
    lease: 'web',
    clock: new ManualClock(),
    random: { next: () => 0.5 },
    platform: 'darwin',
  });
  lock.claim((outcome) => outcomes.push(outcome));
  lock.free();
  await Promise.resolve();
  assert.deepEqual(outcomes, []);
});

test('a uid is part of the address up to 59 bytes, and a longer one is hashed', () => {
  const [longest, longer, another] = ['a'.repeat(59), 'a'.repeat(60), 'b'.repeat(60)];
  assert.ok(siblingSocketPath(longest, 'shop', 'web').startsWith(`\0lease-elector/${longest}/`));
  assert.match(siblingSocketPath(longer, 'shop', 'web'), /^\0lease-elector\/[0-9a-f]{32}\/[0-9a-f]{32}$/);
  assert.notEqual(siblingSocketPath(longer, 'shop', 'web'), siblingSocketPath(another, 'shop', 'web'));
});

test('no process is found when no process has claimed the lock', async () => {
  assert.equal(await claim().lock.findHolder?.(), null);
});
