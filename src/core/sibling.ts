/**
 * What a sibling sees of the process that holds the socket of their Pod.
 *
 * It never acts on it. A holder that is no elector, or that hangs, must be visible: nobody of the Pod would ever lead.
 */

import type { Fact } from './input.ts';
import { currentLeader } from './observation.ts';
import type { ElectionConfig, Knowledge, SiblingRole } from './state.ts';
import type { StepContext } from './step-context.ts';

/** A holder that gives no sign of life for this many milliseconds is warned of. A candidate needs far less. */
export const SILENT_HOLDER_MS = 30_000;

/**
 * Whether no process of this Pod is seen to lead, campaign or renew: there is no Lease and no other holder, or the Lease
 * is this Pod's and was renewed once, but not since. Only what the API server has confirmed over that time counts.
 */
export function isLockHolderSilent({ self }: ElectionConfig, knowledge: Knowledge): boolean {
  const { observation, verifiedAtMs } = knowledge;
  if (observation === null) return false;
  const silentForMs = verifiedAtMs - observation.sinceMs;
  const { lease } = observation;
  if (lease === null) {
    // Another Pod that held it restores it; the own Pod would have done so long ago.
    const leader = currentLeader(knowledge);
    return (leader === null || leader.uid === self.uid) && silentForMs >= SILENT_HOLDER_MS;
  }
  if (lease.owner?.uid !== self.uid || lease.renewTimeMs === null) return false;
  return silentForMs >= Math.max(SILENT_HOLDER_MS, (lease.leaseDurationSeconds ?? 0) * 1000);
}

/** Has the holder looked up when it is silent, and warns once it is known who that is. */
export function stepSibling(context: StepContext, role: SiblingRole, input: Fact): void {
  if (input.type === 'timerFired' && input.timer === 'retry') context.readLease();
  // A refusal that nobody repeats would seem to last.
  if (input.type === 'requestFailed' && context.wasLeaseRead(input.request)) {
    context.setTimer('retry', context.backOffMs(input.failure));
  }
  if (!isLockHolderSilent(context.config, context.knowledge)) {
    if (role.isHolderSought) context.role = { name: 'sibling' };
    return;
  }
  if (input.type === 'siblingLockHolderFound') {
    const { holder } = input;
    const which =
      holder === null
        ? 'cannot be seen from this container: look at the other containers of the Pod'
        : `has the process id ${holder.pid} and the user id ${holder.uid}`;
    context.warn(
      'sibling-lock-held',
      `Another process holds the socket that lets one process of Pod ${context.config.self.name} campaign, but is not known ` +
        `to campaign: no process of the Pod has led or renewed for ${SILENT_HOLDER_MS / 1000} s. It ${which}. ` +
        'End it when it hangs or is no elector; another process of the Pod then takes its place.',
    );
  } else if (!role.isHolderSought && !context.knowledge.warned.includes('sibling-lock-held')) {
    context.role = { name: 'sibling', isHolderSought: true };
    context.emit({ type: 'findSiblingLockHolder' });
  }
}
