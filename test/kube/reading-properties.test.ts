/**
 * Checks that every port returns a result for any JSON of an API server, and that an object that was read can be
 * written again.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { LeaseContent, LeaseRecord } from '../../src/core/lease-record.ts';
import type { Answer } from '../../src/driver/ports.ts';
import type { ApiAnswer, ApiTransport } from '../../src/kube/api-client.ts';
import { clusterPorts } from '../../src/kube/connect.ts';
import { decodeTokenClaims, resolveIdentity } from '../../src/kube/identity.ts';
import { formatMicroTime, parseMicroTime, writeReplacement } from '../../src/kube/lease-mapping.ts';
import { readPod } from '../../src/kube/pod-api.ts';

const RUNS = { numRuns: 300 };
const PLACE = { namespace: 'shop', lease: 'web' };
const CONTENT: LeaseContent = {
  holderIdentity: 'web-0',
  owner: { name: 'web-0', uid: 'pod-uid' },
  acquireTimeMs: 1_772_359_200_000,
  renewTimeMs: 1_772_359_210_000,
  leaseDurationSeconds: 30,
  leaseTransitions: 0,
  releasedBy: null,
};

/** Any JSON, often null, and often an almost valid value. */
const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(null, {}, [], '', 0, -1, 1.5, 1e300, true, [null], [[]], { a: null }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('2026-03-01T10:00:00.000000Z', '+275760-09-13T00:00:00Z', '..', 'x'.repeat(400)),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.constant(JSON.parse('{"__proto__": null, "constructor": 1, "toString": null}')) },
);

/** Sometimes left out, sometimes one of these, otherwise any value. */
function field(...usual: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...usual) },
    { weight: 3, arbitrary: anyJson },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
}

/** An object whose fields are often valid; each can have any value. */
function objectOf(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  return fc.record(fields, { noNullPrototype: true });
}

const OWNER = { apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'pod-uid' };
const STATUSES = [{ name: 'main', state: { terminated: {} } }, { name: 'main', state: null }, null, 'x'];

function metadataOf(name: string): fc.Arbitrary<unknown> {
  return objectOf({
    name: fc.constant(name),
    namespace: fc.constant('shop'),
    uid: fc.constant('lease-uid'),
    resourceVersion: fc.constant('41'),
    labels: field({ app: 'web' }, { app: null }, { 'app.kubernetes.io/name': {} }),
    annotations: field({ 'lease-elector/released': 'pod-uid' }, { 'lease-elector/released': null }),
    ownerReferences: field([OWNER], [{ ...OWNER, uid: null }], [{ ...OWNER, name: '..' }]),
    finalizers: field(['a'], [null]),
    deletionTimestamp: field('2026-03-01T10:00:00Z'),
    deletionGracePeriodSeconds: field(30, 1e300, -1e300),
    managedFields: anyJson,
  });
}

const anyLease = objectOf({
  apiVersion: fc.constant('coordination.k8s.io/v1'),
  kind: fc.constant('Lease'),
  metadata: metadataOf('web'),
  spec: field(
    {
      holderIdentity: 'web-0',
      acquireTime: '+275760-09-13T00:00:00Z',
      renewTime: '2026-03-01T10:00:00Z',
      leaseDurationSeconds: 30,
    },
    { holderIdentity: null, leaseDurationSeconds: -1, leaseTransitions: 1e300, renewTime: 7, acquireTime: {} },
  ),
  status: anyJson,
});

const anyPod = objectOf({
  apiVersion: fc.constant('v1'),
  kind: fc.constant('Pod'),
  metadata: metadataOf('web-0'),
  spec: field({ containers: [{ name: 'main' }] }, { containers: null, initContainers: [null], nodeName: {} }),
  status: fc.oneof(
    anyJson,
    objectOf({
      phase: field('Failed'),
      conditions: field([{ type: 'Ready', status: 'True' }], [null], [{ type: null, lastTransitionTime: {} }]),
      containerStatuses: fc.oneof(anyJson, fc.array(fc.constantFrom(...STATUSES), { maxLength: 3 })),
      initContainerStatuses: anyJson,
    }),
  ),
});

/** A transport that answers every request with this value, and sends this text on every stream. */
function answering(value: unknown, text = ''): ApiTransport {
  return {
    request: async (): Promise<ApiAnswer> => ({ ok: true, value: JSON.parse(JSON.stringify(value) ?? 'null') }),
    stream(_request, sink) {
      queueMicrotask(() => {
        sink.opened();
        sink.bytes(Buffer.from(text));
        sink.ended(null);
      });
      return { close: () => undefined };
    },
  };
}

