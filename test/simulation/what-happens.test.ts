/**
 * Measures each time of the table "What happens when" of docs/operations.md, in a simulated cluster with a healthy
 * network of 1 to 5 ms. A time without a measurement fails, and a measurement without a row fails.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { calmCluster } from './calm-cluster.ts';
import type { Cluster } from './cluster.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { VirtualTime } from './virtual-time.ts';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const PAGE = read('docs/operations.md');

/** The seeds of the measured clusters. The table has the longest time. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7];

/** The work that has just begun runs as far as it can before time passes. */
const SETTLE = (): void => undefined;

/** The longest time to wait for a condition, in seconds. */
const LIMIT_SECONDS = 300;

class Setup {
  readonly cluster: Cluster;
  readonly pass: (seconds: number) => Promise<void>;
  readonly #time: VirtualTime;

  constructor(seed: number, adjust: Parameters<typeof calmCluster>[0] = {}) {
    const { cluster, time, pass } = calmCluster({ seed, ...adjust });
    this.cluster = cluster;
    this.pass = pass;
    this.#time = time;
    // A restarted API server accepts tokens and has Roles at once.
    cluster.calm = true;
  }

  /** Three Pods, one of which has led for a minute. */
  static async of(seed: number, adjust?: Parameters<typeof calmCluster>[0]): Promise<Setup> {
    const setup = new Setup(seed, adjust);
    for (const name of ['web-1', 'web-2', 'web-3']) setup.cluster.addPod(name);
    await setup.pass(60);
    return setup;
  }

  /** Waits for a condition. Returns the seconds that have passed. */
  async until(condition: () => boolean): Promise<number> {
    const beganMs = this.#time.nowMs();
    this.#time.setTimer(0, SETTLE);
    await this.#time.runUntil(beganMs + LIMIT_SECONDS * 1_000, () => !condition());
    assert.ok(condition(), `not true within ${LIMIT_SECONDS} s: ${condition}`);
    return (this.#time.nowMs() - beganMs) / 1_000;
  }

  get leaders(): SimulatedProcess[] {
    return this.cluster.electors.filter(({ leads }) => leads);
  }

  get leader(): SimulatedProcess {
    const [leader] = this.leaders;
    assert.ok(leader);
    return leader;
  }

  anotherLeads(than: SimulatedPod): boolean {
    return this.leaders.some(({ pod }) => pod !== than);
  }
}

/** The measurement of each row, in seconds, by the name of the row. */
const MEASUREMENTS: Readonly<Record<string, (seed: number) => Promise<number>>> = {
  async 'the container crashes'(seed) {
    const setup = await Setup.of(seed);
    const { pod } = setup.leader;
    setup.cluster.crash(setup.leader);
    await setup.until(() => pod.processes.at(-1)?.alive === true);
    const seconds = await setup.until(() => setup.leaders.length === 1);
    assert.equal(setup.leader.pod, pod);
    assert.equal(setup.leader.elector.term?.resumed, true);
    return seconds;
  },
  async 'the process hangs'(seed) {
    const setup = await Setup.of(seed);
    const { leader } = setup;
    // The pause begins between two renewals, at another moment for each seed.
    await setup.pass(1.3 * seed);
    leader.pause();
    const followers = setup.cluster.electors.filter((process) => process !== leader);
    const seconds = await setup.until(() =>
      followers.every(({ elector }) => elector.explain().reason === 'holder-silent'),
    );
    await setup.pass(120);
    assert.deepEqual(
      followers.filter(({ leads }) => leads),
      [],
    );
    return seconds;
  },
  async 'the Pod is deleted, and its process handles SIGTERM'(seed) {
    const setup = await Setup.of(seed);
    const { leader } = setup;
    setup.cluster.deletePod(leader.pod);
    await setup.until(() => leader.stopping);
    return setup.until(() => setup.anotherLeads(leader.pod));
  },
  async 'the Pod is deleted, and its process ignores SIGTERM'(seed) {
    const setup = await Setup.of(seed);
    const { leader } = setup;
    leader.terminate = () => undefined;
    setup.cluster.deletePod(leader.pod);
    await setup.until(() => leader.pod.gone);
    return setup.until(() => setup.anotherLeads(leader.pod));
  },
  async "the Pod is evicted or finishes, with `succession: 'pod-stopped'`"(seed) {
    const setup = await Setup.of(seed, { adjust: { stoppedCountsAsGone: 1 } });
    const { pod } = setup.leader;
    setup.cluster.finishPod(pod, 'Failed');
    return setup.until(() => setup.anotherLeads(pod));
  },
  async 'the API server is down'(seed) {
    const setup = await Setup.of(seed);
    const { leader } = setup;
    // The outage does not end at a multiple of the back-off.
    setup.cluster.stopServer(60_000 + 1_130 * seed);
    await setup.pass(30);
    assert.equal(setup.leader, leader);
    setup.cluster.forceDeletePod(leader.pod);
    await setup.until(() => !setup.cluster.network.down);
    assert.equal(setup.anotherLeads(leader.pod), false, 'no process takes over while the API server is down');
    return setup.until(() => setup.anotherLeads(leader.pod));
  },
  async 'the Lease is deleted by hand'(seed) {
    const setup = await Setup.of(seed);
    const { leader } = setup;
    const before = setup.cluster.lease()?.metadata.uid;
    setup.cluster.deleteLease();
    assert.equal(setup.cluster.lease(), undefined);
    const seconds = await setup.until(() => setup.cluster.lease() !== undefined);
    assert.notEqual(setup.cluster.lease()?.metadata.uid, before);
    await setup.pass(60);
    assert.deepEqual(setup.leaders, [leader]);
    return seconds;
  },
};

const section = PAGE.slice(PAGE.indexOf('## What happens when …?'));
const table = section.slice(0, section.indexOf('\n\n', section.indexOf('\n| ')));
const rows = new Map(
  [...table.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|/gm)].map(([, name = '', , after = '']) => [name, after]),
);

