/**
 * Detects that this process was suspended: a suspended machine, a stopped process, a long garbage collection.
 *
 * Afterwards the knowledge of the process may be outdated, and the events that correct it have not been processed yet.
 */

import type { Clock, Timer } from '../runtime/clock.ts';

/** The interval of the checks, in milliseconds. */
const PULSE_MS = 1_000;

/**
 * A gap of at least this many milliseconds between two pulses counts as a stall. A suspension of this length is always
 * detected. A suspension that is shorter than `STALL_MS - PULSE_MS` is never detected.
 */
export const STALL_MS = 5_000;

/** Detects stalls by a timer that fires regularly. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #stalled: (forMs: number) => void;
  #timer: Timer | null = null;
  /** The last pulse by both clocks, because the monotonic clock stops while the machine is suspended. */
  #pulse = { nowMs: 0, wallMs: 0 };
  #stalledAtMs: number | null = null;

  /** @param stalled called once after each stall, with its length in milliseconds; must not throw */
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

  /** The end of the last stall that was not cleared, as a monotonic moment; `null` when there was none. */
  get stalledAtMs(): number | null {
    // The timer of the pulse may be due, but not have fired yet.
    if (this.#timer !== null) this.#look();
    return this.#stalledAtMs;
  }

  /**
   * Clears a stall that ended before `askedAtMs`. A request that was sent at that moment has confirmed the leadership.
   */
  forgive(askedAtMs: number): void {
    if (this.#stalledAtMs !== null && this.#stalledAtMs <= askedAtMs) this.#stalledAtMs = null;
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    const wallMs = this.#clock.wallMs();
    // A clock that was set forward counts as a stall, and causes one unnecessary request.
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
