/**
 * `explain()`: why there is, or is no, leader, as one sentence and as data. This file tells what this process itself is
 * up to; what there is to say of another holder is in `holder-reasons.ts`.
 *
 * Pure: it only puts into words what the election knows, and decides nothing.
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
import { endOfLife, kubectlDelete, leaseOf, printable, seconds, toDate } from './wording.ts';

/** Puts into words what is so at the moment. Never throws. */
export function explain(input: ExplainInput): Explanation {
  return explanationOf(input, detailsOf(input));
}

/** Everything that an explanation says, around what differs from reason to reason. */
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
    missingRules: diagnostics.refusals.flatMap(({ missingRule }) => missingRule ?? []),
    unverifiedForMs,
    failure: diagnostics.failure?.message ?? null,
    error: details.error ?? null,
  };
}

const LOCAL_NOTE = 'There is no cluster, and the option `local` is set, so this process stands for a Pod.';

function detailsOf(input: ExplainInput): ReasonDetails {
  const { election, started, over } = input;
  if (over) return stopped(input);
  if (election === null) return started ? entering(input) : NOT_STARTED;
  const running: RunningInput = { ...input, election };
  const { role } = election;
  switch (role.name) {
    case 'leader':
      return role.resigning === null ? leading(running, role.term.acquireTimeMs) : leaving(running);
    case 'leaving':
    case 'stopped':
      return leaving(running);
    case 'sibling':
      return ownPodDeleted(running) ?? withOutage(running, sibling(running));
    case 'starting':
      return trouble(running) ?? awaitsLease(running);
    case 'candidate':
      return candidate(running, role);
  }
}

/** An outage changes nothing for a process that only watches, but what it watches may be out of date. */
function withOutage({ diagnostics, unverifiedForMs }: RunningInput, details: ReasonDetails): ReasonDetails {
  if (diagnostics.failure === null || unverifiedForMs < RECENTLY_MS) return details;
  const note = `The API server has confirmed nothing for ${seconds(unverifiedForMs)}: ${diagnostics.failure.message}`;
  return { ...details, message: `${details.message} ${note}` };
}

const NOT_STARTED: ReasonDetails = {
  reason: 'not-started',
  message: 'This elector takes no part in the election yet: call start().',
  endsWhen: 'start() is called',
};

const STARTING: ReasonDetails = {
  reason: 'starting',
  message: 'This elector is finding out which cluster and which Pod it is in, and asks until it is answered.',
  endsWhen: 'the API server answers',
};

