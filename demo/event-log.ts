/**
 * The log of all events. The script waits on it in order of arrival; the display reads it in order of time.
 */

import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DemoEvent, type DemoEventOf, type EventContent, eventsOf } from './demo-event.ts';

/** How long an event is awaited, in milliseconds. It is generous: a busy machine is no reason to fail. */
const LIMIT_MS = 15_000;

/** An event that must happen did not happen in time. */
export class NotObserved extends Error {
  override readonly name = 'NotObserved';
}

type Test<T extends DemoEvent['type']> = (event: DemoEventOf<T>) => boolean;

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

  /** @param interruption ends all waiting */
  constructor(interruption: AbortSignal) {
    this.#interruption = interruption;
  }

  /** The time of a moment of the machine's monotonic clock, in milliseconds since the demo began. */
  toMs(atNs: bigint = process.hrtime.bigint()): number {
    return Number(atNs - this.#originNs) / 1e6;
  }

  /** Adds an event, and returns its time. */
  add(content: EventContent, atMs: number = this.toMs()): number {
    this.events.push({ ...content, atMs });
    this.#arrivals.emit('event');
    return atMs;
  }

  /** From now on, `since` and `next` see only the events that arrive after this call. */
  mark(): void {
    this.#mark = this.events.length;
  }

  /** The events of one type since the mark that pass the test. */
  since<T extends DemoEvent['type']>(type: T, test: Test<T> = () => true): readonly DemoEventOf<T>[] {
    return eventsOf(this.events.slice(this.#mark), type).filter(test);
  }

  /** Waits for the first event of one type since the mark that passes the test. @throws {NotObserved} */
  next<T extends DemoEvent['type']>(what: string, type: T, test?: Test<T>): Promise<DemoEventOf<T>> {
    return this.until(what, () => this.since(type, test)[0]);
  }

  /**
   * Calls `find` after each event until it returns a result.
   *
   * @throws {NotObserved} when it returns none in time; the reason of the interruption
   */
  async until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    const signal = AbortSignal.any([this.#interruption, AbortSignal.timeout(LIMIT_MS)]);
    this.waitsFor = what;
    for (let found = find(); ; found = find()) {
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
}
