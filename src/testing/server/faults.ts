/**
 * The faults that a hook of ApiServer can return: late, refused, or lost answers, and the texts of their errors.
 * fault-plan.ts has the named faults of an EmbeddedCluster.
 */

import type { RequestInfo } from '../handlers/routes.ts';
import { apiVersionOf, kindOfResource } from '../objects/resources.ts';
import { alreadyExists, modifiedConflict, StatusError } from '../objects/status.ts';

/** The request that a fault hook decides about. */
export interface FaultRequest {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** The fault of a request. */
export interface Fault {
  /** Milliseconds before the request is carried out. */
  readonly delayMs?: number | undefined;
  /** Answer with this error (429, 500, 503…) instead of carrying the request out. */
  readonly status?: number | undefined;
  /** Carry the request out, then lose its answer: the connection is reset. */
  readonly dropAnswer?: boolean | undefined;
  /** Do not carry it out; the connection is reset. */
  readonly refuse?: boolean | undefined;
}

/** Decides the fault of a request; undefined for none. */
export type FaultHook = (request: FaultRequest) => Fault | undefined;

/**
 * `ApiServer.handle` rejects with this error when the connection is to be reset. The listener destroys the socket; a
 * caller in process sees the rejection.
 */
export class ConnectionResetError extends Error {
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
