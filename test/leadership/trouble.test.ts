/**
 * What an application learns of trouble: by events, by process warnings where nobody listens, and by `explain()`.
 */

import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { Answer } from '../../src/driver/ports.ts';
import type { LeaseElectorOptions, Warning } from '../../src/index.ts';
import { LeaseElectorError } from '../../src/index.ts';
import type { Identity } from '../../src/kube/identity.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import { failure } from '../core/story.ts';
import { failureOf, promisesSettled, ScriptedPorts } from '../driver/scripted-ports.ts';
import { forbidden } from '../explain/explanation-table.ts';
import { journalOf } from '../integration/cluster.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { OWN_POD, ScriptedElector, SELF } from '../worlds/scripted-elector.ts';

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
after(() => assert.deepEqual(unhandled, [], 'no promise of an elector ever goes unhandled'));

/** An elector that is finding out which Pod it is in. */
class Entering {
  readonly world: ScriptedPorts = new ScriptedPorts();
  readonly clock: ManualClock = new ManualClock();
  readonly warnings: Warning[] = [];
  readonly elector: LeaseElector;
  readonly #questions: ((answer: Answer<Identity>) => void)[] = [];

  /** @param connects rejects with what makes the credentials unusable */
  constructor(connects: () => Promise<void> = async () => undefined, options: LeaseElectorOptions = {}) {
    const { siblingLock: lock, ...ports } = this.world.ports;
    this.elector = new LeaseElector(options, {
      clock: this.clock,
      random: { next: () => 0.5 },
      connect: async () => {
        await connects();
        return {
          identify: () => new Promise((resolve) => this.#questions.push(resolve)),
          ports: () => ports,
          close: () => undefined,
        };
      },
      siblingLock: () => lock,
    });
  }

  /** Notes the warnings. */
  listening(): this {
    this.elector.on('warning', (warning) => this.warnings.push(warning));
    return this;
  }

  get codes(): string[] {
    return this.warnings.map(({ code }) => code);
  }

  /** The question which Pod this is ends so. */
  async answered(answer: Answer<Identity>): Promise<void> {
    this.#questions.shift()?.(answer);
    await promisesSettled();
  }

  async identified(): Promise<void> {
    await this.answered({ ok: true, value: { pod: SELF, namespace: 'shop', lease: 'web' } });
  }

  /** Each question fails so for some seconds. */
  async fails(seconds: number, failed: RequestFailure): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await this.answered({ ok: false, failure: failed });
      this.clock.advance(1_000);
      await promisesSettled();
    }
  }

  async run(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.clock.advance(1_000);
      await promisesSettled();
    }
  }
}

const REFUSED = failureOf('unavailable', 'get pods failed: connect ECONNREFUSED 10.0.0.1:443');

// An API server that cannot be reached

test('an API server that refuses connections while the Pod is identified is warned of after 10 s, once', async () => {
  const entering = new Entering().listening();
  void entering.elector.start();
  await promisesSettled();
  await entering.fails(9, REFUSED);
  assert.deepEqual(entering.codes, []);
  await entering.fails(60, REFUSED);
  assert.deepEqual(entering.codes, ['api-unreachable']);
  assert.match(
    entering.warnings[0]?.message ?? '',
    /for 10 s; the last failure: .*ECONNREFUSED.*check the NetworkPolicy and the address/,
  );

  await entering.identified();
  assert.deepEqual(entering.codes, ['api-unreachable'], 'the token may have said it all');
  entering.world.take('list lease').succeed({ items: [], resourceVersion: '10' });
  await promisesSettled();
  assert.deepEqual(entering.codes, ['api-unreachable', 'api-reachable']);
  await entering.elector.stop();
});

test('an API server that says nothing while the Pod is identified is warned of', async () => {
  const entering = new Entering().listening();
  void entering.elector.start();
  await promisesSettled();
  await entering.run(11);
  assert.deepEqual(entering.codes, ['api-unreachable']);
  await entering.answered({ ok: false, failure: forbidden('get', 'pods') });
  assert.deepEqual(entering.codes, ['api-unreachable', 'api-reachable'], 'a refusal is an answer');
  await entering.elector.stop();
});

test('one outage that spans the search for the Pod and the start of the election is one', async () => {
  const entering = new Entering().listening();
  void entering.elector.start();
  await promisesSettled();
  await entering.fails(5, REFUSED);
  await entering.identified();
  await entering.run(5);
  assert.deepEqual(entering.codes, ['api-unreachable']);
  await entering.run(60);
  assert.deepEqual(entering.codes, ['api-unreachable']);
  await entering.elector.stop();
});

