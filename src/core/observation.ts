/**
 * Facts become knowledge: what the Lease looks like, who holds it, and whether that Pod exists.
 *
 * The same for every role; what to do about it is decided in `candidate.ts`, `leader.ts` and
 * `leaving.ts`.
 */

import type { Leader } from './effect.ts';
import { judgeHolder, type PodEvidence } from './holder.ts';
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
import type { Knowledge, KnownHolder } from './state.ts';
import type { StepContext } from './step-context.ts';
import { disqualifyDeleted } from './term.ts';
import { holderOf } from './verdict.ts';

/** How often everything is read anew although no event asked for it. */
export const BACKSTOP_INTERVAL_MS = 60_000;

/** Takes note of what an input says about the cluster. */
export function observe(context: StepContext, input: Input): void {
  switch (input.type) {
    case 'leaseObserved':
      noteLease(context, input.lease);
      // A consistent list takes the place of the read where that is refused.
      if (input.by === 'list' && !context.knowledge.canReadLease) announceSilence(context, context.moment.nowMs);
      break;
    case 'leaseWritten':
      context.updateKnowledge({ failures: 0 });
      noteLease(context, input.lease);
      break;
    case 'leaseDeletionPending':
      noteLease(context, input.lease);
      break;
    case 'leaseDeleted':
      noteAbsenceAt(context, input.lease.resourceVersion);
      break;
    case 'leaseAbsent':
      noteAbsenceAt(context, input.resourceVersion);
      break;
    case 'leaseRead':
      noteLeaseRead(context, input.request, input.lease);
      break;
    case 'podObserved':
      notePod(context, input.watched, { kind: 'sighting', pod: input.pod });
      break;
    case 'podDeleted':
      notePod(context, input.watched, { kind: 'deletion', pod: input.pod });
      // Watched was another Pod that went by the own name before.
      if (input.pod.uid === context.config.self.uid) disqualifyDeleted(context);
      break;
    case 'podAbsent':
      notePod(context, input.watched, { kind: 'sighting', pod: null });
      break;
    case 'podRead':
      // Whether or not somebody waits for it: a uid never comes back, so that it is gone is never old news.
      if (input.name === context.config.self.name && context.ownPod(input.pod) === null) disqualifyDeleted(context);
      noteHolderRead(context, input.request, { kind: 'consistent', pod: input.pod });
      break;
    case 'requestFailed':
      noteFailedRead(context, input.request, input.failure);
      break;
    case 'podWatchFailed':
      noteFailedPodWatch(context, input.watched, input.failure);
      break;
    case 'successorChosen':
      context.updateKnowledge({ namedSuccessor: input.successor });
      break;
    case 'timerFired':
      if (input.timer === 'backstop') resync(context);
      if (input.timer === 'stale') checkSilence(context);
      if (input.timer === 'permission') tryRefusedAgain(context);
      break;
  }
}

/** Reads the Lease and its holder's Pod again, and keeps doing so. */
function resync(context: StepContext): void {
  context.readLease({ checksWatch: true });
  context.readHolderPod();
  context.setTimer('backstop', BACKSTOP_INTERVAL_MS);
}

/** A refusal may have passed. What it keeps from happening is tried again. */
function tryRefusedAgain(context: StepContext): void {
  if (context.role.name === 'leader' && !context.knowledge.canRenew) context.setTimer('renew', 0);
  context.updateKnowledge({ canRenew: true, canDelete: true });
  if (context.knowledge.refusals['get pods'] !== undefined) context.readHolderPod({ despiteRefusal: true });
}

/** Takes note of a Lease that the server showed or left behind. */
function noteLease(context: StepContext, lease: LeaseRecord): void {
  const { observation, newestResourceVersion } = context.knowledge;
  const before = observation?.lease ?? null;
  // Late: an event, or an answer that events have overtaken. Once the Lease is known to be gone, what
  // it looked like before is late, too.
  const age = compareResourceVersions(lease.resourceVersion, newestResourceVersion);
  if (age < 0 || (age === 0 && observation !== null && before === null)) return;

  const same = before?.resourceVersion === lease.resourceVersion ? observation : null;
  context.updateKnowledge({
    observation: {
      lease,
      sinceMs: observation !== null && isSameRecord(before, lease) ? observation.sinceMs : context.moment.nowMs,
      renewedAtMs: renewedAtMs(context, lease, before),
    },
    newestResourceVersion: lease.resourceVersion,
    namedLeaseUid: lease.owner !== null || namesSomebody(lease) ? lease.uid : context.knowledge.namedLeaseUid,
    leaseTransitions: lease.leaseTransitions,
    verifiedAtMs: context.moment.nowMs,
  });
  noteHolder(context, lease);
  if (same === null) noteRenewal(context, lease, before);
}

