import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEASES_PATH, leaseBody, makeServer, send } from './api-client.ts';

interface Row {
  readonly rule: string;
  readonly metadata?: object;
  readonly spec?: object;
  readonly status: number;
  readonly message?: string;
}

const TABLE: readonly Row[] = [
  {
    rule: 'fact 8: the duration is more than 0',
    spec: { leaseDurationSeconds: 0 },
    status: 422,
    message: 'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  },
  {
    rule: 'fact 8: transitions are 0 or more',
    spec: { leaseTransitions: -1 },
    status: 422,
    message: 'must be greater than or equal to 0',
  },
  { rule: 'fact 8: an empty holder is valid', spec: { holderIdentity: '' }, status: 201 },
  {
    rule: 'fact 8: numbers as strings are 400',
    spec: { leaseDurationSeconds: '15' },
    status: 400,
    message: 'json: cannot unmarshal string into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32',
  },
  {
    rule: 'numbers beyond int32 are 400',
    spec: { leaseDurationSeconds: 2_147_483_648 },
    status: 400,
    message: 'cannot unmarshal number 2147483648',
  },
  {
    rule: 'fact 7: milliseconds are 400',
    spec: { renewTime: '2026-03-01T10:00:00.123Z' },
    status: 400,
    message: 'cannot parse ".123Z" as ".000000"',
  },
  {
    rule: 'names are lower case',
    metadata: { name: 'Election' },
    status: 422,
    message: 'a lowercase RFC 1123 subdomain',
  },
  // kubernetes: apimachinery/pkg/api/validate/content/errors.go, MaxLenError, counts bytes.
  {
    rule: 'values of labels have at most 63 bytes',
    metadata: { labels: { a: 'b'.repeat(64) } },
    status: 422,
    message: `metadata.labels: Invalid value: "${'b'.repeat(64)}": must be no more than 63 bytes`,
  },
  {
    rule: 'keys of labels have at most 63 bytes',
    metadata: { labels: { ['a'.repeat(64)]: 'b' } },
    status: 422,
    message: `metadata.labels: Invalid value: "${'a'.repeat(64)}": name part must be no more than 63 bytes`,
  },
  {
    rule: 'prefixes of labels have at most 253 bytes',
    metadata: { labels: { [`${'a'.repeat(254)}/b`]: 'c' } },
    status: 422,
    message: 'prefix part must be no more than 253 bytes',
  },
  {
    rule: 'keys of annotations have at most 63 bytes',
    metadata: { annotations: { ['a'.repeat(64)]: 'b' } },
    status: 422,
    message: 'name part must be no more than 63 bytes',
  },
  {
    rule: 'names of finalizers have at most 63 bytes',
    metadata: { finalizers: [`example.com/${'a'.repeat(64)}`] },
    status: 422,
    message: 'name part must be no more than 63 bytes',
  },
  {
    rule: 'bytes are counted, not characters',
    metadata: { labels: { a: '\u{e9}'.repeat(32) } },
    status: 422,
    message: 'must be no more than 63 bytes',
  },
  {
    rule: 'names have at most 253 characters',
    metadata: { name: 'a'.repeat(254) },
    status: 422,
    message: 'must be no more than 253 characters',
  },
  {
    rule: 'a name or generateName is needed',
    metadata: { name: '' },
    status: 422,
    message: 'name or generateName is required',
  },
  {
    rule: 'keys of labels are qualified names',
    metadata: { labels: { 'a b': 'x' } },
    status: 422,
    message: 'metadata.labels: Invalid value: "a b"',
  },
  {
    rule: 'values of labels contain no spaces',
    metadata: { labels: { a: 'not valid!' } },
    status: 422,
    message: 'a valid label must be',
  },
  {
    rule: 'keys of annotations may have a prefix',
    metadata: { annotations: { 'lease-elector/released': 'x' } },
    status: 201,
  },
  {
    rule: 'all annotations together are bounded',
    metadata: { annotations: { a: 'x'.repeat(262_145) } },
    status: 422,
    message: 'may not be more than 262144 bytes',
  },
  {
    rule: 'owners need a uid',
    metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] },
    status: 422,
    message: 'metadata.ownerReferences.uid',
  },
  {
    rule: 'finalizers are qualified names',
    metadata: { finalizers: ['example.com/a b'] },
    status: 422,
    message: 'metadata.finalizers: Invalid value: "example.com/a b": name part must consist of',
  },
  {
    rule: 'dependents are either orphaned or deleted first',
    metadata: { finalizers: ['orphan', 'foregroundDeletion'] },
    status: 422,
    message: 'finalizer orphan and foregroundDeletion cannot be both set',
  },
  { rule: 'a finalizer may have no prefix', metadata: { finalizers: ['hold'] }, status: 201 },
  {
    rule: 'an Event cannot be an owner',
    metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'p', uid: 'u' }] },
    status: 422,
    message: 'is disallowed from being an owner',
  },
  {
    rule: 'a resourceVersion in a create is 500',
    metadata: { resourceVersion: '5' },
    status: 500,
    message: 'resourceVersion should not be set',
  },
  {
    rule: 'another namespace than in the path is 400',
    metadata: { namespace: 'elsewhere' },
    status: 400,
    message: 'does not match the namespace',
  },
];

