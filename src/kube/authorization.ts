/**
 * The type of what authorizes a request. `credentials.ts` makes it, `api-client.ts` and `tls-identity.ts` use it.
 */

import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';

/** What a request carries to be authorized. */
export interface Authorization {
  readonly headers: Readonly<Record<string, string>>;
  /** TLS and basic authentication options, given to `https.request` as they are. */
  readonly options: Pick<RequestOptions, 'auth' | 'ca' | 'cert' | 'key' | 'passphrase' | 'pfx'> & {
    readonly rejectUnauthorized?: boolean;
    readonly servername?: string;
  };
  /** Only when the KubeConfig names a proxy that is no HTTP proxy (SOCKS). The same one for each request. */
  readonly proxyAgent: Agent | null;
  /** Only when the KubeConfig names an HTTP proxy. Its name and password are secret. */
  readonly proxy?: URL;
}
