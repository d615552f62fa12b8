/**
 * The contradictions between an explanation and the truth, and how long each may last.
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

function explanationOf(message: string, reason: Explanation['reason'] = 'following'): Explanation {
  return { message, reason } as Explanation;
}

const ROWS: readonly (readonly [what: string, message: string, truth: Partial<Truth>, found: RegExp | null])[] = [
  ['"all is well" is true when the leader is alive, ready and renews', WELL, {}, null],
  ['"all is well" is false when no process leads', WELL, { leading: new Set() }, /but no live process leads/],
  [
    '"all is well" is false when a process of another Pod leads',
    WELL,
    { leading: new Set(['pod-2']) },
    /but no live process leads/,
  ],
  ['"all is well" is false when the Lease has no owner', WELL, { ownerUid: null }, /but no live process leads/],
  ['"all is well" is false when the leader is not ready', WELL, { ownerReady: false }, /is not ready/],
  [
    '"all is well" is false when the leader does not renew',
    WELL,
    { renewedAtMs: 69_999 },
    /but the Lease is not renewed/,
  ],
  ['"nobody leads" is false when a process leads', 'Nobody leads: wait.', {}, /but a live process leads/],
  ['"nobody leads" is true when no process leads', 'Nobody leads: wait.', { leading: new Set() }, null],
  ['any other message is accepted', 'Pod web-1 leads but has not renewed.', { leading: new Set() }, null],
];
for (const [what, message, changes, found] of ROWS) {
  test(what, () => {
    const contradiction = contradictionOf(explanationOf(message), { ...TRUTH, ...changes });
    if (found === null) assert.equal(contradiction, null);
    else assert.match(contradiction ?? '', found);
  });
}

test('the watch reports a contradiction when it lasts longer than its bound since the last interruption', () => {
  const watch = new ExplanationWatch<object>(30_000);
  const process = {};
  const dead = { ...TRUTH, leading: new Set<string>() };
  const check = (ownMs: number, truth: Truth = dead, interruption = 0): string | null => {
    const explainer: Explainer = { name: 'a', leads: false, ownMs, interruption, explain: () => explanationOf(WELL) };
    return watch.check(process, explainer, truth);
  };
  assert.equal(check(0), null);
  assert.equal(check(30_000), null);
  assert.match(check(30_001) ?? '', /^a explains "Pod web-1 leads, and all is well/);
  assert.equal(check(40_000, TRUTH), null, 'it is true again');
  assert.equal(check(41_000), null);
  assert.equal(check(90_000, dead, 1), null, 'the process was suspended');
  assert.equal(check(120_000, dead, 1), null);
  assert.notEqual(check(120_001, dead, 1), null);
});

test('the watch reports a process at once when its explanation contradicts its own role', () => {
  const watch = new ExplanationWatch<object>();
  const check = (leads: boolean, reason: Explanation['reason']): string | null =>
    watch.check({}, { name: 'a', leads, ownMs: 0, interruption: 0, explain: () => explanationOf('x', reason) }, TRUTH);
  assert.match(check(true, 'following') ?? '', /^a explains "x", but leads/);
  assert.match(check(false, 'leading') ?? '', /does not lead/);
  assert.equal(check(true, 'leading'), null);
});
