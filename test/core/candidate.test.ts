// Checks what a candidate does about each row of the table of the election: wait, clear what a predecessor
// left, create, resume. Each row: what went before, what happens, and exactly what follows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAMPAIGN_JITTER_MS } from '../../src/core/candidate.ts';
import {
  checkTable,
  clears,
  creates,
  failure,
  finds,
  follows,
  leaseOf,
  NAMESAKE,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  seesRivalGo,
  starts,
  WALL_MS,
} from './story.ts';

const JITTER = `setTimer campaign ${CAMPAIGN_JITTER_MS / 2}`;
const ELECTED = ['setTimer renew 10000'];

/** The rival's Lease is gone and this Pod exists: the create is under way. */
function succeeds(): Story {
  return clears().podRead(SELF.name, podOf(SELF)).removed();
}

/** The own Lease was there at the start: the container was restarted. */
function resumes(): Story {
  return finds(leaseOf(SELF));
}

const absence: readonly Row[] = [
  {
    rule: 'who finds no Lease at its start does not wait: it checks that its own Pod exists',
    given: starts,
    when: (story) => story.absent('10'),
    role: 'candidate clearing',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'the create waits for the proof that the own Pod exists',
    given: () => starts().absent('10'),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['createLease transitions=0'],
  },
  {
    rule: 'a create that was carried out begins a term with its resourceVersion as fencing token',
    given: creates,
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leader',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, ...ELECTED, 'elected 11', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a lost race is read at once: 409 on the create',
    given: creates,
    when: (story) => story.fail('createLease', 'alreadyExists'),
    role: 'candidate resting',
    effects: ['readLease'],
  },
  {
    rule: 'the winner of a lost race is followed',
    given: () => creates().fail('createLease', 'alreadyExists'),
    when: (story) => story.leaseRead(leaseOf(RIVAL)),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: 'a create that is overtaken again and again is tried with a back-off',
    given: () => {
      const story = creates();
      for (let round = 0; round < 3; round++) {
        story.fail('createLease', 'alreadyExists').leaseRead(null).podRead(SELF.name, podOf(SELF));
      }
      return story;
    },
    when: (story) => story.fail('createLease', 'alreadyExists'),
    role: 'candidate resting',
    effects: ['setTimer retry 1500'],
  },
  {
    rule: 'a create whose answer never came is neither success nor failure: the Lease is read after a wait',
    given: creates,
    when: (story) => story.fail('createLease', 'unavailable').fire('retry'),
    role: 'candidate resting',
    effects: ['setTimer retry 188', 'readLease'],
  },
  {
    rule: 'a create whose answer never came, and that was not carried out, is repeated',
    given: () => creates().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a create whose answer never came, but that was carried out, is recognised by the own uid and renewed',
    given: () => creates().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '11' })),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
  {
    rule: 'such a term was not resumed: no other process of this Pod had it before',
    given: () =>
      creates()
        .fail('createLease', 'unavailable')
        .fire('retry')
        .leaseRead(leaseOf(SELF, { resourceVersion: '11' }))
        .podRead(SELF.name, podOf(SELF)),
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: [
      'setTimer stale 30000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      ...ELECTED,
      'elected 12',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'the word of a watch does not begin a term while the create is unanswered',
    given: creates,
    when: (story) => story.watched(leaseOf(SELF, { resourceVersion: '11' })),
    role: 'candidate creating',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a create that was carried out, but whose Lease is known to be gone already, begins no term',
    given: () =>
      creates()
        .watched(leaseOf(SELF, { resourceVersion: '11' }))
        .deleted(leaseOf(SELF, { resourceVersion: '12' })),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'candidate jitter',
    effects: [JITTER],
  },
  {
    rule: "a create that was carried out, but whose Lease is known to be another's by now, begins no term",
    given: () => creates().watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a create that was carried out for a Pod that is known to be gone begins no term',
    given: () =>
      creates()
        .watched(leaseOf(SELF, { resourceVersion: '11' }))
        .podGone(SELF),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'an absent Lease is left to the Pod that held it, as long as that exists',
    given: follows,
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'an absent Lease that was left to its holder is looked at again, and so is its Pod',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'an absent Lease is campaigned for once its holder is seen to be gone',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.podGone(RIVAL).fire('campaign'),
    role: 'candidate clearing',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`],
  },
];

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
    rule: 'a holder whose name carries another uid in a consistent list is gone',
    given: follows,
    when: (story) => story.podListed(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'a holder that a consistent list does not show is gone',
    given: follows,
    when: (story) => story.podListed(RIVAL, null),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'another uid in a watch event is not believed but read',
    given: follows,
    when: (story) => story.podWatched(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`],
  },
  {
    rule: 'the read that followed another uid decides: gone',
    given: () => follows().podWatched(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    when: (story) => story.podRead(RIVAL.name, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'a Lease of a Pod of the same name and another uid is not mine; the own Pod proves that its owner is gone',
    given: () => finds(leaseOf(NAMESAKE)),
    when: (story) => story.podListed(NAMESAKE, podOf(SELF)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'a campaign is called off when somebody else was quicker',
    given: seesRivalGo,
    when: (story) => story.watched(leaseOf({ name: 'app-3', uid: 'pod-3' }, { uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate',
    effects: ['watchPod app-3/pod-3', 'clearTimer campaign', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
  {
    rule: "a Lease whose owner's Pod is gone is deleted with uid and resourceVersion, while the own Pod is read",
    given: seesRivalGo,
    when: (story) => story.fire('campaign'),
    role: 'candidate clearing',
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
    rule: 'without permission to read Pods the own one is believed to exist, with one warning',
    given: clears,
    when: (story) => story.fail('readPod', 'forbidden', SELF.name).removed(),
    role: 'candidate creating',
    effects: ['warning pod-read-forbidden', 'createLease transitions=4'],
  },
  {
    rule: 'a read of the own Pod that fails otherwise ends the attempt',
    given: clears,
    when: (story) => story.fail('readPod', 'unavailable', SELF.name),
    role: 'candidate resting',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a delete that somebody overtook (409) is followed by a look at the Lease',
    given: clears,
    when: (story) => story.fail('deleteLease', 'conflict'),
    role: 'candidate resting',
    effects: ['readLease'],
  },
  {
    rule: 'and by another attempt, with what was read',
    given: () => clears().fail('deleteLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { resourceVersion: '22' })).fire('campaign'),
    role: 'candidate clearing',
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
    when: (story) => story.fail('deleteLease', 'forbidden'),
    role: 'candidate',
    effects: ['warning delete-forbidden'],
  },
  {
    rule: 'what the garbage collector deleted is then created',
    given: () => clears().fail('deleteLease', 'forbidden'),
    when: (story) => {
      story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })).fire('campaign');
      story.podRead(SELF.name, podOf(SELF));
    },
    role: 'candidate creating',
    effects: [JITTER, `readPod ${SELF.name}`, 'createLease transitions=4'],
  },
  {
    rule: 'a Lease that is marked released is taken over although the Pod of its holder exists',
    given: follows,
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid })).fire('campaign'),
    role: 'candidate clearing',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`, 'deleteLease lease-1@21'],
  },
  {
    rule: 'a Lease that was released and deleted is created, although the Pod of its last holder exists',
    given: () => follows().watched(leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid })),
    when: (story) => {
      story.deleted(leaseOf(RIVAL, { resourceVersion: '22', releasedBy: RIVAL.uid })).fire('campaign');
      story.podRead(SELF.name, podOf(SELF));
    },
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=4'],
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
    role: 'candidate resting',
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

const foreign: readonly Row[] = [
  {
    rule: 'a foreign Lease is held for its duration',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    role: 'candidate',
    effects: ['setTimer recheck 15000', 'leaderChanged sidecar'],
  },
  {
    rule: 'a foreign Lease that changed is held for its duration anew',
    given: () =>
      finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15, renewTimeMs: 1 })).wait(9_000),
    when: (story) =>
      story.watched(
        leaseOf(null, { resourceVersion: '21', holderIdentity: 'sidecar', leaseDurationSeconds: 15, renewTimeMs: 2 }),
      ),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'renewed sidecar', 'setTimer recheck 15000'],
  },
  {
    rule: 'a foreign Lease that stood still for its duration is deleted',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    when: (story) => story.fire('recheck'),
    role: 'candidate clearing',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'a timer that fires a little early does not end a foreign Lease early',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })).wait(14_999),
    when: (story) => story.tell({ type: 'timerFired', timer: 'recheck' }),
    role: 'candidate',
    effects: ['readLease', 'setTimer recheck 1'],
  },
  {
    rule: 'a foreign Lease without a duration is held for ever, and the elector says so',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { holderIdentity: 'sidecar' })),
    role: 'candidate',
    effects: ['warning foreign-lease', 'leaderChanged sidecar'],
  },
  {
    rule: 'it says so once',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar' })),
    when: (story) => story.watched(leaseOf(null, { holderIdentity: 'sidecar', resourceVersion: '22' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a foreign Lease without a duration that somebody deletes is created',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar' })),
    when: (story) => story.deleted(leaseOf(null, { resourceVersion: '21' })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'leaderChanged nobody', 'createLease transitions=4'],
  },
  {
    rule: 'a Lease without an owner, a holder or a spec names no leader',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { acquireTimeMs: null, leaseTransitions: null })),
    role: 'candidate',
    effects: ['warning foreign-lease'],
  },
  {
    rule: 'after a Lease without leaseTransitions the count starts again from 0',
    given: () => finds(leaseOf(null, { acquireTimeMs: null, leaseTransitions: null })),
    when: (story) => story.deleted(leaseOf(null, { resourceVersion: '21' })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a Lease orphaned by hand is still held by the Pod it was seen with',
    given: follows,
    when: (story) => story.watched(leaseOf(null, { resourceVersion: '21', holderIdentity: RIVAL.name })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Lease orphaned by hand is taken over when that Pod is gone',
    given: () => follows().watched(leaseOf(null, { resourceVersion: '21', holderIdentity: RIVAL.name })),
    when: (story) => story.podGone(RIVAL).fire('campaign'),
    role: 'candidate clearing',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`, 'deleteLease lease-1@21'],
  },
];

const resumption: readonly Row[] = [
  {
    rule: 'a restarted container that finds its own Lease renews it, and checks that its Pod exists',
    given: starts,
    when: (story) => story.listed(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-1@20'],
  },
  {
    rule: 'it leads once both are answered: here the renewal last',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.replaced('21'),
    role: 'leader',
    effects: [
      'setTimer stale 30000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      ...ELECTED,
      'elected 21 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'it leads once both are answered: here the Pod last, and one that is being deleted may resume its own term',
    given: () => resumes().replaced('21'),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leader',
    effects: ['clearTimer stale', ...ELECTED, 'elected 21 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'nobody leads on the word of a watch: the own Lease in an event is read first',
    given: follows,
    when: (story) => story.watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, 'readLease'],
  },
  {
    rule: 'the read confirms it, and the term is resumed',
    given: () => follows().watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    when: (story) => story.leaseRead(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-2@30'],
  },
  {
    rule: 'the read does not confirm it: the Lease is gone, so a new one is created',
    given: () => follows().watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    when: (story) => story.leaseRead(null),
    role: 'candidate jitter',
    effects: [JITTER],
  },
  {
    rule: 'a process whose Pod is gone does not resume, whatever its Lease says',
    given: resumes,
    when: (story) => story.podRead(SELF.name, null).replaced('21'),
    role: 'candidate',
    effects: ['warning pod-deleted', 'setTimer stale 30000'],
  },
  {
    rule: 'a process whose Pod was seen to go after it had been read does not resume',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.podGone(SELF).replaced('21'),
    role: 'candidate',
    effects: ['warning pod-deleted', 'setTimer stale 30000'],
  },
  {
    rule: 'a process whose Pod was seen to go does not resume where Pods may not be read either',
    given: () => resumes().podGone(SELF),
    when: (story) => story.fail('readPod', 'forbidden', SELF.name).fail('replaceLease', 'forbidden'),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a 409 on the renewal is no loss: the Lease is read, and resumed if it is still mine',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(leaseOf(SELF, { resourceVersion: '23' })),
    role: 'candidate resuming',
    effects: ['readLease', `readPod ${SELF.name}`, 'replaceLease lease-1@23'],
  },
  {
    rule: 'without permission to renew, the term is resumed without, with one warning',
    given: resumes,
    when: (story) => story.fail('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    role: 'leader',
    effects: [
      'warning renew-forbidden',
      `readPod ${SELF.name}`,
      'elected 20 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'without permission to renew and to read Pods, a consistent answer is enough',
    given: resumes,
    when: (story) => story.fail('readPod', 'forbidden', SELF.name).fail('replaceLease', 'forbidden'),
    role: 'leader',
    effects: [
      'warning pod-read-forbidden',
      'warning renew-forbidden',
      'elected 20 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'an own Lease that vanishes while it is being resumed is created anew',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.deleted(leaseOf(SELF, { resourceVersion: '21' })),
    role: 'candidate jitter',
    effects: [JITTER],
  },
];

const failures: readonly Row[] = [
  {
    rule: 'a look at the Lease that fails is repeated after a wait',
    given: () => follows().fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry'),
    role: 'candidate resting',
    effects: ['setTimer retry 188', 'readLease'],
  },
  {
    rule: 'a server that asks for patience is given it',
    given: () => follows().fire('backstop'),
    when: (story) =>
      story.tell({
        type: 'requestFailed',
        request: story.request('readLease'),
        failure: failure('throttled', 7_000),
      }),
    role: 'candidate resting',
    effects: ['setTimer retry 7000'],
  },
  {
    rule: 'but not for longer than a minute',
    given: () => follows().fire('backstop'),
    when: (story) =>
      story.tell({
        type: 'requestFailed',
        request: story.request('readLease'),
        failure: failure('throttled', 7_000_000),
      }),
    role: 'candidate resting',
    effects: ['setTimer retry 60000'],
  },
  {
    rule: 'while it rests it does not campaign',
    given: () => clears().fail('deleteLease', 'unavailable'),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate resting',
    effects: [],
  },
  {
    rule: 'reading the Lease forbidden after the start is warned of once, and tried again',
    given: () => follows().fire('backstop').fail('readLease', 'forbidden').fire('retry'),
    when: (story) => story.fail('readLease', 'forbidden'),
    role: 'candidate resting',
    effects: ['setTimer retry 375'],
  },
  {
    rule: 'creating the Lease forbidden after the start is warned of, and tried again',
    given: succeeds,
    when: (story) => story.fail('createLease', 'forbidden'),
    role: 'candidate resting',
    effects: ['warning create-forbidden', 'setTimer retry 188'],
  },
  {
    rule: 'a create that the server rejects is warned of, and tried again',
    given: succeeds,
    when: (story) => story.fail('createLease', 'rejected'),
    role: 'candidate resting',
    effects: ['warning request-rejected', 'setTimer retry 188'],
  },
  {
    rule: 'a late answer to a look at the Lease that nobody waits for does not end a rest',
    given: () => clears().fail('deleteLease', 'unavailable'),
    when: (story) => story.tell({ type: 'leaseRead', request: 999, lease: null }),
    role: 'candidate resting',
    effects: [],
  },
];

checkTable([...absence, ...takeOver, ...foreign, ...resumption, ...failures]);

test('a new Lease names its Pod, says when it was acquired, and nothing of renewals', () => {
  assert.deepEqual(creates().content('createLease'), {
    holderIdentity: SELF.name,
    owner: SELF,
    acquireTimeMs: WALL_MS,
    renewTimeMs: null,
    leaseDurationSeconds: null,
    leaseTransitions: 0,
    releasedBy: null,
  });
});

test('a resumed Lease keeps when it was acquired and how often it changed hands, and is renewed', () => {
  const story = finds(ownLease({ acquireTimeMs: 77, leaseTransitions: 5, holderIdentity: 'edited' }));
  assert.deepEqual(story.content('replaceLease'), {
    holderIdentity: SELF.name,
    owner: SELF,
    acquireTimeMs: 77,
    renewTimeMs: WALL_MS,
    leaseDurationSeconds: 30,
    leaseTransitions: 5,
    releasedBy: null,
  });
});

test('only one create is under way at a time, even when the Lease seems to come and go meanwhile', () => {
  const story = succeeds();
  story.watched(leaseOf({ name: 'app-3', uid: 'pod-3' }, { resourceVersion: '21' }));
  story.deleted(leaseOf({ name: 'app-3', uid: 'pod-3' }, { resourceVersion: '22' }));
  story.podGone({ name: 'app-3', uid: 'pod-3' });
  const creations = [...story.inFlight.values()].filter((effect) => effect.type === 'createLease');
  assert.equal(creations.length, 1);
  assert.ok(!story.timers.has('campaign'));
});
