/**
 * One process of a scenario: the real `LeaseElector` with its real driver, core and ports, on a network, a clock and
 * a socket that the story has in its hands. It tells what the elector asks, hears and announces.
 */

import type { SiblingLockOutcome } from '../../src/driver/ports.ts';
import { type Leader, LeaseElector } from '../../src/index.ts';
import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { failureOfAnswer, failureOfError, provesAbsence, readStatus } from '../../src/kube/api-error.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { leasePort, leaseWatchPort } from '../../src/kube/lease-api.ts';
import { podPort, podWatchPort } from '../../src/kube/pod-api.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS } from '../../src/options.ts';
import { LEASE, NAMESPACE, type ScenarioCluster, type ScenarioPod } from './scenario-cluster.ts';
import { verbOf, type Wire, type WireEvent } from './scenario-words.ts';

/** What becomes of the next request of a kind: it waits, is lost, or its answer is. */
export type Mishap = 'hold' | 'lose-request' | 'lose-answer';

export class ScenarioProcess implements ApiTransport {
  readonly label: string;
  readonly pod: ScenarioPod;
  readonly elector: LeaseElector;
  alive = true;
  readonly #cluster: ScenarioCluster;
  /** What becomes of the next request of each verb; of the watch, of everything from now on. */
  readonly #mishaps: Map<string, Mishap>;
  /** What waits until the story delivers it. */
  readonly #held: (() => void | Promise<void>)[] = [];
  /** What a hung process will find when it goes on. */
  #mailbox: (() => void)[] | null = null;
  #cutOff = false;
  readonly #streams = new Set<{ cut(): void; close(): void }>();
  /** The last that it heard of each object, so that no news is told twice. */
  readonly #heard = new Map<string, string>();
  /** Whether its work goes on after `term.signal` has aborted, until `finishWork`. */
  #busy = false;
  #token: string;
  #finishWork: () => void = () => undefined;
  readonly #signalListenersBefore = process.listenerCount('SIGTERM');

