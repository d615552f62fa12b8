/**
 * Checks `leaderOnly(job)`: the job runs only while this process leads, its calls never overlap, and after a stall it
 * runs only when leadership is confirmed.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clearInterval, setInterval, setTimeout } from 'node:timers';
import type { LeaseElector, LeaseElectorError, Term } from '../../src/index.ts';
import { leaderOnly } from '../../src/leadership/leader-only.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { TestCluster } from '../integration/cluster.ts';
import { OTHER, OWN_POD, ScriptedElector, takenBy } from '../worlds/scripted-elector.ts';
import { until } from '../worlds/until.ts';

const STALL_MS = 5_000;

/** A job that ends when the test decides, wrapped by an elector. */
class WrappedJob {
  readonly scripted = new ScriptedElector();
  readonly terms: Term[] = [];
  #end: PromiseWithResolvers<string> = Promise.withResolvers();
  readonly call: () => Promise<string | undefined> = this.scripted.elector.leaderOnly((term) => {
    this.terms.push(term);
    this.#end = Promise.withResolvers();
    return this.#end.promise;
  });

  get runs(): number {
    return this.terms.length;
  }

  end(result = 'done'): void {
    this.#end.resolve(result);
  }

  fail(error: Error): void {
    this.#end.reject(error);
  }

  /** The number of reads of the Lease. */
  get leaseReads(): number {
    return this.scripted.world.calls.filter((call) => call === 'read lease').length;
  }
}

