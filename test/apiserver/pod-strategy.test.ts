import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } } as const;

test('fact 21: an unscheduled Pod goes at once, in two events', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p' });
  const watch = await openWatch(server, `${PODS_PATH}?watch=1`);
  const answer = await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 30 });
  assert.equal(answer.body.kind, 'Pod');
  assert.equal(answer.body.metadata.deletionGracePeriodSeconds, 0);
  assert.deepEqual(summary(watch), ['ADDED p', 'MODIFIED p', 'DELETED p']);
  assert.equal(answer.body.metadata.resourceVersion, watch.events[2]?.object.metadata.resourceVersion);
});

test('fact 21: a bound Pod stays with deletionTimestamp = now + grace until the kubelet confirms', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n', gracePeriodSeconds: 7 });
  const { body } = await send(server, 'DELETE', `${PODS_PATH}/p`);
  assert.equal(body.metadata.deletionTimestamp, '2026-03-01T10:00:07Z');
  assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).status, 200);
  server.confirmPodTermination('ns', 'p');
  assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).status, 404);
});

test('fact 21: a grace period can be shortened, not lengthened, and counts from the first DELETE', async () => {
  const { server, clock } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n' });
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  clock.advance(2000);
  const shorter = await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 5 });
  assert.equal(shorter.body.metadata.deletionTimestamp, '2026-03-01T10:00:05Z');
  const longer = await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 60 });
  assert.deepEqual(longer.body, shorter.body);
});

for (const [phase, why] of [
  ['Failed', 'Evicted'],
  ['Succeeded', ''],
] as const) {
  test(`fact 21: a bound Pod in phase ${phase} goes at once`, async () => {
    const { server } = makeServer();
    server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n' });
    await send(server, 'PATCH', `${PODS_PATH}/p/status`, { status: { phase, reason: why } }, MERGE);
    await send(server, 'DELETE', `${PODS_PATH}/p`);
    assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).status, 404);
  });
}

test('a finalizer holds a Pod past its grace period', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p' });
  await send(server, 'PATCH', `${PODS_PATH}/p`, { metadata: { finalizers: ['example.com/hold'] } }, MERGE);
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).status, 200);
  await send(server, 'PATCH', `${PODS_PATH}/p`, { metadata: { finalizers: null } }, MERGE);
  assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).status, 404);
});

test('fact 1: a Pod may be replaced without resourceVersion, but not in its fixed parts', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p' });
  const { body: pod } = await send(server, 'GET', `${PODS_PATH}/p`);
  const { resourceVersion: _version, ...metadata } = pod.metadata;
  const labelled = await send(server, 'PUT', `${PODS_PATH}/p`, {
    ...pod,
    metadata: { ...metadata, labels: { a: 'b' } },
  });
  assert.equal(labelled.status, 200);
  const moved = await send(server, 'PATCH', `${PODS_PATH}/p`, { spec: { nodeName: 'n' } }, MERGE);
  assert.equal(moved.status, 422);
});

test('status is written through its subresource alone', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p' });
  const ignored = await send(server, 'PATCH', `${PODS_PATH}/p`, { status: { phase: 'Failed' } }, MERGE);
  assert.equal(ignored.body.status.phase, 'Pending');
  const written = await send(server, 'PATCH', `${PODS_PATH}/p/status`, { status: { phase: 'Running' } }, MERGE);
  assert.equal(written.body.status.phase, 'Running');
});

test('a Pod is bound once, and a second binding is 409', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p' });
  const binding = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'p' },
    target: { kind: 'Node', name },
  });
  assert.equal((await send(server, 'POST', `${PODS_PATH}/p/binding`, binding('n1'))).status, 201);
  assert.equal((await send(server, 'POST', `${PODS_PATH}/p/binding`, binding('n2'))).status, 409);
  assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).body.spec.nodeName, 'n1');
});