for (const { rule, metadata = {}, spec = {}, status, message = '' } of TABLE) {
  test(rule, async () => {
    const { server } = makeServer();
    const answer = await send(server, 'POST', LEASES_PATH, leaseBody('a', { metadata, spec }));
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.ok(String(answer.body.message ?? '').includes(message), answer.body.message);
  });
}

test('several errors are reported together', async () => {
  const { server } = makeServer();
  const body = leaseBody('a', { spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } });
  const { message, details } = (await send(server, 'POST', LEASES_PATH, body)).body;
  assert.match(message, /is invalid: \[spec\.leaseDurationSeconds: .*, spec\.leaseTransitions: .*\]$/);
  assert.equal(details.causes.length, 2);
});

test('only the server sets uid, creationTimestamp and deletionTimestamp', async () => {
  const { server } = makeServer();
  const metadata = { uid: '00000000-0000-4000-8000-000000000001', creationTimestamp: '2001-01-01T00:00:00Z' };
  const { body } = await send(server, 'POST', LEASES_PATH, leaseBody('a', { metadata }));
  assert.notEqual(body.metadata.uid, metadata.uid);
  assert.equal(body.metadata.creationTimestamp, '2026-03-01T10:00:00Z');
});

const CHANGES: readonly (readonly [rule: string, metadata: object, status: number, message?: RegExp])[] = [
  ['labels', { labels: { 'a b': 'x' } }, 422, /^Lease.* "a" is invalid: metadata\.labels: Invalid value: "a b"/],
  ['uid', { uid: 'u' }, 422, /metadata\.uid: Invalid value: "u": field is immutable$/],
  [
    'deletionTimestamp',
    { deletionTimestamp: '2026-03-01T10:00:00Z' },
    422,
    /metadata\.deletionTimestamp: Invalid value: 2026-03-01 10:00:00 \+0000 UTC: field is immutable$/,
  ],
  [
    'deletionGracePeriodSeconds',
    { deletionGracePeriodSeconds: 5 },
    422,
    /metadata\.deletionGracePeriodSeconds: Invalid value: 5: field is immutable$/,
  ],
  ['creationTimestamp is kept', { creationTimestamp: '2001-01-01T00:00:00Z' }, 200],
  ['generation is kept', { generation: 9 }, 200],
  ['generateName may change', { generateName: 'b-' }, 200],
];

for (const [rule, metadata, status, message] of CHANGES) {
  test(`a change of metadata: ${rule}`, async () => {
    const { server } = makeServer();
    await send(server, 'POST', LEASES_PATH, leaseBody('a'));
    const headers = { 'content-type': 'application/merge-patch+json' };
    const answer = await send(server, 'PATCH', `${LEASES_PATH}/a`, { metadata }, { headers });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    if (message !== undefined) assert.match(answer.body.message, message);
  });
}

test('a name that is generated from a long prefix fits into a label', async () => {
  const { server } = makeServer();
  const { body } = await send(
    server,
    'POST',
    LEASES_PATH,
    leaseBody('', { metadata: { generateName: 'a'.repeat(70) } }),
  );
  assert.match(body.metadata.name, /^a{58}[a-z0-9]{5}$/);
});

test('a selector with a value that is too long is refused with the message for labels', async () => {
  const { server } = makeServer();
  const { status, body } = await send(server, 'GET', `${LEASES_PATH}?labelSelector=a%3D${'b'.repeat(64)}`);
  assert.equal(status, 400);
  assert.match(body.message, /: must be no more than 63 bytes$/);
});

test('the name of a namespace must not contain dots', async () => {
  const { server } = makeServer();
  const { status, body } = await send(server, 'POST', '/api/v1/namespaces', { metadata: { name: 'a.b' } });
  assert.equal(status, 422);
  assert.equal(body.message, 'Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": must not contain dots');
});

test('an encoded slash is not part of a name', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('election'));
  assert.equal((await send(server, 'GET', `${LEASES_PATH}%2Felection`)).body.metadata.name, 'election');
  for (const path of [`${LEASES_PATH}/election%2Fx`, `${LEASES_PATH}/election%2fx%2Fy`, `${LEASES_PATH}/a%2Fb`]) {
    const { status, body } = await send(server, 'GET', path);
    assert.deepEqual([status, body.message], [404, 'the server could not find the requested resource']);
  }
  assert.equal(
    (await send(server, 'PUT', `${LEASES_PATH}/a%2Fb`, leaseBody('a/b'))).status,
    404,
    'and no Lease is created',
  );
});
