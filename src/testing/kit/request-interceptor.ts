/**
 * Stands in front of the API server of an embedded cluster. It identifies the client of every request, applies the
 * faults, and logs the request. The server decides the answer.
 */

import type { Clock } from '../../runtime/clock.ts';
import { type ApiRequest, type ApiResponse, errorResponse, type RequestConnection } from '../handlers/api-request.ts';
import { parseRequest, type RequestInfo } from '../handlers/routes.ts';
import { type StatusError, unauthorized } from '../objects/status.ts';
import type { ApiServer } from '../server/api-server.ts';
import { ConnectionResetError, faultStatus } from '../server/faults.ts';
import type { Faults } from './faults/fault-plan.ts';
import type { Caller, IssuedTokens } from './issued-tokens.ts';
import type { LoggedRequest, RequestLog } from './request-log.ts';
import type { WatchTracker } from './watch-tracker.ts';

/** The server and the state that the interceptor needs. */
export interface RequestInterceptorParts {
  readonly server: ApiServer;
  readonly clock: Clock;
  readonly tokens: IssuedTokens;
  readonly faults: Faults;
  readonly watches: WatchTracker;
  readonly log: RequestLog;
}

interface InterceptedRequest {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly caller: Caller;
  readonly faults: readonly string[];
}

/** Passes requests to the server, or lets a fault answer them. */
export class RequestInterceptor {
  readonly #parts: RequestInterceptorParts;
  readonly #startedAtMs: number;
  /** Grows when the server goes down: requests that it has not carried out by then are lost. */
  #epoch = 0;

  constructor(parts: RequestInterceptorParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.clock.nowMs();
  }

  /** Breaks all connections, and with them the watches and the requests that are still delayed. */
  breakConnections(): void {
    this.#epoch += 1;
    this.#parts.watches.cut(() => true);
  }

  /**
   * Rejects when the connection is to be reset.
   *
   * @param connection where the request arrived; undefined in process
   */
  async handle(request: ApiRequest, connection?: RequestConnection): Promise<ApiResponse> {
    const { tokens, faults } = this.#parts;
    const [path = '/', query = ''] = request.path.split('?', 2);
    const info = parseRequest(request.method, path, new URLSearchParams(query));
    const caller = tokens.callerOf(request.headers['authorization']);
    if (hasEnded(caller)) return this.#reset({ request, info, caller, faults: ['containerEnded'] });
    if (caller.expired) {
      return this.#fail({ request, info, caller, faults: ['tokenExpired'] }, unauthorized());
    }
    const effects = faults.applyTo(traitsOf(caller, info), connection);
    const { names, delayMs, outcome, answerDelayMs = 0, closes } = effects;
    const passage = { request, info, caller, faults: names };
    if (delayMs > 0 && !(await this.#outlasts(delayMs))) this.#reset(passage);
    if (outcome?.type === 'refuse') return this.#reset(passage);
    const answer =
      outcome?.type === 'answer'
        ? this.#fail(passage, errorOf(outcome.status, passage))
        : await this.#carryOut(passage);
    const arrives = answerDelayMs === 0 || (await this.#outlasts(answerDelayMs));
    // If the container has ended by now, its write is carried out, as in a real cluster, and the answer is lost.
    if (arrives && outcome?.type !== 'dropAnswer' && !hasEnded(caller)) {
      return closes === undefined ? answer : { ...answer, closes };
    }
    answer.stream?.close();
    throw new ConnectionResetError();
  }

  async #carryOut(passage: InterceptedRequest): Promise<ApiResponse> {
    const { server, watches } = this.#parts;
    const { caller, info } = passage;
    const answer = await server.handle(passage.request);
    const { stream } = answer;
    const gated = stream && { ...answer, stream: watches.add(stream, traitsOf(caller, info), caller.container) };
    this.#note(passage, answer.status);
    return gated ?? answer;
  }

  /** Waits, and returns whether the earlier connections still exist. */
  async #outlasts(ms: number): Promise<boolean> {
    const epoch = this.#epoch;
    await new Promise<void>((resolve) => {
      this.#parts.clock.setTimer(ms, resolve, { background: true });
    });
    return epoch === this.#epoch;
  }

  #reset(passage: InterceptedRequest): never {
    this.#note(passage, 0);
    throw new ConnectionResetError();
  }

  #fail(passage: InterceptedRequest, error: StatusError): ApiResponse {
    // A watch that is too old begins like any other, and receives the error as an event (fact 17).
    if (error.code === 410 && passage.info.verb === 'watch') {
      this.#note(passage, 200);
      return expiredWatch(error);
    }
    this.#note(passage, error.code);
    return errorResponse(error);
  }

  #note({ info, caller, faults }: InterceptedRequest, status: number): void {
    const entry: LoggedRequest = {
      ...traitsOf(caller, info),
      subresource: info.subresource,
      namespace: info.namespace ?? '',
      name: info.name,
      status,
      faults,
      atMs: this.#parts.clock.nowMs() - this.#startedAtMs,
    };
    this.#parts.log.add(entry);
  }
}

function hasEnded({ container }: Caller): boolean {
  return container?.running === false;
}

function traitsOf(
  { client, podUid }: Caller,
  { verb, resource }: RequestInfo,
): {
  readonly client: string;
  readonly podUid?: string;
  readonly verb: string;
  readonly resource: string;
} {
  return { client, ...(podUid === undefined ? {} : { podUid }), verb, resource };
}

function errorOf(status: number, { request, info }: InterceptedRequest): StatusError {
  // A create names its object only in the body.
  const name = info.name === '' ? nameIn(request.body) : info.name;
  return faultStatus(status, { ...info, name });
}

function nameIn(body: string | undefined): string {
  try {
    const name: unknown = JSON.parse(body ?? '')?.metadata?.name;
    return typeof name === 'string' ? name : '';
  } catch {
    return '';
  }
}

function expiredWatch(error: StatusError): ApiResponse {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
    stream: {
      open(onChunk, onEnd) {
        onChunk(`${JSON.stringify({ type: 'ERROR', object: error.body })}\n`);
        onEnd();
      },
      close() {},
    },
  };
}
