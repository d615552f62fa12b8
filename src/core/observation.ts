/**
 * Facts become knowledge: what the Lease looks like, who holds it, and whether that Pod exists.
 *
 * The same for every role; what to do about it is decided in `candidate.ts`, `leader.ts` and
 * `leaving.ts`.
 */

import type { Leader } from './effect.ts';
import { judgeIncumbent, type PodEvidence } from './holder.ts';
import type { Input } from './input.ts';
import {
  compareResourceVersions,
  isReleased,
  isSameRecord,
  type LeaseRecord,
  namesSomebody,
  type PodReference,
} from './lease-record.ts';
import { isPermissionMissing } from './refusals.ts';
import { awaitRenewal, overdueMs } from './renewal.ts';
import type { RequestFailure } from './request-failure.ts';
import type { Knowledge } from './state.ts';
import type { Turn } from './step-context.ts';
import { barDeleted } from './term.ts';
import { holderOf } from './verdict.ts';

/** How often everything is read anew although no event asked for it. */
export const BACKSTOP_INTERVAL_MS = 60_000;

/** Takes note of what an input says about the cluster. */
export function observe(turn: Turn, input: Input): void {
  switch (input.type) {
    case 'leaseObserved':
      noteLease(turn, input.lease);
      // A consistent list takes the place of the read where that is refused.
      if (input.by === 'list' && !turn.knowledge.canReadLease) announceSilence(turn, turn.moment.nowMs);
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
      if (input.timer === 'stale') checkSilence(turn);
      if (input.timer === 'permission') tryRefusedAgain(turn);
      break;
  }
}

/** Reads the Lease and its holder's Pod again, and keeps doing so. */
function lookAgain(turn: Turn): void {
  turn.readLease({ checksWatch: true });
  turn.readIncumbent();
  turn.setTimer('backstop', BACKSTOP_INTERVAL_MS);
}

/** A refusal may have passed. What it keeps from happening is tried again. */
function tryRefusedAgain(turn: Turn): void {
  if (turn.role.name === 'leader' && !turn.knowledge.canRenew) turn.setTimer('renew', 0);
  turn.learn({ canRenew: true, canDelete: true });
  if (turn.knowledge.refusals['get pods'] !== undefined) turn.readIncumbent({ despiteRefusal: true });
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
    observation: {
      lease,
      sinceMs: observation !== null && isSameRecord(before, lease) ? observation.sinceMs : turn.moment.nowMs,
      renewedAtMs: renewedAtMs(turn, lease, before),
    },
    newestResourceVersion: lease.resourceVersion,
    namedLeaseUid: lease.owner !== null || namesSomebody(lease) ? lease.uid : turn.knowledge.namedLeaseUid,
    leaseTransitions: lease.leaseTransitions,
    verifiedAtMs: turn.moment.nowMs,
  });
  noteHolder(turn, lease);
  if (same === null) noteRenewal(turn, lease, before);
}

