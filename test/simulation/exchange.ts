/**
 * One request of a simulated process over its kept-alive connections, as `src/kube/api-client.ts` sends it. The
 * time-out begins when the request is written. A 401 is retried once. A request on a dead kept-alive connection is
 * retried once on a new one.
 */

import type { ApiAnswer } from '../../src/kube/api-client.ts';
import { failureOfError } from '../../src/kube/api-error.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { doubtRefusal, isOfSickServer, isRepeatable, QUEUE_TIMEOUTS } from '../../src/kube/exchange.ts';
import type { ApiResponse } from '../../src/testing/index.ts';
import { answerOf } from '../kube/in-process-api.ts';
import { Connection, type Connections } from './connections.ts';

/** The result of a request on a connection: an answer, or the end of the connection. */
export type Arrival = ApiResponse | 'broken';

export interface ExchangeOptions {
  readonly request: ApiRequest;
  readonly connections: Connections;
  /** Sets a timer on the clock of the process. */
  readonly setTimer: (afterMs: number, callback: () => void) => { cancel(): void };
  readonly timeoutMs: number;
  /** Sends the request. Calls back once, or never. */
  readonly carry: (connection: Connection, arrived: (arrival: Arrival) => void) => void;
  /** Called once, when the request is on the wire or has ended before. */
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

  /** Ends the request without an answer. */
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
      // A result on a connection that this request has left is ignored.
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
