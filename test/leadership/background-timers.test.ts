/**
 * Checks that the timers which run during a whole term do not keep the process alive.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressWatch } from '../../src/leadership/progress-watch.ts';
import { StallWatch } from '../../src/leadership/stall-watch.ts';
import { SuccessorSearch } from '../../src/leadership/successor-search.ts';
import type { Clock, Timer } from '../../src/runtime/clock.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const INTERVAL_MS = 60_000;

/** A clock that notes the option `background` of each timer. */
class NotingClock extends ManualClock implements Clock {
  readonly backgrounds: (boolean | undefined)[] = [];

  override setTimer(afterMs: number, callback: () => void, options?: { readonly background?: boolean }): Timer {
    this.backgrounds.push(options?.background);
    return super.setTimer(afterMs, callback);
  }
}

/** The begin of each watch. Each of them sets its next timer within the interval. */
const WATCHES: Readonly<Record<string, (clock: Clock) => void>> = {
  'the watch of progress': (clock) => {
    const watch = new ProgressWatch(clock, INTERVAL_MS, () => watch.progress());
    watch.begin();
  },
  'the watch of stalls': (clock) => new StallWatch(clock).start(),
  'the search for a successor': (clock) =>
    new SuccessorSearch(
      clock,
      () => new Promise(() => undefined),
      () => undefined,
    ).begin(),
};

for (const [what, begin] of Object.entries(WATCHES)) {
  test(`${what} sets only timers that do not keep the process alive`, () => {
    const clock = new NotingClock();
    begin(clock);
    clock.advance(INTERVAL_MS);
    assert.ok(clock.backgrounds.length >= 2);
    assert.deepEqual(new Set(clock.backgrounds), new Set([true]));
  });
}
