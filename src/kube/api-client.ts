/**
 * Sends one request, or opens one stream, over `node:https`. Every outcome is returned as an answer; nothing is thrown.
 *
 * It repeats a request in two cases, once each: after a 401, with the token read again, and after a kept connection has
 * died. In any other case the core decides whether and when to send the request again.
 */

import { AsyncResource } from 'node:async_hooks';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestFailure } from '../core/request-failure.ts';
import type { Clock } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import { malformed } from './api-error.ts';
import { type ApiRequest, acceptOf, contentTypeOf, describeRequest, methodOf, pathOf } from './api-request.ts';
import { type Authorization, bearerToken } from './authorization.ts';
import { parseJson } from './bounded-json.ts';
import { ClockComparison, type ReportClockSkew } from './clock-comparison.ts';
import type { ConnectionQueue } from './connection-queue.ts';
import type { Credentials } from './credentials.ts';
import { collect, Exchange, type ExchangeOptions, isRepeatable, type Outcome, type RequestReport } from './exchange.ts';
import { proxyAuthorization } from './proxy-tunnel.ts';
import { ServerConnections, TCP_KEEP_ALIVE_MS } from './server-connections.ts';
import type { Conceal } from './server-words.ts';

export { ANSWER_LIMIT_BYTES } from './exchange.ts';

const debug = debugLog('lease-elector:kube');

/** The end of a request; `absent` is true when a 404 proves that the object itself does not exist. */
export type ApiAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: RequestFailure; readonly absent: boolean };

/** Receives the bytes of a stream in order. After `ended` no method is called. */
export interface ByteSink {
  opened(): void;
  bytes(chunk: Buffer): void;
  /** `null` when the server ended the stream cleanly. */
  ended(failure: RequestFailure | null): void;
}

/** The callbacks before the answer. */
export interface RequestHooks {
  /**
   * Called once, before the answer: the request was handed to the operating system, or it ended before that.
   *
   * A transport without a wire (the simulation) need not call it.
   */
  readonly written?: () => void;
}

/** The part of the client that the ports use. The simulation replaces it by its own network. */
export interface ApiTransport {
  /** Sends a request and reads its answer as JSON. Each of its steps ends within its time-out. */
  request(request: ApiRequest, hooks?: RequestHooks): Promise<ApiAnswer>;
  /** Opens a stream on a connection of its own. Closing it is final and silent. */
  stream(request: ApiRequest, sink: ByteSink): { close(): void };
  /** Removes credentials of this client from a text of the server. */
  readonly conceal?: Conceal;
}

/** The options of an `ApiClient`. */
export interface ApiClientOptions {
  readonly credentials: Credentials;
  /**
   * The longest time between a written request and the end of its answer (of a stream: its head), in milliseconds. Each
   * earlier step has the same limit, except the wait for a free connection (`QUEUE_TIMEOUTS`).
   */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  /** @default no difference is reported */
  readonly reportClockSkew?: ReportClockSkew;
  /** Receives a report of each request that has ended; must not throw. */
  readonly onRequest?: (report: RequestReport) => void;
}

/**
 * The requests and streams of one elector. Their connections are shared with the electors that have the same credentials
 * and the same time-out.
 */
export class ApiClient implements ApiTransport {
  readonly #connections: ServerConnections;
  readonly #clock: Clock;
  readonly #clocks: ClockComparison;
  readonly #exchanges: ExchangeOptions;
  /** The streams whose head has arrived. */
  readonly #streams = new Set<Exchange>();
  #isClosed = false;

