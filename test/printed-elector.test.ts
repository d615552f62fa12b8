/**
 * Checks how logs show an elector and its term: by `console.log` and as JSON.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { LeaseElector } from '../src/lease-elector.ts';
import { ScriptedElector } from './worlds/scripted-elector.ts';

test('an elector that leads is printed with its state, leader, term and unverifiedForMs', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const since = scripted.elector.leader?.since?.toISOString();
  scripted.clock.advance(1_500);
  assert.equal(
    inspect(scripted.elector, { breakLength: Number.POSITIVE_INFINITY, compact: 10 }),
    "LeaseElector { state: 'leader', leader: { name: 'web-0', uid: 'pod-0', " +
      `since: ${since}, renewTimeAgeMs: 1500 }, term: { fencingToken: 11n, resumed: false, leaseUid: 'lease-1', ` +
      `acquireTime: ${since} }, unverifiedForMs: 1500 }`,
  );
  const written = JSON.parse(JSON.stringify(scripted.elector));
  assert.deepEqual(written, {
    state: 'leader',
    leader: { name: 'web-0', uid: 'pod-0', since, renewTimeAgeMs: 1500 },
    term: { fencingToken: '11', resumed: false, leaseUid: 'lease-1', acquireTime: since },
    unverifiedForMs: 1500,
  });
});

test('an elector is printed before its start, and a nested one is cut like any object', () => {
  const elector = new LeaseElector();
  const shown = inspect(elector);
  assert.match(
    shown,
    /^LeaseElector \{\n? *state: '\w+',\n? *leader: undefined,\n? *term: undefined,\n? *unverifiedForMs: 0\n? *\}$/,
  );
  assert.equal(inspect({ one: { two: { elector } } }, { depth: 1, breakLength: 200 }), '{ one: { two: [Object] } }');
  assert.equal(inspect([[elector]], { depth: 1 }), '[ [ [LeaseElector] ] ]');
  class NightlyElector extends LeaseElector {}
  assert.match(inspect(new NightlyElector(), { colors: true }), /^NightlyElector \{/);
});

test('an elector at the depth of inspect is printed with the names of its objects only', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const printed = inspect(scripted.elector, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
  assert.match(printed, /^LeaseElector \{ state: 'leader', leader: \[Object\], term: \[Object\], /);
});

test('an elector is printed completely when inspect has no depth', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const printed = inspect(scripted.elector, { depth: null, breakLength: Number.POSITIVE_INFINITY });
  assert.match(printed, /^LeaseElector \{ state: 'leader', leader: \{ name: 'web-0', /);
});

test('an elector below the depth of inspect has the color of a special value', () => {
  const printed = inspect([[new LeaseElector()]], { depth: 1, colors: true });
  assert.equal(printed, '[ [ \u001b[36m[LeaseElector]\u001b[39m ] ]');
});

test('the JSON of a term has its token as a string of all digits', async () => {
  const scripted = new ScriptedElector();
  const term = await scripted.lead();
  const record = {
    fencingToken: '11',
    resumed: false,
    leaseUid: 'lease-1',
    acquireTime: term.acquireTime.toISOString(),
  };
  assert.deepEqual(JSON.parse(JSON.stringify({ term })), { term: record });
  assert.deepEqual(term.toJSON(), record);
  assert.deepEqual(Object.keys(term).sort(), ['acquireTime', 'fencingToken', 'leaseUid', 'resumed', 'signal']);
});

test('every object that the application receives can be written as JSON', async () => {
  const scripted = new ScriptedElector();
  const given: unknown[] = [];
  for (const event of ['elected', 'demoted', 'leaderChanged', 'renewed', 'stopped'] as const) {
    scripted.elector.on(event, (...args: unknown[]) => given.push([event, ...args]));
  }
  await scripted.lead();
  given.push(scripted.elector.explain(), scripted.elector);
  void scripted.elector.stop();
  scripted.run(30);
  assert.ok(given.length > 4);
  for (const one of given) assert.notEqual(JSON.stringify(one), undefined);
});
