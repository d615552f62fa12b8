/**
 * Searches for the Pod that should lead next, while this process leads, and once more when it leaves.
 *
 * It sends requests and reports the answers. The core decides what follows from an answer. A list that fails has no
 * effect.
 */

import { STEP_DOWN_PAUSE_MS } from '../core/leaving.ts';
import type { PodListing } from '../core/successor.ts';
import type { Answer } from '../driver/ports.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

/** The interval of the lists of the application's Pods, in milliseconds. */
export const LIST_INTERVAL_MS = 60_000;

/** The longest wait for a list before a Lease is released, in milliseconds. */
export const LEAVING_LIST_MS = 500;

/** A Pod that stepped down is not named for this long, in milliseconds. The other Pods go first for as long. */
export const PASSED_OVER_MS: number = STEP_DOWN_PAUSE_MS;

/** The last leader that was another Pod, as far as this process saw it. */
interface Predecessor {
  readonly uid: string;
  /** The monotonic moment at which its leadership was seen to end; `null` while it leads. */
  readonly leftAtMs: number | null;
}

/** The search of one elector. */
export class SuccessorSearch {
  readonly #clock: Clock;
  readonly #list: () => Promise<Answer<PodListing>>;
  readonly #listed: (listing: PodListing | null, passedOver: string | null) => void;
  #timer: Timer | null = null;
  /** Grows with each term, so that an answer of an earlier term is dropped. */
  #term = 0;
  #isListing = false;
  #predecessor: Predecessor | null = null;

  /**
   * @param list never rejects
   * @param listed called with each answer (`null` if the list is forbidden) and the uid of a Pod that must not be named
   */
  constructor(
    clock: Clock,
    list: () => Promise<Answer<PodListing>>,
    listed: (listing: PodListing | null, passedOver: string | null) => void,
  ) {
    this.#clock = clock;
    this.#list = list;
    this.#listed = listed;
  }

  /** Another Pod leads; `null`: no other Pod leads. */
  follow(uid: string | null): void {
    if (uid !== null) this.#predecessor = { uid, leftAtMs: null };
    else if (this.#predecessor?.leftAtMs === null) {
      this.#predecessor = { ...this.#predecessor, leftAtMs: this.#clock.nowMs() };
    }
  }

  /** A term begins. */
  begin(): void {
    this.end();
    this.#search();
  }

  /** The term is over. */
  end(): void {
    this.#term += 1;
    this.#isListing = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Sends one more list before the Lease is released. Resolves when it is answered, and after 500 ms at the latest. */
  async listBeforeLeaving(): Promise<void> {
    this.end();
    const term = this.#term;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(LEAVING_LIST_MS, resolve);
    await Promise.race([this.#listOnce(), late]);
    timer.cancel();
    // A step-down can end earlier, and another term can begin.
    if (term === this.#term) this.end();
  }

  #search(): void {
    this.#timer = this.#clock.setTimer(LIST_INTERVAL_MS, () => this.#search(), { background: true });
    // A list takes at most a few request time-outs, so at most one is in flight.
    if (!this.#isListing) void this.#listOnce();
  }

  async #listOnce(): Promise<void> {
    const term = this.#term;
    this.#isListing = true;
    const answer = await this.#list();
    if (term !== this.#term) return;
    this.#isListing = false;
    if (answer.ok) this.#listed(answer.value, this.#passedOver());
    else if (answer.failure.kind === 'forbidden') this.#listed(null, null);
  }

  #passedOver(): string | null {
    const { uid = null, leftAtMs = null } = this.#predecessor ?? {};
    return leftAtMs !== null && this.#clock.nowMs() - leftAtMs < PASSED_OVER_MS ? uid : null;
  }
}
