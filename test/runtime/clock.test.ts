/**
 * Checks the timers of the system clock: long times, timers in the background, and a cancelled timer.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';

/** The longest time that `setTimeout` accepts, in milliseconds. */
const LONGEST_MS = 2_147_483_647;

/** A timer of Node.js. */
interface Handle {
  readonly afterMs: number;
  readonly fire: () => void;
  isUnref: boolean;
}

/** Replaces the timers of Node.js during a test. */
function timersOf(t: TestContext): { readonly set: Handle[]; readonly cleared: unknown[] } {
  const set: Handle[] = [];
  const cleared: unknown[] = [];
  t.mock.method(globalThis, 'setTimeout', (fire: () => void, afterMs: number) => {
    const handle = {
      afterMs,
      fire,
      isUnref: false,
      unref: () => {
        handle.isUnref = true;
      },
    };
    set.push(handle);
    return handle;
  });
  t.mock.method(globalThis, 'clearTimeout', (handle: unknown) => cleared.push(handle));
  return { set, cleared };
}

for (const [afterMs, pieces] of [
  [0, [0]],
  [1_000, [1_000]],
  [LONGEST_MS, [LONGEST_MS]],
  [2 * LONGEST_MS + 5, [LONGEST_MS, LONGEST_MS, 5]],
] as const) {
  test(`a timer of ${afterMs} ms calls its callback once, after ${pieces.length} timeouts`, (t) => {
    const { set } = timersOf(t);
    let calls = 0;
    systemClock.setTimer(afterMs, () => (calls += 1));
    for (const [index] of pieces.entries()) {
      assert.equal(calls, 0);
      set[index]?.fire();
    }
    assert.equal(calls, 1);
    assert.deepEqual(
      set.map((handle) => handle.afterMs),
      pieces,
    );
  });
}

for (const [options, expected] of [
  [undefined, false],
  [{}, false],
  [{ background: false }, false],
  [{ background: true }, true],
] as const) {
  test(`each timeout of a timer lets the process end (${expected}) with the options ${JSON.stringify(options)}`, (t) => {
    const { set } = timersOf(t);
    systemClock.setTimer(LONGEST_MS + 1, () => undefined, options);
    set[0]?.fire();
    assert.deepEqual(
      set.map(({ isUnref }) => isUnref),
      [expected, expected],
    );
  });
}

test('a cancelled timer clears its latest timeout', (t) => {
  const { set, cleared } = timersOf(t);
  const timer = systemClock.setTimer(LONGEST_MS + 1, () => undefined);
  set[0]?.fire();
  timer.cancel();
  assert.deepEqual(cleared, [set[1]]);
});

test('both clocks of the machine are read in milliseconds', (t) => {
  t.mock.method(process.hrtime, 'bigint', () => 5_500_000n);
  t.mock.method(Date, 'now', () => 1_800_000_000_000);
  assert.deepEqual([systemClock.nowMs(), systemClock.wallMs()], [5.5, 1_800_000_000_000]);
});
