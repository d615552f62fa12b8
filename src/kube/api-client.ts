/**
 * Sends one request, or opens one stream, over `node:https`; every outcome is an answer, nothing is thrown.
 *
 * It repeats nothing but a request answered 401, once, with the token read anew. Whether and when to ask
 * again is decided by the core.
 */

// Types alone: to import `node:http` is to read each of its exports, and those of the web (WebSocket…) load
// all of undici, 15 ms and some MB. A plain http server is rare, and is served without them by `getBuiltinModule`.
import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import { debugLog } from '../debug-log.ts';
import { type ApiStatus, failureOfAnswer, failureOfError, malformed, provesAbsence, readStatus } from './api-error.ts';
import { type ApiRequest, describeRequest, methodOf, pathOf } from './api-request.ts';
import type { Authorization, Credentials } from './credentials.ts';

const debug = debugLog('lease-elector:kube');

/**
 * A longer answer is not read to its end, in bytes. One object of etcd is at most 1.5 MiB, and no request
 * of ours is answered with more than one.
 */
export const ANSWER_LIMIT_BYTES: number = 4 * 1024 * 1024;

/**
 * TCP keep-alive probes begin after this many milliseconds of silence, so that a network device does not
 * forget a quiet connection, and a dead peer is found out.
 */
export const TCP_KEEP_ALIVE_MS = 15_000;

/** How a request ended; `absent` is set when a 404 proves that the object itself does not exist. */
export type ApiAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: RequestFailure; readonly absent: boolean };

/** Receives the bytes of a stream in order. After `ended` nothing more is called. */
export interface ByteSink {
  opened(): void;
  bytes(chunk: Buffer): void;
  /** `null` when the server ended the stream in order. */
  ended(failure: RequestFailure | null): void;
}

/** What a caller of a request may learn before the answer. */
export interface RequestHooks {
  /**
   * The request was handed to the operating system, or it ended before that. Called once, before the answer.
   *
   * A transport without a wire (the simulation) need not call it.
   */
  readonly written?: () => void;
}

/** What the ports need of it; a simulation puts a network of its own in this place. */
export interface ApiTransport {
  /** Sends a request and reads its answer as JSON. Ends within the request time-out. */
  request(request: ApiRequest, hooks?: RequestHooks): Promise<ApiAnswer>;
  /** Opens a stream on a connection of its own. Closing it is final and silent. */
  stream(request: ApiRequest, sink: ByteSink): { close(): void };
}

/** What an `ApiClient` needs. */
export interface ApiClientOptions {
  readonly credentials: Credentials;
  /** For a whole request with its answer, and for the head of a stream, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
}

/** The connections to one API server: one for requests, kept alive, and one for each open stream. */
export class ApiClient implements ApiTransport {
  readonly #credentials: Credentials;
  readonly #requestTimeoutMs: number;
  readonly #clock: Clock;
  readonly #open: (options: RequestOptions) => ClientRequest;
  /** One connection is enough for all requests of an elector, and keeps their order. */
  readonly #requestAgent: HttpAgent;
  /** Streams end with their connection; the agent is there for the TLS session, which it resumes. */
  readonly #streamAgent: HttpAgent;
  /** What still wants an answer. */
  readonly #underWay = new Set<Exchange>();

