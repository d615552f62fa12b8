import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, LEASES_PATH, leaseBody, makeServer, openWatch, send } from './api-client.ts';

function names(answer: Answer): readonly string[] {
  return answer.body.items.map((item: { metadata: { name: string } }) => item.metadata.name);
}

test('each piece of a list shows the revision of the first piece', async () => {
  const { server } = makeServer();
  for (const name of ['a', 'b', 'c']) await send(server, 'POST', LEASES_PATH, leaseBody(name));
  const first = await send(server, 'GET', `${LEASES_PATH}?limit=2`);
  assert.deepEqual(names(first), ['a', 'b']);
  assert.equal(first.body.metadata.remainingItemCount, 1);
  await send(server, 'POST', LEASES_PATH, leaseBody('d'));
  await send(server, 'DELETE', `${LEASES_PATH}/c`);
  const rest = await send(server, 'GET', `${LEASES_PATH}?limit=2&continue=${first.body.metadata.continue}`);
  assert.deepEqual(names(rest), ['c']);
  assert.equal(rest.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
});

test('fact 17: an expired continue token is 410, with a token that continues without consistency', async () => {
  const { server } = makeServer();
  for (const name of ['a', 'b']) await send(server, 'POST', LEASES_PATH, leaseBody(name));
  const first = await send(server, 'GET', `${LEASES_PATH}?limit=1`);
  await send(server, 'POST', LEASES_PATH, leaseBody('c'));
  server.compactHistory();
  const expired = await send(server, 'GET', `${LEASES_PATH}?limit=5&continue=${first.body.metadata.continue}`);
  assert.equal(expired.status, 410);
  assert.equal(expired.body.reason, 'Expired');
  const rest = await send(server, 'GET', `${LEASES_PATH}?limit=5&continue=${expired.body.metadata.continue}`);
  assert.deepEqual(names(rest), ['b', 'c']);
});

test('a 406 to a list or a watch also names the types of streams', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const message = async (path: string, accept: string): Promise<string> => {
    const { status, body } = await send(server, 'GET', path, undefined, { headers: { accept } });
    assert.equal(status, 406);
    return body.message;
  };
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const streams = 'application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';
  const words = '406: Not Acceptable\n\nAvailable representations: ';
  assert.equal(await message(LEASES_PATH, 'text/html'), `${words}${types}, ${streams}`);
  assert.equal(await message(`${LEASES_PATH}?watch=1`, 'text/html'), `${words}${types}, ${streams}`);
  assert.equal(await message(`${LEASES_PATH}/a`, 'text/html'), words + types);
  const only = 'only the following media types are accepted: ';
  assert.equal(await message(`${LEASES_PATH}?watch=1`, 'application/yaml'), only + streams);
  assert.equal(await message(`${LEASES_PATH}?watch=1`, 'application/json;as=Chair;v=v1;g=meta.k8s.io'), only + types);
});

test('an exact list shows past revisions, if their history is kept', async () => {
  const { server } = makeServer();
  const a = await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  await send(server, 'DELETE', `${LEASES_PATH}/a`);
  const exact = `${LEASES_PATH}?resourceVersionMatch=Exact&resourceVersion=`;
  assert.deepEqual(names(await send(server, 'GET', exact + a.body.metadata.resourceVersion)), ['a']);
  assert.equal((await send(server, 'GET', `${exact}1`)).status, 410);
});

test('items of a list have neither kind nor apiVersion', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const { body } = await send(server, 'GET', LEASES_PATH);
  assert.equal(body.kind, 'LeaseList');
  assert.deepEqual(Object.keys(body.items[0]), ['metadata', 'spec']);
});

test('a table has the columns that kubectl get shows', async () => {
  const { server, clock } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  clock.advance(125_000);
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const { body } = await send(server, 'GET', LEASES_PATH, undefined, { headers: { accept } });
  assert.deepEqual(
    body.columnDefinitions.map((column: { name: string }) => column.name),
    ['Name', 'Holder', 'Age'],
  );
  assert.deepEqual(body.rows[0].cells, ['a', 'candidate-a', '2m5s']);
});

const ACCEPT: readonly (readonly [accept: string, status: number, contentType: string])[] = [
  ['*/*', 200, 'application/json'],
  ['image/png, application/json; charset=utf-8', 200, 'application/json'],
  ['application/yaml', 200, 'application/yaml'],
  ['application/vnd.kubernetes.protobuf,application/json', 200, 'application/json'],
  ['text/html', 406, 'application/json'],
  ['application/json;as=Chair;v=v1;g=meta.k8s.io', 406, 'application/json'],
];

for (const [accept, status, contentType] of ACCEPT) {
  test(`Accept ${accept} is ${status} ${contentType}`, async () => {
    const { server } = makeServer();
    const answer = await send(server, 'GET', LEASES_PATH, undefined, { headers: { accept } });
    assert.deepEqual([answer.status, answer.headers['content-type']], [status, contentType]);
  });
}

test('the same seed and the same requests give the same answers to the byte', async () => {
  const run = async (): Promise<string> => {
    const { server, clock } = makeServer();
    const pod = server.createPod({ namespace: 'ns', name: 'p' });
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.uid };
    await send(server, 'POST', LEASES_PATH, leaseBody('a', { metadata: { ownerReferences: [owner] } }));
    const generated = { generateName: 'x-', name: undefined };
    const answer = await send(server, 'POST', LEASES_PATH, leaseBody('', { metadata: generated }));
    const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'default', pod });
    await send(server, 'DELETE', '/api/v1/namespaces/ns/pods/p');
    clock.advance(1000);
    return JSON.stringify([answer, token, (await send(server, 'GET', LEASES_PATH)).body]);
  };
  assert.equal(await run(), await run());
});

test('a compaction also applies to a resource without writes', async () => {
  const { server } = makeServer();
  const before = server.store.revision;
  server.createPod({ namespace: 'ns', name: 'a' });
  server.compactHistory();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1&resourceVersion=${before}`);
  assert.equal(watch.events[0]?.object.code, 410);
});
