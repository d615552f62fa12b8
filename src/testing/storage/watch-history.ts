/**
 * The past writes that are kept, by revision. A watch resumes from them, and a list at an old version is made from
 * them. The watch selects the writes that its client sees.
 */

import type { ApiObject } from '../objects/api-object.ts';
import type { ResourceKind } from '../objects/resources.ts';

/** The effect of a write on an object, in the words of a watch event. */
export type WriteType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One committed write. */
export interface WriteEvent {
  readonly type: WriteType;
  readonly kind: ResourceKind;
  /** The object after the write; after a deletion its last content, with the resourceVersion of the deletion (fact 12). */
  readonly object: ApiObject;
  /** The object before the write; undefined when the write created it. */
  readonly previous: ApiObject | undefined;
  /** The resourceVersion as a number. */
  readonly revision: number;
}

/** How many writes of one resource are kept by default. */
export const DEFAULT_HISTORY_LIMIT = 10_000;
/** How long a write is kept by default, in milliseconds: a real server compacts its store every five minutes. */
export const DEFAULT_HISTORY_AGE_MS = 300_000;

/** A write drops the old events only if there are more than this many. Otherwise the next read drops them. */
const OLD_AT_ONCE = 100;

/** The limits of the history. */
export interface HistoryBounds {
  readonly limit: number;
  readonly ageMs: number;
  /** The time of a clock that never jumps, in milliseconds. */
  readonly nowMs: () => number;
}

/** The past writes of one resource. */
export class WatchHistory {
  readonly #bounds: HistoryBounds;
  #events: WriteEvent[] = [];
  /** The time at which each event was added. */
  #times: number[] = [];
  #floor: number;

  /** @param floor the events up to this revision are lost already */
  constructor(floor: number, bounds: HistoryBounds) {
    this.#floor = floor;
    this.#bounds = bounds;
  }

  /** The highest revision whose event may be lost: a watch can begin at it, but not before. */
  get floor(): number {
    return this.#floor;
  }

  /** How many events are kept. */
  get size(): number {
    this.#dropOld();
    return this.#events.length;
  }

  add(event: WriteEvent): void {
    this.#events.push(event);
    this.#times.push(this.#bounds.nowMs());
    // Dropping half at once keeps adding cheap. At least `limit` events are always kept.
    const { limit } = this.#bounds;
    if (this.#events.length >= limit * 2) this.#dropFirst(this.#events.length - limit);
    if (this.#isOld(this.#times[OLD_AT_ONCE])) this.#dropOld();
  }

  /** The events after `revision` in their order, or undefined when some of them are lost (fact 17). */
  since(revision: number): readonly WriteEvent[] | undefined {
    this.#dropOld();
    if (revision < this.#floor) return undefined;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) > revision) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low);
  }

  /** Drops all events up to `revision`. */
  compact(revision: number): void {
    const kept = this.#events.findIndex((event) => event.revision > revision);
    this.#dropFirst(kept === -1 ? this.#events.length : kept);
    this.#floor = Math.max(this.#floor, revision);
  }

  #isOld(time: number | undefined): boolean {
    return time !== undefined && time < this.#bounds.nowMs() - this.#bounds.ageMs;
  }

  #dropOld(): void {
    if (!this.#isOld(this.#times[0])) return;
    const kept = this.#times.findIndex((time) => !this.#isOld(time));
    this.#dropFirst(kept === -1 ? this.#times.length : kept);
  }

  #dropFirst(count: number): void {
    this.#floor = this.#events[count - 1]?.revision ?? this.#floor;
    this.#events = this.#events.slice(count);
    this.#times = this.#times.slice(count);
  }
}
