/**
 * The abstract socket between real processes: who holds it, who waits, and who gets it next.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SiblingLockOutcome, SiblingLockPort } from '../../src/driver/ports.ts';
import {
  type SiblingLockOptions,
  type SocketFunctions,
  siblingLock,
  siblingSocketPath,
} from '../../src/joining/sibling-lock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { randomUuid, systemRandom } from '../../src/runtime/random.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';

const HOLDER = fileURLToPath(new URL('./sibling-lock-holder.ts', import.meta.url));
const ON_LINUX = { skip: process.platform === 'linux' ? false : 'abstract sockets exist on Linux only' };

function newLock(t: TestContext, podUid: string, options: Partial<SiblingLockOptions> = {}): SiblingLockPort {
  const lock = siblingLock({
    podUid,
    namespace: 'shop',
    lease: 'web',
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
  t.after(() => lock.free());
  return lock;
}

/** Claims, and hands the outcomes out one by one. */
function outcomesOf(lock: SiblingLockPort): () => Promise<SiblingLockOutcome> {
  const outcomes: SiblingLockOutcome[] = [];
  let wake = (): void => {};
  lock.claim((outcome) => {
    outcomes.push(outcome);
    wake();
  });
  return async () => {
    for (;;) {
      const next = outcomes.shift();
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

/** A child that claims the lock; its lines, one by one. */
function spawnHolder(t: TestContext, podUid: string, mode = ''): { child: ChildProcess; line: () => Promise<string> } {
  const child = spawn(process.execPath, [HOLDER, podUid, mode], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = on(createInterface({ input: child.stdout }), 'line');
  return { child, line: async () => (await lines.next()).value[0] };
}

test('the first claim holds the lock, the second is taken and holds it once it is free', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const first = newLock(t, podUid);
  assert.equal(await outcomesOf(first)(), 'held');
  const next = outcomesOf(newLock(t, podUid));
  assert.equal(await next(), 'taken');
  first.free();
  assert.equal(await next(), 'held');
});

test('every Pod and every Lease has a lock of its own', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'held');
  assert.equal(await outcomesOf(newLock(t, podUid, { lease: 'other' }))(), 'held');
  assert.equal(await outcomesOf(newLock(t, podUid, { namespace: 'other' }))(), 'held');
  assert.equal(await outcomesOf(newLock(t, randomUuid(systemRandom)))(), 'held');
});

test('a sibling takes over as soon as the holder is killed: the kernel tells it', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const holder = spawnHolder(t, podUid);
  assert.equal(await holder.line(), 'held');
  const next = outcomesOf(newLock(t, podUid));
  assert.equal(await next(), 'taken');
  const exited = once(holder.child, 'exit');
  const killedAtMs = systemClock.nowMs();
  holder.child.kill('SIGKILL');
  assert.equal(await next(), 'held');
  const tookMs = systemClock.nowMs() - killedAtMs;
  await exited;
  t.diagnostic(`taken over after ${tookMs.toFixed(1)} ms`);
});

test('a stopped holder (SIGSTOP) still holds the lock: a hang is no death', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const holder = spawnHolder(t, podUid);
  assert.equal(await holder.line(), 'held');
  holder.child.kill('SIGSTOP');
  const next = outcomesOf(newLock(t, podUid));
  assert.equal(await next(), 'taken');
  let held = false;
  const later = next().then((outcome) => {
    held = outcome === 'held';
  });
  await new Promise<void>((resolve) => systemClock.setTimer(50, resolve));
  assert.equal(held, false);
  holder.child.kill('SIGKILL');
  await later;
  assert.equal(held, true);
});

test('of several waiting siblings one takes over at a time, and the others go on waiting', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const holder = newLock(t, podUid);
  assert.equal(await outcomesOf(holder)(), 'held');
  const siblings = Array.from({ length: 4 }, () => newLock(t, podUid));
  const nexts = siblings.map((sibling) => outcomesOf(sibling));
  for (const next of nexts) assert.equal(await next(), 'taken');
  const holders: SiblingLockPort[] = [holder];
  let freed = 0;
  const all = nexts.map(async (next, index) => {
    assert.equal(await next(), 'held');
    holders.push(siblings[index] as SiblingLockPort);
    // The present holder has the lock only because every earlier holder released it.
    assert.equal(holders.length, freed + 1);
    // Time for another to take it wrongly.
    await new Promise<void>((resolve) => systemClock.setTimer(20, resolve));
    freed += 1;
    siblings[index]?.free();
  });
  freed += 1;
  holder.free();
  await Promise.all(all);
  assert.equal(holders.length, 5);
});

