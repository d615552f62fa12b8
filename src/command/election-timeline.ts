/**
 * The elections of a watch, as a page. Collects events, and writes the page to a file from time to time.
 *
 * The watch only observes Leases. The page therefore shows neither the beginning nor the end of a Pod, and has a note
 * about it.
 */

import { writeFile } from 'node:fs/promises';
import type { Clock, Timer } from '../runtime/clock.ts';
import { wordsOf } from '../runtime/quotation.ts';
import { drawTimeline, type TimelineEvent, type TimelineEventContent } from '../testing/index.ts';
import type { ElectionEvent } from './election-log.ts';

/**
 * The largest number of events that are kept. The earliest events are dropped first, and the page shows their number.
 */
export const KEPT_EVENT_LIMIT = 20_000;

/** The number of events that are dropped at once, so that not every new event moves all others. */
const LOST_AT_ONCE = 1_000;

/**
 * The shortest time between two writes of the page, in milliseconds, because a page with many events takes time to
 * draw.
 */
export const PAGE_PAUSE_MS = 5_000;

/** The options of an election timeline. */
export interface ElectionTimelineOptions {
  readonly clock: Clock;
  /** The heading. */
  readonly title: string;
  /** Whether names are shown with their namespace. */
  readonly everywhere: boolean;
  /** Receives each page. */
  readonly write: (page: string) => Promise<void>;
  /** Receives the message when a page could not be written. The next page is written nevertheless. */
  readonly failed: (message: string) => void;
}

/** Writes pages to a file. */
export function pageFile(path: string): (page: string) => Promise<void> {
  return (page) => writeFile(path, page);
}

/** Collects events until it is closed. */
export class ElectionTimeline {
  readonly #options: ElectionTimelineOptions;
  readonly #events: TimelineEvent[] = [];
  readonly #beganAt: Date;
  #lost = 0;
  #isLost = false;
  #timer: Timer | null = null;
  /** The last write. Each write waits for the previous write. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: ElectionTimelineOptions) {
    this.#options = options;
    this.#beganAt = new Date(options.clock.wallMs());
    this.#record({ type: 'noted', tone: 'note', text: 'the watch begins' });
  }

  /** Adds a change of an election. */
  add(event: ElectionEvent): void {
    this.#record(this.#contentOf(event));
  }

  /** Records that the Leases cannot be watched until `received` is called. */
  lost(why: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#record({ type: 'outageBegan', what: `cannot be watched: ${why}` });
  }

  /** Records that the API server has answered. */
  received(): void {
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#record({ type: 'outageEnded' });
  }

  /** Writes the first page, so that a wrong path is reported before the watch begins. @throws {Error} when it cannot be written */
  async open(): Promise<void> {
    await this.#options.write(this.#page());
  }

  /** Writes the last page. @throws {Error} when it cannot be written */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    await this.#options.write(this.#page());
  }

  #record(content: TimelineEventContent): void {
    const { clock } = this.#options;
    this.#events.push({ ...content, atMs: clock.nowMs() });
    if (this.#events.length > KEPT_EVENT_LIMIT) this.#lost += this.#events.splice(0, LOST_AT_ONCE).length;
    this.#timer ??= clock.setTimer(PAGE_PAUSE_MS, () => {
      this.#timer = null;
      this.#writing = this.#writing.then(() => this.#options.write(this.#page())).catch(this.#complain);
    });
  }

  readonly #complain = (error: unknown): void => {
    this.#options.failed(`The timeline could not be written: ${wordsOf(error)}`);
  };

  #page(): string {
    const { clock, title } = this.#options;
    const [from, to] = [this.#beganAt, new Date(clock.wallMs())].map((moment) => moment.toISOString());
    const summary =
      `Recorded from ${from} to ${to}. The watch sees only Leases: ` +
      'the lane of a Pod shows when it held a Lease, not when the Pod began or ended.';
    return drawTimeline(this.#events, { title, summary, untilMs: clock.nowMs(), eventsLost: this.#lost });
  }

  #contentOf(event: ElectionEvent): TimelineEventContent {
    const { change, leaseUid, holder, holderUid, fencingToken, tokenIsExact } = event;
    const lease = this.#nameOf(event, event.lease);
    const pod = holder === null || holderUid === null ? null : { name: this.#nameOf(event, holder), uid: holderUid };
    switch (change) {
      case 'deleted':
        return { type: 'leaseDeleted', lease, leaseUid };
      case 'silent':
        return this.#note(pod, holder, `does not renew the Lease ${lease}, and stays its holder`, 'trouble');
      case 'renewing':
        return this.#note(pod, holder, `renews the Lease ${lease} again`, 'note');
      default: {
        const released = change === 'released' && pod !== null;
        // The same term keeps its token, even if the beginning of the term was not observed.
        const found = !tokenIsExact && change !== 'released' && change !== 'restored';
        const revision = /^\d+$/.test(fencingToken ?? '') ? BigInt(fencingToken ?? 0) : 0n;
        return { type: 'leaseWritten', lease, leaseUid, owner: pod, holder, released, revision, found };
      }
    }
  }

  #note(
    pod: { readonly name: string; readonly uid: string } | null,
    holder: string | null,
    text: string,
    tone: 'note' | 'trouble',
  ): TimelineEventContent {
    // A holder that is not a Pod has no lane.
    return pod === null ? { type: 'noted', text: `${holder} ${text}`, tone } : { type: 'noted', text, tone, pod };
  }

  #nameOf({ namespace }: ElectionEvent, name: string): string {
    return this.#options.everywhere ? `${namespace}/${name}` : name;
  }
}
