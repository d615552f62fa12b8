/**
 * Two processes with one identity in different network namespaces. No sibling lock prevents either from leading, and no
 * other process can distinguish them. But each must notice a write of the other.
 */

import type { SimulatedProcess } from './simulated-process.ts';

/**
 * A leader that observes a write with its identity that it did not send must warn within this many milliseconds. During
 * this time it may wait for the answer to its own write, and the observed write may be its own.
 */
export const TWIN_BOUND_MS = 30_000;

/** A write of the Lease. */
interface Write {
  readonly writer: SimulatedProcess;
  /** The `renewTime` of the written Lease. `null`: the Lease has none. */
  readonly renewTime: unknown;
  readonly created: boolean;
}

export class Twins {
  /** The writes of mirrored Pods, by version of the Lease. */
  readonly #writes = new Map<string, Write>();

  noteWrite(resourceVersion: string, write: Write): void {
    if (write.writer.pod.mirrored) this.#writes.set(resourceVersion, write);
  }

  /** The violation, if this leader should have noticed its twin. Otherwise `null`. */
  violationOf(process: SimulatedProcess, nowMs: number): string | null {
    if (!process.pod.mirrored || process.warnedOfTwin) return null;
    const observedAtMs = this.#observedAtMs(process);
    if (observedAtMs === null || process.paused || process.observations.resumedAtMs >= observedAtMs) return null;
    return nowMs - observedAtMs > TWIN_BOUND_MS ? `${process.name} does not report its twin` : null;
  }

  /** When this leader first observed, in its term, a write of another process with its identity. */
  #observedAtMs({ elector, pod, observations }: SimulatedProcess): number | null {
    const token = elector.term?.fencingToken;
    if (token === undefined) return null;
    let explained = observations.uncertainCreates;
    const seen = new Set<bigint>();
    const foreign = observations.owners.get(pod.uid)?.find(({ version }) => {
      const write = this.#writes.get(String(version));
      if (version <= token || write === undefined || write.writer.elector === elector) return false;
      // Each read shows the same write again.
      if (seen.has(version)) return false;
      seen.add(version);
      // The process cannot distinguish a write from its own if the renewTime is equal, or if its own create has no
      // answer.
      if (observations.sentRenewTimes.has(write.renewTime)) return false;
      if (!write.created || explained === 0) return true;
      explained -= 1;
      return false;
    });
    return foreign?.atMs ?? null;
  }
}
