/**
 * How a term begins and how it ends, whatever led to it.
 */

import type { DemotionReason } from './effect.ts';
import type { Input } from './input.ts';
import type { LeaseRecord } from './lease-record.ts';
import { awaitRenewal, renewalPauseMs } from './renewal.ts';
import { sayAbsence } from './short-life.ts';
import { FRESH_CANDIDATE, type LeaderRole, type LeavingFor } from './state.ts';
import type { StepContext } from './step-context.ts';
import { holderOf } from './verdict.ts';

/**
 * A restored Lease is renewed for the first time after this many milliseconds: until then it says nothing of renewals, so
 * nobody could see that its holder hangs. The Lease of a new term is renewed at once, before the work begins.
 */
const FIRST_RENEWAL_MS = 1_000;

/** Begins a term with `lease`, as the write that began it left it behind. */
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

/** Has `lease` (`null`: it is missing) renewed in its turn. */
export function scheduleRenewal(context: StepContext, lease: LeaseRecord | null): void {
  if (!context.knowledge.canRenew) return;
  const { renewIntervalMs } = context.config;
  context.setTimer(
    'renew',
    lease?.renewTimeMs === null ? Math.min(renewIntervalMs, FIRST_RENEWAL_MS) : renewIntervalMs,
  );
}

/** Ends a term against this process's will. Work that was draining already has been told. */
export function endTerm(context: StepContext, role: LeaderRole, reason: DemotionReason): void {
  context.clearTimers('renew', 'retry');
  // Nobody waits for the work of this term: it counts as running until a later term has drained.
  context.updateKnowledge({ workMayRun: true });
  if (role.resigning === null) {
    context.role = FRESH_CANDIDATE;
    // A leader has no timer for the silence of a holder. The one that took the Lease may never renew it.
    if (reason === 'usurped') awaitRenewal(context);
    context.announce({ type: 'demoted', reason });
  } else {
    finishLeaving(context, role.resigning.next, false);
  }
}

/**
 * How long a Pod that stepped down lets the others go first, in milliseconds. It campaigns again
 * afterwards: a single replica would else never lead again.
 */
export const STEP_DOWN_PAUSE_MS = 10_000;

/** Nothing is left to do with the Lease: stops for good, or becomes a candidate again. */
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
  // A successor may be quicker than the answer to the DELETE: then the others went first already.
  const isSucceeded = holder !== null && holder.uid !== config.self.uid;
  context.role = { ...FRESH_CANDIDATE, notBeforeMs: isSucceeded ? 0 : moment.nowMs + STEP_DOWN_PAUSE_MS };
  context.announce({ type: 'steppedDown', released });
}

/** The own Pod is gone, or counts as gone: whatever this process is, it must never lead again. */
export function disqualifyDeleted(context: StepContext): void {
  const { uid } = context.config.self;
  const { knownHolder } = context.knowledge;
  context.updateKnowledge({ disqualifiedBy: 'pod-deleted' });
  if (knownHolder?.pod.uid === uid) context.updateKnowledge({ knownHolder: { ...knownHolder, liveness: 'gone' } });
  context.warn('pod-deleted', `${sayAbsence(context)} This process still runs, but it does not lead again. End it.`);
}

/** Deletions are refused: what a predecessor left is the garbage collector's until the next try. */
export function noteDeleteRefused(context: StepContext): void {
  context.updateKnowledge({ canDelete: false });
}

/** Renewals are refused: the Lease is kept all the same, since nothing expires. They are tried again by `permission`. */
export function noteRenewRefused(context: StepContext): void {
  context.updateKnowledge({ canRenew: false });
}

/** The Lease has lost its owner, so that the garbage collector would leave it behind. */
export function warnOwnerRemoved(context: StepContext): void {
  const { namespace, leaseName } = context.config;
  context.warn(
    'owner-removed',
    `Lease ${namespace}/${leaseName} has lost its owner (metadata.ownerReferences). Most likely an admission webhook ` +
      'takes it away, or a person did. Without it a process that starts now does not see whose the Lease is. A leader puts it back, at most once a second. ' +
      'Exempt this Lease from the webhook.',
  );
}

/** What came back from a write is not what was sent. */
export function noteAltered(context: StepContext, input: Input): void {
  if (input.type !== 'leaseWritten' || input.altered === undefined || input.altered.length === 0) return;
  const { namespace, leaseName } = context.config;
  context.warn(
    'write-altered',
    `Lease ${namespace}/${leaseName} came back from a write with another value than was sent in ` +
      `${input.altered.join(', ')}. Most likely an admission webhook changes it. Exempt this Lease from the webhook.`,
  );
}

/** The deletion of the Lease was accepted, and its finalizers keep it. */
export function warnTerminating(context: StepContext, lease: LeaseRecord): void {
  const { namespace, leaseName } = context.config;
  context.warn(
    'lease-terminating',
    `Lease ${namespace}/${leaseName} is being deleted, but its finalizers keep it: ${lease.finalizers.join(', ')}. No ` +
      'other Pod can be elected before it is gone. If nothing removes them, do it: kubectl patch lease ' +
      `${leaseName} -n ${namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`,
  );
}
