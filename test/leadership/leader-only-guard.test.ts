/**
 * Checks `leaderOnly` with a guard that has only the required methods.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Term } from '../../src/index.ts';
import { type LeadershipGuard, leaderOnly } from '../../src/leadership/leader-only.ts';

const TERM = { fencingToken: 11n } as Term;

/** A guard of a process that leads without doubt. */
const LEADS: LeadershipGuard = {
  term: () => TERM,
  isDoubtful: () => false,
  confirm: async () => TERM,
  join: (_ended, begin) => begin(),
};

test('a job is skipped without a report when the guard has no method for it', async () => {
  const job = leaderOnly(() => assert.fail('the job runs'), { ...LEADS, term: () => undefined });
  assert.equal(await job(), undefined);
});

test('a job rejects with its own error when the guard has no method for it', async () => {
  const error = new Error('the mail server is down');
  const job = leaderOnly(() => Promise.reject(error), LEADS);
  await assert.rejects(job(), error);
});

test('a job is skipped when the term ends together with its confirmation', async () => {
  let term: Term | undefined = TERM;
  let isDoubtful = true;
  const job = leaderOnly(() => assert.fail('the job runs'), {
    ...LEADS,
    term: () => term,
    isDoubtful: () => isDoubtful,
    confirm: async () => {
      term = undefined;
      isDoubtful = false;
      return TERM;
    },
  });
  assert.equal(await job(), undefined);
});
