/**
 * Puts events in order of time. A report takes some milliseconds from process to process, so the display waits a moment.
 */

import type { DemoEvent } from './demo-event.ts';

/** How long the display waits for an earlier event, in milliseconds. Most reports take less than ten. */
export const ORDER_DELAY_MS = 300;

/** Takes events in order of arrival and returns them in order of time. */
export class TimeOrder {
  #taken = 0;
  #waiting: readonly DemoEvent[] = [];
  #lastMs = 0;

  /**
   * The events up to `untilMs` that were not returned yet. `shownAtMs` never decreases: an event that arrives after a
   * later one was returned gets the time of that one.
   *
   * @param arrived all events so far, in order of arrival
   */
  take(arrived: readonly DemoEvent[], untilMs: number): readonly (readonly [event: DemoEvent, shownAtMs: number])[] {
    const sorted = [...this.#waiting, ...arrived.slice(this.#taken)].toSorted((a, b) => a.atMs - b.atMs);
    this.#taken = arrived.length;
    this.#waiting = sorted.filter(({ atMs }) => atMs > untilMs);
    return sorted.slice(0, sorted.length - this.#waiting.length).map((event) => {
      this.#lastMs = Math.max(this.#lastMs, event.atMs);
      return [event, this.#lastMs];
    });
  }
}
