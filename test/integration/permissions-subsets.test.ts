/**
 * Every set of permissions there can be (2^9): with each of them the election works, or `start()` says which rule is
 * missing. Granting that rule gives a greater set, which is one of these again, so whoever goes on granting what is
 * asked for ends with an election that works.
 *
 * In virtual time, with the cluster of the scenarios: the electors, their requests and the API server are real.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFUSAL_BELIEVED_MS } from '../../src/core/refusal.ts';
import type { LeaseElectorError } from '../../src/index.ts';
import { DEFAULT_START_GRACE_MS } from '../../src/options.ts';
import { ScenarioCluster } from '../scenarios/scenario-cluster.ts';

const VERBS = {
  leases: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  pods: ['get', 'list', 'watch'],
} as const;
const RULES: readonly string[] = Object.entries(VERBS).flatMap(([resource, verbs]) =>
  verbs.map((verb) => `${verb} ${resource}`),
);

/** The backstop's minute twice over, the longest of all waits, and what follows from it. */
const PATIENCE_S = 180;

/**
 * When every start has ended, in milliseconds: a refusal to read the own Pod is believed first, and then the refusal of
 * `create` lasts for the grace.
 */
const START_MS = REFUSAL_BELIEVED_MS + DEFAULT_START_GRACE_MS + 5_000;

/** An election among Pods that all have the same permissions. */
class RestrictedElection {
  readonly rules: ReadonlySet<string>;
  readonly cluster: ScenarioCluster = new ScenarioCluster();
  readonly refusals: { readonly code: string; readonly rule: string }[] = [];
  readonly warnings: { readonly who: string; readonly code: string; readonly rule: string }[] = [];

  constructor(rules: ReadonlySet<string>) {
    this.rules = rules;
  }

  /** From now on these rules alone are granted. */
  restrict(): void {
    for (const resource of ['leases', 'pods'] as const) {
      const granted = this.cluster.permissions[resource];
      for (const verb of VERBS[resource]) if (!this.rules.has(`${verb} ${resource}`)) granted.delete(verb);
    }
    this.cluster.grant();
  }

  start(name: string): void {
    this.cluster.createPod(name, name);
    this.cluster.startProcess(name);
    const { elector } = this.cluster.process(name);
    elector.on('elected', () => assert.deepEqual(this.leaders, [name], this.title));
    elector.on('warning', ({ code, message }) => this.warnings.push({ who: name, code, rule: ruleIn(message) }));
    // The same promise as the process' own.
    elector
      .start()
      .catch(({ code, message }: LeaseElectorError) => this.refusals.push({ code, rule: ruleIn(message) }));
  }

  get leaders(): string[] {
    return [...this.cluster.processes.values()]
      .filter(({ alive, elector }) => alive && elector.isLeader)
      .map(({ label }) => label);
  }

  get leader(): string | null {
    return this.leaders[0] ?? null;
  }

  /** The leader's Pod is deleted; the kubelet, and then the garbage collector, do their part. */
  async end(pod: string): Promise<void> {
    await this.cluster.administer({ verb: 'delete', apiGroup: '', resource: 'pods', name: pod });
    await this.cluster.pass(1_000);
    this.cluster.endPod(pod);
    // The collector is late, so that a DELETE that is refused to a candidate is refused for long enough to be believed.
    await this.cluster.pass(REFUSAL_BELIEVED_MS + 1_000);
    await this.cluster.collectGarbage();
  }

  /** Until there is a leader, or a candidate says that it may not become one. */
  async awaitLeader(): Promise<string | null> {
    for (let second = 0; second < PATIENCE_S && this.leader === null; second += 1) {
      if (this.warnedOf('create leases')) break;
      await this.cluster.pass(1_000);
    }
    return this.leader;
  }

  async watch(forMs: number): Promise<void> {
    await this.cluster.settle();
    await this.cluster.pass(forMs);
  }

  get title(): string {
    return `with ${[...this.rules].join(', ') || 'nothing'}`;
  }

  assertNamesWhatIsMissing(): void {
    for (const { code, rule } of this.refusals) {
      assert.equal(code, 'ERR_LEASE_ELECTOR_FORBIDDEN', this.title);
      assert.ok(RULES.includes(rule) && !this.rules.has(rule), `${this.title}: start() asks for ${rule}`);
    }
    for (const { code, rule } of this.warnings) {
      if (code === 'pod-deleted') continue;
      assert.ok(RULES.includes(rule) && !this.rules.has(rule), `${this.title}: warning ${code} asks for ${rule}`);
    }
    const said = this.warnings.map(({ who, code }) => `${who} ${code}`);
    assert.deepEqual(said, [...new Set(said)], `${this.title}: each elector warns once`);
  }

