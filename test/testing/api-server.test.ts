import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionResetError, type RequestLogEntry } from '../../src/testing/index.ts';
import { LEASES_PATH, leaseBody, makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

const UNKNOWN_UID = '00000000-0000-4000-8000-000000000001';

test('fact 1: a Lease PUT without a resourceVersion is refused with 422', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  for (const resourceVersion of [undefined, '', '0']) {
    const answer = await send(server, 'PUT', `${LEASES_PATH}/a`, leaseBody('a', { metadata: { resourceVersion } }));
    assert.equal(answer.status, 422);
    assert.equal(
      answer.body.message,
      'leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
  }
});

test('fact 2: a stale or future resourceVersion is answered 409, and a malformed one is answered 500', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  for (const [resourceVersion, status] of [
    ['1', 409],
    ['999999999999', 409],
    ['abc', 500],
  ] as const) {
    const answer = await send(server, 'PUT', `${LEASES_PATH}/a`, leaseBody('a', { metadata: { resourceVersion } }));
    assert.equal(answer.status, status, resourceVersion);
  }
});

test('fact 3: a PUT that changes nothing writes nothing', async () => {
  const { server } = makeServer();
  const created = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const watch = await openWatch(
    server,
    `${LEASES_PATH}?watch=1&resourceVersion=${created.body.metadata.resourceVersion}`,
  );
  const same = await send(server, 'PUT', `${LEASES_PATH}/a`, created.body);
  assert.deepEqual(same.body, created.body);
  assert.deepEqual(watch.events, []);
});

test('fact 4: a PUT to a missing Lease creates it, unless it has a uid', async () => {
  const { server } = makeServer();
  const named = leaseBody('a', { metadata: { uid: UNKNOWN_UID } });
  const refused = await send(server, 'PUT', `${LEASES_PATH}/a`, named);
  assert.equal(refused.status, 409);
  assert.match(refused.body.message, /UID in precondition: 0{8}-.*, UID in object meta: $/);
  const created = await send(server, 'PUT', `${LEASES_PATH}/a`, leaseBody('a', { metadata: { resourceVersion: '5' } }));
  assert.equal(created.status, 201);
});

test('fact 5: the uid is checked before the resourceVersion', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const body = leaseBody('a', { metadata: { uid: UNKNOWN_UID, resourceVersion: '1' } });
  assert.match((await send(server, 'PUT', `${LEASES_PATH}/a`, body)).body.message, /Precondition failed: UID/);
  const deletion = { preconditions: { uid: UNKNOWN_UID, resourceVersion: '1' } };
  const answer = await send(server, 'DELETE', `${LEASES_PATH}/a`, deletion);
  assert.equal(answer.status, 409);
  assert.match(answer.body.message, /the UID in the precondition/);
});

test('fact 6: create of an existing Lease is 409 AlreadyExists, after validation and the namespace', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  assert.equal((await send(server, 'POST', LEASES_PATH, leaseBody('a'))).body.reason, 'AlreadyExists');
  const invalid = leaseBody('a', { spec: { leaseDurationSeconds: 0 } });
  assert.equal((await send(server, 'POST', LEASES_PATH, invalid)).status, 422);
  const elsewhere = LEASES_PATH.replace('/ns/', '/nowhere/');
  const missing = await send(server, 'POST', elsewhere, leaseBody('a'));
  assert.equal(missing.body.message, 'namespaces "nowhere" not found');
});

test('fact 9: unknown fields pass with a Warning and are dropped; Strict refuses them', async () => {
  const { server } = makeServer();
  const body = leaseBody('a', { spec: { colour: 'red' } });
  const strict = await send(server, 'POST', `${LEASES_PATH}?fieldValidation=Strict`, body);
  assert.equal(strict.status, 400);
  const warned = await send(server, 'POST', LEASES_PATH, body);
  assert.equal(warned.headers['warning'], '299 - "unknown field \\"spec.colour\\""');
  assert.equal(warned.body.spec.colour, undefined);
});

test('fact 10: a DELETE with a body ignores the query', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  await send(server, 'DELETE', `${LEASES_PATH}/a?dryRun=All`);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/a`)).status, 200);
  await send(server, 'DELETE', `${LEASES_PATH}/a?dryRun=All`, {});
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/a`)).status, 404);
});

