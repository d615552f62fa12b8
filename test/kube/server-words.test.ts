/**
 * A text of a server in a message: one line, without credentials, of a limited length.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanWords, Secrets } from '../../src/kube/server-words.ts';

test('control characters and line breaks become a space, and the ends are trimmed', () => {
  assert.equal(cleanWords('\u001b[31m  no\r\n\tway\u2028now \u0007'), '[31m  no way now');
});

test('a text of 500 characters is kept, and a longer one is cut with an ellipsis', () => {
  assert.equal(cleanWords('x'.repeat(500)), 'x'.repeat(500));
  assert.equal(cleanWords('x'.repeat(501)), `${'x'.repeat(500)}…`);
});

test('a cut never leaves half of a surrogate pair, and keeps a whole one', () => {
  assert.equal(cleanWords(`${'x'.repeat(499)}😀y`), `${'x'.repeat(499)}…`);
  assert.equal(cleanWords(`${'x'.repeat(498)}😀yz`), `${'x'.repeat(498)}😀…`);
  assert.equal(cleanWords(`😀${'x'.repeat(500)}`), `😀${'x'.repeat(498)}…`);
});

test('credentials are removed before the cut, so that no part of them is left', () => {
  const secrets = new Secrets();
  secrets.remember(['abcdefghij']);
  assert.equal(cleanWords(`${'x'.repeat(495)}abcdefghij`, secrets.conceal), `${'x'.repeat(495)}<cred…`);
});

test('each secret of an authorization is removed everywhere, from six characters on', () => {
  const secrets = new Secrets();
  assert.equal(secrets.conceal('nothing is remembered'), 'nothing is remembered');
  secrets.remember(['123456', '12345', 'the password']);
  assert.equal(
    secrets.conceal('123456 and 123456, the password, 12345'),
    '<credentials> and <credentials>, <credentials>, 12345',
  );
});

test('the last two authorizations are remembered, and an older one is forgotten', () => {
  const secrets = new Secrets();
  for (const secret of ['first-token', 'second-token', 'third-token']) secrets.remember([secret]);
  assert.equal(secrets.conceal('first-token second-token third-token'), 'first-token <credentials> <credentials>');
});

test('an authorization that is repeated does not displace the one before', () => {
  const secrets = new Secrets();
  secrets.remember(['first-token', 'the password']);
  for (let count = 0; count < 5; count += 1) secrets.remember(['second-token', 'the password']);
  assert.equal(secrets.conceal('first-token second-token'), '<credentials> <credentials>');
});

for (const [what, changed] of [
  ['its last secret', ['one-secret', 'new-secret']],
  ['its first secret', ['new-secret', 'two-secret']],
  ['the number of its secrets', ['one-secret', 'two-secret', 'new-secret']],
] as const) {
  test(`an authorization that differs in ${what} is remembered`, () => {
    const secrets = new Secrets();
    secrets.remember(['one-secret', 'two-secret']);
    secrets.remember(changed);
    assert.equal(secrets.conceal('new-secret'), '<credentials>');
  });
}
