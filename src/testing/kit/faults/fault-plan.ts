/**
 * The faults of an embedded cluster: the active ones, the requests that they affect, and how they are lifted.
 * request-interceptor.ts applies a fault to its request.
 */

import { checkNumber, checkWholeNumber } from '../../../runtime/argument-check.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { seededRandom } from '../../../runtime/random.ts';
import type { RequestConnection } from '../../handlers/api-request.ts';
import { FILTER_KEYS, matcherOf, type RequestAttributes, type RequestFilter, WRITE_VERBS } from '../request-filter.ts';
import type { WatchTracker } from '../watch-tracker.ts';
import type { FaultEffects, FaultName, FaultOptions } from './fault.ts';
import { checkRandomFaults, type RandomFaultOptions, type RandomFaults, RandomMix } from './random-faults.ts';

/** The longest delay, in milliseconds: a test that waits for minutes is a mistake. */
const LONGEST_DELAY_MS = 600_000;

/**
 * One of several servers behind a balancer, which chooses a server for each connection.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const fault = cluster.faults.sickServer({ of: 3, status: 503, seed: 7 });
 * fault.lift();
 * await cluster.stop();
 * ```
 */
export interface SickServerOptions extends FaultOptions {
  /** The HTTP status of all its answers, from 400 to 599. @default none: it never answers */
  readonly status?: number | undefined;
  /**
   * The number of servers, from 1 to 1,000. With 2, on average every second connection ends at the sick one. @default 2
   */
  readonly of?: number | undefined;
  /** The seed of the choice of connections: a whole number from 0. @default 1 */
  readonly seed?: number | undefined;
}

/** The largest number of servers behind a balancer. */
const MOST_SERVERS = 1000;

const NOTHING: FaultEffects = { names: [], delayMs: 0, outcome: undefined, cutsWatches: false, silenceMs: 0 };

/**
 * A fault that a method of `Faults` has injected. It lasts until it is lifted, or until its `times` are used up.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const fault = cluster.faults.refuse({ resource: 'leases' });
 * fault.lift();
 * console.log(fault.name, fault.active, fault.hits); // refuse false 0
 * await cluster.stop();
 * ```
 */
export class InjectedFault {
  /** The method of `Faults` that has injected it. */
  readonly name: FaultName;
  readonly #lift: () => void;
  #hits = 0;
  #active = true;

  /** @internal */
  constructor(name: FaultName, lift: () => void) {
    this.name = name;
    this.#lift = lift;
  }

  /** How many requests it has affected. */
  get hits(): number {
    return this.#hits;
  }

  /** False when it was lifted, or has ended after its `times`. */
  get active(): boolean {
    return this.#active;
  }

  /** Ends the fault. A second call does nothing. */
  lift(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#lift();
  }

  /** The same as `lift()`, for `using`. */
  [Symbol.dispose](): void {
    this.lift();
  }

  /** @internal */
  hit(): void {
    this.#hits += 1;
  }
}

/** `connection` is undefined for a request in process. */
type Matcher = (request: RequestAttributes, connection: RequestConnection | undefined) => boolean;

interface Entry {
  readonly fault: InjectedFault;
  readonly matches: Matcher;
  readonly times: number;
  /** The fault decides how the request ends. It is not counted when an earlier fault has already decided that. */
  readonly isFinal: boolean;
  readonly effects: (request: RequestAttributes) => FaultEffects | undefined;
}

/**
 * The faults of an embedded cluster, as `cluster.faults`. Each method injects one, and returns it, so that a test can
 * lift it and count its hits. Of two faults that end a request, the one that was injected first decides.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const outage = cluster.faults.refuse();
 * cluster.faults.delay({ ms: 20, verb: 'watch' });
 * console.log(cluster.faults.active.length); // 2
 * outage.lift();
 * cluster.faults.liftAll();
 * console.log(cluster.faults.active.length); // 0
 * await cluster.stop();
 * ```
 */
export class Faults {
  readonly #clock: Clock;
  readonly #watches: WatchTracker;
  readonly #active = new Map<InjectedFault, Entry | undefined>();

  /** @internal */
  constructor(clock: Clock, watches: WatchTracker) {
    this.#clock = clock;
    this.#watches = watches;
  }