function noteHolder(context: StepContext, lease: LeaseRecord): void {
  const { knownHolder } = context.knowledge;
  const holder = holderOf(lease, knownHolder, context.config.self);
  // The others went first. The pause after a step-down has served its purpose.
  if (context.role.name === 'candidate' && holder !== null && holder.uid !== context.config.self.uid) {
    context.role = { ...context.role, notBeforeMs: 0 };
  }
  if (holder?.uid === knownHolder?.pod.uid) {
    if (knownHolder !== null) {
      // That it may have restored a Lease without an owner does not say that it has.
      const leaseUid = lease.owner === null ? knownHolder.leaseUid : lease.uid;
      const { pod, liveness } = knownHolder;
      context.updateKnowledge({
        knownHolder: { pod, liveness, leaseUid, released: isReleased(lease), ...successorIn(lease) },
      });
    }
    return;
  }
  context.updateKnowledge({
    knownHolder:
      holder === null
        ? null
        : {
            pod: holder,
            liveness: 'unknown',
            leaseUid: lease.uid,
            released: isReleased(lease),
            ...successorIn(lease),
          },
    // What an earlier read says is about another Pod.
    holderRead: null,
  });
  context.emit({ type: 'watchPod', pod: holder });
}

function successorIn({ successor }: LeaseRecord): Pick<KnownHolder, 'successor'> {
  return successor === undefined ? {} : { successor };
}

/** The monotonic moment of the last renewal: now, where renewTime has just moved. */
function renewedAtMs(context: StepContext, lease: LeaseRecord, before: LeaseRecord | null): number | null {
  if (lease.renewTimeMs === null) return null;
  const moved = before?.uid !== lease.uid || before.renewTimeMs !== lease.renewTimeMs;
  return moved ? context.moment.nowMs : (context.knowledge.observation?.renewedAtMs ?? context.moment.nowMs);
}

/** A leader that falls silent is reported by everybody else, and nothing more follows from it. */
function noteRenewal(context: StepContext, lease: LeaseRecord, before: LeaseRecord | null): void {
  const moved = before?.uid !== lease.uid || before.renewTimeMs !== lease.renewTimeMs;
  if (lease.renewTimeMs === null || lease.leaseDurationSeconds === null || context.role.name === 'leader') {
    context.clearTimers('stale');
  } else if (moved || before.leaseDurationSeconds === null) {
    awaitRenewal(context);
  }
  const leader = currentLeader(context.knowledge);
  const renewed =
    moved && before?.uid === lease.uid && lease.renewTimeMs !== null && lease.leaseDurationSeconds !== null;
  if (leader === null) return;
  if (renewed) context.announce({ type: 'renewed', leader });
  // A Lease that its leader has restored, or that was read from a restored cluster, is a sign of life, too.
  if (moved && lease.renewTimeMs !== null) endSilence(context, leader);
}

/** The leader that was reported as silent has renewed. A change of leaders ends the silence without this report. */
function endSilence(context: StepContext, leader: Leader): void {
  const { silenceAnnouncedMs, announcedLeader } = context.knowledge;
  if (silenceAnnouncedMs === null || !isSameLeader(leader, announcedLeader)) return;
  context.updateKnowledge({ silenceAnnouncedMs: null });
  context.announce({ type: 'recovered', leader });
}

/** Whether both are the same Pod, or the same holder of a Lease that no Pod owns. */
export function isSameLeader(left: Leader | null | undefined, right: Leader | null | undefined): boolean {
  return left?.uid === right?.uid && left?.name === right?.name;
}

