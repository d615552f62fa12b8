/**
 * A leader and a candidate, each in a Pod of its own and both in this process, and what they tell.
 */

import type { TestContext } from 'node:test';
import type { LeaseElector, LeaseElectorOptions, Warning } from '../../src/index.ts';
import type { Permissions } from '../worlds/permissions.ts';
import { fasterClock, journalOf, TestCluster, type TestPod, until } from './cluster.ts';

/** `web-0` leads, and `web-1` would. */
export interface Pair {
  readonly cluster: TestCluster;
  readonly pod: TestPod;
  readonly leader: LeaseElector;
  readonly leaderJournal: string[];
  readonly otherPod: TestPod;
  readonly other: LeaseElector;
  readonly otherJournal: string[];
  /** Of both. */
  readonly warnings: Warning[];
}

/** Starts one after the other. @param haste how many times as fast as ours the clock of the electors runs */
export async function pair(t: TestContext, permissions?: Permissions, haste = 1): Promise<Pair> {
  const cluster = await TestCluster.start(t, permissions === undefined ? {} : { permissions });
  const [pod, otherPod] = [cluster.addPod('web-0'), cluster.addPod('web-1')];
  const options: LeaseElectorOptions =
    haste === 1 ? {} : { renewIntervalMs: 200 * haste, leaseDurationSeconds: haste, requestTimeoutMs: 2_000 };
  const runtime = haste === 1 ? {} : { clock: fasterClock(haste) };
  const leader = cluster.elector(pod, options, runtime);
  const other = cluster.elector(otherPod, options, runtime);
  const [leaderJournal, otherJournal] = [journalOf(leader), journalOf(other)];
  const warnings: Warning[] = [];
  for (const elector of [leader, other]) elector.on('warning', (warning) => warnings.push(warning));
  await leader.start();
  await other.start();
  return { cluster, pod, leader, leaderJournal, otherPod, other, otherJournal, warnings };
}

/** Waits until this elector has seen a few more renewals. */
export async function renewals(elector: LeaseElector, count = 2): Promise<void> {
  let seen = 0;
  const note = (): void => {
    seen += 1;
  };
  elector.on('renewed', note);
  await until('it was renewed', () => seen >= count);
  elector.off('renewed', note);
}

/** What an elector told, but for a leader's silence: on a busy machine that is no news. */
export function told(journal: readonly string[]): string[] {
  return journal.filter((line) => !line.startsWith('stale'));
}
