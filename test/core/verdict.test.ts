// Checks the verdict on the Lease for every kind of knowledge. What each role does about it is checked in the file of
// the role.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import { initialElectionState, type Knowledge, type KnownHolder, type Permissions } from '../../src/core/state.ts';
import {
  EMPTY_LEASE_MS,
  judgeLease,
  RECHECK_INTERVAL_MS,
  UNREADABLE_HOLDER_GRACE_MS,
  type Verdict,
} from '../../src/core/verdict.ts';
import { CONFIG, leaseOf, NAMESAKE, RIVAL, SELF } from './story.ts';

const SINCE_MS = 1_000;

function knowing(
  lease: LeaseRecord | null,
  knownHolder: KnownHolder | null,
  changes: Partial<Knowledge> = {},
): Knowledge {
  const { knowledge } = initialElectionState(CONFIG);
  return { ...knowledge, observation: { lease, sinceMs: SINCE_MS, renewedAtMs: null }, knownHolder, ...changes };
}

/** Knowledge without this permission. */
function without(permission: keyof Permissions): Partial<Knowledge> {
  return { permissions: { ...initialElectionState(CONFIG).knowledge.permissions, [permission]: false } };
}

function rival(changes: Partial<KnownHolder> = {}): KnownHolder {
  return { pod: RIVAL, liveness: 'alive', leaseUid: 'lease-1', released: false, ...changes };
}

const rivals = leaseOf(RIVAL);
const own = leaseOf(SELF);
const released = leaseOf(RIVAL, { releasedBy: RIVAL.uid });
const foreign = leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 });
const endless = leaseOf(null, { holderIdentity: 'sidecar' });
const bare = leaseOf(null, { acquireTimeMs: null, leaseTransitions: null });
const orphaned = leaseOf(null, { holderIdentity: RIVAL.name });
const nextLook = SINCE_MS + RECHECK_INTERVAL_MS;
const graceEnd = SINCE_MS + UNREADABLE_HOLDER_GRACE_MS;

