/**
 * The one error class of this library, and every code it can carry.
 */

import type { RequestFailure } from './core/request-failure.ts';

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

/** Every error that this library throws, rejects with or emits. */
export class LeaseElectorError extends Error {
  override readonly name: string = 'LeaseElectorError';

  /** Stable across versions; see {@link LeaseElectorErrorCode}. */
  readonly code: LeaseElectorErrorCode;

  constructor(code: LeaseElectorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
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
  });
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
export function unconfirmedError(why: { readonly message: string; readonly cause?: unknown }): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_UNCONFIRMED',
    `Whether this process leads could not be confirmed: ${why.message}. Leave the write, and ask again later.`,
    { cause: why.cause ?? why },
  );
}