  constructor({ credentials, requestTimeoutMs, clock }: ApiClientOptions) {
    this.#credentials = credentials;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#clock = clock;
    const { Agent, request } =
      credentials.server.protocol === 'https:'
        ? { Agent: HttpsAgent, request: httpsRequest }
        : process.getBuiltinModule('node:http');
    this.#open = request;
    this.#requestAgent = new Agent({
      keepAlive: true,
      keepAliveMsecs: TCP_KEEP_ALIVE_MS,
      maxSockets: 1,
      maxFreeSockets: 1,
    });
    this.#streamAgent = new Agent({ keepAlive: false });
  }

  request(request: ApiRequest, hooks: RequestHooks = {}): Promise<ApiAnswer> {
    return new Promise((resolve) => {
      const exchange = this.#send(request, this.#requestAgent, {
        written: hooks.written ?? (() => {}),
        succeeded(response) {
          collect(response, (error, text) => {
            exchange.finish();
            if (error !== null) resolve({ ok: false, failure: failureOfError(request, error), absent: false });
            else resolve(parseAnswer(request, text));
          });
        },
        failed: (failure, absent) => resolve({ ok: false, failure, absent }),
      });
    });
  }

  stream(request: ApiRequest, sink: ByteSink): { close(): void } {
    let over = false;
    const end = (failure: RequestFailure | null): void => {
      if (over) return;
      over = true;
      exchange.finish();
      sink.ended(failure);
    };
    const exchange = this.#send(request, this.#streamAgent, {
      written: () => {},
      succeeded(response) {
        // The time-out was for the head alone; whether a silent stream is dead is decided by the core.
        exchange.finish();
        sink.opened();
        response.on('data', (chunk: Buffer) => {
          if (!over) sink.bytes(chunk);
        });
        response.on('end', () => end(null));
        response.on('error', (error) => end(failureOfError(request, error)));
      },
      failed: (failure) => end(failure),
    });
    return {
      close() {
        over = true;
        exchange.abandon();
      },
    };
  }

  /**
   * Ends the connections; a request that is still under way ends as `unavailable`, and one that waits for its
   * connection is not sent any more: the agent alone would open another one for it.
   */
  close(): void {
    for (const exchange of [...this.#underWay]) exchange.cancel(new Error('the connections were closed'));
    // The agent does so even for a request that was cancelled, and would keep that connection for the next one.
    this.#requestAgent.on('free', (socket: Socket) => socket.destroy());
    this.#requestAgent.destroy();
    this.#streamAgent.destroy();
  }

  #send(request: ApiRequest, agent: HttpAgent, outcome: Outcome): Exchange {
    const exchange = new Exchange(request, this.#clock, this.#requestTimeoutMs, outcome, this.#underWay);
    this.#attempt(exchange, agent, false);
    return exchange;
  }

  #attempt(exchange: Exchange, agent: HttpAgent, again: boolean): void {
    this.#credentials.authorize().then(
      (authorization) => this.#write(exchange, agent, authorization, again),
      (error: unknown) => exchange.fail(failureOfError(exchange.request, error)),
    );
  }

  #write(exchange: Exchange, agent: HttpAgent, authorization: Authorization, again: boolean): void {
    if (exchange.over) return;
    try {
      const { server } = this.#credentials;
      const body = exchange.request.body === undefined ? null : JSON.stringify(exchange.request.body);
      const options: RequestOptions = {
        ...authorization.options,
        agent: authorization.proxyAgent ?? agent,
        hostname: server.hostname,
        port: server.port,
        method: methodOf(exchange.request.verb),
        path: server.basePath + pathOf(exchange.request),
        headers: headersOf(authorization, body),
      };
      const sent = this.#open(options);
      sent.on('socket', (socket) => socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS));
      sent.on('finish', () => exchange.noteWritten());
      sent.on('error', (error) => {
        if (exchange.sent === sent) exchange.fail(failureOfError(exchange.request, error));
      });
      sent.on('response', (response) => {
        if (debug.enabled) debug('%s: %d', describeRequest(exchange.request), response.statusCode);
        if (response.statusCode === 401 && !again) {
          // Read to its end, or cut by the time-out: a body that never ends would hold the only connection for ever.
          collect(response, () => {
            this.#credentials.distrust();
            this.#attempt(exchange, agent, true);
          });
        } else {
          exchange.take(response);
        }
      });
      exchange.sent = sent;
      sent.end(body ?? undefined);
    } catch (error) {
      // A CA or client key that OpenSSL cannot parse throws here.
      exchange.fail(failureOfError(exchange.request, error));
    }
  }
}

