/**
 * Replays a recording in a target, step by step, and reports the differences. comparison.ts finds the differences, and
 * gaps.ts lists the known ones.
 */

import { Comparison, compareBody, compareHead, compareOrder, shown } from './comparison.ts';
import { Bindings } from './placeholders.ts';
import { countedSteps, type RecordedRequest, type RecordedStep, type Recording } from './recording.ts';
import type { Answer, Exchange, Target, WatchView } from './target.ts';

/** The result of a step. */
export interface StepResult {
  readonly step: string;
  /** Empty when the answer is equal to the recorded answer. */
  readonly differences: readonly string[];
  /** The status of the answer, if there was one. */
  readonly status: number | undefined;
}

/** Milliseconds between two reads of a watch. */
const LOOK_MS = 20;
/** Milliseconds between two attempts of an exchange that must match eventually. */
const RETRY_MS = 250;
/** How long a watch is read when the recording names no time. */
const DEFAULT_READ_SECONDS = 10;
/** How long a stream must stay silent before its client closes it. */
const QUIET_MS = 250;

/** The parts of a step that are an exchange. */
type ExchangeStep = RecordedStep & Required<Pick<RecordedStep, 'request' | 'response'>>;

function hasExchange(step: RecordedStep): step is ExchangeStep {
  return step.request !== undefined && step.response !== undefined;
}

/** Replays all steps. A step that differs can make later steps differ as well. */
export async function replay(recording: Recording, target: Target): Promise<readonly StepResult[]> {
  const replayer = new Replayer(recording, target);
  replayer.prepare();
  const results: StepResult[] = [];
  for (const step of recording.steps) {
    if (step.sleepMs !== undefined) await target.pass(step.sleepMs);
    else results.push(await replayer.step(step));
  }
  replayer.close();
  if (results.length !== countedSteps(recording).length) throw new Error(`${recording.scenario}: steps are missing`);
  return results;
}

class Replayer {
  readonly #recording: Recording;
  readonly #target: Target;
  readonly #bindings = new Bindings();
  readonly #checked = new Set<string>();
  readonly #watches = new Map<string, WatchView>();
  /** How many events of each watch were read already. */
  readonly #taken = new Map<string, number>();
  #status: number | undefined;

  constructor(recording: Recording, target: Target) {
    this.#recording = recording;
    this.#target = target;
  }

  /** Creates the namespaces and users of the scenario. The recording does not contain their creation. */
  prepare(): void {
    const { namespaces = [], users = {}, scenario } = this.#recording;
    const { server } = this.#target;
    namespaces.forEach((_, index) => {
      const namespace = `${scenario.slice(0, 45)}-${index + 1}`;
      this.#bindings.set(`ns:${index + 1}`, namespace);
      server.createNamespace(namespace);
    });
    for (const [name, user] of Object.entries(users)) {
      const namespace = this.#bindings.fillText(user.namespace);
      server.grant({ namespace, serviceAccountName: name, rules: user.rules });
      this.#bindings.set(`username:${name}`, `system:serviceaccount:${namespace}:${name}`);
      this.#bindings.set(`token:${name}`, server.issueToken({ namespace, serviceAccountName: name }));
    }
  }

