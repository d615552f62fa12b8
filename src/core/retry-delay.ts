/**
 * How long to wait before asking again: attempt number and chance in, milliseconds out.
 *
 * Whether to ask again at all is decided by who calls.
 */

/** The delay of the first attempt, before jitter, in milliseconds. */
export const RETRY_BASE_MS = 250;

/** No delay is longer, in milliseconds: a candidate that waits longer would be late for a failover. */
export const RETRY_CAP_MS = 10_000;

/** A Retry-After of the server is obeyed up to this many milliseconds: nobody may silence an elector for good. */
export const RETRY_AFTER_LIMIT_MS = 60_000;

/** The longer of one's own delay and the one that the server asked for, all in milliseconds. */
export function atLeastRetryAfterMs(ownDelayMs: number, retryAfterMs: number | null): number {
  return Math.max(ownDelayMs, Math.min(retryAfterMs ?? 0, RETRY_AFTER_LIMIT_MS));
}

/**
 * The delay before attempt `attempt` (from 1) is repeated, in whole milliseconds.
 *
 * It doubles with each attempt up to the cap. Half of it is fixed, so that no draw of chance makes a hot
 * loop; the other half is drawn with `random` (0 to 1, exclusive), so that many processes that failed
 * together do not come back together.
 */
export function retryDelayMs(attempt: number, random: number): number {
  // 2 ** 1024 is Infinity, and the minimum of that and the cap is still right.
  const fullMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (Math.max(1, attempt) - 1));
  return Math.round(fullMs / 2 + random * (fullMs / 2));
}
