/** Decides whether the holder's Pod is alive, gone or unknown. */

import { hasStopped, type PodRecord, type PodReference } from './lease-record.ts';

/**
 * The event after which a successor may take over from a leader that did not release its Lease. `pod-deleted`: its Pod
 * object is deleted. `pod-stopped`: also when its Pod has stopped (phase Failed or Succeeded, and every container
 * terminated).
 */
export type Succession = 'pod-deleted' | 'pod-stopped';

/**
 * Whether a Pod exists. `unknown` (the Pod was not read yet, or reading it is not permitted) counts as alive. One
 * exception: if the Lease is missing and Pods cannot be read, only for `UNREADABLE_HOLDER_GRACE_MS`.
 */
export type PodLiveness = 'alive' | 'gone' | 'unknown';

/** Evidence about the Pod that holds, or held, the Lease. */
export type PodEvidence =
  /** A consistent read, sent after the Pod was known to hold the Lease; `null`: no Pod has its name. */
  | { readonly kind: 'consistent'; readonly pod: PodRecord | null }
  /** A list or a watch event showed a Pod of that name, or (`null`) a list showed no such Pod. Both may lag. */
  | { readonly kind: 'sighting'; readonly pod: PodRecord | null }
  /** A DELETED event for a Pod of that name. */
  | { readonly kind: 'deletion'; readonly pod: PodRecord };

/** Whether a consistent read of a Pod's name proves that this Pod is gone, or counts as gone. */
export function isGone(pod: PodReference, read: PodRecord | null, succession: Succession): boolean {
  return judgeHolder(pod, 'unknown', { kind: 'consistent', pod: read }, succession) === 'gone';
}

/**
 * Decides whether the holder's Pod still exists.
 *
 * It compares UIDs, never names: a StatefulSet recreates `db-0` under the same name. A match on the name would let the
 * new Pod inherit a term that it never won.
 *
 * `gone` needs proof: a DELETED event for its uid, or a consistent answer without it. A Pod that is being deleted, has
 * failed, or is on a dead node still exists, and its process may still work. A list or a watch event without its uid
 * may be older than the holder. It proves nothing and only causes a read.
 *
 * With the succession `pod-stopped`, any evidence of a stopped Pod means `gone`, however old the evidence is, because
 * the Pod never runs again.
 *
 * `gone` is final: a uid never comes back.
 */
export function judgeHolder(
  knownHolder: PodReference,
  before: PodLiveness,
  evidence: PodEvidence,
  succession: Succession,
): PodLiveness {
  if (before === 'gone') return 'gone';
  const { pod } = evidence;
  const same = pod?.uid === knownHolder.uid;
  if (same && succession === 'pod-stopped' && hasStopped(pod)) return 'gone';
  switch (evidence.kind) {
    case 'consistent':
      return same ? 'alive' : 'gone';
    case 'deletion':
      return same ? 'gone' : before;
    case 'sighting':
      return same ? 'alive' : 'unknown';
  }
}
