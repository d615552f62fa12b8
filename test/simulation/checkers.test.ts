/**
 * Every checker catches an elector that is broken in the way it watches for, and lets the library's own pass through
 * the same seeds.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN_ELECTORS } from './broken-electors.ts';
import { PLAIN } from './parameters.ts';
import { simulate } from './simulation.ts';

/** What is broken shows in one of so many seeds. */
const SEEDS = 50;

for (const { defect, make, parameters, invariant, what } of BROKEN_ELECTORS) {
  test(`caught: an elector that ${defect}`, async () => {
    const adjust = () => ({ ...PLAIN, ...parameters });
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violation } = await simulate({ seed, makeElector: make, adjust });
      if (violation === null) continue;
      assert.match(violation.what, what);
      assert.equal(violation.invariant, invariant);
      const { violation: unjust } = await simulate({ seed, adjust });
      assert.equal(unjust, null);
      return;
    }
    assert.fail(`none of ${SEEDS} seeds showed it`);
  });
}
