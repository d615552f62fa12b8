/**
 * One request in flight: its attempts, its steps with a time-out for each, and its single outcome.
 *
 * `api-client.ts` chooses the connection.
 */

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestFailure } from '../core/request-failure.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import { requestChannel } from '../runtime/diagnostics-channels.ts';
import { isObject } from '../runtime/object-kind.ts';
import { type ApiStatus, failureOfAnswer, failureOfError, provesAbsence, readStatus } from './api-error.ts';
import type { ApiRequest } from './api-request.ts';
import { parseJson } from './bounded-json.ts';
import { readDate } from './clock-comparison.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import type { Conceal } from './server-words.ts';
import { tokenProblem } from './token-validity.ts';

const debug = debugLog('lease-elector:kube');

/**
 * An answer of more bytes is not read to its end. An object of etcd has at most 1.5 MiB, and most answers contain one
 * object.
 */
export const ANSWER_LIMIT_BYTES: number = 4 * 1024 * 1024;

/**
 * A request waits for a free connection for at most this many request time-outs. That is long enough for the few
 * requests that an elector sends at once, even if each takes nearly the whole time-out.
 */
export const QUEUE_TIMEOUTS = 4;

/** The step of a request, named after the state that it has reached. The time-out of a step begins with the step. */
export type Step =
  /** Waits for a connection that no other request uses. */
  | 'queued'
  /** Waits for TCP, and then for TLS. */
  | 'connecting'
  /** The request was written. Waits for the answer. */
  | 'written';

/** The caller of a request. One of `succeeded` and `failed` is called once, unless the exchange is abandoned. */
export interface Outcome {
  /** The request was written, or ended before that. Called once, before the other two methods. */
  written(): void;
  /** The head has a 2xx status; the body is still to come. */
  succeeded(response: IncomingMessage): void;
  failed(failure: RequestFailure, absent: boolean): void;
}

/** A request that has ended; it is published as a `RequestMessage`. */
export interface RequestReport extends Pick<ApiRequest, 'verb' | 'apiGroup' | 'resource' | 'namespace' | 'name'> {
  /** The HTTP status; `null` when there was no answer. */
  readonly status: number | null;
  readonly durationMs: number;
  readonly failure: string | null;
}

/** The options that all exchanges of one client share. */
export interface ExchangeOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly conceal: Conceal;
  /** Receives a report of each request that has ended, except an abandoned one; must not throw. */
  readonly ended?: (report: RequestReport) => void;
  /** All exchanges whose time-out is still running. */
  readonly underWay: Set<Exchange>;
}

/** One request in flight. */
export class Exchange {
  readonly request: ApiRequest;
  /** Whether the outcome was reported, or is no longer needed. */
  over = false;
  /** Whether the token was read again after a 401. */
  reauthorized = false;
  /** Whether the request was sent once more, because its first connection died. */
  repeated = false;
  sent: ClientRequest | null = null;
  /** Frees the connection of the present attempt for the next request. */
  leaveQueue: () => void = () => {};
  /** The bearer token of the present attempt, if it has one. */
  token: string | null = null;
  readonly #outcome: Outcome;
  readonly #options: ExchangeOptions;
  #socket: Socket | null = null;
  #timer: Timer | null = null;
  #written = false;
  #finished = false;
  #abandoned = false;
  readonly #beganAtMs: number;
  /** The status of the final answer; `null` before it arrives. */
  #httpStatus: number | null = null;

  constructor(request: ApiRequest, outcome: Outcome, options: ExchangeOptions) {
    this.request = request;
    this.#outcome = outcome;
    this.#options = options;
    this.#beganAtMs = options.clock.nowMs();
    options.underWay.add(this);
  }

