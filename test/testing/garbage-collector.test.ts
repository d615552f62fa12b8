import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServer } from '../../src/testing/index.ts';
import { type Answer, LEASES_PATH, leaseBody, makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

// Long and different delays, so that a test can stop the collector between its steps.
const SLOW = { garbageCollectionDelayMs: 100, garbageCollectionStepMs: 10 } as const;

function ownedBy(...pods: readonly { readonly name: string; readonly uid: string }[]): object {
  return { ownerReferences: pods.map(({ name, uid }) => ({ apiVersion: 'v1', kind: 'Pod', name, uid })) };
}

function pod(server: ApiServer, name: string, nodeName?: string): { name: string; uid: string } {
  return server.createPod({ namespace: 'ns', name, ...(nodeName === undefined ? {} : { nodeName }) });
}

async function status(server: ApiServer): Promise<number> {
  return (await send(server, 'GET', `${LEASES_PATH}/l`)).status;
}

async function renew(server: ApiServer, held: Answer, more: object = {}): Promise<Answer> {
  const { metadata } = (await send(server, 'GET', `${LEASES_PATH}/l`)).body;
  const spec = { ...held.body.spec, renewTime: '2026-03-01T10:00:05.000000Z' };
  return send(server, 'PUT', `${LEASES_PATH}/l`, { ...held.body, metadata: { ...metadata, ...more }, spec });
}

test('facts 22 and 24: a Lease is deleted in one DELETED event, after its Pod object is gone', async () => {
  const { server, clock } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a', 'n')) }));
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(60_000);
  assert.equal(await status(server), 200);
  server.confirmPodTermination('ns', 'a');
  clock.advance(1000);
  assert.deepEqual(summary(watch), ['ADDED l', 'DELETED l']);
});

test('the delay of the collector is an option', async () => {
  const { server, clock } = makeServer(SLOW);
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a')) }));
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(109);
  assert.equal(await status(server), 200);
  clock.advance(1);
  assert.equal(await status(server), 404);
});

for (const [why, owner] of [
  ['an unknown uid', { name: 'a', uid: '00000000-0000-4000-8000-000000000001' }],
  ['an existing uid under another name', { name: 'b' }],
] as const) {
  test(`fact 23: an owner with ${why} counts as missing`, async () => {
    const { server, clock } = makeServer();
    const { uid } = pod(server, 'a');
    await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy({ uid, ...owner }) }));
    clock.advance(1000);
    assert.equal(await status(server), 404);
  });
}

test('fact 23: a Lease is not deleted when its owner has an unknown kind', async () => {
  const { server, clock } = makeServer();
  const ownerReferences = [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 'a', uid: 'b' }];
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: { ownerReferences } }));
  clock.advance(1000);
  assert.equal(await status(server), 200);
});

test('fact 24: the reference to a deleted owner is removed when another owner exists', async () => {
  const { server, clock } = makeServer();
  const [a, b] = [pod(server, 'a'), pod(server, 'b')];
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(a, b) }));
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(1000);
  assert.deepEqual(summary(watch), ['ADDED l', 'MODIFIED l']);
  assert.deepEqual(
    watch.events[1]?.object.metadata.ownerReferences.map((reference: { name: string }) => reference.name),
    ['b'],
  );
});

test("fact 26: a renewal between the collector's read and its DELETE does not save the Lease", async () => {
  const { server, clock } = makeServer(SLOW);
  const held = await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a')) }));
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(105);
  assert.equal((await renew(server, held)).status, 200);
  clock.advance(5);
  assert.equal(await status(server), 200, 'the first DELETE names the version before the renewal');
  clock.advance(20);
  assert.equal(await status(server), 404, 'the second DELETE names only the uid');
});

test("fact 26: a new owner between the collector's read and its DELETE saves the Lease", async () => {
  const { server, clock } = makeServer(SLOW);
  const held = await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a')) }));
  const next = pod(server, 'b');
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(105);
  await renew(server, held, ownedBy(next));
  clock.advance(1000);
  assert.equal(await status(server), 200);
});

test("fact 26: a new owner after the collector's second read does not save the Lease", async () => {
  const { server, clock } = makeServer(SLOW);
  const held = await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a')) }));
  const next = pod(server, 'b');
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(105);
  await renew(server, held);
  clock.advance(20);
  await renew(server, held, ownedBy(next));
  clock.advance(10);
  assert.equal(await status(server), 404);
});

test('fact 26: a Lease that was deleted and created again is not collected', async () => {
  const { server, clock } = makeServer(SLOW);
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a')) }));
  const next = pod(server, 'b');
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(105);
  await send(server, 'DELETE', `${LEASES_PATH}/l`);
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(next) }));
  clock.advance(1000);
  assert.equal(await status(server), 200);
});

test('fact 24: orphan deletion leaves the Lease, without the reference', async () => {
  const { server, clock } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a')) }));
  await send(server, 'DELETE', `${PODS_PATH}/a`, { propagationPolicy: 'Orphan' });
  clock.advance(1000);
  const lease = await send(server, 'GET', `${LEASES_PATH}/l`);
  assert.equal(lease.body.metadata.ownerReferences, undefined);
  assert.equal((await send(server, 'GET', `${PODS_PATH}/a`)).status, 404);
});

