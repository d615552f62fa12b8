/** The variables from which an application on NAIS reads the address of its elector. */

import { isLoopbackAddress } from './loopback.ts';

/**
 * The variables that an application on NAIS reads. `ELECTOR_PATH` has no scheme: programs prepend `http://` themselves.
 */
export interface EndpointEnvironment {
  readonly ELECTOR_PATH: string;
  readonly ELECTOR_GET_URL: string;
  readonly ELECTOR_SSE_URL: string;
}

/**
 * The variables for an endpoint that listens on `port` of `host`, or of both loopback addresses. They contain a
 * loopback address, because the endpoint returns the leader only there.
 */
export function endpointEnvironment(port: number, host = 'localhost'): EndpointEnvironment {
  const name = isLoopbackAddress(host) ? host : 'localhost';
  const path = `${name.includes(':') ? `[${name}]` : name}:${port}`;
  return { ELECTOR_PATH: path, ELECTOR_GET_URL: `http://${path}/`, ELECTOR_SSE_URL: `http://${path}/sse` };
}
