// Checks what a candidate does when there is no Lease, and when its requests fail. How it succeeds a leader,
// resumes a term of its Pod, and meets a foreign Lease has files of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAMPAIGN_JITTER_MS } from '../../src/core/successor.ts';
import {
  checkTable,
  clears,
  creates,
  failure,
  follows,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  starts,
  WALL_MS,
} from './story.ts';

const JITTER = `setTimer campaign ${CAMPAIGN_JITTER_MS / 2}`;
const ELECTED = ['setTimer renew 10000'];

/** The rival's Lease is gone and this Pod exists: the create is under way. */
function succeeds(): Story {
  return clears().podRead(SELF.name, podOf(SELF)).removed();
}

const absence: readonly Row[] = [
  {
    rule: 'who finds no Lease at its start does not wait: it checks that its own Pod exists',
    given: starts,
    when: (story) => story.absent('10'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'the create waits for the proof that this Pod exists',
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
    effects: [
      `watchPod ${SELF.name}/${SELF.uid}`,
      'setTimer renew 0',
      'elected 11',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'a lost race is read at once: 409 on the create',
    given: creates,
    when: (story) => story.fail('createLease', 'alreadyExists'),
    role: 'candidate backingOff',
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
    rule: 'a lost race is forgotten once the winner is followed: the next failure waits as long as a first one',
    given: () =>
      creates()
        .fail('createLease', 'alreadyExists')
        .leaseRead(leaseOf(RIVAL))
        .podListed(RIVAL, podOf(RIVAL))
        .fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
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
    role: 'candidate backingOff',
    effects: ['setTimer retry 1500'],
  },
  {
    rule: 'a create whose answer never came is neither success nor failure: the Lease is read after a wait',
    given: creates,
    when: (story) => story.fail('createLease', 'unavailable').fire('retry'),
    role: 'candidate backingOff',
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
    rule: 'a create whose answer never came, but that was carried out, is recognised by its uid and renewed',
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
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      ...ELECTED,
      'elected 12',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'nor was the first term in a cluster restored from a backup, where the answer of its create looks old',
    given: () =>
      starts()
        .absent('100')
        .podRead(SELF.name, podOf(SELF))
        .created({ resourceVersion: '11' })
        .wait(1_000)
        .fire('retry')
        .leaseRead(ownLease())
        .podRead(SELF.name, podOf(SELF)),
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: [
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      ...ELECTED,
      'elected 12',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'an own Lease found after a lost race is of another process of this Pod: such a term is resumed',
    given: () => {
      const story = creates()
        .fail('createLease', 'alreadyExists')
        .leaseRead(leaseOf(SELF, { resourceVersion: '11' }));
      return story.podRead(SELF.name, podOf(SELF));
    },
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: [
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      ...ELECTED,
      'elected 12 resumed',
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
    role: 'candidate backingOff',
    effects: ['setTimer retry 1000'],
  },
  {
    rule: 'a create that came back without its owner begins no term, and is not repeated: it is warned of',
    given: creates,
    when: (story) => {
      const lease = ownLease({ ...story.content('createLease'), owner: null, resourceVersion: '11' });
      const altered = ['metadata.ownerReferences'];
      story.tell({ type: 'leaseWritten', request: story.request('createLease'), lease, altered }).fire('retry');
      story.leaseRead(lease);
    },
    role: 'candidate',
    effects: [
      'warning write-altered',
      'warning owner-removed',
      'setTimer retry 1000',
      'warning foreign-lease',
      `leaderChanged ${SELF.name}`,
      'readLease',
    ],
  },
  {
    rule: 'a create that led to no term is repeated after a second and a look, not at once',
    given: () =>
      creates()
        .watched(leaseOf(SELF, { resourceVersion: '11' }))
        .deleted(leaseOf(SELF, { resourceVersion: '12' }))
        .created({ resourceVersion: '11' }),
    when: (story) => story.fire('retry').leaseRead(null),
    role: 'candidate jitter',
    effects: ['readLease', JITTER],
  },
  {
    rule: "a create that was carried out, but whose Lease is known to be another's by now, begins no term",
    given: () => creates().watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 1000'],
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
    rule: 'a Pod that finds itself gone at its start does not campaign',
    given: () => starts().absent('10'),
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'that this Pod is gone says nothing about the holder: the Pod that withdraws its release leads',
    given: () => {
      const released = leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid });
      return follows().watched(released).fire('campaign').podRead(SELF.name, null);
    },
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate',
    effects: [`leaderChanged ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'an absent Lease that was left to its holder is looked at again, and so is its Pod',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a read that finds the Lease gone, which the watch did not show, has the Pod of its holder read at once',
    given: () => follows().fire('backstop').podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['relist lease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'an absent Lease is campaigned for once its holder is seen to be gone',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.podGone(RIVAL).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`],
  },
];

const failures: readonly Row[] = [
  {
    rule: 'a look at the Lease that fails is repeated after a wait',
    given: () => follows().fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry'),
    role: 'candidate backingOff',
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
    role: 'candidate backingOff',
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
    role: 'candidate backingOff',
    effects: ['setTimer retry 60000'],
  },
  {
    rule: 'while it rests, failures count although somebody else holds the Lease: it waits for longer each time',
    given: () =>
      creates()
        .watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' }))
        .fail('createLease', 'unavailable')
        .fire('retry'),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry').fail('readLease', 'unavailable'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 375', 'readLease', 'setTimer retry 750'],
  },
  {
    rule: 'while it rests it does not campaign',
    given: () => clears().fail('deleteLease', 'unavailable'),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate backingOff',
    effects: [],
  },
  {
    rule: 'reading the Lease forbidden after the start is warned of',
    given: () => follows().fire('backstop'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['warning read-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'where reading the Lease is forbidden, the watch alone is gone by after a wait',
    given: () => follows().fire('backstop').refuse('readLease', 'forbidden'),
    when: (story) => story.fire('retry'),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'reading the Lease forbidden is warned of once, and tried again by the minute',
    given: () => follows().fire('backstop').refuse('readLease', 'forbidden').fire('retry').fire('backstop'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 750'],
  },
  {
    rule: 'creating the Lease forbidden after the start is warned of, and tried again',
    given: succeeds,
    when: (story) => story.refuse('createLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['warning create-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'a create that the server rejects is warned of, and tried again',
    given: succeeds,
    when: (story) => story.refuse('createLease', 'rejected'),
    role: 'candidate backingOff',
    effects: ['warning request-rejected', 'setTimer retry 750'],
  },
  {
    rule: 'a late answer to a look at the Lease that nobody waits for does not end a rest',
    given: () => clears().fail('deleteLease', 'unavailable'),
    when: (story) => story.tell({ type: 'leaseRead', request: 999, lease: null }),
    role: 'candidate backingOff',
    effects: [],
  },
];

checkTable([...absence, ...failures]);

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
