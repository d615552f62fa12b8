/**
 * The one clock of a simulation: what is to happen, in the order of its moments. Nothing waits for real time.
 *
 * The clocks of the simulated processes, which run fast, slow or jump, are in `process-clock.ts`.
 */

import type { Clock, Timer } from '../../src/runtime/clock.ts';

/** 2026-01-01T00:00:00Z, when every simulation begins. */
const WALL_START_MS = Date.UTC(2026, 0, 1);

/**
 * Set in advance, since those of one turn of the event loop follow each other without a look at the sockets, which
 * costs more than most events do.
 */
const IMMEDIATES_AHEAD = 100;

interface Appointment {
  readonly atMs: number;
  /** Of two at the same moment, the one that was made first. */
  readonly number: number;
  run: (() => void) | null;
}

/** Also the clock of the API server. */
export class VirtualTime implements Clock {
  #nowMs = 0;
  #made = 0;
  #kept = 0;
  /** A binary heap: the next one is first. */
  readonly #appointments: Appointment[] = [];
  /** How many immediates are still to come. */
  #immediates = 0;
  #whenSettled: () => void = () => undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#nowMs;
  }

  /** How many things have happened. */
  get eventCount(): number {
    return this.#kept;
  }

  /** How many things were to happen at some time, also those that were cancelled. */
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

  /**
   * Lets everything happen up to a moment. `goOn` is asked when what an event set off has settled; when it says no,
   * time stands still.
   */
  async runUntil(endMs: number, goOn: () => boolean): Promise<void> {
    for (let next = this.#appointments[0]; next !== undefined && next.atMs <= endMs; next = this.#appointments[0]) {
      this.#pop();
      const { run } = next;
      if (run === null) continue;
      this.#nowMs = next.atMs;
      this.#kept += 1;
      run();
      await this.#settled();
      if (!goOn()) return;
    }
    this.#nowMs = endMs;
  }

  /** Node.js runs all promise callbacks between two immediates: when the next comes, nothing is left to be done now. */
  #settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenSettled = resolve;
      if (this.#immediates > 0) return;
      this.#immediates = IMMEDIATES_AHEAD;
      for (let ahead = 0; ahead < IMMEDIATES_AHEAD; ahead += 1) {
        // biome-ignore lint/style/noRestrictedGlobals: this waits for no time, only for the promises.
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
