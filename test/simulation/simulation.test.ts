/**
 * The simulation of twenty-five seeds and, with `npm run test:all`, of two hundred and every seed that found something once.
 * `npm run sim` runs more.
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
const QUICK_SEEDS = 25;

/** From the return of the API server until the leader's successor leads. Every candidate asks every 2 s at least. */
const RETURN_P95_MS = 2_500;

const remembered = parseSeeds(readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')).map(({ seed }) => seed);

// Two hundred and more seeds, measured for coverage on a busy machine, take minutes.
test('no seed breaks an invariant, and every fault happens in some', { timeout: 600_000 }, async () => {
  const totals = new Totals();
  const seeds = ALL ? new Set([...SEEDS, ...remembered]) : SEEDS.slice(0, QUICK_SEEDS);
  // The first seeds of a thread cost most, since V8 compiles what they run.
  const threads = ALL ? {} : { threads: 1 };
  await runSeeds({ seeds, onResult: (result) => totals.add(result), ...threads });
  assert.equal(totals.failures.length, 0, `\n${totals.complaints()}`);
  assert.ok(totals.seeds >= (ALL ? SEEDS.length : QUICK_SEEDS));
  assert.ok((totals.gaps.return?.p95 ?? Infinity) <= RETURN_P95_MS, JSON.stringify(totals.gaps));
  for (const fault of FAULTS) {
    assert.ok((totals.faults[fault] ?? 0) > 0, `${fault} never happened`);
  }
});

// A fault that no seed draws is a fault that is not tested.
const mixes: readonly SimulationParameters[] = SEEDS.map((seed) => drawParameters(seededRandom(seed)));

test('the mixes have two to nine Pods', () => {
  assert.deepEqual([...new Set(mixes.map(({ pods }) => pods))].sort(), [2, 3, 4, 5, 6, 7, 8, 9]);
});

test('each network fault is drawn for some seeds, and some seeds have none', () => {
  for (const name of Object.keys(CALM) as (keyof NetworkConditions)[]) {
    assert.ok(mixes.filter(({ conditions }) => conditions[name] > CALM[name]).length >= 10, name);
  }
  assert.ok(mixes.filter(({ conditions }) => conditions === CALM).length >= 10);
});

test('each fault is drawn for some seeds, and not for others', () => {
  for (const fault of FAULTS) {
    const count = mixes.filter(({ faults }) => faults.includes(fault)).length;
    assert.ok(count >= 10 && count <= SEEDS.length - 10, `${fault}: ${count}`);
  }
});

test('each verb that an elector can do without is withheld in some', () => {
  const withheld = (kind: 'leases' | 'pods'): string[] =>
    ALL_PERMISSIONS[kind].filter((verb) => mixes.some(({ permissions }) => !permissions[kind].includes(verb)));
  assert.deepEqual(withheld('leases'), ['update', 'delete']);
  assert.deepEqual(withheld('pods'), ['get', 'list', 'watch']);
});

/** The other parameters, and every value that a test can name. */
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
  test(`every choice is made in some seeds: ${what}`, () => {
    const made = Map.groupBy(mixes, of);
    assert.deepEqual(new Set(made.keys()), new Set(values));
    for (const [value, seeds] of made) assert.ok(seeds.length >= 5, `${value}: ${seeds.length} seeds`);
  });
}
