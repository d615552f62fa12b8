// Proves that leaving out what does not matter changes nothing that does: the same moves lead to the same announcements,
// requests and writes, whether worlds keep everything as it is or are brought into their plainest form after each move.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Memory } from './memory.ts';
import { movesOf } from './moves.ts';
import { PRODUCTION } from './mutants.ts';
import { SCOPE_NAMES, scopeOf } from './scopes.ts';
import { compacted } from './situation.ts';
import { happen, type World } from './world.ts';

/** Everything that the moves of others, and the checkers, can see. */
function visible({ cluster, processes, orphanedRequests, record, budget }: World): unknown {
  const { owner = null, releasedBy = null } = cluster.lease ?? {};
  return {
    lease: cluster.lease === null ? null : { owner: owner?.uid, releasedBy },
    pods: cluster.pods.map(({ uid, terminating }) => `${uid} ${terminating}`).sort(),
    collection: cluster.collection.step,
    orphanedRequests: orphanedRequests.map(({ asks, sender }) => `${asks.verb} ${sender}`),
    record: { ...record, newestToken: 0 },
    budget,
    processes: processes.map(({ pod, state, requests, leading, working, timers, leaseWatch, podWatch }) => ({
      uid: pod.uid,
      role: state.role.name,
      barred: state.knowledge.disqualifiedBy,
      knownHolder: state.knowledge.knownHolder?.pod.uid,
      fate: state.knowledge.knownHolder?.liveness,
      requests: requests.map(({ asks, answer }) => [asks.verb, answer?.ok]),
      runs: timers.map((dueMs) => dueMs !== null),
      queues: [leaseWatch?.queue?.map(({ type }) => type), podWatch?.queue?.map(({ type }) => type)],
      leading,
      working,
    })),
  };
}

test('a world in its plainest form does what the world itself does', () => {
  const walk = fc.array(fc.nat(1_000), { minLength: 10, maxLength: 60, size: 'max' });
  const anyScope = fc.constantFrom(...SCOPE_NAMES);
  fc.assert(
    fc.property(anyScope, walk, fc.boolean(), (name, choices, inOrder) => {
      const scope = scopeOf({ name, candidates: 2, disturbances: 8, inOrder });
      const [exact, memory] = [new Memory(PRODUCTION, true), new Memory(PRODUCTION)];
      let itself = scope.start(exact);
      let plain = scope.start(memory);
      for (const choice of choices) {
        const moves = movesOf(itself, scope.rules);
        assert.deepEqual(movesOf(plain, scope.rules), moves);
        const move = moves[choice % moves.length];
        if (move === undefined) return;
        itself = happen(exact, itself, move);
        plain = compacted(memory, happen(memory, plain, move));
        assert.deepEqual(visible(plain), visible(itself));
      }
    }),
    { numRuns: 300 },
  );
});
