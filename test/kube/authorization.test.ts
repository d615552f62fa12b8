/**
 * Checks which header has a bearer token.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerToken } from '../../src/kube/authorization.ts';

const HEADERS: readonly { readonly headers: Record<string, string>; readonly token: string | null }[] = [
  { headers: {}, token: null },
  { headers: { authorization: 'Bearer abc' }, token: 'abc' },
  { headers: { Authorization: 'Bearer abc' }, token: 'abc' },
  { headers: { authorization: 'Basic YW5uYTpiZW4=' }, token: null },
];
for (const { headers, token } of HEADERS) {
  test(`the token is ${token} when the headers are ${JSON.stringify(headers)}`, () => {
    assert.equal(bearerToken(headers), token);
  });
}
