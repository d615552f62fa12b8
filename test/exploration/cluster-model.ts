/**
 * The API server as the exploration sees it: one Lease, Pods, one counter of revisions and the garbage collector,
 * all of it read-only data. Every function tells the next cluster and leaves the one it was given alone.
 *
 * `cluster-model.test.ts` proves that it answers as the embedded API server does.
 */

import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { Answer } from '../../src/driver/ports.ts';

/** What the garbage collector has set out to do with a Lease whose owner is gone (wire facts 25 and 26). */
export type Collection =
  | { readonly step: 'idle' }
  /** It has looked, and will send DELETE with the uid and resourceVersion that it saw. */
  | { readonly step: 'looked'; readonly uid: string; readonly resourceVersion: string; readonly owner: string }
  /** That was answered 409: it will look again. */
  | { readonly step: 'refused'; readonly uid: string; readonly owner: string }
  /** The owner is the same still: it will send DELETE with the uid alone. */
  | { readonly step: 'insists'; readonly uid: string };

export interface Cluster {
  /** Counts the writes of the Lease; those of Pods are never compared with them. */
  readonly revision: number;
  readonly lease: LeaseRecord | null;
  readonly pods: readonly PodRecord[];
  readonly collection: Collection;
}

/** Every request that an elector sends, its lists included. */
export type Request =
  | { readonly verb: 'readLease' }
  | { readonly verb: 'createLease'; readonly content: LeaseContent }
  | { readonly verb: 'replaceLease'; readonly lease: LeaseRecord; readonly content: LeaseContent }
  | { readonly verb: 'deleteLease'; readonly lease: LeaseRecord }
  | { readonly verb: 'readPod'; readonly name: string }
  | { readonly verb: 'listLease' }
  | { readonly verb: 'listPod'; readonly name: string };

export function isWrite({ verb }: Request): boolean {
  return verb === 'createLease' || verb === 'replaceLease' || verb === 'deleteLease';
}

/** What a watch tells of one write. */
export type ClusterEvent =
  | { readonly of: 'lease'; readonly type: 'added' | 'modified' | 'deleted'; readonly item: LeaseRecord }
  | { readonly of: 'pod'; readonly type: 'added' | 'modified' | 'deleted'; readonly item: PodRecord };

/** The next cluster, and what the watches tell of it. */
export interface Change {
  readonly cluster: Cluster;
  readonly event: ClusterEvent | null;
}

/** What a request is answered with: a Lease, a Pod, a list, or why not. */
export type Answered =
  | Answer<LeaseRecord | PodRecord | null>
  | Answer<{ readonly items: readonly (LeaseRecord | PodRecord)[]; readonly resourceVersion: string }>;

export const EMPTY_CLUSTER: Cluster = { revision: 0, lease: null, pods: [], collection: { step: 'idle' } };

const FAILURES = new Map<RequestFailureKind, RequestFailure>();

/** A failure of this kind; the same object each time, as nothing but its kind matters here. */
export function failureOf(kind: RequestFailureKind): RequestFailure {
  let failure = FAILURES.get(kind);
  if (failure === undefined) {
    failure = { kind, message: kind, retryAfterMs: null, missingRule: null, cause: null };
    FAILURES.set(kind, failure);
  }
  return failure;
}

/** Whether this Pod, and not only one of its name, exists. */
export function exists(cluster: Cluster, uid: string): boolean {
  return cluster.pods.some((pod) => pod.uid === uid);
}

export function podNamed(cluster: Cluster, name: string): PodRecord | null {
  return cluster.pods.find((pod) => pod.name === name) ?? null;
}

/**
 * Carries a request out.
 *
 * @param checked whether preconditions are heeded; a defect of a library that sends none is tried out without
 */
export function carryOut(cluster: Cluster, request: Request, checked: boolean): Change & { readonly answer: Answered } {
  switch (request.verb) {
    case 'readLease':
      return told(cluster, cluster.lease);
    case 'readPod':
      return told(cluster, podNamed(cluster, request.name));
    case 'listLease':
      return listed(cluster, cluster.lease);
    case 'listPod':
      return listed(cluster, podNamed(cluster, request.name));
    case 'createLease': {
      if (cluster.lease !== null) return refused(cluster, 'alreadyExists');
      const revision = cluster.revision + 1;
      return written(cluster, 'added', recordOf(request.content, `lease-${revision}`, revision));
    }
    case 'replaceLease': {
      const { lease } = cluster;
      // A PUT that names a uid is a conflict, too, where there is no Lease (wire fact 4).
      if (lease === null || (checked && !isSame(lease, request.lease))) return refused(cluster, 'conflict');
      // A PUT that changes nothing would be no write; every PUT of an elector changes at least `renewTime`, or the mark.
      return written(cluster, 'modified', recordOf(request.content, lease.uid, cluster.revision + 1));
    }
    case 'deleteLease': {
      const { lease } = cluster;
      if (lease === null) return told(cluster, null);
      if (checked && !isSame(lease, request.lease)) return refused(cluster, 'conflict');
      return { ...withoutLease(cluster), answer: { ok: true, value: null } };
    }
  }
}

