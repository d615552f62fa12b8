// Checks what counts as proof. That a holder is gone: a list without its Pod only causes a read. That this Pod still
// holds its Lease, when it cannot be renewed: only a read that was sent within the attempt.

import { checkTable, finds, follows, leads, leaseOf, podOf, RIVAL, type Row, SELF, type Story } from './story.ts';

const THIRD = { name: 'app-3', uid: 'pod-3' };
const ELECTED = ['elected 20 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`];

/** A list did not show the rival's Pod: it is being read. */
function doubts(): Story {
  return follows().podListed(RIVAL, null);
}

/** This Pod is not permitted to renew its Lease: it has sent reads of the Lease and of the Pod. */
function reads(): Story {
  return finds(leaseOf(SELF)).refuse('replaceLease', 'forbidden');
}

/** As `reads`; its Pod is known to exist, so that only the Lease is missing. */
function awaitsRead(): Story {
  return reads().podRead(SELF.name, podOf(SELF));
}

/** This Pod is not permitted to renew. Another Pod has the Lease now, and a read of it is in flight. */
function looks(): Story {
  return awaitsRead()
    .leaseRead(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '25' }))
    .fire('recheck');
}

/** This Pod's Lease appeared while that read was in flight. */
function looksBefore(): Story {
  return looks().watched(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' }));
}

const absence: readonly Row[] = [
  {
    rule: 'a list without the holder makes it ask once, however often it comes, and take nothing over',
    given: follows,
    when: (story) => story.podListed(RIVAL, null).podListed(RIVAL, null),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a read that fails after such a list proves nothing: the Pod is asked for again after five seconds',
    given: doubts,
    when: (story) => story.fail('readPod', 'unavailable').fire('recheck'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'the holder that was asked for again is gone',
    given: () => doubts().fail('readPod', 'unavailable').fire('recheck'),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a holder that a later event shows is no longer in doubt',
    given: () => doubts().fail('readPod', 'unavailable'),
    when: (story) => story.podWatched(RIVAL, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: 'a read that was under way when the doubt arose may be older: that it finds the holder makes it ask again',
    given: () => follows().fire('backstop').podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'clearTimer recheck'],
  },
  {
    rule: 'the second read decides',
    given: () => follows().fire('backstop').podListed(RIVAL, null).podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a read that was under way when the doubt arose, and does not find the holder, proves that it is gone',
    given: () => follows().fire('backstop').podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a DELETED event proves it without the read',
    given: doubts,
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a missing Lease is left to a holder that a list does not show',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.podListed(RIVAL, null),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`],
  },
  {
    rule: 'a missing Lease is free once a read proves that its holder is gone',
    given: () =>
      follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '21' }))
        .podListed(RIVAL, null),
    when: (story) => story.podRead(RIVAL.name, null).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: ['setTimer campaign 25', 'leaderChanged nobody', `readPod ${SELF.name}`],
  },
  {
    rule: 'a leader whose Pod is in doubt does not wait a minute when the read fails: it asks again soon',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.fail('readPod', 'unavailable').fire('retry'),
    role: 'leader',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`],
  },
  {
    rule: 'a leader whose Pod was seen alive lets a failed look at it be',
    given: () => leads().fire('backstop'),
    when: (story) => story.fail('readPod', 'unavailable'),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader that is not permitted to read Pods does not read again',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.refuse('readPod', 'forbidden'),
    role: 'leader',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden'],
  },
  {
    rule: 'a read that does not find this Pod, after a list that did not, ends the term',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
];

const possession: readonly Row[] = [
  {
    rule: "this Pod's Lease is read before the term resumes when it cannot be renewed: here the Pod is answered last",
    given: () => reads().leaseRead(leaseOf(SELF)),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'leader',
    effects: ELECTED,
  },
  {
    rule: 'here the Lease is answered last',
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(SELF)),
    role: 'leader',
    effects: ELECTED,
  },
  {
    rule: 'a list is no such read',
    given: awaitsRead,
    when: (story) => story.listed(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'the term begins with what was read, although nothing had told of it yet',
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '23' })),
    role: 'leader',
    effects: ['elected 23 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a read that an event has overtaken proves nothing: the attempt starts again',
    given: () => awaitsRead().watched(leaseOf(SELF, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'the attempt that started again succeeds with its own answers',
    given: () =>
      awaitsRead()
        .watched(leaseOf(SELF, { resourceVersion: '25' }))
        .leaseRead(leaseOf(SELF)),
    when: (story) => story.podRead(SELF.name, podOf(SELF)).leaseRead(leaseOf(SELF, { resourceVersion: '25' })),
    role: 'leader',
    effects: ['elected 25 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'an event that was read already overtakes nothing',
    given: () => awaitsRead().watched(leaseOf(SELF, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '25' })),
    role: 'leader',
    effects: ['elected 25 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a read that finds none leads to a create',
    given: awaitsRead,
    when: (story) => story.leaseRead(null).fire('campaign').podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`, 'createLease transitions=4'],
  },
  {
    rule: 'a read that finds none, although the Lease changed in the meantime, is asked again, and the attempt after that',
    given: () => awaitsRead().watched(leaseOf(SELF, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(null).leaseRead(leaseOf(SELF, { resourceVersion: '25' })),
    role: 'candidate resuming',
    effects: ['readLease', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: "a read that finds somebody else's ends the attempt",
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '25' })),
    role: 'candidate',
    effects: ['watchPod app-3/pod-3', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
  {
    rule: 'a read that finds it given up is no proof: it is cleared away',
    given: awaitsRead,
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '25', releasedBy: SELF.uid })),
    role: 'candidate deletingOldLease',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`],
  },
  {
    rule: 'a Lease that is given up after it was read is not led with',
    given: () => reads().leaseRead(leaseOf(SELF)),
    when: (story) =>
      story.watched(leaseOf(SELF, { resourceVersion: '25', releasedBy: SELF.uid })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate deletingOldLease',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`],
  },
  {
    rule: 'a Lease that took the place of the one that was proven is proven, too, a second later',
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
    rule: 'a process whose Pod is gone does not lead, whatever the read says',
    given: reads,
    when: (story) => story.podRead(SELF.name, null).leaseRead(leaseOf(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'a read that is forbidden, too, is warned of, and tried again',
    given: () =>
      follows()
        .watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' }))
        .refuse('replaceLease', 'forbidden'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['warning read-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'a read that fails otherwise is repeated after a wait',
    given: awaitsRead,
    when: (story) => story.fail('readLease', 'unavailable').fire('retry'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188', 'readLease'],
  },
  {
    rule: 'the repetition only ends the rest: the attempt after it asks for itself',
    given: () => awaitsRead().fail('readLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'a read of this Pod that fails ends the attempt, and the next attempt reads the Lease again',
    given: () => reads().leaseRead(leaseOf(SELF)),
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).fire('retry').leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: "a read that was in flight when this Pod's Lease appeared proves nothing: its answer is awaited",
    given: looks,
    when: (story) => story.watched(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' })),
    role: 'candidate',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'its answer ends the wait, and the attempt asks for itself',
    given: looksBefore,
    when: (story) => story.leaseRead(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'its failure ends the wait, too: the Lease is read after a while, and once more within the attempt',
    given: looksBefore,
    when: (story) => {
      story.fail('readLease', 'unavailable').fire('retry');
      story.leaseRead(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' }));
    },
    role: 'candidate resuming',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'who may renew does not wait for it: the write is the proof',
    given: () => finds(leaseOf(THIRD)).fire('recheck'),
    when: (story) => story.watched(leaseOf(SELF, { uid: 'lease-3', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-3@30'],
  },
  {
    rule: 'and its answer is no proof of that attempt',
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
