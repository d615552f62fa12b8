/**
 * Checks the warnings of the process: their name, their code and their detail.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { type UnhandledEvent, warnNotStarted, warnProcess } from '../../src/leadership/process-warning.ts';

/** The arguments of `process.emitWarning` during a test. */
function emitted(t: TestContext): unknown[][] {
  const calls: unknown[][] = [];
  t.mock.method(process, 'emitWarning', (...args: unknown[]) => calls.push(args));
  return calls;
}

const hint = (event: string): string =>
  `The event '${event}' of this LeaseElector has no listener, so each code is printed once.`;

const LONG = { text: 'x'.repeat(5_000) };

const WARNING = { event: 'warning', code: 'twin', message: 'another process leads' } as const;
const ERROR = { event: 'error', code: 'ERR_LEASE_ELECTOR_CALLBACK', message: 'onElected failed' } as const;

/** An event without a listener, and the type and the detail of its process warning. */
const ROWS: Readonly<Record<string, readonly [event: UnhandledEvent, type: string, detail: string]>> = {
  'a warning': [WARNING, 'LeaseElectorWarning', hint('warning')],
  'an error': [ERROR, 'LeaseElectorError', hint('error')],
  'an error with a cause': [
    { ...ERROR, cause: { status: 500 } },
    'LeaseElectorError',
    `{ status: 500 }\n${hint('error')}`,
  ],
  'an error with a long cause': [
    { ...ERROR, cause: LONG },
    'LeaseElectorError',
    `${inspect(LONG).slice(0, 2_000)}\n${hint('error')}`,
  ],
};

for (const [what, [event, type, detail]] of Object.entries(ROWS)) {
  test(`${what} becomes a warning of the process with its code and its detail`, (t) => {
    const calls = emitted(t);
    warnProcess(event);
    assert.deepEqual(calls, [[event.message, { type, code: event.code, detail }]]);
  });
}

test('a skipped job becomes a warning of the process that names leaderOnly', (t) => {
  const calls = emitted(t);
  warnNotStarted('start() was not called.');
  const detail = 'A job of leaderOnly() was skipped for that reason. This warning is printed once for each elector.';
  assert.deepEqual(calls, [['start() was not called.', { type: 'LeaseElectorWarning', code: 'not-started', detail }]]);
});
