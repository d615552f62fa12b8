/**
 * The explanation for a person at a terminal, who does not take part in the election.
 *
 * One look at the API server replaces the observations of an elector over time. The rules and the sentences are those
 * of `explain()`. This file only has the sentences for situations that an elector never observes.
 */

import { NO_DIAGNOSTICS } from '../core/diagnostics.ts';
import { judgeHolder } from '../core/holder.ts';
import { isFinalPhase, isReleased, type LeaseRecord, type PodRecord, type PodReference } from '../core/lease-record.ts';
import type { NodeRecord } from '../core/node-record.ts';
import { currentLeader } from '../core/observation.ts';
import type { MissingRule, RequestFailure } from '../core/request-failure.ts';
import {
  type ElectionState,
  FRESH_CANDIDATE,
  initialElectionState,
  type Knowledge,
  type KnownHolder,
} from '../core/state.ts';
import { judgeLease, type Verdict } from '../core/verdict.ts';
import { explanationOf } from './explain.ts';
import type { Explanation, ExplanationReason, ReasonDetails, RunningInput } from './explanation.ts';
import { explainHeld } from './holder-reasons.ts';
import { kubectlDelete, leaseOf, seconds, toDate } from './wording.ts';

/** The result of a read: a value, or the failure. */
export type Look<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: RequestFailure };

/** The result of one look at the API server. */
export interface LeaseLook {
  readonly namespace: string;
  readonly leaseName: string;
  /** `null`: the Lease does not exist. */
  readonly lease: Look<LeaseRecord | null>;
  /** The Pod with the owner's name; `null`: no such Pod exists. Left out when no Pod owns the Lease. */
  readonly pod?: Look<PodRecord | null>;
  /** The node of that Pod; left out when it is not known. */
  readonly node?: NodeRecord | null;
  /** The moment of the look. */
  readonly wallMs: number;
}

/** Whether there is a leader, as far as one look shows. */
export type Answer = 'leader' | 'none' | 'unknown';

/**
 * The reason why there is or is not a leader: a reason of `explain()`, or a situation that an elector would end
 * immediately.
 */
export type OnlookerReason =
  | ExplanationReason
  /** There is no Lease. */
  | 'no-lease'
  /** The holder released the Lease, and no candidate has taken over. */
  | 'released'
  /** The holder is gone, and no candidate has taken over. */
  | 'holder-gone';

/** An explanation, and the answer in one word. */
export interface OnlookerExplanation extends Omit<Explanation, 'reason'> {
  readonly answer: Answer;
  readonly reason: OnlookerReason;
}

type OnlookerDetails = Omit<ReasonDetails, 'reason'> & { readonly reason: OnlookerReason };

/**
 * The reference that an onlooker has in place of a Pod. No Pod has this uid, so no Lease counts as held by the
 * onlooker.
 */
const NOBODY: PodReference = { name: '', uid: '' };

/** Explains one look. Never throws. */
export function explainLook(look: LeaseLook): OnlookerExplanation {
  const input = inputOf(look);
  const verdict = judgeLease(input.election.config, input.election.knowledge, input.nowMs);
  const answer = answerOf(look, verdict);
  const said = { ...input, leader: answer === 'none' ? null : input.leader };
  const { reason, ...details } = detailsOf(look, input, verdict);
  // The other parts of an explanation are the same for all reasons.
  return { ...explanationOf(said, { ...details, reason: 'following' }), reason, answer };
}

function answerOf({ lease, pod }: LeaseLook, verdict: Verdict): Answer {
  if (!lease.ok) return 'unknown';
  if (verdict.kind !== 'held') return 'none';
  switch (verdict.because) {
    case 'pod-exists':
      return answerOfPod(pod?.ok === true ? pod.value : null);
    case 'foreign':
      return lease.value?.holderIdentity ? 'leader' : 'none';
    case 'terminating':
      return 'none';
    default:
      return 'unknown';
  }
}

/**
 * The answer when a Pod holds the Lease. If the Pod is in a final phase and none of its containers runs, there is no
 * leader.
 */
function answerOfPod(pod: PodRecord | null): Answer {
  if (pod?.report === undefined || !isFinalPhase(pod.report.phase)) return 'leader';
  return pod.report.containersTerminated ? 'none' : 'unknown';
}

function detailsOf(look: LeaseLook, input: RunningInput, verdict: Verdict): OnlookerDetails {
  if (!look.lease.ok) return unread(input, look.lease.failure);
  switch (verdict.kind) {
    case 'held':
      return look.pod?.ok === false && look.lease.value !== null && verdict.because === 'pod-unknown'
        ? unreadPod(input, look.lease.value, look.pod.failure)
        : withDoubt(explainHeld(input, verdict.because, verdict.recheckAtMs));
    case 'free':
      return verdict.remains === null ? noLease(input) : leftLease(input, verdict.remains);
    // An onlooker never holds a Lease (`mine`), and the verdict on a Lease that was read is not `unknown`.
    case 'mine':
    case 'unknown':
      throw new Error(`the verdict on a Lease cannot be ${verdict.kind} for an onlooker`);
  }
}

