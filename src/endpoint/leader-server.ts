/**
 * The endpoint of the NAIS elector sidecar, answered from this process: `GET /` and `GET /sse` say who leads.
 *
 * It decides nothing: what it answers is published to it. Everything a client may cost has a limit, since the
 * election runs in the same process. Loaded only where the option `endpoint` is set.
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

/** Where applications of NAIS look for it. */
export const DEFAULT_ENDPOINT_PORT = 4040;

/** A longer head of a request is answered 431, in bytes. */
export const MAX_HEADER_BYTES: number = 16 * 1024;

/** A body means nothing here; so many bytes of it are read, lest its sender miss the answer. */
export const MAX_BODY_BYTES: number = 64 * 1024;

/**
 * A worker of node:cluster tries a port that was taken again after this many milliseconds: the worker that answers there
 * may end, and the Pod must still have an answer.
 */
export const PORT_RETRY_MS = 1_000;

/** What clients may cost. */
export interface EndpointLimits {
  /** So many readers may stream; a further one is answered 503, and harms none of them. */
  readonly readers: number;
  /**
   * So many connections may stay open beside them. For a further one that is idle for longest is closed:
   * a client that leaks connections must not lock out the one that asks who leads. Readers that come all at once are
   * accepted before the first of their requests is read, so all of them have room here, too.
   */
  readonly connections: number;
  /** A request has to arrive within this many milliseconds; looked after every `checkIntervalMs`. */
  readonly requestTimeoutMs: number;
  readonly checkIntervalMs: number;
  /**
   * An idle connection is closed after this many milliseconds. No full minutes: a client that asks by the minute on a kept
   * connection must not meet its end, since many take an error for "nobody else leads".
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

/** Who leads. */
export interface LeaderAnswer {
  /** The Pod's name. */
  readonly name: string;
  /**
   * When this process last had it confirmed by the API server, in milliseconds since 1970. Read anew for each
   * request: a getter keeps it current.
   */
  readonly lastUpdateMs: number;
}

/** Something to know: an address that nobody is answered on. */
export interface EndpointWarning {
  readonly code: 'endpoint-unavailable';
  readonly message: string;
}

/** What a `LeaderServer` needs. */
export interface LeaderServerOptions {
  /** 0 stands for any free port. @default 4040 */
  readonly port?: number;
  /** @default both loopback addresses, or the one that exists */
  readonly hosts?: readonly string[];
  readonly clock: Clock;
  /** Answers `/` and `/sse` on every address that it listens on, and to every name. @default false */
  readonly exposeLeader?: boolean;
  /** For `GET /healthz`: what is wrong with this process, or `null`. @default nothing is */
  readonly health?: () => string | null;
  /** For `GET /metrics`, in the text format of Prometheus; without it the path does not exist. */
  readonly metrics?: () => string;
  readonly limits?: Partial<EndpointLimits>;
  /** Whether this process is a worker of node:cluster. @default what node:cluster says */
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

/** What these answer is for this machine alone, unless it is exposed. */
const LEADER_PATHS: ReadonlySet<string> = new Set(['/', STREAM_PATH]);

const NOT_LOOPBACK: Reply = text(
  403,
  'This path is answered on loopback addresses only. Set the option endpoint.exposeLeader to answer it here.',
);

const FOREIGN_NAME: Reply = text(
  403,
  'On a loopback address the Host must be localhost or a loopback address. Set the option endpoint.exposeLeader to accept any.',
);

/** The endpoint. A client that takes "connection refused" for "I lead" is why it has to listen before anything else. */
export class LeaderServer {
  readonly #options: LeaderServerOptions;
  readonly #limits: EndpointLimits;
  readonly #routes: ReadonlyMap<string, () => Reply>;
  readonly #stream: LeaderStream;
  /** The connections that do not stream, the one that asked least recently first. */
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
      // As with the sidecar: once there was a leader it stays ready, or every change of leader would take all Pods
      // out of their Service.
      ['/readyz', () => verdict(this.#wasReady ? null : 'no leader is known yet')],
      ...(metrics === undefined ? [] : [['/metrics', () => text(200, metrics(), METRICS_TEXT)] as const]),
    ]);
  }

  /**
   * Listens; resolves when it does, as far as it can. What keeps it from listening is told and is no error.
   *
   * Calling it again gives the same promise.
   */
  listen(): Promise<EndpointWarning | null> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  /** Where it listens; `null` when it does not. */
  get address(): { readonly port: number; readonly hosts: readonly string[] } | null {
    const { bound } = this.#binding;
    const [first] = bound;
    return first === undefined || this.#closed !== null
      ? null
      : { port: first.port, hosts: bound.map(({ host }) => host) };
  }