test('each outage of a running election is warned of, and its end; a process that was suspended has seen none', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const { world, clock, elector, journal } = scripted;
  const warnings = (): string[] => journal.filter((line) => line.startsWith('warning'));
  for (let outage = 1; outage <= 2; outage += 1) {
    for (let second = 0; second < 30; second += 1) {
      clock.advance(1_000);
      for (const request of world.pending.splice(0)) request.fail('unavailable', 'connect ETIMEDOUT');
      await promisesSettled();
    }
    assert.equal(elector.isLeader, true);
    assert.equal(elector.explain().failure, 'connect ETIMEDOUT');
    assert.equal(warnings().length, 2 * outage - 1);
    // It is over with a bookmark, if nothing else is answered.
    world.stream('lease').sink.opened();
    world.stream('lease').sink.event({ type: 'bookmark', resourceVersion: String(100 * outage) });
    await promisesSettled();
    assert.equal(warnings().length, 2 * outage);
  }
  assert.deepEqual(warnings(), [
    'warning: api-unreachable',
    'warning: api-reachable',
    'warning: api-unreachable',
    'warning: api-reachable',
  ]);
  for (let stall = 0; stall < 5; stall += 1) {
    clock.stall(60_000);
    for (const request of world.pending.splice(0)) request.fail('unavailable', 'no answer within 10 s');
    await promisesSettled();
    world.stream('lease').sink.event({ type: 'bookmark', resourceVersion: String(1_000 + stall) });
    await promisesSettled();
  }
  assert.equal(warnings().length, 4);
  void elector.stop();
  await promisesSettled();
});

test('writes that fail for 10 s while reads succeed are warned of, and their end', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const { world, clock, elector, journal } = scripted;
  const warnings = (): string[] => journal.filter((line) => line.startsWith('warning'));
  for (let second = 0; second < 30; second += 1) {
    clock.advance(1_000);
    for (const request of world.pending.splice(0)) {
      if (request.call === 'read lease') request.succeed(scripted.lease);
      else if (request.call === 'read pod web-0') request.succeed(OWN_POD);
      else request.fail('unavailable', 'failed calling webhook');
    }
    await promisesSettled();
  }
  assert.equal(elector.isLeader, true);
  assert.deepEqual(warnings(), ['warning: writes-failing']);
  clock.advance(5_000);
  const renewal = world.take('replace lease');
  renewal.succeed({ ...scripted.lease, ...renewal.content, resourceVersion: '14' });
  await promisesSettled();
  assert.deepEqual(warnings(), ['warning: writes-failing', 'warning: writes-accepted']);
  void elector.stop();
  await promisesSettled();
});

test('an outage that a write meets first is no failure of writes, and none follows when it is over', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const { world, clock, elector, journal } = scripted;
  const warnings = (): string[] => journal.filter((line) => line.startsWith('warning'));
  world.take('list pod web-0').succeed({ items: [OWN_POD], resourceVersion: '12' });
  await promisesSettled();
  for (const stream of world.streams) stream.sink.opened();
  clock.advance(10_000);
  const renewal = world.take('replace lease');
  // Nothing else is asked until that renewal has timed out.
  for (let second = 0; second < 10; second += 1) {
    clock.advance(1_000);
    await promisesSettled();
  }
  renewal.fail('unavailable', 'no answer within 10 s');
  for (let second = 0; second < 10; second += 1) {
    await promisesSettled();
    for (const request of world.pending.splice(0)) request.fail('unavailable', 'connect ETIMEDOUT');
    clock.advance(1_000);
  }
  assert.deepEqual(warnings(), ['warning: api-unreachable']);
  world.stream('lease').sink.opened();
  for (let second = 0; second < 3; second += 1) {
    world.stream('lease').sink.event({ type: 'bookmark', resourceVersion: String(100 + second) });
    clock.advance(1_000);
    await promisesSettled();
  }
  assert.deepEqual(warnings(), ['warning: api-unreachable', 'warning: api-reachable']);
  void elector.stop();
  await promisesSettled();
});

test('an elector that has stopped warns of no API server', async () => {
  const scripted = new ScriptedElector();
  void scripted.elector.start();
  await promisesSettled();
  await scripted.elector.stop();
  scripted.run(60);
  await promisesSettled();
  assert.deepEqual(scripted.journal, ['stopped']);
});

// explain() while the Pod is identified

