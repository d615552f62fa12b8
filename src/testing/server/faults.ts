/**
 * The faults that a hook of ApiServer can return: late, refused, or lost answers, and the texts of their errors.
 * fault-plan.ts has the named faults of an EmbeddedCluster.
 */

import type { RequestInfo } from '../handlers/routes.ts';
import { apiVersionOf, kindOfResource } from '../objects/resources.ts';
import { alreadyExists, modifiedConflict, StatusError } from '../objects/status.ts';

/** The request that a `FaultHook` decides about. Its sender is known, and nothing is carried out yet. */
export interface FaultRequest {
  /** The name of the user, such as `admin` or `system:serviceaccount:default:default`. */
  readonly user: string;
  /** The verb as RBAC names it, such as `get`; for a path without a resource the HTTP method in lower case. */
  readonly verb: string;
  /** The resource in the plural, such as `leases`; empty for a path without a resource. */
  readonly resource: string;
  /** The namespace; empty for a request without one. */
  readonly namespace: string;
  /** The name of the object; empty for a request about several objects, and for a create. */
  readonly name: string;
}

/**
 * The fault of a request. Its keys can be combined: the delay comes first, then `refuse`, `status` and `dropAnswer` in
 * this order of precedence.
 */
export interface Fault {
  /** Milliseconds before the request is carried out. @default 0 */
  readonly delayMs?: number | undefined;
  /** Answers with an error of this HTTP status (429, 500, 503 …) instead of carrying the request out. @default none */
  readonly status?: number | undefined;
  /** Carries the request out, then resets the connection, so that its answer is lost. @default false */
  readonly dropAnswer?: boolean | undefined;
  /** Resets the connection without carrying the request out. @default false */
  readonly refuse?: boolean | undefined;
}

/**
 * Decides the fault of a request; undefined for none. It is called once for each request, except one with an invalid
 * token, which is answered 401 at once. It must not throw.
 */
export type FaultHook = (request: FaultRequest) => Fault | undefined;

/**
 * `ApiServer.handle` rejects with this error when a fault resets the connection. Over a socket the connection is
 * destroyed instead, so that the client sees `ECONNRESET`.
 *
 * @example
 * ```ts
 * import { ApiServer, ConnectionResetError } from 'lease-elector/testing';
 *
 * const server = new ApiServer({ faults: () => ({ refuse: true }) });
 * const error = await server.handle({ method: 'GET', path: '/version', headers: {} }).catch((reason: unknown) => reason);
 * console.log(error instanceof ConnectionResetError && error.code); // ECONNRESET
 * ```
 */
export class ConnectionResetError extends Error {
  /** The code that Node.js gives to a reset connection. */
  readonly code = 'ECONNRESET';

  constructor() {
    super('the connection was reset by a fault');
    this.name = 'ConnectionResetError';
  }
}

const REASONS: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  401: ['Unauthorized', 'Unauthorized'],
  403: ['Forbidden', 'forbidden'],
  409: ['Conflict', 'the object has been modified; please apply your changes to the latest version and try again'],
  410: ['Expired', 'The resourceVersion for the provided list is too old.'],
  429: ['TooManyRequests', 'Too many requests, please try again later.'],
  500: ['InternalError', 'Internal error occurred: etcdserver: leader changed'],
  503: ['ServiceUnavailable', 'apiserver is shutting down'],
  504: ['Timeout', 'request did not complete within the allotted timeout'],
};

/**
 * The Status of an error that a fault returns.
 *
 * @param request if known, a 409 names its object, and the 409 of a create is AlreadyExists (fact 6)
 */
export function faultStatus(code: number, request?: RequestInfo): StatusError {
  const kind = request === undefined ? undefined : kindOfResource(apiVersionOf(request), request.resource);
  if (code === 409 && kind !== undefined && request !== undefined) {
    const { verb, name } = request;
    return verb === 'create' ? alreadyExists(kind, name, false) : modifiedConflict(kind, name);
  }
  const [reason, message] = REASONS[code] ?? ['InternalError', `the server answered ${code} because of a fault`];
  return new StatusError(code, reason, message, code === 429 ? { retryAfterSeconds: 1 } : undefined);
}
