/**
 * Sends one request, or opens one stream, over `node:https`. Every outcome is returned as an answer; nothing is thrown.
 *
 * It repeats a request in two cases, once each: after a 401, with the token read again, and after the death of a kept
 * connection. In any other case the core decides whether and when to send the request again.
 */

// Types alone: an import of `node:http` reads each of its exports, also those of the web (WebSocket…), which load
// all of undici: 15 ms and some MB. A plain http server is rare, and is served by `getBuiltinModule` without them.
import type { AgentOptions, ClientRequest, Agent as HttpAgent, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { RequestFailure } from '../core/request-failure.ts';
import type { Clock } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import { malformed } from './api-error.ts';
import { type ApiRequest, acceptOf, contentTypeOf, describeRequest, methodOf, pathOf } from './api-request.ts';
import { type Authorization, bearerToken } from './authorization.ts';
import { parseJson } from './bounded-json.ts';
import { ClockComparison, type ReportClockSkew } from './clock-comparison.ts';
import type { Credentials } from './credentials.ts';
import { collect, Exchange, type ExchangeOptions, isRepeatable, type Outcome, type RequestReport } from './exchange.ts';
import { ProxyTunnels, proxyAuthorization } from './proxy-tunnel.ts';
import { type Conceal, Secrets } from './server-words.ts';
import { SharedAuthorization } from './shared-authorization.ts';
import { nameByContext, TlsIdentity } from './tls-identity.ts';

export { ANSWER_LIMIT_BYTES } from './exchange.ts';

const debug = debugLog('lease-elector:kube');

/**
 * TCP keep-alive probes begin after this many milliseconds of silence, so that a network device does not
 * forget a quiet connection, and a dead peer is noticed.
 */
const TCP_KEEP_ALIVE_MS = 15_000;

/** At most this many requests are on the wire at once, each on its own connection: none waits for the answer to another. */
const REQUEST_CONNECTIONS = 2;

/** How a request ended; `absent` is set when a 404 proves that the object itself does not exist. */
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

/** What a caller can receive before the answer. */
export interface RequestHooks {
  /**
   * Called once, before the answer: the request was handed to the operating system, or it ended before that.
   *
   * A transport without a wire (the simulation) need not call it.
   */
  readonly written?: () => void;
}

/** What the ports need of the client. A simulation puts its own network in this place. */
export interface ApiTransport {
  /** Sends a request and reads its answer as JSON. Each of its steps ends within its time-out. */
  request(request: ApiRequest, hooks?: RequestHooks): Promise<ApiAnswer>;
  /** Opens a stream on a connection of its own. Closing it is final and silent. */
  stream(request: ApiRequest, sink: ByteSink): { close(): void };
  /** Removes the credentials that were sent from text of the server. */
  readonly conceal?: Conceal;
}

/** What an `ApiClient` needs. */
export interface ApiClientOptions {
  readonly credentials: Credentials;
  /** From the moment a request is written to the end of its answer (of a stream: its head), in milliseconds. The same limit holds for each step before. */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  /** @default no difference is reported */
  readonly reportClockSkew?: ReportClockSkew;
  /** Receives a report of each request that has ended; must not throw. */
  readonly onRequest?: (report: RequestReport) => void;
}

/** The connections to one API server: two for requests, kept alive, and one for each open stream. */
export class ApiClient implements ApiTransport {
  readonly #credentials: Credentials;
  readonly #authorization: SharedAuthorization;
  readonly #open: (options: RequestOptions) => ClientRequest;
  readonly #newAgent: (options: AgentOptions) => HttpAgent;
  #pool: ConnectionPool;
  readonly #clock: Clock;
  readonly #clocks: ClockComparison;
  readonly #tls = new TlsIdentity();
  readonly #secrets = new Secrets();
  readonly #exchanges: ExchangeOptions;
  /** Sockets that carried a request before. `reusedSocket` is not set for a request that waited in the agent's queue. */
  readonly #usedConnections = new WeakSet<Socket>();
  /** A kept connection died under a request, and none has carried an answer since. */
  #keptConnectionsDie = false;

  constructor({ credentials, requestTimeoutMs, clock, reportClockSkew = () => {}, onRequest }: ApiClientOptions) {
    this.#credentials = credentials;
    this.#authorization = new SharedAuthorization(credentials, requestTimeoutMs, clock);
    const { Agent, request } =
      credentials.server.protocol === 'https:'
        ? { Agent: HttpsAgent, request: httpsRequest }
        : process.getBuiltinModule('node:http');
    this.#open = request;
    this.#newAgent = (options) => new Agent(options);
    this.#exchanges = {
      clock,
      timeoutMs: requestTimeoutMs,
      conceal: this.conceal,
      underWay: new Set(),
      ...(onRequest === undefined ? {} : { ended: onRequest }),
    };
    this.#pool = this.#newPool(null);
    this.#clock = clock;
    this.#clocks = new ClockComparison(clock, reportClockSkew);
  }

  get conceal(): Conceal {
    return this.#secrets.conceal;
  }

  /** The present authorization, for the claims that it holds about this process. Rejects after the request time-out. */
  authorize(): Promise<Authorization> {
    return this.#authorization.get();
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
            // An unreadable answer comes from a sick server, or from something else in its place.
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
      exchange.finish();
      sink.ended(failure);
    };
    const exchange = this.#send(request, {
      written: () => {},
      succeeded(response) {
        // The time-out was for the head alone. The core decides whether a silent stream is dead.
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
      close() {
        over = true;
        exchange.abandon();
      },
    };
  }

  /**
   * Ends the connections. A request that is still under way ends as `unavailable`. One that waits for its
   * connection is cancelled too, since the agent would otherwise open another connection for it.
   */
  close(): void {
    for (const exchange of [...this.#exchanges.underWay]) exchange.cancel(new Error('the connections were closed'));
    closePool(this.#pool);
    this.#credentials.close?.();
  }

  /** @param proxy `null`: the API server is reached without a proxy */
  #newPool(proxy: URL | null): ConnectionPool {
    const requests = this.#newAgent({
      keepAlive: true,
      keepAliveMsecs: TCP_KEEP_ALIVE_MS,
      maxSockets: REQUEST_CONNECTIONS,
      maxFreeSockets: REQUEST_CONNECTIONS,
    });
    const fresh = this.#newAgent({ keepAlive: false });
    const { timeoutMs, clock } = this.#exchanges;
    const tunnels = proxy === null ? null : new ProxyTunnels(proxy, timeoutMs, clock);
    for (const agent of [requests, fresh]) {
      nameByContext(agent);
      tunnels?.lead(agent);
    }
    return { proxy: proxy?.href ?? null, requests, fresh, tunnels };
  }

  /** The kubeconfig that was read again can name another proxy. */
  #poolFor(proxy: URL | null): ConnectionPool {
    if (this.#pool.proxy !== (proxy?.href ?? null)) {
      closePool(this.#pool);
      this.#pool = this.#newPool(proxy);
    }
    return this.#pool;
  }

  #send(request: ApiRequest, outcome: Outcome): Exchange {
    const exchange = new Exchange(request, outcome, this.#exchanges);
    this.#attempt(exchange);
    return exchange;
  }

  #attempt(exchange: Exchange): void {
    this.#authorization.get().then(
      (authorization) => this.#write(exchange, authorization),
      (error: unknown) => exchange.fail(exchange.failureOf(error)),
    );
  }

  #write(exchange: Exchange, authorization: Authorization): void {
    if (exchange.over) return;
    try {
      const { server } = this.#credentials;
      const { request } = exchange;
      const body = request.body === undefined ? null : JSON.stringify(request.body);
      const sent = this.#open({
        ...(server.protocol === 'https:' ? this.#tls.of(authorization.options) : {}),
        agent: this.#agentFor(exchange, authorization),
        hostname: server.hostname,
        port: server.port,
        method: methodOf(request.verb),
        path: server.basePath + pathOf(request),
      });
      const headers = headersOf(authorization, request, body);
      // Not among the options, which Node.js prints with NODE_DEBUG=https.
      for (const [name, value] of Object.entries(headers)) sent.setHeader(name, value);
      this.#secrets.remember([...secretsOf(headers), ...secretsOfProxy(authorization)]);
      exchange.sent = sent;
      exchange.token = bearerToken(authorization.headers);
      const sentAtMs = this.#clock.nowMs();
      // The agent of a SOCKS proxy has no queue: while there is no connection, its tunnel is being made.
      exchange.enter(authorization.proxyAgent === null ? 'queued' : 'connecting');
      let wasUsed = false;
      sent.on('socket', (socket) => {
        wasUsed = this.#usedConnections.has(socket);
        this.#usedConnections.add(socket);
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
        if (wasUsed) this.#keptConnectionsDie = false;
        this.#clocks.note(response.headers.date, sentAtMs);
        if (response.statusCode === 401 && !exchange.reauthorized) this.#authorizeAgain(exchange, response);
        else exchange.take(response);
      });
      sent.end(body ?? undefined);
    } catch (error) {
      // A CA or client key that OpenSSL cannot parse throws here.
      exchange.fail(exchange.failureOf(error));
    }
  }

  #agentFor(exchange: Exchange, { proxyAgent, proxy }: Authorization): HttpAgent {
    const { verb, apart = false } = exchange.request;
    // A create is not sent twice. Where kept connections die, it would never arrive on one.
    const fresh = apart || verb === 'watch' || exchange.repeated || (verb === 'create' && this.#keptConnectionsDie);
    if (proxyAgent === null) {
      const pool = this.#poolFor(proxy ?? null);
      return fresh ? pool.fresh : pool.requests;
    }
    if (fresh) closeKept(proxyAgent);
    return proxyAgent;
  }

  #noteConnection(exchange: Exchange, sent: ClientRequest, socket: Socket): void {
    if (exchange.sent !== sent) return;
    exchange.carriedBy(socket);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    exchange.enter('connecting');
    if (!socket.connecting) return;
    // TLS begins, with its own time-out.
    socket.once('connect', () => {
      if (exchange.sent === sent) exchange.enter('connecting');
    });
  }

  /** An error before the head of an answer. */
  #noteError(exchange: Exchange, wasUsed: boolean, error: Error): void {
    if (exchange.over) return;
    const died = wasUsed && !exchange.repeated && !isNonsense(error);
    if (died) this.#keptConnectionsDie = true;
    if (!died || !isRepeatable(exchange.request)) return exchange.fail(exchange.failureOf(error));
    debug('%s is sent once more: its connection died', describeRequest(exchange.request));
    exchange.repeated = true;
    this.#attempt(exchange);
  }

  #authorizeAgain(exchange: Exchange, response: IncomingMessage): void {
    // Read to its end, or cut by the time-out: a body without an end would hold the only connection for ever.
    collect(response, () => {
      if (exchange.over) return;
      exchange.leaveConnection();
      exchange.reauthorized = true;
      this.#authorization.distrust();
      this.#attempt(exchange);
    });
  }
}

