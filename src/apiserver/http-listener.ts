/**
 * The socket in front of the server: HTTP/1.1, with TLS unless switched off. Turns requests into calls and
 * answers into bytes; decides nothing.
 */

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ApiRequest, ApiResponse } from './api-request.ts';
import { errorResponse } from './api-request.ts';
import { StatusError } from './status.ts';
import { TEST_SERVER_CERTIFICATE, TEST_SERVER_KEY } from './test-certificate.ts';
import type { ApiStream } from './watch.ts';

/** The largest body a request may have, in bytes (wire recording http-large-body). */
export const MAX_BODY_BYTES = 3_145_728;
/** Unsent bytes of a watch after which a client that does not read is cut off. */
export const MAX_UNSENT_BYTES: number = 16 * 1024 * 1024;

/** Where to listen. */
export interface ListenOptions {
  /** @default 0: any free port */
  readonly port?: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** @default true */
  readonly tls?: boolean;
}

/** A listening socket. */
export class HttpListener {
  readonly #server: http.Server | https.Server;
  readonly #handle: (request: ApiRequest) => Promise<ApiResponse>;
  readonly #sockets = new Set<Socket>();

  constructor(handle: (request: ApiRequest) => Promise<ApiResponse>, tls: boolean) {
    this.#handle = handle;
    const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      this.#answer(request, response);
    };
    this.#server = tls
      ? https.createServer({ cert: TEST_SERVER_CERTIFICATE, key: TEST_SERVER_KEY, ALPNProtocols: ['http/1.1'] }, answer)
      : http.createServer(answer);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A connection that broke is the client's to notice.
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops listening and drops all connections. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      // Also those in the middle of a TLS handshake, which `closeAllConnections` does not know of yet.
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    });
    request.on('error', () => response.destroy());
    request.on('end', () => {
      if (size > MAX_BODY_BYTES) {
        const message = `Request entity too large: limit is ${MAX_BODY_BYTES}`;
        send(request, response, errorResponse(new StatusError(413, 'RequestEntityTooLarge', message)));
        return;
      }
      const body = Buffer.concat(chunks).toString('utf8');
      this.#handle({
        method: request.method ?? 'GET',
        path: request.url ?? '/',
        headers: headersOf(request),
        ...(size === 0 ? {} : { body }),
      }).then(
        (answer) => send(request, response, answer),
        () => request.socket.destroy(),
      );
    });
  }
}

function headersOf(request: http.IncomingMessage): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function send(request: http.IncomingMessage, response: http.ServerResponse, answer: ApiResponse): void {
  if (answer.stream !== undefined) {
    sendStream(response, answer, answer.stream);
    return;
  }
  const body = answer.body ?? '';
  const bodyless = request.method === 'HEAD';
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(Buffer.byteLength(body)) });
  response.end(bodyless ? undefined : body);
}

function sendStream(response: http.ServerResponse, answer: ApiResponse, stream: ApiStream): void {
  const { 'transfer-encoding': _chunkedByNode, ...headers } = answer.headers;
  response.writeHead(answer.status, headers);
  response.flushHeaders();
  response.on('close', () => stream.close());
  stream.open(
    (chunk) => {
      response.write(chunk);
      // Nobody may fill the memory by not reading.
      if (response.writableLength > MAX_UNSENT_BYTES) response.destroy();
    },
    (error) => {
      if (error === undefined) response.end();
      else response.destroy();
    },
  );
}
