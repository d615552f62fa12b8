/**
 * What is remembered for people alone: how the holder's Pod looked last, and what the API server would not do.
 *
 * No rule of the election sees any of it: news are no verdicts.
 */

import type { Fact } from './input.ts';
import { compareResourceVersions, type PodRecord, type PodReference } from './lease-record.ts';
import type { MissingRule, RequestFailure } from './request-failure.ts';
import type { Incumbent } from './state.ts';

/** What `explain()` tells beside what the election knows. */
export interface News {
  /** The holder's Pod as last seen. */
  readonly holderPod: PodRecord | null;
  /** The last request or watch that failed, if the API server has answered none since. */
  readonly failure: RequestFailure | null;
  /** What was forbidden or rejected, each once, until such a request succeeds. */
  readonly refusals: readonly RequestFailure[];
  /** Since when this process has seen what it sees of the holder. */
  readonly sightings: Sightings;
  /** Whether this process is the one that takes part in the election for its Pod, and not a sibling of that one. */
  readonly takesPart: boolean;
}

/**
 * Monotonic moments of this process. The times in an object are by the clock of another machine, so no duration is
 * counted from them.
 */
export interface Sightings {
  /** The holder's Pod. */
  readonly uid: string | null;
  /** The holder's Pod was first seen with this deletionTimestamp (`null`: with none that can be read). */
  readonly terminating: { readonly atMs: number; readonly deletionTimestampMs: number | null } | null;
  /** The holder's Pod was first seen not Ready. */
  readonly notReadySinceMs: number | null;
  /** The holder's Pod was first known to be gone. */
  readonly goneSinceMs: number | null;
}

/** Before anything was heard. */
export const NO_NEWS: News = {
  holderPod: null,
  failure: null,
  refusals: [],
  sightings: { uid: null, terminating: null, notReadySinceMs: null, goneSinceMs: null },
  takesPart: false,
};

/** Whether a Pod is reported as not Ready. One of which nothing is reported may be Ready. */
export function isNotReady({ report }: PodRecord): boolean {
  return report?.ready === false || (report?.phase === 'Pending' && report.ready !== true);
}

/** Dates what the news say of the holder. Comes after `hear`. */
export function dateSightings(news: News, incumbent: Incumbent | null, nowMs: number): News {
  const { holderPod } = news;
  const uid = incumbent?.pod.uid ?? null;
  const before = news.sightings.uid === uid ? news.sightings : { ...NO_NEWS.sightings, uid };
  const isUnready = holderPod !== null && isNotReady(holderPod);
  const sightings: Sightings = {
    uid,
    terminating: holderPod?.terminating === true ? datedDeletion(before.terminating, holderPod, nowMs) : null,
    notReadySinceMs: isUnready ? (before.notReadySinceMs ?? nowMs) : null,
    goneSinceMs: incumbent?.fate === 'gone' ? (before.goneSinceMs ?? nowMs) : null,
  };
  return { ...news, sightings };
}

/** A second request for the deletion may have changed the grace period, which then begins again. */
function datedDeletion(
  before: Sightings['terminating'],
  { report }: PodRecord,
  nowMs: number,
): Sightings['terminating'] {
  const deletionTimestampMs = report?.deletionTimestampMs ?? null;
  return before?.deletionTimestampMs === deletionTimestampMs ? before : { atMs: nowMs, deletionTimestampMs };
}

/** Takes note of what a fact says. @param holder the Pod that holds the Lease, as the election knows it by now */
export function hear(news: News, fact: Fact, holder: PodReference | null): News {
  switch (fact.type) {
    case 'requestFailed':
    case 'leaseWatchFailed':
    case 'podWatchFailed':
      return hearFailure(news, fact.failure);
    case 'siblingLockAnswered':
      return { ...news, takesPart: fact.outcome !== 'taken' };
    default: {
      const granted = grantedBy(fact);
      if (granted === null) return news;
      return { ...hearAnswer(news, granted), holderPod: lastSeen(news.holderPod, fact, holder) };
    }
  }
}

function hearAnswer(news: News, granted: Granted): News {
  const refusals = news.refusals.filter(({ missingRule }) => !isLifted(missingRule, granted));
  return { ...news, failure: null, refusals };
}

function hearFailure(news: News, failure: RequestFailure): News {
  switch (failure.kind) {
    case 'forbidden':
    case 'rejected': {
      const others = news.refusals.filter(({ missingRule }) => !isSameRule(missingRule, failure.missingRule));
      return { ...news, failure: null, refusals: [...others, failure] };
    }
    case 'alreadyExists':
    case 'conflict':
    case 'expired':
      // Answers like any other.
      return { ...news, failure: null };
    default:
      return { ...news, failure };
  }
}

function isSameRule(left: MissingRule | null, right: MissingRule | null): boolean {
  return left?.verb === right?.verb && left?.resource === right?.resource;
}

/** What a fact shows to be permitted; `null` for one that is no answer of the API server. */
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

/** What no Role can mend (a quota, an admission webhook) stood in the way of a write, so a write shows that it is over. */
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
  // Without the labels that came with it.
  const { name, uid, resourceVersion, terminating, report } = seen;
  return { name, uid, resourceVersion, terminating, ...(report === undefined ? {} : { report }) };
}
