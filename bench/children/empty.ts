/**
 * A Node process that does nothing: what every figure is compared with.
 */

import { writeSync } from 'node:fs';

writeSync(1, `up ${process.hrtime.bigint()}\n`);
setInterval(() => {}, 10_000);
