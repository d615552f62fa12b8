/**
 * Checks when the TLS context of a connection is created again, and how connections of different contexts are
 * distinguished.
 */

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { createSecureContext } from 'node:tls';
import type { Authorization } from '../../src/kube/authorization.ts';
import { nameByContext, TlsIdentity } from '../../src/kube/tls-identity.ts';
import {
  TEST_CA_CERTIFICATE,
  TEST_SERVER_CERTIFICATE,
  TEST_SERVER_KEY,
} from '../../src/testing/access/test-certificate.ts';
import { OTHER_CA } from './other-authority.ts';

type Given = Authorization['options'];

const GIVEN: Given = { ca: Buffer.from(TEST_CA_CERTIFICATE), servername: 'api.example.com' };

const CHANGES: readonly (readonly [change: string, given: Given, isSame: boolean])[] = [
  ['nothing', GIVEN, true],
  ['the memory of the certificates', { ...GIVEN, ca: Buffer.from(TEST_CA_CERTIFICATE) }, true],
  ['the certificate authority', { ...GIVEN, ca: Buffer.from(OTHER_CA) }, false],
  ['the type of the certificate authority', { ...GIVEN, ca: TEST_CA_CERTIFICATE }, false],
  ['the name of the server', { ...GIVEN, servername: 'other.example.com' }, false],
  ['a client certificate', { ...GIVEN, cert: TEST_SERVER_CERTIFICATE, key: TEST_SERVER_KEY }, false],
  ['the name of the server, left out', { ca: GIVEN.ca as Buffer }, false],
];
for (const [change, given, isSame] of CHANGES) {
  test(`the options of TLS are ${isSame ? 'kept' : 'created again'} when the change is ${change}`, () => {
    const identity = new TlsIdentity();
    const before = identity.of(GIVEN);
    assert.equal(identity.of(given) === before, isSame);
    assert.equal(identity.of(given), identity.of(given));
  });
}

test('the options of TLS have no certificate and no key', () => {
  const secrets = { auth: 'a:b', cert: TEST_SERVER_CERTIFICATE, key: TEST_SERVER_KEY, passphrase: 'p' };
  const { secureContext, ...rest } = new TlsIdentity().of({ ...GIVEN, ...secrets });
  assert.deepEqual(rest, { servername: 'api.example.com', rejectUnauthorized: true });
  assert.ok(secureContext);
});

test('the server is not verified only when the credentials switch the verification off', () => {
  for (const [given, expected] of [
    [GIVEN, true],
    [{ ...GIVEN, rejectUnauthorized: true }, true],
    [{ ...GIVEN, rejectUnauthorized: false }, false],
  ] as const) {
    assert.equal(new TlsIdentity().of(given).rejectUnauthorized, expected);
  }
});

test('an agent names connections by the number of their context', () => {
  const agent = new Agent();
  nameByContext(agent);
  const nameOf = (options?: object): string => (agent.getName as (given?: object) => string)(options);
  const [first, second, third] = [createSecureContext(), createSecureContext(), createSecureContext()];
  const names = [first, second, first, third].map((secureContext) => nameOf({ secureContext }));
  assert.deepEqual(names, ['tls 1', 'tls 2', 'tls 1', 'tls 3']);
  assert.deepEqual([nameOf({ host: 'h' }), nameOf()], ['plain', 'plain']);
});