test('workers of node:cluster do not share the lock', ON_LINUX, async (t) => {
  const holder = spawnHolder(t, randomUuid(systemRandom), 'cluster');
  const outcomes = [await holder.line(), await holder.line()];
  assert.deepEqual(outcomes.sort(), ['held', 'taken']);
});

test('the lock keeps no process alive, neither its holder nor a waiting sibling', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'held');
  const sibling = spawnHolder(t, podUid, 'alone');
  assert.equal(await sibling.line(), 'taken');
  const [siblingCode] = await once(sibling.child, 'exit');
  assert.equal(siblingCode, 0);
  const holder = spawnHolder(t, randomUuid(systemRandom), 'alone');
  assert.equal(await holder.line(), 'held');
  const [holderCode] = await once(holder.child, 'exit');
  assert.equal(holderCode, 0);
});

test('after free nothing is called afterwards, and the name is free', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const lock = newLock(t, podUid);
  lock.claim(() => assert.fail('called after free'));
  lock.free();
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'held');
});

test('a sibling that gives up in its own callback is not called again', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const holder = newLock(t, podUid);
  assert.equal(await outcomesOf(holder)(), 'held');
  const outcomes: SiblingLockOutcome[] = [];
  const sibling = newLock(t, podUid);
  await new Promise<void>((resolve) => {
    sibling.claim((outcome) => {
      outcomes.push(outcome);
      sibling.free();
      resolve();
    });
  });
  holder.free();
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'held');
  assert.deepEqual(outcomes, ['taken']);
});

test('a lock can be claimed again after it was freed', ON_LINUX, async (t) => {
  const lock = newLock(t, randomUuid(systemRandom));
  assert.equal(await outcomesOf(lock)(), 'held');
  lock.free();
  assert.equal(await outcomesOf(lock)(), 'held');
});

test('a stranger who connects and talks does not loosen the hold', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'held');
  const stranger = connect({ path: siblingSocketPath(podUid, 'shop', 'web') });
  await once(stranger, 'connect');
  stranger.end('hello\n'.repeat(1000));
  await once(stranger, 'close');
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'taken');
});

test('a holder that turns siblings away is asked again with back-off, through the clock', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  let turnedAway = 0;
  const holder = createServer((socket) => {
    turnedAway += 1;
    socket.destroy();
  }).listen({ path: siblingSocketPath(podUid, 'shop', 'web') });
  await once(holder, 'listening');
  t.after(() => holder.close());
  const clock = new ManualClock();
  const next = outcomesOf(newLock(t, podUid, { clock }));
  assert.equal(await next(), 'taken');
  // The first short wait is forgiven; then it asks a few times promptly, and at last with back-off.
  const delaysMs: number[] = [];
  for (let attempts = 2; attempts <= 6; attempts += 1) {
    await until(() => clock.timers.size === 1 && turnedAway === attempts);
    const delayMs = Math.max(...[...clock.timers].map(({ dueMs }) => dueMs)) - clock.nowMs();
    delaysMs.push(delayMs);
    clock.advance(delayMs);
  }
  await until(() => clock.timers.size === 1 && turnedAway === 7);
  assert.deepEqual(delaysMs.slice(0, 3), [10, 10, 10]);
  assert.ok(
    delaysMs.slice(3).every((delayMs) => delayMs >= 125),
    `backs off: ${delaysMs}`,
  );
  holder.close();
  await once(holder, 'close');
  clock.advance(10_000);
  assert.equal(await next(), 'held');
});

test('a lock that is freed while it backs off leaves no timer behind', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const path = siblingSocketPath(podUid, 'shop', 'web');
  const holder = createServer((socket) => socket.destroy()).listen({ path });
  await once(holder, 'listening');
  t.after(() => holder.close());
  const clock = new ManualClock();
  const lock = newLock(t, podUid, { clock });
  assert.equal(await outcomesOf(lock)(), 'taken');
  await until(() => clock.timers.size === 1);
  lock.free();
  assert.equal(clock.timers.size, 0);
});

test('who has no file descriptor left may be a sibling: it asks again instead of campaigning', ON_LINUX, async (t) => {
  const child = spawn('sh', [
    '-c',
    'ulimit -n 64; exec "$0" "$@"',
    process.execPath,
    HOLDER,
    randomUuid(systemRandom),
    'short',
  ]);
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await until(() => lines.includes('short of descriptors'));
  child.stdin.write('go on\n');
  await until(() => lines.length > 1);
  assert.deepEqual(lines, ['short of descriptors', 'held']);
});

