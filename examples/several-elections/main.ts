/**
 * Several elections in one process, each with its own Lease and leader. A job that fails or hangs does not affect the
 * leader of another election.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { LeaseElector, type Term } from 'lease-elector';

const JOBS: Readonly<Record<string, (term: Term) => Promise<void>>> = {
  invoices: async ({ fencingToken }) => console.log(`invoices sent in term ${fencingToken}`),
  reminders: async ({ fencingToken }) => console.log(`reminders sent in term ${fencingToken}`),
};

const electors = Object.entries(JOBS).map(([lease, job]) => {
  const elector = new LeaseElector({
    lease,
    onElected: async (term) => {
      while (!term.signal.aborted) {
        await job(term).catch((error) => console.error(`${lease} failed:`, error));
        await pause(1_000, undefined, { signal: term.signal }).catch(() => undefined);
      }
    },
  });
  elector.on('error', (error) => console.error(lease, error));
  return elector;
});

process.once('SIGTERM', () => {
  Promise.all(electors.map((elector) => elector.stop())).then(() => process.exit(0), console.error);
});
await Promise.all(electors.map((elector) => elector.start()));
