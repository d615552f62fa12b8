/**
 * The application of the demo: an ordinary user of `lease-elector` whose leader runs a batch job.
 *
 * It runs in a separate process, as the container of a Pod does, and finds cluster and identity as in a Pod. Only two
 * parts are for the demo: the directory of its service account is an option, and it sends reports.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseElector, type Term } from '../src/index.ts';
import type { Report, ReportContent } from './demo-event.ts';

/** The duration of one piece of the batch job, in milliseconds. */
const PIECE_OF_WORK_MS = 200;

const elector = new LeaseElector({
  onElected: runBatchJob,
  // Shorter than an application needs. With the defaults, the demo would take half a minute to report a hang.
  renewIntervalMs: 500,
  leaseDurationSeconds: 2,
  // A Pod needs no such option: the kubelet mounts the files where the elector looks for them.
  serviceAccountDirectory: process.env['SERVICE_ACCOUNT_DIRECTORY'],
});

/** Finishes the current piece when the term ends: `stop()` waits for it before it releases the Lease. */
async function runBatchJob({ fencingToken: token, resumed, signal }: Term): Promise<void> {
  report({ type: 'elected', token, resumed });
  while (!signal.aborted) {
    await sleep(PIECE_OF_WORK_MS);
    report({ type: 'jobTicked', token });
  }
  report({ type: 'workEnded' });
}

elector.on('demoted', (_term, reason) => report({ type: 'demoted', reason, draining: true }));
elector.on('leaderChanged', (leader) => report({ type: 'leaderChanged', leader: leader?.name ?? null }));
elector.on('stale', ({ name }) => report({ type: 'stale', leader: name }));
elector.on('warning', ({ message: text }) => report({ type: 'noted', text, tone: 'trouble' }));
elector.on('error', ({ message: text }) => report({ type: 'noted', text, tone: 'trouble' }));

process.once('SIGTERM', () => {
  void elector.stop();
});

function report(content: ReportContent): void {
  const message: Report = { ...content, atNs: process.hrtime.bigint() };
  if (process.connected) process.send?.(message);
}

// If the demo dies, it cannot end its candidates. They end themselves.
process.once('disconnect', () => process.exit(1));
// The listener above keeps the process alive. Only the elector may do that.
process.channel?.unref();

await elector.start();
