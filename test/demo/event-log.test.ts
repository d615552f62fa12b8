/**
 * The log returns events in the order of their times, although they arrive in another order.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventLog } from '../../demo/event-log.ts';

const newLog = (): EventLog => new EventLog(new AbortController().signal);

function addAt(log: EventLog, ...times: readonly number[]): void {
  for (const atMs of times) log.add({ type: 'noted', text: `at ${atMs}`, tone: 'note' }, atMs);
}

/** The times of the events, and the times at which they are shown. */
function timesOf(taken: ReturnType<EventLog['take']>): readonly (readonly [number, number])[] {
  return taken.map(([{ atMs }, shownAtMs]) => [atMs, shownAtMs]);
}

test('events that arrive in another order are returned in the order of their times', () => {
  const log = newLog();
  addAt(log, 10, 30, 20);
  assert.deepEqual(timesOf(log.take(100)), [
    [10, 10],
    [20, 20],
    [30, 30],
  ]);
});

test('an event is returned once, when its time has come', () => {
  const log = newLog();
  addAt(log, 10, 50);
  assert.deepEqual(timesOf(log.take(30)), [[10, 10]]);
  addAt(log, 40);
  assert.deepEqual(timesOf(log.take(60)), [
    [40, 40],
    [50, 50],
  ]);
  assert.deepEqual(timesOf(log.take(60)), []);
});

test('an event is shown at the time of the last returned event when it arrives after that event', () => {
  const log = newLog();
  addAt(log, 10, 50);
  log.take(60);
  addAt(log, 20, 70);
  assert.deepEqual(timesOf(log.take(80)), [
    [20, 50],
    [70, 70],
  ]);
});

test('the shown time never decreases, and each event is returned once', () => {
  const batches = fc.array(fc.tuple(fc.array(fc.nat(1000), { maxLength: 5 }), fc.nat(1000)));
  fc.assert(
    fc.property(batches, (steps) => {
      const log = newLog();
      const taken: ReturnType<EventLog['take']>[number][] = [];
      for (const [times, untilMs] of steps) {
        addAt(log, ...times);
        taken.push(...log.take(untilMs));
      }
      taken.push(...log.take(Number.POSITIVE_INFINITY));
      const shown = taken.map(([, shownAtMs]) => shownAtMs);
      assert.deepEqual(
        shown,
        shown.toSorted((a, b) => a - b),
      );
      assert.deepEqual(new Set(taken.map(([event]) => event)), new Set(log.events));
      assert.equal(taken.length, log.events.length);
    }),
  );
});
