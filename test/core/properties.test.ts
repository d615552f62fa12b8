// Checks that no sequence of facts (late, repeated or contradictory) breaks an invariant of one elector, or leaves it
// in a state that nothing ends. fast-check prints the seed of a failure.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Effect } from '../../src/core/effect.ts';
import { step } from '../../src/core/election.ts';
import type { Succession } from '../../src/core/holder.ts';
import type { Fact } from '../../src/core/input.ts';
import type { LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import { LEAVING_LIMIT_MS, WITHDRAWAL_LIMIT_MS } from '../../src/core/leaving.ts';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import type { ElectionState } from '../../src/core/state.ts';
import { InvariantChecker } from './invariant-checker.ts';
import {
  CONFIG,
  describeRole,
  FAILURE_KINDS,
  failure,
  leaseOf,
  NAMESAKE,
  podOf,
  RIVAL,
  SELF,
  Story,
  stoppedPod,
  WALL_MS,
} from './story.ts';

const PODS: readonly PodReference[] = [SELF, RIVAL, NAMESAKE, { name: 'app-3', uid: 'pod-3' }];

const anyPod: fc.Arbitrary<PodReference> = fc.constantFrom(...PODS);
const anyPodRecord: fc.Arbitrary<PodRecord> = fc
  .tuple(anyPod, fc.boolean(), fc.boolean())
  .map(([pod, terminating, stopped]) => ({ ...(stopped ? stoppedPod(pod) : podOf(pod)), terminating }));
const anyVersion: fc.Arbitrary<string> = fc.integer({ min: 1, max: 40 }).map(String);
const anyLease: fc.Arbitrary<LeaseRecord> = fc
  .record({
    owner: fc.oneof(
      { weight: 6, arbitrary: fc.constant(SELF) },
      { weight: 5, arbitrary: anyPod },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    holderIdentity: fc.option(fc.constantFrom(SELF.name, RIVAL.name, 'sidecar')),
    resourceVersion: anyVersion,
    uid: fc.constantFrom('lease-1', 'lease-2', 'lease-3'),
    renewTimeMs: fc.option(fc.integer({ min: 0, max: 5 })),
    leaseDurationSeconds: fc.option(fc.integer({ min: 1, max: 20 })),
    leaseTransitions: fc.option(fc.nat(9)),
    releasedBy: fc.oneof(
      { weight: 8, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constantFrom(...PODS.map((pod) => pod.uid)) },
    ),
  })
  .map(({ owner, ...changes }) => leaseOf(owner, changes));
const anyFailure: fc.Arbitrary<RequestFailureKind> = fc.constantFrom(...FAILURE_KINDS);

/**
 * The answer to one of the unanswered requests (number `which`). The fields that do not fit the request are ignored.
 */
interface Answering {
  readonly which: number;
  readonly lease: LeaseRecord | null;
  readonly pod: PodRecord | null;
  readonly failed: RequestFailureKind | null;
}

/** One thing that happens: a fact, an answer, a timer that fires, or time that passes. */
type Happening =
  | { readonly type: 'fact'; readonly fact: Fact }
  | { readonly type: 'answer'; readonly answering: Answering }
  | { readonly type: 'timer'; readonly which: number }
  | { readonly type: 'wait'; readonly ms: number };

const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({ type: fc.constant('leaseObserved'), lease: anyLease, by: fc.constantFrom('list', 'watch') }),
  fc.record({ type: fc.constant('leaseDeleted'), lease: anyLease }),
  fc.record({ type: fc.constant('leaseAbsent'), resourceVersion: anyVersion }),
  fc.record({
    type: fc.constant('podObserved'),
    watched: anyPod,
    pod: anyPodRecord,
    by: fc.constantFrom('list', 'watch'),
  }),
  fc.record({ type: fc.constant('podDeleted'), watched: anyPod, pod: anyPodRecord }),
  fc.record({ type: fc.constant('podAbsent'), watched: anyPod }),
  fc.record({ type: fc.constant('leaseWatchFailed'), failure: anyFailure.map((kind) => failure(kind)) }),
  fc.record({ type: fc.constant('podWatchFailed'), watched: anyPod, failure: anyFailure.map((kind) => failure(kind)) }),
  fc.record({ type: fc.constant('timerFired'), timer: fc.constant('stale') }),
  fc.record({ type: fc.constant('siblingLockAnswered'), outcome: fc.constantFrom('held', 'taken', 'unsupported') }),
  fc.record({ type: fc.constant('workSettled'), drained: fc.boolean() }),
  fc.record({ type: fc.constant('stepDownRequested') }),
) as fc.Arbitrary<Fact>;

const anyStop: fc.Arbitrary<Fact> = fc.record({
  type: fc.constant('stopRequested'),
  release: fc.constantFrom('always', 'ifTerminating'),
});

/** An answer to a request that the elector does not await. */
const anyStaleAnswer: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({ type: fc.constant('leaseRead'), request: fc.constant(999_999), lease: fc.option(anyLease) }),
  fc.record({ type: fc.constant('leaseRemoved'), request: fc.constant(999_999) }),
  fc.record({
    type: fc.constant('podRead'),
    request: fc.constant(999_999),
    name: fc.constant(RIVAL.name),
    pod: fc.option(anyPodRecord),
  }),
  fc.record({
    type: fc.constant('requestFailed'),
    request: fc.constant(999_999),
    failure: anyFailure.filter((kind) => kind !== 'unauthorized').map((kind) => failure(kind)),
  }),
) as fc.Arbitrary<Fact>;

