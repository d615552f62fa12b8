/**
 * Checks the term that the application receives: its fields, its JSON, and its progress.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldTerm } from '../../src/leadership/held-term.ts';

const ACQUIRED_AT = '2027-01-15T08:00:01.000Z';

const CORE = { fencingToken: '11', resumed: true, leaseUid: 'lease-1', acquireTimeMs: Date.parse(ACQUIRED_AT) };

test('a term records progress until its signal is aborted', () => {
  const controller = new AbortController();
  let count = 0;
  const term = new HeldTerm(CORE, controller.signal, () => (count += 1));
  term.progress();
  term.progress();
  assert.equal(count, 2);
  controller.abort();
  term.progress();
  assert.equal(count, 2);
});

test('the JSON of a term has its token and its time as text', () => {
  const term = new HeldTerm(CORE, new AbortController().signal, () => undefined);
  assert.equal(term.fencingToken, 11n);
  assert.deepEqual(term.toJSON(), {
    fencingToken: '11',
    resumed: true,
    leaseUid: 'lease-1',
    acquireTime: ACQUIRED_AT,
  });
});
