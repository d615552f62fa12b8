/**
 * Determines from the claims of a refused bearer token whether the token has expired or is not valid yet.
 *
 * The claims are not verified, because they only explain why the API server refused the token.
 */

import { readClaims } from './token-claims.ts';

/** The times between which a token is valid, in milliseconds since 1970; `null` where a claim is missing. */
interface TokenValidity {
  readonly notBeforeMs: number | null;
  readonly expiresAtMs: number | null;
}

/** A token of more characters is not read. A service account token has about 1,500. */
const TOKEN_LIMIT = 65_536;

/**
 * Explains why a token is refused, if its time is the reason; `null` for another reason, or if the token is not a JWT.
 *
 * @param serverMs the API server's clock by the date of its answer, which takes precedence; `null`: unknown
 * @param ownMs the wall clock of this machine
 */
export function tokenProblem(token: string, serverMs: number | null, ownMs: number): string | null {
  const validity = readValidity(token);
  if (validity === null) return null;
  const { notBeforeMs, expiresAtMs } = validity;
  const nowMs = serverMs ?? ownMs;
  const now = `it is ${new Date(nowMs).toISOString()} by the clock of ${serverMs === null ? 'this machine' : 'the API server'}`;
  if (expiresAtMs !== null && nowMs >= expiresAtMs) {
    return (
      `it expired at ${new Date(expiresAtMs).toISOString()}, and ${now}. Give this process a new token. The kubelet renews ` +
      'the file of a projected token, unless it is mounted with subPath'
    );
  }
  if (notBeforeMs !== null && nowMs < notBeforeMs) {
    return `it is not valid before ${new Date(notBeforeMs).toISOString()}, and ${now}. Wait, or correct the clocks of the API servers`;
  }
  return null;
}

function readValidity(token: string): TokenValidity | null {
  const claims = token.length > TOKEN_LIMIT ? null : readClaims(token);
  return claims === null ? null : { notBeforeMs: timeOf(claims['nbf']), expiresAtMs: timeOf(claims['exp']) };
}

/** Seconds since 1970 (RFC 7519, NumericDate), as milliseconds; `null` for a value that no Date can hold. */
function timeOf(claim: unknown): number | null {
  return typeof claim === 'number' && Math.abs(claim) <= LATEST_SECOND ? claim * 1_000 : null;
}

const LATEST_SECOND = 8_640_000_000_000;
