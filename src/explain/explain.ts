/**
 * `explain()`: why there is, or is no, leader, as one sentence and as data. This file tells what this process itself is
 * up to; what there is to say of another holder is in `holder-explanation.ts`.
 *
 * Pure: it only puts into words what the election knows, and decides nothing.
 */

import type { News } from '../core/diagnostics.ts';
import type { MissingRule, RequestFailure } from '../core/request-failure.ts';
import { isLockHolderSilent } from '../core/sibling.ts';
import type { CandidateRole, ElectionState } from '../core/state.ts';
import { judgeLease, mustRenew } from '../core/verdict.ts';
import type { Leader } from '../events.ts';
import { podSeen } from './holder-pod.ts';
import { explainHeld } from './holder-reasons.ts';
import { endOfLife, kubectlDelete, leaseOf, printable, seconds, toDate } from './wording.ts';

export type { MissingRule };

/** Why there is, or is no, leader. A new version may know more reasons. */
export type ExplanationReason =
  /** `start()` was not called. */
  | 'not-started'
  /** The first answers of the API server are awaited. */
  | 'starting'
  /** This process leads. */
  | 'leading'
  /** This process has ended its term (`stop()`, `stepDown()`); its work drains, or it gives the Lease up. */
  | 'leaving'
  /** This elector is over. */
  | 'stopped'
  /** Another process of the same Pod takes part in the election. */
  | 'sibling'
  /** The API server cannot be reached, or does not answer as it should. */
  | 'api-unreachable'
  /** The API server does not accept the token. */
  | 'unauthorized'
  /** A permission is missing, or the API server rejects what is asked: this Pod cannot be elected, or not be sure who leads. */
  | 'forbidden'
  /** The own Pod is gone, and this process still runs. */
  | 'own-pod-deleted'
  /** Nobody leads; the own Pod is being deleted, so it does not campaign. */
  | 'own-pod-terminating'
  /** Nobody leads; this process gave the Lease up a moment ago, and lets the others go first. */
  | 'stepped-down'
  /** Nobody leads; this process is about to. */
  | 'campaigning'
  /** The own Pod holds the Lease; this process is about to lead on. */
  | 'resuming'
  /** Another Pod leads, and nothing is known to be wrong; the message says "all is well" only if it renews. */
  | 'following'
  /** Another Pod holds the Lease; whether it exists is not known. */
  | 'holder-unknown'
  /** The holder's Pod is being deleted. */
  | 'holder-terminating'
  /** The holder's Pod has failed (it was evicted, for example), and exists. */
  | 'holder-failed'
  /** The holder's Pod has finished, and exists. */
  | 'holder-succeeded'
  /** The holder's Pod is not Ready, or a container of it cannot be started (`CrashLoopBackOff`, for example). */
  | 'holder-not-ready'
  /** The control plane has lost the node of the holder's Pod. */
  | 'holder-node-not-ready'
  /** The holder does not renew: it hangs, has ended, or cannot reach the API server. */
  | 'holder-silent'
  /** The Lease is gone; the Pod that held it exists, and is expected to restore it. */
  | 'lease-missing'
  /** The Lease is being deleted, but its finalizers keep it. */
  | 'lease-terminating'
  /** The holder is gone, and its Lease is left to the garbage collector. */
  | 'waiting-for-collector'
  /** The holder gave the Lease up, but nobody may delete it. */
  | 'released-not-deletable'
  /** No Pod owns the Lease. */
  | 'foreign-lease';

/** The Pod that holds the Lease, as last seen; the fields are those of its status, `null` where it says nothing. */
export interface HolderPod {
  readonly name: string;
  readonly uid: string;
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string | null;
  /** Why it is in this phase, such as `Evicted`. */
  readonly reason: string | null;
  readonly nodeName: string | null;
  /** The condition `Ready`. False while `containersReady` is true: the control plane has lost the node. */
  readonly ready: boolean | null;
  /** The condition `ContainersReady`. */
  readonly containersReady: boolean | null;
  /** Whether every container is reported as terminated. */
  readonly containersTerminated: boolean;
  /** The first container that cannot be started, and why. */
  readonly waiting: { readonly container: string; readonly reason: string } | null;
  /** Whether it is being deleted. */
  readonly terminating: boolean;
  /** When its deletion was asked for. */
  readonly terminatingSince: Date | null;
  /** When its grace period ends. */
  readonly deletionTimestamp: Date | null;
}

/** Why there is, or is no, leader. Plain data: `JSON.stringify` writes all of it. */
export interface Explanation {
  /** What to match on. */
  readonly reason: ExplanationReason;
  /** The same for people: what is so, and what to do or to wait for. Its wording may change. */
  readonly message: string;
  /** `null` until it is known which Lease is competed for. */
  readonly lease: { readonly namespace: string; readonly name: string } | null;
  /** As `elector.leader`: who leads, as far as this process knows. */
  readonly leader: Leader | null;
  /** `null` when no Pod is known to hold the Lease, or it was not seen. */
  readonly holderPod: HolderPod | null;
  /**
   * Since when it is so; `null` where that is not known. A time that an object of the API holds is by the clock of the
   * machine that wrote it.
   */
  readonly since: Date | null;
  /** What would end it. */
  readonly endsWhen: string;
  /** A command with which an administrator may end it; `null` when there is none, or nothing to mend. Read `caution` first. */
  readonly command: string | null;
  /** What to make sure of before the command is used. */
  readonly caution: string | null;
  /** The permissions that were found to be missing, as rules of a Role. */
  readonly missingRules: readonly MissingRule[];
  /** As `elector.unverifiedForMs`. */
  readonly unverifiedForMs: number;
  /** How the last request failed, if the API server has answered none since. */
  readonly failure: string | null;
}

