import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEASES_PATH, leaseBody, makeServer, openWatch, send, summary } from './api-client.ts';

test('fact 14: a watch without a version begins with the existing objects, in the order of their names', async () => {
  const { server } = makeServer();
  for (const name of ['b', 'a']) await send(server, 'POST', LEASES_PATH, leaseBody(name));
  assert.deepEqual(summary(await openWatch(server, `${LEASES_PATH}?watch=true`)), ['ADDED a', 'ADDED b']);
  assert.deepEqual(summary(await openWatch(server, `${LEASES_PATH}?watch=true&resourceVersion=0`)), [
    'ADDED a',
    'ADDED b',
  ]);
});

test('fact 14: a watch from a version sends only later events', async () => {
  const { server } = makeServer();
  const a = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  await send(server, 'POST', LEASES_PATH, leaseBody('b'));
  await send(server, 'DELETE', `${LEASES_PATH}/a`);
  const watch = await openWatch(server, `${LEASES_PATH}?watch=true&resourceVersion=${a.body.metadata.resourceVersion}`);
  assert.deepEqual(summary(watch), ['ADDED b', 'DELETED a']);
});

test('fact 12: a DELETED event has the last content and a new version, from which a watch continues', async () => {
  const { server } = makeServer();
  const created = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const watch = await openWatch(
    server,
    `${LEASES_PATH}?watch=true&resourceVersion=${created.body.metadata.resourceVersion}`,
  );
  await send(server, 'DELETE', `${LEASES_PATH}/a`);
  const again = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const deleted = watch.events[0]?.object;
  assert.deepEqual(deleted.spec, created.body.spec);
  assert.ok(Number(deleted.metadata.resourceVersion) > Number(created.body.metadata.resourceVersion));
  assert.ok(Number(deleted.metadata.resourceVersion) < Number(again.body.metadata.resourceVersion));
  const resumed = await openWatch(
    server,
    `${LEASES_PATH}?watch=true&resourceVersion=${deleted.metadata.resourceVersion}`,
  );
  assert.deepEqual(summary(resumed), ['ADDED a']);
});

test('fact 12: objects that leave a selection are DELETED with the content before and the version of the change', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a', { metadata: { labels: { k: '1' } } }));
  const watch = await openWatch(server, `${LEASES_PATH}?watch=true&labelSelector=k%3D1`);
  const patch = { 'content-type': 'application/merge-patch+json' };
  const changed = await send(
    server,
    'PATCH',
    `${LEASES_PATH}/a`,
    { metadata: { labels: { k: '2' } } },
    { headers: patch },
  );
  await send(server, 'PATCH', `${LEASES_PATH}/a`, { metadata: { labels: { k: '1' } } }, { headers: patch });
  assert.deepEqual(summary(watch), ['ADDED a', 'DELETED a', 'ADDED a']);
  assert.equal(watch.events[1]?.object.metadata.labels.k, '1');
  assert.equal(watch.events[1]?.object.metadata.resourceVersion, changed.body.metadata.resourceVersion);
});

test('a watch by fieldSelector metadata.name shows only that object', async () => {
  const { server } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=true&fieldSelector=metadata.name%3Da`);
  for (const name of ['a', 'b']) await send(server, 'POST', LEASES_PATH, leaseBody(name));
  assert.deepEqual(summary(watch), ['ADDED a']);
});

test('fact 15: sendInitialEvents writes a marked BOOKMARK after the existing objects, even if there are none', async () => {
  const { server } = makeServer();
  const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  const empty = await openWatch(server, `${LEASES_PATH}?${query}&allowWatchBookmarks=true`);
  assert.deepEqual(empty.events[0]?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const marked = await openWatch(server, `${LEASES_PATH}?${query}&allowWatchBookmarks=true`);
  assert.deepEqual(summary(marked), ['ADDED a', 'BOOKMARK']);
  assert.deepEqual(summary(await openWatch(server, `${LEASES_PATH}?${query}`)), ['ADDED a']);
});

test('fact 16: timeoutSeconds ends a watch cleanly, 2 s after a bookmark', async () => {
  const { server, clock } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=true&timeoutSeconds=5&allowWatchBookmarks=true`);
  const plain = await openWatch(server, `${LEASES_PATH}?watch=true&timeoutSeconds=5`);
  clock.advance(2999);
  assert.deepEqual(watch.events, []);
  clock.advance(1);
  assert.deepEqual(watch.events, [
    {
      type: 'BOOKMARK',
      object: {
        kind: 'Lease',
        apiVersion: 'coordination.k8s.io/v1',
        metadata: { resourceVersion: String(server.store.revision) },
        spec: {},
      },
    },
  ]);
  clock.advance(2000);
  assert.deepEqual([watch.ended, watch.error], [true, undefined]);
  assert.deepEqual([plain.ended, plain.events], [true, []]);
});

