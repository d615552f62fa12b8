/**
 * Diagnostics for `explain()`: the holder's Pod as last seen, the last failure, and the requests that were refused.
 *
 * The rules of the election never read them.
 */

import type { Fact } from './input.ts';
import { compareResourceVersions, type PodRecord, type PodReference } from './lease-record.ts';
import type { MissingRule, RequestFailure } from './request-failure.ts';
import type { KnownHolder } from './state.ts';

/** The input of `explain()` in addition to the knowledge of the election. */
export interface Diagnostics {
  /** The holder's Pod as last seen. */
  readonly holderPod: PodRecord | null;
  /** The failure of the last request or watch; `null` once the API server has answered a request. */
  readonly failure: RequestFailure | null;
  /** The requests that were forbidden or rejected, each once, until such a request succeeds. */
  readonly refusals: readonly RequestFailure[];
  /** When the present condition of the holder's Pod began. */
  readonly sightings: Sightings;
  /** Whether this process takes part in the election for its Pod. A sibling of that process does not. */
  readonly takesPart: boolean;
}

/**
 * When conditions of the holder's Pod were first observed, as monotonic moments of this process. The times in an object
 * come from the clock of another machine, so no duration is computed from them.
 */
export interface Sightings {
  /** The uid of the holder's Pod. */
  readonly uid: string | null;
  /**
   * The moment at which the holder's Pod was first seen with this deletionTimestamp; a `deletionTimestampMs` of `null`
   * cannot be read.
   */
  readonly terminating: { readonly atMs: number; readonly deletionTimestampMs: number | null } | null;
  /** The moment at which the holder's Pod was first seen not Ready. */
  readonly notReadySinceMs: number | null;
  /** The moment at which the holder's Pod was first known to be gone. */
  readonly goneSinceMs: number | null;
}

/** The diagnostics before the first fact. */
export const NO_DIAGNOSTICS: Diagnostics = {
  holderPod: null,
  failure: null,
  refusals: [],
  sightings: { uid: null, terminating: null, notReadySinceMs: null, goneSinceMs: null },
  takesPart: false,
};

/** Whether a Pod is reported as not Ready. A Pod without any report may be Ready. */
export function isNotReady({ report }: PodRecord): boolean {
  return report?.ready === false || (report?.phase === 'Pending' && report.ready !== true);
}

/** Records when the present condition of the holder's Pod began. Called after `recordFact`. */
export function dateSightings(diagnostics: Diagnostics, knownHolder: KnownHolder | null, nowMs: number): Diagnostics {
  const { holderPod } = diagnostics;
  const uid = knownHolder?.pod.uid ?? null;
  const before = diagnostics.sightings.uid === uid ? diagnostics.sightings : { ...NO_DIAGNOSTICS.sightings, uid };
  const isUnready = holderPod !== null && isNotReady(holderPod);
  const sightings: Sightings = {
    uid,
    terminating: holderPod?.terminating === true ? datedDeletion(before.terminating, holderPod, nowMs) : null,
    notReadySinceMs: isUnready ? (before.notReadySinceMs ?? nowMs) : null,
    goneSinceMs: knownHolder?.liveness === 'gone' ? (before.goneSinceMs ?? nowMs) : null,
  };
  return { ...diagnostics, sightings };
}

/**
 * Keeps the moment while the deletionTimestamp stays the same. A second request for the deletion may change the grace
 * period, which then starts again.
 */
function datedDeletion(
  before: Sightings['terminating'],
  { report }: PodRecord,
  nowMs: number,
): Sightings['terminating'] {
  const deletionTimestampMs = report?.deletionTimestampMs ?? null;
  return before?.deletionTimestampMs === deletionTimestampMs ? before : { atMs: nowMs, deletionTimestampMs };
}

