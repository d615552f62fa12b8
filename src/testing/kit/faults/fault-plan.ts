/**
 * The faults of an embedded cluster: which are in force, whom they befall, and how they are lifted. How a fault
 * looks to its victim is the business of cluster-gate.ts.
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

/** A server behind a balancer that has several, and chooses one for each connection. */
export interface SickServerOptions extends FaultOptions {
  /** The HTTP status of all its answers. @default none: it never answers */
  readonly status?: number | undefined;
  /** How many servers there are. With 2, every second connection on average ends at the sick one. @default 2 */
  readonly of?: number | undefined;
  /** Chooses the connections. @default 1 */
  readonly seed?: number | undefined;
}

/** The most servers behind a balancer. */
const MOST_SERVERS = 1000;

const NOTHING: FaultEffects = { names: [], delayMs: 0, outcome: undefined, cutsWatches: false, silenceMs: 0 };

/** A fault that was put in force. */
export class InjectedFault {
  readonly name: FaultName;
  readonly #lift: () => void;
  #hits = 0;
  #active = true;

  /** @internal */
  constructor(name: FaultName, lift: () => void) {
    this.name = name;
    this.#lift = lift;
  }

  /** How many requests it has befallen. */
  get hits(): number {
    return this.#hits;
  }

  /** False when it was lifted, or is over after its `times`. */
  get active(): boolean {
    return this.#active;
  }

  /** Ends the fault. Doing so twice does nothing. */
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

/** Without a connection the request came in process. */
type Matcher = (request: RequestAttributes, connection: RequestConnection | undefined) => boolean;

interface Entry {
  readonly fault: InjectedFault;
  readonly matches: Matcher;
  readonly times: number;
  /** Decides how the request ends, so that it is not used up where another has decided that already. */
  readonly isFinal: boolean;
  readonly effects: (request: RequestAttributes) => FaultEffects | undefined;
}

/** Everything that goes wrong in an embedded cluster. Faults that were put in force first come first. */
export class Faults {
  readonly #clock: Clock;
  readonly #watches: WatchTracker;
  readonly #active = new Map<InjectedFault, Entry | undefined>();

  /** @internal */
  constructor(clock: Clock, watches: WatchTracker) {
    this.#clock = clock;
    this.#watches = watches;
  }

  /** Those in force. */
  get active(): readonly InjectedFault[] {
    return [...this.#active.keys()];
  }

  /**
   * Carries requests out only after `ms` milliseconds. The delays of several faults add up.
   *
   * @throws {TypeError | RangeError}
   */
  delay(options: FaultOptions & { readonly ms: number }): InjectedFault {
    const matches = matcherOf('faults.delay', options, ['times', 'ms']);
    checkNumber('faults.delay, ms,', options.ms, 0, LONGEST_DELAY_MS);
    return this.#inject('delay', matches, options.times, { delayMs: options.ms });
  }

  /**
   * Resets the connection without carrying the request out, as a server does that is not there.
   *
   * @throws {TypeError | RangeError}
   */
  refuse(options: FaultOptions = {}): InjectedFault {
    return this.#inject('refuse', matcherOf('faults.refuse', options, ['times']), options.times, {
      outcome: { type: 'refuse' },
    });
  }

