/**
 * The rules of a candidate. After each input `judgeLease` says what the Lease is, and the candidate acts on it:
 *
 * 1. *held*: wait. A Pod that exists holds it, or nobody knows better. Where time may change that, look again then.
 * 2. *mine*: resume the term. Renew the Lease and read the own Pod side by side; lead when both answers prove it.
 * 3. *free*: campaign.
 *    1. Wait for a random time of at most 50 ms, so that one candidate comes first. The Pod that the Lease names as the
 *       successor does not wait, and the others wait for 60 ms more.
 *    2. Delete the Lease that the previous holder left (uid and version are preconditions), and read the own Pod beside it.
 *    3. Create a new Lease when both are answered. Its owner is this Pod. The create that succeeds begins a term, and the
 *       `resourceVersion` of the Lease is its fencing token. Somebody else was faster: 409, back to the start.
 * 4. A request that fails ends the attempt. Back off, read the Lease, and start again.
 *
 * Nothing here looks at a clock to end the term of another Pod.
 */

import type { Input } from './input.ts';
import { newLeaseContent, nextTransition } from './lease-content.ts';
import { isReleased, type LeaseRecord, type PodRecord } from './lease-record.ts';
import { noteAbsence, notePodsUnreadable } from './observation.ts';
import { isPermissionMissing } from './refusals.ts';
import { RENEWAL_LEAST_INTERVAL_MS, sendRenewal } from './renewal.ts';
import { isRefusal, isUncertain, type RequestFailure } from './request-failure.ts';
import type { Attempt, CandidateRole } from './state.ts';
import type { StepContext } from './step-context.ts';
import { campaignDelayMs, isAnotherNamed, isSelfNamed } from './successor.ts';
import { beginTerm, noteDeleteRefused, noteRenewRefused, warnOwnerRemoved, warnTerminating } from './term.ts';
import { judgeLease, mustRenew, type Verdict } from './verdict.ts';

/** A candidate takes note of an answer to it. */
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

/** Does the next thing that the table of the election asks of a candidate. */
export function advanceCandidate(context: StepContext): void {
  if (context.role.name !== 'candidate') return;
  const verdict = judgeLease(context.config, context.knowledge, context.moment.nowMs);
  if (verdict.kind === 'mine' || mustTakeBack(context, verdict)) resume(context, context.role);
  else if (verdict.kind === 'held') waitForHolder(context, context.role, verdict);
  else if (verdict.kind === 'free') campaign(context, context.role, verdict.remains);
}

/** The own Lease was given up, but may not be deleted: while this Pod exists the collector leaves it alone, too. */
function mustTakeBack({ config, knowledge, lease }: StepContext, verdict: Verdict): boolean {
  const waitsForCollector = verdict.kind === 'held' && verdict.because === 'collector';
  return lease?.owner?.uid === config.self.uid && waitsForCollector && knowledge.canRenew;
}

function waitForHolder(context: StepContext, role: CandidateRole, verdict: Verdict & { readonly kind: 'held' }): void {
  if (isWaiting(role.attempt)) context.clearTimers('campaign');
  if (!role.backingOff) context.updateKnowledge({ failures: 0 });
  // A create that was sent cannot be called back: its answer is awaited, whatever else is seen meanwhile.
  const attempt = role.attempt?.step === 'creating' ? role.attempt : null;
  setRecheck(context, { ...role, attempt, createOutcomeUnknown: false }, verdict.recheckAtMs);

  if (verdict.because === 'terminating' && context.lease !== null) warnTerminating(context, context.lease);
  if (verdict.because === 'foreign-forever') {
    const { namespace, leaseName } = context.config;
    context.warn(
      'foreign-lease',
      `Lease ${namespace}/${leaseName} has no owner and no leaseDurationSeconds, so nobody can tell when it ends. ` +
        `It counts as held until somebody deletes it: kubectl delete lease ${leaseName} -n ${namespace}`,
    );
  }
}

/** The Lease is this Pod's own: leads on, once a new answer and the own Pod's existence prove it. */
function resume(context: StepContext, role: CandidateRole): void {
  const { disqualifiedBy, canRenew, leaseRead } = context.knowledge;
  const { lease } = context;
  const { attempt } = role;
  if (attempt?.step === 'creating' || lease === null) return;
  if (disqualifiedBy === 'pod-deleted') return abandon(context, role);
  if (attempt?.step === 'resuming') {
    if (attempt.ownPod !== 'exists' || !('lease' in attempt.proof)) return;
    // The Lease is still marked as released, or is another one since. A webhook may answer every write so.
    const stands = !isReleased(lease) && attempt.proof.lease.uid === lease.uid;
    if (!stands) return pause(context, role);
    return beginTerm(context, attempt.proof.lease, !role.createOutcomeUnknown);
  }
  abandon(context, role);
  // The read under way was asked for too early to prove anything now.
  const renews = canRenew || mustRenew(context.knowledge);
  if (role.backingOff || (!renews && leaseRead !== null)) return;
  const ownPod = context.checkOwnPod();
  const request = renews ? sendRenewal(context, lease) : context.readLease();
  context.role = { ...role, attempt: { step: 'resuming', ownPod, proof: { request } } };
}