function noteHolder(turn: Turn, lease: LeaseRecord): void {
  const { incumbent } = turn.knowledge;
  const holder = holderOf(lease, incumbent, turn.config.self);
  // The others went first. The pause after a step-down has served its purpose.
  if (turn.role.name === 'candidate' && holder !== null && holder.uid !== turn.config.self.uid) {
    turn.role = { ...turn.role, notBeforeMs: 0 };
  }
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

/** The monotonic moment of the last renewal: now, where renewTime has just moved. */
function renewedAtMs(turn: Turn, lease: LeaseRecord, before: LeaseRecord | null): number | null {
  if (lease.renewTimeMs === null) return null;
  const moved = before?.uid !== lease.uid || before.renewTimeMs !== lease.renewTimeMs;
  return moved ? turn.moment.nowMs : (turn.knowledge.observation?.renewedAtMs ?? turn.moment.nowMs);
}

/** A leader that falls silent is reported by everybody else, and nothing more follows from it. */
function noteRenewal(turn: Turn, lease: LeaseRecord, before: LeaseRecord | null): void {
  const moved = before?.uid !== lease.uid || before.renewTimeMs !== lease.renewTimeMs;
  if (lease.renewTimeMs === null || lease.leaseDurationSeconds === null || turn.role.name === 'leader') {
    turn.clearTimers('stale');
  } else if (moved || before.leaseDurationSeconds === null) {
    awaitRenewal(turn);
  }
  const leader = currentLeader(turn.knowledge);
  const renewed =
    moved && before?.uid === lease.uid && lease.renewTimeMs !== null && lease.leaseDurationSeconds !== null;
  if (leader === null) return;
  if (renewed) turn.announce({ type: 'renewed', leader });
  // A Lease that its leader has restored, or that was read from a restored cluster, is a sign of life, too.
  if (moved && lease.renewTimeMs !== null) endSilence(turn, leader);
}

/** The leader that was reported as silent has renewed. A change of leaders ends the silence without this report. */
function endSilence(turn: Turn, leader: Leader): void {
  const { silenceAnnouncedMs, announcedLeader } = turn.knowledge;
  if (silenceAnnouncedMs === null || !isSameLeader(leader, announcedLeader)) return;
  turn.learn({ silenceAnnouncedMs: null });
  turn.announce({ type: 'recovered', leader });
}

/** Whether both are the same Pod, or the same holder of a Lease that no Pod owns. */
export function isSameLeader(left: Leader | null | undefined, right: Leader | null | undefined): boolean {
  return left?.uid === right?.uid && left?.name === right?.name;
}

/**
 * A renewal is overdue. Either the leader is silent, or the watch is dead, or this process stood still and the renewal
 * waits in its sockets: a read tells which. The holder's Pod is read as well, since its watch may be dead too.
 */
function checkSilence(turn: Turn): void {
  const { observation, canReadLease, silenceAnnouncedMs } = turn.knowledge;
  const durationSeconds = observation?.lease?.leaseDurationSeconds ?? null;
  if (currentLeader(turn.knowledge) === null || turn.role.name === 'leader') return;
  if (observation === null || observation.renewedAtMs === null || durationSeconds === null) return;
  const silentForMs = turn.moment.nowMs - observation.renewedAtMs;
  const remainingMs = durationSeconds * 1000 - silentForMs;
  if (remainingMs > 0) turn.setTimer('stale', Math.min(overdueMs(turn), remainingMs));
  // A watch that brings nothing may be dead, so it does not show that there was no renewal: a list does.
  if (!canReadLease && remainingMs <= 0) {
    if (silenceAnnouncedMs === observation.renewedAtMs) return;
    turn.order({ type: 'relist', watch: 'lease' });
    turn.setTimer('stale', overdueMs(turn));
    return;
  }
  const { leaseRead } = turn.knowledge;
  if (leaseRead === null) turn.readLease({ checksWatch: true });
  else turn.learn({ leaseRead: { ...leaseRead, doubted: true }, watchInDoubt: true });
  turn.readIncumbent();
}

/** Reports the leader as silent, once after each renewal. @param knownAtMs the moment until which nothing was heard */
function announceSilence(turn: Turn, knownAtMs: number): void {
  const { observation, silenceAnnouncedMs } = turn.knowledge;
  const lease = observation?.lease ?? null;
  const leader = currentLeader(turn.knowledge);
  if (observation === null || lease === null || leader === null || turn.role.name === 'leader') return;
  const { renewedAtMs: sinceMs } = observation;
  if (sinceMs === null || sinceMs === silenceAnnouncedMs || lease.leaseDurationSeconds === null) return;
  const durationMs = lease.leaseDurationSeconds * 1000;
  if (knownAtMs - sinceMs < durationMs) return;
  turn.learn({ silenceAnnouncedMs: sinceMs });
  turn.announce({ type: 'stale', leader, silentForMs: turn.moment.nowMs - sinceMs });
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
    observation: { lease: null, sinceMs: same?.sinceMs ?? turn.moment.nowMs, renewedAtMs: null },
    verifiedAtMs: turn.moment.nowMs,
  });
  turn.clearTimers('stale');
}

