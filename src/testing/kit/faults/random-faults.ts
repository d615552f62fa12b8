/**
 * Random faults from a seed, so that a failure can be repeated.
 */

import { checkKeys, checkNumber, checkWholeNumber } from '../../../runtime/argument-check.ts';
import { type Random, seededRandom } from '../../../runtime/random.ts';
import { FILTER_KEYS, type RequestAttributes, WRITE_VERBS } from '../request-filter.ts';
import type { FaultEffects, FaultName, FaultOptions, FaultOutcome } from './fault.ts';

/**
 * The probability of each fault, from 0 to 1, for each request. An omitted fault does not happen.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const mix = cluster.faults.random(42, { delay: 0.2, answer: 0.05, dropAnswer: 0.02, cutWatches: 0.01 });
 * mix.lift();
 * await cluster.stop();
 * ```
 */
export interface RandomFaults {
  /** The request is late, by up to `maxDelayMs`. */
  readonly delay?: number | undefined;
  /** The connection is reset, and the request is not carried out. */
  readonly refuse?: number | undefined;
  /** The answer is an error, one of `statuses`. */
  readonly answer?: number | undefined;
  /** A write is carried out, but its answer is lost. */
  readonly dropAnswer?: number | undefined;
  /** The open watches of the client are cut. */
  readonly cutWatches?: number | undefined;
  /** The watches of the client are silent for up to `maxDelayMs`. */
  readonly silenceWatches?: number | undefined;
}

/**
 * The requests that the random faults affect, and their limits.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const mix = cluster.faults.random(42, { delay: 0.5, answer: 0.1 }, { verb: 'update', maxDelayMs: 20, statuses: [503] });
 * mix.lift();
 * await cluster.stop();
 * ```
 */
export interface RandomFaultOptions extends FaultOptions {
  /** The longest delay, and the longest silence of a watch, in milliseconds, at most 600,000. @default 50 */
  readonly maxDelayMs?: number | undefined;
  /**
   * The HTTP statuses of `answer`, from 400 to 599, each equally likely. 429 makes a client wait for a second.
   *
   * @default 500 and 503
   */
  readonly statuses?: readonly number[] | undefined;
}

/** The longest random delay by default, in milliseconds. */
const DEFAULT_MAX_DELAY_MS = 50;
/** The statuses of random errors by default: a client can only retry, and does so soon. */
const DEFAULT_STATUSES: readonly number[] = [500, 503];

const NAMES: readonly string[] = ['delay', 'refuse', 'answer', 'dropAnswer', 'cutWatches', 'silenceWatches'];

/** @throws {TypeError | RangeError} for an unknown fault, a probability outside of 0 to 1, or an invalid option */
export function checkRandomFaults(seed: unknown, probabilities: RandomFaults, options: RandomFaultOptions): void {
  checkWholeNumber('faults.random, seed,', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  checkKeys('faults.random, probabilities,', probabilities, NAMES);
  for (const [name, probability] of Object.entries(probabilities)) {
    if (probability !== undefined) checkNumber(`faults.random, ${name},`, probability, 0, 1);
  }
  checkKeys('faults.random', options, [...FILTER_KEYS, 'times', 'maxDelayMs', 'statuses']);
  const { maxDelayMs = DEFAULT_MAX_DELAY_MS, statuses = DEFAULT_STATUSES } = options;
  checkNumber('faults.random, maxDelayMs,', maxDelayMs, 0, 600_000);
  if (!Array.isArray(statuses) || statuses.length === 0) throw new TypeError('faults.random, statuses, must be a list');
  for (const status of statuses) checkWholeNumber('faults.random, statuses,', status, 400, 599);
}

/** Draws the faults of each request. */
export class RandomMix {
  readonly #seed: number;
  readonly #probabilities: RandomFaults;
  readonly #maxDelayMs: number;
  readonly #statuses: readonly number[];
  /** One sequence for each client, verb and resource, so that their interleaving does not matter. */
  readonly #sequences = new Map<string, Random>();

  constructor(seed: number, probabilities: RandomFaults, options: RandomFaultOptions) {
    this.#seed = seed;
    this.#probabilities = probabilities;
    this.#maxDelayMs = options.maxDelayMs ?? DEFAULT_MAX_DELAY_MS;
    this.#statuses = options.statuses ?? DEFAULT_STATUSES;
  }

  /** The effects of the faults on the request; undefined when there are none. */
  draw(request: RequestAttributes): FaultEffects | undefined {
    const random = this.#sequence(request);
    // Always the same draws in the same order, so that a change of one probability does not change the other faults.
    const draw = (probability: number | undefined): boolean => random.next() < (probability ?? 0);
    const { delay, refuse, answer, dropAnswer, cutWatches, silenceWatches } = this.#probabilities;
    const delays = draw(delay);
    const delayMs = random.next() * this.#maxDelayMs;
    const refuses = draw(refuse);
    const answers = draw(answer);
    const status = this.#statuses[Math.floor(random.next() * this.#statuses.length)] ?? 500;
    const drops = draw(dropAnswer) && (WRITE_VERBS as readonly string[]).includes(request.verb);
    const cutsWatches = draw(cutWatches);
    const silences = draw(silenceWatches);
    const silenceMs = random.next() * this.#maxDelayMs;
    const outcome = outcomeOf(refuses, answers, drops, status);
    const names: FaultName[] = [];
    if (delays) names.push('delay');
    if (outcome !== undefined) names.push(outcome.type);
    if (cutsWatches) names.push('cutWatches');
    if (silences) names.push('silenceWatches');
    if (names.length === 0) return undefined;
    return { names, delayMs: delays ? delayMs : 0, outcome, cutsWatches, silenceMs: silences ? silenceMs : 0 };
  }

  #sequence({ client, verb, resource }: RequestAttributes): Random {
    const key = `${this.#seed}/${client}/${verb}/${resource}`;
    let sequence = this.#sequences.get(key);
    if (sequence === undefined) {
      sequence = seededRandom(hashOf(key));
      this.#sequences.set(key, sequence);
    }
    return sequence;
  }
}

function outcomeOf(refuses: boolean, answers: boolean, drops: boolean, status: number): FaultOutcome | undefined {
  if (refuses) return { type: 'refuse' };
  if (answers) return { type: 'answer', status };
  return drops ? { type: 'dropAnswer' } : undefined;
}

/** FNV-1a, 32 bits: spreads similar keys well enough for seeds. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