/** The server sent something, but not HTTP. */
function isNonsense(error: Error & { readonly code?: string }): boolean {
  return error.code?.startsWith('HPE_') === true;
}

/** The connections to the API server, all through the same proxy or all without one. */
interface ConnectionPool {
  /** The address of the proxy, if there is one. */
  readonly proxy: string | null;
  readonly requests: HttpAgent;
  /** For a stream, which ends with its connection, and for a request that must not use a kept connection. */
  readonly fresh: HttpAgent;
  readonly tunnels: ProxyTunnels | null;
}

function closePool({ requests, fresh, tunnels }: ConnectionPool): void {
  tunnels?.close();
  // `destroy` closes idle sockets only. A socket that is freed later, by a cancelled request, would be kept for reuse.
  requests.on('free', (socket: Socket) => socket.destroy());
  requests.destroy();
  fresh.destroy();
}

/** Closes the idle connections, so that the agent opens a new one for the next request. */
function closeKept(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
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

/** The parts of the proxy's address that must not be shown. */
function secretsOfProxy({ proxy }: Authorization): string[] {
  if (proxy === undefined) return [];
  const value = proxyAuthorization(proxy);
  return value === null ? [] : [proxy.password, ...secretsOf({ authorization: value })];
}

/** The parts of a request that must not be shown: the token, or the name and password of basic authentication. */
function secretsOf(headers: Record<string, string | number>): string[] {
  const value = String(headers['authorization'] ?? headers['Authorization'] ?? '');
  const [scheme = '', credential = ''] = value.split(' ');
  if (scheme !== 'Basic') return [credential];
  const text = Buffer.from(credential, 'base64').toString();
  return [credential, text, text.slice(text.indexOf(':') + 1)];
}
