/**
 * The one error class of this library, and every code it can carry.
 */

import type { DemotionReason } from './core/effect.ts';
import type { MissingRule, RequestFailure, RequestFailureKind } from './core/request-failure.ts';

export type { RequestFailureKind };

/**
 * What went wrong, as a stable string: match on it, not on the message.
 *
 * - `ERR_LEASE_ELECTOR_OPTION`: an option is unknown, of the wrong type or out of range
 * - `ERR_LEASE_ELECTOR_NO_CLUSTER`: not in a Pod, and no KubeConfig was given
 * - `ERR_LEASE_ELECTOR_IDENTITY`: which Pod this process belongs to, or which Lease to use, cannot be told
 * - `ERR_LEASE_ELECTOR_CREDENTIALS`: the service account's files or the kubeconfig cannot be read
 * - `ERR_LEASE_ELECTOR_FORBIDDEN`: a permission is missing; the message names the rule to grant
 * - `ERR_LEASE_ELECTOR_UNAUTHORIZED`: the API server does not accept the token
 * - `ERR_LEASE_ELECTOR_UNTRUSTED`: the API server's certificate is not signed by the given CA
 * - `ERR_LEASE_ELECTOR_REQUEST`: the API server refused a request for another reason
 * - `ERR_LEASE_ELECTOR_NOT_LEADER`: asked for what only the leader can do
 * - `ERR_LEASE_ELECTOR_UNCONFIRMED`: whether this process leads could not be asked; it may
 * - `ERR_LEASE_ELECTOR_NOT_RELEASED`: the Lease could not be given up; this Pod still holds it
 * - `ERR_LEASE_ELECTOR_CALLBACK`: `onElected` or a listener threw; leadership is not affected
 * - `ERR_LEASE_ELECTOR_STOPPED`: the elector was stopped, or its signal aborted
 * - `ERR_LEASE_ELECTOR_INVARIANT`: a defect of this library; it stopped leading rather than go on
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

/** What is known of an error beside its code and message. A field that does not apply is absent. */
export interface LeaseElectorErrorDetails {
  /** The rule that a Role must grant: of an answer 403. */
  readonly missingRule?: MissingRule;

  /** How the request failed: of an error that is about a request to the API server. */
  readonly failureKind?: RequestFailureKind;

  /** How long the API server asked to wait before the next request, in milliseconds (`Retry-After`). */
  readonly retryAfterMs?: number;

  /** The option that is wrong, such as `lease` or `pod.name`: of `ERR_LEASE_ELECTOR_OPTION`. `''`: all of them. */
  readonly option?: string;

  /** Why the term ended: of the error that is the reason of an aborted `term.signal`. */
  readonly demotionReason?: DemotionReason;

  /** The callback or event whose function failed, such as `onElected` or `elected`: of `ERR_LEASE_ELECTOR_CALLBACK`. */
  readonly callback?: string;
}

/** Every error that this library throws, rejects with or emits. */
export class LeaseElectorError extends Error implements LeaseElectorErrorDetails {
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
    // Assigned only where they apply, so that a printed error shows no empty fields.
    Object.assign(this, details);
  }
}

const CODES: Partial<Record<RequestFailure['kind'], LeaseElectorErrorCode>> = {
  forbidden: 'ERR_LEASE_ELECTOR_FORBIDDEN',
  unauthorized: 'ERR_LEASE_ELECTOR_UNAUTHORIZED',
  untrusted: 'ERR_LEASE_ELECTOR_UNTRUSTED',
};

/** A failed request, as the application gets to see it. */
export function errorOfFailure(failure: RequestFailure): LeaseElectorError {
  return new LeaseElectorError(CODES[failure.kind] ?? 'ERR_LEASE_ELECTOR_REQUEST', failure.message, {
    cause: failure.cause ?? failure,
    ...detailsOfFailure(failure),
  });
}

/** What a failed request says beside its message. */
export function detailsOfFailure({ kind, missingRule, retryAfterMs }: RequestFailure): LeaseElectorErrorDetails {
  return {
    failureKind: kind,
    ...(missingRule === null ? {} : { missingRule }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}

/** What `start()` rejects with once the elector was stopped. */
export function stoppedError(): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_STOPPED',
    'The elector was stopped; to take part again, make a new one.',
  );
}

/** What only the leader may do was asked of another. */
export function notLeaderError(): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_NOT_LEADER',
    'This process does not lead, and only the leader can do this; look at isLeader first.',
  );
}

/** What `confirm()` rejects with when it could not find out. */
export function unconfirmedError(why: Error | RequestFailure): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_UNCONFIRMED',
    `Whether this process leads could not be confirmed: ${why.message}. Leave the write, and ask again later.`,
    { cause: why.cause ?? why, ...('kind' in why ? detailsOfFailure(why) : {}) },
  );
}
