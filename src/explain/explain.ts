/**
 * `explain()`: the reason why there is or is not a leader, as one sentence and as data. This file describes this
 * process. `holder-reasons.ts` describes another holder.
 *
 * Pure: it only formats the knowledge of the election, and decides nothing.
 */

import { UNAUTHORIZED_LIMIT_MS } from '../core/refusal.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import { isLockHolderSilent } from '../core/sibling.ts';
import type { CandidateRole } from '../core/state.ts';
import { isTwinSuspected } from '../core/twin.ts';
import { judgeLease, mustRenew } from '../core/verdict.ts';
import { isShortage } from '../runtime/shortage.ts';
import type { ExplainInput, Explanation, HolderPod, IdleWork, ReasonDetails, RunningInput } from './explanation.ts';
import { podSeen } from './holder-pod.ts';
import { explainHeld } from './holder-reasons.ts';
import { LEASE_READS, refusalAmong, refusalWithoutRule } from './refused-request.ts';
import { endOfLife, kubectlDelete, leaseOf, printable, seconds, toDate } from './wording.ts';

/** Explains the present situation. Never throws. */
export function explain(input: ExplainInput): Explanation {
  return explanationOf(input, detailsOf(input));
}

/** Builds an explanation from the details of its reason. */
export function explanationOf(input: ExplainInput, details: ReasonDetails): Explanation {
  const { election, diagnostics, leader, unverifiedForMs } = input;
  return {
    reason: details.reason,
    message: printable(input.local ? `${LOCAL_NOTE} ${details.message}` : details.message),
    lease: election === null ? null : { namespace: election.config.namespace, name: election.config.leaseName },
    leader,
    holderPod: holderPodOf(input),
    since: toDate(details.sinceMs ?? null),
    endsWhen: printable(details.endsWhen),
    command: details.command ?? null,
    caution: details.caution == null ? null : printable(details.caution),
    missingRules: [
      ...diagnostics.refusals.flatMap(({ missingRule }) => missingRule ?? []),
      ...(input.publishingRules ?? []),
    ],
    unverifiedForMs,
    failure: diagnostics.failure?.message ?? null,
    error: details.error ?? null,
  };
}

const LOCAL_NOTE = 'There is no cluster, and the option `local` is set, so this process acts as a Pod.';

function detailsOf(input: ExplainInput): ReasonDetails {
  const { election, started, over } = input;
  if (over) return stopped(input);
  if (election === null) return started ? entering(input) : NOT_STARTED;
  const running: RunningInput = { ...input, election };
  const { role } = election;
  switch (role.name) {
    case 'leader':
      return role.resigning === null
        ? leading(running, role.term.acquireTimeMs)
        : withRefusal(running, leaving(running));
    case 'leaving':
    case 'stopped':
      return withRefusal(running, leaving(running));
    case 'sibling':
      return ownPodDeleted(running) ?? withOutage(running, sibling(running));
    case 'starting':
      return trouble(running) ?? awaitsLease(running);
    case 'candidate':
      return candidate(running, role);
  }
}

/**
 * Adds a note about an outage or a refused read. An outage changes nothing for a process that only watches, but its
 * observations may be outdated.
 */
function withOutage(input: RunningInput, details: ReasonDetails): ReasonDetails {
  const { diagnostics, unverifiedForMs } = input;
  const refusal = refusalAmong(input, LEASE_READS);
  if (refusal !== undefined) {
    return { ...details, message: `${details.message} It cannot determine the leader: ${refusal.message}` };
  }
  if (diagnostics.failure === null || unverifiedForMs < RECENTLY_MS) return details;
  const note = `The API server has confirmed nothing for ${seconds(unverifiedForMs)}: ${diagnostics.failure.message}`;
  return { ...details, message: `${details.message} ${note}` };
}

const NOT_STARTED: ReasonDetails = {
  reason: 'not-started',
  message: 'This elector does not take part in the election yet: call start().',
  endsWhen: 'start() is called',
};

const STARTING: ReasonDetails = {
  reason: 'starting',
  message: 'This elector is determining its cluster and its Pod, and retries until it has an answer.',
  endsWhen: 'the API server answers',
};

