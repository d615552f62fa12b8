import assert from 'node:assert/strict';
import type { ApiAnswer, ApiTransport } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';

/** A client without a connection: `answerTo` answers each request, the requests are recorded, and a stream is an error. */
export function scriptedTransport(answerTo: (request: ApiRequest) => ApiAnswer): {
  readonly client: ApiTransport;
  readonly requests: ApiRequest[];
} {
  const requests: ApiRequest[] = [];
  const client: ApiTransport = {
    async request(request) {
      requests.push(request);
      return answerTo(request);
    },
    stream: () => assert.fail('no stream is expected'),
  };
  return { client, requests };
}
