/**
 * The stream of happenings: kept in the order in which the director learnt of them, told to listeners, and
 * waited on. What they mean is not decided here.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Event, Happening, HappeningOf } from './happening.ts';

/** Something that must happen did not happen in time. */
export class NotObserved extends Error {
  override readonly name = 'NotObserved';
}

/** A place in the chronicle: what came before it does not count. */
export type Bookmark = number;

/** Everything that happened so far. */
export class Chronicle {
  readonly #originNs: bigint = process.hrtime.bigint();
  readonly #happenings: Happening[] = [];
  readonly #listeners = new Set<(happening: Happening) => void>();
  readonly #interruption: AbortSignal;
  #waitsFor: string | null = null;

  /** @param interruption ends all waiting */
  constructor(interruption: AbortSignal) {
    this.#interruption = interruption;
  }

  get happenings(): readonly Happening[] {
    return this.#happenings;
  }

  /** What the play waits for at the moment. */
  get waitsFor(): string | null {
    return this.#waitsFor;
  }

  /** Milliseconds since the play began. */
  nowMs(): number {
    return this.toMs(process.hrtime.bigint());
  }

  /** The moment `atNs` of the machine's monotonic clock, in milliseconds since the play began. */
  toMs(atNs: bigint): number {
    return Number(atNs - this.#originNs) / 1e6;
  }

  listen(listener: (happening: Happening) => void): void {
    this.#listeners.add(listener);
  }

  add(event: Event, atMs: number = this.nowMs()): Happening {
    const happening: Happening = { ...event, atMs };
    this.#happenings.push(happening);
    for (const listener of [...this.#listeners]) listener(happening);
    return happening;
  }

  bookmark(): Bookmark {
    return this.#happenings.length;
  }

  /** What happened of one type since the bookmark, and passes the test. */
  since<Type extends Event['type']>(
    bookmark: Bookmark,
    type: Type,
    test: (happening: HappeningOf<Type>) => boolean = () => true,
  ): readonly HappeningOf<Type>[] {
    return this.#happenings
      .slice(bookmark)
      .filter((happening): happening is HappeningOf<Type> => happening.type === type)
      .filter(test);
  }

  /** Waits for the first happening of one type since the bookmark that passes the test. */
  next<Type extends Event['type']>(
    what: string,
    bookmark: Bookmark,
    type: Type,
    test: (happening: HappeningOf<Type>) => boolean,
    withinMs: number,
  ): Promise<HappeningOf<Type>> {
    return this.until(what, withinMs, () => this.since(bookmark, type, test)[0]);
  }

  /**
   * Looks again after each happening until there is something to find.
   *
   * @throws {NotObserved} when there is nothing after `withinMs`; the reason of the interruption
   */
  async until<Found>(what: string, withinMs: number, find: () => Found | undefined): Promise<Found> {
    this.checkInterruption();
    const found = find();
    if (found !== undefined) return found;
    this.#waitsFor = what;
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    const look = (): void => {
      const foundNow = find();
      if (foundNow !== undefined) resolve(foundNow);
    };
    const interrupt = (): void => reject(this.#interruption.reason);
    const timer = setTimeout(() => reject(new NotObserved(`not within ${withinMs / 1000} s: ${what}`)), withinMs);
    this.#listeners.add(look);
    this.#interruption.addEventListener('abort', interrupt);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(look);
      this.#interruption.removeEventListener('abort', interrupt);
      this.#waitsFor = null;
    }
  }

  /** @throws the reason of the interruption, once there is one */
  checkInterruption(): void {
    this.#interruption.throwIfAborted();
  }

  /** Lets time pass, and says why. */
  async pause(why: string, durationMs: number): Promise<void> {
    this.#waitsFor = why;
    try {
      await sleep(durationMs, undefined, { signal: this.#interruption });
    } finally {
      this.#waitsFor = null;
    }
  }
}
