/**
 * Checks a decided state, in which nothing is under way: a process that must not lead does not lead, and there is a
 * leader if one is possible.
 *
 * From a decided state, the world continues without a fault until the bound, and each timer fires when it is due. The
 * invariants are checked after each of these moves as well.
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

/** The longest time without a leader after the end of all faults, in milliseconds of the model (invariant 5). */
export const BOUND_MS = 90_000;

/** Returns the moves from a decided state to a violation, or `null`. */
export function checkDecided(core: Core, scope: Scope, decided: World): Counterexample | null {
  const memory = new Memory(core, true);
  const moves: Move[] = [];
  let world = decided;
  for (let leftMs = BOUND_MS; ; ) {
    const wrong = findViolation(world);
    if (wrong !== null) return { moves, violation: wrong };
    if (!mustHaveLeader(world) || leader(world) !== undefined) return null;
    const due = nextTimer(world);
    if (due === null || due.afterMs > leftMs) {
      return {
        moves,
        violation: `nothing is under way, a candidate exists, and for ${BOUND_MS / 1000} s nobody leads`,
      };
    }
    leftMs -= due.afterMs;
    world = advance(world, due.afterMs);
    for (let move: Move | undefined = due.move; move !== undefined; move = nextWithoutTimer(world, scope)) {
      moves.push(move);
      const next = attempt(memory, world, move);
      if (typeof next === 'string') return { moves, violation: next };
      world = next;
      const overlap = findOverlap(world.cluster, world.processes, world.record);
      if (overlap !== null) return { moves, violation: overlap };
      if (moves.length > 10_000) return { moves, violation: 'more than 10000 moves follow a decided state' };
    }
  }
}

/** All events are delivered. So a second leader is a violation, even a ghost or a leader after a deletion by hand. */
function findViolation({ cluster, processes }: World): string | null {
  const leading = processes.filter((process) => process.leading);
  if (leading.length > 1) {
    return `${leading.map(({ pod }) => pod.uid).join(' and ')} lead, although all events are delivered`;
  }
  for (const { pod } of leading) {
    if (!exists(cluster, pod.uid)) return `${pod.uid} leads, although it has received that its Pod is gone`;
    if (cluster.lease !== null && cluster.lease.owner?.uid !== pod.uid) {
      return `${pod.uid} leads, although it has received that ${cluster.lease.owner?.uid} holds the Lease`;
    }
  }
  return null;
}

function leader({ processes }: World): Process | undefined {
  return processes.find((process) => process.leading);
}

/** Whether a leader is possible: a candidate exists, and no existing holder without a running process blocks it. */
function mustHaveLeader(world: World): boolean {
  const { cluster, processes, record } = world;
  const able = processes.filter(({ pod, stopped }) => !stopped && exists(cluster, pod.uid)).map(({ pod }) => pod.uid);
  const holder = cluster.lease?.owner?.uid ?? record.holder;
  const blocked = holder !== null && !record.released && exists(cluster, holder) && !able.includes(holder);
  return able.length > 0 && !blocked;
}

/** The next move that needs no time. */
function nextWithoutTimer(world: World, scope: Scope): Move | undefined {
  return flowOf(world, scope.rules).find(({ type }) => type !== 'fire');
}

interface Due {
  readonly move: Move;
  readonly afterMs: number;
}

/** The timer that is due first, without `stale`, which only causes a report. */
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

function advance(world: World, ms: number): World {
  return { ...world, processes: world.processes.map((process) => ({ ...process, nowMs: process.nowMs + ms })) };
}
