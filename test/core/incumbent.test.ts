// Checks when the incumbent's Pod counts as gone: only a deletion of its uid, or a consistent answer
// without it, proves that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IncumbentFate, judgeIncumbent, type PodEvidence } from '../../src/core/incumbent.ts';
import { podOf, RIVAL } from './story.ts';

const pod = podOf(RIVAL);
const terminating = podOf(RIVAL, { terminating: true });
const successor = podOf({ name: RIVAL.name, uid: 'pod-9' });

const rows: readonly [rule: string, before: IncumbentFate, evidence: PodEvidence, after: IncumbentFate][] = [
  ['a consistent answer with its uid: alive', 'unknown', { kind: 'consistent', pod }, 'alive'],
  ['a Pod that is being deleted is still alive', 'unknown', { kind: 'consistent', pod: terminating }, 'alive'],
  ['a consistent answer without a Pod: gone', 'alive', { kind: 'consistent', pod: null }, 'gone'],
  ['a consistent answer with another uid: gone', 'alive', { kind: 'consistent', pod: successor }, 'gone'],
  ['a list or watch event with its uid: alive', 'unknown', { kind: 'sighting', pod }, 'alive'],
  ['a list or watch event with another uid proves nothing', 'unknown', { kind: 'sighting', pod: successor }, 'unknown'],
  [
    'a list or watch event with another uid makes one ask again',
    'alive',
    { kind: 'sighting', pod: successor },
    'unknown',
  ],
  [
    'a list without it proves nothing: it may be older than the Pod',
    'unknown',
    { kind: 'sighting', pod: null },
    'unknown',
  ],
  ['a list without it makes one ask again', 'alive', { kind: 'sighting', pod: null }, 'unknown'],
  ['its deletion: gone', 'alive', { kind: 'deletion', pod }, 'gone'],
  ['its deletion, never seen before: gone', 'unknown', { kind: 'deletion', pod }, 'gone'],
  ['the deletion of another Pod of its name proves nothing', 'alive', { kind: 'deletion', pod: successor }, 'alive'],
  ['once gone, a late event does not bring it back', 'gone', { kind: 'sighting', pod }, 'gone'],
  ['once gone, a late consistent answer does not bring it back', 'gone', { kind: 'consistent', pod }, 'gone'],
];

for (const [rule, before, evidence, after] of rows) {
  test(rule, () => assert.equal(judgeIncumbent(RIVAL, before, evidence), after));
}
