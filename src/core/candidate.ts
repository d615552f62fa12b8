/**
 * The rules of a candidate: wait while somebody holds the Lease, clear what a predecessor left,
 * create one's own, resume a term that is one's own already.
 *
 * Every failed request ends the attempt; the Lease is then read anew before anything else is tried.
 */

import type { Input } from './input.ts';
import { newLeaseContent, nextTransition } from './lease-content.ts';
import { isReleased, type LeaseRecord, type PodRecord } from './lease-record.ts';
import { noteAbsence, notePodsUnreadable } from './observation.ts';
import { isPermissionMissing } from './refusals.ts';
import { RENEWAL_LEAST_INTERVAL_MS, sendRenewal } from './renewal.ts';
import { isRefusal, isUncertain, type RequestFailure } from './request-failure.ts';
import type { Attempt, CandidateRole } from './state.ts';
import type { Turn } from './step-context.ts';
import { beginTerm, noteDeleteRefused, noteRenewRefused, warnOwnerRemoved, warnTerminating } from './term.ts';
import { judgeLease, mustRenew, type Verdict } from './verdict.ts';

/**
 * The longest wait before a campaign, in milliseconds. Several candidates learn at the same moment that
 * the leader is gone; the one that draws the shortest wait takes over, and the others see its Lease
 * before their own wait is over. It need only outlast a DELETE, a POST and a watch event.
 */
export const CAMPAIGN_JITTER_MS = 50;

/** A candidate takes note of an answer to it. */
export function stepCandidate(turn: Turn, role: CandidateRole, input: Input): void {
  switch (input.type) {
    case 'podRead':
      if (
        role.attempt !== null &&
        isChecking(role.attempt) &&
        purposeOf(role.attempt, input.request) === 'ownPodCheck'
      ) {
        noteOwnPod(turn, role, role.attempt, input.pod);
      }
      break;
    case 'leaseRemoved':
      noteRemoved(turn, role, input.request);
      break;
    case 'leaseDeletionPending':
      notePending(turn, role, input.request);
      break;
    case 'leaseWritten':
      noteWritten(turn, role, input.request, input.lease);
      break;
    case 'leaseRead':
      noteRead(turn, role, input.request, input.lease);
      break;
    case 'requestFailed':
      noteFailure(turn, role, input.request, input.failure);
      break;
    case 'timerFired':
      if (input.timer === 'campaign') noteJitterOver(turn, role);
      if (input.timer === 'retry') turn.wake(role);
      if (input.timer === 'recheck') recheck(turn, role);
      break;
  }
}

/** Does the next thing that the table of the election asks of a candidate. */
export function pursue(turn: Turn): void {
  if (turn.role.name !== 'candidate') return;
  const verdict = judgeLease(turn.config, turn.knowledge, turn.moment.nowMs);
  if (verdict.kind === 'mine' || mustTakeBack(turn, verdict)) resume(turn, turn.role);
  else if (verdict.kind === 'held') hold(turn, turn.role, verdict);
  else if (verdict.kind === 'free') campaign(turn, turn.role, verdict.remains);
}

/** The own Lease was given up, but may not be deleted: while this Pod exists the collector leaves it alone, too. */
function mustTakeBack({ config, knowledge, lease }: Turn, verdict: Verdict): boolean {
  const waitsForCollector = verdict.kind === 'held' && verdict.because === 'collector';
  return lease?.owner?.uid === config.self.uid && waitsForCollector && knowledge.canRenew;
}

function hold(turn: Turn, role: CandidateRole, verdict: Verdict & { readonly kind: 'held' }): void {
  if (isWaiting(role.attempt)) turn.clearTimers('campaign');
  if (!role.resting) turn.learn({ failures: 0 });
  // A create that was sent cannot be called back: its answer is awaited, whatever else is seen meanwhile.
  const attempt = role.attempt?.step === 'creating' ? role.attempt : null;
  setRecheck(turn, { ...role, attempt, createdUnawares: false }, verdict.recheckAtMs);

  if (verdict.because === 'terminating' && turn.lease !== null) warnTerminating(turn, turn.lease);
  if (verdict.because === 'foreign-forever') {
    const { namespace, leaseName } = turn.config;
    turn.warn(
      'foreign-lease',
      `Lease ${namespace}/${leaseName} has no owner and no leaseDurationSeconds, so nobody can tell when it ends. ` +
        `It counts as held until somebody deletes it: kubectl delete lease ${leaseName} -n ${namespace}`,
    );
  }
}

