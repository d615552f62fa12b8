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
  { rule: 'fact 28: 403 comes before 404', rules: [], method: 'DELETE', path: `${LEASES_PATH}/zzz`, status: 403 },
  { rule: 'fact 28: 403 comes before a malformed body', rules: [], method: 'POST', path: LEASES_PATH, status: 403 },
  {
    rule: 'fact 29: get by name',
    rules: [{ ...LEASE_RULE, verbs: ['get'], resourceNames: ['a'] }],
    method: 'GET',
    path: `${LEASES_PATH}/a`,
    status: 200,
  },
  {
    rule: 'fact 29: not another name',
    rules: [{ ...LEASE_RULE, verbs: ['get'], resourceNames: ['b'] }],
    method: 'GET',
    path: `${LEASES_PATH}/a`,
    status: 403,
  },
  {
    rule: 'fact 29: a list by name',
    rules: [{ ...LEASE_RULE, verbs: ['list'], resourceNames: ['a'] }],
    method: 'GET',
    path: `${LEASES_PATH}?fieldSelector=metadata.name%3Da`,
    status: 200,
  },
  {
    rule: 'fact 29: not a whole list',
    rules: [{ ...LEASE_RULE, verbs: ['list'], resourceNames: ['a'] }],
    method: 'GET',
    path: LEASES_PATH,
    status: 403,
  },
  {
    rule: 'fact 29: create is never by name',
    rules: [{ ...LEASE_RULE, verbs: ['create'], resourceNames: ['a'] }],
    method: 'POST',
    path: LEASES_PATH,
    status: 403,
  },
  { rule: 'another group', rules: [{ ...LEASE_RULE, verbs: ['*'] }], method: 'GET', path: PODS_PATH, status: 403 },
  {
    rule: 'stars',
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    method: 'GET',
    path: PODS_PATH,
    status: 200,
  },
  {
    rule: 'another namespace',
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
    rule: 'a token is asked for with create',
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

test('fact 28: without a token: 403 as system:anonymous, but the health checks are open', async () => {
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
