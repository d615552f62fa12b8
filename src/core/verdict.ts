/** Decides who holds the Lease, as one function of the knowledge. */

import { isReleased, type LeaseRecord, namesSomebody, type PodReference } from './lease-record.ts';
import type { ElectionConfig, Knowledge, KnownHolder } from './state.ts';

/** The interval of the reads of a Lease that only its holder, or time, can change, in milliseconds. */
export const RECHECK_INTERVAL_MS = 5_000;

/**
 * How long a missing Lease stays reserved for its holder when Pods cannot be read, in milliseconds. A live holder
 * restores it within a round trip. Without this limit no Pod would ever take over from a dead holder.
 */
export const UNREADABLE_HOLDER_GRACE_MS = 10_000;

/**
 * An empty Lease (no owner, no holder, no duration) for which no holder was ever seen is free after this many
 * milliseconds without a change. A live leader would have written it by then.
 */
export const EMPTY_LEASE_MS = 30_000;

/** Why a candidate must wait, with a Lease or without one. */
export type HeldBecause =
  /** The holder's Pod exists. */
  | 'pod-exists'
  /** It is unknown whether the holder's Pod exists. */
  | 'pod-unknown'
  /** There is no Lease, but the Pod that held it may exist. In that case it restores the Lease immediately. */
  | 'holder-restores'
  /** Nobody holds the Lease, and its deletion was accepted, but its finalizers keep it. */
  | 'terminating'
  /** Nobody holds the Lease, but this process is not permitted to delete it. The garbage collector may do so. */
  | 'collector'
  /** No Pod owns the Lease, and its last change is more recent than its duration. */
  | 'foreign'
  /** No Pod owns the Lease, and it has no duration. It is held until it is deleted. */
  | 'foreign-forever';

/** The verdict on the Lease. It determines what a candidate may do. */
export type Verdict =
  /** Nothing is known yet. */
  | { readonly kind: 'unknown' }
  /** This Pod holds the Lease. */
  | { readonly kind: 'mine' }
  /** Nobody holds the Lease. If an old Lease `remains`, it must be deleted first. */
  | { readonly kind: 'free'; readonly remains: LeaseRecord | null }
  /** Wait; `recheckAtMs` is the monotonic moment at which time alone may have changed the verdict. */
  | { readonly kind: 'held'; readonly because: HeldBecause; readonly recheckAtMs: number | null };

/**
 * Returns the Pod that holds a Lease: the Pod in its ownerReferences, whatever its holderIdentity says.
 *
 * A Lease can lose its owner by hand (`kubectl delete pod --cascade=orphan`, an edit). Then the answer depends on the
 * Pod that was last seen to hold it, and on the holderIdentity:
 *
 * - If it is the same Lease, and it names that Pod or no holder, the other Pods regard that Pod as the holder.
 * - If it is another Lease that names that Pod, the other Pods regard that Pod as the holder, unless it is gone. That
 *   Pod may have restored the Lease. The same applies if the Lease names no holder and that Pod did not release its
 *   own.
 * - That Pod itself is stricter. It regards itself as the holder only if the Lease is the same and names it.
 * - In every other case no Pod holds the Lease.
 *
 * Either side may be wrong, and no leader is better than two.
 */
export function holderOf(lease: LeaseRecord, knownHolder: KnownHolder | null, self: PodReference): PodReference | null {
  if (lease.owner !== null) return lease.owner;
  if (knownHolder === null) return null;
  const { holderIdentity } = lease;
  const namesHolder = holderIdentity === knownHolder.pod.name;
  if (knownHolder.pod.uid === self.uid) return namesHolder && knownHolder.leaseUid === lease.uid ? self : null;
  const namesNobody = holderIdentity === null || holderIdentity === '';
  if (knownHolder.leaseUid === lease.uid) return namesNobody || namesHolder ? knownHolder.pod : null;
  // That Pod may have restored another Lease. If that Pod is gone, another Pod may have its name.
  const mayHaveRestoredIt = knownHolder.liveness !== 'gone' && (namesHolder || (namesNobody && !knownHolder.released));
  return mayHaveRestoredIt ? knownHolder.pod : null;
}