/** The Lease is this Pod's own: leads on, once a new answer and the own Pod's existence prove it. */
function resume(turn: Turn, role: CandidateRole): void {
  const { barred, canRenew, leaseRead } = turn.knowledge;
  const { lease } = turn;
  const { attempt } = role;
  if (attempt?.step === 'creating' || lease === null) return;
  if (barred === 'pod-deleted') return abandon(turn, role);
  if (attempt?.step === 'resuming') {
    if (attempt.ownPod !== 'exists' || !('lease' in attempt.proof)) return;
    // The Lease is still marked as released, or is another one since. A webhook may answer every write so.
    const stands = !isReleased(lease) && attempt.proof.lease.uid === lease.uid;
    if (!stands) return pause(turn, role);
    return beginTerm(turn, attempt.proof.lease, !role.createdUnawares);
  }
  abandon(turn, role);
  // The read under way was asked for too early to prove anything now.
  const renews = canRenew || mustRenew(turn.knowledge);
  if (role.resting || (!renews && leaseRead !== null)) return;
  const ownPod = turn.checkOwnPod();
  const request = renews ? sendRenewal(turn, lease) : turn.readLease();
  turn.role = { ...role, attempt: { step: 'resuming', ownPod, proof: { request } } };
}

/**
 * Nobody holds the Lease: after a jitter, deletes what remains of it and creates one.
 *
 * A Lease that was given up is deleted by who gave it up, a round trip after everybody has seen that it was: there the
 * jitter passes beside the read of the own Pod, and is cut short by that DELETE. So whoever succeeds needs one request
 * more, and leads a round trip later.
 */
function campaign(turn: Turn, role: CandidateRole, remains: LeaseRecord | null): void {
  const { attempt } = role;
  if (attempt?.step === 'creating') return;
  const pauses = turn.moment.nowMs < role.notBeforeMs;
  if (turn.knowledge.barred !== null || role.resting || pauses) {
    abandon(turn, role);
    if (pauses) setRecheck(turn, { ...role, attempt: null }, role.notBeforeMs);
    return;
  }
  if (attempt?.step === 'clearing') {
    clear(turn, role, attempt, remains);
    return;
  }
  const { incumbent } = turn.knowledge;
  const released = incumbent?.released === true;
  const jitterIsOver = attempt?.step === 'jitter' && attempt.over;
  if (attempt?.step === 'jitter' && !jitterIsOver) return;
  // Only those who saw the predecessor go make a crowd; who finds no Lease at its start has no reason to wait. Nor has
  // who finds none after it was given up: there the crowd costs less (a POST each, answered 409) than a gap would.
  const waits = !jitterIsOver && incumbent !== null && (!released || remains !== null);
  if (waits) turn.setTimer('campaign', turn.moment.random * CAMPAIGN_JITTER_MS);
  if (waits && !released) {
    turn.role = { ...role, attempt: { step: 'jitter', over: false } };
    return;
  }
  clear(turn, role, { step: 'clearing', ownPod: turn.checkOwnPod(), leftToReleaser: waits, deletion: null }, remains);
}

/** Goes on as soon as the Lease is gone, whoever deleted it, and the own Pod is known to exist. */
function clear(
  turn: Turn,
  role: CandidateRole,
  attempt: Attempt & { readonly step: 'clearing' },
  remains: LeaseRecord | null,
): void {
  if (remains !== null) {
    let { deletion } = attempt;
    if (deletion === null && !attempt.leftToReleaser) {
      deletion = { request: turn.newRequest(), leaseUid: remains.uid };
      turn.order({ type: 'deleteLease', request: deletion.request, lease: remains });
    }
    turn.role = { ...role, attempt: { ...attempt, deletion } };
    return;
  }
  if (attempt.ownPod !== 'exists') {
    turn.role = { ...role, attempt };
    return;
  }
  if (attempt.leftToReleaser) turn.clearTimers('campaign');
  const { leaseTransitions } = turn.knowledge;
  const request = turn.newRequest();
  turn.role = { ...role, attempt: { step: 'creating', request } };
  turn.order({
    type: 'createLease',
    request,
    content: newLeaseContent(turn, turn.moment.wallMs, nextTransition(leaseTransitions)),
  });
}

