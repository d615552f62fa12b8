/**
 * Admission webhooks: the writes that they deny or change, and their place in the order of a write.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedCluster, type ObjectMeta, type WebhookOptions } from '../../src/testing/index.ts';
import { LEASES_PATH, leaseBody, makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

const NAME = 'policy.example.com';
const DENIED = `admission webhook "${NAME}" denied the request`;
const LEASE = `${LEASES_PATH}/l`;
const FINALIZER = 'example.com/f';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };
const OWNER = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };
const EVENTS_PATH = '/apis/events.k8s.io/v1/namespaces/ns/events';

/** Removes the owners. */
function withoutOwners({ ownerReferences: _owners, ...metadata }: ObjectMeta): ObjectMeta {
  return metadata;
}

for (const { title, deny, code, message, reason } of [
  {
    title: 'with 403',
    deny: { code: 403, message: 'Leases are frozen' },
    code: 403,
    message: `${DENIED}: Leases are frozen`,
    reason: 'Forbidden',
  },
  { title: 'with 400', deny: { code: 400, message: 'no' }, code: 400, message: `${DENIED}: no`, reason: undefined },
  { title: 'without a status', deny: { message: 'no' }, code: 400, message: `${DENIED}: no`, reason: undefined },
  { title: 'without a message', deny: {}, code: 400, message: `${DENIED} without explanation`, reason: undefined },
] as const) {
  test(`the answer quotes a webhook that denies ${title}`, async () => {
    const { server } = makeServer();
    const webhook = server.addWebhook({ name: NAME, resource: 'leases', deny });
    const { status, body } = await send(server, 'POST', LEASES_PATH, leaseBody('l'));
    assert.equal(status, code);
    assert.deepEqual(body, {
      ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message },
      ...(reason === undefined ? {} : { reason }),
      code,
    });
    assert.equal(webhook.hits, 1);
    assert.equal((await send(server, 'GET', LEASE)).status, 404, 'nothing is stored');
    webhook.remove();
    webhook[Symbol.dispose]();
    assert.equal((await send(server, 'POST', LEASES_PATH, leaseBody('l'))).status, 201);
  });
}

test('a webhook is called only for its verbs and its resource', async () => {
  const { server } = makeServer();
  const put = async (): Promise<number> => {
    const { body } = await send(server, 'GET', LEASE);
    return (await send(server, 'PUT', LEASE, { ...body, spec: { holderIdentity: body.spec.holderIdentity } })).status;
  };
  const patch = async (): Promise<number> => (await send(server, 'PATCH', LEASE, { spec: {} }, MERGE)).status;
  const statuses = async (options: Partial<WebhookOptions>): Promise<readonly number[]> => {
    await send(server, 'POST', LEASES_PATH, leaseBody('l'));
    const webhook = server.addWebhook({ name: NAME, deny: { code: 403 }, ...options });
    const answers = [
      (await send(server, 'POST', LEASES_PATH, leaseBody('other'))).status,
      await put(),
      await patch(),
      (await send(server, 'DELETE', LEASE)).status,
      (await send(server, 'GET', LEASES_PATH)).status,
    ];
    webhook.remove();
    await send(server, 'DELETE', `${LEASES_PATH}/other`);
    return answers;
  };
  assert.deepEqual(await statuses({ verbs: 'create' }), [403, 200, 200, 200, 200]);
  assert.deepEqual(await statuses({ verbs: ['update'], resource: ['leases', 'pods'] }), [201, 403, 403, 200, 200]);
  assert.deepEqual(await statuses({ verbs: 'delete', resource: 'leases' }), [201, 200, 200, 403, 200]);
  assert.deepEqual(await statuses({}), [403, 403, 403, 403, 200]);
  assert.deepEqual(await statuses({ resource: 'pods' }), [201, 200, 200, 200, 200]);
});

test('a webhook receives a PUT that creates as a create, and each Lease of a deleted collection as a delete', async () => {
  const { server } = makeServer();
  const creates = server.addWebhook({ name: NAME, verbs: 'create', resource: 'leases', deny: {} });
  assert.equal((await send(server, 'PUT', LEASE, leaseBody('l'))).status, 400);
  creates.remove();
  await send(server, 'PUT', LEASE, leaseBody('l'));
  server.addWebhook({ name: NAME, verbs: 'delete', resource: 'leases', deny: {} });
  assert.equal((await send(server, 'DELETE', LEASES_PATH)).status, 400);
  assert.equal((await send(server, 'GET', LEASE)).status, 200);
});

test('a webhook for Pods is not called for their status, unless it names the status', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n' });
  const patch = async (): Promise<number> =>
    (await send(server, 'PATCH', `${PODS_PATH}/p/status`, { status: { phase: 'Failed' } }, MERGE)).status;
  const forPods = server.addWebhook({ name: NAME, resource: 'pods', deny: {} });
  assert.equal(await patch(), 200);
  forPods.remove();
  server.addWebhook({ name: NAME, resource: 'pods/status', deny: {} });
  assert.equal(await patch(), 400);
});

