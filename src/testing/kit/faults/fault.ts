/**
 * The types of a fault: its name, which requests it affects, and what it does to a request.
 */

import type { RequestFilter } from '../request-filter.ts';

/** What can go wrong. `random` is a mix of the others. */
export type FaultName =
  | 'delay'
  | 'refuse'
  | 'answer'
  | 'dropAnswer'
  | 'cutWatches'
  | 'silenceWatches'
  | 'delayAnswer'
  | 'closeConnection'
  | 'resetReused'
  | 'sickServer'
  | 'random';

/** Which requests a fault affects, and how many of them. */
export interface FaultOptions extends RequestFilter {
  /** After so many requests the fault is over. @default until it is lifted */
  readonly times?: number | undefined;
}

/** How a request ends instead of being answered. */
export type FaultOutcome =
  | { readonly type: 'refuse' }
  | { readonly type: 'answer'; readonly status: number }
  | { readonly type: 'dropAnswer' };

/** What the faults do to one request. */
export interface FaultEffects {
  readonly names: readonly FaultName[];
  readonly delayMs: number;
  readonly outcome: FaultOutcome | undefined;
  /** The open watches of its client are cut. */
  readonly cutsWatches: boolean;
  /** The watches of its client are silent for so long. */
  readonly silenceMs: number;
  /** The answer is late by so long, although the request was carried out at once. */
  readonly answerDelayMs?: number;
  /** How the connection is closed after the answer. */
  readonly closes?: 'announced' | 'silent';
}
