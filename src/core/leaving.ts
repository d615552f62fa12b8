/**
 * The end of a term, and the rules of leaving: wait for the work, then either keep the Lease or release it. A release
 * has two writes: the annotation, which every process sees, and the DELETE.
 *
 * The Lease is kept unless the caller requested its release, or this Pod is being deleted and its work is done. A
 * restarted container is therefore still the leader.
 */

import type { DemotionReason } from './effect.ts';
import type { Input, ReleasePolicy } from './input.ts';
import { releasedContent } from './lease-content.ts';
import { isReleased, type LeaseRecord, type PodRecord } from './lease-record.ts';
import { noteAbsence } from './observation.ts';
import type { Refusable } from './refusal.ts';
import { isBelieved } from './refusals.ts';
import { awaitRenewal } from './renewal.ts';
import { isOvertaken, isRefusal, isUncertain, type RequestFailure } from './request-failure.ts';
import { FRESH_CANDIDATE, type LeaderRole, type LeavingFor, type LeavingRole, type LeavingStep } from './state.ts';
import type { StepContext } from './step-context.ts';
import { noteDeleteRefused, noteRenewRefused } from './term.ts';
import { holderOf, judgeLease } from './verdict.ts';
import { releaseStuck, workNotDrained } from './warnings.ts';

/**
 * The longest time that releasing a Lease may take, in milliseconds. By default the kubelet kills a Pod 30 s after its
 * deletion was requested.
 */
export const LEAVING_LIMIT_MS = 10_000;

/** The largest number of failed requests while releasing a Lease. Withdrawing a release has the same limit again. */
export const LEAVING_TRIES = 5;

/**
 * The longest time that withdrawing a release may take, in milliseconds, after the time for releasing the Lease has
 * passed.
 */
export const WITHDRAWAL_LIMIT_MS = 3_000;

/** Starts leaving, after `stop()` or `stepDown()`, in any role. */
export function leave(context: StepContext, next: LeavingFor, release: ReleasePolicy): void {
  const { role } = context;
  switch (role.name) {
    case 'leader':
      if (role.resigning !== null) {
        // If a step-down is to release the Lease, a later `stop()` does not change that.
        const promised = role.resigning.release === 'always' ? 'always' : release;
        context.role = { ...role, resigning: next === 'stopped' ? { next, release: promised } : role.resigning };
        return;
      }
      context.announce({ type: 'demoted', reason: next === 'stopped' ? 'stopped' : 'stepped-down' });
      context.role = { ...role, resigning: { next, release } };
      context.emit({ type: 'settleWork' });
      return;
    case 'candidate':
      if (role.attempt?.step === 'creating') {
        goTo(context, next, { name: 'awaitingCreate', request: role.attempt.request, release, drained: null });
      } else {
        decide(context, next, release, null);
      }
      return;
    case 'leaving': {
      const { step } = role;
      // Before the decision, a request to release the Lease is recorded. It is never withdrawn.
      const promises = 'release' in step && release === 'always';
      context.role = { ...role, next, step: promises ? { ...step, release } : step };
      return;
    }
    case 'starting':
    case 'sibling':
      return finishLeaving(context, next, false);
  }
}

/** Continues leaving after the work of the leader is done, or after its time limit has passed. */
export function settle(context: StepContext, role: LeaderRole, drained: boolean): void {
  if (role.resigning === null) return;
  const { next, release } = role.resigning;
  noteWork(context, release, drained);
  const creation = role.restoring?.creation ?? null;
  if (creation !== null && (drained || release === 'always')) {
    goTo(context, next, { name: 'awaitingCreate', request: creation, release, drained });
  } else {
    decide(context, next, release, drained);
  }
}

/**
 * Decides whether to keep the Lease or to release it.
 *
 * @param drained `null`: the work has not been waited for. Work of a lost term may still be running, and no other
 * leader must start beside it.
 */
function decide(context: StepContext, next: LeavingFor, release: ReleasePolicy, drained: boolean | null): void {
  const { knowledge, config, moment } = context;
  if (drained === null && knowledge.workMayRun) return drain(context, next, release);
  const mine = judgeLease(config, knowledge, moment.nowMs).kind === 'mine';
  // A believed refusal is retried at intervals, because the permission may have been granted in the meantime.
  const mayMark = knowledge.permissions.canRenew || !isBelieved(knowledge, 'update leases');
  const mayDelete = knowledge.permissions.canDelete || !isBelieved(knowledge, 'delete leases');
  if (!mine || !mayMark || !mayDelete || knowledge.disqualifiedBy === 'pod-deleted')
    return finishLeaving(context, next, false);
  if (release === 'always') return annotateRelease(context, next);

  if (drained === false) return finishLeaving(context, next, false);
  goTo(context, next, { name: 'readingOwnPod', ...context.checkOwnPod() });
}