describe('a job of the leader', () => {
  test('is skipped before the start, before the first answer, and after the end', async () => {
    const job = new WrappedJob();
    const { elector } = job.scripted;
    assert.equal(await job.call(), undefined);
    void elector.start();
    await promisesSettled();
    assert.equal(await job.call(), undefined);
    await elector.stop();
    assert.equal(await job.call(), undefined);
    assert.deepEqual([job.runs, job.leaseReads], [0, 0]);
  });

  test('causes one process warning when it is skipped before start(), and none after start()', async (t) => {
    const warned: unknown[][] = [];
    t.mock.method(process, 'emitWarning', (...given: unknown[]) => warned.push(given));
    const job = new WrappedJob();
    const { elector } = job.scripted;
    assert.deepEqual([await job.call(), await job.call()], [undefined, undefined]);
    const [[message, { type, code, detail }]] = warned as [[string, Record<string, string>]];
    assert.deepEqual(
      [warned.length, message, type, code],
      [1, elector.explain().message, 'LeaseElectorWarning', 'not-started'],
    );
    assert.match(detail ?? '', /leaderOnly\(\) was skipped/);
    const started = new WrappedJob();
    void started.scripted.elector.start();
    await promisesSettled();
    assert.equal(await started.call(), undefined);
    const stopped = new WrappedJob();
    await stopped.scripted.elector.stop();
    assert.equal(await stopped.call(), undefined);
    assert.equal(warned.length, 1);
  });

  test('is skipped by a candidate', async () => {
    const job = new WrappedJob();
    void job.scripted.elector.start();
    await promisesSettled();
    const leader = new ScriptedElector();
    await leader.lead();
    await job.scripted.shown(takenBy(leader.lease, OTHER));
    assert.equal(job.scripted.elector.leader?.name, OTHER.name);
    assert.equal(await job.call(), undefined);
    assert.equal(job.runs, 0);
  });

  test('receives the term, and no request is sent', async () => {
    const job = new WrappedJob();
    const term = await job.scripted.lead();
    const called = job.call();
    assert.deepEqual(job.terms, [term]);
    job.end('42 mails sent');
    assert.equal(await called, '42 mails sent');
    assert.equal(job.leaseReads, 0);
  });

  test('receives the arguments of its scheduler and returns or throws to it', async () => {
    const scripted = new ScriptedElector();
    const seen: unknown[] = [];
    const wrapped = scripted.elector.leaderOnly((term, at: string, count: number) => {
      seen.push(term, at, count);
      if (count < 0) throw new RangeError('less than nothing');
      return count + 1;
    });
    assert.equal(await wrapped('never', 1), undefined);
    const term = await scripted.lead();
    assert.equal(await wrapped('noon', 1), 2);
    await assert.rejects(wrapped('midnight', -1), RangeError);
    assert.equal(await wrapped('noon', 2), 3);
    assert.deepEqual(seen, [term, 'noon', 1, term, 'midnight', -1, term, 'noon', 2]);
  });

  test('rejects to its scheduler and runs at the next call', async () => {
    const job = new WrappedJob();
    await job.scripted.lead();
    const failed = assert.rejects(job.call(), /the mail server is down/);
    job.fail(new Error('the mail server is down'));
    await failed;
    const called = job.call();
    job.end();
    assert.equal(await called, 'done');
    assert.deepEqual(job.scripted.journal, ['elected', 'leader: web-0'], 'no error of the elector');
  });

  test('passes its failure to onError and does not reject', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const failures: unknown[] = [];
    const fails = (error: unknown): Promise<string> => Promise.reject(error);
    const onError = (error: unknown): unknown => failures.push(error);
    // Two of the reasons are not errors, and one is a thenable.
    const reasons = [
      new Error('the mail server is down'),
      undefined,
      'a word',
      Object.fromEntries([['then', () => 1]]),
    ];
    for (const reason of reasons) {
      const call = scripted.elector.leaderOnly(() => fails(reason), { onError });
      assert.equal(await call(), undefined);
    }
    const throws = scripted.elector.leaderOnly(
      () => {
        throw reasons[0];
      },
      { onError },
    );
    assert.equal(await throws(), undefined);
    assert.deepEqual(failures, [...reasons, reasons[0]]);
    assert.equal(await scripted.elector.leaderOnly(() => 'a result', { onError })(), 'a result');
    assert.deepEqual(scripted.journal, ['elected', 'leader: web-0'], 'no error of the elector');
  });

  for (const [how, onError] of [
    ['throws', () => assert.fail('no log')],
    ['rejects', async () => assert.fail('no log')],
  ] as const) {
    test(`emits an error and runs again when onError ${how}`, async () => {
      const scripted = new ScriptedElector();
      await scripted.lead();
      const errors: Error[] = [];
      scripted.elector.on('error', (error) => errors.push(error));
      const call = scripted.elector.leaderOnly(() => Promise.reject(new Error('the mail server is down')), { onError });
      assert.equal(await call(), undefined);
      assert.equal(await call(), undefined, 'the second call runs');
      const [error] = errors;
      assert.deepEqual([errors.length, scripted.elector.isLeader], [2, true]);
      assert.match(String(error?.message), /^onError of leaderOnly failed; see `cause`\.$/);
      assert.match(String(error?.cause), /no log/);
    });
  }

  for (const [wrong, wrap] of [
    ['options.onError must be a function', (elector) => elector.leaderOnly(() => 1, { onError: 'log' as never })],
    ['options.onFail does not exist', (elector) => elector.leaderOnly(() => 1, { onFail: () => 1 } as never)],
    ['options must be an object', (elector) => elector.leaderOnly(() => 1, null as never)],
    ['job of leaderOnly() must be a function', (elector) => elector.leaderOnly('job' as never)],
  ] as readonly (readonly [wrong: string, wrap: (elector: LeaseElector) => unknown])[]) {
    test(`is refused at once: ${wrong}`, () => {
      const { elector } = new ScriptedElector();
      assert.throws(
        () => wrap(elector),
        (error: LeaseElectorError) => error.code === 'ERR_LEASE_ELECTOR_OPTION' && error.message.includes(wrong),
      );
    });
  }

  test('skips a call when the last one still runs', async () => {
    const job = new WrappedJob();
    await job.scripted.lead();
    const first = job.call();
    assert.equal(await job.call(), undefined);
    assert.equal(await job.call(), undefined);
    job.end();
    assert.equal(await first, 'done');
    assert.equal(job.runs, 1);
    const second = job.call();
    assert.equal(job.runs, 2);
    job.end();
    await second;
  });

  test('runs while another job runs', async () => {
    const job = new WrappedJob();
    await job.scripted.lead();
    const called = job.call();
    assert.equal(await job.scripted.elector.leaderOnly(() => 'another')(), 'another');
    job.end();
    await called;
  });

  test('sees an aborted term.signal when the term ends', async () => {
    const job = new WrappedJob();
    const { scripted } = job;
    const term = await scripted.lead();
    const called = job.call();
    scripted.world.stream('lease').sink.event({
      type: 'MODIFIED',
      item: takenBy(scripted.lease, OTHER) as never,
    } as never);
    assert.equal(term.signal.aborted, true);
    assert.equal(await job.call(), undefined);
    job.end();
    await called;
    assert.equal(await job.call(), undefined);
    assert.equal(job.runs, 1);
  });
});

