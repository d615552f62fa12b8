/**
 * Notices that this process stood still: a suspended machine, a stopped process, a long garbage collection.
 *
 * What was true before may not be true any more, and the events that say so are still on their way.
 */

import type { Clock, Timer } from './clock.ts';

/** How often it looks, in milliseconds. */
const PULSE_MS = 1_000;

/** A pulse that is so many milliseconds late says that the process stood still. */
export const STALL_MS = 5_000;

export class StallWatch {
  readonly #clock: Clock;
  #timer: Timer | null = null;
  #pulseAtMs = 0;
  #stalledAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#stalledAtMs = null;
    this.#pulse();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** The end of the last stall, as a monotonic moment; `null` when there was none since `start`. */
  get stalledAtMs(): number | null {
    if (this.#timer !== null) this.#look();
    return this.#stalledAtMs;
  }

  /** What was asked at this moment has confirmed what was in doubt since a stall before it. */
  forgive(askedAtMs: number): void {
    if (this.#stalledAtMs !== null && this.#stalledAtMs <= askedAtMs) this.#stalledAtMs = null;
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#pulseAtMs < PULSE_MS + STALL_MS) return;
    this.#stalledAtMs = nowMs;
    this.#pulseAtMs = nowMs;
  }

  #pulse(): void {
    if (this.#timer !== null) this.#look();
    this.#pulseAtMs = this.#clock.nowMs();
    this.#timer = this.#clock.setTimer(PULSE_MS, () => this.#pulse(), { background: true });
  }
}