/** Sockets of which each bind fails with the next of these codes; '' stands for a real bind, and so does the end. */
function failingBinds(codes: string[]): { readonly net: SocketFunctions; readonly binds: () => number } {
  let binds = 0;
  return {
    binds: () => binds,
    net: {
      connect,
      createServer: ((listener: (socket: Socket) => void) => {
        const server = createServer(listener);
        const listen = server.listen.bind(server) as (options: object) => Server;
        const failing = (options: object): Server => {
          binds += 1;
          const code = codes.shift();
          if (code === undefined || code === '') return listen(options);
          process.nextTick(() => server.emit('error', Object.assign(new Error(`bind ${code}`), { code })));
          return server;
        };
        return Object.assign(server, { listen: failing });
      }) as SocketFunctions['createServer'],
    },
  };
}

/** The outcomes of a claim whose bind fails with each of these codes in turn, until it is settled. */
async function outcomesAfter(t: TestContext, codes: string[], settled: string): Promise<string[]> {
  const clock = new ManualClock();
  const told: string[] = [];
  const { net } = failingBinds(codes);
  const lock = newLock(t, randomUuid(systemRandom), { clock, net, platform: 'linux' });
  lock.claim((outcome, { refusedBy } = {}) => told.push(refusedBy === undefined ? outcome : `${outcome} ${refusedBy}`));
  await until(() => {
    clock.advance(10_000);
    return told.at(-1) === settled;
  });
  return told;
}

for (const code of ['EACCES', 'EPERM', 'EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT', 'ENOTSUP', 'EIO', 'EUNHEARDOF']) {
  test(`a bind that is refused with ${code} is tried again: a sibling may hold the lock`, ON_LINUX, async (t) => {
    assert.deepEqual(await outcomesAfter(t, [code, code, code, code, code], 'held'), [`taken ${code}`, 'held']);
  });
}

for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']) {
  test(`a bind that fails with ${code} is tried again, and nothing is said`, ON_LINUX, async (t) => {
    assert.deepEqual(await outcomesAfter(t, [code, code, code], 'held'), ['held']);
  });
}

for (const code of ['ENOSYS', 'EAFNOSUPPORT']) {
  test(`a kernel that answers ${code} has no such sockets, for no process of the Pod`, async (t) => {
    assert.deepEqual(await outcomesAfter(t, [code], 'unsupported'), ['unsupported']);
  });

  test(`a process that was refused before remains a sibling when it is answered ${code}`, ON_LINUX, async (t) => {
    assert.deepEqual(await outcomesAfter(t, ['EPERM', code, code], 'held'), ['taken EPERM', 'held']);
  });
}

test('a waiting sibling whose bind is refused says so, once', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const holder = newLock(t, podUid);
  assert.equal(await outcomesOf(holder)(), 'held');
  const clock = new ManualClock();
  const { net, binds } = failingBinds(['', 'EPERM', 'EACCES', 'EPERM']);
  const told: string[] = [];
  const sibling = newLock(t, podUid, { clock, net });
  sibling.claim((outcome, { refusedBy } = {}) => told.push(`${outcome} ${refusedBy ?? ''}`));
  await until(() => told.length === 1 && binds() === 1);
  holder.free();
  await until(() => {
    clock.advance(10_000);
    return told.length === 3;
  });
  assert.deepEqual(told, ['taken ', 'taken EPERM', 'held ']);
});

test('elsewhere than on Linux the lock is unsupported, and says so', async (t) => {
  assert.equal(await outcomesOf(newLock(t, 'some-uid', { platform: 'darwin' }))(), 'unsupported');
});

test('the address names the uid and fits into sun_path, whatever the names', () => {
  const uid = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
  const path = siblingSocketPath(uid, 'shop', 'web');
  assert.ok(path.startsWith(`\0lease-elector/${uid}/`));
  assert.ok(Buffer.byteLength(path) <= 107);
  assert.ok(Buffer.byteLength(siblingSocketPath(uid, 'n'.repeat(63), 'l'.repeat(253))) <= 107);
  assert.ok(Buffer.byteLength(siblingSocketPath('ü'.repeat(300), 'n', 'l')) <= 107);
  assert.notEqual(siblingSocketPath(uid, 'shop', 'web'), siblingSocketPath(uid, 'shop', 'api'));
});
