/**
 * The scopes of the exploration: the start, the possible moves, and the possible disturbances.
 */

import { EMPTY_RECORD } from './checkers.ts';
import { EMPTY_CLUSTER, withPod } from './cluster-model.ts';
import type { Memory } from './memory.ts';
import { flowOf, type Rules } from './moves.ts';
import { startProcess } from './process-model.ts';
import { compacted } from './situation.ts';
import { applyMove, type Disturbance, type World } from './world.ts';

export interface Scope {
  readonly name: string;
  readonly description: string;
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
  readonly description: string;
  readonly rules: Omit<Rules, 'candidates' | 'inOrder'>;
  /** Whether the first candidate already leads at the start. Otherwise no candidate has begun. */
  readonly led: boolean;
}

const PLAIN = { stopsOnSigterm: false, workMayOverrun: false };

const PLANS: { readonly [Name in ScopeName]: Plan } = {
  election: {
    description: 'All candidates start, and there is no Lease yet.',
    rules: { ...PLAIN, disturbances: ['crash', 'pod-deleted', 'pod-force-deleted', 'answer-lost'] },
    led: false,
  },
  'take-over': {
    description: 'The leader and its successors are deleted, also by force, and Pods are re-created under their names.',
    rules: { ...PLAIN, disturbances: ['pod-deleted', 'pod-force-deleted', 'renewal', 'namesake', 'token-refused'] },
    led: true,
  },
  'hand-over': {
    description: 'The leader releases the Lease: it steps down, or stops because its Pod is being deleted.',
    rules: {
      stopsOnSigterm: true,
      workMayOverrun: true,
      disturbances: ['step-down', 'pod-deleted', 'answer-lost', 'release-timeout'],
    },
    led: true,
  },
  'deletion-by-hand': {
    description: 'A user deletes the Lease.',
    rules: { ...PLAIN, disturbances: ['lease-deleted', 'pod-force-deleted', 'answer-lost', 'resync'] },
    led: true,
  },
  resume: {
    description: 'Containers are restarted repeatedly.',
    rules: { ...PLAIN, disturbances: ['crash', 'answer-lost', 'pod-deleted', 'watch-cut', 'renewal', 'resync'] },
    led: true,
  },
  faults: {
    description: 'All faults.',
    rules: {
      ...PLAIN,
      disturbances: ['crash', 'pod-deleted', 'pod-force-deleted', 'lease-deleted', 'answer-lost'],
    },
    led: true,
  },
  everything: {
    description: 'All faults and all other disturbances.',
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
        'resync',
        'step-down',
        'release-timeout',
        'namesake',
        'token-refused',
      ],
    },
    led: true,
  },
};

export const SCOPE_NAMES: readonly ScopeName[] = Object.keys(PLANS) as ScopeName[];

/** The scope of a run. With `inOrder`, the lag of messages is one more disturbance. */
export function scopeOf({ name, candidates, disturbances: budget, inOrder = false }: Run): Scope {
  const plan = PLANS[name];
  const disturbances: readonly Disturbance[] = inOrder ? [...plan.rules.disturbances, 'lag'] : plan.rules.disturbances;
  const rules: Rules = { ...plan.rules, disturbances, candidates, inOrder };
  return {
    name,
    description: plan.description,
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

/** Completes everything that is under way, in order. */
function calm(memory: Memory, world: World, rules: Rules): World {
  let now = world;
  for (let [move] = flowOf(now, rules); move !== undefined; [move] = flowOf(now, rules))
    now = applyMove(memory, now, move);
  return now;
}

/** One exploration. */
export interface Run {
  readonly name: ScopeName;
  readonly candidates: number;
  readonly disturbances: number;
  /**
   * Whether each process receives everything in the order in which the server sent it, until it lags. @default false
   */
  readonly inOrder?: boolean;
}

/**
 * The runs of `npm run explore` without arguments: up to three faults among two candidates, and as many other runs as
 * fit into a quarter of an hour on one core. Three candidates are interchangeable, except for the first leader.
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

/** All runs, including the longer one: three faults among three candidates. */
export const WHOLE_RUNS: readonly Run[] = [
  ...DEFAULT_RUNS,
  { name: 'faults', candidates: 3, disturbances: 3, inOrder: true },
];
