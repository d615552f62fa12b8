/**
 * The beginning of a term, and the records and warnings that several roles share. The end of a term is in `leaving.ts`.
 */

import type { Input } from './input.ts';
import type { LeaseRecord } from './lease-record.ts';
import { renewalPauseMs } from './renewal.ts';
import type { LeaderRole } from './state.ts';
import type { StepContext } from './step-context.ts';
import { noteTwinBefore } from './twin.ts';
import { leaseTerminating, ownerRemoved, podDeleted, type Warning, writeAltered } from './warnings.ts';

/**
 * The delay of the first renewal of a restored Lease, in milliseconds. Until then the Lease has no renewTime, so the
 * other Pods could not see that its holder hangs. The Lease of a new term is renewed immediately, before the work
 * begins.
 */
const FIRST_RENEWAL_MS = 1_000;

/** Begins a term. @param lease the Lease in the answer that proves the term */
export function beginTerm(context: StepContext, lease: LeaseRecord, resumed: boolean): void {
  const role: LeaderRole = {
    name: 'leader',
    term: {
      fencingToken: lease.resourceVersion,
      leaseUid: lease.uid,
      acquireTimeMs: lease.acquireTimeMs ?? context.moment.wallMs,
      resumed,
    },
    renewal: null,
    restoring: null,
    overtakenCreation: null,
    createOutcomeUnknown: context.role.name === 'candidate' && context.role.createOutcomeUnknown,
    restoredAtMs: Number.NEGATIVE_INFINITY,
    backingOff: false,
    resigning: null,
  };
  context.role = role;
  context.clearTimers('retry', 'recheck', 'stale');
  // The successor that was chosen in an earlier term of this process is outdated.
  context.updateKnowledge({ namedSuccessor: undefined });
  const renews = lease.renewTimeMs === null && context.knowledge.permissions.canRenew;
  if (renews) context.setTimer('renew', renewalPauseMs(context));
  else scheduleRenewal(context, lease);
  context.announce({ type: 'elected', term: role.term, renews });
  noteTwinBefore(context, role, lease);
}

/** Schedules the next renewal of `lease` (`null`: it is missing). */
export function scheduleRenewal(context: StepContext, lease: LeaseRecord | null): void {
  if (!context.knowledge.permissions.canRenew) return;
  const { renewIntervalMs } = context.config;
  context.setTimer(
    'renew',
    lease?.renewTimeMs === null ? Math.min(renewIntervalMs, FIRST_RENEWAL_MS) : renewIntervalMs,
  );
}

/** Records that this Pod is gone, or counts as gone. In any role, this process must never lead again. */
export function disqualifyDeleted(
  context: StepContext,
  warning: Warning = podDeleted(context.config, context.knowledge.ownPodSeen),
): void {
  const { uid } = context.config.self;
  const { knownHolder } = context.knowledge;
  context.updateKnowledge({ disqualifiedBy: 'pod-deleted' });
  if (knownHolder?.pod.uid === uid) context.updateKnowledge({ knownHolder: { ...knownHolder, liveness: 'gone' } });
  context.warn(warning);
}

/**
 * Records that deletions are refused. Until the next attempt, the Lease of a previous holder is left to the garbage
 * collector.
 */
export function noteDeleteRefused(context: StepContext): void {
  context.updatePermissions({ canDelete: false });
}

/**
 * Records that renewals are refused. The term continues, because a Lease does not expire. The timer `permission` starts
 * the next attempt.
 */
export function noteRenewRefused(context: StepContext): void {
  context.updatePermissions({ canRenew: false });
}

/** Warns that the Lease has lost its owner, so that the garbage collector would not delete it. */
export function warnOwnerRemoved(context: StepContext): void {
  context.warn(ownerRemoved(context.config));
}

/** Warns when the answer to a write has other values than were sent. */
export function noteAltered(context: StepContext, input: Input): void {
  if (input.type !== 'leaseWritten' || input.altered === undefined || input.altered.length === 0) return;
  context.warn(writeAltered(context.config, input.altered));
}

/** Warns that the deletion of the Lease was accepted, but its finalizers keep it. */
export function warnTerminating(context: StepContext, lease: LeaseRecord): void {
  context.warn(leaseTerminating(context.config, lease.finalizers));
}
