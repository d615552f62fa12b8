/**
 * The option `endpoint`: reports the leader over HTTP, in the format of the NAIS elector sidecar.
 *
 * The server itself is in `leader-server.ts`, and is loaded only when the option is set.
 */

import type { EndpointOptions } from '../options.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LeaderServer } from './leader-server.ts';
import { hostsFor } from './loopback.ts';

/** The information that an endpoint reads from the elector. */
export interface EndpointSources {
  readonly clock: Clock;
  /** The name of the leader; `null` when there is no leader, or when the leader is unknown. */
  readonly leaderName: () => string | null;
  /**
   * The moment at which the API server last confirmed the leader, as read from the wall clock at that moment. A
   * suspended machine or a changed clock does not change it later.
   */
  readonly verifiedWallMs: () => number;
  /** For `GET /healthz`: the problem of this process, or `null`. */
  readonly health: () => string | null;
  /** For `GET /metrics`. */
  readonly metrics: () => string;
  readonly warn: (code: 'endpoint-unavailable', message: string) => void;
}

/** Starts and stops the server, and publishes the leader to it. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #exportEnv: boolean;
  readonly #sources: EndpointSources;
  #opening: Promise<void> | null = null;
  #server: LeaderServer | null = null;
  #closed = false;

  constructor(options: EndpointOptions, exportEnv: boolean, sources: EndpointSources) {
    this.#options = options;
    this.#exportEnv = exportEnv;
    this.#sources = sources;
  }

  /**
   * Starts to listen. If an address is taken, it only warns, because the election does not need the endpoint. Never
   * rejects.
   */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#sources.warn(
        'endpoint-unavailable',
        `The endpoint could not be opened: ${why}. The election continues without it. Check the option endpoint.`,
      );
    });
    return this.#opening;
  }

  /** Sends the leader to the readers of `/sse`, if it has changed. */
  publish(): void {
    const { leaderName, verifiedWallMs } = this.#sources;
    const name = leaderName();
    this.#server?.publish(
      name === null
        ? null
        : {
            name,
            get lastUpdateMs() {
              return verifiedWallMs();
            },
          },
    );
  }

  /** Ends every connection, and frees the port. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    // An endpoint that is still being opened is awaited. Otherwise it would listen for ever.
    await this.#opening;
    await this.#server?.close();
  }

  async #open(): Promise<void> {
    const { clock, health, metrics, warn } = this.#sources;
    const { port, host, exposeLeader = false } = this.#options;
    const { LeaderServer } = await import('./leader-server.ts');
    if (this.#closed) return;
    this.#server = new LeaderServer({
      clock,
      health,
      metrics,
      ...(port === undefined ? {} : { port }),
      hosts: hostsFor(host),
      exposeLeader,
    });
    const warning = await this.#server.listen();
    if (warning !== null) warn(warning.code, warning.message);
    const { answeredPort } = this.#server;
    if (this.#exportEnv && answeredPort !== null && !this.#closed) await exportAddress(answeredPort, host);
  }
}

/** Sets the variables that code of the same process uses to find the sidecar. */
async function exportAddress(port: number, host: string | undefined): Promise<void> {
  const { endpointEnvironment } = await import('./environment.ts');
  Object.assign(process.env, endpointEnvironment(port, host));
}
