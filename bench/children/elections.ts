/**
 * Several elections in one process: an elector for each Lease. The arguments are the first part of the names of the Leases
 * and their number. It says `up` when each election knows its leader.
 */

import { writeSync } from 'node:fs';
import { LeaseElector } from '../../src/index.ts';

const [, , prefix = '', count = '1'] = process.argv;
const electors = Array.from(
  { length: Number(count) },
  (_, index) =>
    new LeaseElector({
      lease: `${prefix}-${index + 1}`,
      serviceAccountDirectory: process.env['SERVICE_ACCOUNT_DIRECTORY'] ?? '',
    }),
);
await Promise.all(electors.map((elector) => elector.start()));
writeSync(1, `up ${process.hrtime.bigint()}\n`);
