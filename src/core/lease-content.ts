/**
 * What an elector writes: a new Lease, and a Lease of its own refreshed.
 */

import type { LeaseContent, LeaseRecord, NamedSuccessor } from './lease-record.ts';
import type { StepContext } from './step-context.ts';

/**
 * A new Lease for this Pod.
 *
 * It says nothing of renewals: whether they are permitted shows with the first one, which then adds
 * `renewTime` and `leaseDurationSeconds`.
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

/** An `int32` on the wire. */
const MOST_TRANSITIONS = 2 ** 31 - 1;

/**
 * The count of a new term. It is a hint for people: one that was driven to its limit (by hand, or by another
 * program) stays there, since a greater one would be refused (400) and nobody could ever be elected.
 */
export function nextTransition(predecessors: number | null): number {
  return predecessors === null ? 0 : Math.min(predecessors + 1, MOST_TRANSITIONS);
}

/** The own Lease, renewed now; whatever was changed by hand is put right. */
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

/** Before the first list of this process is answered, the name that the process before has written stands. */
function successorOf({ knowledge }: StepContext, lease: LeaseRecord): { readonly successor?: NamedSuccessor } {
  const successor = knowledge.namedSuccessor === undefined ? lease.successor : knowledge.namedSuccessor;
  return successor === undefined || successor === null ? {} : { successor };
}

/**
 * The own Lease, given up or (`null`) not given up after all; everything else as it was. Only its owner can give a
 * Lease up, and only one with an owner is collected, so an owner that was taken away by hand is put back; and a
 * holder, which sidecars take for granted.
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
