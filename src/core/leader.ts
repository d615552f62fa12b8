/**
 * The rules of a leader: renew, restore a Lease that was deleted by hand, and stop leading when the Lease
 * is another's, the own Pod is gone, or the API server keeps refusing the token.
 *
 * An API server that cannot be reached ends nothing.
 */

import type { Input } from './input.ts';
import { newLeaseContent } from './lease-content.ts';
import { notePodsUnreadable } from './observation.ts';
import { isPermissionMissing, isTokenDead } from './refusals.ts';
import { renewalPauseMs, sendRenewal } from './renewal.ts';
import { isOvertaken, isRefusal, isUncertain, type RequestFailure } from './request-failure.ts';
import { refusalDelayMs } from './retry-delay.ts';
import type { LeaderRole } from './state.ts';
import type { Turn } from './step-context.ts';
import { endTerm, noteRenewRefused, scheduleRenewal, warnOwnerRemoved, warnTerminating } from './term.ts';
import { noteTwin } from './twin.ts';
import { judgeLease } from './verdict.ts';

/**
 * A Lease that goes again and again is restored at most this often, in milliseconds: a ghost that may not read Pods
 * would else fight the garbage collector as fast as the network allows.
 */
export const RESTORATION_INTERVAL_MS = 1_000;

/** A leader takes note of an answer to it, and does what there is to do next. */
export function stepLeader(turn: Turn, role: LeaderRole, input: Input): void {
  noteTwin(turn, role, input);
  switch (input.type) {
    case 'timerFired':
      if (input.timer === 'renew') renew(turn, role);
      if (input.timer === 'retry') lookAgain(turn, role);
      break;
    case 'leaseRead':
      if (turn.wasLeaseRead(input.request)) turn.role = { ...role, resting: false };
      break;
    case 'leaseWritten':
      noteWritten(turn, role, input.request);
      break;
    case 'podRead':
      noteOwnPod(turn, role, input.request);
      break;
    case 'requestFailed':
      noteFailure(turn, role, input.request, input.failure);
      break;
    case 'leaseWatchFailed':
    case 'podWatchFailed':
      // The watch will not try again for a while; whether the token is refused for good must be known sooner.
      if (input.failure.kind === 'unauthorized') turn.setTimer('retry', turn.backOffMs(input.failure));
      break;
  }
  if (turn.role.name === 'leader') hold(turn, turn.role);
}

/** Makes sure that this process may go on leading. */
function hold(turn: Turn, role: LeaderRole): void {
  const { barred } = turn.knowledge;
  const { lease } = turn;
  if (barred === 'pod-deleted') return endTerm(turn, role, 'pod-deleted');
  if (isTokenDead(turn.knowledge)) {
    endTerm(turn, role, 'unauthorized');
    if (turn.role.name !== 'candidate') return;
    turn.role = { ...turn.role, resting: true };
    // The refusals so far came from three requests side by side. Their number must not delay the candidate's first tries.
    turn.learn({ failures: 0 });
    turn.setTimer('retry', refusalDelayMs(1, turn.moment.random));
    return;
  }
  if (lease === null) return restore(turn, role);
  if (judgeLease(turn.config, turn.knowledge, turn.moment.nowMs).kind !== 'mine') {
    return endTerm(turn, role, 'usurped');
  }
  if (lease.terminating) warnTerminating(turn, lease);
  if (role.restoring !== null) {
    turn.role = { ...restored(turn, role), overtakenCreation: role.restoring.creation };
    scheduleRenewal(turn, lease);
  } else if (lease.owner === null) putOwnerBack(turn, role);
}

/** A renewal puts the owner back, before the Lease looks foreign to a newcomer. */
function putOwnerBack(turn: Turn, role: LeaderRole): void {
  warnOwnerRemoved(turn);
  // After a failure the next renewal in its turn does it.
  if (turn.knowledge.failures === 0) renew(turn, role);
}

function renew(turn: Turn, role: LeaderRole): void {
  const { lease } = turn;
  if (role.renewal !== null || !turn.knowledge.canRenew) return;
  // Restoring it comes first; renewals go on afterwards.
  if (lease === null) return scheduleRenewal(turn, null);
  const pauseMs = renewalPauseMs(turn);
  if (pauseMs > 0) return turn.setTimer('renew', pauseMs);
  turn.role = { ...role, renewal: sendRenewal(turn, lease) };
}

