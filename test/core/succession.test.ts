// Checks how a candidate takes over: only when the holder's Pod is gone or has released the Lease, by a DELETE with
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

/** A candidate that has sent its create. The rival's Lease is gone, and this Pod exists. */
function succeeds(): Story {
  return clears().podRead(SELF.name, podOf(SELF)).removed();
}

/** The rival's Lease with the release annotation. */
const RELEASED = leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid });

/** A candidate that has just observed the release. */
function seesRelease(): Story {
  return follows().watched(RELEASED);
}

const takeOver: readonly Row[] = [
  {
    rule: 'a candidate leaves a Lease alone when the Pod of its holder exists',
    given: () => finds(leaseOf(RIVAL)),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: 'a candidate leaves a Lease alone when the Pod of its holder is being deleted but exists',
    given: follows,
    when: (story) => story.podWatched(RIVAL, podOf(RIVAL, { terminating: true })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: "a candidate waits for a jitter when the holder's Pod was deleted",
    given: follows,
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: "a candidate reads the holder's Pod when a list shows another uid, because a list may be late",
    given: follows,
    when: (story) => story.podListed(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: "a candidate reads the holder's Pod when a list does not show it",
    given: follows,
    when: (story) => story.podListed(RIVAL, null),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a candidate campaigns when the read after such a list shows that the Pod is gone',
    given: () => follows().podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate waits when the read after such a list shows that the Pod exists',
    given: () => follows().podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: "a candidate reads the holder's Pod when a watch event shows another uid",
    given: follows,
    when: (story) => story.podWatched(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a candidate campaigns when the read after such an event shows that the Pod is gone',
    given: () => follows().podWatched(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    when: (story) => story.podRead(RIVAL.name, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: "a Lease of an earlier Pod with this Pod's name is free, because this Pod proves that its owner is gone",
    given: () => finds(leaseOf(NAMESAKE)),
    when: (story) => story.podListed(NAMESAKE, podOf(SELF)).podRead(SELF.name, podOf(SELF)),
    role: 'candidate jitter',
    effects: [`readPod ${SELF.name}`, JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate notices the deletion of its Pod when it watches an earlier Pod of its name',
    given: () => finds(leaseOf(NAMESAKE)),
    when: (story) =>
      story
        .take({ type: 'podDeleted', watched: NAMESAKE, pod: podOf(SELF) })
        .podGone(NAMESAKE)
        .deleted(leaseOf(NAMESAKE)),
    role: 'candidate',
    effects: [`readPod ${SELF.name}`, 'warning pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate notices that its Pod is gone when a read of its name finds none',
    given: () => finds(leaseOf(NAMESAKE)),
    when: (story) => story.podListed(NAMESAKE, null).podRead(SELF.name, null),
    role: 'candidate',
    effects: [`readPod ${SELF.name}`, 'warning pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate ends its campaign when another Pod was quicker',
    given: seesRivalGo,
    when: (story) => story.watched(leaseOf({ name: 'app-3', uid: 'pod-3' }, { uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate',
    effects: ['watchPod app-3/pod-3', 'clearTimer campaign', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
  {
    rule: 'a candidate ends its campaign when its Pod was deleted',
    given: () => finds(leaseOf(SELF, { releasedBy: SELF.uid })),
    when: (story) => story.podGone(SELF),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer campaign'],
  },
  {
    rule: 'a candidate deletes the Lease with uid and resourceVersion and reads its Pod when the owner is gone',
    given: seesRivalGo,
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'a candidate creates its Lease with one more transition',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'a candidate keeps the number of transitions at its limit, because the server refuses a larger one',
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
    rule: 'a candidate creates its Lease when the DELETED event comes before the answer to the DELETE',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'a candidate ignores the answer to the DELETE when the DELETED event came first',
    given: () =>
      clears()
        .podRead(SELF.name, podOf(SELF))
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.fail('deleteLease', 'conflict'),
    role: 'candidate creating',
    effects: [],
  },
  {
    rule: 'a late DELETED event of the predecessor does not end the new term',
    given: () => succeeds().created({ uid: 'lease-2', resourceVersion: '26' }),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a candidate warns and does not campaign when its Pod no longer exists',
    given: clears,
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: "a candidate does not campaign when its Pod's name has another uid",
    given: clears,
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE)).removed(),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'a candidate warns and does not campaign when its Pod is being deleted',
    given: clears,
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })).removed(),
    role: 'candidate',
    effects: ['warning pod-terminating'],
  },
  {
    rule: 'a candidate never campaigns again when its Pod is being deleted',
    given: () => clears().podRead(SELF.name, podOf(SELF, { terminating: true })),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate warns once and creates the Lease when it must not read Pods',
    given: clears,
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name).removed(),
    role: 'candidate creating',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden', 'createLease transitions=4'],
  },
  {
    rule: 'a failed read of this Pod ends the attempt when it fails for another reason',
    given: clears,
    when: (story) => story.fail('readPod', 'unavailable', SELF.name),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a candidate reads the Lease when its DELETE is answered 409',
    given: clears,
    when: (story) => story.fail('deleteLease', 'conflict'),
    role: 'candidate backingOff',
    effects: ['readLease'],
  },
  {
    rule: 'a candidate starts another attempt with what it read when its DELETE was answered 409',
    given: () => clears().fail('deleteLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { resourceVersion: '22' })).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'deleteLease lease-1@22'],
  },
  {
    rule: 'a candidate creates its Lease when the DELETE had no answer and was executed',
    given: () => clears().fail('deleteLease', 'unavailable').fire('retry').leaseRead(null).fire('campaign'),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'a candidate warns once and waits for the garbage collector when it must not delete the Lease',
    given: clears,
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'candidate',
    effects: ['setTimer permission 6000', 'warning delete-forbidden'],
  },
  {
    rule: 'a candidate repeats a read of its Pod that fails for another reason, although reads of Pods have been refused',
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
    rule: 'a candidate repeats a refused DELETE a second later',
    given: () => clears().fail('deleteLease', 'forbidden'),
    when: (story) => story.fire('permission').fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'a candidate creates its Lease when the garbage collector has deleted the old one',
    given: () => clears().refuse('deleteLease', 'forbidden'),
    when: (story) => {
      story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })).fire('campaign');
      story.podRead(SELF.name, podOf(SELF));
    },
    role: 'candidate creating',
    effects: [JITTER, `readPod ${SELF.name}`, 'createLease transitions=4'],
  },
  {
    rule: 'a candidate leaves a released Lease to its releaser for a jitter, and reads its Pod',
    given: follows,
    when: (story) => story.watched(RELEASED),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate deletes the released Lease after the jitter, although the Pod of its holder exists',
    given: seesRelease,
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: ['deleteLease lease-1@21'],
  },
  {
    rule: 'a candidate creates its Lease when it has deleted the released Lease',
    given: () => seesRelease().fire('campaign'),
    when: (story) => story.podRead(SELF.name, podOf(SELF)).removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: "a candidate creates its Lease at once when a released Lease is deleted, although the last holder's Pod exists",
    given: () => seesRelease().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.deleted({ ...RELEASED, resourceVersion: '22' }),
    role: 'candidate creating',
    effects: ['clearTimer campaign', 'createLease transitions=4'],
  },
  {
    rule: 'a candidate waits for the read of its Pod when a released Lease is deleted',
    given: () => seesRelease().deleted({ ...RELEASED, resourceVersion: '22' }),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['clearTimer campaign', 'createLease transitions=4'],
  },
  {
    rule: 'a candidate does not take over a released Lease when its Pod is being deleted',
    given: seesRelease,
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'candidate',
    effects: ['warning pod-terminating', 'clearTimer campaign'],
  },
  {
    rule: 'a candidate creates its Lease without a jitter when the released one was deleted before it observed the release',
    given: () =>
      seesRelease()
        .fail('readPod', 'unavailable', SELF.name)
        .deleted({ ...RELEASED, resourceVersion: '22' }),
    when: (story) => story.fire('retry').leaseRead(null),
    role: 'candidate deletingOldLease',
    effects: ['readLease', `readPod ${SELF.name}`],
  },
  {
    rule: 'a candidate leaves the Lease alone when the release is withdrawn',
    given: () => seesRelease().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate',
    effects: ['clearTimer campaign', `leaderChanged ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a candidate does not delete in a hot loop when a Lease remains although each DELETE succeeded',
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
    rule: 'a late event of the deleted Lease does not stop the create that is in flight',
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

test('a candidate has only one create in flight when the Lease seems to come and go', () => {
  const story = succeeds();
  story.watched(leaseOf({ name: 'app-3', uid: 'pod-3' }, { resourceVersion: '21' }));
  story.deleted(leaseOf({ name: 'app-3', uid: 'pod-3' }, { resourceVersion: '22' }));
  story.podGone({ name: 'app-3', uid: 'pod-3' });
  const creations = [...story.inFlight.values()].filter((effect) => effect.type === 'createLease');
  assert.equal(creations.length, 1);
  assert.ok(!story.timers.has('campaign'));
});
