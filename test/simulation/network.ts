/**
 * The network between the simulated processes and the API server. It loses, delays and repeats messages and cuts
 * watches, according to the conditions. It decides nothing about elections.
 *
 * Each process has its own `ApiTransport`, so that the library's real mapping handles the requests, answers and lines.
 */

import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { failureOfError } from '../../src/kube/api-error.ts';
import { type ApiRequest, pathOf } from '../../src/kube/api-request.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { ApiResponse, ApiServer } from '../../src/testing/index.ts';
import { answerOf, httpRequestOf } from '../kube/in-process-api.ts';
import { Connection, Connections } from './connections.ts';
import { type Arrival, Exchange } from './exchange.ts';
import {
  drawRequestFaults,
  LATEST_REQUEST_MS,
  type NetworkConditions,
  type RequestFaults,
} from './network-conditions.ts';
import type { ProcessClock } from './process-clock.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Webhook } from './webhook.ts';

/** The client's end of a connection: a process that sends requests to the API server. */
export interface Endpoint {
  readonly name: string;
  readonly token: string;
  readonly clock: ProcessClock;
  /** False when the process has ended. */
  readonly alive: boolean;
  /** Cut off from the API server. */
  readonly isolated: boolean;
  /** Its requests go to the API server whose lists are stale. */
  readonly staleLists: boolean;
  /** The additional delay of each message in each direction, in milliseconds. */
  readonly slownessMs: number;
  /** Runs work of the process: now, later if the process is paused, or never if it has ended. */
  run(work: () => void): void;
  /** Called with each request that the process sends. */
  noteRequest(request: ApiRequest): void;
  /** Called with each delivery before the process receives it. */
  delivered(request: ApiRequest, delivery: Delivery): void;
}

/** A delivery to a process: an answer, or a line of a watch. */
export type Delivery =
  | { readonly type: 'answer'; readonly answer: ApiAnswer; readonly requestedAtMs: number }
  | { readonly type: 'line'; readonly line: string };

/** An open watch and its faults. */
interface OpenStream {
  readonly endpoint: Endpoint;
  readonly request: ApiRequest;
  readonly connection: Connection;
  /** All messages on it are lost, and neither end is notified. */
  silent: boolean;
  /** Ends the watch, as a broken connection does. */
  readonly cut: () => void;
}

/** The malfunction of one API server: it answers each request with this status, or not at all. */
export type Malfunction = number | 'hangs';

const REFUSED = 'connect ECONNREFUSED';

export class Network {
  readonly #server: ApiServer;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #log: (line: () => string) => void;
  readonly #streams = new Set<OpenStream>();
  /** The stale lists of the second API server, by path. */
  readonly #staleLists = new Map<string, ApiResponse>();
  conditions: NetworkConditions;
  /** The API server refuses connections. */
  down = false;
  /**
   * The caches of the API server fill after a start. Until then, it answers valid tokens with 401, and then permitted
   * requests with 403.
   */
  warmUp: { readonly tokensAtMs: number; readonly rolesAtMs: number } = { tokensAtMs: 0, rolesAtMs: 0 };
  /** The malfunction of one of two API servers. A load balancer directs half of the new connections to it. */
  malfunction: Malfunction | null = null;
  webhook: Webhook | null = null;
  /** The maximum number of simultaneous requests of a process. */
  connectionLimit = 2;
  /** The status that the API server answers to the next request, or `null`. Its fault hook reads this. */
  statusOfNext: number | null = null;
  /** The request that is being executed. The writes that happen now belong to it. */
  served: {
    readonly endpoint: Endpoint;
    readonly request: ApiRequest;
    readonly sentAtMs: number;
    /** A webhook has changed the written object. */
    readonly changed: boolean;
  } | null = null;
  requestCount = 0;

  constructor(options: {
    readonly server: ApiServer;
    readonly time: VirtualTime;
    readonly random: Random;
    readonly conditions: NetworkConditions;
    readonly log: (line: () => string) => void;
  }) {
    this.#server = options.server;
    this.#time = options.time;
    this.#random = options.random;
    this.conditions = options.conditions;
    this.#log = options.log;
  }

  get nowMs(): number {
    return this.#time.nowMs();
  }

  /** The connections of one process. */
  transport(endpoint: Endpoint, requestTimeoutMs: number): ApiTransport & { close(): void } {
    const underWay = new Set<Exchange>();
    const connections = new Connections(this.connectionLimit);
    return {
      request: (request, { written } = {}) =>
        new Promise((resolve) => {
          // A process that has ended in this turn of the event loop sends no more requests.
          if (!endpoint.alive) return;
          const requestedAtMs = this.#time.nowMs();
          this.#log(() => `${endpoint.name} sends: ${describe(request)}`);
          endpoint.noteRequest(request);
          const exchange: Exchange = new Exchange({
            request,
            connections,
            timeoutMs: requestTimeoutMs,
            setTimer: (afterMs, callback) => endpoint.clock.setTimer(afterMs, callback),
            carry: (connection, arrived) => this.#carry(endpoint, request, requestedAtMs, connection, arrived),
            written: () => written?.(),
            settled: (answer) => {
              underWay.delete(exchange);
              this.#log(() => `${endpoint.name} is answered: ${describe(request)} → ${outcome(answer)}`);
              endpoint.delivered(request, { type: 'answer', answer, requestedAtMs });
              resolve(answer);
            },
          });
          underWay.add(exchange);
        }),
      stream: (request, sink) => this.#stream(endpoint, request, requestTimeoutMs, sink),
      close: () => {
        for (const exchange of [...underWay]) exchange.fail(new Error('the connections were closed'));
      },
    };
  }

