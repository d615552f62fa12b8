/**
 * The faults of single requests and watches.
 *
 * `parameters.ts` draws the conditions of one simulation. When the faults end, the conditions are `CALM`.
 */

import type { Random } from '../../src/runtime/random.ts';

/** The probability of each fault of a request (0 to 1), and the delays of messages. */
export interface NetworkConditions {
  /** The minimum delay of a message, in milliseconds. */
  readonly latencyMs: number;
  /** The maximum random addition to that delay, in milliseconds. */
  readonly jitterMs: number;
  /** A request never arrives, and the sender is not notified. */
  readonly lostRequest: number;
  /** A request is executed, but its answer is lost. */
  readonly lostAnswer: number;
  /** A request is executed, and then the connection is reset. */
  readonly resetAnswer: number;
  /** The server closes a kept-alive connection before the request arrives, or after the request was executed. */
  readonly keptConnectionDies: number;
  /** A request arrives up to `LATEST_REQUEST_MS` late, long after the time-out of its sender. */
  readonly lateRequest: number;
  /** A proxy repeats a request. It is executed twice, and the sender receives the second answer. */
  readonly repeatedRequest: number;
  /** A request is answered with an error and not executed. */
  readonly errorAnswer: number;
  /** A request is executed and answered with an error. */
  readonly errorAfterwards: number;
  /** A new watch delivers nothing, and does not end. */
  readonly silentWatch: number;
  /** The maximum additional delay of a watch event, in milliseconds. */
  readonly watchLagMs: number;
  /** An event of a watch arrives in pieces. */
  readonly splitLines: boolean;
}

/** No faults. */
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

/** The error statuses that a server or a proxy may answer at any time. */
export const ERROR_STATUSES: readonly number[] = [401, 403, 409, 410, 429, 500, 503, 504];

/** The longest delay of a late request, in milliseconds. */
export const LATEST_REQUEST_MS = 30_000;

/** The faults of one request. */
export interface RequestFaults {
  readonly requestDelayMs: number;
  readonly answerDelayMs: number;
  readonly arrives: boolean;
  readonly repeated: boolean;
  readonly answer: 'arrives' | 'lost' | 'reset';
  /** The state of a connection that carried a request before. */
  readonly keptConnection: 'stands' | 'closed' | 'breaks';
  /** The status of the answer if the request is not executed, or `null`. */
  readonly status: number | null;
  /** The status of the answer after the request was executed, or `null`. */
  readonly statusAfterwards: number | null;
}

/** Draws the faults of a request. */
export function drawRequestFaults(conditions: NetworkConditions, random: Random): RequestFaults {
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
