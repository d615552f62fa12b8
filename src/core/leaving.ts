/**
 * The rules of leaving: drain the work, then either keep the Lease or give it up in two writes (the
 * annotation that tells everybody, and the DELETE).
 *
 * The Lease is kept unless leaving was asked to release it, or the own Pod is being deleted and its work is
 * done: a container that is restarted is still the leader.
 */

import type { Input, ReleasePolicy } from './input.ts';
import { releasedContent } from './lease-content.ts';
import { isReleased, type LeaseRecord, type PodRecord } from './lease-record.ts';
import { noteAbsence } from './observation.ts';
import type { Refusable } from './refusal.ts';
import { isBelieved } from './refusals.ts';
import { isOvertaken, isRefusal, isUncertain, type RequestFailure } from './request-failure.ts';
import type { LeaderRole, LeavingFor, LeavingRole, LeavingStep } from './state.ts';
import type { Turn } from './step-context.ts';
import { leaveOffice, noteDeleteRefused, noteRenewRefused } from './term.ts';
import { holderOf, judgeLease } from './verdict.ts';

/** How long giving up a Lease may take, in milliseconds; the kubelet grants a Pod 30 s in all. */
export const LEAVING_LIMIT_MS = 10_000;

/** How many failed requests giving up a Lease may cost; as many again may taking back a mark whose Lease is not deleted. */
export const LEAVING_TRIES = 5;

/** How long taking back a mark may take, in milliseconds, once the time for giving the Lease up has passed. */
export const UNMARKING_LIMIT_MS = 3_000;

/** `stop()` or `stepDown()`, in any role. */
export function leave(turn: Turn, next: LeavingFor, release: ReleasePolicy): void {
  const { role } = turn;
  switch (role.name) {
    case 'leader':
      if (role.draining !== null) {
        // Who promised to give the Lease up does so, even if it is stopped meanwhile.
        const promised = role.draining.release === 'always' ? 'always' : release;
        turn.role = { ...role, draining: next === 'stopped' ? { next, release: promised } : role.draining };
        return;
      }
      turn.announce({ type: 'demoted', reason: next === 'stopped' ? 'stopped' : 'stepped-down' });
      turn.role = { ...role, draining: { next, release } };
      turn.order({ type: 'settleWork' });
      return;
    case 'candidate':
      if (role.attempt?.step === 'creating') {
        goTo(turn, next, { name: 'awaitingCreate', request: role.attempt.request, release, drained: null });
      } else {
        decide(turn, next, release, null);
      }
      return;
    case 'leaving': {
      const { step } = role;
      // What was not decided yet hears of it; a promise to give the Lease up stands.
      const promises = 'release' in step && release === 'always';
      turn.role = { ...role, next, step: promises ? { ...step, release } : step };
      return;
    }
    case 'starting':
    case 'sibling':
      return leaveOffice(turn, next, false);
  }
}

/** The work of a leader that leaves is done, or has had its time. */
export function settle(turn: Turn, role: LeaderRole, drained: boolean): void {
  if (role.draining === null) return;
  const { next, release } = role.draining;
  noteWork(turn, release, drained);
  const creation = role.restoring?.creation ?? null;
  if (creation !== null && (drained || release === 'always')) {
    goTo(turn, next, { name: 'awaitingCreate', request: creation, release, drained });
  } else {
    decide(turn, next, release, drained);
  }
}

/**
 * Keep the Lease, or give it up?
 *
 * @param drained `null`: nobody has waited for the work yet. That of a term that was lost may run still, and nobody
 * must begin beside it.
 */
function decide(turn: Turn, next: LeavingFor, release: ReleasePolicy, drained: boolean | null): void {
  const { knowledge, config, moment } = turn;
  const mine = judgeLease(config, knowledge, moment.nowMs).kind === 'mine';
  // A refusal that was believed is tried again now and then: the permission may have been granted since.
  const mayMark = knowledge.canRenew || !isBelieved(knowledge, 'update leases');
  const mayDelete = knowledge.canDelete || !isBelieved(knowledge, 'delete leases');
  if (!mine || !mayMark || !mayDelete || knowledge.barred === 'pod-deleted') return leaveOffice(turn, next, false);
  if (drained === null && knowledge.workMayRun) return drain(turn, next, release);
  if (release === 'always') return mark(turn, next);

  if (drained === false) return leaveOffice(turn, next, false);
  goTo(turn, next, { name: 'readingOwnPod', ...turn.checkOwnPod() });
}

function drain(turn: Turn, next: LeavingFor, release: ReleasePolicy): void {
  turn.clearTimers('retry', 'recheck', 'leaving');
  turn.role = { name: 'leaving', next, step: { name: 'draining', request: null, release }, tries: 0 };
  turn.order({ type: 'settleWork' });
}

function noteSettled(turn: Turn, role: LeavingRole, drained: boolean): void {
  if (role.step.name !== 'draining') return;
  const { release } = role.step;
  noteWork(turn, release, drained);
  decide(turn, role.next, release, drained);
}