  /** Ends the watches of the chosen endpoints, as a broken connection does. */
  cutStreams(chosen: (endpoint: Endpoint) => boolean): void {
    for (const stream of [...this.#streams]) if (chosen(stream.endpoint)) stream.cut();
  }

  /** Silences the watches of the chosen endpoints. */
  silenceStreams(chosen: (endpoint: Endpoint) => boolean): void {
    for (const stream of this.#streams) if (chosen(stream.endpoint)) stream.silent = true;
  }

  /** Stores the present lists as the stale lists of the second API server. */
  async captureLists(paths: readonly string[], token: string): Promise<void> {
    for (const path of paths) {
      this.#staleLists.set(path, await this.#server.handle({ method: 'GET', path, headers: bearer(token) }));
    }
  }

  /** The second API server is up to date again. */
  dropCapturedLists(): void {
    this.#staleLists.clear();
  }

  /** One of two API servers begins to malfunction. If it hangs, its watches fall silent. */
  startMalfunction(malfunction: Malfunction): void {
    this.malfunction = malfunction;
    if (malfunction !== 'hangs') return;
    for (const stream of this.#streams) if (this.#serverOf(stream.connection) === 1) stream.silent = true;
  }

  #serverOf(connection: Connection): 0 | 1 {
    connection.server ??= this.#random.next() < 0.5 ? 0 : 1;
    return connection.server;
  }

  #carry(
    endpoint: Endpoint,
    request: ApiRequest,
    sentAtMs: number,
    connection: Connection,
    arrived: (arrival: Arrival) => void,
  ): void {
    this.requestCount += 1;
    const faults = drawRequestFaults(this.conditions, this.#random);
    // A request of an isolated process is lost, or its operating system sends the request again later.
    const stuckMs = endpoint.isolated ? this.#random.next() * LATEST_REQUEST_MS : 0;
    if (!faults.arrives || (endpoint.isolated && this.#random.next() < 0.5)) return;
    const { slownessMs } = endpoint;
    // The server had closed the connection, and read nothing of the request.
    const wasClosed = connection.reused && faults.keptConnection === 'closed';
    const breaks = faults.answer === 'reset' || (connection.reused && faults.keptConnection === 'breaks');
    this.#time.setTimer(faults.requestDelayMs + stuckMs + slownessMs, () => {
      const answer = (arrival: Arrival): void => {
        if (faults.answer === 'lost' || endpoint.isolated) return;
        this.#time.setTimer(faults.answerDelayMs + slownessMs, () => endpoint.run(() => arrived(arrival)));
      };
      if (wasClosed || this.down) return answer('broken');
      if (this.#hangs(connection)) return;
      void this.#arrive(endpoint, request, sentAtMs, faults, connection).then((response) =>
        answer(breaks ? 'broken' : response),
      );
    });
  }

  #hangs(connection: Connection): boolean {
    return this.malfunction === 'hangs' && this.#serverOf(connection) === 1;
  }

  /** A request arrives at an API server. */
  async #arrive(
    endpoint: Endpoint,
    request: ApiRequest,
    sentAtMs: number,
    faults: RequestFaults,
    connection: Connection,
  ): Promise<ApiResponse> {
    const status = faults.status ?? this.#refusal(connection);
    if (status !== null) return this.#handle(endpoint, request, sentAtMs, status);
    const response = await this.#handle(endpoint, request, sentAtMs, null);
    if (faults.repeated) return this.#handle(endpoint, request, sentAtMs, null);
    return faults.statusAfterwards === null
      ? response
      : this.#handle(endpoint, request, sentAtMs, faults.statusAfterwards);
  }

  /** The status that the API server answers to every request in its present state, or `null`. */
  #refusal(connection: Connection): number | null {
    const { malfunction, warmUp } = this;
    const nowMs = this.#time.nowMs();
    if (nowMs < warmUp.tokensAtMs) return 401;
    if (nowMs < warmUp.rolesAtMs) return 403;
    return typeof malfunction === 'number' && this.#serverOf(connection) === 1 ? malfunction : null;
  }