  /** Begins a step, and its time-out. */
  enter(step: Step): void {
    if (this.#finished || this.over) return;
    const { clock, timeoutMs } = this.#options;
    const limitMs = step === 'queued' ? QUEUE_TIMEOUTS * timeoutMs : timeoutMs;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(limitMs, () => this.cancel(new Error(this.#lateness(step, limitMs))));
    if (step === 'written') this.#noteWritten();
  }

  /** Records the connection of the present attempt. */
  carriedBy(socket: Socket): void {
    this.#socket = socket;
  }

  /** Stops waiting for an answer. */
  cancel(error: Error): void {
    // This also ends an answer that is partly read: its stream then reports this error.
    this.sent?.destroy(error);
    this.leaveConnection();
    this.leaveQueue();
    this.fail(this.failureOf(error));
  }

  /** Takes the head of an answer, and reads the body unless the caller reads it. */
  take(response: IncomingMessage): void {
    if (this.over) {
      response.destroy();
      return;
    }
    // A server can answer before it has received the whole request.
    this.#noteWritten();
    const httpStatus = response.statusCode ?? 0;
    this.#httpStatus = httpStatus;
    if (httpStatus >= 200 && httpStatus < 300) {
      this.#outcome.succeeded(response);
      return;
    }
    collect(response, (_error, text) => {
      // The body of an error may be incomplete, because the HTTP status is sufficient.
      const status = parseStatus(text);
      const { conceal } = this.#options;
      const retryAfter = response.headers['retry-after'];
      const problem = httpStatus === 401 ? this.#tokenProblem(response) : null;
      const failure = failureOfAnswer(this.request, httpStatus, status, retryAfter, conceal, problem);
      if (isOfSickServer(failure)) this.leaveConnection();
      this.fail(failure, provesAbsence(this.request, httpStatus, status));
    });
  }

  #tokenProblem({ headers }: IncomingMessage): string | null {
    if (this.token === null) return null;
    return tokenProblem(this.token, readDate(headers.date), this.#options.clock.wallMs());
  }

  /** Converts an error of the connection into a failure of this request. */
  failureOf(error: unknown): RequestFailure {
    return failureOfError(this.request, error, this.#options.conceal);
  }

  fail(failure: RequestFailure, absent = false): void {
    if (this.over) return;
    const told = this.repeated ? doubtRefusal(this.request, failure) : failure;
    this.#end(told.message);
    this.over = true;
    debug('%s', told.message);
    this.#noteWritten();
    this.#outcome.failed(told, absent);
  }

  /**
   * Closes the connection, so that a load balancer chooses a server again for the next request.
   *
   * A kept connection always leads to the same server. If that server is faulty, every further request would fail.
   */
  leaveConnection(): void {
    this.#socket?.destroy();
  }

  /** Ends the time-out, because the answer was received. */
  finish(): void {
    this.#end(null);
  }

  #end(failure: string | null): void {
    if (!this.#finished) this.#report(failure);
    this.#finished = true;
    this.#timer?.cancel();
    this.#options.underWay.delete(this);
  }

  #report(failure: string | null): void {
    const { ended } = this.#options;
    if (ended === undefined && !requestChannel.hasSubscribers) return;
    const { verb, apiGroup, resource, namespace, name } = this.request;
    const report: RequestReport = {
      ...{ verb, apiGroup, resource, namespace, name },
      status: this.#httpStatus,
      durationMs: this.#options.clock.nowMs() - this.#beganAtMs,
      failure,
    };
    if (!this.#abandoned) ended?.(report);
    requestChannel.publish(report);
  }

  /** Ends the exchange without an outcome, because the caller no longer waits. */
  abandon(): void {
    this.over = true;
    this.#abandoned = true;
    this.#end('the request was abandoned, since its answer is no longer needed');
    this.sent?.destroy();
    this.leaveQueue();
  }

  #noteWritten(): void {
    if (this.#written) return;
    this.#written = true;
    this.#outcome.written();
  }

  #lateness(step: Step, limitMs: number): string {
    switch (step) {
      case 'queued':
        return `no free connection within ${limitMs} ms`;
      case 'connecting':
        return `no connection within ${limitMs} ms`;
      case 'written': {
        const doubt = this.request.body === undefined ? '' : '; it is not known whether it was carried out';
        return `no answer within ${limitMs} ms${doubt}`;
      }
    }
  }
}

/** Whether another server behind the same load balancer might accept the request immediately. */
export function isOfSickServer({ kind, missingRule }: RequestFailure): boolean {
  // A server that has just started also refuses: its caches of tokens and Roles are still empty.
  return kind === 'unavailable' || kind === 'unauthorized' || (kind === 'forbidden' && missingRule !== null);
}

/**
 * Whether a request may be sent twice, because the second copy cannot change more than the first.
 *
 * Reads change nothing. A PUT, PATCH or DELETE with a uid and a resourceVersion succeeds at most once. A POST has no
 * precondition: a late first POST could create the Lease again after the second POST was answered and its Lease was
 * released. A create is therefore not repeated. Its outcome is unknown, and the core reads before it creates again.
 */
export function isRepeatable({ verb, body }: ApiRequest): boolean {
  switch (verb) {
    case 'get':
    case 'list':
    case 'watch':
      return true;
    case 'update':
    case 'patch':
      return isObject(body) && hasPreconditions(body['metadata']);
    case 'delete':
      return isObject(body) && hasPreconditions(body['preconditions']);
    case 'create':
      return false;
  }
}

function hasPreconditions(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { uid, resourceVersion } = value;
  return typeof uid === 'string' && uid !== '' && typeof resourceVersion === 'string' && resourceVersion !== '';
}

/**
 * Converts the refusal of a write that was sent twice into a failure with an unknown outcome. The first write may have
 * been executed and have caused the refusal, so the core reads.
 */
export function doubtRefusal(request: ApiRequest, failure: RequestFailure): RequestFailure {
  if (request.body === undefined || failure.kind === 'unavailable' || failure.kind === 'malformed') return failure;
  const message = `${failure.message}. The connection had broken before, so the request was sent twice: the first may have been carried out`;
  return { ...failure, kind: 'unavailable', message, missingRule: null };
}

/** Reads a body to its end, or to the limit, and then calls back once with the text so far. */
export function collect(response: IncomingMessage, done: (error: Error | null, text: string) => void): void {
  const bytes = new GrowingBuffer(ANSWER_LIMIT_BYTES);
  let over = false;
  const finish = (error: Error | null): void => {
    if (over) return;
    over = true;
    done(error, bytes.take());
  };
  response.on('data', (chunk: Buffer) => {
    if (over || bytes.append(chunk)) return;
    finish(new Error(`the answer is longer than ${ANSWER_LIMIT_BYTES} bytes`));
    response.destroy();
  });
  response.on('end', () => finish(null));
  response.on('error', finish);
}

function parseStatus(text: string): ApiStatus | null {
  const parsed = parseJson(text);
  return parsed.ok ? readStatus(parsed.value) : null;
}
