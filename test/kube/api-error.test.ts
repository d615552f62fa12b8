/**
 * Checks the kinds of failure of HTTP answers and socket errors.
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
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { Secrets } from '../../src/kube/server-words.ts';
import { statusBody } from './stub-server.ts';

const REQUEST: ApiRequest = {
  verb: 'update',
  apiGroup: 'coordination.k8s.io',
  resource: 'leases',
  namespace: 'shop',
  name: 'web',
};

const KINDS: readonly [httpStatus: number, reason: string, kind: RequestFailureKind][] = [
  [302, '', 'unavailable'],
  [400, 'BadRequest', 'rejected'],
  [401, 'Unauthorized', 'unauthorized'],
  [403, 'Forbidden', 'forbidden'],
  [404, 'NotFound', 'notFound'],
  [405, 'MethodNotAllowed', 'rejected'],
  [408, '', 'unavailable'],
  [409, 'AlreadyExists', 'alreadyExists'],
  [409, 'Conflict', 'conflict'],
  [409, '', 'conflict'],
  [410, 'Expired', 'expired'],
  [413, 'RequestEntityTooLarge', 'rejected'],
  [415, 'UnsupportedMediaType', 'rejected'],
  [422, 'Invalid', 'rejected'],
  [429, 'TooManyRequests', 'throttled'],
  [500, 'InternalError', 'unavailable'],
  [503, 'ServiceUnavailable', 'unavailable'],
  [504, 'Timeout', 'unavailable'],
];
for (const [httpStatus, reason, kind] of KINDS) {
  test(`${httpStatus} ${reason} is ${kind}`, () => {
    const status = reason === '' ? null : readStatus(statusBody(httpStatus, reason, 'said so'));
    const failure = failureOfAnswer(REQUEST, httpStatus, status, undefined);
    assert.equal(failure.kind, kind);
    assert.match(failure.message, /update leases\.coordination\.k8s\.io "web" in namespace "shop"/);
    if (reason !== '') assert.match(failure.message, /said so/);
  });
}

const FORBIDDEN: readonly { rule: string; message: string | null; missing: string | null }[] = [
  {
    rule: 'the verb is that of the message of the server, because a PUT may need create (wire fact 4)',
    message:
      'leases.coordination.k8s.io "web" is forbidden: User "u" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "shop"',
    missing: 'create leases coordination.k8s.io shop',
  },
  {
    rule: 'the core group has an empty name',
    message: 'pods "web-0" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "shop"',
    missing: 'get pods  shop',
  },
  {
    rule: 'a 403 without a message names the rule of the request',
    message: null,
    missing: 'update leases coordination.k8s.io shop',
  },
  {
    rule: 'a refusal of an admission webhook names no missing rule',
    message: 'admission webhook "policy.example.com" denied the request: no leases on Sundays',
    missing: null,
  },
  {
    rule: 'a refusal in a terminating namespace names no missing rule',
    message: 'leases "web" is forbidden: unable to create new content in namespace shop because it is being terminated',
    missing: null,
  },
];
for (const { rule, message, missing } of FORBIDDEN) {
  test(`403: ${rule}`, () => {
    const status = message === null ? null : readStatus(statusBody(403, 'Forbidden', message));
    const failure = failureOfAnswer(REQUEST, 403, status, undefined);
    const { verb, resource, apiGroup, namespace } = failure.missingRule ?? {};
    assert.equal(failure.missingRule && `${verb} ${resource} ${apiGroup} ${namespace}`, missing);
    assert.equal(/Grant `/.test(failure.message), missing !== null);
  });
}

const REFUSALS: readonly { readonly refuser: string; readonly message: string }[] = [
  {
    refuser: 'The admission webhook "policy.example.com"',
    message: 'admission webhook "policy.example.com" denied the request: no leases on Sundays',
  },
  {
    refuser: 'The admission webhook "policy.example.com"',
    message:
      'admission webhook "policy.example.com" denied the request: User "u" cannot delete resource "leases" in API group ""',
  },
  {
    refuser: 'The ValidatingAdmissionPolicy "names.example.com"',
    message:
      "leases \"web\" is forbidden: ValidatingAdmissionPolicy 'names.example.com' with binding 'all' denied request: bad name",
  },
  {
    refuser: 'The ResourceQuota "small"',
    message:
      'leases "web" is forbidden: exceeded quota: small, requested: count/leases=1, used: count/leases=4, limited: 4',
  },
  {
    refuser: 'The ValidatingAdmissionPolicy "names.example.com"',
    message: "ValidatingAdmissionPolicy 'names.example.com' denied request: bad name",
  },
  {
    refuser: 'A ValidatingAdmissionPolicy',
    message: 'leases "web" is forbidden: ValidatingAdmissionPolicy refused the request',
  },
  { refuser: 'A ResourceQuota', message: 'leases "web" is forbidden: exceeded quota' },
  {
    refuser: 'The Pod security of the namespace',
    message: 'pods "web" is forbidden: violates PodSecurity "restricted:latest": host namespaces',
  },
];
for (const { refuser, message } of REFUSALS) {
  for (const httpStatus of [400, 401, 403, 404, 409, 410, 422, 429, 500]) {
    test(`${httpStatus}: "${message.slice(0, 60)}…" is the refusal of ${refuser}, and grants nothing`, () => {
      const status = readStatus(statusBody(httpStatus, 'Whatever', message, { name: 'web', kind: 'leases' }));
      const failure = failureOfAnswer(REQUEST, httpStatus, status, undefined);
      // The core waits when the answer has a Retry-After. Otherwise the status code of a webhook has no meaning.
      const kind = httpStatus === 403 ? 'forbidden' : httpStatus === 429 ? 'throttled' : 'rejected';
      assert.equal(failure.kind, kind);
      assert.equal(failure.missingRule, null);
      assert.ok(failure.message.includes(`${refuser} refused it`), failure.message);
      assert.doesNotMatch(failure.message, /Grant|does not accept the token/);
    });
  }
}

test('a redirect and a success are unavailable, even if they contain the refusal of a webhook', () => {
  const status = readStatus(statusBody(302, 'Found', 'admission webhook "x" denied the request: no'));
  for (const httpStatus of [200, 302, 399])
    assert.equal(failureOfAnswer(REQUEST, httpStatus, status, undefined).kind, 'unavailable');
});

test('a 404 of a webhook does not prove that the object is absent', () => {
  const details = { name: 'web', kind: 'leases' };
  const absence = (message: string): boolean =>
    provesAbsence(REQUEST, 404, readStatus(statusBody(404, 'NotFound', message, details)));
  assert.equal(absence('leases "web" not found'), true);
  assert.equal(absence('admission webhook "x" denied the request: not found'), false);
});

test('a refusal to set a blocking owner names the missing rule `delete`', () => {
  const message = `leases "web" is forbidden: cannot set an ownerRef on a resource you can't delete: , <nil>`;
  const failure = failureOfAnswer(REQUEST, 403, readStatus(statusBody(403, 'Forbidden', message)), undefined);
  assert.equal(failure.missingRule?.verb, 'delete');
});

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl';

test('messages of the server are stripped of control characters and credentials, and cut', () => {
  const secrets = new Secrets();
  secrets.remember([TOKEN]);
  const words = `\u001b[2J\r\nbad\u0007 token ${TOKEN}\u202e\u2028${'x'.repeat(480)}${TOKEN}${'y'.repeat(100_000)}`;
  const messages = [
    failureOfAnswer(REQUEST, 500, readStatus(statusBody(500, 'InternalError', words)), undefined, secrets.conceal),
    failureOfAnswer(REQUEST, 403, readStatus(statusBody(403, 'Forbidden', words)), undefined, secrets.conceal),
    failureOfErrorEvent(REQUEST, statusBody(500, 'InternalError', words), secrets.conceal),
    failureOfError(REQUEST, new Error(words), secrets.conceal),
    failureOfError(REQUEST, words, secrets.conceal),
  ].map(({ message }) => message);
  for (const message of messages) {
    assert.match(message, /bad {1,2}token <credentials>/);
    assert.doesNotMatch(message, /\p{Cc}|\p{Cf}|\p{Zl}/u);
    assert.ok(!message.includes('eyJ'), 'a part of the token is shown');
    assert.ok(message.length < 1_000, `${message.length} characters`);
  }
});

test('the missing rule contains only words that a rule can contain', () => {
  const message = `User "u" cannot update resource "le\u001b[31mases" in API group "" in the namespace "n"`;
  const failure = failureOfAnswer(REQUEST, 403, readStatus(statusBody(403, 'Forbidden', message)), undefined);
  assert.equal(failure.missingRule?.resource, 'leases');
  assert.doesNotMatch(failure.message, /\p{Cc}/u);
});

test('the error of the HTTP parser is passed on without the bytes of the server', () => {
  const error = Object.assign(new Error('Parse Error: Expected HTTP/'), {
    code: 'HPE_INVALID_CONSTANT',
    rawPacket: Buffer.from(TOKEN),
  });
  const { cause } = failureOfError(REQUEST, error);
  assert.deepEqual(Object.keys(cause as object), ['code']);
});

test('403 of an anonymous request reports missing credentials, not a missing permission', () => {
  const status = readStatus(
    statusBody(
      403,
      'Forbidden',
      'leases is forbidden: User "system:anonymous" cannot list resource "leases" in API group "coordination.k8s.io" in the namespace "shop"',
    ),
  );
  const { message } = failureOfAnswer(REQUEST, 403, status, undefined);
  assert.match(message, /no credentials/);
  assert.doesNotMatch(message, /Grant/);
});

test('Retry-After is read in seconds, and a date or an invalid value is ignored', () => {
  const retryAfterMs = (header: string): number | null => failureOfAnswer(REQUEST, 503, null, header).retryAfterMs;
  assert.equal(retryAfterMs('7'), 7_000);
  assert.equal(retryAfterMs('0'), 0);
  assert.equal(retryAfterMs('Wed, 21 Oct 2026 07:28:00 GMT'), null);
  assert.equal(retryAfterMs('-1'), null);
});

const ERRORS: readonly [code: string, kind: RequestFailureKind][] = [
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'untrusted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'untrusted'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'untrusted'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'untrusted'],
  ['CERT_HAS_EXPIRED', 'untrusted'],
  ['CERT_NOT_YET_VALID', 'unavailable'],
  ['ECONNREFUSED', 'unavailable'],
  ['ECONNRESET', 'unavailable'],
  ['ENOTFOUND', 'unavailable'],
  ['EPROTO', 'unavailable'],
];
for (const [code, kind] of ERRORS) {
  test(`the error ${code} is ${kind}`, () => {
    const error = Object.assign(new Error(`something: ${code}`), { code });
    const failure = failureOfError(REQUEST, error);
    assert.equal(failure.kind, kind);
    assert.equal(failure.cause, error);
  });
}

test('a certificate that is not valid yet is a temporary failure, and the message names the reason', () => {
  const error = Object.assign(new Error('certificate is not yet valid'), { code: 'CERT_NOT_YET_VALID' });
  const { message } = failureOfError(REQUEST, error);
  assert.match(message, /certificate is not valid yet.*check this machine's clock, or wait/);
  assert.doesNotMatch(message, /is not trusted/);
});

test('an error of several addresses (AggregateError) has a message', () => {
  const error = Object.assign(new AggregateError([new Error('a')]), { code: 'ECONNREFUSED' });
  assert.match(failureOfError(REQUEST, error).message, /ECONNREFUSED/);
});

test('an ERROR event without a Status is unavailable', () => {
  for (const object of [null, undefined, {}, { kind: 'Lease' }]) {
    assert.equal(failureOfErrorEvent(REQUEST, object).kind, 'unavailable');
  }
});

test('a certificate that has expired is named, and no certificate authority is blamed', () => {
  const error = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' });
  const { message } = failureOfError(REQUEST, error);
  assert.match(message, /By the clock of this machine, the certificate of the API server has expired/);
  assert.doesNotMatch(message, /ca\.crt/);
});

test('the message names the problem of the token when it is known', () => {
  const failure = failureOfAnswer(REQUEST, 401, null, undefined, undefined, 'it expired at noon');
  assert.equal(failure.tokenProblem, 'it expired at noon');
  assert.match(failure.message, /does not accept the token: it expired at noon$/);
  assert.equal('tokenProblem' in failureOfAnswer(REQUEST, 401, null, undefined), false);
});

const READ_POD: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };

const NOT_FOUND = statusBody(404, 'NotFound', 'pods "web-0" not found', { name: 'web-0', kind: 'pods' });

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
    const failure = failureOfErrorEvent({ ...READ_POD, verb: 'watch' }, object);
    assert.equal(failure.kind, kind);
    assert.equal(failure.message, `watch pods "web-0" in namespace "shop" was ended by an ERROR event ${words}`);
  });
}

test('an ERROR event has the pause of its Status', () => {
  const status = { kind: 'Status', code: 429, details: { retryAfterSeconds: 2 } };
  assert.equal(failureOfErrorEvent(READ_POD, status).retryAfterMs, 2_000);
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
    assert.equal(failureOfAnswer(READ_POD, httpStatus, readStatus(body), undefined).message, message);
  });
}

test('the problem of a token is named for a 401 alone', () => {
  const of = (httpStatus: number) => failureOfAnswer(READ_POD, httpStatus, null, undefined, undefined, 'it expired');
  assert.equal(of(401).message, `${BASE} 401. The API server does not accept the token: it expired`);
  assert.equal(of(401).tokenProblem, 'it expired');
  assert.doesNotMatch(of(403).message, /expired/);
  assert.equal(of(403).tokenProblem, undefined);
});

test('only a 403 has a missing rule', () => {
  for (const httpStatus of [400, 401, 404, 409, 500])
    assert.equal(failureOfAnswer(READ_POD, httpStatus, null, undefined).missingRule, null);
  assert.deepEqual(failureOfAnswer(READ_POD, 403, null, undefined).missingRule, {
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
    assert.equal(failureOfAnswer(READ_POD, 503, status, header).retryAfterMs, seconds * 1_000);
  });
}

test('an answer without a pause has none', () => {
  assert.equal(failureOfAnswer(READ_POD, 503, readStatus(NOT_FOUND), undefined).retryAfterMs, null);
});

test('an error is explained by its words, its code, or its value', () => {
  const messageOf = (error: unknown): string => failureOfError(READ_POD, error).message;
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
  assert.equal(failureOfError(READ_POD, plain).cause, plain);
  for (const property of ['rawPacket', 'options']) {
    const error = Object.assign(new Error('words'), { code: 'HPE', [property]: 'secret' });
    const { cause } = failureOfError(READ_POD, error);
    assert.notEqual(cause, error);
    assert.deepEqual([(cause as Error).message, (cause as { code?: string }).code], ['words', 'HPE']);
  }
});

test('an answer that cannot be used is malformed', () => {
  assert.deepEqual(malformed(READ_POD, 'no'), {
    kind: 'malformed',
    message: 'get pods "web-0" in namespace "shop": no',
    retryAfterMs: null,
    missingRule: null,
    cause: null,
  });
});
