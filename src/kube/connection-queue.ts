/**
 * Decides when a request may use a connection. The electors of a process share a few connections, and no elector waits
 * long for another.
 *
 * The number of requests of an elector that use a connection is limited. The other requests wait in the order of their
 * arrival. While requests on the few connections are answered, all requests share them. If no request is answered for a
 * moment, or one request waits too long, the number of connections doubles.
 */

import type { Clock, Timer } from '../runtime/clock.ts';

/**
 * A wait is divided into pieces of this many milliseconds. If the requests of one elector hang, a connection remains
 * free, so no other elector waits. If the requests of several electors hang, the others wait once for two pieces, which
 * is a small part of a request time-out.
 */
export const PATIENCE_MS = 250;

/**
 * After this many pieces in which no request has ended, more connections are permitted. It is two, because after a
 * stall of the event loop a timer fires before the answers in the sockets are read.
 */
export const IDLE_PIECES = 2;

/**
 * A request that has waited for this many pieces gets a connection, even if other requests end. Otherwise the last of a
 * hundred electors would wait for 20 s if the server answers each request after 200 ms.
 */
export const SLOW_PIECES = 4;

/** The numbers of connections that a queue permits. */
export interface QueueLimits {
  /** For all electors, as long as their requests are answered. */
  readonly connections: number;
  /** For one elector. The largest number of connections is this number times the number of electors. */
  readonly ofOneElector: number;
}

/** A request that waits. */
export interface Waiting {
  /** The elector that sends it. */
  readonly owner: object;
  /** Whether it no longer needs to be sent. */
  isOver(): boolean;
  /**
   * Called when the request may use a connection. `leave` must be called once, when the connection is free or closed.
   */
  go(leave: () => void): void;
}

interface Entry extends Waiting {
  /** The number of pieces that were over when the request entered the queue. */
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
  /** The number of pieces that are over. */
  #pieces = 0;
  /** The number of pieces that were over when connections were last added. */
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

  /** Drops all waiting requests. */
  close(): void {
    this.#waiting = [];
    this.#rest();
  }

  #proceed(): void {
    this.#waiting = this.#waiting.filter((waiting) => !waiting.isOver());
    for (;;) {
      const next = this.#waiting.find(({ owner }) => this.#usedOf(owner) < this.#limits.ofOneElector);
      if (next === undefined) return this.#rest();
      // An elector waits only for other electors. A single elector may use all connections that one elector is
      // permitted.
      const usedByOthers = this.#used - this.#usedOf(next.owner);
      if (usedByOthers > 0 && this.#used >= this.#permitted) {
        if (!this.#isWaitOver(next)) return this.#wait();
        this.#idlePieces = 0;
        this.#addedAt = this.#pieces;
        // A single elector can use more connections than the queue permits.
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

  /** Stops the timer, because no request waits for another elector. */
  #rest(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#idlePieces = 0;
    // The higher number stays permitted while that many connections are in use. Otherwise the next request would wait
    // again.
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
