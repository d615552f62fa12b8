// Checks the named successor: which Pod a leader names, when it writes the name, and that the name only delays the
// other candidates.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect } from '../../src/core/effect.ts';
import { StepContext } from '../../src/core/step-context.ts';
import {
  CAMPAIGN_JITTER_MS,
  CROWD_JITTER_MS,
  campaignDelayMs,
  chooseSuccessor,
  isAnotherNamed,
  isSelfNamed,
  LISTED_PODS,
  type ListedPod,
  SUCCESSOR_HEAD_START_MS,
} from '../../src/core/successor.ts';
import {
  checkTable,
  follows,
  HELD_BY_FINALIZER,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  starts,
} from './story.ts';

const OTHER = 'pod-3';

/** A candidate that follows the rival. The Lease names the Pod with this uid. */
function followsNamed(uid: string, pods: number = 3): Story {
  return follows(leaseOf(RIVAL, { successor: { uid, pods } }));
}

/** Half of the jitter, because a story draws 0.5. */
const jitter = (ms: number): string => `setTimer campaign ${ms / 2}`;
const yields = (ms: number): string => `setTimer campaign ${SUCCESSOR_HEAD_START_MS + ms / 2}`;
const released = (uid: string) =>
  leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid, successor: { uid, pods: 3 } });

