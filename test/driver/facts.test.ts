/**
 * Checks the fact that the election receives for each answer and each report of a watch.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fact } from '../../src/core/input.ts';
import {
  leaseDeletionFact,
  leaseFact,
  leaseReadFact,
  leaseWriteFact,
  podFact,
  podReadFact,
} from '../../src/driver/facts.ts';
import { failure, leaseOf, podOf, RIVAL, SELF } from '../core/story.ts';

const lease = leaseOf(RIVAL);
const pod = podOf(RIVAL);
const refusal = failure('forbidden');
const ok = <Value>(value: Value): { readonly ok: true; readonly value: Value } => ({ ok: true, value });
const failed = { ok: false, failure: refusal } as const;
const requestFailed: Fact = { type: 'requestFailed', request: 7, failure: refusal };

const ROWS: Readonly<Record<string, () => readonly [actual: Fact, expected: Fact]>> = {
  'a Lease was read': () => [leaseReadFact(7, ok(lease)), { type: 'leaseRead', request: 7, lease }],
  'there is no Lease': () => [leaseReadFact(7, ok(null)), { type: 'leaseRead', request: 7, lease: null }],
  'the read of the Lease failed': () => [leaseReadFact(7, failed), requestFailed],
  'a Lease was written': () => [leaseWriteFact(7, ok(lease)), { type: 'leaseWritten', request: 7, lease }],
  'a Lease came back with another value': () => [
    leaseWriteFact(7, { ...ok(lease), altered: ['spec.holderIdentity'] }),
    { type: 'leaseWritten', request: 7, lease, altered: ['spec.holderIdentity'] },
  ],
  'the write failed': () => [leaseWriteFact(7, failed), requestFailed],
  'the Lease was deleted': () => [leaseDeletionFact(7, ok(null)), { type: 'leaseRemoved', request: 7 }],
  'a finalizer keeps the Lease': () => [
    leaseDeletionFact(7, ok(lease)),
    { type: 'leaseDeletionPending', request: 7, lease },
  ],
  'the deletion failed': () => [leaseDeletionFact(7, failed), requestFailed],
  'a Pod was read': () => [podReadFact(7, RIVAL.name, ok(pod)), { type: 'podRead', request: 7, name: RIVAL.name, pod }],
  'there is no such Pod': () => [
    podReadFact(7, RIVAL.name, ok(null)),
    { type: 'podRead', request: 7, name: RIVAL.name, pod: null },
  ],
  'the read of the Pod failed': () => [podReadFact(7, RIVAL.name, failed), requestFailed],
  'a list shows the Lease': () => [
    leaseFact({ type: 'present', item: lease, by: 'list' }),
    { type: 'leaseObserved', lease, by: 'list' },
  ],
  'an event shows the Lease': () => [
    leaseFact({ type: 'present', item: lease, by: 'watch' }),
    { type: 'leaseObserved', lease, by: 'watch' },
  ],
  'a list shows no Lease': () => [
    leaseFact({ type: 'absent', resourceVersion: '9' }),
    { type: 'leaseAbsent', resourceVersion: '9' },
  ],
  'an event shows that the Lease was deleted': () => [
    leaseFact({ type: 'deleted', item: lease }),
    { type: 'leaseDeleted', lease },
  ],
  'the watch of the Lease failed': () => [
    leaseFact({ type: 'failed', failure: refusal }),
    { type: 'leaseWatchFailed', failure: refusal },
  ],
  'a list shows the Pod': () => [
    podFact(SELF, { type: 'present', item: pod, by: 'list' }),
    { type: 'podObserved', watched: SELF, pod, by: 'list' },
  ],
  'an event shows the Pod': () => [
    podFact(SELF, { type: 'present', item: pod, by: 'watch' }),
    { type: 'podObserved', watched: SELF, pod, by: 'watch' },
  ],
  'a list shows no Pod': () => [
    podFact(SELF, { type: 'absent', resourceVersion: '9' }),
    { type: 'podAbsent', watched: SELF },
  ],
  'an event shows that the Pod was deleted': () => [
    podFact(SELF, { type: 'deleted', item: pod }),
    { type: 'podDeleted', watched: SELF, pod },
  ],
  'the watch of the Pod failed': () => [
    podFact(SELF, { type: 'failed', failure: refusal }),
    { type: 'podWatchFailed', watched: SELF, failure: refusal },
  ],
};

for (const [name, row] of Object.entries(ROWS)) {
  test(name, () => assert.deepEqual(...row()));
}
