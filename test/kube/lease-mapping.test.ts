/**
 * Checks the mapping between V1Lease and LeaseRecord, field by field.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeaseContent, LeaseRecord } from '../../src/core/lease-record.ts';
import {
  compareWritten,
  expectedLease,
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

const EXPECTED = expectedLease('shop', 'web');

function read(value: unknown): LeaseRecord {
  const reading = readLease(value, EXPECTED, 'item');
  assert.ok(reading.ok, reading.ok ? '' : reading.problem);
  return reading.value;
}

function contentOf(lease: LeaseRecord): LeaseContent {
  const {
    uid: _uid,
    resourceVersion: _version,
    terminating: _deleted,
    finalizers: _held,
    source: _source,
    ...content
  } = lease;
  return content;
}

const READABLE: readonly { rule: string; value: unknown; content: Partial<LeaseContent> }[] = [
  { rule: 'a Lease without a spec is empty', value: { metadata: META }, content: {} },
  { rule: 'a Lease with an empty spec is empty', value: { metadata: META, spec: {} }, content: {} },
  { rule: 'a spec that is null counts as left out', value: { metadata: META, spec: null }, content: {} },
  {
    rule: 'a holder that is null counts as left out',
    value: { metadata: META, spec: { holderIdentity: null } },
    content: {},
  },
  {
    rule: 'an empty holder is a holder without a name, as client-go leaves it',
    value: { metadata: META, spec: { holderIdentity: '' } },
    content: { holderIdentity: '' },
  },
  { rule: 'a Lease without owners has no owner', value: { metadata: { ...META, ownerReferences: [] } }, content: {} },
  {
    rule: 'owners of other kinds are ignored',
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
    rule: 'times are read with any fraction and offset, and an invalid time is null',
    value: {
      metadata: META,
      spec: { acquireTime: '2026-03-01T11:00:00.123456+01:00', renewTime: 'yesterday' },
    },
    content: { acquireTimeMs: 1_772_359_200_123 },
  },
  {
    rule: 'a time that is null (year 1, wire fact 7) counts as left out',
    value: { metadata: META, spec: { renewTime: null, acquireTime: 5 } },
    content: {},
  },
  {
    rule: 'the annotation names the process that released the Lease',
    value: { metadata: { ...META, annotations: { 'lease-elector/released': 'pod-uid' } } },
    content: { releasedBy: 'pod-uid' },
  },
  {
    rule: 'fields of the wrong type count as left out',
    value: { metadata: { ...META, annotations: 5, labels: [] }, spec: { leaseTransitions: '3' } },
    content: {},
  },
  {
    rule: 'a map or a list that is null is empty',
    value: {
      metadata: { ...META, annotations: null, labels: null, ownerReferences: null, finalizers: null },
      spec: null,
      status: null,
    },
    content: {},
  },
  {
    rule: 'an annotation that is not a string counts as left out',
    value: { metadata: { ...META, annotations: { 'lease-elector/released': null } } },
    content: {},
  },
  {
    rule: 'an annotation that is a number counts as left out',
    value: { metadata: { ...META, annotations: { 'lease-elector/released': 7 } } },
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

/** An object that is not the requested Lease, and the message about it. */
const UNUSABLE: readonly (readonly [value: unknown, problem: RegExp])[] = [
  [null, /is not an object/],
  [[], /is not an object/],
  ['x', /is not an object/],
  [{}, /has no metadata/],
  [{ metadata: null }, /has no metadata/],
  [{ kind: 'Pod', metadata: META }, /has the kind "Pod", not "Lease"/],
  [{ kind: 'Lease', apiVersion: 'v1', metadata: META }, /has the apiVersion "v1", not "coordination.k8s.io\/v1"/],
  [{ metadata: { ...META, name: undefined } }, /has the name none, not "web"/],
  [{ metadata: { ...META, name: '' } }, /has the name ""/],
  [{ metadata: { ...META, namespace: undefined } }, /has the namespace none, not "shop"/],
  [{ metadata: { ...META, namespace: 'bank' } }, /has the namespace "bank", not "shop".* proxies/],
  [{ metadata: { ...META, name: 'api', namespace: 'bank' } }, /has the namespace "bank", not "shop"/],
  [{ metadata: { ...META, uid: '' } }, /has no usable uid/],
  [{ metadata: { ...META, uid: 'a b' } }, /has no usable uid/],
  [{ metadata: { ...META, uid: 'x'.repeat(254) } }, /has no usable uid \("x{60}…"\)/],
  [{ metadata: { ...META, uid: 7 } }, /has no usable uid \(a value of type number\)/],
  [{ metadata: { ...META, resourceVersion: undefined } }, /has no resourceVersion/],
  [{ metadata: { ...META, resourceVersion: 41 } }, /has no resourceVersion/],
  [{ metadata: { ...META, resourceVersion: '041' } }, /has no resourceVersion/],
  [{ metadata: { ...META, resourceVersion: '4a' } }, /has no resourceVersion/],
  [{ metadata: { ...META, ownerReferences: {} } }, /has ownerReferences that cannot be parsed/],
  [{ metadata: { ...META, ownerReferences: [null] } }, /has ownerReferences/],
  [{ metadata: { ...META, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'a' }] } }, /has ownerReferences/],
  [{ metadata: { ...META, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: '', uid: 'u' }] } }, /has owner/],
];
for (const [value, problem] of UNUSABLE) {
  test(`${JSON.stringify(value)?.slice(0, 120)} is not read: ${problem.source}`, () => {
    const reading = readLease(value, EXPECTED, 'item');
    assert.ok(!reading.ok);
    assert.match(reading.problem, problem);
    assert.equal(reading.isAnother, false);
  });
}

