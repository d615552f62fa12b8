/**
 * Checks the message about a name that no object of its kind can have.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedName, expectedName, isName, type NamedKind } from '../../src/kube/object-name.ts';

const SUBDOMAIN =
  'at most 253 lower-case letters, digits, "-" and ".", each part beginning and ending with a letter or digit';
const MESSAGES: Readonly<Record<NamedKind, readonly [what: string, expected: string]>> = {
  Lease: ['Lease name', SUBDOMAIN],
  Pod: ['Pod name', SUBDOMAIN],
  namespace: [
    'namespace name',
    'at most 63 lower-case letters, digits and "-", beginning and ending with a letter or digit',
  ],
  uid: ['Pod uid', 'at most 253 printable characters without white space'],
};
for (const [kind, [what, expected]] of Object.entries(MESSAGES) as [NamedKind, readonly [string, string]][]) {
  test(`the message about an invalid ${what} explains the expected form`, () => {
    assert.equal(expectedName(kind), expected);
    assert.throws(() => checkedName(kind, ' ', 'the test'), {
      code: 'ERR_LEASE_ELECTOR_IDENTITY',
      message: `Invalid ${what} " " (from the test): expected ${expected}`,
    });
  });
}

test('a name has the length that its kind permits', () => {
  for (const [kind, longest] of [
    ['Lease', 253],
    ['Pod', 253],
    ['namespace', 63],
    ['uid', 253],
  ] as const) {
    assert.deepEqual([isName(kind, 'a'.repeat(longest)), isName(kind, 'a'.repeat(longest + 1))], [true, false], kind);
  }
});

test('only a namespace has no dot, and only a uid has other characters', () => {
  for (const [name, kinds] of [
    ['a-b', ['Lease', 'Pod', 'namespace', 'uid']],
    ['a.b-c.d', ['Lease', 'Pod', 'uid']],
    ['A_b', ['uid']],
    ['a.-b', ['uid']],
    ['a b', []],
  ] as const) {
    const valid = (['Lease', 'Pod', 'namespace', 'uid'] as const).filter((kind) => isName(kind, name));
    assert.deepEqual(valid, kinds, name);
  }
});