const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 24, arbitrary: fc.record({ type: fc.constant('fact'), fact: anyFact }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fact'), fact: anyStop }) },
  {
    weight: 32,
    arbitrary: fc.record({
      type: fc.constant('answer'),
      answering: fc.record({
        which: fc.nat(5),
        lease: fc.option(anyLease, { freq: 4 }),
        pod: fc.oneof(
          { weight: 4, arbitrary: fc.constant(podOf(SELF)) },
          { weight: 1, arbitrary: fc.option(anyPodRecord) },
        ),
        failed: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: anyFailure }),
      }),
    }),
  },
  { weight: 16, arbitrary: fc.record({ type: fc.constant('timer'), which: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('wait'), ms: fc.nat(20_000) }) },
) as fc.Arbitrary<Happening>;

/** The fact that follows from this happening in this story, or `null`. */
function factOf(story: Story, happening: Happening): Fact | null {
  switch (happening.type) {
    case 'fact':
      return happening.fact;
    case 'answer':
      return answerOf(story, happening.answering);
    case 'timer': {
      const timers = [...story.timers];
      const [timer, dueMs] = timers[happening.which % timers.length] ?? [];
      if (timer === undefined || dueMs === undefined) return null;
      story.wait(Math.max(0, dueMs - story.nowMs));
      return { type: 'timerFired', timer };
    }
    case 'wait':
      story.wait(happening.ms);
      return null;
  }
}

function answerOf(story: Story, { which, lease, pod, failed }: Answering): Fact | null {
  const waiting = [...story.inFlight.values()];
  const effect = waiting[which % waiting.length];
  if (effect === undefined) return null;
  const { request } = effect;
  if (failed !== null) return { type: 'requestFailed', request, failure: failure(failed) };
  switch (effect.type) {
    case 'readLease':
      return { type: 'leaseRead', request, lease };
    case 'readPod':
      return { type: 'podRead', request, name: effect.name, pod };
    case 'deleteLease':
      return { type: 'leaseRemoved', request };
    case 'createLease':
      return {
        type: 'leaseWritten',
        request,
        lease: leaseOf(SELF, {
          ...effect.content,
          resourceVersion: lease?.resourceVersion ?? '41',
          uid: lease?.uid ?? 'lease-4',
        }),
      };
    case 'replaceLease':
      return {
        type: 'leaseWritten',
        request,
        lease: { ...effect.lease, ...effect.content, resourceVersion: lease?.resourceVersion ?? '41' },
      };
  }
}

/** How an election starts, and what happens then. */
interface History {
  readonly succession: Succession;
  readonly first: LeaseRecord | null | 'nothing' | 'leads';
  readonly happenings: readonly Happening[];
}

/** The election starts with a Lease, without one, as a leader, or without an answer to its first list. */
function anyHistory(maxLength: number): fc.Arbitrary<History> {
  return fc.record({
    succession: fc.constantFrom('pod-deleted', 'pod-stopped'),
    first: fc.oneof(
      { weight: 4, arbitrary: anyLease },
      { weight: 4, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constant('nothing' as const) },
      { weight: 6, arbitrary: fc.constant('leads' as const) },
    ),
    happenings: fc.array(anyHappening, { maxLength, size: 'max' }),
  });
}

/** Plays a history into a new story. `after` runs after each happening. */
function play(
  { succession, first, happenings }: History,
  checker: InvariantChecker = new InvariantChecker(),
  after?: (story: Story) => void,
): Story {
  const story = new Story({ ...CONFIG, succession });
  checker.take(story, { type: 'started' });
  checker.take(story, { type: 'siblingLockAnswered', outcome: 'held' });
  if (first === null || first === 'leads') checker.take(story, { type: 'leaseAbsent', resourceVersion: '1' });
  else if (first !== 'nothing') checker.take(story, { type: 'leaseObserved', lease: first, by: 'list' });
  if (first === 'leads') {
    checker.take(story, { type: 'podRead', request: story.request('readPod'), name: SELF.name, pod: podOf(SELF) });
    const lease = leaseOf(SELF, { ...story.content('createLease'), resourceVersion: '2' });
    checker.take(story, { type: 'leaseWritten', request: story.request('createLease'), lease });
  }
  for (const happening of happenings) {
    const fact = factOf(story, happening);
    if (fact !== null) checker.take(story, fact);
    after?.(story);
  }
  return story;
}

