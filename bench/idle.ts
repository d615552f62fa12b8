/**
 * The cost of an elector while nothing happens: resident memory, processor time and requests of a leader and a
 * follower. A Node process that does nothing and bare `node:https` scripts with the same watches are measured beside
 * them.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Aim, BenchmarkResult, BenchOptions, Row } from './benchmark.ts';
import { rounded } from './benchmark.ts';
import { build } from './build.ts';
import { Cluster } from './cluster.ts';
import { MeasuredProcess, type Usage } from './measured-process.ts';
import { median } from './statistics.ts';

/** The start is over after this many milliseconds: from then on processor time and requests are counted. */
const SETTLE_MS = 5_000;

/** Each kind of process: its script, the Lease that it shares with others, and its first report. */
const KINDS = {
  'empty Node': { script: 'empty', lease: 'none', reports: 'up', arguments: [] },
  'bare leader': { script: 'bare-https', lease: 'bare', reports: 'elected', arguments: [] },
  'bare follower': { script: 'bare-https', lease: 'bare', reports: 'following', arguments: [] },
  leader: { script: 'elector', lease: 'library', reports: 'elected', arguments: [] },
  follower: { script: 'elector', lease: 'library', reports: 'following', arguments: [] },
  'two connections, 1 election': {
    script: 'bare-client',
    lease: 'two',
    reports: 'up',

    arguments: ['two', '1'],
  },
  'HTTP/2, 1 election': {
    script: 'bare-client',
    lease: 'http2',
    reports: 'up',

    arguments: ['http2', '1'],
  },
  'two connections, 100 elections': {
    script: 'bare-client',
    lease: 'two-100',
    reports: 'up',

    arguments: ['two', '100'],
  },
  'HTTP/2, 100 elections': {
    script: 'bare-client',
    lease: 'http2-100',
    reports: 'up',

    arguments: ['http2', '100'],
  },
} as const;

type Kind = keyof typeof KINDS;

const BASELINE: Kind = 'empty Node';

interface Measured extends Usage {
  /** Requests, and processor milliseconds, in a minute. */
  readonly requests: number;
  readonly cpuMsAMinute: number;
}

/** Measures one process of each kind in every run, all at the same time. */
export async function measureIdle(options: BenchOptions): Promise<BenchmarkResult> {
  const built = await build();
  const cluster = await Cluster.start(options.kubeconfig);
  const runs: Record<Kind, Measured>[] = [];
  try {
    for (let run = 1; run <= options.memoryRuns; run += 1) {
      options.progress(`idle: run ${run} of ${options.memoryRuns}, ${options.seconds} s`);
      const processes = new Map<Kind, MeasuredProcess>();
      const accounts = new Map<string, Kind>();
      for (const kind of Object.keys(KINDS) as Kind[]) {
        const { script, lease, reports, arguments: own } = KINDS[kind];
        const account = kind.toLowerCase().replace(/[^a-z0-9]+/g, '-');
        accounts.set(account, kind);
        const pod = await cluster.createPod(`${account}-${run}`, lease, account);
        const started = new MeasuredProcess(built.script(script), { pod, arguments: [`${lease}-${run}`, ...own] });
        processes.set(kind, started);
        await started.reportedAfterMs(reports);
      }
      await sleep(SETTLE_MS);
      await cluster.inner?.takeLog();
      const before = new Map([...processes].map(([kind, one]) => [kind, one.usage()]));
      const windowMs = options.seconds * 1_000 - SETTLE_MS;
      await sleep(windowMs);
      const log = (await cluster.inner?.takeLog()) ?? [];
      const aMinute = 60_000 / windowMs;
      const measured = [...processes].map(([kind, one]) => {
        const usage = one.usage();
        const cpuMsAMinute = (usage.cpuMs - (before.get(kind)?.cpuMs ?? 0)) * aMinute;
        const requests = log.filter(({ by }) => accounts.get(by) === kind).length * aMinute;
        return [kind, { ...usage, cpuMsAMinute, requests }];
      });
      runs.push(Object.fromEntries(measured) as Record<Kind, Measured>);
      for (const one of processes.values()) await one.end();
    }
  } finally {
    await cluster.stop();
    built.remove();
  }
  return summarize(runs, options.seconds, cluster.inner === null);
}

function summarize(runs: readonly Record<Kind, Measured>[], seconds: number, isRemote: boolean): BenchmarkResult {
  const middle = (kind: Kind, field: keyof Measured): number => median(runs.map((run) => run[kind][field]));
  // Differences within a run, then their median: the machine affects all processes of a run.
  const added = (kind: Kind, field: keyof Measured): number =>
    median(runs.map((run) => run[kind][field] - run[BASELINE][field]));
  const rows = (Object.keys(KINDS) as Kind[]).map(
    (kind): Row => ({
      process: kind,
      'RSS MiB': rounded(middle(kind, 'rss')),
      '+ empty': kind === BASELINE ? '' : rounded(added(kind, 'rss')),
      'private MiB': rounded(middle(kind, 'anonymous')),
      '+ empty ': kind === BASELINE ? '' : rounded(added(kind, 'anonymous')),
      'CPU ms a minute': rounded(middle(kind, 'cpuMsAMinute')),
      'requests a minute': isRemote ? '' : rounded(middle(kind, 'requests')),
    }),
  );
  const memory = (kind: 'leader' | 'follower'): Aim => {
    const bare: Kind = `bare ${kind}`;
    return {
      what: `memory of a ${kind} over an empty process beside a bare ${kind}, times`,
      limit: 1.1,
      measured: rounded(added(kind, 'rss') / added(bare, 'rss'), 2),
      cause:
        `+${rounded(added(kind, 'rss'))} MiB beside +${rounded(added(bare, 'rss'))}, ` +
        `private +${rounded(added(kind, 'anonymous'))} beside +${rounded(added(bare, 'anonymous'))}: ` +
        'the code of the library, compiled, and its objects',
    };
  };
  const perMinute = (kind: 'leader' | 'follower', field: 'cpuMsAMinute' | 'requests', limit: number): Aim => ({
    what: `${field === 'requests' ? 'requests' : 'processor milliseconds'} of an idle ${kind} in a minute`,
    limit,
    measured: rounded(middle(kind, field)),
    cause: `a bare ${kind} with the same watches and timers: ${rounded(middle(`bare ${kind}`, field))}`,
  });
  return {
    title: `An elector while nothing happens, after ${seconds} s`,
    rows,
    notes: [
      'Built JavaScript, as users run it. No garbage collection is forced.',
      'An application that uses node:https or fetch has paid for most of "bare" already.',
    ],
    aims: [
      memory('leader'),
      memory('follower'),
      perMinute('leader', 'cpuMsAMinute', 15),
      perMinute('follower', 'cpuMsAMinute', 10),
      ...(isRemote ? [] : [perMinute('leader', 'requests', 8), perMinute('follower', 'requests', 1.3)]),
    ],
    raw: runs,
  };
}
