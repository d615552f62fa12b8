/**
 * Two processes with one identity, in network namespaces of their own: no sibling lock keeps either from leading, and
 * nobody else can tell them apart. What can be asked is that each notices what the other writes in its name.
 */

import type { SimulatedPod } from './simulated-pod.ts';
import { SimulatedProcess } from './simulated-process.ts';

/**
 * A leader that was shown a write in its name that it did not send warns within so many milliseconds: as long as the
 * answer to a write of its own may be under way, for which it could take that one.
 */
export const TWIN_BOUND_MS = 30_000;

export class Twins {
  /** Which process wrote each version of the Lease. */
  readonly #writers = new Map<string, SimulatedProcess>();

  noteWrite(resourceVersion: string, writer: SimulatedProcess): void {
    if (writer.pod.mirrored) this.#writers.set(resourceVersion, writer);
  }

  /** Whatever a leader of this Pod ought to have noticed; `null` when there is nothing. */
  complaint(pod: SimulatedPod, nowMs: number): string | null {
    for (const process of pod.processes) {
      if (!(process instanceof SimulatedProcess) || !process.leads || process.warnedOfTwin) continue;
      const shownAtMs = this.#shownAtMs(process);
      if (shownAtMs === null || process.paused || process.knowledge.resumedAtMs >= shownAtMs) continue;
      if (nowMs - shownAtMs > TWIN_BOUND_MS) return `${process.name} does not notice that it has a twin`;
    }
    return null;
  }

  /** When this leader was first shown, in its term, what another process wrote in its name. */
  #shownAtMs({ elector, pod, knowledge }: SimulatedProcess): number | null {
    const token = elector.term?.fencingToken;
    if (token === undefined) return null;
    const foreign = knowledge.owners.get(pod.uid)?.find(({ version }) => {
      const writer = this.#writers.get(String(version));
      return version > token && writer !== undefined && writer.elector !== elector;
    });
    return foreign?.atMs ?? null;
  }
}