/** An elector measures a silence by its own clock. A look compares the clocks of two machines, and one may be wrong. */
function withDoubt(details: ReasonDetails): ReasonDetails {
  if (details.reason !== 'holder-silent') return details;
  const caution =
    'Make sure first that the leader does not renew: the clocks of two machines were compared, and one may be wrong. ' +
    '`lease-elector watch` shows each renewal.';
  return { ...details, caution };
}

/** Converts a look into the input of an explanation. */
function inputOf(look: LeaseLook): RunningInput {
  const { namespace, leaseName, pod, node = null, wallMs } = look;
  const lease = look.lease.ok ? look.lease.value : null;
  const initial = initialElectionState({
    self: NOBODY,
    namespace,
    leaseName,
    renewIntervalMs: 0,
    leaseDurationSeconds: 0,
    succession: 'pod-deleted',
    startGraceMs: 0,
  });
  const election: ElectionState = {
    ...initial,
    knowledge: { ...initial.knowledge, ...(look.lease.ok ? knowledgeOf(look, lease, initial.knowledge) : {}) },
    role: FRESH_CANDIDATE,
  };
  const seen = pod?.ok === true ? pod.value : null;
  const failures = [look.lease, pod].flatMap((read) => (read?.ok === false ? [read.failure] : []));
  const leader = currentLeader(election.knowledge);
  return {
    election,
    diagnostics: {
      ...NO_DIAGNOSTICS,
      holderPod: seen,
      failure: failures.find(({ missingRule }) => missingRule === null) ?? null,
      refusals: failures.filter(({ missingRule }) => missingRule !== null),
      sightings: sightingsOf(seen, wallMs),
    },
    started: true,
    local: false,
    over: false,
    endedBy: null,
    idleWork: null,
    leader:
      leader === null
        ? null
        : {
            name: leader.name,
            uid: leader.uid,
            since: toDate(leader.acquireTimeMs),
            renewTimeAgeMs: lease === null ? null : renewalAgeMs(lease, wallMs),
          },
    holderNode: node,
    unverifiedForMs: 0,
    // A look has no monotonic times. It only has the times in the objects.
    nowMs: wallMs,
    wallMs,
  };
}

function knowledgeOf(
  { pod, wallMs }: LeaseLook,
  lease: LeaseRecord | null,
  { announced, permissions }: Knowledge,
): Partial<Knowledge> {
  if (lease === null) return { observation: { lease, sinceMs: wallMs, renewedAtMs: null }, verifiedAtMs: wallMs };
  const ageMs = renewalAgeMs(lease, wallMs);
  const renewedAtMs = ageMs === null ? null : wallMs - ageMs;
  const isSilent = ageMs !== null && lease.leaseDurationSeconds !== null && ageMs >= lease.leaseDurationSeconds * 1000;
  const changedAtMs = Math.max(lease.renewTimeMs ?? 0, lease.acquireTimeMs ?? 0);
  return {
    observation: { lease, sinceMs: changedAtMs === 0 ? wallMs : Math.min(changedAtMs, wallMs), renewedAtMs },
    newestResourceVersion: lease.resourceVersion,
    announced: { ...announced, silenceMs: isSilent ? renewedAtMs : null },
    verifiedAtMs: wallMs,
    permissions: { ...permissions, canReadPods: pod?.ok !== false },
    knownHolder: holderKnownBy(lease, pod),
  };
}

function holderKnownBy(lease: LeaseRecord, pod: LeaseLook['pod']): KnownHolder | null {
  const { owner, uid } = lease;
  if (owner === null) return null;
  const liveness =
    pod?.ok === true
      ? judgeHolder(owner, 'unknown', { kind: 'consistent', pod: pod.value }, 'pod-deleted')
      : ('unknown' as const);
  return { pod: owner, liveness, leaseUid: uid, released: isReleased(lease) };
}

/** The age of the last renewal by the clocks of two machines, in milliseconds; a time in the future counts as now. */
export function renewalAgeMs({ renewTimeMs }: LeaseRecord, wallMs: number): number | null {
  return renewTimeMs === null ? null : Math.max(0, wallMs - renewTimeMs);
}

