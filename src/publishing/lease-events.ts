/**
 * The Events about the leader, and the queue of Events that are not written yet.
 */

import type { DemotionReason, Term } from '../core/effect.ts';
import type { PodReference } from '../core/lease-record.ts';
import type { LeaseEvent, PublishingPort } from '../driver/ports.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { AttemptOutcome, Publication } from './publication.ts';

/** The largest number of Events that wait to be written. The oldest Event is dropped first. */
export const EVENT_QUEUE_LIMIT = 16;

/**
 * An Event that is older than this many milliseconds is not written. By default the API server keeps Events for an
 * hour.
 */
export const EVENT_LIFETIME_MS = 3_600_000;

/** The reason of each Event, as client-go names it (tools/leaderelection/resourcelock). */
const EVENT_REASON = 'LeaderElection';

/** A name has at most 253 characters, and the digits after the name of the Lease are at most 16. */
const LONGEST_LEASE_PART = 230;

/** The reasons of a term that ends without a request of this process. */
const INVOLUNTARY: ReadonlySet<DemotionReason> = new Set(['usurped', 'pod-deleted', 'unauthorized', 'invariant']);

/** The dependencies of `LeaseEvents`. */
export interface LeaseEventsOptions {
  readonly port: PublishingPort;
  readonly self: PodReference;
  readonly lease: string;
  readonly clock: Clock;
  readonly random: Random;
}

export class LeaseEvents implements Publication {
  readonly recheckAfterMs = null;
  readonly #options: LeaseEventsOptions;
  readonly #queue: { readonly event: LeaseEvent; readonly atMs: number }[] = [];
  #leaseUid = '';
  #lastSuffix = 0n;

  constructor(options: LeaseEventsOptions) {
    this.#options = options;
  }

  get isPending(): boolean {
    return this.#queue.length > 0;
  }

  elected({ leaseUid, resumed }: Term): void {
    this.#leaseUid = leaseUid;
    this.#add('Normal', resumed ? 'became leader again: its container was restarted' : 'became leader');
  }

  demoted(reason: DemotionReason): void {
    this.#add(INVOLUNTARY.has(reason) ? 'Warning' : 'Normal', `stopped leading: ${reason}`);
  }

  async attempt(): Promise<AttemptOutcome> {
    const [first] = this.#queue;
    if (first === undefined) return 'unchanged';
    const isTimely = this.#options.clock.nowMs() - first.atMs <= EVENT_LIFETIME_MS;
    if (isTimely) {
      const written = await this.#options.port.createEvent(first.event);
      // `alreadyExists`: an earlier attempt has written the Event, and its answer was lost.
      if (!written.ok && written.failure.kind !== 'alreadyExists') return written.failure;
    }
    // The Event may have been dropped during the write.
    if (this.#queue[0] === first) this.#queue.shift();
    return isTimely ? 'written' : 'unchanged';
  }

  stop(): void {
    this.#queue.length = 0;
  }

  #add(type: LeaseEvent['type'], what: string): void {
    const { clock, self, lease } = this.#options;
    const wallMs = clock.wallMs();
    this.#queue.push({
      atMs: clock.nowMs(),
      event: {
        name: `${lease.slice(0, LONGEST_LEASE_PART).replace(/[-.]+$/, '')}.${this.#suffix(wallMs)}`,
        type,
        reason: EVENT_REASON,
        message: `${self.name} ${what}`,
        wallMs,
        leaseUid: this.#leaseUid,
        reporter: self.name,
      },
    });
    if (this.#queue.length > EVENT_QUEUE_LIMIT) this.#queue.shift();
  }

  /**
   * The time in nanoseconds, as client-go writes it. The digits below the resolution of the clock are random. Two
   * Events of this process never have the same suffix, even if its clock is set back.
   */
  #suffix(wallMs: number): string {
    const nanoseconds = BigInt(Math.max(0, Math.floor(wallMs))) * 1_000_000n;
    const drawn = nanoseconds + BigInt(Math.floor(this.#options.random.next() * 1_000_000));
    this.#lastSuffix = drawn > this.#lastSuffix ? drawn : this.#lastSuffix + 1n;
    return this.#lastSuffix.toString(16);
  }
}
