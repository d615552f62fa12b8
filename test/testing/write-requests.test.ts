/**
 * Bodies and patches that are refused, with the messages of a real server. Each row is a rule.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DEPTH } from '../../src/testing/formats/json-reader.ts';
import type { ApiObject } from '../../src/testing/index.ts';
import { type Answer, LEASES_PATH, leaseBody, makeServer, PODS_PATH, send } from './api-client.ts';

const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

/** The content type, the patch, the status, and the message. */
const PATCHES: readonly (readonly [type: string, patch: unknown, status: number, message?: RegExp])[] = [
  [MERGE, '"x"', 400, /^error decoding patch: json: cannot unmarshal string into Go value of type map/],
  [MERGE, [], 400, /^error decoding patch: json: cannot unmarshal array into Go value of type map/],
  [STRATEGIC, [], 400, /^json: cannot unmarshal array into Go value of type map/],
  [STRATEGIC, '{', 400, /^unexpected end of JSON input$/],
  [JSON_PATCH, {}, 400, /cannot unmarshal object into Go value of type \[\]handlers\.jsonPatchOp$/],
  [MERGE, { kind: 'Pod' }, 422, /"<any>": no kind "Pod" is registered for version "coordination\.k8s\.io\/v1"/],
  [MERGE, { apiVersion: 'v1' }, 422, /"<any>": no kind "Lease" is registered for version "v1"/],
  [MERGE, { metadata: { labels: { a: 5 } } }, 422, /"<any>": json: cannot unmarshal number/],
  [MERGE, { metadata: { resourceVersion: 'x' } }, 500, /parsing "x": invalid syntax$/],
  [MERGE, { metadata: { namespace: 'other' } }, 400, /namespace of the provided object does not match/],
  [MERGE, '{"spec":{"holderIdentity":"b","holderIdentity":"c"}}', 200],
  [STRATEGIC, { kind: 'Pod' }, 200],
  [JSON_PATCH, [{ op: 'copy', from: '/spec/renewTime', path: '/spec/acquireTime' }], 422, /^the server rejected our/],
  [JSON_PATCH, [{ op: 'move', from: '/spec/renewTime', path: '/spec/acquireTime' }], 422, /^the server rejected our/],
  [JSON_PATCH, [{ op: 'test', path: '/spec/renewTime', value: null }], 200],
  [MERGE, { metadata: { finalizers: [5] } }, 422, /cannot unmarshal number into .* of type string$/],
];

for (const [type, patch, status, message] of PATCHES) {
  test(`${type} ${JSON.stringify(patch)} is ${status}`, async () => {
    const { server } = makeServer();
    await send(server, 'POST', LEASES_PATH, leaseBody('a'));
    const answer = await send(server, 'PATCH', `${LEASES_PATH}/a`, patch, { headers: { 'content-type': type } });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    if (message !== undefined) assert.match(answer.body.message, message);
  });
}

test('repeated fields in a patch cause a warning, or a refusal with fieldValidation=Strict', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const patch = '{"spec":{"holderIdentity":"b","holderIdentity":"c"}}';
  const headers = { 'content-type': MERGE };
  const warned = await send(server, 'PATCH', `${LEASES_PATH}/a`, patch, { headers });
  assert.equal(warned.headers['warning'], '299 - "duplicate field \\"spec.holderIdentity\\""');
  const refused = await send(server, 'PATCH', `${LEASES_PATH}/a?fieldValidation=Strict`, patch, { headers });
  assert.match(refused.body.message, /strict decoding error: duplicate field "spec\.holderIdentity"$/);
});

