/**
 * Checks listeners that fail, and the behaviour of eventemitter3 that must not change.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuardedEmitter, isThenable } from '../../src/leadership/guarded-emitter.ts';

interface Events {
  note: [text: string];
  error: [error: unknown];
}

class Emitter extends GuardedEmitter<Events> {
  readonly failures: unknown[] = [];

  protected override listenerFailed(error: unknown, event: PropertyKey): void {
    this.failures.push([event, error]);
  }
}

const boom = new Error('boom');

test('a listener that throws is reported and stops neither the caller nor the others', () => {
  const emitter = new Emitter();
  const received: string[] = [];
  emitter.on('note', () => {
    throw boom;
  });
  emitter.on('note', (text) => received.push(text));

  assert.equal(emitter.emit('note', 'a'), true);
  assert.deepEqual(received, ['a']);
  assert.deepEqual(emitter.failures, [['note', boom]]);
});

test('an async listener that rejects is reported, and its rejection is handled', async () => {
  const emitter = new Emitter();
  emitter.on('note', async () => Promise.reject(boom));
  emitter.emit('note', 'a');
  await promisesSettled();
  assert.deepEqual(emitter.failures, [['note', boom]]);
});

test('a listener that returns a rejecting thenable is reported', async () => {
  const emitter = new Emitter();
  const thenable = {
    // biome-ignore lint/suspicious/noThenProperty: a listener may return a thenable.
    then: (_resolve: unknown, reject: (error: unknown) => void) => reject(boom),
  };
  emitter.on('note', () => thenable as unknown as undefined);
  emitter.emit('note', 'a');
  await promisesSettled();
  assert.deepEqual(emitter.failures, [['note', boom]]);
});

test('a listener is called with its context', () => {
  const emitter = new Emitter();
  const context = { name: 'context' };
  const contexts: unknown[] = [];
  function listener(this: unknown): void {
    contexts.push(this);
  }
  emitter.on('note', listener, context);
  emitter.once('note', listener, context);
  emitter.on('note', listener);
  emitter.emit('note', 'a');
  assert.deepEqual(contexts, [context, context, emitter]);
});

for (const add of ['on', 'addListener', 'once'] as const) {
  test(`${add} returns its emitter, and the listener is called`, () => {
    const emitter = new Emitter();
    const received: string[] = [];
    assert.equal(
      emitter[add]('note', (text) => received.push(text)),
      emitter,
    );
    emitter.emit('note', 'a');
    assert.deepEqual(received, ['a']);
  });
}

test('a listener of once is called once, alone and among others', () => {
  const emitter = new Emitter();
  const received: string[] = [];
  emitter.once('note', (text) => received.push(`alone ${text}`));
  emitter.emit('note', 'a');
  assert.equal(emitter.emit('note', 'b'), false);
  assert.equal(emitter.listenerCount('note'), 0);

  emitter.on('note', (text) => received.push(`always ${text}`));
  emitter.once('note', (text) => received.push(`once ${text}`));
  emitter.emit('note', 'c');
  emitter.emit('note', 'd');
  assert.deepEqual(received, ['alone a', 'always c', 'once c', 'always d']);
});

for (const add of ['on', 'addListener', 'once'] as const) {
  for (const remove of ['off', 'removeListener'] as const) {
    test(`${remove} removes a listener that ${add} added`, () => {
      const emitter = new Emitter();
      const received: string[] = [];
      const listener = (text: string): void => void received.push(text);
      emitter[add]('note', listener);
      emitter[remove]('note', listener);
      emitter.emit('note', 'a');
      assert.deepEqual(received, []);
      assert.equal(emitter.listenerCount('note'), 0);
    });
  }
}

test('off removes a listener by its context, and every listener without arguments', () => {
  const emitter = new Emitter();
  const received: unknown[] = [];
  function listener(this: unknown): void {
    received.push(this);
  }
  const [one, other] = [{ is: 'one' }, { is: 'other' }];
  emitter.on('note', listener, one);
  emitter.on('note', listener, other);
  emitter.off('note', listener, one);
  emitter.emit('note', 'a');
  assert.deepEqual(received, [other]);

  emitter.off('note');
  assert.equal(emitter.listenerCount('note'), 0);
});

test('a listener that removes itself during its call does not affect the others', () => {
  const emitter = new Emitter();
  const received: string[] = [];
  const first = (text: string): void => {
    received.push(`first ${text}`);
    emitter.off('note', first);
  };
  emitter.on('note', first);
  emitter.on('note', (text) => received.push(`second ${text}`));
  emitter.emit('note', 'a');
  emitter.emit('note', 'b');
  assert.deepEqual(received, ['first a', 'second a', 'second b']);
});

test('a failure is reported with the event of the call when a function listens to two events', () => {
  const emitter = new Emitter();
  const listener = (): never => {
    throw boom;
  };
  emitter.on('note', listener);
  emitter.on('error', listener);
  emitter.emit('error', 'x');
  emitter.emit('note', 'a');
  assert.deepEqual(emitter.failures, [
    ['error', boom],
    ['note', boom],
  ]);
});

for (const [what, listener] of [
  ['a text', 'no function'],
  ['an object', {}],
] as const) {
  test(`a listener is refused when it is ${what}`, () => {
    const emitter = new Emitter();
    assert.throws(() => emitter.on('note', listener as unknown as () => void), {
      name: 'TypeError',
      message: 'The listener must be a function',
    });
  });
}

for (const [what, value, expected] of [
  ['a promise', Promise.resolve(), true],
  ['an object with a method then', Object.fromEntries([['then', () => undefined]]), true],
  ['an object whose then is a number', Object.fromEntries([['then', 1]]), false],
  ['an object without then', {}, false],
  ['null', null, false],
  ['undefined', undefined, false],
  ['a number', 42, false],
  ['a text', 'then', false],
] as const) {
  test(`isThenable returns ${expected} when the value is ${what}`, () => {
    assert.equal(isThenable(value), expected);
  });
}

/** Runs everything that waits for a resolved promise. */
async function promisesSettled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await null;
}
