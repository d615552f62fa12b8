/**
 * A nightly report with croner. Every Pod has the schedule; only the leader runs the job.
 */

import { appendFile } from 'node:fs/promises';
import { Cron } from 'croner';
import { LeaseElector, type Term } from 'lease-elector';

const elector = new LeaseElector({ lease: 'croner-report' });
elector.on('error', (error) => console.error(error));
elector.on('leaderChanged', (leader) => console.log(`the leader is ${leader?.name ?? 'nobody'}`));

// With `onError` the function never rejects. A run that failed ends neither the process nor the schedule.
const report = elector.leaderOnly(writeReport, { onError: (error) => console.error('the report failed:', error) });

await elector.start();
const schedule = new Cron(process.env['SCHEDULE'] ?? '0 2 * * *', { timezone: 'Europe/Oslo' }, report);

process.once('SIGTERM', () => {
  schedule.stop();
  // The elector gives the Lease up after the current run.
  elector.stop().then(() => process.exit(0), console.error);
});

async function writeReport(term: Term): Promise<void> {
  await appendFile(process.env['REPORT_FILE'] ?? 'report.log', `written in term ${term.fencingToken}\n`);
}