test('a body that is nested too deeply is refused', async () => {
  const { server } = makeServer();
  const nested = (depth: number): string => `{"metadata":{"name":"a"},"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  assert.equal((await send(server, 'POST', LEASES_PATH, nested(MAX_DEPTH))).status, 201);
  for (const depth of [MAX_DEPTH + 1, 100 * MAX_DEPTH]) {
    const answer = await send(server, 'POST', LEASES_PATH, nested(depth));
    assert.equal(answer.status, 400);
    assert.match(answer.body.message, /exceeded max depth/);
  }
});

test('a protobuf body is refused with a message that names the accepted types', async () => {
  const { server } = makeServer();
  const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
  const answer = await send(server, 'POST', LEASES_PATH, 'k8s', { headers });
  assert.equal(answer.status, 415);
  assert.match(answer.body.message, /^this server does not read application\/vnd\.kubernetes\.protobuf/);
});

const TOKEN_PATH = '/api/v1/namespaces/ns/serviceaccounts/default/token';

const TOKENS: readonly (readonly [body: unknown, status: number, message: RegExp])[] = [
  [{ spec: { expirationSeconds: 599 } }, 422, /Invalid value: 599: may not specify a duration less than 10 minutes$/],
  [{ spec: { expirationSeconds: 2 ** 32 + 1 } }, 422, /may not specify a duration larger than 2\^32 seconds$/],
  [
    { spec: { expirationSeconds: 'x' } },
    400,
    /Go struct field TokenRequestSpec\.spec\.expirationSeconds of type int64$/,
  ],
  [{ spec: { audiences: 'x' } }, 400, /Go struct field TokenRequestSpec\.spec\.audiences of type \[\]string$/],
  [
    { spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Node' } } },
    400,
    /cannot bind token to object of type \/v1, Kind=/,
  ],
  ['{', 400, /must be of type TokenRequest.*unexpected end of JSON input \(\{\)$/],
];

for (const [body, status, message] of TOKENS) {
  test(`a request for a token with ${JSON.stringify(body)} is ${status}`, async () => {
    const { server } = makeServer();
    const answer = await send(server, 'POST', TOKEN_PATH, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.message, message);
  });
}

const main = { name: 'main', image: 'example.invalid/app:1' };

/** The spec of a new Pod, the status, and the message. */
const PODS_REFUSED: readonly (readonly [spec: object, status: number, message: RegExp])[] = [
  [
    { containers: 'x' },
    400,
    /cannot unmarshal string into Go struct field PodSpec\.spec\.containers of type \[\]v1\.Con/,
  ],
  [
    { containers: [{ ...main, name: 5 }] },
    400,
    /number into Go struct field Container\.spec\.containers\.name of type str/,
  ],
  [
    { containers: [{ ...main, name: 'Main' }] },
    422,
    /spec\.containers\[0\]\.name: Invalid value: "Main": a lowercase RFC/,
  ],
  [{ containers: [{ ...main, image: ' a' }] }, 422, /image: Invalid value: " a": must not have leading or trailing/],
  [
    { containers: [{ ...main, imagePullPolicy: 'No' }] },
    422,
    /imagePullPolicy: Unsupported value: "No": supported values: "Always", "IfNotPresent", "Never"$/,
  ],
  [
    { containers: [{ ...main, ports: [{}] }] },
    422,
    /spec\.containers\[0\]\.ports\[0\]\.containerPort: Required value$/,
  ],
  [
    { containers: [{ ...main, ports: [{ containerPort: 70_000 }] }] },
    422,
    /containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive$/,
  ],
  [{ containers: [main], dnsPolicy: 'No' }, 422, /spec\.dnsPolicy: Unsupported value: "No"/],
  [{ containers: [main], nodeName: 'A' }, 422, /spec\.nodeName: Invalid value: "A"/],
  [
    { containers: [main], activeDeadlineSeconds: 0 },
    422,
    /activeDeadlineSeconds: Invalid value: 0: must be between 1 and/,
  ],
];

for (const [spec, status, message] of PODS_REFUSED) {
  test(`a Pod with ${JSON.stringify(spec)} is ${status}`, async () => {
    const { server } = makeServer();
    const answer = await send(server, 'POST', PODS_PATH, { metadata: { name: 'p' }, spec });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.message, message);
  });
}

/** The merge patch of a Pod's spec, the status, and the message. */
const POD_CHANGES: readonly (readonly [spec: object, status: number, message?: RegExp])[] = [
  [{ containers: [{ ...main, image: 'example.invalid/app:2' }] }, 200],
  [{ activeDeadlineSeconds: 5 }, 200],
  [{ activeDeadlineSeconds: 50 }, 422, /Invalid value: 50: must be less than or equal to previous value$/],
  [{ activeDeadlineSeconds: null }, 422, /Invalid value: null: must not update from a positive integer to nil value$/],
  [{ tolerations: [] }, 422, /spec\.tolerations: Forbidden: existing toleration can not be modified/],
  [
    { containers: [main, { ...main, name: 'b' }] },
    422,
    /spec\.containers: Forbidden: pod updates may not add or remove/,
  ],
  [{ containers: [{ name: 'main' }] }, 422, /spec\.containers\[0\]\.image: Required value$/],
  [{ hostname: 'other' }, 422, /spec: Forbidden: pod updates may not change fields other than/],
];

for (const [spec, status, message] of POD_CHANGES) {
  test(`a change of a Pod to ${JSON.stringify(spec)} is ${status}`, async () => {
    const { server } = makeServer();
    const created = { metadata: { name: 'p' }, spec: { containers: [main], activeDeadlineSeconds: 10 } };
    await send(server, 'POST', PODS_PATH, created);
    const answer = await send(server, 'PATCH', `${PODS_PATH}/p`, { spec }, { headers: { 'content-type': MERGE } });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    if (message !== undefined) assert.match(answer.body.message, message);
  });
}

const QOS: readonly (readonly [resources: object, qosClass: string])[] = [
  [{}, 'BestEffort'],
  [{ requests: { cpu: '1' } }, 'Burstable'],
  [{ limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed'],
  [{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } }, 'Burstable'],
];

for (const [resources, qosClass] of QOS) {
  test(`resources ${JSON.stringify(resources)} make a Pod ${qosClass}`, async () => {
    const { server } = makeServer();
    const body = { metadata: { name: 'p' }, spec: { containers: [{ ...main, resources }] } };
    assert.equal((await send(server, 'POST', PODS_PATH, body)).body.status.qosClass, qosClass);
  });
}

test('a collection is deleted in the pieces of a list, and the answer has a continue token', async () => {
  const { server } = makeServer();
  for (const name of ['a', 'b', 'c', 'd']) await send(server, 'POST', LEASES_PATH, leaseBody(name));
  const names = ({ body }: Answer): readonly string[] => body.items.map((item: ApiObject) => item.metadata.name);
  const first = await send(server, 'DELETE', `${LEASES_PATH}?limit=1`);
  assert.deepEqual(names(first), ['a']);
  assert.equal(first.body.metadata.remainingItemCount, 3);
  const next = await send(server, 'DELETE', `${LEASES_PATH}?limit=2&continue=${first.body.metadata.continue}`);
  assert.deepEqual(names(next), ['b', 'c']);
  assert.deepEqual(names(await send(server, 'GET', LEASES_PATH)), ['d']);
});

for (const [resource, body] of [
  ['namespaces/ns/roles', { rules: [] }],
  ['clusterroles', { rules: [] }],
  ['namespaces/ns/rolebindings', { roleRef: { kind: 'Role', name: 'x' } }],
  ['clusterrolebindings', { roleRef: { kind: 'ClusterRole', name: 'x' } }],
] as const) {
  test(`a PUT creates a missing object of ${resource}, and a roleRef cannot be changed`, async () => {
    const { server } = makeServer();
    const path = `/apis/rbac.authorization.k8s.io/v1/${resource}/r`;
    const object = { metadata: { name: 'r' }, ...body };
    assert.equal((await send(server, 'PUT', path, object)).status, 201);
    const other = await send(server, 'PUT', path, { ...object, roleRef: { kind: 'Role', name: 'y' } });
    assert.equal(other.status, 'roleRef' in body ? 422 : 200);
  });
}

test('numbers beyond 64 bits are refused in bodies and in queries; null in a list is an empty element', async () => {
  const { server } = makeServer();
  const large = await send(server, 'POST', LEASES_PATH, '{"metadata":{"name":"a","generation":9223372036854775808}}');
  assert.match(large.body.message, /number 9223372036854775808 into .*ObjectMeta\.metadata\.generation of type int64$/);
  for (const [method, query] of [
    ['GET', 'limit=9223372036854775808'],
    ['DELETE', 'gracePeriodSeconds=9223372036854775808'],
  ] as const) {
    const answer = await send(server, method, `${LEASES_PATH}?${query}`);
    assert.equal(answer.status, 400);
    assert.equal(answer.body.message, 'strconv.ParseInt: parsing "9223372036854775808": value out of range');
  }
  const empty = await send(server, 'POST', LEASES_PATH, leaseBody('a', { metadata: { finalizers: [null] } }));
  assert.match(empty.body.message, /metadata\.finalizers: Invalid value: "": name part must be non-empty/);
});
