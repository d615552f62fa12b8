/**
 * No seed is lost: a thread that hangs, throws or ends is a failing seed, and the other seeds continue.
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

test('a seed fails when it throws, rejects, ends its thread or breaks an invariant, and the next seeds run', async () => {
  const results = await run([1, 2, 3, 4, 7, 8, 9]);
  assert.deepEqual(
    results.map(({ seed, failure }) => [seed, failure]),
    [
      [1, 'threw TypeError: thrown at once'],
      [2, 'threw Error: rejected'],
      [3, 'threw an uncaught error: Error: rejected beside it'],
      [4, 'ended its thread with code 3'],
      [7, 'invariant 1: two lead'],
      [8, null],
      [9, null],
    ],
  );
});

test('a seed fails when it never ends, whether its thread is busy or idle', async () => {
  const results = await run([5, 6], 500);
  assert.deepEqual(
    results.map(({ seed, failure }) => [seed, failure]),
    [
      [5, 'took longer than 0.5 s'],
      [6, 'took longer than 0.5 s'],
    ],
  );
});

test('a run reports no more seeds and ends at once when its signal is aborted', async () => {
  const over = new AbortController();
  const reported: number[] = [];
  await runSeeds({
    seeds: [8, 5, 9, 10],
    simulation,
    threads: 2,
    signal: over.signal,
    onResult: ({ seed }) => {
      reported.push(seed);
      over.abort();
    },
  });
  assert.deepEqual(reported, [8]);
});

test('the totals add up all seeds, and list each failing seed with the command that repeats it', async () => {
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
    totals.failureList(),
    'seed 2: threw Error: rejected\n  npm run sim -- --seed 2\nseed 7: invariant 1: two lead\n  npm run sim -- --seed 7',
  );
});
