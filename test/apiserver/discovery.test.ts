import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeServer, send } from './api-client.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

test('groups, versions and resources, plain', async () => {
  const { server } = makeServer();
  const groups = await send(server, 'GET', '/apis');
  const named = groups.body.groups.map((group: { name: string }) => group.name);
  assert.ok(named.includes('coordination.k8s.io') && named.includes('rbac.authorization.k8s.io'));
  const leases = await send(server, 'GET', '/apis/coordination.k8s.io/v1');
  assert.deepEqual(
    leases.body.resources.map((resource: { name: string }) => resource.name),
    ['leases'],
  );
});

test('aggregated, for /api and /apis alone', async () => {
  const { server } = makeServer();
  const headers = { accept: AGGREGATED };
  const core = await send(server, 'GET', '/api', undefined, { headers });
  assert.equal(core.body.kind, 'APIGroupDiscoveryList');
  const below = await send(server, 'GET', '/apis/coordination.k8s.io/v1', undefined, { headers });
  assert.equal(below.body.kind, 'APIResourceList');
});

test('the server is a 1.36', async () => {
  const { server } = makeServer();
  const { major, minor } = (await send(server, 'GET', '/version')).body;
  assert.deepEqual([major, minor], ['1', '36']);
});

test('kubectl finds fieldValidation in OpenAPI', async () => {
  const { server } = makeServer();
  const { paths } = (await send(server, 'GET', '/openapi/v3')).body;
  const { body } = await send(server, 'GET', paths['apis/coordination.k8s.io/v1'].serverRelativeURL);
  const { patch } = body.paths['/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}'];
  assert.ok(patch.parameters.some((parameter: { name: string }) => parameter.name === 'fieldValidation'));
});

const ELSEWHERE: readonly (readonly [ask: string, status: number])[] = [
  ['GET /nothing', 404],
  ['GET /apis/nothing.example.com', 404],
  ['GET /apis/coordination.k8s.io/v9', 404],
  ['GET /apis/coordination.k8s.io/v1/namespaces/ns/leazes', 404],
  ['GET /apis/coordination.k8s.io/v1/namespaces/ns/leases/a/status', 404],
  ['PUT /apis/coordination.k8s.io/v1/namespaces/ns/leases', 405],
  ['POST /apis/coordination.k8s.io/v1/namespaces/ns/leases/a', 405],
  ['HEAD /apis/coordination.k8s.io/v1/namespaces/ns/leases', 405],
  ['DELETE /apis/coordination.k8s.io/v1/leases', 405],
  ['DELETE /version', 405],
  ['PUT /apis/coordination.k8s.io/v1', 405],
];

for (const [ask, status] of ELSEWHERE) {
  test(`${ask} is ${status}`, async () => {
    const { server } = makeServer();
    const [method = '', path = ''] = ask.split(' ');
    assert.equal((await send(server, method, path)).status, status);
  });
}
