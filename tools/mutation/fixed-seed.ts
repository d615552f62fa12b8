/**
 * Loaded before each test file under mutation: the same draws each time, or a change to the rules would survive on
 * one day and not on the next.
 */

import fc from 'fast-check';

fc.configureGlobal({ seed: 1 });
