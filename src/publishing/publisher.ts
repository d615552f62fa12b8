/**
 * Publishes the leader in the cluster: a label and an annotation on the leader's Pod, and Events about the Lease.
 *
 * It does not take part in the election. It sends one request at a time, on separate connections.
 */

import type { DemotionReason, Leader, Term } from '../core/effect.ts';
import type { PodReference } from '../core/lease-record.ts';
import type { MissingRule } from '../core/request-failure.ts';
import type { PublishingPort } from '../driver/ports.ts';
import type { Timer } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import { LeaseEvents } from './lease-events.ts';
import { Outlet, type OutletOptions } from './outlet.ts';
import type { Marks } from './pod-mark.ts';
import { PodMarks } from './pod-marks.ts';

const log = debugLog('lease-elector:publishing');

/**
 * The longest wait of `stop()` for pending writes, in milliseconds. It is never longer than the time-out of a request.
 */
export const CLOSING_LIMIT_MS = 2_000;

/** The publications that the application has requested. */
export interface PublisherWishes extends Marks {
  readonly events: boolean;
}

/** The options of a publisher. */
export interface PublisherOptions extends OutletOptions {
  readonly port: PublishingPort;
  readonly wishes: PublisherWishes;
  readonly self: PodReference;
  readonly lease: string;
  readonly requestTimeoutMs: number;
  /** Receives the proof that the Pod of this process does not exist, so that the election does not continue to lead. */
  readonly ownPodGone: () => void;
}

/** Whether anything is to be published. */
export function wantsPublishing({ leaderLabel, podDeletionCost, events }: PublisherWishes): boolean {
  return leaderLabel !== null || podDeletionCost !== null || events;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #marks: PodMarks | null;
  readonly #events: LeaseEvents | null;
  readonly #outlets: readonly Outlet[];
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  /** The last other Pod that led. */
  #other: PodReference | null = null;
  #timer: Timer | null = null;
  #limit: Timer | null = null;
  #isBusy = false;
  #isOver = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { port, wishes, self, lease, clock, random, ownPodGone } = options;
    const { leaderLabel, podDeletionCost } = wishes;
    const isMarked = leaderLabel !== null || podDeletionCost !== null;
    this.#marks = isMarked ? new PodMarks(port, wishes, self, ownPodGone) : null;
    this.#events = wishes.events ? new LeaseEvents({ port, self, lease, clock, random }) : null;
    const marks =
      this.#marks &&
      new Outlet(
        this.#marks,
        { code: 'pod-patch-failing', consequence: consequenceOf(wishes), title: '`patch` on pods' },
        options,
      );
    const events =
      this.#events &&
      new Outlet(
        this.#events,
        {
          code: 'event-create-failing',
          consequence: 'Until then no Event about the Lease is written. The election continues.',
          title: '`create` on events',
        },
        options,
      );
    this.#outlets = [marks, events].filter((outlet) => outlet !== null);
  }

  /** The missing permissions, as rules of a Role. */
  missingRules(): readonly MissingRule[] {
    return this.#outlets.flatMap(({ missingRule }) => missingRule ?? []);
  }

  elected(term: Term): void {
    this.#marks?.elected(this.#other);
    this.#events?.elected(term);
    this.#wake();
  }

  demoted(reason: DemotionReason): void {
    this.#marks?.demoted();
    this.#events?.demoted(reason);
    this.#wake();
  }

  leaderChanged(leader: Leader | null): void {
    if (leader === null || leader.uid === null || leader.uid === this.#options.self.uid) return;
    this.#other = { name: leader.name, uid: leader.uid };
  }

  /** Called when this process is a candidate and another Pod leads. */
  followed(): void {
    this.#marks?.followed();
    this.#wake();
  }

  /**
   * Writes the pending publications, within the limit. Nothing is written after the promise has resolved. It never
   * rejects.
   */
  close(): Promise<void> {
    if (this.#limit === null) {
      for (const outlet of this.#outlets) outlet.close();
      const limitMs = Math.min(CLOSING_LIMIT_MS, this.#options.requestTimeoutMs);
      this.#limit = this.#options.clock.setTimer(limitMs, () => this.#end());
      this.#schedule();
    }
    return this.#closed.promise;
  }

  #wake(): void {
    for (const outlet of this.#outlets) outlet.wake();
    this.#schedule();
  }

  /** Runs in a microtask, after the present step of the election and all of its changes. */
  #schedule(): void {
    void Promise.resolve().then(() => this.#run());
  }

  #run(): void {
    if (this.#isBusy || this.#isOver) return;
    this.#timer?.cancel();
    this.#timer = null;
    const next = this.#next();
    if (next === null) {
      if (this.#limit !== null) this.#end();
      return;
    }
    const { clock } = this.#options;
    const waitMs = next.dueAtMs - clock.nowMs();
    if (waitMs > 0) {
      this.#timer = clock.setTimer(waitMs, () => this.#run(), { background: true });
      return;
    }
    this.#isBusy = true;
    next.outlet
      .attempt()
      .catch((error: unknown) => {
        // A port never rejects, so this is a defect. Publishing ends, and the election continues.
        log('publishing ends: %o', error);
        this.#end();
      })
      .finally(() => {
        this.#isBusy = false;
        this.#run();
      });
  }

  /** The outlet that is due first. */
  #next(): { readonly outlet: Outlet; readonly dueAtMs: number } | null {
    let first: { readonly outlet: Outlet; readonly dueAtMs: number } | null = null;
    for (const outlet of this.#outlets) {
      const { dueAtMs } = outlet;
      if (dueAtMs !== null && (first === null || dueAtMs < first.dueAtMs)) first = { outlet, dueAtMs };
    }
    return first;
  }

  #end(): void {
    this.#isOver = true;
    for (const outlet of this.#outlets) outlet.stop();
    this.#timer?.cancel();
    this.#limit?.cancel();
    this.#closed.resolve();
  }
}

function consequenceOf({ leaderLabel, podDeletionCost }: Marks): string {
  const label = leaderLabel === null ? '' : `the Service that selects ${leaderLabel} does not lead to the leader's Pod`;
  const cost = podDeletionCost === null ? '' : "a scale-down does not spare the leader's Pod";
  return `Until then ${[label, cost].filter((one) => one !== '').join(', and ')}. The election continues.`;
}