/**
 * Waits for the work of a lost term, up to its time limit. Until then this process does not stop, and no other process
 * of this Pod begins.
 */
function drain(context: StepContext, next: LeavingFor, release: ReleasePolicy): void {
  awaitWork(context, next, release);
  context.emit({ type: 'settleWork' });
}

function awaitWork(context: StepContext, next: LeavingFor, release: ReleasePolicy): void {
  context.clearTimers('retry', 'recheck', 'leaving');
  context.role = { name: 'leaving', next, step: { name: 'awaitingWork', request: null, release }, tries: 0 };
}

function noteSettled(context: StepContext, role: LeavingRole, drained: boolean): void {
  if (role.step.name !== 'awaitingWork') return;
  const { release } = role.step;
  noteWork(context, release, drained);
  decide(context, role.next, release, drained);
}

function noteWork(context: StepContext, release: ReleasePolicy, drained: boolean): void {
  context.updateKnowledge({ workMayRun: !drained });
  // The warning describes what happens to the Lease. It is left out if the term was lost, and with it the Lease of this
  // Pod.
  const lost = context.role.name === 'leaving' && ownLease(context) === null;
  if (!drained && !lost) context.warn(workNotDrained(release === 'always'));
}

/**
 * Ends a term for a reason other than `stop()` or `stepDown()`. If the term was already ending, `demoted` was announced
 * before.
 */
export function endTerm(context: StepContext, role: LeaderRole, reason: DemotionReason): void {
  context.clearTimers('renew', 'retry');
  // Nothing waits for the work of this term. It counts as running until a later `workSettled` shows that it has ended.
  context.updateKnowledge({ workMayRun: true });
  if (role.resigning === null) {
    context.role = FRESH_CANDIDATE;
    // A leader has no timer for the silence of a holder. The new holder may never renew, so the timer is set here.
    if (reason === 'usurped') awaitRenewal(context);
    context.announce({ type: 'demoted', reason });
  } else if (role.resigning.next === 'stopped') {
    // The answer to the `settleWork` of this stop is still awaited.
    awaitWork(context, 'stopped', role.resigning.release);
  } else {
    finishLeaving(context, 'candidate', false);
  }
}

/**
 * How long a Pod that stepped down lets the other Pods campaign first, in milliseconds. Afterwards it campaigns again.
 * Otherwise a single replica would never lead again.
 */
export const STEP_DOWN_PAUSE_MS = 10_000;

/** Finishes leaving: stops for good, or becomes a candidate again. */
function finishLeaving(context: StepContext, next: LeavingFor, released: boolean): void {
  if (next === 'stopped') {
    context.role = { name: 'stopped' };
    context.emit({ type: 'shutDown', freeSiblingLock: !context.knowledge.workMayRun });
    context.announce({ type: 'stopped', released });
    return;
  }
  context.clearTimers('renew', 'retry', 'leaving');
  const { config, knowledge, lease, moment } = context;
  const holder = lease === null ? null : holderOf(lease, knowledge.knownHolder, config.self);
  // The Lease of a successor may be observed before the answer to the DELETE. The other Pods then need no pause.
  const isSucceeded = holder !== null && holder.uid !== config.self.uid;
  context.role = { ...FRESH_CANDIDATE, notBeforeMs: isSucceeded ? 0 : moment.nowMs + STEP_DOWN_PAUSE_MS };
  context.announce({ type: 'steppedDown', released });
}

function goTo(context: StepContext, next: LeavingFor, step: LeavingStep): void {
  // The limit applies to the release of the Lease. The application limits the time of the work.
  if (context.role.name !== 'leaving' || context.role.step.name === 'awaitingWork') {
    context.clearTimers('retry', 'renew', 'recheck');
    context.setTimer('leaving', LEAVING_LIMIT_MS);
  }
  const tries = context.role.name === 'leaving' ? context.role.tries : 0;
  context.role = { name: 'leaving', next, step, tries };
}

function annotateRelease(context: StepContext, next: LeavingFor): void {
  const lease = ownLease(context);
  if (lease === null) return finishLeaving(context, next, false);
  const request = context.newRequest();
  goTo(context, next, { name: 'releasing', request, version: lease.resourceVersion });
  context.emit({
    type: 'replaceLease',
    request,
    lease,
    content: releasedContent(context, lease, context.config.self.uid),
  });
}

