/**
 * Decides when a request may use a connection, so that the electors of a process share a few, and none waits long for another.
 *
 * The number of requests that an elector has on the wire is limited, and the others wait in the order of their arrival. While a
 * few connections answer, all requests share them. Where none answers for a moment, or a request waits in spite of the
 * answers, their number doubles.
 */

import type { Clock, Timer } from '../runtime/clock.ts';

/**
 * A wait is divided into pieces of this many milliseconds. One elector that hangs leaves a connection free, so nobody waits
 * for it. Several that hang hold the others up once, for two pieces: a small part of a request time-out.
 */
export const PATIENCE_MS = 250;

/**
 * After this many pieces without an end of any request, more connections are permitted. Two, since after a stall of the event
 * loop a timer fires before the answers that have arrived are read.
 */
export const IDLE_PIECES = 2;

/**
 * A request that has waited for this many pieces gets a connection, although others end. A server that answers each
 * request after 200 ms would let the last of a hundred electors wait for 20 s.
 */
export const SLOW_PIECES = 4;

/** How many connections a queue permits. */
export interface QueueLimits {
  /** As long as the connections answer. */
  readonly connections: number;
  /** For one elector. So the greatest number of connections is this one times the number of electors. */
  readonly ofOneElector: number;
}

/** A request that waits. */
export interface Waiting {
  /** The elector that sends it. */
  readonly owner: object;
  /** Whether it no longer needs to be sent. */
  isOver(): boolean;
  /** Its turn has come. `leave` must be called once, when its connection is free or closed. */
  go(leave: () => void): void;
}

interface Entry extends Waiting {
  /** The number of pieces that were over when it came. */
  readonly enteredAt: number;
}

/** The requests that wait for one kind of connection. */
export class ConnectionQueue {
  readonly #clock: Clock;
  readonly #limits: QueueLimits;
  #permitted: number;
  #waiting: Entry[] = [];
  readonly #usedBy = new Map<object, number>();
  #used = 0;
  #timer: Timer | null = null;
  #idlePieces = 0;
  /** The number of pieces that are over, and how many were when connections were last added. */
  #pieces = 0;
  #addedAt = 0;

  constructor(limits: QueueLimits, clock: Clock) {
    this.#limits = limits;
    this.#permitted = limits.connections;
    this.#clock = clock;
  }

  /** Calls `go` at once if a connection is permitted. */
  enter(waiting: Waiting): void {
    this.#waiting.push({ ...waiting, enteredAt: this.#pieces });
    this.#proceed();
  }

  /** Forgets all that wait. */
  close(): void {
    this.#waiting = [];
    this.#rest();
  }

  #proceed(): void {
    this.#waiting = this.#waiting.filter((waiting) => !waiting.isOver());
    for (;;) {
      const next = this.#waiting.find(({ owner }) => this.#usedOf(owner) < this.#limits.ofOneElector);
      if (next === undefined) return this.#rest();
      // An elector waits for others only: one that is alone has all that it is permitted.
      const usedByOthers = this.#used - this.#usedOf(next.owner);
      if (usedByOthers > 0 && this.#used >= this.#permitted) {
        if (!this.#isWaitOver(next)) return this.#wait();
        this.#idlePieces = 0;
        this.#addedAt = this.#pieces;
        // An elector that is alone can use more than are permitted.
        this.#permitted = 2 * this.#used;
      }
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#use(next);
    }
  }

  #isWaitOver({ enteredAt }: Entry): boolean {
    if (this.#idlePieces >= IDLE_PIECES) return true;
    return this.#pieces - enteredAt >= SLOW_PIECES && this.#pieces - this.#addedAt >= IDLE_PIECES;
  }

  #use({ owner, go }: Waiting): void {
    this.#used += 1;
    this.#usedBy.set(owner, this.#usedOf(owner) + 1);
    let left = false;
    go(() => {
      if (left) return;
      left = true;
      this.#used -= 1;
      const used = this.#usedOf(owner) - 1;
      if (used > 0) this.#usedBy.set(owner, used);
      else this.#usedBy.delete(owner);
      this.#idlePieces = 0;
      this.#proceed();
    });
  }

  #usedOf(owner: object): number {
    return this.#usedBy.get(owner) ?? 0;
  }

  /** No request waits for another elector. */
  #rest(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#idlePieces = 0;
    // As long as this many are in use, none of them may answer: the next request would wait again.
    if (this.#used < this.#limits.connections) this.#permitted = this.#limits.connections;
  }

  #wait(): void {
    this.#timer ??= this.#clock.setTimer(PATIENCE_MS, () => {
      this.#timer = null;
      this.#pieces += 1;
      this.#idlePieces += 1;
      this.#proceed();
    });
  }
}
