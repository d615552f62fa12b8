/**
 * Checks the list and the watch of the Leases of several elections.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import { type ApiRequest, pathOf } from '../../src/kube/api-request.ts';
import { leaseListPort, namedLeasePort } from '../../src/kube/lease-list.ts';
import { scriptedTransport } from './scripted-transport.ts';

const LEASE = {
  kind: 'Lease',
  apiVersion: 'coordination.k8s.io/v1',
  metadata: { name: 'web', namespace: 'shop', uid: 'lease-uid', resourceVersion: '42' },
  spec: { holderIdentity: 'web-0' },
};

const listOf = (...items: readonly unknown[]): ApiAnswer => ({
  ok: true,
  value: { kind: 'LeaseList', apiVersion: 'coordination.k8s.io/v1', metadata: { resourceVersion: '41' }, items },
});

const COLLECTION = '/apis/coordination.k8s.io/v1';
const LABEL = 'labelSelector=app.kubernetes.io%2Fmanaged-by%3Dlease-elector';

const PORTS = [
  ['all Leases of a namespace', leaseListPort, `${COLLECTION}/namespaces/shop/leases?${LABEL}`, 'shop', ''],
  ['all Leases of a cluster', leaseListPort, `${COLLECTION}/leases?${LABEL}`, '', ''],
  [
    'the Lease of a name',
    (client: ApiTransport, namespace: string) => namedLeasePort(client, namespace, 'web'),
    `${COLLECTION}/namespaces/shop/leases?fieldSelector=metadata.name%3Dweb`,
    'shop',
    'web',
  ],
] as const;
for (const [what, portOf, path, namespace, name] of PORTS) {
  test(`a list of ${what} has the Leases with their namespaces and names`, async () => {
    const other = { ...LEASE, metadata: { ...LEASE.metadata, name: 'api', namespace: 'bank', uid: 'other-uid' } };
    const { client, requests } = scriptedTransport(() => listOf(LEASE, other));
    const answer = await portOf(client, namespace).list();
    assert.ok(answer.ok, answer.ok ? '' : answer.failure.message);
    assert.deepEqual(
      answer.value.items.map((item) => [item.namespace, item.name, item.lease.uid, item.lease.holderIdentity]),
      [
        ['shop', 'web', 'lease-uid', 'web-0'],
        ['bank', 'api', 'other-uid', 'web-0'],
      ],
    );
    assert.deepEqual(requests.map(pathOf), [path]);
    assert.deepEqual(
      requests.map((request) => request.name),
      [name],
    );
  });
}

const UNUSABLE: readonly (readonly [item: unknown, problem: string])[] = [
  ['Lease', 'has no name or no namespace'],
  [null, 'has no name or no namespace'],
  [{ ...LEASE, metadata: null }, 'has no name or no namespace'],
  [{ ...LEASE, metadata: { ...LEASE.metadata, name: '' } }, 'has no name or no namespace'],
  [{ ...LEASE, metadata: { ...LEASE.metadata, name: 7 } }, 'has no name or no namespace'],
  [{ ...LEASE, metadata: { ...LEASE.metadata, namespace: '' } }, 'has no name or no namespace'],
  [{ ...LEASE, metadata: { ...LEASE.metadata, namespace: null } }, 'has no name or no namespace'],
  [{ ...LEASE, metadata: { ...LEASE.metadata, uid: '' } }, 'has no usable uid ("")'],
];
for (const [item, problem] of UNUSABLE) {
  test(`a list is malformed when an item is ${JSON.stringify(item).slice(0, 120)}`, async () => {
    const answer = await leaseListPort(scriptedTransport(() => listOf(LEASE, item)).client, 'shop').list();
    assert.ok(!answer.ok);
    assert.deepEqual(
      [answer.failure.kind, answer.failure.message],
      [
        'malformed',
        `list leases.coordination.k8s.io with the label app.kubernetes.io/managed-by=lease-elector in namespace "shop": an item of the LeaseList cannot be used: it ${problem}`,
      ],
    );
  });
}

test('a watch of the Leases of a namespace reports each Lease with its name', () => {
  const requests: ApiRequest[] = [];
  let bytes: ByteSink['bytes'] = () => assert.fail('no stream is open');
  const client: ApiTransport = {
    request: () => assert.fail('no request is expected'),
    stream(request, sink) {
      requests.push(request);
      bytes = (chunk) => sink.bytes(chunk);
      return { close() {} };
    },
  };
  const seen: unknown[] = [];
  leaseListPort(client, 'shop').open('41', 300, {
    opened() {},
    event(event) {
      assert.ok(event.type === 'added');
      seen.push([event.item.namespace, event.item.name, event.item.lease.uid]);
    },
    ended: () => assert.fail('the stream has not ended'),
  });
  bytes(Buffer.from(`${JSON.stringify({ type: 'ADDED', object: LEASE })}\n`));
  assert.deepEqual(seen, [['shop', 'web', 'lease-uid']]);
  assert.deepEqual(requests.map(pathOf), [
    `${COLLECTION}/namespaces/shop/leases?watch=true&allowWatchBookmarks=true&${LABEL}&resourceVersion=41&timeoutSeconds=300`,
  ]);
});
