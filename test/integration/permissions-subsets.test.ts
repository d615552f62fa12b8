/**
 * All sets of permissions (2^9). With each set, the election works, or `start()` names a missing rule. The set with
 * that rule is also tested. So an administrator who grants each named rule always reaches a working election.
 *
 * The tests use the cluster of the scenarios, in virtual time. The electors, their requests and the API server are
 * real.
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

/** How long a test waits for a leader, in seconds: three times the minute of the backstop, the longest of all waits. */
const PATIENCE_S = 180;

/**
 * The time until every `start()` has ended, in milliseconds: the time until a refused read of its Pod counts, and then
 * the grace period of a refused `create`.
 */
const START_MS = REFUSAL_BELIEVED_MS + DEFAULT_START_GRACE_MS + 5_000;

/** An election among Pods with the same permissions. */
class RestrictedElection {
  readonly rules: ReadonlySet<string>;
  readonly cluster: ScenarioCluster = new ScenarioCluster();
  readonly refusals: { readonly code: string; readonly rule: string }[] = [];
  readonly warnings: { readonly name: string; readonly code: string; readonly rule: string }[] = [];

  constructor(rules: ReadonlySet<string>) {
    this.rules = rules;
  }

  /** From now on, only these rules are granted. */
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
    elector.on('warning', ({ code, message }) => this.warnings.push({ name, code, rule: ruleIn(message) }));
    // The process has already called start(). This call returns the same promise.
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

  /** Deletes the leader's Pod. Then the kubelet and the garbage collector do their work. */
  async end(pod: string): Promise<void> {
    await this.cluster.administer({ verb: 'delete', apiGroup: '', resource: 'pods', name: pod });
    await this.cluster.pass(1_000);
    this.cluster.endPod(pod);
    // The collector is late, so that a refused DELETE of a candidate is refused for long enough to count.
    await this.cluster.pass(REFUSAL_BELIEVED_MS + 1_000);
    await this.cluster.collectGarbage();
  }

  /** Waits until there is a leader, or a candidate warns that it is not permitted to become one. */
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

  assertWarningsNameMissingRules(): void {
    for (const { code, rule } of this.refusals) {
      assert.equal(code, 'ERR_LEASE_ELECTOR_FORBIDDEN', this.title);
      assert.ok(RULES.includes(rule) && !this.rules.has(rule), `${this.title}: start() names ${rule}`);
    }
    for (const { code, rule } of this.warnings) {
      if (code === 'pod-deleted') continue;
      assert.ok(RULES.includes(rule) && !this.rules.has(rule), `${this.title}: warning ${code} names ${rule}`);
    }
    const emitted = this.warnings.map(({ name, code }) => `${name} ${code}`);
    assert.deepEqual(emitted, [...new Set(emitted)], `${this.title}: each elector warns once`);
  }

  /** Whether a warning names one of these rules. */
  warnedOf(...rules: readonly string[]): boolean {
    return this.warnings.some(({ rule }) => rules.includes(rule));
  }
}

/** The rule that a message names as missing, with its namespace. */
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
    election.assertWarningsNameMissingRules();
  }
  return counts;
}

test('an elector is elected and replaced, or start() names a missing rule, with every set of permissions', async (t) => {
  const counts = await forEverySet(async (election) => {
    const { rules, title } = election;
    election.restrict();
    // Both start at the same moment, so that one of them loses.
    for (const name of ['a', 'b']) election.start(name);
    await election.watch(START_MS);
    const { leader } = election;
    if (leader === null) {
      assert.equal(election.refusals.length, 2, `${title}: nobody leads, and start() names no rule`);
      return `refused: ${election.refusals[0]?.rule}`;
    }
    assert.deepEqual(election.refusals, [], title);
    // Both warnings have one code, and each code is emitted only once.
    const missingReads = ['get leases', 'watch leases'].filter((rule) => !rules.has(rule));
    if (!rules.has('watch leases')) assert.ok(election.warnedOf(...missingReads), `${title}: no watch, no warning`);
    if (!rules.has('update leases')) assert.ok(election.warnedOf('update leases'), `${title}: no renewals, no warning`);
    const missingOfPods = ['get pods', 'list pods', 'watch pods'].filter((rule) => !rules.has(rule));
    if (missingOfPods.length > 0) assert.ok(election.warnedOf(...missingOfPods), `${title}: no Pods, no warning`);

    await election.end(leader);
    const successor = await election.awaitLeader();
    assert.ok(successor !== null && successor !== leader, `${title}: nobody takes over from ${leader}`);
    if (missingOfPods.length === 0 && !rules.has('delete leases')) assert.ok(election.warnedOf('delete leases'), title);
    return 'works';
  });
  for (const [outcome, count] of counts) t.diagnostic(`${count} sets: ${outcome}`);
  // Two verbs must be granted: `list` and `create`. Each of the other seven may be missing, in any combination. Without
  // `create`, start() names one of the verbs that were refused during the whole grace period: first `watch`, then
  // `get`.
  assert.deepEqual(Object.fromEntries(counts), {
    'refused: list leases': 256,
    'refused: watch leases': 64,
    'refused: get leases': 16,
    'refused: create leases': 48,
    works: 128,
  });
});

test('an elector starts without `watch` and `create` when there is a leader, and warns when `create` is needed', async (t) => {
  const counts = await forEverySet(
    async (election) => {
      const { rules, title } = election;
      election.start('a');
      await election.cluster.settle();
      election.restrict();
      election.start('b');
      // The refused stream is retried after at most 1, 2, 4 and 8 s. Then it has been refused for more than 5 s.
      await election.watch(15_000);
      assert.equal(election.leader, 'a', title);
      if (!rules.has('watch leases')) assert.ok(election.warnedOf('watch leases'), title);
      assert.deepEqual(election.refusals, [], title);
      await election.end('a');
      const successor = await election.awaitLeader();
      if (successor !== null) return 'works';
      // The only exception: `start()` has already resolved.
      assert.ok(
        !rules.has('create leases') && election.warnedOf('create leases'),
        `${title}: nobody takes over from a`,
      );
      return 'warned: create leases';
      // Without this rule no elector starts, as above.
    },
    ['list leases'],
  );
  for (const [outcome, count] of counts) t.diagnostic(`${count} sets: ${outcome}`);
  assert.deepEqual(Object.fromEntries(counts), {
    'warned: create leases': 128,
    works: 128,
  });
});
