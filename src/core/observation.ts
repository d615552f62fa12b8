/**
 * Turns facts into knowledge: the state of the Lease, its holder, and whether the holder's Pod exists.
 *
 * The knowledge is the same for every role. `candidate.ts`, `leader.ts` and `leaving.ts` decide what follows from it.
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

/** The interval of the reads that no event triggers, in milliseconds. */
export const BACKSTOP_INTERVAL_MS = 60_000;

/** Records what an input shows about the cluster. */
export function observe(context: StepContext, input: Input): void {
  switch (input.type) {
    case 'leaseObserved':
      noteLease(context, input.lease);
      // If reading the Lease is refused, a consistent list replaces the read.
      if (input.by === 'list' && !context.knowledge.permissions.canReadLease)
        announceSilence(context, context.moment.nowMs);
      break;
    case 'leaseWritten':
      context.updateFailures({ inARow: 0 });
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
      // The watched Pod was an earlier Pod of the same name.
      if (input.pod.uid === context.config.self.uid) disqualifyDeleted(context);
      break;
    case 'podAbsent':
      notePod(context, input.watched, { kind: 'sighting', pod: null });
      break;
    case 'podRead':
      // Recorded even if the answer is not awaited. A uid never comes back, so the absence of this Pod is never
      // outdated.
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

/** Reads the Lease and its holder's Pod again, and schedules the next resync. */
function resync(context: StepContext): void {
  context.readLease({ checksWatch: true });
  context.readHolderPod();
  context.setTimer('backstop', BACKSTOP_INTERVAL_MS);
}

/** Retries the refused requests, because a refusal may be over. */
function tryRefusedAgain(context: StepContext): void {
  if (context.role.name === 'leader' && !context.knowledge.permissions.canRenew) context.setTimer('renew', 0);
  context.updatePermissions({ canRenew: true, canDelete: true });
  if (context.knowledge.failures.refusals['get pods'] !== undefined) context.readHolderPod({ despiteRefusal: true });
}

/** Records a Lease that the server returned or reported. */
function noteLease(context: StepContext, lease: LeaseRecord): void {
  const { observation, newestResourceVersion } = context.knowledge;
  const before = observation?.lease ?? null;
  // An old event, or an answer that events have overtaken, is late. Once the Lease is known to be gone, its last
  // version is also late.
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
  // Another Pod holds the Lease, so the pause after a step-down is no longer needed.
  if (context.role.name === 'candidate' && holder !== null && holder.uid !== context.config.self.uid) {
    context.role = { ...context.role, notBeforeMs: 0 };
  }
  if (holder?.uid === knownHolder?.pod.uid) {
    if (knownHolder !== null) {
      // A Lease without an owner may have been restored by the holder, but this is not certain.
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
    // The read in flight concerns another Pod.
    holderRead: null,
  });
  context.emit({ type: 'watchPod', pod: holder });
}

function successorIn({ successor }: LeaseRecord): Pick<KnownHolder, 'successor'> {
  return successor === undefined ? {} : { successor };
}

/** The monotonic moment of the last renewal; now if renewTime has just changed. */
function renewedAtMs(context: StepContext, lease: LeaseRecord, before: LeaseRecord | null): number | null {
  if (lease.renewTimeMs === null) return null;
  const moved = before?.uid !== lease.uid || before.renewTimeMs !== lease.renewTimeMs;
  return moved ? context.moment.nowMs : (context.knowledge.observation?.renewedAtMs ?? context.moment.nowMs);
}

/**
 * Records a renewal, and sets the timer for the silence of the leader. Every other process reports a silent leader. The
 * silence has no further consequence.
 */
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
  // The silence also ends with a Lease that the leader has restored, or that was read from a restored cluster.
  if (moved && lease.renewTimeMs !== null) endSilence(context, leader);
}

/**
 * Announces that a leader has renewed after it was reported as silent. A change of leaders ends the silence without
 * this announcement.
 */
function endSilence(context: StepContext, leader: Leader): void {
  const { announced } = context.knowledge;
  if (announced.silenceMs === null || !isSameLeader(leader, announced.leader)) return;
  context.updateAnnounced({ silenceMs: null });
  context.announce({ type: 'recovered', leader });
}

/** Whether both are the same Pod, or the same holder of a Lease that no Pod owns. */
export function isSameLeader(left: Leader | null | undefined, right: Leader | null | undefined): boolean {
  return left?.uid === right?.uid && left?.name === right?.name;
}

/**
 * Acts on an overdue renewal. Either the leader is silent, or the watch is dead, or this process was suspended and the
 * renewal waits in its sockets. A read shows which. The holder's Pod is also read, because its watch may be dead.
 */
function checkSilence(context: StepContext): void {
  const { observation, permissions, announced } = context.knowledge;
  const durationSeconds = observation?.lease?.leaseDurationSeconds ?? null;
  if (currentLeader(context.knowledge) === null || context.role.name === 'leader') return;
  if (observation === null || observation.renewedAtMs === null || durationSeconds === null) return;
  const silentForMs = context.moment.nowMs - observation.renewedAtMs;
  const remainingMs = durationSeconds * 1000 - silentForMs;
  if (remainingMs > 0) context.setTimer('stale', Math.min(overdueMs(context), remainingMs));
  // A silent watch may be dead, so it does not prove that no renewal was written. A list proves it.
  if (!permissions.canReadLease && remainingMs <= 0) {
    if (announced.silenceMs === observation.renewedAtMs) return;
    context.emit({ type: 'relist', watch: 'lease' });
    context.setTimer('stale', overdueMs(context));
    return;
  }
  const { leaseRead } = context.knowledge;
  if (leaseRead === null) context.readLease({ checksWatch: true });
  else context.updateKnowledge({ leaseRead: { ...leaseRead, doubted: true }, watchInDoubt: true });
  context.readHolderPod();
}

/**
 * Announces the leader as silent, once after each renewal. @param knownAtMs the moment up to which the Lease is known
 */
function announceSilence(context: StepContext, knownAtMs: number): void {
  const { observation, announced } = context.knowledge;
  const lease = observation?.lease ?? null;
  const leader = currentLeader(context.knowledge);
  if (observation === null || lease === null || leader === null || context.role.name === 'leader') return;
  const { renewedAtMs: sinceMs } = observation;
  if (sinceMs === null || sinceMs === announced.silenceMs || lease.leaseDurationSeconds === null) return;
  const durationMs = lease.leaseDurationSeconds * 1000;
  if (knownAtMs - sinceMs < durationMs) return;
  context.updateAnnounced({ silenceMs: sinceMs });
  context.announce({ type: 'stale', leader, silentForMs: context.moment.nowMs - sinceMs });
}

/** Records that there was no Lease at this resourceVersion. */
function noteAbsenceAt(context: StepContext, resourceVersion: string): void {
  if (compareResourceVersions(resourceVersion, context.knowledge.newestResourceVersion) < 0) return;
  context.updateKnowledge({ newestResourceVersion: resourceVersion });
  noteAbsence(context);
}

/** Records that there is no Lease. */
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
    // This answer is no longer awaited. If its Lease is newer than the known Lease, it is recorded nevertheless.
    if (lease !== null) noteLease(context, lease);
    return;
  }
  const { newestResourceVersion, watchInDoubt } = context.knowledge;
  context.updateKnowledge({ leaseRead: null, watchInDoubt: false });
  context.updatePermissions({ canReadLease: true });
  const nothingCameBetween =
    (context.lease?.resourceVersion ?? null) === awaited.knewResourceVersion &&
    newestResourceVersion === awaited.newestResourceVersion;
  if (lease !== null) {
    const age = compareResourceVersions(lease.resourceVersion, newestResourceVersion);
    // The answer can be older than the known state because the cluster was restored from a backup. Or it has a Lease
    // that counts as gone, because an event DELETED had the version of the Lease itself. In both cases the consistent
    // read is right.
    if (nothingCameBetween && (age < 0 || context.lease === null)) {
      context.updateKnowledge({ newestResourceVersion: lease.resourceVersion, observation: null });
    }
    if (nothingCameBetween && age !== 0 && watchInDoubt) context.emit({ type: 'relist', watch: 'lease' });
    noteLease(context, lease);
    announceSilence(context, awaited.askedAtMs);
    if (awaited.doubted) context.readLease({ checksWatch: true });
    return;
  }
  // The answer "not found" has no resourceVersion. If the Lease changed while the answer was in flight, it is unknown
  // whether the change or the answer is newer, so the Lease is read again.
  if (!nothingCameBetween) {
    context.readLease();
    return;
  }
  if (watchInDoubt && awaited.knewResourceVersion !== null) context.emit({ type: 'relist', watch: 'lease' });
  // The watch of the Lease did not show its deletion, so the watch of the holder's Pod may also be silent.
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
  context.updateKnowledge({ knownHolder: { ...knownHolder, liveness } });
  context.updatePermissions({ canReadPods: true });
  if (liveness === 'gone' && knownHolder.pod.uid === context.config.self.uid) disqualifyDeleted(context);
  if (liveness !== 'unknown') return;
  // No Pod, or another Pod, has the name of the holder's Pod. Most likely the holder's Pod is gone, but only a
  // consistent read proves that. A read that is in flight may be older than this fact.
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
    context.updateKnowledge({ leaseRead: null });
    context.updatePermissions({ canReadLease: !isPermissionMissing(context.knowledge, 'get leases', failure) });
  }
  if (context.knowledge.holderRead?.request !== request) return;
  context.updateKnowledge({ holderRead: null });
  if (isPermissionMissing(context.knowledge, 'get pods', failure)) notePodsUnreadable(context);
}

