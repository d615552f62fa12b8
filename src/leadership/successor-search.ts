/**
 * Looks for the Pod that should lead after this one, while this process leads, and once more when it leaves.
 *
 * It makes requests and reports an answer. What the answer leads to is decided by the core, and a list that fails changes nothing.
 */

import type { PodListing } from '../core/successor.ts';
import type { Answer } from '../driver/ports.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

/** How often the Pods of the application are listed, in milliseconds. */
export const LIST_INTERVAL_MS = 60_000;

/** A list that has no answer within this many milliseconds does not hold the release of a Lease up. */
export const LEAVING_LIST_MS = 500;

export class SuccessorSearch {
  readonly #clock: Clock;
  readonly #list: () => Promise<Answer<PodListing>>;
  readonly #listed: (listing: PodListing | null) => void;
  #timer: Timer | null = null;
  /** Grows with each term: an answer that belongs to an earlier one is dropped. */
  #term = 0;
  #isListing = false;

  /**
   * @param list rejects never
   * @param listed is given each answer; `null` where the list is forbidden
   */
  constructor(clock: Clock, list: () => Promise<Answer<PodListing>>, listed: (listing: PodListing | null) => void) {
    this.#clock = clock;
    this.#list = list;
    this.#listed = listed;
  }

  /** A term begins. */
  begin(): void {
    this.end();
    this.#look();
  }

  /** The term is over. */
  end(): void {
    this.#term += 1;
    this.#isListing = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** One more list before the Lease is released. Resolves when it is answered, and after 500 ms at the latest. */
  async lookBeforeLeaving(): Promise<void> {
    this.end();
    const term = this.#term;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(LEAVING_LIST_MS, resolve);
    await Promise.race([this.#listOnce(), late]);
    timer.cancel();
    // A step-down can end earlier, and another term can begin.
    if (term === this.#term) this.end();
  }

  #look(): void {
    this.#timer = this.#clock.setTimer(LIST_INTERVAL_MS, () => this.#look(), { background: true });
    // A list takes at most a few request time-outs, so at most one is under way.
    if (!this.#isListing) void this.#listOnce();
  }

  async #listOnce(): Promise<void> {
    const term = this.#term;
    this.#isListing = true;
    const answer = await this.#list();
    if (term !== this.#term) return;
    this.#isListing = false;
    if (answer.ok) this.#listed(answer.value);
    else if (answer.failure.kind === 'forbidden') this.#listed(null);
  }
}
