// Checks the named successor: which Pod a leader names and when it writes that, and that the name delays a candidate but
// decides nothing.

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

/** A candidate that follows the rival, whose Lease names this Pod. */
function followsNamed(uid: string, pods: number = 3): Story {
  return follows(leaseOf(RIVAL, { successor: { uid, pods } }));
}

/** Half of the jitter: the stories draw 0.5. */
const jitter = (ms: number): string => `setTimer campaign ${ms / 2}`;
const yields = (ms: number): string => `setTimer campaign ${SUCCESSOR_HEAD_START_MS + ms / 2}`;
const released = (uid: string) =>
  leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid, successor: { uid, pods: 3 } });

const rows: readonly Row[] = [
  {
    rule: 'the candidate that is named campaigns without a jitter when the holder’s Pod is gone',
    given: () => followsNamed(SELF.uid),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20', 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate that is not named waits 60 ms and a jitter',
    given: () => followsNamed(OTHER),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [yields(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'the jitter is longer where the application has 50 Pods or more',
    given: () => followsNamed(OTHER, LISTED_PODS),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [yields(CROWD_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate waits for its jitter alone when nobody is named',
    given: follows,
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [jitter(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate that is not named campaigns after its wait, whatever became of the one that is named',
    given: () => followsNamed(OTHER).podGone(RIVAL),
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'the last Lease that the holder had counts: a name that it took back is forgotten',
    given: () => followsNamed(OTHER).watched(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [jitter(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'the candidate that is named reads its own Pod at once when the Lease is released, and leaves the DELETE to the holder',
    given: () => followsNamed(SELF.uid),
    when: (story) => story.watched(released(SELF.uid)),
    role: 'candidate deletingOldLease',
    effects: [jitter(CAMPAIGN_JITTER_MS), `readPod ${SELF.name}`, 'leaderChanged nobody'],
  },
  {
    rule: 'the candidate that is named waits for the holder’s DELETE no longer where the application has 50 Pods or more',
    given: () => followsNamed(SELF.uid, LISTED_PODS),
    when: (story) => story.watched({ ...released(SELF.uid), successor: { uid: SELF.uid, pods: LISTED_PODS } }),
    role: 'candidate deletingOldLease',
    effects: [jitter(CAMPAIGN_JITTER_MS), `readPod ${SELF.name}`, 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate that is not named waits when the Lease is released',
    given: () => followsNamed(OTHER),
    when: (story) => story.watched(released(OTHER)),
    role: 'candidate jitter',
    effects: [yields(CAMPAIGN_JITTER_MS), 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate that is not named waits on when the released Lease is gone',
    given: () => followsNamed(OTHER).watched(released(OTHER)),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'a candidate that is not named waits when a released Lease is gone that a finalizer held',
    given: () => followsNamed(OTHER).watched({ ...released(OTHER), ...HELD_BY_FINALIZER }),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate jitter',
    effects: [yields(CAMPAIGN_JITTER_MS)],
  },
  {
    rule: 'a name does not let a candidate campaign while the holder’s Pod exists',
    given: () => followsNamed(SELF.uid),
    when: (story) => story.podWatched(RIVAL, podOf(RIVAL, { terminating: true })),
    role: 'candidate',
    effects: [],
  },
];

checkTable(rows);

/** What the last write of the Lease in these effects names. */
function namedIn(effects: readonly Effect[]): unknown {
  const write = effects.findLast((effect) => effect.type === 'replaceLease');
  return write?.type === 'replaceLease' ? (write.content.successor ?? null) : 'nothing is written';
}

const NAMED = { uid: RIVAL.uid, pods: 2 };

const writes: Readonly<Record<string, { story: () => Story; named: unknown }>> = {
  'a choice is no write of its own': {
    story: () => leads().fire('renew').replaced('12').forget().tell({ type: 'successorChosen', successor: NAMED }),
    named: 'nothing is written',
  },
  'the next renewal names the Pod': {
    story: () => leads().tell({ type: 'successorChosen', successor: NAMED }).fire('renew'),
    named: NAMED,
  },
  'a later choice of nobody takes the name back': {
    story: () =>
      leads()
        .tell({ type: 'successorChosen', successor: NAMED })
        .tell({ type: 'successorChosen', successor: null })
        .fire('renew'),
    named: null,
  },
  'a choice of nobody removes the name that is in the Lease': {
    story: () =>
      leads()
        .watched(ownLease({ resourceVersion: '12', successor: NAMED }))
        .tell({ type: 'successorChosen', successor: null })
        .fire('renew'),
    named: null,
  },
  'a later term does not name what an earlier one chose': {
    story: () =>
      leads()
        .tell({ type: 'successorChosen', successor: NAMED })
        .stepDown()
        .settled()
        .replaced('12')
        .removed()
        .fire('recheck')
        .fire('campaign')
        .podRead(SELF.name, podOf(SELF))
        .created({ uid: 'lease-2', resourceVersion: '20' })
        .forget()
        .fire('renew'),
    named: null,
  },
  'before the first choice a renewal keeps the name that stands in the Lease': {
    story: () =>
      leads()
        .watched(ownLease({ resourceVersion: '12', successor: NAMED }))
        .fire('renew'),
    named: NAMED,
  },
  'the write that releases the Lease names the Pod': {
    story: () => leads().stop('always').tell({ type: 'successorChosen', successor: NAMED }).settled(),
    named: NAMED,
  },
};

for (const [what, { story, named }] of Object.entries(writes)) {
  test(what, () => assert.deepEqual(namedIn(story().effects), named));
}

test('a leader that names no Pod leaves the name out of its Lease', () => {
  const story = leads().tell({ type: 'successorChosen', successor: null }).fire('renew');
  assert.ok(!('successor' in story.content('replaceLease')));
});

test('no Pod is named, and a candidate waits for its jitter alone, when no holder is known', () => {
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
  ['nobody is chosen where the leader is alone', [pod(SELF.uid, 1)], false, null],
  ['of two Pods of one second the uid decides', [pod('b', 1), pod('a', 1)], false, { uid: 'b', pods: 2 }],
  ['a Pod without a time is the oldest', [pod('b', null), pod('a', 1)], false, { uid: 'a', pods: 2 }],
  [
    'a Pod without a time is the oldest, also when it comes last',
    [pod('a', 1), pod('b', null)],
    false,
    { uid: 'a', pods: 2 },
  ],
  [
    'a longer list than was asked for counts as 50 Pods',
    Array.from({ length: LISTED_PODS + 1 }, () => pod('a', 1)),
    false,
    { uid: 'a', pods: LISTED_PODS },
  ],
  ['a list that goes on counts as 50 Pods', [pod('a', 1)], true, { uid: 'a', pods: LISTED_PODS }],
];

for (const [rule, pods, more, chosen] of choices) {
  test(rule, () => assert.deepEqual(chooseSuccessor({ pods, more }, SELF, null), chosen));
}

test('a Pod that is passed over is not chosen', () => {
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