for (const [what, failed, reason] of [
  ['cannot be reached', REFUSED, 'api-unreachable'],
  ['does not accept the token', failure('unauthorized'), 'unauthorized'],
  ['refuses the read', forbidden('get', 'pods'), 'forbidden'],
] as const) {
  test(`explain() reports the failure while the Pod is identified: the API server ${what}`, async () => {
    const { elector, answered } = bound(new Entering().listening());
    assert.deepEqual([elector.explain().reason, elector.explain().failure], ['not-started', null]);
    void elector.start();
    await promisesSettled();
    assert.equal(elector.explain().reason, 'starting');
    await answered({ ok: false, failure: failed });
    const explanation = elector.explain();
    assert.equal(explanation.reason, reason);
    assert.ok(explanation.message.endsWith(failed.message), explanation.message);
    assert.equal(explanation.failure, reason === 'forbidden' ? null : failed.message);
    assert.deepEqual(explanation.missingRules, failed.missingRule === null ? [] : [failed.missingRule]);
    await elector.stop();
  });
}

test('explain() reports a shortage that keeps the credentials from being read', async () => {
  let isShort = true;
  const entering = new Entering(async () => {
    if (isShort) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  });
  void entering.elector.start();
  await promisesSettled();
  const { reason, failure: failed, endsWhen } = entering.elector.explain();
  assert.equal(reason, 'starting');
  assert.match(failed ?? '', /credentials cannot be read at the moment.*EMFILE/);
  assert.equal(endsWhen, 'the shortage is over');
  isShort = false;
  await entering.run(1);
  await entering.identified();
  assert.equal(entering.elector.explain().failure, null);
  await entering.elector.stop();
});

function bound(entering: Entering): Pick<Entering, 'elector' | 'answered'> {
  return { elector: entering.elector, answered: (answer) => entering.answered(answer) };
}

// Nobody listens

interface ProcessWarning extends Error {
  readonly code?: string;
  readonly detail?: string;
}

/** The warnings of electors that the process is given during a test. */
function processWarnings(t: TestContext): ProcessWarning[] {
  const warnings: ProcessWarning[] = [];
  const note = (warning: ProcessWarning): void => {
    if (warning.name.startsWith('LeaseElector')) warnings.push(warning);
  };
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  return warnings;
}

/** Process warnings are emitted in the next tick. */
async function ticked(): Promise<void> {
  await new Promise((resolve) => process.nextTick(resolve));
  await promisesSettled();
}

test('a job that fails while nobody listens is printed once, with its cause', async (t) => {
  const warnings = processWarnings(t);
  const scripted = new ScriptedElector({ onElected: () => Promise.reject(new Error('no such table')) });
  scripted.elector.removeAllListeners();
  await scripted.lead();
  await ticked();
  assert.deepEqual(
    warnings.map(({ name, code }) => [name, code]),
    [['LeaseElectorError', 'ERR_LEASE_ELECTOR_CALLBACK']],
  );
  assert.match(warnings[0]?.message ?? '', /^onElected failed: no such table\. .*Exit the process.*stepDown\(\)/);
  assert.match(warnings[0]?.detail ?? '', /Error: no such table\n +at /);

  scripted.elector.on('renewed', () => {
    throw new Error('a second error of the same code');
  });
  scripted.clock.advance(10_000);
  const renewal = scripted.world.take('replace lease');
  renewal.succeed({ ...scripted.lease, ...renewal.content, resourceVersion: '13' });
  await ticked();
  assert.equal(warnings.length, 1, 'once per code');
  void scripted.elector.stop();
  await promisesSettled();
});

test('with a listener, nothing is printed', async (t) => {
  const warnings = processWarnings(t);
  const scripted = new ScriptedElector({ onElected: () => Promise.reject(new Error('no such table')) });
  await scripted.lead();
  await ticked();
  assert.deepEqual(scripted.journal.slice(-1), ['error: ERR_LEASE_ELECTOR_CALLBACK']);
  assert.deepEqual(warnings, []);
});

test('a warning that nobody listens to is printed once per code', async (t) => {
  const warnings = processWarnings(t);
  const entering = new Entering();
  void entering.elector.start();
  await promisesSettled();
  for (let outage = 0; outage < 2; outage += 1) {
    await entering.fails(15, REFUSED);
    await entering.answered({ ok: false, failure: failure('throttled') });
    await entering.run(2);
  }
  await ticked();
  assert.deepEqual(
    warnings.map(({ name, code }) => [name, code]),
    [
      ['LeaseElectorWarning', 'api-unreachable'],
      ['LeaseElectorWarning', 'api-reachable'],
    ],
  );
  await entering.elector.stop();
});

