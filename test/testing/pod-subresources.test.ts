/**
 * Eviction and binding: refusals, dry runs and preconditions.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServer } from '../../src/testing/index.ts';
import { makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

function serverWithPod(nodeName?: string): ApiServer {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p', ...(nodeName === undefined ? {} : { nodeName }) });
  return server;
}

function eviction(deleteOptions?: object): object {
  return { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' }, deleteOptions };
}

const BINDING = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } };

/** The subresource, the body, the status, and the message. None of these requests changes the Pod. */
const REFUSED: readonly (readonly [path: string, body: unknown, status: number, message: RegExp])[] = [
  ['eviction', { kind: 'Eviction' }, 400, /^name in URL does not match name in Eviction object$/],
  ['eviction', undefined, 400, /must be of type Eviction\): couldn't get version\/kind/],
  [
    'eviction',
    eviction({ gracePeriodSeconds: 'x' }),
    400,
    /unmarshal string into Go struct field DeleteOptions\.deleteOptions\.gracePeriodSeconds of type int64$/,
  ],
  ['eviction', eviction({ preconditions: { uid: 'x' } }), 409, /on Pod "p": the UID in the precondition \(x\)/],
  ['eviction', eviction({ preconditions: { resourceVersion: '1' } }), 409, /the ResourceVersion in the precondition/],
  ['eviction?dryRun=x', eviction(), 422, /^CreateOptions.*dryRun: Unsupported value/],
  ['binding', { ...BINDING, metadata: {} }, 400, /^name in URL does not match name in Binding object$/],
  ['binding', { ...BINDING, target: {} }, 500, /^target\.name: Required value$/],
  ['binding', { ...BINDING, target: { kind: 'Pod', name: 'n' } }, 500, /^target\.kind: Unsupported value: "Pod": supp/],
  ['binding', { ...BINDING, target: 'n' }, 400, /unmarshal string into Go struct field Binding\.target/],
  ['binding?dryRun=x', BINDING, 422, /^CreateOptions.*dryRun: Unsupported value/],
];

for (const [path, body, status, message] of REFUSED) {
  test(`${path} of ${JSON.stringify(body)} is ${status} and changes nothing`, async () => {
    const server = serverWithPod();
    const before = (await send(server, 'GET', `${PODS_PATH}/p`)).body;
    const answer = await send(server, 'POST', `${PODS_PATH}/p/${path}`, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.message, message);
    assert.deepEqual((await send(server, 'GET', `${PODS_PATH}/p`)).body, before);
  });
}

for (const [path, body] of [
  ['eviction?dryRun=All', eviction()],
  ['eviction', eviction({ dryRun: ['All'] })],
  ['binding?dryRun=All', BINDING],
] as const) {
  test(`${path} ${JSON.stringify(body)} is a dry run and changes nothing`, async () => {
    const server = serverWithPod();
    const before = (await send(server, 'GET', `${PODS_PATH}/p`)).body;
    assert.equal((await send(server, 'POST', `${PODS_PATH}/p/${path}`, body)).status, 201);
    assert.deepEqual((await send(server, 'GET', `${PODS_PATH}/p`)).body, before);
  });
}

test('an eviction with the resourceVersion of the Pod is not stopped by its own first write', async () => {
  const server = serverWithPod('n');
  const { uid, resourceVersion } = (await send(server, 'GET', `${PODS_PATH}/p`)).body.metadata;
  const answer = await send(
    server,
    'POST',
    `${PODS_PATH}/p/eviction`,
    eviction({ preconditions: { uid, resourceVersion } }),
  );
  assert.equal(answer.status, 201);
  assert.equal((await send(server, 'GET', `${PODS_PATH}/p`)).body.metadata.deletionGracePeriodSeconds, 30);
});

test('an eviction of a terminating Pod sets its condition once', async () => {
  const server = serverWithPod('n');
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  const watch = await openWatch(server, `${PODS_PATH}?watch=1&resourceVersion=${server.store.revision}`);
  await send(server, 'POST', `${PODS_PATH}/p/eviction`, eviction());
  await send(server, 'POST', `${PODS_PATH}/p/eviction`, eviction());
  assert.deepEqual(summary(watch), ['MODIFIED p']);
});

test('a terminating Pod is not bound, and a bound Pod gets the annotations of its binding', async () => {
  const server = serverWithPod();
  await send(server, 'POST', `${PODS_PATH}`, {
    metadata: { name: 'held', finalizers: ['example.com/hold'] },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  await send(server, 'DELETE', `${PODS_PATH}/held`);
  const refused = await send(server, 'POST', `${PODS_PATH}/held/binding`, { ...BINDING, metadata: { name: 'held' } });
  assert.match(refused.body.message, /: pod held is being deleted, cannot be assigned to a host$/);
  const metadata = { name: 'p', annotations: { why: 'x' } };
  await send(server, 'POST', `${PODS_PATH}/p/binding`, { ...BINDING, metadata });
  assert.deepEqual((await send(server, 'GET', `${PODS_PATH}/p`)).body.metadata.annotations, { why: 'x' });
});

test('a negative grace period shortens the grace period of a terminating Pod to a second', async () => {
  const server = serverWithPod('n');
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  const { metadata } = (await send(server, 'DELETE', `${PODS_PATH}/p?gracePeriodSeconds=-5`)).body;
  assert.equal(metadata.deletionGracePeriodSeconds, 1);
});

test('a propagation policy keeps the order of the finalizers when its finalizer already exists', async () => {
  const { server } = makeServer();
  const finalizers = ['foregroundDeletion', 'example.com/hold'];
  await send(server, 'POST', `${PODS_PATH}`, {
    metadata: { name: 'p', finalizers },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  const { metadata } = (await send(server, 'DELETE', `${PODS_PATH}/p?propagationPolicy=Foreground`)).body;
  assert.deepEqual(metadata.finalizers, finalizers);
});
