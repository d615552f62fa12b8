/**
 * A thread that runs one simulation after another, with the seeds of `workers.ts`. An error outside of a simulation's
 * promise ends the thread, and `workers.ts` receives it.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { SeedResult } from './workers.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

// Stack traces are most of the cost of an error, and simulations make many errors. `--seed N` keeps the stack traces.
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
    // biome-ignore lint/style/noRestrictedGlobals: this waits only for promises, not for time.
    setImmediate(() => port.postMessage(result));
  });
});
