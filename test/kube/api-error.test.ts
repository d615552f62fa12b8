/**
 * HTTP answers and socket errors into kinds of failure, as tables.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import { failureOfAnswer, failureOfError, failureOfErrorEvent, readStatus } from '../../src/kube/api-error.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
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
    rule: 'the verb is taken from the server: a PUT may want create (wire fact 4)',
    message:
      'leases.coordination.k8s.io "web" is forbidden: User "u" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "shop"',
    missing: 'create leases coordination.k8s.io shop',
  },
  {
    rule: 'the core group is the empty one',
    message: 'pods "web-0" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "shop"',
    missing: 'get pods  shop',
  },
  {
    rule: 'a 403 without a word is about the request itself',
    message: null,
    missing: 'update leases coordination.k8s.io shop',
  },
  {
    rule: 'an admission webhook is no matter of permissions',
    message: 'admission webhook "policy.example.com" denied the request: no leases on Sundays',
    missing: null,
  },
  {
    rule: 'a namespace that is going away is no matter of permissions',
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

test('403: an anonymous request is told that its credentials are missing, not a permission', () => {
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

test('Retry-After counts in seconds; a date or nonsense is none', () => {
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

test('an error of several addresses (AggregateError) has a message, too', () => {
  const error = Object.assign(new AggregateError([new Error('a')]), { code: 'ECONNREFUSED' });
  assert.match(failureOfError(REQUEST, error).message, /ECONNREFUSED/);
});

test('an ERROR event that carries no Status is unavailable', () => {
  for (const object of [null, undefined, {}, { kind: 'Lease' }]) {
    assert.equal(failureOfErrorEvent(REQUEST, object).kind, 'unavailable');
  }
});