  /** Somebody was told to grant it. */
  warnedOf(...rules: readonly string[]): boolean {
    return this.warnings.some(({ rule }) => rules.includes(rule));
  }
}

/** The rule that a message says is missing, with its namespace. */
function ruleIn(message: string): string {
  const [, verb, resource] = /Grant `(\w+)` on (leases|pods)[\w.]* in namespace "shop"/.exec(message) ?? [];
  return `${verb} ${resource}`;
}

async function forEverySet(
  run: (election: RestrictedElection) => Promise<string>,
  necessary: readonly string[] = [],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let bits = 0; bits < 2 ** RULES.length; bits += 1) {
    const rules = new Set(RULES.filter((_rule, index) => (bits & (1 << index)) !== 0));
    if (!necessary.every((rule) => rules.has(rule))) continue;
    const election = new RestrictedElection(rules);
    const outcome = await run(election);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    election.assertNamesWhatIsMissing();
  }
  return counts;
}

test('with every set of permissions one is elected and succeeded, or start() names a rule that is missing', async (t) => {
  const counts = await forEverySet(async (election) => {
    const { rules, title } = election;
    election.restrict();
    // At the same moment, so that one finds that the other was quicker.
    for (const name of ['a', 'b']) election.start(name);
    await election.watch(START_MS);
    const { leader } = election;
    if (leader === null) {
      assert.equal(election.refusals.length, 2, `${title}: nobody leads, and start() does not say why`);
      return `refused: ${election.refusals[0]?.rule}`;
    }
    assert.deepEqual(election.refusals, [], title);
    // Both have one code, and a code is warned of once.
    const missingReads = ['get leases', 'watch leases'].filter((rule) => !rules.has(rule));
    if (!rules.has('watch leases')) assert.ok(election.warnedOf(...missingReads), `${title}: no watch, no warning`);
    if (!rules.has('update leases')) assert.ok(election.warnedOf('update leases'), `${title}: no renewals, no warning`);
    const missingOfPods = ['get pods', 'list pods', 'watch pods'].filter((rule) => !rules.has(rule));
    if (missingOfPods.length > 0) assert.ok(election.warnedOf(...missingOfPods), `${title}: no Pods, no warning`);

    await election.end(leader);
    const successor = await election.awaitLeader();
    assert.ok(successor !== null && successor !== leader, `${title}: nobody succeeds ${leader}`);
    if (missingOfPods.length === 0 && !rules.has('delete leases')) assert.ok(election.warnedOf('delete leases'), title);
    return 'works';
  });
  for (const [outcome, count] of counts) t.diagnostic(`${count} sets: ${outcome}`);
  // Two verbs must be granted: `list` and `create`. Each of the other seven may be missing, in any combination. Without
  // `create`, start() names one of the verbs that were refused for the whole grace: `watch` and `get` go first.
  assert.deepEqual(Object.fromEntries(counts), {
    'refused: list leases': 256,
    'refused: watch leases': 64,
    'refused: get leases': 16,
    'refused: create leases': 48,
    works: 128,
  });
});

test('where somebody leads already, a newcomer does without `watch`; and without `create` until it is its turn, which it says', async (t) => {
  const counts = await forEverySet(
    async (election) => {
      const { rules, title } = election;
      election.start('a');
      await election.cluster.settle();
      election.restrict();
      election.start('b');
      // The refused stream is tried again after 1, 2, 4 and 8 s, and has then been refused for more than 5 s.
      await election.watch(15_000);
      assert.equal(election.leader, 'a', title);
      if (!rules.has('watch leases')) assert.ok(election.warnedOf('watch leases'), title);
      assert.deepEqual(election.refusals, [], title);
      await election.end('a');
      const successor = await election.awaitLeader();
      if (successor !== null) return 'works';
      // The one exception: start() has resolved long ago.
      assert.ok(!rules.has('create leases') && election.warnedOf('create leases'), `${title}: nobody succeeds a`);
      return 'warned: create leases';
      // Without it nothing starts, as above.
    },
    ['list leases'],
  );
  for (const [outcome, count] of counts) t.diagnostic(`${count} sets: ${outcome}`);
  assert.deepEqual(Object.fromEntries(counts), {
    'warned: create leases': 128,
    works: 128,
  });
});
