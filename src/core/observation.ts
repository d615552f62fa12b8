/**
 * Facts become knowledge: what the Lease looks like, who holds it, and whether that Pod exists.
 *
 * The same for every role; what to do about it is decided in `candidate.ts`, `leader.ts` and
 * `leaving.ts`.
 */

import type { Leader } from './effect.ts';
import { judgeIncumbent, type PodEvidence } from './incumbent.ts';
import type { Input } from './input.ts';
import { compareResourceVersions, isReleased, type LeaseRecord, type PodReference } from './lease-record.ts';
import type { RequestFailure } from './request-failure.ts';
import type { Knowledge } from './state.ts';
import { barDeleted } from './term.ts';
import type { Turn } from './turn.ts';
import { holderOf } from './verdict.ts';

/** How often everything is read anew although no event asked for it. */
export const BACKSTOP_INTERVAL_MS = 60_000;

/** Takes note of what an input says about the cluster. */
export function observe(turn: Turn, input: Input): void {
  switch (input.type) {
    case 'leaseObserved':
      noteLease(turn, input.lease);
      break;
    case 'leaseWritten':
      turn.learn({ failures: 0 });
      noteLease(turn, input.lease);
      break;
    case 'leaseDeletionPending':
      noteLease(turn, input.lease);
      break;
    case 'leaseDeleted':
      noteAbsenceAt(turn, input.lease.resourceVersion);
      break;
    case 'leaseAbsent':
      noteAbsenceAt(turn, input.resourceVersion);
      break;
    case 'leaseRead':
      noteLeaseRead(turn, input.request, input.lease);
      break;
    case 'podObserved':
      notePod(turn, input.watched, { kind: 'sighting', pod: input.pod });
      break;
    case 'podDeleted':
      notePod(turn, input.watched, { kind: 'deletion', pod: input.pod });
      // Watched was another Pod that went by the own name before.
      if (input.pod.uid === turn.config.self.uid) barDeleted(turn);
      break;
    case 'podAbsent':
      notePod(turn, input.watched, { kind: 'sighting', pod: null });
      break;
    case 'podRead':
      // Whether or not somebody waits for it: a uid never comes back, so that it is gone is never old news.
      if (input.name === turn.config.self.name && turn.ownPod(input.pod) === null) barDeleted(turn);
      noteIncumbentRead(turn, input.request, { kind: 'consistent', pod: input.pod });
      break;
    case 'requestFailed':
      noteFailedRead(turn, input.request, input.failure);
      break;
    case 'podWatchFailed':
      noteFailedPodWatch(turn, input.watched, input.failure);
      break;
    case 'timerFired':
      if (input.timer === 'backstop') lookAgain(turn);
      if (input.timer === 'stale') announceSilence(turn);
      break;
  }
  countUnauthorized(turn, input);
}

/** Reads the Lease and its holder's Pod anew, tries anew what was forbidden, and keeps doing so. */
function lookAgain(turn: Turn): void {
  if (turn.role.name === 'leader' && !turn.knowledge.canRenew) turn.setTimer('renew', 0);
  // A Role may have been mended meanwhile, or a 403 have been a passing one. The warning is not repeated.
  turn.learn({ canRenew: true, canDelete: true });
  turn.readLease();
  turn.readIncumbent();
  turn.setTimer('backstop', BACKSTOP_INTERVAL_MS);
}

/** Takes note of a Lease that the server showed or left behind. */
export function noteLease(turn: Turn, lease: LeaseRecord): void {
  const { observation, newestResourceVersion } = turn.knowledge;
  const before = observation?.lease ?? null;
  // Late: an event, or an answer that events have overtaken. Once the Lease is known to be gone, what
  // it looked like before is late, too.
  const age = compareResourceVersions(lease.resourceVersion, newestResourceVersion);
  if (age < 0 || (age === 0 && observation !== null && before === null)) return;

  const same = before?.resourceVersion === lease.resourceVersion ? observation : null;
  turn.learn({
    observation: { lease, sinceMs: same?.sinceMs ?? turn.moment.nowMs },
    newestResourceVersion: lease.resourceVersion,
    leaseTransitions: lease.leaseTransitions,
    verifiedAtMs: turn.moment.nowMs,
  });
  noteHolder(turn, lease);
  if (same === null) noteRenewal(turn, lease, before);
}

