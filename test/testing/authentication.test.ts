import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SERVICE_ACCOUNTS } from '../../src/testing/index.ts';
import { LEASES_PATH, makeServer, PODS_PATH, send } from './api-client.ts';

const RULES = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list'] }];

function setUp(): ReturnType<typeof makeServer> & { token: string; list: () => Promise<number> } {
  const { server, clock } = makeServer();
  const pod = server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n', serviceAccountName: 'elector' });
  server.grant({ namespace: 'ns', serviceAccountName: 'elector', rules: RULES });
  const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'elector', pod });
  const list = async (): Promise<number> => (await send(server, 'GET', LEASES_PATH, undefined, { token })).status;
  return { server, clock, token, list };
}

test('fact 30: a token that is bound to a Pod has the claims of that Pod', () => {
  const { token, server } = setUp();
  const [header, payload] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
  assert.equal(header.alg, 'RS256');
  const elector = server.store.get(SERVICE_ACCOUNTS, 'ns', 'elector');
  assert.deepEqual(payload['kubernetes.io'], {
    namespace: 'ns',
    node: { name: 'n' },
    pod: { name: 'p', uid: payload['kubernetes.io'].pod.uid },
    serviceaccount: { name: 'elector', uid: elector?.metadata.uid },
  });
  assert.equal(payload.exp - payload.iat, 3600);
  assert.equal(payload.sub, 'system:serviceaccount:ns:elector');
});

test('fact 30: a token that was used just before the end of its Pod works for 10 s more', async () => {
  const { server, clock, list } = setUp();
  assert.equal(await list(), 200);
  await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 0 });
  clock.advance(9999);
  assert.equal(await list(), 200);
  clock.advance(1);
  assert.equal(await list(), 401);
});

test('fact 30: a token that the server has not seen is refused at once', async () => {
  const { server, list } = setUp();
  await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 0 });
  assert.equal(await list(), 401);
});

test('fact 30: a new Pod of the same name does not revive a token', async () => {
  const { server, list } = setUp();
  await send(server, 'DELETE', `${PODS_PATH}/p`, { gracePeriodSeconds: 0 });
  server.createPod({ namespace: 'ns', name: 'p' });
  assert.equal(await list(), 401);
});

test('fact 30: a terminating Pod keeps its token until 60 s past its deletionTimestamp', async () => {
  const { server, clock, list } = setUp();
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  clock.advance(30_000 + 59_999);
  assert.equal(await list(), 200);
  clock.advance(10_001);
  assert.equal(await list(), 401);
});

test('a token is refused after its lifetime', async () => {
  const { clock, list } = setUp();
  clock.advance(3_599_999);
  assert.equal(await list(), 200);
  clock.advance(10_000);
  assert.equal(await list(), 401);
});

for (const [why, token] of [
  ['a word', 'not-a-token'],
  ['an unsigned JWT', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.x'],
] as const) {
  test(`fact 28: every path is answered 401 when the token is ${why}`, async () => {
    const { server } = setUp();
    for (const path of [LEASES_PATH, '/version', '/nothing']) {
      assert.equal((await send(server, 'GET', path, undefined, { token })).status, 401, path);
    }
  });
}

test('a token whose claims were changed is refused', async () => {
  const { server, token } = setUp();
  const [header, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 9 })).toString('base64url');
  const answer = await send(server, 'GET', LEASES_PATH, undefined, { token: `${header}.${forged}.${signature}` });
  assert.equal(answer.status, 401);
});

test('TokenRequest: a lifetime under ten minutes is 422, an old Pod uid 409, a missing Pod 404', async () => {
  const { server } = setUp();
  const path = '/api/v1/namespaces/ns/serviceaccounts/elector/token';
  const requestToken = async (spec: object): Promise<number> => (await send(server, 'POST', path, { spec })).status;
  const bound = (name: string, uid: string): object => ({
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
  });
  assert.equal(await requestToken({ expirationSeconds: 60 }), 422);
  assert.equal(await requestToken(bound('p', 'other')), 409);
  assert.equal(await requestToken(bound('zzz', 'other')), 404);
  assert.equal(await requestToken({ expirationSeconds: 600 }), 201);
});

test('a review returns the requested audiences that the token has', async () => {
  const { server } = makeServer();
  const path = '/api/v1/namespaces/ns/serviceaccounts/default/token';
  const { body } = await send(server, 'POST', path, { spec: { audiences: ['a', 'b'] } });
  const spec = { token: body.status.token, audiences: ['x', 'b'] };
  const review = await send(server, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec });
  assert.deepEqual(review.body.status.audiences, ['b']);
});