/**
 * Reads the holder's Pod, because a GET may still be permitted when a watch is forbidden. Pods count as unreadable only
 * after the GET was refused.
 */
function noteFailedPodWatch(context: StepContext, watched: PodReference, failure: RequestFailure): void {
  const { knownHolder, permissions } = context.knowledge;
  const unwatched =
    failure.kind === 'forbidden' && knownHolder?.pod.uid === watched.uid && knownHolder.liveness === 'alive';
  // From now on no event reports the end of the Pod. If the Pod stayed `alive`, a missing Lease would be reserved for
  // it for ever.
  if (unwatched && !permissions.canReadPods)
    context.updateKnowledge({ knownHolder: { ...knownHolder, liveness: 'unknown' } });
  context.readHolderPod();
}

/**
 * Records that reading Pods is not permitted. From then on, only the garbage collector shows that a holder's Pod is
 * gone.
 */
export function notePodsUnreadable(context: StepContext): void {
  context.updatePermissions({ canReadPods: false });
}

/**
 * The confirmed time without a renewal of the leader, in milliseconds; `null` unless `stale` was announced. The time
 * since the last answer of the API server does not count.
 */
export function confirmedSilenceMs({ observation, announced, verifiedAtMs }: Knowledge): number | null {
  const renewedAtMs = observation?.renewedAtMs ?? null;
  return renewedAtMs === null || renewedAtMs !== announced.silenceMs ? null : verifiedAtMs - renewedAtMs;
}

/** The leader, as far as this process knows: `null` when there is no leader, or when the leader is unknown. */
export function currentLeader(knowledge: Knowledge): Leader | null {
  const { observation, knownHolder, announced } = knowledge;
  const lease = observation?.lease ?? null;
  const renewalObservedAtMs = observation?.renewedAtMs ?? null;
  if (knownHolder !== null) {
    if (knownHolder.liveness === 'gone' || knownHolder.released) return null;
    const remembered = announced.leader?.uid === knownHolder.pod.uid ? announced.leader.acquireTimeMs : null;
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
