/**
 * A program with an elector, like an application. `candidate-process.ts` runs it. It reports the events of the elector
 * as JSON lines, and reads commands, one word per line.
 */

import { createInterface } from 'node:readline';
import { LeaseElector, LeaseElectorError, type LeaseElectorOptions } from '../../src/index.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { CandidateReport } from './candidate-process.ts';

/** How long its work continues after the abort of its signal, in milliseconds. */
const DRAIN_MS = Number(process.env['DRAIN_MS'] ?? 20);

const options: LeaseElectorOptions = JSON.parse(process.argv[2] ?? '{}');

function report(line: CandidateReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

process.on('unhandledRejection', (reason) => report({ event: 'unhandledRejection', detail: String(reason) }));

const elector = new LeaseElector({
  ...options,
  // The work ends a little later than the abort of its signal.
  onElected: (term) =>
    new Promise((resolve) => {
      report({ event: 'work began', detail: String(term.fencingToken) });
      term.signal.addEventListener('abort', () => {
        setTimeout(() => {
          report({ event: 'work ended', detail: String(term.fencingToken) });
          resolve(undefined);
        }, DRAIN_MS);
      });
    }),
});
elector.on('elected', ({ fencingToken, resumed, leaseUid }) =>
  report({
    event: 'elected',
    detail: leaseUid,
    fencingToken: String(fencingToken),
    resumed,
    atMs: systemClock.nowMs(),
  }),
);
elector.on('demoted', (_term, reason) => report({ event: 'demoted', detail: reason }));
elector.on('leaderChanged', (leader) => report({ event: 'leaderChanged', detail: leader?.name ?? 'nobody' }));
elector.on('renewed', (leader) => report({ event: 'renewed', detail: leader.name }));
elector.on('stale', (leader) => report({ event: 'stale', detail: leader.name }));
elector.on('warning', ({ code, message }) => report({ event: 'warning', detail: code, message }));
elector.on('error', ({ code, message }) => report({ event: 'error', detail: code, message }));
elector.on('stopped', () => report({ event: 'stopped', detail: '' }));

// The SIGTERM handler of an application. After it, nothing keeps the process alive, and it exits by itself.
process.once('SIGTERM', () => elector.stop());

const commands = createInterface({ input: process.stdin });
commands.on('line', (command) => {
  if (command === 'stop') elector.stop().catch(reportError);
  if (command === 'release') elector.stop({ release: true }).catch(reportError);
  if (command === 'stepDown') elector.stepDown().catch(reportError);
  if (command === 'schedule') {
    const job = elector.leaderOnly((term) => report({ event: 'job ran', detail: String(term.fencingToken) }));
    setInterval(() => job().catch(reportError), 20).unref();
  }
  if (command === 'handles') report({ event: 'handles', detail: process.getActiveResourcesInfo().sort().join() });
  if (command === 'state') {
    const { state, isLeader, leader, unverifiedForMs } = elector;
    report({ event: 'state', detail: state, isLeader, leader: leader?.name ?? null, unverifiedForMs });
  }
});
// The parent process has ended, so this process ends as well.
commands.on('close', () => process.exit(3));
// Only the elector keeps this process alive.
if ('unref' in process.stdin) process.stdin.unref();

function reportError(error: unknown): void {
  report({ event: 'failed', detail: error instanceof LeaseElectorError ? error.code : String(error) });
}

try {
  await elector.start();
  report({ event: 'started', detail: elector.state });
} catch (error) {
  reportError(error);
}
