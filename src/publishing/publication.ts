/**
 * The type of what the publisher writes. `outlet.ts` decides when to try, `publisher.ts` takes one at a time.
 */

import type { RequestFailure } from '../core/request-failure.ts';

/** How an attempt ended. `unchanged`: nothing was left to write, so no write was accepted either. */
export type AttemptOutcome = 'written' | 'unchanged' | RequestFailure;

/** One kind of thing to write. */
export interface Publication {
  /** Something is not written yet. */
  readonly isPending: boolean;
  /** After a success, it is compared with the cluster again after this time, in milliseconds; `null`: never. */
  readonly recheckAfterMs: number | null;
  /** Makes one attempt, with one request at a time. */
  attempt(): Promise<AttemptOutcome>;
  /** Final: nothing is pending, and no further request is sent. */
  stop(): void;
}