/** The Lease, if this Pod still holds it. It may have been given to another holder by hand. */
function ownLease({ config, knowledge, lease }: StepContext): LeaseRecord | null {
  return lease !== null && holderOf(lease, knowledge.knownHolder, config.self)?.uid === config.self.uid ? lease : null;
}

function remove(context: StepContext, role: LeavingRole, lease: LeaseRecord): void {
  const request = context.newRequest();
  context.role = { ...role, step: { name: 'deleting', request } };
  context.emit({ type: 'deleteLease', request, lease });
}

/** Records an input while leaving, and takes the next action. */
export function stepLeaving(context: StepContext, role: LeavingRole, input: Input): void {
  switch (input.type) {
    case 'timerFired':
      if (input.timer === 'leaving') return endPatience(context, role);
      if (input.timer === 'retry') tryNext(context, role);
      return;
    case 'workSettled':
      return noteSettled(context, role, input.drained);
    case 'podRead':
      return noteOwnPod(context, role, input.request, input.pod);
    case 'leaseWritten':
      return noteWritten(context, role, input.request, input.lease);
    case 'leaseRemoved':
      if (role.step.request !== input.request) return;
      // Events may have overtaken the answer, so that the successor's Lease is already known.
      if (ownLease(context) !== null) noteAbsence(context);
      return finishLeaving(context, role.next, true);
    case 'leaseDeletionPending':
      // The Lease is marked as released and being deleted, so nothing is left to do.
      if (role.step.request === input.request) finishLeaving(context, role.next, true);
      return;
    case 'leaseRead':
      if (context.wasLeaseRead(input.request)) noteLeaseRead(context, role);
      return;
    case 'requestFailed':
      return noteFailure(context, role, input.request, input.failure);
  }
}

function noteOwnPod(context: StepContext, role: LeavingRole, request: number, pod: PodRecord | null): void {
  if (role.step.request !== request) return;
  if (context.ownPod(pod)?.terminating === true) annotateRelease(context, role.next);
  else finishLeaving(context, role.next, false);
}

function noteWritten(context: StepContext, role: LeavingRole, request: number, lease: LeaseRecord): void {
  const { step } = role;
  if (step.request !== request) return;
  // The Lease was created although it is no longer wanted. No work of its term has begun, so only the work of an
  // earlier term can run.
  if (step.name === 'awaitingCreate') noteCreated(context, role, step);
  if (step.name === 'releasing') remove(context, role, lease);
  if (step.name === 'withdrawingRelease') finishLeaving(context, role.next, false);
}

/**
 * Continues after a create that was in flight when leaving began.
 *
 * If no Lease is known, the created Lease may be gone again. Or the cluster was restored from a backup, so that the
 * answer looked old and was dropped. A read shows which. Without that read the Lease could block the other Pods until
 * this Pod is deleted.
 */
function noteCreated(
  context: StepContext,
  role: LeavingRole,
  step: LeavingStep & { readonly name: 'awaitingCreate' },
): void {
  if (context.lease !== null || !context.knowledge.permissions.canReadLease)
    return decide(context, role.next, step.release, step.drained);
  context.role = { ...role, step: { ...step, request: null } };
  // A read that is in flight may have been answered before the create was executed.
  context.updateKnowledge({ leaseRead: null });
  context.readLease();
}

/**
 * Continues after the create that was in flight has failed, or after the wait for its answer has ended. Work of an
 * earlier term may still run.
 */
function endAwaitedCreate(
  context: StepContext,
  role: LeavingRole,
  step: LeavingStep & { readonly name: 'awaitingCreate' },
): void {
  if (step.drained === null && context.knowledge.workMayRun) drain(context, role.next, step.release);
  else finishLeaving(context, role.next, false);
}

/** Retries after a failure. If reading the Lease is refused, uses the Lease that the watch has shown. */
function tryNext(context: StepContext, role: LeavingRole): void {
  if (role.step.name === 'readingOwnPod') goTo(context, role.next, { name: 'readingOwnPod', ...context.checkOwnPod() });
  else if (context.knowledge.permissions.canReadLease) context.readLease();
  else noteLeaseRead(context, role);
}