/** The Lease is gone, most likely deleted by hand: creates it again, for the same term, if the own Pod exists. */
function restore(turn: Turn, role: LeaderRole): void {
  if (role.resting || (role.restoring !== null && role.restoring.creation !== null)) return;
  const pauseMs = role.restoredAtMs + RESTORATION_INTERVAL_MS - turn.moment.nowMs;
  if (pauseMs > 0) {
    turn.role = { ...role, resting: true };
    turn.setTimer('retry', pauseMs);
    return;
  }
  const ownPod = role.restoring?.ownPod ?? turn.checkOwnPod();
  if (ownPod !== 'exists') {
    turn.role = { ...role, restoring: { ownPod, creation: null } };
    return;
  }
  const creation = turn.newRequest();
  turn.role = { ...role, restoring: { ownPod, creation } };
  turn.order({
    type: 'createLease',
    request: creation,
    content: newLeaseContent(turn, role.term.acquireTimeMs, turn.knowledge.leaseTransitions ?? 0),
  });
}

function restored(turn: Turn, role: LeaderRole): LeaderRole {
  return { ...role, restoring: null, restoredAtMs: turn.moment.nowMs };
}

function noteWritten(turn: Turn, role: LeaderRole, request: number): void {
  if (role.renewal === request) turn.role = { ...role, renewal: null };
  // Events may have overtaken it: when the Lease is gone already, restoring begins anew.
  else if (role.restoring?.creation === request) turn.role = restored(turn, role);
  else return;
  scheduleRenewal(turn, turn.lease);
}

/** It exists: that it is gone would have ended the term, whoever waited for the answer. */
function noteOwnPod(turn: Turn, role: LeaderRole, request: number): void {
  if (!isOwnPodCheck(role, request)) return;
  turn.learn({ canReadPods: true });
  turn.role = { ...role, restoring: { ownPod: 'exists', creation: null } };
}

function noteFailure(turn: Turn, role: LeaderRole, request: number, failure: RequestFailure): void {
  if (role.renewal === request) {
    noteFailedRenewal(turn, { ...role, renewal: null }, failure);
  } else if (isOwnPodCheck(role, request)) {
    if (!isPermissionMissing(turn.knowledge, 'get pods', failure)) {
      return rest(turn, { ...role, restoring: null }, failure);
    }
    notePodsUnreadable(turn);
    turn.role = { ...role, restoring: { ownPod: 'exists', creation: null } };
  } else if (role.restoring !== null && role.restoring.creation === request) {
    const createdUnawares = role.createdUnawares || isUncertain(failure);
    rest(turn, { ...role, restoring: null, createdUnawares }, failure);
  } else if (turn.wasLeaseRead(request)) {
    rest(turn, role, failure);
  } else if (turn.before.incumbentRead?.request === request && isOwnPodInDoubt(turn)) {
    turn.setTimer('retry', turn.backOffMs(failure));
  }
}

function lookAgain(turn: Turn, role: LeaderRole): void {
  turn.wake(role);
  if (isOwnPodInDoubt(turn)) turn.readIncumbent();
}

/** A list or an event did not show the own Pod, and no read has told yet whether it is gone. */
function isOwnPodInDoubt({ knowledge }: Turn): boolean {
  return knowledge.incumbent?.fate === 'unknown' && knowledge.canReadPods;
}

/** No loss yet: somebody else may have touched the Lease, or the answer was lost on its way. */
function noteFailedRenewal(turn: Turn, role: LeaderRole, failure: RequestFailure): void {
  turn.role = role;
  if (isRefusal(failure)) return noteRenewRefused(turn);
  turn.setTimer('renew', Math.max(turn.backOffMs(failure), renewalPauseMs(turn)));
  if (isOvertaken(failure) || isUncertain(failure)) turn.readLease();
}

/** Waits before the Lease is read again and anything is restored. */
function rest(turn: Turn, role: LeaderRole, failure: RequestFailure): void {
  turn.role = { ...role, resting: true };
  turn.readLeaseAfter(failure);
}

function isOwnPodCheck(role: LeaderRole, request: number): boolean {
  const ownPod = role.restoring?.ownPod;
  return typeof ownPod === 'object' && ownPod.request === request;
}