  #handle(endpoint: Endpoint, request: ApiRequest, sentAtMs: number, status: number | null): Promise<ApiResponse> {
    const path = pathOf(request);
    const stale = endpoint.staleLists && request.verb === 'list' ? this.#staleLists.get(path) : undefined;
    if (stale !== undefined && status === null) return Promise.resolve(stale);
    if (status === null && this.webhook?.refuses(request) === true) return Promise.resolve(this.webhook.refusal);
    const admitted = this.webhook?.change(request) ?? request;
    this.statusOfNext = status;
    this.served = { endpoint, request, sentAtMs, changed: admitted !== request };
    try {
      // The request is executed before this returns, except when it waits for a later version.
      return this.#server.handle(httpRequestOf(admitted, endpoint.token));
    } finally {
      this.statusOfNext = null;
      this.served = null;
    }
  }

  #stream(endpoint: Endpoint, request: ApiRequest, headTimeoutMs: number, sink: ByteSink): { close(): void } {
    let over = false;
    let closeAtServer: (() => void) | null = null;
    let readyAtMs = 0;
    const requestedAtMs = this.#time.nowMs();
    const finish = (): void => {
      over = true;
      timer.cancel();
      closeAtServer?.();
      this.#streams.delete(stream);
    };
    const end = (error: Error | null): void => {
      if (over) return;
      finish();
      sink.ended(error === null ? null : failureOfError(request, error));
    };
    /** Delivers in order, although each message has its own delay. */
    const deliver = (work: () => void): void => {
      const { conditions } = this;
      const lagMs = this.#random.next() * (conditions.jitterMs + conditions.watchLagMs);
      const travelMs = conditions.latencyMs + endpoint.slownessMs + lagMs;
      readyAtMs = Math.max(readyAtMs, this.#time.nowMs() + travelMs);
      this.#time.setTimer(readyAtMs - this.#time.nowMs(), () => {
        // Nothing reaches an isolated process. After a lost message, a connection delivers nothing more.
        if (endpoint.isolated) stream.silent = true;
        if (!stream.silent) endpoint.run(work);
      });
    };
    const stream: OpenStream = {
      endpoint,
      request,
      connection: new Connection(),
      silent: this.conditions.silentWatch > 0 && this.#random.next() < this.conditions.silentWatch,
      cut: () => endpoint.run(() => end(new Error('ECONNRESET'))),
    };
    const timer = endpoint.clock.setTimer(headTimeoutMs, () => end(new Error('no answer in time')));
    this.#streams.add(stream);
    this.#exchangeHead(stream, (response) => {
      if (over) return response?.stream?.close();
      if (response === null) return deliver(() => end(new Error(REFUSED)));
      const { stream: lines } = response;
      if (lines === undefined) {
        return deliver(() => {
          if (over) return;
          finish();
          const answer = answerOf(request, response);
          endpoint.delivered(request, { type: 'answer', answer, requestedAtMs });
          if (!answer.ok) sink.ended(answer.failure);
        });
      }
      closeAtServer = () => lines.close();
      deliver(() => {
        timer.cancel();
        if (!over) sink.opened();
      });
      lines.open(
        (chunk) => deliver(() => this.#take(endpoint, request, sink, chunk, () => over)),
        (error) => deliver(() => end(error ?? null)),
      );
    });
    return { close: finish };
  }

  #exchangeHead(stream: OpenStream, answered: (response: ApiResponse | null) => void): void {
    const { endpoint, request, connection } = stream;
    this.requestCount += 1;
    const sentAtMs = this.#time.nowMs();
    const faults = drawRequestFaults(this.conditions, this.#random);
    if (!faults.arrives || faults.answer === 'lost' || endpoint.isolated) return;
    this.#time.setTimer(faults.requestDelayMs + endpoint.slownessMs, () => {
      if (endpoint.isolated) return;
      if (this.down) return answered(null);
      if (this.#hangs(connection)) return;
      const onlyOnce = { ...faults, repeated: false, statusAfterwards: null };
      void this.#arrive(endpoint, request, sentAtMs, onlyOnce, connection).then(answered);
    });
  }

  #take(endpoint: Endpoint, request: ApiRequest, sink: ByteSink, chunk: string, isOver: () => boolean): void {
    for (const line of chunk.split('\n')) {
      if (line === '' || isOver()) continue;
      this.#log(() => `${endpoint.name} receives: ${describe(request)} ${eventOf(line)}`);
      endpoint.delivered(request, { type: 'line', line });
      const bytes = Buffer.from(`${line}\n`);
      const cutAt = this.conditions.splitLines ? Math.floor(this.#random.next() * bytes.length) : 0;
      if (cutAt > 0) sink.bytes(bytes.subarray(0, cutAt));
      if (!isOver()) sink.bytes(bytes.subarray(cutAt));
    }
  }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function describe(request: ApiRequest): string {
  return `${request.verb} ${request.resource}/${request.name}`;
}

function outcome(answer: ApiAnswer): string {
  if (!answer.ok) return answer.absent ? 'there is none' : answer.failure.kind;
  const { metadata } = answer.value as { metadata?: { resourceVersion?: string; uid?: string } };
  return `ok (version ${metadata?.resourceVersion ?? 'unknown'})`;
}

function eventOf(line: string): string {
  const { type, object } = JSON.parse(line) as { type: string; object: { metadata?: { resourceVersion?: string } } };
  return `${type} (version ${object.metadata?.resourceVersion ?? 'none'})`;
}
