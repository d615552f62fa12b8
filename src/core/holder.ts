/**
 * Is the holder's Pod alive, gone or unknown?
 */

import { hasStopped, type PodRecord, type PodReference } from './lease-record.ts';

/**
 * What ends a leader's life besides its own will: that its Pod object is deleted, or already that it has stopped
 * (phase Failed or Succeeded, and every container terminated).
 */
export type Succession = 'pod-deleted' | 'pod-stopped';

/** `unknown` (its Pod could not be read yet, or may not be) counts as alive everywhere. */
export type PodLiveness = 'alive' | 'gone' | 'unknown';

/** Evidence about the Pod that holds, or held, the Lease. */
export type PodEvidence =
  /** A consistent read, asked for after the Pod was known to hold the Lease; `null`: no Pod has its name. */
  | { readonly kind: 'consistent'; readonly pod: PodRecord | null }
  /** A list or a watch event showed a Pod of that name, or (`null`) a list showed none. Both may lag. */
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
 * Compares UIDs, never names: a StatefulSet recreates `db-0` under the same name, and a match on the
 * name would let the new Pod inherit a term it never won.
 *
 * Gone needs proof: a DELETED event for its uid, or a consistent answer without it. A Pod that is
 * being deleted, failed, or on a dead node still exists, and its process may still work; and a list or a
 * watch event without its uid may be older than the holder, so it proves nothing and only makes one ask.
 *
 * With the succession `pod-stopped` a Pod that has stopped counts as gone, whoever shows it and however late: it
 * never runs again.
 *
 * Once gone, always gone: a uid never comes back.
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
