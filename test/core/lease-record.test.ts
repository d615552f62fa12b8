// Checks the order of resourceVersions, and who may give a Lease up. Also how a failed request is read:
// was it overtaken, may it have been carried out?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareResourceVersions,
  isReleased,
  isSameRecord,
  type LeaseRecord,
  namesSomebody,
} from '../../src/core/lease-record.ts';
import { isOvertaken, isUncertain } from '../../src/core/request-failure.ts';
import { FAILURE_KINDS, failure, leaseOf, NAMESAKE, RIVAL } from './story.ts';

test('resourceVersions are compared as numbers of any length', () => {
  const inOrder = ['0', '9', '10', '11', '99', '100', '18446744073709551616', '99999999999999999999999999999999'];
  for (const [left, leftVersion] of inOrder.entries()) {
    for (const [right, rightVersion] of inOrder.entries()) {
      assert.equal(Math.sign(compareResourceVersions(leftVersion, rightVersion)), Math.sign(left - right));
    }
  }
});

test('only the Pod that owns a Lease can have given it up', () => {
  assert.equal(isReleased(leaseOf(RIVAL)), false);
  assert.equal(isReleased(leaseOf(RIVAL, { releasedBy: RIVAL.uid })), true);
  assert.equal(isReleased(leaseOf(RIVAL, { releasedBy: 'pod-9' })), false, 'a mark that names somebody else');
  assert.equal(isReleased(leaseOf(null, { releasedBy: RIVAL.uid })), false, 'a Lease without an owner');
});

test('a write is uncertain when its answer was lost or not understood, and overtaken on both kinds of 409', () => {
  assert.deepEqual(
    FAILURE_KINDS.filter((kind) => isUncertain(failure(kind))),
    ['unavailable', 'malformed'],
  );
  assert.deepEqual(
    FAILURE_KINDS.filter((kind) => isOvertaken(failure(kind))),
    ['alreadyExists', 'conflict'],
  );
});

test('two states of a Lease have the same record when they differ in nothing that client-go compares', () => {
  const record = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 30 });
  assert.equal(isSameRecord(null, record), false);
  assert.equal(isSameRecord(record, { ...record, resourceVersion: '99', releasedBy: RIVAL.uid }), true);
  const changes: readonly Partial<LeaseRecord>[] = [
    { uid: 'lease-2' },
    { owner: NAMESAKE },
    { owner: null },
    { holderIdentity: 'somebody' },
    { acquireTimeMs: 1 },
    { renewTimeMs: 1_001 },
    { leaseDurationSeconds: 31 },
    { leaseTransitions: 4 },
  ];
  for (const change of changes) assert.equal(isSameRecord(record, { ...record, ...change }), false);
  const foreign = { ...record, owner: null };
  assert.equal(isSameRecord(foreign, foreign), true);
});

test('a Lease names somebody when its holderIdentity is not empty', () => {
  assert.equal(namesSomebody(leaseOf(RIVAL)), true);
  assert.equal(namesSomebody(leaseOf(RIVAL, { holderIdentity: '' })), false);
  assert.equal(namesSomebody(leaseOf(RIVAL, { holderIdentity: null })), false);
});
