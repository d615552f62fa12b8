/**
 * Whose Lease is it? The table of the election, as one function of what is known.
 */

import { isReleased, type LeaseRecord, namesSomebody, type PodReference } from './lease-record.ts';
import type { ElectionConfig, Knowledge, KnownHolder } from './state.ts';

/** How often a Lease is looked at again that only its holder, or time, can change. */
export const RECHECK_INTERVAL_MS = 5_000;

/**
 * How long a missing Lease is left to its holder where Pods may not be read. A live holder
 * restores it within a round trip; without this end nobody would ever succeed a dead one.
 */
export const UNREADABLE_HOLDER_GRACE_MS = 10_000;

/**
 * An empty Lease (no owner, no holder, no duration) that nobody was ever seen to hold is free after this many
 * milliseconds without a change: a live leader would have written it by then.
 */
export const EMPTY_LEASE_MS = 30_000;

/** Why a Lease, or its absence, must be left alone. */
export type HeldBecause =
  /** The holder's Pod exists. */
  | 'pod-exists'
  /** Whether the holder's Pod exists is not known. */
  | 'pod-unknown'
  /** There is no Lease, but the Pod that held it exists: it restores it at once. */
  | 'holder-restores'
  /** Nobody holds it, and its deletion was accepted, but its finalizers keep it. */
  | 'terminating'
  /** The holder is gone, but only the garbage collector may delete its Lease. */
  | 'collector'
  /** No Pod owns it, and it has not stood still for its duration yet. */
  | 'foreign'
  /** No Pod owns it, and it has no duration: it is held until somebody deletes it. */
  | 'foreign-forever';

/** What a candidate may do. */
export type Verdict =
  /** Nothing is known yet. */
  | { readonly kind: 'unknown' }
  /** The own Pod holds it. */
  | { readonly kind: 'mine' }
  /** Nobody holds it; what `remains` of it must be deleted first. */
  | { readonly kind: 'free'; readonly remains: LeaseRecord | null }
  /** Wait; `recheckAtMs` is the monotonic moment at which time alone may have changed the verdict. */
  | { readonly kind: 'held'; readonly because: HeldBecause; readonly recheckAtMs: number | null };

/**
 * The Pod that holds a Lease: the one in its ownerReferences, whatever its holderIdentity says.
 *
 * A Lease that lost its owner by hand (`kubectl delete pod --cascade=orphan`, an edit) is still held by
 * the Pod it was seen with, unless it names somebody else now: nobody else took it. One that names nobody either, or
 * another Lease that names that Pod or nobody, is left to that Pod by the others, but that Pod itself does not count on
 * it: either may be wrong, and none is better than two.
 */
export function holderOf(lease: LeaseRecord, knownHolder: KnownHolder | null, self: PodReference): PodReference | null {
  if (lease.owner !== null) return lease.owner;
  if (knownHolder === null) return null;
  const { holderIdentity } = lease;
  const namesHolder = holderIdentity === knownHolder.pod.name;
  if (knownHolder.pod.uid === self.uid) return namesHolder && knownHolder.leaseUid === lease.uid ? self : null;
  const namesNobody = holderIdentity === null || holderIdentity === '';
  if (knownHolder.leaseUid === lease.uid) return namesNobody || namesHolder ? knownHolder.pod : null;
  // Another Lease: that Pod may have restored it, unless it is gone (its name may have passed to another one).
  const mayHaveRestoredIt = knownHolder.liveness !== 'gone' && (namesHolder || (namesNobody && !knownHolder.released));
  return mayHaveRestoredIt ? knownHolder.pod : null;
}

/** Whether a mark of its own may yet arrive, unless the Lease is written before: no read proves that it does not. */
export function mustRenew({ observation, pendingReleaseVersion }: Knowledge): boolean {
  return observation?.lease?.resourceVersion === pendingReleaseVersion;
}

/** Decides whose the Lease is. Whatever is doubtful is held by somebody else. */
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
      knownHolder?.liveness === 'alive' || !knowledge.canReadPods ? null : nextRecheckMs(observation.sinceMs, nowMs),
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

  if (knownHolder.liveness === 'unknown' && !knowledge.canReadPods) {
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

/** How long a Lease without an owner must stand still before it counts as free; `null`: for ever. */
function foreignDurationMs(lease: LeaseRecord, { namedLeaseUid }: Knowledge): number | null {
  if (lease.leaseDurationSeconds !== null) return lease.leaseDurationSeconds * 1000;
  // Made beforehand, by a chart for example, and never seen with a holder.
  return namesSomebody(lease) || namedLeaseUid === lease.uid ? null : EMPTY_LEASE_MS;
}

function clear(lease: LeaseRecord, knowledge: Knowledge, sinceMs: number, nowMs: number): Verdict {
  if (lease.terminating) return { kind: 'held', because: 'terminating', recheckAtMs: nextRecheckMs(sinceMs, nowMs) };
  if (knowledge.canDelete) return { kind: 'free', remains: lease };
  return { kind: 'held', because: 'collector', recheckAtMs: null };
}

/** The next multiple of the interval, so that asking again and again names the same moment. */
function nextRecheckMs(sinceMs: number, nowMs: number): number {
  return sinceMs + (Math.floor((nowMs - sinceMs) / RECHECK_INTERVAL_MS) + 1) * RECHECK_INTERVAL_MS;
}
