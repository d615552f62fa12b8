/**
 * The socket in front of the server: HTTP/1.1 and, with TLS, HTTP/2. It turns requests into calls and answers
 * into bytes, and bounds both; it decides nothing else.
 */

// No default imports: TypeScript makes them undefined where it compiles this to CommonJS without `esModuleInterop`.
import * as http from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
// Not a timer: it waits for the end of this turn of the event loop, not for a time.
import { setImmediate } from 'node:timers';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '../../runtime/clock.ts';
import { TEST_SERVER_CERTIFICATE, TEST_SERVER_KEY } from '../access/test-certificate.ts';
import type { ApiRequest, ApiResponse, RequestConnection } from '../handlers/api-request.ts';
import { errorResponse } from '../handlers/api-request.ts';
import { StatusError } from '../objects/status.ts';
import type { ApiStream } from '../storage/watch.ts';

/** The largest body a request may have, in bytes (wire recording http-large-body). */
const MAX_BODY_BYTES = 3_145_728;
/** A body that is too large is read up to this limit, so that its sender receives the answer. */
export const MAX_DISCARDED_BYTES: number = 32 * 1024 * 1024;
/** A client that does not read is cut off at this many unsent bytes of a watch. */
export const MAX_UNSENT_BYTES: number = 4 * 1024 * 1024;
/** How long a stop waits for clients to receive what was sent to them. */
const STOP_GRACE_MS = 1000;

/**
 * The address at which `ApiServer.start` listens, and its protocol.
 *
 * @example
 * ```ts
 * import { ApiServer } from 'lease-elector/testing';
 *
 * const server = new ApiServer();
 * const { url } = await server.start({ port: 0, host: '127.0.0.1', tls: false });
 * const { status } = await fetch(`${url}/version`);
 * console.log(status); // 200
 * await server.stop();
 * ```
 */
export interface ListenOptions {
  /** The port, from 0 to 65535. 0 stands for any free port. @default 0 */
  readonly port?: number | undefined;
  /** An IP address or a host name of this machine. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /**
   * Whether the server speaks TLS, with HTTP/2 for clients that offer it. Without TLS it speaks HTTP/1.1 only, and an
   * elector refuses it unless its KubeConfig sets `skipTLSVerify`.
   *
   * @default true
   */
  readonly tls?: boolean | undefined;
}

type Request = http.IncomingMessage | http2.Http2ServerRequest;
type Response = http.ServerResponse | http2.Http2ServerResponse;

/** A listening socket. */
export class HttpListener {
  readonly #server: http.Server | http2.Http2SecureServer;
  readonly #handle: (request: ApiRequest, connection: RequestConnection) => Promise<ApiResponse>;
  /** The open connections, by the address and the port of the client. */
  readonly #connections = new Map<string, Connection>();

  /** The number of a connection, by its socket or HTTP/2 session. */
  readonly #numbers = new WeakMap<object, number>();
  #connectionCount = 0;

