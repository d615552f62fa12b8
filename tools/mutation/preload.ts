/**
 * Is loaded before each test file under mutation.
 *
 * The compile cache halves the time of thousands of processes. The fixed seed makes fast-check draw the same values in
 * each run: otherwise a mutant would survive in one run and not in the next.
 */

import { enableCompileCache } from 'node:module';

enableCompileCache('coverage/mutation/compile-cache');
const { default: fc } = await import('fast-check');
fc.configureGlobal({ seed: 1 });
