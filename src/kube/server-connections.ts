/**
 * The connections to one API server with the same credentials. All electors of a process share them.
 *
 * `api-client.ts` sends the requests of one elector over them.
 */

// Types alone: an import of `node:http` reads each of its exports, also those of the web (WebSocket…), which load
// all of undici: 15 ms and some MB. A plain http server is rare, and is served by `getBuiltinModule` without them.
import type { AgentOptions, ClientRequest, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import type { Authorization } from './authorization.ts';
import { ConnectionQueue, type QueueLimits } from './connection-queue.ts';
import type { Credentials } from './credentials.ts';
import { ProxyTunnels } from './proxy-tunnel.ts';
import { Secrets } from './server-words.ts';
import { SharedAuthorization } from './shared-authorization.ts';
import { nameByContext, TlsIdentity } from './tls-identity.ts';

/**
 * TCP keep-alive probes begin after this many milliseconds of silence, so that a network device does not
 * forget a quiet connection, and a dead peer is noticed.
 */
export const TCP_KEEP_ALIVE_MS = 15_000;

/** The requests of the election. An elector sends two at once, each on its own connection. */
const REQUESTS: QueueLimits = { connections: 3, ofOneElector: 2 };

/** The requests that no election waits for: what is published, and in a queue of its own the list of an application's Pods. */
const REQUESTS_APART: QueueLimits = { connections: 2, ofOneElector: 4 };

/** The connections that are open at the moment, of all credentials. Empty when no elector runs. */
const OPEN = new Set<ServerConnections>();

/** The connections to one API server with the same credentials. */
export class ServerConnections {
  readonly credentials: Credentials;
  readonly authorization: SharedAuthorization;
  readonly secrets: Secrets = new Secrets();
  readonly tls: TlsIdentity = new TlsIdentity();
  readonly requests: ConnectionQueue;
  readonly requestsApart: ConnectionQueue;
  /** The lists of an application's Pods. A stop waits for one a moment, so a write that hangs must not be before it. */
  readonly lists: ConnectionQueue;
  /** Sockets that carried a request before. `reusedSocket` is not set for a request that waited in the agent's queue. */
  readonly usedSockets: WeakSet<Socket> = new WeakSet<Socket>();
  /** A kept connection died under a request, and none has carried an answer since. */
  keptOnesDie = false;
  readonly open: (options: RequestOptions) => ClientRequest;
  readonly #newAgent: (options: AgentOptions) => HttpAgent;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #pool: Pool;
  #users = 0;

  private constructor(credentials: Credentials, timeoutMs: number, clock: Clock) {
    this.credentials = credentials;
    this.authorization = new SharedAuthorization(credentials, timeoutMs, clock);
    const { Agent, request } =
      credentials.server.protocol === 'https:'
        ? { Agent: HttpsAgent, request: httpsRequest }
        : process.getBuiltinModule('node:http');
    this.open = request;
    this.#newAgent = (options) => new Agent(options);
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#pool = this.#newPool(null);
    this.requests = new ConnectionQueue(REQUESTS, clock);
    this.requestsApart = new ConnectionQueue(REQUESTS_APART, clock);
    this.lists = new ConnectionQueue(REQUESTS_APART, clock);
  }

  /** Returns the connections that exist for these credentials and this time-out, or new ones. `leave` must be called once. */
  static join(credentials: Credentials, timeoutMs: number, clock: Clock): ServerConnections {
    const existing = [...OPEN].find((one) => one.#isFor(credentials, timeoutMs, clock));
    // The caller has just read the same files, and this finds what is new in them.
    existing?.credentials.checkSources?.();
    if (existing !== undefined) credentials.close?.();
    const connections = existing ?? new ServerConnections(credentials, timeoutMs, clock);
    OPEN.add(connections);
    connections.#users += 1;
    return connections;
  }

  /** The last one to leave closes the connections. */
  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    OPEN.delete(this);
    this.requests.close();
    this.requestsApart.close();
    this.lists.close();
    closePool(this.#pool);
    this.credentials.close?.();
  }

  /** The agent for a request. @param fresh on a connection that is not kept */
  agentFor({ proxyAgent, proxy }: Authorization, fresh: boolean): HttpAgent {
    if (proxyAgent === null) {
      const pool = this.#poolFor(proxy ?? null);
      return fresh ? pool.fresh : pool.requests;
    }
    if (fresh) closeKept(proxyAgent);
    return proxyAgent;
  }

  #isFor({ source, server }: Credentials, timeoutMs: number, clock: Clock): boolean {
    const own = this.credentials;
    return (
      source !== undefined &&
      source === own.source &&
      server.protocol === own.server.protocol &&
      server.hostname === own.server.hostname &&
      server.port === own.server.port &&
      server.basePath === own.server.basePath &&
      timeoutMs === this.#timeoutMs &&
      clock === this.#clock
    );
  }

  /** @param proxy `null`: the API server is reached without a proxy */
  #newPool(proxy: URL | null): Pool {
    const requests = this.#newAgent({
      keepAlive: true,
      keepAliveMsecs: TCP_KEEP_ALIVE_MS,
      // How many are in use at once is decided by the queue.
      maxFreeSockets: REQUESTS.connections,
    });
    const fresh = this.#newAgent({ keepAlive: false });
    const tunnels = proxy === null ? null : new ProxyTunnels(proxy, this.#timeoutMs, this.#clock);
    for (const agent of [requests, fresh]) {
      nameByContext(agent);
      tunnels?.lead(agent);
    }
    return { proxy: proxy?.href ?? null, requests, fresh, tunnels };
  }

  /** The kubeconfig that was read again can name another proxy. */
  #poolFor(proxy: URL | null): Pool {
    if (this.#pool.proxy !== (proxy?.href ?? null)) {
      closePool(this.#pool);
      this.#pool = this.#newPool(proxy);
    }
    return this.#pool;
  }
}

/** The agents, all through the same proxy or all without one. */
interface Pool {
  /** The address of the proxy, if there is one. */
  readonly proxy: string | null;
  readonly requests: HttpAgent;
  /** For a stream, which ends with its connection, and for a request that must not use a kept connection. */
  readonly fresh: HttpAgent;
  readonly tunnels: ProxyTunnels | null;
}

function closePool({ requests, fresh, tunnels }: Pool): void {
  tunnels?.close();
  // `destroy` closes the sockets of the moment. A socket that is freed later, by a cancelled request, would be kept for reuse.
  requests.on('free', (socket: Socket) => socket.destroy());
  requests.destroy();
  fresh.destroy();
}

/** Closes the idle connections, so that the agent opens a new one for the next request. */
function closeKept(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
}
