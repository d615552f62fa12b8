/**
 * Checks the comparison of the clock with the `Date` of answers. Only a difference above the round trip counts.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockComparison, readDate } from '../../src/kube/clock-comparison.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

interface Setup {
  readonly clock: ManualClock;
  readonly reports: string[];
  /** Passes an answer of a server whose clock is ahead by this time, after a round trip. */
  readonly answer: (aheadMs: number, roundTripMs?: number) => void;
}

function setup(): Setup {
  const clock = new ManualClock();
  const reports: string[] = [];
  const comparison = new ClockComparison(clock, ({ over, message }) =>
    reports.push(`${over ? 'over' : 'skew'}: ${message}`),
  );
  const answer = (aheadMs: number, roundTripMs = 0): void => {
    const sentAtMs = clock.nowMs();
    const date = new Date(clock.wallMs() + aheadMs).toUTCString();
    clock.advance(roundTripMs);
    comparison.note(date, sentAtMs);
  };
  return { clock, reports, answer };
}

test('clocks that differ by a minute or less are not reported', () => {
  for (const aheadMs of [0, 59_000, -59_000]) {
    const { reports, answer } = setup();
    for (let count = 0; count < 10; count += 1) answer(aheadMs);
    assert.deepEqual(reports, []);
  }
});

test('a clock that is off is reported once, after three answers that agree, with its direction', () => {
  const { reports, answer } = setup();
  answer(600_000);
  answer(600_000);
  assert.deepEqual(reports, []);
  for (let count = 0; count < 10; count += 1) answer(600_000);
  assert.equal(reports.length, 1);
  assert.match(
    reports[0] ?? '',
    /^skew: The clock of this machine is at least 600 s behind the clock of the API server\. The election does not depend on it, but tokens and certificates may be refused\. Correct the clock of this machine \(NTP\), or that of the API server if this one is right\.$/,
  );
});

test('the report says that the clock of this machine is ahead', () => {
  const { reports, answer } = setup();
  for (let count = 0; count < 3; count += 1) answer(-600_000);
  assert.match(reports[0] ?? '', /is at least 599 s ahead of the clock of the API server/);
});

test('the end of a difference is reported, and a later difference is reported again', () => {
  const { clock, reports, answer } = setup();
  for (let count = 0; count < 3; count += 1) answer(600_000);
  clock.jumpWall(600_000);
  for (let count = 0; count < 3; count += 1) answer(0);
  clock.jumpWall(-600_000);
  for (let count = 0; count < 3; count += 1) answer(600_000);
  assert.deepEqual(
    reports.map((line) => line.slice(0, 4)),
    ['skew', 'over', 'skew'],
  );
  assert.equal(reports[1], 'over: The clocks of this machine and of the API server agree again, to a minute.');
});

test('a difference of exactly a minute is not reported, and one of a second more is', () => {
  for (const [aheadMs, reportCount] of [
    [60_000, 0],
    [61_000, 1],
    // A date has whole seconds, so the clock of the API server may be almost a second ahead of it.
    [-61_000, 0],
    [-62_000, 1],
  ] as const) {
    const { reports, answer } = setup();
    for (let count = 0; count < 3; count += 1) answer(aheadMs);
    assert.equal(reports.length, reportCount, `${aheadMs} ms`);
  }
});

test('a slow answer causes no report when its round trip explains the difference', () => {
  const { reports, answer } = setup();
  for (let count = 0; count < 5; count += 1) answer(-20_000, 45_000);
  assert.deepEqual(reports, []);
});

test('no difference is reported while the answers of two API servers contradict each other', () => {
  const { reports, answer } = setup();
  for (let count = 0; count < 10; count += 1) answer(count % 2 === 0 ? 600_000 : 0);
  assert.deepEqual(reports, []);
});

test('a date of more than 64 characters is not parsed', () => {
  const dateOf = (length: number): string => `${'Sun, 06 Nov 1994 08:49:37 GMT ('.padEnd(length - 1, 'x')})`;
  assert.equal(dateOf(64).length, 64);
  assert.deepEqual([readDate(dateOf(64)), readDate(dateOf(65))], [Date.UTC(1994, 10, 6, 8, 49, 37), null]);
});

test('an answer without a valid date is ignored', () => {
  const { clock } = setup();
  const comparison = new ClockComparison(clock, () => assert.fail('a report without a valid date'));
  for (const date of [undefined, '', 'soon', '9'.repeat(100)]) {
    assert.equal(readDate(date), null);
    for (let count = 0; count < 5; count += 1) comparison.note(date, clock.nowMs());
  }
});
