/**
 * The readers of `GET /sse`: each is told the current answer at once and every change once, and gets a comment
 * now and then, so that both ends find out when the other is gone. Who does not read is dropped.
 */

import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { Clock, Timer } from '../runtime/clock.ts';

/** A comment is sent this often, in milliseconds: what stands between does not take the silence for an end. */
export const HEARTBEAT_MS = 15_000;

/** A reader whose connection broke is asked to come back after this many milliseconds. */
const RECONNECT_MS = 1_000;

/** A reader that leaves more than this many bytes unread, beside those that the kernel holds for it, is dropped. */
export const MAX_UNSENT_BYTES: number = 64 * 1024;

/** The open streams. */
export class LeaderStream {
  readonly #clock: Clock;
  /** By connection: a reader has one of its own, and nothing but the end of that says surely that it left. */
  readonly #readers = new Map<Socket, Writable>();
  #heartbeat: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many read. */
  get size(): number {
    return this.#readers.size;
  }

  /** Adds a reader, whose head was sent. */
  open(socket: Socket, reader: Writable, answer: string): void {
    this.#readers.set(socket, reader);
    socket.once('close', () => this.#forget(socket));
    // The first event is as the sidecar sends it; the time to wait before coming back is no event, and no part of one.
    // Node.js 26 puts writes of one turn into one chunk, which a client that takes a chunk for an event does not expect.
    reader.write(eventOf(answer), (error) => {
      if (!error && this.#readers.has(socket)) reader.write(`retry: ${RECONNECT_MS}\n\n`);
    });
    if (this.#heartbeat === null) this.#beatLater();
  }

  /** Tells everybody. */
  send(answer: string): void {
    this.#writeToAll(eventOf(answer));
  }

  /** Ends all streams; what was written is sent as far as the kernel takes it. */
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
