/**
 * Checks the fields of errors: each field is set when it applies, and absent otherwise.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { RequestFailure } from '../src/core/request-failure.ts';
import { errorOfFailure, LeaseElectorError, stoppedError, unconfirmedError } from '../src/errors.ts';
import { failureOf, promisesSettled } from './driver/scripted-ports.ts';
import { OTHER, ScriptedElector, takenBy } from './worlds/scripted-elector.ts';

const MISSING_RULE = { verb: 'list', apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'shop' } as const;
const FORBIDDEN: RequestFailure = { ...failureOf('forbidden'), missingRule: MISSING_RULE };
const BASIC_FIELDS = ['code', 'name'];

/** The fields of an error that an application can enumerate. */
function fieldsOf(error: LeaseElectorError): string[] {
  return Object.keys(error).sort();
}

test('an error has the missing rule when a request was refused', () => {
  for (const error of [errorOfFailure(FORBIDDEN), unconfirmedError(FORBIDDEN)]) {
    assert.deepEqual(error.missingRule, MISSING_RULE);
    assert.equal(error.failureKind, 'forbidden');
    assert.deepEqual(fieldsOf(error), [...BASIC_FIELDS, 'failureKind', 'missingRule'].sort());
    assert.match(inspect(error), /missingRule: \{[^}]*verb: 'list'/);
  }
});

test('an error has the time to wait when a request was throttled', () => {
  const error = errorOfFailure({ ...failureOf('throttled'), retryAfterMs: 5_000 });
  assert.deepEqual(
    [error.code, error.failureKind, error.retryAfterMs],
    ['ERR_LEASE_ELECTOR_REQUEST', 'throttled', 5_000],
  );
  assert.equal(error.missingRule, undefined);
});

test('an error has no fields of a request when it is not about a request', () => {
  assert.deepEqual(fieldsOf(stoppedError()), BASIC_FIELDS);
  assert.deepEqual(fieldsOf(unconfirmedError(new Error('the Lease is missing'))), BASIC_FIELDS);
  assert.deepEqual(fieldsOf(new LeaseElectorError('ERR_LEASE_ELECTOR_STOPPED', 'over')), BASIC_FIELDS);
});

test('an error has a cause only when one was given', () => {
  const cause = new Error('broken pipe');
  assert.equal(errorOfFailure({ ...failureOf('unavailable'), cause }).cause, cause);
  assert.equal(Object.hasOwn(stoppedError(), 'cause'), false);
});

test('start() and confirm() reject with the fields of the refusal', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const confirmed = scripted.elector.confirm().catch((error: unknown) => error);
  scripted.world.take('read lease').fail('throttled');
  scripted.world.take('read pod web-0').fail('forbidden');
  const error = await confirmed;
  assert.ok(error instanceof LeaseElectorError);
  assert.deepEqual([error.code, error.failureKind], ['ERR_LEASE_ELECTOR_UNCONFIRMED', 'throttled']);

  const refused = new ScriptedElector({ startGraceMs: 0 });
  const started = refused.elector.start().catch((reason: unknown) => reason);
  await promisesSettled();
  refused.world.reportLock('held');
  refused.world.take('list lease').fail('forbidden');
  refused.run(1);
  await promisesSettled();
  const reason = await started;
  assert.ok(reason instanceof LeaseElectorError);
  assert.deepEqual([reason.code, reason.failureKind], ['ERR_LEASE_ELECTOR_FORBIDDEN', 'forbidden']);
});

test('the abort reason of a term has the demotion reason', async () => {
  const scripted = new ScriptedElector();
  const { signal } = await scripted.lead();
  const item = takenBy(scripted.lease, OTHER);
  scripted.world.stream('lease').sink.event({ type: 'MODIFIED', item } as never);
  assert.deepEqual([signal.reason.code, signal.reason.demotionReason], ['ERR_LEASE_ELECTOR_NOT_LEADER', 'usurped']);
});

test('an error has the name of the callback that failed', async () => {
  const fails = (): never => assert.fail('no mail server');
  const scripted = new ScriptedElector({ onElected: fails });
  const { elector } = scripted;
  const callbacks: unknown[] = [];
  elector.on('error', ({ code, callback }) => callbacks.push([code, callback]));
  elector.on('renewed', fails);
  await scripted.lead();
  await elector.leaderOnly(fails, { onError: fails })();
  await promisesSettled();
  const code = 'ERR_LEASE_ELECTOR_CALLBACK';
  assert.deepEqual(
    new Set(callbacks.map(String)),
    new Set([`${code},onElected`, `${code},renewed`, `${code},onError`]),
  );
});
