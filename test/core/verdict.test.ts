// Checks whose the Lease is: the table of the election, row by row, as one function of what is known.
// What a role then does about it is checked in the files of the roles.

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

/** A permission is missing. */
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
  ['nothing is known before the first answer', initialElectionState(CONFIG).knowledge, SINCE_MS, { kind: 'unknown' }],
  ['absent, and nobody known to have held it: free', knowing(null, null), SINCE_MS, { kind: 'free', remains: null }],
  [
    'absent, and its last holder is gone: free',
    knowing(null, rival({ liveness: 'gone' })),
    SINCE_MS,
    { kind: 'free', remains: null },
  ],
  [
    'absent, and its last holder released it: free, although its Pod exists',
    knowing(null, rival({ released: true })),
    SINCE_MS,
    { kind: 'free', remains: null },
  ],
  [
    'absent, and this Pod held it last: free',
    knowing(null, rival({ pod: SELF })),
    SINCE_MS,
    { kind: 'free', remains: null },
  ],
  [
    'absent, but its last holder exists: left to it',
    knowing(null, rival()),
    SINCE_MS + 1,
    { kind: 'held', because: 'holder-restores', recheckAtMs: nextLook },
  ],
  [
    'absent, and whether its last holder exists is not known: left to it',
    knowing(null, rival({ liveness: 'unknown' })),
    SINCE_MS,
    { kind: 'held', because: 'holder-restores', recheckAtMs: nextLook },
  ],
  [
    'however late it is, a last holder that exists is waited for',
    knowing(null, rival()),
    SINCE_MS + 86_400_000,
    { kind: 'held', because: 'holder-restores', recheckAtMs: SINCE_MS + 86_400_000 + RECHECK_INTERVAL_MS },
  ],
  [
    'absent, and Pods cannot be read: left to its last holder for a grace',
    knowing(null, rival({ liveness: 'unknown' }), without('canReadPods')),
    graceEnd - 1,
    { kind: 'held', because: 'holder-restores', recheckAtMs: graceEnd },
  ],
  [
    'absent, and Pods cannot be read, but a watch shows that its last holder exists: left to it, without end',
    knowing(null, rival(), without('canReadPods')),
    graceEnd,
    { kind: 'held', because: 'holder-restores', recheckAtMs: graceEnd + RECHECK_INTERVAL_MS },
  ],
  [
    'absent, and Pods cannot be read: free after the grace',
    knowing(null, rival({ liveness: 'unknown' }), without('canReadPods')),
    graceEnd,
    { kind: 'free', remains: null },
  ],
  ['owned by this Pod: mine', knowing(own, rival({ pod: SELF })), SINCE_MS, { kind: 'mine' }],
  [
    'owned by this Pod, whatever its holderIdentity says',
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
    "another's, and its Pod exists: held, until something happens",
    knowing(rivals, rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    "another's, and nothing is known of its Pod yet: held, looked at again",
    knowing(rivals, null),
    SINCE_MS,
    { kind: 'held', because: 'pod-unknown', recheckAtMs: nextLook },
  ],
  [
    "another's, and whether its Pod exists is not known: held, looked at again",
    knowing(rivals, rival({ liveness: 'unknown' })),
    SINCE_MS,
    { kind: 'held', because: 'pod-unknown', recheckAtMs: nextLook },
  ],
  [
    "another's, and Pods cannot be read: held, until the garbage collector deletes it",
    knowing(rivals, rival({ liveness: 'unknown' }), without('canReadPods')),
    SINCE_MS,
    { kind: 'held', because: 'pod-unknown', recheckAtMs: null },
  ],
  [
    "another's, renewed long ago by its own clock, and its Pod exists: held",
    knowing(leaseOf(RIVAL, { renewTimeMs: 1, leaseDurationSeconds: 1 }), rival()),
    SINCE_MS + 86_400_000,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    "another's, and its Pod is gone: to be deleted",
    knowing(rivals, rival({ liveness: 'gone' })),
    SINCE_MS,
    { kind: 'free', remains: rivals },
  ],
  ['marked released: to be deleted', knowing(released, rival()), SINCE_MS, { kind: 'free', remains: released }],
  [
    'a mark that names somebody else than the owner says nothing',
    knowing(leaseOf(RIVAL, { releasedBy: SELF.uid }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'a Lease that cannot be deleted is left to the garbage collector',
    knowing(rivals, rival({ liveness: 'gone' }), without('canDelete')),
    SINCE_MS,
    { kind: 'held', because: 'collector', recheckAtMs: null },
  ],
  [
    'foreign: held until it was unchanged for its duration',
    knowing(foreign, null),
    SINCE_MS + 14_999,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + 15_000 },
  ],
  [
    'foreign, and it was unchanged for its duration: to be deleted',
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
    'empty, and never seen with a holder: foreign until it was unchanged for 30 s',
    knowing(bare, null),
    SINCE_MS + EMPTY_LEASE_MS - 1,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + EMPTY_LEASE_MS },
  ],
  [
    'empty, never seen with a holder, and still for 30 s: free',
    knowing(bare, null),
    SINCE_MS + EMPTY_LEASE_MS,
    { kind: 'free', remains: bare },
  ],
  [
    'empty, never seen with a holder, but it cannot be deleted: held',
    knowing(bare, null, without('canDelete')),
    SINCE_MS + EMPTY_LEASE_MS,
    { kind: 'held', because: 'collector', recheckAtMs: null },
  ],
  [
    'empty, but this Lease was seen with a holder before: held for ever',
    knowing(bare, null, { namedLeaseUid: bare.uid }),
    SINCE_MS + 86_400_000,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'owned, but with a null holder: the owner holds it',
    knowing(leaseOf(RIVAL, { holderIdentity: null }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'orphaned by hand: still held by the Pod it was seen with',
    knowing(orphaned, rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'orphaned by hand, and the holder emptied: still held by the Pod it was seen with',
    knowing(leaseOf(null, { holderIdentity: null }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'orphaned by hand, and the holder an empty text: still held by the Pod it was seen with',
    knowing(leaseOf(null, { holderIdentity: '' }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'without an owner, and another holder: foreign',
    knowing(leaseOf(null, { holderIdentity: 'somebody' }), rival()),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'orphaned by hand, and the Pod it was seen with is gone: to be deleted',
    knowing(orphaned, rival({ liveness: 'gone' })),
    SINCE_MS,
    { kind: 'free', remains: orphaned },
  ],
  [
    'own Lease, orphaned by hand and the holder emptied: no longer mine',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ pod: SELF }), { namedLeaseUid: 'lease-1' }),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    "without an owner, another Lease than its own was, with this Pod's name: not mine, because another Pod may have that name now",
    knowing(leaseOf(null, { holderIdentity: SELF.name }), rival({ pod: SELF, leaseUid: 'lease-0' })),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'without an owner, another Lease than its holder was seen with, and it names that Pod: still its own',
    knowing(orphaned, rival({ leaseUid: 'lease-0' })),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'without an owner, another Lease, and it names a Pod that is gone: foreign, for another Pod may have that name now',
    knowing(orphaned, rival({ leaseUid: 'lease-0', liveness: 'gone' })),
    SINCE_MS,
    { kind: 'held', because: 'foreign-forever', recheckAtMs: null },
  ],
  [
    'without an owner, another Lease than its holder was seen with, and it names nobody: that one may have restored it',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ leaseUid: 'lease-0' })),
    SINCE_MS,
    { kind: 'held', because: 'pod-exists', recheckAtMs: null },
  ],
  [
    'without an owner, another Lease, and it names nobody, after the holder gave its own up: foreign',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ leaseUid: 'lease-0', released: true })),
    SINCE_MS,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + EMPTY_LEASE_MS },
  ],
  [
    'without an owner, another Lease, and it names nobody, while the Pod that held the last is gone: foreign',
    knowing(leaseOf(null, { holderIdentity: null }), rival({ leaseUid: 'lease-0', liveness: 'gone' })),
    SINCE_MS,
    { kind: 'held', because: 'foreign', recheckAtMs: SINCE_MS + EMPTY_LEASE_MS },
  ],
  [
    'own Lease, orphaned by hand: still mine',
    knowing(leaseOf(null, { holderIdentity: SELF.name }), rival({ pod: SELF })),
    SINCE_MS,
    { kind: 'mine' },
  ],
];

for (const [rule, knowledge, nowMs, verdict] of rows) {
  test(rule, () => assert.deepEqual(judgeLease(CONFIG, knowledge, nowMs), verdict));
}
