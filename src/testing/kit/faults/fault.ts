/**
 * The types of a fault: its name, the requests that it affects, and its effect on a request.
 */

import type { RequestFilter } from '../request-filter.ts';

/** The kinds of faults, named as the methods of `Faults`. `random` combines the others. */
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

/**
 * The requests that a fault affects, and their number. Without any option it affects all requests.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const pod = cluster.createPod({ name: 'web-0' });
 * // The next three renewals of this Pod fail.
 * const fault = cluster.faults.answer(503, { client: pod, verb: 'update', resource: 'leases', times: 3 });
 * console.log(fault.active); // true
 * await cluster.stop();
 * ```
 */
export interface FaultOptions extends RequestFilter {
  /** The number of requests after which the fault ends, from 1. @default it lasts until it is lifted */
  readonly times?: number | undefined;
}

/** How a request ends instead of being answered normally. */
export type FaultOutcome =
  | { readonly type: 'refuse' }
  | { readonly type: 'answer'; readonly status: number }
  | { readonly type: 'dropAnswer' };

/** The effects of the faults on one request. */
export interface FaultEffects {
  readonly names: readonly FaultName[];
  readonly delayMs: number;
  readonly outcome: FaultOutcome | undefined;
  /** The open watches of its client are cut. */
  readonly cutsWatches: boolean;
  /** How long the watches of its client are silent. */
  readonly silenceMs: number;
  /** How late the answer is, although the request was carried out at once. */
  readonly answerDelayMs?: number;
  /** How the connection is closed after the answer. */
  readonly closes?: 'announced' | 'silent';
}