for (const [what, thrown] of [
  ['an object without a prototype', Object.create(null)],
  [
    'an error whose inspection throws',
    Object.assign(new Error('x'), {
      [Symbol.for('nodejs.util.inspect.custom')]: () => {
        throw new Error('no');
      },
    }),
  ],
  ['nothing', undefined],
] as const) {
  test(`a job that throws ${what} harms nobody`, async (t) => {
    const warnings = processWarnings(t);
    const scripted = new ScriptedElector({ onElected: () => Promise.reject(thrown) });
    scripted.elector.removeAllListeners();
    await scripted.lead();
    await ticked();
    assert.equal(scripted.elector.explain().reason, 'leading-idle');
    assert.ok(warnings.length <= 1);
  });
}

test('a process warning that cannot be emitted harms nobody', async (t) => {
  t.mock.method(process, 'emitWarning', () => {
    throw new Error('this process has its own ideas');
  });
  const scripted = new ScriptedElector({ onElected: () => Promise.reject(new Error('no such table')) });
  scripted.elector.removeAllListeners();
  await scripted.lead();
  assert.equal(scripted.elector.isLeader, true);
});

// Work that has ended while its Pod leads

test('a leader whose work has failed says so, until the term is over', async () => {
  const scripted = new ScriptedElector({ onElected: () => Promise.reject(new Error('no such table')) });
  const { elector, clock } = scripted;
  const failedAtMs = clock.wallMs();
  await scripted.lead();
  clock.advance(5_000);
  const explanation = elector.explain();
  assert.equal(explanation.reason, 'leading-idle');
  assert.equal(explanation.error, 'no such table');
  assert.equal(explanation.since?.getTime(), failedAtMs);
  assert.match(explanation.message, /^This process leads, in Pod web-0; its work has failed \(no such table\): exit/);
  void elector.stop();
  await promisesSettled();
  assert.notEqual(elector.explain().reason, 'leading-idle');
});

test('a leader whose work has ended says so, unless it has jobs of leaderOnly', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const scripted = new ScriptedElector({ onElected: () => promise });
  const { elector } = scripted;
  await scripted.lead();
  assert.equal(elector.explain().reason, 'leading');
  resolve();
  await promisesSettled();
  assert.equal(elector.explain().reason, 'leading-idle');
  assert.equal(elector.explain().error, null);
  assert.match(elector.explain().message, /its work has ended/);
  elector.leaderOnly(() => undefined);
  assert.equal(elector.explain().reason, 'leading');
});

test('a leader whose work has ended says so, whatever else watches for stalls of the process', async () => {
  const scripted = new ScriptedElector({ onElected: async () => undefined, progressTimeoutMs: 60_000 });
  await scripted.lead();
  await promisesSettled();
  assert.equal(scripted.elector.explain().reason, 'leading-idle');
});

for (const [what, onElected] of [
  ['without work', undefined],
  ['whose work began in the background', () => 'begun'],
] as const) {
  test(`a leader ${what} is not called idle`, async () => {
    const scripted = new ScriptedElector(onElected === undefined ? {} : { onElected });
    await scripted.lead();
    assert.equal(scripted.elector.explain().reason, 'leading');
  });
}

test('the error of work that outlived its term does not say that this process leads', async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const scripted = new ScriptedElector({ onElected: () => promise });
  const errors: LeaseElectorError[] = [];
  scripted.elector.on('error', (error) => errors.push(error));
  await scripted.lead();
  void scripted.elector.stop();
  await promisesSettled();
  reject(new Error('aborted'));
  await promisesSettled();
  assert.match(errors[0]?.message ?? '', /^onElected failed: aborted\. The term of this work had already ended/);
});

// Starting and stopping

test('an elector is idle before start(), and start() after stop() rejects', async () => {
  const scripted = new ScriptedElector();
  const { elector } = scripted;
  assert.equal(elector.state, 'idle');
  const started = elector.start();
  assert.equal(elector.state, 'starting');
  await promisesSettled();
  await scripted.shown(null);
  scripted.world.take(`read pod ${SELF.name}`).succeed(OWN_POD);
  await promisesSettled();
  scripted.world.take('create lease').fail('forbidden');
  await elector.stop();
  await assert.rejects(started, { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });
});

test('start() of an elector that has led and was stopped rejects', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const { elector } = scripted;
  const started = elector.start();
  await started;
  const stopped = elector.stop();
  await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  scripted.world.take(`read pod ${SELF.name}`).succeed(OWN_POD);
  await stopped;
  await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  void elector.start();
});

