/**
 * Checks which keys a label can have.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXPECTED_LABEL_KEY, isLabelKey } from '../../src/kube/label-key.ts';

const VALID: readonly string[] = [
  'a',
  'Leader',
  'a-b_c.d',
  '0',
  'a'.repeat(63),
  'example.com/leader',
  'a-1.example.com/L',
  // The reserved prefixes are kubernetes.io and k8s.io, and their subdomains.
  'kubernetes.io.example.com/leader',
  'mykubernetes.io/leader',
  'k8s.example.com/leader',
];
for (const key of VALID) test(`${key} is the key of a label`, () => assert.ok(isLabelKey(key)));

const INVALID: readonly string[] = [
  '',
  '/',
  '/leader',
  'example.com/',
  'a/b/c',
  '/b/c',
  '-leader',
  'leader-',
  '_leader',
  'leader.',
  'lea der',
  'leader=true',
  'é',
  'a'.repeat(64),
  'Example.com/leader',
  '-example.com/leader',
  'example..com/leader',
  `${'a'.repeat(254)}/leader`,
  'kubernetes.io/leader',
  'app.kubernetes.io/leader',
  'k8s.io/leader',
  'x.y.k8s.io/leader',
];
for (const key of INVALID) {
  test(`${JSON.stringify(key)} is not the key of a label, or is reserved`, () => assert.ok(!isLabelKey(key)));
}

test('the expected form is explained', () => {
  assert.equal(
    EXPECTED_LABEL_KEY,
    'the key of a label, such as app.example.com/leader: an optional DNS name and "/", then at most 63 letters, digits, ' +
      '"-", "_" and ".", beginning and ending with a letter or digit; the DNS name is not one of kubernetes.io or k8s.io',
  );
});
