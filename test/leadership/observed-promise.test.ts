/**
 * Checks a promise that records whether its result is awaited.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ObservedPromise } from '../../src/leadership/observed-promise.ts';

/** Ways to await a promise. */
const WAYS: Readonly<Record<string, (promise: Promise<string>) => Promise<unknown>>> = {
  await: async (promise) => await promise,
  'its method then': (promise) => promise.then((value) => value),
  'its method catch': (promise) => promise.catch(() => undefined),
  'Promise.all': (promise) => Promise.all([promise]),
};

for (const [way, wait] of Object.entries(WAYS)) {
  test(`an observed promise counts as awaited when ${way} uses it`, async () => {
    const promise = new ObservedPromise<string>((resolve) => resolve('done'));
    assert.equal(promise.isAwaited, false);
    const waiting = wait(promise);
    await setImmediate();
    assert.equal(promise.isAwaited, true);
    await waiting;
  });
}

test('an observed promise passes on its value and its failure', async () => {
  const failure = new Error('it failed');
  assert.equal(await new ObservedPromise<string>((resolve) => resolve('done')), 'done');
  await assert.rejects(new ObservedPromise((_resolve, reject) => reject(failure)), failure);
});

test('then returns an ordinary promise', () => {
  const next = new ObservedPromise<string>((resolve) => resolve('done')).then((value) => value);
  assert.equal(Object.getPrototypeOf(next), Promise.prototype);
});

test('a tolerated rejection is not unhandled, and its promise is not awaited', async (t) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): number => unhandled.push(reason);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  const promise = new ObservedPromise((_resolve, reject) => reject(new Error('it failed')));
  promise.tolerateRejection();
  await setImmediate();
  assert.deepEqual([unhandled, promise.isAwaited], [[], false]);
});
