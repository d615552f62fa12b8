/**
 * A clock that only the test moves.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';

/** A `Clock` whose time the test sets. */
export class ManualClock implements Clock {
  #nowMs = 1_000;
  #wallShiftMs = 0;
  readonly timers: Set<{ readonly dueMs: number; readonly callback: () => void }> = new Set();

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_800_000_000_000 + this.#nowMs + this.#wallShiftMs;
  }

  /** Sets the wall clock, as a person or NTP does. */
  jumpWall(byMs: number): void {
    this.#wallShiftMs += byMs;
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + afterMs, callback };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  /** Fires the timers that become due, in order. */
  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = [...this.timers].filter((timer) => timer.dueMs <= this.#nowMs).sort((a, b) => a.dueMs - b.dueMs);
    for (const timer of due) if (this.timers.delete(timer)) timer.callback();
  }
}
