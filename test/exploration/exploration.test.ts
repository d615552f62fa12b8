// Explores small scopes systematically: the production core keeps every rule in every order of events, and a core
// with a deliberate defect is caught, by the shortest way that there is.

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
  test(`${name}: ${candidates} candidates and ${disturbances} disturbances break no rule in any order`, () => {
    const scope = scopeOf(run);
    const { counterexample, complete, states, decided, orderings } = explore({ core: PRODUCTION, scope });
    assert.deepEqual(counterexample === null ? [] : narrate(PRODUCTION, scope, counterexample), []);
    assert.ok(complete);
    assert.ok(decided > 0 && states > decided);
    assert.ok(orderings !== null && orderings >= decided, 'the ways are counted, and none leads in a circle');
  });
}

test('an exploration that met its limit does not say that it is complete', () => {
  const { complete, orderings } = explore({
    core: PRODUCTION,
    scope: scopeOf({ name: 'resume', candidates: 2, disturbances: 2 }),
    limit: 100,
  });
  assert.deepEqual({ complete, orderings }, { complete: false, orderings: null });
});

suite('a core is caught that', () => {
  for (const { defect, core, scope: name, candidates, disturbances, violation } of MUTANTS) {
    test(defect, () => {
      const scope = scopeOf({ name, candidates, disturbances });
      const { counterexample } = explore({ core, scope });
      assert.ok(counterexample !== null, 'nothing was found');
      assert.match(counterexample.violation, violation);
    });
  }
});

/** Defects that show with two faults only. */
const SHOWN_BY_TWO: readonly string[] = [
  'sends no preconditions',
  'campaigns without a look at its own Pod',
  'leads before its create is answered',
  'waits for nothing but events and answers',
];

suite('with the orders left out that lead to the same situations, as much is found', () => {
  for (const { defect, core } of [{ defect: 'none', core: PRODUCTION }, ...MUTANTS]) {
    const disturbances = SHOWN_BY_TWO.includes(defect) ? 2 : 1;
    test(`defect: ${defect}`, () => {
      const scope = scopeOf({ name: 'faults', candidates: 2, disturbances, inOrder: true });
      const [all, some] = [explore({ core, scope, reduced: false }), explore({ core, scope })];
      assert.equal(some.counterexample?.violation, all.counterexample?.violation);
      if (all.complete) assert.equal(some.decided, all.decided);
      assert.ok(some.states < all.states, 'something was left out');
    });
  }
});

const STORY: readonly string[] = [
  '  1. The API server carries out what pod-1.1 asks: listLease.',
  '  2. pod-1.1 is answered: listLease: a Lease of pod-0.1.',
  '  3. Somebody deletes the Pod pod-0.1: it is terminating.',
  '  4. The API server carries out what pod-1.1 asks: listPod app-0.',
  '  5. pod-1.1 is answered: listPod app-0: Pod pod-0.1, terminating.',
  '  6. The timer campaign of pod-1.1 fires.',
  '  7. The API server carries out what pod-1.1 asks: readPod app-1.',
  '  8. pod-1.1 is answered: readPod app-1: Pod pod-1.1.',
  '  9. The API server carries out what pod-1.1 asks: deleteLease.',
  '     → pod-1.1 deletes the Lease of pod-0.1, whose Pod exists and which did not give it up',
];

test('the shortest counterexample is told as a story', () => {
  const scope = scopeOf({ name: 'take-over', candidates: 2, disturbances: 1 });
  const mutant = MUTANTS.find(({ defect }) => defect === 'takes a deletionTimestamp for the end of a Pod');
  assert.ok(mutant !== undefined);
  const { counterexample } = explore({ core: mutant.core, scope });
  assert.ok(counterexample !== null);
  assert.deepEqual(narrate(mutant.core, scope, counterexample), STORY);
});
