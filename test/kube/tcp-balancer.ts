/**
 * A balancer like a Service of Kubernetes: it chooses a server for each connection, and does not read requests.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A running balancer. */
export interface TcpBalancer {
  readonly port: number;
  /** The server of each connection, in order. */
  readonly chosen: number[];
}

/**
 * Starts a balancer on loopback. It is closed at the end of the test.
 *
 * @param choose returns the port of the server for connection number `index`
 */
export async function startBalancer(t: TestContext, choose: (index: number) => number): Promise<TcpBalancer> {
  const chosen: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const port = choose(chosen.length);
    chosen.push(port);
    const backend = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, chosen };
}
