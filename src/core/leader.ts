/**
 * The rules of a leader: renew the Lease, restore it when it was deleted by hand, and stop leading. A term ends when
 * another Pod holds the Lease, this Pod is gone, or the API server keeps refusing the token.
 *
 * An unreachable API server does not end a term.
 */

import type { Input } from './input.ts';
import { newLeaseContent } from './lease-content.ts';
import { endTerm } from './leaving.ts';
import { notePodsUnreadable } from './observation.ts';
import { isPermissionMissing, isTokenDead } from './refusals.ts';
import { renewalPauseMs, sendRenewal } from './renewal.ts';
import { isOvertaken, isRefusal, isUncertain, type RequestFailure } from './request-failure.ts';
import { refusalDelayMs } from './retry-delay.ts';
import type { LeaderRole } from './state.ts';
import type { StepContext } from './step-context.ts';
import { noteRenewRefused, scheduleRenewal, warnOwnerRemoved, warnTerminating } from './term.ts';
import { explainCreation, noteTwin } from './twin.ts';
import { judgeLease } from './verdict.ts';

/**
 * The shortest time between two restorations, in milliseconds. Otherwise a ghost that is not permitted to read Pods
 * would restore each Lease that the garbage collector deletes, as fast as the network allows.
 */
export const RESTORATION_INTERVAL_MS = 1_000;

/** Records an input for the leader, and takes the next action. */
export function stepLeader(context: StepContext, before: LeaderRole, input: Input): void {
  noteTwin(context, before, input);
  const role = explainCreation(context, before);
  context.role = role;
  switch (input.type) {
    case 'timerFired':
      if (input.timer === 'renew') renew(context, role);
      if (input.timer === 'retry') resync(context, role);
      break;
    case 'leaseRead':
      if (context.wasLeaseRead(input.request)) context.role = { ...role, backingOff: false };
      break;
    case 'leaseWritten':
      noteWritten(context, role, input.request);
      break;
    case 'podRead':
      noteOwnPod(context, role, input.request);
      break;
    case 'requestFailed':
      noteFailure(context, role, input.request, input.failure);
      break;
    case 'leaseWatchFailed':
    case 'podWatchFailed':
      // The watch retries after a longer delay. This timer detects earlier that the token is refused for good.
      if (input.failure.kind === 'unauthorized') context.setTimer('retry', context.backOffMs(input.failure));
      break;
  }
  if (context.role.name === 'leader') keepLease(context, context.role);
}

/** Ends the term unless this process may continue to lead, and restores the Lease if it is missing. */
function keepLease(context: StepContext, role: LeaderRole): void {
  const { disqualifiedBy } = context.knowledge;
  const { lease } = context;
  if (disqualifiedBy === 'pod-deleted') return endTerm(context, role, 'pod-deleted');
  if (isTokenDead(context.knowledge)) {
    endTerm(context, role, 'unauthorized');
    if (context.role.name !== 'candidate') return;
    context.role = { ...context.role, backingOff: true };
    // The refusals so far answered up to three parallel requests. Their number must not delay the first attempts of the
    // candidate.
    context.updateFailures({ inARow: 0 });
    context.setTimer('retry', refusalDelayMs(1, context.moment.random));
    return;
  }
  if (lease === null) return restore(context, role);
  if (judgeLease(context.config, context.knowledge, context.moment.nowMs).kind !== 'mine') {
    return endTerm(context, role, 'usurped');
  }
  if (lease.terminating) warnTerminating(context, lease);
  if (role.restoring !== null) {
    context.role = { ...restored(context, role), overtakenCreation: role.restoring.creation };
    scheduleRenewal(context, lease);
  } else if (lease.owner === null) putOwnerBack(context, role);
}

/** Restores the owner by a renewal, before a new process treats the Lease as foreign. */
function putOwnerBack(context: StepContext, role: LeaderRole): void {
  warnOwnerRemoved(context);
  // After a failure the next scheduled renewal restores the owner.
  if (context.knowledge.failures.inARow === 0) renew(context, role);
}

function renew(context: StepContext, role: LeaderRole): void {
  const { lease } = context;
  if (role.renewal !== null || !context.knowledge.permissions.canRenew) return;
  // The restoration comes first. Renewals continue afterwards.
  if (lease === null) return scheduleRenewal(context, null);
  const pauseMs = renewalPauseMs(context);
  if (pauseMs > 0) return context.setTimer('renew', pauseMs);
  context.role = { ...role, renewal: sendRenewal(context, lease) };
}