/**
 * A renewal is overdue. Either the leader is silent, or the watch is dead, or this process stood still and the renewal
 * waits in its sockets: a read tells which. The holder's Pod is read as well, since its watch may be dead too.
 */
function checkSilence(context: StepContext): void {
  const { observation, canReadLease, silenceAnnouncedMs } = context.knowledge;
  const durationSeconds = observation?.lease?.leaseDurationSeconds ?? null;
  if (currentLeader(context.knowledge) === null || context.role.name === 'leader') return;
  if (observation === null || observation.renewedAtMs === null || durationSeconds === null) return;
  const silentForMs = context.moment.nowMs - observation.renewedAtMs;
  const remainingMs = durationSeconds * 1000 - silentForMs;
  if (remainingMs > 0) context.setTimer('stale', Math.min(overdueMs(context), remainingMs));
  // A watch that brings nothing may be dead, so it does not show that there was no renewal: a list does.
  if (!canReadLease && remainingMs <= 0) {
    if (silenceAnnouncedMs === observation.renewedAtMs) return;
    context.emit({ type: 'relist', watch: 'lease' });
    context.setTimer('stale', overdueMs(context));
    return;
  }
  const { leaseRead } = context.knowledge;
  if (leaseRead === null) context.readLease({ checksWatch: true });
  else context.updateKnowledge({ leaseRead: { ...leaseRead, doubted: true }, watchInDoubt: true });
  context.readHolderPod();
}

/** Reports the leader as silent, once after each renewal. @param knownAtMs the moment until which nothing was heard */
function announceSilence(context: StepContext, knownAtMs: number): void {
  const { observation, silenceAnnouncedMs } = context.knowledge;
  const lease = observation?.lease ?? null;
  const leader = currentLeader(context.knowledge);
  if (observation === null || lease === null || leader === null || context.role.name === 'leader') return;
  const { renewedAtMs: sinceMs } = observation;
  if (sinceMs === null || sinceMs === silenceAnnouncedMs || lease.leaseDurationSeconds === null) return;
  const durationMs = lease.leaseDurationSeconds * 1000;
  if (knownAtMs - sinceMs < durationMs) return;
  context.updateKnowledge({ silenceAnnouncedMs: sinceMs });
  context.announce({ type: 'stale', leader, silentForMs: context.moment.nowMs - sinceMs });
}

/** Takes note that there was no Lease at this resourceVersion. */
function noteAbsenceAt(context: StepContext, resourceVersion: string): void {
  if (compareResourceVersions(resourceVersion, context.knowledge.newestResourceVersion) < 0) return;
  context.updateKnowledge({ newestResourceVersion: resourceVersion });
  noteAbsence(context);
}

/** Takes note that there is no Lease. */
export function noteAbsence(context: StepContext): void {
  const { observation } = context.knowledge;
  const same = observation?.lease === null ? observation : null;
  context.updateKnowledge({
    observation: { lease: null, sinceMs: same?.sinceMs ?? context.moment.nowMs, renewedAtMs: null },
    verifiedAtMs: context.moment.nowMs,
  });
  context.clearTimers('stale');
}

function noteLeaseRead(context: StepContext, request: number, lease: LeaseRecord | null): void {
  const awaited = context.knowledge.leaseRead;
  if (awaited?.request !== request) {
    // Nobody waits for this answer any more. A Lease that is newer than the one that is known is news all the same.
    if (lease !== null) noteLease(context, lease);
    return;
  }
  const { newestResourceVersion, watchInDoubt } = context.knowledge;
  context.updateKnowledge({ leaseRead: null, canReadLease: true, watchInDoubt: false });
  const nothingCameBetween =
    (context.lease?.resourceVersion ?? null) === awaited.knewResourceVersion &&
    newestResourceVersion === awaited.newestResourceVersion;
  if (lease !== null) {
    const age = compareResourceVersions(lease.resourceVersion, newestResourceVersion);
    // Older than what was known before the question: the cluster was restored from a backup. Or it is not gone after
    // all: an event DELETED had the version of the Lease itself. A consistent read is believed.
    if (nothingCameBetween && (age < 0 || context.lease === null)) {
      context.updateKnowledge({ newestResourceVersion: lease.resourceVersion, observation: null });
    }
    if (nothingCameBetween && age !== 0 && watchInDoubt) context.emit({ type: 'relist', watch: 'lease' });
    noteLease(context, lease);
    announceSilence(context, awaited.askedAtMs);
    if (awaited.doubted) context.readLease({ checksWatch: true });
    return;
  }
  // "There is none" carries no resourceVersion. When the Lease changed while the answer was under
  // way, nobody can tell which is newer: ask again.
  if (!nothingCameBetween) {
    context.readLease();
    return;
  }
  if (watchInDoubt && awaited.knewResourceVersion !== null) context.emit({ type: 'relist', watch: 'lease' });
  // The watch of the Lease did not show its end, so that of the holder's Pod may be as silent.
  const { knownHolder } = context.knowledge;
  const mayBeDead =
    knownHolder !== null && knownHolder.pod.uid !== context.config.self.uid && knownHolder.liveness !== 'gone';
  if (mayBeDead && awaited.knewResourceVersion !== null) context.readHolderPod();
  noteAbsence(context);
}

