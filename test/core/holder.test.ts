// Checks when the holder's Pod counts as gone: only a deletion of its uid, or a consistent answer
// without it, proves that; and with the succession `pod-stopped` that its Pod has ended for good.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeHolder, type PodEvidence, type PodLiveness, type Succession } from '../../src/core/holder.ts';
import { podOf, RIVAL, stoppedPod } from './story.ts';

const pod = podOf(RIVAL);
const terminating = podOf(RIVAL, { terminating: true });
const successor = podOf({ name: RIVAL.name, uid: 'pod-9' });

const rows: readonly [rule: string, before: PodLiveness, evidence: PodEvidence, after: PodLiveness][] = [
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
  test(rule, () => assert.equal(judgeHolder(RIVAL, before, evidence, 'pod-deleted'), after));
}

const stopped = stoppedPod(RIVAL);
const succeeded = stoppedPod(RIVAL, { phase: 'Succeeded', reason: null });
const failedOnly = stoppedPod(RIVAL, { containersTerminated: false });
const restarting = stoppedPod(RIVAL, { phase: 'Running' });

const stops: readonly [rule: string, Succession, before: PodLiveness, evidence: PodEvidence, after: PodLiveness][] = [
  ['a Pod that failed still exists', 'pod-deleted', 'unknown', { kind: 'consistent', pod: stopped }, 'alive'],
  ['a Pod that failed is alive to a watch, too', 'pod-deleted', 'unknown', { kind: 'sighting', pod: stopped }, 'alive'],
  [
    'pod-stopped: a consistent answer proves that it failed',
    'pod-stopped',
    'alive',
    { kind: 'consistent', pod: stopped },
    'gone',
  ],
  [
    'pod-stopped: so does a watch or a list, however late',
    'pod-stopped',
    'alive',
    { kind: 'sighting', pod: stopped },
    'gone',
  ],
  [
    'pod-stopped: one that succeeded is gone as well',
    'pod-stopped',
    'unknown',
    { kind: 'sighting', pod: succeeded },
    'gone',
  ],
  [
    'pod-stopped: the phase without the containers proves nothing',
    'pod-stopped',
    'unknown',
    { kind: 'consistent', pod: failedOnly },
    'alive',
  ],
  [
    'pod-stopped: containers that ended and may be restarted prove nothing',
    'pod-stopped',
    'unknown',
    { kind: 'consistent', pod: restarting },
    'alive',
  ],
  [
    'pod-stopped: a Pod of which nothing is reported is alive',
    'pod-stopped',
    'unknown',
    { kind: 'consistent', pod },
    'alive',
  ],
  [
    'pod-stopped: a watch that shows another Pod of its name to have stopped proves nothing',
    'pod-stopped',
    'alive',
    { kind: 'sighting', pod: stoppedPod(successor) },
    'unknown',
  ],
  [
    'pod-stopped: no Pod in a list proves nothing still',
    'pod-stopped',
    'alive',
    { kind: 'sighting', pod: null },
    'unknown',
  ],
  [
    'pod-stopped: once gone, an older sighting does not bring it back',
    'pod-stopped',
    'gone',
    { kind: 'sighting', pod },
    'gone',
  ],
];

for (const [rule, succession, before, evidence, after] of stops) {
  test(rule, () => assert.equal(judgeHolder(RIVAL, before, evidence, succession), after));
}
