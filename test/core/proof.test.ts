// Checks two proofs. A list without the holder's Pod only causes a read, and that read decides whether the holder is
// gone. A Pod that must not renew still holds its Lease only when a read of the same attempt shows it.

import { checkTable, finds, follows, leads, leaseOf, podOf, RIVAL, type Row, SELF, type Story } from './story.ts';

const THIRD = { name: 'app-3', uid: 'pod-3' };
const ELECTED = ['elected 20 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`];

/** A candidate that reads the rival's Pod because a list did not show it. */
function doubts(): Story {
  return follows().podListed(RIVAL, null);
}

/** A candidate that must not renew its Lease and has sent reads of the Lease and of its Pod. */
function reads(): Story {
  return finds(leaseOf(SELF)).refuse('replaceLease', 'forbidden');
}

/** The same after the answer to the read of its Pod: only the read of the Lease is in flight. */
function awaitsRead(): Story {
  return reads().podRead(SELF.name, podOf(SELF));
}

/** A candidate that must not renew. Another Pod has the Lease, and a read of the Lease is in flight. */
function readsLeaseOfAnother(): Story {
  return awaitsRead()
    .leaseRead(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '25' }))
    .fire('recheck');
}

/** The same after an event that shows this Pod's Lease. */
function seesLeaseDuringRead(): Story {
  return readsLeaseOfAnother().watched(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' }));
}

const absence: readonly Row[] = [
  {
    rule: "a candidate reads the holder's Pod once when lists do not show it, and does not take over",
    given: follows,
    when: (story) => story.podListed(RIVAL, null).podListed(RIVAL, null),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: "a candidate reads the holder's Pod again after five seconds when the first read failed",
    given: doubts,
    when: (story) => story.fail('readPod', 'unavailable').fire('recheck'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a candidate campaigns when the second read shows that the holder is gone',
    given: () => doubts().fail('readPod', 'unavailable').fire('recheck'),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a holder is no longer doubtful when a later event shows it',
    given: () => doubts().fail('readPod', 'unavailable'),
    when: (story) => story.podWatched(RIVAL, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: "a candidate reads the holder's Pod again when the read that shows it began before the list without it",
    given: () => follows().fire('backstop').podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'clearTimer recheck'],
  },
  {
    rule: 'a second read decides whether the holder is gone',
    given: () => follows().fire('backstop').podListed(RIVAL, null).podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a holder is gone when a read that began before the list without it does not show it either',
    given: () => follows().fire('backstop').podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a DELETED event proves without a read that the holder is gone',
    given: doubts,
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate leaves a missing Lease to a holder that a list does not show',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.podListed(RIVAL, null),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`],
  },
  {
    rule: 'a candidate campaigns for a missing Lease when a read proves that its holder is gone',
    given: () =>
      follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '21' }))
        .podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, null).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: ['setTimer campaign 25', 'leaderChanged nobody', `readPod ${SELF.name}`],
  },
  {
    rule: 'a leader reads its Pod again soon when a list did not show it and the read failed',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.fail('readPod', 'unavailable').fire('retry'),
    role: 'leader',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`],
  },
  {
    rule: 'a leader does not repeat a failed read of its Pod when the Pod was seen alive',
    given: () => leads().fire('backstop'),
    when: (story) => story.fail('readPod', 'unavailable'),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader that must not read Pods does not repeat the read',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.refuse('readPod', 'forbidden'),
    role: 'leader',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden'],
  },
  {
    rule: 'a read ends the term when neither a list nor the read shows this Pod',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
];

const possession: readonly Row[] = [
  {
    rule: 'a Pod that must not renew resumes its term when both reads are answered (the Pod last)',
    given: () => reads().leaseRead(leaseOf(SELF)),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'leader',
    effects: ELECTED,
  },
  {
    rule: 'a Pod that must not renew resumes its term when both reads are answered (the Lease last)',
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(SELF)),
    role: 'leader',
    effects: ELECTED,
  },
  {
    rule: 'a list is not the proof for a resumption',
    given: awaitsRead,
    when: (story) => story.listed(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'a term resumes with the Lease that was read when no event showed that version',
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '23' })),
    role: 'leader',
    effects: ['elected 23 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a read proves nothing and the attempt starts again when an event overtook the read',
    given: () => awaitsRead().watched(leaseOf(SELF, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'an attempt that started again resumes the term when its own reads are answered',
    given: () =>
      awaitsRead()
        .watched(leaseOf(SELF, { resourceVersion: '25' }))
        .leaseRead(leaseOf(SELF)),
    when: (story) => story.podRead(SELF.name, podOf(SELF)).leaseRead(leaseOf(SELF, { resourceVersion: '25' })),
    role: 'leader',
    effects: ['elected 25 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'an event does not overtake a read that already showed its version',
    given: () => awaitsRead().watched(leaseOf(SELF, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '25' })),
    role: 'leader',
    effects: ['elected 25 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a candidate creates the Lease when the read finds none',
    given: awaitsRead,
    when: (story) => story.leaseRead(null).fire('campaign').podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`, 'createLease transitions=4'],
  },
  {
    rule: 'a candidate repeats the read and the attempt when the read finds no Lease but an event showed a change',
    given: () => awaitsRead().watched(leaseOf(SELF, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(null).leaseRead(leaseOf(SELF, { resourceVersion: '25' })),
    role: 'candidate resuming',
    effects: ['readLease', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'an attempt ends when the read shows that another Pod has the Lease',
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '25' })),
    role: 'candidate',
    effects: ['watchPod app-3/pod-3', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
  {
    rule: 'a candidate deletes its Lease when the read shows that it is released',
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '25', releasedBy: SELF.uid })),
    role: 'candidate deletingOldLease',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`],
  },
  {
    rule: 'a candidate does not lead when its Lease is released after the read',
    given: () => reads().leaseRead(leaseOf(SELF)),
    when: (story) =>
      story.watched(leaseOf(SELF, { resourceVersion: '25', releasedBy: SELF.uid })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate deletingOldLease',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`],
  },
  {
    rule: 'a candidate proves a Lease that replaced the proven one, a second later',
    given: () => finds(leaseOf(SELF)).replaced('21'),
    when: (story) => {
      const next = leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' });
      story.listed(next).podRead(SELF.name, podOf(SELF)).fire('retry').leaseRead(next);
    },
    role: 'candidate resuming',
    effects: [
      'clearTimer stale',
      'setTimer retry 1000',
      'readLease',
      `readPod ${SELF.name}`,
      'replaceLease lease-2@30',
    ],
  },
  {
    rule: 'a process does not lead when its Pod is gone, whatever the read shows',
    given: reads,
    when: (story) => story.podRead(SELF.name, null).leaseRead(leaseOf(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'a candidate warns and tries again when the read of the Lease is forbidden as well',
    given: () =>
      follows()
        .watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' }))
        .refuse('replaceLease', 'forbidden'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['warning read-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'a candidate repeats the read of the Lease after a wait when it fails for another reason',
    given: awaitsRead,
    when: (story) => story.fail('readLease', 'unavailable').fire('retry'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188', 'readLease'],
  },
  {
    rule: 'a repeated read ends only the back-off, and the next attempt sends its own reads',
    given: () => awaitsRead().fail('readLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'a failed read of this Pod ends the attempt, and the next attempt reads the Lease again',
    given: () => reads().leaseRead(leaseOf(SELF)),
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).fire('retry').leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: "a candidate begins no attempt before the answer to a read that was in flight when this Pod's Lease appeared",
    given: readsLeaseOfAnother,
    when: (story) => story.watched(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' })),
    role: 'candidate',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a candidate begins its attempt and sends its own reads when the earlier read is answered',
    given: seesLeaseDuringRead,
    when: (story) => story.leaseRead(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'a candidate reads the Lease after a wait and then begins its attempt when the earlier read failed',
    given: seesLeaseDuringRead,
    when: (story) => {
      story.fail('readLease', 'unavailable').fire('retry');
      story.leaseRead(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' }));
    },
    role: 'candidate resuming',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'a Pod that may renew does not wait for the read: the write is the proof',
    given: () => finds(leaseOf(THIRD)).fire('recheck'),
    when: (story) => story.watched(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-3@30'],
  },
  {
    rule: 'an earlier read is not the proof of an attempt when renewals are refused',
    given: () =>
      finds(leaseOf(THIRD))
        .fire('recheck')
        .watched(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' }))
        .podRead(SELF.name, podOf(SELF)),
    when: (story) => story.leaseRead(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [],
  },
];

checkTable([...absence, ...possession]);
