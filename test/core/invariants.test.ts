// Checks that a state which no rule leads to, because a rule is wrong, is noticed before it does harm: the step
// throws, whatever comes in. The states are made by hand, since no story leads to one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../../src/core/election.ts';
import type { Fact } from '../../src/core/input.ts';
import type { Knowledge } from '../../src/core/state.ts';
import { follows, leads, RIVAL, type Story } from './story.ts';

/** A timer that no leader waits for: nothing happens but the check. */
const nothing: Fact = { type: 'timerFired', timer: 'campaign' };

function incumbentOf(story: Story): NonNullable<Knowledge['incumbent']> {
  const { incumbent } = story.state.knowledge;
  assert.ok(incumbent !== null);
  return incumbent;
}

function take(story: Story, defect: Partial<Knowledge>, fact: Fact): void {
  const state = { ...story.state, knowledge: { ...story.state.knowledge, ...defect } };
  step(state, { ...fact, nowMs: story.nowMs, wallMs: story.wallMs, random: 0 });
}

const holder = incumbentOf(leads());

const defects: readonly [rule: string, defect: Partial<Knowledge>, fact: Fact, message: string][] = [
  [
    'nobody leads with a Lease that is known to have no holder',
    { incumbent: null },
    nothing,
    'leads with a Lease that its Pod does not hold',
  ],
  [
    "nobody leads with a Lease that is known to be another Pod's",
    { incumbent: { ...holder, pod: RIVAL } },
    nothing,
    'leads with a Lease that its Pod does not hold',
  ],
  [
    'nobody leads whose Pod is known to be gone',
    { incumbent: { ...holder, fate: 'gone' } },
    nothing,
    'leads without its Pod',
  ],
  [
    'nobody leads whose Pod may never lead again',
    { barred: 'pod-deleted' },
    { type: 'stopRequested', release: 'always' },
    'leads without its Pod',
  ],
  [
    'nobody leads with a Lease that is known to be given up',
    { incumbent: { ...holder, released: true } },
    nothing,
    'leads with a Lease that was given up',
  ],
];

for (const [rule, defect, fact, message] of defects) {
  test(rule, () => assert.throws(() => take(leads(), defect, fact), { name: 'InvariantError', message }));
}

test('a leader whose knowledge is sound passes', () => {
  assert.doesNotThrow(() => take(leads(), {}, nothing));
  assert.doesNotThrow(() => take(leads(), { barred: 'pod-terminating' }, nothing));
});

test('who does not lead may know all of it', () => {
  const gone = { ...incumbentOf(follows()), fate: 'gone', released: true } as const;
  assert.doesNotThrow(() => take(follows(), { incumbent: gone, barred: 'pod-deleted' }, nothing));
});