function noteHolder(turn: Turn, lease: LeaseRecord): void {
  const { incumbent } = turn.knowledge;
  const holder = holderOf(lease, incumbent, turn.config.self);
  if (holder?.uid === incumbent?.pod.uid) {
    if (incumbent !== null) {
      // That it may have restored a Lease without an owner does not say that it has.
      const leaseUid = lease.owner === null ? incumbent.leaseUid : lease.uid;
      turn.learn({ incumbent: { ...incumbent, leaseUid, released: isReleased(lease) } });
    }
    return;
  }
  turn.learn({
    incumbent:
      holder === null ? null : { pod: holder, fate: 'unknown', leaseUid: lease.uid, released: isReleased(lease) },
    // What an earlier read says is about another Pod.
    incumbentRead: null,
  });
  turn.order({ type: 'watchPod', pod: holder });
}

/** A leader that falls silent is news for everybody else, and nothing more than news. */
function noteRenewal(turn: Turn, lease: LeaseRecord, before: LeaseRecord | null): void {
  const renews = lease.renewTimeMs !== null && lease.leaseDurationSeconds !== null;
  if (renews && turn.role.name !== 'leader') turn.setTimer('stale', (lease.leaseDurationSeconds ?? 0) * 1000);
  else turn.clearTimers('stale');

  const renewed = renews && before?.uid === lease.uid && before.renewTimeMs !== lease.renewTimeMs;
  const leader = currentLeader(turn.knowledge);
  if (renewed && leader !== null) turn.announce({ type: 'renewed', leader });
}

function announceSilence(turn: Turn): void {
  const leader = currentLeader(turn.knowledge);
  const observation = turn.knowledge.observation;
  if (leader === null || observation?.lease == null || turn.role.name === 'leader') return;
  turn.announce({ type: 'stale', leader, silentForMs: turn.moment.nowMs - observation.sinceMs });
}

/** Takes note that there was no Lease at this resourceVersion. */
function noteAbsenceAt(turn: Turn, resourceVersion: string): void {
  if (compareResourceVersions(resourceVersion, turn.knowledge.newestResourceVersion) < 0) return;
  turn.learn({ newestResourceVersion: resourceVersion });
  noteAbsence(turn);
}

/** Takes note that there is no Lease. */
export function noteAbsence(turn: Turn): void {
  const { observation } = turn.knowledge;
  const same = observation?.lease === null ? observation : null;
  turn.learn({
    observation: { lease: null, sinceMs: same?.sinceMs ?? turn.moment.nowMs },
    verifiedAtMs: turn.moment.nowMs,
  });
  turn.clearTimers('stale');
}

function noteLeaseRead(turn: Turn, request: number, lease: LeaseRecord | null): void {
  const awaited = turn.knowledge.leaseRead;
  if (awaited?.request !== request) return;
  turn.learn({ leaseRead: null, canReadLease: true });
  const nothingCameBetween =
    (turn.lease?.resourceVersion ?? null) === awaited.knewResourceVersion &&
    turn.knowledge.newestResourceVersion === awaited.newestResourceVersion;
  if (lease !== null) {
    // An answer older than what was known before it was asked for: the cluster was restored from a backup.
    if (
      nothingCameBetween &&
      compareResourceVersions(lease.resourceVersion, turn.knowledge.newestResourceVersion) < 0
    ) {
      turn.learn({ newestResourceVersion: lease.resourceVersion, observation: null });
    }
    noteLease(turn, lease);
    return;
  }
  // "There is none" carries no resourceVersion. When the Lease changed while the answer was under
  // way, nobody can tell which is newer: ask again.
  if (nothingCameBetween) noteAbsence(turn);
  else turn.readLease();
}

function notePod(turn: Turn, watched: PodReference, evidence: PodEvidence): void {
  const { incumbent, incumbentRead } = turn.knowledge;
  if (incumbent === null || incumbent.pod.uid !== watched.uid) return;
  const fate = judgeIncumbent(incumbent.pod, incumbent.fate, evidence, turn.config.succession);
  turn.learn({ incumbent: { ...incumbent, fate }, canReadPods: true });
  if (fate === 'gone' && incumbent.pod.uid === turn.config.self.uid) barDeleted(turn);
  if (fate !== 'unknown') return;
  // Nobody, or somebody else, goes by its name: most likely it is gone, but only a consistent read proves it. One
  // that is under way may be older than this.
  if (incumbentRead === null) turn.readIncumbent();
  else turn.learn({ incumbentRead: { ...incumbentRead, doubted: true } });
}

