/**
 * How long to wait before asking again: attempt number and chance in, milliseconds out.
 *
 * Whether to ask again at all is decided by who calls.
 */

/** The delay of the first attempt, before jitter, in milliseconds. */
export const RETRY_BASE_MS = 250;

/**
 * No delay after a passing failure is longer, in milliseconds, unless the server asks for it.
 *
 * client-go asks every 2 s in calm weather. With jitter a process repeats a request every 1.5 s on average. So 1,000
 * candidates make at most about 700 requests a second, for each request that a candidate repeats. A longer wait would
 * delay the failover after an outage.
 */
export const RETRY_CAP_MS = 2_000;

/** The delays of the first refusals in a row, before jitter, in milliseconds. With jitter they span about 30 s. */
const EARLY_REFUSAL_DELAYS_MS: readonly number[] = [1_000, 2_000, 4_000, 8_000, 16_000, 16_000];

/** The delay of every later refusal, before jitter, in milliseconds: a permission that is missing costs one request a minute. */
export const REFUSAL_CAP_MS = 60_000;

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
  return withJitter(fullMs, random);
}

/**
 * The delay before a request is repeated after refusal `attempt` (from 1) in a row, in whole milliseconds.
 *
 * A refusal is a 401, a 403 or another answer that usually stays. A real API server also refuses for a moment after
 * its start, while its caches are empty. So the first refusals are repeated soon, the later ones rarely.
 */
export function refusalDelayMs(attempt: number, random: number): number {
  return withJitter(EARLY_REFUSAL_DELAYS_MS[Math.max(1, attempt) - 1] ?? REFUSAL_CAP_MS, random);
}

function withJitter(fullMs: number, random: number): number {
  return Math.round(fullMs / 2 + random * (fullMs / 2));
}
