/**
 * Tells whether two worlds are the same situation: a fingerprint of 64 bits that does not depend on what means
 * nothing.
 *
 * Revisions (and the uids of Leases, which are made of them) count by their order alone, requests by who waits for
 * them, moments by whether they are ahead or past, and the candidates by what they are and not by their names: of all ways to
 * exchange them the smallest fingerprint is taken. Left out is what only people read. Two situations that have the
 * same fingerprint by chance would hide one of them: among 10 million the chance is 1 in 370,000.
 */

import type { TimerName } from '../../src/core/input.ts';
import { RESTORATION_INTERVAL_MS } from '../../src/core/leader.ts';
import type { ElectionState } from '../../src/core/state.ts';
import { type Process, TIMERS, type Watch } from './process-model.ts';
import type { World } from './world.ts';

/** A token is a number and what kind it is, in its lowest bits. */
const PLAIN = 0;
const REVISION = 1;
/** slot * 4 + generation; the name of a Pod is generation 0. */
const POD = 2;
const REQUEST = 3;

/**
 * Never judged: for people (`lastRequest` only makes numbers), or told to the application, whose view the checkers do
 * not look at. `config` is the same for all but for the Pod, which the process says.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'config',
  'lastRequest',
  'leaseTransitions',
  'verifiedAtMs',
  'warned',
  'term',
  'source',
  'sinceMs',
]);

const REQUEST_KEYS: ReadonlySet<string> = new Set(['request', 'creation', 'renewal', 'incumbentRead']);

/** Writes values as tokens. */
class Tokens {
  readonly list: number[] = [];
  nowMs = 0;
  /** Each watch numbers its lists by itself. */
  numbersFrom = 0;

  write(key: string, value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.list.push(tokenOf(value));
        return;
      case 'number':
        this.list.push(this.#numberOf(key, value));
        return;
      case 'boolean':
        this.list.push((value ? 2 : 1) * 4);
        return;
      case 'object':
        if (value === null) this.list.push(3 * 4);
        else if (Array.isArray(value)) this.#writeAll(key, value);
        else this.#writeObject(value as { readonly [key: string]: unknown });
        return;
      default:
        this.list.push(4 * 4);
    }
  }

  #writeAll(key: string, values: readonly unknown[]): void {
    this.list.push(values.length * 4);
    for (const value of values) this.write(key, value);
  }

  #writeObject(value: { readonly [key: string]: unknown }): void {
    for (const key in value) {
      if (LEFT_OUT.has(key)) continue;
      this.list.push(wordToken(key));
      // Whether it was announced at all decides which failures are final.
      if (key === 'announcedLeader') this.list.push((value[key] === undefined ? 1 : 2) * 4);
      else this.write(key, value[key]);
    }
    this.list.push(5 * 4);
  }

  #numberOf(key: string, value: number): number {
    if (REQUEST_KEYS.has(key)) return (this.numbersFrom + value) * 4 + REQUEST;
    switch (key) {
      case 'recheckAtMs':
      case 'notBeforeMs':
        return (value > this.nowMs ? 2 : 1) * 4;
      case 'restoredAtMs':
        return (value + RESTORATION_INTERVAL_MS > this.nowMs ? 2 : 1) * 4;
      default:
        return value * 4;
    }
  }
}

const WORDS = new Map<string, number>();

function wordToken(word: string): number {
  let token = WORDS.get(word);
  if (token === undefined) {
    token = (1000 + WORDS.size) * 4 + PLAIN;
    WORDS.set(word, token);
  }
  return token;
}

const STRINGS = new Map<string, number>();

function tokenOf(text: string): number {
  let token = STRINGS.get(text);
  if (token === undefined) {
    token = readToken(text);
    STRINGS.set(text, token);
  }
  return token;
}

function readToken(text: string): number {
  const revision = /^(?:lease-)?(\d+)$/.exec(text);
  if (revision !== null) return Number(revision[1]) * 4 + REVISION;
  const pod = /^(?:app-(\d+)|pod-(\d+)\.(\d+))$/.exec(text);
  if (pod !== null) return (Number(pod[1] ?? pod[2]) * 4 + Number(pod[3] ?? 0)) * 4 + POD;
  return wordToken(text);
}