function told(cluster: Cluster, value: LeaseRecord | PodRecord | null): Change & { readonly answer: Answered } {
  return { cluster, event: null, answer: { ok: true, value } };
}

function listed(cluster: Cluster, item: LeaseRecord | PodRecord | null): Change & { readonly answer: Answered } {
  const value = { items: item === null ? [] : [item], resourceVersion: String(cluster.revision) };
  return { cluster, event: null, answer: { ok: true, value } };
}

function refused(cluster: Cluster, kind: RequestFailureKind): Change & { readonly answer: Answered } {
  return { cluster, event: null, answer: { ok: false, failure: failureOf(kind) } };
}

function written(
  cluster: Cluster,
  type: 'added' | 'modified',
  item: LeaseRecord,
): Change & { readonly answer: Answered } {
  return {
    cluster: { ...cluster, revision: cluster.revision + 1, lease: item },
    event: { of: 'lease', type, item },
    answer: { ok: true, value: item },
  };
}

function recordOf(content: LeaseContent, uid: string, revision: number): LeaseRecord {
  const { holderIdentity, owner, acquireTimeMs, renewTimeMs, leaseDurationSeconds, leaseTransitions, releasedBy } =
    content;
  return {
    holderIdentity,
    owner,
    acquireTimeMs,
    renewTimeMs,
    leaseDurationSeconds,
    leaseTransitions,
    releasedBy,
    uid,
    resourceVersion: String(revision),
    terminating: false,
    finalizers: [],
    source: null,
  };
}

function isSame(left: LeaseRecord, right: LeaseRecord): boolean {
  return left.uid === right.uid && left.resourceVersion === right.resourceVersion;
}

/** The Lease is deleted, by whomever. */
export function withoutLease(cluster: Cluster): Change {
  const { lease } = cluster;
  if (lease === null) return { cluster, event: null };
  const revision = cluster.revision + 1;
  const item: LeaseRecord = { ...lease, resourceVersion: String(revision) };
  return { cluster: { ...cluster, revision, lease: null }, event: { of: 'lease', type: 'deleted', item } };
}

/** Newer than any resume point, whichever it is: Pods are told apart by their uids, never by their versions. */
const POD_VERSION = 'newer';

export function withPod(cluster: Cluster, { name, uid }: PodReference): Change {
  const item: PodRecord = { name, uid, resourceVersion: POD_VERSION, terminating: false };
  return { cluster: { ...cluster, pods: [...cluster.pods, item] }, event: { of: 'pod', type: 'added', item } };
}

/** The Pod gets its deletionTimestamp. */
export function withTerminating(cluster: Cluster, uid: string): Change {
  const pod = cluster.pods.find((one) => one.uid === uid);
  if (pod === undefined || pod.terminating) return { cluster, event: null };
  const item: PodRecord = { ...pod, terminating: true };
  const pods = cluster.pods.map((one) => (one === pod ? item : one));
  return { cluster: { ...cluster, pods }, event: { of: 'pod', type: 'modified', item } };
}

/** The Pod's object is gone. */
export function withoutPod(cluster: Cluster, uid: string): Change {
  const item = cluster.pods.find((one) => one.uid === uid);
  if (item === undefined) return { cluster, event: null };
  const pods = cluster.pods.filter((one) => one !== item);
  return { cluster: { ...cluster, pods }, event: { of: 'pod', type: 'deleted', item } };
}

/**
 * The collector does its next step; `null` when it has nothing to do.
 *
 * It begins whenever it may find a Lease whose owner is gone, which is more than the real one does: that one begins
 * when the owner goes, or a Lease is written that names a new one.
 */
export function collect(cluster: Cluster): Change | null {
  const { lease, collection } = cluster;
  const rest: Cluster = collection.step === 'idle' ? cluster : { ...cluster, collection: { step: 'idle' } };
  switch (collection.step) {
    case 'idle': {
      if (lease === null || lease.owner === null || exists(cluster, lease.owner.uid)) return null;
      const { uid, resourceVersion } = lease;
      return {
        cluster: { ...cluster, collection: { step: 'looked', uid, resourceVersion, owner: lease.owner.uid } },
        event: null,
      };
    }
    case 'looked': {
      if (lease === null) return { cluster: rest, event: null };
      const { uid, resourceVersion, owner } = collection;
      if (lease.uid === uid && lease.resourceVersion === resourceVersion) return withoutLease(rest);
      return { cluster: { ...cluster, collection: { step: 'refused', uid, owner } }, event: null };
    }
    case 'refused': {
      const { uid, owner } = collection;
      // With other owners, or for another Lease, it starts over.
      if (lease?.uid !== uid || lease.owner?.uid !== owner) return { cluster: rest, event: null };
      return { cluster: { ...cluster, collection: { step: 'insists', uid } }, event: null };
    }
    case 'insists':
      return lease?.uid === collection.uid ? withoutLease(rest) : { cluster: rest, event: null };
  }
}
