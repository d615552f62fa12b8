/**
 * The least application of the library: campaigns for the Lease named by its first argument, and says when
 * it leads or follows.
 */

import { writeSync } from 'node:fs';
import { LeaseElector } from '../../src/index.ts';

// Not `process.stdout`, which would load streams and sockets into the measurement.
const say = (word: string): void => void writeSync(1, `${word} ${process.hrtime.bigint()}\n`);

const elector = new LeaseElector({
  lease: process.argv[2] ?? '',
  serviceAccountDirectory: process.env['SERVICE_ACCOUNT_DIRECTORY'] ?? '',
  onElected: async () => say('elected'),
});
await elector.start();
if (!elector.isLeader) say('following');