/** The details while an elector determines its cluster and its Pod, with the failure, if there is one. */
function entering({ diagnostics, unverifiedForMs, wallMs }: ExplainInput): ReasonDetails {
  const [refusal] = diagnostics.refusals;
  const failure = diagnostics.failure ?? refusal;
  if (failure === undefined) return STARTING;
  const message = `This elector cannot determine its Pod yet, and retries until it has an answer: ${failure.message}`;
  const sinceMs = wallMs - unverifiedForMs;
  if (isShortage(failure.cause)) return { reason: 'starting', message, sinceMs, endsWhen: 'the shortage is over' };
  if (failure.kind === 'unauthorized') {
    return { reason: 'unauthorized', message, sinceMs, endsWhen: 'the API server accepts the token' };
  }
  if (failure === refusal) {
    return { reason: 'forbidden', message, sinceMs, endsWhen: 'the API server accepts the request' };
  }
  return { reason: 'api-unreachable', message, sinceMs, endsWhen: 'the API server answers' };
}

/** The details before the first answer about the Lease. A refused request is repeated, and may be refused for long. */
function awaitsLease(input: RunningInput): ReasonDetails {
  const refusal = refusalAmong(input, LEASE_READS) ?? refusalWithoutRule(input);
  if (refusal !== undefined) {
    return {
      reason: 'forbidden',
      message: `Pod ${input.election.config.self.name} cannot determine the leader: ${refusal.message}`,
      endsWhen: endOfRefusal(refusal),
    };
  }
  return {
    reason: 'starting',
    message: `This elector waits for the first answer about ${leaseOf(input.election.config)}.`,
    endsWhen: 'the API server answers',
  };
}

function stopped({ election, diagnostics, leader, endedBy }: ExplainInput): ReasonDetails {
  // Not for a sibling: another process of its Pod held the Lease, and may lead.
  if (election !== null && leader?.uid === election.config.self.uid && diagnostics.takesPart) {
    const { self, namespace } = election.config;
    return {
      reason: 'stopped',
      message:
        `This elector has stopped and Pod ${self.name} keeps the Lease, so that no other Pod leads before that Pod is ` +
        'deleted. Restart its container, and it leads again.',
      endsWhen: 'a new process of this Pod starts an elector, or the Pod is deleted',
      command: kubectlDelete('pod', self.name, namespace),
      // A sibling that waited for the end of this process may have replaced it.
      caution: `Make sure first that no other process of Pod ${self.name} leads.`,
      error: endedBy,
    };
  }
  if (endedBy !== null) {
    return {
      reason: 'stopped',
      message: `This elector has ended with an error, and a new process must start a new elector: ${endedBy}`,
      endsWhen: 'the cause is removed, and a new elector is started',
      error: endedBy,
    };
  }
  return {
    reason: 'stopped',
    message:
      'This elector has stopped, and does not take part in the election. To take part again, create a new elector.',
    endsWhen: 'a new elector is started',
  };
}

function leading(input: RunningInput, acquireTimeMs: number): ReasonDetails {
  const { election, idleWork } = input;
  const { self } = election.config;
  const notes = [...(idleWork === null ? [] : [idleNote(idleWork)]), ...notesOfLeader(input)];
  const details = {
    reason: 'leading',
    message: `This process leads, in Pod ${self.name}${notes.map((note) => `; ${note}`).join('')}.`,
    sinceMs: acquireTimeMs,
    endsWhen:
      `${endOfLife(election.config)}, it releases the Lease, the Lease is given to another Pod by hand, or its token is ` +
      `refused for ${seconds(UNAUTHORIZED_LIMIT_MS)}`,
  } as const;
  if (idleWork === null) return details;
  const sinceMs = input.wallMs - (input.nowMs - idleWork.endedAtMs);
  return { ...details, reason: 'leading-idle', sinceMs, error: idleWork.error };
}

function idleNote({ error }: IdleWork): string {
  return error === null
    ? 'the promise of onElected has settled, so its work has ended; if it should still work, exit, and the restarted container leads again'
    : `its work has failed (${error}): exit, and the restarted container leads again and tries again, or call stepDown() to hand over`;
}