function noteIncumbentRead(turn: Turn, request: number, evidence: PodEvidence): void {
  const { incumbent, incumbentRead } = turn.knowledge;
  if (incumbentRead?.request !== request || incumbent === null) return;
  turn.learn({ incumbentRead: null });
  notePod(turn, incumbent.pod, evidence);
  if (incumbentRead.doubted) turn.readIncumbent();
}

function noteFailedRead(turn: Turn, request: number, failure: RequestFailure): void {
  if (turn.knowledge.leaseRead?.request === request) {
    turn.learn({ leaseRead: null, canReadLease: failure.kind !== 'forbidden' });
  }
  if (turn.knowledge.incumbentRead?.request !== request) return;
  turn.learn({ incumbentRead: null });
  if (failure.kind === 'forbidden') notePodsUnreadable(turn, failure);
}

/** Where a watch is forbidden a single GET may still be allowed: asks before giving Pods up. */
function noteFailedPodWatch(turn: Turn, watched: PodReference, failure: RequestFailure): void {
  const { incumbent, canReadPods } = turn.knowledge;
  const unwatched = failure.kind === 'forbidden' && incumbent?.pod.uid === watched.uid && incumbent.fate === 'alive';
  if (unwatched && canReadPods) {
    turn.warn('pod-read-forbidden', `${failure.message}. Until then it is noticed late that the leader's Pod is gone.`);
  } else if (unwatched) {
    // Nothing will tell of its end any more: that it was alive once must not hold a missing Lease for ever.
    turn.learn({ incumbent: { ...incumbent, fate: 'unknown' } });
  }
  turn.readIncumbent();
}

/** Pods may not be read: who is gone can then only be told by the garbage collector. */
export function notePodsUnreadable(turn: Turn, failure: RequestFailure): void {
  turn.learn({ canReadPods: false });
  turn.warn('pod-read-forbidden', `${failure.message}. Until then a successor must wait for the garbage collector.`);
}

function countUnauthorized(turn: Turn, input: Input): void {
  switch (input.type) {
    case 'leaseWatchFailed':
    case 'podWatchFailed':
    case 'requestFailed':
      if (input.failure.kind !== 'unauthorized') return;
      turn.learn({ unauthorizedAnswers: turn.knowledge.unauthorizedAnswers + 1 });
      return;
    case 'leaseRead':
    case 'leaseWritten':
    case 'leaseRemoved':
    case 'leaseDeletionPending':
    case 'podRead':
    case 'leaseAbsent':
      turn.learn({ unauthorizedAnswers: 0 });
      return;
    case 'leaseObserved':
      // A watch that was opened in time goes on after its token has lost its power.
      if (input.by === 'list') turn.learn({ unauthorizedAnswers: 0 });
      return;
  }
}

/** Who leads, as far as is known: `null` when nobody does, or when it cannot be told. */
export function currentLeader(knowledge: Knowledge): Leader | null {
  const { observation, incumbent, announcedLeader } = knowledge;
  const lease = observation?.lease ?? null;
  const renewalObservedAtMs = observation?.lease?.renewTimeMs == null ? null : observation.sinceMs;
  if (incumbent !== null) {
    if (incumbent.fate === 'gone' || incumbent.released) return null;
    const remembered = announcedLeader?.uid === incumbent.pod.uid ? announcedLeader.acquireTimeMs : null;
    return {
      name: incumbent.pod.name,
      uid: incumbent.pod.uid,
      acquireTimeMs: lease === null ? remembered : lease.acquireTimeMs,
      renewalObservedAtMs,
    };
  }
  if (lease === null || lease.holderIdentity === null || lease.holderIdentity === '') return null;
  return {
    name: lease.holderIdentity,
    uid: null,
    acquireTimeMs: lease.acquireTimeMs,
    renewalObservedAtMs,
  };
}
