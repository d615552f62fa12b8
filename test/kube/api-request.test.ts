/**
 * The path, the accepted formats and the description of a request.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ApiRequest,
  type ApiVerb,
  acceptOf,
  contentTypeOf,
  describeRequest,
  methodOf,
  pathOf,
} from '../../src/kube/api-request.ts';

const REQUEST: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };

const LEASES = { ...REQUEST, apiGroup: 'coordination.k8s.io', resource: 'leases', name: 'a b' } as const;
const COLLECTION = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';
const PATHS: readonly (readonly [request: ApiRequest, path: string])[] = [
  [LEASES, `${COLLECTION}/a%20b`],
  [{ ...LEASES, verb: 'create' }, COLLECTION],
  [{ ...LEASES, verb: 'list' }, `${COLLECTION}?fieldSelector=metadata.name%3Da%20b`],
  [
    { ...LEASES, verb: 'watch', watch: { resourceVersion: '4 1', timeoutSeconds: 300 } },
    `${COLLECTION}?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3Da%20b&resourceVersion=4%201&timeoutSeconds=300`,
  ],
  [{ ...REQUEST, resource: 'nodes', namespace: '' }, '/api/v1/nodes/web-0'],
  [{ ...LEASES, verb: 'list', selection: { labelSelector: 'a=b' } }, `${COLLECTION}?labelSelector=a%3Db`],
];

const METHODS: Readonly<Record<ApiVerb, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
};
for (const [verb, method] of Object.entries(METHODS) as [ApiVerb, string][]) {
  test(`the method of ${verb} is ${method}, and its body is ${verb === 'patch' ? 'a merge patch' : 'JSON'}`, () => {
    assert.equal(methodOf(verb), method);
    assert.equal(contentTypeOf(verb), verb === 'patch' ? 'application/merge-patch+json' : 'application/json');
  });
}

for (const [request, path] of PATHS) {
  test(`the path of ${describeRequest(request)} is ${path.slice(0, 60)}`, () => assert.equal(pathOf(request), path));
}

test('a request in the whole cluster, and one by label, are described as such', () => {
  assert.equal(
    describeRequest({ ...REQUEST, resource: 'nodes', namespace: '' }),
    'get nodes "web-0" in the whole cluster',
  );
  const selection = { labelSelector: 'app=web' };
  assert.equal(
    describeRequest({ ...REQUEST, verb: 'list', selection }),
    'list pods with the label app=web in namespace "shop"',
  );
  assert.equal(acceptOf({ ...REQUEST, verb: 'list', selection }), 'application/json');
});
