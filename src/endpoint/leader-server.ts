/**
 * An HTTP server that answers as the NAIS elector sidecar does: `GET /` and `GET /sse` return the leader.
 *
 * The endpoint only returns the answer that the elector publishes. The cost of every client is limited, because the
 * election runs in the same process. This file is loaded only if the option `endpoint` is set.
 */

import type { Cluster } from 'node:cluster';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock, Timer } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import { type Binding, type BindOutcome, bindEvery, describeBinding } from './addresses.ts';
import { LeaderStream } from './leader-stream.ts';
import { isLoopbackAddress, isLoopbackAuthority, LOOPBACK_HOSTS } from './loopback.ts';
import { isAnsweredAsEndpoint } from './port-owner.ts';
import { type Exchange, type Reply, sendReply, sendStreamHead } from './reply.ts';

const debug = debugLog('lease-elector:http');

/** The port that applications on NAIS use. */
export const DEFAULT_ENDPOINT_PORT = 4040;

/** The longest head of a request, in bytes. A longer head is answered 431. */
export const MAX_HEADER_BYTES: number = 16 * 1024;

/**
 * The largest number of bytes of a request's body that are read. The body has no meaning, but it is read, because the
 * sender might otherwise miss the answer.
 */
export const MAX_BODY_BYTES: number = 64 * 1024;

/**
 * The interval in which a worker of node:cluster retries a taken port, in milliseconds. If the worker that has the port
 * ends, another worker must answer for the Pod.
 */
export const PORT_RETRY_MS = 1_000;

/** The limits for clients. */
export interface EndpointLimits {
  /** The largest number of readers of the stream. A further reader is answered 503, and the others are not affected. */
  readonly readers: number;
  /**
   * The largest number of other open connections. When a further client connects, the connection that was idle longest
   * is closed. A client that leaks connections therefore does not lock out other clients. If many readers connect at
   * the same moment, all are accepted before their first request is read. This limit therefore includes all readers.
   */
  readonly connections: number;
  /** A request must arrive within this many milliseconds. This is checked every `checkIntervalMs`. */
  readonly requestTimeoutMs: number;
  readonly checkIntervalMs: number;
  /**
   * An idle connection is closed after this many milliseconds. The value is not a whole number of minutes. Otherwise a
   * client that polls every minute would send a request just when its connection is closed. Many clients treat that
   * error as "there is no other leader".
   */
  readonly idleTimeoutMs: number;
}

/** The limits in force. */
export const ENDPOINT_LIMITS: EndpointLimits = {
  readers: 1_024,
  connections: 1_280,
  requestTimeoutMs: 30_000,
  checkIntervalMs: 5_000,
  idleTimeoutMs: 630_000,
};

/** The leader, as it is published. */
export interface LeaderAnswer {
  /** The Pod's name. */
  readonly name: string;
  /**
   * The moment at which the API server last confirmed the leader to this process, in milliseconds since 1970. It is
   * read again for each request, so it can be a getter.
   */
  readonly lastUpdateMs: number;
}

/** A warning about an address on which the endpoint does not answer. */
export interface EndpointWarning {
  readonly code: 'endpoint-unavailable';
  readonly message: string;
}

/** The options of a `LeaderServer`. */
export interface LeaderServerOptions {
  /** The TCP port; 0 means any free port. @default 4040 */
  readonly port?: number;
  /** @default both loopback addresses, or the one address that exists */
  readonly hosts?: readonly string[];
  readonly clock: Clock;
  /** Answers `/` and `/sse` on every address of the server, and for every host name. @default false */
  readonly exposeLeader?: boolean;
  /** For `GET /healthz`: the problem of this process, or `null`. @default there is no problem */
  readonly health?: () => string | null;
  /** For `GET /metrics`, in the text format of Prometheus. Without it the path does not exist. */
  readonly metrics?: () => string;
  readonly limits?: Partial<EndpointLimits>;
  /** Whether this process is a worker of node:cluster. @default the value of node:cluster */
  readonly isWorker?: boolean;
}

const JSON_FIELDS: Reply['fields'] = [
  ['Cache-Control', 'no-cache'],
  ['Content-Type', 'application/json'],
];

const STREAM_FIELDS: Reply['fields'] = [
  ['Cache-Control', 'no-cache'],
  ['Connection', 'keep-alive'],
  ['Content-Type', 'text/event-stream'],
];

