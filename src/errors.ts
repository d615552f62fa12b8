/** The one error class of this library, its codes, and the errors with a fixed message. */

import type { DemotionReason } from './core/effect.ts';
import type { MissingRule, RequestFailure, RequestFailureKind } from './core/request-failure.ts';

export type { RequestFailureKind };

/**
 * The kind of an error, as a stable string. Match on the code, not on the message.
 *
 * - `ERR_LEASE_ELECTOR_OPTION`: an option is unknown, of the wrong type or out of range
 * - `ERR_LEASE_ELECTOR_NO_CLUSTER`: this process does not run in a Pod, and no KubeConfig was given
 * - `ERR_LEASE_ELECTOR_IDENTITY`: the Pod of this process, or the name of the Lease, cannot be determined
 * - `ERR_LEASE_ELECTOR_CREDENTIALS`: the service account's files or the kubeconfig cannot be read
 * - `ERR_LEASE_ELECTOR_FORBIDDEN`: a permission is missing; the message names the rule to grant
 * - `ERR_LEASE_ELECTOR_UNAUTHORIZED`: the API server does not accept the token
 * - `ERR_LEASE_ELECTOR_UNTRUSTED`: the API server's certificate is not signed by the given CA, is for another host, or
 *   has expired
 * - `ERR_LEASE_ELECTOR_REQUEST`: the API server refused a request for another reason
 * - `ERR_LEASE_ELECTOR_NOT_LEADER`: a method that only the leader may call was called while this process does not lead
 * - `ERR_LEASE_ELECTOR_UNCONFIRMED`: the leadership could not be confirmed; this process may still lead
 * - `ERR_LEASE_ELECTOR_NOT_RELEASED`: the Lease could not be released; if this Pod still holds it, it leads again
 * - `ERR_LEASE_ELECTOR_CALLBACK`: a callback or a listener threw, or its promise rejected; leadership is not affected
 * - `ERR_LEASE_ELECTOR_STOPPED`: the elector was stopped, or its signal aborted
 * - `ERR_LEASE_ELECTOR_INVARIANT`: a defect of this library; the elector stopped leading for safety
 */
export type LeaseElectorErrorCode =
  | 'ERR_LEASE_ELECTOR_OPTION'
  | 'ERR_LEASE_ELECTOR_NO_CLUSTER'
  | 'ERR_LEASE_ELECTOR_IDENTITY'
  | 'ERR_LEASE_ELECTOR_CREDENTIALS'
  | 'ERR_LEASE_ELECTOR_FORBIDDEN'
  | 'ERR_LEASE_ELECTOR_UNAUTHORIZED'
  | 'ERR_LEASE_ELECTOR_UNTRUSTED'
  | 'ERR_LEASE_ELECTOR_REQUEST'
  | 'ERR_LEASE_ELECTOR_NOT_LEADER'
  | 'ERR_LEASE_ELECTOR_UNCONFIRMED'
  | 'ERR_LEASE_ELECTOR_NOT_RELEASED'
  | 'ERR_LEASE_ELECTOR_CALLBACK'
  | 'ERR_LEASE_ELECTOR_STOPPED'
  | 'ERR_LEASE_ELECTOR_INVARIANT';

/** The details of an error in addition to its code and message. A field that does not apply is absent. */
export interface LeaseElectorErrorDetails {
  /** The rule that a Role must grant. Set for an answer 403. */
  readonly missingRule?: MissingRule;

  /** The kind of the failed request. Set if the error concerns a request to the API server. */
  readonly failureKind?: RequestFailureKind;

  /** The wait before the next request that the API server requested (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number;

  /** The invalid option, such as `lease` or `pod.name`. Set for `ERR_LEASE_ELECTOR_OPTION`; `''` means all options. */
  readonly option?: string;

  /** The reason for the end of the term. Set for the error that is the reason of an aborted `term.signal`. */
  readonly demotionReason?: DemotionReason;

  /**
   * The callback or event whose function failed, such as `onElected` or `elected`. Set for
   * `ERR_LEASE_ELECTOR_CALLBACK`.
   */
  readonly callback?: string;
}

/**
 * Every error that this library throws, rejects with or emits.
 *
 * @example
 * ```ts
 * import { LeaseElector, LeaseElectorError } from 'lease-elector';
 *
 * const elector = new LeaseElector();
 * try {
 *   await elector.start();
 * } catch (error) {
 *   if (!(error instanceof LeaseElectorError) || error.code !== 'ERR_LEASE_ELECTOR_FORBIDDEN') throw error;
 *   console.error('grant this rule:', error.missingRule);
 * }
 * ```
 */
export class LeaseElectorError extends Error implements LeaseElectorErrorDetails {
  /** Always `LeaseElectorError`. */
  override readonly name: string = 'LeaseElectorError';

