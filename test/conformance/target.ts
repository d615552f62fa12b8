/**
 * The target of a replay: a server, and a way to reach it. in-process-target.ts calls the server on a clock that it
 * moves itself; socket-target.ts uses HTTP over TLS.
 */

import type { Clock } from '../../src/runtime/clock.ts';
import type { ApiServer } from '../../src/testing/index.ts';

/** A request to send, without placeholders. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly protocol?: 'h2';
  /** Exchanges of the same name share one connection. */
  readonly connection?: string;
}

/** The answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** How long it took, on the clock of the target. */
  readonly seconds: number;
  readonly httpVersion?: string;
  readonly reusedConnection?: boolean;
}

/** A watch from the side of its client. */
export interface WatchView {
  readonly head: Answer;
  /** Every line so far, parsed. */
  readonly events: readonly unknown[];
  /** Set when the server has ended the stream: the time of the end, and the text after the last newline. */
  readonly ended: { readonly afterSeconds: number; readonly rest: string } | undefined;
  close(): void;
}

/** The operations that only a socket has. */
export interface Wire {
  /** Sends bytes, and reads until the answer ends or this time has passed. */
  raw(text: string, seconds: number): Promise<RawAnswer>;
  /** The protocol that the server chooses from the offered protocols. `none` if it chooses none of them. */
  alpn(offered: readonly string[] | undefined): Promise<string>;
}

/** An answer as bytes: all chunks together, and whether the last, empty chunk has arrived. */
export interface RawAnswer {
  readonly statusLine: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly streamed: string;
  readonly terminated: boolean;
}

/** A server, and a way to reach it. */
export interface Target {
  readonly server: ApiServer;
  /** The clock of the server. All durations are measured on it. */
  readonly clock: Clock;
  /** Undefined in process. */
  readonly wire: Wire | undefined;
  exchange(exchange: Exchange): Promise<Answer>;
  watch(exchange: Exchange): Promise<WatchView>;
  /** Lets this much time pass on the clock. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Collects the lines of a stream. */
export class LineReader {
  readonly events: unknown[] = [];
  #rest = '';

  /** The text since the last newline. */
  get rest(): string {
    return this.#rest;
  }

  take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') this.events.push(parsed(line));
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return { unparsable: line };
  }
}
