/**
 * Checks which process holds the socket, in the real /proc and in an artificial one.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { siblingLock, siblingSocketPath } from '../../src/joining/sibling-lock.ts';
import { findSocketHolder, SEARCHED_FILES_LIMIT } from '../../src/joining/sibling-lock-owner.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { randomUuid, systemRandom } from '../../src/runtime/random.ts';

const HOLDER = fileURLToPath(new URL('./sibling-lock-holder.ts', import.meta.url));
const ON_LINUX = { skip: process.platform === 'linux' ? false : '/proc exists on Linux only' };
const PATH = '\0lease-elector/pod-uid/hash';
const HEADER = 'Num       RefCount Protocol Flags    Type St Inode Path';
const row = (flags: string, inode: number, path: string): string =>
  `0000000000000000: 00000002 00000000 ${flags} 0001 01 ${inode} ${path}`;
const LISTENING = '00010000';

test('the process that holds the lock is found by its id and its user', ON_LINUX, async (t) => {
  const podUid = randomUuid(systemRandom);
  const child = spawn(process.execPath, [HOLDER, podUid], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(createInterface({ input: child.stdout }), 'line');
  const lock = siblingLock({ podUid, namespace: 'shop', lease: 'web', clock: systemClock, random: systemRandom });
  assert.deepEqual(await lock.findHolder?.(), { pid: child.pid, uid: process.getuid?.() });
  assert.equal(await findSocketHolder(siblingSocketPath(podUid, 'shop', 'another')), null);
});

/** A directory like /proc with these sockets, and with the open files of each process. */
function fakeProc(
  t: TestContext,
  sockets: readonly string[],
  files: Readonly<Record<string, readonly string[]>>,
): string {
  const proc = mkdtempSync(join(tmpdir(), 'proc-'));
  t.after(() => rmSync(proc, { recursive: true, force: true }));
  mkdirSync(join(proc, 'net'));
  writeFileSync(join(proc, 'net', 'unix'), `${[HEADER, ...sockets].join('\n')}\n`);
  for (const [pid, targets] of Object.entries(files)) {
    mkdirSync(join(proc, pid, 'fd'), { recursive: true });
    for (const [descriptor, target] of targets.entries())
      symlinkSync(target, join(proc, pid, 'fd', String(descriptor)));
  }
  return proc;
}

test('the socket that listens counts, not one that is connected to it', ON_LINUX, async (t) => {
  const sockets = [row('00000000', 7, '@lease-elector/pod-uid/hash'), row(LISTENING, 8, '@lease-elector/pod-uid/hash')];
  const proc = fakeProc(t, sockets, { '1': ['socket:[7]', '/dev/null'], '22': ['pipe:[8]', 'socket:[8]'], self: [] });
  assert.deepEqual(await findSocketHolder(PATH, proc), { pid: 22, uid: statSync(join(proc, '22')).uid });
});

test('the socket is found when the kernel pads its inode with spaces', ON_LINUX, async (t) => {
  const padded = row(LISTENING, 8, '@lease-elector/pod-uid/hash').replace(' 8 ', '     8 ');
  const proc = fakeProc(t, [padded], { '2': ['socket:[8]'] });
  assert.equal((await findSocketHolder(PATH, proc))?.pid, 2);
});

test('the holder is null when it cannot be seen', ON_LINUX, async (t) => {
  const held = [row(LISTENING, 8, '@lease-elector/pod-uid/hash')];
  assert.equal(await findSocketHolder(PATH, fakeProc(t, held, { '1': ['socket:[88]'] })), null, 'another container');
  assert.equal(
    await findSocketHolder(PATH, fakeProc(t, [], { '1': ['socket:[8]', 'socket:[null]'] })),
    null,
    'nobody listens',
  );
  const other = [row(LISTENING, 8, '@lease-elector/pod-uid/hash2')];
  assert.equal(await findSocketHolder(PATH, fakeProc(t, other, { '1': ['socket:[8]'] })), null, 'another address');
  assert.equal(await findSocketHolder(PATH, '/does/not/exist'), null, 'no /proc');
});

test('the search ends at its limit', ON_LINUX, async (t) => {
  const proc = fakeProc(t, [row(LISTENING, 8, '@lease-elector/pod-uid/hash')], { '2': ['socket:[8]'], '1': [] });
  const crowd = join(proc, '1', 'fd');
  for (let file = 0; file < SEARCHED_FILES_LIMIT; file += 1) symlinkSync('/dev/null', join(crowd, String(file)));
  assert.equal(await findSocketHolder(PATH, proc), null);
});

test('only directories whose names are numbers are processes', ON_LINUX, async (t) => {
  const held = [row(LISTENING, 8, '@lease-elector/pod-uid/hash')];
  const socket = ['socket:[8]'];
  assert.equal(await findSocketHolder(PATH, fakeProc(t, held, { '1a': socket, a1: socket, self: socket })), null);
});

test('the process with the lowest id is named when several have the socket', ON_LINUX, async (t) => {
  const held = [row(LISTENING, 8, '@lease-elector/pod-uid/hash')];
  const socket = ['socket:[8]'];
  const proc = fakeProc(t, held, { '10': socket, '9': socket, '100': socket });
  assert.equal((await findSocketHolder(PATH, proc))?.pid, 9);
});

test('a process whose files are not visible is skipped', ON_LINUX, async (t) => {
  const proc = fakeProc(t, [row(LISTENING, 8, '@lease-elector/pod-uid/hash')], { '2': ['socket:[8]'] });
  mkdirSync(join(proc, '1'));
  mkdirSync(join(proc, '1', 'fd-of-another-user'));
  assert.equal((await findSocketHolder(PATH, proc))?.pid, 2);
});

test('a file whose link cannot be read is skipped', ON_LINUX, async (t) => {
  const proc = fakeProc(t, [row(LISTENING, 8, '@lease-elector/pod-uid/hash')], { '2': ['/dev/null', 'socket:[8]'] });
  rmSync(join(proc, '2', 'fd', '0'));
  writeFileSync(join(proc, '2', 'fd', '0'), 'no link');
  assert.equal((await findSocketHolder(PATH, proc))?.pid, 2);
});

test('an address with spaces is compared as a whole, and a line may be indented', ON_LINUX, async (t) => {
  const held = [`  ${row(LISTENING, 8, '@lease-elector/pod uid/hash')}`];
  const files = { '2': ['socket:[8]'] };
  assert.equal((await findSocketHolder('\0lease-elector/pod uid/hash', fakeProc(t, held, files)))?.pid, 2);
  assert.equal(await findSocketHolder('\0lease-elector/poduid/hash', fakeProc(t, held, files)), null);
});

test('the last file within the limit is still searched', ON_LINUX, async (t) => {
  const proc = fakeProc(t, [row(LISTENING, 8, '@lease-elector/pod-uid/hash')], { '2': ['socket:[8]'], '1': [] });
  const crowd = join(proc, '1', 'fd');
  for (let file = 1; file < SEARCHED_FILES_LIMIT; file += 1) symlinkSync('/dev/null', join(crowd, String(file)));
  assert.equal((await findSocketHolder(PATH, proc))?.pid, 2);
});
