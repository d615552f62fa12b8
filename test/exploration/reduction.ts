/**
 * Leaves out orders that lead to the same situations (partial-order reduction, by ample sets).
 *
 * Where a process is told things in their order, what it does about the next of them changes nothing but itself, and
 * what others do meanwhile only waits behind it: it does not matter which comes first. So where nothing that concerns
 * that process could come in between (a timer, a fault of its own), and nothing shows that a rule is about, it is told at
 * once, and the orders in which it is told later are left out. Each such move uses up something that waits, so no
 * circle consists of them alone. `exploration.test.ts` compares what is found with and without it.
 */

import { exists } from './cluster-model.ts';
import type { Rules } from './moves.ts';
import { nextSources, type Process } from './process-model.ts';
import { DISTURBING_TIMERS, type Move, type World } from './world.ts';

/**
 * The positions of moves that may stand for all; `null` when every move must be tried.
 *
 * @param attempt the world that the move at this position leads to, or what is wrong with it
 */
export function soleMoves(
  world: World,
  rules: Rules,
  moves: readonly Move[],
  attempt: (number: number) => World | string,
): readonly number[] | null {
  // Its Pod may be deleted, and its application asked to end, before it is told.
  if (rules.stopsOnSigterm && world.budget > 0) return null;
  const isUnseen = (number: number): boolean => {
    const next = attempt(number);
    return typeof next !== 'string' && !shows(moves[number] as Move, world, next);
  };
  for (const [index, process] of world.processes.entries()) {
    const own = isTold(process, world) ? undisturbed(moves, index) : null;
    if (own?.every(isUnseen)) return own;
  }
  return null;
}

/** The positions of what a process may do by itself; `null` where something may befall it before. */
function undisturbed(moves: readonly Move[], process: number): number[] | null {
  const own: number[] = [];
  for (const [number, move] of moves.entries()) {
    if (!('process' in move) || move.process !== process) continue;
    if (DISTURBING.has(move.type) || (move.type === 'fire' && DISTURBING_TIMERS[move.timer] !== undefined)) return null;
    if (OWN.has(move.type)) own.push(number);
  }
  return own;
}

/** What a process does by itself. */
const OWN: ReadonlySet<Move['type']> = new Set(['answer', 'deliver', 'fire', 'watchTimer', 'settle']);

/** What befalls a process, and is another thing before it is told something than after. */
const DISTURBING: ReadonlySet<Move['type']> = new Set(['lose', 'cut', 'stepDown', 'sigterm']);

/**
 * Whether something waits for this process, so that what others do changes nothing about what it may do next. That it
 * is killed meanwhile leaves nothing of what it did but a request that may be lost.
 */
function isTold(process: Process, { cluster, record }: World): boolean {
  const { inbox, pod } = process;
  if (inbox === null || inbox.length === 0 || nextSources(process).length !== 1) return false;
  // Of a holder that is gone the checkers note how much it was told.
  return record.holder !== pod.uid || exists(cluster, pod.uid);
}

/** Whether a checker sees it: a term begins or ends, or a campaign comes to its create. */
function shows(move: Move, before: World, after: World): boolean {
  if (!('process' in move) || before.record !== after.record) return true;
  const process = before.processes[move.process] as Process;
  const next = after.processes.find(({ pod }) => pod.uid === process.pod.uid);
  // It can do nothing any more.
  if (next === undefined) return false;
  const created = move.type === 'answer' && process.requests[0]?.asks.verb === 'createLease';
  return (
    created ||
    next.leading !== process.leading ||
    next.working !== process.working ||
    next.stopped !== process.stopped ||
    creates(next) > creates(process)
  );
}

function creates({ requests }: Process): number {
  return requests.filter(({ asks }) => asks.verb === 'createLease').length;
}