  constructor({ credentials, requestTimeoutMs, clock, reportClockSkew = () => {}, onRequest }: ApiClientOptions) {
    this.#connections = ServerConnections.join(credentials, requestTimeoutMs, clock);
    this.#exchanges = {
      clock,
      timeoutMs: requestTimeoutMs,
      conceal: this.conceal,
      underWay: new Set(),
      ...(onRequest === undefined ? {} : { ended: onRequest }),
    };
    this.#clock = clock;
    this.#clocks = new ClockComparison(clock, reportClockSkew);
  }

  get conceal(): Conceal {
    return this.#connections.secrets.conceal;
  }

  /**
   * Returns the present authorization, whose token has claims about this process. Rejects after the request time-out.
   */
  authorize(): Promise<Authorization> {
    return this.#connections.authorization.get();
  }

  request(request: ApiRequest, hooks: RequestHooks = {}): Promise<ApiAnswer> {
    return new Promise((resolve) => {
      const exchange = this.#send(request, {
        written: hooks.written ?? (() => {}),
        succeeded: (response) => {
          collect(response, (error, text) => {
            if (error !== null) return exchange.fail(exchange.failureOf(error));
            const parsed = parseJson(text);
            if (parsed.ok) {
              exchange.finish();
              return resolve({ ok: true, value: parsed.value });
            }
            // An answer that cannot be read comes from a faulty server, or from another program in front of it.
            exchange.leaveConnection();
            exchange.fail(malformed(request, `the answer ${parsed.problem}`));
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
      this.#streams.delete(exchange);
      sink.ended(failure);
    };
    const exchange = this.#send(request, {
      written: () => {},
      succeeded: (response) => {
        this.#streams.add(exchange);
        // The time-out only applies to the head. The core decides whether a silent stream is dead.
        exchange.finish();
        sink.opened();
        response.on('data', (chunk: Buffer) => {
          if (!over) sink.bytes(chunk);
        });
        response.on('end', () => end(null));
        response.on('error', (error) => end(exchange.failureOf(error)));
      },
      failed: (failure) => end(failure),
    });
    return {
      close: () => {
        over = true;
        this.#streams.delete(exchange);
        exchange.abandon();
      },
    };
  }

  /**
   * Ends the requests and streams of this elector. Its requests fail with `unavailable`, also if they wait for a
   * connection. The last elector closes the shared connections.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = closedError();
    for (const exchange of [...this.#exchanges.underWay]) exchange.cancel(error);
    for (const exchange of this.#streams) exchange.sent?.destroy(error);
    this.#connections.leave();
  }

  #send(request: ApiRequest, outcome: Outcome): Exchange {
    const exchange = new Exchange(request, outcome, this.#exchanges);
    this.#attempt(exchange);
    return exchange;
  }

  #attempt(exchange: Exchange): void {
    this.#connections.authorization.get().then(
      (authorization) => this.#enqueue(exchange, authorization),
      (error: unknown) => exchange.fail(exchange.failureOf(error)),
    );
  }

  #enqueue(exchange: Exchange, authorization: Authorization): void {
    if (exchange.over) return;
    // The credentials of a request can arrive after `close`.
    if (this.#isClosed) return exchange.cancel(closedError());
    // A request through a SOCKS proxy is not queued, because the agent of the proxy opens a tunnel for it if necessary.
    const isSocks = authorization.proxyAgent !== null;
    exchange.enter(isSocks ? 'connecting' : 'queued');
    if (isSocks || this.#needsFresh(exchange)) return this.#write(exchange, authorization, () => {});
    let hasWaited = false;
    this.#queueFor(exchange.request).enter({
      owner: this,
      // While `close` ends the requests one after another, the later requests are not over yet.
      isOver: () => exchange.over || this.#isClosed,
      // The end of another elector's request calls this function. It must not run in the asynchronous context of that
      // request.
      go: AsyncResource.bind((leave: () => void): void => {
        exchange.leaveQueue = leave;
        if (hasWaited) this.#authorizeAfterWait(exchange, leave);
        else this.#write(exchange, authorization, leave);
      }),
    });
    hasWaited = true;
  }

  #queueFor({ verb, apart }: ApiRequest): ConnectionQueue {
    const { requests, requestsApart, lists } = this.#connections;
    if (apart !== true) return requests;
    return verb === 'list' ? lists : requestsApart;
  }

  /** Gets the authorization again, because after a wait the earlier one may have an old token or an old proxy. */
  #authorizeAfterWait(exchange: Exchange, leave: () => void): void {
    this.#connections.authorization.get().then(
      (authorization) => this.#write(exchange, authorization, leave),
      (error: unknown) => {
        leave();
        exchange.fail(exchange.failureOf(error));
      },
    );
  }

  /** Whether a request needs a new connection, for which it does not wait. */
  #needsFresh({ request: { verb }, repeated }: Exchange): boolean {
    // A create is not sent twice. If kept connections die, a create on a kept connection would fail each time.
    return verb === 'watch' || repeated || (verb === 'create' && this.#connections.keptOnesDie);
  }

  #write(exchange: Exchange, authorization: Authorization, leave: () => void): void {
    if (exchange.over) return leave();
    let opened: ClientRequest | null = null;
    try {
      const { server } = this.#connections.credentials;
      const { request } = exchange;
      const body = request.body === undefined ? null : JSON.stringify(request.body);
      const fresh = request.apart === true || this.#needsFresh(exchange);
      const sent = this.#connections.open({
        ...(server.protocol === 'https:' ? this.#connections.tls.of(authorization.options) : {}),
        agent: this.#connections.agentFor(authorization, fresh),
        hostname: server.hostname,
        port: server.port,
        method: methodOf(request.verb),
        path: server.basePath + pathOf(request),
      });
      opened = sent;
      const headers = headersOf(authorization, request, body);
      // Not among the options, which Node.js prints with NODE_DEBUG=https.
      for (const [name, value] of Object.entries(headers)) sent.setHeader(name, value);
      this.#connections.secrets.remember([...secretsOf(headers), ...secretsOfProxy(authorization)]);
      exchange.sent = sent;
      // One microtask later, the agent can use the connection for the next request.
      sent.on('close', () => queueMicrotask(leave));
      exchange.token = bearerToken(authorization.headers);
      const sentAtMs = this.#clock.nowMs();
      let wasUsed = false;
      sent.on('socket', (socket) => {
        wasUsed = this.#connections.usedSockets.has(socket);
        this.#connections.usedSockets.add(socket);
        this.#noteConnection(exchange, sent, socket);
      });
      sent.on('finish', () => {
        if (exchange.sent === sent) exchange.enter('written');
      });
      sent.on('error', (error) => {
        if (exchange.sent === sent) this.#noteError(exchange, wasUsed, error);
      });
      sent.on('response', (response) => {
        if (debug.enabled) debug('%s: %d', describeRequest(request), response.statusCode);
        if (wasUsed) this.#connections.keptOnesDie = false;
        this.#clocks.note(response.headers.date, sentAtMs);
        if (response.statusCode === 401 && !exchange.reauthorized)
          this.#authorizeAgain(exchange, authorization, response);
        else exchange.take(response);
      });
      sent.end(body ?? undefined);
    } catch (error) {
      // OpenSSL throws if it cannot parse a CA or a client key, and Node.js throws if a header cannot contain the
      // token. In the second case the request already has a connection, which must be closed, and whose error must be
      // handled.
      opened?.on('error', () => {}).destroy();
      leave();
      exchange.fail(exchange.failureOf(error));
    }
  }

  #noteConnection(exchange: Exchange, sent: ClientRequest, socket: Socket): void {
    if (exchange.sent !== sent) return;
    exchange.carriedBy(socket);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    exchange.enter('connecting');
    if (!socket.connecting) return;
    // From here on TLS has its own time-out.
    socket.once('connect', () => {
      if (exchange.sent === sent) exchange.enter('connecting');
    });
  }

  /** Handles an error before the head of an answer. */
  #noteError(exchange: Exchange, wasUsed: boolean, error: Error): void {
    if (exchange.over) return;
    const died = wasUsed && !exchange.repeated && !isNonsense(error);
    if (died) this.#connections.keptOnesDie = true;
    if (!died || !isRepeatable(exchange.request)) return exchange.fail(exchange.failureOf(error));
    debug('%s is sent once more: its connection died', describeRequest(exchange.request));
    exchange.repeated = true;
    this.#attempt(exchange);
  }

  #authorizeAgain(exchange: Exchange, refused: Authorization, response: IncomingMessage): void {
    // Reads the body to its end or until the time-out. Otherwise a body without an end would occupy the connection for
    // ever.
    collect(response, () => {
      if (exchange.over) return;
      exchange.leaveConnection();
      exchange.reauthorized = true;
      this.#connections.authorization.distrust(refused);
      this.#attempt(exchange);
    });
  }
}

