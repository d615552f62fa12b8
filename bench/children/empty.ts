/**
 * A Node process that does nothing: the baseline of every figure.
 */

import { writeSync } from 'node:fs';

writeSync(1, `up ${process.hrtime.bigint()}\n`);
setInterval(() => {}, 10_000);
