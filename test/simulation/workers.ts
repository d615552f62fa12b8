/**
 * Runs many seeds: one thread for each core, and one seed at a time in each thread. A seed that hangs, throws or ends
 * its thread fails, like a seed that breaks an invariant.
 */

import os from 'node:os';
import { Worker } from 'node:worker_threads';
import { systemClock, type Timer } from '../../src/runtime/clock.ts';
import type { SimulationResult } from './simulation.ts';

/**
 * The time-out of a seed, in milliseconds. A seed usually takes a quarter of a second, so this is long enough even on a
 * busy machine.
 */
export const SEED_TIMEOUT_MS = 300_000;

/** The result of one seed. */
export interface SeedResult {
  readonly seed: number;
  /** The reason of its failure, or `null`. */
  readonly failure: string | null;
  /** `null` when the simulation did not end normally. */
  readonly figures: Omit<SimulationResult, 'violation'> | null;
}

export interface RunOptions {
  /** Each free thread takes the next seed. */
  readonly seeds: Iterable<number>;
  /** Called with the result of every seed, in the order of their ends. */
  readonly onResult: (result: SeedResult) => void;
  /** After its abort, no seed begins, and the running seeds are abandoned. */
  readonly signal?: AbortSignal;
  /** @default SEED_TIMEOUT_MS */
  readonly timeoutMs?: number;
  /** @default as many as there are cores */
  readonly threads?: number;
  /** The module whose `simulate` is run. @default simulation.ts */
  readonly simulation?: URL;
}

/** Runs simulations in threads. Resolves when there are no more seeds. */
export async function runSeeds(options: RunOptions): Promise<void> {
  const seeds = options.seeds[Symbol.iterator]();
  const next = (): number | null => {
    if (options.signal?.aborted === true) return null;
    const { done, value } = seeds.next();
    return done === true ? null : value;
  };
  const threads = Array.from({ length: options.threads ?? os.availableParallelism() }, async () => {
    for (let seed = next(); seed !== null; seed = next()) await runInThread(seed, next, options);
  });
  await Promise.all(threads);
}

/** Runs one thread until there are no more seeds, or until a seed ends the thread. */
function runInThread(first: number, next: () => number | null, options: RunOptions): Promise<void> {
  const { onResult, signal, timeoutMs = SEED_TIMEOUT_MS } = options;
  const simulation = options.simulation ?? new URL('simulation.ts', import.meta.url);
  const worker = new Worker(new URL('seed-worker.ts', import.meta.url), { workerData: simulation.href });
  let seed: number | null = first;
  let watchdog: Timer | undefined;
  const begin = (): void => {
    if (seed === null) return end();
    watchdog = systemClock.setTimer(timeoutMs, () => fail(`took longer than ${timeoutMs / 1000} s`));
    worker.postMessage(seed);
  };
  const end = (): void => {
    seed = null;
    void worker.terminate();
  };
  const fail = (failure: string): void => {
    if (seed !== null) onResult({ seed, failure, figures: null });
    end();
  };
  signal?.addEventListener('abort', end);
  worker.on('message', (result: SeedResult) => {
    watchdog?.cancel();
    if (seed === null) return;
    onResult(result);
    seed = next();
    begin();
  });
  worker.on('error', (error) => fail(`threw an uncaught error: ${String(error)}`));
  return new Promise((resolve) => {
    worker.on('exit', (code) => {
      watchdog?.cancel();
      signal?.removeEventListener('abort', end);
      fail(`ended its thread with code ${code}`);
      resolve();
    });
    begin();
  });
}
