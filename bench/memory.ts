/**
 * The memory that the library adds to an application: a candidate and a leader beside a Node process that
 * does nothing and a bare `node:https` script that holds the same watches.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchmarkResult, BenchOptions, Row } from './benchmark.ts';
import { rounded } from './benchmark.ts';
import { build } from './build.ts';
import { Cluster } from './cluster.ts';
import { MeasuredProcess, type Memory } from './measured-process.ts';
import { median } from './statistics.ts';

/** What a candidate may add to an application's resident memory, in MiB; the sidecar is a process of 30 MB. */
const ADDED_LIMIT_MIB = 16;

/** Each kind of process: its script, and what it says once it is up. */
const KINDS = {
  'empty Node': { script: 'empty', says: 'up', typeScript: false },
  'bare node:https': { script: 'bare-https', says: 'following', typeScript: false },
  candidate: { script: 'elector', says: 'following', typeScript: false },
  leader: { script: 'elector', says: 'elected', typeScript: false },
  'empty Node, TypeScript': { script: 'empty', says: 'up', typeScript: true },
  'candidate, TypeScript': { script: 'elector', says: 'following', typeScript: true },
} as const;

type Kind = keyof typeof KINDS;

/** Measures one process of each kind in every run, all at the same time. */
export async function measureMemory(options: BenchOptions): Promise<BenchmarkResult> {
  const built = await build();
  const cluster = await Cluster.start();
  const runs: Record<Kind, Memory>[] = [];
  try {
    for (let run = 1; run <= options.memoryRuns; run += 1) {
      options.progress(`memory: run ${run} of ${options.memoryRuns}, ${options.seconds} s`);
      const lease = `memory-${run}`;
      const processes = new Map<Kind, MeasuredProcess>();
      const start = async (kind: Kind): Promise<void> => {
        const { script, says, typeScript } = KINDS[kind];
        const pod = await cluster.createPod(`${lease}-${kind.toLowerCase().replace(/[^a-z]+/g, '-')}`);
        const file = typeScript ? built.source(script) : built.script(script);
        const started = new MeasuredProcess(file, { pod, arguments: [lease] });
        processes.set(kind, started);
        await started.saidAfterMs(says);
      };
      // The leader first: the others have somebody to follow.
      await start('leader');
      for (const kind of Object.keys(KINDS) as Kind[]) if (kind !== 'leader') await start(kind);
      await sleep(options.seconds * 1000);
      const measured = Object.fromEntries([...processes].map(([kind, one]) => [kind, one.memory()]));
      runs.push(measured as Record<Kind, Memory>);
      for (const one of processes.values()) await one.end();
    }
  } finally {
    await cluster.stop();
    built.remove();
  }
  return summarize(runs, options.seconds);
}

function summarize(runs: readonly Record<Kind, Memory>[], seconds: number): BenchmarkResult {
  // Differences within a run, then their median: what the machine does in one run, it does to all of them.
  const added = (kind: Kind, over: Kind, field: keyof Memory): number =>
    median(runs.map((run) => run[kind][field] - run[over][field]));
  const rows = (Object.keys(KINDS) as Kind[]).map((kind): Row => {
    const baseline = KINDS[kind].typeScript ? 'empty Node, TypeScript' : 'empty Node';
    return {
      process: kind,
      'RSS MiB': rounded(median(runs.map((run) => run[kind].rss))),
      '+ empty': kind === baseline ? '' : rounded(added(kind, baseline, 'rss')),
      '+ bare': kind === 'candidate' || kind === 'leader' ? rounded(added(kind, 'bare node:https', 'rss')) : '',
      'anonymous MiB': rounded(median(runs.map((run) => run[kind].anonymous))),
      '+ empty ': kind === baseline ? '' : rounded(added(kind, baseline, 'anonymous')),
      'PSS MiB': rounded(median(runs.map((run) => run[kind].proportional))),
      '+ empty  ': kind === baseline ? '' : rounded(added(kind, baseline, 'proportional')),
    };
  });
  return {
    title: `Resident memory after ${seconds} s`,
    rows,
    notes: [
      'Built JavaScript, as users run it, but for the last two rows. No garbage collection is forced.',
      'An application that uses node:https or fetch anyway has paid for most of "bare node:https" already.',
    ],
    aims: [
      {
        what: `MiB of resident memory added to an empty Node process by a candidate after ${seconds} s`,
        limit: ADDED_LIMIT_MIB,
        measured: rounded(added('candidate', 'empty Node', 'rss')),
      },
    ],
    raw: runs,
  };
}
