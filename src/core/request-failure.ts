/**
 * The kinds of failures of a request to the API server that the rules distinguish.
 *
 * `kube/api-error.ts` sorts HTTP answers and socket errors into these kinds.
 */

/**
 * - `alreadyExists`, `conflict`: 409, distinguished by the reason of the Status
 * - `notFound`: 404 that does not mean that the object is absent (for example a missing namespace)
 * - `forbidden`: 403; `unauthorized`: 401, also after the token was read again
 * - `throttled`: 429; `expired`: 410, as a status or as an ERROR event
 * - `rejected`: 400, 405, 415, 422…: the same request would fail again
 * - `untrusted`: the server's certificate is not signed by the CA, not for this host, or expired
 * - `unavailable`: 5xx, time-out, reset, refused connection: a write may have been executed or not
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

/** The missing permission that a 403 names, as a Role would grant it. */
export interface MissingRule {
  /** The verb to grant, such as `update`. */
  readonly verb: string;
  /** The API group; `''` for the core group. */
  readonly apiGroup: string;
  /** The plural name of the resource, such as `leases`. */
  readonly resource: string;
  /** The namespace in which the Role must be. */
  readonly namespace: string;
}

/** A request that did not succeed. */
export interface RequestFailure {
  readonly kind: RequestFailureKind;
  /** A sentence for people: the request and its answer. */
  readonly message: string;
  /** The wait that the server requested (Retry-After), in milliseconds. */
  readonly retryAfterMs: number | null;
  /** The rule to grant; `null` unless the kind is `forbidden`. */
  readonly missingRule: MissingRule | null;
  /** The problem with the token, in words. Only with `unauthorized`, and only if the claims of the token show it. */
  readonly tokenProblem?: string;
  /** The original error, for `cause`. */
  readonly cause: unknown;
}

/** Whether a write with this failure may have been executed nevertheless. */
export function isUncertain(failure: RequestFailure): boolean {
  return failure.kind === 'unavailable' || failure.kind === 'malformed';
}

/**
 * Whether the failure is not an answer of a working API server: no answer, an error of the server, or an answer that no
 * API server sends.
 */
export function isUnanswered(failure: RequestFailure): boolean {
  return isUncertain(failure) || failure.kind === 'untrusted';
}

/** Whether a write failed because another client wrote first. */
export function isOvertaken(failure: RequestFailure): boolean {
  return failure.kind === 'conflict' || failure.kind === 'alreadyExists';
}

/**
 * Whether the server refuses the request: authorization (403), or a webhook, a quota or a validation (400, 422). The
 * refusal may end: a Role is created late, a webhook is repaired.
 */
export function isRefusal(failure: RequestFailure): boolean {
  return failure.kind === 'forbidden' || failure.kind === 'rejected';
}

/** Whether `start()` fails after failures of this kind for `startGraceMs`. */
export function endsStartWhenLasting(failure: RequestFailure): boolean {
  return isRefusal(failure) || failure.kind === 'unauthorized';
}

/** Whether `start()` fails immediately, because a retry cannot help. */
export function endsStartAtOnce(failure: RequestFailure): boolean {
  return failure.kind === 'untrusted';
}
