import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readYaml } from '../../src/testing/formats/yaml.ts';
import { type Answer, makeServer, send } from './api-client.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

test('plain discovery lists groups, versions and resources', async () => {
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

test('aggregated discovery is answered only for /api and /apis', async () => {
  const { server } = makeServer();
  const headers = { accept: AGGREGATED };
  const core = await send(server, 'GET', '/api', undefined, { headers });
  assert.equal(core.body.kind, 'APIGroupDiscoveryList');
  const below = await send(server, 'GET', '/apis/coordination.k8s.io/v1', undefined, { headers });
  assert.equal(below.body.kind, 'APIResourceList');
});

test('the root lists the paths, indented, when the user is permitted to read it', async () => {
  const { server } = makeServer();
  for (const path of ['/', '/index.html']) {
    const { status, headers, body } = await send(server, 'GET', path);
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'application/json');
    assert.deepEqual(Object.keys(body), ['paths']);
    assert.deepEqual([...body.paths].sort(), body.paths);
    for (const served of [
      '/api',
      '/api/v1',
      '/apis',
      '/apis/',
      '/apis/coordination.k8s.io/v1',
      '/readyz',
      '/version',
    ]) {
      assert.ok(body.paths.includes(served), served);
      assert.equal((await send(server, 'GET', served)).status, 200, served);
    }
  }
  const raw = await server.handle({ method: 'GET', path: '/', headers: { authorization: 'Bearer admin-token' } });
  assert.match(raw.body ?? '', /^\{\n {2}"paths": \[\n {4}"\/api",\n/);
  const { status, body } = await send(server, 'GET', '/', undefined, { token: '' });
  assert.equal(status, 403);
  assert.equal(body.message, 'forbidden: User "system:anonymous" cannot get path "/"');
});

test('discovery is answered as YAML when the client accepts YAML', async () => {
  const { server } = makeServer();
  const headers = { accept: 'application/yaml' };
  for (const [path, line] of [
    ['/api', 'kind: APIVersions'],
    ['/apis', 'kind: APIGroupList'],
    ['/apis/coordination.k8s.io', 'kind: APIGroup'],
    ['/apis/coordination.k8s.io/v1', 'kind: APIResourceList'],
    ['/api/v1', 'kind: APIResourceList'],
  ] as const) {
    const answer = await send(server, 'GET', path, undefined, { headers });
    assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/yaml']);
    assert.ok(answer.body.split('\n').includes(line), answer.body);
    assert.deepEqual(readYaml(answer.body), (await send(server, 'GET', path)).body);
  }
});

test('discovery is answered 406 with the served types when the client accepts none of them', async () => {
  const { server } = makeServer();
  const request = (path: string, accept: string): Promise<Answer> =>
    send(server, 'GET', path, undefined, { headers: { accept } });
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const unknown = await request('/apis/coordination.k8s.io/v1', 'text/html');
  assert.equal(unknown.status, 406);
  assert.equal(unknown.body.message, `406: Not Acceptable\n\nAvailable representations: ${types}`);
  assert.equal((await request('/apis', 'text/html, */*')).body.kind, 'APIGroupList');
  const table = await request('/api/v1', 'application/json;as=Table;v=v1;g=meta.k8s.io');
  assert.equal(table.body.message, `only the following media types are accepted: ${types}`);
  const version = await request('/version', 'application/yaml');
  assert.equal(version.status, 406);
  assert.equal(version.body.message, '406: Not Acceptable\n\nAvailable representations: application/json');
  assert.equal((await request('/openapi/v3', 'application/yaml')).status, 200, 'OpenAPI negotiates types differently');
});

test('an unknown group is answered as a missing page, and an unknown version of a known group as a missing resource', async () => {
  const { server } = makeServer();
  for (const path of [
    '/apis/nothing.example.com',
    '/apis/nothing.example.com/v1',
    '/apis/nothing.example.com/v1/things',
    '/apis/nothing.example.com/v1/namespaces/ns/things/a',
  ]) {
    const { status, headers, body } = await send(server, 'GET', path);
    assert.deepEqual(
      [status, headers['content-type'], body],
      [404, 'text/plain; charset=utf-8', '404 page not found\n'],
    );
  }
  for (const path of ['/apis/coordination.k8s.io/v9', '/apis/coordination.k8s.io/v9/leases', '/api/v9/pods']) {
    const { status, body } = await send(server, 'GET', path);
    assert.deepEqual([status, body.message], [404, 'the server could not find the requested resource']);
  }
  const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'nobody' });
  const forbidden = await send(server, 'GET', '/apis/nothing.example.com/v1/things', undefined, { token });
  assert.equal(forbidden.status, 403, 'the permission is checked first');
});

test('a path with an invalid percent escape is refused before authentication', async () => {
  const { server } = makeServer();
  for (const path of ['/version%', '/apis/%zz', '/%2']) {
    const answer = await server.handle({ method: 'GET', path, headers: {} });
    assert.deepEqual([answer.status, answer.body, answer.closes], [400, '400 Bad Request', 'announced']);
  }
});

test('the server reports version 1.36', async () => {
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

const UNSERVED: readonly (readonly [request: string, status: number])[] = [
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

for (const [request, status] of UNSERVED) {
  test(`${request} is ${status}`, async () => {
    const { server } = makeServer();
    const [method = '', path = ''] = request.split(' ');
    assert.equal((await send(server, method, path)).status, status);
  });
}
