/** The content that an elector writes: a new Lease, a renewed Lease, a released Lease. */

import type { LeaseContent, LeaseRecord, NamedSuccessor } from './lease-record.ts';
import type { StepContext } from './step-context.ts';

/**
 * A new Lease for this Pod.
 *
 * It has no renewal fields: whether `update` is permitted is known only after the first renewal, which adds `renewTime`
 * and `leaseDurationSeconds`.
 */
export function newLeaseContent(context: StepContext, acquireTimeMs: number, leaseTransitions: number): LeaseContent {
  return {
    holderIdentity: context.config.self.name,
    owner: context.config.self,
    acquireTimeMs,
    renewTimeMs: null,
    leaseDurationSeconds: null,
    leaseTransitions,
    releasedBy: null,
  };
}

/** The largest `leaseTransitions`: the field is an `int32`. */
const MOST_TRANSITIONS = 2 ** 31 - 1;

/**
 * The `leaseTransitions` of a new term, which no rule reads. A count at the limit (written by hand, or by another
 * program) stays the same. A larger count would be refused (400), and no Pod could ever be elected.
 */
export function nextTransition(predecessors: number | null): number {
  return predecessors === null ? 0 : Math.min(predecessors + 1, MOST_TRANSITIONS);
}

/** This Pod's Lease, renewed now. Fields that were changed by hand are corrected. */
export function renewedContent(context: StepContext, lease: LeaseRecord): LeaseContent {
  return {
    holderIdentity: context.config.self.name,
    owner: context.config.self,
    acquireTimeMs: lease.acquireTimeMs ?? context.moment.wallMs,
    renewTimeMs: context.moment.wallMs,
    leaseDurationSeconds: context.config.leaseDurationSeconds,
    leaseTransitions: lease.leaseTransitions ?? 0,
    releasedBy: null,
    ...successorOf(context, lease),
  };
}

/** The successor to write. Before the first list of this process is answered, the name in the Lease is kept. */
function successorOf({ knowledge }: StepContext, lease: LeaseRecord): { readonly successor?: NamedSuccessor } {
  const successor = knowledge.namedSuccessor === undefined ? lease.successor : knowledge.namedSuccessor;
  return successor === undefined || successor === null ? {} : { successor };
}

/**
 * This Pod's Lease, released or (`null`) no longer released; the other fields stay the same.
 *
 * Only the owner can release a Lease, and only a Lease with an owner is garbage-collected. An owner that was removed by
 * hand is therefore written again. The holderIdentity is also written again, because sidecars rely on it.
 */
export function releasedContent(context: StepContext, lease: LeaseRecord, releasedBy: string | null): LeaseContent {
  const { acquireTimeMs, renewTimeMs, leaseDurationSeconds, leaseTransitions } = lease;
  const owner = context.config.self;
  const holderIdentity = owner.name;
  return {
    holderIdentity,
    owner,
    acquireTimeMs,
    renewTimeMs,
    leaseDurationSeconds,
    leaseTransitions,
    releasedBy,
    ...successorOf(context, lease),
  };
}
