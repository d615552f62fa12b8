/**
 * A simulation that fails in each possible way, for the tests of `workers.ts`.
 */

import type { SimulationOptions, SimulationResult } from './simulation.ts';

/** The failures of the seeds 1, 2, 3 and so on. Every other seed succeeds. */
const FAILURES: readonly (() => unknown)[] = [
  () => {
    throw new TypeError('thrown at once');
  },
  () => Promise.reject(new Error('rejected')),
  () => void Promise.reject(new Error('rejected beside it')),
  () => process.exit(3),
  () => {
    for (;;);
  },
  () => new Promise(() => undefined),
];

export async function simulate({ seed }: SimulationOptions): Promise<SimulationResult> {
  await FAILURES[seed - 1]?.();
  const violation = seed === FAILURES.length + 1 ? ({ invariant: 1, what: 'two lead' } as const) : null;
  const gaps = { faultsMs: 1, returnMs: null };
  return { seed, violation, simulatedMs: 1, events: 2, requests: 3, terms: 4, gaps, faults: { 'Pod deleted': 5 } };
}
