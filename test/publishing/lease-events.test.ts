/**
 * Checks the queue of Events one attempt at a time, and the names of the Events.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, LeaseEvent } from '../../src/driver/ports.ts';
import { EVENT_LIFETIME_MS, EVENT_QUEUE_LIMIT, LeaseEvents } from '../../src/publishing/lease-events.ts';
import { failureOf } from '../driver/scripted-ports.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { SELF } from './scripted-publisher.ts';

/** The Events of a process, whose writes the test answers. */
class ScriptedEvents {
  readonly clock: ManualClock;
  readonly events: LeaseEvents;
  readonly writes: { readonly event: LeaseEvent; readonly answer: (answer: Answer<null>) => void }[] = [];

  constructor(lease = 'web', start?: string) {
    this.clock = new ManualClock(start);
    this.events = new LeaseEvents({
      port: {
        readPodMetadata: () => assert.fail('no Pod is read'),
        patchPodMetadata: () => assert.fail('no Pod is changed'),
        createEvent: (event) => new Promise((answer) => this.writes.push({ event, answer })),
      },
      self: SELF,
      lease,
      clock: this.clock,
      random: { next: () => 0.5 },
    });
  }

  elected(leaseUid = 'lease-1'): void {
    this.events.elected({ fencingToken: '7', leaseUid, acquireTimeMs: 0, resumed: false });
  }

  /** Makes one attempt, whose write succeeds. */
  async written(): Promise<LeaseEvent> {
    const attempt = this.events.attempt();
    const write = this.writes.at(-1);
    assert.ok(write);
    write.answer({ ok: true, value: null });
    assert.equal(await attempt, 'written');
    return write.event;
  }
}

test('an attempt changes nothing when no Event waits', async () => {
  const { events, writes } = new ScriptedEvents();
  assert.equal(events.isPending, false);
  assert.equal(await events.attempt(), 'unchanged');
  assert.deepEqual(writes, []);
});

test('an Event is written until it is older than an hour, on a machine that has run for a day', async () => {
  const scripted = new ScriptedEvents();
  const { clock, events, writes } = scripted;
  clock.advance(86_400_000);
  scripted.elected();
  clock.advance(EVENT_LIFETIME_MS);
  const attempt = events.attempt();
  assert.equal(writes.length, 1);
  clock.advance(1);
  writes[0]?.answer({ ok: false, failure: failureOf('unavailable') });
  await attempt;
  assert.equal(await events.attempt(), 'unchanged', 'the Event is too old');
  assert.deepEqual([writes.length, events.isPending], [1, false]);
});

test('no Event is lost when the queue drops the Event that is being written', async () => {
  const scripted = new ScriptedEvents();
  scripted.elected('lease-0');
  const attempt = scripted.events.attempt();
  for (let term = 1; term <= EVENT_QUEUE_LIMIT; term += 1) scripted.elected(`lease-${term}`);
  scripted.writes[0]?.answer({ ok: true, value: null });
  assert.equal(await attempt, 'written');
  assert.equal((await scripted.written()).leaseUid, 'lease-1');
});

test('no Event waits after stop()', async () => {
  const scripted = new ScriptedEvents();
  scripted.elected();
  scripted.events.stop();
  assert.equal(scripted.events.isPending, false);
  assert.equal(await scripted.events.attempt(), 'unchanged');
  assert.deepEqual(scripted.writes, []);
});

/** The nanoseconds of 2027-01-15T08:00:01Z and half a millisecond, as client-go writes them. */
const SUFFIX = (BigInt(Date.parse('2027-01-15T08:00:01Z')) * 1_000_000n + 500_000n).toString(16);

const NAMES: readonly (readonly [what: string, lease: string, part: string])[] = [
  ['the whole name of the Lease', 'my-app.web', 'my-app.web'],
  ['at most 230 characters of the name of the Lease', 'x'.repeat(253), 'x'.repeat(230)],
  ['no hyphen before the digits', `${'x'.repeat(228)}--y`, 'x'.repeat(228)],
  ['no dot before the digits', `${'x'.repeat(229)}.y`, 'x'.repeat(229)],
];

for (const [what, lease, part] of NAMES) {
  test(`the name of an Event has ${what}, and the time in nanoseconds`, async () => {
    const scripted = new ScriptedEvents(lease);
    scripted.elected();
    assert.equal((await scripted.written()).name, `${part}.${SUFFIX}`);
  });
}

test('the next name is greater by one when the clock was set back', async () => {
  const scripted = new ScriptedEvents();
  scripted.elected();
  await scripted.written();
  scripted.clock.jumpWall(-3_600_000);
  scripted.events.demoted('stopped');
  assert.equal((await scripted.written()).name, `web.${(BigInt(`0x${SUFFIX}`) + 1n).toString(16)}`);
  scripted.clock.jumpWall(3_600_000);
  scripted.clock.advance(1);
  scripted.elected();
  assert.equal((await scripted.written()).name, `web.${(BigInt(`0x${SUFFIX}`) + 1_000_000n).toString(16)}`);
});

test('the name of an Event is valid when the clock shows a time before 1970', async () => {
  const scripted = new ScriptedEvents('web', '1960-01-01T00:00:00Z');
  scripted.elected();
  assert.equal((await scripted.written()).name, `web.${(500_000).toString(16)}`);
});
