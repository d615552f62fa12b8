/**
 * Service account tokens: JWTs with the claims of a real server, signed with the published test key.
 * authentication.ts checks whether the bearer still exists.
 */

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { isJsonObject } from '../objects/api-object.ts';
import { TEST_TOKEN_SIGNING_KEY } from './test-certificate.ts';

/** The issuer of the tokens, and their default audience. */
export const TOKEN_ISSUER = 'https://kubernetes.default.svc';

/** An object that a token names. */
export interface TokenReference {
  readonly name: string;
  readonly uid?: string;
}

/** The claims of a service account token (wire recording token-bound-to-pod). */
export interface TokenClaims {
  readonly aud: readonly string[];
  /** Seconds since 1970, as are iat and nbf. */
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly node?: TokenReference;
    readonly pod?: TokenReference;
    readonly serviceaccount: TokenReference;
  };
  readonly nbf: number;
  readonly sub: string;
}

const privateKey = createPrivateKey(TEST_TOKEN_SIGNING_KEY);
const publicKey = createPublicKey(privateKey);
const HEADER = base64({ alg: 'RS256', kid: 'lease-elector-test-signing-key' });

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Writes and signs a token. */
export function signToken(claims: TokenClaims): string {
  const signed = `${HEADER}.${base64(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

/** How many tokens with a valid signature are kept; the oldest are dropped first. */
const MAX_GENUINE_TOKENS = 100;

/** Verified signatures are kept, because a verification would be most of the cost of a request. */
const genuineTokens = new Map<string, TokenClaims>();

/** The token of the header `Authorization`; undefined without one, and for another scheme than Bearer. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

/** The claims of a token that this server has signed; undefined for every other text. */
export function readToken(token: string): TokenClaims | undefined {
  const known = genuineTokens.get(token);
  if (known !== undefined) return known;
  const claims = verifyToken(token);
  if (claims === undefined) return undefined;
  const [oldest] = genuineTokens.keys();
  if (oldest !== undefined && genuineTokens.size >= MAX_GENUINE_TOKENS) genuineTokens.delete(oldest);
  genuineTokens.set(token, claims);
  return claims;
}

function verifyToken(token: string): TokenClaims | undefined {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header !== HEADER || payload === undefined || signature === undefined || rest.length > 0) return undefined;
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'))) return undefined;
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return isJsonObject(claims) ? (claims as unknown as TokenClaims) : undefined;
}
