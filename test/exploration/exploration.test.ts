// Explores small scopes completely. The production core keeps every rule in every order of events. A core with a
// deliberate defect breaks a rule, and the exploration finds a shortest counterexample.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { explore } from './exploration.ts';
import { MUTANTS, PRODUCTION } from './mutants.ts';
import { narrate } from './narration.ts';
import { type Run, scopeOf } from './scopes.ts';

const RUNS: readonly Run[] = [
  { name: 'election', candidates: 2, disturbances: 0 },
  { name: 'take-over', candidates: 2, disturbances: 1 },
  { name: 'hand-over', candidates: 2, disturbances: 1 },
  { name: 'deletion-by-hand', candidates: 2, disturbances: 1 },
  { name: 'resume', candidates: 2, disturbances: 2 },
  { name: 'faults', candidates: 3, disturbances: 0 },
  { name: 'faults', candidates: 3, disturbances: 1, inOrder: true },
];

for (const run of RUNS) {
  const { name, candidates, disturbances } = run;
  test(`no order breaks a rule in the scope ${name} (candidates: ${candidates}, disturbances: ${disturbances})`, () => {
    const scope = scopeOf(run);
    const { counterexample, complete, states, decided, orderings } = explore({ core: PRODUCTION, scope });
    assert.deepEqual(counterexample === null ? [] : narrate(PRODUCTION, scope, counterexample), []);
    assert.ok(complete);
    assert.ok(decided > 0 && states > decided);
    assert.ok(orderings !== null && orderings >= decided, 'the orderings are counted');
  });
}

test('an exploration is not complete when it reaches its limit', () => {
  const { complete, orderings } = explore({
    core: PRODUCTION,
    scope: scopeOf({ name: 'resume', candidates: 2, disturbances: 2 }),
    limit: 100,
  });
  assert.deepEqual({ complete, orderings }, { complete: false, orderings: null });
});

suite('the exploration finds a core that', () => {
  for (const { defect, core, scope: name, candidates, disturbances, violation } of MUTANTS) {
    test(defect, () => {
      const scope = scopeOf({ name, candidates, disturbances });
      const { counterexample } = explore({ core, scope });
      assert.ok(counterexample !== null, 'no violation was found');
      assert.match(counterexample.violation, violation);
    });
  }
});

/** The defects that the scope `faults` reveals only with two disturbances. */
const SHOWN_BY_TWO: readonly string[] = [
  'sends no preconditions',
  'campaigns without a read of its own Pod',
  'leads before its create is answered',
  'sets no timer except for a campaign',
];

suite('the reduction finds the same violations as the full exploration', () => {
  for (const { defect, core } of [{ defect: 'none', core: PRODUCTION }, ...MUTANTS]) {
    const disturbances = SHOWN_BY_TWO.includes(defect) ? 2 : 1;
    test(`defect: ${defect}`, () => {
      const scope = scopeOf({ name: 'faults', candidates: 2, disturbances, inOrder: true });
      const [all, some] = [explore({ core, scope, reduced: false }), explore({ core, scope })];
      assert.equal(some.counterexample?.violation, all.counterexample?.violation);
      if (all.complete) assert.equal(some.decided, all.decided);
      assert.ok(some.states < all.states, 'the reduction leaves out states');
    });
  }
});

const NARRATION: readonly string[] = [
  '  1. The API server executes a request of pod-1.1: listLease.',
  '  2. pod-1.1 receives the answer to listLease: a Lease of pod-0.1.',
  '  3. A user deletes the Pod pod-0.1: it is terminating.',
  '  4. The API server executes a request of pod-1.1: listPod app-0.',
  '  5. pod-1.1 receives the answer to listPod app-0: Pod pod-0.1, terminating.',
  '  6. The timer campaign of pod-1.1 fires.',
  '  7. The API server executes a request of pod-1.1: readPod app-1.',
  '  8. pod-1.1 receives the answer to readPod app-1: Pod pod-1.1.',
  '  9. The API server executes a request of pod-1.1: deleteLease.',
  '     → pod-1.1 deletes the Lease of pod-0.1, whose Pod exists and which did not release it',
];

test('the narration describes each move of the shortest counterexample', () => {
  const scope = scopeOf({ name: 'take-over', candidates: 2, disturbances: 1 });
  const mutant = MUTANTS.find(({ defect }) => defect === 'treats a deletionTimestamp as the end of a Pod');
  assert.ok(mutant !== undefined);
  const { counterexample } = explore({ core: mutant.core, scope });
  assert.ok(counterexample !== null);
  assert.deepEqual(narrate(mutant.core, scope, counterexample), NARRATION);
});
