/**
 * The moves that a world allows, always in the same order, so that a number identifies a move.
 *
 * Any of them may be next. Networks are slow and processes are paused, so a request, an answer, an event or a timer can
 * wait for any time. A lag of a watch or of a container start is therefore not a fault. But in a scope with `inOrder`,
 * a process receives everything in the order in which it was sent, until the fault `lag` applies to it. Timers fire at
 * any moment and in any order, which is more than happens in reality.
 *
 * A process sends its requests one after the other, each when the one before is answered or has timed out.
 * `src/kube/api-client.ts` sends two at once, and they may overtake each other. The simulation covers that.
 */

import type { TimerName } from '../../src/core/input.ts';
import { isWrite, podNamed } from './cluster-model.ts';
import { type InFlight, nextSources, type Process, TIMERS, type Watch } from './process-model.ts';
import { DISTURBING_TIMERS, type Disturbance, type Move, NAMESAKE_LIMIT, type World } from './world.ts';

/** The possible events of a scope besides the ordinary flow. */
export interface Rules {
  readonly candidates: number;
  readonly disturbances: readonly Disturbance[];
  /** Whether the application calls `stop()` when its Pod is being deleted. */
  readonly stopsOnSigterm: boolean;
  /** Whether work may last longer than its time limit. */
  readonly workMayOverrun: boolean;
  /** Whether each process without a lag receives everything in the order in which the server sent it. */
  readonly inOrder: boolean;
}

/** All possible moves. */
export function movesOf(world: World, rules: Rules): Move[] {
  const moves = flowOf(world, rules);
  if (world.budget > 0) for (const disturbance of rules.disturbances) addDisturbance(moves, disturbance, world, rules);
  return moves;
}

/** The moves of everything that is under way. A world without such moves is decided. */
export function flowOf(world: World, rules: Rules): Move[] {
  const moves: Move[] = [];
  const { cluster, processes } = world;
  for (let process = 0; process < processes.length; process += 1) {
    addFlowOf(moves, processes[process] as Process, process);
    const { pod, stopping, releasing, settling, stopped } = processes[process] as Process;
    if (settling) {
      moves.push({ type: 'settle', process, drained: true });
      // A process that promised to release the Lease releases it even if its work continues, so it needs no such move.
      if (rules.workMayOverrun && stopping && !releasing && !stopped)
        moves.push({ type: 'settle', process, drained: false });
    }
    if (podOf(world, pod.uid)?.terminating !== true) continue;
    if (rules.stopsOnSigterm && !stopping) moves.push({ type: 'sigterm', process });
    moves.push({ type: 'remove', process });
  }
  for (let orphanedRequest = 0; orphanedRequest < world.orphanedRequests.length; orphanedRequest += 1) {
    moves.push(
      { type: 'orphanedRequestArrives', orphanedRequest },
      { type: 'orphanedRequestVanishes', orphanedRequest },
    );
  }
  const { lease, collection } = cluster;
  const dangling = lease !== null && lease.owner !== null && podOf(world, lease.owner.uid) === undefined;
  if (collection.step !== 'idle' || dangling) moves.push({ type: 'collect' });
  return moves;
}

/** Timers that a step of the election waits for. The other timers only resync, renew or report. */
const AWAITED: readonly TimerName[] = ['campaign', 'retry'];

function addFlowOf(moves: Move[], it: Process, process: number): void {
  const { requests, leaseWatch, podWatch, timers } = it;
  if (requests[0]?.answer === null) moves.push({ type: 'arrive', process });
  for (const source of nextSources(it)) {
    moves.push(source === 'answer' ? { type: 'answer', process } : { type: 'deliver', process, of: source });
  }
  if (opensAgain(leaseWatch)) moves.push({ type: 'watchTimer', process, of: 'lease' });
  if (opensAgain(podWatch)) moves.push({ type: 'watchTimer', process, of: 'pod' });
  for (let index = 0; index < TIMERS.length; index += 1) {
    const timer = TIMERS[index] as TimerName;
    if (timers[index] !== null && AWAITED.includes(timer)) moves.push({ type: 'fire', process, timer });
  }
}

/** Whether the watch waits for its back-off before it lists or opens again. */
function opensAgain(watch: Watch | null): boolean {
  return watch?.timer === true && (watch.state.phase === 'waitingToList' || watch.state.phase === 'waitingToOpen');
}

function addDisturbance(moves: Move[], disturbance: Disturbance, world: World, rules: Rules): void {
  const { candidates, inOrder } = rules;
  const { cluster, processes, namesakes } = world;
  if (disturbance === 'lease-deleted') {
    if (cluster.lease !== null) moves.push({ type: 'deleteLease' });
  } else if (disturbance === 'namesake') {
    for (let slot = 0; slot < candidates && namesakes < NAMESAKE_LIMIT; slot += 1) {
      if (podNamed(cluster, `app-${slot}`) === null) moves.push({ type: 'recreate', slot, inOrder });
    }
  } else {
    for (let index = 0; index < processes.length; index += 1) {
      addDisturbanceOf(moves, disturbance, world, processes[index] as Process, index);
    }
  }
}

function addDisturbanceOf(
  moves: Move[],
  disturbance: Exclude<Disturbance, 'lease-deleted' | 'namesake'>,
  world: World,
  { pod, requests, leaseWatch, podWatch, inbox, stopped, leading, timers }: Process,
  process: number,
): void {
  const itsPod = podOf(world, pod.uid);
  switch (disturbance) {
    case 'crash':
      if (itsPod !== undefined && !itsPod.terminating && !stopped) moves.push({ type: 'crash', process });
      return;
    case 'pod-deleted':
      if (itsPod !== undefined && !itsPod.terminating) moves.push({ type: 'terminate', process });
      return;
    case 'pod-force-deleted':
      if (itsPod !== undefined) moves.push({ type: 'forceDelete', process });
      return;
    case 'answer-lost':
      if (requests[0] !== undefined && mayBeLost(requests[0])) moves.push({ type: 'lose', process });
      return;
    case 'watch-cut':
      if (leaseWatch?.state.phase === 'streaming') moves.push({ type: 'cut', process, of: 'lease' });
      if (podWatch?.state.phase === 'streaming') moves.push({ type: 'cut', process, of: 'pod' });
      return;
    case 'lag':
      // A lag begins only when the process has received everything that was sent before.
      if (inbox?.length === 0) moves.push({ type: 'lag', process });
      return;
    case 'token-refused':
      if (itsPod === undefined && !world.record.refused.includes(pod.uid)) moves.push({ type: 'refuseToken', process });
      return;
    case 'step-down':
      if (leading) moves.push({ type: 'stepDown', process });
      return;
    default:
      for (const [index, timer] of TIMERS.entries()) {
        if (timers[index] !== null && DISTURBING_TIMERS[timer] === disturbance) {
          moves.push({ type: 'fire', process, timer });
        }
      }
  }
}

/**
 * Whether the loss is a separate move. A read or a refused write has no effect on the server, so the loss of its answer
 * is the same as the loss of the request.
 */
function mayBeLost({ operation, answer }: InFlight): boolean {
  return answer === null || (isWrite(operation) && answer.ok);
}

function podOf({ cluster }: World, uid: string): { readonly terminating: boolean } | undefined {
  return cluster.pods.find((pod) => pod.uid === uid);
}