function closedError(): Error {
  return new Error('the connections were closed');
}

/** Whether the server has sent bytes that are not HTTP. */
function isNonsense(error: Error & { readonly code?: string }): boolean {
  return error.code?.startsWith('HPE_') === true;
}

function headersOf(
  { headers: given, options }: Authorization,
  request: ApiRequest,
  body: string | null,
): Record<string, string | number> {
  const headers: Record<string, string | number> = {
    ...(options.auth == null ? {} : { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` }),
    ...given,
    accept: acceptOf(request),
    'user-agent': 'lease-elector',
  };
  if (body !== null) {
    headers['content-type'] = contentTypeOf(request.verb);
    headers['content-length'] = Buffer.byteLength(body);
  }
  return headers;
}

/** The secret parts of the proxy's address. */
function secretsOfProxy({ proxy }: Authorization): string[] {
  if (proxy === undefined) return [];
  const value = proxyAuthorization(proxy);
  return value === null ? [] : [proxy.password, ...secretsOf({ authorization: value })];
}

/** The secret parts of a request: the token, or the name and password of basic authentication. */
function secretsOf(headers: Record<string, string | number>): string[] {
  const value = String(headers['authorization'] ?? headers['Authorization'] ?? '');
  const [scheme = '', credential = ''] = value.split(' ');
  if (scheme !== 'Basic') return [credential];
  const text = Buffer.from(credential, 'base64').toString();
  return [credential, text, text.slice(text.indexOf(':') + 1)];
}
