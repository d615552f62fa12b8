/**
 * Detects that the Leases of this Pod are deleted again and again soon after they were created. The garbage collector
 * deletes them if the Pod that owns them does not exist.
 *
 * If Pods can be read, the read of this Pod shows the same. If they cannot be read, the deletions are the only sign.
 */

import type { Input } from './input.ts';
import { isReleased } from './lease-record.ts';
import type { StepContext } from './step-context.ts';
import { disqualifyDeleted } from './term.ts';
import { podUnknown } from './warnings.ts';

/**
 * A Lease that is gone within this many milliseconds was most likely deleted by the garbage collector. A real collector
 * took 1 ms to 14 s for a Lease whose owner does not exist (DESIGN, section 12).
 */
export const SHORT_LIFE_MS = 15_000;

/** After this many short lives in a row this process no longer campaigns. */
export const SHORT_LIVES_LIMIT = 3;

/** Records that the API server has shown this Pod. Called before its absence is evaluated. */
export function noteOwnPodSeen(context: StepContext, input: Input): void {
  if (context.knowledge.ownPodSeen || !('pod' in input)) return;
  if (input.pod?.uid === context.config.self.uid) context.updateKnowledge({ ownPodSeen: true });
}

/**
 * Counts the short lives of Leases that this Pod owns. Called after the Lease was recorded, and before the role acts.
 */
export function noteShortLife(context: StepContext): void {
  const { lease, knowledge, config, moment, role } = context;
  const { ownLease } = knowledge;
  if (lease !== null) {
    const isOwn = lease.owner?.uid === config.self.uid;
    if (isOwn && lease.uid !== ownLease?.uid)
      context.updateKnowledge({ ownLease: { uid: lease.uid, seenAtMs: moment.nowMs } });
    // Another client took the Lease or removed its owner. If the garbage collector deletes such a Lease, the reason is
    // not this Pod.
    if (!isOwn && lease.uid === ownLease?.uid) context.updateKnowledge({ ownLease: null });
    return;
  }
  const last = context.before.observation?.lease ?? null;
  if (ownLease === null || last?.uid !== ownLease.uid) return;
  // The Lease was given to another holder by hand, or it was released and a successor has deleted it.
  if (last.owner?.uid !== config.self.uid || isReleased(last)) return context.updateKnowledge({ ownLease: null });
  const isShort = moment.nowMs - ownLease.seenAtMs < SHORT_LIFE_MS;
  // A process that leaves deletes its Lease itself.
  const shortLives = role.name === 'leaving' ? knowledge.shortLives : isShort ? knowledge.shortLives + 1 : 0;
  context.updateKnowledge({ ownLease: null, shortLives });
  if (shortLives < SHORT_LIVES_LIMIT || knowledge.permissions.canReadPods) return;
  const { knownHolder } = context.knowledge;
  // A list or a watch may show this Pod although single reads are refused.
  if (knownHolder?.pod.uid === config.self.uid && knownHolder.liveness === 'alive') return;
  disqualifyDeleted(context, podUnknown(config, SHORT_LIVES_LIMIT));
}
