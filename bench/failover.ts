/**
 * The time from the deletion of the leader's Pod until the successor's `onElected` is called, among three
 * candidates, over TLS; and the requests that it takes.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseElector } from '../src/index.ts';
import type { BenchmarkResult, BenchOptions } from './benchmark.ts';
import { rounded } from './benchmark.ts';
import { type BenchPod, Cluster } from './cluster.ts';
import { median, percentile } from './statistics.ts';

const CANDIDATES = 3;

/** The requests of a failover are counted this many milliseconds after the election: by then the new leader's Pod is watched. */
const SETTLE_MS = 150;

/** The rounds that warm the compilers of both processes. */
const WARM_UP_ROUNDS = 3;

interface Member {
  readonly pod: BenchPod;
  readonly elector: LeaseElector;
}

/** Deletes one leader after the other. Every Pod that goes is replaced by a new one. */
export async function measureFailover(options: BenchOptions): Promise<BenchmarkResult> {
  const cluster = await Cluster.start();
  const members: Member[] = [];
  const times: number[] = [];
  const requests: string[][] = [];
  let lastPod = 0;
  let elected = Promise.withResolvers<{ at: bigint; pod: BenchPod }>();

  async function join(): Promise<void> {
    lastPod += 1;
    const pod = await cluster.createPod(`failover-${lastPod}`);
    Object.assign(process.env, pod.environment);
    const elector = new LeaseElector({
      lease: 'failover',
      serviceAccountDirectory: pod.serviceAccountDirectory,
      onElected: async () => elected.resolve({ at: process.hrtime.bigint(), pod }),
    });
    await elector.start();
    members.push({ pod, elector });
  }

  try {
    for (let member = 0; member < CANDIDATES; member += 1) await join();
    let { pod: leader } = await elected.promise;
    for (let round = 1 - WARM_UP_ROUNDS; round <= options.failoverRounds; round += 1) {
      if (round > 0 && round % 10 === 0) options.progress(`failover: round ${round} of ${options.failoverRounds}`);
      await sleep(SETTLE_MS);
      elected = Promise.withResolvers();
      await cluster.takeRequests();
      const deletedAt = await cluster.deletePod(leader.name);
      const successor = await elected.promise;
      await sleep(SETTLE_MS);
      if (round > 0) {
        times.push(Number(successor.at - deletedAt) / 1e6);
        requests.push(await cluster.takeRequests());
      }
      const gone = members.findIndex(({ pod }) => pod.name === leader.name);
      for (const { elector } of members.splice(gone, 1)) await elector.stop();
      leader = successor.pod;
      await join();
    }
  } finally {
    await Promise.all(members.map(({ elector }) => elector.stop()));
    await cluster.stop();
  }

  const count = (matches: (request: string) => boolean): number =>
    rounded(requests.flat().filter(matches).length / requests.length, 2);
  const isWrite = (request: string): boolean => /^(delete|create|update)/.test(request);
  const kinds = [...new Set(requests.flat())].sort();
  return {
    title: `Failover: from the deletion of the leader's Pod to the successor's onElected, ${CANDIDATES} candidates`,
    rows: [
      {
        rounds: times.length,
        'p50 ms': rounded(median(times)),
        'p90 ms': rounded(percentile(times, 0.9)),
        'p99 ms': rounded(percentile(times, 0.99)),
        'max ms': rounded(Math.max(...times)),
        'requests a round': count(() => true),
        'of them writes': count(isWrite),
      },
    ],
    notes: [
      'A jitter of up to 50 ms, so that the candidates do not all try at once, is part of it.',
      `Requests a round (all candidates, the old and the new leader, and the status they were answered with): ${kinds
        .map((kind) => `${kind} ×${count((request) => request === kind)}`)
        .join(', ')}`,
    ],
    aims: [],
    raw: { timesMs: times, requests },
  };
}
