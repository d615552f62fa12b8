/**
 * The network between the simulated processes and the API server: it loses, delays, repeats and cuts, as the
 * weather has it. Nothing is decided here about elections.
 *
 * A process speaks through an `ApiTransport` of its own, so that the library's real requests, answers and lines
 * go through the library's real mapping.
 */

import type { ApiResponse, ApiServer } from '../../src/apiserver/index.ts';
import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { failureOfError } from '../../src/kube/api-error.ts';
import { type ApiRequest, pathOf } from '../../src/kube/api-request.ts';
import type { Random } from '../../src/random.ts';
import { answerOf, httpRequestOf } from '../kube/in-process-api.ts';
import type { ProcessClock } from './process-clock.ts';
import type { Timeline } from './timeline.ts';
import { drawFate, type Fate, LATEST_REQUEST_MS, type Weather } from './weather.ts';

/** At one end of a connection: a process, or what else speaks to the API server. */
export interface Endpoint {
  readonly name: string;
  readonly token: string;
  readonly clock: ProcessClock;
  /** Cut off from the API server. */
  readonly isolated: boolean;
  /** Speaks to the API server whose lists are stale. */
  readonly staleLists: boolean;
  /** Lets it take something in, unless it is dead; later, if it is paused. */
  run(work: () => void): void;
  /** Is called for each request that it hands to its transport. */
  asks(request: ApiRequest): void;
  /** Is shown everything that it is told, before it takes it in. */
  told(request: ApiRequest, news: News): void;
}

/** What a process is told: an answer, or a line of a watch. */
export type News =
  | { readonly type: 'answer'; readonly answer: ApiAnswer; readonly askedAtMs: number }
  | { readonly type: 'line'; readonly line: string };

/** An open watch, with what the network does to it. */
interface OpenStream {
  readonly endpoint: Endpoint;
  readonly request: ApiRequest;
  /** Nothing that is sent on it arrives any more, and nobody is told. */
  silent: boolean;
  /** Ends it, as a connection that breaks does. */
  readonly cut: () => void;
}

const REFUSED = 'connect ECONNREFUSED';

export class Network {
  readonly #server: ApiServer;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #log: (line: () => string) => void;
  readonly #streams = new Set<OpenStream>();
  /** What the second API server answers to a list: what was true when it last looked. */
  readonly #staleLists = new Map<string, ApiResponse>();
  weather: Weather;
  /** The API server does not answer at all. */
  down = false;
  /** What the API server does with the next request that is handed to it; asked by its fault hook. */
  statusOfNext: number | null = null;
  /** Who is being served at this moment: the writes that happen now are its own. */
  served: { readonly endpoint: Endpoint; readonly request: ApiRequest; readonly sentAtMs: number } | null = null;
  requestCount = 0;

  constructor(options: {
    readonly server: ApiServer;
    readonly timeline: Timeline;
    readonly random: Random;
    readonly weather: Weather;
    readonly log: (line: () => string) => void;
  }) {
    this.#server = options.server;
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.weather = options.weather;
    this.#log = options.log;
  }

  get nowMs(): number {
    return this.#timeline.nowMs();
  }

  /** The connections of one process. */
  transport(endpoint: Endpoint, requestTimeoutMs: number): ApiTransport & { close(): void } {
    const underWay = new Set<(error: Error) => void>();
    return {
      request: (request) =>
        new Promise((resolve) => {
          const askedAtMs = this.#timeline.nowMs();
          const settle = (answer: ApiAnswer): void => {
            if (!underWay.delete(fail)) return;
            timer.cancel();
            this.#log(() => `${endpoint.name} is answered: ${describe(request)} → ${outcome(answer)}`);
            endpoint.told(request, { type: 'answer', answer, askedAtMs });
            resolve(answer);
          };
          const fail = (error: Error): void =>
            settle({ ok: false, failure: failureOfError(request, error), absent: false });
          const timer = endpoint.clock.setTimer(requestTimeoutMs, () => fail(new Error('no answer in time')));
          underWay.add(fail);
          this.#log(() => `${endpoint.name} asks: ${describe(request)}`);
          endpoint.asks(request);
          this.#exchange(endpoint, request, null, settle, fail);
        }),
      stream: (request, sink) => this.#stream(endpoint, request, requestTimeoutMs, sink),
      close: () => {
        for (const fail of [...underWay]) fail(new Error('the connections were closed'));
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

  #exchange(
    endpoint: Endpoint,
    request: ApiRequest,
    /** When it was asked for, if it is sent again. */
    askedAtMs: number | null,
    settle: (answer: ApiAnswer) => void,
    fail: (error: Error) => void,
  ): void {
    this.requestCount += 1;
    const sentAtMs = askedAtMs ?? this.#timeline.nowMs();
    const fate = drawFate(this.weather, this.#random);
    // Who is cut off sends into the void; its operating system may send it again when the way is free.
    const stuckMs = endpoint.isolated ? this.#random.next() * LATEST_REQUEST_MS : 0;
    if (!fate.arrives || (endpoint.isolated && this.#random.next() < 0.5)) return;
    this.#timeline.setTimer(fate.requestDelayMs + stuckMs, () => {
      void this.#arrive(endpoint, request, sentAtMs, fate).then((response) => {
        if (fate.answer === 'lost' || endpoint.isolated) return;
        this.#timeline.setTimer(fate.answerDelayMs, () =>
          endpoint.run(() => {
            if (response === null || fate.answer === 'reset')
              fail(new Error(response === null ? REFUSED : 'ECONNRESET'));
            else if (response.status === 401 && askedAtMs === null)
              this.#exchange(endpoint, request, sentAtMs, settle, fail);
            else settle(answerOf(request, response));
          }),
        );
      });
    });
  }

