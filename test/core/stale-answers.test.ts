// Checks that an answer which nobody waits for (late, repeated, or to another question) decides nothing, whatever
// role it meets. What it shows of the cluster is noted all the same, where it is news.

import {
  checkTable,
  clears,
  creates,
  failure,
  finds,
  follows,
  leads,
  leaseOf,
  NAMESAKE,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  starts,
} from './story.ts';

/** The number of a request that nobody sent, or that was answered long ago. */
const STALE = 999;

/** A leader whose Lease was deleted by hand; it asks whether its own Pod exists. */
function loses(): Story {
  return leads().deleted(ownLease({ resourceVersion: '12' }));
}

/** A leader that rests after a look at its Lease failed. */
function leadsResting(): Story {
  return leads().fire('backstop').fail('readLease', 'unavailable');
}

/** A leader that was stopped; its work has settled, and it asks whether its own Pod is being deleted. */
function readsOwnPod(): Story {
  return leads().stop().settled();
}

/** A leader that gives its Lease up: the mark is under way. */
function marks(): Story {
  return leads().stop('always').settled();
}

const candidates: readonly Row[] = [
  {
    rule: 'a campaign does not take an answer about another Pod for the one about its own: gone',
    given: clears,
    when: (story) => story.tell({ type: 'podRead', request: STALE, name: RIVAL.name, pod: null }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a campaign does not take an earlier answer about its own Pod for the one that it waits for',
    given: () => clears().removed(),
    when: (story) => story.tell({ type: 'podRead', request: STALE, name: SELF.name, pod: podOf(SELF) }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a campaign goes on when a read fails that it did not ask for',
    given: clears,
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a campaign goes on when a read fails that it did not ask for, after its own Pod was found to exist',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'the answer to an earlier DELETE does not remove what stands now',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.tell({ type: 'leaseRemoved', request: STALE }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'the answer to an earlier DELETE says nothing where there is nothing to delete',
    given: () => starts().absent('10'),
    when: (story) => story.tell({ type: 'leaseRemoved', request: STALE }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'the answer to the DELETE of one Lease does not remove another that came in the meantime',
    given: () => {
      const another = leaseOf({ name: 'app-3', uid: 'pod-3' }, { uid: 'lease-2', resourceVersion: '30' });
      return clears().watched({ ...another, releasedBy: 'pod-3' });
    },
    when: (story) => story.removed(),
    role: 'candidate deletingOldLease',
    effects: ['deleteLease lease-2@30'],
  },
  {
    rule: 'the answer to a DELETE may come after the DELETED event, while this Pod is still being read',
    given: () => clears().deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.removed(),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a resumption does not take the answer to an earlier write for its renewal',
    given: () => finds(leaseOf(SELF)).podRead(SELF.name, podOf(SELF)),
    when: (story) => story.tell({ type: 'leaseWritten', request: STALE, lease: leaseOf(SELF) }),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'a resumption does not take an earlier look at the Lease for the one that proves it',
    given: () => finds(leaseOf(SELF)).refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    when: (story) => story.tell({ type: 'leaseRead', request: STALE, lease: leaseOf(SELF) }),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'who waits for nothing is not moved by the answer to a write',
    given: follows,
    when: (story) => story.tell({ type: 'leaseWritten', request: STALE, lease: leaseOf(RIVAL) }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'who waits for nothing is not moved by a failure',
    given: follows,
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('forbidden') }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: "a predecessor's Pod that cannot be read does not end a start: the create is still under way",
    given: () => {
      const story = starts()
        .listed(leaseOf(RIVAL, { releasedBy: RIVAL.uid }))
        .fire('campaign');
      return story.podRead(SELF.name, podOf(SELF)).removed().fire('backstop');
    },
    when: (story) => story.refuse('readPod', 'forbidden', RIVAL.name),
    role: 'candidate creating',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden'],
  },
  {
    rule: 'a create is waited for whatever else fails in the meantime',
    given: creates,
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'candidate creating',
    effects: [],
  },
];

const leaders: readonly Row[] = [
  {
    rule: 'a leader believes the answer to an earlier read that shows a newer Lease: it is another Pod’s',
    given: leads,
    when: (story) =>
      story.tell({
        type: 'leaseRead',
        request: STALE,
        lease: leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '30' }),
      }),
    role: 'candidate',
    effects: [
      'watchPod app-2/pod-2',
      'clearTimer renew',
      'demoted usurped',
      'setTimer recheck 5000',
      'leaderChanged app-2/pod-2',
    ],
  },
  {
    rule: 'a leader does not believe the answer to an earlier read that shows an older Lease, or none',
    given: leads,
    when: (story) =>
      story
        .tell({ type: 'leaseRead', request: STALE, lease: leaseOf(RIVAL, { uid: 'lease-0', resourceVersion: '5' }) })
        .tell({ type: 'leaseRead', request: STALE, lease: null }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader at rest is not woken by the answer to an earlier look',
    given: leadsResting,
    when: (story) => story.tell({ type: 'leaseRead', request: STALE, lease: ownLease() }),
    role: 'leader backingOff',
    effects: [],
  },
  {
    rule: 'the answer to an earlier write does not move the next renewal',
    given: leads,
    when: (story) => story.tell({ type: 'leaseWritten', request: STALE, lease: ownLease() }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'the answer to an earlier write does not end a restoration',
    given: () => loses().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.tell({ type: 'leaseWritten', request: STALE, lease: ownLease() }),
    role: 'leader restoring',
    effects: [],
  },
  {
    rule: 'a leader that restores its Lease does not take an answer about another Pod for the one about its own',
    given: loses,
    when: (story) => story.tell({ type: 'podRead', request: STALE, name: RIVAL.name, pod: null }),
    role: 'leader restoring',
    effects: [],
  },
  {
    rule: 'a leader that asked for no Pod is not moved by an answer about one',
    given: leads,
    when: (story) => story.tell({ type: 'podRead', request: STALE, name: RIVAL.name, pod: null }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader is not moved by the failure of a request that it does not wait for',
    given: leads,
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader that asks for its Pod is not moved by the failure of another request',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'the failure of an earlier create does not end a restoration',
    given: () => loses().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leader restoring',
    effects: [],
  },
];

const leaving: readonly Row[] = [
  {
    rule: 'who leaves does not take an earlier answer about its own Pod for the one that it waits for',
    given: readsOwnPod,
    when: (story) =>
      story.tell({ type: 'podRead', request: STALE, name: SELF.name, pod: podOf(SELF, { terminating: true }) }),
    role: 'leaving readingOwnPod',
    effects: [],
  },
  {
    rule: 'who marks its Lease is not disturbed by a look at it that was asked for before',
    given: () => leads().stop('always').fire('backstop').settled(),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'work that settles a second time decides nothing again',
    given: marks,
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'who leaves is not moved by the failure of a request that it does not wait for',
    given: marks,
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'who waits for a look is not moved by the failure of another request',
    given: () => marks().fail('replaceLease', 'unavailable'),
    when: (story) => story.tell({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leaving releasing',
    effects: [],
  },
];

/** This Pod no longer exists; the read was sent a while ago. */
function hearsOfItsEnd(story: Story): Story {
  return story.tell({ type: 'podRead', request: STALE, name: SELF.name, pod: null });
}

const ghosts: readonly Row[] = [
  {
    rule: 'that its own Pod is gone bars a candidate, although the answer is to an earlier question',
    given: follows,
    when: hearsOfItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'that its own Pod is gone ends a campaign, although the answer is to an earlier question',
    given: clears,
    when: hearsOfItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'that its own Pod is gone ends a term, although the answer is to an earlier question',
    given: leads,
    when: hearsOfItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'that its own Pod is gone ends a restoration, although the answer is to an earlier question',
    given: loses,
    when: hearsOfItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: "an earlier answer that shows another Pod with this Pod's name also disqualifies: this Pod is gone",
    given: follows,
    when: (story) => story.tell({ type: 'podRead', request: STALE, name: SELF.name, pod: podOf(NAMESAKE) }),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'who steps down does not come back once an earlier answer has said that its own Pod is gone',
    given: () => hearsOfItsEnd(leads().stepDown().settled()).replaced('12').removed(),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: [],
  },
];

checkTable([...candidates, ...leaders, ...leaving, ...ghosts]);
