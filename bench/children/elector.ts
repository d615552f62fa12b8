/**
 * The smallest application of the library. It campaigns for the Lease that its first argument names, and reports when
 * it leads or follows.
 */

import { writeSync } from 'node:fs';
import { LeaseElector } from '../../src/index.ts';

// Not `process.stdout`, which would load streams and sockets into the measurement.
const report = (word: string): void => void writeSync(1, `${word} ${process.hrtime.bigint()}\n`);

const elector = new LeaseElector({
  lease: process.argv[2] ?? '',
  serviceAccountDirectory: process.env['SERVICE_ACCOUNT_DIRECTORY'] ?? '',
  onElected: async () => report('elected'),
});
await elector.start();
if (!elector.isLeader) report('following');
