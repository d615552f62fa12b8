/**
 * A leader and a candidate in two Pods, both in this process, and their events.
 */

import type { TestContext } from 'node:test';
import type { LeaseElector, LeaseElectorOptions, Warning } from '../../src/index.ts';
import type { Permissions } from '../worlds/permissions.ts';
import { until } from '../worlds/until.ts';
import { fasterClock, journalOf, TestCluster, type TestPod } from './cluster.ts';

/** `web-0` leads, and `web-1` is a candidate. */
export interface Pair {
  readonly cluster: TestCluster;
  readonly pod: TestPod;
  readonly leader: LeaseElector;
  readonly leaderJournal: string[];
  readonly otherPod: TestPod;
  readonly other: LeaseElector;
  readonly otherJournal: string[];
  /** The warnings of both electors. */
  readonly warnings: Warning[];
}

/** Starts the leader, then the candidate. @param speed the speed of the electors' clock, relative to real time */
export async function pair(t: TestContext, permissions?: Permissions, speed = 1): Promise<Pair> {
  const cluster = await TestCluster.start(t, permissions === undefined ? {} : { permissions });
  const [pod, otherPod] = [cluster.addPod('web-0'), cluster.addPod('web-1')];
  const options: LeaseElectorOptions =
    speed === 1 ? {} : { renewIntervalMs: 200 * speed, leaseDurationSeconds: speed, requestTimeoutMs: 2_000 };
  const runtime = speed === 1 ? {} : { clock: fasterClock(speed) };
  const leader = cluster.elector(pod, options, runtime);
  const other = cluster.elector(otherPod, options, runtime);
  const [leaderJournal, otherJournal] = [journalOf(leader), journalOf(other)];
  const warnings: Warning[] = [];
  for (const elector of [leader, other]) elector.on('warning', (warning) => warnings.push(warning));
  await leader.start();
  await other.start();
  return { cluster, pod, leader, leaderJournal, otherPod, other, otherJournal, warnings };
}

/** Waits until this elector has emitted a few more `renewed` events. */
export async function renewals(elector: LeaseElector, count = 2): Promise<void> {
  let seen = 0;
  const note = (): void => {
    seen += 1;
  };
  elector.on('renewed', note);
  await until('the Lease was renewed', () => seen >= count);
  elector.off('renewed', note);
}

/** The events of an elector without `stale`, which is normal on a busy machine. */
export function withoutStale(journal: readonly string[]): string[] {
  return journal.filter((line) => !line.startsWith('stale'));
}
