/**
 * Counts how often leadership moves in a rolling update of ten Pods with the defaults of a Deployment (maxSurge 25 %,
 * maxUnavailable 25 %). The leader names a Pod of the new generation as its successor.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rollOut } from './rolling-update.ts';

/** Set by `tools/test.ts`. */
const ROLL_OUTS = process.env['LEASE_ELECTOR_ALL_TESTS'] === '0' ? 10 : 40;

test('leadership moves once in 95 % of the roll-outs, and at most twice, when a Deployment replaces all Pods', async (t) => {
  const moves: number[] = [];
  for (let seed = 1; seed <= ROLL_OUTS; seed += 1) moves.push(await rollOut(seed));
  const once = moves.filter((count) => count === 1).length;
  t.diagnostic(`of ${ROLL_OUTS} roll-outs ${once} moved leadership once; at most ${Math.max(...moves)} times`);
  assert.ok(once >= 0.95 * ROLL_OUTS, moves.join(' '));
  assert.ok(Math.max(...moves) <= 2, moves.join(' '));
});
