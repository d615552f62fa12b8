/**
 * What counts as a contradiction between a sentence and the truth, and for how long one may last.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Explanation } from '../../src/index.ts';
import { contradictionOf, type Explainer, ExplanationWatch, type Truth } from './explanation-watch.ts';

const WELL = 'Pod web-1 leads, and all is well: there is nothing to do.';
const TRUTH: Truth = {
  nowMs: 100_000,
  ownerUid: 'pod-1',
  ownerReady: true,
  renewedAtMs: 95_000,
  leading: new Set(['pod-1']),
};

function says(message: string, reason: Explanation['reason'] = 'following'): Explanation {
  return { message, reason } as Explanation;
}

const ROWS: readonly (readonly [what: string, message: string, truth: Partial<Truth>, found: RegExp | null])[] = [
  ['a live, renewing, ready leader is well', WELL, {}, null],
  ['a leader that is not alive is not well', WELL, { leading: new Set() }, /but no live process leads/],
  ['a leader of another Pod is not that one', WELL, { leading: new Set(['pod-2']) }, /but no live process leads/],
  ['a Lease without an owner has no leader', WELL, { ownerUid: null }, /but no live process leads/],
  ['a leader that is not ready is not well', WELL, { ownerReady: false }, /is not ready/],
  ['a leader that does not renew is not well', WELL, { renewedAtMs: 69_999 }, /but nobody renews/],
  ['nobody leads beside a leader', 'Nobody leads: wait.', {}, /but a live process leads/],
  ['nobody leads, and that is so', 'Nobody leads: wait.', { leading: new Set() }, null],
  ['a sentence that claims neither', 'Pod web-1 leads but has not renewed.', { leading: new Set() }, null],
];
for (const [what, message, changes, found] of ROWS) {
  test(what, () => {
    const contradiction = contradictionOf(says(message), { ...TRUTH, ...changes });
    if (found === null) assert.equal(contradiction, null);
    else assert.match(contradiction ?? '', found);
  });
}

test('a contradiction may last for its bound, from the last interruption, and no longer', () => {
  const watch = new ExplanationWatch<object>(30_000);
  const process = {};
  const dead = { ...TRUTH, leading: new Set<string>() };
  const look = (ownMs: number, truth: Truth = dead, interruption = 0): string | null => {
    const explainer: Explainer = { name: 'a', leads: false, ownMs, interruption, explain: () => says(WELL) };
    return watch.look(process, explainer, truth);
  };
  assert.equal(look(0), null);
  assert.equal(look(30_000), null);
  assert.match(look(30_001) ?? '', /^a says "Pod web-1 leads, and all is well/);
  assert.equal(look(40_000, TRUTH), null, 'it is true again');
  assert.equal(look(41_000), null);
  assert.equal(look(90_000, dead, 1), null, 'it stood still');
  assert.equal(look(120_000, dead, 1), null);
  assert.notEqual(look(120_001, dead, 1), null);
});

test('a process that does not say whether it leads itself is complained of at once', () => {
  const watch = new ExplanationWatch<object>();
  const look = (leads: boolean, reason: Explanation['reason']): string | null =>
    watch.look({}, { name: 'a', leads, ownMs: 0, interruption: 0, explain: () => says('x', reason) }, TRUTH);
  assert.match(look(true, 'following') ?? '', /^a says "x", and leads/);
  assert.match(look(false, 'leading') ?? '', /does not lead/);
  assert.equal(look(true, 'leading'), null);
});
