/**
 * V1Lease ↔ LeaseRecord, field by field.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeaseContent, LeaseRecord } from '../../src/core/lease-record.ts';
import {
  formatMicroTime,
  parseMicroTime,
  readLease,
  writeNewLease,
  writeReplacement,
} from '../../src/kube/lease-mapping.ts';

const META = { name: 'web', namespace: 'shop', uid: 'lease-uid', resourceVersion: '41' };
const NOTHING = {
  holderIdentity: null,
  owner: null,
  acquireTimeMs: null,
  renewTimeMs: null,
  leaseDurationSeconds: null,
  leaseTransitions: null,
  releasedBy: null,
};
const CONTENT: LeaseContent = {
  holderIdentity: 'web-0',
  owner: { name: 'web-0', uid: 'pod-uid' },
  acquireTimeMs: 1_772_359_200_123,
  renewTimeMs: 1_772_359_210_000,
  leaseDurationSeconds: 30,
  leaseTransitions: 3,
  releasedBy: null,
};

function read(value: unknown): LeaseRecord {
  const lease = readLease(value);
  assert.ok(lease !== null);
  return lease;
}

function contentOf({ uid: _uid, resourceVersion: _version, source: _source, ...content }: LeaseRecord): LeaseContent {
  return content;
}

const READABLE: readonly { rule: string; value: unknown; content: Partial<LeaseContent> }[] = [
  { rule: 'a Lease without a spec has nothing in it', value: { metadata: META }, content: {} },
  { rule: 'a Lease with an empty spec has nothing in it', value: { metadata: META, spec: {} }, content: {} },
  { rule: 'a spec that is null is none', value: { metadata: META, spec: null }, content: {} },
  { rule: 'a null holder is none', value: { metadata: META, spec: { holderIdentity: null } }, content: {} },
  {
    rule: 'an empty holder is a holder without a name, as client-go leaves it',
    value: { metadata: META, spec: { holderIdentity: '' } },
    content: { holderIdentity: '' },
  },
  { rule: 'a Lease without owners has no owner', value: { metadata: { ...META, ownerReferences: [] } }, content: {} },
  {
    rule: 'owners of other kinds are no owner',
    value: {
      metadata: {
        ...META,
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'r' },
          { apiVersion: 'example.com/v1', kind: 'Pod', name: 'web-9', uid: 'x' },
          { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'n' },
        ],
      },
    },
    content: {},
  },
  {
    rule: 'the first Pod among the owners is the owner',
    value: {
      metadata: {
        ...META,
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'r' },
          { apiVersion: 'v1', kind: 'Pod', name: 'web-1', uid: 'one' },
          { apiVersion: 'v1', kind: 'Pod', name: 'web-2', uid: 'two' },
        ],
      },
    },
    content: { owner: { name: 'web-1', uid: 'one' } },
  },
  {
    rule: 'times are read with any fraction and offset, and null for what is no time',
    value: {
      metadata: META,
      spec: { acquireTime: '2026-03-01T11:00:00.123456+01:00', renewTime: 'yesterday' },
    },
    content: { acquireTimeMs: 1_772_359_200_123 },
  },
  {
    rule: 'a time that is null (year 1, wire fact 7) is none',
    value: { metadata: META, spec: { renewTime: null, acquireTime: 5 } },
    content: {},
  },
  {
    rule: 'the annotation names who released it',
    value: { metadata: { ...META, annotations: { 'lease-elector/released': 'pod-uid' } } },
    content: { releasedBy: 'pod-uid' },
  },
  {
    rule: 'fields of the wrong type count as left out',
    value: { metadata: { ...META, annotations: 5, ownerReferences: {} }, spec: { leaseTransitions: '3' } },
    content: {},
  },
];
for (const { rule, value, content } of READABLE) {
  test(rule, () => {
    const lease = read(value);
    assert.deepEqual(contentOf(lease), { ...NOTHING, ...content });
    assert.deepEqual([lease.uid, lease.resourceVersion], ['lease-uid', '41']);
    assert.equal(lease.source, value);
  });
}

test('what is no Lease is not read', () => {
  for (const value of [
    null,
    [],
    'x',
    {},
    { metadata: null },
    { kind: 'Pod', metadata: META },
    { metadata: { ...META, name: undefined } },
    { metadata: { ...META, uid: '' } },
    { metadata: { ...META, resourceVersion: undefined } },
    { metadata: { ...META, resourceVersion: 41 } },
    { metadata: { ...META, resourceVersion: '041' } },
    { metadata: { ...META, resourceVersion: '4a' } },
  ]) {
    assert.equal(readLease(value), null, JSON.stringify(value));
  }
});

test('a replace keeps what others wrote, and sends uid and resourceVersion', () => {
  const before = read({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...META,
      labels: { team: 'a', 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { note: 'keep', 'lease-elector/released': 'somebody' },
      finalizers: ['example.com/hold'],
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'old', uid: 'old', controller: true }],
    },
    spec: { holderIdentity: 'old', renewTime: '2026-03-01T10:00:00.000000Z', strategy: 'OldestEmulationVersion' },
    later: { unknown: true },
  });
  const source = structuredClone(before.source);
  assert.deepEqual(writeReplacement(before, { ...CONTENT, renewTimeMs: null, leaseDurationSeconds: null }), {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...META,
      labels: { team: 'a', 'app.kubernetes.io/managed-by': 'lease-elector' },
      annotations: { note: 'keep' },
      finalizers: ['example.com/hold'],
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'pod-uid' }],
    },
    spec: {
      strategy: 'OldestEmulationVersion',
      holderIdentity: 'web-0',
      acquireTime: '2026-03-01T10:00:00.123000Z',
      leaseTransitions: 3,
    },
    later: { unknown: true },
  });
  assert.deepEqual(before.source, source, 'the record itself is not changed');
});

test('a replace on top of an item of a list names kind and apiVersion', () => {
  const written = writeReplacement(read({ metadata: META }), CONTENT);
  assert.equal(written.kind, 'Lease');
  assert.equal(written.apiVersion, 'coordination.k8s.io/v1');
});

test('the annotation is written only when somebody released', () => {
  assert.equal(writeNewLease('shop', 'web', CONTENT).metadata.annotations, undefined);
  const released = writeReplacement(read({ metadata: META }), { ...CONTENT, releasedBy: 'pod-uid' });
  assert.deepEqual(released.metadata.annotations, { 'lease-elector/released': 'pod-uid' });
});

test('a MicroTime has exactly six digits', () => {
  assert.equal(formatMicroTime(1_772_359_200_007), '2026-03-01T10:00:00.007000Z');
  assert.equal(formatMicroTime(1_772_359_200_007.9), '2026-03-01T10:00:00.007000Z');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (wallMs) => {
      const text = formatMicroTime(wallMs);
      assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      assert.equal(parseMicroTime(text), wallMs);
    }),
  );
});

test('whatever is written is read back the same', () => {
  const option = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(arbitrary);
  const PLAIN = { noNullPrototype: true };
  const text = fc.string({ minLength: 1 });
  const wallMs = fc.integer({ min: 0, max: 4_102_444_800_000 });
  const anyContent: fc.Arbitrary<LeaseContent> = fc.record(
    {
      holderIdentity: option(fc.string()),
      owner: option(fc.record({ name: text, uid: text }, PLAIN)),
      acquireTimeMs: option(wallMs),
      renewTimeMs: option(wallMs),
      leaseDurationSeconds: option(fc.nat()),
      leaseTransitions: option(fc.nat()),
      releasedBy: option(text),
    },
    PLAIN,
  );
  fc.assert(
    fc.property(anyContent, anyContent, (first, second) => {
      const created = writeNewLease('shop', 'web', first);
      const stored = read(JSON.parse(JSON.stringify({ ...created, metadata: { ...created.metadata, ...META } })));
      assert.deepEqual(contentOf(stored), first);
      assert.deepEqual(contentOf(read(JSON.parse(JSON.stringify(writeReplacement(stored, second))))), second);
    }),
  );
});
