/**
 * The answers that prove the absence of an object. An answer that is taken for the absence of the holder's Pod by mistake
 * would make a second leader.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { provesAbsence, readStatus } from '../../src/kube/api-error.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { statusBody } from './stub-server.ts';

const REQUEST: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };

const DETAILS = { name: 'web-0', kind: 'pods' };
const NOT_FOUND = statusBody(404, 'NotFound', 'pods "web-0" not found', DETAILS);

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
  assert.deepEqual(readStatus({ ...NOT_FOUND, details: { ...DETAILS, retryAfterSeconds: 3, causes } }), {
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
