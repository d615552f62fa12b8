/** The beginning and the end of a term, whatever caused them. */

import type { DemotionReason } from './effect.ts';
import type { Input } from './input.ts';
import type { LeaseRecord } from './lease-record.ts';
import { awaitRenewal, renewalPauseMs } from './renewal.ts';

import { FRESH_CANDIDATE, type LeaderRole, type LeavingFor } from './state.ts';
import type { StepContext } from './step-context.ts';
import { holderOf } from './verdict.ts';
import { leaseTerminating, ownerRemoved, podDeleted, writeAltered } from './warnings.ts';

/**
 * The delay of the first renewal of a restored Lease, in milliseconds. Until then the Lease has no renewTime, so the
 * other Pods could not see that its holder hangs. The Lease of a new term is renewed immediately, before the work
 * begins.
 */
const FIRST_RENEWAL_MS = 1_000;

/** Begins a term with `lease`, as it was after the write that began the term. */
export function beginTerm(context: StepContext, lease: LeaseRecord, resumed: boolean): void {
  context.role = {
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
  context.clearTimers('retry', 'recheck', 'stale');
  // A name from an earlier term of this process is out of date.
  context.updateKnowledge({ namedSuccessor: undefined });
  const renews = lease.renewTimeMs === null && context.knowledge.canRenew;
  if (renews) context.setTimer('renew', renewalPauseMs(context));
  else scheduleRenewal(context, lease);
  context.announce({ type: 'elected', term: context.role.term, renews });
}

/** Schedules the next renewal of `lease` (`null`: it is missing). */
export function scheduleRenewal(context: StepContext, lease: LeaseRecord | null): void {
  if (!context.knowledge.canRenew) return;
  const { renewIntervalMs } = context.config;
  context.setTimer(
    'renew',
    lease?.renewTimeMs === null ? Math.min(renewIntervalMs, FIRST_RENEWAL_MS) : renewIntervalMs,
  );
}

/**
 * Ends a term for a reason other than `stop()` or `stepDown()`. If the term was already ending, the application has
 * been informed before.
 */
export function endTerm(context: StepContext, role: LeaderRole, reason: DemotionReason): void {
  context.clearTimers('renew', 'retry');
  // The work of this term is not waited for. It counts as running until the work of a later term has settled.
  context.updateKnowledge({ workMayRun: true });
  if (role.resigning === null) {
    context.role = FRESH_CANDIDATE;
    // A leader has no timer for the silence of a holder. The Pod that took the Lease may never renew it.
    if (reason === 'usurped') awaitRenewal(context);
    context.announce({ type: 'demoted', reason });
  } else {
    finishLeaving(context, role.resigning.next, false);
  }
}

/**
 * How long a Pod that stepped down lets the other Pods go first, in milliseconds. Afterwards it campaigns again: a
 * single replica would otherwise never lead again.
 */
export const STEP_DOWN_PAUSE_MS = 10_000;

/** Leaving is finished: stops for good, or becomes a candidate again. */
export function finishLeaving(context: StepContext, next: LeavingFor, released: boolean): void {
  if (next === 'stopped') {
    context.role = { name: 'stopped' };
    context.emit({ type: 'shutDown', freeSiblingLock: !context.knowledge.workMayRun });
    context.announce({ type: 'stopped', released });
    return;
  }
  context.clearTimers('renew', 'retry', 'leaving');
  const { config, knowledge, lease, moment } = context;
  const holder = lease === null ? null : holderOf(lease, knowledge.knownHolder, config.self);
  // A successor may be quicker than the answer to the DELETE. Then another Pod went first already.
  const isSucceeded = holder !== null && holder.uid !== config.self.uid;
  context.role = { ...FRESH_CANDIDATE, notBeforeMs: isSucceeded ? 0 : moment.nowMs + STEP_DOWN_PAUSE_MS };
  context.announce({ type: 'steppedDown', released });
}

/** This Pod is gone, or counts as gone. Whatever its role is, this process must never lead again. */
export function disqualifyDeleted(context: StepContext): void {
  const { uid } = context.config.self;
  const { knownHolder } = context.knowledge;
  context.updateKnowledge({ disqualifiedBy: 'pod-deleted' });
  if (knownHolder?.pod.uid === uid) context.updateKnowledge({ knownHolder: { ...knownHolder, liveness: 'gone' } });
  context.warn(podDeleted(context.config, context.knowledge.ownPodSeen));
}

/** Deletions are refused. Until the next try, the Lease of a previous holder is left to the garbage collector. */
export function noteDeleteRefused(context: StepContext): void {
  context.updateKnowledge({ canDelete: false });
}

/** Renewals are refused. The Lease is kept, because nothing expires. The timer `permission` starts the next try. */
export function noteRenewRefused(context: StepContext): void {
  context.updateKnowledge({ canRenew: false });
}

/** Warns that the Lease has lost its owner, so that the garbage collector would not delete it. */
export function warnOwnerRemoved(context: StepContext): void {
  context.warn(ownerRemoved(context.config));
}

/** Warns when a write came back with other values than were sent. */
export function noteAltered(context: StepContext, input: Input): void {
  if (input.type !== 'leaseWritten' || input.altered === undefined || input.altered.length === 0) return;
  context.warn(writeAltered(context.config, input.altered));
}

/** Warns that the deletion of the Lease was accepted, but its finalizers keep it. */
export function warnTerminating(context: StepContext, lease: LeaseRecord): void {
  context.warn(leaseTerminating(context.config, lease.finalizers));
}
