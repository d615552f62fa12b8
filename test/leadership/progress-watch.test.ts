/**
 * Checks the limits of the watch of progress: no limit, no term, and a timer that is late.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressWatch } from '../../src/leadership/progress-watch.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const TIMEOUT_MS = 5_000;

/** A timer that is late by less than this was not delayed by a suspension. */
const TIMER_LATE_MS = 1_000;

function watching(timeoutMs: number | null = TIMEOUT_MS) {
  const clock = new ManualClock();
  const stalls: number[] = [];
  const watch = new ProgressWatch(clock, timeoutMs, (forMs) => stalls.push(forMs));
  return { clock, stalls, watch };
}

test('a watch without a limit sets no timer and is never late', () => {
  const { clock, watch } = watching(null);
  watch.begin();
  watch.progress();
  assert.equal(clock.timers.size, 0);
  clock.advance(TIMEOUT_MS);
  assert.equal(watch.lateForMs, null);
});

test('progress sets no timer before the term and after it', () => {
  const { clock, watch } = watching();
  watch.progress();
  assert.equal(clock.timers.size, 0);
  watch.begin();
  assert.equal(clock.timers.size, 1);
  watch.end();
  watch.progress();
  assert.equal(clock.timers.size, 0);
});

test('progress is no longer late when the term ends', () => {
  const { clock, stalls, watch } = watching();
  watch.begin();
  clock.advance(TIMEOUT_MS);
  assert.deepEqual([stalls, watch.lateForMs], [[TIMEOUT_MS], TIMEOUT_MS]);
  watch.end();
  assert.equal(watch.lateForMs, null);
});

for (const [lateMs, stalls] of [
  [TIMER_LATE_MS - 1, [TIMEOUT_MS + TIMER_LATE_MS - 1]],
  [TIMER_LATE_MS, []],
] as const) {
  test(`a stall of the work is reported ${stalls.length} times when the timer is ${lateMs} ms late`, () => {
    const watched = watching();
    watched.watch.begin();
    watched.clock.stall(TIMEOUT_MS + lateMs);
    assert.deepEqual(watched.stalls, stalls);
  });
}