const TOKENS_OF_STATES = new WeakMap<ElectionState, readonly number[]>();

/** The state of the core changes seldom and is the largest part, so its tokens are kept. */
function stateTokens(process: Process): readonly number[] {
  let tokens = TOKENS_OF_STATES.get(process.state);
  if (tokens === undefined) {
    const writer = new Tokens();
    writer.nowMs = process.nowMs;
    writer.write('', process.state);
    tokens = writer.list;
    TOKENS_OF_STATES.set(process.state, tokens);
  }
  return tokens;
}

function restTokens(process: Process): number[] {
  const writer = new Tokens();
  writer.nowMs = process.nowMs;
  writer.write('pod', process.pod.uid);
  const { leading, working, settling, stopping, yielding, stopped, tooLateFor, told } = process;
  const flags = [leading, working, settling, stopping, yielding, stopped];
  writer.list.push(flags.reduce((sum, flag) => sum * 2 + (flag ? 1 : 0), 0) * 4);
  if (stopped) return writer.list;
  writer.write('', tooLateFor);
  writer.list.push(told.revision * 4 + REVISION);
  for (let index = 0; index < TIMERS.length; index += 1) {
    const timer = TIMERS[index] as TimerName;
    const dueMs = process.timers[index] as number | null;
    if (timer !== 'stale' && timer !== 'backstop') writer.write('', dueMs === null);
  }
  for (const request of process.requests) {
    writer.numbersFrom = NUMBERS_FROM[request.list ?? 'core'];
    writer.write('', request);
  }
  writeWatch(writer, process.leaseWatch, 'lease');
  writeWatch(writer, process.podWatch, 'pod');
  return writer.list;
}

const NUMBERS_FROM = { core: 0, lease: 256, pod: 384 };

function writeWatch(writer: Tokens, watch: Watch | null, of: 'lease' | 'pod'): void {
  writer.numbersFrom = NUMBERS_FROM[of];
  if (watch === null) return writer.write('', null);
  const { state, watched, queue, timer } = watch;
  // What waits for delivery is all newer than the resume point, and how the stream fared sets delays alone.
  writer.write('', state.phase);
  writer.write('request', state.phase === 'listing' ? state.request : null);
  writer.write('', watched?.uid ?? null);
  writer.write('', timer);
  writer.write('', queue);
}

const REST_TOKENS = new WeakMap<Process, readonly number[]>();

function tokensOfRest(process: Process): readonly number[] {
  let tokens = REST_TOKENS.get(process);
  if (tokens === undefined) {
    tokens = restTokens(process);
    REST_TOKENS.set(process, tokens);
  }
  return tokens;
}

function sharedTokens(world: World): readonly number[] {
  const writer = new Tokens();
  const { cluster, strays, budget, namesakes, record } = world;
  writer.write('', cluster.lease);
  writer.write('', cluster.collection);
  writer.write('', strays);
  writer.list.push((budget * 4 + namesakes) * 4);
  writer.write('', record.holder);
  writer.write('', record.released);
  writer.list.push(record.newestToken * 4 + REVISION);
  return writer.list;
}

/** Both halves of a fingerprint. */
export interface Fingerprint {
  high: number;
  low: number;
}

const REVISION_LIMIT = 4096;

/** Makes fingerprints of worlds with so many candidates. */
export class Fingerprints {
  readonly #orders: readonly (readonly number[])[];
  readonly #seen = new Uint8Array(REVISION_LIMIT);
  readonly #rank = new Int32Array(REVISION_LIMIT);
  readonly #requestRank = new Int32Array(REVISION_LIMIT);
  #high = 0;
  #low = 0;

  constructor(candidates: number) {
    this.#orders = permutations(candidates);
  }

