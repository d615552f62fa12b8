/**
 * Replays over a socket: HTTP/1.1 and HTTP/2 with TLS, on a clock that runs faster than that of the machine.
 */

import http2 from 'node:http2';
import https from 'node:https';
import tls from 'node:tls';
import { type Clock, systemClock, type Timer } from '../../src/runtime/clock.ts';
import { ApiServer, type ApiServerAddress } from '../../src/testing/index.ts';
import {
  type Answer,
  type Exchange,
  LineReader,
  type RawAnswer,
  type Target,
  type WatchView,
  type Wire,
} from './target.ts';

/** The factor: large enough for short waits, and small enough that a busy machine does not change measured seconds. */
const SPEED = 4;

/** The accelerated time of this machine. */
const fastClock: Clock = {
  nowMs: () => systemClock.nowMs() * SPEED,
  wallMs: () => systemClock.wallMs() + systemClock.nowMs() * (SPEED - 1),
  setTimer: (afterMs, callback, options): Timer => systemClock.setTimer(afterMs / SPEED, callback, options),
};

/** A server that listens on a socket, on a faster clock. */
export class SocketTarget implements Target {
  readonly server: ApiServer;
  readonly clock: Clock = fastClock;
  readonly wire: Wire;
  readonly #address: ApiServerAddress;
  readonly #agents = new Map<string, https.Agent>();

  private constructor(server: ApiServer, address: ApiServerAddress) {
    this.server = server;
    this.#address = address;
    this.wire = new TlsWire(address);
  }

  static async open(): Promise<SocketTarget> {
    const server = new ApiServer({ clock: fastClock });
    return new SocketTarget(server, await server.start());
  }

  #agent(name: string): https.Agent {
    let agent = this.#agents.get(name);
    if (agent === undefined) {
      agent = new https.Agent({ keepAlive: true, ...(name === '' ? {} : { maxSockets: 1 }) });
      this.#agents.set(name, agent);
    }
    return agent;
  }

  #request(exchange: Exchange, onHead: (head: Answer, chunks: AsyncIterable<Buffer>) => void): Promise<void> {
    const startedMs = this.clock.nowMs();
    const { method, path, body, connection = '' } = exchange;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const request = https.request(
        `${this.#address.url}${path}`,
        {
          method,
          headers: { ...exchange.headers, ...length },
          agent: this.#agent(connection),
          ca: this.#address.caPem,
        },
        (response) => {
          const head: Answer = {
            status: response.statusCode ?? 0,
            headers: joined(response.headers),
            text: '',
            seconds: (this.clock.nowMs() - startedMs) / 1000,
            httpVersion: response.httpVersion,
            reusedConnection: request.reusedSocket,
          };
          onHead(head, response);
          resolve();
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  exchange(exchange: Exchange): Promise<Answer> {
    if (exchange.protocol === 'h2') return this.#overHttp2(exchange);
    const startedMs = this.clock.nowMs();
    return new Promise((resolve, reject) => {
      const read = async (head: Answer, chunks: AsyncIterable<Buffer>): Promise<void> => {
        const text = await textOf(chunks);
        resolve({ ...head, text, seconds: (this.clock.nowMs() - startedMs) / 1000 });
      };
      this.#request(exchange, (head, chunks) => {
        read(head, chunks).catch(reject);
      }).catch(reject);
    });
  }

  async #overHttp2({ method, path, headers, body }: Exchange): Promise<Answer> {
    const startedMs = this.clock.nowMs();
    const session = http2.connect(this.#address.url, { ca: this.#address.caPem });
    try {
      const stream = session.request({ ':method': method, ':path': path, ...headers });
      let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
      stream.on('response', (received) => {
        head = received;
      });
      stream.end(body);
      const text = await textOf(stream);
      return {
        status: head[':status'] ?? 0,
        headers: joined(head),
        text,
        seconds: (this.clock.nowMs() - startedMs) / 1000,
        httpVersion: session.alpnProtocol === 'h2' ? '2.0' : String(session.alpnProtocol),
        reusedConnection: false,
      };
    } finally {
      session.close();
    }
  }

  async watch(exchange: Exchange): Promise<WatchView> {
    const startedMs = this.clock.nowMs();
    const lines = new LineReader();
    let ended: WatchView['ended'];
    let head: Answer | undefined;
    let close = (): void => {};
    const read = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
      try {
        for await (const chunk of chunks) lines.take(chunk.toString('utf8'));
      } catch {
        // A broken stream has ended as well.
      }
      ended = { afterSeconds: (this.clock.nowMs() - startedMs) / 1000, rest: lines.rest };
    };
    await this.#request(exchange, (received, chunks) => {
      head = received;
      close = () => (chunks as unknown as { destroy(): void }).destroy();
      read(chunks).catch(() => {});
    });
    if (head === undefined) throw new Error('a watch without an answer');
    return {
      head,
      events: lines.events,
      get ended() {
        return ended;
      },
      close,
    };
  }

  pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.setTimer(ms, resolve);
    });
  }

  async close(): Promise<void> {
    for (const agent of this.#agents.values()) agent.destroy();
    await this.server.stop();
  }
}

class TlsWire implements Wire {
  readonly #address: ApiServerAddress;

  constructor(address: ApiServerAddress) {
    this.#address = address;
  }

  #connect(protocols: readonly string[] | undefined): Promise<tls.TLSSocket> {
    const { host, port, caPem } = this.#address;
    const offered = protocols === undefined ? {} : { ALPNProtocols: [...protocols] };
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ host, port, ca: caPem, ...offered });
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  async alpn(offered: readonly string[] | undefined): Promise<string> {
    const socket = await this.#connect(offered);
    const { alpnProtocol } = socket;
    socket.destroy();
    return alpnProtocol === false || alpnProtocol === null ? 'none' : alpnProtocol;
  }

  async raw(text: string, seconds: number): Promise<RawAnswer> {
    const socket = await this.#connect(['http/1.1']);
    const timeout = fastClock.setTimer(seconds * 1000, () => socket.destroy());
    let bytes = '';
    socket.write(text);
    socket.setEncoding('latin1');
    for await (const chunk of socket) {
      bytes += chunk;
      // The connection stays open after the last chunk.
      if (bytes.endsWith('\r\n0\r\n\r\n')) break;
    }
    timeout.cancel();
    return readRaw(bytes);
  }
}

function readRaw(bytes: string): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...headerLines] = bytes.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of headerLines) {
    const [name = '', value = ''] = line.split(/: (.*)/, 2);
    headers[name.toLowerCase()] = value;
  }
  let streamed = '';
  for (let rest = bytes.slice(end + 4); ; ) {
    const size = /^([0-9a-f]+)\r\n/i.exec(rest);
    if (size === null) return { statusLine, headers, streamed: decoded(streamed), terminated: false };
    const length = Number.parseInt(size[1] ?? '', 16);
    if (length === 0) return { statusLine, headers, streamed: decoded(streamed), terminated: true };
    streamed += rest.slice(size[0].length, size[0].length + length);
    rest = rest.slice(size[0].length + length + 2);
  }
}

function decoded(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

async function textOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString('utf8');
}

function joined(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).filter(([name, value]) => value !== undefined && !name.startsWith(':'));
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]),
  );
}
