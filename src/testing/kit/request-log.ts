/**
 * The log of an embedded cluster: who asked for what, in the order of the answers, and the next request that a
 * test waits for.
 */

import { matcherOf, type RequestAttributes, type RequestFilter } from './request-filter.ts';

/** How many requests are kept when nothing else is asked for; the oldest go first. */
export const DEFAULT_REQUEST_LOG_LIMIT = 10_000;

/** One request, when it was answered; a watch, when it was opened. */
export interface LoggedRequest extends RequestAttributes {
  /** Such as `status`; empty for the object itself. */
  readonly subresource: string;
  /** Empty where there is none. */
  readonly namespace: string;
  /** Empty where none is named in the path. */
  readonly name: string;
  /** What the server answered; 0 when it was not even carried out. */
  readonly status: number;
  /** The names of the faults that befell it. */
  readonly faults: readonly string[];
  /** Milliseconds from the start of the cluster to the answer. */
  readonly atMs: number;
}

interface Awaited {
  readonly matches: (request: RequestAttributes) => boolean;
  readonly resolve: (request: LoggedRequest) => void;
  readonly reject: (error: Error) => void;
}

/** The requests of all clients, except those that the test kit itself carries out. */
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

  [Symbol.iterator](): Iterator<LoggedRequest> {
    return this.#kept().values();
  }

  /** Those that match, the oldest first. @throws {TypeError} for an unknown key, verb or resource */
  filter(filter: RequestFilter): readonly LoggedRequest[] {
    return this.#kept().filter(matcherOf('requests.filter', filter));
  }

  /** How many match. @throws {TypeError} for an unknown key, verb or resource */
  count(filter: RequestFilter = {}): number {
    return this.#kept().filter(matcherOf('requests.count', filter)).length;
  }

  /**
   * The next request from now on that matches and is answered: what to wait for, instead of sleeping.
   *
   * Rejects when the cluster is stopped before.
   *
   * @throws {TypeError} for an unknown key, verb or resource
   */
  next(filter: RequestFilter = {}): Promise<LoggedRequest> {
    const matches = matcherOf('requests.next', filter);
    if (this.#closed) return Promise.reject(new Error('requests.next: the cluster was stopped'));
    const { promise, resolve, reject } = Promise.withResolvers<LoggedRequest>();
    // A test that does not come to await it any more must not fail for that.
    promise.catch(() => undefined);
    this.#awaited.push({ matches, resolve, reject });
    return promise;
  }

  /** Forgets all requests so far. */
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
