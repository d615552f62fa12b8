/**
 * Bare candidates without the host of `candidate-host.ts`, for the memory of their variants. The arguments are the
 * Lease, the variant, and the number of candidates.
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
