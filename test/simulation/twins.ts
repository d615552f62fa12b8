/**
 * Two processes with one identity, in network namespaces of their own: no sibling lock keeps either from leading, and
 * nobody else can tell them apart. What can be asked is that each notices what the other writes in its name.
 */

import type { SimulatedProcess } from './simulated-process.ts';

/**
 * A leader that was shown a write in its name that it did not send warns within so many milliseconds: as long as the
 * answer to a write of its own may be under way, for which it could take that one.
 */
export const TWIN_BOUND_MS = 30_000;

/** A write of the Lease. */
interface Write {
  readonly writer: SimulatedProcess;
  /** The `renewTime` of the Lease that it left; `null`: it has none. */
  readonly renewTime: unknown;
  readonly created: boolean;
}

export class Twins {
  /** What made each version of the Lease. */
  readonly #writes = new Map<string, Write>();

  noteWrite(resourceVersion: string, write: Write): void {
    if (write.writer.pod.mirrored) this.#writes.set(resourceVersion, write);
  }

  /** What this leader ought to have noticed; `null` when there is nothing. */
  complaint(process: SimulatedProcess, nowMs: number): string | null {
    if (!process.pod.mirrored || process.warnedOfTwin) return null;
    const shownAtMs = this.#shownAtMs(process);
    if (shownAtMs === null || process.paused || process.knowledge.resumedAtMs >= shownAtMs) return null;
    return nowMs - shownAtMs > TWIN_BOUND_MS ? `${process.name} does not notice that it has a twin` : null;
  }

  /** When this leader was first shown, in its term, what another process wrote in its name. */
  #shownAtMs({ elector, pod, knowledge }: SimulatedProcess): number | null {
    const token = elector.term?.fencingToken;
    if (token === undefined) return null;
    let explained = knowledge.uncertainCreates;
    const seen = new Set<bigint>();
    const foreign = knowledge.owners.get(pod.uid)?.find(({ version }) => {
      const write = this.#writes.get(String(version));
      if (version <= token || write === undefined || write.writer.elector === elector) return false;
      // Each read shows the same write again.
      if (seen.has(version)) return false;
      seen.add(version);
      // Sent in the same millisecond, or as its own create whose answer was lost: nobody can tell them apart.
      if (knowledge.sentRenewTimes.has(write.renewTime)) return false;
      if (!write.created || explained === 0) return true;
      explained -= 1;
      return false;
    });
    return foreign?.atMs ?? null;
  }
}