function noteJitterOver(turn: Turn, role: CandidateRole): void {
  const { attempt } = role;
  if (attempt?.step === 'jitter') turn.role = { ...role, attempt: { ...attempt, over: true } };
  if (attempt?.step === 'clearing') turn.role = { ...role, attempt: { ...attempt, leftToReleaser: false } };
}

function noteOwnPod(turn: Turn, role: CandidateRole, attempt: CheckingAttempt, read: PodRecord | null): void {
  turn.learn({ canReadPods: true });
  const pod = turn.ownPod(read);
  if (pod === null) return;
  if (pod.terminating && attempt.step === 'clearing') {
    turn.learn({ barred: 'pod-terminating' });
    turn.warn('pod-terminating', `Pod ${pod.name} is being deleted, so it does not campaign any more.`);
  } else {
    turn.role = { ...role, attempt: { ...attempt, ownPod: 'exists' } };
  }
}

function noteRemoved(turn: Turn, role: CandidateRole, request: number): void {
  const { attempt } = role;
  if (attempt?.step !== 'clearing' || attempt.deletion?.request !== request) return;
  if (turn.lease?.uid === attempt.deletion.leaseUid) noteAbsence(turn);
  turn.role = { ...role, attempt: { ...attempt, deletion: null } };
}

/** The DELETE was accepted, but the Lease is still there: its finalizers keep it, and another DELETE is no use. */
function notePending(turn: Turn, role: CandidateRole, request: number): void {
  const { attempt } = role;
  if (attempt?.step === 'clearing' && attempt.deletion?.request === request) pause(turn, role);
}

function noteWritten(turn: Turn, role: CandidateRole, request: number, lease: LeaseRecord): void {
  const { attempt } = role;
  if (attempt === null) return;
  const purpose = purposeOf(attempt, request);
  if (purpose === 'creation') {
    if (lease.owner === null) warnOwnerRemoved(turn);
    const verdict = judgeLease(turn.config, turn.knowledge, turn.moment.nowMs);
    // Events may have overtaken the answer: the Lease is gone or another's again, or the own Pod is gone. Or the cluster was
    // restored from a backup, so that the answer looks old: a Lease of its own, found by the next read, is this one.
    if (verdict.kind === 'mine' && turn.knowledge.barred !== 'pod-deleted') beginTerm(turn, lease, false);
    else if (turn.knowledge.barred === 'pod-deleted') abandon(turn, role);
    else pause(turn, { ...role, createdUnawares: true });
  }
  if (purpose === 'proof' && attempt.step === 'resuming') {
    turn.learn({ canRenew: true });
    turn.role = { ...role, attempt: { ...attempt, proof: { lease } } };
  }
}

function noteRead(turn: Turn, role: CandidateRole, request: number, lease: LeaseRecord | null): void {
  if (!turn.wasLeaseRead(request)) return;
  const { attempt } = role;
  const awake: CandidateRole = { ...role, resting: false };
  turn.role = awake;
  if (attempt?.step !== 'resuming' || purposeOf(attempt, request) !== 'proof') return;
  // Events have overtaken the answer: it proves nothing any more.
  const overtaken = lease?.resourceVersion !== turn.lease?.resourceVersion;
  if (lease === null || overtaken) abandon(turn, awake);
  else turn.role = { ...awake, attempt: { ...attempt, proof: { lease } } };
}

