/**
 * The time from the start of a process until it is elected, beside a bare script with the fewest requests.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BenchmarkResult, BenchOptions, Row } from './benchmark.ts';
import { rounded } from './benchmark.ts';
import { build } from './build.ts';
import { Cluster } from './cluster.ts';
import { MeasuredProcess } from './measured-process.ts';
import { median, percentile } from './statistics.ts';

/** The largest permitted ratio to the bare script. */
const RATIO_LIMIT = 1.15;

/** The first pairs fill the machine's file cache, and the server's compiler warms up. */
const WARM_UP_PAIRS = 3;

/** Each kind of process: its script, and its report at the end of its start. */
const KINDS = {
  'empty Node': { script: 'empty', reports: 'up', options: [] },
  'bare node:https, no watch': { script: 'bare-election', reports: 'elected', options: ['blind'] },
  'bare node:https': { script: 'bare-election', reports: 'elected', options: [] },
  'lease-elector': { script: 'elector', reports: 'elected', options: [] },
  'bare node:https, compile cache': { script: 'bare-election', reports: 'elected', options: [], cached: true },
  'lease-elector, compile cache': { script: 'elector', reports: 'elected', options: [], cached: true },
} as const;

type Kind = keyof typeof KINDS;

/** Starts one process after the other, in turns. */
export async function measureStartUp(options: BenchOptions): Promise<BenchmarkResult> {
  const built = await build();
  const cluster = await Cluster.start(options.kubeconfig);
  const cache = mkdtempSync(path.join(tmpdir(), 'lease-elector-bench-cache-'));
  const runs: Record<Kind, number>[] = [];
  let lastLease = 0;

  async function start(kind: Kind): Promise<number> {
    lastLease += 1;
    const lease = `start-up-${lastLease}`;
    const pod = await cluster.createPod(lease);
    const { script, reports, options: own } = KINDS[kind];
    const isCached = 'cached' in KINDS[kind];
    const started = new MeasuredProcess(built.script(script), {
      pod,
      arguments: [lease, ...own],
      environment: isCached ? { NODE_COMPILE_CACHE: cache } : {},
    });
    try {
      return await started.reportedAfterMs(reports);
    } finally {
      // The cache is written when a process ends by itself.
      await started.end(isCached && lastLease <= WARM_UP_PAIRS * Object.keys(KINDS).length ? 'SIGTERM' : 'SIGKILL');
    }
  }

  try {
    for (let pair = 1 - WARM_UP_PAIRS; pair <= options.startUpRuns; pair += 1) {
      if (pair > 0 && pair % 10 === 0) options.progress(`start-up: pair ${pair} of ${options.startUpRuns}`);
      const run = {
        'empty Node': await start('empty Node'),
        'bare node:https, no watch': await start('bare node:https, no watch'),
        'bare node:https': await start('bare node:https'),
        'lease-elector': await start('lease-elector'),
        'bare node:https, compile cache': await start('bare node:https, compile cache'),
        'lease-elector, compile cache': await start('lease-elector, compile cache'),
      };
      if (pair > 0) runs.push(run);
    }
  } finally {
    await cluster.stop();
    built.remove();
    rmSync(cache, { recursive: true, force: true });
  }

  const times = (kind: Kind): readonly number[] => runs.map((run) => run[kind]);
  const added = (kind: Kind): number => rounded(median(runs.map((run) => run[kind] - run['empty Node'])));
  const rows = (Object.keys(KINDS) as Kind[]).map((kind): Row => {
    return {
      process: kind,
      'p10 ms': rounded(percentile(times(kind), 0.1)),
      'median ms': rounded(median(times(kind))),
      'p90 ms': rounded(percentile(times(kind), 0.9)),
      '× bare, median of pairs':
        kind === 'empty Node' ? '' : rounded(median(runs.map((run) => run[kind] / run['bare node:https'])), 3),
    };
  });
  return {
    title: 'From the start of the process to elected',
    rows,
    notes: [`${runs.length} pairs in turns, after ${WARM_UP_PAIRS} to warm up. "empty Node" runs its first line.`],
    aims: [
      {
        what: 'times the bare script, from the start of the process to elected',
        limit: RATIO_LIMIT,
        measured: rounded(median(runs.map((run) => run['lease-elector'] / run['bare node:https'])), 3),
        cause:
          `over an empty process: ${added('lease-elector')} ms beside ${added('bare node:https')}; ` +
          `with a compile cache: ${added('lease-elector, compile cache')} beside ${added('bare node:https, compile cache')}`,
      },
    ],
    raw: runs,
  };
}
