/**
 * Checks when a failed publication is attempted again, what its warnings say, and how publishing ends.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import { CLOSING_LIMIT_MS, type PublisherWishes } from '../../src/publishing/publisher.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { LABEL, OTHER, ScriptedPublisher, SELF } from './scripted-publisher.ts';

/** The moments of the first attempts of an Event, in milliseconds after the first of them. */
async function attemptsOf(failing: (attempt: number) => RequestFailureKind, seconds: number): Promise<number[]> {
  const scripted = new ScriptedPublisher({ events: true });
  const attempts: number[] = [];
  const beganMs = scripted.clock.nowMs();
  scripted.failing = () => {
    attempts.push(scripted.clock.nowMs() - beganMs);
    return failing(attempts.length);
  };
  await scripted.elected();
  for (let elapsedMs = 0; elapsedMs < seconds * 1_000; elapsedMs += 1) {
    scripted.clock.advance(1);
    if (scripted.clock.timers.size === 0) await promisesSettled();
  }
  return attempts;
}

/** The pauses between these moments. */
function pausesOf(attempts: readonly number[]): number[] {
  return attempts.slice(1).map((atMs, index) => atMs - (attempts[index] ?? 0));
}

test('an attempt is repeated soon after four temporary failures, and then as rarely as a refused request', async () => {
  const pauses = pausesOf(await attemptsOf(() => 'unavailable', 40));
  assert.deepEqual(pauses, [188, 375, 750, 1_500, 3_000, 6_000, 12_000, 12_000]);
});

test('a refused request is repeated when the refusal is believed, and then rarely', async () => {
  const attempts = await attemptsOf(() => 'forbidden', 100);
  // The third pause would end after 5 s. It is shorter, so that a warning comes in time.
  assert.deepEqual(attempts, [0, 750, 2_250, 5_000, 11_000, 23_000, 35_000, 80_000]);
});

test('a refusal after temporary failures is a new failure', async () => {
  const scripted = new ScriptedPublisher({ events: true });
  scripted.failing = () => 'unavailable';
  await scripted.elected();
  await scripted.run(30);
  scripted.failing = () => 'forbidden';
  const { length } = scripted.calls;
  while (scripted.calls.length === length) await scripted.run(1);
  await scripted.run(4);
  assert.deepEqual(scripted.warnings, [], 'the refusal began less than 5 s ago');
  await scripted.run(1);
  assert.deepEqual(scripted.warnings, ['event-create-failing']);
});

const LABEL_EFFECT = `the Service that selects ${LABEL} does not lead to the leader's Pod`;
const COST_EFFECT = "a scale-down does not spare the leader's Pod";

const EFFECTS: readonly (readonly [what: string, wishes: Partial<PublisherWishes>, effect: string, title: string])[] = [
  ['the label', { leaderLabel: LABEL }, LABEL_EFFECT, '`patch` on pods'],
  ['the cost', { podDeletionCost: 100 }, COST_EFFECT, '`patch` on pods'],
  [
    'the label and the cost',
    { leaderLabel: LABEL, podDeletionCost: 100 },
    `${LABEL_EFFECT}, and ${COST_EFFECT}`,
    '`patch` on pods',
  ],
  ['an Event', { events: true }, 'no Event about the Lease is written', '`create` on events'],
];

for (const [what, wishes, effect, title] of EFFECTS) {
  test(`the warnings name the effect and the end when ${what} cannot be written`, async () => {
    const scripted = new ScriptedPublisher(wishes);
    scripted.failing = (call) => (call.startsWith('read') ? null : 'forbidden');
    await scripted.elected();
    await scripted.run(10);
    scripted.failing = () => null;
    await scripted.run(60);
    assert.deepEqual(scripted.messages, [
      `forbidden. Until then ${effect}. The election continues.`,
      `${title} is accepted again.`,
    ]);
  });
}

test('a leader keeps its label when it was the last leader that was seen', async () => {
  const scripted = new ScriptedPublisher({ leaderLabel: LABEL });
  scripted.publisher.leaderChanged({ ...SELF, acquireTimeMs: null, renewalObservedAtMs: null });
  await scripted.elected();
  assert.deepEqual(scripted.labelAndCost(), ['true', undefined]);
  assert.deepEqual(scripted.calls, ['read web-0', 'patch web-0']);
});

test('a leader removes its label when its term ends while it reads the previous leader', async () => {
  const scripted = new ScriptedPublisher({ leaderLabel: LABEL });
  scripted.publisher.leaderChanged({ ...OTHER, acquireTimeMs: null, renewalObservedAtMs: null });
  scripted.failing = (call) => {
    if (call === `read ${OTHER.name}` && scripted.labelAndCost()[0] === 'true') scripted.publisher.demoted('stopped');
    return null;
  };
  await scripted.elected();
  await scripted.run(1);
  assert.deepEqual(scripted.labelAndCost(), [undefined, undefined]);
});

test('a candidate reads no Pod when only Events are published', async () => {
  const scripted = new ScriptedPublisher({ events: true });
  scripted.publisher.followed();
  await promisesSettled();
  assert.deepEqual(scripted.calls, []);
});

test('the next check keeps no process alive', async () => {
  const scripted = new ScriptedPublisher({ leaderLabel: LABEL });
  await scripted.elected();
  assert.deepEqual(
    [...scripted.clock.timers].map(({ background }) => background),
    [true],
  );
});

test('a second close() sets no second limit', async () => {
  const scripted = new ScriptedPublisher({ events: true });
  scripted.holds = true;
  await scripted.elected();
  const closed = scripted.publisher.close();
  scripted.clock.advance(CLOSING_LIMIT_MS - 1);
  assert.equal(scripted.publisher.close(), closed);
  assert.equal(scripted.clock.timers.size, 1);
  scripted.clock.advance(1);
  await closed;
  assert.equal(scripted.clock.timers.size, 0);
});

test('the publisher sends no further request when a request rejects, which is a defect', async () => {
  const scripted = new ScriptedPublisher({ leaderLabel: LABEL, events: true });
  scripted.failing = () => {
    throw new Error('no port rejects');
  };
  await scripted.elected();
  scripted.failing = () => null;
  const { length } = scripted.calls;
  await scripted.demoted();
  await scripted.run(120);
  assert.equal(scripted.calls.length, length);
  await scripted.publisher.close();
});
