/**
 * Finds the client of a request by its token: the container of a Pod that the token was written for, or another user.
 * authentication.ts decides whether the token is valid.
 */

import { bearerToken, readToken } from '../access/tokens.ts';

/** One run of a Pod's container. A restart begins another run. */
export interface ContainerRun {
  readonly podName: string;
  readonly podUid: string;
  /** False when it has ended: none of its requests reaches the server any longer. */
  readonly running: boolean;
}

/** The client that sends a request. */
export interface Caller {
  /** The name of the Pod, `admin`, or another user's name. */
  readonly client: string;
  readonly podUid?: string;
  readonly container?: ContainerRun;
  /** The token was declared expired. */
  readonly expired: boolean;
}

/** All tokens that were issued. */
export class IssuedTokens {
  readonly #adminToken: string;
  readonly #containers = new Map<string, ContainerRun>();
  readonly #expired = new Set<string>();

  constructor(adminToken: string) {
    this.#adminToken = adminToken;
  }

  add(token: string, container: ContainerRun): void {
    this.#containers.set(token, container);
  }

  expire(token: string): void {
    this.#expired.add(token);
  }

  callerOf(authorization: string | undefined): Caller {
    const token = bearerToken(authorization) ?? '';
    const expired = this.#expired.has(token);
    const container = this.#containers.get(token);
    if (container !== undefined) return { client: container.podName, podUid: container.podUid, container, expired };
    if (token === this.#adminToken) return { client: 'admin', expired };
    // A token that a client has requested from the server.
    const claims = readToken(token);
    const pod = claims?.['kubernetes.io'].pod;
    if (pod?.uid !== undefined) return { client: pod.name, podUid: pod.uid, expired };
    return { client: claims?.sub ?? 'system:anonymous', expired };
  }
}
