/**
 * The application of the demo: an ordinary user of `lease-elector` whose leader runs a batch job.
 *
 * It runs as a process of its own, as the container of one Pod would, and finds cluster and identity as in a Pod.
 * All it knows of the demo is where its service account's files are, and that it reports what happens to it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseElector, type Term } from '../src/index.ts';
import type { Report, ReportContent } from './report.ts';

/** How long one piece of the batch job takes, in milliseconds. */
const PIECE_OF_WORK_MS = 200;

let ticks = 0;

const elector = new LeaseElector({
  onElected: runBatchJob,
  // Shorter than anybody needs, so that the play need not wait half a minute until a hang is reported.
  renewIntervalMs: 500,
  leaseDurationSeconds: 2,
  // In a Pod this option is left out: the kubelet mounts the files where they are looked for.
  ...(process.env['SERVICE_ACCOUNT_DIRECTORY'] === undefined
    ? {}
    : { serviceAccountDirectory: process.env['SERVICE_ACCOUNT_DIRECTORY'] }),
});

/** Finishes the piece at hand when the term ends: `stop()` waits for it before the Lease is given up. */
async function runBatchJob(term: Term): Promise<void> {
  const token = String(term.fencingToken);
  report({ type: 'elected', token, resumed: term.resumed });
  while (!term.signal.aborted) {
    await sleep(PIECE_OF_WORK_MS);
    ticks += 1;
    report({ type: 'jobTicked', token, ticks });
  }
  report({ type: 'jobEnded', token });
}

elector.on('demoted', (_term, reason) => report({ type: 'demoted', reason }));
elector.on('leaderChanged', (leader) => report({ type: 'leaderChanged', leader: leader?.name ?? null }));
elector.on('stale', (leader) => report({ type: 'stale', leader: leader.name }));
elector.on('warning', ({ message }) => report({ type: 'noted', text: message }));
elector.on('error', ({ message }) => report({ type: 'noted', text: message }));

process.once('SIGTERM', () => {
  void elector.stop();
});

function report(content: ReportContent): void {
  const message: Report = { ...content, atNs: String(process.hrtime.bigint()) };
  if (process.connected) process.send?.(message);
}

// A director that died cannot end its candidates, and nobody else would.
process.once('disconnect', () => process.exit(1));
// Listening above keeps the process alive; but what shall keep it alive is the elector alone.
process.channel?.unref();

await elector.start();
