/**
 * A simulated rolling update of ten Pods with the defaults of a Deployment (maxSurge 25 %, maxUnavailable 25 %).
 */

import { seededRandom } from '../../src/runtime/random.ts';
import { calmCluster } from './calm-cluster.ts';
import type { SimulatedPod } from './simulated-pod.ts';

const REPLICAS = 10;
const MAX_PODS = 13;
const MIN_AVAILABLE = 8;

/** Runs a roll-out. Returns the number of Pods that led in it, without the first leader. */
export async function rollOut(seed: number): Promise<number> {
  const { cluster, time, pass } = calmCluster({ seed });
  const random = seededRandom(seed);
  cluster.calm = true;
  const old = Array.from({ length: REPLICAS }, (_, index) => cluster.addPod(`old-${index}`));
  await pass(90);
  const led = new Set<string>();
  const ready = new Map<SimulatedPod, number>();
  const nowMs = (): number => time.nowMs();
  while (ready.size < REPLICAS || old.length > 0 || [...ready.values()].some((atMs) => atMs > nowMs())) {
    const available = old.length + [...ready.values()].filter((atMs) => atMs <= nowMs()).length;
    const running = cluster.livePods.filter(({ terminating }) => !terminating).length;
    if (ready.size < REPLICAS && running < MAX_PODS) {
      ready.set(cluster.addPod(`new-${ready.size}`), nowMs() + 1_000 + random.next() * 2_000);
      continue;
    }
    if (old.length > 0 && available > MIN_AVAILABLE) {
      const [pod] = old.splice(Math.floor(random.next() * old.length), 1);
      if (pod !== undefined) cluster.deletePod(pod);
      continue;
    }
    for (const { pod, leads } of cluster.electors) if (leads) led.add(pod.uid);
    await pass(0.05);
  }
  await pass(30);
  for (const { pod, leads } of cluster.electors) if (leads) led.add(pod.uid);
  return led.size - 1;
}
