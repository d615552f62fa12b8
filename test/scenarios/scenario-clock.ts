/**
 * The time of a scenario: it stands still until the next timer is fired.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Virtual time; timers that are due at the same moment fire in the order in which they were set. */
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

  /** Moves time to the next timer that is due by `endMs`, and fires it; else moves to `endMs`, and tells so. */
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
