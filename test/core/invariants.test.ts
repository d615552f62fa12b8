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

function knownHolderOf(story: Story): NonNullable<Knowledge['knownHolder']> {
  const { knownHolder } = story.state.knowledge;
  assert.ok(knownHolder !== null);
  return knownHolder;
}

function take(story: Story, defect: Partial<Knowledge>, fact: Fact): void {
  const state = { ...story.state, knowledge: { ...story.state.knowledge, ...defect } };
  step(state, { ...fact, nowMs: story.nowMs, wallMs: story.wallMs, random: 0 });
}

const holder = knownHolderOf(leads());

const defects: readonly [rule: string, defect: Partial<Knowledge>, fact: Fact, message: string][] = [
  [
    'nobody leads with a Lease that is known to have no holder',
    { knownHolder: null },
    nothing,
    'leads with a Lease that its Pod does not hold',
  ],
  [
    "nobody leads with a Lease that is known to be another Pod's",
    { knownHolder: { ...holder, pod: RIVAL } },
    nothing,
    'leads with a Lease that its Pod does not hold',
  ],
  [
    'nobody leads whose Pod is known to be gone',
    { knownHolder: { ...holder, liveness: 'gone' } },
    nothing,
    'leads without its Pod',
  ],
  [
    'nobody leads whose Pod may never lead again',
    { disqualifiedBy: 'pod-deleted' },
    { type: 'stopRequested', release: 'always' },
    'leads without its Pod',
  ],
  [
    'nobody leads with a Lease that is known to be given up',
    { knownHolder: { ...holder, released: true } },
    nothing,
    'leads with a Lease that was given up',
  ],
];

for (const [rule, defect, fact, message] of defects) {
  test(rule, () => assert.throws(() => take(leads(), defect, fact), { name: 'InvariantError', message }));
}

test('a leader whose knowledge is sound passes', () => {
  assert.doesNotThrow(() => take(leads(), {}, nothing));
  assert.doesNotThrow(() => take(leads(), { disqualifiedBy: 'pod-terminating' }, nothing));
});

test('who does not lead may know all of it', () => {
  const gone = { ...knownHolderOf(follows()), fate: 'gone', released: true } as const;
  assert.doesNotThrow(() => take(follows(), { knownHolder: gone, disqualifiedBy: 'pod-deleted' }, nothing));
});