test('fact 13: resourceVersions come from one counter, and grow over re-creation', async () => {
  const { server } = makeServer();
  const first = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const { uid } = server.createPod({ namespace: 'ns', name: 'p' });
  await send(server, 'DELETE', `${LEASES_PATH}/a`);
  const second = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const pod = await send(server, 'GET', `${PODS_PATH}/p`);
  assert.equal(pod.body.metadata.uid, uid);
  const versions = [first, pod, second].map((answer) => Number(answer.body.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  );
  assert.notEqual(first.body.metadata.uid, second.body.metadata.uid);
});

test('fact 18: a read of a future version waits 3 s, then answers 504', async () => {
  const { server, clock } = makeServer();
  const answer = send(server, 'GET', `${LEASES_PATH}?resourceVersion=999999999999`);
  clock.advance(3000);
  const { status, headers, body } = await answer;
  assert.equal(status, 504);
  assert.equal(headers['retry-after'], '1');
  assert.equal(body.reason, 'Timeout');
});

test('fact 18: a read of a future version is answered when that version is written in time', async () => {
  const { server } = makeServer();
  const next = server.store.revision + 1;
  const answer = send(server, 'GET', `${LEASES_PATH}?resourceVersion=${next}`);
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  assert.deepEqual(
    (await answer).body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['a'],
  );
});

test('the deletion of a namespace removes its objects', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n' });
  await send(server, 'DELETE', '/api/v1/namespaces/ns');
  assert.equal((await send(server, 'GET', '/api/v1/namespaces/ns')).status, 404);
  assert.deepEqual((await send(server, 'GET', '/api/v1/pods')).body.items, []);
  assert.deepEqual((await send(server, 'GET', '/apis/coordination.k8s.io/v1/leases')).body.items, []);
});

test('a fault replaces the answer by an error, loses the answer, or refuses the request', async () => {
  const { server } = makeServer({
    faults: ({ name, verb }) => {
      if (verb !== 'get') return undefined;
      if (name === 'busy') return { status: 429 };
      return name === 'lost' ? { dropAnswer: true } : { refuse: true };
    },
  });
  const busy = await send(server, 'GET', `${LEASES_PATH}/busy`);
  assert.equal(busy.status, 429);
  assert.equal(busy.headers['retry-after'], '1');
  await assert.rejects(send(server, 'GET', `${LEASES_PATH}/lost`), ConnectionResetError);
  await assert.rejects(send(server, 'GET', `${LEASES_PATH}/other`), ConnectionResetError);
});

test('a request whose answer is lost is carried out', async () => {
  const { server } = makeServer({ faults: ({ verb }) => (verb === 'create' ? { dropAnswer: true } : undefined) });
  await assert.rejects(send(server, 'POST', LEASES_PATH, leaseBody('a')), ConnectionResetError);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}/a`)).status, 200);
});

test('cutWatches ends every open watch with an error', async () => {
  const { server } = makeServer();
  const leases = await openWatch(server, `${LEASES_PATH}?watch=1`);
  const pods = await openWatch(server, `${PODS_PATH}?watch=1`);
  assert.equal(server.cutWatches(), 2);
  for (const watch of [leases, pods]) assert.ok(watch.ended && watch.error instanceof ConnectionResetError);
});

test('after compactHistory an open watch continues, and a watch from an earlier version is answered 410', async () => {
  const { server } = makeServer();
  const created = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const open = await openWatch(server, `${LEASES_PATH}?watch=1`);
  await send(server, 'POST', LEASES_PATH, leaseBody('b'));
  server.compactHistory();
  const late = await openWatch(
    server,
    `${LEASES_PATH}?watch=1&resourceVersion=${created.body.metadata.resourceVersion}`,
  );
  assert.equal(late.events[0]?.type, 'ERROR');
  assert.equal(late.events[0]?.object.code, 410);
  assert.ok(late.ended);
  await send(server, 'DELETE', `${LEASES_PATH}/b`);
  assert.deepEqual(summary(open), ['ADDED a', 'ADDED b', 'DELETED b']);
});

test('onWrite receives every write in the order of revisions, and onRequest every request', async () => {
  const entries: RequestLogEntry[] = [];
  const { server } = makeServer({ onRequest: (entry) => entries.push(entry) });
  const writes: string[] = [];
  const stop = server.onWrite(({ type, resource, object }) =>
    writes.push(`${type} ${resource} ${object.metadata.name}`),
  );
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  await send(server, 'DELETE', `${LEASES_PATH}/a`);
  stop();
  await send(server, 'POST', LEASES_PATH, leaseBody('b'));
  assert.deepEqual(writes, ['ADDED leases a', 'DELETED leases a']);
  const entry = { user: 'admin', resource: 'leases', namespace: 'ns' };
  assert.deepEqual(entries, [
    { ...entry, verb: 'create', name: '', status: 201 },
    { ...entry, verb: 'delete', name: 'a', status: 200 },
    { ...entry, verb: 'create', name: '', status: 201 },
  ]);
});

test('stop ends open watches cleanly', async () => {
  const { server } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  await server.stop();
  assert.equal(watch.ended, true);
  assert.equal(watch.error, undefined);
});
