/**
 * Visits every situation of a scope, breadth first. So the first violation that it finds needs the fewest moves (among
 * the orders that `reduction.ts` does not leave out).
 */

import { findOverlap } from './checkers.ts';
import { checkDecided } from './decision.ts';
import { Memory } from './memory.ts';
import { flowOf, movesOf } from './moves.ts';
import { type Core, Violation } from './process-model.ts';
import { soleMoves } from './reduction.ts';
import type { Scope } from './scopes.ts';
import { compacted, Fingerprints, pack, unpack } from './situation.ts';
import { NumberList, StateStore } from './state-store.ts';
import { applyMove, type Move, type World } from './world.ts';

/** A sequence of moves that ends in a violation. */
export interface Counterexample {
  readonly moves: readonly Move[];
  readonly violation: string;
}

/** The result of an exploration. */
export interface Finding {
  readonly states: number;
  readonly transitions: number;
  /** Each state is reached from the start with at most this many moves. */
  readonly depth: number;
  /** The number of states in which nothing is under way. */
  readonly decided: number;
  /**
   * The number of different sequences of moves from the start to a decided state. `null` when the transitions contain a
   * circle, or when the exploration is not complete.
   */
  readonly orderings: number | null;
  /** Whether every state was visited before the limit was reached. */
  readonly complete: boolean;
  readonly counterexample: Counterexample | null;
}

export interface Progress {
  readonly states: number;
  readonly waiting: number;
  readonly depth: number;
}

export interface ExplorationOptions {
  readonly core: Core;
  readonly scope: Scope;
  /** Whether orders that lead to the same situations are left out. @default true */
  readonly reduced?: boolean;
  /** The exploration stops when it has found more states than this. */
  readonly limit?: number;
  readonly onProgress?: (progress: Progress) => void;
}

/** States between two reports of progress. */
const PROGRESS_STEP = 20_000;

export function explore(options: ExplorationOptions): Finding {
  const exploration = new Exploration(options);
  return exploration.run();
}

class Exploration {
  readonly #options: ExplorationOptions;
  readonly #memory: Memory;
  readonly #fingerprints: Fingerprints;
  readonly #store = new StateStore();
  readonly #start: World;
  /** The packed worlds of the current depth that are not yet explored. */
  #level = new NumberList();
  #nextLevel = new NumberList();
  #depth = 0;
  #decided: number[] = [];
  #explored = 0;

  constructor(options: ExplorationOptions) {
    this.#options = options;
    this.#memory = new Memory(options.core);
    this.#fingerprints = new Fingerprints(this.#memory, options.scope.rules.candidates);
    this.#start = options.scope.start(this.#memory);
    const { high, low } = this.#fingerprints.of(this.#start);
    this.#store.add(high, low, 0, 0);
    this.#enqueue(this.#start);
  }

  run(): Finding {
    const { limit = Number.POSITIVE_INFINITY } = this.#options;
    while (this.#nextLevel.length > 0) {
      this.#level = this.#nextLevel;
      this.#nextLevel = new NumberList();
      for (let position = 0; position < this.#level.length; ) {
        const begin = position + 1;
        position = begin + this.#level.at(position);
        const counterexample = this.#expand(unpack(this.#memory, this.#level.slice(begin, position)));
        if (counterexample !== null) return this.#finding(counterexample, false);
        if (this.#store.size > limit) return this.#finding(null, false);
      }
      if (this.#nextLevel.length > 0) this.#depth += 1;
    }
    return this.#finding(null, true);
  }

  /** Tries every move from this world. */
  #expand(world: World): Counterexample | null {
    const { core, scope, reduced = true, onProgress } = this.#options;
    const state = this.#explored;
    this.#explored += 1;
    if (this.#explored % PROGRESS_STEP === 0) {
      onProgress?.({ states: this.#store.size, waiting: this.#store.size - this.#explored, depth: this.#depth });
    }
    this.#store.begin();
    if (flowOf(world, scope.rules).length === 0) {
      this.#decided.push(state);
      const undecided = checkDecided(core, scope, world);
      if (undecided !== null) {
        return { moves: [...this.#movesTo(state), ...undecided.moves], violation: undecided.violation };
      }
    }
    const moves = movesOf(world, scope.rules);
    const tried: (World | string)[] = [];
    const tryOut = (number: number): World | string => {
      tried[number] ??= attempt(this.#memory, world, moves[number] as Move);
      return tried[number];
    };
    const sole = reduced ? soleMoves(world, scope.rules, moves, tryOut) : null;
    for (const number of sole ?? moves.keys()) {
      const move = moves[number] as Move;
      const next = tryOut(number);
      const violation = typeof next === 'string' ? next : findOverlap(next.cluster, next.processes, next.record);
      if (violation !== null) return { moves: [...this.#movesTo(state), move], violation };
      this.#reach(compacted(this.#memory, next as World), state, number);
    }
    return null;
  }

  #reach(world: World, parent: number, move: number): void {
    const { high, low } = this.#fingerprints.of(world);
    const known = this.#store.size;
    const state = this.#store.add(high, low, parent, move);
    this.#store.addTransition(state);
    if (state === known) this.#enqueue(world);
  }

  #enqueue(world: World): void {
    const numbers = pack(this.#memory, world);
    this.#nextLevel.push(numbers.length);
    for (const number of numbers) this.#nextLevel.push(number);
  }

  #movesTo(state: number): Move[] {
    const { scope } = this.#options;
    const path: Move[] = [];
    let world = this.#start;
    for (const number of this.#store.movesTo(state)) {
      const move = movesOf(world, scope.rules)[number] as Move;
      path.push(move);
      world = compacted(this.#memory, applyMove(this.#memory, world, move));
    }
    return path;
  }

  #finding(counterexample: Counterexample | null, complete: boolean): Finding {
    const decided = new Set(this.#decided);
    return {
      states: this.#store.size,
      transitions: this.#store.transitions,
      depth: this.#depth,
      decided: this.#decided.length,
      orderings: complete ? this.#store.countPaths((state) => decided.has(state)) : null,
      complete,
      counterexample,
    };
  }
}

/** The next world, or the description of a violation. */
export function attempt(memory: Memory, world: World, move: Move): World | string {
  try {
    return applyMove(memory, world, move);
  } catch (error) {
    if (error instanceof Violation) return error.message;
    if (error instanceof Error && error.name === 'InvariantError') return `an invariant broke: ${error.message}`;
    throw error;
  }
}
