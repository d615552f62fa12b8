/**
 * The clock of one simulated process: it can be faster or slower than the others, and can jump.
 *
 * As on a real machine, its monotonic time never runs backwards, but its wall clock can be set to any time.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';
import type { VirtualTime } from './virtual-time.ts';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
  appointment: Timer;
}

export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  /** Runs work of the process, now or when it is no longer paused. */
  readonly #run: (work: () => void) => void;
  readonly #timers = new Set<PendingTimer>();
  #rate: number;
  #sinceMs: number;
  #localMs: number;
  #wallOffsetMs: number;
  /** The virtual time at which the clock last jumped ahead. */
  jumpedMs: number = Number.NEGATIVE_INFINITY;

  constructor(time: VirtualTime, rate: number, wallOffsetMs: number, run: (work: () => void) => void) {
    this.#time = time;
    this.#rate = rate;
    this.#sinceMs = time.nowMs();
    // Each machine starts at another number, so that code that compares the clocks of two machines fails.
    this.#localMs = 1_000_000 * rate;
    this.#wallOffsetMs = wallOffsetMs;
    this.#run = run;
  }

  nowMs(): number {
    return this.#localMs + (this.#time.nowMs() - this.#sinceMs) * this.#rate;
  }

  wallMs(): number {
    return Math.floor(this.#time.wallMs() + this.#wallOffsetMs);
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    const timer: PendingTimer = { dueMs: this.nowMs() + afterMs, callback, appointment: NOT_SET };
    this.#timers.add(timer);
    this.#schedule(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.appointment.cancel();
      },
    };
  }

  /** Jumps ahead by this many milliseconds, and then runs at another rate. */
  change(rate: number, jumpMs: number): void {
    this.#localMs = this.nowMs() + jumpMs;
    if (jumpMs > 0) this.jumpedMs = this.#time.nowMs();
    this.#sinceMs = this.#time.nowMs();
    this.#rate = rate;
    for (const timer of this.#timers) {
      timer.appointment.cancel();
      this.#schedule(timer);
    }
  }

  /** Sets the wall clock. The monotonic time does not change. */
  setWallOffset(offsetMs: number): void {
    this.#wallOffsetMs = offsetMs;
  }

  /** Cancels all timers: the process has ended. */
  stop(): void {
    for (const timer of this.#timers) timer.appointment.cancel();
    this.#timers.clear();
  }

  #schedule(timer: PendingTimer): void {
    // One nanosecond more, so that rounding never fires the timer early.
    const afterMs = (timer.dueMs - this.nowMs()) / this.#rate + 1e-6;
    timer.appointment = this.#time.setTimer(afterMs, () =>
      this.#run(() => {
        // The timer may have been cancelled while the process was paused.
        if (this.#timers.delete(timer)) timer.callback();
      }),
    );
  }
}

const NOT_SET: Timer = { cancel: () => undefined };
