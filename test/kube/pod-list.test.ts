/**
 * Checks the list of an application's Pods: the request, its labels, and the fields of the answer that are used.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiTransport } from '../../src/kube/api-client.ts';
import { type ApiRequest, acceptOf, describeRequest, pathOf } from '../../src/kube/api-request.ts';
import { podPort } from '../../src/kube/pod-api.ts';
import { applicationLabels } from '../../src/kube/pod-list.ts';

const SELF = { name: 'web-1', uid: 'pod-1' };

const OWN_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: SELF.name,
    namespace: 'shop',
    uid: SELF.uid,
    resourceVersion: '7',
    labels: { app: 'web', 'pod-template-hash': '5f6' },
  },
};

/** A port whose list has this answer, and every request that it sends. */
function portWith(list: unknown, ownPod: unknown = OWN_POD) {
  const requests: ApiRequest[] = [];
  const client = {
    request: async (request: ApiRequest) => {
      requests.push(request);
      return { ok: true, value: request.verb === 'list' ? list : ownPod };
    },
  } as unknown as ApiTransport;
  return { requests, port: podPort(client, 'shop') };
}

const item = (uid: unknown, changes: object = {}) => ({
  metadata: { uid, namespace: 'shop', creationTimestamp: '2026-03-01T10:00:30Z', ...changes },
});

const CREATED = Date.UTC(2026, 2, 1, 10, 0, 30);

test('running Pods with the labels of the application are listed, at most 50, and only their metadata', async () => {
  const { port, requests } = portWith({ items: [] });
  await port.read(SELF.name);
  await port.listApplication?.(SELF, null);
  const list = requests[1];
  assert.ok(list !== undefined);
  assert.equal(
    pathOf(list),
    '/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb&fieldSelector=status.phase%3DRunning&limit=50',
  );
  assert.equal(acceptOf(list), 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json');
  assert.equal(describeRequest(list), 'list pods in namespace "shop"');
  assert.equal(list.name, '');
  // A separate connection, so that a list that hangs delays neither a renewal nor a release.
  assert.equal(list.apart, true);
});

test('no list is requested when the Pod of this process was never read, or has no labels', async () => {
  const { port, requests } = portWith(
    { items: [item('pod-2')] },
    { ...OWN_POD, metadata: { ...OWN_POD.metadata, labels: null } },
  );
  assert.deepEqual(await port.listApplication?.(SELF, null), { ok: true, value: { pods: [], more: false } });
  await port.read(SELF.name);
  assert.deepEqual(await port.listApplication?.(SELF, null), { ok: true, value: { pods: [], more: false } });
  assert.equal(requests.filter(({ verb }) => verb === 'list').length, 0);
});

const ANSWERS: readonly (readonly [what: string, list: unknown, value: unknown])[] = [
  [
    'a Pod, and one that is being deleted',
    { items: [item('a'), item('b', { deletionTimestamp: '2026-03-01T10:00:31Z' })] },
    {
      pods: [
        { uid: 'a', createdAtMs: CREATED, terminating: false },
        { uid: 'b', createdAtMs: CREATED, terminating: true },
      ],
      more: false,
    },
  ],
  ['a list with a continue token', { items: [], metadata: { continue: 'x' } }, { pods: [], more: true }],
  [
    'invalid items are left out',
    {
      items: [
        null,
        7,
        {},
        item(5),
        item('a b'),
        item('c', { namespace: 'other' }),
        item('d', { creationTimestamp: null }),
      ],
    },
    { pods: [{ uid: 'd', createdAtMs: null, terminating: false }], more: false },
  ],
];

for (const [what, list, value] of ANSWERS) {
  test(`read: ${what}`, async () => {
    const { port } = portWith(list);
    await port.read(SELF.name);
    assert.deepEqual(await port.listApplication?.(SELF, null), { ok: true, value });
  });
}

test('an answer without items is malformed', async () => {
  for (const list of [null, 'x', {}, { items: null }]) {
    const { port } = portWith(list);
    await port.read(SELF.name);
    const answer = await port.listApplication?.(SELF, null);
    assert.ok(answer !== undefined && !answer.ok && answer.failure.kind === 'malformed', JSON.stringify(list));
  }
});

test('labels are left out when they differ between Pods or generations of an application', () => {
  const labels = {
    app: 'web',
    'app.kubernetes.io/part-of': 'shop',
    'pod-template-hash': '1',
    'pod-template-generation': '1',
    'controller-revision-hash': '1',
    'statefulset.kubernetes.io/pod-name': 'web-0',
    'apps.kubernetes.io/pod-index': '0',
    'batch.kubernetes.io/job-completion-index': '0',
    'controller-uid': 'u',
    'job-name': 'web-1',
    'rollouts-pod-template-hash': '1',
    'app.kubernetes.io/version': '1.2.3',
    'helm.sh/chart': 'web-1.2.3',
    version: 'v1',
    'service.istio.io/canonical-revision': 'v1',
    'example.com/leader': 'true',
  };
  assert.deepEqual(applicationLabels(labels, 'example.com/leader'), {
    app: 'web',
    'app.kubernetes.io/part-of': 'shop',
  });
});

test('a list that fails is reported with its failure', async () => {
  const failure = { kind: 'forbidden', message: 'no', retryAfterMs: null, missingRule: null, cause: null };
  const client = {
    request: async (request: ApiRequest) =>
      request.verb === 'list' ? { ok: false, failure } : { ok: true, value: OWN_POD },
  } as unknown as ApiTransport;
  const port = podPort(client, 'shop');
  await port.read(SELF.name);
  assert.deepEqual(await port.listApplication?.(SELF, null), { ok: false, failure });
});

for (const [count, more] of [
  [50, false],
  [51, true],
] as const) {
  test(`a list of ${count} Pods is read as 50 Pods${more ? ' and more' : ''}`, async () => {
    const { port } = portWith({ items: Array.from({ length: count }, (_, index) => item(`pod-${index}`)) });
    await port.read(SELF.name);
    const answer = await port.listApplication?.(SELF, null);
    assert.ok(answer?.ok);
    assert.deepEqual([answer.value.pods.length, answer.value.more], [50, more]);
  });
}

for (const rest of ['', null, 7]) {
  test(`a list whose metadata.continue is ${JSON.stringify(rest)} is complete`, async () => {
    const { port } = portWith({ items: [], metadata: { continue: rest } });
    await port.read(SELF.name);
    assert.deepEqual(await port.listApplication?.(SELF, null), { ok: true, value: { pods: [], more: false } });
  });
}

test('a Pod whose deletionTimestamp is null is not being deleted', async () => {
  const { port } = portWith({ items: [item('a', { deletionTimestamp: null })] });
  await port.read(SELF.name);
  const answer = await port.listApplication?.(SELF, null);
  assert.ok(answer?.ok);
  assert.equal(answer.value.pods[0]?.terminating, false);
});

test('several labels are joined by commas, and a list without items is explained', async () => {
  const labels = { app: 'web', tier: 'batch' };
  const { port, requests } = portWith({}, { ...OWN_POD, metadata: { ...OWN_POD.metadata, labels } });
  await port.read(SELF.name);
  const answer = await port.listApplication?.(SELF, null);
  assert.ok(answer !== undefined && !answer.ok);
  assert.equal(requests.at(-1)?.selection?.labelSelector, 'app=web,tier=batch');
  assert.equal(answer.failure.message, 'list pods in namespace "shop": the answer has no list of items');
});
