/**
 * The connections to one API server with the same credentials. All electors of a process share them.
 *
 * `api-client.ts` sends the requests of one elector over them.
 */

// Only types are imported: an import of `node:http` evaluates each of its exports. One of them, `WebSocket`, loads all
// of undici, which takes 15 ms and some MB. For the rare plain http server, `getBuiltinModule` returns the module
// without that.
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
 * TCP keep-alive probes begin after this many milliseconds of silence, so that a network device keeps a quiet
 * connection, and a dead peer is detected.
 */
export const TCP_KEEP_ALIVE_MS = 15_000;

/** The limits for the requests of the election. An elector sends two at once, each on its own connection. */
const REQUESTS: QueueLimits = { connections: 3, ofOneElector: 2 };

/**
 * The limits for requests outside of the election: publishing, and the lists of an application's Pods, which have their
 * own queue.
 */
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
  /**
   * The lists of an application's Pods. They have their own queue, because `stop()` waits for a list for a moment, and
   * a write that hangs must not delay it.
   */
  readonly lists: ConnectionQueue;
  /**
   * The sockets that have carried a request. `reusedSocket` cannot be used, because Node.js does not set it for a
   * request that waited in the agent's queue.
   */
  readonly usedSockets: WeakSet<Socket> = new WeakSet<Socket>();
  /** Whether a kept connection died during a request, and no kept connection has carried an answer since. */
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

  /**
   * Returns the existing connections for these credentials and this time-out, or new connections. `leave` must be
   * called once.
   */
  static join(credentials: Credentials, timeoutMs: number, clock: Clock): ServerConnections {
    const existing = [...OPEN].find((one) => one.#isFor(credentials, timeoutMs, clock));
    // The caller has just read the same files, so the shared credentials must also have their present contents.
    existing?.credentials.checkSources?.();
    if (existing !== undefined) credentials.close?.();
    const connections = existing ?? new ServerConnections(credentials, timeoutMs, clock);
    OPEN.add(connections);
    connections.#users += 1;
    return connections;
  }

  /** Ends the use of the connections by one elector. The last elector closes them. */
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

  /** The agent for a request. @param fresh whether the request needs a new connection */
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
      // The queue limits the connections that are in use at once.
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

  /** Returns the agents for a proxy. A kubeconfig that was read again can name another proxy. */
  #poolFor(proxy: URL | null): Pool {
    if (this.#pool.proxy !== (proxy?.href ?? null)) {
      closePool(this.#pool);
      this.#pool = this.#newPool(proxy);
    }
    return this.#pool;
  }
}

/** The agents for one proxy, or for connections without a proxy. */
interface Pool {
  /** The address of the proxy; `null` without a proxy. */
  readonly proxy: string | null;
  readonly requests: HttpAgent;
  /** The agent for a stream, which ends with its connection, and for a request that must not use a kept connection. */
  readonly fresh: HttpAgent;
  readonly tunnels: ProxyTunnels | null;
}

function closePool({ requests, fresh, tunnels }: Pool): void {
  tunnels?.close();
  // `destroy` only closes the present sockets. A socket that a cancelled request frees later would be kept for reuse.
  requests.on('free', (socket: Socket) => socket.destroy());
  requests.destroy();
  fresh.destroy();
}

/** Closes the idle connections, so that the agent opens a new one for the next request. */
function closeKept(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
}