/** What is to be explained. */
export interface Circumstances {
  /** `null` until the cluster is found. */
  readonly election: ElectionState | null;
  readonly news: News;
  readonly started: boolean;
  readonly over: boolean;
  readonly leader: Leader | null;
  readonly unverifiedForMs: number;
  readonly nowMs: number;
  readonly wallMs: number;
}

/** The same, once the election is under way. */
export type Scene = Circumstances & { readonly election: ElectionState };

/** What differs from reason to reason; times in milliseconds since 1970. */
export interface Account {
  readonly reason: ExplanationReason;
  readonly message: string;
  readonly endsWhen: string;
  readonly sinceMs?: number | null;
  readonly command?: string | null;
  readonly caution?: string | null;
}

/** Puts into words what is so at the moment. Never throws. */
export function explain(circumstances: Circumstances): Explanation {
  const { election, news, leader, unverifiedForMs } = circumstances;
  const account = accountOf(circumstances);
  return {
    reason: account.reason,
    message: printable(account.message),
    lease: election === null ? null : { namespace: election.config.namespace, name: election.config.leaseName },
    leader,
    holderPod: holderPodOf(circumstances),
    since: toDate(account.sinceMs ?? null),
    endsWhen: printable(account.endsWhen),
    command: account.command ?? null,
    caution: account.caution == null ? null : printable(account.caution),
    missingRules: news.refusals.flatMap(({ missingRule }) => missingRule ?? []),
    unverifiedForMs,
    failure: news.failure?.message ?? null,
  };
}

function accountOf(circumstances: Circumstances): Account {
  const { election, started, over } = circumstances;
  if (over) return stopped(circumstances);
  if (election === null) return started ? STARTING : NOT_STARTED;
  const scene: Scene = { ...circumstances, election };
  const { role } = election;
  switch (role.name) {
    case 'leader':
      return role.draining === null ? leading(scene, role.term.acquireTimeMs) : leaving(scene);
    case 'leaving':
    case 'stopped':
      return leaving(scene);
    case 'sibling':
      return sibling(scene);
    case 'starting':
      return trouble(scene) ?? awaitsLease(scene);
    case 'candidate':
      return candidate(scene, role);
  }
}

const NOT_STARTED: Account = {
  reason: 'not-started',
  message: 'This elector takes no part in the election yet: call start().',
  endsWhen: 'start() is called',
};

const STARTING: Account = {
  reason: 'starting',
  message: 'This elector is finding out which cluster and which Pod it is in, and asks until it is answered.',
  endsWhen: 'the API server answers',
};

function awaitsLease(scene: Scene): Account {
  return {
    reason: 'starting',
    message: `This elector waits for the first answer about ${leaseOf(scene.election.config)}.`,
    endsWhen: 'the API server answers',
  };
}

function stopped({ election, news, leader }: Circumstances): Account {
  const self = election?.config.self;
  // A sibling has left the Lease to another process of its Pod, which may lead.
  if (election !== null && self !== undefined && leader?.uid === self.uid && news.takesPart) {
    return {
      reason: 'stopped',
      message:
        `This elector has stopped and Pod ${self.name} keeps the Lease, so that no other Pod leads before that one is ` +
        'deleted: restart its container, and it leads on.',
      endsWhen: 'a new process of this Pod starts an elector, or the Pod is deleted',
      command: kubectlDelete('pod', self.name, election.config.namespace),
      // One that waited for this one to end has taken its place.
      caution: `Make sure first that no other process of Pod ${self.name} leads.`,
    };
  }
  return {
    reason: 'stopped',
    message:
      'This elector has stopped, and takes no part in the election any more: a new process has to start a new one.',
    endsWhen: 'a new elector is started',
  };
}

function leading(scene: Scene, acquireTimeMs: number): Account {
  const { election, news, unverifiedForMs } = scene;
  const { self } = election.config;
  const notes = [
    election.knowledge.observation?.lease === null ? 'its Lease was deleted and is being restored' : '',
    news.failure === null
      ? ''
      : `the API server has confirmed nothing for ${seconds(unverifiedForMs)}, which ends no term`,
    news.holderPod?.terminating === true ? 'its Pod is being deleted, so call stop() to hand over at once' : '',
  ].filter((note) => note !== '');
  return {
    reason: 'leading',
    message: `This process leads, in Pod ${self.name}${notes.map((note) => `; ${note}`).join('')}.`,
    sinceMs: acquireTimeMs,
    endsWhen: `${endOfLife(scene.election.config)}, it gives the Lease up, or the Lease is given to another Pod by hand`,
  };
}

