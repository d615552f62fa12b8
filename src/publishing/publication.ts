/**
 * The type of a publication. `outlet.ts` decides when to attempt it, and `publisher.ts` makes one attempt at a time.
 */

import type { RequestFailure } from '../core/request-failure.ts';

/**
 * The result of an attempt. `unchanged`: there was nothing to write, so the attempt does not show that writes are
 * accepted.
 */
export type AttemptOutcome = 'written' | 'unchanged' | RequestFailure;

/** One kind of object to write. */
export interface Publication {
  /** Whether there is something to write. */
  readonly isPending: boolean;
  /**
   * The time from a success to the next comparison with the cluster, in milliseconds; `null`: there is no such
   * comparison.
   */
  readonly recheckAfterMs: number | null;
  /** Makes one attempt, with one request at a time. */
  attempt(): Promise<AttemptOutcome>;
  /** Stops for good: nothing is pending, and no further request is sent. */
  stop(): void;
}