/** What keeps an elector that has not found its place yet, if anything does. */
function entering({ diagnostics, unverifiedForMs, wallMs }: ExplainInput): ReasonDetails {
  const [refusal] = diagnostics.refusals;
  const failure = diagnostics.failure ?? refusal;
  if (failure === undefined) return STARTING;
  const message = `This elector cannot find out yet which Pod it is in, and asks until it is answered: ${failure.message}`;
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

function awaitsLease(input: RunningInput): ReasonDetails {
  return {
    reason: 'starting',
    message: `This elector waits for the first answer about ${leaseOf(input.election.config)}.`,
    endsWhen: 'the API server answers',
  };
}

function stopped({ election, diagnostics, leader, endedBy }: ExplainInput): ReasonDetails {
  const self = election?.config.self;
  // A sibling has left the Lease to another process of its Pod, which may lead.
  if (election !== null && self !== undefined && leader?.uid === self.uid && diagnostics.takesPart) {
    return {
      reason: 'stopped',
      message:
        `This elector has stopped and Pod ${self.name} keeps the Lease, so that no other Pod leads before that one is ` +
        'deleted: restart its container, and it leads again.',
      endsWhen: 'a new process of this Pod starts an elector, or the Pod is deleted',
      command: kubectlDelete('pod', self.name, election.config.namespace),
      // One that waited for this one to end has taken its place.
      caution: `Make sure first that no other process of Pod ${self.name} leads.`,
      error: endedBy,
    };
  }
  if (endedBy !== null) {
    return {
      reason: 'stopped',
      message: `This elector has ended with an error, and a new process has to start a new one: ${endedBy}`,
      endsWhen: 'the cause is removed, and a new elector is started',
      error: endedBy,
    };
  }
  return {
    reason: 'stopped',
    message: 'This elector has stopped, and takes no part in the election: make a new one to take part again.',
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
      `${endOfLife(election.config)}, it gives the Lease up, the Lease is given to another Pod by hand, or its token is ` +
      `refused for ${seconds(UNAUTHORIZED_LIMIT_MS)}`,
  } as const;
  if (idleWork === null) return details;
  const sinceMs = input.wallMs - (input.nowMs - idleWork.endedAtMs);
  return { ...details, reason: 'leading-idle', sinceMs, error: idleWork.error };
}

function idleNote({ error }: IdleWork): string {
  return error === null
    ? 'the promise of onElected has settled, so its work has ended; if more work was due, exit, and the restarted container leads again'
    : `its work has failed (${error}): exit, and the restarted container leads again and tries again, or call stepDown() to hand over`;
}

/** What is not as it should be with a leader. */
function notesOfLeader(input: RunningInput): readonly string[] {
  const { election, diagnostics, unverifiedForMs, nowMs, noProgressForMs = null } = input;
  const { config, knowledge } = election;
  const lease = knowledge.observation?.lease ?? null;
  const [create, update] = [refusalOf(input, 'create'), refusalOf(input, 'update')];
  const notes = [
    noProgressForMs === null
      ? null
      : `its work has made no progress for ${seconds(noProgressForMs)}: exit, and the restarted container leads again`,
    isTwinSuspected(knowledge, config, nowMs)
      ? 'its Lease was written in its name and not by it, so most likely two processes lead: end one of them'
      : null,
    lease === null && create === undefined ? 'its Lease was deleted and is being restored' : null,
    lease === null && create !== undefined ? `its Lease was deleted and cannot be restored (${create.message})` : null,
    lease !== null && lease.owner === null ? 'its Lease has lost its owner, which it puts back' : null,
    lease?.holderIdentity && lease.holderIdentity !== config.self.name
      ? `its Lease names "${lease.holderIdentity}" as its holder, so another program writes it: give that a Lease of its own`
      : null,
    lease?.terminating === true ? 'its Lease is being deleted, and only its finalizers keep it' : null,
    update === undefined ? null : `its renewals are refused, so nobody could see that it hangs (${update.message})`,
    failureNote(diagnostics.failure, unverifiedForMs),
    diagnostics.holderPod?.terminating === true
      ? 'its Pod is being deleted, so call stop() to hand over at once'
      : null,
  ];
  return notes.filter((note) => note !== null);
}

function failureNote(failure: RequestFailure | null, unverifiedForMs: number): string | null {
  if (failure === null) return null;
  return failure.kind === 'unauthorized'
    ? `the API server refuses its token, which ends the term after ${seconds(UNAUTHORIZED_LIMIT_MS)}`
    : unverifiedForMs < RECENTLY_MS
      ? `a request has failed, and is tried again, which ends no term (${failure.message})`
      : `the API server has confirmed nothing for ${seconds(unverifiedForMs)}, which ends no term`;
}

function leaving(input: RunningInput): ReasonDetails {
  return {
    reason: 'leaving',
    message:
      'This process has ended its term and waits until its work has settled, or the API server has noted that ' +
      `${leaseOf(input.election.config)} is given up.`,
    endsWhen: 'the promise of onElected settles or drainTimeoutMs is over, and the Lease is given up or kept',
  };
}

function sibling({ election }: RunningInput): ReasonDetails {
  if (election.knowledge.warned.includes('sibling-lock-refused')) {
    return {
      reason: 'sibling',
      message:
        `This process was refused the socket that lets one process of Pod ${election.config.self.name} campaign, so whether ` +
        'another process has it is not known. This one only watches until it is given the socket.',
      endsWhen: 'the socket can be bound, and no other process has it',
    };
  }
  if (isLockHolderSilent(election.config, election.knowledge)) {
    return {
      reason: 'sibling',
      message:
        `Another process holds the socket that lets one process of Pod ${election.config.self.name} campaign, but is not ` +
        'known to campaign. This one only watches, and takes its place when it ends.',
      endsWhen: 'that process ends (end it when it hangs or is no elector), or stops its elector',
    };
  }
  return {
    reason: 'sibling',
    message:
      `Another process of Pod ${election.config.self.name} takes part in the election for it; this one only watches, and ` +
      'takes its place when it ends.',
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
      return refused(input, 'create') ?? keptFromRenewing(input) ?? resuming(input);
    case 'free':
      return campaigning(input, role);
  }
}

/** A Pod that the API server has never shown may never have existed: its uid may be wrong. */
function ownPodDeleted({ election: { config, knowledge } }: RunningInput): ReasonDetails | null {
  if (knowledge.disqualifiedBy !== 'pod-deleted') return null;
  const { name, uid } = config.self;
  const pod = `Pod ${name} (uid ${uid})`;
  // Where Pods cannot be read, it is concluded from the Leases that were deleted.
  if (knowledge.warned.includes('pod-unknown')) {
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
      ? `${pod} ${stopped}is gone, and this process does not lead again. End it.`
      : `${pod} ${stopped}does not exist, and the API server has never shown it: it was gone before, or its uid is wrong. ` +
        'This process does not lead. Correct the option `pod`, or end the process.',
    endsWhen: 'never: end this process',
  };
}

/** What keeps a process that does not lead from knowing, or doing, anything. */
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
  const known = leader === null ? 'nobody is known to lead' : `as far as is known ${leader.name} leads`;
  // Other requests may be answered, so the API server is not called silent on the word of one that failed.
  if (unverifiedForMs < RECENTLY_MS) {
    return {
      reason: 'api-unreachable',
      message: `A request about ${leaseOf(input.election.config)} has failed, and is tried again; ${known}: ${failure.message}`,
      sinceMs,
      endsWhen: 'that request succeeds',
    };
  }
  return {
    reason: 'api-unreachable',
    message:
      `The API server has confirmed nothing about ${leaseOf(input.election.config)} for ${seconds(unverifiedForMs)}, and is asked until it ` +
      `does; ${known}: ${failure.message}`,
    sinceMs,
    endsWhen: 'the API server answers',
  };
}

