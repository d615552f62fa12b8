/**
 * Many candidates of one Lease. Counts the writes and requests of a failover, the requests of followers while nothing
 * happens, and the requests after an outage of the API server. Each process has at most 100 candidates.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Aim, BenchmarkResult, BenchOptions, Row } from './benchmark.ts';
import { rounded } from './benchmark.ts';
import { build } from './build.ts';
import { CandidateProcess } from './candidate-process.ts';
import { type BenchPod, Cluster } from './cluster.ts';
import { isFailoverWrite, type LoggedEvent } from './cluster-commands.ts';
import { average, median } from './statistics.ts';

const CANDIDATES_A_PROCESS = 100;

/** How many candidates join at the same time. */
const JOINING = 10;

/** The interval of renewals, in milliseconds. It is short, because a renewal carries the name of the successor. */
const RENEW_INTERVAL_MS = 1_000;
const SETTLE_MS = 2_500;

/** The followers list and watch the new leader's Pod for this many milliseconds after an election. */
const AFTERWARDS_MS = 3_000;

const OUTAGE_MS = 10_000;
const AFTER_OUTAGE_MS = 8_000;

/**
 * The most Lease writes of a failover, by the number of candidates. For other numbers: 4, plus 1 for each hundred
 * candidates.
 */
const WRITES: Readonly<Record<number, number>> = { 3: 2.2, 300: 5, 1000: 14 };

interface Round {
  readonly tookMs: number;
  readonly writes: number;
  readonly others: number;
}

interface Crowd {
  readonly candidates: number;
  readonly rounds: readonly Round[];
  /** Requests of all candidates except the leader, in a minute. */
  readonly idleRequests: number;
  /** Requests in the busiest second after the outage, and in all. */
  readonly herdASecond: number;
  readonly herd: number;
  readonly serverMib: number;
  readonly emptyServerMib: number;
}

/** Measures one crowd after the other, on the embedded API server. */
export async function measureCrowd(options: BenchOptions): Promise<BenchmarkResult> {
  const built = await build();
  const crowds: Crowd[] = [];
  try {
    for (const candidates of options.crowds) {
      options.progress(`crowd: ${candidates} candidates`);
      crowds.push(await measureOne(candidates, built.script('candidate-host'), options));
    }
  } finally {
    built.remove();
  }
  return summarize(crowds);
}

async function measureOne(candidates: number, script: string, options: BenchOptions): Promise<Crowd> {
  const cluster = await Cluster.startEmbedded();
  const { inner } = cluster;
  if (inner === null) throw new Error('the embedded API server has a log');
  const emptyServerMib = await inner.memoryMib();
  let elected = Promise.withResolvers<{ pod: string; atMs: number }>();
  const processes = Array.from(
    { length: Math.ceil(candidates / CANDIDATES_A_PROCESS) },
    () => new CandidateProcess(script, 'lease-elector', (election) => elected.resolve(election), RENEW_INTERVAL_MS),
  );
  const members = new Map<string, { readonly pod: BenchPod; readonly process: CandidateProcess }>();
  let lastPod = 0;
  const join = async (): Promise<void> => {
    lastPod += 1;
    const process = processes[lastPod % processes.length] as CandidateProcess;
    const pod = await cluster.createPod(`crowd-${lastPod}`, 'crowd');
    members.set(pod.name, { pod, process });
    await process.join(pod, 'crowd');
  };
  try {
    await join();
    while (members.size < candidates) {
      await Promise.all(Array.from({ length: Math.min(JOINING, candidates - members.size) }, join));
    }
    let leader = (await elected.promise).pod;
    const rounds: Round[] = [];
    for (let round = 0; round < options.crowdRounds; round += 1) {
      await sleep(SETTLE_MS);
      elected = Promise.withResolvers();
      const old = members.get(leader);
      if (old === undefined) throw new Error(`${leader} is not a member`);
      await inner.takeLog();
      const deletedAtMs = await cluster.deletePod(leader);
      const { pod, atMs } = await elected.promise;
      await sleep(AFTERWARDS_MS);
      const log = (await inner.takeLog()).filter(({ by }) => by !== 'cluster');
      const writes = log.filter(isFailoverWrite).length;
      const others = log.filter(({ what }) => !/^(delete|create|update) leases/.test(what)).length;
      rounds.push({ tookMs: atMs - deletedAtMs, writes, others });
      old.process.drop(old.pod);
      members.delete(leader);
      leader = pod;
      await join();
    }
    await sleep(SETTLE_MS);
    await inner.takeLog();
    const windowMs = options.seconds * 1_000;
    await sleep(windowMs);
    const isIdle = ({ by, what }: LoggedEvent): boolean => by !== 'cluster' && !what.startsWith('update');
    const idleRequests = ((await inner.takeLog()).filter(isIdle).length * 60_000) / windowMs;
    const serverMib = await inner.memoryMib();
    const returnedAtMs = await inner.breakDown(OUTAGE_MS);
    await sleep(AFTER_OUTAGE_MS);
    const herd = (await inner.takeLog()).filter(({ by }) => by !== 'cluster');
    const seconds = Map.groupBy(herd, ({ atMs }) => Math.floor((atMs - returnedAtMs) / 1_000));
    const herdASecond = Math.max(0, ...[...seconds.values()].map((events) => events.length));
    return { candidates, rounds, idleRequests, herdASecond, herd: herd.length, serverMib, emptyServerMib };
  } finally {
    for (const process of processes) await process.end();
    await cluster.stop();
  }
}

function summarize(crowds: readonly Crowd[]): BenchmarkResult {
  const middle = ({ rounds }: Crowd, field: keyof Round): number =>
    rounded(median(rounds.map((round) => round[field])));
  const writesOf = ({ rounds }: Crowd): number => rounded(average(rounds.map(({ writes }) => writes)), 2);
  const aFollower = ({ idleRequests, candidates }: Crowd): number => rounded(idleRequests / (candidates - 1), 2);
  const rows = crowds.map(
    (crowd): Row => ({
      candidates: crowd.candidates,
      'failover ms': middle(crowd, 'tookMs'),
      'Lease writes': writesOf(crowd),
      'other requests': middle(crowd, 'others'),
      'requests a minute, a follower': aFollower(crowd),
      'after an outage: requests': crowd.herd,
      'in the busiest second': crowd.herdASecond,
      'server MiB': rounded(crowd.serverMib),
      '+ empty': rounded(crowd.serverMib - crowd.emptyServerMib),
    }),
  );
  const aims = crowds.flatMap((crowd): Aim[] => [
    {
      what: `failover, ${crowd.candidates} candidates: writes of the Lease`,
      limit: WRITES[crowd.candidates] ?? 4 + crowd.candidates / 100,
      measured: writesOf(crowd),
      cause: `in each round: ${crowd.rounds.map(({ writes, tookMs }) => `${writes} writes, ${Math.round(tookMs)} ms`).join('; ')}`,
    },
    {
      what: `requests of a follower in a minute, ${crowd.candidates} candidates`,
      limit: 1.3,
      measured: aFollower(crowd),
      cause: 'each follower reads the Lease and the Pod of its holder once a minute',
    },
  ]);
  return {
    title: 'Candidates of one Lease, in processes of at most 100, on the embedded API server',
    rows,
    notes: [
      `The failover is the median of ${crowds[0]?.rounds.length} rounds, the writes are their average. The outage lasts ${OUTAGE_MS / 1_000} s.`,
      'Server and candidates share the processors, so the times are longer than those of a cluster.',
    ],
    aims,
    raw: crowds,
  };
}
