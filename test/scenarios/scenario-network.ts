/**
 * The network of one process of a scenario. It carries the requests to the embedded API server as `ApiClient` does, but
 * in virtual time. The story can hold, lose or refuse a request. The network records each request and its answer.
 */

import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { failureOfError } from '../../src/kube/api-error.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS } from '../../src/options.ts';
import { answerOf } from '../kube/in-process-api.ts';
import type { ScenarioCluster } from './scenario-cluster.ts';
import { verbOf, type Wire, type WireEvent } from './scenario-words.ts';

/** The fault of the next request of a verb: it is held, it is lost, or its answer is lost. */
export type NetworkFault = 'hold' | 'lose-request' | 'lose-answer';

/** The process that this network belongs to. */
interface Host {
  readonly label: string;
  record(what: string): void;
  /** Delivers a message: at once, when the suspended process continues, or never after its end. */
  receive(message: () => void): void;
}

export class ScenarioNetwork implements ApiTransport {
  readonly #cluster: ScenarioCluster;
  readonly #host: Host;
  /** The fault of the next request, by verb. The fault of `WATCH` applies to all events from now on. */
  readonly #faults: Map<string, NetworkFault>;
  /** Messages that wait for the command `deliver`. */
  readonly #held: (() => void | Promise<void>)[] = [];
  readonly #streams = new Set<Stream>();
  /** The last recorded state of each object, so that the same state is not recorded twice. */
  readonly #lastStates = new Map<string, string>();
  #token: string;
  #cutOff = false;

  constructor(cluster: ScenarioCluster, host: Host, token: string) {
    this.#cluster = cluster;
    this.#host = host;
    this.#token = token;
    this.#faults = cluster.faultsOf(host.label);
  }

  useToken(token: string): void {
    this.#token = token;
  }

  cutOff(): void {
    this.#cutOff = true;
    for (const stream of [...this.#streams]) stream.end(new Error('read ECONNRESET'));
  }

  reconnect(): void {
    this.#cutOff = false;
  }

  /** Sends all held messages. */
  deliver(): void {
    if (this.#held.length === 0) throw new Error(`no message of ${this.#host.label} is held`);
    this.#faults.delete('WATCH');
    for (const message of this.#held.splice(0)) this.#cluster.send(message);
  }

  /** The process has ended. */
  close(): void {
    for (const stream of [...this.#streams]) stream.close();
  }

  request(request: ApiRequest): Promise<ApiAnswer> {
    return new Promise((resolve) => {
      let waiting = true;
      const answer = (received: ApiAnswer): void => {
        if (!waiting) return;
        waiting = false;
        timer.cancel();
        this.#host.receive(() => resolve(received));
      };
      const fail = (cause: string): void =>
        answer({ ok: false, failure: failureOfError(request, new Error(cause)), absent: false });
      const timer = this.#cluster.clock.setTimer(DEFAULT_REQUEST_TIMEOUT_MS, () => {
        this.#host.record(`${this.#cluster.words.request(request)} → no answer in time`);
        fail('no answer in time');
      });
      this.#cluster.send(() => this.#transmit(request, answer, fail));
    });
  }

  #transmit(
    request: ApiRequest,
    answer: (received: ApiAnswer) => void,
    fail: (cause: string) => void,
  ): void | Promise<void> {
    if (this.#cutOff) return fail('connect ECONNREFUSED');
    const verb = verbOf(request);
    const fault = this.#faults.get(verb);
    this.#faults.delete(verb);
    if (fault === undefined) return this.#execute(request, answer);
    const description = this.#cluster.words.request(request);
    if (fault === 'hold') {
      this.#host.record(`${description} → on its way`);
      this.#held.push(() => this.#execute(request, answer));
      return;
    }
    if (fault === 'lose-answer') {
      return this.#execute(request, () => {
        this.#host.record('the answer is lost');
        fail('read ECONNRESET');
      });
    }
    this.#host.record(`${description} → lost on its way`);
    fail('read ECONNRESET');
  }

  async #execute(request: ApiRequest, answer: (received: ApiAnswer) => void): Promise<void> {
    const { words } = this.#cluster;
    const response = await this.#cluster.handle(this.#token, request);
    const { status, body } = response;
    const object: Wire = JSON.parse(body ?? '{}');
    this.#cluster.record(`${this.#host.label}: ${words.request(request)} → ${words.answer(request, status, object)}`);
    if (status < 300) {
      const [item = null] = object.items ?? (request.verb === 'delete' ? [] : [object]);
      this.#note(request, item);
    }
    answer(answerOf(request, response));
  }

  /** Notes the state of the object. Returns whether it differs from the last noted state. */
  #note(request: ApiRequest, object: Wire | null): boolean {
    const key = `${request.resource}/${request.name}`;
    const state = object === null ? 'none' : this.#cluster.words.object(request, object);
    const isChange = this.#lastStates.get(key) !== state;
    this.#lastStates.set(key, state);
    return isChange;
  }

  stream(request: ApiRequest, sink: ByteSink): { close(): void } {
    const stream = new Stream(this.#streams, (error) =>
      this.#host.receive(() => sink.ended(error === null ? null : failureOfError(request, error))),
    );
    this.#cluster.send(() => this.#open(request, sink, stream));
    return stream;
  }

  async #open(request: ApiRequest, sink: ByteSink, stream: Stream): Promise<void> {
    if (stream.over) return;
    if (this.#cutOff) return stream.end(new Error('connect ECONNREFUSED'));
    const response = await this.#cluster.handle(this.#token, request);
    const { stream: lines } = response;
    if (lines === undefined) {
      stream.close();
      this.#host.record(`${this.#cluster.words.request(request)} → ${response.status}`);
      const answer = answerOf(request, response);
      return this.#host.receive(() => sink.ended(answer.ok ? null : answer.failure));
    }
    stream.closeAtServer = () => lines.close();
    this.#host.receive(() => sink.opened());
    const pass = (message: () => void): void => {
      if (this.#faults.get('WATCH') === 'hold') this.#held.push(message);
      else this.#cluster.send(message);
    };
    const take = (chunk: string): void => {
      if (stream.over) return;
      this.#recordEvents(request, chunk);
      sink.bytes(Buffer.from(chunk));
    };
    lines.open(
      (chunk) => pass(() => this.#host.receive(() => take(chunk))),
      (error) => pass(() => stream.end(error ?? null)),
    );
  }

  #recordEvents(request: ApiRequest, chunk: string): void {
    for (const line of chunk.split('\n').filter((text) => text !== '')) {
      const event: WireEvent = JSON.parse(line);
      if (event.type === 'BOOKMARK') continue;
      const isObject = event.type !== 'DELETED' && event.type !== 'ERROR';
      const isChange = event.type === 'ERROR' || this.#note(request, isObject ? event.object : null);
      const { words } = this.#cluster;
      if (isChange) this.#host.record(`${words.request(request)} → ${words.event(request, event)}`);
    }
  }
}

/** The client's end of one open watch. */
class Stream {
  over = false;
  closeAtServer: () => void = () => undefined;
  readonly #open: Set<Stream>;
  readonly #ended: (error: Error | null) => void;

  constructor(open: Set<Stream>, ended: (error: Error | null) => void) {
    this.#open = open.add(this);
    this.#ended = ended;
  }

  /** Ends the watch and reports the end to the client. */
  end(error: Error | null): void {
    if (this.over) return;
    this.close();
    this.#ended(error);
  }

  close(): void {
    this.over = true;
    this.#open.delete(this);
    this.closeAtServer();
  }
}
