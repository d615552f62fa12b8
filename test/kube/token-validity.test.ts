/**
 * Checks the reasons for a refused token that its claims show.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenProblem } from '../../src/kube/token-validity.ts';

const NOW_MS = Date.UTC(2026, 2, 1, 10);

function tokenOf(claims: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
}

const seconds = (afterMs: number): number => (NOW_MS + afterMs) / 1_000;

test('an expired token is reported by the clock of the API server', () => {
  const token = tokenOf({ exp: seconds(-1_000), nbf: seconds(-9_000) });
  assert.match(
    tokenProblem(token, NOW_MS, NOW_MS - 86_400_000) ?? '',
    /^it expired at 2026-03-01T09:59:59\.000Z, and it is 2026-03-01T10:00:00\.000Z by the clock of the API server\. Give/,
  );
});

test('a token that is not yet valid is reported', () => {
  const token = tokenOf({ exp: seconds(9_000), nbf: seconds(60_000) });
  assert.match(
    tokenProblem(token, NOW_MS, NOW_MS) ?? '',
    /^it is not valid before 2026-03-01T10:01:00\.000Z, and it is/,
  );
});

test('the message names the clock of this machine when that of the API server is unknown', () => {
  const token = tokenOf({ exp: seconds(-1_000) });
  assert.match(tokenProblem(token, null, NOW_MS) ?? '', /by the clock of this machine/);
});

test('a token has no problem when its times are valid or its claims cannot be read', () => {
  const rows: readonly string[] = [
    tokenOf({ exp: seconds(1_000), nbf: seconds(0) }),
    tokenOf({ exp: 'soon', nbf: null }),
    tokenOf({ exp: -1e300 }),
    tokenOf([]),
    tokenOf(null),
    'opaque',
    'a.b.c',
    '',
    `e30.${'A'.repeat(70_000)}.c2ln`,
  ];
  for (const token of rows) assert.equal(tokenProblem(token, NOW_MS, NOW_MS), null, token.slice(0, 40));
});

test('a token without a claim nbf is valid at any time before it expires, even before 1970', () => {
  assert.equal(tokenProblem(tokenOf({ exp: seconds(0) }), -1, NOW_MS), null);
});

test('a token expires at the second of its claim', () => {
  const token = tokenOf({ exp: seconds(0) });
  assert.equal(tokenProblem(token, NOW_MS - 1, NOW_MS), null);
  assert.match(
    tokenProblem(token, NOW_MS, NOW_MS) ?? '',
    /Give this process a new token\. The kubelet renews the file of a projected token, unless it is mounted with subPath$/,
  );
});

test('a time that no Date can hold is ignored, and the last one that it can hold is not', () => {
  const [last, tooLate] = [8_640_000_000_000, 8_640_000_000_001];
  assert.match(tokenProblem(tokenOf({ nbf: last }), NOW_MS, NOW_MS) ?? '', /^it is not valid before \+275760-09-13T/);
  assert.equal(tokenProblem(tokenOf({ nbf: tooLate }), NOW_MS, NOW_MS), null);
  assert.equal(tokenProblem(tokenOf({ exp: '1', nbf: '9999999999' }), NOW_MS, NOW_MS), null);
});

test('claims are read from a token of 64 KiB, and not from a longer one', () => {
  const claims = Buffer.from(JSON.stringify({ exp: seconds(-1_000) })).toString('base64url');
  const tokenOfLength = (length: number): string => `e30.${claims}.`.padEnd(length, 'x');
  assert.match(tokenProblem(tokenOfLength(65_536), NOW_MS, NOW_MS) ?? '', /^it expired/);
  assert.equal(tokenProblem(tokenOfLength(65_537), NOW_MS, NOW_MS), null);
});