// After a stall

describe('after a stall', () => {
  test('a job waits for one confirmation', async () => {
    const job = new WrappedJob();
    const { scripted } = job;
    const term = await scripted.lead();
    scripted.run(5);
    scripted.clock.stall(STALL_MS);
    const called = job.call();
    await promisesSettled();
    assert.deepEqual([job.runs, job.leaseReads], [0, 1], 'the job waits for the answer');
    await scripted.confirms();
    assert.deepEqual(job.terms, [term]);
    job.end();
    assert.equal(await called, 'done');
    const again = job.call();
    assert.deepEqual([job.runs, job.leaseReads], [2, 1]);
    job.end();
    await again;
  });

  test('a job waits for a confirmation, even if the stall ended long before', async () => {
    const job = new WrappedJob();
    await job.scripted.lead();
    job.scripted.clock.stall(STALL_MS);
    job.scripted.run(3);
    void job.call();
    assert.deepEqual([job.runs, job.leaseReads], [0, 1]);
  });

  test('a job does not wait when the application has called confirm()', async () => {
    const job = new WrappedJob();
    const { scripted } = job;
    await scripted.lead();
    scripted.clock.stall(STALL_MS);
    scripted.run(1);
    const confirmed = scripted.elector.confirm();
    await scripted.confirms();
    await confirmed;
    const called = job.call();
    assert.deepEqual([job.runs, job.leaseReads], [1, 1]);
    job.end();
    await called;
  });

  test('a job is skipped when the confirmation fails, and the next call reads again', async () => {
    const job = new WrappedJob();
    const { scripted } = job;
    await scripted.lead();
    scripted.clock.stall(STALL_MS);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const called = job.call();
      scripted.world.take('read lease').fail('unavailable');
      scripted.world.take('read pod web-0').fail('unavailable');
      assert.equal(await called, undefined);
      assert.deepEqual([job.runs, job.leaseReads], [0, attempt]);
      scripted.run(1);
    }
    assert.equal(scripted.elector.isLeader, true, 'a failed confirmation does not end the term');
    const called = job.call();
    await scripted.confirms();
    assert.equal(job.runs, 1);
    job.end();
    await called;
  });

  for (const [what, lose] of [
    ['the Lease is another Pod’s', (s: ScriptedElector) => s.confirms(takenBy(s.lease, OTHER))],
    ['this Pod is gone', (s: ScriptedElector) => s.confirms(s.lease, null)],
  ] as const) {
    test(`a job is skipped when ${what}`, async () => {
      const job = new WrappedJob();
      await job.scripted.lead();
      job.scripted.clock.stall(STALL_MS);
      const called = job.call();
      await lose(job.scripted);
      assert.equal(await called, undefined);
      assert.deepEqual([job.runs, job.scripted.elector.isLeader], [0, false]);
    });
  }

  test('a second call is skipped while the first one waits for the confirmation', async () => {
    const job = new WrappedJob();
    await job.scripted.lead();
    job.scripted.clock.stall(STALL_MS);
    const first = job.call();
    assert.equal(await job.call(), undefined);
    await job.scripted.confirms();
    assert.deepEqual([job.runs, job.leaseReads], [1, 1]);
    job.end();
    assert.equal(await first, 'done');
  });

  test('a job is skipped when a second stall precedes the answer', async () => {
    const job = new WrappedJob();
    await job.scripted.lead();
    job.scripted.clock.stall(STALL_MS);
    const called = job.call();
    job.scripted.clock.stall(STALL_MS);
    await job.scripted.confirms();
    assert.equal(await called, undefined);
    assert.equal(job.runs, 0);
  });

  test('a job waits for a confirmation when the stall happened before the election', async () => {
    const job = new WrappedJob();
    const { elector, world, clock } = job.scripted;
    void elector.start();
    await promisesSettled();
    clock.stall(STALL_MS);
    await job.scripted.lead();
    assert.equal(elector.isLeader, true);
    void job.call();
    assert.deepEqual([job.runs, world.pending.some(({ call }) => call === 'read lease')], [0, true]);
  });

  test('no timer is left when the elector has stopped', async () => {
    const job = new WrappedJob();
    const { elector, clock, world } = job.scripted;
    await job.scripted.lead();
    assert.notEqual(clock.timers.size, 0);
    const stopped = elector.stop();
    await promisesSettled();
    if (world.pending.some(({ call }) => call === 'read pod web-0')) world.take('read pod web-0').succeed(OWN_POD);
    await stopped;
    assert.equal(clock.timers.size, 0);
    elector.leaderOnly(() => undefined);
    assert.equal(clock.timers.size, 0);
  });
});

