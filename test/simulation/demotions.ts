/**
 * Checks the reason of a demotion. A leader keeps its term until there is a valid reason to end it.
 */

import { SHORT_LIVES_LIMIT } from '../../src/core/short-life.ts';
import type { DemotionReason } from '../../src/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** How long a token must have been refused before a term ends, in milliseconds of the process's clock. */
const UNAUTHORIZED_MS = 10_000;

/** The speed of the fastest clock of a process, relative to the virtual time. */
const FASTEST_CLOCK = 2;

/** The history of the Lease, as seen from outside. */
export interface LeaseHistory {
  /** Whether another process took it since the term began. */
  readonly taken: boolean;
  /** How often another program or a person deleted a Lease of this Pod. */
  readonly deletions: number;
  readonly nowMs: number;
}

/** Why the term must not have ended for this reason. `null` if the reason is valid. */
export function invalidDemotion(
  { pod, observations, clock, stoppedCountsAsGone }: SimulatedProcess,
  reason: DemotionReason | null,
  { taken, deletions, nowMs }: LeaseHistory,
): string | null {
  switch (reason) {
    case 'usurped':
      return taken || pod.gone || pod.mirrored ? null : 'no other process took its Lease';
    case 'pod-deleted':
      // Without the permission to read Pods, repeated deletions by the collector are the proof.
      if ((pod.gone || deletions >= SHORT_LIVES_LIMIT) && observations.podsForbidden) return null;
      return observations.podGone || (stoppedCountsAsGone && pod.stopped)
        ? null
        : 'it has not observed that its Pod is gone';
    case 'unauthorized': {
      if (observations.unauthorized === null) return 'its token was not refused';
      const { count, sinceMs } = observations.unauthorized;
      const lasted = nowMs - sinceMs >= UNAUTHORIZED_MS / FASTEST_CLOCK || clock.jumpedMs >= sinceMs;
      return count >= 2 && lasted ? null : `its token was refused only ${count} times, or only for a moment`;
    }
    default:
      return null;
  }
}
