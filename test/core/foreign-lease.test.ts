// Checks what a candidate does about a Lease that no Pod owns: it waits for as long as the Lease says, or for
// ever, and tells why.

import { CAMPAIGN_JITTER_MS } from '../../src/core/successor.ts';
import { checkTable, finds, follows, leaseOf, podOf, RIVAL, type Row, SELF, starts } from './story.ts';

const JITTER = `setTimer campaign ${CAMPAIGN_JITTER_MS / 2}`;

const foreign: readonly Row[] = [
  {
    rule: 'a foreign Lease is held for its duration',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    role: 'candidate',
    effects: ['setTimer recheck 15000', 'leaderChanged sidecar'],
  },
  {
    rule: 'a foreign Lease that changed is held for its duration again',
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
    rule: 'a foreign Lease whose labels change is held for its duration from the last change of its record, as client-go counts',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })).wait(9_000),
    when: (story) =>
      story.watched(leaseOf(null, { resourceVersion: '21', holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'an empty Lease that was never seen with a holder is taken after it was unchanged for 30 s',
    given: () => finds(leaseOf(null)),
    when: (story) => story.fire('recheck'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'an empty Lease that was seen with a holder is held for ever',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    when: (story) => story.watched(leaseOf(null, { resourceVersion: '21' })),
    role: 'candidate',
    effects: ['clearTimer recheck', 'warning foreign-lease', 'leaderChanged nobody'],
  },
  {
    rule: 'a foreign Lease that was unchanged for its duration is deleted',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })),
    when: (story) => story.fire('recheck'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'a timer that fires a little early does not end a foreign Lease early',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 })).wait(14_999),
    when: (story) => story.tell({ type: 'timerFired', timer: 'recheck' }),
    role: 'candidate',
    effects: ['readLease', 'setTimer recheck 1'],
  },
  {
    rule: 'a foreign Lease without a duration is held for ever, and the elector says so',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { holderIdentity: 'sidecar' })),
    role: 'candidate',
    effects: ['warning foreign-lease', 'leaderChanged sidecar'],
  },
  {
    rule: 'it says so once',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar' })),
    when: (story) => story.watched(leaseOf(null, { holderIdentity: 'sidecar', resourceVersion: '22' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a foreign Lease without a duration that somebody deletes is created',
    given: () => finds(leaseOf(null, { holderIdentity: 'sidecar' })),
    when: (story) => story.deleted(leaseOf(null, { resourceVersion: '21' })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'leaderChanged nobody', 'createLease transitions=4'],
  },
  {
    rule: 'a Lease without an owner, a holder or a spec names no leader',
    given: starts,
    when: (story) => story.listed(leaseOf(null, { acquireTimeMs: null, leaseTransitions: null })),
    role: 'candidate',
    effects: ['setTimer recheck 30000'],
  },
  {
    rule: 'after a Lease without leaseTransitions the count starts again from 0',
    given: () => finds(leaseOf(null, { acquireTimeMs: null, leaseTransitions: null })),
    when: (story) => story.deleted(leaseOf(null, { resourceVersion: '21' })).podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a Lease orphaned by hand is still held by the Pod it was seen with',
    given: follows,
    when: (story) => story.watched(leaseOf(null, { resourceVersion: '21', holderIdentity: RIVAL.name })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Lease orphaned by hand is taken over when that Pod is gone',
    given: () => follows().watched(leaseOf(null, { resourceVersion: '21', holderIdentity: RIVAL.name })),
    when: (story) => story.podGone(RIVAL).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, 'leaderChanged nobody', `readPod ${SELF.name}`, 'deleteLease lease-1@21'],
  },
  {
    rule: 'another Lease, of nobody, that may be one that the Pod restored is foreign once that Pod is gone: its duration counts',
    given: () =>
      follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '21' }))
        .watched(leaseOf(null, { uid: 'lease-2', resourceVersion: '22', leaseDurationSeconds: 15 })),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate',
    effects: ['setTimer recheck 15000', 'leaderChanged nobody'],
  },
  {
    rule: 'a restored Lease that lost its owner and its holder by hand is its own still, and is deleted when that Pod is gone',
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
