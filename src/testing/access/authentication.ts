/**
 * Finds the user of a request: the admin token, a service account token, or no token. authorization.ts checks the
 * permissions.
 */

import type { Clock } from '../../runtime/clock.ts';
import { type Random, randomUuid } from '../../runtime/random.ts';
import { timeMs } from '../objects/go-time.ts';
import { PODS, SERVICE_ACCOUNTS } from '../objects/resources.ts';
import { unauthorized } from '../objects/status.ts';
import type { StoreReader } from '../storage/store.ts';
import { bearerToken, readToken, signToken, TOKEN_ISSUER, type TokenClaims } from './tokens.ts';

/** A user, as in Kubernetes. */
export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The user of a request without a token. */
export const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Milliseconds for which a verified token is not verified again. In that time the token of a deleted Pod works (fact 30). */
const VERIFICATION_CACHE_MS = 10_000;

/** Milliseconds for which a Pod's token works after the deletionTimestamp, if the Pod still exists (fact 30). */
const TERMINATING_GRACE_MS = 60_000;

/** The lifetime of a token by default, in seconds. */
export const DEFAULT_TOKEN_SECONDS = 3600;

/** How many verified tokens are kept; the oldest are dropped first. */
const MAX_CACHED_TOKENS = 10_000;

/** The contents of a token to issue. */
export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  readonly pod?: { readonly name: string; readonly uid: string; readonly nodeName?: string };
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
}

/** Issues and verifies tokens. */
export class Authenticator {
  readonly #store: StoreReader;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #adminToken: string;
  readonly #verified = new Map<string, { readonly user: UserInfo; readonly atMs: number }>();
  /** Before this time no Pod is found, as in a server whose cache of Pods is still empty. */
  #podsReadAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: StoreReader, clock: Clock, random: Random, adminToken: string) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#adminToken = adminToken;
  }

  /** The number of verified tokens in the cache. */
  get verifiedCount(): number {
    return this.#verified.size;
  }

  /**
   * Acts as a server that has just started: forgets the verified tokens, and refuses tokens that are bound to Pods for
   * this time.
   */
  warmUp(forMs: number): void {
    this.#verified.clear();
    this.#podsReadAtMs = this.#clock.nowMs() + forMs;
  }

  /** The user of a request. Throws 401 for an invalid token. */
  authenticate(authorization: string | undefined): UserInfo {
    const token = bearerToken(authorization);
    if (token === undefined) return ANONYMOUS;
    if (token === this.#adminToken) {
      return { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
    }
    const user = this.#cached(token);
    if (user === undefined) throw unauthorized();
    return user;
  }

  #cached(token: string): UserInfo | undefined {
    const nowMs = this.#clock.nowMs();
    const known = this.#verified.get(token);
    if (known !== undefined && nowMs - known.atMs < VERIFICATION_CACHE_MS) return known.user;
    this.#verified.delete(token);
    const user = this.review(token, [TOKEN_ISSUER]);
    if (user === undefined) return undefined;
    // In the order of their verification, so outdated entries come first.
    for (const [other, { atMs }] of this.#verified) {
      if (nowMs - atMs < VERIFICATION_CACHE_MS && this.#verified.size < MAX_CACHED_TOKENS) break;
      this.#verified.delete(other);
    }
    this.#verified.set(token, { user, atMs: nowMs });
    return user;
  }

  /** Verifies a service account token without the cache. */
  review(token: string, audiences: readonly string[]): UserInfo | undefined {
    const claims = readToken(token);
    if (claims === undefined) return undefined;
    const nowSeconds = this.#clock.wallMs() / 1000;
    if (nowSeconds >= claims.exp || !claims.aud.some((audience) => audiences.includes(audience))) return undefined;
    const { namespace, serviceaccount, pod } = claims['kubernetes.io'];
    const account = this.#store.get(SERVICE_ACCOUNTS, namespace, serviceaccount.name);
    if (account === undefined || account.metadata.uid !== serviceaccount.uid) return undefined;
    if (pod !== undefined && !this.#podLives(namespace, pod.name, pod.uid)) return undefined;
    return userOf(claims);
  }

  #podLives(namespace: string, name: string, uid: string | undefined): boolean {
    if (this.#clock.nowMs() < this.#podsReadAtMs) return false;
    const pod = this.#store.get(PODS, namespace, name);
    if (pod === undefined || pod.metadata.uid !== uid) return false;
    const { deletionTimestamp } = pod.metadata;
    return deletionTimestamp === undefined || this.#clock.wallMs() < timeMs(deletionTimestamp) + TERMINATING_GRACE_MS;
  }

  /** Issues a token. */
  issue(request: TokenRequest): { readonly token: string; readonly claims: TokenClaims } {
    const now = Math.floor(this.#clock.wallMs() / 1000);
    const { namespace, serviceAccount, pod } = request;
    const claims: TokenClaims = {
      aud: request.audiences ?? [TOKEN_ISSUER],
      exp: now + (request.expirationSeconds ?? DEFAULT_TOKEN_SECONDS),
      iat: now,
      iss: TOKEN_ISSUER,
      jti: randomUuid(this.#random),
      'kubernetes.io': {
        namespace,
        ...(pod?.nodeName === undefined ? {} : { node: { name: pod.nodeName } }),
        ...(pod === undefined ? {} : { pod: { name: pod.name, uid: pod.uid } }),
        serviceaccount: serviceAccount,
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    };
    return { token: signToken(claims), claims };
  }
}

function userOf(claims: TokenClaims): UserInfo {
  const { namespace, node, pod, serviceaccount } = claims['kubernetes.io'];
  return {
    username: claims.sub,
    ...(serviceaccount.uid === undefined ? {} : { uid: serviceaccount.uid }),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`],
      ...(node === undefined ? {} : { 'authentication.kubernetes.io/node-name': [node.name] }),
      ...(pod === undefined
        ? {}
        : {
            'authentication.kubernetes.io/pod-name': [pod.name],
            'authentication.kubernetes.io/pod-uid': [pod.uid ?? ''],
          }),
    },
  };
}