/** Records a fact. @param holder the Pod that holds the Lease after this fact */
export function recordFact(diagnostics: Diagnostics, fact: Fact, holder: PodReference | null): Diagnostics {
  switch (fact.type) {
    case 'requestFailed':
    case 'leaseWatchFailed':
    case 'podWatchFailed':
      return recordFailure(diagnostics, fact.failure);
    case 'siblingLockAnswered':
      return { ...diagnostics, takesPart: fact.outcome !== 'taken' };
    default: {
      const granted = grantedBy(fact);
      if (granted === null) return diagnostics;
      return { ...recordAnswer(diagnostics, granted, fact), holderPod: lastSeen(diagnostics.holderPod, fact, holder) };
    }
  }
}

function recordAnswer(diagnostics: Diagnostics, granted: Granted, fact: Fact): Diagnostics {
  const refusals = diagnostics.refusals.filter(({ missingRule }) => !isLifted(missingRule, granted));
  // An open watch continues after its token is no longer accepted.
  const isEvent = granted.verbs.includes('watch') && fact.type !== 'watchOpened';
  const failure = isEvent && diagnostics.failure?.kind === 'unauthorized' ? diagnostics.failure : null;
  return { ...diagnostics, failure, refusals };
}

function recordFailure(diagnostics: Diagnostics, failure: RequestFailure): Diagnostics {
  switch (failure.kind) {
    case 'forbidden':
    case 'rejected': {
      const others = diagnostics.refusals.filter(({ missingRule }) => !isSameRule(missingRule, failure.missingRule));
      return { ...diagnostics, failure: null, refusals: [...others, failure] };
    }
    case 'alreadyExists':
    case 'conflict':
    case 'expired':
      // These are ordinary answers of the API server.
      return { ...diagnostics, failure: null };
    default:
      return { ...diagnostics, failure };
  }
}

function isSameRule(left: MissingRule | null, right: MissingRule | null): boolean {
  return left?.verb === right?.verb && left?.resource === right?.resource;
}

/** The requests that a fact shows to be permitted. */
interface Granted {
  readonly resource: 'leases' | 'pods';
  readonly verbs: readonly string[];
}

function grantedBy(fact: Fact): Granted | null {
  switch (fact.type) {
    case 'leaseRead':
      return { resource: 'leases', verbs: ['get'] };
    case 'leaseWritten':
      return { resource: 'leases', verbs: ['create', 'update'] };
    case 'leaseRemoved':
    case 'leaseDeletionPending':
      return { resource: 'leases', verbs: ['delete'] };
    case 'leaseAbsent':
      return { resource: 'leases', verbs: ['list'] };
    case 'leaseDeleted':
      return { resource: 'leases', verbs: ['watch'] };
    case 'leaseObserved':
      return { resource: 'leases', verbs: [fact.by] };
    case 'podRead':
      return { resource: 'pods', verbs: ['get'] };
    case 'podAbsent':
      return { resource: 'pods', verbs: ['list'] };
    case 'podDeleted':
      return { resource: 'pods', verbs: ['watch'] };
    case 'podObserved':
      return { resource: 'pods', verbs: [fact.by] };
    case 'watchOpened':
      return { resource: fact.resource, verbs: ['watch'] };
    default:
      return null;
  }
}

/**
 * Whether the refusal is over. A refusal without a missing rule (a quota, an admission webhook) concerned a write, so a
 * successful write ends it.
 */
function isLifted(rule: MissingRule | null, { resource, verbs }: Granted): boolean {
  return rule === null ? verbs.includes('create') : rule.resource === resource && verbs.includes(rule.verb);
}

function lastSeen(before: PodRecord | null, fact: Fact, holder: PodReference | null): PodRecord | null {
  if (holder === null) return null;
  const known = before?.uid === holder.uid ? before : null;
  if (fact.type === 'podDeleted' && fact.pod.uid === holder.uid) return null;
  const seen = 'pod' in fact && fact.pod?.uid === holder.uid ? fact.pod : null;
  if (seen === null) return known;
  if (known !== null && compareResourceVersions(seen.resourceVersion, known.resourceVersion) < 0) return known;
  // The labels are left out, because no rule needs them.
  const { name, uid, resourceVersion, terminating, report } = seen;
  return { name, uid, resourceVersion, terminating, ...(report === undefined ? {} : { report }) };
}
