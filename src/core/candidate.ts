/**
 * The rules of a candidate. After each input `judgeLease` returns a verdict on the Lease, and the candidate acts on it:
 *
 * 1. *held*: wait. A Pod that exists holds the Lease, or the evidence is insufficient. If time may change the verdict,
 *    check it again then.
 * 2. *mine*: resume the term. Renew the Lease and read this Pod in parallel; lead when both answers prove the term.
 * 3. *free*: campaign.
 *    1. Wait for a random time of at most 50 ms (500 ms with 50 Pods or more), so that one candidate is first. The Pod
 *       that the Lease names as the successor does not wait. The other Pods wait 60 ms longer.
 *    2. Delete the Lease of the previous holder (uid and version are preconditions), and read this Pod in parallel.
 *    3. Create a new Lease after both answers. Its owner is this Pod. The create that succeeds begins a term, and the
 *       `resourceVersion` of the Lease is its fencing token. If another candidate was first, the answer is 409, and
 *       the attempt starts again.
 * 4. A request that fails ends the attempt. Back off, read the Lease, and start again.
 *
 * No rule here uses a clock to end the term of another Pod.
 */

import type { Input } from './input.ts';
import { newLeaseContent, nextTransition } from './lease-content.ts';
import { isReleased, type LeaseRecord, type PodRecord } from './lease-record.ts';
import { noteAbsence, notePodsUnreadable } from './observation.ts';
import { isBelieved, isPermissionMissing } from './refusals.ts';
import { RENEWAL_LEAST_INTERVAL_MS, sendRenewal } from './renewal.ts';
import { isRefusal, isUncertain, type RequestFailure } from './request-failure.ts';
import type { Attempt, CandidateRole } from './state.ts';
import type { StepContext } from './step-context.ts';
import { campaignDelayMs, isAnotherNamed, isSelfNamed } from './successor.ts';
import { beginTerm, noteDeleteRefused, noteRenewRefused, warnOwnerRemoved, warnTerminating } from './term.ts';
import { judgeLease, mustRenew, type Verdict } from './verdict.ts';
import { foreignLease, podTerminating } from './warnings.ts';

/** Records the answer to a request of the candidate. */
export function stepCandidate(context: StepContext, role: CandidateRole, input: Input): void {
  switch (input.type) {
    case 'podRead':
      if (
        role.attempt !== null &&
        isChecking(role.attempt) &&
        purposeOf(role.attempt, input.request) === 'ownPodCheck'
      ) {
        noteOwnPod(context, role, role.attempt, input.pod);
      }
      break;
    case 'leaseRemoved':
      noteRemoved(context, role, input.request);
      break;
    case 'leaseDeletionPending':
      notePending(context, role, input.request);
      break;
    case 'leaseWritten':
      noteWritten(context, role, input.request, input.lease);
      break;
    case 'leaseRead':
      noteRead(context, role, input.request, input.lease);
      break;
    case 'requestFailed':
      noteFailure(context, role, input.request, input.failure);
      break;
    case 'timerFired':
      if (input.timer === 'campaign') noteJitterOver(context, role);
      if (input.timer === 'retry') context.endBackOff(role);
      if (input.timer === 'recheck') recheck(context, role);
      break;
  }
}

/** Takes the next action of a candidate, as the verdict on the Lease requires. */
export function advanceCandidate(context: StepContext): void {
  if (context.role.name !== 'candidate') return;
  const verdict = judgeLease(context.config, context.knowledge, context.moment.nowMs);
  if (mustReplace(context, verdict)) campaign(context, context.role, context.lease);
  else if (verdict.kind === 'mine' || mustTakeBack(context, verdict)) resume(context, context.role);
  else if (verdict.kind === 'held') waitForHolder(context, context.role, verdict);
  else if (verdict.kind === 'free') campaign(context, context.role, verdict.remains);
}

/**
 * Whether this Pod's Lease was released, but this process is not permitted to delete it. While this Pod exists, the
 * garbage collector does not delete the Lease either.
 */
function mustTakeBack({ config, knowledge, lease }: StepContext, verdict: Verdict): boolean {
  const waitsForCollector = verdict.kind === 'held' && verdict.because === 'collector';
  return lease?.owner?.uid === config.self.uid && waitsForCollector && knowledge.permissions.canRenew;
}

/**
 * Whether this Pod's Lease has lost its owner, and this process is not permitted to restore the owner by a renewal. It
 * then deletes that version of the Lease and creates a new one. Other Pods may find the Lease free, but only one create
 * succeeds.
 */
