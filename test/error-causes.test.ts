/**
 * Checks the code, the cause and the advice of the errors that depend on a failure.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailure } from '../src/core/request-failure.ts';
import {
  callbackError,
  errorOfFailure,
  invariantError,
  type LeaseElectorError,
  notReleasedError,
  startDefectError,
  stoppedError,
  unconfirmedError,
} from '../src/errors.ts';
import { failureOf } from './driver/scripted-ports.ts';

const DEFECT = new TypeError('undefined is not a function');
const REFUSAL: RequestFailure = failureOf('forbidden', 'delete leases was refused');
const RESET = new Error('socket hang up');

/** An error, its code, its cause, and what its message contains. */
const ROWS: Readonly<Record<string, readonly [make: () => LeaseElectorError, code: string, cause: unknown, RegExp]>> = {
  'a failed request': [
    () => errorOfFailure({ ...REFUSAL, cause: RESET }),
    'ERR_LEASE_ELECTOR_FORBIDDEN',
    RESET,
    /^delete leases was refused$/,
  ],
  'a failed request without a cause': [
    () => errorOfFailure(REFUSAL),
    'ERR_LEASE_ELECTOR_FORBIDDEN',
    REFUSAL,
    /^delete leases was refused$/,
  ],
  'an unconfirmed leadership': [
    () => unconfirmedError({ ...REFUSAL, cause: RESET }),
    'ERR_LEASE_ELECTOR_UNCONFIRMED',
    RESET,
    /: delete leases was refused\. Do not write; try again later\.$/,
  ],
  'an unconfirmed leadership without a cause': [
    () => unconfirmedError(REFUSAL),
    'ERR_LEASE_ELECTOR_UNCONFIRMED',
    REFUSAL,
    /: delete leases was refused\. Do not write; try again later\.$/,
  ],
  'a release that was refused': [
    () => notReleasedError({ ...REFUSAL, cause: RESET }),
    'ERR_LEASE_ELECTOR_NOT_RELEASED',
    RESET,
    /^The Lease was not released: delete leases was refused\. .* call stepDown\(\) again\.$/,
  ],
  'a release that was refused without a cause': [
    () => notReleasedError(REFUSAL),
    'ERR_LEASE_ELECTOR_NOT_RELEASED',
    REFUSAL,
    /^The Lease was not released: delete leases was refused\. /,
  ],
  'a release without an answer': [
    () => notReleasedError(undefined),
    'ERR_LEASE_ELECTOR_NOT_RELEASED',
    undefined,
    /^The Lease was not released: the API server could not be reached, or another client took the Lease\. /,
  ],
  'a callback': [
    () => callbackError('onError of leaderOnly', 'onError', DEFECT),
    'ERR_LEASE_ELECTOR_CALLBACK',
    DEFECT,
    /^onError of leaderOnly failed; see `cause`\.$/,
  ],
  'a broken invariant': [
    () => invariantError(DEFECT),
    'ERR_LEASE_ELECTOR_INVARIANT',
    DEFECT,
    /stopped for safety\. Please report it, with `cause`\./,
  ],
  'a defect of the start': [
    () => startDefectError(DEFECT, 'undefined is not a function'),
    'ERR_LEASE_ELECTOR_INVARIANT',
    DEFECT,
    /^The elector could not start: undefined is not a function\. Please report it, with `cause`\.$/,
  ],
  'a stopped elector': [stoppedError, 'ERR_LEASE_ELECTOR_STOPPED', undefined, /create a new elector\.$/],
};

for (const [what, [make, code, cause, pattern]] of Object.entries(ROWS)) {
  test(`the error of ${what} has its code, its cause and its advice`, () => {
    const error = make();
    assert.deepEqual([error.name, error.code], ['LeaseElectorError', code]);
    assert.equal(error.cause, cause);
    assert.match(error.message, pattern);
  });
}

test('the error of a release has the fields of a request only when the request was refused', () => {
  assert.equal(notReleasedError(REFUSAL).failureKind, 'forbidden');
  assert.deepEqual(Object.keys(notReleasedError(undefined)).sort(), ['code', 'name']);
});
