/**
 * Loaded before each test file under mutation.
 *
 * Compiled once and not for each of thousands of processes, the files take half the time. And chance draws the same
 * each time, or a change to the rules would survive on one day and not on the next.
 */

import { enableCompileCache } from 'node:module';

enableCompileCache('coverage/mutation/compile-cache');
const { default: fc } = await import('fast-check');
fc.configureGlobal({ seed: 1 });
