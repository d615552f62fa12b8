/**
 * A thread that runs one simulation after another, as `workers.ts` names their seeds. What is thrown outside of a
 * simulation's own promise ends the thread, and `workers.ts` hears of it.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { SeedResult } from './workers.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

// Stack traces are most of what an error costs, and simulations make many. A seed repeated alone shows them.
Error.stackTraceLimit = 0;

const { simulate } = (await import(String(workerData))) as typeof import('./simulation.ts');

async function run(seed: number): Promise<SeedResult> {
  try {
    const { violation, ...figures } = await simulate({ seed });
    const failure = violation === null ? null : `invariant ${violation.invariant}: ${violation.what}`;
    return { seed, failure, figures };
  } catch (error) {
    return { seed, failure: `threw ${String(error)}`, figures: null };
  }
}

port.on('message', (seed: number) => {
  void run(seed).then((result) => {
    // An unhandled rejection is reported before the next immediate, so it still belongs to this seed.
    // biome-ignore lint/style/noRestrictedGlobals: this waits for no time, only for the promises.
    setImmediate(() => port.postMessage(result));
  });
});
