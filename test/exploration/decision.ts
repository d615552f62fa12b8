/**
 * What must be true when nothing is under way any more: nobody leads who should not, and somebody does who can.
 *
 * From a decided state the world goes on without a fault, each timer when it is due, for no longer than the stated
 * bound. What happens then is checked like everything else.
 */

import type { TimerName } from '../../src/core/input.ts';
import { findOverlap } from './checkers.ts';
import { exists } from './cluster-model.ts';
import { attempt, type Counterexample } from './exploration.ts';
import { Memory } from './memory.ts';
import { flowOf } from './moves.ts';
import { type Core, type Process, TIMERS } from './process-model.ts';
import type { Scope } from './scopes.ts';
import type { Move, World } from './world.ts';

/** How long after the end of all faults somebody must lead, in milliseconds of the model (invariant 5). */
export const BOUND_MS = 90_000;

/** Says what is wrong with a decided state, if anything is. */
export function checkDecided(core: Core, scope: Scope, decided: World): Counterexample | null {
  const memory = new Memory(core, true);
  const moves: Move[] = [];
  let world = decided;
  for (let leftMs = BOUND_MS; ; ) {
    const wrong = findWrong(world);
    if (wrong !== null) return { moves, violation: wrong };
    if (!mustBeLed(world) || leader(world) !== undefined) return null;
    const due = nextTimer(world);
    if (due === null || due.afterMs > leftMs) {
      return {
        moves,
        violation: `nothing is under way, a candidate exists, and for ${BOUND_MS / 1000} s nobody leads`,
      };
    }
    leftMs -= due.afterMs;
    world = pass(world, due.afterMs);
    for (let move: Move | undefined = due.move; move !== undefined; move = nextWithoutTimer(world, scope)) {
      moves.push(move);
      const next = attempt(memory, world, move);
      if (typeof next === 'string') return { moves, violation: next };
      world = next;
      const overlap = findOverlap(world.cluster, world.processes, world.record);
      if (overlap !== null) return { moves, violation: overlap };
      if (moves.length > 10_000) return { moves, violation: 'there is no end of it' };
    }
  }
}

/** Everything was told: not even a Lease taken by hand, or a ghost, excuses a second leader now. */
function findWrong({ cluster, processes }: World): string | null {
  const leading = processes.filter((process) => process.leading);
  if (leading.length > 1) {
    return `${leading.map(({ pod }) => pod.uid).join(' and ')} lead, although everything was told to everybody`;
  }
  for (const { pod } of leading) {
    if (!exists(cluster, pod.uid)) return `${pod.uid} leads, although it was told that its Pod is gone`;
    if (cluster.lease !== null && cluster.lease.owner?.uid !== pod.uid) {
      return `${pod.uid} leads, although it was told that ${cluster.lease.owner?.uid} holds the Lease`;
    }
  }
  return null;
}

function leader({ processes }: World): Process | undefined {
  return processes.find((process) => process.leading);
}

/** A candidate exists, and no holder's Pod stands in its way without a process that could lead. */
function mustBeLed(world: World): boolean {
  const { cluster, processes, record } = world;
  const able = processes.filter(({ pod, stopped }) => !stopped && exists(cluster, pod.uid)).map(({ pod }) => pod.uid);
  const holder = cluster.lease?.owner?.uid ?? record.holder;
  const blocked = holder !== null && !record.released && exists(cluster, holder) && !able.includes(holder);
  return able.length > 0 && !blocked;
}

/** Whatever takes no time. */
function nextWithoutTimer(world: World, scope: Scope): Move | undefined {
  return flowOf(world, scope.rules).find(({ type }) => type !== 'fire');
}

interface Due {
  readonly move: Move;
  readonly afterMs: number;
}

/** The timer that is due first. That of `stale` brings news for people only. */
function nextTimer({ processes }: World): Due | null {
  let first: Due | null = null;
  for (const [process, { timers, nowMs }] of processes.entries()) {
    for (const [index, dueMs] of timers.entries()) {
      const timer = TIMERS[index] as TimerName;
      if (dueMs === null || timer === 'stale') continue;
      const afterMs = Math.max(0, dueMs - nowMs);
      if (first === null || afterMs < first.afterMs) first = { move: { type: 'fire', process, timer }, afterMs };
    }
  }
  return first;
}

function pass(world: World, ms: number): World {
  return { ...world, processes: world.processes.map((process) => ({ ...process, nowMs: process.nowMs + ms })) };
}
