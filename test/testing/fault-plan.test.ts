import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultEffects } from '../../src/testing/kit/faults/fault.ts';
import { Faults } from '../../src/testing/kit/faults/fault-plan.ts';
import type { RequestAttributes } from '../../src/testing/kit/request-filter.ts';
import { WatchTracker } from '../../src/testing/kit/watch-tracker.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const RENEWAL: RequestAttributes = { client: 'web-0', podUid: 'uid-0', verb: 'update', resource: 'leases' };
const READ: RequestAttributes = { ...RENEWAL, verb: 'get' };

function makeFaults(): Faults {
  return new Faults(new ManualClock(), new WatchTracker());
}

/** The effects on a request, in short. */
function words(effects: FaultEffects): string {
  const status = effects.outcome?.type === 'answer' ? ` ${effects.outcome.status}` : '';
  return `${effects.names.join('+')}${status}${effects.delayMs > 0 ? ` ${effects.delayMs} ms` : ''}`;
}

test('there are no faults by default', () => {
  assert.deepEqual(makeFaults().applyTo(RENEWAL), {
    names: [],
    delayMs: 0,
    outcome: undefined,
    cutsWatches: false,
    silenceMs: 0,
  });
});

test('a fault lasts until it is lifted, and counts the requests that it affected', () => {
  const faults = makeFaults();
  const fault = faults.refuse({ verb: 'update' });
  assert.deepEqual([words(faults.applyTo(RENEWAL)), words(faults.applyTo(READ))], ['refuse', '']);
  assert.deepEqual([fault.name, fault.hits, fault.active, faults.active], ['refuse', 1, true, [fault]]);
  fault.lift();
  fault.lift();
  assert.deepEqual([words(faults.applyTo(RENEWAL)), fault.hits, fault.active, faults.active], ['', 1, false, []]);
});

test('a fault with `times` ends after this number of matching requests', () => {
  const faults = makeFaults();
  const fault = faults.answer(503, { times: 2, verb: 'update' });
  const seen = [RENEWAL, READ, RENEWAL, RENEWAL].map((request) => words(faults.applyTo(request)));
  assert.deepEqual(seen, ['answer 503', '', 'answer 503', '']);
  assert.equal(fault.active, false);
});

test('delays add up, and only the first of several faults that end a request is counted', () => {
  const faults = makeFaults();
  faults.delay({ ms: 5 });
  faults.answer(500, { times: 1 });
  faults.delay({ ms: 7, times: 1 });
  const later = faults.answer(503, { times: 1 });
  assert.equal(words(faults.applyTo(RENEWAL)), 'delay+answer+delay 500 12 ms');
  assert.equal(later.hits, 0);
  assert.equal(words(faults.applyTo(RENEWAL)), 'delay+answer 503 5 ms');
});

test('delays of answers add up, and the first fault that closes the connection decides how', () => {
  const faults = makeFaults();
  faults.delayAnswer({ ms: 5 });
  faults.closeConnection({ announced: false });
  faults.delayAnswer({ ms: 7 });
  faults.closeConnection();
  const { answerDelayMs, closes, outcome } = faults.applyTo(RENEWAL);
  assert.deepEqual([answerDelayMs, closes, outcome], [12, 'silent', undefined]);
});

test('faults of connections affect only requests over a socket', () => {
  const faults = makeFaults();
  faults.resetReused();
  const seen = [{ number: 0, used: false }, { number: 0, used: true }, undefined];
  assert.deepEqual(
    seen.map((connection) => words(faults.applyTo(RENEWAL, connection))),
    ['', 'resetReused', ''],
  );
  faults.liftAll();
  faults.sickServer({ status: 500, of: 4, seed: 7 });
  const connections = Array.from({ length: 400 }, (_, number) => ({ number, used: false }));
  const sick = connections.filter((connection) => words(faults.applyTo(RENEWAL, connection)) === 'sickServer 500');
  assert.ok(sick.length > 70 && sick.length < 130, `${sick.length} of 400`);
  assert.equal(words(faults.applyTo(RENEWAL)), '');
  const again = connections.filter((connection) => faults.applyTo(READ, connection).outcome !== undefined);
  assert.deepEqual(again, sick, 'a connection stays at its server');
});

