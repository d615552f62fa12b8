/**
 * The arguments of `npm run sim`.
 */

import { parseArgs } from 'node:util';
import { systemRandom } from '../../src/runtime/random.ts';
import { MAX_SEED } from './seeds.ts';

export const USAGE: string = `Usage: npm run sim -- [options]

Runs the library on a virtual clock, in a cluster with the faults that its seed draws, and checks the invariants of the
election. Without options: one minute of seeds.

  --seed N      run only this seed, and print its parameters, its whole log and the result
  --timeline FILE  with --seed: write the timeline of the seed to FILE, as a page for a browser
  --seeds N     run N seeds on all cores
  --minutes N   run as many seeds as possible in N minutes
  --from N      the first seed (default: 1 with --seeds; drawn at random and printed with --minutes)
  --json FILE   write the figures and the failing seeds to FILE
  --help        print this text

Exits 1 when a seed fails; ${'`npm run sim -- --seed N`'} repeats it. Stops after 20 failing seeds. Ctrl-C stops the run and prints the results.
`;

/** The task that the arguments describe. */
export type Task =
  | { readonly type: 'help' }
  | { readonly type: 'one'; readonly seed: number; readonly timeline: string | undefined }
  | {
      readonly type: 'many';
      readonly from: number;
      /** The number of seeds, and the time limit in milliseconds. */
      readonly seeds: number;
      readonly forMs: number;
      readonly json: string | undefined;
    };

/** Parses the arguments. @throws {Error} for invalid arguments, with the reason */
export function parseArguments(args: readonly string[]): Task {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      from: { type: 'string' },
      json: { type: 'string' },
      timeline: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { seed, seeds, minutes, from, json, timeline, help } = values;
  if (help) return { type: 'help' };
  if ([seed, seeds, minutes].filter((value) => value !== undefined).length > 1) {
    throw new Error('--seed, --seeds and --minutes exclude each other');
  }
  if (seed !== undefined) {
    if (from !== undefined || json !== undefined) throw new Error('--seed cannot be combined with --from or --json');
    if (timeline === '') throw new Error('--timeline needs the name of a file');
    return { type: 'one', seed: wholeNumber('seed', seed, 0, MAX_SEED), timeline };
  }
  if (timeline !== undefined) throw new Error('--timeline needs --seed');
  const first = from === undefined ? undefined : wholeNumber('from', from, 0, MAX_SEED);
  if (seeds !== undefined) {
    const left = MAX_SEED + 1 - (first ?? 1);
    return { type: 'many', from: first ?? 1, seeds: wholeNumber('seeds', seeds, 1, left), forMs: Infinity, json };
  }
  const drawn = first ?? Math.floor(systemRandom.next() * (MAX_SEED / 2));
  return { type: 'many', from: drawn, seeds: MAX_SEED + 1 - drawn, forMs: readMinutes(minutes ?? '1') * 60_000, json };
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new Error(`--${option} takes a whole number from ${least} to ${most}, not ${text}`);
}

function readMinutes(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text);
  throw new Error(`--minutes takes a number above 0, not ${text}`);
}