  of(world: World): Fingerprint {
    const shared = sharedTokens(world);
    this.#rankRevisions(world, shared);
    const smallest: Fingerprint = { high: 0xffffffff, low: 0xffffffff };
    for (const order of this.#orders) {
      this.#high = 0x9e3779b9;
      this.#low = 0x85ebca6b;
      this.#addAll(shared, order);
      this.#addPods(world, order);
      for (const slot of inverse(order)) {
        for (const process of world.processes) if (process.slot === slot) this.#addProcess(process, order);
      }
      const high = this.#high >>> 0;
      const low = this.#low >>> 0;
      if (high < smallest.high || (high === smallest.high && low < smallest.low)) {
        smallest.high = high;
        smallest.low = low;
      }
    }
    return smallest;
  }

  #addProcess(process: Process, order: readonly number[]): void {
    this.#requestRank.fill(0, 0, 512);
    this.#lastRank = 0;
    this.#add(-1);
    if (!process.stopped) this.#addAll(stateTokens(process), order);
    this.#addAll(tokensOfRest(process), order);
  }

  #lastRank = 0;

  /** What there is of Pods, of tokens that are refused and of Leases taken by hand, as sets. */
  #addPods({ cluster, record }: World, order: readonly number[]): void {
    let pods = 0;
    for (const { uid, terminating } of cluster.pods) pods += setBit(uid, order, terminating ? 2 : 1);
    let taken = 0;
    for (const uid of record.taken) taken += setBit(uid, order, 1);
    for (const uid of record.moved) taken += setBit(uid, order, 2);
    let refused = 0;
    for (const uid of record.refused) refused += setBit(uid, order, 1);
    this.#add(pods);
    this.#add(taken);
    this.#add(refused);
  }

  #rankRevisions({ processes }: World, shared: readonly number[]): void {
    this.#seen.fill(0, 0, this.#most + 1);
    this.#most = 0;
    this.#markRevisions(shared);
    for (const process of processes) {
      if (!process.stopped) this.#markRevisions(stateTokens(process));
      this.#markRevisions(tokensOfRest(process));
    }
    let rank = 0;
    for (let revision = 0; revision <= this.#most; revision += 1) {
      if (this.#seen[revision] === 1) {
        rank += 1;
        this.#rank[revision] = rank;
      }
    }
  }

  #most = 0;

  #markRevisions(tokens: readonly number[]): void {
    for (let index = 0; index < tokens.length; index += 1) {
      const token = tokens[index] as number;
      if ((token & 3) !== REVISION) continue;
      const revision = token >> 2;
      if (revision >= REVISION_LIMIT) throw new Error('more revisions than can be told apart');
      this.#seen[revision] = 1;
      if (revision > this.#most) this.#most = revision;
    }
  }

  #addAll(tokens: readonly number[], order: readonly number[]): void {
    for (let index = 0; index < tokens.length; index += 1) {
      const token = tokens[index] as number;
      const value = token >> 2;
      switch (token & 3) {
        case REVISION:
          this.#add(((this.#rank[value] as number) << 2) | REVISION);
          break;
        case POD:
          this.#add((((order[value >> 2] as number) * 4 + (value & 3)) << 2) | POD);
          break;
        case REQUEST: {
          if (this.#requestRank[value] === 0) {
            this.#lastRank += 1;
            this.#requestRank[value] = this.#lastRank;
          }
          this.#add(((this.#requestRank[value] as number) << 2) | REQUEST);
          break;
        }
        default:
          this.#add(token);
      }
    }
  }

  /** Two independent mixes of 32 bits. */
  #add(value: number): void {
    let high = Math.imul(this.#high ^ value, 0x85ebca6b);
    high = (high << 13) | (high >>> 19);
    this.#high = (Math.imul(high, 5) + 0x27d4eb2f) | 0;
    let low = Math.imul(this.#low + value, 0xc2b2ae35);
    low ^= low >>> 15;
    this.#low = (Math.imul(low, 0x9e3779b1) + 0x165667b1) | 0;
  }
}

function setBit(uid: string, order: readonly number[], value: number): number {
  const place = tokenOf(uid) >> 2;
  return value * 4 ** ((order[place >> 2] as number) * 3 + (place & 3) - 1);
}

function inverse(order: readonly number[]): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < order.length; slot += 1) slots[order[slot] as number] = slot;
  return slots;
}

function permutations(count: number): number[][] {
  if (count === 0) return [[]];
  return permutations(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, position) => order.toSpliced(position, 0, count - 1)),
  );
}
