/**
 * The observations of a sibling about the process that holds the socket of their Pod.
 *
 * A sibling never acts on them. A holder that is not an elector, or that hangs, must be visible, because no process of
 * the Pod would ever lead.
 */

import type { Fact } from './input.ts';
import { currentLeader } from './observation.ts';
import type { ElectionConfig, Knowledge, SiblingRole } from './state.ts';
import type { StepContext } from './step-context.ts';
import { siblingLockHeld } from './warnings.ts';

/**
 * After this many milliseconds without a sign of life from the holder, a warning follows. A candidate needs far less.
 */
export const SILENT_HOLDER_MS = 30_000;

/**
 * Whether no process of this Pod is seen to lead, campaign or renew: there is no Lease and no other holder, or the
 * Lease is this Pod's and was renewed once, but not since. Only time that the API server has confirmed counts.
 */
export function isLockHolderSilent({ self }: ElectionConfig, knowledge: Knowledge): boolean {
  const { observation, verifiedAtMs } = knowledge;
  if (observation === null) return false;
  const silentForMs = verifiedAtMs - observation.sinceMs;
  const { lease } = observation;
  if (lease === null) {
    // If another Pod held the Lease, that Pod restores it. This Pod would have done so long ago.
    const leader = currentLeader(knowledge);
    return (leader === null || leader.uid === self.uid) && silentForMs >= SILENT_HOLDER_MS;
  }
  if (lease.owner?.uid !== self.uid || lease.renewTimeMs === null) return false;
  return silentForMs >= Math.max(SILENT_HOLDER_MS, (lease.leaseDurationSeconds ?? 0) * 1000);
}

/** Looks up the holder when it is silent, and warns when its identity is known. */
export function stepSibling(context: StepContext, role: SiblingRole, input: Fact): void {
  if (input.type === 'timerFired' && input.timer === 'retry') context.readLease();
  // Without a retry, a single refusal would seem to last.
  if (input.type === 'requestFailed' && context.wasLeaseRead(input.request)) {
    context.setTimer('retry', context.backOffMs(input.failure));
  }
  if (!isLockHolderSilent(context.config, context.knowledge)) {
    if (role.isHolderSought) context.role = { name: 'sibling' };
    return;
  }
  if (input.type === 'siblingLockHolderFound') {
    context.warn(siblingLockHeld(context.config, SILENT_HOLDER_MS, input.holder));
  } else if (!role.isHolderSought && !context.knowledge.announced.warnings.includes('sibling-lock-held')) {
    context.role = { name: 'sibling', isHolderSought: true };
    context.emit({ type: 'findSiblingLockHolder' });
  }
}
