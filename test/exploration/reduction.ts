/**
 * Leaves out orders that lead to the same situations (partial-order reduction with ample sets).
 *
 * When a process receives messages in order, its step for the next message changes only that process. Steps of other
 * processes only add messages behind it, so their order does not matter. If no timer or fault of that process can come
 * in between, and no checker can notice the step, then the message is delivered at once. The orders in which it is
 * delivered later are left out. Each such move uses up a pending message, so no circle consists only of such moves.
 * `exploration.test.ts` compares the results with and without the reduction.
 */

import { exists } from './cluster-model.ts';
import type { Rules } from './moves.ts';
import { nextSources, type Process } from './process-model.ts';
import { DISTURBING_TIMERS, type Move, type World } from './world.ts';

/**
 * The positions of the moves that represent all moves. `null` when every move must be tried.
 *
 * @param attempt returns the next world of the move at this position, or the description of a violation
 */
export function soleMoves(
  world: World,
  rules: Rules,
  moves: readonly Move[],
  attempt: (number: number) => World | string,
): readonly number[] | null {
  // The Pod may be deleted, and the application may receive SIGTERM, before the message arrives.
  if (rules.stopsOnSigterm && world.budget > 0) return null;
  const isInvisible = (number: number): boolean => {
    const next = attempt(number);
    return typeof next !== 'string' && !isVisible(moves[number] as Move, world, next);
  };
  for (const [index, process] of world.processes.entries()) {
    const own = hasPendingMessage(process, world) ? undisturbed(moves, index) : null;
    if (own?.every(isInvisible)) return own;
  }
  return null;
}

/** The positions of the moves that a process makes by itself. `null` when a fault may apply to the process before. */
function undisturbed(moves: readonly Move[], process: number): number[] | null {
  const own: number[] = [];
  for (const [number, move] of moves.entries()) {
    if (!('process' in move) || move.process !== process) continue;
    if (DISTURBING.has(move.type) || (move.type === 'fire' && DISTURBING_TIMERS[move.timer] !== undefined)) return null;
    if (OWN.has(move.type)) own.push(number);
  }
  return own;
}

/** The moves that a process makes by itself. */
const OWN: ReadonlySet<Move['type']> = new Set(['answer', 'deliver', 'fire', 'watchTimer', 'settle']);

/** The faults of a process whose effect before a message differs from the effect after it. */
const DISTURBING: ReadonlySet<Move['type']> = new Set(['lose', 'cut', 'stepDown', 'sigterm']);

/**
 * Whether a message waits for this process, so that steps of other processes do not change its next step. If the
 * process is killed in between, only a request remains, which may be lost.
 */
function hasPendingMessage(process: Process, { cluster, record }: World): boolean {
  const { inbox, pod } = process;
  if (inbox === null || inbox.length === 0 || nextSources(process).length !== 1) return false;
  // The checkers record the received messages of a holder that is gone.
  return record.holder !== pod.uid || exists(cluster, pod.uid);
}

/** Whether a checker can notice the move: a term begins or ends, or a campaign sends its create. */
function isVisible(move: Move, before: World, after: World): boolean {
  if (!('process' in move) || before.record !== after.record) return true;
  const process = before.processes[move.process] as Process;
  const next = after.processes.find(({ pod }) => pod.uid === process.pod.uid);
  // The process is no longer part of the world.
  if (next === undefined) return false;
  const created = move.type === 'answer' && process.requests[0]?.operation.verb === 'createLease';
  return (
    created ||
    next.leading !== process.leading ||
    next.working !== process.working ||
    next.stopped !== process.stopped ||
    creates(next) > creates(process)
  );
}

function creates({ requests }: Process): number {
  return requests.filter(({ operation }) => operation.verb === 'createLease').length;
}
