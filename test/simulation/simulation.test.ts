/**
 * Simulates twelve seeds. `npm run test:all` simulates two hundred, and every seed that once found a defect. `npm
 * run sim` runs more.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '../../src/runtime/random.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { CALM, type NetworkConditions } from './network-conditions.ts';
import { drawParameters, FAULTS, type SimulationParameters } from './parameters.ts';
import { parseSeeds } from './seeds.ts';
import { Totals } from './totals.ts';
import { runSeeds } from './workers.ts';

const SEEDS: readonly number[] = Array.from({ length: 200 }, (_, index) => index + 1);

/** Set by `tools/test.ts`. */
const ALL = process.env['LEASE_ELECTOR_ALL_TESTS'] !== '0';
const QUICK_SEEDS = 12;

/**
 * The time from the return of the API server until the successor leads. Every candidate sends a request at least every
 * 2 s.
 */
const RETURN_P95_MS = 2_500;

const regressionSeeds = parseSeeds(readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')).map(({ seed }) => seed);

// Two hundred seeds take minutes when coverage is measured on a busy machine.
test('no seed breaks an invariant, and every fault happens in at least one seed', { timeout: 600_000 }, async () => {
  const totals = new Totals();
  const seeds = ALL ? new Set([...SEEDS, ...regressionSeeds]) : SEEDS.slice(0, QUICK_SEEDS);
  // The first seeds of a thread are the slowest, because V8 compiles their code.
  const threads = ALL ? {} : { threads: 1 };
  await runSeeds({ seeds, onResult: (result) => totals.add(result), ...threads });
  assert.equal(totals.failures.length, 0, `\n${totals.failureList()}`);
  assert.ok(totals.seeds >= (ALL ? SEEDS.length : QUICK_SEEDS));
  assert.ok((totals.gaps.return?.p95 ?? Infinity) <= RETURN_P95_MS, JSON.stringify(totals.gaps));
  // Twelve seeds do not draw every fault.
  if (!ALL) return;
  for (const fault of FAULTS) {
    assert.ok((totals.faults[fault] ?? 0) > 0, `${fault} never happened`);
  }
});

// A fault that no seed draws is not tested.
const parameterSets: readonly SimulationParameters[] = SEEDS.map((seed) => drawParameters(seededRandom(seed)));

test('the parameters have two to nine Pods', () => {
  assert.deepEqual([...new Set(parameterSets.map(({ pods }) => pods))].sort(), [2, 3, 4, 5, 6, 7, 8, 9]);
});

test('each network fault is drawn for some seeds, and some seeds have no network fault', () => {
  for (const name of Object.keys(CALM) as (keyof NetworkConditions)[]) {
    assert.ok(parameterSets.filter(({ conditions }) => conditions[name] > CALM[name]).length >= 10, name);
  }
  assert.ok(parameterSets.filter(({ conditions }) => conditions === CALM).length >= 10);
});

test('each fault is drawn for some seeds and left out of others', () => {
  for (const fault of FAULTS) {
    const count = parameterSets.filter(({ faults }) => faults.includes(fault)).length;
    assert.ok(count >= 10 && count <= SEEDS.length - 10, `${fault}: ${count}`);
  }
});

test('each verb that is not required is withheld in some seeds', () => {
  const withheld = (kind: 'leases' | 'pods'): string[] =>
    ALL_PERMISSIONS[kind].filter((verb) => parameterSets.some(({ permissions }) => !permissions[kind].includes(verb)));
  assert.deepEqual(withheld('leases'), ['update', 'delete']);
  assert.deepEqual(withheld('pods'), ['get', 'list', 'watch']);
});

/** The other parameters, with each of their values. */
const CHOICES: readonly (readonly [
  what: string,
  of: (parameters: SimulationParameters) => unknown,
  values: readonly unknown[],
])[] = [
  ['garbage collector', ({ collector }) => collector, ['absent', 'old', 'real']],
  ['collector delay', ({ collectorDelayMs }) => collectorDelayMs, [0, 100, 20_000]],
  ['collector step', ({ collectorStepMs }) => collectorStepMs, [0, 50, 2_000]],
  ['StatefulSet', ({ statefulSet }) => statefulSet, [false, true]],
  ['siblings', ({ siblings }) => siblings > 0, [false, true]],
  ['sidecars', ({ sidecars }) => sidecars, [0, 1, 2]],
  ['expiring electors', ({ expiringElectors }) => expiringElectors, [0, 1]],
  ['faults every', ({ faultEveryMs }) => faultEveryMs, [1_000, 5_000, 15_000]],
  ['connections', ({ connections }) => connections, [1, 2, 8]],
  ['skewed clocks', ({ skewedClocks }) => skewedClocks, [0, 0.5, 1]],
  ['wall offset', ({ wallOffsetMs }) => wallOffsetMs, [0, 3_600_000]],
  ['stale lists', ({ staleLists }) => staleLists, [0, 0.5]],
  ['restart within', ({ restartWithinMs }) => restartWithinMs, [500, 20_000]],
  ['ghosts live', ({ ghostsLiveMs }) => ghostsLiveMs, [1_000, 60_000, 600_000]],
  ['disobedience', ({ disobedience }) => disobedience, [0, 0.3]],
];

for (const [what, of, values] of CHOICES) {
  test(`each value is drawn for some seeds: ${what}`, () => {
    const made = Map.groupBy(parameterSets, of);
    assert.deepEqual(new Set(made.keys()), new Set(values));
    for (const [value, seeds] of made) assert.ok(seeds.length >= 5, `${value}: ${seeds.length} seeds`);
  });
}
