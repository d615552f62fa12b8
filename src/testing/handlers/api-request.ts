/**
 * The requests and answers of the server, over a socket or in process.
 */

import type { UserInfo } from '../access/authentication.ts';
import type { ResourceKind } from '../objects/resources.ts';
import type { StatusError } from '../objects/status.ts';
import type { ApiStream } from '../storage/watch.ts';
import type { RequestInfo } from './routes.ts';

/** A request to `ApiServer.handle`, without a socket. */
export interface ApiRequest {
  /** The HTTP method in upper case, such as `GET`. */
  readonly method: string;
  /** The path with its query, such as `/api/v1/namespaces/default/pods?limit=5`. */
  readonly path: string;
  /** The headers; their names are in lower case. `authorization` carries the token. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text, such as JSON. @default none */
  readonly body?: string | undefined;
}

/** The connection on which a request arrived. */
export interface RequestConnection {
  /** Connections are numbered from 0, in the order of their first requests. */
  readonly number: number;
  /** Whether it has carried a request before. */
  readonly used: boolean;
}

/** The answer of `ApiServer.handle`. */
export interface ApiResponse {
  /** The HTTP status. */
  readonly status: number;
  /** The headers; their names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text. It is absent from the answer to a watch, which has a `stream`. */
  readonly body?: string;
  /** The events of a watch, instead of a body. */
  readonly stream?: ApiStream;
  /** The connection is closed after the answer: `announced` by a header (HTTP/2: GOAWAY), or `silent`. */
  readonly closes?: 'announced' | 'silent';
}

/** A request whose sender and target are known. */
export interface RequestContext {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
}

/** A request about objects of a kind. */
export interface ResourceContext extends RequestContext {
  readonly kind: ResourceKind;
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
}

const JSON_TYPE = { 'content-type': 'application/json' } as const;

/** An answer whose body is already JSON text. */
export function jsonResponse(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): ApiResponse {
  return { status, headers, body: `${body}\n` };
}

/** An answer of plain text. */
export function textResponse(status: number, body: string): ApiResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

/** The answer to a request that failed. */
export function errorResponse(error: StatusError): ApiResponse {
  const retryAfter = error.body.details?.retryAfterSeconds;
  const headers = retryAfter === undefined ? JSON_TYPE : { ...JSON_TYPE, 'retry-after': String(retryAfter) };
  return jsonResponse(error.code, JSON.stringify(error.body), headers);
}