function noteWork(turn: Turn, release: ReleasePolicy, drained: boolean): void {
  turn.learn({ workMayRun: !drained });
  if (drained) return;
  const released = release === 'always';
  turn.warn(
    'work-not-drained',
    released
      ? 'The Lease is released although the promise of onElected has not settled in time.'
      : 'The promise of onElected has not settled in time. The Lease is kept, and no other process of this Pod campaigns ' +
          'before this one has ended. End this process.',
  );
}

function goTo(turn: Turn, next: LeavingFor, step: LeavingStep): void {
  // The limit is for giving the Lease up; the time of the work is bounded by the application.
  if (turn.role.name !== 'leaving' || turn.role.step.name === 'draining') {
    turn.clearTimers('retry', 'renew', 'recheck');
    turn.setTimer('leaving', LEAVING_LIMIT_MS);
  }
  const tries = turn.role.name === 'leaving' ? turn.role.tries : 0;
  turn.role = { name: 'leaving', next, step, tries };
}

function mark(turn: Turn, next: LeavingFor): void {
  const lease = ownLease(turn);
  if (lease === null) return leaveOffice(turn, next, false);
  const request = turn.newRequest();
  goTo(turn, next, { name: 'marking', request, version: lease.resourceVersion });
  turn.order({ type: 'replaceLease', request, lease, content: releasedContent(turn, lease, turn.config.self.uid) });
}

/** The Lease, if it is this Pod's still: it may have been given to somebody else by hand since it was looked at. */
function ownLease({ config, knowledge, lease }: Turn): LeaseRecord | null {
  return lease !== null && holderOf(lease, knowledge.incumbent, config.self)?.uid === config.self.uid ? lease : null;
}

function remove(turn: Turn, role: LeavingRole, lease: LeaseRecord): void {
  const request = turn.newRequest();
  turn.role = { ...role, step: { name: 'deleting', request } };
  turn.order({ type: 'deleteLease', request, lease });
}

/** Takes note of an answer, and does what there is to do next. */
export function stepLeaving(turn: Turn, role: LeavingRole, input: Input): void {
  switch (input.type) {
    case 'timerFired':
      if (input.timer === 'leaving') return endPatience(turn, role);
      if (input.timer === 'retry') tryNext(turn, role);
      return;
    case 'workSettled':
      return noteSettled(turn, role, input.drained);
    case 'podRead':
      return noteOwnPod(turn, role, input.request, input.pod);
    case 'leaseWritten':
      return noteWritten(turn, role, input.request, input.lease);
    case 'leaseRemoved':
      if (role.step.request !== input.request) return;
      // Events may have overtaken the answer: then a successor's Lease is known already.
      if (ownLease(turn) !== null) noteAbsence(turn);
      return leaveOffice(turn, role.next, true);
    case 'leaseDeletionPending':
      // Marked, and on its way: nothing is left to do here.
      if (role.step.request === input.request) leaveOffice(turn, role.next, true);
      return;
    case 'leaseRead':
      if (turn.wasLeaseRead(input.request)) noteLeaseRead(turn, role);
      return;
    case 'requestFailed':
      return noteFailure(turn, role, input.request, input.failure);
  }
}

function noteOwnPod(turn: Turn, role: LeavingRole, request: number, pod: PodRecord | null): void {
  if (role.step.request !== request) return;
  if (turn.ownPod(pod)?.terminating === true) mark(turn, role.next);
  else leaveOffice(turn, role.next, false);
}

function noteWritten(turn: Turn, role: LeavingRole, request: number, lease: LeaseRecord): void {
  const { step } = role;
  if (step.request !== request) return;
  // Created although nobody wants it any more: no work of its own has begun, so only an earlier term's can run.
  if (step.name === 'awaitingCreate') noteCreated(turn, role, step);
  if (step.name === 'marking') remove(turn, role, lease);
  if (step.name === 'unmarking') leaveOffice(turn, role.next, false);
}

/**
 * It may be gone again. Or the cluster was restored from a backup, so that the answer looked old and was dropped: a read
 * tells which, or the Lease would keep the others waiting until this Pod is deleted.
 */
function noteCreated(turn: Turn, role: LeavingRole, step: LeavingStep & { readonly name: 'awaitingCreate' }): void {
  if (turn.lease !== null || !turn.knowledge.canReadLease) return decide(turn, role.next, step.release, step.drained);
  turn.role = { ...role, step: { ...step, request: null } };
  // A read that is under way may have been answered before the create was carried out.
  turn.learn({ leaseRead: null });
  turn.readLease();
}

/** Goes on after a failure. Where reading the Lease is refused, the watch has to do. */
function tryNext(turn: Turn, role: LeavingRole): void {
  if (role.step.name === 'readingOwnPod') goTo(turn, role.next, { name: 'readingOwnPod', ...turn.checkOwnPod() });
  else if (turn.knowledge.canReadLease) turn.readLease();
  else noteLeaseRead(turn, role);
}

