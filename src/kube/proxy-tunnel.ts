/**
 * Connects through the HTTP proxy that a kubeconfig names with `proxy-url`: one CONNECT for each new connection.
 *
 * The agents of `api-client.ts` keep the tunnels, as they keep connections without a proxy. The agent of
 * `@kubernetes/client-node` opens a tunnel for every request, and waits without limit for a silent proxy.
 */

import type { Agent, ClientRequest } from 'node:http';
import type { RequestOptions } from 'node:https';
import { request as httpsRequest } from 'node:https';
import { isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../runtime/clock.ts';

/** The callback of an agent's `createConnection`. */
type Connected = (error: Error | null, socket?: Duplex) => void;

/** The tunnels of one client. */
export class ProxyTunnels {
  readonly #proxy: URL;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  /** The tunnels that are being opened. */
  readonly #opening = new Set<ClientRequest>();

  constructor(proxy: URL, timeoutMs: number, clock: Clock) {
    this.#proxy = proxy;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Changes an agent, so that it opens each of its connections through the proxy. */
  lead(agent: Agent): void {
    const connect = agent.createConnection.bind(agent);
    // A plain http agent would ignore the socket, and connect directly.
    const isPlain = agent.constructor === process.getBuiltinModule('node:http').Agent;
    agent.createConnection = (options, callback) => {
      const done = (callback ?? (() => {})) as Connected;
      this.#open(options as RequestOptions, (error, socket) => {
        if (socket === undefined) return done(error);
        if (isPlain) return done(null, socket);
        const secure = connect({ ...options, socket } as RequestOptions as never);
        done(null, secure ?? undefined);
      });
      return undefined;
    };
  }

  /** Cancels the tunnels that are being opened. */
  close(): void {
    for (const request of this.#opening) request.destroy(new Error('the connections were closed'));
  }

  #open({ host, port }: RequestOptions, done: Connected): void {
    const target = `${isIPv6(host ?? '') ? `[${host}]` : host}:${port}`;
    const { protocol, hostname, port: proxyPort } = this.#proxy;
    const isSecure = protocol === 'https:';
    const open = isSecure ? httpsRequest : process.getBuiltinModule('node:http').request;
    const request = open({
      method: 'CONNECT',
      host: hostname.replace(/^\[|\]$/g, ''),
      port: proxyPort === '' ? (isSecure ? 443 : 80) : Number(proxyPort),
      path: target,
      agent: false,
      setHost: false,
    });
    // Not among the options, which Node.js prints with NODE_DEBUG=http.
    request.setHeader('host', target);
    const authorization = proxyAuthorization(this.#proxy);
    if (authorization !== null) request.setHeader('proxy-authorization', authorization);
    this.#opening.add(request);
    const timer = this.#clock.setTimer(this.#timeoutMs, () =>
      request.destroy(new Error(`no tunnel within ${this.#timeoutMs} ms`)),
    );
    const end = (error: Error | null, socket?: Duplex): void => {
      timer.cancel();
      this.#opening.delete(request);
      done(error, socket);
    };
    request.once('connect', ({ statusCode = 0 }, socket: Socket, head: Buffer) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        return end(new Error(this.#refusal(statusCode)));
      }
      if (head.length > 0) socket.unshift(head);
      end(null, socket);
    });
    request.once('response', (response) => {
      // The proxy does not support CONNECT.
      response.destroy();
      end(new Error(this.#refusal(response.statusCode ?? 0)));
    });
    // The end of a refused tunnel causes a second error.
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#opening.has(request)) end(this.#failure(error));
    });
    request.end();
  }

  #refusal(status: number): string {
    const advice =
      status === 407
        ? 'Check the name and the password in proxy-url'
        : 'Check that proxy-url names an HTTP proxy, and that it permits the address of the API server';
    return `the proxy ${this.#proxy.host} answered ${status} to CONNECT. ${advice}`;
  }

  /**
   * Only the code of a system error is kept. The code of an untrusted certificate would be about the proxy, and not
   * about the API server.
   */
  #failure({ code, message, errno }: NodeJS.ErrnoException): Error {
    const failure = new Error(
      `the proxy ${this.#proxy.host} cannot be used: ${message || code}. Check proxy-url in the kubeconfig`,
    );
    return errno === undefined ? failure : Object.assign(failure, { code });
  }
}

/** The value of the header `Proxy-Authorization`; `null` if the address of the proxy has no credentials. */
export function proxyAuthorization(proxy: URL): string | null {
  const { username, password } = proxy;
  if (username === '' && password === '') return null;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`;
}

/** Decodes percent escapes. A text with an invalid escape stays unchanged. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
