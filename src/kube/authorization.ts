/**
 * The authorization of a request, and its token. `credentials.ts` creates it, `api-client.ts` and `tls-identity.ts` use
 * it.
 */

import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';

/** The parts of a request that authorize it. */
export interface Authorization {
  readonly headers: Readonly<Record<string, string>>;
  /** TLS and basic authentication options, passed to `https.request` unchanged. */
  readonly options: Pick<RequestOptions, 'auth' | 'ca' | 'cert' | 'key' | 'passphrase' | 'pfx'> & {
    readonly rejectUnauthorized?: boolean;
    readonly servername?: string;
  };
  /** The agent for a SOCKS proxy, the same for each request; `null` unless the KubeConfig names such a proxy. */
  readonly proxyAgent: Agent | null;
  /** The HTTP proxy that the KubeConfig names; absent without one. The name and password in its address are secret. */
  readonly proxy?: URL;
}

/** The token that authorizes a request; `null` when it is authorized in another way. */
export function bearerToken(headers: Authorization['headers']): string | null {
  const header = headers['authorization'] ?? headers['Authorization'] ?? '';
  return header.startsWith('Bearer ') ? header.slice('Bearer '.length) : null;
}