  /** Stable across versions; see {@link LeaseElectorErrorCode}. */
  readonly code: LeaseElectorErrorCode;

  /** {@inheritDoc LeaseElectorErrorDetails.missingRule} */
  declare readonly missingRule?: MissingRule;
  /** {@inheritDoc LeaseElectorErrorDetails.failureKind} */
  declare readonly failureKind?: RequestFailureKind;
  /** {@inheritDoc LeaseElectorErrorDetails.retryAfterMs} */
  declare readonly retryAfterMs?: number;
  /** {@inheritDoc LeaseElectorErrorDetails.option} */
  declare readonly option?: string;
  /** {@inheritDoc LeaseElectorErrorDetails.demotionReason} */
  declare readonly demotionReason?: DemotionReason;
  /** {@inheritDoc LeaseElectorErrorDetails.callback} */
  declare readonly callback?: string;

  constructor(code: LeaseElectorErrorCode, message: string, options: ErrorOptions & LeaseElectorErrorDetails = {}) {
    const { cause, ...details } = options;
    super(message, 'cause' in options ? { cause } : undefined);
    this.code = code;
    // Assigned only if they apply, so that a printed error shows no empty fields.
    Object.assign(this, details);
  }
}

const CODES: Partial<Record<RequestFailure['kind'], LeaseElectorErrorCode>> = {
  forbidden: 'ERR_LEASE_ELECTOR_FORBIDDEN',
  unauthorized: 'ERR_LEASE_ELECTOR_UNAUTHORIZED',
  untrusted: 'ERR_LEASE_ELECTOR_UNTRUSTED',
};

/** Converts a failed request into the error that the application receives. */
export function errorOfFailure(failure: RequestFailure): LeaseElectorError {
  return new LeaseElectorError(CODES[failure.kind] ?? 'ERR_LEASE_ELECTOR_REQUEST', failure.message, {
    cause: failure.cause ?? failure,
    ...detailsOfFailure(failure),
  });
}

/** The details of a failed request. */
function detailsOfFailure({ kind, missingRule, retryAfterMs }: RequestFailure): LeaseElectorErrorDetails {
  return {
    failureKind: kind,
    ...(missingRule === null ? {} : { missingRule }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}

/** The error of `start()` when the elector was stopped. */
export function stoppedError(): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_STOPPED',
    'The elector was stopped. To take part again, create a new elector.',
  );
}

/**
 * The error of a method that only the leader may call, when it is called before `start()`.
 * @param words the message of `explain()`
 */
export function notStartedError(words: string): LeaseElectorError {
  return new LeaseElectorError('ERR_LEASE_ELECTOR_NOT_LEADER', words);
}

/** The error of a method that only the leader may call, when this process does not lead. */
export function notLeaderError(): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_NOT_LEADER',
    'This process does not lead, and only the leader may call this method. Check isLeader first.',
  );
}

/**
 * The error of `stepDown()` when the Lease was not released.
 * @param refusal the refusal of a write that the release needs
 */
export function notReleasedError(refusal: RequestFailure | undefined): LeaseElectorError {
  const why = refusal?.message ?? 'the API server could not be reached, or another client took the Lease';
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_NOT_RELEASED',
    `The Lease was not released: ${why}. This Pod leads again if it still holds the Lease. Remove the cause, and call stepDown() again.`,
    { cause: refusal?.cause ?? refusal, ...(refusal === undefined ? {} : detailsOfFailure(refusal)) },
  );
}

/**
 * The error when a callback of the application has failed.
 * @param callback as {@link LeaseElectorErrorDetails.callback}
 */
export function callbackError(what: string, callback: string, cause: unknown): LeaseElectorError {
  return new LeaseElectorError('ERR_LEASE_ELECTOR_CALLBACK', `${what} failed; see \`cause\`.`, { cause, callback });
}

/** The error when an invariant of the election is broken. */
export function invariantError(cause: unknown): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_INVARIANT',
    'An invariant of the election is broken, so this elector stopped for safety. Please report it, with `cause`. To take part again, create a new elector.',
    { cause },
  );
}

/** The error when a start has failed for an unforeseen reason. @param words the cause in words */
export function startDefectError(cause: unknown, words: string): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_INVARIANT',
    `The elector could not start: ${words}. Please report it, with \`cause\`.`,
    { cause },
  );
}

/** The error of `confirm()` when the leadership could not be confirmed. */
export function unconfirmedError(why: Error | RequestFailure): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_UNCONFIRMED',
    `The leadership of this process could not be confirmed: ${why.message}. Do not write; try again later.`,
    { cause: why.cause ?? why, ...('kind' in why ? detailsOfFailure(why) : {}) },
  );
}