test('a Lease of another name is distinguished from one that cannot be read', () => {
  const reading = readLease({ metadata: { ...META, name: 'api' } }, EXPECTED, 'item');
  assert.deepEqual([reading.ok, !reading.ok && reading.isAnother], [false, true]);
});

test('only an item of a list can leave out its kind and its apiVersion', () => {
  const whole = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: META };
  assert.equal(readLease(whole, EXPECTED, 'whole').ok, true);
  for (const left of [{ ...whole, kind: undefined }, { ...whole, apiVersion: null }, { metadata: META }]) {
    assert.equal(readLease(left, EXPECTED, 'whole').ok, false, JSON.stringify(left));
    assert.equal(readLease(left, EXPECTED, 'item').ok, true, JSON.stringify(left));
  }
});

test('a replace keeps the fields of other writers, and sends uid and resourceVersion', () => {
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

test('a replace on top of a Lease whose maps, lists and spec are null is written without them', () => {
  const nothing = { labels: null, annotations: null, ownerReferences: null, finalizers: null };
  const before = read({ metadata: { ...META, ...nothing }, spec: null });
  const { metadata } = writeReplacement(before, { ...CONTENT, owner: null });
  assert.deepEqual(metadata, { ...META, labels: { 'app.kubernetes.io/managed-by': 'lease-elector' } });
});

test('the annotation is written only for a released Lease', () => {
  assert.equal(writeNewLease('shop', 'web', CONTENT).metadata.annotations, undefined);
  const released = writeReplacement(read({ metadata: META }), { ...CONTENT, releasedBy: 'pod-uid' });
  assert.deepEqual(released.metadata.annotations, { 'lease-elector/released': 'pod-uid' });
});

test('a record has its deletionTimestamp and its finalizers', () => {
  const held = { ...META, deletionTimestamp: '2026-03-01T10:00:00Z', finalizers: ['example.com/hold', 7] };
  const { terminating, finalizers } = read({ metadata: held });
  assert.deepEqual([terminating, finalizers], [true, ['example.com/hold']]);
  const plain = read({ metadata: { ...META, deletionTimestamp: null } });
  assert.deepEqual([plain.terminating, plain.finalizers], [false, []]);
});

test('a time that comes back in the precision of the wire counts as unchanged', () => {
  const sent = { ...CONTENT, renewTimeMs: 1_772_359_210_000.75 };
  const written = read(JSON.parse(JSON.stringify({ ...writeNewLease('shop', 'web', sent), metadata: META })));
  assert.deepEqual(compareWritten({ ...sent, owner: null }, written), []);
});

for (const [rule, given, kept] of [
  ['a duration of zero is ignored', { leaseDurationSeconds: 0 }, null],
  ['a negative duration is ignored', { leaseDurationSeconds: -30 }, null],
  ['a duration of half a second is ignored', { leaseDurationSeconds: 0.5 }, null],
  ['a duration above the largest int32 is ignored', { leaseDurationSeconds: 2 ** 31 }, null],
  ['a duration that is text is ignored', { leaseDurationSeconds: '30' }, null],
  ['a duration of one second is read', { leaseDurationSeconds: 1 }, 1],
] as const) {
  test(rule, () => assert.equal(read({ metadata: META, spec: given }).leaseDurationSeconds, kept));
}

test('a count of transitions is a whole number from zero', () => {
  const counts = [0, 7, 2 ** 31 - 1, -1, 1.5, 2 ** 31, null, '3'];
  const kept = counts.map((leaseTransitions) => read({ metadata: META, spec: { leaseTransitions } }).leaseTransitions);
  assert.deepEqual(kept, [0, 7, 2 ** 31 - 1, null, null, null, null, null]);
});

test('a time that no API server keeps is read as null, and written as the nearest valid time', () => {
  for (const time of [
    '+275760-09-13T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    '-000001-01-01T00:00:00Z',
    '0000-06-01T00:00:00Z',
  ]) {
    assert.ok(!Number.isNaN(Date.parse(time)));
    assert.equal(read({ metadata: META, spec: { renewTime: time, acquireTime: time } }).renewTimeMs, null, time);
  }
  assert.equal(formatMicroTime(8.64e15), '9999-12-31T23:59:59.999000Z');
  assert.equal(formatMicroTime(1e300), '9999-12-31T23:59:59.999000Z');
  assert.equal(formatMicroTime(-1e300), '0001-01-01T00:00:00.001000Z');
  for (const wallMs of [1e300, -1e300]) assert.notEqual(parseMicroTime(formatMicroTime(wallMs)), null);
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

test('a written Lease is read back unchanged', () => {
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
      leaseDurationSeconds: option(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
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

const SUCCESSORS: readonly (readonly [annotation: unknown, successor: unknown])[] = [
  ['pod-3 3', { uid: 'pod-3', pods: 3 }],
  ['pod-3 50+', { uid: 'pod-3', pods: 50 }],
  ['pod-3', undefined],
  ['pod-3 many', undefined],
  ['pod-3 -1', undefined],
  ['pod-3 51+', undefined],
  [' 3', undefined],
  ['', undefined],
  [7, undefined],
  [null, undefined],
];

for (const [annotation, successor] of SUCCESSORS) {
  test(`the annotation lease-elector/successor is read: ${JSON.stringify(annotation)}`, () => {
    const lease = read({ metadata: { ...META, annotations: { 'lease-elector/successor': annotation } } });
    assert.deepEqual(lease.successor, successor);
  });
}

test('the annotation lease-elector/successor is written, read back and removed', () => {
  const before = read({ metadata: META });
  const named = writeReplacement(before, { ...CONTENT, successor: { uid: 'pod-3', pods: 50 } });
  assert.equal(named.metadata.annotations?.['lease-elector/successor'], 'pod-3 50+');
  const after = read({ metadata: { ...META, annotations: named.metadata.annotations } });
  assert.deepEqual(after.successor, { uid: 'pod-3', pods: 50 });
  assert.equal(writeReplacement(after, CONTENT).metadata.annotations?.['lease-elector/successor'], undefined);
});

test('a field that is null is not written', () => {
  assert.deepEqual(writeNewLease('shop', 'web', NOTHING), {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: 'shop', name: 'web', labels: { 'app.kubernetes.io/managed-by': 'lease-elector' } },
    spec: {},
  });
});
