/**
 * The checkers report each broken elector, and report nothing when the library's own elector runs with the same seed.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN_ELECTORS } from './broken-electors.ts';
import { PLAIN } from './parameters.ts';
import { simulate } from './simulation.ts';

/** Each defect shows in at least one of this many seeds. */
const SEEDS = 50;

for (const { defect, make, parameters, invariant, what } of BROKEN_ELECTORS) {
  test(`a checker reports an elector that ${defect}`, async () => {
    const adjust = () => ({ ...PLAIN, ...parameters });
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violation } = await simulate({ seed, makeElector: make, adjust });
      if (violation === null) continue;
      assert.match(violation.what, what);
      assert.equal(violation.invariant, invariant);
      const { violation: invalid } = await simulate({ seed, adjust });
      assert.equal(invalid, null);
      return;
    }
    assert.fail(`none of ${SEEDS} seeds showed it`);
  });
}
