// Checks the order of resourceVersions, which Pod can release a Lease, and whether a failed write was overtaken or may
// have been executed.

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

test('only the Pod that owns a Lease can have released it', () => {
  assert.equal(isReleased(leaseOf(RIVAL)), false);
  assert.equal(isReleased(leaseOf(RIVAL, { releasedBy: RIVAL.uid })), true);
  assert.equal(isReleased(leaseOf(RIVAL, { releasedBy: 'pod-9' })), false, 'the annotation names another Pod');
  assert.equal(isReleased(leaseOf(null, { releasedBy: RIVAL.uid })), false, 'the Lease has no owner');
});

test('a write is uncertain when its answer was lost or malformed, and overtaken when it was a 409 of either kind', () => {
  assert.deepEqual(
    FAILURE_KINDS.filter((kind) => isUncertain(failure(kind))),
    ['unavailable', 'malformed'],
  );
  assert.deepEqual(
    FAILURE_KINDS.filter((kind) => isOvertaken(failure(kind))),
    ['alreadyExists', 'conflict'],
  );
});

test('two versions of a Lease have the same record when no field differs that client-go compares', () => {
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

test('a Lease has a holder when its holderIdentity is not empty', () => {
  assert.equal(namesSomebody(leaseOf(RIVAL)), true);
  assert.equal(namesSomebody(leaseOf(RIVAL, { holderIdentity: '' })), false);
  assert.equal(namesSomebody(leaseOf(RIVAL, { holderIdentity: null })), false);
});
