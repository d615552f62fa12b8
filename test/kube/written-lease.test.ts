/**
 * The fields that an admission webhook changed in a written Lease, and the owners and successors that cannot be used.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseContent, LeaseRecord } from '../../src/core/lease-record.ts';
import { compareWritten, expectedLease, readLease, writeNewLease } from '../../src/kube/lease-mapping.ts';
import { storedLease } from '../driver/scripted-ports.ts';

const SENT: LeaseContent = {
  holderIdentity: 'web-0',
  owner: { name: 'web-0', uid: 'pod-0' },
  acquireTimeMs: 1_772_359_200_123,
  renewTimeMs: 1_772_359_210_000,
  leaseDurationSeconds: 30,
  leaseTransitions: 3,
  releasedBy: null,
  successor: { uid: 'pod-1', pods: 2 },
};

const CHANGES: Readonly<Record<string, readonly [changes: Partial<LeaseRecord>, fields: readonly string[]]>> = {
  nothing: [{}, []],
  'the owner': [{ owner: null }, ['metadata.ownerReferences']],
  "the owner's uid": [{ owner: { name: 'web-0', uid: 'pod-9' } }, ['metadata.ownerReferences']],
  "the owner's name": [{ owner: { name: 'web-9', uid: 'pod-0' } }, ['metadata.ownerReferences']],
  'the release': [{ releasedBy: 'pod-0' }, ['metadata.annotations[lease-elector/released]']],
  'the successor': [{ successor: { uid: 'pod-9', pods: 2 } }, ['metadata.annotations[lease-elector/successor]']],
  'the holder': [{ holderIdentity: 'web-9' }, ['spec.holderIdentity']],
  'the duration': [{ leaseDurationSeconds: 31 }, ['spec.leaseDurationSeconds']],
  'the renewal': [{ renewTimeMs: 1_772_359_210_001 }, ['spec.renewTime']],
  'the renewal, removed': [{ renewTimeMs: null }, ['spec.renewTime']],
  'two fields': [{ holderIdentity: null, renewTimeMs: null }, ['spec.holderIdentity', 'spec.renewTime']],
};

for (const [what, [changes, fields]] of Object.entries(CHANGES)) {
  test(`a written Lease that differs in ${what} is reported with ${fields.join(' and ') || 'no field'}`, () => {
    assert.deepEqual(compareWritten(SENT, { ...storedLease(SENT, 12), ...changes }), fields);
  });
}

test('a renewal that was not sent and came back with the time zero is a change', () => {
  const sent: LeaseContent = { ...SENT, renewTimeMs: null };
  assert.deepEqual(compareWritten(sent, { ...storedLease(sent, 12), renewTimeMs: 0 }), ['spec.renewTime']);
});

test('the annotation of a successor has the number of Pods, up to 50', () => {
  for (const [pods, annotation] of [
    [2, 'pod-1 2'],
    [49, 'pod-1 49'],
    [50, 'pod-1 50+'],
    [51, 'pod-1 50+'],
  ] as const) {
    const { metadata } = writeNewLease('shop', 'web', { ...SENT, successor: { uid: 'pod-1', pods } });
    assert.equal(metadata.annotations?.['lease-elector/successor'], annotation);
  }
});

test('a release that was sent and came back is no change', () => {
  const sent: LeaseContent = { ...SENT, releasedBy: 'pod-0', renewTimeMs: null };
  assert.deepEqual(compareWritten(sent, storedLease(sent, 12)), []);
});

/** The wire form of the sent Lease, with these metadata. */
function read(metadata: object) {
  const written = writeNewLease('shop', 'web', SENT);
  return readLease(
    { ...written, metadata: { ...written.metadata, uid: 'lease-uid', resourceVersion: '41', ...metadata } },
    expectedLease('shop', 'web'),
    'whole',
  );
}

const POD = { apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'pod-0' };

for (const [what, owner] of [
  ['an empty name', { ...POD, name: '' }],
  ['no name', { ...POD, name: undefined }],
  ['a name that is no string', { ...POD, name: 7 }],
  ['an empty uid', { ...POD, uid: '' }],
  ['a uid that is no string', { ...POD, uid: null }],
] as const) {
  test(`an owner with ${what} makes the Lease malformed, because it does not prove that there is no owner`, () => {
    const reading = read({ ownerReferences: [owner] });
    assert.ok(!reading.ok);
    assert.equal(reading.problem, 'has ownerReferences that cannot be parsed');
  });
}

for (const [what, owner] of [
  ['another kind', { ...POD, kind: 'ReplicaSet' }],
  ['another group', { ...POD, apiVersion: 'example.com/v1' }],
] as const) {
  test(`an owner of ${what} is no Pod that holds the Lease`, () => {
    const reading = read({ ownerReferences: [owner] });
    assert.ok(reading.ok);
    assert.equal(reading.value.owner, null);
  });
}

for (const [annotation, successor] of [
  ['pod-1 2', { uid: 'pod-1', pods: 2 }],
  ['pod-1 49', { uid: 'pod-1', pods: 49 }],
  ['pod-1 50+', { uid: 'pod-1', pods: 50 }],
  ['pod-1', undefined],
  ['pod-1 ', undefined],
  ['pod-1 123', undefined],
  ['x pod-1 2', undefined],
  [`${'p'.repeat(254)} 2`, undefined],
  ['', undefined],
] as const) {
  test(`the annotation of a successor ${JSON.stringify(annotation.slice(0, 20))} names ${successor?.uid ?? 'nobody'}`, () => {
    const reading = read({ annotations: { 'lease-elector/successor': annotation } });
    assert.ok(reading.ok);
    assert.deepEqual(reading.value.successor, successor);
  });
}
