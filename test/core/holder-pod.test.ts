// Checks how a candidate keeps track of the Pod that holds the Lease: by a watch, by reads where the watch fails, and
// with patience where neither is permitted.

import { BACKSTOP_INTERVAL_MS } from '../../src/core/observation.ts';
import { UNREADABLE_HOLDER_GRACE_MS } from '../../src/core/verdict.ts';
import {
  checkTable,
  clears,
  failure,
  finds,
  follows,
  leaseOf,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  starts,
} from './story.ts';

/** Reading the holder's Pod was forbidden, while a watch shows it alive. Then that watch, too, may end. */
function blindly(): Story {
  return follows().podWatched(RIVAL, podOf(RIVAL)).fire('backstop').refuse('readPod', 'forbidden');
}

const rows: readonly Row[] = [
  {
    rule: 'a Pod watch that fails is followed by a read of that Pod',
    given: follows,
    when: (story) => story.tell({ type: 'podWatchFailed', watched: RIVAL, failure: failure('unavailable') }),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`],
  },
  {
    rule: 'a Pod that cannot be read is not read again, with one warning',
    given: () => finds(leaseOf(RIVAL)).refusePodWatch(RIVAL),
    when: (story) => story.refuse('readPod', 'forbidden').fire('backstop'),
    role: 'candidate',
    effects: ['setTimer permission 6000', 'clearTimer recheck', 'readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a Pod watch that works after all gives that up again',
    given: () => finds(leaseOf(RIVAL)).refusePodWatch(RIVAL).refuse('readPod', 'forbidden'),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)).fire('backstop'),
    role: 'candidate',
    effects: ['warning refusal-over', 'readLease', `readPod ${RIVAL.name}`, 'setTimer backstop 60000'],
  },
  {
    rule: 'when Pods cannot be read, a Lease that the garbage collector deleted is left to its holder for a grace',
    given: () => finds(leaseOf(RIVAL)).refusePodWatch(RIVAL).refuse('readPod', 'forbidden'),
    when: (story) =>
      story
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .fire('recheck')
        .fire('campaign')
        .refuse('readPod', 'forbidden', SELF.name),
    role: 'candidate creating',
    effects: [
      'setTimer recheck 10000',
      'setTimer campaign 25',
      `readPod ${SELF.name}`,
      'setTimer permission 12000',
      'createLease transitions=4',
    ],
  },
  {
    rule: 'a permission to read Pods that is taken away while the holder was alive does not hold the Lease for ever',
    given: () => follows().refusePodWatch(RIVAL).refuse('readPod', 'forbidden').refusePodWatch(RIVAL),
    when: (story) =>
      story
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .fire('recheck')
        .fire('campaign')
        .refuse('readPod', 'forbidden', SELF.name),
    role: 'candidate creating',
    effects: [
      'setTimer recheck 10000',
      'setTimer campaign 25',
      `readPod ${SELF.name}`,
      'setTimer permission 12000',
      'createLease transitions=4',
    ],
  },
  {
    rule: 'the same when the read was forbidden first, and the watch later',
    given: () =>
      follows()
        .fire('backstop')
        .refuse('readPod', 'forbidden')
        .podWatched(RIVAL, podOf(RIVAL))
        .fire('backstop')
        .refuse('readPod', 'forbidden')
        .refusePodWatch(RIVAL),
    when: (story) =>
      story
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .fire('recheck')
        .fire('campaign')
        .refuse('readPod', 'forbidden', SELF.name),
    role: 'candidate creating',
    effects: [
      'setTimer recheck 10000',
      'setTimer campaign 25',
      `readPod ${SELF.name}`,
      'setTimer permission 12000',
      'createLease transitions=4',
    ],
  },
  {
    rule: 'a watch of the holder that still works is believed although a read was forbidden',
    given: () => follows().fire('backstop').refuse('readPod', 'forbidden').podWatched(RIVAL, podOf(RIVAL)),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'the DELETED event of another Pod of that name proves nothing: the holder is read',
    given: follows,
    when: (story) => story.tell({ type: 'podDeleted', watched: RIVAL, pod: podOf({ ...RIVAL, uid: 'pod-9' }) }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'news of a Pod while nobody is known to hold the Lease is dropped',
    given: () => starts().absent('10'),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)).podGone(RIVAL),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a read of the Pod that fails otherwise is not taken for a missing permission',
    given: () => follows().fire('backstop'),
    when: (story) => story.fail('readPod', 'unavailable').fire('backstop'),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'when Pods cannot be read, a watch that fails otherwise leaves a holder that was alive alive',
    given: blindly,
    when: (story) =>
      story
        .tell({ type: 'podWatchFailed', watched: RIVAL, failure: failure('unavailable') })
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'when Pods cannot be read, a watch of another Pod that is forbidden leaves the holder alive',
    given: blindly,
    when: (story) =>
      story
        .tell({ type: 'podWatchFailed', watched: { name: 'app-3', uid: 'pod-3' }, failure: failure('forbidden') })
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'when Pods cannot be read, a watch that is forbidden does not bring a holder back that is gone',
    given: () => clears().refuse('readPod', 'forbidden', SELF.name),
    when: (story) => story.refusePodWatch(RIVAL),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'when Pods cannot be read, a watch that is forbidden while nobody holds the Lease is nothing',
    given: () => starts().absent('10').refuse('readPod', 'forbidden', SELF.name),
    when: (story) => story.refusePodWatch(RIVAL),
    role: 'candidate creating',
    effects: [],
  },
  {
    rule: 'where a Pod may be read, but not watched, that is said when the watch is refused again',
    given: () => finds(leaseOf(RIVAL)).refusePodWatch(RIVAL).podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.refusePodWatch(RIVAL),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`],
  },
  {
    rule: 'an own Pod that can be read shows that Pods may be read again: the holder is asked for before it is succeeded',
    given: () => {
      const story = finds(leaseOf(RIVAL)).fire('recheck').refuse('readPod', 'forbidden').leaseRead(leaseOf(RIVAL));
      return story
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .fire('recheck')
        .fire('campaign');
    },
    when: (story) => story.podRead(SELF.name, podOf(SELF)).fire('recheck'),
    role: 'candidate',
    effects: [
      'warning refusal-over',
      'setTimer recheck 4975',
      'readLease',
      `readPod ${RIVAL.name}`,
      'setTimer recheck 5000',
    ],
  },
  {
    rule: 'a grace that runs is not made longer by a list that finds again that there is no Lease',
    given: () =>
      finds(leaseOf(RIVAL))
        .refusePodWatch(RIVAL)
        .refuse('readPod', 'forbidden')
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .wait(UNREADABLE_HOLDER_GRACE_MS / 2),
    when: (story) => story.absent('26').fire('recheck'),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25'],
  },
  {
    rule: 'a Role that grants only `get` on pods, and that comes late, is noticed',
    given: () => {
      const story = finds(leaseOf(RIVAL)).refusePodWatch(RIVAL);
      return story.refuse('readPod', 'forbidden', RIVAL.name);
    },
    when: (story) => story.fire('permission').podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: [`readPod ${RIVAL.name}`, 'warning refusal-over', 'setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'nor is it missed when the API server is away at the moment of that try',
    given: () => {
      const story = finds(leaseOf(RIVAL)).refusePodWatch(RIVAL).refuse('readPod', 'forbidden', RIVAL.name);
      return story.fire('permission').fail('readPod', 'unavailable', RIVAL.name);
    },
    when: (story) => story.fire('permission').podRead(RIVAL.name, podOf(RIVAL)).forget(),
    role: 'candidate',
    effects: [],
  },
];

checkTable(rows);
