/**
 * The request for the identity of this Pod: what it reports, and what ends it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import { type JoinedElection, joinElection } from '../../src/joining/join-election.ts';
import { type LeaseElectorOptions, resolveOptions } from '../../src/options.ts';
import { failure } from '../core/story.ts';
import type { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { IDENTITY, scriptedRuntime } from './scripted-runtime.ts';

/** The answer of the API server: a failure, an error of the connection, or `ok`. */
type Answer = RequestFailureKind | Error | 'ok';

interface Joining {
  readonly joined: Promise<JoinedElection>;
  readonly clock: ManualClock;
  readonly stop: () => void;
  /** Everything that the cluster and the elector received, in its order. */
  readonly log: readonly string[];
  /** Answers the request that waits. */
  readonly answer: (answer: Answer) => void;
  /** Waits until the log has this number of entries, and returns them. */
  readonly logged: (entries: number) => Promise<readonly string[]>;
}

/**
 * Joins an election. The first of `connections` are the errors of the first connections. The later ones succeed. Each
 * request for the identity waits for `answer`.
 */
function join(options: LeaseElectorOptions = {}, connections: readonly Error[] = []): Joining {
  const errors = [...connections];
  const log: string[] = [];
  const controller = new AbortController();
  let waiting: PromiseWithResolvers<Answer> | null = null;
  const { runtime, clock } = scriptedRuntime(
    {
      identify: async (given) => {
        log.push(`identify ${JSON.stringify(given)}`);
        waiting = Promise.withResolvers<Answer>();
        const answer = await waiting.promise;
        if (answer instanceof Error) throw answer;
        if (answer !== 'ok') return { ok: false, failure: failure(answer) };
        return { ok: true, value: IDENTITY };
      },
      close: () => log.push('close'),
    },
    () => {
      log.push('connect');
      const error = errors.shift();
      if (error !== undefined) throw error;
    },
  );
  const joined = joinElection(resolveOptions(options), runtime, {
    signal: controller.signal,
    warn: (code, message) => log.push(`warning ${code}: ${message}`),
    connected: () => log.push('connected'),
    failed: ({ kind, message }) => log.push(`failure ${kind}: ${message}`),
    outages: {
      requestSent: () => log.push('request sent'),
      failed: ({ kind }) => log.push(`request failed: ${kind}`),
      withdrawn: () => log.push('request withdrawn'),
    },
  });
  // Each test awaits it. Before that, its rejection is not a defect.
  joined.catch(() => undefined);
  return {
    joined,
    clock,
    log,
    stop: () => controller.abort(),
    answer: (answer) => waiting?.resolve(answer),
    logged: async (entries) => {
      await until(`${entries} entries in the log`, () => log.length >= entries);
      return log;
    },
  };
}

const FIRST_REQUEST = ['connect', 'connected', 'request sent', 'identify {}'];
const STOPPED = { code: 'ERR_LEASE_ELECTOR_STOPPED' };

test('the request for the identity contains the Pod and the Lease of the options', async () => {
  const { joined, answer, logged, log } = join({ pod: { name: 'web-7' }, lease: 'nightly' });
  await logged(4);
  answer('ok');
  const { identity, local } = await joined;
  assert.deepEqual([identity, local], [IDENTITY, null]);
  assert.deepEqual(log, [
    'connect',
    'connected',
    'request sent',
    'identify {"pod":{"name":"web-7"},"lease":"nightly"}',
    'request withdrawn',
  ]);
});

test('the connection stays open when the elector is stopped after it has joined', async () => {
  const { joined, answer, logged, log, stop } = join();
  await logged(4);
  answer('ok');
  await joined;
  stop();
  assert.ok(!log.includes('close'));
});

test('a failed request for the identity is reported, and repeated after the back-off', async () => {
  const { joined, answer, logged, log, clock } = join();
  await logged(4);
  answer('unavailable');
  await logged(6);
  await until('a back-off', () => clock.timers.size === 1);
  assert.deepEqual(log, [
    ...FIRST_REQUEST,
    'request failed: unavailable',
    'failure unavailable: it failed: unavailable',
  ]);
  clock.advance(60_000);
  await logged(8);
  answer('ok');
  assert.deepEqual((await joined).identity, IDENTITY);
  assert.deepEqual(log.slice(6), ['request sent', 'identify {}', 'request withdrawn']);
});

test('the back-off of the request for the identity grows from failure to failure', async () => {
  const { answer, logged, clock, stop, joined } = join();
  const delaysMs: number[] = [];
  for (let failures = 0; failures < 3; failures += 1) {
    await logged(4 * (failures + 1));
    answer('unavailable');
    await until('a back-off', () => clock.timers.size === 1);
    const [timer] = clock.timers;
    delaysMs.push((timer?.dueMs ?? 0) - clock.nowMs());
    clock.advance(60_000);
  }
  stop();
  await assert.rejects(joined, STOPPED);
  assert.deepEqual(
    delaysMs,
    delaysMs.toSorted((left, right) => left - right),
  );
  assert.equal(new Set(delaysMs).size, 3, `the delays are ${delaysMs}`);
});

