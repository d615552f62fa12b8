/**
 * The clock of a simulation: a queue of callbacks in the order of their times. Nothing waits for real time.
 *
 * The clocks of the simulated processes, which run fast, slow or jump, are in `process-clock.ts`.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';

/** 2026-01-01T00:00:00Z, when every simulation begins. */
const WALL_START_MS = Date.UTC(2026, 0, 1);

/**
 * How many immediates are set at once. The event loop runs them without a poll of the sockets in between, and such a
 * poll costs more than most events.
 */
const IMMEDIATES_AHEAD = 100;

interface Appointment {
  readonly atMs: number;
  /** Of two appointments at the same moment, the lower number runs first. */
  readonly number: number;
  run: (() => void) | null;
}

/** The virtual time. It is also the clock of the API server. */
export class VirtualTime implements Clock {
  #nowMs = 0;
  #made = 0;
  #ran = 0;
  /** A binary heap. The next appointment is first. */
  readonly #appointments: Appointment[] = [];
  /** How many immediates are still pending. */
  #immediates = 0;
  #whenSettled: () => void = () => undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#nowMs;
  }

  /** The number of callbacks that have run. */
  get eventCount(): number {
    return this.#ran;
  }

  /** The number of timers that were set, including those that were cancelled. */
  get madeCount(): number {
    return this.#made;
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    this.#made += 1;
    const appointment: Appointment = { atMs: this.#nowMs + Math.max(0, afterMs), number: this.#made, run: callback };
    this.#push(appointment);
    return {
      cancel() {
        appointment.run = null;
      },
    };
  }

  /** Runs all callbacks up to a moment. After each callback and its promises, `goOn` decides whether to continue. */
  async runUntil(endMs: number, goOn: () => boolean): Promise<void> {
    for (let next = this.#appointments[0]; next !== undefined && next.atMs <= endMs; next = this.#appointments[0]) {
      this.#pop();
      const { run } = next;
      if (run === null) continue;
      this.#nowMs = next.atMs;
      this.#ran += 1;
      run();
      await this.#settled();
      if (!goOn()) return;
    }
    this.#nowMs = endMs;
  }

  /**
   * Node.js runs all promise callbacks between two immediates. So no promise callback is pending when the next
   * immediate runs.
   */
  #settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenSettled = resolve;
      if (this.#immediates > 0) return;
      this.#immediates = IMMEDIATES_AHEAD;
      for (let ahead = 0; ahead < IMMEDIATES_AHEAD; ahead += 1) {
        // biome-ignore lint/style/noRestrictedGlobals: this waits only for promises, not for time.
        setImmediate(() => {
          this.#immediates -= 1;
          this.#whenSettled();
        });
      }
    });
  }

  #push(appointment: Appointment): void {
    const heap = this.#appointments;
    let index = heap.length;
    heap.push(appointment);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, appointment)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = appointment;
  }

  #pop(): void {
    const heap = this.#appointments;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      const right = heap[child + 1];
      if (right !== undefined && below !== undefined && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (below === undefined || isBefore(last, below)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: Appointment, right: Appointment): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.number < right.number);
}