function stepNow(story: Story, fact: Fact): ReturnType<typeof step> {
  return step(story.state, { ...fact, nowMs: story.nowMs, wallMs: story.wallMs, random: story.random });
}

/** A fact that the elector ignores. It shows which effects the passing of time alone causes. */
const NOTHING: Fact = { type: 'podAbsent', watched: { name: 'nobody', uid: 'nobody' } };

test('an elector keeps its invariants and waits for something, for any sequence of facts', () => {
  fc.assert(
    fc.property(anyHistory(60), (history) => {
      play(history);
    }),
    { numRuns: 1_500 },
  );
});

test('an elector keeps its invariants when it receives each fact twice', () => {
  fc.assert(
    fc.property(anyHistory(40), ({ succession, first, happenings }) => {
      play({ succession, first, happenings: happenings.flatMap((happening) => [happening, happening]) });
    }),
    { numRuns: 500 },
  );
});

test('stop() ends within its limit after any history, even if no request is answered', () => {
  const anyRelease = fc.constantFrom('always' as const, 'ifTerminating' as const);
  fc.assert(
    fc.property(anyHistory(40), anyRelease, fc.boolean(), (history, release, drained) => {
      const checker = new InvariantChecker();
      const story = play(history, checker);
      if (story.role.name === 'stopped') return;
      checker.take(story, { type: 'stopRequested', release });
      const waitsForWork = story.role.name === 'leader' || describeRole(story.role) === 'leaving awaitingWork';
      if (waitsForWork) checker.take(story, { type: 'workSettled', drained });
      const endLimit = (): void => {
        if (story.role.name !== 'leaving') return;
        story.wait(LEAVING_LIMIT_MS);
        checker.take(story, { type: 'timerFired', timer: 'leaving' });
      };
      endLimit();
      // The process waited for the answer to a create before it waited for work. If the create left a Lease, its
      // release has a limit of its own.
      if (describeRole(story.role) === 'leaving awaitingWork') {
        checker.take(story, { type: 'workSettled', drained });
        endLimit();
      }
      // A release that cannot be completed is withdrawn, which has a limit of its own.
      if (describeRole(story.role) === 'leaving withdrawingRelease') {
        story.wait(WITHDRAWAL_LIMIT_MS);
        checker.take(story, { type: 'timerFired', timer: 'leaving' });
      }
      assert.equal(story.role.name, 'stopped');
    }),
    { numRuns: 1_000 },
  );
});

test('an answer that is not awaited changes nothing but what a watch event with its Lease would change', () => {
  fc.assert(
    fc.property(anyHistory(30), anyStaleAnswer, (history, stale) => {
      const story = play(history);
      const shown = stale.type === 'leaseRead' ? stale.lease : null;
      const { state: expected, effects } = stepNow(
        story,
        shown === null ? NOTHING : { type: 'leaseObserved', lease: shown, by: 'get' },
      );
      const step = stepNow(story, stale);
      assert.deepEqual(withoutRefusals(step.state), withoutRefusals(expected));
      // Any answer changes the refusals.
      const others = step.effects.filter((effect) => !isAboutRefusals(effect));
      assert.deepEqual(
        others,
        effects.filter((effect) => !isAboutRefusals(effect)),
      );
    }),
    { numRuns: 1_000 },
  );
});

function isAboutRefusals(effect: Effect): boolean {
  if (effect.type === 'setTimer') return effect.timer === 'startGrace';
  return effect.type === 'announce' && effect.announcement.type === 'warning';
}

/** Removes the fields that every answer changes, awaited or not: the refusals, and whether this Pod was seen. */
function withoutRefusals(state: ElectionState): ElectionState {
  const { knowledge } = state;
  const failures = { ...knowledge.failures, refusals: {} };
  const announced = { ...knowledge.announced, warnings: [] };
  return { ...state, knowledge: { ...knowledge, failures, announced, ownPodSeen: false } };
}

test('an elector does the same when its wall clock jumps', () => {
  const anyJump = fc.integer({ min: -WALL_MS, max: WALL_MS });
  fc.assert(
    fc.property(anyHistory(40), fc.array(anyJump, { minLength: 1, maxLength: 10 }), (history, jumps) => {
      const run = (jumping: boolean): string[] => {
        const texts: string[] = [];
        play(history, new InvariantChecker(), (story) => {
          // Whether a renewal is announced depends on the wall clock within one millisecond, so the renewals are left
          // out.
          texts.push(
            describeRole(story.role),
            ...story.texts.filter((text) => !/^(renewed|(set|clear)Timer stale)/.test(text)),
          );
          if (jumping) story.wallMs = WALL_MS + (jumps[texts.length % jumps.length] ?? 0);
        });
        return texts;
      };
      assert.deepEqual(run(true), run(false));
    }),
    { numRuns: 300 },
  );
});
