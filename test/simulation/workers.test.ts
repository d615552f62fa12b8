/**
 * That no seed is lost: a thread that hangs, throws or ends is a failing seed, and the others go on.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Totals } from './totals.ts';
import { runSeeds, type SeedResult } from './workers.ts';

const simulation = new URL('broken-simulation.ts', import.meta.url);

async function run(seeds: Iterable<number>, timeoutMs = 60_000): Promise<readonly SeedResult[]> {
  const results: SeedResult[] = [];
  await runSeeds({ seeds, simulation, timeoutMs, threads: 2, onResult: (result) => results.push(result) });
  return results.sort((left, right) => left.seed - right.seed);
}

test('a seed that throws, rejects, ends its thread or breaks an invariant fails, and the next ones are run', async () => {
  const results = await run([1, 2, 3, 4, 7, 8, 9]);
  assert.deepEqual(
    results.map(({ seed, failure }) => [seed, failure]),
    [
      [1, 'threw TypeError: thrown at once'],
      [2, 'threw Error: rejected'],
      [3, 'threw, and nobody caught it: Error: rejected beside it'],
      [4, 'ended its thread with code 3'],
      [7, 'invariant 1: two lead'],
      [8, null],
      [9, null],
    ],
  );
});

test('a seed that never ends is given up, whether it keeps its thread busy or not', async () => {
  const results = await run([5, 6], 500);
  assert.deepEqual(
    results.map(({ seed, failure }) => [seed, failure]),
    [
      [5, 'took longer than 0.5 s'],
      [6, 'took longer than 0.5 s'],
    ],
  );
});

test('whoever aborts hears of no seed any more, and needs not wait for those under way', async () => {
  const over = new AbortController();
  const heard: number[] = [];
  await runSeeds({
    seeds: [8, 5, 9, 10],
    simulation,
    threads: 2,
    signal: over.signal,
    onResult: ({ seed }) => {
      heard.push(seed);
      over.abort();
    },
  });
  assert.deepEqual(heard, [8]);
});

test('the figures of all seeds are added up, and each failing seed is printed with the command that repeats it', async () => {
  const totals = new Totals();
  for (const result of await run([9, 7, 8, 2])) totals.add(result);
  assert.deepEqual(
    { ...totals },
    {
      seeds: 4,
      simulatedMs: 3,
      events: 6,
      requests: 9,
      terms: 12,
      faults: { 'Pod deleted': 15 },
      failures: [
        { seed: 2, failure: 'threw Error: rejected' },
        { seed: 7, failure: 'invariant 1: two lead' },
      ],
    },
  );
  assert.equal(
    totals.complaints(),
    'seed 2: threw Error: rejected\n  npm run sim -- --seed 2\nseed 7: invariant 1: two lead\n  npm run sim -- --seed 7',
  );
});
