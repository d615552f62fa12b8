/**
 * The type of a publication. `outlet.ts` decides when to try it, and `publisher.ts` runs one at a time.
 */

import type { RequestFailure } from '../core/request-failure.ts';

/** The result of an attempt. `unchanged`: nothing was to be written, so this does not show that writes are accepted. */
export type AttemptOutcome = 'written' | 'unchanged' | RequestFailure;

/** One kind of object to write. */
export interface Publication {
  /** Whether something is not written yet. */
  readonly isPending: boolean;
  /** Milliseconds from a success to the next comparison with the cluster; `null`: never. */
  readonly recheckAfterMs: number | null;
  /** Makes one attempt, with one request at a time. */
  attempt(): Promise<AttemptOutcome>;
  /** Final: nothing is pending, and no further request is sent. */
  stop(): void;
}
