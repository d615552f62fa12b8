/**
 * The first moments of an API server after its start, when its caches of roles and Pods are not filled yet. The tests
 * run in process, on a clock that only they move. The restart over sockets is in embedded-cluster.test.ts.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServer } from '../../src/testing/index.ts';
import type { ManualClock } from '../worlds/manual-clock.ts';
import { type Answer, LEASES_PATH, leaseBody, makeServer, openWatch, PODS_PATH, send } from './api-client.ts';

const RULES = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list', 'watch'] }];
const SELF_REVIEW = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const NAMESPACE = 'ns';
const ACCOUNT = { namespace: NAMESPACE, serviceAccountName: 'elector' } as const;

interface Setup {
  readonly server: ApiServer;
  readonly clock: ManualClock;
  readonly boundToken: string;
  readonly unboundToken: string;
  request(method: string, path: string, token?: string, body?: unknown): Promise<Answer>;
}

async function setUp(): Promise<Setup> {
  const { server, clock } = makeServer();
  server.grant({ ...ACCOUNT, rules: RULES });
  const pod = server.createPod({ ...ACCOUNT, name: 'p', nodeName: 'n' });
  const boundToken = server.issueToken({ ...ACCOUNT, pod });
  await send(server, 'POST', LEASES_PATH, leaseBody('x'));
  return {
    server,
    clock,
    boundToken,
    unboundToken: server.issueToken(ACCOUNT),
    request: (method, path, token = boundToken, body = undefined) => send(server, method, path, body, { token }),
  };
}

const FORBIDDEN_LEASE =
  'leases.coordination.k8s.io "x" is forbidden: User "system:serviceaccount:ns:elector" cannot get resource "leases" ' +
  'in API group "coordination.k8s.io" in the namespace "ns"';

test('a server answers 403 and names the role when its roles are not read yet', async () => {
  const { server, clock, request } = await setUp();
  server.warmUp({ rbacAfterMs: 134 });
  const { status, body } = await request('GET', `${LEASES_PATH}/x`);
  assert.equal(status, 403);
  assert.equal(body.message, `${FORBIDDEN_LEASE}: RBAC: role.rbac.authorization.k8s.io "elector" not found`);
  assert.equal(body.reason, 'Forbidden');
  clock.advance(133);
  assert.equal((await request('GET', `${LEASES_PATH}/x`)).status, 403);
  clock.advance(1);
  assert.equal((await request('GET', `${LEASES_PATH}/x`)).status, 200);
});

test('a user without a binding receives the same 403 before and after the roles are read', async () => {
  const { server, request } = await setUp();
  const token = server.issueToken({ namespace: NAMESPACE, serviceAccountName: 'other' });
  const before = await request('GET', `${LEASES_PATH}/x`, token);
  server.warmUp({ rbacAfterMs: 1000 });
  assert.deepEqual((await request('GET', `${LEASES_PATH}/x`, token)).body, before.body);
});

for (const [what, method, path, token, status, reason] of [
  ['/version is forbidden', 'GET', '/version', undefined, 403, 'system:public-info-viewer'],
  ['discovery is forbidden', 'GET', '/apis', undefined, 403, 'system:discovery'],
  ['a review of oneself is forbidden', 'POST', SELF_REVIEW, undefined, 403, 'system:basic-user'],
  ['/readyz is open', 'GET', '/readyz', undefined, 200, undefined],
  ['the admin may do everything', 'GET', PODS_PATH, 'admin-token', 200, undefined],
] as const) {
  test(`${what} when the roles are not read yet`, async () => {
    const { server, request } = await setUp();
    server.warmUp({ rbacAfterMs: 1000 });
    const answer = await request(method, path, token, method === 'POST' ? { spec: {} } : undefined);
    assert.equal(answer.status, status);
    if (reason === undefined) return;
    const end = `: RBAC: clusterrole.rbac.authorization.k8s.io ${JSON.stringify(reason)} not found`;
    assert.ok(answer.body.message.endsWith(end), answer.body.message);
  });
}

test('a server refuses only bound tokens when its Pods are not read yet', async () => {
  const { server, clock, request, unboundToken } = await setUp();
  assert.equal((await request('GET', LEASES_PATH)).status, 200, 'the token is in the cache of verified tokens');
  server.warmUp({ tokensAfterMs: 134 });
  const { status, body } = await request('GET', LEASES_PATH);
  assert.deepEqual([status, body.message, body.reason], [401, 'Unauthorized', 'Unauthorized']);
  assert.equal((await request('GET', LEASES_PATH, unboundToken)).status, 200);
  assert.equal((await request('GET', LEASES_PATH, 'admin-token')).status, 200);
  clock.advance(133);
  assert.equal((await request('GET', LEASES_PATH)).status, 401);
  clock.advance(1);
  assert.equal((await request('GET', LEASES_PATH)).status, 200);
});

test('an invalid token is still refused after the Pods are read', async () => {
  const { server, clock, request } = await setUp();
  server.warmUp({ tokensAfterMs: 10 });
  await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 0 });
  clock.advance(10);
  assert.equal((await request('GET', LEASES_PATH)).status, 401);
});

test('a server that has just started refuses the token of a Pod that is gone at once', async () => {
  const { server, request } = await setUp();
  assert.equal((await request('GET', LEASES_PATH)).status, 200);
  await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 0 });
  assert.equal((await request('GET', LEASES_PATH)).status, 200, 'fact 30: for 10 s, by the cache');
  server.warmUp();
  assert.equal((await request('GET', LEASES_PATH)).status, 401);
  assert.equal(server.stats().verifiedTokens, 0);
});

test('a second warm-up replaces the first', async () => {
  const { server, clock, request } = await setUp();
  server.warmUp({ rbacAfterMs: 1000, tokensAfterMs: 1000 });
  server.warmUp({ rbacAfterMs: 10 });
  assert.equal((await request('GET', LEASES_PATH)).status, 403);
  clock.advance(10);
  assert.equal((await request('GET', LEASES_PATH)).status, 200);
});

test('an open watch continues while the caches are empty', async () => {
  const { server, boundToken } = await setUp();
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1`, boundToken);
  server.warmUp({ rbacAfterMs: 1000, tokensAfterMs: 1000 });
  await send(server, 'POST', LEASES_PATH, leaseBody('y'));
  assert.deepEqual(
    watch.events.map(({ object }) => object.metadata.name),
    ['x', 'y'],
  );
});

test('a 403 names the missing Role of a RoleBinding until the Role is granted', async () => {
  const { server, request } = await setUp();
  server.revoke({ ...ACCOUNT, keepBinding: true });
  const { status, body } = await request('GET', `${LEASES_PATH}/x`);
  assert.deepEqual(
    [status, body.message],
    [403, `${FORBIDDEN_LEASE}: RBAC: role.rbac.authorization.k8s.io "elector" not found`],
  );
  const review = await request('POST', SELF_REVIEW, undefined, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'get', group: 'coordination.k8s.io', resource: 'leases', namespace: 'ns' } },
  });
  assert.deepEqual(review.body.status, {
    allowed: false,
    reason: 'RBAC: role.rbac.authorization.k8s.io "elector" not found',
  });
  server.grant({ ...ACCOUNT, rules: RULES });
  assert.equal((await request('GET', `${LEASES_PATH}/x`)).status, 200);
});

test('without Role and RoleBinding a request is forbidden without a reason', async () => {
  const { server, request } = await setUp();
  server.revoke(ACCOUNT);
  server.revoke(ACCOUNT);
  assert.equal((await request('GET', `${LEASES_PATH}/x`)).body.message, FORBIDDEN_LEASE);
  server.grant({ ...ACCOUNT, rules: RULES });
  assert.equal((await request('GET', `${LEASES_PATH}/x`)).status, 200);
});

test('several missing roles are listed, each once', async () => {
  const { server, request } = await setUp();
  const group = { apiGroup: 'rbac.authorization.k8s.io' };
  const subjects = [{ kind: 'ServiceAccount', name: 'elector', namespace: NAMESPACE }];
  const bind = (path: string, kind: string, name: string, role: string): Promise<Answer> =>
    send(server, 'POST', `/apis/rbac.authorization.k8s.io/v1${path}`, {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name } },
      ...{ subjects, roleRef: { ...group, kind: 'ClusterRole', name: role } },
    });
  await bind('/clusterrolebindings', 'ClusterRoleBinding', 'a', 'lost');
  await bind('/namespaces/ns/rolebindings', 'RoleBinding', 'b', 'lost');
  server.revoke({ ...ACCOUNT, keepBinding: true });
  const { body } = await request('GET', `${LEASES_PATH}/x`);
  const missing = 'clusterrole.rbac.authorization.k8s.io "lost" not found, role.rbac.authorization.k8s.io "elector"';
  assert.equal(body.message, `${FORBIDDEN_LEASE}: RBAC: [${missing} not found]`);
});

for (const [what, options] of [
  ['an unknown option', { rbacAfter: 1 }],
  ['a negative time', { rbacAfterMs: -1 }],
  ['an infinite time', { tokensAfterMs: Number.POSITIVE_INFINITY }],
] as const) {
  test(`a warm-up with ${what} is refused`, () => {
    const { server } = makeServer();
    assert.throws(() => server.warmUp(options as object), /warmUp/);
  });
}