/** The measured time of a row, in seconds. `null` if the row has none. */
const measuredIn = (after: string): number | null => {
  const [, seconds] = /\*\*([\d.]+) s\*\*/.exec(after) ?? [];
  return seconds === undefined ? null : Number(seconds);
};

describe('docs/operations.md has the measured time when', () => {
  for (const [name, measure] of Object.entries(MEASUREMENTS)) {
    test(name, async (t) => {
      const seconds: number[] = [];
      for (const seed of SEEDS) seconds.push(await measure(seed));
      const longest = Math.max(...seconds);
      t.diagnostic(`${name}: ${longest.toFixed(2)} s at most`);
      const written = measuredIn(rows.get(name) ?? '');
      assert.ok(written !== null, `the table has no row with a time: ${name}; measured ${longest.toFixed(2)} s`);
      assert.ok(longest <= written, `measured ${longest.toFixed(2)} s, but the table has ${written} s`);
      assert.ok(longest >= written / 2, `measured ${longest.toFixed(2)} s, so ${written} s is not a measured time`);
    });
  }
});

test('the table names only alerts that exist', () => {
  const rules = readFileSync(new URL('../../deploy/alerts.yaml', import.meta.url), 'utf8');
  const named = [...table.matchAll(/`(LeaseElector\w+)`/g)].map(([, name]) => name);
  assert.ok(named.length > 0);
  for (const name of named) assert.ok(rules.includes(`- alert: ${name}\n`), name);
});

test('each time in the table is measured', () => {
  const timed = [...rows].filter(([, after]) => measuredIn(after) !== null).map(([name]) => name);
  assert.deepEqual(timed.sort(), Object.keys(MEASUREMENTS).sort());
});

test('the README has two times of the table and the number of its rows', () => {
  const [, summary = ''] = /\n(\*\*What happens when\*\* [\s\S]*?)\n\n/.exec(read('README.md')) ?? [];
  const times = [...summary.matchAll(/\*\*([\d.]+) s\*\*/g)].map(([, seconds]) => Number(seconds));
  const crash = measuredIn(rows.get('the container crashes') ?? '');
  const handOver = measuredIn(rows.get('the Pod is deleted, and its process handles SIGTERM') ?? '');
  assert.deepEqual(times, [crash, handOver]);
  assert.match(summary, /All fifteen cases/);
  assert.equal([...rows.keys()].filter((name) => name !== 'what').length, 15);
});
