/**
 * The record of a refusal by the API server. What follows from refusals is in `refusals.ts`.
 */

import type { WarningCode } from './effect.ts';
import type { RequestFailure } from './request-failure.ts';

/** A refusal that has lasted this long, in milliseconds, is believed: it is warned of, and the election does without. */
export const REFUSAL_BELIEVED_MS = 5_000;

/**
 * A token that was refused for this long, in milliseconds, without a success between ends a term. The API server itself
 * accepts the token of a deleted Pod for up to 10 s (wire fact 30), so a shorter time would gain nothing.
 */
export const UNAUTHORIZED_LIMIT_MS = 10_000;

/** What can be refused: the token as such, or a verb. */
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

/** Refusals in a row, without a success between. */
export interface Refusal {
  /**
   * The monotonic moment of the first. Time in which the API server was away, or in which nothing was tried, is not
   * counted: it moves this moment forward.
   */
  readonly sinceMs: number;
  /** The monotonic moment of the last. */
  readonly lastMs: number;
  readonly count: number;
  /** The API server was away since the last one. */
  readonly interrupted: boolean;
  /** The last one. */
  readonly failure: RequestFailure;
  /** The warning that was raised because of them, if one was. */
  readonly warned: WarningCode | null;
}

/** What is refused at the moment. */
export type Refusals = Readonly<Partial<Record<Refusable, Refusal>>>;

/**
 * How long until a refusal that is in doubt would be believed, in milliseconds: the next try comes then at the latest.
 * `Infinity` when none is in doubt.
 */
export function remainingDoubtMs(refusals: Refusals, nowMs: number): number {
  const remaining = Object.values(refusals)
    .filter(({ sinceMs, lastMs }) => lastMs - sinceMs < REFUSAL_BELIEVED_MS)
    .map(({ sinceMs }) => sinceMs + REFUSAL_BELIEVED_MS - nowMs)
    .filter((remainingMs) => remainingMs > 0);
  return Math.min(...remaining);
}
