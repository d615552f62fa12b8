// Checks how a candidate observes the Pod of the holder: by a watch, by reads when the watch fails, and by waiting when
// neither is permitted.

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

/** A candidate that must not read the holder's Pod, but has a watch that shows it alive. */
function mustNotRead(): Story {
  return follows().podWatched(RIVAL, podOf(RIVAL)).fire('backstop').refuse('readPod', 'forbidden');
}

const rows: readonly Row[] = [
  {
    rule: "a candidate reads the holder's Pod when the watch of that Pod fails",
    given: follows,
    when: (story) => story.take({ type: 'podWatchFailed', watched: RIVAL, failure: failure('unavailable') }),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`],
  },
  {
    rule: "a candidate does not read the holder's Pod again when it warned that it must not",
    given: () => finds(leaseOf(RIVAL)).refusePodWatch(RIVAL),
    when: (story) => story.refuse('readPod', 'forbidden').fire('backstop'),
    role: 'candidate',
    effects: ['setTimer permission 6000', 'clearTimer recheck', 'readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a candidate reads Pods again when the watch of the Pod is accepted',
    given: () => finds(leaseOf(RIVAL)).refusePodWatch(RIVAL).refuse('readPod', 'forbidden'),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)).fire('backstop'),
    role: 'candidate',
    effects: ['warning refusal-over', 'readLease', `readPod ${RIVAL.name}`, 'setTimer backstop 60000'],
  },
  {
    rule: 'a Lease that the garbage collector deleted is left to its holder for a grace when Pods cannot be read',
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
    rule: 'a Lease is not held for ever when the permission to read Pods is withdrawn while the holder is alive',
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
    rule: 'a Lease is not held for ever when first the read and then the watch of the Pod is forbidden',
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
    rule: 'a candidate relies on a working watch of the holder when a read of it was forbidden',
    given: () => follows().fire('backstop').refuse('readPod', 'forbidden').podWatched(RIVAL, podOf(RIVAL)),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: "a DELETED event of another Pod with the name of the holder's Pod changes nothing",
    given: follows,
    when: (story) => story.take({ type: 'podDeleted', watched: RIVAL, pod: podOf({ ...RIVAL, uid: 'pod-9' }) }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a fact about a Pod is ignored when no holder is known',
    given: () => starts().absent('10'),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)).podGone(RIVAL),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a read of the Pod is not a missing permission when it fails for another reason',
    given: () => follows().fire('backstop'),
    when: (story) => story.fail('readPod', 'unavailable').fire('backstop'),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a holder that was alive remains alive when Pods cannot be read and a watch fails for another reason',
    given: mustNotRead,
    when: (story) =>
      story
        .take({ type: 'podWatchFailed', watched: RIVAL, failure: failure('unavailable') })
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'a holder remains alive when Pods cannot be read and a watch of another Pod is forbidden',
    given: mustNotRead,
    when: (story) =>
      story
        .take({ type: 'podWatchFailed', watched: { name: 'app-3', uid: 'pod-3' }, failure: failure('forbidden') })
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'a holder that is gone remains gone when Pods cannot be read and a watch is forbidden',
    given: () => clears().refuse('readPod', 'forbidden', SELF.name),
    when: (story) => story.refusePodWatch(RIVAL),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a forbidden watch changes nothing when Pods cannot be read and nobody holds the Lease',
    given: () => starts().absent('10').refuse('readPod', 'forbidden', SELF.name),
    when: (story) => story.refusePodWatch(RIVAL),
    role: 'candidate creating',
    effects: [],
  },
  {
    rule: "a candidate reads the holder's Pod and does not warn again when the watch of that Pod is refused again",
    given: () => finds(leaseOf(RIVAL)).refusePodWatch(RIVAL).podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.refusePodWatch(RIVAL),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`],
  },
  {
    rule: "a candidate reads the holder's Pod before it takes over when a read of its own Pod shows that reads are permitted again",
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
    rule: 'a grace is not lengthened when a list shows again that there is no Lease',
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
    rule: 'a candidate notices a Role with only `get` on pods when it is granted late',
    given: () => {
      const story = finds(leaseOf(RIVAL)).refusePodWatch(RIVAL);
      return story.refuse('readPod', 'forbidden', RIVAL.name);
    },
    when: (story) => story.fire('permission').podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: [`readPod ${RIVAL.name}`, 'warning refusal-over', 'setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate notices that Role when the API server was unreachable at its first attempt',
    given: () => {
      const story = finds(leaseOf(RIVAL)).refusePodWatch(RIVAL).refuse('readPod', 'forbidden', RIVAL.name);
      return story.fire('permission').fail('readPod', 'unavailable', RIVAL.name);
    },
    when: (story) => story.fire('permission').podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, 'warning refusal-over'],
  },
];

checkTable(rows);
