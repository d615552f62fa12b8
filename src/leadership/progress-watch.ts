/**
 * Detects that the work of a term makes no progress: `term.progress()` was not called for too long.
 *
 * It reports the stall and decides nothing. This process stays the leader until its container is restarted.
 */

import type { Clock, Timer } from '../runtime/clock.ts';

/**
 * A timer that fires this many milliseconds after it was due is late: the process was suspended, and so was its work.
 * In a healthy process, Node.js fires timers a few milliseconds late.
 */
const TIMER_LATE_MS = 1_000;

/** Watches the progress of one term at a time. */
export class ProgressWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number | null;
  readonly #stalled: (forMs: number) => void;
  #lastMs = 0;
  #isLate = false;
  #timer: Timer | null = null;
  #isRunning = false;

  /**
   * @param timeoutMs the longest time without progress; `null`: there is no limit
   * @param stalled called once when progress is late, and again only after some progress; must not throw
   */
  constructor(clock: Clock, timeoutMs: number | null, stalled: (forMs: number) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#stalled = stalled;
  }

  /** Begins a term. Its work has the whole time-out for the first progress. */
  begin(): void {
    if (this.#timeoutMs === null) return;
    this.#isRunning = true;
    this.progress();
  }

  /** Records progress. It is cheap enough for the innermost loop: it sets a timer only after a stall. */
  progress(): void {
    if (this.#timeoutMs === null || !this.#isRunning) return;
    this.#lastMs = this.#clock.nowMs();
    this.#isLate = false;
    if (this.#timer === null) this.#lookAfter(this.#timeoutMs);
  }

  /** Ends the term. */
  end(): void {
    this.#isRunning = false;
    this.#isLate = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** The time since the last progress, in milliseconds, when that is too long; otherwise `null`. */
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
    // The work could not run while the process was suspended, and has not run since.
    if (lateMs >= TIMER_LATE_MS) return this.#lookAfter(Math.min(TIMER_LATE_MS, this.#timeoutMs));
    this.#isLate = true;
    this.#stalled(forMs);
  }
}
