/**
 * Listeners that fail, and everything else they must leave as it was.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuardedEmitter } from '../../src/leadership/guarded-emitter.ts';

interface Events {
  news: [text: string];
  error: [error: unknown];
}

class Emitter extends GuardedEmitter<Events> {
  readonly failures: unknown[] = [];

  protected override listenerFailed(error: unknown, event: PropertyKey): void {
    this.failures.push([event, error]);
  }
}

const boom = new Error('boom');

test('a listener that throws neither reaches the caller nor stops the others', () => {
  const emitter = new Emitter();
  const heard: string[] = [];
  emitter.on('news', () => {
    throw boom;
  });
  emitter.on('news', (text) => heard.push(text));

  assert.equal(emitter.emit('news', 'a'), true);
  assert.deepEqual(heard, ['a']);
  assert.deepEqual(emitter.failures, [['news', boom]]);
});

test('an async listener that rejects is reported, and its rejection never goes unhandled', async () => {
  const emitter = new Emitter();
  emitter.on('news', async () => Promise.reject(boom));
  emitter.emit('news', 'a');
  await promisesSettled();
  assert.deepEqual(emitter.failures, [['news', boom]]);
});

test('so is one whose promise is not a Promise of this realm', async () => {
  const emitter = new Emitter();
  const thenable = {
    // biome-ignore lint/suspicious/noThenProperty: what is tested is that a listener may return one.
    then: (_resolve: unknown, reject: (error: unknown) => void) => reject(boom),
  };
  emitter.on('news', () => thenable as unknown as undefined);
  emitter.emit('news', 'a');
  await promisesSettled();
  assert.deepEqual(emitter.failures, [['news', boom]]);
});

test('a listener is called with its context', () => {
  const emitter = new Emitter();
  const context = { name: 'context' };
  const contexts: unknown[] = [];
  function listener(this: unknown): void {
    contexts.push(this);
  }
  emitter.on('news', listener, context);
  emitter.once('news', listener, context);
  emitter.on('news', listener);
  emitter.emit('news', 'a');
  assert.deepEqual(contexts, [context, context, emitter]);
});

test('once means once, alone and among others', () => {
  const emitter = new Emitter();
  const heard: string[] = [];
  emitter.once('news', (text) => heard.push(`alone ${text}`));
  emitter.emit('news', 'a');
  assert.equal(emitter.emit('news', 'b'), false);
  assert.equal(emitter.listenerCount('news'), 0);

  emitter.on('news', (text) => heard.push(`always ${text}`));
  emitter.once('news', (text) => heard.push(`once ${text}`));
  emitter.emit('news', 'c');
  emitter.emit('news', 'd');
  assert.deepEqual(heard, ['alone a', 'always c', 'once c', 'always d']);
});

for (const add of ['on', 'addListener', 'once'] as const) {
  for (const remove of ['off', 'removeListener'] as const) {
    test(`what ${add} adds, ${remove} takes off`, () => {
      const emitter = new Emitter();
      const heard: string[] = [];
      const listener = (text: string): void => void heard.push(text);
      emitter[add]('news', listener);
      emitter[remove]('news', listener);
      emitter.emit('news', 'a');
      assert.deepEqual(heard, []);
      assert.equal(emitter.listenerCount('news'), 0);
    });
  }
}

test('off takes off by context, and everything without a listener', () => {
  const emitter = new Emitter();
  const heard: unknown[] = [];
  function listener(this: unknown): void {
    heard.push(this);
  }
  const [one, other] = [{ is: 'one' }, { is: 'other' }];
  emitter.on('news', listener, one);
  emitter.on('news', listener, other);
  emitter.off('news', listener, one);
  emitter.emit('news', 'a');
  assert.deepEqual(heard, [other]);

  emitter.off('news');
  assert.equal(emitter.listenerCount('news'), 0);
});

test('a listener that takes itself off while it is called leaves the others alone', () => {
  const emitter = new Emitter();
  const heard: string[] = [];
  const first = (text: string): void => {
    heard.push(`first ${text}`);
    emitter.off('news', first);
  };
  emitter.on('news', first);
  emitter.on('news', (text) => heard.push(`second ${text}`));
  emitter.emit('news', 'a');
  emitter.emit('news', 'b');
  assert.deepEqual(heard, ['first a', 'second a', 'second b']);
});

test('one function that listens to two events fails for the one that it was called for', () => {
  const emitter = new Emitter();
  const listener = (): never => {
    throw boom;
  };
  emitter.on('news', listener);
  emitter.on('error', listener);
  emitter.emit('error', 'x');
  emitter.emit('news', 'a');
  assert.deepEqual(emitter.failures, [
    ['error', boom],
    ['news', boom],
  ]);
});

test('what is no function is refused', () => {
  const emitter = new Emitter();
  assert.throws(() => emitter.on('news', 'no function' as unknown as () => void), TypeError);
});

/** Lets everything that waits for a promise go on. */
async function promisesSettled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await null;
}
