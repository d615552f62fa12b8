/**
 * The simulation of twenty-five seeds and, with `npm run test:all`, of two hundred and every seed that found something once.
 * `npm run sim` runs more.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '../../src/runtime/random.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { drawMix, MISHAPS, type Mix } from './mix.ts';
import { parseSeeds } from './seeds.ts';
import { Tally } from './tally.ts';
import { CALM, type Weather } from './weather.ts';
import { runSeeds } from './workers.ts';

const SEEDS: readonly number[] = Array.from({ length: 200 }, (_, index) => index + 1);

/** Set by `tools/test.ts`. */
const ALL = process.env['LEASE_ELECTOR_ALL_TESTS'] !== '0';
const QUICK_SEEDS = 25;

/** From the return of the API server until the leader's successor leads. Every candidate asks every 2 s at least. */
const RETURN_P95_MS = 2_500;

const remembered = parseSeeds(readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')).map(({ seed }) => seed);

test('no seed breaks an invariant, and every mishap happens in some', async () => {
  const tally = new Tally();
  const seeds = ALL ? new Set([...SEEDS, ...remembered]) : SEEDS.slice(0, QUICK_SEEDS);
  await runSeeds({ seeds, onResult: (result) => tally.add(result) });
  assert.equal(tally.failures.length, 0, `\n${tally.complaints()}`);
  assert.ok(tally.seeds >= (ALL ? SEEDS.length : QUICK_SEEDS));
  assert.ok((tally.gaps.return?.p95 ?? Infinity) <= RETURN_P95_MS, JSON.stringify(tally.gaps));
  for (const mishap of MISHAPS) {
    assert.ok((tally.mishaps[mishap] ?? 0) > 0, `${mishap} never happened`);
  }
});

// A fault that no seed draws is a fault that is not tested.
const mixes: readonly Mix[] = SEEDS.map((seed) => drawMix(seededRandom(seed)));

test('the mixes have two to nine Pods', () => {
  assert.deepEqual([...new Set(mixes.map(({ pods }) => pods))].sort(), [2, 3, 4, 5, 6, 7, 8, 9]);
});

test('each kind of bad weather comes, and so does the calm', () => {
  for (const name of Object.keys(CALM) as (keyof Weather)[]) {
    assert.ok(mixes.filter(({ weather }) => weather[name] > CALM[name]).length >= 10, name);
  }
  assert.ok(mixes.filter(({ weather }) => weather === CALM).length >= 10);
});

test('each mishap is in the mix of some seeds, and out of the mix of others', () => {
  for (const mishap of MISHAPS) {
    const count = mixes.filter(({ mishaps }) => mishaps.includes(mishap)).length;
    assert.ok(count >= 10 && count <= SEEDS.length - 10, `${mishap}: ${count}`);
  }
});

test('each verb that an elector can do without is withheld in some', () => {
  const withheld = (kind: 'leases' | 'pods'): string[] =>
    ALL_PERMISSIONS[kind].filter((verb) => mixes.some(({ permissions }) => !permissions[kind].includes(verb)));
  assert.deepEqual(withheld('leases'), ['update', 'delete']);
  assert.deepEqual(withheld('pods'), ['get', 'list', 'watch']);
});

/** What else a mix may have, and every value that a test can name. */
const CHOICES: readonly (readonly [what: string, of: (mix: Mix) => unknown, values: readonly unknown[]])[] = [
  ['garbage collector', ({ collector }) => collector, ['absent', 'old', 'real']],
  ['collector delay', ({ collectorDelayMs }) => collectorDelayMs, [0, 100, 20_000]],
  ['collector step', ({ collectorStepMs }) => collectorStepMs, [0, 50, 2_000]],
  ['StatefulSet', ({ statefulSet }) => statefulSet, [false, true]],
  ['siblings', ({ siblings }) => siblings > 0, [false, true]],
  ['sidecars', ({ sidecars }) => sidecars, [0, 1, 2]],
  ['expiring electors', ({ expiringElectors }) => expiringElectors, [0, 1]],
  ['mishaps every', ({ mishapEveryMs }) => mishapEveryMs, [1_000, 5_000, 15_000]],
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
