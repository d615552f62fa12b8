import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } } as const;

test('fact 21: a deletion removes an unscheduled Pod at once, in two events', async () => {
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
  test(`fact 21: a deletion removes a bound Pod in phase ${phase} at once`, async () => {
    const { server } = makeServer();
    server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n' });
    await send(server, 'PATCH', `${PODS_PATH}/p/status`, { status: { phase, reason: why } }, MERGE);
    await send(server, 'DELETE', `${PODS_PATH}/p`);
    assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).status, 404);
  });
}

test('a grace period below zero in the spec is kept as one second', async () => {
  const { server } = makeServer();
  const spec = (terminationGracePeriodSeconds: number): object => ({
    ...{ nodeName: 'n', containers: [{ name: 'main', image: 'example.invalid/app:1' }], terminationGracePeriodSeconds },
  });
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: spec(-1) };
  const created = await send(server, 'POST', PODS_PATH, body);
  assert.equal(created.body.spec.terminationGracePeriodSeconds, 1);
  const put = await send(server, 'PUT', `${PODS_PATH}/p`, {
    ...created.body,
    spec: { ...created.body.spec, ...spec(-7) },
  });
  assert.equal(put.status, 200, put.body.message);
  assert.equal(put.body.spec.terminationGracePeriodSeconds, 1);
  const { metadata } = (await send(server, 'DELETE', `${PODS_PATH}/p`)).body;
  assert.equal(metadata.deletionGracePeriodSeconds, 1);
});

// kubernetes: pkg/apis/core/v1/conversion.go (PodStatus).
for (const { title, given, podIP, podIPs } of [
  { title: 'podIP fills podIPs', given: { podIP: '10.0.0.1' }, podIP: '10.0.0.1', podIPs: ['10.0.0.1'] },
  { title: 'podIPs fill podIP', given: { podIPs: [{ ip: 'fd00::1' }, { ip: '10.0.0.1' }] }, podIP: 'fd00::1' },
  { title: 'podIP wins', given: { podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.1' }] }, podIP: '10.0.0.2' },
  { title: 'a status without addresses has none', given: {}, podIP: undefined, podIPs: undefined },
] as const) {
  test(`one address in two fields: ${title}`, async () => {
    const { server } = makeServer();
    server.createPod({ namespace: 'ns', name: 'p' });
    const { status } = (await send(server, 'PATCH', `${PODS_PATH}/p/status`, { status: given }, MERGE)).body;
    const first = podIPs ?? (podIP === undefined ? undefined : [podIP]);
    assert.equal(status.podIP, podIP);
    assert.deepEqual(status.podIPs?.map(({ ip }: { ip: string }) => ip).slice(0, first?.length), first);
  });
}

test('a write of podIP alone changes the address of a Pod', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p' });
  const patch = async (status: object): Promise<unknown> =>
    (await send(server, 'PATCH', `${PODS_PATH}/p/status`, { status }, MERGE)).body.status.podIPs;
  assert.deepEqual(await patch({ podIP: '10.0.0.1' }), [{ ip: '10.0.0.1' }]);
  assert.deepEqual(await patch({ podIP: '10.0.0.2' }), [{ ip: '10.0.0.2' }]);
});

test('a container status has every field that Go always writes', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p' });
  const fields = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];
  const given = [{ name: 'a' }, { name: 'b', state: { running: {} }, lastState: { terminated: { exitCode: 137 } } }];
  const status = Object.fromEntries(fields.map((field) => [field, given]));
  const { body } = await send(server, 'PATCH', `${PODS_PATH}/p/status`, { status }, MERGE);
  const plain = { ready: false, restartCount: 0, image: '', imageID: '' };
  for (const field of fields) {
    assert.deepEqual(body.status[field], [
      { name: 'a', state: {}, lastState: {}, ...plain },
      {
        name: 'b',
        state: { running: { startedAt: null } },
        lastState: { terminated: { exitCode: 137, startedAt: null, finishedAt: null } },
        ...plain,
      },
    ]);
  }
});

test('a finalizer keeps a Pod after its grace period', async () => {
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

test('only the subresource writes the status', async () => {
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
