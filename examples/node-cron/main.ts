/**
 * A nightly report with node-cron. Every Pod has the schedule; only the leader runs the job.
 */

import { appendFile } from 'node:fs/promises';
import { LeaseElector, type Term } from 'lease-elector';
import cron from 'node-cron';

const elector = new LeaseElector({ lease: 'node-cron-report' });
elector.on('error', (error) => console.error(error));
elector.on('leaderChanged', (leader) => console.log(`the leader is ${leader?.name ?? 'nobody'}`));

// With `onError` the function never rejects. A run that failed ends neither the process nor the schedule.
const report = elector.leaderOnly(writeReport, { onError: (error) => console.error('the report failed:', error) });

await elector.start();
const schedule = cron.schedule(process.env['SCHEDULE'] ?? '0 2 * * *', () => report(), { timezone: 'Europe/Oslo' });

process.once('SIGTERM', () => {
  // The elector gives the Lease up after the current run.
  Promise.all([schedule.stop(), elector.stop()]).then(() => process.exit(0), console.error);
});

async function writeReport(term: Term): Promise<void> {
  await appendFile(process.env['REPORT_FILE'] ?? 'report.log', `written in term ${term.fencingToken}\n`);
}
