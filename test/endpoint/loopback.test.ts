/**
 * Checks which addresses and names mean this machine, and where the endpoint listens.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostsFor, isLoopbackAddress, isLoopbackAuthority } from '../../src/endpoint/loopback.ts';

const ADDRESSES: readonly (readonly [address: string, isLoopback: boolean])[] = [
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['10.0.0.7', false],
  ['::ffff:10.0.0.7', false],
  ['0.0.0.0', false],
  ['::', false],
  ['127.example.com', false],
  ['127.0.::ffff:0.1', false],
  ['', false],
];

for (const [address, isLoopback] of ADDRESSES) {
  test(`the address "${address}" is ${isLoopback ? '' : 'not '}a loopback address`, () => {
    assert.equal(isLoopbackAddress(address), isLoopback);
  });
}

const AUTHORITIES: readonly (readonly [authority: string, isLoopback: boolean])[] = [
  ['localhost', true],
  ['localhost:4040', true],
  ['LOCALHOST.:4040', true],
  ['web.localhost:4040', true],
  ['127.0.0.1:4040', true],
  ['[::1]:4040', true],
  ['[::1]', true],
  ['evil.example:4040', false],
  ['localhost.evil.example', false],
  ['evillocalhost', false],
  ['127.0.0.1.evil.example', false],
  ['169.254.169.254', false],
  ['[127.0].0.1', false],
  ['127[.0.0.1]', false],
  ['', false],
];

for (const [authority, isLoopback] of AUTHORITIES) {
  test(`the Host "${authority}" ${isLoopback ? 'names' : 'does not name'} this machine`, () => {
    assert.equal(isLoopbackAuthority(authority), isLoopback);
  });
}

const HOSTS: readonly (readonly [host: string | undefined, hosts: readonly string[]])[] = [
  [undefined, ['127.0.0.1', '::1']],
  ['localhost', ['127.0.0.1', '::1']],
  ['127.0.0.1', ['127.0.0.1']],
  ['::1', ['::1']],
  ['0.0.0.0', ['0.0.0.0', '::1']],
  ['::', ['::']],
  ['10.0.0.7', ['10.0.0.7', '127.0.0.1', '::1']],
];

for (const [host, hosts] of HOSTS) {
  test(`the option host ${host ?? 'left out'} listens on ${hosts.join(' and ')}`, () => {
    assert.deepEqual(hostsFor(host), hosts);
  });
}
