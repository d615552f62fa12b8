/**
 * The network between the simulated processes and the API server: it loses, delays, repeats and cuts, as the
 * conditions has it. Nothing is decided here about elections.
 *
 * A process speaks through an `ApiTransport` of its own, so that the library's real requests, answers and lines
 * go through the library's real mapping.
 */

import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { failureOfError } from '../../src/kube/api-error.ts';
import { type ApiRequest, pathOf } from '../../src/kube/api-request.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { ApiResponse, ApiServer } from '../../src/testing/index.ts';
import { answerOf, httpRequestOf } from '../kube/in-process-api.ts';
import { Connection, Connections } from './connections.ts';
import { type Arrival, Exchange } from './exchange.ts';
import { drawFate, type Fate, LATEST_REQUEST_MS, type NetworkConditions } from './network-conditions.ts';
import type { ProcessClock } from './process-clock.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Webhook } from './webhook.ts';

/** At one end of a connection: a process, or what else speaks to the API server. */
export interface Endpoint {
  readonly name: string;
  readonly token: string;
  readonly clock: ProcessClock;
  /** Cut off from the API server. */
  readonly isolated: boolean;
  /** Speaks to the API server whose lists are stale. */
  readonly staleLists: boolean;
  /** Every message takes so many milliseconds more, each way. */
  readonly slownessMs: number;
  /** Lets it take something in, unless it is dead; later, if it is paused. */
  run(work: () => void): void;
  /** Receives each request that the process sends. */
  asks(request: ApiRequest): void;
  /** Receives each delivery before the process does. */
  delivered(request: ApiRequest, delivery: Delivery): void;
}

/** What the network delivers to a process: an answer, or a line of a watch. */
export type Delivery =
  | { readonly type: 'answer'; readonly answer: ApiAnswer; readonly askedAtMs: number }
  | { readonly type: 'line'; readonly line: string };

/** An open watch, with what the network does to it. */
interface OpenStream {
  readonly endpoint: Endpoint;
  readonly request: ApiRequest;
  readonly connection: Connection;
  /** Nothing that is sent on it arrives any longer, and neither side is notified. */
  silent: boolean;
  /** Ends it, as a connection that breaks does. */
  readonly cut: () => void;
}

/** What one API server does with a request instead of carrying it out: answers with a status, or nothing at all. */
export type Sickness = number | 'hangs';

const REFUSED = 'connect ECONNREFUSED';

