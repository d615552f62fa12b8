/**
 * Puts events in order of time. A report takes some milliseconds from one process to another, so events arrive out of
 * order. The display shows them a moment later, when the order is known.
 */

import type { DemoEvent } from './demo-event.ts';

/** How long the display waits for an earlier event, in milliseconds. Reports take a few milliseconds on a free machine. */
export const ORDER_DELAY_MS = 300;

/** An event that can be shown. */
export interface OrderedEvent {
  readonly event: DemoEvent;
  /** When it is shown to have happened: never earlier than the events before it. */
  readonly shownAtMs: number;
}

/** Takes events in order of arrival and returns them in order of time. */
export class TimeOrder {
  #taken = 0;
  #waiting: DemoEvent[] = [];
  #lastMs = 0;

  /**
   * The events up to `untilMs` that were not returned yet, in order of time. An event that arrives after a later one
   * was returned comes at the time of that one.
   *
   * @param arrived all events so far, in order of arrival
   */
  take(arrived: readonly DemoEvent[], untilMs: number): readonly OrderedEvent[] {
    this.#waiting.push(...arrived.slice(this.#taken));
    this.#waiting.sort((a, b) => a.atMs - b.atMs);
    this.#taken = arrived.length;
    const due = this.#waiting.filter(({ atMs }) => atMs <= untilMs);
    this.#waiting = this.#waiting.slice(due.length);
    return due.map((event) => {
      this.#lastMs = Math.max(this.#lastMs, event.atMs);
      return { event, shownAtMs: this.#lastMs };
    });
  }
}
