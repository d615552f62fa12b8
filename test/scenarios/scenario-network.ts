/**
 * The network of one process of a scenario: carries its requests to the embedded API server as `ApiClient` does, but in
 * virtual time, and holds back, loses or refuses what the story tells it to. It tells what is asked and answered.
 */

import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { failureOfError } from '../../src/kube/api-error.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS } from '../../src/options.ts';
import { answerOf } from '../kube/in-process-api.ts';
import type { ScenarioCluster } from './scenario-cluster.ts';
import { verbOf, type Wire, type WireEvent } from './scenario-words.ts';

/** What becomes of the next request of a kind: it waits, is lost, or its answer is. */
export type Mishap = 'hold' | 'lose-request' | 'lose-answer';

/** The process at the end of the line. */
interface Host {
  readonly label: string;
  say(what: string): void;
  /** Something reaches it: at once, when it goes on, or never. */
  receive(news: () => void): void;
}

export class ScenarioNetwork implements ApiTransport {
  readonly #cluster: ScenarioCluster;
  readonly #host: Host;
  /** What becomes of the next request of each verb; of the watch, of everything from now on. */
  readonly #mishaps: Map<string, Mishap>;
  /** What waits until the story delivers it. */
  readonly #held: (() => void | Promise<void>)[] = [];
  readonly #streams = new Set<Stream>();
  /** The last that was heard of each object, so that no news is told twice. */
  readonly #heard = new Map<string, string>();
  #token: string;
  #cutOff = false;

  constructor(cluster: ScenarioCluster, host: Host, token: string) {
    this.#cluster = cluster;
    this.#host = host;
    this.#token = token;
    this.#mishaps = cluster.mishapsOf(host.label);
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

  /** Everything that was held goes on its way. */
  deliver(): void {
    if (this.#held.length === 0) throw new Error(`nothing of ${this.#host.label} is held`);
    this.#mishaps.delete('WATCH');
    for (const message of this.#held.splice(0)) this.#cluster.send(message);
  }

  /** The process has ended. */
  close(): void {
    for (const stream of [...this.#streams]) stream.close();
  }

  request(request: ApiRequest): Promise<ApiAnswer> {
    return new Promise((resolve) => {
      let waiting = true;
      const answer = (news: ApiAnswer): void => {
        if (!waiting) return;
        waiting = false;
        timer.cancel();
        this.#host.receive(() => resolve(news));
      };
      const fail = (why: string): void =>
        answer({ ok: false, failure: failureOfError(request, new Error(why)), absent: false });
      const timer = this.#cluster.clock.setTimer(DEFAULT_REQUEST_TIMEOUT_MS, () => {
        this.#host.say(`${this.#cluster.words.request(request)} → no answer in time`);
        fail('no answer in time');
      });
      this.#cluster.send(() => this.#travel(request, answer, fail));
    });
  }

  #travel(request: ApiRequest, answer: (news: ApiAnswer) => void, fail: (why: string) => void): void | Promise<void> {
    if (this.#cutOff) return fail('connect ECONNREFUSED');
    const verb = verbOf(request);
    const mishap = this.#mishaps.get(verb);
    this.#mishaps.delete(verb);
    if (mishap === undefined) return this.#carryOut(request, answer);
    const asked = this.#cluster.words.request(request);
    if (mishap === 'hold') {
      this.#host.say(`${asked} → on its way`);
      this.#held.push(() => this.#carryOut(request, answer));
      return;
    }
    if (mishap === 'lose-answer') {
      return this.#carryOut(request, () => {
        this.#host.say('the answer is lost');
        fail('read ECONNRESET');
      });
    }
    this.#host.say(`${asked} → lost on its way`);
    fail('read ECONNRESET');
  }

  async #carryOut(request: ApiRequest, answer: (news: ApiAnswer) => void): Promise<void> {
    const { words } = this.#cluster;
    const response = await this.#cluster.handle(this.#token, request);
    const { status, body } = response;
    const object: Wire = JSON.parse(body ?? '{}');
    this.#cluster.say(`${this.#host.label}: ${words.request(request)} → ${words.answer(request, status, object)}`);
    if (status < 300) {
      const [item = null] = object.items ?? (request.verb === 'delete' ? [] : [object]);
      this.#note(request, item);
    }
    answer(answerOf(request, response));
  }

  /** Whether this is news of the object. */
  #note(request: ApiRequest, object: Wire | null): boolean {
    const key = `${request.resource}/${request.name}`;
    const state = object === null ? 'none' : this.#cluster.words.object(request, object);
    const isNews = this.#heard.get(key) !== state;
    this.#heard.set(key, state);
    return isNews;
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
      this.#host.say(`${this.#cluster.words.request(request)} → ${response.status}`);
      const answer = answerOf(request, response);
      return this.#host.receive(() => sink.ended(answer.ok ? null : answer.failure));
    }
    stream.closeAtServer = () => lines.close();
    this.#host.receive(() => sink.opened());
    const pass = (message: () => void): void => {
      if (this.#mishaps.get('WATCH') === 'hold') this.#held.push(message);
      else this.#cluster.send(message);
    };
    const take = (chunk: string): void => {
      if (stream.over) return;
      this.#tell(request, chunk);
      sink.bytes(Buffer.from(chunk));
    };
    lines.open(
      (chunk) => pass(() => this.#host.receive(() => take(chunk))),
      (error) => pass(() => stream.end(error ?? null)),
    );
  }

  #tell(request: ApiRequest, chunk: string): void {
    for (const line of chunk.split('\n').filter((text) => text !== '')) {
      const event: WireEvent = JSON.parse(line);
      if (event.type === 'BOOKMARK') continue;
      const isObject = event.type !== 'DELETED' && event.type !== 'ERROR';
      const isNews = event.type === 'ERROR' || this.#note(request, isObject ? event.object : null);
      const { words } = this.#cluster;
      if (isNews) this.#host.say(`${words.request(request)} → ${words.event(request, event)}`);
    }
  }
}

/** One open watch, on the side of its client. */
class Stream {
  over = false;
  closeAtServer: () => void = () => undefined;
  readonly #open: Set<Stream>;
  readonly #ended: (error: Error | null) => void;

  constructor(open: Set<Stream>, ended: (error: Error | null) => void) {
    this.#open = open.add(this);
    this.#ended = ended;
  }

  /** It ends by itself, which its client is told. */
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
