import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyRule } from '../../src/testing/index.ts';
import { LEASES_PATH, leaseBody, makeServer, PODS_PATH, send } from './api-client.ts';

const LEASE_RULE = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] } as const;

interface Row {
  readonly rule: string;
  readonly rules: readonly PolicyRule[];
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

const TABLE: readonly Row[] = [
  {
    rule: 'fact 28: a missing permission is answered 403 before a missing Lease is answered 404',
    rules: [],
    method: 'DELETE',
    path: `${LEASES_PATH}/zzz`,
    status: 403,
  },
  {
    rule: 'fact 28: a missing permission is answered 403 before a malformed body is read',
    rules: [],
    method: 'POST',
    path: LEASES_PATH,
    status: 403,
  },
  {
    rule: 'fact 29: a rule with resourceNames permits a get of that name',
    rules: [{ ...LEASE_RULE, verbs: ['get'], resourceNames: ['a'] }],
    method: 'GET',
    path: `${LEASES_PATH}/a`,
    status: 200,
  },
  {
    rule: 'fact 29: a rule with resourceNames does not permit a get of another name',
    rules: [{ ...LEASE_RULE, verbs: ['get'], resourceNames: ['b'] }],
    method: 'GET',
    path: `${LEASES_PATH}/a`,
    status: 403,
  },
  {
    rule: 'fact 29: a rule with resourceNames permits a list that selects that name',
    rules: [{ ...LEASE_RULE, verbs: ['list'], resourceNames: ['a'] }],
    method: 'GET',
    path: `${LEASES_PATH}?fieldSelector=metadata.name%3Da`,
    status: 200,
  },
  {
    rule: 'fact 29: a rule with resourceNames does not permit a whole list',
    rules: [{ ...LEASE_RULE, verbs: ['list'], resourceNames: ['a'] }],
    method: 'GET',
    path: LEASES_PATH,
    status: 403,
  },
  {
    rule: 'fact 29: a rule with resourceNames never permits a create',
    rules: [{ ...LEASE_RULE, verbs: ['create'], resourceNames: ['a'] }],
    method: 'POST',
    path: LEASES_PATH,
    status: 403,
  },
  {
    rule: 'a rule does not apply to another group',
    rules: [{ ...LEASE_RULE, verbs: ['*'] }],
    method: 'GET',
    path: PODS_PATH,
    status: 403,
  },
  {
    rule: 'a rule of stars applies to every resource',
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    method: 'GET',
    path: PODS_PATH,
    status: 200,
  },
  {
    rule: 'a Role does not apply to another namespace',
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    method: 'GET',
    path: '/api/v1/namespaces/default/pods',
    status: 403,
  },
  {
    rule: 'a subresource is another resource',
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['*'] }],
    method: 'GET',
    path: `${PODS_PATH}/p/status`,
    status: 403,
  },
  {
    rule: 'a request for a token needs the verb create',
    rules: [],
    method: 'POST',
    path: '/api/v1/namespaces/ns/serviceaccounts/x/token',
    status: 403,
  },
  { rule: 'discovery is open to all accounts', rules: [], method: 'GET', path: '/apis', status: 200 },
];

for (const { rule, rules, method, path, status } of TABLE) {
  test(rule, async () => {
    const { server } = makeServer();
    await send(server, 'POST', LEASES_PATH, leaseBody('a'));
    server.grant({ namespace: 'ns', serviceAccountName: 'x', rules });
    const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'x' });
    assert.equal((await send(server, method, path, undefined, { token })).status, status);
  });
}

test('fact 4: a PUT that creates needs the verb create', async () => {
  const { server } = makeServer();
  server.grant({ namespace: 'ns', serviceAccountName: 'x', rules: [{ ...LEASE_RULE, verbs: ['update'] }] });
  const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'x' });
  const answer = await send(server, 'PUT', `${LEASES_PATH}/a`, leaseBody('a'), { token });
  assert.equal(
    answer.body.message,
    'leases.coordination.k8s.io "a" is forbidden: User "system:serviceaccount:ns:x" cannot create resource "leases" ' +
      'in API group "coordination.k8s.io" in the namespace "ns"',
  );
});

test('fact 28: a request without a token is answered 403, but the version and the health checks are open', async () => {
  const { server } = makeServer();
  const answer = await send(server, 'GET', LEASES_PATH, undefined, { token: '' });
  assert.equal(answer.status, 403);
  assert.match(answer.body.message, /User "system:anonymous" cannot list/);
  for (const path of ['/version', '/livez', '/readyz', '/healthz']) {
    assert.equal((await send(server, 'GET', path, undefined, { token: '' })).status, 200, path);
  }
});

test('always-allow permits every user', async () => {
  const { server } = makeServer({ authorization: 'always-allow' });
  assert.equal((await send(server, 'GET', LEASES_PATH, undefined, { token: '' })).status, 200);
});

test('a grant can be changed', async () => {
  const { server } = makeServer();
  const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'x' });
  const list = async (): Promise<number> => (await send(server, 'GET', LEASES_PATH, undefined, { token })).status;
  server.grant({ namespace: 'ns', serviceAccountName: 'x', rules: [{ ...LEASE_RULE, verbs: ['list'] }] });
  assert.equal(await list(), 200);
  server.grant({ namespace: 'ns', serviceAccountName: 'x', rules: [] });
  assert.equal(await list(), 403);
});
