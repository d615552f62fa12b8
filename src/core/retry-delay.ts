/**
 * The delay before a request is repeated, in milliseconds, from the number of attempts and a random number.
 *
 * The caller decides whether to repeat the request at all.
 */

/** The delay of the first attempt, before jitter, in milliseconds. */
export const RETRY_BASE_MS = 250;

/**
 * The longest delay after a temporary failure, in milliseconds, unless the server requests a longer delay.
 *
 * client-go sends a request every 2 s when nothing fails. With jitter a process repeats a request every 1.5 s on
 * average. If each of 1,000 candidates repeats one request, they send about 700 requests a second. A longer wait would
 * delay the failover after an outage.
 */
export const RETRY_CAP_MS = 2_000;

/** The delays of the first refusals in a row, before jitter, in milliseconds. With jitter they span 24 to 47 s. */
const EARLY_REFUSAL_DELAYS_MS: readonly number[] = [1_000, 2_000, 4_000, 8_000, 16_000, 16_000];

/**
 * The delay of every later refusal, before jitter, in milliseconds. A missing permission then costs one or two requests
 * a minute.
 */
export const REFUSAL_CAP_MS = 60_000;

/**
 * The longest `Retry-After` that an elector obeys, in milliseconds, so that no server can silence an elector for good.
 */
export const RETRY_AFTER_LIMIT_MS = 60_000;

/** Returns the longer of the elector's own delay and the delay that the server requested, all in milliseconds. */
export function atLeastRetryAfterMs(ownDelayMs: number, retryAfterMs: number | null): number {
  return Math.max(ownDelayMs, Math.min(retryAfterMs ?? 0, RETRY_AFTER_LIMIT_MS));
}

/**
 * The delay before attempt `attempt` (from 1) is repeated, in whole milliseconds.
 *
 * It doubles with each attempt up to the cap. Half of it is fixed, so that no random number causes a hot loop. The
 * other half is multiplied by `random` (0 to 1, exclusive), so that processes that failed together do not return
 * together.
 */
export function retryDelayMs(attempt: number, random: number): number {
  // 2 ** 1024 is Infinity, for which the minimum is the cap.
  const fullMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (Math.max(1, attempt) - 1));
  return withJitter(fullMs, random);
}

/**
 * The delay before a request is repeated after refusal `attempt` (from 1) in a row, in whole milliseconds.
 *
 * A refusal is a 401, a 403 or another answer that usually stays the same. A real API server also refuses requests for
 * a moment after its start, while its caches are empty. Requests are therefore repeated soon after the first refusals,
 * and rarely after later refusals.
 */
export function refusalDelayMs(attempt: number, random: number): number {
  return withJitter(EARLY_REFUSAL_DELAYS_MS[Math.max(1, attempt) - 1] ?? REFUSAL_CAP_MS, random);
}

function withJitter(fullMs: number, random: number): number {
  return Math.round(fullMs / 2 + random * (fullMs / 2));
}
