/**
 * Whether a term ended for the reason that its process gives: a leader is elected for life.
 */

import type { DemotionReason } from '../../src/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A token must have been refused for so long before a term ends, in milliseconds of the process's clock. */
const UNAUTHORIZED_MS = 10_000;

/** The speed of the fastest clock of a process, against the timeline. */
const FASTEST_CLOCK = 2;

/**
 * Why a term must not have ended for this reason; `null` where it may.
 *
 * @param taken whether anybody took the Lease since the term began
 */
export function whyUnjust(
  { pod, knowledge, clock, succeedsStopped }: SimulatedProcess,
  reason: DemotionReason | null,
  taken: boolean,
  nowMs: number,
): string | null {
  switch (reason) {
    case 'usurped':
      return taken || pod.gone || pod.mirrored ? null : 'nobody took its Lease';
    case 'pod-deleted':
      // Where Pods may not be read, the collector that deletes one Lease after the other shows it.
      if (pod.gone && knowledge.podsForbidden) return null;
      return knowledge.podGone || (succeedsStopped && pod.stopped) ? null : 'it was not told that its Pod is gone';
    case 'unauthorized': {
      if (knowledge.unauthorized === null) return 'its token was not refused';
      const { count, sinceMs } = knowledge.unauthorized;
      const lasted = nowMs - sinceMs >= UNAUTHORIZED_MS / FASTEST_CLOCK || clock.jumpedMs >= sinceMs;
      return count >= 2 && lasted ? null : `its token was refused ${count} times, and not for long`;
    }
    default:
      return null;
  }
}