function leaving(scene: Scene): Account {
  return {
    reason: 'leaving',
    message:
      'This process has ended its term and waits until its work has settled, or the API server has noted that ' +
      `${leaseOf(scene.election.config)} is given up.`,
    endsWhen: 'the promise of onElected settles or drainTimeoutMs is over, and the Lease is given up or kept',
  };
}

function sibling({ election }: Scene): Account {
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

function candidate(scene: Scene, role: CandidateRole): Account {
  const { config, knowledge } = scene.election;
  if (knowledge.barred === 'pod-deleted') {
    return {
      reason: 'own-pod-deleted',
      message: `Pod ${config.self.name} (uid ${config.self.uid}) is gone although this process still runs: it never leads again, so end it.`,
      endsWhen: 'never: end this process',
    };
  }
  const inTrouble = trouble(scene);
  if (inTrouble !== null) return inTrouble;
  const verdict = judgeLease(config, knowledge, scene.nowMs);
  switch (verdict.kind) {
    case 'unknown':
      return awaitsLease(scene);
    case 'held':
      return explainHeld(scene, verdict.because, verdict.recheckAtMs);
    case 'mine':
      return refused(scene, 'create') ?? keptFromRenewing(scene) ?? resuming(scene);
    case 'free':
      return campaigning(scene, role);
  }
}

/** What keeps a process that does not lead from knowing, or doing, anything. */
function trouble(scene: Scene): Account | null {
  const { election, news, leader, unverifiedForMs } = scene;
  const { failure } = news;
  if (failure === null) return refused(scene, 'get');
  const sinceMs = scene.wallMs - unverifiedForMs;
  if (failure.kind === 'unauthorized') {
    return {
      reason: 'unauthorized',
      message:
        `The API server does not accept the token of Pod ${election.config.self.name}, also after it was read anew: the Pod ` +
        'may be deleted; else look at its ServiceAccount.',
      sinceMs,
      endsWhen: 'the API server accepts the token',
    };
  }
  const known = leader === null ? 'nobody is known to lead' : `as far as is known ${leader.name} leads on`;
  return {
    reason: 'api-unreachable',
    message:
      `The API server has confirmed nothing about ${leaseOf(scene.election.config)} for ${seconds(unverifiedForMs)}, and is asked until it ` +
      `does; ${known}: ${failure.message}`,
    sinceMs,
    endsWhen: 'the API server answers',
  };
}

/** That the API server refuses this verb on Leases, or (with `create`) whatever is written. */
function refused({ election, news }: Scene, verb: 'get' | 'create' | 'update'): Account | null {
  const stands = ({ missingRule }: RequestFailure): boolean =>
    missingRule === null ? verb === 'create' : missingRule.resource === 'leases' && missingRule.verb === verb;
  const refusal = news.refusals.find(stands);
  if (refusal === undefined) return null;
  return {
    reason: 'forbidden',
    message: `Pod ${election.config.self.name} cannot ${verb === 'get' ? 'make sure who leads' : 'be elected'}: ${refusal.message}`,
    endsWhen: refusal.missingRule === null ? 'the API server accepts what is asked' : 'the permission is granted',
  };
}

/** A release of its own may yet arrive, so it must renew before it leads on. */
function keptFromRenewing(scene: Scene): Account | null {
  return mustRenew(scene.election.knowledge) ? refused(scene, 'update') : null;
}

function resuming(scene: Scene): Account {
  const { config, knowledge } = scene.election;
  return {
    reason: 'resuming',
    message: `Pod ${config.self.name} holds ${leaseOf(scene.election.config)}, and this process leads on as soon as the API server confirms it.`,
    sinceMs: knowledge.observation?.lease?.acquireTimeMs ?? null,
    endsWhen: 'the API server confirms it',
  };
}

function campaigning(scene: Scene, role: CandidateRole): Account {
  const { config, knowledge } = scene.election;
  const { name } = config.self;
  if (knowledge.barred === 'pod-terminating') {
    return {
      reason: 'own-pod-terminating',
      message: `Nobody leads, and Pod ${name} does not campaign since it is being deleted: wait for another Pod to be elected.`,
      endsWhen: 'another Pod is elected',
    };
  }
  const refusal = refused(scene, 'create');
  if (refusal !== null) return refusal;
  const pauseMs = role.notBeforeMs - scene.nowMs;
  if (pauseMs > 0) {
    return {
      reason: 'stepped-down',
      message: `Nobody leads: Pod ${name} gave the Lease up, and lets the others go first for another ${seconds(pauseMs)}.`,
      endsWhen: `another Pod is elected, or ${seconds(pauseMs)} have passed`,
    };
  }
  return {
    reason: 'campaigning',
    message: `Nobody leads, and Pod ${name} campaigns: wait for the API server to answer.`,
    endsWhen: 'this or another Pod is elected',
  };
}

function holderPodOf(circumstances: Circumstances): HolderPod | null {
  const pod = podSeen(circumstances);
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
