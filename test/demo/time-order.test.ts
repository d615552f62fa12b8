/**
 * The display shows events in order of time, though they arrive in another order.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DemoEvent } from '../../demo/demo-event.ts';
import { TimeOrder } from '../../demo/time-order.ts';

function eventsAt(...times: readonly number[]): readonly DemoEvent[] {
  return times.map((atMs) => ({ type: 'acted', text: `at ${atMs}`, atMs }));
}

/** The times of the events, and the times at which they are shown. */
function timesOf(taken: ReturnType<TimeOrder['take']>): readonly (readonly [number, number])[] {
  return taken.map(([{ atMs }, shownAtMs]) => [atMs, shownAtMs]);
}

test('events that arrive out of order are returned in order of time', () => {
  const order = new TimeOrder();
  const taken = order.take(eventsAt(10, 30, 20), 100);
  assert.deepEqual(timesOf(taken), [
    [10, 10],
    [20, 20],
    [30, 30],
  ]);
});

test('an event waits until its moment, and is returned once', () => {
  const order = new TimeOrder();
  assert.deepEqual(timesOf(order.take(eventsAt(10, 50), 30)), [[10, 10]]);
  assert.deepEqual(timesOf(order.take(eventsAt(10, 50, 40), 60)), [
    [40, 40],
    [50, 50],
  ]);
  assert.deepEqual(timesOf(order.take(eventsAt(10, 50, 40), 60)), []);
});

test('an event that arrives after a later one was returned is shown at the time of that one', () => {
  const order = new TimeOrder();
  order.take(eventsAt(10, 50), 60);
  assert.deepEqual(timesOf(order.take(eventsAt(10, 50, 20, 70), 80)), [
    [20, 50],
    [70, 70],
  ]);
});

test('the shown time never decreases, and each event is returned once', () => {
  const batches = fc.array(fc.tuple(fc.array(fc.nat(1000), { maxLength: 5 }), fc.nat(1000)));
  fc.assert(
    fc.property(batches, (steps) => {
      const order = new TimeOrder();
      const arrived: DemoEvent[] = [];
      const taken: ReturnType<TimeOrder['take']>[number][] = [];
      for (const [times, untilMs] of steps) {
        arrived.push(...eventsAt(...times));
        taken.push(...order.take(arrived, untilMs));
      }
      taken.push(...order.take(arrived, Number.POSITIVE_INFINITY));
      const shown = taken.map(([, shownAtMs]) => shownAtMs);
      assert.deepEqual(
        shown,
        shown.toSorted((a, b) => a - b),
      );
      assert.deepEqual(new Set(taken.map(([event]) => event)), new Set(arrived));
      assert.equal(taken.length, arrived.length);
    }),
  );
});
