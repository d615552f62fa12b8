// Checks the abstraction: the same moves cause the same announcements, requests and writes, whether a world is exact or
// is reduced to its plain form after each move.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Memory } from './memory.ts';
import { movesOf } from './moves.ts';
import { PRODUCTION } from './mutants.ts';
import { SCOPE_NAMES, scopeOf } from './scopes.ts';
import { compacted } from './situation.ts';
import { applyMove, type World } from './world.ts';

/** Everything that the moves of other processes and the checkers depend on. */
function visible({ cluster, processes, orphanedRequests, record, budget }: World): unknown {
  const { owner = null, releasedBy = null } = cluster.lease ?? {};
  return {
    lease: cluster.lease === null ? null : { owner: owner?.uid, releasedBy },
    pods: cluster.pods.map(({ uid, terminating }) => `${uid} ${terminating}`).sort(),
    collection: cluster.collection.step,
    orphanedRequests: orphanedRequests.map(({ operation, sender }) => `${operation.verb} ${sender}`),
    record: { ...record, newestToken: 0 },
    budget,
    processes: processes.map(({ pod, state, requests, leading, working, timers, leaseWatch, podWatch }) => ({
      uid: pod.uid,
      role: state.role.name,
      disqualifiedBy: state.knowledge.disqualifiedBy,
      knownHolder: state.knowledge.knownHolder?.pod.uid,
      liveness: state.knowledge.knownHolder?.liveness,
      requests: requests.map(({ operation, answer }) => [operation.verb, answer?.ok]),
      runs: timers.map((dueMs) => dueMs !== null),
      queues: [leaseWatch?.queue?.map(({ type }) => type), podWatch?.queue?.map(({ type }) => type)],
      leading,
      working,
    })),
  };
}

test('a world in its plain form behaves as the exact world does', () => {
  const walk = fc.array(fc.nat(1_000), { minLength: 10, maxLength: 60, size: 'max' });
  const anyScope = fc.constantFrom(...SCOPE_NAMES);
  fc.assert(
    fc.property(anyScope, walk, fc.boolean(), (name, choices, inOrder) => {
      const scope = scopeOf({ name, candidates: 2, disturbances: 8, inOrder });
      const [exact, memory] = [new Memory(PRODUCTION, true), new Memory(PRODUCTION)];
      let original = scope.start(exact);
      let plain = scope.start(memory);
      for (const choice of choices) {
        const moves = movesOf(original, scope.rules);
        assert.deepEqual(movesOf(plain, scope.rules), moves);
        const move = moves[choice % moves.length];
        if (move === undefined) return;
        original = applyMove(exact, original, move);
        plain = compacted(memory, applyMove(memory, plain, move));
        assert.deepEqual(visible(plain), visible(original));
      }
    }),
    { numRuns: 300 },
  );
});