/**
 * Whether only a write to the Lease, and not a read, proves that this Pod holds it. There are two cases. A release
 * annotation of this Pod may still be written. Or the Lease has lost its owner, so a Pod that never saw this Pod as the
 * holder may find the Lease free.
 */
export function mustRenew({ observation, pendingReleaseVersion }: Knowledge): boolean {
  const lease = observation?.lease ?? null;
  return lease !== null && (lease.owner === null || lease.resourceVersion === pendingReleaseVersion);
}

/** Decides who holds the Lease. In every doubtful case another Pod holds it. */
export function judgeLease(config: ElectionConfig, knowledge: Knowledge, nowMs: number): Verdict {
  const { observation, knownHolder } = knowledge;
  if (observation === null) return { kind: 'unknown' };
  if (observation.lease === null) return judgeAbsence(config, knowledge, observation.sinceMs, nowMs);

  const lease = observation.lease;
  const holder = holderOf(lease, knownHolder, config.self);
  if (holder === null) return judgeForeign(lease, knowledge, observation.sinceMs, nowMs);
  if (isReleased(lease)) return clear(lease, knowledge, observation.sinceMs, nowMs);
  if (holder.uid === config.self.uid) return { kind: 'mine' };
  if (knownHolder?.liveness === 'gone') return clear(lease, knowledge, observation.sinceMs, nowMs);
  return {
    kind: 'held',
    because: knownHolder?.liveness === 'alive' ? 'pod-exists' : 'pod-unknown',
    recheckAtMs:
      knownHolder?.liveness === 'alive' || !knowledge.permissions.canReadPods
        ? null
        : nextRecheckMs(observation.sinceMs, nowMs),
  };
}

function judgeAbsence(config: ElectionConfig, knowledge: Knowledge, sinceMs: number, nowMs: number): Verdict {
  const { knownHolder } = knowledge;
  const nobodyLeft =
    knownHolder === null ||
    knownHolder.pod.uid === config.self.uid ||
    knownHolder.liveness === 'gone' ||
    knownHolder.released;
  if (nobodyLeft) return { kind: 'free', remains: null };

  if (knownHolder.liveness === 'unknown' && !knowledge.permissions.canReadPods) {
    const graceEndMs = sinceMs + UNREADABLE_HOLDER_GRACE_MS;
    if (nowMs >= graceEndMs) return { kind: 'free', remains: null };
    return { kind: 'held', because: 'holder-restores', recheckAtMs: graceEndMs };
  }
  return { kind: 'held', because: 'holder-restores', recheckAtMs: nextRecheckMs(sinceMs, nowMs) };
}

function judgeForeign(lease: LeaseRecord, knowledge: Knowledge, sinceMs: number, nowMs: number): Verdict {
  const durationMs = foreignDurationMs(lease, knowledge);
  if (durationMs === null) return { kind: 'held', because: 'foreign-forever', recheckAtMs: null };
  const endMs = sinceMs + durationMs;
  if (nowMs >= endMs) return clear(lease, knowledge, sinceMs, nowMs);
  return { kind: 'held', because: 'foreign', recheckAtMs: endMs };
}

/**
 * How long a Lease without an owner must be unchanged before it counts as free, in milliseconds; `null`: it never does.
 */
function foreignDurationMs(lease: LeaseRecord, { namedLeaseUid }: Knowledge): number | null {
  if (lease.leaseDurationSeconds !== null) return lease.leaseDurationSeconds * 1000;
  // An empty Lease may have been created in advance, for example by a Helm chart, and never held.
  return namesSomebody(lease) || namedLeaseUid === lease.uid ? null : EMPTY_LEASE_MS;
}

function clear(lease: LeaseRecord, knowledge: Knowledge, sinceMs: number, nowMs: number): Verdict {
  if (lease.terminating) return { kind: 'held', because: 'terminating', recheckAtMs: nextRecheckMs(sinceMs, nowMs) };
  if (knowledge.permissions.canDelete) return { kind: 'free', remains: lease };
  return { kind: 'held', because: 'collector', recheckAtMs: null };
}

/** Returns the next multiple of the interval, so that repeated calls return the same moment. */
function nextRecheckMs(sinceMs: number, nowMs: number): number {
  return sinceMs + (Math.floor((nowMs - sinceMs) / RECHECK_INTERVAL_MS) + 1) * RECHECK_INTERVAL_MS;
}
