/**
 * The answers that prove the absence of an object, and the meaning of ERROR events, pauses and addresses. An answer that
 * is taken for the absence of the holder's Pod by mistake would make a second leader.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import {
  failureOfAnswer,
  failureOfError,
  failureOfErrorEvent,
  malformed,
  provesAbsence,
  readStatus,
} from '../../src/kube/api-error.ts';
import { type ApiRequest, acceptOf, describeRequest, pathOf } from '../../src/kube/api-request.ts';

const REQUEST: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };

const NOT_FOUND = {
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  message: 'pods "web-0" not found',
  reason: 'NotFound',
  details: { name: 'web-0', kind: 'pods' },
  code: 404,
};

const ABSENCE: Readonly<Record<string, readonly [httpStatus: number, body: unknown, isProof: boolean]>> = {
  'a 404 that names the Pod': [404, NOT_FOUND, true],
  'a 410 with the same body': [410, NOT_FOUND, false],
  'a 200 with the same body': [200, NOT_FOUND, false],
  'a 404 without a body': [404, null, false],
  'a 404 of a proxy': [404, '404 page not found', false],
  'a 404 with an object of another kind': [404, { ...NOT_FOUND, kind: 'Pod' }, false],
  'a 404 with another reason': [404, { ...NOT_FOUND, reason: 'Gone' }, false],
  'a 404 that names another Pod': [404, { ...NOT_FOUND, details: { name: 'web-1', kind: 'pods' } }, false],
  'a 404 that names another resource': [404, { ...NOT_FOUND, details: { name: 'web-0', kind: 'leases' } }, false],
  'a 404 without details': [404, { ...NOT_FOUND, details: null }, false],
  'a 404 whose name is no string': [404, { ...NOT_FOUND, details: { name: ['web-0'], kind: 'pods' } }, false],
  'a 404 of a webhook': [
    404,
    { ...NOT_FOUND, message: 'admission webhook "w.example.com" denied the request: gone' },
    false,
  ],
};

for (const [what, [httpStatus, body, isProof]] of Object.entries(ABSENCE)) {
  test(`${what} ${isProof ? 'proves' : 'does not prove'} that the Pod is absent`, () => {
    assert.equal(provesAbsence(REQUEST, httpStatus, readStatus(body)), isProof);
  });
}

test('a Status is read with its fields, and without those of another type', () => {
  const causes = [{ reason: 'NamespaceTerminating' }, { reason: 7 }, null, 'text'];
  assert.deepEqual(readStatus({ ...NOT_FOUND, details: { ...NOT_FOUND.details, retryAfterSeconds: 3, causes } }), {
    message: 'pods "web-0" not found',
    reason: 'NotFound',
    code: 404,
    retryAfterSeconds: 3,
    name: 'web-0',
    kind: 'pods',
    causes: ['NamespaceTerminating', '', '', ''],
  });
  const details = { retryAfterSeconds: '3', name: 7, kind: null, causes: {} };
  assert.deepEqual(readStatus({ kind: 'Status', message: 7, code: '404', details }), {
    message: '',
    reason: '',
    code: 0,
    retryAfterSeconds: null,
    name: '',
    kind: '',
    causes: [],
  });
});

const EVENTS: Readonly<Record<string, readonly [object: unknown, kind: RequestFailureKind, words: string]>> = {
  'code 410': [{ kind: 'Status', code: 410, message: 'too old' }, 'expired', '(code 410): too old'],
  'the reason Expired': [{ kind: 'Status', code: 500, reason: 'Expired' }, 'expired', '(code 500): '],
  'the reason Gone': [{ kind: 'Status', reason: 'Gone' }, 'expired', '(code 0): '],
  'code 429': [{ kind: 'Status', code: 429, message: 'slow' }, 'throttled', '(code 429): slow'],
  'code 500': [{ kind: 'Status', code: 500, message: 'etcd' }, 'unavailable', '(code 500): etcd'],
  'no Status': [{ kind: 'Pod', code: 410, reason: 'Gone' }, 'unavailable', '(code 0): no Status'],
};

for (const [what, [object, kind, words]] of Object.entries(EVENTS)) {
  test(`an ERROR event with ${what} is ${kind}`, () => {
    const failure = failureOfErrorEvent({ ...REQUEST, verb: 'watch' }, object);
    assert.equal(failure.kind, kind);
    assert.equal(failure.message, `watch pods "web-0" in namespace "shop" was ended by an ERROR event ${words}`);
  });
}

test('an ERROR event has the pause of its Status', () => {
  const status = { kind: 'Status', code: 429, details: { retryAfterSeconds: 2 } };
  assert.equal(failureOfErrorEvent(REQUEST, status).retryAfterMs, 2_000);
});

const BASE = 'get pods "web-0" in namespace "shop" was answered';
const ADVICE: readonly (readonly [httpStatus: number, body: unknown, message: string])[] = [
  [300, null, `${BASE} 300. Redirects are not followed: configure the address of the API server itself`],
  [399, null, `${BASE} 399. Redirects are not followed: configure the address of the API server itself`],
  [299, null, `${BASE} 299`],
  [400, null, `${BASE} 400`],
  [404, NOT_FOUND, `${BASE} 404: pods "web-0" not found`],
  [
    401,
    null,
    `${BASE} 401. The API server does not accept the token, even after the token was read again: its Pod may be deleted, it may have expired, or it may belong to another cluster`,
  ],
  [403, null, `${BASE} 403. Grant \`get\` on pods in namespace "shop" to the Pod's service account`],
  [
    403,
    { ...NOT_FOUND, message: 'unable to create', details: { causes: [{ reason: 'NamespaceTerminating' }] } },
    `${BASE} 403: unable to create. The namespace is being deleted, so nothing can be created in it`,
  ],
  [
    403,
    { ...NOT_FOUND, message: 'because it is being terminated' },
    `${BASE} 403: because it is being terminated. The namespace is being deleted, so nothing can be created in it`,
  ],
];

for (const [httpStatus, body, message] of ADVICE) {
  test(`the answer ${httpStatus}${body === null ? '' : ' with a Status'} is explained with what to do`, () => {
    assert.equal(failureOfAnswer(REQUEST, httpStatus, readStatus(body), undefined).message, message);
  });
}

test('the problem of a token is named for a 401 alone', () => {
  const of = (httpStatus: number) => failureOfAnswer(REQUEST, httpStatus, null, undefined, undefined, 'it expired');
  assert.equal(of(401).message, `${BASE} 401. The API server does not accept the token: it expired`);
  assert.equal(of(401).tokenProblem, 'it expired');
  assert.doesNotMatch(of(403).message, /expired/);
  assert.equal(of(403).tokenProblem, undefined);
});

test('only a 403 has a missing rule', () => {
  for (const httpStatus of [400, 401, 404, 409, 500])
    assert.equal(failureOfAnswer(REQUEST, httpStatus, null, undefined).missingRule, null);
  assert.deepEqual(failureOfAnswer(REQUEST, 403, null, undefined).missingRule, {
    verb: 'get',
    apiGroup: '',
    resource: 'pods',
    namespace: 'shop',
  });
});

for (const [header, seconds] of [
  ['7', 7],
  [' 7 ', 7],
  ['123456789', 123_456_789],
  ['1234567890', 3],
  ['7s', 3],
  ['x7', 3],
  ['-7', 3],
  ['Wed, 21 Oct 2026 07:28:00 GMT', 3],
  [undefined, 3],
] as const) {
  test(`the pause after ${header === undefined ? 'no header' : `Retry-After: ${header}`} is ${seconds} s when the Status has 3 s`, () => {
    const status = readStatus({ ...NOT_FOUND, details: { retryAfterSeconds: 3 } });
    assert.equal(failureOfAnswer(REQUEST, 503, status, header).retryAfterMs, seconds * 1_000);
  });
}

test('an answer without a pause has none', () => {
  assert.equal(failureOfAnswer(REQUEST, 503, readStatus(NOT_FOUND), undefined).retryAfterMs, null);
});

test('an error is explained by its words, its code, or its value', () => {
  const messageOf = (error: unknown): string => failureOfError(REQUEST, error).message;
  const begin = 'get pods "web-0" in namespace "shop" failed: ';
  assert.equal(messageOf(new Error('socket hang up')), `${begin}socket hang up`);
  assert.equal(messageOf(Object.assign(new Error(''), { code: 'ECONNRESET' })), `${begin}ECONNRESET`);
  assert.equal(messageOf('text'), `${begin}text`);
  assert.equal(messageOf(Object.assign(new Error(''), { code: 7 })), begin);
  assert.match(
    messageOf(Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })),
    /self-signed\. The certificate of the API server is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\): check that ca\.crt/,
  );
});

test('an error with data that may contain credentials is replaced, and another one is passed on', () => {
  const plain = new Error('plain');
  assert.equal(failureOfError(REQUEST, plain).cause, plain);
  for (const property of ['rawPacket', 'options']) {
    const error = Object.assign(new Error('words'), { code: 'HPE', [property]: 'secret' });
    const { cause } = failureOfError(REQUEST, error);
    assert.notEqual(cause, error);
    assert.deepEqual([(cause as Error).message, (cause as { code?: string }).code], ['words', 'HPE']);
  }
});

test('an answer that cannot be used is malformed', () => {
  assert.deepEqual(malformed(REQUEST, 'no'), {
    kind: 'malformed',
    message: 'get pods "web-0" in namespace "shop": no',
    retryAfterMs: null,
    missingRule: null,
    cause: null,
  });
});

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
];

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