test('an untrusted certificate ends the start immediately, and the connection is closed', async () => {
  const { joined, answer, logged, log, clock } = join();
  await logged(4);
  answer('untrusted');
  await assert.rejects(joined, { code: 'ERR_LEASE_ELECTOR_UNTRUSTED' });
  assert.deepEqual(log, [
    ...FIRST_REQUEST,
    'request failed: untrusted',
    'failure untrusted: it failed: untrusted',
    'close',
  ]);
  assert.equal(clock.timers.size, 0);
});

test('an error of the request for the identity ends the start, also with local: true, and the connection is closed', async () => {
  const { joined, answer, logged, log } = join({ local: true });
  await logged(4);
  const error = new Error('a defect');
  answer(error);
  await assert.rejects(joined, error);
  assert.equal(log.at(-1), 'close');
});

test('stop() during the request for the identity closes the connection, and the answer is ignored', async () => {
  const { joined, answer, logged, log, stop } = join();
  await logged(4);
  stop();
  assert.equal(log.at(-1), 'close');
  answer('ok');
  await assert.rejects(joined, STOPPED);
});

test('stop() during the request for the identity hides its failure', async () => {
  const { joined, answer, logged, log, stop } = join();
  await logged(4);
  stop();
  answer('untrusted');
  await assert.rejects(joined, STOPPED);
  assert.ok(!log.some((entry) => entry.startsWith('failure')), `the log is ${log}`);
});

test('stop() during the back-off of the request for the identity ends the start immediately', async () => {
  const { joined, answer, logged, log, clock, stop } = join();
  await logged(4);
  answer('unavailable');
  await until('a back-off', () => clock.timers.size === 1);
  stop();
  await assert.rejects(joined, STOPPED);
  assert.equal(clock.timers.size, 0);
  assert.equal(log.filter((entry) => entry.startsWith('identify')).length, 1);
});

test('stop() before the cluster is found sends no request for the identity', async () => {
  const { joined, log, stop } = join();
  stop();
  await assert.rejects(joined, STOPPED);
  assert.deepEqual(log, ['connect', 'connected', 'close']);
});

test('a shortage of file descriptors is reported as a failed request, and its back-off grows', async () => {
  const shortage = (): Error => Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  const { joined, answer, logged, log, clock } = join({}, [shortage(), shortage(), shortage()]);
  const delaysMs: number[] = [];
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await logged(2 * attempt);
    await until('a back-off', () => clock.timers.size === 1);
    const [timer] = clock.timers;
    delaysMs.push((timer?.dueMs ?? 0) - clock.nowMs());
    clock.advance(60_000);
  }
  await logged(10);
  answer('ok');
  await joined;
  const reported =
    'failure unavailable: the credentials cannot be read at the moment: EMFILE: too many open files. The read is repeated';
  assert.deepEqual(log.slice(0, 6), ['connect', reported, 'connect', reported, 'connect', reported]);
  assert.equal(new Set(delaysMs).size, 3, `the delays are ${delaysMs}`);
});

test('a refusal by a webhook is a warning after 5 seconds, and so is its end', async () => {
  const { joined, answer, logged, log, clock } = join();
  let entries = 4;
  for (const afterMs of [750, 1_500, 2_750]) {
    await logged(entries);
    answer('rejected');
    await until('a back-off', () => clock.timers.size === 1);
    clock.advance(afterMs);
    entries += 4;
  }
  await logged(entries);
  answer('rejected');
  await until('a back-off', () => clock.timers.size === 1);
  assert.equal(log.at(-1), 'warning request-rejected: it failed: rejected');
  clock.advance(60_000);
  await logged(entries + 5);
  answer('ok');
  await joined;
  assert.equal(log.at(-1), 'warning refusal-over: The API server accepts the request for this Pod again.');
});

test('the back-off of a refused request grows from refusal to refusal', async () => {
  const { answer, logged, clock, stop, joined } = join();
  const delaysMs: number[] = [];
  for (let refusals = 1; refusals <= 3; refusals += 1) {
    await logged(4 * refusals);
    answer('forbidden');
    await until('a back-off', () => clock.timers.size === 1);
    const [timer] = clock.timers;
    delaysMs.push((timer?.dueMs ?? 0) - clock.nowMs());
    clock.advance(delaysMs.at(-1) ?? 0);
  }
  stop();
  await assert.rejects(joined, STOPPED);
  // The third attempt is due when the refusal has lasted for 5 s.
  assert.deepEqual(delaysMs, [750, 1_500, 2_750]);
});