/** The problems of a leader. */
function notesOfLeader(input: RunningInput): readonly string[] {
  const { election, diagnostics, unverifiedForMs, nowMs, noProgressForMs = null } = input;
  const { config, knowledge } = election;
  const lease = knowledge.observation?.lease ?? null;
  const create = refusalOf(input, 'create');
  // A leader with a Lease sends no write but its renewals, so a refusal by a webhook is that of a renewal.
  const update = refusalOf(input, 'update') ?? (lease === null ? undefined : refusalWithoutRule(input));
  const read = refusalAmong(input, ['get pods']);
  const notes = [
    noProgressForMs === null
      ? null
      : `its work has made no progress for ${seconds(noProgressForMs)}: exit, and the restarted container leads again`,
    isTwinSuspected(knowledge, config, nowMs)
      ? 'another process has written its Lease in its name, so most likely two processes lead: end one of them'
      : null,
    lease === null && create === undefined ? restoringNote(read) : null,
    lease === null && create !== undefined ? `its Lease was deleted and cannot be restored (${create.message})` : null,
    lease !== null && lease.owner === null
      ? 'its Lease has lost its owner, and this process writes the owner again'
      : null,
    lease?.holderIdentity && lease.holderIdentity !== config.self.name
      ? `its Lease names "${lease.holderIdentity}" as its holder, so another program writes it: give that program another Lease`
      : null,
    lease?.terminating === true ? 'its Lease is being deleted, and only its finalizers keep it' : null,
    update === undefined
      ? null
      : `its renewals are refused, so the other Pods cannot see whether it hangs (${update.message})`,
    failureNote(diagnostics.failure, unverifiedForMs),
    diagnostics.holderPod?.terminating === true
      ? 'its Pod is being deleted, so call stop() to hand over immediately'
      : null,
  ];
  return notes.filter((note) => note !== null);
}

/** @param read the refused read of this Pod, which precedes the create */
function restoringNote(read: RequestFailure | undefined): string {
  const note = 'its Lease was deleted and is being restored';
  return read === undefined ? note : `${note}, and a request for it was refused (${read.message})`;
}

function failureNote(failure: RequestFailure | null, unverifiedForMs: number): string | null {
  if (failure === null) return null;
  return failure.kind === 'unauthorized'
    ? `the API server refuses its token, which ends the term after ${seconds(UNAUTHORIZED_LIMIT_MS)}`
    : unverifiedForMs < RECENTLY_MS
      ? `a request has failed and is repeated, which does not end the term (${failure.message})`
      : `the API server has confirmed nothing for ${seconds(unverifiedForMs)}, which does not end the term`;
}

function leaving(input: RunningInput): ReasonDetails {
  return {
    reason: 'leaving',
    message:
      'This process has ended its term. It waits until its work has settled, or until the API server has recorded that ' +
      `${leaseOf(input.election.config)} is released.`,
    endsWhen: 'the promise of onElected settles or drainTimeoutMs is over, and the Lease is released or kept',
  };
}

function sibling({ election }: RunningInput): ReasonDetails {
  if (election.knowledge.announced.warnings.includes('sibling-lock-refused')) {
    return {
      reason: 'sibling',
      message:
        `This process is not permitted to bind the socket that lets one process of Pod ${election.config.self.name} campaign, ` +
        'so another process might hold it. This process only watches until it can bind the socket.',
      endsWhen: 'the socket can be bound, and no other process has it',
    };
  }
  if (isLockHolderSilent(election.config, election.knowledge)) {
    return {
      reason: 'sibling',
      message:
        `Another process holds the socket that lets one process of Pod ${election.config.self.name} campaign, but is not ` +
        'known to campaign. This process only watches, and takes its place when that process ends.',
      endsWhen: 'that process ends (end it if it hangs or is not an elector), or stops its elector',
    };
  }
  return {
    reason: 'sibling',
    message:
      `Another process of Pod ${election.config.self.name} takes part in the election for this Pod. This process only watches, and ` +
      'takes its place when that process ends.',
    endsWhen: 'that process ends, or stops its elector',
  };
}

function candidate(input: RunningInput, role: CandidateRole): ReasonDetails {
  const { config, knowledge } = input.election;
  const inTrouble = ownPodDeleted(input) ?? trouble(input);
  if (inTrouble !== null) return inTrouble;
  const verdict = judgeLease(config, knowledge, input.nowMs);
  switch (verdict.kind) {
    case 'unknown':
      return awaitsLease(input);
    case 'held':
      return explainHeld(input, verdict.because, verdict.recheckAtMs);
    case 'mine':
      return refused(input, 'create') ?? keptFromRenewing(input) ?? withRefusal(input, resuming(input));
    case 'free':
      return campaigning(input, role);
  }
}