  close(): void {
    for (const watch of this.#watches.values()) watch.close();
  }

  async step(step: RecordedStep): Promise<StepResult> {
    this.#status = undefined;
    let differences: readonly string[];
    try {
      differences = [...(await this.#perform(step)), ...this.#checkOrder()];
    } catch (error) {
      differences = [error instanceof Error ? error.message : String(error)];
    }
    return { step: step.id, differences, status: this.#status };
  }

  #perform(step: RecordedStep): Promise<readonly string[]> {
    if (step.alpn !== undefined) return this.#alpn(step.alpn);
    if (step.read !== undefined) return this.#read(step, step.read);
    if (!hasExchange(step)) throw new Error(`the step ${step.id} has an unknown form`);
    if (step.raw !== undefined) return this.#raw(step, step.raw.seconds);
    return step.watch === undefined ? this.#exchange(step) : this.#open(step, step.watch);
  }

  #checkOrder(): readonly string[] {
    return compareOrder(this.#recording.order ?? [], this.#bindings, this.#checked);
  }

  #filled(request: RecordedRequest): Exchange {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers ?? {})) headers[name] = this.#bindings.fillText(value);
    const token = this.#tokenOf(request.user);
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    const body = this.#bodyOf(request);
    const { method, protocol, connection } = request;
    return {
      method,
      path: this.#bindings.fillText(request.path),
      headers,
      ...(body === undefined ? {} : { body }),
      ...(protocol === undefined ? {} : { protocol }),
      ...(connection === undefined ? {} : { connection }),
    };
  }

  #tokenOf(user: string): string | undefined {
    if (user === 'none') return undefined;
    if (user === 'bad-token') return 'not-a-token';
    if (user === 'admin') return this.#target.server.adminToken;
    return user.startsWith('<jwt:') ? this.#bindings.fillText(user) : this.#bindings.get(`token:${user}`);
  }

  #bodyOf({ body, bodyText, bodyFill }: RecordedRequest): string | undefined {
    if (bodyFill !== undefined) return bodyFill.prefix + bodyFill.repeat.repeat(bodyFill.times) + bodyFill.suffix;
    if (bodyText !== undefined) return this.#bindings.fillText(bodyText);
    return body === undefined ? undefined : JSON.stringify(this.#bindings.fill(body));
  }

  async #exchange(step: ExchangeStep): Promise<readonly string[]> {
    const exchange = this.#filled(step.request);
    const deadlineMs = this.#target.clock.nowMs() + (step.eventually?.withinSeconds ?? 0) * 1000;
    for (;;) {
      const before = this.#bindings.copy();
      const answer = await this.#target.exchange(exchange);
      this.#status = answer.status;
      const differences = this.#compare(step, answer);
      if (differences.length === 0 || this.#target.clock.nowMs() >= deadlineMs) return differences;
      this.#bindings.assign(before);
      await this.#target.pass(RETRY_MS);
    }
  }

  #compare(step: ExchangeStep, answer: Answer): readonly string[] {
    const nowMs = this.#target.clock.wallMs();
    const differences = [...compareHead(step.response, answer, this.#bindings, nowMs)];
    if (answer.status === step.response.status) {
      differences.push(...compareBody(step.response, answer.text, this.#bindings, nowMs));
    }
    if (step.took !== undefined) differences.push(...outside('took', answer.seconds, step.took));
    if (step.jwt !== undefined && differences.length === 0) differences.push(...this.#compareToken(step.jwt, nowMs));
    return differences;
  }

  #compareToken(expected: NonNullable<RecordedStep['jwt']>, nowMs: number): readonly string[] {
    const token = this.#bindings.get(`jwt:${expected.of}`) ?? '';
    const [header, payload] = token
      .split('.')
      .slice(0, 2)
      .map((part): unknown => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
    const comparison = new Comparison(this.#bindings, nowMs);
    comparison.json(expected.header, header, 'token header');
    comparison.json(expected.payload, payload, 'token claims');
    return comparison.differences;
  }

  async #open(step: ExchangeStep, name: string): Promise<readonly string[]> {
    const watch = await this.#target.watch(this.#filled(step.request));
    this.#status = watch.head.status;
    const differences = compareHead(step.response, watch.head, this.#bindings, this.#target.clock.wallMs());
    if (watch.head.status !== step.response.status) {
      watch.close();
      return differences;
    }
    this.#watches.set(name, watch);
    this.#taken.set(name, 0);
    return differences;
  }

  async #read(step: RecordedStep, name: string): Promise<readonly string[]> {
    const watch = this.#watches.get(name);
    if (watch === undefined) return [`the watch ${name} is not open (its opening differed)`];
    const { events = [], end, withinSeconds = DEFAULT_READ_SECONDS } = step;
    const { clock } = this.#target;
    const deadlineMs = clock.nowMs() + withinSeconds * 1000;
    const pending = (): PendingEvents => pendingEvents(step, watch.events, this.#taken.get(name) ?? 0);
    const complete = (): boolean => pending().events.length >= events.length && end?.by !== 'server';
    while (!complete() && watch.ended === undefined && clock.nowMs() < deadlineMs) await this.#target.pass(LOOK_MS);
    if (end?.by === 'client') await this.#target.pass(QUIET_MS);
    const got = pending();
    this.#taken.set(name, got.upTo);
    const comparison = new Comparison(this.#bindings, clock.wallMs());
    comparison.json(events, got.events, 'events');
    const differences = [...comparison.differences, ...compareEnd(step, watch)];
    if (end !== undefined) watch.close();
    return differences;
  }

  async #raw(step: ExchangeStep, seconds: number): Promise<readonly string[]> {
    const { wire } = this.#target;
    if (wire === undefined) return ['needs a socket'];
    const { method, path, headers } = this.#filled(step.request);
    const sent = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`);
    const answer = await wire.raw([`${method} ${path} HTTP/1.1`, ...sent, '', ''].join('\r\n'), seconds);
    const differences: string[] = [];
    const { response } = step;
    const compare = (what: string, wanted: unknown, given: unknown): void => {
      if (wanted !== given) differences.push(`${what}: expected ${shown(wanted)}, got ${shown(given)}`);
    };
    compare('status line', response.statusLine, answer.statusLine.slice(0, response.statusLine?.length));
    for (const [name, value] of Object.entries(response.headers ?? {})) {
      compare(`header ${name}`, value ?? undefined, answer.headers[name]);
    }
    compare('terminating chunk', response.terminated, answer.terminated);
    compare('text after the last newline', '', answer.streamed.slice(answer.streamed.lastIndexOf('\n') + 1));
    const lines = answer.streamed.split('\n').filter((line) => line !== '');
    const comparison = new Comparison(this.#bindings, this.#target.clock.wallMs());
    comparison.json(
      response.lines ?? [],
      lines.map((line): unknown => JSON.parse(line)),
      'lines',
    );
    return [...differences, ...comparison.differences];
  }

  async #alpn({ offered, chosen }: NonNullable<RecordedStep['alpn']>): Promise<readonly string[]> {
    const { wire } = this.#target;
    if (wire === undefined) return ['needs a socket'];
    const actual = await wire.alpn(offered);
    return actual === chosen ? [] : [`offered ${shown(offered)}, expected ${chosen}, got ${actual}`];
  }
}

interface PendingEvents {
  readonly events: readonly unknown[];
  /** How many events of the watch have been read, including these. */
  readonly upTo: number;
}

/** The events that a step reads: as many as it expects, or all when the stream ends with it. */
function pendingEvents(step: RecordedStep, all: readonly unknown[], from: number): PendingEvents {
  const expected = step.events ?? [];
  const events: unknown[] = [];
  let upTo = from;
  while (upTo < all.length && (step.end !== undefined || events.length < expected.length)) {
    const event = all[upTo];
    upTo += 1;
    const surplus = isBookmark(event) && !isBookmark(expected[events.length]);
    if (step.allowExtraBookmarks !== true || !surplus) events.push(event);
  }
  return { events, upTo };
}

function isBookmark(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'type' in event && event.type === 'BOOKMARK';
}

function compareEnd({ end }: RecordedStep, { ended }: WatchView): readonly string[] {
  if (end?.by !== 'server') {
    return ended === undefined ? [] : [`end: the server ended the stream after ${ended.afterSeconds} s`];
  }
  if (ended === undefined) return ['end: the server should have ended the stream'];
  const rest = ended.rest === '' ? [] : [`end: a line without its newline: ${shown(ended.rest)}`];
  return [...rest, ...outside('end', ended.afterSeconds, end.afterSeconds ?? [0, Number.POSITIVE_INFINITY])];
}

function outside(what: string, seconds: number, [from, to]: readonly [number, number]): readonly string[] {
  if (seconds >= from && seconds <= to) return [];
  return [`${what}: ${seconds.toFixed(2)} s, expected ${from} to ${to} s`];
}