const MISSING = new LeaseElectorError('ERR_LEASE_ELECTOR_CREDENTIALS', 'The exec plug-in cannot be started');

for (const [what, start] of [
  ['nobody waits for', (elector: LeaseElector) => void elector.start()],
  ['somebody dropped', (elector: LeaseElector) => void (elector.start() instanceof Promise)],
] as const) {
  test(`a failed start that ${what} is an error event, and explain() keeps what ended it`, async () => {
    const { elector } = new Entering(() => Promise.reject(MISSING));
    const journal = journalOf(elector);
    start(elector);
    await promisesSettled();
    assert.deepEqual(journal, ['error: ERR_LEASE_ELECTOR_CREDENTIALS', 'stopped']);
    const { reason, message, error } = elector.explain();
    assert.deepEqual([reason, error], ['stopped', MISSING.message]);
    assert.match(message, /has ended with an error.*The exec plug-in cannot be started$/);
    await assert.rejects(elector.start(), MISSING);
  });
}

for (const [what, take] of [
  ['awaits', async (elector: LeaseElector) => elector.start()],
  ['catches', (elector: LeaseElector) => Promise.race([elector.start()])],
] as const) {
  test(`a failed start that the caller ${what} is no event`, async () => {
    const { elector } = new Entering(() => Promise.reject(MISSING));
    const journal = journalOf(elector);
    await assert.rejects(take(elector), MISSING);
    assert.deepEqual(journal, ['stopped']);
    assert.equal(elector.explain().error, MISSING.message);
  });
}

test('a failed start that nobody waits for, and nobody hears of, is printed', async (t) => {
  const warnings = processWarnings(t);
  const { elector } = new Entering(() => Promise.reject(MISSING));
  void elector.start();
  await ticked();
  await ticked();
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_LEASE_ELECTOR_CREDENTIALS'],
  );
  assert.equal(elector.state, 'stopped');
});

test('a start that the election refuses, and nobody waits for, is an error event; explain() keeps the missing rule', async () => {
  const scripted = new ScriptedElector({ startGraceMs: 0 });
  void scripted.elector.start();
  await promisesSettled();
  scripted.world.reportLock('held');
  scripted.world.take('list lease').fail('forbidden');
  await promisesSettled();
  assert.deepEqual(scripted.journal, ['error: ERR_LEASE_ELECTOR_FORBIDDEN', 'stopped']);
  assert.equal(scripted.elector.explain().reason, 'stopped');
  assert.equal(scripted.elector.explain().error, 'forbidden');
});

test('explain() keeps the missing rule of a read that ended the start', async () => {
  const entering = new Entering(undefined, { startGraceMs: 0 });
  const journal = journalOf(entering.elector);
  void entering.elector.start();
  await promisesSettled();
  const refusal = forbidden('get', 'pods');
  await entering.answered({ ok: false, failure: refusal });
  assert.deepEqual(journal, ['error: ERR_LEASE_ELECTOR_FORBIDDEN', 'stopped']);
  const { reason, error, missingRules } = entering.elector.explain();
  assert.deepEqual([reason, error, missingRules], ['stopped', refusal.message, [refusal.missingRule]]);
});

test('a start that stop() ends is no error event', async () => {
  const entering = new Entering();
  const journal = journalOf(entering.elector);
  void entering.elector.start();
  await promisesSettled();
  await entering.elector.stop();
  assert.deepEqual(journal, ['stopped']);
  assert.equal(entering.elector.explain().error, null);
});

test('a failure of a start that is no LeaseElectorError becomes one', async () => {
  const { elector } = new Entering(() => Promise.reject(new TypeError('undefined is not a function')));
  await assert.rejects(elector.start(), {
    code: 'ERR_LEASE_ELECTOR_INVARIANT',
    message: /undefined is not a function/,
  });
});

// Numbers

test('durations are whole numbers of milliseconds', async () => {
  class FractionalClock extends ManualClock {
    override nowMs(): number {
      return super.nowMs() + 0.123456;
    }
  }
  const scripted = new ScriptedElector({}, new FractionalClock());
  await scripted.lead();
  scripted.clock.advance(0.4);
  const { elector } = scripted;
  for (const number of [
    elector.unverifiedForMs,
    elector.explain().unverifiedForMs,
    elector.leader?.renewTimeAgeMs,
    elector.explain().leader?.renewTimeAgeMs,
  ]) {
    assert.ok(Number.isInteger(number), String(number));
  }
});
