/**
 * What goes wrong at the moment: with the network, with the API server, with the garbage collector.
 *
 * `parameters.ts` draws the conditions of one simulation; when the faults end they are `CALM`.
 */

import type { Random } from '../../src/runtime/random.ts';

/** How likely each fault of one request is (0 to 1), and how long messages travel. */
export interface NetworkConditions {
  /** A message takes between so many milliseconds… */
  readonly latencyMs: number;
  /** …and so many more. */
  readonly jitterMs: number;
  /** Never arrives, and the sender is not notified. */
  readonly lostRequest: number;
  /** Carried out, but the answer is lost. */
  readonly lostAnswer: number;
  /** Carried out, and then the connection is reset. */
  readonly resetAnswer: number;
  /** The other end has closed a kept connection before the request comes, or does so after it was carried out. */
  readonly keptConnectionDies: number;
  /** Arrives up to `LATEST_REQUEST_MS` later, when its sender has long given up. */
  readonly lateRequest: number;
  /** A proxy sends it again: carried out twice, and the second answer is the answer. */
  readonly repeatedRequest: number;
  /** Answered with an error instead of being carried out. */
  readonly errorAnswer: number;
  /** Carried out, and answered with an error all the same. */
  readonly errorAfterwards: number;
  /** A watch that is opened falls silent at some time, without an end. */
  readonly silentWatch: number;
  /** A watch lags up to so many milliseconds behind. */
  readonly watchLagMs: number;
  /** An event of a watch arrives in pieces. */
  readonly splitLines: boolean;
}

/** Nothing goes wrong. */
export const CALM: NetworkConditions = {
  latencyMs: 1,
  jitterMs: 4,
  lostRequest: 0,
  lostAnswer: 0,
  resetAnswer: 0,
  keptConnectionDies: 0,
  lateRequest: 0,
  repeatedRequest: 0,
  errorAnswer: 0,
  errorAfterwards: 0,
  silentWatch: 0,
  watchLagMs: 0,
  splitLines: false,
};

/** The errors a server, or a proxy before it, may answer at any time. */
export const ERROR_STATUSES: readonly number[] = [401, 403, 409, 410, 429, 500, 503, 504];

/** The longest that a late request is under way, in milliseconds. */
export const LATEST_REQUEST_MS = 30_000;

/** What becomes of one request. */
export interface Fate {
  readonly requestDelayMs: number;
  readonly answerDelayMs: number;
  readonly arrives: boolean;
  readonly repeated: boolean;
  readonly answer: 'arrives' | 'lost' | 'reset';
  /** What becomes of it on a connection that carried a request before. */
  readonly keptConnection: 'stands' | 'closed' | 'breaks';
  /** Answered with this status instead of being carried out, or `null`. */
  readonly status: number | null;
  /** Answered with this status after it was carried out, or `null`. */
  readonly statusAfterwards: number | null;
}

/** Draws what becomes of a request. */
export function drawFate(conditions: NetworkConditions, random: Random): Fate {
  const happens = (chance: number): boolean => chance > 0 && random.next() < chance;
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)] as Item;
  const travelMs = (): number => conditions.latencyMs + random.next() * conditions.jitterMs;
  return {
    requestDelayMs: happens(conditions.lateRequest) ? random.next() * LATEST_REQUEST_MS : travelMs(),
    answerDelayMs: travelMs(),
    arrives: !happens(conditions.lostRequest),
    repeated: happens(conditions.repeatedRequest),
    answer: happens(conditions.lostAnswer) ? 'lost' : happens(conditions.resetAnswer) ? 'reset' : 'arrives',
    keptConnection: happens(conditions.keptConnectionDies) ? pick(['closed', 'breaks']) : 'stands',
    status: happens(conditions.errorAnswer) ? pick(ERROR_STATUSES) : null,
    statusAfterwards: happens(conditions.errorAfterwards) ? pick([500, 503, 504]) : null,
  };
}