function noteFailure(turn: Turn, role: CandidateRole, request: number, failure: RequestFailure): void {
  const { attempt } = role;
  if (attempt === null) {
    if (turn.wasLeaseRead(request)) rest(turn, role, failure);
    return;
  }
  switch (purposeOf(attempt, request)) {
    case 'ownPodCheck':
      // Without this read a ghost could campaign, so a refusal must have lasted before it is done without.
      if (!isChecking(attempt) || !isPermissionMissing(turn.knowledge, 'get pods', failure)) {
        return rest(turn, role, failure);
      }
      notePodsUnreadable(turn);
      turn.role = { ...role, attempt: { ...attempt, ownPod: 'exists' } };
      return;
    case 'deletion':
      if (!isRefusal(failure)) return rest(turn, role, failure);
      // The collector may delete it at any moment, so the candidate waits for that and does not back off.
      noteDeleteRefused(turn);
      return abandon(turn, role);
    case 'proof':
      if (turn.wasLeaseRead(request)) return rest(turn, role, failure);
      if (!isRefusal(failure)) return rest(turn, role, failure);
      // A webhook that refuses every renewal must not keep a Pod from the Lease that is its own.
      noteRenewRefused(turn);
      return goWithoutRenewal(turn, role, failure);
    case 'creation':
      return rest(turn, { ...role, createdUnawares: role.createdUnawares || isUncertain(failure) }, failure);
  }
}

/** The next resumption goes without, where it may. */
function goWithoutRenewal(turn: Turn, role: CandidateRole, failure: RequestFailure): void {
  if (mustRenew(turn.knowledge)) rest(turn, role, failure);
  else abandon(turn, role);
}

/** Ends the attempt, and has the Lease read again before the next. */
function rest(turn: Turn, role: CandidateRole, failure: RequestFailure): void {
  abandon(turn, { ...role, resting: true });
  turn.readLeaseAfter(failure);
}

/** A write was carried out and did not lead to a term. It is not repeated at once, or it might be so for ever. */
function pause(turn: Turn, role: CandidateRole): void {
  abandon(turn, { ...role, resting: true });
  // The answer to a read that is under way would end the pause.
  turn.learn({ leaseRead: null });
  turn.setTimer('retry', RENEWAL_LEAST_INTERVAL_MS);
}

function abandon(turn: Turn, role: CandidateRole): void {
  if (isWaiting(role.attempt)) turn.clearTimers('campaign');
  turn.role = { ...role, attempt: null };
}

/** Time alone may have changed the verdict; where it has not, looks whether anything else has. */
function recheck(turn: Turn, role: CandidateRole): void {
  turn.role = { ...role, recheckAtMs: null };
  if (judgeLease(turn.config, turn.knowledge, turn.moment.nowMs).kind !== 'held') return;
  turn.readLease();
  turn.readIncumbent();
}

function setRecheck(turn: Turn, role: CandidateRole, recheckAtMs: number | null): void {
  turn.role = { ...role, recheckAtMs };
  if (role.recheckAtMs === recheckAtMs) return;
  if (recheckAtMs === null) turn.clearTimers('recheck');
  else turn.setTimer('recheck', recheckAtMs - turn.moment.nowMs);
}

/** Whether the timer `campaign` runs. */
function isWaiting(attempt: Attempt | null): boolean {
  return attempt?.step === 'jitter' || (attempt?.step === 'clearing' && attempt.leftToReleaser);
}

type CheckingAttempt = Attempt & { readonly step: 'clearing' | 'resuming' };

function isChecking(attempt: Attempt): attempt is CheckingAttempt {
  return attempt.step === 'clearing' || attempt.step === 'resuming';
}

/** What an attempt asked with this request, if it still waits for the answer. */
function purposeOf(attempt: Attempt, request: number): 'ownPodCheck' | 'deletion' | 'proof' | 'creation' | null {
  if (attempt.step === 'creating' && attempt.request === request) return 'creation';
  if (attempt.step === 'clearing' && attempt.deletion?.request === request) return 'deletion';
  if (attempt.step === 'resuming' && 'request' in attempt.proof && attempt.proof.request === request) return 'proof';
  if (isChecking(attempt) && attempt.ownPod !== 'exists' && attempt.ownPod.request === request) return 'ownPodCheck';
  return null;
}
