/**
 * Whose token a request carries: the container of a Pod it was written for, or another user. Whether the token
 * is valid is decided in authentication.ts.
 */

import { readToken } from '../access/tokens.ts';

/** One run of a Pod's container: a restarted one is another. */
export interface ContainerRun {
  readonly podName: string;
  readonly podUid: string;
  /** False when it has ended: nothing of it reaches the server any more. */
  readonly running: boolean;
}

/** Who sends a request. */
export interface Caller {
  /** The name of the Pod, `admin`, or another user's name. */
  readonly client: string;
  readonly podUid?: string;
  readonly container?: ContainerRun;
  /** The token was declared expired. */
  readonly expired: boolean;
}

/** All tokens that were handed out. */
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
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
    const expired = this.#expired.has(token);
    const container = this.#containers.get(token);
    if (container !== undefined) return { client: container.podName, podUid: container.podUid, container, expired };
    if (token === this.#adminToken) return { client: 'admin', expired };
    // One that a client has asked the server for.
    const claims = readToken(token);
    const pod = claims?.['kubernetes.io'].pod;
    if (pod?.uid !== undefined) return { client: pod.name, podUid: pod.uid, expired };
    return { client: claims?.sub ?? 'system:anonymous', expired };
  }
}
