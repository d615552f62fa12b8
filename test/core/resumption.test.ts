// Checks how a restarted container resumes its term: its Pod's Lease is believed only on a consistent answer, and only
// while its Pod exists.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAMPAIGN_JITTER_MS } from '../../src/core/successor.ts';
import {
  checkTable,
  creates,
  finds,
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

const orphaned = leaseOf(null, { resourceVersion: '30', holderIdentity: SELF.name });

/** The Lease without an owner is being deleted. */
function replaces(): Story {
  const story = resumes().watched(orphaned).refuse('replaceLease', 'forbidden').fire('retry').leaseRead(orphaned);
  return story.fire('campaign').podRead(SELF.name, podOf(SELF));
}

/** This Pod's Lease was there at the start: the container was restarted. */
function resumes(): Story {
  return finds(leaseOf(SELF));
}

/** The renewal is refused for good: the term is resumed on a read, with one warning. */
function resumesOnRead(kind: 'forbidden' | 'rejected', warning: string): Omit<Row, 'rule'> {
  return {
    given: resumes,
    when: (story) => {
      story.refuse('replaceLease', kind).podRead(SELF.name, podOf(SELF)).leaseRead(leaseOf(SELF));
    },
    role: 'leader',
    effects: [
      'setTimer permission 6000',
      `warning ${warning}`,
      `readPod ${SELF.name}`,
      'readLease',
      'elected 20 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  };
}

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
      'setTimer stale 15000',
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
    rule: "no process resumes its term because of a watch event: this Pod's Lease in an event is renewed first",
    given: follows,
    when: (story) => story.watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-2@30'],
  },
  {
    rule: "an own Lease found after somebody else's is not the one that was created with an unknown outcome: it is resumed",
    given: () => {
      const story = creates().fail('createLease', 'unavailable').fire('retry').leaseRead(leaseOf(RIVAL));
      story.podListed(RIVAL, podOf(RIVAL)).fire('backstop');
      return story.leaseRead(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })).podRead(SELF.name, podOf(SELF));
    },
    when: (story) => story.replaced('31'),
    role: 'leader',
    effects: [
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      ...ELECTED,
      'elected 31 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'a Lease that has lost its owner is resumed by the renewal that puts the owner back',
    given: () => resumes().watched(orphaned),
    when: (story) =>
      story.fail('replaceLease', 'conflict').leaseRead(orphaned).podRead(SELF.name, podOf(SELF)).replaced('31'),
    role: 'leader',
    effects: [
      'readLease',
      `readPod ${SELF.name}`,
      'replaceLease lease-1@30',
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      ...ELECTED,
      'elected 31 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'a Pod deletes its Lease when the Lease has lost its owner and the Pod must not renew',
    given: () => resumes().watched(orphaned),
    when: (story) => story.refuse('replaceLease', 'forbidden').fire('retry').leaseRead(orphaned).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [
      'setTimer permission 6000',
      'warning renew-forbidden',
      'setTimer retry 750',
      'readLease',
      JITTER,
      `readPod ${SELF.name}`,
      'deleteLease lease-1@30',
    ],
  },
  {
    rule: 'a Pod creates its Lease again when it has deleted the one without an owner',
    given: replaces,
    when: (story) => story.removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'a Pod tries to renew its Lease when the Lease has lost its owner and the Pod must not delete it either',
    given: replaces,
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'candidate resuming',
    effects: [
      'setTimer permission 6000',
      'warning delete-forbidden',
      `readPod ${SELF.name}`,
      'replaceLease lease-1@30',
    ],
  },
  {
    rule: 'a Pod does not resume its term when the Lease has lost its owner in the read that is its proof',
    given: () => resumes().refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    when: (story) => story.leaseRead(orphaned),
    role: 'candidate jitter',
    effects: [JITTER],
  },
  {
    rule: 'a Pod does not resume its term when the Lease loses its owner after the read that is its proof',
    given: () => resumes().refuse('replaceLease', 'forbidden').leaseRead(leaseOf(SELF)).watched(orphaned),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'a Pod renews its Lease before its term when a renewal was refused once and the Lease has lost its owner in the read',
    given: () => resumes().fail('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    when: (story) => story.leaseRead(orphaned),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@30'],
  },
  {
    rule: 'a Pod renews its Lease before its term when a renewal was refused once and the Lease loses its owner after the read',
    given: () => resumes().fail('replaceLease', 'forbidden').leaseRead(leaseOf(SELF)).watched(orphaned),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@30'],
  },
  {
    rule: 'a Pod resumes its term when the Lease loses its owner after the renewal that is its proof',
    given: () => resumes().replaced('21').watched(orphaned),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'leader',
    effects: [...ELECTED, 'elected 21 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a Pod that must not renew leaves a Lease without an owner alone when another program holds it',
    given: () => resumes().refuse('replaceLease', 'forbidden'),
    when: (story) => {
      const foreign = { uid: 'lease-2', resourceVersion: '30', holderIdentity: 'sidecar', leaseDurationSeconds: 15 };
      return story.watched(leaseOf(null, foreign));
    },
    role: 'candidate',
    effects: ['watchPod none', 'setTimer recheck 15000', 'leaderChanged sidecar'],
  },
  {
    rule: 'the renewal shows that the Lease is gone, so a new one is created',
    given: () => follows().watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(null),
    role: 'candidate jitter',
    effects: ['readLease', JITTER],
  },
  {
    rule: 'a process whose Pod is gone does not resume, whatever its Lease says',
    given: resumes,
    when: (story) => story.podRead(SELF.name, null).replaced('21'),
    role: 'candidate',
    effects: ['warning pod-deleted', 'setTimer stale 15000'],
  },
  {
    rule: 'a process whose Pod was seen to go after it had been read does not resume',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.podGone(SELF).replaced('21'),
    role: 'candidate',
    effects: ['warning pod-deleted', 'setTimer stale 15000'],
  },
  {
    rule: 'a process whose Pod was seen to go does not resume when Pods cannot be read either',
    given: () => resumes().podGone(SELF),
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name).refuse('replaceLease', 'forbidden'),
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
    rule: 'without permission to renew, the term is resumed on a consistent read, with one warning',
    ...resumesOnRead('forbidden', 'renew-forbidden'),
  },
  {
    rule: 'a renewal that the server rejects does not keep a Pod from its own Lease: it is read instead, with one warning',
    ...resumesOnRead('rejected', 'request-rejected'),
  },
  {
    rule: 'without permission to renew and to read Pods, a consistent read of the Lease is enough',
    given: resumes,
    when: (story) => {
      story.refuse('readPod', 'forbidden', SELF.name).refuse('replaceLease', 'forbidden').leaseRead(leaseOf(SELF));
      story.refuse('readPod', 'forbidden', SELF.name);
    },
    role: 'leader',
    effects: [
      'setTimer permission 6000',
      'warning pod-read-forbidden',
      'setTimer permission 6000',
      'warning renew-forbidden',
      `readPod ${SELF.name}`,
      'readLease',
      'setTimer permission 6000',
      'elected 20 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'an own Lease that vanishes while it is being resumed is created again',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.deleted(leaseOf(SELF, { resourceVersion: '21' })),
    role: 'candidate jitter',
    effects: [JITTER],
  },
  {
    rule: 'a resumption that failed beside its own read of the Lease rests: that read does not end the rest',
    given: () => resumes().refuse('replaceLease', 'forbidden'),
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).leaseRead(leaseOf(SELF)),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'the read after the wait ends it',
    given: () => resumes().refuse('replaceLease', 'forbidden').fail('readPod', 'unavailable', SELF.name),
    when: (story) => story.leaseRead(leaseOf(SELF)).fire('retry').leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: ['readLease', `readPod ${SELF.name}`, 'readLease'],
  },
];

checkTable(resumption);

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