/** After a failure, the Lease itself shows how far giving it up has come. */
function noteLeaseRead(turn: Turn, role: LeavingRole): void {
  const { step } = role;
  if (step.name === 'draining' || step.name === 'readingOwnPod' || step.request !== null) return;
  if (step.name === 'awaitingCreate') return decide(turn, role.next, step.release, step.drained);
  const lease = ownLease(turn);
  // A marked Lease that is gone was deleted by a successor: it is released.
  if (lease === null) leaveOffice(turn, role.next, step.name === 'deleting' || step.name === 'unmarking');
  else if (step.name === 'unmarking') takeBack(turn, role, lease);
  else if (isReleased(lease)) remove(turn, role, lease);
  else mark(turn, role.next);
}

function noteFailure(turn: Turn, role: LeavingRole, request: number, failure: RequestFailure): void {
  const { step } = role;
  const wasRead = step.request === null && turn.wasLeaseRead(request);
  if (step.request !== request && !wasRead) return;
  const refused = isRefusal(failure) && !wasRead;
  switch (step.name) {
    case 'awaitingCreate':
      // Anything else says that nothing was created, and nobody wants it any longer.
      if (wasRead || isUncertain(failure) || isOvertaken(failure)) return tryAgain(turn, role, step, failure);
      return leaveOffice(turn, role.next, false);
    case 'readingOwnPod':
      // A look at the Lease is none of its business.
      if (wasRead) return;
      if (refused && wasBelieved(turn, 'get pods')) return leaveOffice(turn, role.next, false);
      return tryAgain(turn, role, step, failure);
    case 'marking':
      if (refused) noteRenewRefused(turn);
      if (refused && wasBelieved(turn, 'update leases')) return leaveOffice(turn, role.next, false);
      if (isUncertain(failure) && !wasRead) turn.learn({ unsettledMark: step.version });
      return tryAgain(turn, role, step, failure);
    case 'deleting':
      if (refused) noteDeleteRefused(turn);
      if (refused && wasBelieved(turn, 'delete leases')) return unmark(turn, role);
      return tryAgain(turn, role, step, failure);
    case 'unmarking':
      return tryAgain(turn, role, step, failure);
  }
}

/** Whether a refusal has lasted so long that another try is no use. One that was believed before counts, too. */
function wasBelieved({ before, knowledge }: Turn, what: Refusable): boolean {
  return isBelieved(before, what) || isBelieved(knowledge, what);
}

function tryAgain(turn: Turn, role: LeavingRole, step: LeavingStep, failure: RequestFailure): void {
  const tries = role.tries + 1;
  turn.role = { ...role, step: { ...step, request: null }, tries };
  if (tries >= LEAVING_TRIES) return giveUp(turn, turn.role);
  if (step.name === 'readingOwnPod') turn.setTimer('retry', turn.backOffMs(failure));
  else turn.readLeaseAfter(failure);
}

/** The time is up. */
function endPatience(turn: Turn, role: LeavingRole): void {
  const { step } = role;
  if (step.name === 'marking' && step.request !== null) turn.learn({ unsettledMark: step.version });
  giveUp(turn, role);
}

/** The tries or the time are used up. */
function giveUp(turn: Turn, role: LeavingRole): void {
  const { step, next } = role;
  if (step.name === 'deleting' && turn.knowledge.refusals['delete leases'] !== undefined) return unmark(turn, role);
  if (step.name === 'unmarking') warnStuck(turn);
  // A marked Lease is as good as deleted: a successor deletes it.
  leaveOffice(turn, next, step.name === 'deleting');
}

/** The DELETE is refused, so a successor could perhaps not take over either: the mark is taken back. */
function unmark(turn: Turn, role: LeavingRole): void {
  const lease = ownLease(turn);
  if (lease === null) return leaveOffice(turn, role.next, true);
  turn.clearTimers('retry');
  turn.setTimer('leaving', UNMARKING_LIMIT_MS);
  takeBack(turn, { ...role, tries: 0 }, lease);
}

/** Writes the Lease without the mark, unless it has none. */
function takeBack(turn: Turn, role: LeavingRole, lease: LeaseRecord): void {
  if (!isReleased(lease)) return leaveOffice(turn, role.next, false);
  const request = turn.newRequest();
  turn.role = { ...role, step: { name: 'unmarking', request } };
  turn.order({ type: 'replaceLease', request, lease, content: releasedContent(turn, lease, null) });
}

function warnStuck(turn: Turn): void {
  const { namespace, leaseName } = turn.config;
  const refusal = turn.knowledge.refusals['delete leases']?.failure.message;
  turn.warn(
    'release-stuck',
    `Lease ${namespace}/${leaseName} is marked as released, but it could be neither deleted nor taken back` +
      `${refusal === undefined ? '' : `: ${refusal}`}. Another Pod takes over once it can delete it: ` +
      `kubectl delete lease ${leaseName} -n ${namespace}`,
  );
}
