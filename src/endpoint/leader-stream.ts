/**
 * The readers of `GET /sse`. Each receives the current answer immediately, every change once, and regular comments, so
 * that both ends detect a broken connection. A client that does not read is disconnected.
 */

import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { Clock, Timer } from '../runtime/clock.ts';

/** The interval of the comments, in milliseconds. They keep a proxy from closing a silent connection. */
export const HEARTBEAT_MS = 15_000;

/** The delay after which a disconnected client should reconnect, in milliseconds. */
const RECONNECT_MS = 1_000;

/**
 * The largest number of unread bytes of a client, in addition to the bytes that the kernel buffers. A client with more
 * is disconnected.
 */
export const MAX_UNSENT_BYTES: number = 64 * 1024;

/** The open streams. */
export class LeaderStream {
  readonly #clock: Clock;
  /**
   * The readers by connection. Each reader has its own connection, and only the end of the connection reliably shows
   * that the reader is gone.
   */
  readonly #readers = new Map<Socket, Writable>();
  #heartbeat: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of readers. */
  get size(): number {
    return this.#readers.size;
  }

  /** Adds a reader, to which the head of the answer was already sent. */
  open(socket: Socket, reader: Writable, answer: string): void {
    this.#readers.set(socket, reader);
    socket.once('close', () => this.#forget(socket));
    // The first event is the same as the sidecar's. The reconnection delay is written separately, so that it is not
    // part of that event. Node.js 26 combines the writes of one turn into one chunk, and some clients treat a chunk as
    // an event.
    reader.write(eventOf(answer), (error) => {
      if (!error && this.#readers.has(socket)) reader.write(`retry: ${RECONNECT_MS}\n\n`);
    });
    if (this.#heartbeat === null) this.#beatLater();
  }

  /** Sends an event to all readers. */
  send(answer: string): void {
    this.#writeToAll(eventOf(answer));
  }

  /** Ends all streams. Data that were written are sent as far as the kernel accepts them. */
  close(): void {
    for (const [socket, reader] of [...this.#readers]) {
      reader.end();
      this.#drop(socket);
    }
  }

  #writeToAll(text: string): void {
    for (const [socket, reader] of [...this.#readers]) {
      if (reader.writableLength > MAX_UNSENT_BYTES) this.#drop(socket);
      else reader.write(text);
    }
  }

  #beatLater(): void {
    this.#heartbeat = this.#clock.setTimer(
      HEARTBEAT_MS,
      () => {
        this.#beatLater();
        this.#writeToAll(':\n\n');
      },
      { background: true },
    );
  }

  #drop(socket: Socket): void {
    socket.destroy();
    this.#forget(socket);
  }

  #forget(socket: Socket): void {
    this.#readers.delete(socket);
    if (this.#readers.size > 0) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = null;
  }
}

function eventOf(answer: string): string {
  return `data: ${answer}\n\n`;
}