for (const { title, request, status } of [
  {
    title: 'an invalid Lease is answered 422',
    request: ['POST', LEASES_PATH, leaseBody('l', { spec: { leaseDurationSeconds: 0 } })],
    status: 422,
  },
  { title: 'a create of an existing Lease is denied', request: ['POST', LEASES_PATH, leaseBody('l')], status: 400 },
  {
    title: 'an update with a stale version is answered 409',
    request: ['PUT', LEASE, leaseBody('l', { metadata: { resourceVersion: '1' } })],
    status: 409,
  },
  { title: 'a delete of a missing Lease is answered 404', request: ['DELETE', `${LEASES_PATH}/x`], status: 404 },
  {
    title: 'a delete with a wrong uid is answered 409',
    request: ['DELETE', LEASE, { preconditions: { uid: 'u' } }],
    status: 409,
  },
  { title: 'a delete in a dry run is denied', request: ['DELETE', `${LEASE}?dryRun=All`], status: 400 },
] as const) {
  test(`${title} when a webhook denies everything`, async () => {
    const { server } = makeServer();
    await send(server, 'POST', LEASES_PATH, leaseBody('l'));
    server.addWebhook({ name: NAME, deny: {} });
    const [method, path, body] = request;
    assert.equal((await send(server, method, path, body)).status, status);
  });
}

test('RBAC answers 403 before a webhook is called when the user is not permitted to write', async () => {
  const { server } = makeServer();
  const webhook = server.addWebhook({ name: NAME, deny: {} });
  const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'nobody' });
  const { body } = await send(server, 'POST', LEASES_PATH, leaseBody('l'), { token });
  assert.match(body.message, /^leases.coordination.k8s.io is forbidden: User "system:serviceaccount:ns:nobody"/);
  assert.equal(webhook.hits, 0);
});

test('the answer, the store and the watches show the change of a webhook', async () => {
  const { server } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  const webhook = server.addWebhook({
    name: 'owners.example.com',
    resource: 'leases',
    mutate: ({ metadata, ...lease }) => ({ ...lease, metadata: withoutOwners(metadata) }),
  });
  const owned = leaseBody('l', { metadata: { ownerReferences: [OWNER], annotations: { a: '1' } } });
  const created = await send(server, 'POST', LEASES_PATH, owned);
  assert.equal(created.status, 201);
  assert.equal(created.body.metadata.ownerReferences, undefined);
  assert.deepEqual(created.body.metadata.annotations, { a: '1' });
  assert.deepEqual((await send(server, 'GET', LEASE)).body, created.body);
  assert.deepEqual(watch.events[0]?.object, created.body);
  const restored = { ...created.body, metadata: { ...created.body.metadata, ownerReferences: [OWNER] } };
  const put = await send(server, 'PUT', LEASE, restored);
  assert.deepEqual(put.body, created.body, 'a PUT that changes nothing after the webhook writes nothing');
  const patch = { metadata: { ownerReferences: [OWNER], annotations: { b: '2' } } };
  const patched = await send(server, 'PATCH', LEASE, patch, MERGE);
  assert.deepEqual(patched.body.metadata.annotations, { a: '1', b: '2' });
  assert.equal(patched.body.metadata.ownerReferences, undefined);
  assert.equal(webhook.hits, 3);
});

test('webhooks change an object one after another, and deny the result', async () => {
  const { server } = makeServer();
  server.addWebhook({
    name: NAME,
    verbs: 'create',
    deny: ({ object }) => (object?.spec?.['holderIdentity'] === 'b' ? { code: 403, message: 'not b' } : undefined),
  });
  const append = (letter: string) =>
    ({
      name: `${letter}.example.com`,
      mutate: (lease) => ({ ...lease, spec: { ...lease.spec, holderIdentity: letter } }),
    }) satisfies WebhookOptions;
  server.addWebhook(append('a'));
  const second = server.addWebhook(append('b'));
  assert.equal((await send(server, 'POST', LEASES_PATH, leaseBody('l'))).body.message, `${DENIED}: not b`);
  second.remove();
  assert.equal((await send(server, 'POST', LEASES_PATH, leaseBody('l'))).body.spec.holderIdentity, 'a');
});

test('a webhook receives verb, resource, user, names, and both contents of the write', async () => {
  const { server } = makeServer();
  const seen: unknown[] = [];
  server.addWebhook({
    name: NAME,
    resource: 'leases',
    deny: ({ verb, resource, namespace, name, user, object, oldObject }) => {
      const holders = [object, oldObject].map((lease) => lease?.spec?.['holderIdentity']);
      seen.push([verb, resource, namespace, name, user, ...holders]);
      return undefined;
    },
  });
  await send(server, 'POST', LEASES_PATH, leaseBody('l'));
  await send(server, 'PATCH', LEASE, { spec: { holderIdentity: 'b' } }, MERGE);
  await send(server, 'DELETE', LEASE);
  assert.deepEqual(seen, [
    ['create', 'leases', 'ns', 'l', 'admin', 'candidate-a', undefined],
    ['update', 'leases', 'ns', 'l', 'admin', 'b', 'candidate-a'],
    ['delete', 'leases', 'ns', 'l', 'admin', undefined, 'b'],
  ]);
});

