/**
 * The check reports two processes that lead at the same time. It does not report other cases.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Leadership, overlapsOf } from './leadership-overlap.ts';

const NEVER = Number.POSITIVE_INFINITY;

function life(podName: string, changes: readonly [string, number][], endedAtMs = NEVER, isGhost = false): Leadership {
  return { podName, reports: changes.map(([event, atMs]) => ({ event, atMs })), endedAtMs, isGhost };
}

for (const [what, processes, expected] of [
  [
    'one leads after the demotion of the other',
    [
      life('a', [
        ['elected', 1],
        ['demoted', 2],
      ]),
      life('b', [['elected', 3]]),
    ],
    [],
  ],
  ['one leads after the end of the other', [life('a', [['elected', 1]], 2), life('b', [['elected', 3]])], []],
  ['one leads beside a ghost', [life('a', [['elected', 1]], NEVER, true), life('b', [['elected', 3]])], []],
  ['two lead', [life('a', [['elected', 1]]), life('b', [['elected', 3]])], ['b was elected while a led']],
  [
    'two lead until one ends',
    [life('a', [['elected', 1]], 4), life('b', [['elected', 3]])],
    ['b was elected while a led'],
  ],
] as const) {
  test(`the check reports ${expected.length === 0 ? 'no overlap' : 'the overlap'} when ${what}`, () => {
    assert.deepEqual(overlapsOf(processes as readonly Leadership[]), expected);
  });
}
