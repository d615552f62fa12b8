/**
 * Checks which errors are a shortage of this machine or process.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShortage } from '../../src/runtime/shortage.ts';

const coded = (code: string): Error => Object.assign(new Error('it failed'), { code });

/** An error whose `depth`-th cause is a shortage. */
function nested(depth: number): Error {
  return depth === 0 ? coded('EMFILE') : new Error('it failed', { cause: nested(depth - 1) });
}

function circular(): Error {
  const error = new Error('it failed');
  error.cause = error;
  return error;
}

const ROWS: Readonly<Record<string, readonly [make: () => unknown, isShort: boolean]>> = {
  'an error without a code': [() => new Error('it failed'), false],
  'an error of another code': [() => coded('ECONNREFUSED'), false],
  'too few file handles of the process': [() => coded('EMFILE'), true],
  'too few file handles of the machine': [() => coded('ENFILE'), true],
  'too few buffers': [() => coded('ENOBUFS'), true],
  'too little memory': [() => coded('ENOMEM'), true],
  'a resource that is lacking for now': [() => coded('EAGAIN'), true],
  'a text of the module loader': [() => new Error('Cannot load: too many open files'), true],
  'a cause of the first degree': [() => nested(1), true],
  'a cause of the third degree': [() => nested(3), true],
  'a cause of the fourth degree': [() => nested(4), false],
  'an error that is its own cause': [circular, false],
  'a text': [() => 'EMFILE: too many open files', false],
};

for (const [what, [make, expected]] of Object.entries(ROWS)) {
  test(`isShortage returns ${expected} when it receives ${what}`, () => {
    assert.equal(isShortage(make()), expected);
  });
}