  /**
   * The port that answers as an endpoint on this machine: the own one, or, in a worker of node:cluster, the one of another
   * worker. `null` when there is none.
   */
  get answeredPort(): number | null {
    return this.address?.port ?? (this.#isAnsweredByOther ? this.#port : null);
  }

  /**
   * Answers so from now on; `null` when nobody is known to lead.
   *
   * Readers of the stream are told when the name is another one. A confirmation alone is no news for them: it comes
   * every few seconds, and would wake a thousand readers to say that nothing happened.
   */
  publish(answer: LeaderAnswer | null): void {
    const isNews = answer?.name !== this.#answer?.name;
    this.#answer = answer;
    this.#wasReady ||= answer !== null;
    if (isNews) this.#stream.send(this.#body());
  }

  /** Ends all streams and connections; resolves, always, when nothing of it is left. Calling it again gives the same promise. */
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
    // Port 0 is another one in each worker.
    if (isWorker && port !== 0 && taken !== undefined) {
      this.#bindLater();
      // Another worker answers for the whole Pod, so nothing is missing.
      this.#isAnsweredByOther = await isAnsweredAsEndpoint(taken.host, port, this.#options.clock);
      if (this.#isAnsweredByOther) return null;
    }
    return message === null ? null : { code: 'endpoint-unavailable', message };
  }

  /** Takes the place of the process that has the port, as soon as that ends. */
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
    // The body that a client asks about is not wanted.
    server.on('checkContinue', (request, response) => this.#take(request, response, true));
    // Node.js would close the connection without a word.
    server.on('connect', (_request, socket) =>
      socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n'),
    );
    const outcome = new Promise<BindOutcome<Server>>((resolve) => {
      server.on('error', (error) => {
        debug('%s: %s', host, error.message);
        // Does nothing when it listens already, and could not accept a connection (no file descriptors left, say).
        resolve({ ok: false, host, error });
      });
      // Exclusive: workers of node:cluster would otherwise share the port, and any of them would answer.
      server.listen({ host, port, exclusive: true }, () => {
        resolve({ ok: true, host, port: (server.address() as AddressInfo).port, listener: server });
      });
    });
    // A port that is no port is thrown.
    return outcome.catch((error: NodeJS.ErrnoException) => ({ ok: false, host, error }));
  }

  async #close(): Promise<void> {
    // Who closes it before it listened does not want it to listen any more.
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
      debug('more than %d connections: the leastRecentlyUsed is closed', this.#limits.connections);
      this.#connections.delete(leastRecentlyUsed);
      leastRecentlyUsed.destroy();
    }
    this.#connections.add(socket);
    // Node.js takes its own listener away when a client wants a tunnel, and nobody else would hear of a broken one.
    socket.on('error', () => {});
    socket.once('close', () => this.#connections.delete(socket));
  }

  #take(request: IncomingMessage, response: ServerResponse, isBodyRefused = false): void {
    const { socket } = request;
    // An error that nobody hears ends the process, and this one would say no more than that a connection broke.
    response.on('error', () => {});
    if (!this.#connections.delete(socket)) {
      // It streams, and whoever reads a stream has nothing more to ask on its connection.
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
    // The last answer of this connection was given.
    if (!request.socket.writable) return;
    const exchange: Exchange = { request, response, wallMs: this.#options.clock.wallMs(), bodyUnread };
    const path = pathOf(request.url ?? '/');
    const reply = this.#refusal(request, path) ?? this.#replyTo(request.method ?? '', path);
    if (reply !== 'stream') sendReply(exchange, reply);
    else if (request.method === 'HEAD' || bodyUnread) sendStreamHead(exchange, STREAM_FIELDS).end();
    else this.#openStream(exchange);
  }

  /**
   * Whether this client may be answered. Who leads is for this machine: what reaches it from elsewhere sees probes and
   * metrics. A page in a browser reaches loopback addresses under a name of its own (DNS rebinding), so the name is checked.
   */
  #refusal({ socket, url = '', headers }: IncomingMessage, path: string): Reply | null {
    if (this.#options.exposeLeader === true) return null;
    if (!isLoopbackAddress(socket.localAddress ?? '')) return LEADER_PATHS.has(path) ? NOT_LOOPBACK : null;
    const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host ?? '';
    // HTTP/1.0 has none, and no browser speaks it.
    return authority === '' || isLoopbackAuthority(authority) ? null : FOREIGN_NAME;
  }

  #replyTo(method: string, path: string): Reply | 'stream' {
    const route = path === STREAM_PATH ? () => this.#streamOrRefusal() : this.#routes.get(path);
    if (route === undefined) return text(404, `Here are only ${[...this.#routes.keys(), STREAM_PATH].join(', ')}.`);
    if (method !== 'GET' && method !== 'HEAD') return METHOD_NOT_ALLOWED;
    try {
      return route();
    } catch (error) {
      debug('%s failed: %o', path, error);
      return text(500, 'This answer could not be made; DEBUG=lease-elector:http tells more.');
    }
  }

  #streamOrRefusal(): Reply | 'stream' {
    const { readers } = this.#limits;
    if (this.#stream.size < readers) return 'stream';
    const { fields, ...refusal } = text(503, `${readers} readers stream already.`);
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
    // Go writes these characters so; no Pod has them in its name, but a Lease without a Pod may be held by anything.
    return JSON.stringify({ name, last_update }).replace(
      /[&<>\u2028\u2029]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  }
}

function isClusterWorker(): boolean {
  // The types describe the module as `import` gives it.
  return (process.getBuiltinModule('node:cluster') as unknown as Cluster).isWorker;
}

/** The addresses that another process has. */
function takenBindings({ failed }: Binding<Server>): Binding<Server>['failed'] {
  return failed.filter(({ error }) => error.code === 'EADDRINUSE');
}

function verdict(trouble: string | null): Reply {
  return trouble === null ? text(200, 'ok') : text(503, trouble);
}

function text(status: number, body: string, contentType = TEXT): Reply {
  return { status, fields: [['Content-Type', contentType]], body };
}

/** A client that believes it talks to a proxy sends the whole URL. */
function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '') || '/';
}