const TEXT = 'text/plain; charset=utf-8';
const METRICS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const STREAM_PATH = '/sse';

const METHOD_NOT_ALLOWED: Reply = {
  status: 405,
  fields: [
    ['Allow', 'GET, HEAD'],
    ['Content-Type', TEXT],
  ],
  body: 'Only GET and HEAD.',
};

/** The paths that are answered only to this machine, unless the option `exposeLeader` is set. */
const LEADER_PATHS: ReadonlySet<string> = new Set(['/', STREAM_PATH]);

/**
 * The paths that are answered for every `Host`, because they do not name the leader. The sidecar of a service mesh
 * receives the probes of the kubelet, and forwards them to 127.0.0.1 with the address of the Pod as the `Host`.
 */
const PROBE_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

const NOT_LOOPBACK: Reply = text(
  403,
  'This path is answered on loopback addresses only. Set the option endpoint.exposeLeader to answer it here.',
);

const FOREIGN_NAME: Reply = text(
  403,
  'On a loopback address the Host must be localhost or a loopback address. Set the option endpoint.exposeLeader to accept any.',
);

/**
 * The endpoint. It listens before the election starts, because some clients treat "connection refused" as "I am the
 * leader".
 */
export class LeaderServer {
  readonly #options: LeaderServerOptions;
  readonly #limits: EndpointLimits;
  readonly #routes: ReadonlyMap<string, () => Reply>;
  readonly #stream: LeaderStream;
  /** The connections that do not stream, in the order of their last requests, the oldest first. */
  readonly #connections = new Set<Socket>();
  #binding: Binding<Server> = { bound: [], failed: [] };
  #listening: Promise<EndpointWarning | null> | null = null;
  #closed: Promise<void> | null = null;
  #retry: Timer | null = null;
  #isAnsweredByOther = false;
  #answer: LeaderAnswer | null = null;
  #wasReady = false;

