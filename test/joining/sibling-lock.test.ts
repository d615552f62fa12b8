/**
 * Checks the abstract socket between real processes: the holder, the waiting processes, and the next holder.
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

/** Claims the lock. Each call of the result returns the next outcome. */
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

/** A child process that claims the lock, and its lines of output. */
function spawnHolder(t: TestContext, podUid: string, mode = ''): { child: ChildProcess; line: () => Promise<string> } {
  const child = spawn(process.execPath, [HOLDER, podUid, mode], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = on(createInterface({ input: child.stdout }), 'line');
  return { child, line: async () => (await lines.next()).value[0] };
}

test('a second claim waits and holds the lock when the first one is freed', ON_LINUX, async (t) => {
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

test('a sibling takes over as soon as the holder is killed', ON_LINUX, async (t) => {
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

test('a holder keeps the lock when it is suspended (SIGSTOP)', ON_LINUX, async (t) => {
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

test('one of several waiting siblings takes over, and the others continue to wait', ON_LINUX, async (t) => {
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
    // The present holder has the lock only because every earlier one freed it.
    assert.equal(holders.length, freed + 1);
    // Time in which another process could take it by mistake.
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

test('the lock keeps neither its holder nor a waiting sibling alive', ON_LINUX, async (t) => {
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

test('a freed lock calls nothing and can be claimed by another process', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const lock = newLock(t, podUid);
  lock.claim(() => assert.fail('called after free'));
  lock.free();
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'held');
});

test('a sibling is not called again when it frees the lock in its own callback', ON_LINUX, async (t) => {
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

test('a holder keeps the lock when another program connects and sends data', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'held');
  const stranger = connect({ path: siblingSocketPath(podUid, 'shop', 'web') });
  await once(stranger, 'connect');
  stranger.end('hello\n'.repeat(1000));
  await once(stranger, 'close');
  assert.equal(await outcomesOf(newLock(t, podUid))(), 'taken');
});

test('a sibling connects again with back-off when the holder closes each connection', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  let closedConnections = 0;
  const holder = createServer((socket) => {
    closedConnections += 1;
    socket.destroy();
  }).listen({ path: siblingSocketPath(podUid, 'shop', 'web') });
  await once(holder, 'listening');
  t.after(() => holder.close());
  const clock = new ManualClock();
  const next = outcomesOf(newLock(t, podUid, { clock }));
  assert.equal(await next(), 'taken');
  // The first attempt does not count. The next three follow after 10 ms, and the others with back-off.
  const delaysMs: number[] = [];
  for (let attempts = 2; attempts <= 6; attempts += 1) {
    await until(() => clock.timers.size === 1 && closedConnections === attempts);
    const delayMs = Math.max(...[...clock.timers].map(({ dueMs }) => dueMs)) - clock.nowMs();
    delaysMs.push(delayMs);
    clock.advance(delayMs);
  }
  await until(() => clock.timers.size === 1 && closedConnections === 7);
  assert.deepEqual(delaysMs.slice(0, 3), [10, 10, 10]);
  assert.ok(
    delaysMs.slice(3).every((delayMs) => delayMs >= 125),
    `no back-off: ${delaysMs}`,
  );
  holder.close();
  await once(holder, 'close');
  clock.advance(10_000);
  assert.equal(await next(), 'held');
});

test('a lock leaves no timer behind when it is freed during a back-off', ON_LINUX, async (t) => {
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

test('a process without a free file descriptor claims the lock again before it campaigns', ON_LINUX, async (t) => {
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

/** Sockets whose binds fail with these codes in turn. A bind for '' is real, and so is every bind after the last code. */
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

/** The outcomes of a claim whose binds fail with these codes in turn, up to the outcome `settled`. */
async function outcomesAfter(t: TestContext, codes: string[], settled: string): Promise<string[]> {
  const clock = new ManualClock();
  const reported: string[] = [];
  const { net } = failingBinds(codes);
  const lock = newLock(t, randomUuid(systemRandom), { clock, net, platform: 'linux' });
  lock.claim((outcome, { refusedBy } = {}) =>
    reported.push(refusedBy === undefined ? outcome : `${outcome} ${refusedBy}`),
  );
  await until(() => {
    clock.advance(10_000);
    return reported.at(-1) === settled;
  });
  return reported;
}

for (const code of ['EACCES', 'EPERM', 'EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT', 'ENOTSUP', 'EIO', 'EUNHEARDOF']) {
  test(`a bind that is refused with ${code} is repeated, because a sibling may hold the lock`, ON_LINUX, async (t) => {
    assert.deepEqual(await outcomesAfter(t, [code, code, code, code, code], 'held'), [`taken ${code}`, 'held']);
  });
}

for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']) {
  test(`a bind that fails with ${code} is repeated without a report`, ON_LINUX, async (t) => {
    assert.deepEqual(await outcomesAfter(t, [code, code, code], 'held'), ['held']);
  });
}

for (const code of ['ENOSYS', 'EAFNOSUPPORT']) {
  test(`the lock is unsupported when the kernel answers ${code}`, async (t) => {
    assert.deepEqual(await outcomesAfter(t, [code], 'unsupported'), ['unsupported']);
  });

  test(`a process that was refused before remains a sibling when the kernel answers ${code}`, ON_LINUX, async (t) => {
    assert.deepEqual(await outcomesAfter(t, ['EPERM', code, code], 'held'), ['taken EPERM', 'held']);
  });
}

test('a waiting sibling reports a refused bind once', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const holder = newLock(t, podUid);
  assert.equal(await outcomesOf(holder)(), 'held');
  const clock = new ManualClock();
  const { net, binds } = failingBinds(['', 'EPERM', 'EACCES', 'EPERM']);
  const reported: string[] = [];
  const sibling = newLock(t, podUid, { clock, net });
  sibling.claim((outcome, { refusedBy } = {}) => reported.push(`${outcome} ${refusedBy ?? ''}`));
  await until(() => reported.length === 1 && binds() === 1);
  holder.free();
  await until(() => {
    clock.advance(10_000);
    return reported.length === 3;
  });
  assert.deepEqual(reported, ['taken ', 'taken EPERM', 'held ']);
});

test('the lock is unsupported and reports that on systems other than Linux', async (t) => {
  assert.equal(await outcomesOf(newLock(t, 'some-uid', { platform: 'darwin' }))(), 'unsupported');
});

test('the address contains the uid and fits into sun_path for names of any length', () => {
  const uid = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
  const path = siblingSocketPath(uid, 'shop', 'web');
  assert.ok(path.startsWith(`\0lease-elector/${uid}/`));
  assert.ok(Buffer.byteLength(path) <= 107);
  assert.ok(Buffer.byteLength(siblingSocketPath(uid, 'n'.repeat(63), 'l'.repeat(253))) <= 107);
  assert.ok(Buffer.byteLength(siblingSocketPath('ü'.repeat(300), 'n', 'l')) <= 107);
  assert.notEqual(siblingSocketPath(uid, 'shop', 'web'), siblingSocketPath(uid, 'shop', 'api'));
});
