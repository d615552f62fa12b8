/**
 * Checks the delay between attempts.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  atLeastRetryAfterMs,
  REFUSAL_CAP_MS,
  RETRY_AFTER_LIMIT_MS,
  RETRY_BASE_MS,
  RETRY_CAP_MS,
  refusalDelayMs,
  retryDelayMs,
} from '../../src/core/retry-delay.ts';

const ROWS = [
  { rule: 'the first delay is at least half the base', attempt: 1, random: 0, expected: 125 },
  { rule: 'the first delay is at most the base', attempt: 1, random: 0.999999, expected: 250 },
  { rule: 'the delay doubles with every attempt', attempt: 4, random: 0, expected: 1_000 },
  { rule: 'the random number moves the delay within its upper half', attempt: 4, random: 0.5, expected: 1_500 },
  { rule: 'the delay is at most the cap', attempt: 7, random: 0.999999, expected: 2_000 },
  { rule: 'the delay stays at the cap for any number of attempts', attempt: 5_000, random: 0, expected: 1_000 },
  { rule: 'an attempt before the first counts as the first', attempt: 0, random: 0, expected: 125 },
];

for (const { rule, attempt, random, expected } of ROWS) {
  test(rule, () => assert.equal(retryDelayMs(attempt, random), expected));
}

test('every delay lies between half the base and the cap, in whole milliseconds', () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const delayMs = retryDelayMs(attempt, random);
      assert.ok(delayMs >= RETRY_BASE_MS / 2 && delayMs <= RETRY_CAP_MS);
      assert.ok(Number.isInteger(delayMs));
    }),
  );
});

test('the first six refusals are repeated within about half a minute, and each later one once a minute', () => {
  const fullDelaysMs = [1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 60_000, 60_000];
  for (const [index, fullMs] of fullDelaysMs.entries()) {
    assert.equal(refusalDelayMs(index + 1, 0), fullMs / 2);
    assert.equal(refusalDelayMs(index + 1, 0.999999), fullMs);
  }
  assert.equal(refusalDelayMs(0, 0), 500);
  assert.equal(refusalDelayMs(1_000_000, 0), REFUSAL_CAP_MS / 2);
});

test('the delay after a refusal never shrinks with the number of refusals and is a whole number of milliseconds', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const delayMs = refusalDelayMs(attempt, random);
      assert.ok(delayMs >= 500 && delayMs <= REFUSAL_CAP_MS);
      assert.ok(delayMs <= refusalDelayMs(attempt + 1, random));
      assert.ok(Number.isInteger(delayMs));
    }),
  );
});

test('a Retry-After of up to a minute lengthens the delay and never shortens it', () => {
  assert.equal(atLeastRetryAfterMs(250, null), 250);
  assert.equal(atLeastRetryAfterMs(250, 4_000), 4_000);
  assert.equal(atLeastRetryAfterMs(5_000, 4_000), 5_000);
  assert.equal(atLeastRetryAfterMs(250, 86_400_000), 60_000);
  assert.equal(RETRY_AFTER_LIMIT_MS, 60_000);
});