  /** The active faults. */
  get active(): readonly InjectedFault[] {
    return [...this.#active.keys()];
  }

  /**
   * Carries requests out only after `ms` milliseconds, at most 600,000. The delays of several faults add up.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  delay(options: FaultOptions & { readonly ms: number }): InjectedFault {
    const matches = matcherOf('faults.delay', options, ['times', 'ms']);
    checkNumber('faults.delay, ms,', options.ms, 0, LONGEST_DELAY_MS);
    return this.#inject('delay', matches, options.times, { delayMs: options.ms });
  }

  /**
   * Resets the connection without carrying the request out, as if there were no server.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  refuse(options: FaultOptions = {}): InjectedFault {
    return this.#inject('refuse', matcherOf('faults.refuse', options, ['times']), options.times, {
      outcome: { type: 'refuse' },
    });
  }

  /**
   * Answers with an error from 400 to 599 instead of carrying the request out. 401, 403, 409, 410, 429, 500, 503 and
   * 504 have the words of a real server. A watch receives 410 as an event, as in reality (fact 17).
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  answer(status: number, options: FaultOptions = {}): InjectedFault {
    checkWholeNumber('faults.answer, status,', status, 400, 599);
    return this.#inject('answer', matcherOf('faults.answer', options, ['times']), options.times, {
      outcome: { type: 'answer', status },
    });
  }

  /**
   * Carries the request out and resets the connection instead of answering, so that the client cannot know that the
   * request has succeeded. Affects only writes, unless verbs are given.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  dropAnswer(options: FaultOptions = {}): InjectedFault {
    const matches = matcherOf('faults.dropAnswer', { verb: WRITE_VERBS, ...options }, ['times']);
    return this.#inject('dropAnswer', matches, options.times, { outcome: { type: 'dropAnswer' } });
  }

  /**
   * Carries requests out at once and answers `ms` milliseconds later, at most 600,000, as on a slow network. `delay`
   * delays the request itself. The delays of several faults add up.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  delayAnswer(options: FaultOptions & { readonly ms: number }): InjectedFault {
    const matches = matcherOf('faults.delayAnswer', options, ['times', 'ms']);
    checkNumber('faults.delayAnswer, ms,', options.ms, 0, LONGEST_DELAY_MS);
    return this.#inject('delayAnswer', matches, options.times, { answerDelayMs: options.ms });
  }

  /**
   * Closes the connection after the answer: with the header `connection: close`, or with `announced: false` without it,
   * as a balancer does after its idle time-out. The connection of a watch is closed when the watch ends.
   *
   * @param options `announced`: whether the answer has the header. @default true
   * @throws {TypeError | RangeError} for an invalid option
   */
  closeConnection(options: FaultOptions & { readonly announced?: boolean | undefined } = {}): InjectedFault {
    const matches = matcherOf('faults.closeConnection', options, ['times', 'announced']);
    const { announced = true } = options;
    if (typeof announced !== 'boolean') throw new TypeError('faults.closeConnection, announced, must be true or false');
    return this.#inject('closeConnection', matches, options.times, { closes: announced ? 'announced' : 'silent' });
  }

  /**
   * Answers the first request on each connection. When a further request arrives on it, resets the connection and does
   * not carry that request out.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  resetReused(options: FaultOptions = {}): InjectedFault {
    const matches = matcherOf('faults.resetReused', options, ['times']);
    return this.#inject(
      'resetReused',
      (request, connection) => connection?.used === true && matches(request),
      options.times,
      { outcome: { type: 'refuse' } },
    );
  }

  /**
   * Makes one of several servers behind a balancer sick: it answers every request with `status`, or never. The balancer
   * chooses a server for each connection, so a client that keeps its connection stays at the sick server.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  sickServer(options: SickServerOptions = {}): InjectedFault {
    const { status, of = 2, seed = 1, times, ...filter } = options;
    const matches = matcherOf('faults.sickServer', filter);
    if (status !== undefined) checkWholeNumber('faults.sickServer, status,', status, 400, 599);
    checkWholeNumber('faults.sickServer, of,', of, 1, MOST_SERVERS);
    checkWholeNumber('faults.sickServer, seed,', seed, 0, Number.MAX_SAFE_INTEGER);
    const isSick = (connection: RequestConnection | undefined): boolean =>
      connection !== undefined && seededRandom(seed + connection.number).next() * of < 1;
    return this.#inject(
      'sickServer',
      (request, connection) => isSick(connection) && matches(request),
      times,
      // Without a status there is no answer: no client waits as long as the longest delay.
      status === undefined
        ? { delayMs: LONGEST_DELAY_MS, outcome: { type: 'refuse' } }
        : { outcome: { type: 'answer', status } },
    );
  }

  /**
   * Cuts the watches that are open now. Returns their number; there is nothing to lift.
   *
   * @throws {TypeError} for an invalid filter
   */
  cutWatches(filter: Omit<RequestFilter, 'verb'> = {}): number {
    return this.#watches.cut(matcherOf('faults.cutWatches', withoutVerb('faults.cutWatches', filter)));
  }

  /**
   * Silences watches, open and new ones, until the fault is lifted. They stay open. Then they deliver all withheld
   * events in order, as after an interruption of the network.
   *
   * @throws {TypeError} for an invalid filter
   */
  silenceWatches(filter: Omit<RequestFilter, 'verb'> = {}): InjectedFault {
    const matches = matcherOf('faults.silenceWatches', withoutVerb('faults.silenceWatches', filter));
    const speak = this.#watches.silence((watch) => matches(watch));
    const fault: InjectedFault = new InjectedFault('silenceWatches', () => {
      this.#active.delete(fault);
      speak();
    });
    this.#active.set(fault, undefined);
    return fault;
  }

  /**
   * Draws random faults from a seed. The faults of the n-th request of a client with a verb and a resource are the same
   * in every run, however the requests of different clients interleave.
   *
   * @param probabilities from 0 to 1 for each fault, such as `{ delay: 0.2, dropAnswer: 0.05 }`
   * @throws {TypeError | RangeError} for an unknown fault, an invalid probability or an invalid option
   */
  random(seed: number, probabilities: RandomFaults, options: RandomFaultOptions = {}): InjectedFault {
    checkRandomFaults(seed, probabilities, options);
    const { times, maxDelayMs: _maxDelayMs, statuses: _statuses, ...filter } = options;
    const mix = new RandomMix(seed, probabilities, options);
    const matches = matcherOf('faults.random', filter);
    return this.#add('random', matches, times, false, (request) => mix.draw(request));
  }

  /** Lifts all faults. */
  liftAll(): void {
    for (const fault of this.active) fault.lift();
  }

  /**
   * @internal Returns the effects of the faults on this request, and counts it.
   *
   * @param connection the connection on which it arrived; undefined in process
   */
  applyTo(request: RequestAttributes, connection?: RequestConnection): FaultEffects {
    let all = NOTHING;
    for (const entry of [...this.#active.values()]) {
      if (entry === undefined || !entry.matches(request, connection)) continue;
      if (entry.isFinal && all.outcome !== undefined) continue;
      const effects = entry.effects(request);
      if (effects === undefined) continue;
      entry.fault.hit();
      if (entry.fault.hits >= entry.times) entry.fault.lift();
      const closes = all.closes ?? effects.closes;
      const answerDelayMs = (all.answerDelayMs ?? 0) + (effects.answerDelayMs ?? 0);
      all = {
        names: [...all.names, ...effects.names],
        delayMs: all.delayMs + effects.delayMs,
        outcome: all.outcome ?? effects.outcome,
        cutsWatches: all.cutsWatches || effects.cutsWatches,
        silenceMs: Math.max(all.silenceMs, effects.silenceMs),
        ...(answerDelayMs === 0 ? {} : { answerDelayMs }),
        ...(closes === undefined ? {} : { closes }),
      };
    }
    if (all.cutsWatches) this.#watches.cut(isOfClient(request));
    if (all.silenceMs > 0) {
      this.#clock.setTimer(all.silenceMs, this.#watches.silence(isOfClient(request)), { background: true });
    }
    return all;
  }

  #inject(name: FaultName, matches: Matcher, times: number | undefined, effect: Partial<FaultEffects>): InjectedFault {
    const effects: FaultEffects = { ...NOTHING, names: [name], ...effect };
    return this.#add(name, matches, times, effects.outcome !== undefined, () => effects);
  }

  #add(
    name: FaultName,
    matches: Matcher,
    times: number | undefined,
    isFinal: boolean,
    effects: Entry['effects'],
  ): InjectedFault {
    if (times !== undefined) checkWholeNumber(`faults.${name}, times,`, times, 1, Number.MAX_SAFE_INTEGER);
    const fault: InjectedFault = new InjectedFault(name, () => this.#active.delete(fault));
    this.#active.set(fault, { fault, matches, times: times ?? Number.POSITIVE_INFINITY, isFinal, effects });
    return fault;
  }
}

/** A filter from JavaScript can contain a verb in spite of its type. It would never match, since every watch is a `watch`. */
function withoutVerb(what: string, filter: Omit<RequestFilter, 'verb'>): RequestFilter {
  if (typeof filter !== 'object' || filter === null || !('verb' in filter)) return filter;
  throw new TypeError(`${what} knows no "verb"; it knows ${FILTER_KEYS.filter((key) => key !== 'verb').join(', ')}`);
}

function isOfClient(request: RequestAttributes): (watch: RequestAttributes) => boolean {
  return (watch) => watch.client === request.client && watch.podUid === request.podUid;
}
