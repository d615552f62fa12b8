/**
 * The clock of a scenario. Only `fireNext` changes its time.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A virtual clock. Timers that are due at the same moment fire in the order in which they were set. */
export class ScenarioClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<PendingTimer>();

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Date.UTC(2026, 2, 1) + this.#nowMs;
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, afterMs), callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Fires the next timer that is due by `endMs`, at its time. If there is none, moves to `endMs` and returns false. */
  fireNext(endMs: number): boolean {
    let next: PendingTimer | null = null;
    for (const timer of this.#timers) if (next === null || timer.dueMs < next.dueMs) next = timer;
    if (next === null || next.dueMs > endMs) {
      this.#nowMs = endMs;
      return false;
    }
    this.#timers.delete(next);
    this.#nowMs = next.dueMs;
    next.callback();
    return true;
  }
}
