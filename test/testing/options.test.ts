import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEASES_PATH, leaseBody, makeServer, send } from './api-client.ts';

const LEASE_PATH = `${LEASES_PATH}/a`;

/** The method, the path, the body, the status, and the message. */
const REFUSED: readonly (readonly [string, string, unknown, number, RegExp])[] = [
  ['DELETE', LEASE_PATH, { gracePeriodSeconds: '5' }, 400, /DeleteOptions\.gracePeriodSeconds of type int64$/],
  ['DELETE', LEASE_PATH, { preconditions: { uid: 5 } }, 400, /Preconditions\.preconditions\.uid of type string$/],
  [
    'DELETE',
    LEASE_PATH,
    { dryRun: 'All' },
    400,
    /cannot unmarshal string into .*DeleteOptions\.dryRun of type \[\]string/,
  ],
  ['DELETE', LEASE_PATH, { preconditions: { uid: 'other' } }, 409, /the UID in the precondition \(other\)/],
  ['DELETE', `${LEASE_PATH}?uid=other`, undefined, 409, /the UID in the precondition \(other\)/],
  ['DELETE', `${LEASE_PATH}?gracePeriodSeconds=x`, undefined, 400, /parsing "x": invalid syntax/],
  ['DELETE', `${LEASE_PATH}?propagationPolicy=Orphan&orphanDependents=true`, undefined, 422, /cannot be both set/],
  [
    'DELETE',
    LEASE_PATH,
    { propagationPolicy: 'No', dryRun: ['Some'] },
    422,
    /\[propagationPolicy: Unsupported value: "No": .*, dryRun: Unsupported value: \["Some"\]/,
  ],
  [
    'PUT',
    `${LEASE_PATH}?fieldManager=${'m'.repeat(129)}`,
    {},
    422,
    /^UpdateOptions.*fieldManager: Too long: may not be/,
  ],
  ['POST', `${LEASES_PATH}?dryRun=Some&fieldValidation=No`, {}, 422, /\[dryRun: .*, fieldValidation: /],
  ['GET', `${LEASES_PATH}?watch=1&resourceVersionMatch=Exact`, undefined, 422, /\[.*unless sendInitialEvents.*"Exact"/],
  [
    'GET',
    `${LEASES_PATH}?watch=1&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&continue=x`,
    undefined,
    422,
    /resourceVersionMatch is forbidden when continue is provided/,
  ],
  ['GET', `${LEASES_PATH}?watch=1&sendInitialEvents=`, undefined, 422, /sendInitialEvents requires/],
  ['GET', `${LEASES_PATH}?sendInitialEvents=false`, undefined, 422, /sendInitialEvents is forbidden for list/],
  ['GET', `${LEASES_PATH}?limit=x`, undefined, 400, /parsing "x": invalid syntax/],
  ['GET', `${LEASES_PATH}?continue=x&resourceVersion=5`, undefined, 400, /not allowed when using continue/],
];

for (const [method, path, body, status, message] of REFUSED) {
  test(`${method} ${path.slice(LEASES_PATH.length, 120)} ${JSON.stringify(body) ?? ''} is ${status}`, async () => {
    const { server } = makeServer();
    await send(server, 'POST', LEASES_PATH, leaseBody('a'));
    const answer = await send(server, method, path, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.message, message);
  });
}

test('a DELETE orphans dependents when its query requests it', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const { body } = await send(server, 'DELETE', `${LEASE_PATH}?orphanDependents=true`);
  assert.deepEqual(body.metadata.finalizers, ['orphan']);
});

test('a question mark inside a query belongs to the query', async () => {
  const { server } = makeServer();
  const answer = await send(server, 'GET', `${LEASES_PATH}?labelSelector=a%3D?b&limit=x`);
  assert.equal(answer.status, 400);
});

test('the query value FALSE means false', async () => {
  const { server } = makeServer();
  const answer = await send(server, 'GET', `${LEASES_PATH}?watch=FALSE`);
  assert.equal(answer.body.kind, 'LeaseList');
});