/**
 * The details when this Pod is gone. A Pod that the API server has never shown may never have existed: its uid may be
 * wrong.
 */
function ownPodDeleted({ election: { config, knowledge } }: RunningInput): ReasonDetails | null {
  if (knowledge.disqualifiedBy !== 'pod-deleted') return null;
  const { name, uid } = config.self;
  const pod = `Pod ${name} (uid ${uid})`;
  // If Pods cannot be read, this follows from the Leases that were deleted.
  if (knowledge.announced.warnings.includes('pod-unknown')) {
    return {
      reason: 'own-pod-deleted',
      message:
        `${pod} is most likely gone, or its uid is wrong: its Lease was deleted again and again soon after it was created. ` +
        'This process does not campaign again. Compare the uid with the option `pod`, and start a new process.',
      endsWhen: 'never: end this process',
    };
  }
  const stopped = config.succession === 'pod-stopped' ? 'has stopped, or ' : '';
  return {
    reason: 'own-pod-deleted',
    message: knowledge.ownPodSeen
      ? `${pod} ${stopped}is gone, and this process does not lead again. End this process.`
      : `${pod} ${stopped}does not exist, and the API server has never shown it: either it was gone before, or its uid is wrong. ` +
        'This process does not lead. Correct the option `pod`, or end the process.',
    endsWhen: 'never: end this process',
  };
}

/** The problem that keeps a process without leadership from observing or acting. */
function trouble(input: RunningInput): ReasonDetails | null {
  const { election, diagnostics, leader, unverifiedForMs } = input;
  const { failure } = diagnostics;
  if (failure === null) return refused(input, 'get');
  const sinceMs = input.wallMs - unverifiedForMs;
  if (failure.kind === 'unauthorized') {
    return {
      reason: 'unauthorized',
      message: `The API server does not accept the token of Pod ${election.config.self.name}: ${failure.tokenProblem ?? UNKNOWN_TOKEN_PROBLEM}.`,
      sinceMs,
      endsWhen: 'the API server accepts the token',
    };
  }
  const known = leader === null ? 'no leader is known' : `as far as this process knows, ${leader.name} leads`;
  // Other requests may be answered, so one failed request does not prove that the API server is silent.
  if (unverifiedForMs < RECENTLY_MS) {
    return {
      reason: 'api-unreachable',
      message: `A request about ${leaseOf(input.election.config)} has failed and is repeated; ${known}. The last failure: ${failure.message}`,
      sinceMs,
      endsWhen: 'that request succeeds',
    };
  }
  return {
    reason: 'api-unreachable',
    message:
      `The API server has confirmed nothing about ${leaseOf(input.election.config)} for ${seconds(unverifiedForMs)}. Requests are repeated; ` +
      `${known}. The last failure: ${failure.message}`,
    sinceMs,
    endsWhen: 'the API server answers',
  };
}

/** If the API server has confirmed something within this time, in milliseconds, it answers. */
const RECENTLY_MS = 3_000;

const UNKNOWN_TOKEN_PROBLEM = 'the Pod may be deleted; if it exists, check its ServiceAccount';

/** The refusal of this verb on Leases, or (with `create`) of every write. */
function refusalOf(input: RunningInput, verb: 'get' | 'create' | 'update'): RequestFailure | undefined {
  return refusalAmong(input, [`${verb} leases`]) ?? (verb === 'create' ? refusalWithoutRule(input) : undefined);
}

function refused(input: RunningInput, verb: 'get' | 'create' | 'update'): ReasonDetails | null {
  const refusal = refusalOf(input, verb);
  if (refusal === undefined) return null;
  const { name } = input.election.config.self;
  return {
    reason: 'forbidden',
    message: `Pod ${name} cannot ${verb === 'get' ? 'verify the leader' : 'be elected'}: ${refusal.message}`,
    endsWhen: endOfRefusal(refusal),
  };
}

function endOfRefusal({ missingRule }: RequestFailure): string {
  return missingRule === null ? 'the API server accepts the request' : 'the permission is granted';
}

