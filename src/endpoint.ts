/**
 * The option `endpoint`: says over HTTP what this process knows, in the words of the NAIS elector sidecar.
 *
 * The server itself is in `http/`, and is loaded only when it is asked for.
 */

import type { Clock } from './clock.ts';
import { LeaseElectorError } from './errors.ts';
import type { LeaderAnswer, LeaderServer } from './http/leader-server.ts';
import type { EndpointOptions } from './options.ts';

/** What an endpoint asks of the elector. */
export interface EndpointSources {
  readonly clock: Clock;
  /** Who leads; `null` when nobody does, or nothing is known. */
  readonly answer: () => LeaderAnswer | null;
  readonly warn: (code: 'endpoint-unavailable', message: string) => void;
}

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #exportEnv: boolean;
  readonly #sources: EndpointSources;
  #server: LeaderServer | null = null;

  constructor(options: EndpointOptions, exportEnv: boolean, sources: EndpointSources) {
    this.#options = options;
    this.#exportEnv = exportEnv;
    this.#sources = sources;
  }

  /** Listens; an address that is taken is a warning, since the election does not need it. Never rejects. */
  async open(): Promise<void> {
    const { clock, warn } = this.#sources;
    const { port, host } = this.#options;
    try {
      const { LeaderServer } = await import('./http/leader-server.ts');
      // `localhost` means both loopback addresses, and which one first differs from program to program.
      const hosts = host === undefined || host === 'localhost' ? undefined : [host];
      const server = new LeaderServer({
        clock,
        ...(port === undefined ? {} : { port }),
        ...(hosts === undefined ? {} : { hosts }),
      });
      this.#server = server;
      const warning = await server.listen();
      if (warning !== null) warn(warning.code, warning.message);
      if (this.#exportEnv && server.address !== null) await exportAddress(server.address.port, host);
    } catch (cause) {
      const { message } = cause instanceof Error ? cause : new LeaseElectorError('ERR_LEASE_ELECTOR_CALLBACK', '');
      warn('endpoint-unavailable', `The endpoint could not be opened: ${message}`);
    }
  }

  /** Tells who reads `/sse`, if it has changed. */
  publish(): void {
    this.#server?.publish(this.#sources.answer());
  }

  /** Ends every connection. Never rejects. */
  async close(): Promise<void> {
    await this.#server?.close();
  }
}

/** For code of the same process that looks for the sidecar. */
async function exportAddress(port: number, host: string | undefined): Promise<void> {
  const { endpointEnvironment } = await import('./http/environment.ts');
  Object.assign(process.env, endpointEnvironment(port, host));
}
