/**
 * The log of all events. The script waits on it in order of arrival; the display reads it in order of time.
 */

import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DemoEvent, type DemoEventOf, type EventContent, eventsOf } from './demo-event.ts';

/** The longest wait for an event, in milliseconds. It is long, so that the demo does not fail on a busy machine. */
const LIMIT_MS = 15_000;

/** An event that must happen did not happen in time. */
export class NotObserved extends Error {
  override readonly name = 'NotObserved';
}

/** Everything that happened so far. */
export class EventLog {
  /** In order of arrival. A report arrives some milliseconds after its time. */
  readonly events: DemoEvent[] = [];
  /** The event that the script waits for now, in words. */
  waitsFor = '';
  readonly #originNs: bigint = process.hrtime.bigint();
  readonly #arrivals = new EventEmitter();
  readonly #interruption: AbortSignal;
  #mark = 0;
  readonly #taken = new Set<DemoEvent>();
  #shownAtMs = 0;

  /** @param interruption ends all waiting */
  constructor(interruption: AbortSignal) {
    this.#interruption = interruption;
  }

  /** The time of a moment of the machine's monotonic clock, in milliseconds since the demo began, to a tenth. */
  toMs(atNs: bigint = process.hrtime.bigint()): number {
    return Math.round(Number(atNs - this.#originNs) / 1e5) / 10;
  }

  /** Adds an event, and returns its time. */
  add(content: EventContent, atMs: number = this.toMs()): number {
    this.events.push({ atMs, ...content });
    this.#arrivals.emit('event');
    return atMs;
  }

  /** From now on, `next` sees only the events that arrive after this call. */
  mark(): void {
    this.#mark = this.events.length;
  }

  /**
   * Waits for an event of one type that passes the test. `number` counts these events from 1, since the mark.
   *
   * @throws {NotObserved} when it does not happen in time; the reason of the interruption
   */
  async next<T extends DemoEvent['type']>(
    what: string,
    type: T,
    test: (event: DemoEventOf<T>) => boolean = () => true,
    number = 1,
  ): Promise<DemoEventOf<T>> {
    const signal = AbortSignal.any([this.#interruption, AbortSignal.timeout(LIMIT_MS)]);
    this.waitsFor = what;
    for (;;) {
      const found = eventsOf(this.events.slice(this.#mark), type).filter(test)[number - 1];
      if (found !== undefined) return found;
      await once(this.#arrivals, 'event', { signal }).catch(() => {
        this.#interruption.throwIfAborted();
        throw new NotObserved(`not within ${LIMIT_MS / 1000} s: ${what}`);
      });
    }
  }

  /** Lets time pass, for the reason that `why` gives. */
  async pause(why: string, durationMs: number): Promise<void> {
    this.waitsFor = why;
    await sleep(durationMs, undefined, { signal: this.#interruption });
  }

  /**
   * The events up to `untilMs` that were not taken yet, in order of time. `shownAtMs` never decreases: an event that
   * arrives after a later one was taken gets the time of that one.
   */
  take(untilMs: number): readonly (readonly [event: DemoEvent, shownAtMs: number])[] {
    const due = this.events.filter((event) => event.atMs <= untilMs && !this.#taken.has(event));
    return due
      .toSorted((a, b) => a.atMs - b.atMs)
      .map((event) => {
        this.#taken.add(event);
        this.#shownAtMs = Math.max(this.#shownAtMs, event.atMs);
        return [event, this.#shownAtMs];
      });
  }
}
