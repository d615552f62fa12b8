/**
 * A clock that advances only when a test moves it.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
  /** Whether the timer lets the process end. */
  readonly background: boolean;
}

type TimerOptions = NonNullable<Parameters<Clock['setTimer']>[2]>;

/** Only `advance` and `stall` change the time. */
export class ManualClock implements Clock {
  /** The timers that are set, in the order in which they were set. */
  readonly timers: Set<PendingTimer> = new Set();
  #nowMs = 1_000;
  #wallAtZeroMs: number;

  constructor(start = '2027-01-15T08:00:01Z') {
    this.#wallAtZeroMs = Date.parse(start) - this.#nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallAtZeroMs + this.#nowMs;
  }

  /** Sets the wall clock, as a person or NTP does. */
  jumpWall(byMs: number): void {
    this.#wallAtZeroMs += byMs;
  }

  setTimer(afterMs: number, callback: () => void, { background = false }: TimerOptions = {}): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, afterMs), callback, background };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  /** Moves the time, and calls each timer that becomes due at its time, in order. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      // The sort is stable: timers of the same time are called in the order in which they were set.
      const [next] = [...this.timers].filter(({ dueMs }) => dueMs <= endMs).toSorted((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.timers.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }

  /** Time passes while the process is suspended: each timer that becomes due is called late, at the end. */
  stall(byMs: number): void {
    this.#nowMs += byMs;
    const due = [...this.timers].filter(({ dueMs }) => dueMs <= this.#nowMs).toSorted((a, b) => a.dueMs - b.dueMs);
    for (const timer of due) if (this.timers.delete(timer)) timer.callback();
  }
}