test('dropAnswer affects writes, unless verbs are given', () => {
  const faults = makeFaults();
  faults.dropAnswer();
  assert.deepEqual([words(faults.applyTo(READ)), words(faults.applyTo(RENEWAL))], ['', 'dropAnswer']);
  faults.liftAll();
  faults.dropAnswer({ verb: 'get' });
  assert.deepEqual([words(faults.applyTo(READ)), words(faults.applyTo(RENEWAL))], ['dropAnswer', '']);
});

test('liftAll lifts silences as well; a fault can be disposed of', () => {
  const faults = makeFaults();
  const [silence, delay] = [faults.silenceWatches({ client: 'web-0' }), faults.delay({ ms: 1 })];
  delay[Symbol.dispose]();
  assert.deepEqual(faults.active, [silence]);
  faults.liftAll();
  assert.deepEqual([silence.active, delay.active, faults.active], [false, false, []]);
});

for (const [name, inject, message] of [
  [
    'a delay without ms',
    (faults: Faults) => faults.delay({} as never),
    /ms, must be a number from 0 to 600000, but is undefined/,
  ],
  ['a negative delay', (faults: Faults) => faults.delay({ ms: -1 }), /but is -1/],
  ['a delay that is not a number', (faults: Faults) => faults.delay({ ms: Number.NaN }), /but is NaN/],
  ['a status that is not an error', (faults: Faults) => faults.answer(200), /whole number from 400 to 599, but is 200/],
  ['a status that is a text', (faults: Faults) => faults.answer('503' as never), /but is "503"/],
  ['times 0', (faults: Faults) => faults.refuse({ times: 0 }), /times, must be a whole number from 1/],
  ['times 0.5', (faults: Faults) => faults.dropAnswer({ times: 0.5 }), /times, must be a whole number from 1/],
  [
    'a late answer without ms',
    (faults: Faults) => faults.delayAnswer({} as never),
    /delayAnswer, ms, must be a number/,
  ],
  [
    'an announcement that is a text',
    (faults: Faults) => faults.closeConnection({ announced: 'no' as never }),
    /announced, must be true or false/,
  ],
  ['a reset of an unknown verb', (faults: Faults) => faults.resetReused({ verb: 'put' as never }), /knows no "put"/],
  [
    'a sick server with the status 200',
    (faults: Faults) => faults.sickServer({ status: 200 }),
    /status, must be a whole/,
  ],
  ['zero servers', (faults: Faults) => faults.sickServer({ of: 0 }), /of, must be a whole number from 1 to 1000/],
  ['an unknown key of a sick server', (faults: Faults) => faults.sickServer({ hangs: true } as never), /no "hangs"/],
  ['an unknown key', (faults: Faults) => faults.refuse({ time: 1 } as never), /faults.refuse knows no "time"/],
  [
    'a verb for watches',
    (faults: Faults) => faults.cutWatches({ verb: 'get' } as never),
    /knows no "verb"; it knows client, resource/,
  ],
  ['a verb for silence', (faults: Faults) => faults.silenceWatches({ verb: 'get' } as never), /knows no "verb"/],
  [
    'a fault with an unknown name',
    (faults: Faults) => faults.random(1, { drop: 1 } as never),
    /knows no "drop"; it knows delay, refuse/,
  ],
  [
    'a probability above 1',
    (faults: Faults) => faults.random(1, { delay: 2 }),
    /delay, must be a number from 0 to 1, but is 2/,
  ],
  ['a seed that is a text', (faults: Faults) => faults.random('a' as never, {}), /seed, must be a whole number/],
  [
    'an unknown option of random faults',
    (faults: Faults) => faults.random(1, {}, { status: 1 } as never),
    /knows no "status"/,
  ],
  ['an empty list of statuses', (faults: Faults) => faults.random(1, {}, { statuses: [] }), /statuses, must be a list/],
] as const) {
  test(`${name} is refused, and no fault is injected`, () => {
    const faults = makeFaults();
    assert.throws(() => inject(faults), message);
    assert.deepEqual(faults.active, []);
  });
}
