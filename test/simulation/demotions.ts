/**
 * Whether a term ended for the reason that its process gives: a leader is elected for life.
 */

import { SHORT_LIVES_LIMIT } from '../../src/core/short-life.ts';
import type { DemotionReason } from '../../src/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A token must have been refused for so long before a term ends, in milliseconds of the process's clock. */
const UNAUTHORIZED_MS = 10_000;

/** The speed of the fastest clock of a process, against the time. */
const FASTEST_CLOCK = 2;

/** What happened to the Lease, as seen from outside. */
export interface LeaseHistory {
  /** Whether anybody took it since the term began. */
  readonly taken: boolean;
  /** How often a Lease of this Pod was deleted by another program, or by a person. */
  readonly deletions: number;
  readonly nowMs: number;
}

/** Why a term must not have ended for this reason; `null` where it may. */
export function whyUnjust(
  { pod, knowledge, clock, succeedsStopped }: SimulatedProcess,
  reason: DemotionReason | null,
  { taken, deletions, nowMs }: LeaseHistory,
): string | null {
  switch (reason) {
    case 'usurped':
      return taken || pod.gone || pod.mirrored ? null : 'nobody took its Lease';
    case 'pod-deleted':
      // Where Pods may not be read, the collector that deletes one Lease after the other shows it.
      if ((pod.gone || deletions >= SHORT_LIVES_LIMIT) && knowledge.podsForbidden) return null;
      return knowledge.podGone || (succeedsStopped && pod.stopped) ? null : 'it has not observed that its Pod is gone';
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
