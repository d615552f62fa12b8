// Checks a candidate when there is no Lease, and when its requests fail. Succession, resumption and foreign Leases have
// their own files.

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

/** A candidate that has sent its create. The rival's Lease is gone, and this Pod exists. */
function succeeds(): Story {
  return clears().podRead(SELF.name, podOf(SELF)).removed();
}

const absence: readonly Row[] = [
  {
    rule: 'a candidate reads its Pod without a jitter when it finds no Lease at its start',
    given: starts,
    when: (story) => story.absent('10'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a candidate does not create before it has the proof that its Pod exists',
    given: () => starts().absent('10'),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['createLease transitions=0'],
  },
  {
    rule: 'a term begins with the resourceVersion as fencing token when the create was executed',
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
    rule: 'a candidate reads the Lease at once when its create is answered 409',
    given: creates,
    when: (story) => story.fail('createLease', 'alreadyExists'),
    role: 'candidate backingOff',
    effects: ['readLease'],
  },
  {
    rule: 'a candidate follows the winner when it lost the race',
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
    rule: 'a failure counts as the first one when the winner of a lost race is followed',
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
    rule: 'a candidate backs off when its create is answered 409 again and again',
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
    rule: 'a candidate reads the Lease after a wait when its create had no answer',
    given: creates,
    when: (story) => story.fail('createLease', 'unavailable').fire('retry'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188', 'readLease'],
  },
  {
    rule: 'a candidate repeats its create when it had no answer and was not executed',
    given: () => creates().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a candidate finds its Lease by uid and renews it when its create had no answer and was executed',
    given: () => creates().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(leaseOf(SELF, { resourceVersion: '11' })),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
  {
    rule: 'a term is not a resumed one when it begins with a create that had no answer',
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
    rule: 'a first term is not a resumed one when a cluster was restored from a backup and the answer of the create looks old',
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
    rule: "a term is a resumed one when a candidate finds its Pod's Lease after a lost race: another process created it",
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
    rule: 'a watch event does not begin a term while the create is unanswered',
    given: creates,
    when: (story) => story.watched(leaseOf(SELF, { resourceVersion: '11' })),
    role: 'candidate creating',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'an executed create begins no term when its Lease is known to be gone already',
    given: () =>
      creates()
        .watched(leaseOf(SELF, { resourceVersion: '11' }))
        .deleted(leaseOf(SELF, { resourceVersion: '12' })),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 1000'],
  },
  {
    rule: 'a create that is answered without its owner begins no term, causes a warning and is not repeated',
    given: creates,
    when: (story) => {
      const lease = ownLease({ ...story.content('createLease'), owner: null, resourceVersion: '11' });
      const altered = ['metadata.ownerReferences'];
      story.take({ type: 'leaseWritten', request: story.request('createLease'), lease, altered }).fire('retry');
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
    rule: 'a candidate reads the Lease a second after a create that began no term, and then creates again',
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
    rule: "an executed create begins no term when its Lease is known to be another Pod's by now",
    given: () => creates().watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 1000'],
  },
  {
    rule: 'an executed create begins no term when its Pod is known to be gone',
    given: () =>
      creates()
        .watched(leaseOf(SELF, { resourceVersion: '11' }))
        .podGone(SELF),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate leaves an absent Lease to its last holder as long as the Pod of that holder exists',
    given: follows,
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'a candidate does not campaign when it finds its Pod gone at its start',
    given: () => starts().absent('10'),
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'a candidate whose Pod is gone still follows the Pod that withdraws its release',
    given: () => {
      const released = leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid });
      return follows().watched(released).fire('campaign').podRead(SELF.name, null);
    },
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '22' })),
    role: 'candidate',
    effects: [`leaderChanged ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a candidate reads an absent Lease and the Pod of its last holder again',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a candidate reads the Pod of the holder at once when a read shows that the Lease is gone and the watch did not',
    given: () => follows().fire('backstop').podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['relist lease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
  {
    rule: 'a candidate campaigns for an absent Lease once its last holder is gone',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '21' })),
    when: (story) => story.podGone(RIVAL).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`],
  },
];

const failures: readonly Row[] = [
  {
    rule: 'a candidate repeats a failed read of the Lease after a wait',
    given: () => follows().fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188', 'readLease'],
  },
  {
    rule: 'a candidate waits for as long as the Retry-After of the server',
    given: () => follows().fire('backstop'),
    when: (story) =>
      story.take({
        type: 'requestFailed',
        request: story.request('readLease'),
        failure: failure('throttled', 7_000),
      }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 7000'],
  },
  {
    rule: 'a candidate waits for at most a minute whatever the Retry-After',
    given: () => follows().fire('backstop'),
    when: (story) =>
      story.take({
        type: 'requestFailed',
        request: story.request('readLease'),
        failure: failure('throttled', 7_000_000),
      }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 60000'],
  },
  {
    rule: 'a candidate that backs off waits longer after each failure, although another Pod holds the Lease',
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
    rule: 'a candidate does not campaign while it backs off',
    given: () => clears().fail('deleteLease', 'unavailable'),
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    role: 'candidate backingOff',
    effects: [],
  },
  {
    rule: 'a candidate warns when reading the Lease is forbidden after the start',
    given: () => follows().fire('backstop'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['warning read-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'a candidate relies on the watch alone when reading the Lease is forbidden and a wait is over',
    given: () => follows().fire('backstop').refuse('readLease', 'forbidden'),
    when: (story) => story.fire('retry'),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate warns once and reads again later when reading the Lease is forbidden',
    given: () => follows().fire('backstop').refuse('readLease', 'forbidden').fire('retry').fire('backstop'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 750'],
  },
  {
    rule: 'a candidate warns and creates again when creating the Lease is forbidden after the start',
    given: succeeds,
    when: (story) => story.refuse('createLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['warning create-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'a candidate warns and creates again when the server rejects the create',
    given: succeeds,
    when: (story) => story.refuse('createLease', 'rejected'),
    role: 'candidate backingOff',
    effects: ['warning request-rejected', 'setTimer retry 750'],
  },
  {
    rule: 'a late answer to a read that is not awaited does not end a back-off',
    given: () => clears().fail('deleteLease', 'unavailable'),
    when: (story) => story.take({ type: 'leaseRead', request: 999, lease: null }),
    role: 'candidate backingOff',
    effects: [],
  },
];

checkTable([...absence, ...failures]);

test('a new Lease has its Pod and its acquireTime, and no renewal fields', () => {
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
