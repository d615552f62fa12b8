/**
 * Checks the texts from outside in a message: their length, their control characters, and values that cannot be read.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { cut, describe, inspected, wordsOf } from '../../src/runtime/quotation.ts';

/** A message shows at most this many characters of a value. */
const LIMIT = 60;

/** A message shows at most this many characters of an error. */
const ERROR_LIMIT = 300;

const fails = (): never => {
  throw new Error('no access');
};

/** An object that refuses each access. */
const UNREADABLE = new Proxy({}, { ownKeys: fails, get: fails, getPrototypeOf: fails });

const TEXTS: Readonly<Record<string, readonly [write: () => string, text: string]>> = {
  'a text of the largest length': [() => cut('x'.repeat(LIMIT)), 'x'.repeat(LIMIT)],
  'a longer text': [() => cut('x'.repeat(LIMIT + 1)), `${'x'.repeat(LIMIT)}…`],
  'the keys of an object': [() => describe({ lease: 1, pod: 2 }), 'an object with the keys ["lease","pod"]'],
  'an object that refuses each access': [() => describe(UNREADABLE), 'an object that cannot be read'],
  'an error with several lines': [() => wordsOf(new Error('first\r\nsecond\tthird')), 'first second third'],
  'an error without a message': [() => wordsOf(new TypeError()), 'TypeError'],
  'a long error': [() => wordsOf('x'.repeat(ERROR_LIMIT + 1)), 'x'.repeat(ERROR_LIMIT)],
  'an error that refuses each access': [() => wordsOf(UNREADABLE), 'an error that cannot be shown'],
  'an inspected value': [() => inspected({ status: 500 }), inspect({ status: 500 })],
  'a value that cannot be inspected': [
    () => inspected(Object.assign(new Error('disk full'), { [inspect.custom]: fails })),
    'disk full',
  ],
};

for (const [what, [write, expected]] of Object.entries(TEXTS)) {
  test(`a message shows ${what} on one line, or in part`, () => {
    assert.equal(write(), expected);
  });
}
