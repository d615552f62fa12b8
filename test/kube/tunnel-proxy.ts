/**
 * Proxies that count their tunnels: one for CONNECT, and one for SOCKS 5.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A proxy that is closed at the end of the test. */
export interface TunnelProxy {
  readonly url: string;
  /** The target of each tunnel, in order. */
  readonly tunnels: string[];
  /** The number of open connections of clients. */
  readonly open: number;
  /** The last header `Proxy-Authorization`. */
  readonly authorization: string | undefined;
  /** The status with which a CONNECT is answered. */
  answer: number;
  /** Whether SOCKS requests are refused. */
  refuses: boolean;
  /** Breaks all tunnels. */
  cut(): void;
  close(): Promise<void>;
}

/** A proxy for CONNECT. */
export async function startProxy(t: TestContext): Promise<TunnelProxy> {
  const proxy = new Tunnels('http');
  const server = createServer().on('connect', (request, client: Socket) => {
    proxy.authorization = request.headers['proxy-authorization'];
    if (proxy.answer !== 200) {
      client.end(`HTTP/1.1 ${proxy.answer} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const [host = '', port] = (request.url ?? '').split(':');
    proxy.carry(client, host, Number(port), () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
  });
  server.on('connection', (socket: Socket) => proxy.note(socket));
  return proxy.listen(t, server);
}

/** A proxy for SOCKS 5, without authentication (RFC 1928), to IPv4 addresses. */
export async function startSocksProxy(t: TestContext): Promise<TunnelProxy> {
  const proxy = new Tunnels('socks5');
  const server = createNetServer((client) => {
    proxy.note(client);
    client.once('data', () => {
      client.write(Buffer.from([5, 0]));
      client.once('data', (asked: Buffer) => {
        if (proxy.refuses) return client.end(Buffer.from([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]));
        const reply = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        return proxy.carry(client, [...asked.subarray(4, 8)].join('.'), asked.readUInt16BE(8), () =>
          client.write(reply),
        );
      });
    });
  });
  return proxy.listen(t, server);
}

class Tunnels implements TunnelProxy {
  readonly tunnels: string[] = [];
  readonly #scheme: string;
  readonly #clients = new Set<Socket>();
  #close: () => Promise<void> = async () => undefined;
  url = '';
  authorization: string | undefined = undefined;
  answer = 200;
  refuses = false;

  constructor(scheme: string) {
    this.#scheme = scheme;
  }

  get open(): number {
    return this.#clients.size;
  }

  note(client: Socket): void {
    this.#clients.add(client);
    client.on('error', () => client.destroy());
    client.once('close', () => this.#clients.delete(client));
  }

  carry(client: Socket, host: string, port: number, begin: () => void): void {
    this.tunnels.push(`${host}:${port}`);
    const server = connect(port, host, () => {
      begin();
      server.pipe(client).pipe(server);
    });
    server.on('error', () => client.destroy());
    server.once('close', () => client.destroySoon());
    client.once('close', () => server.destroy());
  }

  cut(): void {
    for (const client of this.#clients) client.destroy();
  }

  close(): Promise<void> {
    return this.#close();
  }

  async listen(t: TestContext, server: ReturnType<typeof createNetServer>): Promise<TunnelProxy> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.url = `${this.#scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#close = async () => {
      this.cut();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    };
    t.after(this.#close);
    return this;
  }
}