/** Continues after a failure. The Lease shows which steps of its release were executed. */
function noteLeaseRead(context: StepContext, role: LeavingRole): void {
  const { step } = role;
  if (step.name === 'awaitingWork' || step.name === 'readingOwnPod' || step.request !== null) return;
  if (step.name === 'awaitingCreate') return decide(context, role.next, step.release, step.drained);
  const lease = ownLease(context);
  // If the Lease was marked as released and is gone, a successor has deleted it, so it is released.
  if (lease === null) finishLeaving(context, role.next, step.name === 'deleting' || step.name === 'withdrawingRelease');
  else if (step.name === 'withdrawingRelease') removeReleaseAnnotation(context, role, lease);
  else if (isReleased(lease)) remove(context, role, lease);
  else annotateRelease(context, role.next);
}

function noteFailure(context: StepContext, role: LeavingRole, request: number, failure: RequestFailure): void {
  const { step } = role;
  const wasRead = step.request === null && context.wasLeaseRead(request);
  if (step.request !== request && !wasRead) return;
  const refused = isRefusal(failure) && !wasRead;
  switch (step.name) {
    case 'awaitingCreate':
      // Any other failure shows that nothing was created, so there is nothing to release.
      if (wasRead || isUncertain(failure) || isOvertaken(failure)) return tryAgain(context, role, step, failure);
      return endAwaitedCreate(context, role, step);
    case 'readingOwnPod':
      // This step does not depend on a read of the Lease.
      if (wasRead) return;
      if (refused && wasBelieved(context, 'get pods')) return finishLeaving(context, role.next, false);
      return tryAgain(context, role, step, failure);
    case 'releasing':
      if (refused) noteRenewRefused(context);
      if (refused && wasBelieved(context, 'update leases')) return finishLeaving(context, role.next, false);
      if (isUncertain(failure) && !wasRead) context.updateKnowledge({ pendingReleaseVersion: step.version });
      return tryAgain(context, role, step, failure);
    case 'deleting':
      if (refused) noteDeleteRefused(context);
      if (refused && wasBelieved(context, 'delete leases')) return withdrawRelease(context, role);
      return tryAgain(context, role, step, failure);
    case 'withdrawingRelease':
      return tryAgain(context, role, step, failure);
  }
}

/**
 * Whether a refusal has lasted so long that another attempt would not help. A refusal that was believed before this
 * step also counts.
 */
function wasBelieved({ before, knowledge }: StepContext, what: Refusable): boolean {
  return isBelieved(before, what) || isBelieved(knowledge, what);
}

function tryAgain(context: StepContext, role: LeavingRole, step: LeavingStep, failure: RequestFailure): void {
  const tries = role.tries + 1;
  context.role = { ...role, step: { ...step, request: null }, tries };
  if (tries >= LEAVING_TRIES) return giveUp(context, context.role);
  if (step.name === 'readingOwnPod') context.setTimer('retry', context.backOffMs(failure));
  else context.readLeaseAfter(failure);
}

/** Ends leaving because its time limit has passed. */
function endPatience(context: StepContext, role: LeavingRole): void {
  const { step } = role;
  if (step.name === 'releasing' && step.request !== null)
    context.updateKnowledge({ pendingReleaseVersion: step.version });
  giveUp(context, role);
}

/** Ends leaving because the tries or the time are used up. */
function giveUp(context: StepContext, role: LeavingRole): void {
  const { step, next } = role;
  if (step.name === 'deleting' && context.knowledge.failures.refusals['delete leases'] !== undefined)
    return withdrawRelease(context, role);
  if (step.name === 'withdrawingRelease')
    context.warn(releaseStuck(context.config, context.knowledge.failures.refusals['delete leases']?.failure.message));
  if (step.name === 'awaitingCreate') return endAwaitedCreate(context, role, step);
  // A Lease that is marked as released counts as released, because a successor deletes it.
  finishLeaving(context, next, step.name === 'deleting');
}

/**
 * Withdraws the release, because the DELETE was refused and a successor might not be permitted to delete the Lease
 * either.
 */
function withdrawRelease(context: StepContext, role: LeavingRole): void {
  const lease = ownLease(context);
  if (lease === null) return finishLeaving(context, role.next, true);
  context.clearTimers('retry');
  context.setTimer('leaving', WITHDRAWAL_LIMIT_MS);
  removeReleaseAnnotation(context, { ...role, tries: 0 }, lease);
}

/** Removes the annotation from the Lease, if the Lease has it. */
function removeReleaseAnnotation(context: StepContext, role: LeavingRole, lease: LeaseRecord): void {
  if (!isReleased(lease)) return finishLeaving(context, role.next, false);
  const request = context.newRequest();
  context.role = { ...role, step: { name: 'withdrawingRelease', request } };
  context.emit({ type: 'replaceLease', request, lease, content: releasedContent(context, lease, null) });
}
