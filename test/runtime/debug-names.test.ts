/**
 * Checks which namespaces `$DEBUG` enables. A property in debug-log.test.ts compares the rules with those of the package
 * `debug`.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAsked } from '../../src/runtime/debug-log.ts';

const ROWS: readonly (readonly [variable: string, namespace: string, isEnabled: boolean])[] = [
  ['', 'lease-elector', false],
  ['lease-elector', 'lease-elector', true],
  ['lease-elector', 'lease-elector:kube', false],
  ['lease-elector*', 'lease-elector:kube', true],
  ['lease*kube', 'lease-elector:kube', true],
  ['lease*kube', 'lease-elector:http', false],
  ['lease*elector*elector', 'lease-elector', false],
  ['lease*elector*', 'lease-elector', true],
  ['*', 'lease-elector', true],
  ['express,lease-elector', 'lease-elector', true],
  ['express  lease-elector', 'lease-elector', true],
  ['*,-lease-elector:kube', 'lease-elector:kube', false],
  ['*,-lease-elector:kube', 'lease-elector', true],
  ['-lease-elector:*,*', 'lease-elector:kube', false],
  ['-lease-elector:kube', 'lease-elector', false],
];

for (const [variable, namespace, expected] of ROWS) {
  test(`isAsked returns ${expected} for ${namespace} when $DEBUG is ${JSON.stringify(variable)}`, () => {
    assert.equal(isAsked(namespace, variable), expected);
  });
}
