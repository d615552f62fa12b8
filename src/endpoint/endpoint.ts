/**
 * The option `endpoint`: says over HTTP what this process knows, in the words of the NAIS elector sidecar.
 *
 * The server itself is in `http/`, and is loaded only when it is asked for.
 */

import type { EndpointOptions } from '../options.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LeaderServer } from './leader-server.ts';
import { hostsFor } from './loopback.ts';

/** What an endpoint asks of the elector. */
export interface EndpointSources {
  readonly clock: Clock;
  /** Who leads; `null` when nobody does, or nothing is known. */
  readonly leaderName: () => string | null;
  /** When the API server last confirmed it, by the wall clock as it was then: neither a sleep nor a new time of day moves it. */
  readonly verifiedWallMs: () => number;
  /** For `GET /metrics`. */
  readonly metrics: () => string;
  readonly warn: (code: 'endpoint-unavailable', message: string) => void;
}

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

  /** Listens; an address that is taken is a warning, since the election does not need it. Never rejects. */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#sources.warn('endpoint-unavailable', `The endpoint could not be opened: ${why}`);
    });
    return this.#opening;
  }

  /** Tells who reads `/sse`, if it has changed. */
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
    // Closed while it opens, it would listen for ever.
    await this.#opening;
    await this.#server?.close();
  }

  async #open(): Promise<void> {
    const { clock, metrics, warn } = this.#sources;
    const { port, host, exposeLeader = false } = this.#options;
    const { LeaderServer } = await import('./leader-server.ts');
    if (this.#closed) return;
    this.#server = new LeaderServer({
      clock,
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

/** For code of the same process that looks for the sidecar. */
async function exportAddress(port: number, host: string | undefined): Promise<void> {
  const { endpointEnvironment } = await import('./environment.ts');
  Object.assign(process.env, endpointEnvironment(port, host));
}