  constructor(handle: (request: ApiRequest, connection: RequestConnection) => Promise<ApiResponse>, tls: boolean) {
    this.#handle = handle;
    this.#server = tls
      ? this.#secureServer()
      : http.createServer((request, response) => this.#answer(request, response));
    this.#server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.#connections.set(
        peer,
        tls ? { socket, end: () => socket.destroy() } : { socket, end: () => socket.destroySoon() },
      );
      socket.once('close', () => this.#connections.delete(peer));
    });
    this.#server.on('secureConnection', (secure: TLSSocket) => {
      // The session ends an HTTP/2 connection.
      if (secure.alpnProtocol !== 'h2') this.#settle(peerOf(secure), () => secure.destroySoon());
    });
    // The client notices that its connection broke.
    this.#server.on('clientError', (_error: Error, socket: Socket) => socket.destroy());
    Object.assign(this.#server, {
      // A watch may wait without limit.
      keepAliveTimeout: 0,
      requestTimeout: 0,
      // Node's close() would drop connections whose answer is ended but not sent yet; close() below drops none.
      closeIdleConnections: () => {},
    });
  }

  #secureServer(): http2.Http2SecureServer {
    const certificate = { cert: TEST_SERVER_CERTIFICATE, key: TEST_SERVER_KEY };
    const server = http2.createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) =>
      this.#answer(request, response),
    );
    server.on('session', (session) => this.#settle(peerOf(session.socket), () => session.close()));
    server.on('sessionError', () => {});
    return server;
  }

  #settle(peer: string, end: () => void): void {
    const connection = this.#connections.get(peer);
    if (connection !== undefined) this.#connections.set(peer, { ...connection, end });
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // Exclusive: workers of node:cluster would otherwise share the port, and with it requests for different clusters.
      this.#server.listen({ port, host, exclusive: true }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops listening, and ends all connections once everything written to them is sent. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const deadline = systemClock.setTimer(STOP_GRACE_MS, () => {
        for (const { socket } of this.#connections.values()) socket.destroy();
      });
      this.#server.close(() => {
        deadline.cancel();
        resolve();
      });
      for (const { end } of [...this.#connections.values()]) end();
    });
  }

  /** Numbers the connection of a request, and returns whether an earlier request has used it. */
  #arrive(request: Request): RequestConnection {
    const carrier = request instanceof http.IncomingMessage ? request.socket : request.stream.session;
    const known = carrier === undefined ? undefined : this.#numbers.get(carrier);
    if (known !== undefined) return { number: known, used: true };
    const number = this.#connectionCount;
    this.#connectionCount += 1;
    if (carrier !== undefined) this.#numbers.set(carrier, number);
    return { number, used: false };
  }

  #answer(request: Request, response: Response): void {
    const connection = this.#arrive(request);
    const chunks: Buffer[] = [];
    let size = 0;
    const tooLarge = (): boolean => size > MAX_BODY_BYTES;
    request.on('data', (chunk: Buffer) => {
      const answered = tooLarge();
      size += chunk.length;
      if (!tooLarge()) chunks.push(chunk);
      else if (!answered) send(request, response, bodyTooLarge());
      if (size > MAX_DISCARDED_BYTES) request.socket.destroy();
    });
    request.on('error', () => cutOff(response));
    request.on('end', () => {
      if (tooLarge()) return;
      const body = Buffer.concat(chunks).toString('utf8');
      const received = {
        method: request.method ?? 'GET',
        path: request.url ?? '/',
        headers: headersOf(request),
        ...(size === 0 ? {} : { body }),
      };
      this.#handle(received, connection).then(
        (answer) => send(request, response, answer),
        () => request.socket.destroy(),
      );
    });
  }
}

/**
 * A connection, and the function that ends it: at once during the TLS handshake, and afterwards as soon as everything
 * written is sent.
 */
interface Connection {
  readonly socket: Socket;
  readonly end: () => void;
}

function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function bodyTooLarge(): ApiResponse {
  const message = `Request entity too large: limit is ${MAX_BODY_BYTES}`;
  return errorResponse(new StatusError(413, 'RequestEntityTooLarge', message));
}

function headersOf(request: Request): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    // HTTP/2 has the method and the path among the headers.
    if (value === undefined || name.startsWith(':')) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

/** The common part of both kinds of response. */
type Writable = Pick<http.ServerResponse, 'writeHead' | 'flushHeaders' | 'write' | 'end' | 'on' | 'writableLength'>;

function send(request: Request, response: Response, answer: ApiResponse): void {
  if (answer.closes !== undefined) closeAfter(request, response, answer.closes);
  if (answer.stream !== undefined) {
    sendStream(response, answer, answer.stream);
    return;
  }
  const body = answer.body ?? '';
  const writable = response as Writable;
  writable.writeHead(answer.status, { ...answer.headers, 'content-length': String(Buffer.byteLength(body)) });
  writable.end(request.method === 'HEAD' ? undefined : body);
}

/** Closes the connection when the answer is sent. */
function closeAfter(request: Request, response: Response, how: NonNullable<ApiResponse['closes']>): void {
  if (response instanceof http.ServerResponse) {
    if (how === 'announced') response.setHeader('connection', 'close');
    else response.on('finish', () => request.socket.destroySoon());
    return;
  }
  const { session } = response.stream;
  response.stream.on('close', () => (how === 'announced' ? session?.close() : session?.destroy()));
}

function sendStream(response: Response, answer: ApiResponse, stream: ApiStream): void {
  const { 'transfer-encoding': _chunkedByNode, ...headers } = answer.headers;
  const writable = response as Writable;
  writable.writeHead(answer.status, headers);
  writable.flushHeaders();
  writable.on('close', () => stream.close());
  let unwritten = '';
  const write = (): void => {
    if (unwritten !== '') writable.write(unwritten);
    unwritten = '';
  };
  stream.open(
    (chunk) => {
      // All chunks of one turn of the event loop are sent at once: with many watchers, sending is most of the work.
      if (unwritten === '') setImmediate(write);
      unwritten += chunk;
      if (unwritten.length + writable.writableLength <= MAX_UNSENT_BYTES) return;
      // A client must not fill the memory by not reading: a real server also drops a slow watcher.
      unwritten = '';
      stream.close();
      cutOff(response);
    },
    (error) => {
      write();
      if (error === undefined) writable.end();
      else cutOff(response);
    },
  );
}

/** Ends an answer early, so that its client does not treat the answer as complete. */
function cutOff(response: Response): void {
  if (response instanceof http.ServerResponse) response.destroy();
  else response.stream?.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
}