function mustReplace({ knowledge, lease }: StepContext, verdict: Verdict): boolean {
  const isOrphaned = verdict.kind === 'mine' && lease?.owner === null && !lease.terminating;
  const { canRenew, canDelete } = knowledge.permissions;
  return isOrphaned && !canRenew && canDelete && isBelieved(knowledge, 'update leases');
}

function waitForHolder(context: StepContext, role: CandidateRole, verdict: Verdict & { readonly kind: 'held' }): void {
  if (isWaiting(role.attempt)) context.clearTimers('campaign');
  if (!role.backingOff) context.updateFailures({ inARow: 0 });
  // A create that was sent cannot be cancelled. Its answer is awaited, whatever else is observed.
  const attempt = role.attempt?.step === 'creating' ? role.attempt : null;
  setRecheck(context, { ...role, attempt, createOutcomeUnknown: false }, verdict.recheckAtMs);

  if (verdict.because === 'terminating' && context.lease !== null) warnTerminating(context, context.lease);
  if (verdict.because === 'foreign-forever') context.warn(foreignLease(context.config));
}

/**
 * Resumes the term, because this Pod holds the Lease. This process leads as soon as a new answer and the existence of
 * this Pod prove the term.
 */
function resume(context: StepContext, role: CandidateRole): void {
  const { disqualifiedBy, leaseRead, permissions } = context.knowledge;
  const { lease } = context;
  const { attempt } = role;
  if (attempt?.step === 'creating' || lease === null) return;
  if (disqualifiedBy === 'pod-deleted') return abandon(context, role);
  if (attempt?.step === 'resuming') {
    if (attempt.ownPod !== 'exists' || !('lease' in attempt.proof)) return;
    // The Lease is still marked as released, or it is a different Lease. A webhook may cause this for every write.
    const stands = !isReleased(lease) && attempt.proof.lease.uid === lease.uid;
    if (!stands) return pause(context, role);
    // The Lease may have lost its owner since the read was sent, or since it was answered.
    if (attempt.proof.written || !mustRenew(context.knowledge))
      return beginTerm(context, attempt.proof.lease, !role.createOutcomeUnknown);
  }
  abandon(context, role);
  // A read that is in flight was sent too early to prove the term.
  const renews = permissions.canRenew || mustRenew(context.knowledge);
  if (role.backingOff || (!renews && leaseRead !== null)) return;
  const ownPod = context.checkOwnPod();
  const request = renews ? sendRenewal(context, lease) : context.readLease();
  context.role = { ...role, attempt: { step: 'resuming', ownPod, proof: { request } } };
}

/**
 * Campaigns, because nobody holds the Lease: after a jitter, deletes the old Lease and creates a new one.
 *
 * The Pod that released a Lease also deletes it, one round trip after the release was visible. In that case this Pod is
 * read during the jitter, and the DELETED event ends the jitter early. Otherwise the successor would read this Pod
 * after that event, and would lead one round trip later.
 */
function campaign(context: StepContext, role: CandidateRole, remains: LeaseRecord | null): void {
  const { attempt } = role;
  if (attempt?.step === 'creating') return;
  const pauses = context.moment.nowMs < role.notBeforeMs;
  if (context.knowledge.disqualifiedBy !== null || role.backingOff || pauses) {
    abandon(context, role);
    if (pauses) setRecheck(context, { ...role, attempt: null }, role.notBeforeMs);
    return;
  }
  if (attempt?.step === 'deletingOldLease') {
    deleteOldLease(context, role, attempt, remains);
    return;
  }
  if (attempt?.step === 'jitter' && !attempt.over) return;
  const waits = attempt?.step !== 'jitter' && letsOthersGoFirst(context, remains);
  if (waits) context.setTimer('campaign', campaignDelayMs(context));
  const released = context.knowledge.knownHolder?.released === true;
  if (waits && (!released || isAnotherNamed(context))) {
    context.role = { ...role, attempt: { step: 'jitter', over: false } };
    return;
  }
  deleteOldLease(
    context,
    role,
    { step: 'deletingOldLease', ownPod: context.checkOwnPod(), waitingForReleaser: waits, deletion: null },
    remains,
  );
}

/** Whether this candidate waits first, because others may campaign at the same moment. */
function letsOthersGoFirst(context: StepContext, remains: LeaseRecord | null): boolean {
  const { knownHolder } = context.knowledge;
  // Only candidates that saw the previous holder go compete at the same moment. This candidate found no Lease at its
  // start.
  if (knownHolder === null) return false;
  if (isAnotherNamed(context)) return true;
  if (!knownHolder.released) return !isSelfNamed(context);
  // The Pod that released the Lease also deletes it. Once the Lease is gone, all candidates compete without a wait. The
  // POSTs that are answered 409 cost less than a longer time without a leader.
  return remains !== null;
}

