/**
 * Electors that also label their Pods and write Events keep the invariants of the election, whether these writes are
 * permitted or not.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseElector } from '../../src/lease-elector.ts';
import type { SimulationParameters } from './parameters.ts';
import type { ElectorFactory } from './simulated-process.ts';
import { simulate } from './simulation.ts';

/** Set by `tools/test.ts`. */
const ALL = process.env['LEASE_ELECTOR_ALL_TESTS'] !== '0';

/** In seed 42, a leader receives the proof that its Pod is gone when it reads the label of its Pod. */
const SEEDS: readonly number[] = [42, ...Array.from({ length: ALL ? 15 : 0 }, (_, index) => index + 1)];

const publishing: ElectorFactory = (options, runtime) =>
  new LeaseElector({ ...options, leaderLabel: 'app.example.com/leader', podDeletionCost: 100, events: true }, runtime);

function permitted(parameters: SimulationParameters): SimulationParameters {
  const { permissions } = parameters;
  return { ...parameters, permissions: { ...permissions, pods: [...permissions.pods, 'patch'] } };
}

for (const [what, adjust] of [
  ['without', (parameters: SimulationParameters) => parameters],
  ['with', permitted],
] as const) {
  test(`no seed breaks an invariant when electors publish ${what} the permission to patch Pods`, async () => {
    let patched = 0;
    for (const seed of SEEDS) {
      const log = (line: string): void => {
        if (/is answered: patch pods\/\S+ → ok/.test(line)) patched += 1;
      };
      const { violation } = await simulate({ seed, makeElector: publishing, adjust, log });
      assert.equal(violation, null, `seed ${seed}: ${violation?.what}`);
    }
    assert.equal(patched > 0, adjust === permitted);
  });
}
