/**
 * A clock for these tests that only `advance` moves.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';

interface PendingTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time moves only by `advance`. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #startMs: number;
  readonly #timers = new Set<PendingTimer>();

  constructor(start = '2026-03-01T10:00:00Z') {
    this.#startMs = Date.parse(start);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#startMs + this.#nowMs;
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    this.#order += 1;
    const timer = { dueMs: this.#nowMs + Math.max(0, afterMs), order: this.#order, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Moves the time forward, and calls the timers that become due, in their order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.dueMs <= endMs);
      due.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
      const next = due[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }
}
