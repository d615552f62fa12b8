/**
 * A Lease that is not deleted at once: with finalizers, deleted in the foreground, or collected with finalizers. Wire
 * recordings lease-delete-finalizers and lease-delete-foreground-orphan;
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServer } from '../../src/testing/index.ts';
import { type Answer, LEASES_PATH, leaseBody, makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

const LEASE = `${LEASES_PATH}/l`;
const FINALIZERS = ['example.com/a', 'example.com/b'];
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };

function create(server: ApiServer, metadata: object = { finalizers: FINALIZERS }): Promise<Answer> {
  return send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata }));
}

function setFinalizers(server: ApiServer, finalizers: readonly string[] | null): Promise<Answer> {
  return send(server, 'PATCH', LEASE, { metadata: { finalizers } }, MERGE);
}

async function status(server: ApiServer): Promise<number> {
  return (await send(server, 'GET', LEASE)).status;
}

test('a Lease with finalizers stays: DELETE answers 200 with the Lease and its deletionTimestamp', async () => {
  const { server, clock } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  const created = await create(server);
  const { uid, resourceVersion } = created.body.metadata;
  const answer = await send(server, 'DELETE', LEASE, { preconditions: { uid, resourceVersion } });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.kind, 'Lease');
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = answer.body.metadata;
  assert.deepEqual(
    { deletionTimestamp, deletionGracePeriodSeconds, finalizers },
    { deletionTimestamp: '2026-03-01T10:00:00Z', deletionGracePeriodSeconds: 0, finalizers: FINALIZERS },
  );
  assert.deepEqual(answer.body.spec, created.body.spec);
  assert.deepEqual((await send(server, 'GET', LEASE)).body, answer.body);
  clock.advance(3_600_000);
  assert.equal(await status(server), 200, 'the finalizers were not removed');
  assert.deepEqual(summary(watch), ['ADDED l', 'MODIFIED l']);
  assert.deepEqual(watch.events[1]?.object, answer.body);
});

test('a Lease that is being deleted can be renewed, a second DELETE has no effect, and a create is refused', async () => {
  const { server, clock } = makeServer();
  await create(server);
  const marked = await send(server, 'DELETE', LEASE);
  clock.advance(5_000);
  assert.deepEqual((await send(server, 'DELETE', LEASE)).body, marked.body);
  const spec = { ...marked.body.spec, renewTime: '2026-03-01T10:00:05.000000Z' };
  const renewed = await send(server, 'PUT', LEASE, { ...marked.body, spec });
  assert.equal(renewed.status, 200);
  assert.equal(renewed.body.metadata.deletionTimestamp, marked.body.metadata.deletionTimestamp);
  const again = await create(server, {});
  assert.deepEqual([again.status, again.body.reason], [409, 'AlreadyExists']);
  assert.match(again.body.message, /^object is being deleted: /);
});

for (const how of ['PATCH', 'PUT'] as const) {
  test(`the Lease is deleted in one DELETED event when a ${how} removes its last finalizer`, async () => {
    const { server } = makeServer();
    const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
    await create(server);
    await send(server, 'DELETE', LEASE);
    const kept = await setFinalizers(server, ['example.com/b']);
    assert.equal(await status(server), 200);
    const { finalizers: _last, ...metadata } = kept.body.metadata;
    const last =
      how === 'PATCH'
        ? await setFinalizers(server, null)
        : await send(server, 'PUT', LEASE, { ...kept.body, metadata });
    assert.equal(last.status, 200);
    assert.equal(last.body.kind, 'Lease');
    assert.equal(await status(server), 404);
    assert.deepEqual(summary(watch), ['ADDED l', 'MODIFIED l', 'MODIFIED l', 'DELETED l']);
    const [before, gone] = watch.events.slice(-2).map(({ object }) => Number(object.metadata.resourceVersion));
    assert.ok(gone !== undefined && before !== undefined && gone > before, 'fact 12: the event has its own version');
    const next = await create(server, {});
    assert.equal(next.status, 201);
    assert.notEqual(next.body.metadata.uid, kept.body.metadata.uid);
  });
}

test('a finalizer that is removed before the DELETE does not keep the Lease', async () => {
  const { server } = makeServer();
  await create(server);
  await setFinalizers(server, null);
  const answer = await send(server, 'DELETE', LEASE);
  assert.deepEqual([answer.body.kind, answer.body.status], ['Status', 'Success']);
  assert.equal(await status(server), 404);
});

test('a DELETE in the foreground returns the Lease, and the collector deletes it', async () => {
  const { server, clock } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  await create(server, {});
  const answer = await send(server, 'DELETE', LEASE, { propagationPolicy: 'Foreground' });
  assert.deepEqual([answer.status, answer.body.kind], [200, 'Lease']);
  assert.deepEqual(answer.body.metadata.finalizers, ['foregroundDeletion']);
  assert.equal(answer.body.metadata.deletionTimestamp, '2026-03-01T10:00:00Z');
  assert.equal(await status(server), 200);
  clock.advance(1_000);
  assert.equal(await status(server), 404);
  assert.deepEqual(summary(watch), ['ADDED l', 'MODIFIED l', 'DELETED l']);
});

test('a Lease with finalizers keeps only these finalizers after a DELETE in the foreground', async () => {
  const { server, clock } = makeServer();
  await create(server);
  await send(server, 'DELETE', `${LEASE}?propagationPolicy=Foreground`);
  clock.advance(1_000);
  assert.deepEqual((await send(server, 'GET', LEASE)).body.metadata.finalizers, FINALIZERS);
  await setFinalizers(server, null);
  assert.equal(await status(server), 404);
});

test('the collector marks a Lease with finalizers once, and the Lease stays until they are removed', async () => {
  const { server, clock } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  const { name, uid } = server.createPod({ namespace: 'ns', name: 'p' });
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  await create(server, { finalizers: FINALIZERS, ownerReferences });
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  clock.advance(60_000);
  const { metadata } = (await send(server, 'GET', LEASE)).body;
  assert.equal(metadata.deletionTimestamp, '2026-03-01T10:00:00Z');
  assert.deepEqual([metadata.finalizers, metadata.ownerReferences], [FINALIZERS, ownerReferences]);
  assert.deepEqual(summary(watch), ['ADDED l', 'MODIFIED l'], 'one write, however long it lasts');
  assert.equal(server.stats().collections, 0, 'the collector has nothing more to do');
  await setFinalizers(server, null);
  assert.deepEqual(summary(watch), ['ADDED l', 'MODIFIED l', 'DELETED l']);
  clock.advance(60_000);
  assert.equal(await status(server), 404);
});

test('a Lease that the collector has marked can get a new owner, but is still deleted', async () => {
  const { server, clock } = makeServer();
  const first = server.createPod({ namespace: 'ns', name: 'p' });
  const second = server.createPod({ namespace: 'ns', name: 'q' });
  const owner = ({ name, uid }: { name: string; uid: string }): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    name,
    uid,
  });
  await create(server, { finalizers: FINALIZERS, ownerReferences: [owner(first)] });
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  clock.advance(1_000);
  const { body } = await send(server, 'GET', LEASE);
  const taken = { ...body, metadata: { ...body.metadata, ownerReferences: [owner(second)] } };
  const put = await send(server, 'PUT', LEASE, taken);
  assert.equal(put.status, 200);
  assert.equal(
    put.body.metadata.deletionTimestamp,
    body.metadata.deletionTimestamp,
    'a deletionTimestamp is never removed',
  );
  await setFinalizers(server, null);
  assert.equal(await status(server), 404);
});

test('a DELETE of a collection returns its Leases, and Leases with finalizers stay', async () => {
  const { server } = makeServer();
  await create(server);
  await send(server, 'POST', LEASES_PATH, leaseBody('m'));
  const { status: answered, body } = await send(server, 'DELETE', LEASES_PATH);
  assert.deepEqual([answered, body.kind, body.items.length], [200, 'LeaseList', 2]);
  const { items } = (await send(server, 'GET', LEASES_PATH)).body;
  assert.deepEqual(
    items.map(({ metadata }: Answer['body']) => [metadata.name, metadata.deletionTimestamp]),
    [['l', '2026-03-01T10:00:00Z']],
  );
});
