/**
 * Checks the output of `DEBUG=lease-elector:driver`: each step with its timers.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { initialElectionState } from '../../src/core/state.ts';
import { stepLine } from '../../src/driver/step-line.ts';

const CONFIG = {
  self: { name: 'web-0', uid: 'pod-0' },
  namespace: 'shop',
  leaseName: 'web',
  renewIntervalMs: 10_000,
  leaseDurationSeconds: 30,
  succession: 'pod-deleted',
  startGraceMs: 30_000,
} as const;

test('a line names the timer that fired and the timers that are set (with their time) or cleared', () => {
  const line = stepLine({ type: 'timerFired', timer: 'renew' }, initialElectionState(CONFIG), [
    { type: 'setTimer', timer: 'renew', afterMs: 9_999.4 },
    { type: 'clearTimer', timer: 'recheck' },
    { type: 'readLease', request: 7 },
    { type: 'announce', announcement: { type: 'leaderChanged', leader: null } },
  ]);
  assert.equal(
    line,
    'web-0: timerFired renew → starting [setTimer renew 10000 ms, clearTimer recheck, readLease, announce leaderChanged]',
  );
});

test('a line names the fact that caused the step', () => {
  const line = stepLine({ type: 'started' }, initialElectionState(CONFIG), []);
  assert.equal(line, 'web-0: started → starting []');
});

test('a process with DEBUG writes the timers of the election and of its watches', async () => {
  const source = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
  const program = `
    import { LeaseElector } from ${JSON.stringify(source)};
    const elector = new LeaseElector({ local: true, pod: { name: 'web-0' } });
    elector.on('warning', () => undefined);
    await elector.start();
    await elector.stop();
  `;
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env: { PATH: process.env['PATH'], DEBUG: 'lease-elector*', DEBUG_COLORS: 'no' },
  });
  assert.match(stderr, /web-0: leaseWritten → leader \[.*clearTimer recheck, .*setTimer renew 0 ms, announce elected/);
  assert.match(stderr, /watch of Lease: setTimer \d+ ms/);
  assert.match(stderr, /watch of Pod web-0: setTimer \d+ ms/);
});