/**
 * Nobody holds the Lease: after a jitter, deletes what remains of it and creates one.
 *
 * A Lease that was given up is deleted by who gave it up, a round trip after everybody has seen that it was: there the
 * jitter passes beside the read of the own Pod, and is cut short by that DELETE. So whoever succeeds needs one request
 * more, and leads a round trip later.
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
  const { knownHolder } = context.knowledge;
  const released = knownHolder?.released === true;
  const jitterIsOver = attempt?.step === 'jitter' && attempt.over;
  if (attempt?.step === 'jitter' && !jitterIsOver) return;
  // Only those who saw the predecessor go make a crowd; who finds no Lease at its start has no reason to wait. Nor has
  // who finds none after it was given up: there the crowd costs less (a POST each, answered 409) than a gap would.
  // The Pod that the Lease names goes at once, and the others let it go first.
  const yields = isAnotherNamed(context);
  const goesFirst = isSelfNamed(context) && !released;
  const waits = !jitterIsOver && !goesFirst && knownHolder !== null && (!released || yields || remains !== null);
  if (waits) context.setTimer('campaign', campaignDelayMs(context));
  if (waits && (!released || yields)) {
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

/** Goes on as soon as the Lease is gone, whoever deleted it, and the own Pod is known to exist. */
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
  context.updateKnowledge({ canReadPods: true });
  const pod = context.ownPod(read);
  if (pod === null) return;
  if (pod.terminating && attempt.step === 'deletingOldLease') {
    context.updateKnowledge({ disqualifiedBy: 'pod-terminating' });
    context.warn('pod-terminating', `Pod ${pod.name} is being deleted, so it does not campaign any more.`);
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

/** The DELETE was accepted, but the Lease is still there: its finalizers keep it, and another DELETE is no use. */
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
    // Events may have overtaken the answer: the Lease is gone or another's again, or the own Pod is gone. Or the cluster was
    // restored from a backup, so that the answer looks old: a Lease of its own, found by the next read, is this one.
    if (verdict.kind === 'mine' && context.knowledge.disqualifiedBy !== 'pod-deleted') beginTerm(context, lease, false);
    else if (context.knowledge.disqualifiedBy === 'pod-deleted') abandon(context, role);
    else pause(context, { ...role, createOutcomeUnknown: true });
  }
  if (purpose === 'proof' && attempt.step === 'resuming') {
    context.updateKnowledge({ canRenew: true });
    context.role = { ...role, attempt: { ...attempt, proof: { lease } } };
  }
}

function noteRead(context: StepContext, role: CandidateRole, request: number, lease: LeaseRecord | null): void {
  if (!context.wasLeaseRead(request)) return;
  const { attempt } = role;
  const awake: CandidateRole = { ...role, backingOff: false };
  context.role = awake;
  if (attempt?.step !== 'resuming' || purposeOf(attempt, request) !== 'proof') return;
  // Events have overtaken the answer: it proves nothing any more.
  const overtaken = lease?.resourceVersion !== context.lease?.resourceVersion;
  if (lease === null || overtaken) abandon(context, awake);
  else context.role = { ...awake, attempt: { ...attempt, proof: { lease } } };
}

function noteFailure(context: StepContext, role: CandidateRole, request: number, failure: RequestFailure): void {
  const { attempt } = role;
  if (attempt === null) {
    if (context.wasLeaseRead(request)) backOff(context, role, failure);
    return;
  }
  switch (purposeOf(attempt, request)) {
    case 'ownPodCheck':
      // Without this read a ghost could campaign, so a refusal must have lasted before it is done without.
      if (!isChecking(attempt) || !isPermissionMissing(context.knowledge, 'get pods', failure)) {
        return backOff(context, role, failure);
      }
      notePodsUnreadable(context);
      context.role = { ...role, attempt: { ...attempt, ownPod: 'exists' } };
      return;
    case 'deletion':
      if (!isRefusal(failure)) return backOff(context, role, failure);
      // The collector may delete it at any moment, so the candidate waits for that and does not back off.
      noteDeleteRefused(context);
      return abandon(context, role);
    case 'proof':
      if (context.wasLeaseRead(request)) return backOff(context, role, failure);
      if (!isRefusal(failure)) return backOff(context, role, failure);
      // A webhook that refuses every renewal must not keep a Pod from the Lease that is its own.
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

/** The next resumption goes without, where it may. */
function goWithoutRenewal(context: StepContext, role: CandidateRole, failure: RequestFailure): void {
  if (mustRenew(context.knowledge)) backOff(context, role, failure);
  else abandon(context, role);
}

/** Ends the attempt, and has the Lease read again before the next. */
function backOff(context: StepContext, role: CandidateRole, failure: RequestFailure): void {
  abandon(context, { ...role, backingOff: true });
  context.readLeaseAfter(failure);
}

/** A write was carried out and did not lead to a term. It is not repeated at once, or it might be so for ever. */
function pause(context: StepContext, role: CandidateRole): void {
  abandon(context, { ...role, backingOff: true });
  // The answer to a read that is under way would end the pause.
  context.updateKnowledge({ leaseRead: null });
  context.setTimer('retry', RENEWAL_LEAST_INTERVAL_MS);
}

function abandon(context: StepContext, role: CandidateRole): void {
  if (isWaiting(role.attempt)) context.clearTimers('campaign');
  context.role = { ...role, attempt: null };
}

/** Time alone may have changed the verdict; where it has not, looks whether anything else has. */
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

/** What an attempt asked with this request, if it still waits for the answer. */
function purposeOf(attempt: Attempt, request: number): 'ownPodCheck' | 'deletion' | 'proof' | 'creation' | null {
  if (attempt.step === 'creating' && attempt.request === request) return 'creation';
  if (attempt.step === 'deletingOldLease' && attempt.deletion?.request === request) return 'deletion';
  if (attempt.step === 'resuming' && 'request' in attempt.proof && attempt.proof.request === request) return 'proof';
  if (isChecking(attempt) && attempt.ownPod !== 'exists' && attempt.ownPod.request === request) return 'ownPodCheck';
  return null;
}
