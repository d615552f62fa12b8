/**
 * The marks of the Pod of this process, and of the Pod that led before.
 *
 * A leader that was cut off from the API server could not remove its mark. Its successor removes it.
 */

import type { PodReference } from '../core/lease-record.ts';
import type { PublishingPort } from '../driver/ports.ts';
import { type Marks, PodMark } from './pod-mark.ts';
import type { AttemptOutcome, Publication } from './publication.ts';

/**
 * A new leader checks the marks of its Pod again after this many milliseconds. An earlier process of this Pod may have
 * removed the label after the new leader wrote it.
 */
export const FIRST_RECHECK_MS = 5_000;

/** The time between two checks of the leader's marks, in milliseconds, because a person may have removed the label. */
export const RECHECK_INTERVAL_MS = 60_000;

export class PodMarks implements Publication {
  readonly #self: PodReference;
  readonly #own: PodMark;
  readonly #predecessor: PodMark;
  /** Whether the marks of this Pod were checked again during this term. */
  #isRechecked = false;

  /** @param ownPodGone receives the proof that the Pod of this process does not exist */
  constructor(port: PublishingPort, marks: Marks, self: PodReference, ownPodGone: () => void) {
    this.#self = self;
    this.#own = new PodMark(port, marks, ownPodGone);
    this.#predecessor = new PodMark(port, marks);
  }

  get isPending(): boolean {
    return this.#own.isPending || this.#predecessor.isPending;
  }

  get recheckAfterMs(): number | null {
    if (this.#own.isLeader !== true) return null;
    return this.#isRechecked ? RECHECK_INTERVAL_MS : FIRST_RECHECK_MS;
  }

  /** @param predecessor the Pod that led before; `null`: no such Pod was seen */
  elected(predecessor: PodReference | null): void {
    this.#isRechecked = false;
    this.#own.want(this.#self, true);
    if (predecessor !== null) this.#predecessor.want(predecessor, false);
  }

  /** Removes the marks of this Pod. The next leader removes the marks of other Pods. */
  demoted(): void {
    this.#own.want(this.#self, false);
    this.#predecessor.forget();
  }

  /** Called when another Pod leads. Removes marks that an earlier process of this Pod may have left. */
  followed(): void {
    this.#own.want(this.#self, false);
  }

  async attempt(): Promise<AttemptOutcome> {
    if (!this.#own.isPending) this.#isRechecked = true;
    const own = await this.#own.attempt();
    const other = this.#predecessor.isPending ? await this.#predecessor.attempt() : 'unchanged';
    if (typeof own === 'object') return own;
    return other === 'unchanged' ? own : other;
  }

  stop(): void {
    this.#own.forget();
    this.#predecessor.forget();
  }
}
