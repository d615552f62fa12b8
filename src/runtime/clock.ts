/**
 * The only file that reads the machine's clocks and sets its timers, so that the simulation can
 * replace both. `random.ts` does the same for random numbers.
 */

/** A timer that a `Clock` has set. */
export interface Timer {
  /** Prevents the callback. Does nothing when the timer has fired or was cancelled before. */
  cancel(): void;
}

/** A source of time and timers. */
export interface Clock {
  /** Milliseconds of a clock that never jumps and never runs backwards. Its zero is arbitrary. */
  nowMs(): number;

  /** Milliseconds since 1970, for people and for wire fields. The rules of the election measure no duration with it. */
  wallMs(): number;

  /**
   * Calls the callback once after `afterMs` milliseconds.
   *
   * A timer keeps the process alive unless `background` is true.
   */
  setTimer(afterMs: number, callback: () => void, options?: { readonly background?: boolean }): Timer;
}

/**
 * A timeout of more milliseconds fires immediately in Node.js (Node, "setTimeout"). A Lease may have any duration, so a
 * longer time is waited for in pieces.
 */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The time of this machine. */
export const systemClock: Clock = {
  // `performance.now()` reads the same clock, but loads a module.
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  setTimer(afterMs, callback, options) {
    let handle: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const nowMs = Math.min(leftMs, LONGEST_TIMEOUT_MS);
      handle = setTimeout(() => (leftMs > nowMs ? wait(leftMs - nowMs) : callback()), nowMs);
      if (options?.background === true) handle.unref();
    };
    wait(afterMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
