/** The record of a refusal by the API server. The consequences of refusals are in `refusals.ts`. */

import type { WarningCode } from './effect.ts';
import type { RequestFailure } from './request-failure.ts';

/**
 * A refusal that has lasted this many milliseconds is believed: a warning reports it, and the election continues
 * without the request.
 */
export const REFUSAL_BELIEVED_MS = 5_000;

/**
 * A term ends after the token was refused for this many milliseconds without a success in between. The API server
 * accepts the token of a deleted Pod for up to 10 s (wire fact 30), so a shorter time would have no benefit.
 */
export const UNAUTHORIZED_LIMIT_MS = 10_000;

/** The things that can be refused: the token, or a verb. */
export type Refusable =
  | 'token'
  | 'list leases'
  | 'watch leases'
  | 'get leases'
  | 'create leases'
  | 'update leases'
  | 'delete leases'
  | 'list pods'
  | 'watch pods'
  | 'get pods';

/** Refusals in a row, without a success in between. */
export interface Refusal {
  /**
   * The monotonic moment of the first refusal. Time in which the API server was not reachable, or in which no request
   * was sent, does not count: it moves this moment forward.
   */
  readonly sinceMs: number;
  /** The monotonic moment of the last refusal. */
  readonly lastMs: number;
  readonly count: number;
  /** Whether the API server was not reachable at some time since the last refusal. */
  readonly interrupted: boolean;
  /** The failure of the last refused request. */
  readonly failure: RequestFailure;
  /** The code of the warning that reported these refusals; `null` if there was no warning. */
  readonly warned: WarningCode | null;
}

/** The requests that are refused at the moment. */
export type Refusals = Readonly<Partial<Record<Refusable, Refusal>>>;

/**
 * The time until the next of these refusals can be believed, in milliseconds; `Infinity` when none is left. The next
 * attempt is due after that time at the latest.
 */
export function remainingDoubtMs(refusals: Refusals, nowMs: number): number {
  const remaining = Object.values(refusals)
    .filter(({ sinceMs, lastMs }) => lastMs - sinceMs < REFUSAL_BELIEVED_MS)
    .map(({ sinceMs }) => sinceMs + REFUSAL_BELIEVED_MS - nowMs)
    .filter((remainingMs) => remainingMs > 0);
  return Math.min(...remaining);
}