/** The kind of the result. */
function isAnswer(answer: Answer<unknown>): boolean {
  return answer.ok || answer.failure.kind === 'malformed';
}

function assertWritable(record: LeaseRecord): void {
  for (const content of [CONTENT, record, { ...record, releasedBy: 'pod-uid' }]) {
    const written = writeReplacement(record, content);
    assert.deepEqual([written.metadata.uid, written.metadata.resourceVersion], [record.uid, record.resourceVersion]);
    for (const map of [written.metadata.labels, written.metadata.annotations]) {
      assert.ok(Object.values(map ?? {}).every((entry) => typeof entry === 'string'));
    }
    JSON.stringify(written);
  }
}

describe('a Lease of any content', () => {
  test('is read or malformed and never throws, and can be written again after it was read', async () => {
    let reads = 0;
    await fc.assert(
      fc.asyncProperty(anyLease, async (value) => {
        const { lease } = clusterPorts(answering(value), PLACE, () => undefined);
        for (const answer of [await lease.read(), await lease.create(CONTENT)]) {
          assert.ok(isAnswer(answer));
          if (!answer.ok || answer.value === null) continue;
          reads += 1;
          assertWritable(answer.value);
          assert.ok(isAnswer(await lease.replace(answer.value, CONTENT)));
        }
        assert.ok(isAnswer(await lease.delete({ uid: 'lease-uid', resourceVersion: '41' })));
      }),
      RUNS,
    );
    assert.ok(reads > RUNS.numRuns / 10, `only ${reads} were read, too few for the property`);
  });

  test('is an item of a list or a watch, or ends that as malformed', async () => {
    let items = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyLease, { maxLength: 3 }),
        anyJson,
        fc.constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR', 'RENAMED', null),
        async (leases, other, type) => {
          const list = { kind: 'LeaseList', metadata: { resourceVersion: '50' }, items: leases };
          const lines = [...leases, other].map((object) => `${JSON.stringify({ type, object })}\n`);
          for (const answered of [list, { ...list, items: other }, { ...list, metadata: other }, other]) {
            const { leaseWatch } = clusterPorts(answering(answered, lines.join('')), PLACE, () => undefined);
            const answer = await leaseWatch.list();
            assert.ok(isAnswer(answer));
            if (answer.ok) items += answer.value.items.length;
            if (answer.ok) answer.value.items.forEach(assertWritable);
            await new Promise<void>((resolve) => {
              leaseWatch.open('41', 300, {
                opened: () => undefined,
                event: (event) => ('item' in event ? assertWritable(event.item) : undefined),
                ended: () => resolve(),
              });
            });
          }
        },
      ),
      RUNS,
    );
    assert.ok(items > RUNS.numRuns / 10, `only ${items} were read, too few for the property`);
  });
});

test('a Pod of any content is read or malformed, also by the read for the identity', async () => {
  let reads = 0;
  await fc.assert(
    fc.asyncProperty(anyPod, async (value) => {
      const answer = await readPod(answering(value), 'shop', 'web-0');
      assert.ok(isAnswer(answer));
      if (answer.ok) reads += 1;
      const identity = await resolveIdentity({
        environment: {},
        token: null,
        defaultNamespace: () => 'shop',
        hostname: () => 'web-0',
        readPod: async () => answer,
      }).catch((error: unknown) => error);
      const code = identity instanceof Error && 'code' in identity ? identity.code : 'none';
      assert.ok(!(identity instanceof Error) || code === 'ERR_LEASE_ELECTOR_IDENTITY', String(identity));
    }),
    RUNS,
  );
  assert.ok(reads > RUNS.numRuns / 3, `only ${reads} were read, too few for the property`);
});

test("a token's claims are names and a uid, or none", () => {
  const claims = objectOf({
    'kubernetes.io': field(
      { namespace: 'shop', pod: { name: 'web-0', uid: 'pod-uid' } },
      { namespace: null, pod: null },
      { namespace: 'shop', pod: { name: {}, uid: [] } },
    ),
  });
  fc.assert(
    fc.property(fc.oneof(claims, anyJson, fc.string()), (value) => {
      const part = typeof value === 'string' ? value : Buffer.from(JSON.stringify(value)).toString('base64url');
      const read = decodeTokenClaims(`x.${part}.x`);
      if (read === null) return;
      assert.deepEqual(read, { namespace: 'shop', pod: { name: 'web-0', uid: 'pod-uid' } });
    }),
    RUNS,
  );
});

test('any number is written as a time that is read again', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (wallMs) => {
      assert.notEqual(parseMicroTime(formatMicroTime(wallMs)), null);
    }),
    RUNS,
  );
});
