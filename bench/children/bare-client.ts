/**
 * The bare candidate of `candidate-host.ts` alone in a process, for the memory of its variants: its arguments are the
 * variant, the Lease, and how many candidates there are.
 */

import { writeSync } from 'node:fs';
import { runBareCandidate, type Variant } from './bare-candidate.ts';

const [, , lease = '', variant = 'two', count = '1'] = process.argv;
for (let index = 0; index < Number(count); index += 1) {
  await runBareCandidate({
    lease: `${lease}-${index}`,
    directory: process.env['SERVICE_ACCOUNT_DIRECTORY'] ?? '',
    host: process.env['KUBERNETES_SERVICE_HOST'] ?? '',
    port: process.env['KUBERNETES_SERVICE_PORT'] ?? '',
    variant: variant as Variant,
    elected: () => {},
  });
}
writeSync(1, `up ${process.hrtime.bigint()}\n`);
