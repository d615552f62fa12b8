// Checks that an answer that is not awaited (late, repeated, or to another request) decides nothing in any role. A
// newer state that it shows is recorded all the same.

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

/** The number of a request that was never sent, or that was answered long ago. */
const STALE = 999;

/** A leader whose Lease was deleted by hand, and that reads its Pod. */
function loses(): Story {
  return leads().deleted(ownLease({ resourceVersion: '12' }));
}

/** A leader that backs off after a failed read of its Lease. */
function leadsBackingOff(): Story {
  return leads().fire('backstop').fail('readLease', 'unavailable');
}

/** A leader that stops. Its work has settled, and the read of its Pod is in flight. */
function readsOwnPod(): Story {
  return leads().stop().settled();
}

/** A leader that releases its Lease. The write of the annotation is in flight. */
function annotates(): Story {
  return leads().stop('always').settled();
}

const candidates: readonly Row[] = [
  {
    rule: 'a campaign ignores an answer about another Pod when it awaits one about its own',
    given: clears,
    when: (story) => story.take({ type: 'podRead', request: STALE, name: RIVAL.name, pod: null }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a campaign ignores an earlier answer about its Pod when it awaits a later one',
    given: () => clears().removed(),
    when: (story) => story.take({ type: 'podRead', request: STALE, name: SELF.name, pod: podOf(SELF) }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a campaign goes on when a read that it does not await fails',
    given: clears,
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a campaign goes on when a read that it does not await fails after its Pod was found',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a candidate does not believe that its DELETE was executed when the answer is to an earlier one',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.take({ type: 'leaseRemoved', request: STALE }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a candidate ignores the answer to an earlier DELETE when there is no Lease',
    given: () => starts().absent('10'),
    when: (story) => story.take({ type: 'leaseRemoved', request: STALE }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'the answer to the DELETE of one Lease does not remove the Lease that followed',
    given: () => {
      const another = leaseOf({ name: 'app-3', uid: 'pod-3' }, { uid: 'lease-2', resourceVersion: '30' });
      return clears().watched({ ...another, releasedBy: 'pod-3' });
    },
    when: (story) => story.removed(),
    role: 'candidate deletingOldLease',
    effects: ['deleteLease lease-2@30'],
  },
  {
    rule: 'a candidate accepts the answer to its DELETE after the DELETED event',
    given: () => clears().deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.removed(),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a resumption ignores the answer to an earlier write when it awaits its renewal',
    given: () => finds(leaseOf(SELF)).podRead(SELF.name, podOf(SELF)),
    when: (story) => story.take({ type: 'leaseWritten', request: STALE, lease: leaseOf(SELF) }),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'a resumption ignores the answer to an earlier read when it awaits its proof',
    given: () => finds(leaseOf(SELF)).refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    when: (story) => story.take({ type: 'leaseRead', request: STALE, lease: leaseOf(SELF) }),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'a candidate that awaits nothing ignores the answer to a write',
    given: follows,
    when: (story) => story.take({ type: 'leaseWritten', request: STALE, lease: leaseOf(RIVAL) }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate that awaits nothing ignores a failure',
    given: follows,
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('forbidden') }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: "a start goes on when the predecessor's Pod cannot be read and the create is in flight",
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
    rule: 'a candidate waits for its create when another request fails',
    given: creates,
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'candidate creating',
    effects: [],
  },
];

const leaders: readonly Row[] = [
  {
    rule: 'a leader believes an earlier read that shows a newer Lease of another Pod',
    given: leads,
    when: (story) =>
      story.take({
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
    rule: 'a leader does not believe an earlier read that shows an older Lease or none',
    given: leads,
    when: (story) =>
      story
        .take({ type: 'leaseRead', request: STALE, lease: leaseOf(RIVAL, { uid: 'lease-0', resourceVersion: '5' }) })
        .take({ type: 'leaseRead', request: STALE, lease: null }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader that backs off ignores the answer to an earlier read',
    given: leadsBackingOff,
    when: (story) => story.take({ type: 'leaseRead', request: STALE, lease: ownLease() }),
    role: 'leader backingOff',
    effects: [],
  },
  {
    rule: 'the answer to an earlier write does not change the timer of the renewal',
    given: leads,
    when: (story) => story.take({ type: 'leaseWritten', request: STALE, lease: ownLease() }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'the answer to an earlier write does not end a restoration',
    given: () => loses().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.take({ type: 'leaseWritten', request: STALE, lease: ownLease() }),
    role: 'leader restoring',
    effects: [],
  },
  {
    rule: 'a leader that restores its Lease ignores an answer about another Pod',
    given: loses,
    when: (story) => story.take({ type: 'podRead', request: STALE, name: RIVAL.name, pod: null }),
    role: 'leader restoring',
    effects: [],
  },
  {
    rule: 'a leader that has read no Pod ignores an answer about another Pod',
    given: leads,
    when: (story) => story.take({ type: 'podRead', request: STALE, name: RIVAL.name, pod: null }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader ignores the failure of a request that it does not await',
    given: leads,
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader that reads its Pod ignores the failure of another request',
    given: () => leads().podListed(SELF, null),
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'the failure of an earlier create does not end a restoration',
    given: () => loses().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leader restoring',
    effects: [],
  },
];

const leaving: readonly Row[] = [
  {
    rule: 'a leaving process ignores an earlier answer about its Pod when it awaits a later one',
    given: readsOwnPod,
    when: (story) =>
      story.take({ type: 'podRead', request: STALE, name: SELF.name, pod: podOf(SELF, { terminating: true }) }),
    role: 'leaving readingOwnPod',
    effects: [],
  },
  {
    rule: 'a leaving process that annotates its Lease ignores an earlier read of it',
    given: () => leads().stop('always').fire('backstop').settled(),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'a leaving process ignores work that settles a second time',
    given: annotates,
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'a leaving process ignores the failure of a request that it does not await',
    given: annotates,
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'a leaving process that awaits a read ignores the failure of another request',
    given: () => annotates().fail('replaceLease', 'unavailable'),
    when: (story) => story.take({ type: 'requestFailed', request: STALE, failure: failure('unavailable') }),
    role: 'leaving releasing',
    effects: [],
  },
];

/** An answer to an earlier read, which shows that this Pod no longer exists. */
function readsItsEnd(story: Story): Story {
  return story.take({ type: 'podRead', request: STALE, name: SELF.name, pod: null });
}

const ghosts: readonly Row[] = [
  {
    rule: 'an earlier read disqualifies a candidate when it shows that its Pod is gone',
    given: follows,
    when: readsItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'an earlier read ends a campaign when it shows that the Pod is gone',
    given: clears,
    when: readsItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'an earlier read ends a term when it shows that the Pod is gone',
    given: leads,
    when: readsItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'an earlier read ends a restoration when it shows that the Pod is gone',
    given: loses,
    when: readsItsEnd,
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'an earlier read disqualifies a candidate when it shows another Pod with its name',
    given: follows,
    when: (story) => story.take({ type: 'podRead', request: STALE, name: SELF.name, pod: podOf(NAMESAKE) }),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'a Pod that stepped down does not campaign when an earlier read showed that it is gone',
    given: () => readsItsEnd(leads().stepDown().settled()).replaced('12').removed(),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: [],
  },
];

checkTable([...candidates, ...leaders, ...leaving, ...ghosts]);