/** Continues as soon as the Lease is gone (any client may delete it) and this Pod is known to exist. */
function deleteOldLease(
  context: StepContext,
  role: CandidateRole,
  attempt: Attempt & { readonly step: 'deletingOldLease' },
  remains: LeaseRecord | null,
): void {
  if (remains !== null) {
    let { deletion } = attempt;
    if (deletion === null && !attempt.waitingForReleaser) {
      deletion = { request: context.newRequest(), leaseUid: remains.uid };
      context.emit({ type: 'deleteLease', request: deletion.request, lease: remains });
    }
    context.role = { ...role, attempt: { ...attempt, deletion } };
    return;
  }
  if (attempt.ownPod !== 'exists') {
    context.role = { ...role, attempt };
    return;
  }
  if (attempt.waitingForReleaser) context.clearTimers('campaign');
  const { leaseTransitions } = context.knowledge;
  const request = context.newRequest();
  context.role = { ...role, attempt: { step: 'creating', request } };
  context.emit({
    type: 'createLease',
    request,
    content: newLeaseContent(context, context.moment.wallMs, nextTransition(leaseTransitions)),
  });
}

function noteJitterOver(context: StepContext, role: CandidateRole): void {
  const { attempt } = role;
  if (attempt?.step === 'jitter') context.role = { ...role, attempt: { ...attempt, over: true } };
  if (attempt?.step === 'deletingOldLease')
    context.role = { ...role, attempt: { ...attempt, waitingForReleaser: false } };
}

function noteOwnPod(context: StepContext, role: CandidateRole, attempt: CheckingAttempt, read: PodRecord | null): void {
  context.updatePermissions({ canReadPods: true });
  const pod = context.ownPod(read);
  if (pod === null) return;
  if (pod.terminating && attempt.step === 'deletingOldLease') {
    context.updateKnowledge({ disqualifiedBy: 'pod-terminating' });
    context.warn(podTerminating(pod));
  } else {
    context.role = { ...role, attempt: { ...attempt, ownPod: 'exists' } };
  }
}

function noteRemoved(context: StepContext, role: CandidateRole, request: number): void {
  const { attempt } = role;
  if (attempt?.step !== 'deletingOldLease' || attempt.deletion?.request !== request) return;
  if (context.lease?.uid === attempt.deletion.leaseUid) noteAbsence(context);
  context.role = { ...role, attempt: { ...attempt, deletion: null } };
}

/** The DELETE was accepted, but the Lease still exists: its finalizers keep it, and another DELETE would not help. */
function notePending(context: StepContext, role: CandidateRole, request: number): void {
  const { attempt } = role;
  if (attempt?.step === 'deletingOldLease' && attempt.deletion?.request === request) pause(context, role);
}

function noteWritten(context: StepContext, role: CandidateRole, request: number, lease: LeaseRecord): void {
  const { attempt } = role;
  if (attempt === null) return;
  const purpose = purposeOf(attempt, request);
  if (purpose === 'creation') {
    if (lease.owner === null) warnOwnerRemoved(context);
    const verdict = judgeLease(context.config, context.knowledge, context.moment.nowMs);
    // Events may have overtaken the answer: the Lease or this Pod is gone again, or another Pod holds the Lease. Or the
    // cluster was restored from a backup, so that the answer looked old. In that case the next read finds this Lease.
    if (verdict.kind === 'mine' && context.knowledge.disqualifiedBy !== 'pod-deleted') beginTerm(context, lease, false);
    else if (context.knowledge.disqualifiedBy === 'pod-deleted') abandon(context, role);
    else pause(context, { ...role, createOutcomeUnknown: true });
  }
  if (purpose === 'proof' && attempt.step === 'resuming') {
    context.updatePermissions({ canRenew: true });
    context.role = { ...role, attempt: { ...attempt, proof: { lease, written: true } } };
  }
}

function noteRead(context: StepContext, role: CandidateRole, request: number, lease: LeaseRecord | null): void {
  if (!context.wasLeaseRead(request)) return;
  const { attempt } = role;
  const awake: CandidateRole = { ...role, backingOff: false };
  context.role = awake;
  if (attempt?.step !== 'resuming' || purposeOf(attempt, request) !== 'proof') return;
  // Events have overtaken the answer, so it no longer proves anything.
  const overtaken = lease?.resourceVersion !== context.lease?.resourceVersion;
  if (lease === null || overtaken) abandon(context, awake);
  else context.role = { ...awake, attempt: { ...attempt, proof: { lease, written: false } } };
}

