// Checks a candidate with a Lease that no Pod owns. It waits for the duration of the Lease, or for ever with a warning.

import { CAMPAIGN_JITTER_MS } from '../../src/core/successor.ts';
import { checkTable, finds, follows, leaseOf, podOf, RIVAL, type Row, SELF, starts } from './story.ts';

const JITTER = `setTimer campaign ${CAMPAIGN_JITTER_MS / 2}`;

const foreign: readonly Row[] = [
  {
    rule: 'a foreign Lease is held for its duration when it was first observed',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    role: 'candidate',
    effects: ['setTimer recheck 15000', 'leaderChanged sidecar'],
  },
  {
    rule: 'a foreign Lease is held for its duration again when its record changes',
    given: () =>
      finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15, renewTimeMs: 1 })).wait(9_000),
    when: (story) =>
      story.watched(
        leaseOf(null, { resourceVersion: '21', holderIdentity: 'sidecar', leaseDurationSeconds: 15, renewTimeMs: 2 }),
      ),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'renewed sidecar', 'setTimer recheck 15000'],
  },
  {
    rule: 'a foreign Lease is not held for longer when only its labels change, as in client-go',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })).wait(9_000),
    when: (story) =>
      story.watched(leaseOf(null, { resourceVersion: '21', holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Lease without a holder is taken over when it was unchanged for 30 s and no holder was ever observed',
    given: () => finds(leaseOf(null)),
    when: (story) => story.fire('recheck'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'a Lease without a holder is held for ever when a holder was observed before',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    when: (story) => story.watched(leaseOf(null, { resourceVersion: '21' })),
    role: 'candidate',
    effects: ['clearTimer recheck', 'warning foreign-lease', 'leaderChanged nobody'],
  },
  {
    rule: 'a candidate deletes a foreign Lease when it was unchanged for its duration',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    when: (story) => story.fire('recheck'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'a candidate waits for the rest of the duration when the timer fires early',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })).wait(14_999),
    when: (story) => story.take({ type: 'timerFired', timer: 'recheck' }),
    role: 'candidate',
    effects: ['readLease', 'setTimer recheck 1'],
  },
  {
    rule: 'a candidate warns and waits for ever when a foreign Lease has no duration',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { holderIdentity: 'sidecar' })),
    role: 'candidate',
    effects: ['warning foreign-lease', 'leaderChanged sidecar'],
  },
  {
    rule: 'a candidate warns once about a foreign Lease without a duration',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar' })),
    when: (story) => story.watched(leaseOf(null, { holderIdentity: 'sidecar', resourceVersion: '22' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate creates the Lease when somebody deletes a foreign Lease without a duration',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar' })),
    when: (story) => story.deleted(leaseOf(null, { resourceVersion: '21' })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'leaderChanged nobody', 'createLease transitions=4'],
  },
  {
    rule: 'a Lease names no leader when it has no owner, no holder and no spec',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { acquireTimeMs: null, leaseTransitions: null })),
    role: 'candidate',
    effects: ['setTimer recheck 30000'],
  },
  {
    rule: 'a new Lease counts its transitions from 0 when the old one has no leaseTransitions',
    given: () => finds(leaseOf(null, { acquireTimeMs: null, leaseTransitions: null })),
    when: (story) => story.deleted(leaseOf(null, { resourceVersion: '21' })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a Lease whose owner was removed by hand is still held by its last owner',
    given: follows,
    when: (story) => story.watched(leaseOf(null, { resourceVersion: '21', holderIdentity: RIVAL.name })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Lease whose owner was removed by hand is taken over when the Pod of its last owner is gone',
    given: () => follows().watched(leaseOf(null, { resourceVersion: '21', holderIdentity: RIVAL.name })),
    when: (story) => story.podGone(RIVAL).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`, 'deleteLease lease-1@21'],
  },
  {
    rule: 'another Lease without an owner is foreign when the Pod that may have restored it is gone, so its duration counts',
    given: () =>
      follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '21' }))
        .watched(leaseOf(null, { uid: 'lease-2', resourceVersion: '22', leaseDurationSeconds: 15 })),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate',
    effects: ['setTimer recheck 15000', 'leaderChanged nobody'],
  },
  {
    rule: 'a restored Lease that lost its owner and holder by hand is deleted when its Pod is gone',
    given: () =>
      follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '21' }))
        .watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '22' }))
        .watched(leaseOf(null, { uid: 'lease-2', resourceVersion: '23' })),
    when: (story) => story.podGone(RIVAL).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`, 'deleteLease lease-2@23'],
  },
];

checkTable(foreign);