  /** The API server takes a request; `null` when there is none. */
  async #arrive(endpoint: Endpoint, request: ApiRequest, sentAtMs: number, fate: Fate): Promise<ApiResponse | null> {
    if (this.down) return null;
    if (fate.status !== null) return this.#handle(endpoint, request, sentAtMs, fate.status);
    const response = await this.#handle(endpoint, request, sentAtMs, null);
    if (fate.repeated) return this.#handle(endpoint, request, sentAtMs, null);
    return fate.statusAfterwards === null ? response : this.#handle(endpoint, request, sentAtMs, fate.statusAfterwards);
  }

  #handle(endpoint: Endpoint, request: ApiRequest, sentAtMs: number, status: number | null): Promise<ApiResponse> {
    const path = pathOf(request);
    const stale = endpoint.staleLists && request.verb === 'list' ? this.#staleLists.get(path) : undefined;
    if (stale !== undefined && status === null) return Promise.resolve(stale);
    this.statusOfNext = status;
    this.served = { endpoint, request, sentAtMs };
    try {
      // Carried out before it returns, but for those that wait for a version to come.
      return this.#server.handle(httpRequestOf(request, endpoint.token));
    } finally {
      this.statusOfNext = null;
      this.served = null;
    }
  }

  #stream(endpoint: Endpoint, request: ApiRequest, headTimeoutMs: number, sink: ByteSink): { close(): void } {
    let over = false;
    let closeAtServer: (() => void) | null = null;
    let readyAtMs = 0;
    const askedAtMs = this.#timeline.nowMs();
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
      const { weather } = this;
      const travelMs = weather.latencyMs + this.#random.next() * (weather.jitterMs + weather.watchLagMs);
      readyAtMs = Math.max(readyAtMs, this.#timeline.nowMs() + travelMs);
      this.#timeline.setTimer(readyAtMs - this.#timeline.nowMs(), () => {
        // Nothing gets through to who is cut off, and what is lost on a connection ends all that comes after it.
        if (endpoint.isolated) stream.silent = true;
        if (!stream.silent) endpoint.run(work);
      });
    };
    const stream: OpenStream = {
      endpoint,
      request,
      silent: this.weather.silentWatch > 0 && this.#random.next() < this.weather.silentWatch,
      cut: () => endpoint.run(() => end(new Error('ECONNRESET'))),
    };
    const timer = endpoint.clock.setTimer(headTimeoutMs, () => end(new Error('no answer in time')));
    this.#streams.add(stream);
    this.#exchangeHead(endpoint, request, (response) => {
      if (over) return response?.stream?.close();
      if (response === null) return deliver(() => end(new Error(REFUSED)));
      const { stream: lines } = response;
      if (lines === undefined) {
        return deliver(() => {
          if (over) return;
          finish();
          const answer = answerOf(request, response);
          endpoint.told(request, { type: 'answer', answer, askedAtMs });
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

  #exchangeHead(endpoint: Endpoint, request: ApiRequest, answered: (response: ApiResponse | null) => void): void {
    this.requestCount += 1;
    const sentAtMs = this.#timeline.nowMs();
    const fate = drawFate(this.weather, this.#random);
    if (!fate.arrives || fate.answer === 'lost' || endpoint.isolated) return;
    this.#timeline.setTimer(fate.requestDelayMs, () => {
      if (endpoint.isolated) return;
      void this.#arrive(endpoint, request, sentAtMs, { ...fate, repeated: false, statusAfterwards: null }).then(
        answered,
      );
    });
  }

  #take(endpoint: Endpoint, request: ApiRequest, sink: ByteSink, chunk: string, isOver: () => boolean): void {
    for (const line of chunk.split('\n')) {
      if (line === '' || isOver()) continue;
      this.#log(() => `${endpoint.name} is shown: ${describe(request)} ${eventOf(line)}`);
      endpoint.told(request, { type: 'line', line });
      const bytes = Buffer.from(`${line}\n`);
      const cutAt = this.weather.splitLines ? Math.floor(this.#random.next() * bytes.length) : 0;
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
