/**
 * The time from the deletion of the leader's Pod to the election of another Pod, among three candidates. Candidates
 * written by hand are measured in the same run. The situations are a quiet cluster, a garbage collector that is held
 * back, and a hand-over.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Aim, BenchmarkResult, BenchOptions, Row } from './benchmark.ts';
import { rounded } from './benchmark.ts';
import { build } from './build.ts';
import { CandidateGroup, type Failover } from './candidate-group.ts';
import { Cluster } from './cluster.ts';
import { isFailoverWrite, type LoggedEvent } from './cluster-commands.ts';
import { average, median, percentile } from './statistics.ts';

const CANDIDATES = 3;

/**
 * The pause between two rounds, in milliseconds. A leader renews every second here, and a renewal carries the name of
 * the successor.
 */
const SETTLE_MS = 1_300;

/** The requests of a failover are logged for this many milliseconds after the election. */
const AFTERWARDS_MS = 100;

/** The kinds of candidates, and the name of each in the tables. */
const KINDS = {
  'lease-elector': 'lease-elector',
  collector: 'bare, waits for the collector',
  one: 'bare, DELETE and POST',
  two: 'bare, second warm connection',
} as const;

type Kind = keyof typeof KINDS;

const SITUATIONS = {
  quiet: { kinds: ['lease-elector', 'collector', 'one', 'two'], held: false },
  'collector held back': { kinds: ['lease-elector', 'one', 'two'], held: true },
} as const;

type Situation = keyof typeof SITUATIONS | 'hand-over';

/** One measured change of the leader. */
export interface MeasuredFailover {
  readonly situation: Situation;
  readonly kind: Kind;
  readonly tookMs: number;
  /** The requests and writes, by their time since the deletion; empty where the log cannot be read. */
  readonly events: readonly LoggedEvent[];
  readonly electedAfterMs: number;
  readonly successor: string;
}

/** Deletes one leader after the other, of each kind in turns. A new Pod replaces each deleted one. */
export async function measureFailover(options: BenchOptions): Promise<BenchmarkResult> {
  const built = await build();
  const cluster = await Cluster.start(options.kubeconfig);
  const measured: MeasuredFailover[] = [];

  async function measure(
    situation: Situation,
    kind: Kind,
    change: () => Promise<Failover>,
    isCounted: boolean,
  ): Promise<void> {
    await cluster.inner?.takeLog();
    const failover = await change();
    await sleep(AFTERWARDS_MS);
    const log = (await cluster.inner?.takeLog()) ?? [];
    const { tookMs, deletedAtMs, electedAtMs, successor } = failover;
    const events = log.map((event) => ({ ...event, atMs: event.atMs - deletedAtMs }));
    const electedAfterMs = electedAtMs - deletedAtMs;
    if (isCounted) measured.push({ situation, kind, tookMs, events, electedAfterMs, successor });
  }

  const groups = new Map<Kind, CandidateGroup>();
  const handOver = new CandidateGroup(cluster, built.script('candidate-host'), 'hand-over', 'lease-elector');
  try {
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const group = new CandidateGroup(cluster, built.script('candidate-host'), `group-${kind}`, kind);
      groups.set(kind, group);
      await group.start(CANDIDATES);
    }
    await handOver.start(CANDIDATES);
    // The first round fills the file cache and warms the server.
    for (let round = 0; round <= options.failoverRounds; round += 1) {
      if (round > 0 && round % 10 === 0) options.progress(`failover: round ${round} of ${options.failoverRounds}`);
      for (const [situation, { kinds, held }] of Object.entries(SITUATIONS) as [
        keyof typeof SITUATIONS,
        (typeof SITUATIONS)[keyof typeof SITUATIONS],
      ][]) {
        if (held && cluster.inner === null) continue;
        await sleep(SETTLE_MS);
        for (const kind of kinds) {
          const group = groups.get(kind) as CandidateGroup;
          if (held) await cluster.inner?.holdCollector(true);
          await measure(situation, kind, () => group.replaceKilledLeader(), round > 0);
          if (held) await cluster.inner?.holdCollector(false);
        }
      }
      await measure('hand-over', 'lease-elector', () => handOver.replaceStoppedLeader(), round > 0);
    }
  } finally {
    for (const group of groups.values()) await group.end();
    await handOver.end();
    await cluster.stop();
    built.remove();
  }
  return summarize(measured, cluster.inner === null);
}

