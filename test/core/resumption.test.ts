// Checks how a restarted container resumes its term: only after a consistent answer about its Lease, and only while its
// Pod exists.

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

/** A candidate that is deleting the Lease that has lost its owner. */
function replaces(): Story {
  const story = resumes().watched(orphaned).refuse('replaceLease', 'forbidden').fire('retry').leaseRead(orphaned);
  return story.fire('campaign').podRead(SELF.name, podOf(SELF));
}

/** A restarted container: this Pod's Lease existed at the start. */
function resumes(): Story {
  return finds(leaseOf(SELF));
}

/** The row of a resumption by a read when renewals are refused, with its one warning. */
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
    rule: 'a restarted container renews its Lease and reads its Pod when it finds its Lease',
    given: starts,
    when: (story) => story.listed(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-1@20'],
  },
  {
    rule: 'a restarted container leads when both are answered (the renewal last)',
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
    rule: 'a restarted container leads when both are answered (the Pod last, which is being deleted)',
    given: () => resumes().replaced('21'),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leader',
    effects: ['clearTimer stale', ...ELECTED, 'elected 21 resumed', `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: "a process renews first when a watch event shows its Pod's Lease",
    given: follows,
    when: (story) => story.watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`, 'replaceLease lease-2@30'],
  },
  {
    rule: "a term is a resumed one when this Pod's Lease follows the Lease of another Pod",
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
    rule: 'a term resumes by the renewal that writes the lost owner again',
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
    rule: 'a Pod does not resume its term when the read that should prove it shows no owner',
    given: () => resumes().refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    when: (story) => story.leaseRead(orphaned),
    role: 'candidate jitter',
    effects: [JITTER],
  },
  {
    rule: 'a Pod does not resume its term when the Lease loses its owner after the read that proved it',
    given: () => resumes().refuse('replaceLease', 'forbidden').leaseRead(leaseOf(SELF)).watched(orphaned),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'a Pod renews before its term resumes when one renewal was refused and the read shows no owner',
    given: () => resumes().fail('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    when: (story) => story.leaseRead(orphaned),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@30'],
  },
  {
    rule: 'a Pod renews before its term resumes when one renewal was refused and the owner is removed after the read',
    given: () => resumes().fail('replaceLease', 'forbidden').leaseRead(leaseOf(SELF)).watched(orphaned),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@30'],
  },
  {
    rule: 'a Pod resumes its term when the owner is removed after the renewal that proved it',
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
    rule: 'a candidate campaigns when a read after its refused renewal shows that the Lease is gone',
    given: () => follows().watched(leaseOf(SELF, { uid: 'lease-2', resourceVersion: '30' })),
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(null),
    role: 'candidate jitter',
    effects: ['readLease', JITTER],
  },
  {
    rule: 'a process does not resume its term when its Pod is gone, whatever its Lease contains',
    given: resumes,
    when: (story) => story.podRead(SELF.name, null).replaced('21'),
    role: 'candidate',
    effects: ['warning pod-deleted', 'setTimer stale 15000'],
  },
  {
    rule: 'a process does not resume its term when its Pod was deleted after the read',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.podGone(SELF).replaced('21'),
    role: 'candidate',
    effects: ['warning pod-deleted', 'setTimer stale 15000'],
  },
  {
    rule: 'a process does not resume its term when its Pod was deleted and Pods cannot be read',
    given: () => resumes().podGone(SELF),
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name).refuse('replaceLease', 'forbidden'),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a process reads the Lease and starts the resumption again when the renewal is answered 409 and it still has the Lease',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(leaseOf(SELF, { resourceVersion: '23' })),
    role: 'candidate resuming',
    effects: ['readLease', `readPod ${SELF.name}`, 'replaceLease lease-1@23'],
  },
  {
    rule: 'a process warns once and resumes its term by a read when it must not renew',
    ...resumesOnRead('forbidden', 'renew-forbidden'),
  },
  {
    rule: 'a process warns once and resumes its term by a read when the server rejects the renewal',
    ...resumesOnRead('rejected', 'request-rejected'),
  },
  {
    rule: 'a read of the Lease is enough for a resumption when the process must neither renew nor read Pods',
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
    rule: 'a candidate campaigns when its Lease is deleted during the resumption',
    given: () => resumes().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.deleted(leaseOf(SELF, { resourceVersion: '21' })),
    role: 'candidate jitter',
    effects: [JITTER],
  },
  {
    rule: 'a failed resumption backs off, and an earlier read does not end the back-off',
    given: () => resumes().refuse('replaceLease', 'forbidden'),
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).leaseRead(leaseOf(SELF)),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'the read after the back-off starts the next resumption',
    given: () => resumes().refuse('replaceLease', 'forbidden').fail('readPod', 'unavailable', SELF.name),
    when: (story) => story.leaseRead(leaseOf(SELF)).fire('retry').leaseRead(leaseOf(SELF)),
    role: 'candidate resuming',
    effects: ['readLease', `readPod ${SELF.name}`, 'readLease'],
  },
];

checkTable(resumption);

test('a resumed Lease keeps its acquireTime and its transitions, and is renewed', () => {
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