const rows: readonly [rule: string, knowledge: Knowledge, nowMs: number, verdict: Verdict][] = [
  ['unknown before the first answer', initialElectionState(CONFIG).knowledge, SINCE_MS, { kind: 'unknown' }],
  ['absent, no last holder known: free', knowing(null, null), SINCE_MS, { kind: 'free', remains: null }],
  [
    'absent, last holder gone: free',
    knowing(null, rival({ liveness: 'gone' })),
    SINCE_MS,
    { kind: 'free', remains: null },
  ],
  [
    'absent, released by its last holder: free, although that Pod exists',
    knowing(null, rival({ released: true })),
    SINCE_MS,
    { kind: 'free', remains: null },
  ],
  [
    'absent, last held by this Pod: free',
    knowing(null, rival({ pod: SELF })),
    SINCE_MS,
    { kind: 'free', remains: null },
  ],
  [
    'absent, last holder exists: left to it',
    knowing(null, rival()),
    SINCE_MS + 1,
    { kind: 'held', because: 'holder-restores', recheckAtMs: nextLook },
  ],
  [
    'absent, last holder doubtful: left to it',
    knowing(null, rival({ liveness: 'unknown' })),
    SINCE_MS,
    { kind: 'held', because: 'holder-restores', recheckAtMs: nextLook },
  ],
  [
    'absent for a day, last holder exists: left to it',
    knowing(null, rival()),
    SINCE_MS + 86_400_000,
    { kind: 'held', because: 'holder-restores', recheckAtMs: SINCE_MS + 86_400_000 + RECHECK_INTERVAL_MS },
  ],
  [
    'absent, Pods unreadable: left to the last holder for a grace',
    knowing(null, rival({ liveness: 'unknown' }), without('canReadPods')),
    graceEnd - 1,
    { kind: 'held', because: 'holder-restores', recheckAtMs: graceEnd },
  ],
  [
    'absent, Pods unreadable, but a watch shows the last holder: left to it without a limit',
    knowing(null, rival(), without('canReadPods')),
    graceEnd,
    { kind: 'held', because: 'holder-restores', recheckAtMs: graceEnd + RECHECK_INTERVAL_MS },
  ],
  [
    'absent, Pods unreadable, grace over: free',
    knowing(null, rival({ liveness: 'unknown' }), without('canReadPods')),
    graceEnd,
    { kind: 'free', remains: null },
  ],
  ['owned by this Pod: mine', knowing(own, rival({ pod: SELF })), SINCE_MS, { kind: 'mine' }],
  [
    'owned by this Pod, with any holderIdentity: mine',
    knowing(leaseOf(SELF, { holderIdentity: 'somebody' }), rival({ pod: SELF })),
    SINCE_MS,
    { kind: 'mine' },
  ],
  [
    'owned by another Pod of the same name: not mine',
    knowing(leaseOf(NAMESAKE), rival({ pod: NAMESAKE, liveness: 'unknown' })),
    SINCE_MS,
    { kind: 'held', because: 'pod-unknown', recheckAtMs: nextLook },
  ],
  [
    'owned by another Pod that exists: held without a recheck',
    knowing(rivals, rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'owned by another Pod of which nothing is known: held with a recheck',
    knowing(rivals, null),
    SINCE_MS,
    { kind: 'held', because: 'pod-unknown', recheckAtMs: nextLook },
  ],
  [
    'owned by another Pod that is doubtful: held with a recheck',
    knowing(rivals, rival({ liveness: 'unknown' })),
    SINCE_MS,
    { kind: 'held', because: 'pod-unknown', recheckAtMs: nextLook },
  ],
  [
    'owned by another Pod, Pods unreadable: held until the garbage collector deletes it',
    knowing(rivals, rival({ liveness: 'unknown' }), without('canReadPods')),
    SINCE_MS,
    { kind: 'held', because: 'pod-unknown', recheckAtMs: null },
  ],
  [
    'owned by another Pod that exists, renewed long ago by its clock: held',
    knowing(leaseOf(RIVAL, { renewTimeMs: 1, leaseDurationSeconds: 1 }), rival()),
    SINCE_MS + 86_400_000,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'owned by another Pod that is gone: to be deleted',
    knowing(rivals, rival({ liveness: 'gone' })),
    SINCE_MS,
    { kind: 'free', remains: rivals },
  ],
  ['released by its owner: to be deleted', knowing(released, rival()), SINCE_MS, { kind: 'free', remains: released }],
  [
    'released in the name of another Pod than the owner: held',
    knowing(leaseOf(RIVAL, { releasedBy: SELF.uid }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'owned by another Pod that is gone, but this Pod must not delete it: left to the garbage collector',
    knowing(rivals, rival({ liveness: 'gone' }), without('canDelete')),
    SINCE_MS,
    { kind: 'held', because: 'collector', recheckAtMs: null },
  ],
  [
    'foreign, changed within its duration: held',
    knowing(foreign, null),
    SINCE_MS + 14_999,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + 15_000 },
  ],
  [
    'foreign, unchanged for its duration: to be deleted',
    knowing(foreign, null),
    SINCE_MS + 15_000,
    { kind: 'free', remains: foreign },
  ],
  [
    'foreign without a duration: held for ever',
    knowing(endless, null),
    SINCE_MS + 86_400_000,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'empty, no holder ever observed: foreign until it was unchanged for 30 s',
    knowing(bare, null),
    SINCE_MS + EMPTY_LEASE_MS - 1,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + EMPTY_LEASE_MS },
  ],
  [
    'empty, no holder ever observed, unchanged for 30 s: free',
    knowing(bare, null),
    SINCE_MS + EMPTY_LEASE_MS,
    { kind: 'free', remains: bare },
  ],
  [
    'empty, no holder ever observed, but this Pod must not delete it: held',
    knowing(bare, null, without('canDelete')),
    SINCE_MS + EMPTY_LEASE_MS,
    { kind: 'held', because: 'collector', recheckAtMs: null },
  ],
  [
    'empty, a holder observed in this Lease before: held for ever',
    knowing(bare, null, { namedLeaseUid: bare.uid }),
    SINCE_MS + 86_400_000,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'owned, with a null holder: held by the owner',
    knowing(leaseOf(RIVAL, { holderIdentity: null }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'owner removed by hand: held by its last owner',
    knowing(orphaned, rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'owner and holder removed by hand: held by its last owner',
    knowing(leaseOf(null, { holderIdentity: null }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'owner removed and holder emptied by hand: held by its last owner',
    knowing(leaseOf(null, { holderIdentity: '' }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'owner removed, another holder: foreign',
    knowing(leaseOf(null, { holderIdentity: 'somebody' }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'owner removed by hand, last owner gone: to be deleted',
    knowing(orphaned, rival({ liveness: 'gone' })),
    SINCE_MS,
    { kind: 'free', remains: orphaned },
  ],
  [
    'last owned by this Pod, owner and holder removed: not mine',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ pod: SELF }), { namedLeaseUid: 'lease-1' }),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    "another Lease without an owner, with this Pod's name: not mine, because another Pod may have the name now",
    knowing(leaseOf(null, { holderIdentity: SELF.name }), rival({ pod: SELF, leaseUid: 'lease-0' })),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'another Lease without an owner, with the name of the last holder that exists: held by that Pod',
    knowing(orphaned, rival({ leaseUid: 'lease-0' })),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'another Lease without an owner, with the name of a Pod that is gone: foreign, because another Pod may have the name now',
    knowing(orphaned, rival({ leaseUid: 'lease-0', liveness: 'gone' })),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'another Lease without an owner and a holder, last holder exists: held, because that Pod may have restored it',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ leaseUid: 'lease-0' })),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'another Lease without an owner and a holder, after a release: foreign',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ leaseUid: 'lease-0', released: true })),
    SINCE_MS,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + EMPTY_LEASE_MS },
  ],
  [
    'another Lease without an owner and a holder, last holder gone: foreign',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ leaseUid: 'lease-0', liveness: 'gone' })),
    SINCE_MS,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + EMPTY_LEASE_MS },
  ],
  [
    'last owned by this Pod, owner removed, still with its name: mine',
    knowing(leaseOf(null, { holderIdentity: SELF.name }), rival({ pod: SELF })),
    SINCE_MS,
    { kind: 'mine' },
  ],
];

for (const [rule, knowledge, nowMs, verdict] of rows) {
  test(rule, () => assert.deepEqual(judgeLease(CONFIG, knowledge, nowMs), verdict));
}
