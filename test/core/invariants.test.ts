// Checks that a step throws when the knowledge contradicts the role. No sequence of facts leads to such a state, so the
// states are made by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../../src/core/election.ts';
import type { Fact } from '../../src/core/input.ts';
import type { Knowledge } from '../../src/core/state.ts';
import { follows, leads, RIVAL, type Story } from './story.ts';

/** A timer that a leader does not wait for: the step only checks the state. */
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
    "a step throws when a leader's Lease is known to have no holder",
    { knownHolder: null },
    nothing,
    'leads with a Lease that its Pod does not hold',
  ],
  [
    "a step throws when a leader's Lease is known to be another Pod's",
    { knownHolder: { ...holder, pod: RIVAL } },
    nothing,
    'leads with a Lease that its Pod does not hold',
  ],
  [
    "a step throws when a leader's Pod is known to be gone",
    { knownHolder: { ...holder, liveness: 'gone' } },
    nothing,
    'leads without its Pod',
  ],
  [
    "a step throws when a leader's Pod must never lead again",
    { disqualifiedBy: 'pod-deleted' },
    { type: 'stopRequested', release: 'always' },
    'leads without its Pod',
  ],
  [
    "a step throws when a leader's Lease is known to be released",
    { knownHolder: { ...holder, released: true } },
    nothing,
    'leads with a Lease that was given up',
  ],
];

for (const [rule, defect, fact, message] of defects) {
  test(rule, () => assert.throws(() => take(leads(), defect, fact), { name: 'InvariantError', message }));
}

test('a step of a leader does not throw when its knowledge is consistent', () => {
  assert.doesNotThrow(() => take(leads(), {}, nothing));
  assert.doesNotThrow(() => take(leads(), { disqualifiedBy: 'pod-terminating' }, nothing));
});

test('a step of a candidate does not throw when it knows any of this', () => {
  const gone = { ...knownHolderOf(follows()), liveness: 'gone', released: true } as const;
  assert.doesNotThrow(() => take(follows(), { knownHolder: gone, disqualifiedBy: 'pod-deleted' }, nothing));
});
