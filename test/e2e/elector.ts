/**
 * The program in the Pods of the run: an ordinary application with an elector. It reports its events as JSON lines.
 */

import { createInterface } from 'node:readline';
import { LeaseElector } from '../../src/index.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Report } from './elector-process.ts';

/** How long its work continues after the end of the term, in milliseconds. */
const DRAIN_MS = 50;

function report(content: Omit<Report, 'atMs'>): void {
  process.stdout.write(`${JSON.stringify({ ...content, atMs: systemClock.nowMs() })}\n`);
}

const elector = new LeaseElector({
  serviceAccountDirectory: process.env['SERVICE_ACCOUNT_DIRECTORY'],
  // Short intervals keep the tests short.
  renewIntervalMs: 1_000,
  leaseDurationSeconds: 3,
  onElected: ({ signal }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => systemClock.setTimer(DRAIN_MS, () => resolve(undefined)));
    }),
});
elector.on('elected', ({ fencingToken, resumed, leaseUid }) =>
  report({ event: 'elected', detail: leaseUid, token: String(fencingToken), resumed }),
);
elector.on('demoted', (_term, reason) => report({ event: 'demoted', detail: reason }));
elector.on('warning', ({ code, message }) => report({ event: 'warning', detail: `${code}: ${message}` }));
elector.on('error', ({ message }) => report({ event: 'error', detail: message }));

process.once('SIGTERM', () => {
  void elector.stop();
});

const commands = createInterface({ input: process.stdin });
commands.on('line', (command) => {
  if (command === 'stepDown') elector.stepDown().catch((error) => report({ event: 'error', detail: String(error) }));
});
// The parent process has ended, so this process ends as well.
commands.on('close', () => process.exit(3));
// Only the elector keeps this process alive.
if ('unref' in process.stdin) process.stdin.unref();

await elector.start();
report({ event: 'started', detail: elector.state });
