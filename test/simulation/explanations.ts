/**
 * Invariant 6: what `explain()` of each process says is so, as seen from outside. Looked at now and then, since a look
 * at every process after every event would cost more than the simulation.
 */

import { ExplanationWatch, LATENESS_MS, type Truth } from '../worlds/explanation-watch.ts';
import type { Cluster } from './cluster.ts';
import { LEASE, type SimulatedProcess } from './simulated-process.ts';

const LOOK_EVERY_MS = 5_000;

/**
 * A request that is lost is given up after 10 s at most, and repeated; only then does a process know that it hears
 * nothing. And it is looked at every 5 s.
 */
const NETWORK_LATENESS_MS = 2 * 10_000 + LOOK_EVERY_MS;

export class Explanations {
  readonly #watch = new ExplanationWatch<SimulatedProcess>(LATENESS_MS + NETWORK_LATENESS_MS);
  #renewTime: unknown = null;
  #renewedAtMs = 0;
  #nextLookMs = LOOK_EVERY_MS;

  attach({ server, time }: Cluster): void {
    server.onWrite(({ resource, object }) => {
      if (resource !== 'leases' || object.metadata.name !== LEASE) return;
      const renewTime = object.spec?.['renewTime'] ?? null;
      if (renewTime !== this.#renewTime) this.#renewedAtMs = time.nowMs();
      this.#renewTime = renewTime;
    });
  }

  /** The first sentence that has been untrue for too long. */
  check(cluster: Cluster): string | null {
    const nowMs = cluster.time.nowMs();
    if (nowMs < this.#nextLookMs) return null;
    this.#nextLookMs = nowMs + LOOK_EVERY_MS;
    const truth = this.#truthOf(cluster, nowMs);
    for (const process of cluster.electors) {
      if (!process.alive || process.paused) continue;
      const explainer = {
        name: process.name,
        leads: process.leads,
        ownMs: process.clock.nowMs(),
        interruption: Math.max(process.knowledge.resumedAtMs, process.clock.jumpedMs),
        explain: () => process.elector.explain(),
      };
      const complaint = this.#watch.look(process, explainer, truth);
      if (complaint !== null) return complaint;
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