/** The moments are by the clock of the control plane, because no process has watched. */
function sightingsOf(pod: PodRecord | null, wallMs: number): RunningInput['diagnostics']['sightings'] {
  const report = pod?.report;
  const before = (momentMs: number | null | undefined): number => Math.min(momentMs ?? wallMs, wallMs);
  return {
    uid: pod?.uid ?? null,
    terminating:
      pod?.terminating === true
        ? { atMs: before(report?.terminatingSinceMs), deletionTimestampMs: report?.deletionTimestampMs ?? null }
        : null,
    notReadySinceMs: report?.ready === false ? before(report.readyChangedAtMs) : null,
    goneSinceMs: null,
  };
}

function unread(input: RunningInput, failure: RequestFailure): ReasonDetails {
  return {
    reason: reasonOf(failure),
    message: `The leader is unknown, because ${leaseOf(input.election.config)} cannot be read: ${whyUnread(failure)}`,
    endsWhen: endOf(failure),
  };
}

function unreadPod(input: RunningInput, lease: LeaseRecord, failure: RequestFailure): ReasonDetails {
  const { config } = input.election;
  const name = lease.owner?.name ?? '';
  const ageMs = renewalAgeMs(lease, input.wallMs);
  const renewal = ageMs === null ? 'it does not renew' : `it renewed ${seconds(ageMs)} ago`;
  return {
    reason: 'holder-unknown',
    message: `Pod ${name} holds ${leaseOf(config)}, and ${renewal}. It is unknown whether that Pod exists: ${whyUnread(failure)}`,
    sinceMs: lease.acquireTimeMs,
    endsWhen: endOf(failure),
  };
}

function reasonOf({ kind }: RequestFailure): 'forbidden' | 'unauthorized' | 'api-unreachable' {
  return kind === 'forbidden' || kind === 'unauthorized' ? kind : 'api-unreachable';
}

/** The advice in the message of a failure is for an elector in a Pod, so it is replaced. */
function whyUnread({ kind, message, missingRule }: RequestFailure): string {
  if (missingRule !== null) return `the user of this command is not permitted. ${grantOf(missingRule)}.`;
  if (kind === 'unauthorized') return 'the API server does not accept the credentials of this command. Log in again.';
  return `${message}.`;
}

function grantOf({ verb, apiGroup, resource, namespace }: MissingRule): string {
  const title = apiGroup === '' ? resource : `${resource}.${apiGroup}`;
  return `Grant it \`${verb}\` on ${title} ${namespace === '' ? 'in the whole cluster' : `in namespace "${namespace}"`}`;
}

function endOf({ missingRule, kind }: RequestFailure): string {
  if (missingRule !== null) return 'the permission is granted';
  return kind === 'unauthorized' ? 'the API server accepts the credentials' : 'the API server answers';
}

function noLease({ election: { config } }: RunningInput): OnlookerDetails {
  return {
    reason: 'no-lease',
    message:
      `Nobody leads: there is no ${leaseOf(config)}. A candidate creates it within a second, so no candidate runs, or none is ` +
      'permitted to create it. Check the name and the namespace (`lease-elector list -A` shows all), the Pods of the application, and their logs.',
    endsWhen: 'a candidate creates the Lease',
  };
}

/** The details when nobody holds the Lease, and a candidate would delete it immediately. */
function leftLease(input: RunningInput, lease: LeaseRecord): OnlookerDetails {
  const { config } = input.election;
  const name = lease.owner?.name ?? null;
  const candidates =
    'A candidate deletes it and leads within a second. If this lasts, no candidate runs, or none is permitted to delete Leases.';
  const details = {
    endsWhen: 'a candidate deletes the Lease and creates its own',
    command: kubectlDelete('lease', config.leaseName, config.namespace),
  } as const;
  if (name === null) {
    const holder = lease.holderIdentity || null;
    return {
      ...details,
      reason: 'foreign-lease',
      message:
        `Nobody leads: no Pod owns ${leaseOf(config)}, which names ${holder === null ? 'no holder' : `"${holder}"`} and has not ` +
        `changed for its duration. ${candidates}`,
      caution: `Make sure first that ${holder === null ? 'no other program uses it' : `"${holder}" no longer leads`}.`,
    };
  }
  if (isReleased(lease)) {
    return {
      ...details,
      reason: 'released',
      message: `Nobody leads: Pod ${name} released ${leaseOf(config)}, and the Lease still exists. ${candidates}`,
      caution: null,
    };
  }
  return {
    ...details,
    reason: 'holder-gone',
    message:
      `Nobody leads: Pod ${name}, which owns ${leaseOf(config)}, is gone, and the Lease still exists. ${candidates} The ` +
      'garbage collector also deletes it within about a minute.',
    caution: `Make sure first that no process of Pod ${name} still runs, on a lost node for example.`,
  };
}
