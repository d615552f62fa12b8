/**
 * Checks which arguments the test kit refuses, and at the limits of which range.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkKeys, checkNumber, checkWholeNumber, checkWord } from '../../src/runtime/argument-check.ts';

class Options {
  readonly name = 'web';
}

/** A class whose instances have a method of `Object.prototype`. */
class Like {
  isPrototypeOf(): boolean {
    return false;
  }
}

const ACCEPTED: Readonly<Record<string, () => void>> = {
  'known keys': () => checkKeys('start()', { name: 'web' }, ['name', 'pods']),
  'an object without a prototype': () => checkKeys('start()', Object.create(null), []),
  'the smallest number': () => checkNumber('the share', 0, 0, 1),
  'the largest number': () => checkNumber('the share', 1, 0, 1),
  'a fraction': () => checkNumber('the share', 0.5, 0, 1),
  'the smallest whole number': () => checkWholeNumber('the count', 1, 1, 3),
  'the largest whole number': () => checkWholeNumber('the count', 3, 1, 3),
  'a known word': () => checkWord('the mode', 'fast', ['fast', 'slow']),
};

for (const [what, check] of Object.entries(ACCEPTED)) {
  test(`an argument is accepted when it is ${what}`, () => {
    assert.doesNotThrow(check);
  });
}

const REFUSED: Readonly<Record<string, readonly [check: () => void, name: string, message: string]>> = {
  'a text instead of an object': [
    () => checkKeys('start()', 'web', []),
    'TypeError',
    'start() takes an object, but was given "web"',
  ],
  'an instance of a class': [
    () => checkKeys('start()', new Options(), ['name']),
    'TypeError',
    'start() takes a plain object, but was given an instance of a class',
  ],
  'an instance of a class that resembles Object': [
    () => checkKeys('start()', new Like(), []),
    'TypeError',
    'start() takes a plain object, but was given an instance of a class',
  ],
  'an object with an unknown key': [
    () => checkKeys('start()', { nmae: 'web' }, ['name', 'pods']),
    'TypeError',
    'start() knows no "nmae"; it knows name, pods',
  ],
  'an object with a key where none is known': [
    () => checkKeys('stop()', { name: 'web' }, []),
    'TypeError',
    'stop() knows no "name"; it knows no options',
  ],
  'a number below the range': [
    () => checkNumber('the share', -0.5, 0, 1),
    'RangeError',
    'the share must be a number from 0 to 1, but is -0.5',
  ],
  'a number above the range': [
    () => checkNumber('the share', 1.5, 0, 1),
    'RangeError',
    'the share must be a number from 0 to 1, but is 1.5',
  ],
  'a text instead of a number': [
    () => checkNumber('the share', '1', 0, 1),
    'RangeError',
    'the share must be a number from 0 to 1, but is "1"',
  ],
  'a fraction instead of a whole number': [
    () => checkWholeNumber('the count', 1.5, 1, 3),
    'RangeError',
    'the count must be a whole number from 1 to 3, but is 1.5',
  ],
  'a whole number below the range': [
    () => checkWholeNumber('the count', 0, 1, 3),
    'RangeError',
    'the count must be a whole number from 1 to 3, but is 0',
  ],
  'a whole number above the range': [
    () => checkWholeNumber('the count', 4, 1, 3),
    'RangeError',
    'the count must be a whole number from 1 to 3, but is 4',
  ],
  'an unknown word': [
    () => checkWord('the mode', 'quick', ['fast', 'slow']),
    'TypeError',
    'the mode knows no "quick"; it knows fast, slow',
  ],
};

for (const [what, [check, name, message]] of Object.entries(REFUSED)) {
  test(`an argument is refused when it is ${what}`, () => {
    assert.throws(check, { name, message });
  });
}