function summarize(measured: readonly MeasuredFailover[], isRemote: boolean): BenchmarkResult {
  const of = (situation: Situation, kind: Kind): readonly MeasuredFailover[] =>
    measured.filter((failover) => failover.situation === situation && failover.kind === kind);
  const times = (situation: Situation, kind: Kind): readonly number[] =>
    of(situation, kind).map(({ tookMs }) => tookMs);
  const writes = (situation: Situation, kind: Kind): number =>
    average(of(situation, kind).map(({ events }) => events.filter(isFailoverWrite).length));
  const series: [Situation, Kind][] = [
    ...(
      Object.entries(SITUATIONS) as [keyof typeof SITUATIONS, (typeof SITUATIONS)[keyof typeof SITUATIONS]][]
    ).flatMap(([situation, { kinds }]) => kinds.map((kind): [Situation, Kind] => [situation, kind])),
    ['hand-over', 'lease-elector'],
  ];
  const present = series.filter(([situation, kind]) => times(situation, kind).length > 0);
  const rows = present.map(([situation, kind]): Row => {
    const values = times(situation, kind);
    return {
      situation,
      candidates: KINDS[kind],
      rounds: values.length,
      'p50 ms': rounded(median(values)),
      'p90 ms': rounded(percentile(values, 0.9)),
      'p99 ms': rounded(percentile(values, 0.99)),
      'max ms': rounded(Math.max(...values)),
      'Lease writes': isRemote ? '' : rounded(writes(situation, kind), 2),
    };
  });
  const lines = isRemote ? [] : timeLine(of('quiet', 'lease-elector'));
  const better = Math.min(median(times('quiet', 'collector')), median(times('quiet', 'one')));
  const p50 = median(times('quiet', 'lease-elector'));
  const cause = isRemote
    ? 'not measured, since the requests of another cluster are not logged'
    : `the middle round: ${lines.join('; ')}`;
  const aims: Aim[] = [
    {
      what: 'failover, quiet: p50 beside the better bare script, times',
      limit: 1.2,
      measured: rounded(p50 / better, 2),
      cause,
    },
    {
      what: 'failover, quiet: p99 beside its p50, times',
      limit: 3,
      measured: rounded(percentile(times('quiet', 'lease-elector'), 0.99) / p50, 2),
      cause: slowest(of('quiet', 'lease-elector'), isRemote),
    },
  ];
  const heldBack = times('collector held back', 'lease-elector');
  if (heldBack.length > 0) {
    aims.push({
      what: 'failover, collector held back: p50 beside bare DELETE and POST, times',
      limit: 1.3,
      measured: rounded(median(heldBack) / median(times('collector held back', 'one')), 2),
      cause: `the middle round: ${timeLine(of('collector held back', 'lease-elector')).join('; ')}`,
    });
    aims.push({
      what: 'failover, quiet, 3 candidates: writes of the Lease',
      limit: 2.2,
      measured: rounded(writes('quiet', 'lease-elector'), 2),
      cause: 'a candidate that the Lease does not name ended its jitter before it saw the new Lease',
    });
    const creates = of('hand-over', 'lease-elector').map(
      ({ events }) => events.filter((event) => isFailoverWrite(event) && event.what.startsWith('create')).length,
    );
    aims.push({
      what: 'hand-over: candidates that create a Lease',
      limit: 1,
      measured: rounded(average(creates), 2),
      cause: 'the Lease did not name a successor, or the candidates saw its deletion before its release',
    });
  }
  return {
    title: `Failover: from the deletion of the leader's Pod (hand-over: from stop()) to elected, ${CANDIDATES} candidates`,
    rows,
    notes: [
      'Each candidate is a process that has never led. A round deletes the leader’s Pod of each kind in turn and kills its process.',
      ...(lines.length === 0
        ? []
        : [`Time line of the middle round, quiet (ms since the answer to the DELETE of the Pod): ${lines.join('; ')}`]),
      ...(heldBack.length === 0
        ? []
        : [`The same, collector held back: ${timeLine(of('collector held back', 'lease-elector')).join('; ')}`]),
      ...(isRemote ? [] : [`The same, hand-over: ${timeLine(of('hand-over', 'lease-elector')).join('; ')}`]),
    ],
    aims,
    raw: measured.map(({ events, ...rest }) => ({
      ...rest,
      writes: events.filter(isFailoverWrite).length,
    })),
  };
}

/** The events of the round with the median time, until the election and shortly after it. */
function timeLine(failovers: readonly MeasuredFailover[]): readonly string[] {
  const sorted = [...failovers].sort((left, right) => left.tookMs - right.tookMs);
  const middle = sorted[Math.ceil(sorted.length / 2) - 1];
  return middle === undefined ? [] : linesOf(middle);
}

function slowest(failovers: readonly MeasuredFailover[], isRemote: boolean): string {
  const [first] = [...failovers].sort((left, right) => right.tookMs - left.tookMs);
  return first === undefined || isRemote ? 'a slow round' : `the slowest round: ${linesOf(first).join('; ')}`;
}

function linesOf({ events, electedAfterMs, successor }: MeasuredFailover): readonly string[] {
  const lines = events
    .filter(({ what, atMs }) => atMs <= electedAfterMs && !/watch|serviceaccounts/.test(what))
    .map(({ by, what, atMs }) => {
      const subject = by === 'cluster' ? 'write' : by === successor ? 'successor' : 'another';
      return `${atMs.toFixed(1)} ${subject}: ${what}`;
    });
  return [...lines, `${electedAfterMs.toFixed(1)} elected`];
}
