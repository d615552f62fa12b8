/**
 * The check finds two leaders at the same time, and nothing else.
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
    'one after the other',
    [
      life('a', [
        ['elected', 1],
        ['demoted', 2],
      ]),
      life('b', [['elected', 3]]),
    ],
    [],
  ],
  ['one after the end of the other', [life('a', [['elected', 1]], 2), life('b', [['elected', 3]])], []],
  ['one beside a ghost', [life('a', [['elected', 1]], NEVER, true), life('b', [['elected', 3]])], []],
  ['two', [life('a', [['elected', 1]]), life('b', [['elected', 3]])], ['b was elected while a led']],
  ['two, until one ends', [life('a', [['elected', 1]], 4), life('b', [['elected', 3]])], ['b was elected while a led']],
] as const) {
  test(`the overlap is correct when the leaders are ${what}`, () => {
    assert.deepEqual(overlapsOf(processes as readonly Leadership[]), expected);
  });
}