function noteLeaseRead(turn: Turn, request: number, lease: LeaseRecord | null): void {
  const awaited = turn.knowledge.leaseRead;
  if (awaited?.request !== request) return;
  const { newestResourceVersion, watchInDoubt } = turn.knowledge;
  turn.learn({ leaseRead: null, canReadLease: true, watchInDoubt: false });
  const nothingCameBetween =
    (turn.lease?.resourceVersion ?? null) === awaited.knewResourceVersion &&
    newestResourceVersion === awaited.newestResourceVersion;
  if (lease !== null) {
    const age = compareResourceVersions(lease.resourceVersion, newestResourceVersion);
    // Older than what was known before the question: the cluster was restored from a backup. Or it is not gone after
    // all: an event DELETED had the version of the Lease itself. A consistent read is believed.
    if (nothingCameBetween && (age < 0 || turn.lease === null)) {
      turn.learn({ newestResourceVersion: lease.resourceVersion, observation: null });
    }
    if (nothingCameBetween && age !== 0 && watchInDoubt) turn.order({ type: 'relist', watch: 'lease' });
    noteLease(turn, lease);
    announceSilence(turn, awaited.askedAtMs);
    if (awaited.doubted) turn.readLease({ checksWatch: true });
    return;
  }
  // "There is none" carries no resourceVersion. When the Lease changed while the answer was under
  // way, nobody can tell which is newer: ask again.
  if (!nothingCameBetween) {
    turn.readLease();
    return;
  }
  if (watchInDoubt && awaited.knewResourceVersion !== null) turn.order({ type: 'relist', watch: 'lease' });
  noteAbsence(turn);
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
    turn.learn({
      leaseRead: null,
      canReadLease: !isPermissionMissing(turn.knowledge, 'get leases', failure),
    });
  }
  if (turn.knowledge.incumbentRead?.request !== request) return;
  turn.learn({ incumbentRead: null });
  if (isPermissionMissing(turn.knowledge, 'get pods', failure)) notePodsUnreadable(turn);
}

/** Where a watch is forbidden a single GET may still be allowed: asks before giving Pods up. */
function noteFailedPodWatch(turn: Turn, watched: PodReference, failure: RequestFailure): void {
  const { incumbent, canReadPods } = turn.knowledge;
  const unwatched = failure.kind === 'forbidden' && incumbent?.pod.uid === watched.uid && incumbent.fate === 'alive';
  // Nothing reports its end from now on. That it was alive once must not hold a missing Lease for ever.
  if (unwatched && !canReadPods) turn.learn({ incumbent: { ...incumbent, fate: 'unknown' } });
  turn.readIncumbent();
}

/** Pods may not be read: only the garbage collector then shows which of them are gone. */
export function notePodsUnreadable(turn: Turn): void {
  turn.learn({ canReadPods: false });
}

/**
 * For how long the leader is confirmed not to have renewed, in milliseconds, once `stale` was announced; else `null`. What
 * this process has not heard since the last answer of the API server says nothing about the leader.
 */
export function confirmedSilenceMs({ observation, silenceAnnouncedMs, verifiedAtMs }: Knowledge): number | null {
  const renewedAtMs = observation?.renewedAtMs ?? null;
  return renewedAtMs === null || renewedAtMs !== silenceAnnouncedMs ? null : verifiedAtMs - renewedAtMs;
}

/** Who leads, as far as is known: `null` when nobody does, or when it cannot be told. */
export function currentLeader(knowledge: Knowledge): Leader | null {
  const { observation, incumbent, announcedLeader } = knowledge;
  const lease = observation?.lease ?? null;
  const renewalObservedAtMs = observation?.renewedAtMs ?? null;
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