function notePod(context: StepContext, watched: PodReference, evidence: PodEvidence): void {
  const { knownHolder, holderRead } = context.knowledge;
  if (knownHolder === null || knownHolder.pod.uid !== watched.uid) return;
  const liveness = judgeHolder(knownHolder.pod, knownHolder.liveness, evidence, context.config.succession);
  context.updateKnowledge({ knownHolder: { ...knownHolder, liveness }, canReadPods: true });
  if (liveness === 'gone' && knownHolder.pod.uid === context.config.self.uid) disqualifyDeleted(context);
  if (liveness !== 'unknown') return;
  // Nobody, or somebody else, goes by its name: most likely it is gone, but only a consistent read proves it. One
  // that is under way may be older than this.
  if (holderRead === null) context.readHolderPod();
  else context.updateKnowledge({ holderRead: { ...holderRead, doubted: true } });
}

function noteHolderRead(context: StepContext, request: number, evidence: PodEvidence): void {
  const { knownHolder, holderRead } = context.knowledge;
  if (holderRead?.request !== request || knownHolder === null) return;
  context.updateKnowledge({ holderRead: null });
  notePod(context, knownHolder.pod, evidence);
  if (holderRead.doubted) context.readHolderPod();
}

function noteFailedRead(context: StepContext, request: number, failure: RequestFailure): void {
  if (context.knowledge.leaseRead?.request === request) {
    context.updateKnowledge({
      leaseRead: null,
      canReadLease: !isPermissionMissing(context.knowledge, 'get leases', failure),
    });
  }
  if (context.knowledge.holderRead?.request !== request) return;
  context.updateKnowledge({ holderRead: null });
  if (isPermissionMissing(context.knowledge, 'get pods', failure)) notePodsUnreadable(context);
}

/** Where a watch is forbidden a single GET may still be allowed: asks before giving Pods up. */
function noteFailedPodWatch(context: StepContext, watched: PodReference, failure: RequestFailure): void {
  const { knownHolder, canReadPods } = context.knowledge;
  const unwatched =
    failure.kind === 'forbidden' && knownHolder?.pod.uid === watched.uid && knownHolder.liveness === 'alive';
  // Nothing reports its end from now on. That it was alive once must not hold a missing Lease for ever.
  if (unwatched && !canReadPods) context.updateKnowledge({ knownHolder: { ...knownHolder, liveness: 'unknown' } });
  context.readHolderPod();
}

/** Pods may not be read: only the garbage collector then shows which of them are gone. */
export function notePodsUnreadable(context: StepContext): void {
  context.updateKnowledge({ canReadPods: false });
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
  const { observation, knownHolder, announcedLeader } = knowledge;
  const lease = observation?.lease ?? null;
  const renewalObservedAtMs = observation?.renewedAtMs ?? null;
  if (knownHolder !== null) {
    if (knownHolder.liveness === 'gone' || knownHolder.released) return null;
    const remembered = announcedLeader?.uid === knownHolder.pod.uid ? announcedLeader.acquireTimeMs : null;
    return {
      name: knownHolder.pod.name,
      uid: knownHolder.pod.uid,
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