  /**
   * Answers with an error instead of carrying the request out: 401, 403, 409, 410, 429, 500, 503, 504 in the words of
   * a real server, or any other from 400 to 599. A watch is told 410 as it is told in truth, by an event.
   *
   * @throws {TypeError | RangeError}
   */
  answer(status: number, options: FaultOptions = {}): InjectedFault {
    checkWholeNumber('faults.answer, status,', status, 400, 599);
    return this.#inject('answer', matcherOf('faults.answer', options, ['times']), options.times, {
      outcome: { type: 'answer', status },
    });
  }

  /**
   * Carries the request out and resets the connection instead of answering: its client cannot know that it has
   * succeeded. Befalls writes only, unless verbs are given.
   *
   * @throws {TypeError | RangeError}
   */
  dropAnswer(options: FaultOptions = {}): InjectedFault {
    const matches = matcherOf('faults.dropAnswer', { verb: WRITE_VERBS, ...options }, ['times']);
    return this.#inject('dropAnswer', matches, options.times, { outcome: { type: 'dropAnswer' } });
  }

  /**
   * Carries requests out at once and answers `ms` milliseconds later, as on a slow network. `delay` does the same to the
   * way there. The delays of several faults add up.
   *
   * @throws {TypeError | RangeError}
   */
  delayAnswer(options: FaultOptions & { readonly ms: number }): InjectedFault {
    const matches = matcherOf('faults.delayAnswer', options, ['times', 'ms']);
    checkNumber('faults.delayAnswer, ms,', options.ms, 0, LONGEST_DELAY_MS);
    return this.#inject('delayAnswer', matches, options.times, { answerDelayMs: options.ms });
  }

  /**
   * Closes the connection after the answer: with `connection: close`, or with `announced: false` in silence, as a
   * balancer does whose idle time-out is over. A watch is closed when it ends.
   *
   * @param options `announced`: the answer says so. @default true
   * @throws {TypeError}
   */
  closeConnection(options: FaultOptions & { readonly announced?: boolean | undefined } = {}): InjectedFault {
    const matches = matcherOf('faults.closeConnection', options, ['times', 'announced']);
    const { announced = true } = options;
    if (typeof announced !== 'boolean') throw new TypeError('faults.closeConnection, announced, must be true or false');
    return this.#inject('closeConnection', matches, options.times, { closes: announced ? 'announced' : 'silent' });
  }

  /**
   * Resets a connection that has carried a request before, when the next one arrives, without carrying that out. The
   * first request on each connection is answered.
   *
   * @throws {TypeError}
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
   * One of several servers behind a balancer is sick: it answers every request with `status`, or never. The balancer
   * chooses a server for each connection, so that a client which keeps its connection stays at the sick one.
   *
   * @throws {TypeError | RangeError}
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
      // Without a status no answer comes: no client waits as long as the longest delay.
      status === undefined
        ? { delayMs: LONGEST_DELAY_MS, outcome: { type: 'refuse' } }
        : { outcome: { type: 'answer', status } },
    );
  }

  /**
   * Breaks the watches off that are open now. Returns how many; there is nothing to lift.
   *
   * @throws {TypeError}
   */
  cutWatches(filter: Omit<RequestFilter, 'verb'> = {}): number {
    return this.#watches.cut(matcherOf('faults.cutWatches', withoutVerb('faults.cutWatches', filter)));
  }

  /**
   * Lets watches, open ones and new ones, stay open and tell nothing until the fault is lifted. Then they tell
   * everything they held back, late and in order, as after an interruption of the network.
   *
   * @throws {TypeError}
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
   * A mix of faults, drawn from a seed. What befalls the n-th request of a client with a verb and a resource is
   * the same in every run, however the requests of different clients interleave.
   *
   * @param probabilities from 0 to 1 for each fault, such as `{ delay: 0.2, dropAnswer: 0.05 }`
   * @throws {TypeError | RangeError}
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
   * @internal What befalls this request; counts it.
   *
   * @param connection where it arrived; undefined in process
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

/** A filter from JavaScript may have a verb all the same; it would never match, since every watch is a `watch`. */
function withoutVerb(what: string, filter: Omit<RequestFilter, 'verb'>): RequestFilter {
  if (typeof filter !== 'object' || filter === null || !('verb' in filter)) return filter;
  throw new TypeError(`${what} knows no "verb"; it knows ${FILTER_KEYS.filter((key) => key !== 'verb').join(', ')}`);
}

function isOfClient(request: RequestAttributes): (watch: RequestAttributes) => boolean {
  return (watch) => watch.client === request.client && watch.podUid === request.podUid;
}
