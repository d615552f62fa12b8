/**
 * A client at the level of bytes: the test decides what it sends.
 */

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { TestContext } from 'node:test';
import { LeaderServer, type LeaderServerOptions } from '../../src/endpoint/leader-server.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';

/** The time of a `ManualClock` that was not moved, in the format of HTTP. */
export const DATE = 'Fri, 15 Jan 2027 08:00:01 GMT';

/** The time of the last confirmation of `pod-a`. */
export const LAST_UPDATE_MS: number = Date.parse('2026-11-22T17:04:37.987Z');

/** The answer that names `pod-a` at that time. */
export const POD_A = '{"name":"pod-a","last_update":"2026-11-22T17:04:37Z"}';

/** For tests that need `::1`: some containers have none. */
export const IPV6_LOOPBACK: { readonly skip: string | false } = {
  skip: Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'))
    ? false
    : 'this machine has no ::1',
};

/** The number of open handles of this kind in this process. */
export function openHandles(kind: 'TCPSocketWrap' | 'TCPServerWrap'): number {
  return process.getActiveResourcesInfo().filter((name) => name === kind).length;
}

/** A server on a free port, and its clock. */
export interface Running {
  readonly server: LeaderServer;
  readonly clock: ManualClock;
  readonly port: number;
}

/** Starts a server that is closed at the end of the test. */
export async function startServer(
  t: TestContext,
  options: Partial<Omit<LeaderServerOptions, 'clock'>> = {},
): Promise<Running> {
  const clock = new ManualClock();
  const server = new LeaderServer({ port: 0, ...options, clock });
  t.after(() => server.close());
  assert.equal(await server.listen(), null);
  assert.ok(server.address !== null);
  return { server, clock, port: server.address.port };
}

/** One connection. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  /** True when the server will send nothing more. */
  ended = false;
  closed = false;
  failure: NodeJS.ErrnoException | null = null;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', (error) => {
      this.failure = error;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Sends the lines, each ended by CR and LF. */
  send(...lines: string[]): this {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(''));
    return this;
  }

  /** Waits until this text was received, and returns everything that was received. */
  async has(part: string): Promise<string> {
    await until(() => this.received.includes(part));
    return this.received;
  }

  /** Waits until the server has ended the connection, and returns everything that was received. */
  async whole(): Promise<string> {
    await until(() => this.ended || this.closed);
    return this.received;
  }
}

/** A client that is closed at the end of the test. */
export function rawClient(t: TestContext, port: number, host?: string): RawClient {
  const client = new RawClient(port, host);
  t.after(() => client.socket.destroy());
  return client;
}

/** Sends one request on a new connection and returns the whole answer. */
export async function ask(t: TestContext, port: number, ...lines: string[]): Promise<string> {
  const client = rawClient(t, port).send(...lines, 'Host: localhost:4040', 'Connection: close', '');
  const answer = await client.whole();
  client.socket.destroy();
  return answer;
}

/** A reader of the stream that has received the current answer. */
export async function sseReader(t: TestContext, port: number): Promise<RawClient> {
  const reader = rawClient(t, port).send('GET /sse HTTP/1.1', 'Host: localhost:4040', '');
  await reader.has('retry:');
  return reader;
}

/** The lines in the format of the wire. */
export function wire(...lines: string[]): string {
  return lines.join('\r\n');
}
