/**
 * The writes of the past, by revision, as far back as they are kept: what a watch resumes from and what
 * a list at an old version is put together from. Who may see which of them is decided by the watch.
 */

import type { ApiObject } from './api-object.ts';
import type { ResourceKind } from './resources.ts';

/** What a write did to an object. */
export type WriteType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One committed write. */
export interface WriteEvent {
  readonly type: WriteType;
  readonly kind: ResourceKind;
  /** The object after the write; of a deletion, its last content with the resourceVersion of the deletion (fact 12). */
  readonly object: ApiObject;
  /** The object before the write; none when it was created. */
  readonly previous: ApiObject | undefined;
  /** The resourceVersion as a number. */
  readonly revision: number;
}

/** How many writes of one resource are kept when nothing else is asked for. */
export const DEFAULT_HISTORY_LIMIT = 10_000;

/** The past writes of one resource. */
export class WatchHistory {
  readonly #limit: number;
  #events: WriteEvent[] = [];
  #floor: number;

  /** @param floor everything up to this revision is forgotten already */
  constructor(floor: number, limit: number) {
    this.#floor = floor;
    this.#limit = limit;
  }

  /** The highest revision whose event may be lost: a watch can begin at it, but not before. */
  get floor(): number {
    return this.#floor;
  }

  add(event: WriteEvent): void {
    this.#events.push(event);
    // Dropping half at once keeps adding cheap; what is kept is never less than the limit.
    if (this.#events.length >= this.#limit * 2) this.#dropFirst(this.#events.length - this.#limit);
  }

  /** The events after `revision` in their order, or undefined when some of them are lost (fact 17). */
  since(revision: number): readonly WriteEvent[] | undefined {
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

  /** Forgets everything up to `revision`. */
  compact(revision: number): void {
    const kept = this.#events.findIndex((event) => event.revision > revision);
    this.#events = kept === -1 ? [] : this.#events.slice(kept);
    this.#floor = Math.max(this.#floor, revision);
  }

  #dropFirst(count: number): void {
    this.#floor = this.#events[count - 1]?.revision ?? this.#floor;
    this.#events = this.#events.slice(count);
  }
}
