/**
 * The TLS part of an authorization: certificates and keys as one `SecureContext`, and the connections that belong to
 * it.
 *
 * With `NODE_DEBUG=https,http` Node.js prints the options of every connection, and the names that its agents give to
 * connections. Both would contain the client's private key.
 */

import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Authorization } from './authorization.ts';

type Given = Authorization['options'];

/** The options that `https.request` receives instead of certificates and keys. */
export type TlsOptions = RequestOptions & { readonly secureContext: SecureContext };

/** The options for the present certificates; created again only when the certificates change. */
export class TlsIdentity {
  #given: Given | null = null;
  #options: TlsOptions | null = null;

  /** Throws when OpenSSL cannot parse a certificate or key. */
  of(given: Given): TlsOptions {
    if (this.#options !== null && this.#given !== null && isSame(this.#given, given)) return this.#options;
    const { auth: _auth, ca: _ca, cert: _cert, key: _key, passphrase: _passphrase, pfx: _pfx, ...rest } = given;
    this.#options = {
      ...rest,
      // The context uses only the options about certificates and ciphers.
      secureContext: createSecureContext(given as SecureContextOptions),
      // Only the kubeconfig may switch verification off. Without this option, NODE_TLS_REJECT_UNAUTHORIZED=0 would also
      // switch it off.
      rejectUnauthorized: given.rejectUnauthorized !== false,
    };
    this.#given = given;
    return this.#options;
  }
}

/** Compares contents, because credentials in files are read into new memory for every request. */
function isSame(left: Given, right: Given): boolean {
  if (left === right) return true;
  const fields = Object.keys({ ...left, ...right }) as (keyof Given)[];
  return fields.every((field) => isSameValue(left[field], right[field]));
}

function isSameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  return left instanceof Uint8Array && right instanceof Uint8Array && Buffer.compare(left, right) === 0;
}

/** Makes an agent distinguish the connections of different certificates by a number instead of by the certificates. */
export function nameByContext(agent: Agent): void {
  const numbers = new WeakMap<SecureContext, number>();
  let last = 0;
  agent.getName = (options) => {
    const context = (options as Partial<TlsOptions> | undefined)?.secureContext;
    if (context === undefined) return 'plain';
    const number = numbers.get(context) ?? last + 1;
    last = Math.max(last, number);
    numbers.set(context, number);
    return `tls ${number}`;
  };
}