/** Creates the Lease again for the same term, if this Pod exists. Most likely the Lease was deleted by hand. */
function restore(context: StepContext, role: LeaderRole): void {
  if (role.backingOff || (role.restoring !== null && role.restoring.creation !== null)) return;
  const pauseMs = role.restoredAtMs + RESTORATION_INTERVAL_MS - context.moment.nowMs;
  if (pauseMs > 0) {
    context.role = { ...role, backingOff: true };
    context.setTimer('retry', pauseMs);
    return;
  }
  const ownPod = role.restoring?.ownPod ?? context.checkOwnPod();
  if (ownPod !== 'exists') {
    context.role = { ...role, restoring: { ownPod, creation: null } };
    return;
  }
  const creation = context.newRequest();
  context.role = { ...role, restoring: { ownPod, creation } };
  context.emit({
    type: 'createLease',
    request: creation,
    content: newLeaseContent(context, role.term.acquireTimeMs, context.knowledge.leaseTransitions ?? 0),
  });
}

function restored(context: StepContext, role: LeaderRole): LeaderRole {
  return { ...role, restoring: null, restoredAtMs: context.moment.nowMs };
}

function noteWritten(context: StepContext, role: LeaderRole, request: number): void {
  if (role.renewal === request) context.role = { ...role, renewal: null };
  // Events may have overtaken this answer. If the Lease is gone already, the restoration starts again.
  else if (role.restoring?.creation === request) context.role = restored(context, role);
  else return;
  scheduleRenewal(context, context.lease);
}

/** Records that this Pod exists. If it were gone, `observe` would have disqualified this process already. */
function noteOwnPod(context: StepContext, role: LeaderRole, request: number): void {
  if (!isOwnPodCheck(role, request)) return;
  context.updatePermissions({ canReadPods: true });
  context.role = { ...role, restoring: { ownPod: 'exists', creation: null } };
}

function noteFailure(context: StepContext, role: LeaderRole, request: number, failure: RequestFailure): void {
  if (role.renewal === request) {
    noteFailedRenewal(context, { ...role, renewal: null }, failure);
  } else if (isOwnPodCheck(role, request)) {
    if (!isPermissionMissing(context.knowledge, 'get pods', failure)) {
      return backOff(context, { ...role, restoring: null }, failure);
    }
    notePodsUnreadable(context);
    context.role = { ...role, restoring: { ownPod: 'exists', creation: null } };
  } else if (role.restoring !== null && role.restoring.creation === request) {
    const createOutcomeUnknown = role.createOutcomeUnknown || isUncertain(failure);
    backOff(context, { ...role, restoring: null, createOutcomeUnknown }, failure);
  } else if (context.wasLeaseRead(request)) {
    backOff(context, role, failure);
  } else if (context.before.holderRead?.request === request && isOwnPodInDoubt(context)) {
    context.setTimer('retry', context.backOffMs(failure));
  }
}

function resync(context: StepContext, role: LeaderRole): void {
  context.endBackOff(role);
  if (isOwnPodInDoubt(context)) context.readHolderPod();
}

/** Whether a list or an event did not show this Pod, and no read has shown yet whether the Pod is gone. */
function isOwnPodInDoubt({ knowledge }: StepContext): boolean {
  return knowledge.knownHolder?.liveness === 'unknown' && knowledge.permissions.canReadPods;
}

/**
 * Schedules the next renewal. A failed renewal does not end the term: another program may have written the Lease, or
 * the answer was lost.
 */
function noteFailedRenewal(context: StepContext, role: LeaderRole, failure: RequestFailure): void {
  context.role = role;
  if (isRefusal(failure)) return noteRenewRefused(context);
  context.setTimer('renew', Math.max(context.backOffMs(failure), renewalPauseMs(context)));
  if (isOvertaken(failure) || isUncertain(failure)) context.readLease();
}

/** Delays the next read of the Lease and its restoration. */
function backOff(context: StepContext, role: LeaderRole, failure: RequestFailure): void {
  context.role = { ...role, backingOff: true };
  context.readLeaseAfter(failure);
}

function isOwnPodCheck(role: LeaderRole, request: number): boolean {
  const ownPod = role.restoring?.ownPod;
  return typeof ownPod === 'object' && ownPod.request === request;
}
