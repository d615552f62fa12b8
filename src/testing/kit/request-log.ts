/**
 * The log of an embedded cluster: all requests in the order of the answers, and the next request that a
 * test waits for.
 */

import { matcherOf, type RequestAttributes, type RequestFilter } from './request-filter.ts';

/** How many requests are kept by default; the oldest are dropped first. */
export const DEFAULT_REQUEST_LOG_LIMIT = 10_000;

/** One request, logged when it was answered; a watch, logged when it was opened. */
export interface LoggedRequest extends RequestAttributes {
  /** The subresource, such as `status`; empty for the object itself. */
  readonly subresource: string;
  /** The namespace; empty for a resource without one. */
  readonly namespace: string;
  /** The name of the object; empty when the path contains none. */
  readonly name: string;
  /** The HTTP status of the answer; 0 when the connection was reset before the request was carried out. */
  readonly status: number;
  /** The names of the faults that affected it, in the order in which they were injected. */
  readonly faults: readonly string[];
  /** Milliseconds from the start of the cluster to the answer. */
  readonly atMs: number;
}

interface Awaited {
  readonly matches: (request: RequestAttributes) => boolean;
  readonly resolve: (request: LoggedRequest) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The requests of all clients in the order of their answers, as `cluster.requests`. It leaves out those of the test kit
 * itself, and keeps the latest `requestLogLimit`.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const pod = cluster.createPod({ name: 'web-0' });
 * const created = cluster.requests.next({ verb: 'create', resource: 'leases' });
 * await new LeaseElector(pod.electorOptions()).start();
 * const { client, status } = await created;
 * console.log(client, status); // web-0 201
 * console.log([...cluster.requests].some(({ verb }) => verb === 'create')); // true
 * await cluster.stop();
 * ```
 */
export class RequestLog implements Iterable<LoggedRequest> {
  readonly #limit: number;
  #entries: LoggedRequest[] = [];
  #awaited: Awaited[] = [];
  #closed = false;

  /** @internal */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many requests are kept, at most `requestLogLimit`. */
  get length(): number {
    return this.#kept().length;
  }

  /** The requests, the oldest first. */
  [Symbol.iterator](): Iterator<LoggedRequest> {
    return this.#kept().values();
  }

  /** The matching requests, the oldest first. @throws {TypeError} for an unknown key, verb or resource */
  filter(filter: RequestFilter): readonly LoggedRequest[] {
    return this.#kept().filter(matcherOf('requests.filter', filter));
  }

  /** The number of matching requests. @throws {TypeError} for an unknown key, verb or resource */
  count(filter: RequestFilter = {}): number {
    return this.#kept().filter(matcherOf('requests.count', filter)).length;
  }

  /**
   * Resolves with the next matching request that is answered from now on. Wait for it instead of sleeping.
   *
   * Rejects when the cluster is stopped before that.
   *
   * @throws {TypeError} for an unknown key, verb or resource
   */
  next(filter: RequestFilter = {}): Promise<LoggedRequest> {
    const matches = matcherOf('requests.next', filter);
    if (this.#closed) return Promise.reject(new Error('requests.next: the cluster was stopped'));
    const { promise, resolve, reject } = Promise.withResolvers<LoggedRequest>();
    // A test that ends without awaiting the promise must not fail for it.
    promise.catch(() => undefined);
    this.#awaited.push({ matches, resolve, reject });
    return promise;
  }

  /** Drops all requests so far. */
  clear(): void {
    this.#entries = [];
  }

  /** @internal */
  add(request: LoggedRequest): void {
    this.#entries.push(request);
    // Dropping half at once keeps adding cheap.
    if (this.#entries.length >= this.#limit * 2) this.#entries = this.#kept();
    const satisfied = this.#awaited.filter(({ matches }) => matches(request));
    if (satisfied.length === 0) return;
    this.#awaited = this.#awaited.filter((awaited) => !satisfied.includes(awaited));
    for (const { resolve } of satisfied) resolve(request);
  }

  /** @internal */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#awaited.splice(0)) reject(new Error('requests.next: the cluster was stopped'));
  }

  #kept(): LoggedRequest[] {
    return this.#entries.slice(-this.#limit);
  }
}
