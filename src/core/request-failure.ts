/**
 * How a request to the API server can fail, as far as the rules care.
 *
 * `kube/api-error.ts` sorts HTTP answers and socket errors into these kinds.
 */

/**
 * - `alreadyExists`, `conflict`: 409, told apart by the Status' reason
 * - `notFound`: 404 where the answer is not simply "there is none" (a missing namespace)
 * - `forbidden`: 403; `unauthorized`: 401, again after the token was read anew
 * - `throttled`: 429; `expired`: 410, as a status or as an ERROR event
 * - `rejected`: 400, 405, 415, 422…: asking again in the same words will not help
 * - `untrusted`: the server's certificate is not signed by the CA, or not for this host
 * - `unavailable`: 5xx, time-out, reset, refused: a write may or may not have been carried out
 * - `malformed`: an answer or a watch line that cannot be understood
 */
export type RequestFailureKind =
  | 'alreadyExists'
  | 'conflict'
  | 'notFound'
  | 'forbidden'
  | 'unauthorized'
  | 'throttled'
  | 'expired'
  | 'rejected'
  | 'untrusted'
  | 'unavailable'
  | 'malformed';

/** The permission that a 403 says is missing, as a Role would grant it. */
export interface MissingRule {
  readonly verb: string;
  /** `''` for the core group. */
  readonly apiGroup: string;
  readonly resource: string;
  readonly namespace: string;
}

/** A request that did not succeed. */
export interface RequestFailure {
  readonly kind: RequestFailureKind;
  /** A sentence for people: what was asked, and what came back. */
  readonly message: string;
  /** How long the server asked to wait (Retry-After), in milliseconds. */
  readonly retryAfterMs: number | null;
  /** Only with `forbidden`. */
  readonly missingRule: MissingRule | null;
  /** What is wrong with the token, in words. Only with `unauthorized`, and only where its claims show it. */
  readonly tokenProblem?: string;
  /** The error behind it, for `cause`. */
  readonly cause: unknown;
}

/** Whether a write that ended so may have been carried out all the same. */
export function isUncertain(failure: RequestFailure): boolean {
  return failure.kind === 'unavailable' || failure.kind === 'malformed';
}

/** Whether it shows no API server that works: nothing came back, or an error of the server, or nothing it could have said. */
export function isUnanswered(failure: RequestFailure): boolean {
  return isUncertain(failure) || failure.kind === 'untrusted';
}

/** Whether a write failed because somebody else wrote first. */
export function isOvertaken(failure: RequestFailure): boolean {
  return failure.kind === 'conflict' || failure.kind === 'alreadyExists';
}

/**
 * Whether the server said that it will not do this: authorization (403), or a webhook, a quota or a validation (400, 422).
 * It may pass: a Role arrives late, a webhook is repaired.
 */
export function isRefusal(failure: RequestFailure): boolean {
  return failure.kind === 'forbidden' || failure.kind === 'rejected';
}

/** Whether `start()` gives up once the API server has answered so for `startGraceMs`. */
export function endsStartWhenLasting(failure: RequestFailure): boolean {
  return isRefusal(failure) || failure.kind === 'unauthorized';
}

/** Whether `start()` gives up at once, because a retry cannot help. */
export function endsStartAtOnce(failure: RequestFailure): boolean {
  return failure.kind === 'untrusted';
}
