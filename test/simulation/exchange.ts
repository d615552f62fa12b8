/**
 * One request of a simulated process over its kept connections, as `src/kube/api-client.ts` sends it: a time-out that
 * begins when it is written, one more try after a 401, one on a fresh connection when a kept one dies.
 */

import type { ApiAnswer } from '../../src/kube/api-client.ts';
import { failureOfError } from '../../src/kube/api-error.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { doubtRefusal, isOfSickServer, isRepeatable, QUEUE_TIMEOUTS } from '../../src/kube/exchange.ts';
import type { ApiResponse } from '../../src/testing/index.ts';
import { answerOf } from '../kube/in-process-api.ts';
import { Connection, type Connections } from './connections.ts';

/** What comes back on a connection: an answer, or the end of the connection. */
export type Arrival = ApiResponse | 'broken';

export interface ExchangeOptions {
  readonly request: ApiRequest;
  readonly connections: Connections;
  /** On the clock of the process. */
  readonly setTimer: (afterMs: number, callback: () => void) => { cancel(): void };
  readonly timeoutMs: number;
  /** Sends it; calls back once, or never. */
  readonly carry: (connection: Connection, arrived: (arrival: Arrival) => void) => void;
  /** It is on the wire, or ended before that; called once. */
  readonly written: () => void;
  readonly settled: (answer: ApiAnswer) => void;
}

export class Exchange {
  readonly #options: ExchangeOptions;
  #connection: { readonly connection: Connection; readonly pooled: boolean } | null = null;
  #stopWaiting: () => void = () => undefined;
  #timer: { cancel(): void } = { cancel: () => undefined };
  #written = false;
  #over = false;
  #reauthorized = false;
  #repeated = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#queue();
  }

  /** Ends it without an answer. */
  fail(error: Error): void {
    const { request } = this.#options;
    this.#stopWaiting();
    this.#leave(false);
    this.#settle({ ok: false, failure: failureOfError(request, error), absent: false });
  }

  #queue(): void {
    const { connections, timeoutMs } = this.#options;
    this.#limit(QUEUE_TIMEOUTS * timeoutMs, 'no free connection in time');
    this.#stopWaiting = connections.take((connection) => this.#write(connection, true));
  }

  #write(connection: Connection, pooled: boolean): void {
    this.#stopWaiting = () => undefined;
    const current = { connection, pooled };
    this.#connection = current;
    this.#noteWritten();
    this.#limit(this.#options.timeoutMs, 'no answer in time');
    this.#options.carry(connection, (arrival) => {
      // What comes on a connection that was left is lost.
      if (this.#connection !== current) return;
      if (arrival === 'broken') this.#noteBroken(connection);
      else this.#take(arrival);
    });
  }

  #noteBroken({ reused }: Connection): void {
    if (!reused || this.#repeated || !isRepeatable(this.#options.request)) return this.fail(new Error('ECONNRESET'));
    this.#repeated = true;
    this.#leave(false);
    this.#write(new Connection(), false);
  }

  #take(response: ApiResponse): void {
    if (response.status === 401 && !this.#reauthorized) {
      this.#reauthorized = true;
      this.#leave(false);
      return this.#queue();
    }
    const answer = answerOf(this.#options.request, response);
    this.#leave(answer.ok || !isOfSickServer(answer.failure));
    this.#settle(answer);
  }

  #limit(afterMs: number, lateness: string): void {
    this.#timer.cancel();
    this.#timer = this.#options.setTimer(afterMs, () => this.fail(new Error(lateness)));
  }

  #leave(keep: boolean): void {
    const current = this.#connection;
    this.#connection = null;
    if (current?.pooled === true) this.#options.connections.giveBack(current.connection, keep);
  }

  #settle(answer: ApiAnswer): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#noteWritten();
    const { request, settled } = this.#options;
    if (answer.ok || !this.#repeated) settled(answer);
    else settled({ ...answer, failure: doubtRefusal(request, answer.failure) });
  }

  #noteWritten(): void {
    if (this.#written) return;
    this.#written = true;
    this.#options.written();
  }
}
