// Checks how a candidate succeeds a leader: only one that is gone or gave its Lease up, by a DELETE with
// preconditions and a POST, and only while its own Pod exists.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAMPAIGN_JITTER_MS } from '../../src/core/successor.ts';
import {
  checkTable,
  clears,
  finds,
  follows,
  leaseOf,
  NAMESAKE,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  seesRivalGo,
} from './story.ts';

const JITTER = `setTimer campaign ${CAMPAIGN_JITTER_MS / 2}`;
const ELECTED = ['setTimer renew 0'];

/** The rival's Lease is gone and this Pod exists: the create is under way. */
function succeeds(): Story {
  return clears().podRead(SELF.name, podOf(SELF)).removed();
}

/** The rival's Lease, given up. */
const RELEASED = leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid });

/** A candidate that has just seen the rival give its Lease up. */
function seesRelease(): Story {
  return follows().watched(RELEASED);
}

const takeOver: readonly Row[] = [
  {
    rule: "another's Lease is left alone while its Pod exists",
    given: () => finds(leaseOf(RIVAL)),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: 'a holder whose Pod is being deleted, but still exists, is left alone',
    given: follows,
    when: (story) => story.podWatched(RIVAL, podOf(RIVAL, { terminating: true })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: "a holder's Pod that was deleted makes a candidate wait out a jitter",
    given: follows,
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'a list in which the name of the holder carries another uid is not believed: a list may lag, too',
    given: follows,
    when: (story) => story.podListed(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a list that does not show the holder is not believed but followed by a read',
    given: follows,
    when: (story) => story.podListed(RIVAL, null),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'the read that followed a list without the holder decides: gone',
    given: () => follows().podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'the read that followed a list without the holder decides: it exists, the list was late',
    given: () => follows().podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: 'another uid in a watch event is not believed but read',
    given: follows,
    when: (story) => story.podWatched(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'the read that followed another uid decides: gone',
    given: () => follows().podWatched(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    when: (story) => story.podRead(RIVAL.name, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'a Lease of a Pod of the same name and another uid is not mine; this Pod proves that its owner is gone',
    given: () => finds(leaseOf(NAMESAKE)),
    when: (story) => story.podListed(NAMESAKE, podOf(SELF)).podRead(SELF.name, podOf(SELF)),
    role: 'candidate jitter',
    effects: [`readPod ${SELF.name}`, JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'the deletion of this Pod is heeded, also where an older Pod of its name was watched',
    given: () => finds(leaseOf(NAMESAKE)),
    when: (story) =>
      story
        .tell({ type: 'podDeleted', watched: NAMESAKE, pod: podOf(SELF) })
        .podGone(NAMESAKE)
        .deleted(leaseOf(NAMESAKE)),
    role: 'candidate',
    effects: [`readPod ${SELF.name}`, 'warning pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: "a read of this Pod's name that finds no Pod also shows that this Pod is gone",
    given: () => finds(leaseOf(NAMESAKE)),
    when: (story) => story.podListed(NAMESAKE, null).podRead(SELF.name, null),
    role: 'candidate',
    effects: [`readPod ${SELF.name}`, 'warning pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a campaign is called off when somebody else was quicker',
    given: seesRivalGo,
    when: (story) => story.watched(leaseOf({ name: 'app-3', uid: 'pod-3' }, { uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate',
    effects: ['watchPod app-3/pod-3', 'clearTimer campaign', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
  {
    rule: 'a campaign is called off when this Pod is seen to go',
    given: () => finds(leaseOf(SELF, { releasedBy: SELF.uid })),
    when: (story) => story.podGone(SELF),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer campaign'],
  },
  {
    rule: "a Lease whose owner's Pod is gone is deleted with uid and resourceVersion, while this Pod is read",
    given: seesRivalGo,
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'then it is created, with one transition more',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'a count of transitions that is at its limit stays there: the server would refuse a greater one',
    given: () =>
      follows(leaseOf(RIVAL, { leaseTransitions: 2_147_483_647 }))
        .podGone(RIVAL)
        .fire('campaign')
        .podRead(SELF.name, podOf(SELF)),
    when: (story) => story.removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=2147483647'],
  },
  {
    rule: 'the create follows whichever comes first: here the DELETED event, before the answer to the delete',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'the late answer to the delete is dropped then',
    given: () =>
      clears()
        .podRead(SELF.name, podOf(SELF))
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.fail('deleteLease', 'conflict'),
    role: 'candidate creating',
    effects: [],
  },
  {
    rule: 'the late DELETED event of the predecessor does not disturb a new term',
    given: () => succeeds().created({ uid: 'lease-2', resourceVersion: '26' }),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a Pod that exists no more does not campaign, and says so',
    given: clears,
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'a Pod whose name carries another uid does not campaign',
    given: clears,
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE)).removed(),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'a Pod that is being deleted does not campaign, and says so',
    given: clears,
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })).removed(),
    role: 'candidate',
    effects: ['warning pod-terminating'],
  },
  {
    rule: 'a Pod that is being deleted never campaigns again',
    given: () => clears().podRead(SELF.name, podOf(SELF, { terminating: true })),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'without permission to read Pods this Pod is believed to exist, with one warning',
    given: clears,
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name).removed(),
    role: 'candidate creating',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden', 'createLease transitions=4'],
  },
  {
    rule: 'a read of this Pod that fails otherwise ends the attempt',
    given: clears,
    when: (story) => story.fail('readPod', 'unavailable', SELF.name),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a delete that somebody overtook (409) is followed by a look at the Lease',
    given: clears,
    when: (story) => story.fail('deleteLease', 'conflict'),
    role: 'candidate backingOff',
    effects: ['readLease'],
  },
  {
    rule: 'and by another attempt, with what was read',
    given: () => clears().fail('deleteLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { resourceVersion: '22' })).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'deleteLease lease-1@22'],
  },
  {
    rule: 'a delete whose answer never came, and that was carried out, leads to the create',
    given: () => clears().fail('deleteLease', 'unavailable').fire('retry').leaseRead(null).fire('campaign'),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'without permission to delete, the garbage collector is waited for, with one warning',
    given: clears,
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'candidate',
    effects: ['setTimer permission 6000', 'warning delete-forbidden'],
  },
  {
    rule: 'a refusal to read Pods that lasted does not excuse a read of this Pod that fails in another way',
    given: () => clears().refuse('readPod', 'forbidden', SELF.name).fail('deleteLease', 'unavailable').fire('retry'),
    when: (story) => {
      story.leaseRead(leaseOf(RIVAL)).fire('campaign').fail('readPod', 'unavailable', SELF.name);
    },
    role: 'candidate backingOff',
    effects: [
      JITTER,
      `readPod ${SELF.name}`,
      'deleteLease lease-1@20',
      'setTimer permission 6000',
      'setTimer retry 375',
    ],
  },
  {
    rule: 'a refused delete is tried again a second later: the refusal may pass',
    given: () => clears().fail('deleteLease', 'forbidden'),
    when: (story) => story.fire('permission').fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'what the garbage collector deleted is then created',
    given: () => clears().refuse('deleteLease', 'forbidden'),
    when: (story) => {
      story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })).fire('campaign');
      story.podRead(SELF.name, podOf(SELF));
    },
    role: 'candidate creating',
    effects: [JITTER, `readPod ${SELF.name}`, 'createLease transitions=4'],
  },
  {
    rule: 'a Lease that is marked released is left to who gave it up for a jitter, while this Pod is read',
    given: follows,
    when: (story) => story.watched(RELEASED),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'leaderChanged nobody'],
  },
  {
    rule: 'then it is deleted, although the Pod of its holder exists',
    given: seesRelease,
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: ['deleteLease lease-1@21'],
  },
  {
    rule: 'and created',
    given: () => seesRelease().fire('campaign'),
    when: (story) => story.podRead(SELF.name, podOf(SELF)).removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'a released Lease that was deleted is created at once, although the Pod of its last holder exists',
    given: () => seesRelease().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.deleted({ ...RELEASED, resourceVersion: '22' }),
    role: 'candidate creating',
    effects: ['clearTimer campaign', 'createLease transitions=4'],
  },
  {
    rule: 'the read of this Pod is awaited there, too',
    given: () => seesRelease().deleted({ ...RELEASED, resourceVersion: '22' }),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['clearTimer campaign', 'createLease transitions=4'],
  },
  {
    rule: 'a Pod that is being deleted does not succeed who gave the Lease up either',
    given: seesRelease,
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'candidate',
    effects: ['warning pod-terminating', 'clearTimer campaign'],
  },
  {
    rule: 'who is late and finds what was released gone does not wait for a crowd',
    given: () =>
      seesRelease()
        .fail('readPod', 'unavailable', SELF.name)
        .deleted({ ...RELEASED, resourceVersion: '22' }),
    when: (story) => story.fire('retry').leaseRead(null),
    role: 'candidate deletingOldLease',
    effects: ['readLease', `readPod ${SELF.name}`],
  },
  {
    rule: 'a release that is taken back is left alone: it could not be deleted',
    given: () => seesRelease().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate',
    effects: ['clearTimer campaign', `leaderChanged ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'what stands in the way of the create, although the delete succeeded, is not deleted in a hot loop',
    given: () => {
      const story = succeeds();
      for (let round = 0; round < 3; round++) {
        story.fail('createLease', 'alreadyExists');
        story.leaseRead(leaseOf(RIVAL, { resourceVersion: `${30 + round}` })).fire('campaign');
        story.podRead(SELF.name, podOf(SELF)).removed();
      }
      return story;
    },
    when: (story) => story.fail('createLease', 'alreadyExists'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 1500'],
  },
  {
    rule: 'a late event of the Lease that was just deleted does not make the create be forgotten',
    given: succeeds,
    when: (story) => {
      story.watched(leaseOf(RIVAL, { resourceVersion: '21', owner: { name: 'app-3', uid: 'pod-3' } }));
      story.created({ uid: 'lease-2', resourceVersion: '26' });
    },
    role: 'leader',
    effects: [
      'watchPod app-3/pod-3',
      'setTimer recheck 5000',
      'leaderChanged app-3/pod-3',
      `watchPod ${SELF.name}/${SELF.uid}`,
      'clearTimer recheck',
      ...ELECTED,
      'elected 26',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
];

checkTable(takeOver);

test('only one create is under way at a time, even when the Lease seems to come and go in the meantime', () => {
  const story = succeeds();
  story.watched(leaseOf({ name: 'app-3', uid: 'pod-3' }, { resourceVersion: '21' }));
  story.deleted(leaseOf({ name: 'app-3', uid: 'pod-3' }, { resourceVersion: '22' }));
  story.podGone({ name: 'app-3', uid: 'pod-3' });
  const creations = [...story.inFlight.values()].filter((effect) => effect.type === 'createLease');
  assert.equal(creations.length, 1);
  assert.ok(!story.timers.has('campaign'));
});
