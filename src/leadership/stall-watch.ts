/**
 * Notices that this process stood still: a suspended machine, a stopped process, a long garbage collection.
 *
 * What was true before may not be true any more, and the events that say so are still on their way.
 */

import type { Clock, Timer } from '../runtime/clock.ts';

/** How often it looks, in milliseconds. */
const PULSE_MS = 1_000;

/**
 * So many milliseconds without a pulse say that the process stood still: one that stood still for that long is always
 * noticed, and none that stood still for less than `STALL_MS - PULSE_MS`.
 */
export const STALL_MS = 5_000;

export class StallWatch {
  readonly #clock: Clock;
  readonly #stalled: (forMs: number) => void;
  #timer: Timer | null = null;
  /** The last pulse by both clocks: the monotonic one stands still while the machine is suspended. */
  #pulse = { nowMs: 0, wallMs: 0 };
  #stalledAtMs: number | null = null;

  /** @param stalled is told once of each stall, after it, with its length in milliseconds; must not throw */
  constructor(clock: Clock, stalled: (forMs: number) => void = () => undefined) {
    this.#clock = clock;
    this.#stalled = stalled;
  }

  start(): void {
    if (this.#timer === null) this.#beat();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** The end of the last stall that was not forgiven, as a monotonic moment; `null` when there was none. */
  get stalledAtMs(): number | null {
    // The timer of the pulse may be due, and not have had its turn yet.
    if (this.#timer !== null) this.#look();
    return this.#stalledAtMs;
  }

  /** What was asked at this moment has confirmed what was in doubt since a stall before it. */
  forgive(askedAtMs: number): void {
    if (this.#stalledAtMs !== null && this.#stalledAtMs <= askedAtMs) this.#stalledAtMs = null;
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    const wallMs = this.#clock.wallMs();
    // A clock that was put forward looks like a suspended machine, and costs one question too many.
    const silentForMs = Math.max(nowMs - this.#pulse.nowMs, wallMs - this.#pulse.wallMs);
    this.#pulse = { nowMs, wallMs };
    if (silentForMs < STALL_MS) return;
    this.#stalledAtMs = nowMs;
    this.#stalled(silentForMs);
  }

  #beat(): void {
    if (this.#timer === null) this.#pulse = { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
    else this.#look();
    this.#timer = this.#clock.setTimer(PULSE_MS, () => this.#beat(), { background: true });
  }
}
