// Checks what a follower does when a renewal is overdue: it reads, so that a dead watch, a silent leader and a process
// that were suspended themselves are told apart.

import {
  checkTable,
  failure,
  follows,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
} from './story.ts';

const renewing = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 30 });
const renewed = { ...renewing, resourceVersion: '21', renewTimeMs: 11_000 };
const STALE = `stale ${RIVAL.name}/${RIVAL.uid}`;

/** A third Pod. */
const OTHER = { name: 'app-3', uid: 'pod-3' };

/** A follower whose leader has not renewed for 15 s. */
function waits(): Story {
  return follows(renewing).fire('stale');
}

/** A follower that has read twice, the second time after the duration of the Lease. */
function waitsLonger(): Story {
  const story = waits().leaseRead(renewing);
  return story.podRead(RIVAL.name, podOf(RIVAL)).fire('stale');
}

/** A follower that goes by lists and its watch alone, since reads of the Lease are refused. */
function refusedToRead(): Story {
  return waits().refuse('readLease').fire('retry').podRead(RIVAL.name, podOf(RIVAL));
}

const rows: readonly Row[] = [
  {
    rule: 'a leader whose Lease was given away waits for a renewal of the new holder, which may never renew',
    given: () => leads().fire('renew').replaced('12'),
    when: (story) => story.watched(leaseOf(RIVAL, { ...renewing, uid: 'lease-1', resourceVersion: '20' })),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      `renewed ${RIVAL.name}/${RIVAL.uid}`,
      'clearTimer renew',
      'setTimer stale 15000',
      'demoted usurped',
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: 'a renewal that is half an interval overdue makes a follower read the Lease and the Pod of its holder',
    given: () => follows(renewing),
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'readLease', `readPod ${RIVAL.name}`],
  },
  {
    rule: 'a read that shows a renewal which the watch did not show makes the watch list again',
    given: waits,
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a read that shows nothing new leaves the watch alone, and the leader is not called silent yet',
    given: waits,
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a renewal that the watch showed before the answer leaves the watch alone',
    given: () => waits().watched(renewed),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a read that shows that the Lease is gone makes the watch list again',
    given: waits,
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['relist lease', 'clearTimer stale', 'setTimer recheck 5000'],
  },
  {
    rule: 'a Pod that is gone without a word of its watch is taken over',
    given: () => waits().leaseRead(renewing),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a leader is called silent by a read that was sent after the duration of its Lease',
    given: waitsLonger,
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: [`${STALE} for 30000`],
  },
  {
    rule: 'a leader that was called silent and renews again has recovered',
    given: () => waitsLonger().leaseRead(renewing),
    when: (story) => story.watched(renewed),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`, `recovered ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a leader that was called silent and restores its Lease has recovered',
    given: () =>
      waitsLonger()
        .leaseRead(renewing)
        .deleted({ ...renewing, resourceVersion: '21' }),
    when: (story) => story.watched({ ...renewed, uid: 'lease-2', resourceVersion: '22' }),
    role: 'candidate',
    effects: ['setTimer stale 15000', `recovered ${RIVAL.name}/${RIVAL.uid}`, 'clearTimer recheck'],
  },
  {
    rule: 'a change of leaders ends a silence, and nobody has recovered',
    given: () => waitsLonger().leaseRead(renewing),
    when: (story) => story.watched({ ...renewed, owner: OTHER, holderIdentity: OTHER.name }),
    role: 'candidate',
    effects: [
      `watchPod ${OTHER.name}/${OTHER.uid}`,
      'setTimer stale 15000',
      `renewed ${OTHER.name}/${OTHER.uid}`,
      'setTimer recheck 5000',
      `leaderChanged ${OTHER.name}/${OTHER.uid}`,
    ],
  },
  {
    rule: 'a leader recovers once',
    given: () => waitsLonger().leaseRead(renewing).watched(renewed),
    when: (story) => story.watched({ ...renewed, resourceVersion: '22', renewTimeMs: 21_000 }),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a leader is called silent once',
    given: () => waitsLonger().leaseRead(renewing).fire('backstop'),
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'an answer to a read from before the duration was over calls no leader silent, and another read follows',
    given: () => waits().fire('stale'),
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: ['readLease'],
  },
  {
    rule: 'a follower that was suspended takes the renewals from its sockets, and calls nobody silent',
    given: () => follows(renewing).wait(60_000).tell({ type: 'timerFired', timer: 'stale' }).watched(renewed),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a follower that cannot reach the API server calls nobody silent',
    given: waitsLonger,
    when: (story) =>
      story.fail('readLease', 'unavailable').tell({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a follower that is not allowed to read the Lease lists it, and calls nobody silent before',
    given: refusedToRead,
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000'],
  },
  {
    rule: 'a list that shows nothing new calls the leader silent where the Lease cannot be read',
    given: () => refusedToRead().fire('stale'),
    when: (story) => story.listed(renewing),
    role: 'candidate',
    effects: [`${STALE} for 30000`],
  },
  {
    rule: 'a list that shows a renewal calls nobody silent',
    given: () => refusedToRead().fire('stale'),
    when: (story) => story.listed(renewed),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a follower that can neither read nor list calls nobody silent, and lists again',
    given: () =>
      refusedToRead()
        .fire('stale')
        .tell({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000'],
  },
  {
    rule: 'a change of labels is no renewal: the silence goes on',
    given: () => follows(renewing).wait(10_000),
    when: (story) => story.watched({ ...renewing, resourceVersion: '21' }).fire('stale'),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'readLease', `readPod ${RIVAL.name}`],
  },
  {
    rule: 'a Lease without renewals is not waited for',
    given: () => follows(renewing),
    when: (story) => story.watched({ ...renewing, resourceVersion: '21', renewTimeMs: null }),
    role: 'candidate',
    effects: ['clearTimer stale'],
  },
  {
    rule: 'an event DELETED with the version of the Lease itself is undone by a read that shows the Lease',
    given: () => follows(renewing).deleted(renewing).fire('recheck'),
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'clearTimer recheck'],
  },
  {
    rule: 'a leader whose create is answered 409 after such an event reads its Lease, and keeps its term',
    given: () => {
      const story = leads().deleted(ownLease()).podRead(SELF.name, podOf(SELF)).fail('createLease', 'alreadyExists');
      return story;
    },
    when: (story) => story.leaseRead(ownLease()),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a dead watch is found out, too, when the read of the overdue renewal succeeds only with its second try',
    given: () => waits().fail('readLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
];

checkTable(rows);