  constructor(options: LeaderServerOptions) {
    this.#options = options;
    this.#limits = { ...ENDPOINT_LIMITS, ...options.limits };
    this.#stream = new LeaderStream(options.clock);
    const { health, metrics } = options;
    this.#routes = new Map<string, () => Reply>([
      ['/', () => ({ status: 200, fields: JSON_FIELDS, body: this.#body() })],
      ['/healthz', () => verdict(health?.() ?? null)],
      // Like the sidecar, the endpoint stays ready once there was a leader. Otherwise every change of leader would
      // remove all Pods from their Service.
      ['/readyz', () => verdict(this.#wasReady ? null : 'no leader is known yet')],
      ...(metrics === undefined ? [] : [['/metrics', () => text(200, metrics(), METRICS_TEXT)] as const]),
    ]);
  }

  /**
   * Starts to listen. Resolves when the server listens on every address that can be bound, with a warning if an address
   * cannot be bound. Further calls return the same promise.
   */
  listen(): Promise<EndpointWarning | null> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  /** The addresses on which the server listens; `null` when it does not listen. */
  get address(): { readonly port: number; readonly hosts: readonly string[] } | null {
    const { bound } = this.#binding;
    const [first] = bound;
    return first === undefined || this.#closed !== null
      ? null
      : { port: first.port, hosts: bound.map(({ host }) => host) };
  }

  /**
   * The port on which an endpoint of this machine answers: the port of this server or, in a worker of node:cluster, of
   * another worker; `null` without such a port.
   */
  get answeredPort(): number | null {
    return this.address?.port ?? (this.#isAnsweredByOther ? this.#port : null);
  }

  /**
   * Sets the answer; `null` when no leader is known.
   *
   * Readers of the stream receive the answer when the name has changed. A confirmation of the same leader is not sent,
   * because it occurs every few seconds and would wake a thousand readers.
   */
  publish(answer: LeaderAnswer | null): void {
    const isNews = answer?.name !== this.#answer?.name;
    this.#answer = answer;
    this.#wasReady ||= answer !== null;
    if (isNews) this.#stream.send(this.#body());
  }

  /**
   * Ends all streams and connections. Resolves when all of them have ended, and never rejects. Further calls return the
   * same promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  get #port(): number {
    return this.#options.port ?? DEFAULT_ENDPOINT_PORT;
  }

  async #listen(): Promise<EndpointWarning | null> {
    const { hosts = LOOPBACK_HOSTS } = this.#options;
    const port = this.#port;
    this.#binding = await bindEvery(
      hosts,
      port,
      (host, chosen) => this.#bind(host, chosen),
      (server) => server.close(),
    );
    const message = describeBinding(this.#binding, port);
    debug('%s', message ?? `listens on port ${this.#binding.bound[0]?.port}`);
    const { isWorker = isClusterWorker() } = this.#options;
    const [taken] = takenBindings(this.#binding);
    // Port 0 means a different port in each worker.
    if (isWorker && port !== 0 && taken !== undefined) {
      this.#bindLater();
      // Another worker answers for the whole Pod, so there is no problem.
      this.#isAnsweredByOther = await isAnsweredAsEndpoint(taken.host, port, this.#options.clock);
      if (this.#isAnsweredByOther) return null;
    }
    return message === null ? null : { code: 'endpoint-unavailable', message };
  }

  /** Schedules the next attempt to bind the taken port, so that this process takes it over when its owner ends. */
  #bindLater(): void {
    if (this.#closed !== null) return;
    this.#retry = this.#options.clock.setTimer(PORT_RETRY_MS, () => void this.#bindTaken(), { background: true });
  }

  async #bindTaken(): Promise<void> {
    const taken = takenBindings(this.#binding);
    const again = await Promise.all(taken.map(({ host }) => this.#bind(host, this.#port)));
    const bound = again.filter((outcome) => outcome.ok);
    if (this.#closed !== null) {
      for (const { listener } of bound) listener.close();
      return;
    }
    const hosts = new Set(bound.map(({ host }) => host));
    this.#binding = {
      bound: [...this.#binding.bound, ...bound],
      failed: this.#binding.failed.filter(({ host }) => !hosts.has(host)),
    };
    if (bound.length > 0) debug('listens on port %d after another process', this.#port);
    if (takenBindings(this.#binding).length > 0) this.#bindLater();
  }

  #bind(host: string, port: number): Promise<BindOutcome<Server>> {
    const { requestTimeoutMs, checkIntervalMs, idleTimeoutMs } = this.#limits;
    // Not imported: see kube/api-client.ts.
    const server = process.getBuiltinModule('node:http').createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: checkIntervalMs,
      keepAliveTimeout: idleTimeoutMs,
    });
    server.on('connection', (socket) => this.#accept(socket));
    server.on('request', (request, response) => this.#take(request, response));
    // The client waits for permission to send its body, which is not needed.
    server.on('checkContinue', (request, response) => this.#take(request, response, true));
    // Without this listener, Node.js would close the connection without an answer.
    server.on('connect', (_request, socket) =>
      socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n'),
    );
    const outcome = new Promise<BindOutcome<Server>>((resolve) => {
      server.on('error', (error) => {
        debug('%s: %s', host, error.message);
        // After the server has begun to listen, this has no effect. The error is then a failed accept, for example
        // without free file descriptors.
        resolve({ ok: false, host, error });
      });
      // Without `exclusive`, all workers of node:cluster would share the port, and any of them would answer.
      server.listen({ host, port, exclusive: true }, () => {
        resolve({ ok: true, host, port: (server.address() as AddressInfo).port, listener: server });
      });
    });
    // An invalid port makes `listen` throw.
    return outcome.catch((error: NodeJS.ErrnoException) => ({ ok: false, host, error }));
  }

  async #close(): Promise<void> {
    // If `close()` is called before `listen()`, the server never listens.
    this.#listening ??= Promise.resolve(null);
    await this.#listening;
    this.#retry?.cancel();
    const closed = this.#binding.bound.map(
      ({ listener }) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    this.#stream.close();
    for (const socket of this.#connections) socket.destroy();
    await Promise.all(closed);
  }

  #accept(socket: Socket): void {
    const [leastRecentlyUsed] = this.#connections;
    if (leastRecentlyUsed !== undefined && this.#connections.size >= this.#limits.connections) {
      debug('more than %d connections: the least recently used one is closed', this.#limits.connections);
      this.#connections.delete(leastRecentlyUsed);
      leastRecentlyUsed.destroy();
    }
    this.#connections.add(socket);
    // Node.js removes its own listener when a client requests a tunnel. Without this listener, the error of a broken
    // connection would then end the process.
    socket.on('error', () => {});
    socket.once('close', () => this.#connections.delete(socket));
  }

  #take(request: IncomingMessage, response: ServerResponse, isBodyRefused = false): void {
    const { socket } = request;
    // An error without a listener ends the process. This error only reports a broken connection.
    response.on('error', () => {});
    if (!this.#connections.delete(socket)) {
      // This connection streams, so it must not have a further request.
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    let size = 0;
    let isAnswered = false;
    const respond = (bodyUnread: boolean): void => {
      if (!isAnswered) this.#respond(request, response, bodyUnread);
      isAnswered = true;
    };
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    if (isBodyRefused || Number(length) > MAX_BODY_BYTES) respond(true);
    else if (Number(length) === 0 && coding === undefined) respond(false);
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) respond(true);
    });
    request.on('end', () => respond(false));
  }

  #respond(request: IncomingMessage, response: ServerResponse, bodyUnread: boolean): void {
    // The last answer of this connection was sent.
    if (!request.socket.writable) return;
    const exchange: Exchange = { request, response, wallMs: this.#options.clock.wallMs(), bodyUnread };
    const path = pathOf(request.url ?? '/');
    const reply = this.#refusal(request, path) ?? this.#replyTo(request.method ?? '', path);
    if (reply !== 'stream') sendReply(exchange, reply);
    else if (request.method === 'HEAD' || bodyUnread) sendStreamHead(exchange, STREAM_FIELDS).end();
    else this.#openStream(exchange);
  }

  /**
   * The refusal for a client that must not be answered; `null` if the request is permitted. The leader is returned only
   * to this machine. Other machines only reach probes and metrics. A web page can reach loopback addresses under a name
   * of its site (DNS rebinding), so the name is checked, but for probes.
   */
  #refusal({ socket, url = '', headers }: IncomingMessage, path: string): Reply | null {
    if (this.#options.exposeLeader === true || PROBE_PATHS.has(path)) return null;
    if (!isLoopbackAddress(socket.localAddress ?? '')) return LEADER_PATHS.has(path) ? NOT_LOOPBACK : null;
    const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host ?? '';
    // HTTP/1.0 has no Host, and browsers do not use it.
    return authority === '' || isLoopbackAuthority(authority) ? null : FOREIGN_NAME;
  }

  #replyTo(method: string, path: string): Reply | 'stream' {
    const route = path === STREAM_PATH ? () => this.#streamOrRefusal() : this.#routes.get(path);
    if (route === undefined)
      return text(404, `Not found. Available paths: ${[...this.#routes.keys(), STREAM_PATH].join(', ')}.`);
    if (method !== 'GET' && method !== 'HEAD') return METHOD_NOT_ALLOWED;
    try {
      return route();
    } catch (error) {
      debug('%s failed: %o', path, error);
      return text(500, 'The answer failed. Set DEBUG=lease-elector:http to log the error.');
    }
  }

  #streamOrRefusal(): Reply | 'stream' {
    const { readers } = this.#limits;
    if (this.#stream.size < readers) return 'stream';
    const { fields, ...refusal } = text(503, `All ${readers} streams are in use. Try again later.`);
    return { ...refusal, fields: [...fields, ['Retry-After', '5']] };
  }

  #openStream(exchange: Exchange): void {
    const { socket } = exchange.request;
    this.#connections.delete(socket);
    this.#stream.open(socket, sendStreamHead(exchange, STREAM_FIELDS), this.#body());
  }

  #body(): string {
    if (this.#answer === null) return '{}';
    const { name, lastUpdateMs } = this.#answer;
    const last_update = `${new Date(lastUpdateMs).toISOString().slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}Z`;
    // Go escapes these characters. No Pod has them in its name, but a Lease without a Pod may have any holder.
    return JSON.stringify({ name, last_update }).replace(
      /[&<>\u2028\u2029]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  }
}

function isClusterWorker(): boolean {
  // The types describe the result of an `import`, so the result of `getBuiltinModule` is converted.
  return (process.getBuiltinModule('node:cluster') as unknown as Cluster).isWorker;
}

/** The addresses that another process uses. */
function takenBindings({ failed }: Binding<Server>): Binding<Server>['failed'] {
  return failed.filter(({ error }) => error.code === 'EADDRINUSE');
}

function verdict(trouble: string | null): Reply {
  return trouble === null ? text(200, 'ok') : text(503, trouble);
}

function text(status: number, body: string, contentType = TEXT): Reply {
  return { status, fields: [['Content-Type', contentType]], body };
}

/** The path of a request. A client that uses this server as a proxy sends the whole URL. */
function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*/s, '') || '/';
}
