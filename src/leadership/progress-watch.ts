/**
 * Notices that the work of a term makes no progress: `term.progress()` was not called for too long.
 *
 * It says so and decides nothing. This process stays the leader until its container is restarted.
 */

import type { Clock, Timer } from '../runtime/clock.ts';

/**
 * A timer that fires this many milliseconds after it was due is late: the process stood still, and so did its work. Node.js
 * fires timers a few milliseconds late when it is healthy.
 */
const TIMER_LATE_MS = 1_000;

export class ProgressWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number | null;
  readonly #stalled: (forMs: number) => void;
  #lastMs = 0;
  #isLate = false;
  #timer: Timer | null = null;
  #isRunning = false;

  /**
   * @param timeoutMs how long the work may make no progress; `null`: for ever
   * @param stalled is told once when progress is late, and again only after some progress; must not throw
   */
  constructor(clock: Clock, timeoutMs: number | null, stalled: (forMs: number) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#stalled = stalled;
  }

  /** A term begins: its work has the whole time for its first progress. */
  begin(): void {
    if (this.#timeoutMs === null) return;
    this.#isRunning = true;
    this.progress();
  }

  /** Cheap enough for the innermost loop: it sets no timer but after a stall. */
  progress(): void {
    if (this.#timeoutMs === null || !this.#isRunning) return;
    this.#lastMs = this.#clock.nowMs();
    this.#isLate = false;
    if (this.#timer === null) this.#lookAfter(this.#timeoutMs);
  }

  /** The term is over. */
  end(): void {
    this.#isRunning = false;
    this.#isLate = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** For how long there was no progress, in milliseconds, once that is too long; else `null`. */
  get lateForMs(): number | null {
    return this.#isLate ? this.#clock.nowMs() - this.#lastMs : null;
  }

  #lookAfter(afterMs: number): void {
    const dueMs = this.#clock.nowMs() + afterMs;
    this.#timer = this.#clock.setTimer(afterMs, () => this.#look(this.#clock.nowMs() - dueMs), { background: true });
  }

  #look(lateMs: number): void {
    this.#timer = null;
    if (this.#timeoutMs === null) return;
    const forMs = this.#clock.nowMs() - this.#lastMs;
    if (forMs < this.#timeoutMs) return this.#lookAfter(this.#timeoutMs - forMs);
    // The work could do nothing while the process stood still, and has not had its turn yet.
    if (lateMs >= TIMER_LATE_MS) return this.#lookAfter(Math.min(TIMER_LATE_MS, this.#timeoutMs));
    this.#isLate = true;
    this.#stalled(forMs);
  }
}
