/**
 * Reads the claims of a token. The signature is not verified: the API server does that.
 */

import { isObject } from '../runtime/object-kind.ts';

/** The claims of a JWT, unverified; `null` for any other text. */
export function readClaims(token: string): Readonly<Record<string, unknown>> | null {
  const payload = token.split('.', 2)[1];
  if (payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return isObject(claims) ? claims : null;
  } catch {
    return null;
  }
}