test('a held collector deletes nothing, not even a Lease that it has read, and continues after the hold', async () => {
  const { server, clock } = makeServer(SLOW);
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: ownedBy(pod(server, 'a')) }));
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(105);
  const release = server.holdGarbageCollector();
  const releaseSecond = server.holdGarbageCollector();
  clock.advance(60_000);
  assert.equal(await status(server), 200, 'it has read the Lease, and has not deleted it');
  release();
  release();
  assert.equal(await status(server), 200, 'the second hold is still active');
  releaseSecond();
  clock.advance(1000);
  assert.equal(await status(server), 404);
});

const GONE = '00000000-0000-4000-8000-000000000001';

function reference(object: { readonly kind: string; readonly name: string; readonly uid: string }, more = {}): object {
  const apiVersion = object.kind === 'Lease' ? 'coordination.k8s.io/v1' : 'v1';
  return { apiVersion, blockOwnerDeletion: true, ...object, ...more };
}

async function leaseOf(
  server: ApiServer,
  name: string,
  ...ownerReferences: readonly object[]
): Promise<{ uid: string }> {
  return (await send(server, 'POST', LEASES_PATH, leaseBody(name, { metadata: { ownerReferences } }))).body.metadata;
}

test('a Lease is not changed when one owner has an unknown kind, even if another owner is gone', async () => {
  const { server, clock } = makeServer();
  const unknown = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: GONE };
  const { uid } = pod(server, 'a');
  await leaseOf(server, 'l', unknown, reference({ kind: 'Pod', name: 'a', uid }));
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(1000);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/l`)).body.metadata.ownerReferences.length, 2);
});

test('an owner in a namespace does not count for an object without a namespace, but the reverse does', async () => {
  const { server, clock } = makeServer();
  const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
  const ownerReferences = [reference({ kind: 'Pod', name: 'a', uid: GONE })];
  await send(server, 'POST', roles, { metadata: { name: 'r', ownerReferences }, rules: [] });
  const { uid } = (await send(server, 'GET', '/api/v1/namespaces/ns')).body.metadata;
  await leaseOf(server, 'kept', reference({ kind: 'Namespace', name: 'ns', uid }));
  await leaseOf(server, 'lost', reference({ kind: 'Namespace', name: 'ns', uid: GONE }));
  clock.advance(1000);
  assert.equal((await send(server, 'GET', `${roles}/r`)).status, 200);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/kept`)).status, 200);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/lost`)).status, 404);
});

test('a foreground deletion marks the owners before their dependents, and deletes them after their dependents', async () => {
  const { server, clock } = makeServer();
  const owner = await leaseOf(server, 'a');
  const middle = await leaseOf(server, 'b', reference({ kind: 'Lease', name: 'a', uid: owner.uid }));
  await leaseOf(server, 'c', reference({ kind: 'Lease', name: 'b', uid: middle.uid }));
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1&resourceVersion=${server.store.revision}`);
  await send(server, 'DELETE', `${LEASES_PATH}/a?propagationPolicy=Foreground`);
  clock.advance(1000);
  assert.deepEqual(summary(watch), ['MODIFIED a', 'MODIFIED b', 'DELETED c', 'DELETED b', 'DELETED a']);
});

test('a foreground deletion does not wait for a Lease with another owner, or for one that no longer blocks it', async () => {
  const { server, clock } = makeServer(SLOW);
  const [owner, other] = [await leaseOf(server, 'a'), await leaseOf(server, 'b')];
  const first = reference({ kind: 'Lease', name: 'a', uid: owner.uid });
  const second = reference({ kind: 'Lease', name: 'b', uid: other.uid }, { blockOwnerDeletion: false });
  await leaseOf(server, 'c', first, second);
  await leaseOf(server, 'd', first);
  await send(server, 'DELETE', `${LEASES_PATH}/a?propagationPolicy=Foreground`);
  const loosened = { metadata: { ownerReferences: [{ ...first, blockOwnerDeletion: false }] } };
  const headers = { 'content-type': 'application/merge-patch+json' };
  await send(server, 'PATCH', `${LEASES_PATH}/d`, loosened, { headers });
  clock.advance(1000);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/a`)).status, 404);
  assert.deepEqual((await send(server, 'GET', `${LEASES_PATH}/c`)).body.metadata.ownerReferences, [second]);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/d`)).status, 404);
});

test('owners in a circle do not wait for each other for ever', async () => {
  const { server, clock } = makeServer();
  const a = await leaseOf(server, 'a');
  const b = await leaseOf(server, 'b', reference({ kind: 'Lease', name: 'a', uid: a.uid }));
  const ownerReferences = [reference({ kind: 'Lease', name: 'b', uid: b.uid })];
  const headers = { 'content-type': 'application/merge-patch+json' };
  await send(server, 'PATCH', `${LEASES_PATH}/a`, { metadata: { ownerReferences } }, { headers });
  await send(server, 'DELETE', `${LEASES_PATH}/a?propagationPolicy=Foreground`);
  clock.advance(1000);
  assert.deepEqual((await send(server, 'GET', LEASES_PATH)).body.items, []);
});

test('a Lease that is being deleted is not written again when its owner is deleted', async () => {
  const { server, clock } = makeServer();
  const { uid } = pod(server, 'a');
  const metadata = {
    finalizers: ['example.com/hold'],
    ownerReferences: [reference({ kind: 'Pod', name: 'a', uid })],
  };
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata }));
  await send(server, 'DELETE', `${LEASES_PATH}/l`);
  const before = (await send(server, 'GET', `${LEASES_PATH}/l`)).body.metadata.resourceVersion;
  await send(server, 'DELETE', `${PODS_PATH}/a`);
  clock.advance(1000);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/l`)).body.metadata.resourceVersion, before);
});