test('fact 17: a watch from a version that is too old receives one ERROR event with code 410, and ends', async () => {
  const { server } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=true&resourceVersion=1`);
  assert.deepEqual(
    watch.events.map(({ type, object }) => [type, object.code, object.reason]),
    [['ERROR', 410, 'Expired']],
  );
  assert.equal(watch.ended, true);
});

test('fact 17: history is bounded by historyLimit', async () => {
  const { server } = makeServer({ historyLimit: 3 });
  const first = await send(server, 'POST', LEASES_PATH, leaseBody('l0'));
  for (let count = 1; count <= 6; count += 1) await send(server, 'POST', LEASES_PATH, leaseBody(`l${count}`));
  const from = first.body.metadata.resourceVersion;
  assert.equal((await openWatch(server, `${LEASES_PATH}?watch=1&resourceVersion=${from}`)).events[0]?.object.code, 410);
  const later = String(server.store.revision - 3);
  assert.equal((await openWatch(server, `${LEASES_PATH}?watch=1&resourceVersion=${later}`)).events.length, 3);
});

test('fact 17: history is bounded by its age', async () => {
  const { server, clock } = makeServer({ historyAgeMs: 60_000 });
  const versions: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    versions.push((await send(server, 'POST', LEASES_PATH, leaseBody(name))).body.metadata.resourceVersion);
    clock.advance(40_000);
  }
  const [a, b, c] = versions;
  assert.equal((await openWatch(server, `${LEASES_PATH}?watch=1&resourceVersion=${a}`)).events[0]?.object.code, 410);
  assert.deepEqual(summary(await openWatch(server, `${LEASES_PATH}?watch=1&resourceVersion=${b}`)), ['ADDED c']);
  const path = `${LEASES_PATH}?resourceVersionMatch=Exact&resourceVersion=`;
  assert.equal((await send(server, 'GET', path + a)).status, 410);
  assert.equal((await send(server, 'GET', path + b)).status, 200);
  clock.advance(60_000);
  assert.deepEqual(summary(await openWatch(server, `${LEASES_PATH}?watch=1&resourceVersion=${c}`)), []);
  assert.equal(server.stats().history, 0);
});

test('old history is dropped without a read', async () => {
  const { server, clock } = makeServer({ historyAgeMs: 60_000 });
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const headers = { 'content-type': 'application/merge-patch+json' };
  for (let count = 0; count < 1000; count += 1) {
    await send(server, 'PATCH', `${LEASES_PATH}/a`, { spec: { leaseTransitions: count } }, { headers });
    clock.advance(1000);
  }
  assert.equal(server.stats().history, 60);
});

test('fact 18: a watch from a future version sends no event up to that version', async () => {
  const { server } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=true&resourceVersion=${server.store.revision + 1}`);
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  await send(server, 'POST', LEASES_PATH, leaseBody('b'));
  assert.deepEqual(summary(watch), ['ADDED b']);
});

test('fact 19: a malformed version is 500 for a watch, 400 for a list; watch=maybe is a watch', async () => {
  const { server } = makeServer();
  assert.equal((await send(server, 'GET', `${LEASES_PATH}?watch=true&resourceVersion=abc`)).status, 500);
  assert.equal((await send(server, 'GET', `${LEASES_PATH}?resourceVersion=abc`)).status, 400);
  assert.deepEqual((await openWatch(server, `${LEASES_PATH}?watch=maybe`)).events, []);
});

test('a listener that writes does not change the order for other listeners', async () => {
  const { server } = makeServer();
  const response = await server.handle({
    method: 'GET',
    path: `${LEASES_PATH}?watch=1`,
    headers: { authorization: 'Bearer admin-token' },
  });
  let written: Promise<unknown> | undefined;
  response.stream?.open(
    () => {
      written ??= send(server, 'POST', LEASES_PATH, leaseBody('b'));
    },
    () => undefined,
  );
  const other = await openWatch(server, `${LEASES_PATH}?watch=1`);
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  await written;
  assert.deepEqual(summary(other), ['ADDED a', 'ADDED b']);
});

test('the server keeps no closed watch', async () => {
  const { server } = makeServer();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`);
  watch.close();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  assert.deepEqual(watch.events, []);
  assert.equal(server.cutWatches(), 0);
});

test('a reader that throws ends its own watch only', async () => {
  const { server } = makeServer();
  const response = await server.handle({
    method: 'GET',
    path: `${LEASES_PATH}?watch=1`,
    headers: { authorization: 'Bearer admin-token' },
  });
  let ended: Error | undefined;
  response.stream?.open(
    () => {
      throw new Error('no more');
    },
    (error) => {
      ended = error;
    },
  );
  const other = await openWatch(server, `${LEASES_PATH}?watch=1`);
  assert.equal((await send(server, 'POST', LEASES_PATH, leaseBody('a'))).status, 201);
  assert.equal(ended?.message, 'no more');
  assert.deepEqual(summary(other), ['ADDED a']);
});
