// Checks when the holder's Pod is gone: only the deletion of its uid or a consistent answer without it proves that.
// With the succession `pod-stopped`, a Pod that has ended for good is also gone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeHolder, type PodEvidence, type PodLiveness, type Succession } from '../../src/core/holder.ts';
import { podOf, RIVAL, stoppedPod } from './story.ts';

const pod = podOf(RIVAL);
const terminating = podOf(RIVAL, { terminating: true });
const successor = podOf({ name: RIVAL.name, uid: 'pod-9' });

const rows: readonly [rule: string, before: PodLiveness, evidence: PodEvidence, after: PodLiveness][] = [
  ['a consistent answer with its uid shows that a Pod is alive', 'unknown', { kind: 'consistent', pod }, 'alive'],
  ['a Pod that is being deleted is alive', 'unknown', { kind: 'consistent', pod: terminating }, 'alive'],
  ['a consistent answer without a Pod shows that a Pod is gone', 'alive', { kind: 'consistent', pod: null }, 'gone'],
  [
    'a consistent answer with another uid shows that a Pod is gone',
    'alive',
    { kind: 'consistent', pod: successor },
    'gone',
  ],
  ['a list or watch event with its uid shows that a Pod is alive', 'unknown', { kind: 'sighting', pod }, 'alive'],
  [
    'a list or watch event with another uid proves nothing when nothing is known',
    'unknown',
    { kind: 'sighting', pod: successor },
    'unknown',
  ],
  [
    'a list or watch event with another uid makes a Pod that was alive unknown',
    'alive',
    { kind: 'sighting', pod: successor },
    'unknown',
  ],
  [
    'a list without the Pod proves nothing, because it may be older than the Pod',
    'unknown',
    { kind: 'sighting', pod: null },
    'unknown',
  ],
  ['a list without the Pod makes a Pod that was alive unknown', 'alive', { kind: 'sighting', pod: null }, 'unknown'],
  ['the deletion of a Pod shows that it is gone', 'alive', { kind: 'deletion', pod }, 'gone'],
  [
    'the deletion of a Pod shows that it is gone when it was never observed',
    'unknown',
    { kind: 'deletion', pod },
    'gone',
  ],
  ['the deletion of another Pod of its name proves nothing', 'alive', { kind: 'deletion', pod: successor }, 'alive'],
  ['a Pod that is gone remains gone after a late event', 'gone', { kind: 'sighting', pod }, 'gone'],
  ['a Pod that is gone remains gone after a late consistent answer', 'gone', { kind: 'consistent', pod }, 'gone'],
];

for (const [rule, before, evidence, after] of rows) {
  test(rule, () => assert.equal(judgeHolder(RIVAL, before, evidence, 'pod-deleted'), after));
}

const stopped = stoppedPod(RIVAL);
const succeeded = stoppedPod(RIVAL, { phase: 'Succeeded', reason: null });
const failedOnly = stoppedPod(RIVAL, { containersTerminated: false });
const restarting = stoppedPod(RIVAL, { phase: 'Running' });

const stops: readonly [rule: string, Succession, before: PodLiveness, evidence: PodEvidence, after: PodLiveness][] = [
  [
    'pod-deleted: a consistent answer with a failed Pod shows that it is alive',
    'pod-deleted',
    'unknown',
    { kind: 'consistent', pod: stopped },
    'alive',
  ],
  [
    'pod-deleted: a watch event with a failed Pod shows that it is alive',
    'pod-deleted',
    'unknown',
    { kind: 'sighting', pod: stopped },
    'alive',
  ],
  [
    'pod-stopped: a consistent answer with a failed Pod shows that it is gone',
    'pod-stopped',
    'alive',
    { kind: 'consistent', pod: stopped },
    'gone',
  ],
  [
    'pod-stopped: a watch event or list with a failed Pod shows that it is gone, however late',
    'pod-stopped',
    'alive',
    { kind: 'sighting', pod: stopped },
    'gone',
  ],
  ['pod-stopped: a Pod that succeeded is gone', 'pod-stopped', 'unknown', { kind: 'sighting', pod: succeeded }, 'gone'],
  [
    'pod-stopped: a failed phase proves nothing while containers may run',
    'pod-stopped',
    'unknown',
    { kind: 'consistent', pod: failedOnly },
    'alive',
  ],
  [
    'pod-stopped: terminated containers prove nothing when they may be restarted',
    'pod-stopped',
    'unknown',
    { kind: 'consistent', pod: restarting },
    'alive',
  ],
  ['pod-stopped: a Pod without a report is alive', 'pod-stopped', 'unknown', { kind: 'consistent', pod }, 'alive'],
  [
    'pod-stopped: a watch event proves nothing when it shows a stopped Pod of the same name',
    'pod-stopped',
    'alive',
    { kind: 'sighting', pod: stoppedPod(successor) },
    'unknown',
  ],
  [
    'pod-stopped: a list without the Pod proves nothing',
    'pod-stopped',
    'alive',
    { kind: 'sighting', pod: null },
    'unknown',
  ],
  [
    'pod-stopped: a Pod that is gone remains gone after an older sighting',
    'pod-stopped',
    'gone',
    { kind: 'sighting', pod },
    'gone',
  ],
];

for (const [rule, succession, before, evidence, after] of stops) {
  test(rule, () => assert.equal(judgeHolder(RIVAL, before, evidence, succession), after));
}
