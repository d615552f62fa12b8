/**
 * Nodes are stored objects of the cluster: an administrator writes them and their status, and a Pod is not permitted to read one.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeServer, openWatch, send, summary } from './api-client.ts';

const NODES_PATH = '/api/v1/nodes';
const READY = [{ type: 'Ready', status: 'True' }];

test('a Node is created, read, listed, watched and deleted', async () => {
  const { server } = makeServer();
  const view = await openWatch(server, `${NODES_PATH}?watch=1`);
  const created = await send(server, 'POST', NODES_PATH, {
    metadata: { name: 'node-1' },
    spec: { podCIDR: '10.0.0.0/24' },
  });
  assert.deepEqual([created.status, created.body.kind, created.body.metadata.namespace], [201, 'Node', undefined]);
  const { body: list } = await send(server, 'GET', NODES_PATH);
  assert.deepEqual([list.kind, list.items.length], ['NodeList', 1]);
  assert.equal((await send(server, 'GET', `${NODES_PATH}/node-1`)).body.spec.podCIDR, '10.0.0.0/24');
  assert.equal((await send(server, 'DELETE', `${NODES_PATH}/node-1`)).status, 200);
  assert.equal((await send(server, 'GET', `${NODES_PATH}/node-1`)).status, 404);
  assert.deepEqual(
    summary(view).map((line) => line.split(' ', 2).join(' ')),
    ['ADDED node-1', 'DELETED node-1'],
  );
});

test('a replace of a Node keeps the status, and a replace of the status keeps the spec', async () => {
  const { server } = makeServer();
  const { body: node } = await send(server, 'POST', NODES_PATH, {
    metadata: { name: 'node-1' },
    spec: { unschedulable: true },
  });
  const status = await send(server, 'PUT', `${NODES_PATH}/node-1/status`, {
    ...node,
    spec: {},
    status: { conditions: READY },
  });
  assert.deepEqual([status.body.spec, status.body.status.conditions.length], [{ unschedulable: true }, 1]);
  const { metadata } = status.body;
  const spec = await send(server, 'PUT', `${NODES_PATH}/node-1`, { ...node, metadata, spec: {}, status: {} });
  assert.deepEqual([spec.body.spec, spec.body.status], [{}, { conditions: READY }]);
});

test('Nodes have no namespace, and reading them needs a ClusterRole', async () => {
  const { server } = makeServer();
  assert.equal((await send(server, 'GET', '/api/v1/namespaces/ns/nodes')).status, 404);
  assert.equal((await send(server, 'GET', NODES_PATH, undefined, { token: '' })).status, 403);
});