/** Who waits for a request. Exactly one of the two is called, once, unless the exchange is abandoned. */
interface Outcome {
  /** The request is on the wire, or ended before it was. */
  written(): void;
  /** The head said 2xx; the body is still to come. */
  succeeded(response: IncomingMessage): void;
  failed(failure: RequestFailure, absent: boolean): void;
}

/** One request under way, with its time-out, over one or (after a 401) two attempts. */
class Exchange {
  readonly request: ApiRequest;
  /** No further outcome is wanted. */
  over = false;
  sent: ClientRequest | null = null;
  readonly #outcome: Outcome;
  #written = false;
  readonly #timer: Timer;
  readonly #underWay: Set<Exchange>;

  /** @param underWay is added to, and taken from when its time-out has served its purpose. */
  constructor(request: ApiRequest, clock: Clock, timeoutMs: number, outcome: Outcome, underWay: Set<Exchange>) {
    this.request = request;
    this.#outcome = outcome;
    this.#underWay = underWay.add(this);
    this.#timer = clock.setTimer(timeoutMs, () => {
      // Destroying the request also ends an answer that is half read: it becomes the error of its stream.
      const error = new Error(
        `no answer within ${timeoutMs} ms${request.body === undefined ? '' : '; it may or may not have been carried out'}`,
      );
      this.cancel(error);
    });
  }

  /** Gives up waiting for an answer. */
  cancel(error: Error): void {
    this.sent?.destroy(error);
    this.fail(failureOfError(this.request, error));
  }

  noteWritten(): void {
    if (this.#written) return;
    this.#written = true;
    this.#outcome.written();
  }

  take(response: IncomingMessage): void {
    if (this.over) {
      response.destroy();
      return;
    }
    const httpStatus = response.statusCode ?? 0;
    if (httpStatus >= 200 && httpStatus < 300) {
      this.#outcome.succeeded(response);
      return;
    }
    collect(response, (_error, text) => {
      // Also half an error body: its status alone says what happened.
      const status = parseStatus(text);
      const failure = failureOfAnswer(this.request, httpStatus, status, response.headers['retry-after']);
      this.fail(failure, provesAbsence(this.request, httpStatus, status));
    });
  }

  fail(failure: RequestFailure, absent = false): void {
    if (this.over) return;
    this.finish();
    this.over = true;
    debug('%s', failure.message);
    this.noteWritten();
    this.#outcome.failed(failure, absent);
  }

  /** The time-out has served its purpose. */
  finish(): void {
    this.#timer.cancel();
    this.#underWay.delete(this);
  }

  /** Nobody waits any more. */
  abandon(): void {
    this.over = true;
    this.finish();
    this.sent?.destroy();
  }
}

function headersOf(authorization: Authorization, body: string | null): Record<string, string | number> {
  const headers: Record<string, string | number> = {
    ...authorization.headers,
    accept: 'application/json',
    'user-agent': 'lease-elector',
  };
  if (body !== null) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
  }
  return headers;
}

/** Reads a body to its end, or to the limit; calls back once, with what was read. */
function collect(response: IncomingMessage, done: (error: Error | null, text: string) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let over = false;
  const finish = (error: Error | null): void => {
    if (over) return;
    over = true;
    done(error, Buffer.concat(chunks).toString('utf8'));
  };
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > ANSWER_LIMIT_BYTES) {
      finish(new Error(`the answer is longer than ${ANSWER_LIMIT_BYTES} bytes`));
      response.destroy();
    } else {
      chunks.push(chunk);
    }
  });
  response.on('end', () => finish(null));
  response.on('error', finish);
}

function parseAnswer(request: ApiRequest, text: string): ApiAnswer {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (cause) {
    return { ok: false, failure: malformed(request, 'the answer is not JSON', cause), absent: false };
  }
}

function parseStatus(text: string): ApiStatus | null {
  try {
    return readStatus(JSON.parse(text));
  } catch {
    return null;
  }
}