// The work of a term

test('a job does not run when its confirmation fails, even if the doubt ends in the meantime', async () => {
  let doubtful = true;
  let runs = 0;
  const job = leaderOnly(() => (runs += 1), {
    term: () => ({ fencingToken: 1n }) as Term,
    isDoubtful: () => doubtful,
    confirm: () => {
      doubtful = false;
      return Promise.reject(new Error('the API server is away'));
    },
    join: (_ended, begin) => begin(),
  });
  assert.equal(await job(), undefined);
  assert.equal(await job(), 1, 'the next call has no doubt');
  assert.equal(runs, 1);
});

test('the Lease is released only when the job is done', async (t) => {
  for (const leave of ['stop', 'stepDown'] as const) {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const [leader, other] = [cluster.elector(pod), cluster.elector(cluster.addPod('web-1'))];
    await leader.start();
    await other.start();
    const end = Promise.withResolvers<void>();
    const events: string[] = [];
    other.on('elected', () => events.push('the other leads'));
    const running = leader.leaderOnly(async ({ signal }) => {
      signal.addEventListener('abort', () => events.push('signal aborted'));
      await end.promise;
      events.push('the job is done');
    })();
    const left = leave === 'stop' ? leader.stop({ release: true }) : leader.stepDown();
    await cluster.elector(cluster.addPod('web-2')).start();
    assert.deepEqual(events, ['signal aborted']);
    assert.deepEqual(cluster.lease()?.metadata.annotations ?? {}, {}, 'no release annotation');
    assert.equal(cluster.ownerUid(), pod.uid);
    end.resolve();
    await Promise.all([running, left]);
    await until('another leads', () => ![undefined, pod.uid].includes(cluster.ownerUid()));
    assert.deepEqual(events.slice(0, 2), ['signal aborted', 'the job is done']);
  }
});

test('an elector waits for a job for at most drainTimeoutMs', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { drainTimeoutMs: 50 });
  await elector.start();
  void elector.leaderOnly(() => new Promise(() => undefined))();
  await elector.stop();
  assert.equal(elector.state, 'stopped');
});

test('onElected of the next term waits for a job of the last term', async () => {
  const order: string[] = [];
  const scripted = new ScriptedElector({ onElected: () => order.push('work') });
  const first = await scripted.lead();
  await promisesSettled();
  const end = Promise.withResolvers<void>();
  const running = scripted.elector.leaderOnly(() => end.promise.then(() => order.push('job')))();
  // The Lease is given to another Pod by hand, and then back.
  const { lease } = scripted;
  assert.ok(lease);
  const show = (resourceVersion: string, owner: { name: string; uid: string } | null): void =>
    scripted.world.stream('lease').sink.event({
      type: 'MODIFIED',
      item: { ...lease, resourceVersion, owner } as never,
    } as never);
  show('20', OTHER);
  show('21', lease.owner);
  await promisesSettled();
  scripted.world.take('read pod web-0').succeed(OWN_POD);
  const renewal = scripted.world.take('replace lease');
  renewal.succeed({ ...lease, ...renewal.content, resourceVersion: '22' });
  await promisesSettled();
  assert.notEqual(scripted.elector.term, undefined);
  assert.notEqual(scripted.elector.term, first);
  assert.deepEqual(order, ['work']);
  end.resolve();
  await running;
  await promisesSettled();
  assert.deepEqual(order, ['work', 'job', 'work']);
});

