/**
 * Invariant 6: the explanation of each process is true, as seen from outside. It is checked every few seconds: a check
 * of every process after every event would cost more than the simulation.
 */

import { ExplanationWatch, LATENESS_MS, type Truth } from '../worlds/explanation-watch.ts';
import type { Cluster } from './cluster.ts';
import { LEASE, type SimulatedProcess } from './simulated-process.ts';

const CHECK_EVERY_MS = 5_000;

/**
 * A lost request times out after at most 10 s, and is repeated. Only then does a process observe that the network is
 * broken. The check itself is up to 5 s late.
 */
const NETWORK_LATENESS_MS = 2 * 10_000 + CHECK_EVERY_MS;

export class Explanations {
  readonly #watch = new ExplanationWatch<SimulatedProcess>(LATENESS_MS + NETWORK_LATENESS_MS);
  #renewTime: unknown = null;
  #renewedAtMs = 0;
  #nextCheckMs = CHECK_EVERY_MS;

  attach({ server, time }: Cluster): void {
    server.onWrite(({ resource, object }) => {
      if (resource !== 'leases' || object.metadata.name !== LEASE) return;
      const renewTime = object.spec?.['renewTime'] ?? null;
      if (renewTime !== this.#renewTime) this.#renewedAtMs = time.nowMs();
      this.#renewTime = renewTime;
    });
  }

  /** The first explanation that has been false for too long. */
  check(cluster: Cluster): string | null {
    const nowMs = cluster.time.nowMs();
    if (nowMs < this.#nextCheckMs) return null;
    this.#nextCheckMs = nowMs + CHECK_EVERY_MS;
    const truth = this.#truthOf(cluster, nowMs);
    for (const process of cluster.electors) {
      if (!process.alive || process.paused) continue;
      const explainer = {
        name: process.name,
        leads: process.leads,
        ownMs: process.clock.nowMs(),
        interruption: Math.max(process.observations.resumedAtMs, process.clock.jumpedMs),
        explain: () => process.elector.explain(),
      };
      const contradiction = this.#watch.check(process, explainer, truth);
      if (contradiction !== null) return contradiction;
    }
    return null;
  }

  #truthOf(cluster: Cluster, nowMs: number): Truth {
    const ownerUid = cluster.lease()?.metadata.ownerReferences?.[0]?.uid ?? null;
    const owner = cluster.pods.find(({ uid }) => uid === ownerUid);
    const leading = cluster.processes.filter(
      (process) => process.alive && !process.paused && process.leads && !process.pod.gone,
    );
    return {
      nowMs,
      ownerUid,
      ownerReady: owner !== undefined && !owner.gone && !owner.finished,
      renewedAtMs: this.#renewedAtMs,
      leading: new Set(leading.map(({ pod }) => pod.uid)),
    };
  }
}
