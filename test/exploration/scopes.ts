/**
 * What is explored: where it begins, what may happen, and what may go wrong.
 */

import { EMPTY_RECORD } from './checkers.ts';
import { EMPTY_CLUSTER, withPod } from './cluster-model.ts';
import type { Memory } from './memory.ts';
import { flowOf, type Rules } from './moves.ts';
import { startProcess } from './process-model.ts';
import { compacted } from './situation.ts';
import { type Disturbance, happen, type World } from './world.ts';

export interface Scope {
  readonly name: string;
  readonly says: string;
  readonly rules: Rules;
  readonly start: (memory: Memory) => World;
}

export type ScopeName =
  | 'election'
  | 'take-over'
  | 'hand-over'
  | 'deletion-by-hand'
  | 'resume'
  | 'faults'
  | 'everything';

interface Plan {
  readonly says: string;
  readonly rules: Omit<Rules, 'candidates' | 'inOrder'>;
  /** Whether the first candidate leads from the start on; else nobody has begun. */
  readonly led: boolean;
}

const PLAIN = { stopsOnSigterm: false, workMayOverrun: false };

const PLANS: { readonly [Name in ScopeName]: Plan } = {
  election: {
    says: 'Everybody starts, and there is no Lease yet.',
    rules: { ...PLAIN, disturbances: ['crash', 'pod-deleted', 'pod-force-deleted', 'answer-lost'] },
    led: false,
  },
  'take-over': {
    says: 'The leader and its successors die, by force, too, and Pods come back under their names.',
    rules: { ...PLAIN, disturbances: ['pod-deleted', 'pod-force-deleted', 'renewal', 'namesake', 'token-refused'] },
    led: true,
  },
  'hand-over': {
    says: 'The leader gives the Lease up: it steps down, or stops because its Pod is being deleted.',
    rules: {
      stopsOnSigterm: true,
      workMayOverrun: true,
      disturbances: ['step-down', 'pod-deleted', 'answer-lost', 'impatience'],
    },
    led: true,
  },
  'deletion-by-hand': {
    says: 'A person deletes the Lease.',
    rules: { ...PLAIN, disturbances: ['lease-deleted', 'pod-force-deleted', 'answer-lost', 'look'] },
    led: true,
  },
  resume: {
    says: 'Containers are restarted, again and again.',
    rules: { ...PLAIN, disturbances: ['crash', 'answer-lost', 'pod-deleted', 'watch-cut', 'renewal', 'look'] },
    led: true,
  },
  faults: {
    says: 'Every fault there is.',
    rules: {
      ...PLAIN,
      disturbances: ['crash', 'pod-deleted', 'pod-force-deleted', 'lease-deleted', 'answer-lost'],
    },
    led: true,
  },
  everything: {
    says: 'Every fault there is, and what may happen besides.',
    rules: {
      stopsOnSigterm: true,
      workMayOverrun: true,
      disturbances: [
        'crash',
        'pod-deleted',
        'pod-force-deleted',
        'lease-deleted',
        'answer-lost',
        'watch-cut',
        'renewal',
        'look',
        'step-down',
        'impatience',
        'namesake',
        'token-refused',
      ],
    },
    led: true,
  },
};

export const SCOPE_NAMES: readonly ScopeName[] = Object.keys(PLANS) as ScopeName[];

/** The scope of a run. In order, that messages lag is a disturbance like the others. */
export function scopeOf({ name, candidates, disturbances: budget, inOrder = false }: Run): Scope {
  const plan = PLANS[name];
  const disturbances: readonly Disturbance[] = inOrder ? [...plan.rules.disturbances, 'lag'] : plan.rules.disturbances;
  const rules: Rules = { ...plan.rules, disturbances, candidates, inOrder };
  return {
    name,
    says: plan.says,
    rules,
    start(memory) {
      const empty: World = {
        cluster: memory.keep('cluster', EMPTY_CLUSTER),
        processes: [],
        orphanedRequests: memory.keep('orphanedRequests', []),
        budget,
        namesakes: 0,
        record: memory.keep('record', EMPTY_RECORD),
      };
      const first = addCandidate(memory, empty, 0, rules);
      let world = plan.led ? calm(memory, first, rules) : first;
      for (let slot = 1; slot < candidates; slot += 1) world = addCandidate(memory, world, slot, rules);
      return compacted(memory, world);
    },
  };
}

function addCandidate(memory: Memory, world: World, slot: number, { inOrder }: Rules): World {
  const pod = { name: `app-${slot}`, uid: `pod-${slot}.1` };
  const { cluster } = withPod(world.cluster, pod);
  const process = memory.keep('process', startProcess(memory.core, slot, pod, inOrder));
  return { ...world, cluster: memory.keep('cluster', cluster), processes: [...world.processes, process] };
}

/** Everything under way comes to its end, in its order. */
function calm(memory: Memory, world: World, rules: Rules): World {
  let now = world;
  for (let [move] = flowOf(now, rules); move !== undefined; [move] = flowOf(now, rules))
    now = happen(memory, now, move);
  return now;
}

/** One exploration. */
export interface Run {
  readonly name: ScopeName;
  readonly candidates: number;
  readonly disturbances: number;
  /** Whether each process is told everything in the order in which the server sent it, until it lags. @default false */
  readonly inOrder?: boolean;
}

/**
 * What `npm run explore` does unasked: all faults up to three among two candidates, and as much of the rest as fits
 * into a quarter of an hour on one core. Three candidates are exchangeable but for who leads first.
 */
export const DEFAULT_RUNS: readonly Run[] = [
  { name: 'faults', candidates: 2, disturbances: 3 },
  { name: 'resume', candidates: 2, disturbances: 3 },
  { name: 'take-over', candidates: 2, disturbances: 2 },
  { name: 'hand-over', candidates: 2, disturbances: 2 },
  { name: 'deletion-by-hand', candidates: 2, disturbances: 2 },
  { name: 'everything', candidates: 2, disturbances: 2 },
  { name: 'election', candidates: 2, disturbances: 1 },
  { name: 'resume', candidates: 3, disturbances: 2 },
  { name: 'take-over', candidates: 3, disturbances: 1 },
  { name: 'hand-over', candidates: 3, disturbances: 1 },
  { name: 'deletion-by-hand', candidates: 3, disturbances: 1 },
  { name: 'faults', candidates: 3, disturbances: 1 },
  { name: 'faults', candidates: 3, disturbances: 2, inOrder: true },
  { name: 'take-over', candidates: 3, disturbances: 2, inOrder: true },
  { name: 'deletion-by-hand', candidates: 3, disturbances: 2, inOrder: true },
  { name: 'resume', candidates: 3, disturbances: 2, inOrder: true },
];

/** What takes longer, and more: three faults among three candidates. */
export const WHOLE_RUNS: readonly Run[] = [
  ...DEFAULT_RUNS,
  { name: 'faults', candidates: 3, disturbances: 3, inOrder: true },
];
