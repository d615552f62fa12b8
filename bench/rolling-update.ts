/**
 * How often leadership moves in a rolling update of ten Pods. The cluster is simulated, so the time passes at once.
 */

import { rollOut } from '../test/simulation/rolling-update.ts';
import type { BenchmarkResult, BenchOptions } from './benchmark.ts';
import { rounded } from './benchmark.ts';
import { average } from './statistics.ts';

/** Counts the moves of each roll-out. */
export async function measureRollingUpdate({ rollOuts, progress }: BenchOptions): Promise<BenchmarkResult> {
  const moves: number[] = [];
  for (let seed = 1; seed <= rollOuts; seed += 1) {
    moves.push(await rollOut(seed));
    if (seed % 25 === 0) progress(`rolling-update: ${seed} of ${rollOuts}`);
  }
  const notOnce = moves.filter((count) => count !== 1).length;
  const most = Math.max(...moves);
  const cause = `the seeds with another number of moves: ${moves
    .map((count, index) => ({ count, seed: index + 1 }))
    .filter(({ count }) => count !== 1)
    .map(({ count, seed }) => `${seed} (${count})`)
    .join(', ')}`;
  return {
    title: 'Moves of leadership in a simulated rolling update of ten Pods, drained with stop()',
    rows: [
      {
        'roll-outs': rollOuts,
        average: rounded(average(moves), 2),
        once: rollOuts - notOnce,
        most,
      },
    ],
    notes: [],
    aims: [
      {
        what: 'rolling updates in a hundred that move leadership more or less than once',
        limit: 5,
        measured: rounded((notOnce / rollOuts) * 100),
        cause,
      },
      { what: 'the most moves of leadership in a rolling update', limit: 2, measured: most, cause },
    ],
    raw: moves,
  };
}