  constructor(cluster: ScenarioCluster, label: string, pod: ScenarioPod, random: number) {
    this.#cluster = cluster;
    this.label = label;
    this.pod = pod;
    this.#token = pod.token;
    this.#mishaps = cluster.mishapsOf(label);
    const identity = { pod, namespace: NAMESPACE, lease: LEASE };
    const ports = {
      lease: leasePort(this, NAMESPACE, LEASE),
      leaseWatch: leaseWatchPort(this, NAMESPACE, LEASE),
      pod: podPort(this, NAMESPACE),
      podWatch: (name: string) => podWatchPort(this, NAMESPACE, name),
      close: () => undefined,
    };
    this.elector = new LeaseElector(
      { onElected: ({ signal }) => this.#work(signal) },
      {
        clock: {
          nowMs: () => cluster.clock.nowMs(),
          wallMs: () => cluster.clock.wallMs(),
          setTimer: (afterMs, callback) => cluster.clock.setTimer(afterMs, () => this.receive(callback)),
        },
        random: { next: () => random },
        connect: async () => ({
          identify: async () => ({ ok: true, value: identity }),
          ports: () => ports,
          close: () => undefined,
        }),
        siblingLock: () => ({
          claim: (outcome) => this.#claimSocket(outcome),
          free: () => cluster.freeSocket(this),
        }),
      },
    );
    this.#listen();
  }

  start(): void {
    this.elector.start().catch((error: { code: string }) => this.say(`start() rejects: ${error.code}`));
  }

  say(what: string): void {
    if (this.alive) this.#cluster.say(`${this.label}: ${what}`);
  }

  /** Something reaches the process: at once, when it goes on, or never. */
  receive(news: () => void): void {
    if (!this.alive) return;
    if (this.#mailbox === null) news();
    else this.#mailbox.push(news);
  }

  // --- What the story does to it

  kill(): void {
    this.alive = false;
    for (const stream of this.#streams) stream.close();
    this.#cluster.freeSocket(this);
  }

  hang(): void {
    this.#mailbox ??= [];
  }

  wake(): void {
    const mailbox = this.#mailbox ?? [];
    this.#mailbox = null;
    for (const news of mailbox) this.#cluster.send(() => this.receive(news));
  }

  cutOff(): void {
    this.#cutOff = true;
    for (const stream of [...this.#streams]) stream.cut();
  }

  reconnect(): void {
    this.#cutOff = false;
  }

  deliver(): void {
    if (this.#held.length === 0) throw new Error(`nothing of ${this.label} is held`);
    this.#mishaps.delete('WATCH');
    for (const message of this.#held.splice(0)) this.#cluster.send(message);
  }

  acceptToken(accepted: boolean): void {
    this.#token = accepted ? this.pod.token : 'refused';
  }

  beBusy(): void {
    this.#busy = true;
  }

  finishWork(): void {
    this.#busy = false;
    this.#finishWork();
  }

  stepDown(): void {
    this.elector.stepDown().then(
      () => this.say('stepDown() resolves'),
      (error: { code: string }) => this.say(`stepDown() rejects: ${error.code}`),
    );
  }

  /** SIGTERM: ends a process in which nobody listens for it, and this application does not. */
  signal(): void {
    const listeners = process.listenerCount('SIGTERM') - this.#signalListenersBefore;
    this.say(listeners === 0 ? 'nobody listens for SIGTERM, so it ends' : `${listeners} listen for SIGTERM`);
    if (listeners === 0) this.kill();
  }

  show(): void {
    const { state, leader, unverifiedForMs } = this.elector;
    const role = state === 'leader' ? 'leads' : `is ${state}; ${this.#nameOf(leader ?? null)} leads`;
    this.say(`${role}, as the API confirmed ${unverifiedForMs / 1000} s ago`);
  }

  // --- What the elector tells

  #listen(): void {
    const { elector } = this;
    elector.on('elected', ({ fencingToken, resumed }) =>
      this.say(`elected, token ${this.#cluster.words.version(fencingToken)}${resumed ? ', its term resumed' : ''}`),
    );
    elector.on('demoted', (_term, reason) => this.say(`demoted: ${reason}`));
    elector.on('leaderChanged', (leader) => {
      if (leader?.uid !== this.pod.uid) this.say(`knows that ${this.#nameOf(leader)} leads`);
    });
    elector.on('stale', (leader) =>
      this.say(`is told that ${this.#nameOf(leader)} has been silent for ${(leader.renewTimeAgeMs ?? 0) / 1000} s`),
    );
    elector.on('warning', ({ code, message }) => {
      const rule = /Grant `\w+` on [\w.]+/.exec(message)?.[0];
      this.say(`warning ${code}${rule === undefined ? '' : `: ${rule}`}`);
    });
    elector.on('error', ({ code }) => this.say(`error ${code}`));
    elector.on('stopped', () => this.say('stopped'));
  }

  #nameOf(leader: Leader | null): string {
    if (leader === null) return 'nobody';
    return leader.uid === null ? leader.name : this.#cluster.words.nameOf(leader.uid);
  }

  #work(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#finishWork = () => {
        if (signal.aborted) this.say('its work is done');
        resolve();
      };
      signal.addEventListener('abort', () => {
        this.say(`term.signal aborts${this.#busy ? ', its work goes on' : ''}`);
        if (!this.#busy) resolve();
      });
    });
  }

  #claimSocket(outcome: (outcome: SiblingLockOutcome) => void): void {
    this.#cluster.claimSocket(this, (answer) => {
      if (answer === 'taken') this.say('the socket of its Pod is taken');
      outcome(answer);
    });
  }

  // --- Its network

  request(request: ApiRequest): Promise<ApiAnswer> {
    return new Promise((resolve) => {
      let waiting = true;
      const answer = (news: ApiAnswer): void => {
        if (!waiting) return;
        waiting = false;
        timer.cancel();
        this.receive(() => resolve(news));
      };
      const fail = (why: string): void =>
        answer({ ok: false, failure: failureOfError(request, new Error(why)), absent: false });
      const timer = this.#cluster.clock.setTimer(DEFAULT_REQUEST_TIMEOUT_MS, () => {
        this.say(`${this.#cluster.words.request(request)} → no answer in time`);
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
      this.say(`${asked} → on its way`);
      this.#held.push(() => this.#carryOut(request, answer));
      return;
    }
    if (mishap === 'lose-answer') {
      return this.#carryOut(request, () => {
        this.say('the answer is lost');
        fail('read ECONNRESET');
      });
    }
    this.say(`${asked} → lost on its way`);
    fail('read ECONNRESET');
  }

  async #carryOut(request: ApiRequest, answer: (news: ApiAnswer) => void): Promise<void> {
    const { words } = this.#cluster;
    const { status, body, headers } = await this.#cluster.handle(this.#token, request);
    const object: Wire = JSON.parse(body ?? '{}');
    this.#cluster.say(`${this.label}: ${words.request(request)} → ${words.answer(request, status, object)}`);
    if (status < 300)
      this.#note(
        request,
        request.verb === 'delete' ? null : (object.items?.[0] ?? (request.verb === 'list' ? null : object)),
      );
    if (status < 300) return answer({ ok: true, value: object });
    const apiStatus = readStatus(object);
    const failure = failureOfAnswer(request, status, apiStatus, headers['retry-after']);
    answer({ ok: false, failure, absent: provesAbsence(request, status, apiStatus) });
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
    let over = false;
    let closeAtServer = (): void => undefined;
    const end = (error: Error | null): void => {
      if (over) return;
      over = true;
      this.#streams.delete(stream);
      closeAtServer();
      this.receive(() => sink.ended(error === null ? null : failureOfError(request, error)));
    };
    const stream = {
      cut: () => end(new Error('read ECONNRESET')),
      close: () => {
        over = true;
        this.#streams.delete(stream);
        closeAtServer();
      },
    };
    this.#streams.add(stream);
    const open = async (): Promise<void> => {
      if (over) return;
      if (this.#cutOff) return end(new Error('connect ECONNREFUSED'));
      const { status, body, headers, stream: lines } = await this.#cluster.handle(this.#token, request);
      if (lines === undefined) {
        this.say(`${this.#cluster.words.request(request)} → ${status}`);
        over = true;
        const failure = failureOfAnswer(request, status, readStatus(JSON.parse(body ?? '{}')), headers['retry-after']);
        return this.receive(() => sink.ended(failure));
      }
      closeAtServer = () => lines.close();
      this.receive(() => sink.opened());
      const pass = (message: () => void): void => {
        if (this.#mishaps.get('WATCH') === 'hold') this.#held.push(message);
        else this.#cluster.send(message);
      };
      lines.open(
        (chunk) =>
          pass(() => {
            if (over) return;
            this.receive(() => {
              this.#tell(request, chunk);
              sink.bytes(Buffer.from(chunk));
            });
          }),
        (error) => pass(() => end(error ?? null)),
      );
    };
    this.#cluster.send(open);
    return stream;
  }

  #tell(request: ApiRequest, chunk: string): void {
    for (const line of chunk.split('\n').filter((text) => text !== '')) {
      const event: WireEvent = JSON.parse(line);
      if (event.type === 'BOOKMARK') continue;
      const isNews = this.#note(request, event.type === 'DELETED' ? null : event.object);
      if (isNews) this.say(`${this.#cluster.words.request(request)} → ${this.#cluster.words.event(request, event)}`);
    }
  }
}