export class Network {
  readonly #server: ApiServer;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #log: (line: () => string) => void;
  readonly #streams = new Set<OpenStream>();
  /** What the second API server answers to a list: what was true when it last looked. */
  readonly #staleLists = new Map<string, ApiResponse>();
  conditions: NetworkConditions;
  /** The API server does not answer at all. */
  down = false;
  /** Its caches fill after a start: until then good tokens are answered 401, and then what is permitted 403. */
  warmUp: { readonly tokensAtMs: number; readonly rolesAtMs: number } = { tokensAtMs: 0, rolesAtMs: 0 };
  /** One of two API servers is sick: a balancer leads half of the new connections to it. */
  sickness: Sickness | null = null;
  webhook: Webhook | null = null;
  /** How many requests of a process are under way side by side. */
  connectionLimit = 2;
  /** What the API server does with the next request that is handed to it; asked by its fault hook. */
  statusOfNext: number | null = null;
  /** Who is being served at this moment: the writes that happen now are its own. */
  served: {
    readonly endpoint: Endpoint;
    readonly request: ApiRequest;
    readonly sentAtMs: number;
    /** A webhook has changed what is written. */
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
          const askedAtMs = this.#time.nowMs();
          this.#log(() => `${endpoint.name} asks: ${describe(request)}`);
          endpoint.asks(request);
          const exchange: Exchange = new Exchange({
            request,
            connections,
            timeoutMs: requestTimeoutMs,
            setTimer: (afterMs, callback) => endpoint.clock.setTimer(afterMs, callback),
            carry: (connection, arrived) => this.#carry(endpoint, request, askedAtMs, connection, arrived),
            written: () => written?.(),
            settled: (answer) => {
              underWay.delete(exchange);
              this.#log(() => `${endpoint.name} is answered: ${describe(request)} → ${outcome(answer)}`);
              endpoint.delivered(request, { type: 'answer', answer, askedAtMs });
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

  /** Ends those watches, as a connection that breaks does. */
  cutStreams(chosen: (endpoint: Endpoint) => boolean): void {
    for (const stream of [...this.#streams]) if (chosen(stream.endpoint)) stream.cut();
  }

  /** Lets those watches fall silent. */
  silenceStreams(chosen: (endpoint: Endpoint) => boolean): void {
    for (const stream of this.#streams) if (chosen(stream.endpoint)) stream.silent = true;
  }

  /** The second API server looks at the lists: this is what it answers from now on. */
  async rememberLists(paths: readonly string[], token: string): Promise<void> {
    for (const path of paths) {
      this.#staleLists.set(path, await this.#server.handle({ method: 'GET', path, headers: bearer(token) }));
    }
  }

  /** The second API server is up to date again. */
  forgetLists(): void {
    this.#staleLists.clear();
  }

  /** One of two API servers falls sick: what streams from it may fall silent. */
  fallSick(sickness: Sickness): void {
    this.sickness = sickness;
    if (sickness !== 'hangs') return;
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
    const fate = drawFate(this.conditions, this.#random);
    // A process that is cut off sends into the void; its operating system may send it again when the way is free.
    const stuckMs = endpoint.isolated ? this.#random.next() * LATEST_REQUEST_MS : 0;
    if (!fate.arrives || (endpoint.isolated && this.#random.next() < 0.5)) return;
    const { slownessMs } = endpoint;
    // The other end had closed it: nothing of the request was read there.
    const wasClosed = connection.reused && fate.keptConnection === 'closed';
    const breaks = fate.answer === 'reset' || (connection.reused && fate.keptConnection === 'breaks');
    this.#time.setTimer(fate.requestDelayMs + stuckMs + slownessMs, () => {
      const answer = (arrival: Arrival): void => {
        if (fate.answer === 'lost' || endpoint.isolated) return;
        this.#time.setTimer(fate.answerDelayMs + slownessMs, () => endpoint.run(() => arrived(arrival)));
      };
      if (wasClosed || this.down) return answer('broken');
      if (this.#hangs(connection)) return;
      void this.#arrive(endpoint, request, sentAtMs, fate, connection).then((response) =>
        answer(breaks ? 'broken' : response),
      );
    });
  }

  #hangs(connection: Connection): boolean {
    return this.sickness === 'hangs' && this.#serverOf(connection) === 1;
  }

  /** An API server takes a request. */
  async #arrive(
    endpoint: Endpoint,
    request: ApiRequest,
    sentAtMs: number,
    fate: Fate,
    connection: Connection,
  ): Promise<ApiResponse> {
    const status = fate.status ?? this.#refusal(connection);
    if (status !== null) return this.#handle(endpoint, request, sentAtMs, status);
    const response = await this.#handle(endpoint, request, sentAtMs, null);
    if (fate.repeated) return this.#handle(endpoint, request, sentAtMs, null);
    return fate.statusAfterwards === null ? response : this.#handle(endpoint, request, sentAtMs, fate.statusAfterwards);
  }

  /** What the state of the API server makes it answer to every request. */
  #refusal(connection: Connection): number | null {
    const { sickness, warmUp } = this;
    const nowMs = this.#time.nowMs();
    if (nowMs < warmUp.tokensAtMs) return 401;
    if (nowMs < warmUp.rolesAtMs) return 403;
    return typeof sickness === 'number' && this.#serverOf(connection) === 1 ? sickness : null;
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
      // Carried out before it returns, but for those that wait for a version to come.
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
    const askedAtMs = this.#time.nowMs();
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
    /** In order, however long each takes. */
    const deliver = (work: () => void): void => {
      const { conditions } = this;
      const lagMs = this.#random.next() * (conditions.jitterMs + conditions.watchLagMs);
      const travelMs = conditions.latencyMs + endpoint.slownessMs + lagMs;
      readyAtMs = Math.max(readyAtMs, this.#time.nowMs() + travelMs);
      this.#time.setTimer(readyAtMs - this.#time.nowMs(), () => {
        // Nothing gets through to who is cut off, and what is lost on a connection ends all that comes after it.
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
          endpoint.delivered(request, { type: 'answer', answer, askedAtMs });
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
    const fate = drawFate(this.conditions, this.#random);
    if (!fate.arrives || fate.answer === 'lost' || endpoint.isolated) return;
    this.#time.setTimer(fate.requestDelayMs + endpoint.slownessMs, () => {
      if (endpoint.isolated) return;
      if (this.down) return answered(null);
      if (this.#hangs(connection)) return;
      const onlyOnce = { ...fate, repeated: false, statusAfterwards: null };
      void this.#arrive(endpoint, request, sentAtMs, onlyOnce, connection).then(answered);
    });
  }

  #take(endpoint: Endpoint, request: ApiRequest, sink: ByteSink, chunk: string, isOver: () => boolean): void {
    for (const line of chunk.split('\n')) {
      if (line === '' || isOver()) continue;
      this.#log(() => `${endpoint.name} is shown: ${describe(request)} ${eventOf(line)}`);
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
