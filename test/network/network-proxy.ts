/**
 * A TCP proxy between electors and API servers, with the faults of a network. It forwards bytes. It parses HTTP only as
 * far as a fault needs, and then it terminates TLS with the certificate of the embedded API server.
 */

import { type AddressInfo, createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { connect as openTls, TLSSocket } from 'node:tls';
import {
  TEST_CA_CERTIFICATE,
  TEST_SERVER_CERTIFICATE,
  TEST_SERVER_KEY,
} from '../../src/testing/access/test-certificate.ts';

/** At most this many bytes wait in one direction of a connection. With more, the connection is reset. */
export const HELD_BYTES_LIMIT: number = 4 * 1024 * 1024;
/** The time between two bytes of a trickling connection, in milliseconds. */
export const TRICKLE_MS = 100;
/** The time between two bookmarks that the proxy generates, in milliseconds. */
export const BOOKMARK_MS = 1_000;

const HOST = '127.0.0.1';

/** The handling of a new connection: forwarded, reset at once, or accepted and never answered. */
export type Acceptance = 'pass' | 'reset' | 'hang';

/** The end of an open connection: a clean close, or a reset. */
export type Cut = 'end' | 'reset';

/** The handling of the answers on a connection. */
export type Delivery =
  | { readonly type: 'pass' }
  | { readonly type: 'silent' }
  /** A byte every `TRICKLE_MS`. */
  | { readonly type: 'trickle' }
  /** The answers of the server are dropped, and the proxy sends a bookmark of this version every `BOOKMARK_MS`. */
  | { readonly type: 'bookmarks'; readonly resourceVersion: string };

/**
 * The handling of an idle connection. If the proxy terminates TLS, watches are exempt: on them, renewals arrive more
 * often than the idle time-out of a real load balancer.
 */
export interface IdleRule {
  readonly afterMs: number;
  /** `reset`: the connection is reset at once. `forget`: it is reset only when the client sends its next bytes. */
  readonly then: 'reset' | 'forget';
}

/** Selects the watches of a watch fault by the path of their request. */
export type WatchFilter = (path: string) => boolean;

/** A proxy in front of one or more servers. All faults can be changed at any time. */
export class NetworkProxy {
  /** The handling of connections that are opened from now on. */
  accepts: Acceptance = 'pass';
  /** Chooses the server of a new connection. @default the servers in turn */
  choose: (connection: number) => number = (connection) => connection % this.#serverPorts.length;
  /** The latency in each direction, in milliseconds. */
  latencyMs = 0;
  /** The handling of idle connections. @default no limit */
  idle: IdleRule | null = null;
  /**
   * The end of a connection after each complete answer. `reset` waits for the next request, which fails. Terminates
   * TLS. @default none
   */
  afterAnswer: Cut | null = null;
  /** The handling of answers on all connections. */
  delivery: Delivery = { type: 'pass' };
  /** The handling of watch events only. Terminates TLS. */
  watches: Delivery = { type: 'pass' };
  /** @default all */
  watchFilter: WatchFilter = () => true;
  readonly endsTls: boolean;
  readonly #serverPorts: readonly number[];
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #opened = 0;
  #interrupted = false;

  private constructor(serverPorts: readonly number[], endsTls: boolean) {
    this.#serverPorts = serverPorts;
    this.endsTls = endsTls;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Starts a proxy. */
  static async start(
    serverPorts: readonly number[],
    { endsTls = false }: { readonly endsTls?: boolean } = {},
  ): Promise<NetworkProxy> {
    const proxy = new NetworkProxy(serverPorts, endsTls);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, HOST, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The number of connections opened so far. */
  get opened(): number {
    return this.#opened;
  }

  /** Interrupts the network. Data that is sent during the interruption arrives after it, because TCP repeats it. */
  set interrupted(interrupted: boolean) {
    this.#interrupted = interrupted;
    if (interrupted) return;
    for (const connection of this.#connections) connection.resume();
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** Mutes the open connections for ever, without an error at either end. */
  forget(): void {
    for (const connection of this.#connections) connection.forgotten = true;
  }

  /** Ends the connections that are open. */
  cut(how: Cut): void {
    for (const connection of [...this.#connections]) connection.cut(how);
  }

  /** Ends all faults, except those of connections that are already open. */
  heal(): void {
    this.accepts = 'pass';
    this.latencyMs = 0;
    this.idle = null;
    this.afterAnswer = null;
    this.delivery = { type: 'pass' };
    this.watches = { type: 'pass' };
    this.interrupted = false;
  }

  /** Ends the proxy and its connections. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.cut('reset');
    return closed;
  }

  #accept(socket: Socket): void {
    this.#opened += 1;
    if (this.accepts === 'reset') {
      socket.on('error', () => {});
      socket.resetAndDestroy();
      return;
    }
    const port = this.#serverPorts[this.choose(this.#opened - 1)];
    if (port === undefined) throw new RangeError('the chosen server does not exist');
    const connection: Connection = new Connection(this, socket, port, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    // The kernel accepts the connection, and no program reads it.
    if (this.accepts === 'hang') connection.forgotten = true;
  }
}

/** A connection of a client, and the connection to the server. */
class Connection {
  forgotten = false;
  readonly #proxy: NetworkProxy;
  readonly #closed: () => void;
  /** The raw sockets. Only they can be reset. With TLS, `#client` and `#server` use them. */
  readonly #sockets: readonly [client: Socket, server: Socket];
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #toServer: Direction;
  readonly #toClient: Direction;
  #idleTimer: NodeJS.Timeout | undefined;
  #resetsNextBytes = false;
  #watchPath: string | null = null;
  #sawRequest = false;
  #sawHead = false;
  #answer = new AnswerEnd();
  #bookmarks: NodeJS.Timeout | undefined;

  constructor(proxy: NetworkProxy, clientSocket: Socket, serverPort: number, closed: () => void) {
    this.#proxy = proxy;
    this.#closed = closed;
    const serverSocket = openSocket(serverPort, HOST);
    this.#sockets = [clientSocket, serverSocket];
    this.#client = proxy.endsTls
      ? new TLSSocket(clientSocket, { isServer: true, cert: TEST_SERVER_CERTIFICATE, key: TEST_SERVER_KEY })
      : clientSocket;
    this.#server = proxy.endsTls
      ? openTls({ socket: serverSocket, ca: TEST_CA_CERTIFICATE, servername: 'localhost' })
      : serverSocket;
    const isHeld = (): boolean => this.#proxy.interrupted;
    const overflow = (): void => this.cut('reset');
    this.#toServer = new Direction(this.#server, isHeld, overflow);
    this.#toClient = new Direction(this.#client, isHeld, overflow);
    for (const socket of new Set([...this.#sockets, this.#client, this.#server])) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
    }
    this.#client.on('data', (bytes: Buffer) => this.#fromClient(bytes));
    this.#server.on('data', (bytes: Buffer) => this.#fromServer(bytes));
    this.#client.on('end', () => this.#passEnd(this.#toServer));
    this.#server.on('end', () => this.#passEnd(this.#toClient));
    this.#client.on('close', () => this.#oneSideClosed(this.#toServer));
    this.#server.on('close', () => this.#oneSideClosed(this.#toClient));
    this.#touch();
  }

  /** Sends the bytes that an interruption held back. */
  resume(): void {
    this.#toServer.flush();
    this.#toClient.flush();
  }

  cut(how: Cut): void {
    this.#finish();
    if (how === 'end') {
      this.#client.end();
      this.#server.destroy();
      return;
    }
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#client.destroy();
    this.#server.destroy();
  }

  #fromClient(bytes: Buffer): void {
    if (this.#resetsNextBytes) {
      this.cut('reset');
      return;
    }
    if (this.forgotten) return;
    if (this.#proxy.endsTls && !this.#sawRequest) {
      this.#sawRequest = true;
      const path = bytes.toString('latin1').split(' ', 2)[1] ?? '';
      // A stream has its own connection, so its first request is the only one.
      this.#watchPath = /[?&]watch=(1|true)/.test(path) ? path : null;
    }
    this.#touch();
    this.#toServer.send(bytes, this.#proxy.latencyMs);
  }

  #fromServer(bytes: Buffer): void {
    if (this.forgotten) return;
    this.#touch();
    const delivery = this.#delivery();
    const headLength = this.#watchPath === null ? 0 : this.#headLength(bytes);
    // A watch without its head would be a request without an answer, not a silent watch.
    if (headLength > 0) this.#toClient.send(bytes.subarray(0, headLength), this.#proxy.latencyMs);
    this.#deliver(bytes.subarray(headLength), delivery);
    if (this.#proxy.afterAnswer === null || this.#watchPath !== null || !this.#answer.isReachedBy(bytes)) return;
    if (this.#proxy.afterAnswer === 'reset') this.#resetsNextBytes = true;
    else this.#toClient.end(this.#proxy.latencyMs);
  }

  /**
   * The number of these bytes that belong to the head of the answer. The embedded API server writes the head in one
   * piece.
   */
  #headLength(bytes: Buffer): number {
    if (this.#sawHead) return 0;
    this.#sawHead = true;
    return bytes.indexOf('\r\n\r\n') + 4;
  }

  #deliver(bytes: Buffer, delivery: Delivery): void {
    if (delivery.type === 'bookmarks') this.#bookmarks ??= setInterval(() => this.#sendBookmark(), BOOKMARK_MS);
    if (delivery.type === 'silent' || delivery.type === 'bookmarks') return;
    if (bytes.length > 0) this.#toClient.send(bytes, this.#proxy.latencyMs, delivery.type === 'trickle');
  }

  #delivery(): Delivery {
    const isSelected = this.#watchPath !== null && this.#proxy.watchFilter(this.#watchPath);
    const isFaulty = isSelected && this.#proxy.watches.type !== 'pass';
    return isFaulty ? this.#proxy.watches : this.#proxy.delivery;
  }

  #sendBookmark(): void {
    const delivery = this.#delivery();
    if (delivery.type !== 'bookmarks' || this.forgotten) return;
    const [kind, apiVersion] = this.#watchPath?.includes('/pods') ? ['Pod', 'v1'] : ['Lease', 'coordination.k8s.io/v1'];
    const { resourceVersion } = delivery;
    const object = { kind, apiVersion, metadata: { resourceVersion, creationTimestamp: null }, spec: {} };
    const line = `${JSON.stringify({ type: 'BOOKMARK', object })}\n`;
    const chunk = `${Buffer.byteLength(line).toString(16)}\r\n${line}\r\n`;
    this.#toClient.send(Buffer.from(chunk), this.#proxy.latencyMs);
  }

  #passEnd(direction: Direction): void {
    if (!this.forgotten) direction.end(this.#proxy.latencyMs);
  }

  #oneSideClosed(direction: Direction): void {
    if (this.forgotten) return;
    direction.end(this.#proxy.latencyMs);
    if (this.#client.destroyed && this.#server.destroyed) this.#finish();
  }

  /** Restarts the idle timer of the connection. */
  #touch(): void {
    clearTimeout(this.#idleTimer);
    const { idle } = this.#proxy;
    if (idle === null || this.#watchPath !== null) return;
    this.#idleTimer = setTimeout(() => {
      if (idle.then === 'reset') this.cut('reset');
      this.forgotten = true;
      this.#resetsNextBytes = true;
    }, idle.afterMs);
  }

  #finish(): void {
    clearTimeout(this.#idleTimer);
    clearInterval(this.#bookmarks);
    this.#toServer.drop();
    this.#toClient.drop();
    this.#closed();
  }
}

/** The bytes in one direction, in their order, each with its delay. */
class Direction {
  readonly #target: Socket;
  readonly #isHeld: () => boolean;
  readonly #overflow: () => void;
  /** `null` is the end of the connection. */
  #waiting: { readonly bytes: Buffer | null; readonly dueMs: number }[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(target: Socket, isHeld: () => boolean, overflow: () => void) {
    this.#target = target;
    this.#isHeld = isHeld;
    this.#overflow = overflow;
  }

  send(bytes: Buffer, latencyMs: number, trickles = false): void {
    if (!trickles) return this.#add(bytes, performance.now() + latencyMs);
    for (const byte of bytes) {
      this.#add(Buffer.of(byte), Math.max(performance.now() + latencyMs, this.#lastDueMs + TRICKLE_MS));
    }
  }

  end(latencyMs: number): void {
    this.#add(null, performance.now() + latencyMs);
  }

  #add(bytes: Buffer | null, dueMs: number): void {
    if (this.#over) return;
    this.#lastDueMs = Math.max(dueMs, this.#lastDueMs);
    this.#waiting.push({ bytes, dueMs: this.#lastDueMs });
    this.#waitingBytes += bytes?.length ?? 0;
    if (this.#waitingBytes > HELD_BYTES_LIMIT) this.#overflow();
    else this.flush();
  }

  /** Writes the bytes that are due, and sets a timer for the next. */
  flush(): void {
    clearTimeout(this.#timer);
    if (this.#isHeld()) return;
    const nowMs = performance.now();
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.dueMs > nowMs) {
        this.#timer = setTimeout(() => this.flush(), next.dueMs - nowMs);
        return;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes?.length ?? 0;
      if (next.bytes !== null) this.#target.write(next.bytes);
      else this.#target.end();
    }
  }

  drop(): void {
    this.#over = true;
    this.#waiting = [];
    clearTimeout(this.#timer);
  }
}

/** Finds the ends of answers with a known length in the bytes of a connection. */
class AnswerEnd {
  #head = '';
  /** `null` until the head is complete. */
  #missing: number | null = null;

  /** Whether an answer ends with these bytes. The embedded API server never writes two answers at once. */
  isReachedBy(bytes: Buffer): boolean {
    let bodyBytes = bytes.length;
    if (this.#missing === null) {
      this.#head += bytes.toString('latin1');
      const headLength = this.#head.indexOf('\r\n\r\n');
      if (headLength < 0) return false;
      const length = /^content-length: *(\d+)/im.exec(this.#head.slice(0, headLength))?.[1];
      if (length === undefined) return false;
      this.#missing = Number(length);
      bodyBytes = this.#head.length - headLength - 4;
      this.#head = '';
    }
    this.#missing -= bodyBytes;
    if (this.#missing > 0) return false;
    this.#missing = null;
    return true;
  }
}
