/**
 * The variables by which NAIS tells an application where its elector answers.
 */

import { isLoopbackAddress } from './loopback.ts';

/** What an application of NAIS reads. `ELECTOR_PATH` has no scheme: programs put `http://` before it themselves. */
export interface EndpointEnvironment {
  readonly ELECTOR_PATH: string;
  readonly ELECTOR_GET_URL: string;
  readonly ELECTOR_SSE_URL: string;
}

/** The variables for an endpoint that listens on `port` of `host`, or of both loopback addresses. Who leads is answered on loopback. */
export function endpointEnvironment(port: number, host = 'localhost'): EndpointEnvironment {
  const name = isLoopbackAddress(host) ? host : 'localhost';
  const path = `${name.includes(':') ? `[${name}]` : name}:${port}`;
  return { ELECTOR_PATH: path, ELECTOR_GET_URL: `http://${path}/`, ELECTOR_SSE_URL: `http://${path}/sse` };
}