function noteFailure(context: StepContext, role: CandidateRole, request: number, failure: RequestFailure): void {
  const { attempt } = role;
  if (attempt === null) {
    if (context.wasLeaseRead(request)) backOff(context, role, failure);
    return;
  }
  switch (purposeOf(attempt, request)) {
    case 'ownPodCheck':
      // Without this read a ghost could campaign. The candidate continues without the read only after a lasting
      // refusal.
      if (!isChecking(attempt) || !isPermissionMissing(context.knowledge, 'get pods', failure)) {
        return backOff(context, role, failure);
      }
      notePodsUnreadable(context);
      context.role = { ...role, attempt: { ...attempt, ownPod: 'exists' } };
      return;
    case 'deletion':
      if (!isRefusal(failure)) return backOff(context, role, failure);
      // The garbage collector may delete the Lease at any moment, so the candidate waits for the deletion and does not
      // back off.
      noteDeleteRefused(context);
      return abandon(context, role);
    case 'proof':
      if (context.wasLeaseRead(request)) return backOff(context, role, failure);
      if (!isRefusal(failure)) return backOff(context, role, failure);
      // A webhook that refuses every renewal must not keep a Pod from resuming its own Lease.
      noteRenewRefused(context);
      return goWithoutRenewal(context, role, failure);
    case 'creation':
      return backOff(
        context,
        { ...role, createOutcomeUnknown: role.createOutcomeUnknown || isUncertain(failure) },
        failure,
      );
  }
}

/**
 * Ends the attempt. The next attempt reads the Lease instead of renewing it, unless only a renewal can prove the term.
 */
function goWithoutRenewal(context: StepContext, role: CandidateRole, failure: RequestFailure): void {
  if (mustRenew(context.knowledge)) backOff(context, role, failure);
  else abandon(context, role);
}

/** Ends the attempt. The Lease is read again before the next attempt. */
function backOff(context: StepContext, role: CandidateRole, failure: RequestFailure): void {
  abandon(context, { ...role, backingOff: true });
  context.readLeaseAfter(failure);
}

/**
 * Ends the attempt after a write that was executed but did not begin a term. The write is not repeated immediately,
 * because every repetition might end like this.
 */
function pause(context: StepContext, role: CandidateRole): void {
  abandon(context, { ...role, backingOff: true });
  // The answer to a read that is in flight would end the pause.
  context.updateKnowledge({ leaseRead: null });
  context.setTimer('retry', RENEWAL_LEAST_INTERVAL_MS);
}

function abandon(context: StepContext, role: CandidateRole): void {
  if (isWaiting(role.attempt)) context.clearTimers('campaign');
  context.role = { ...role, attempt: null };
}

/**
 * Judges the Lease again, because time alone may have changed the verdict. If the Lease is still held, reads the Lease
 * and the holder's Pod.
 */
function recheck(context: StepContext, role: CandidateRole): void {
  context.role = { ...role, recheckAtMs: null };
  if (judgeLease(context.config, context.knowledge, context.moment.nowMs).kind !== 'held') return;
  context.readLease();
  context.readHolderPod();
}

function setRecheck(context: StepContext, role: CandidateRole, recheckAtMs: number | null): void {
  context.role = { ...role, recheckAtMs };
  if (role.recheckAtMs === recheckAtMs) return;
  if (recheckAtMs === null) context.clearTimers('recheck');
  else context.setTimer('recheck', recheckAtMs - context.moment.nowMs);
}

/** Whether the timer `campaign` runs. */
function isWaiting(attempt: Attempt | null): boolean {
  return attempt?.step === 'jitter' || (attempt?.step === 'deletingOldLease' && attempt.waitingForReleaser);
}

type CheckingAttempt = Attempt & { readonly step: 'deletingOldLease' | 'resuming' };

function isChecking(attempt: Attempt): attempt is CheckingAttempt {
  return attempt.step === 'deletingOldLease' || attempt.step === 'resuming';
}

/** The purpose of this request in the attempt; `null` if the attempt does not wait for its answer. */
function purposeOf(attempt: Attempt, request: number): 'ownPodCheck' | 'deletion' | 'proof' | 'creation' | null {
  if (attempt.step === 'creating' && attempt.request === request) return 'creation';
  if (attempt.step === 'deletingOldLease' && attempt.deletion?.request === request) return 'deletion';
  if (attempt.step === 'resuming' && 'request' in attempt.proof && attempt.proof.request === request) return 'proof';
  if (isChecking(attempt) && attempt.ownPod !== 'exists' && attempt.ownPod.request === request) return 'ownPodCheck';
  return null;
}