/** Ways to call `leave` inside the work and to wait for it. */
const ways: Readonly<Record<string, (leave: () => Promise<void>) => Promise<void>>> = {
  directly: (leave) => leave(),
  'from nested functions that are awaited': async (leave) => {
    await Promise.resolve();
    await (async () => {
      await Promise.all([leave(), Promise.resolve()]);
    })();
  },
  'from a timer': (leave) => new Promise((resolve, reject) => void setTimeout(() => leave().then(resolve, reject), 1)),
};

for (const [way, call] of Object.entries(ways)) {
  for (const leave of ['stop', 'stepDown'] as const) {
    test(`${leave}() called ${way} by the work does not wait for that work`, async (t) => {
      const cluster = await TestCluster.start(t);
      const elector = cluster.elector(cluster.addPod('web-0'), {
        drainTimeoutMs: 3_600_000,
        onElected: () => call(() => elector[leave]()).then(() => ended.resolve(), ended.reject),
      });
      const ended = Promise.withResolvers<void>();
      await elector.start();
      await ended.promise;
      assert.equal(elector.isLeader, false);
    });

    test(`${leave}() called ${way} by a job does not wait for that job`, async (t) => {
      const cluster = await TestCluster.start(t);
      const elector = cluster.elector(cluster.addPod('web-0'), { drainTimeoutMs: 3_600_000 });
      await elector.start();
      await elector.leaderOnly(() => call(() => elector[leave]()))();
      assert.equal(elector.isLeader, false);
    });
  }
}

test('two jobs that wait for stop() do not wait for each other', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { drainTimeoutMs: 3_600_000 });
  await elector.start();
  const waiting = elector.leaderOnly(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await elector.stop();
    return 'stopped';
  })();
  await elector.leaderOnly(() => elector.stop())();
  assert.equal(await waiting, 'stopped');
});

test('stop() in a job inside another job waits for neither', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { drainTimeoutMs: 3_600_000 });
  await elector.start();
  const inner = elector.leaderOnly(() => elector.stop());
  await elector.leaderOnly(() => inner())();
  assert.equal(elector.state, 'stopped');
});

test('stop() in a job waits for the other jobs, and keeps the Lease while its job runs', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const { elector, world } = scripted;
  const end = Promise.withResolvers<void>();
  void elector.leaderOnly(() => end.promise)();
  let stopped = false;
  const calling = elector.leaderOnly(() =>
    elector.stop().then(() => {
      stopped = true;
    }),
  )();
  await promisesSettled();
  assert.equal(stopped, false);
  end.resolve();
  await calling;
  assert.equal(stopped, true);
  assert.ok(!world.calls.includes('delete lease'));
  await promisesSettled();
  assert.equal(world.lockIsFree, true, 'all work has ended');
});

test('stop() in a listener waits for the job that caused the event', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const { elector, world } = scripted;
  const end = Promise.withResolvers<void>();
  let stopped = false;
  elector.on('renewed', () => void elector.stop().then(() => (stopped = true)));
  void elector.leaderOnly(async () => {
    const confirmed = elector.confirm().catch(() => undefined);
    world.take('read lease').succeed({ ...scripted.lease, resourceVersion: '13', renewTimeMs: 1 });
    world.take('read pod web-0').succeed(OWN_POD);
    await confirmed;
    await end.promise;
  })();
  await promisesSettled();
  assert.equal(elector.isLeader, false);
  assert.equal(stopped, false, 'stop() waits for the job');
  end.resolve();
  await promisesSettled();
  world.take('read pod web-0').succeed(OWN_POD);
  await promisesSettled();
  assert.equal(stopped, true);
});

test('a job of setInterval runs only while this process leads', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'));
  let runs = 0;
  const job = elector.leaderOnly(() => {
    runs += 1;
  });
  let ticks = 0;
  const timer = setInterval(async () => {
    await job();
    ticks += 1;
  }, 5);
  t.after(() => clearInterval(timer));
  await until('it ticks', () => ticks >= 3);
  assert.equal(runs, 0);
  await elector.start();
  await until('it has run a few times', () => runs >= 3);
  await elector.stop();
  const before = { runs, ticks };
  await until('it has ticked a few times', () => ticks >= before.ticks + 3);
  assert.equal(runs, before.runs);
});
