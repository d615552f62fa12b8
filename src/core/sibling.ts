/**
 * The observations of a sibling about the process that holds the socket of their Pod.
 *
 * A sibling only reports them. If the process that holds the socket is not an elector, or hangs, no process of the Pod
 * ever leads, so people must see it.
 */

import type { Fact } from './input.ts';
import { currentLeader } from './observation.ts';
import type { ElectionConfig, Knowledge, SiblingRole } from './state.ts';
import type { StepContext } from './step-context.ts';
import { siblingLockHeld } from './warnings.ts';

/**
 * A warning follows after this many milliseconds in which the holder neither leads, campaigns nor renews. A candidate
 * needs far less time.
 */
export const SILENT_HOLDER_MS = 30_000;

/**
 * Whether no process of this Pod is observed to lead, campaign or renew. Either there is neither a Lease nor another
 * holder, or this Pod's Lease was renewed before but not recently. Only time that the API server has confirmed counts.
 */
export function isLockHolderSilent({ self }: ElectionConfig, knowledge: Knowledge): boolean {
  const { observation, verifiedAtMs } = knowledge;
  if (observation === null) return false;
  const silentForMs = verifiedAtMs - observation.sinceMs;
  const { lease } = observation;
  if (lease === null) {
    // If another Pod held the Lease, that Pod restores it. If this Pod held the Lease, the process that led would have
    // restored it long ago.
    const leader = currentLeader(knowledge);
    return (leader === null || leader.uid === self.uid) && silentForMs >= SILENT_HOLDER_MS;
  }
  if (lease.owner?.uid !== self.uid || lease.renewTimeMs === null) return false;
  return silentForMs >= Math.max(SILENT_HOLDER_MS, (lease.leaseDurationSeconds ?? 0) * 1000);
}

/** Looks up the holder when it is silent, and warns when its identity is known. */
export function stepSibling(context: StepContext, role: SiblingRole, input: Fact): void {
  if (input.type === 'timerFired' && input.timer === 'retry') context.readLease();
  // Without a retry, a single refusal would count as lasting.
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
