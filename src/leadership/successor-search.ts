/**
 * Searches for the Pod that should lead next: at intervals while this process leads, and once more when it leaves.
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

/**
 * How long a Pod that stepped down is not chosen as the successor, in milliseconds. It also lets the other Pods
 * campaign first for this time.
 */
export const PASSED_OVER_MS: number = STEP_DOWN_PAUSE_MS;

/** The last other Pod that led, as far as this process observed it. */
interface Predecessor {
  readonly uid: string;
  /** The monotonic moment at which the end of its leadership was observed; `null` while it leads. */
  readonly leftAtMs: number | null;
}

/** The search of one elector. */
export class SuccessorSearch {
  readonly #clock: Clock;
  readonly #list: () => Promise<Answer<PodListing>>;
  readonly #listed: (listing: PodListing | null, passedOver: string | null) => void;
  #timer: Timer | null = null;
  /** A number that grows with each term, so that an answer of an earlier term is ignored. */
  #term = 0;
  #isListing = false;
  #predecessor: Predecessor | null = null;

  /**
   * @param list never rejects
   * @param listed called with each answer (`null` if the list is forbidden) and the uid of a Pod that must not be
   * chosen
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

  /** Records that another Pod leads; `null`: no other Pod leads. */
  follow(uid: string | null): void {
    if (uid !== null) this.#predecessor = { uid, leftAtMs: null };
    else if (this.#predecessor?.leftAtMs === null) {
      this.#predecessor = { ...this.#predecessor, leftAtMs: this.#clock.nowMs() };
    }
  }

  /** Begins a term. */
  begin(): void {
    this.end();
    this.#search();
  }

  /** Ends the term. */
  end(): void {
    this.#term += 1;
    this.#isListing = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Lists once more before the Lease is released. Resolves when the list is answered, after 500 ms at the latest. */
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
    // At most one list is in flight. It ends after a few request time-outs at the latest.
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
