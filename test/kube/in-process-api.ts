/**
 * Carries the library's requests to an API server in the same process. Requests and answers have the form that
 * `ApiClient` gives them on a socket.
 */

import type { ApiAnswer } from '../../src/kube/api-client.ts';
import { failureOfAnswer, provesAbsence, readStatus } from '../../src/kube/api-error.ts';
import { type ApiRequest, acceptOf, contentTypeOf, methodOf, pathOf } from '../../src/kube/api-request.ts';
import type { ApiResponse, ApiRequest as HttpRequest } from '../../src/testing/index.ts';

/** A request in the form of `ApiServer.handle`. */
export function httpRequestOf(request: ApiRequest, token: string): HttpRequest {
  return {
    method: methodOf(request.verb),
    path: pathOf(request),
    headers: {
      authorization: `Bearer ${token}`,
      accept: acceptOf(request),
      'content-type': contentTypeOf(request.verb),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  };
}

/** An answer in the form of the ports. */
export function answerOf(request: ApiRequest, response: ApiResponse): ApiAnswer {
  const value: unknown = JSON.parse(response.body ?? 'null');
  if (response.status >= 200 && response.status < 300) return { ok: true, value };
  const status = readStatus(value);
  return {
    ok: false,
    failure: failureOfAnswer(request, response.status, status, response.headers['retry-after']),
    absent: provesAbsence(request, response.status, status),
  };
}
