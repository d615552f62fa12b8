/**
 * Decides whether two worlds are the same situation, and packs worlds into a few numbers.
 *
 * Only the order of revisions counts, and the names of candidates do not count: the permutation of candidates with the
 * smallest fingerprint represents all permutations. If two situations had the same 64-bit fingerprint by chance, one
 * would be hidden. Among 10 million situations, that chance is 1 in 370,000.
 */

import type { Cluster } from './cluster-model.ts';
import type { Memory } from './memory.ts';
import type { Process } from './process-model.ts';
import type { World } from './world.ts';

/** The world with its revisions numbered from 1 without a gap. */
export function compacted(memory: Memory, world: World): World {
  if (memory.exact) return world;
  const { cluster, orphanedRequests, record, processes } = world;
  let inUse = memory.revisionsOf(cluster) | memory.revisionsOf(orphanedRequests) | memory.revisionsOf(record);
  for (const process of processes) inUse |= memory.revisionsOf(process);
  inUse &= ~1;
  const withoutGap = (inUse & (inUse + 2)) === 0;
  if (withoutGap && inUse + 2 === 2 << cluster.revision) return world;
  return {
    ...world,
    cluster: memory.compact('cluster', cluster, inUse),
    orphanedRequests: memory.compact('orphanedRequests', orphanedRequests, inUse),
    record: memory.compact('record', record, inUse),
    processes: processes.map((process) => memory.compact('process', process, inUse)),
  };
}

/** The two halves of a fingerprint. */
export interface Fingerprint {
  high: number;
  low: number;
}

/** Makes the fingerprints of compacted worlds with a given number of candidates. */
export class Fingerprints {
  readonly #memory: Memory;
  readonly #orders: readonly (readonly number[])[];
  #high = 0;
  #low = 0;

  constructor(memory: Memory, candidates: number) {
    this.#memory = memory;
    this.#orders = permutations(candidates);
  }

  of(world: World): Fingerprint {
    const smallest: Fingerprint = { high: 0xffffffff, low: 0xffffffff };
    for (let number = 0; number < this.#orders.length; number += 1) {
      this.#addWorld(world, number, this.#orders[number] as readonly number[]);
      const high = this.#high >>> 0;
      const low = this.#low >>> 0;
      if (high > smallest.high || (high === smallest.high && low > smallest.low)) continue;
      smallest.high = high;
      smallest.low = low;
    }
    return smallest;
  }

  #addWorld(world: World, number: number, order: readonly number[]): void {
    const memory = this.#memory;
    this.#high = 0x9e3779b9;
    this.#low = 0x85ebca6b;
    this.#add(world.budget * 8 + world.namesakes);
    this.#add(memory.idOf(memory.permute('cluster', world.cluster, number, order)));
    this.#add(memory.idOf(memory.permute('orphanedRequests', world.orphanedRequests, number, order)));
    this.#add(memory.idOf(memory.permute('record', world.record, number, order)));
    for (let place = 0; place < order.length; place += 1) {
      for (const process of world.processes) {
        if (order[process.slot] !== place) continue;
        this.#add(memory.idOf(memory.permute('process', process, number, order)));
      }
    }
  }

  /** Two independent mixes of 32 bits. */
  #add(value: number): void {
    let high = Math.imul(this.#high ^ value, 0x85ebca6b);
    high = (high << 13) | (high >>> 19);
    this.#high = (Math.imul(high, 5) + 0x27d4eb2f) | 0;
    let low = Math.imul(this.#low + value, 0xc2b2ae35);
    low ^= low >>> 15;
    this.#low = (Math.imul(low, 0x9e3779b1) + 0x165667b1) | 0;
  }
}

function permutations(count: number): number[][] {
  if (count === 0) return [[]];
  return permutations(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, position) => order.toSpliced(position, 0, count - 1)),
  );
}

/** A world as numbers. */
export function pack(memory: Memory, world: World): number[] {
  const { cluster, orphanedRequests, record, budget, namesakes, processes } = world;
  const parts = [memory.idOf(cluster), memory.idOf(orphanedRequests), memory.idOf(record), budget * 8 + namesakes];
  return [...parts, ...processes.map((process) => memory.idOf(process))];
}

export function unpack(memory: Memory, numbers: readonly number[]): World {
  const [cluster, orphanedRequests, record, counts, ...processes] = numbers as [
    number,
    number,
    number,
    number,
    ...number[],
  ];
  return {
    cluster: memory.partOf(cluster) as Cluster,
    orphanedRequests: memory.partOf(orphanedRequests) as World['orphanedRequests'],
    record: memory.partOf(record) as World['record'],
    budget: counts >> 3,
    namesakes: counts & 7,
    processes: processes.map((id) => memory.partOf(id) as Process),
  };
}