/**
 * The requests of an attempt, without the create. If one of them is refused for a while, the attempt continues without
 * it.
 */
const REQUESTS_OF_ATTEMPT = ['get pods', 'delete leases', 'update leases'] as const;

/** Adds the refused request for which an attempt waits. */
function withRefusal(input: RunningInput, details: ReasonDetails): ReasonDetails {
  const refusal = refusalAmong(input, REQUESTS_OF_ATTEMPT);
  if (refusal === undefined) return details;
  return {
    ...details,
    message: `${details.message} It repeats a request that was refused: ${refusal.message}`,
    endsWhen: `the permission is granted, or ${details.endsWhen}`,
  };
}

/** The details when only a renewal can prove that this Pod still holds the Lease, and the renewal is refused. */
function keptFromRenewing(input: RunningInput): ReasonDetails | null {
  const { config, knowledge } = input.election;
  if (!mustRenew(knowledge)) return null;
  const details = refused(input, 'update');
  if (details === null || knowledge.observation?.lease?.owner !== null) return details;
  return {
    ...details,
    message: `${leaseOf(config)} has lost its owner, and only a renewal proves that this Pod still holds it. ${details.message}`,
    command: kubectlDelete('lease', config.leaseName, config.namespace),
  };
}

function resuming(input: RunningInput): ReasonDetails {
  const { config, knowledge } = input.election;
  return {
    reason: 'resuming',
    message: `Pod ${config.self.name} holds ${leaseOf(input.election.config)}, and this process leads as soon as the API server confirms that.`,
    sinceMs: knowledge.observation?.lease?.acquireTimeMs ?? null,
    endsWhen: 'the API server confirms it',
  };
}

function campaigning(input: RunningInput, role: CandidateRole): ReasonDetails {
  const { config, knowledge } = input.election;
  const { name } = config.self;
  const finalizers = knowledge.observation?.lease?.finalizers ?? [];
  if (knowledge.disqualifiedBy === 'pod-terminating') {
    return {
      reason: 'own-pod-terminating',
      message: `Nobody leads, and Pod ${name} does not campaign because it is being deleted: wait until another Pod is elected.`,
      endsWhen: 'another Pod is elected',
    };
  }
  const refusal = refused(input, 'create');
  if (refusal !== null) return refusal;
  const pauseMs = role.notBeforeMs - input.nowMs;
  if (pauseMs > 0) {
    return {
      reason: 'stepped-down',
      message: `Nobody leads: Pod ${name} released the Lease, and lets the other Pods go first for another ${seconds(pauseMs)}.`,
      endsWhen: `another Pod is elected, or ${seconds(pauseMs)} have passed`,
    };
  }
  if (finalizers.length > 0) {
    return {
      reason: 'campaigning',
      message:
        `Nobody leads, and Pod ${name} campaigns. ${leaseOf(config)} has finalizers, and stays until they are removed: ` +
        `${finalizers.join(', ')}.`,
      endsWhen: 'the finalizers are removed, and this or another Pod is elected',
    };
  }
  const details = { reason: 'campaigning', endsWhen: 'this or another Pod is elected' } as const;
  const what = `Nobody leads, and Pod ${name} campaigns`;
  if (refusalAmong(input, REQUESTS_OF_ATTEMPT) !== undefined) {
    return withRefusal(input, { ...details, message: `${what}.` });
  }
  if (role.backingOff) return { ...details, message: `${what}. Its last attempt failed, and it retries: wait.` };
  return { ...details, message: `${what}: wait for the API server to answer.` };
}

function holderPodOf(input: ExplainInput): HolderPod | null {
  const pod = podSeen(input);
  if (pod === null) return null;
  const { name, uid, terminating, report } = pod;
  return {
    name,
    uid,
    phase: report?.phase ?? null,
    reason: report?.reason ?? null,
    nodeName: report?.nodeName ?? null,
    ready: report?.ready ?? null,
    containersReady: report?.containersReady ?? null,
    containersTerminated: report?.containersTerminated ?? false,
    waiting: report?.waiting ?? null,
    terminating,
    terminatingSince: toDate(report?.terminatingSinceMs ?? null),
    deletionTimestamp: toDate(report?.deletionTimestampMs ?? null),
  };
}
