/**
 * Checks how an elector connects: it retries after failures that pass, and reports every other failure at once.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import { LeaseElectorError } from '../../src/errors.ts';
import { type Entrance, joinElection, type Runtime } from '../../src/joining/join-election.ts';
import { resolveOptions } from '../../src/options.ts';
import { failure } from '../core/story.ts';
import type { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { IDENTITY, scriptedRuntime } from './scripted-runtime.ts';

/** The environment of an elector that joins. Warnings are collected. */
function entrance(signal = new AbortController().signal, warnings: string[] = []): Entrance {
  const ignore = (): void => undefined;
  const outages = { requestSent: ignore, failed: ignore, withdrawn: ignore };
  return { signal, warn: (code) => warnings.push(code), failed: ignore, outages };
}

/**
 * A runtime whose attempts to connect fail with these errors in turn, and whose reads of this Pod are then refused in
 * turn. After that, both succeed.
 */
function failing(
  errors: Error[],
  refusals: RequestFailureKind[] = [],
): { runtime: Runtime; clock: ManualClock; attempts: () => number } {
  let attempts = 0;
  const { runtime, clock } = scriptedRuntime(
    {
      identify: async () => {
        attempts += 1;
        const kind = refusals.shift();
        if (kind !== undefined) return { ok: false, failure: failure(kind) };
        return { ok: true, value: IDENTITY };
      },
    },
    () => {
      attempts += 1;
      const error = errors.shift();
      if (error !== undefined) throw error;
    },
  );
  return { runtime, clock, attempts: () => attempts };
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: too bad`), { code });
}

function credentialsError(cause: Error): LeaseElectorError {
  return new LeaseElectorError('ERR_LEASE_ELECTOR_CREDENTIALS', 'token cannot be read', { cause });
}

test('credentials are read again when no file descriptor is free', async () => {
  const { runtime, clock, attempts } = failing([
    credentialsError(errno('EMFILE')),
    credentialsError(errno('ENFILE')),
    errno('EAGAIN'),
    new Error('Cannot read package config: too many open files'),
  ]);
  const joining = joinElection(resolveOptions({ lease: 'web' }), runtime, entrance());
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    await until(() => attempts() === attempt && clock.timers.size === 1);
    clock.advance(60_000);
  }
  assert.deepEqual((await joining).identity, IDENTITY);
  assert.equal(attempts(), 6);
});

test('a shortage of file descriptors does not make a process lead alone with `local: true`', async () => {
  const { runtime, clock, attempts } = failing([credentialsError(errno('EMFILE'))]);
  const joining = joinElection(resolveOptions({ local: true }), runtime, entrance());
  await until(() => attempts() === 1 && clock.timers.size === 1);
  clock.advance(60_000);
  assert.equal((await joining).local, null);
});

test('credentials are an error at once when they cannot be read for another reason', async () => {
  const { runtime, attempts } = failing([credentialsError(errno('EACCES'))]);
  await assert.rejects(joinElection(resolveOptions({}), runtime, entrance()), {
    code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
  });
  assert.equal(attempts(), 1);
});

test('an elector that is stopped does not wait for a file descriptor', async () => {
  const { runtime, clock, attempts } = failing([credentialsError(errno('EMFILE'))]);
  const controller = new AbortController();
  const joining = joinElection(resolveOptions({}), runtime, entrance(controller.signal));
  await until(() => attempts() === 1 && clock.timers.size === 1);
  controller.abort();
  await assert.rejects(joining, { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  assert.equal(clock.timers.size, 0);
});

for (const [kind, code, warning] of [
  ['forbidden', 'ERR_LEASE_ELECTOR_FORBIDDEN', 'pod-read-forbidden'],
  ['unauthorized', 'ERR_LEASE_ELECTOR_UNAUTHORIZED', 'unauthorized'],
] as const) {
  test(`the read of this Pod is repeated when it is refused (${kind}), and the end of the refusal is reported`, async () => {
    const { runtime, clock, attempts } = failing(
      [],
      Array.from({ length: 5 }, () => kind),
    );
    const warnings: string[] = [];
    const joining = joinElection(resolveOptions({ lease: 'web' }), runtime, entrance(undefined, warnings));
    // Attempts follow after 0.75, 1.5 and 2.75 s (5 s in total), and then after 6 s.
    for (const [attempt, afterMs] of [750, 1_500, 2_750, 6_000, 12_000].entries()) {
      await until(() => attempts() === attempt + 2 && clock.timers.size === 1);
      assert.deepEqual(warnings, attempt < 3 ? [] : [warning]);
      clock.advance(afterMs);
    }
    assert.deepEqual((await joining).identity, IDENTITY);
    assert.deepEqual(warnings, [warning, 'refusal-over']);
  });

  test(`a refusal (${kind}) of the read of this Pod ends the start when the grace is over`, async () => {
    const { runtime, clock, attempts } = failing(
      [],
      Array.from({ length: 20 }, () => kind),
    );
    const rejected = assert.rejects(joinElection(resolveOptions({ lease: 'web' }), runtime, entrance()), { code });
    let waitedMs = 0;
    for (const [attempt, afterMs] of [750, 1_500, 2_750, 6_000, 12_000, 7_000].entries()) {
      await until(() => attempts() === attempt + 2 && clock.timers.size === 1);
      clock.advance(afterMs);
      waitedMs += afterMs;
    }
    await rejected;
    assert.equal(waitedMs, 30_000);
  });
}

test('another failure between two refusals does not count for the grace', async () => {
  const { runtime, clock, attempts } = failing([], ['forbidden', 'unavailable', 'forbidden']);
  const joining = joinElection(resolveOptions({ lease: 'web' }), runtime, entrance());
  for (let attempt = 2; attempt <= 4; attempt += 1) {
    await until(() => attempts() === attempt && clock.timers.size === 1);
    clock.advance(60_000);
  }
  assert.deepEqual((await joining).identity, IDENTITY);
});

test('the first refusal after a long outage is repeated within a second, the second within two', async () => {
  const outage = Array.from({ length: 8 }, (): RequestFailureKind => 'unavailable');
  const { runtime, clock, attempts } = failing([], [...outage, 'forbidden', 'forbidden']);
  const joining = joinElection(resolveOptions({ lease: 'web' }), runtime, entrance());
  // The connection counts as the first attempt.
  for (let attempt = 2; attempt <= outage.length + 1; attempt += 1) {
    await until(() => attempts() === attempt && clock.timers.size === 1);
    clock.advance(2_000);
  }
  for (const [attempt, afterMs] of [1_000, 2_000].entries()) {
    await until(() => attempts() === outage.length + 2 + attempt && clock.timers.size === 1);
    clock.advance(afterMs);
  }
  await until(() => attempts() === outage.length + 4);
  assert.deepEqual((await joining).identity, IDENTITY);
});

test('a difference between the clocks causes a warning, and its end a second one', async () => {
  const { runtime } = failing([]);
  const warnings: string[] = [];
  const connect: Runtime['connect'] = (options) => {
    options.reportClockSkew?.({ over: false, message: 'ten minutes' });
    options.reportClockSkew?.({ over: true, message: 'none' });
    return runtime.connect(options);
  };
  const signal = new AbortController().signal;
  await joinElection(resolveOptions({ lease: 'web' }), { ...runtime, connect }, entrance(signal, warnings));
  assert.deepEqual(warnings, ['clock-skew', 'clock-skew-over']);
});