/** The API server has confirmed something within this time, in milliseconds: it answers. */
const RECENTLY_MS = 3_000;

const UNKNOWN_TOKEN_PROBLEM = 'the Pod may be deleted; if it exists, look at its ServiceAccount';

/** That the API server refuses this verb on Leases, or (with `create`) whatever is written. */
function refusalOf({ diagnostics }: RunningInput, verb: 'get' | 'create' | 'update'): RequestFailure | undefined {
  return diagnostics.refusals.find(({ missingRule }) =>
    missingRule === null ? verb === 'create' : missingRule.resource === 'leases' && missingRule.verb === verb,
  );
}

function refused(input: RunningInput, verb: 'get' | 'create' | 'update'): ReasonDetails | null {
  const refusal = refusalOf(input, verb);
  if (refusal === undefined) return null;
  const { name } = input.election.config.self;
  return {
    reason: 'forbidden',
    message: `Pod ${name} cannot ${verb === 'get' ? 'make sure who leads' : 'be elected'}: ${refusal.message}`,
    endsWhen: refusal.missingRule === null ? 'the API server accepts what is asked' : 'the permission is granted',
  };
}

/** A release of its own may yet arrive, so it must renew before it leads on. */
function keptFromRenewing(input: RunningInput): ReasonDetails | null {
  return mustRenew(input.election.knowledge) ? refused(input, 'update') : null;
}

function resuming(input: RunningInput): ReasonDetails {
  const { config, knowledge } = input.election;
  return {
    reason: 'resuming',
    message: `Pod ${config.self.name} holds ${leaseOf(input.election.config)}, and this process leads as soon as the API server confirms it.`,
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
      message: `Nobody leads, and Pod ${name} does not campaign since it is being deleted: wait for another Pod to be elected.`,
      endsWhen: 'another Pod is elected',
    };
  }
  const refusal = refused(input, 'create');
  if (refusal !== null) return refusal;
  const pauseMs = role.notBeforeMs - input.nowMs;
  if (pauseMs > 0) {
    return {
      reason: 'stepped-down',
      message: `Nobody leads: Pod ${name} gave the Lease up, and lets the others go first for another ${seconds(pauseMs)}.`,
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
  if (role.backingOff) {
    return {
      reason: 'campaigning',
      message: `Nobody leads, and Pod ${name} campaigns. A request of it came to nothing, and it tries again: wait.`,
      endsWhen: 'this or another Pod is elected',
    };
  }
  return {
    reason: 'campaigning',
    message: `Nobody leads, and Pod ${name} campaigns: wait for the API server to answer.`,
    endsWhen: 'this or another Pod is elected',
  };
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