const rows: readonly Row[] = [
  {
    rule: 'the named candidate campaigns without a jitter when the holder’s Pod is gone',
    given: () => followsNamed(SELF.uid),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20', 'leaderChanged nobody'],
  },
  {
    rule: 'another candidate waits 60 ms and a jitter when the holder’s Pod is gone',
    given: () => followsNamed(OTHER),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [yields(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'the jitter is longer when the application has 50 Pods or more',
    given: () => followsNamed(OTHER, LISTED_PODS),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [yields(CROWD_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate waits only for its jitter when no successor is named',
    given: follows,
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [jitter(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'another candidate campaigns after its wait when the named one does not',
    given: () => followsNamed(OTHER).podGone(RIVAL),
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'a candidate waits only for its jitter when the Lease no longer names a successor',
    given: () => followsNamed(OTHER).watched(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [jitter(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'the named candidate reads its Pod at once and leaves the DELETE to the holder when the Lease is released',
    given: () => followsNamed(SELF.uid),
    when: (story) => story.watched(released(SELF.uid)),
    role: 'candidate deletingOldLease',
    effects: [jitter(CAMPAIGN_JITTER_MS), `readPod ${SELF.name}`, 'leaderChanged nobody'],
  },
  {
    rule: 'the wait of the named candidate for the holder’s DELETE is not longer when the application has 50 Pods or more',
    given: () => followsNamed(SELF.uid, LISTED_PODS),
    when: (story) => story.watched({ ...released(SELF.uid), successor: { uid: SELF.uid, pods: LISTED_PODS } }),
    role: 'candidate deletingOldLease',
    effects: [jitter(CAMPAIGN_JITTER_MS), `readPod ${SELF.name}`, 'leaderChanged nobody'],
  },
  {
    rule: 'another candidate waits when the Lease is released',
    given: () => followsNamed(OTHER),
    when: (story) => story.watched(released(OTHER)),
    role: 'candidate jitter',
    effects: [yields(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'another candidate continues to wait when the released Lease is gone',
    given: () => followsNamed(OTHER).watched(released(OTHER)),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'another candidate waits when a released Lease that a finalizer held is gone',
    given: () => followsNamed(OTHER).watched({ ...released(OTHER), ...HELD_BY_FINALIZER }),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate jitter',
    effects: [yields(CAMPAIGN_JITTER_MS)],
  },
  {
    rule: 'the named candidate does not campaign when the holder’s Pod exists',
    given: () => followsNamed(SELF.uid),
    when: (story) => story.podWatched(RIVAL, podOf(RIVAL, { terminating: true })),
    role: 'candidate',
    effects: [],
  },
];

checkTable(rows);

/** The successor that the last write of the Lease names. */
function namedIn(effects: readonly Effect[]): unknown {
  const write = effects.findLast((effect) => effect.type === 'replaceLease');
  return write?.type === 'replaceLease' ? (write.content.successor ?? null) : 'nothing is written';
}

const NAMED = { uid: RIVAL.uid, pods: 2 };

const writes: Readonly<Record<string, { story: () => Story; named: unknown }>> = {
  'a leader does not write when it has chosen a Pod': {
    story: () =>
      leads().fire('renew').replaced('12').clearEffects().take({ type: 'successorChosen', successor: NAMED }),
    named: 'nothing is written',
  },
  'a leader names the chosen Pod in its next renewal': {
    story: () => leads().take({ type: 'successorChosen', successor: NAMED }).fire('renew'),
    named: NAMED,
  },
  'a leader removes the name in its next renewal when it chooses no Pod later': {
    story: () =>
      leads()
        .take({ type: 'successorChosen', successor: NAMED })
        .take({ type: 'successorChosen', successor: null })
        .fire('renew'),
    named: null,
  },
  'a leader removes the name that is in the Lease when it chooses no Pod': {
    story: () =>
      leads()
        .watched(ownLease({ resourceVersion: '12', successor: NAMED }))
        .take({ type: 'successorChosen', successor: null })
        .fire('renew'),
    named: null,
  },
  'a leader does not name the choice of an earlier term': {
    story: () =>
      leads()
        .take({ type: 'successorChosen', successor: NAMED })
        .stepDown()
        .settled()
        .replaced('12')
        .removed()
        .fire('recheck')
        .fire('campaign')
        .podRead(SELF.name, podOf(SELF))
        .created({ uid: 'lease-2', resourceVersion: '20' })
        .clearEffects()
        .fire('renew'),
    named: null,
  },
  'a leader keeps the name that is in the Lease when it has not chosen yet': {
    story: () =>
      leads()
        .watched(ownLease({ resourceVersion: '12', successor: NAMED }))
        .fire('renew'),
    named: NAMED,
  },
  'a leader names the chosen Pod when it releases the Lease': {
    story: () => leads().stop('always').take({ type: 'successorChosen', successor: NAMED }).settled(),
    named: NAMED,
  },
};

for (const [what, { story, named }] of Object.entries(writes)) {
  test(what, () => assert.deepEqual(namedIn(story().effects), named));
}

test('a leader writes no name when it has chosen no Pod', () => {
  const story = leads().take({ type: 'successorChosen', successor: null }).fire('renew');
  assert.ok(!('successor' in story.content('replaceLease')));
});

test('a candidate waits only for its jitter when no holder is known', () => {
  const context = new StepContext(starts().state, { nowMs: 0, wallMs: 0, random: 0.5 });
  assert.equal(isAnotherNamed(context), false);
  assert.equal(isSelfNamed(context), false);
  assert.equal(campaignDelayMs(context), CAMPAIGN_JITTER_MS / 2);
});

const pod = (uid: string, createdAtMs: number | null, terminating = false): ListedPod => ({
  uid,
  createdAtMs,
  terminating,
});

const choices: readonly (readonly [rule: string, pods: readonly ListedPod[], more: boolean, chosen: unknown])[] = [
  ['the newest Pod is chosen', [pod('a', 1), pod('c', 3), pod('b', 2)], false, { uid: 'c', pods: 3 }],
  ['a leader does not choose itself', [pod(SELF.uid, 9), pod('a', 1)], false, { uid: 'a', pods: 2 }],
  ['a Pod that is being deleted is not chosen', [pod('a', 1), pod('b', 2, true)], false, { uid: 'a', pods: 2 }],
  ['no Pod is chosen when the leader is the only one', [pod(SELF.uid, 1)], false, null],
  [
    'the larger uid is chosen of two Pods that were created in the same second',
    [pod('b', 1), pod('a', 1)],
    false,
    { uid: 'b', pods: 2 },
  ],
  ['a Pod without a time is the oldest', [pod('b', null), pod('a', 1)], false, { uid: 'a', pods: 2 }],
  [
    'a Pod without a time is the oldest when it comes last',
    [pod('a', 1), pod('b', null)],
    false,
    { uid: 'a', pods: 2 },
  ],
  [
    'the list counts as 50 Pods when it is longer than the limit',
    Array.from({ length: LISTED_PODS + 1 }, () => pod('a', 1)),
    false,
    { uid: 'a', pods: LISTED_PODS },
  ],
  ['the list counts as 50 Pods when it has a continue token', [pod('a', 1)], true, { uid: 'a', pods: LISTED_PODS }],
];

for (const [rule, pods, more, chosen] of choices) {
  test(rule, () => assert.deepEqual(chooseSuccessor({ pods, more }, SELF, null), chosen));
}

test('a Pod that must be skipped is not chosen', () => {
  assert.deepEqual(chooseSuccessor({ pods: [pod('a', 1), pod('b', 2)], more: false }, SELF, 'b'), {
    uid: 'a',
    pods: 2,
  });
});

test('the newest Pod is chosen in any order of the list', () => {
  const chosen = (...pods: ListedPod[]) => chooseSuccessor({ pods, more: false }, SELF, null)?.uid;
  assert.equal(chosen(pod('c', 1), pod('a', 2), pod('b', 2)), 'b');
  assert.equal(chosen(pod('b', 2), pod('a', 2), pod('c', 1)), 'b');
  assert.equal(chosen(pod('a', 2), pod('c', 1)), 'a');
  assert.equal(chosen(pod('c', 1), pod('a', 2)), 'a');
});