test('the server checks the result of a webhook like the body of a client', async () => {
  const { server } = makeServer();
  const answer = async (mutate: NonNullable<WebhookOptions['mutate']>): Promise<readonly [number, string]> => {
    const webhook = server.addWebhook({ name: NAME, mutate });
    const { status, body } = await send(server, 'POST', LEASES_PATH, leaseBody('l'));
    webhook.remove();
    return [status, body.message];
  };
  const [invalid] = await answer((lease) => ({ ...lease, spec: { leaseDurationSeconds: 0 } }));
  assert.equal(invalid, 422);
  const [failed, why] = await answer(() => undefined as never);
  assert.equal(failed, 500);
  assert.match(why, /the webhook policy\.example\.com must return an object from mutate/);
  // The copy may be changed in place.
  const [status] = await answer((lease) => {
    (lease.metadata as { annotations?: object }).annotations = { changed: 'in place' };
    return lease;
  });
  assert.equal(status, 201);
  assert.equal((await send(server, 'GET', LEASE)).body.metadata.annotations.changed, 'in place');
});

test('a webhook receives an Event in the form in which it was sent', async () => {
  const { server } = makeServer();
  server.addWebhook({
    name: NAME,
    resource: 'events',
    mutate: (event) => ({ ...event, note: `${event['note']}!` }),
  });
  const { body } = await send(server, 'POST', EVENTS_PATH, {
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'e' }, note: 'hello' },
    ...{ regarding: { kind: 'Lease', namespace: 'ns', name: 'l' }, eventTime: '2026-03-01T10:00:00.000000Z' },
    ...{ reportingController: 'example.com/c', reportingInstance: 'i', action: 'a', reason: 'r', type: 'Normal' },
  });
  assert.equal(body.note, 'hello!');
});

test('webhooks are not called for the garbage collector', async () => {
  const { server, clock } = makeServer();
  const { name, uid } = server.createPod({ namespace: 'ns', name: 'p' });
  const owned = leaseBody('l', { metadata: { ownerReferences: [{ ...OWNER, name, uid }] } });
  await send(server, 'POST', LEASES_PATH, owned);
  server.addWebhook({ name: NAME, resource: 'leases', deny: {} });
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  clock.advance(100);
  assert.equal((await send(server, 'GET', LEASE)).status, 404);
});

test('a webhook that denies an update also keeps the last finalizer in place', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('l', { metadata: { finalizers: [FINALIZER] } }));
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  await send(server, 'DELETE', LEASE);
  const webhook = server.addWebhook({ name: NAME, verbs: 'update', deny: {} });
  const release = async (): Promise<number> =>
    (await send(server, 'PATCH', LEASE, { metadata: { finalizers: null } }, MERGE)).status;
  assert.equal(await release(), 400);
  webhook.remove();
  assert.equal(await release(), 200);
  assert.deepEqual(summary(watch), ['ADDED l', 'MODIFIED l', 'DELETED l']);
});

for (const [title, options, message] of [
  ['without a name', { deny: {} }, /addWebhook needs a name/],
  ['that does nothing', { name: NAME }, /addWebhook needs deny or mutate/],
  ['with an unknown option', { name: NAME, verb: 'create', deny: {} }, /addWebhook knows no "verb"/],
  ['for the verb patch', { name: NAME, verbs: 'patch', deny: {} }, /knows no "patch"; it knows create, update, delete/],
  ['for an unknown resource', { name: NAME, resource: 'lease', deny: {} }, /resource, knows no "lease"/],
  [
    'that denies with the status 200',
    { name: NAME, deny: { code: 200 } },
    /code, must be a whole number from 400 to 599/,
  ],
  ['that denies with an unknown field', { name: NAME, deny: { status: 403 } }, /deny, knows no "status"/],
  ['that denies without a text', { name: NAME, deny: { message: 5 } }, /message, must be a text/],
  ['whose mutate is not a function', { name: NAME, mutate: {} }, /mutate, must be a function/],
] as const) {
  test(`a webhook ${title} is refused`, () => {
    const { server } = makeServer();
    assert.throws(() => server.addWebhook(options as unknown as WebhookOptions), message);
  });
}

test('the number of webhooks is bounded', () => {
  const { server } = makeServer();
  for (let count = 0; count < 100; count += 1) server.addWebhook({ name: `${count}.example.com`, deny: {} });
  assert.throws(() => server.addWebhook({ name: NAME, deny: {} }), /addWebhook: there are 100; remove\(\) some/);
});

test('a cluster accepts webhooks until it is stopped', async () => {
  const cluster = await EmbeddedCluster.start();
  const webhook = cluster.addWebhook({ name: NAME, verbs: 'delete', resource: 'pods', deny: { message: 'keep' } });
  const pod = cluster.createPod({ name: 'web-0' });
  await assert.rejects(pod.delete(), /denied the request: keep/, 'the methods of a Pod act as the administrator');
  webhook.remove();
  await pod.delete();
  await cluster.stop();
  assert.throws(() => cluster.addWebhook({ name: NAME, deny: {} }), /the cluster was stopped/);
});
