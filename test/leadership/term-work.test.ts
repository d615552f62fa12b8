/**
 * Checks the work of a term: how much of it runs, whose end counts, and for which work the end of a term waits.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseElectorError, Term } from '../../src/index.ts';
import { ProgressWatch } from '../../src/leadership/progress-watch.ts';
import { TermWork } from '../../src/leadership/term-work.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const LIMIT_MS = 5_000;

const CORE = { fencingToken: '11', resumed: false, leaseUid: 'lease-1', acquireTimeMs: 0 };

/** The work of a process, by a manual clock. */
class Working {
  readonly clock: ManualClock = new ManualClock();
  readonly errors: LeaseElectorError[] = [];
  readonly work: TermWork;

  constructor(onElected: (term: Term) => unknown = () => undefined) {
    const progress = new ProgressWatch(this.clock, null, () => undefined);
    this.work = new TermWork(
      onElected,
      (error) => this.errors.push(error),
      () => this.clock.nowMs(),
      progress,
    );
  }

  /** Begins a job, and returns the function that ends it. */
  job(begin: () => unknown = () => undefined): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.work.join(promise, begin);
    return () => {
      resolve();
      return promisesSettled();
    };
  }

  /** Waits for the work. Returns the list that receives the outcome. */
  settles(): readonly boolean[] {
    const outcomes: boolean[] = [];
    void this.work.settle(this.clock, LIMIT_MS).then((outcome) => outcomes.push(outcome));
    return outcomes;
  }
}

test('the number of running jobs grows with each begin and falls with each end', async () => {
  const working = new Working();
  const counts = [working.work.running];
  const [endFirst, endSecond] = [working.job(), working.job()];
  counts.push(working.work.running);
  await endFirst();
  counts.push(working.work.running);
  await endSecond();
  counts.push(working.work.running);
  assert.deepEqual(counts, [0, 2, 1, 0]);
});

test('a term settles when its only work had ended before it asked for the end', async () => {
  const working = new Working();
  // A timer that the work has set still belongs to the work.
  let fire = (): void => undefined;
  const end = working.job(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    fire = resolve;
    void promise.then(() => working.work.leave(() => undefined));
  });
  await end();
  fire();
  await promisesSettled();
  assert.equal(await working.work.settle(working.clock, LIMIT_MS), true);
});

test('work that has used up its time is not waited for again', async () => {
  const working = new Working();
  working.job();
  const first = working.settles();
  await promisesSettled();
  assert.deepEqual(first, []);
  working.clock.advance(LIMIT_MS);
  await promisesSettled();
  assert.deepEqual(first, [false]);
  assert.equal(await working.work.settle(working.clock, LIMIT_MS), false);
  assert.equal(working.clock.timers.size, 0);
});

test('other work is waited for when some of the work has used up its time', async () => {
  const working = new Working();
  working.job();
  working.settles();
  working.clock.advance(LIMIT_MS);
  await promisesSettled();
  working.job();
  const second = working.settles();
  await promisesSettled();
  assert.deepEqual(second, []);
  working.clock.advance(LIMIT_MS);
  await promisesSettled();
  assert.deepEqual(second, [false]);
});

test('work that has used up its time is not waited for again when other work asks for the end', async () => {
  const working = new Working();
  working.job();
  working.settles();
  working.clock.advance(LIMIT_MS);
  await promisesSettled();
  working.job(() => working.work.leave(() => undefined));
  const second = working.settles();
  await promisesSettled();
  assert.deepEqual(second, [false]);
});

test('a term settles only after the end of the work that asked for the end', async () => {
  const working = new Working();
  const end = working.job(() => working.work.leave(() => undefined));
  const first = working.settles();
  await promisesSettled();
  await end();
  const second = working.settles();
  await promisesSettled();
  assert.deepEqual([first, second], [[false], [true]]);
});

test('the signal of a term has the reason of its end', () => {
  const { work } = new Working();
  const { signal } = work.begin(CORE);
  work.end('usurped');
  const { code, message, demotionReason } = signal.reason as LeaseElectorError;
  assert.deepEqual(
    [code, message, demotionReason],
    ['ERR_LEASE_ELECTOR_NOT_LEADER', 'This process no longer leads: usurped.', 'usurped'],
  );
});

test('the end of a term has no effect when there is no term', () => {
  const { work } = new Working();
  assert.equal(work.end('stopped'), undefined);
});

test('the work of a term does not begin when the term ends first', async () => {
  const { work, errors } = new Working(() => assert.fail('the work begins'));
  const ready = Promise.withResolvers<void>();
  work.run(work.begin(CORE), ready.promise);
  work.end('usurped');
  ready.resolve();
  await promisesSettled();
  assert.deepEqual([work.running, errors], [0, []]);
});

test('the end of the work of an earlier term does not count for the current term', async () => {
  const ends: PromiseWithResolvers<void>[] = [];
  const working = new Working(() => {
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  const { work, clock } = working;
  work.run(work.begin(CORE), Promise.resolve());
  await promisesSettled();
  work.end('stepped-down');
  work.run(work.begin({ ...CORE, fencingToken: '12' }), Promise.resolve());
  ends[0]?.resolve();
  await promisesSettled();
  assert.deepEqual([ends.length, work.workEnd], [2, null]);
  ends[1]?.resolve();
  await promisesSettled();
  assert.deepEqual(work.workEnd, { atMs: clock.nowMs(), failure: null });
});

test('a failure of the work of an earlier term is reported as that of an ended term', async () => {
  const ends: PromiseWithResolvers<void>[] = [];
  const { work, errors } = new Working(() => {
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  work.run(work.begin(CORE), Promise.resolve());
  await promisesSettled();
  work.end('stepped-down');
  work.begin({ ...CORE, fencingToken: '12' });
  const cause = new Error('no such table');
  ends[0]?.reject(cause);
  await promisesSettled();
  assert.equal(work.workEnd, null);
  const [error, ...others] = errors;
  assert.deepEqual(others, []);
  assert.deepEqual([error?.code, error?.callback, error?.cause], ['ERR_LEASE_ELECTOR_CALLBACK', 'onElected', cause]);
  assert.equal(
    error?.message,
    'onElected failed: no such table. The term of this work had already ended, so no action is needed if the work ' +
      'should end then.',
  );
});
