/**
 * The model of the API server: one Lease, Pods, one counter of revisions and the garbage collector, as read-only data.
 * Every function returns the next cluster and does not change its argument.
 *
 * `cluster-model.test.ts` checks that it answers as the embedded API server does.
 */

import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { Answer } from '../../src/driver/ports.ts';

/** The state of the garbage collector for a Lease whose owner is gone (wire facts 25 and 26). */
export type Collection =
  | { readonly step: 'idle' }
  /** It has read the Lease, and will send a DELETE with that uid and resourceVersion. */
  | { readonly step: 'read'; readonly uid: string; readonly resourceVersion: string; readonly owner: string }
  /** The DELETE was answered 409. It will read the Lease again. */
  | { readonly step: 'conflicted'; readonly uid: string; readonly owner: string }
  /** The owner is still the same. It will send a DELETE with only the uid. */
  | { readonly step: 'confirmed'; readonly uid: string };

export interface Cluster {
  /** Counts the writes of the Lease. Writes of Pods do not count, because their versions are never compared with it. */
  readonly revision: number;
  readonly lease: LeaseRecord | null;
  readonly pods: readonly PodRecord[];
  readonly collection: Collection;
}

/** The requests of an elector, including its lists. */
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

/** The watch event of one write. */
export type ClusterEvent =
  | { readonly of: 'lease'; readonly type: 'added' | 'modified' | 'deleted'; readonly item: LeaseRecord }
  | { readonly of: 'pod'; readonly type: 'added' | 'modified' | 'deleted'; readonly item: PodRecord };

/** The next cluster, and the event that the watches deliver. */
export interface Change {
  readonly cluster: Cluster;
  readonly event: ClusterEvent | null;
}

/** The answer to a request: a Lease, a Pod, a list, or a failure. */
export type Answered =
  | Answer<LeaseRecord | PodRecord | null>
  | Answer<{ readonly items: readonly (LeaseRecord | PodRecord)[]; readonly resourceVersion: string }>;

export const EMPTY_CLUSTER: Cluster = { revision: 0, lease: null, pods: [], collection: { step: 'idle' } };

const FAILURES = new Map<RequestFailureKind, RequestFailure>();

/** A failure of this kind. Returns the same object each time, because only the kind matters here. */
export function failureOf(kind: RequestFailureKind): RequestFailure {
  let failure = FAILURES.get(kind);
  if (failure === undefined) {
    failure = { kind, message: kind, retryAfterMs: null, missingRule: null, cause: null };
    FAILURES.set(kind, failure);
  }
  return failure;
}

/** Whether the Pod with this uid exists. Another Pod of the same name does not count. */
export function exists(cluster: Cluster, uid: string): boolean {
  return cluster.pods.some((pod) => pod.uid === uid);
}

export function podNamed(cluster: Cluster, name: string): PodRecord | null {
  return cluster.pods.find((pod) => pod.name === name) ?? null;
}

/**
 * Executes a request.
 *
 * @param checked whether the server checks preconditions; false for the broken core that sends no preconditions
 */
export function carryOut(cluster: Cluster, request: Request, checked: boolean): Change & { readonly answer: Answered } {
  switch (request.verb) {
    case 'readLease':
      return answeredWith(cluster, cluster.lease);
    case 'readPod':
      return answeredWith(cluster, podNamed(cluster, request.name));
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
      // A PUT with a uid is also a conflict when there is no Lease (wire fact 4).
      if (lease === null || (checked && !isSame(lease, request.lease))) return refused(cluster, 'conflict');
      // A PUT without a change is not a write. Every PUT of an elector changes `renewTime` or the release annotation.
      return written(cluster, 'modified', recordOf(request.content, lease.uid, cluster.revision + 1));
    }
    case 'deleteLease': {
      const { lease } = cluster;
      if (lease === null) return answeredWith(cluster, null);
      if (checked && !isSame(lease, request.lease)) return refused(cluster, 'conflict');
      return { ...withoutLease(cluster), answer: { ok: true, value: null } };
    }
  }
}

function answeredWith(cluster: Cluster, value: LeaseRecord | PodRecord | null): Change & { readonly answer: Answered } {
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

/** Deletes the Lease. */
export function withoutLease(cluster: Cluster): Change {
  const { lease } = cluster;
  if (lease === null) return { cluster, event: null };
  const revision = cluster.revision + 1;
  const item: LeaseRecord = { ...lease, resourceVersion: String(revision) };
  return { cluster: { ...cluster, revision, lease: null }, event: { of: 'lease', type: 'deleted', item } };
}

/** Stands for a version that is newer than any resume point. Uids distinguish Pods, versions never do. */
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
 * Does the next step of the collector. Returns `null` when there is nothing to do.
 *
 * It can begin at any time when the owner of the Lease is gone. The real collector begins only when the owner is
 * deleted, or when a Lease with a new owner is written.
 */
export function collect(cluster: Cluster): Change | null {
  const { lease, collection } = cluster;
  const rest: Cluster = collection.step === 'idle' ? cluster : { ...cluster, collection: { step: 'idle' } };
  switch (collection.step) {
    case 'idle': {
      if (lease === null || lease.owner === null || exists(cluster, lease.owner.uid)) return null;
      const { uid, resourceVersion } = lease;
      return {
        cluster: { ...cluster, collection: { step: 'read', uid, resourceVersion, owner: lease.owner.uid } },
        event: null,
      };
    }
    case 'read': {
      if (lease === null) return { cluster: rest, event: null };
      const { uid, resourceVersion, owner } = collection;
      if (lease.uid === uid && lease.resourceVersion === resourceVersion) return withoutLease(rest);
      return { cluster: { ...cluster, collection: { step: 'conflicted', uid, owner } }, event: null };
    }
    case 'conflicted': {
      const { uid, owner } = collection;
      // It starts again if the Lease is another one or has another owner.
      if (lease?.uid !== uid || lease.owner?.uid !== owner) return { cluster: rest, event: null };
      return { cluster: { ...cluster, collection: { step: 'confirmed', uid } }, event: null };
    }
    case 'confirmed':
      return lease?.uid === collection.uid ? withoutLease(rest) : { cluster: rest, event: null };
  }
}
