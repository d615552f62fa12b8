// Checks that no sequence of facts, however late, repeated or contradictory, breaks an invariant of one elector
// or leaves it where nothing could wake it. fast-check prints the seed of a failure.

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

/** An answer to one of the requests under way (`which` of them), of the kind that it may have. */
interface Answering {
  readonly which: number;
  readonly lease: LeaseRecord | null;
  readonly pod: PodRecord | null;
  readonly failed: RequestFailureKind | null;
}

/** What happens next: a fact, an answer, or the passing of time. */
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

/** An answer that nobody waits for. */
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

/** The fact that a happening amounts to in this story, if it can happen there. */
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

/** A life: how it begins, and what happens then. */
interface Life {
  readonly succession: Succession;
  readonly first: LeaseRecord | null | 'nothing' | 'leads';
  readonly happenings: readonly Happening[];
}

/** Lives begin with a Lease, without one, as a leader, or without any answer, when a refusal is final. */
function anyLife(maxLength: number): fc.Arbitrary<Life> {
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

/** Lives through all of it; `after` sees the story after each happening. */
function live(
  { succession, first, happenings }: Life,
  checker: InvariantChecker = new InvariantChecker(),
  after?: (story: Story) => void,
): Story {
  const story = new Story({ ...CONFIG, succession });
  checker.tell(story, { type: 'started' });
  checker.tell(story, { type: 'siblingLockAnswered', outcome: 'held' });
  if (first === null || first === 'leads') checker.tell(story, { type: 'leaseAbsent', resourceVersion: '1' });
  else if (first !== 'nothing') checker.tell(story, { type: 'leaseObserved', lease: first, by: 'list' });
  if (first === 'leads') {
    checker.tell(story, { type: 'podRead', request: story.request('readPod'), name: SELF.name, pod: podOf(SELF) });
    const lease = leaseOf(SELF, { ...story.content('createLease'), resourceVersion: '2' });
    checker.tell(story, { type: 'leaseWritten', request: story.request('createLease'), lease });
  }
  for (const happening of happenings) {
    const fact = factOf(story, happening);
    if (fact !== null) checker.tell(story, fact);
    after?.(story);
  }
  return story;
}

function stepNow(story: Story, fact: Fact): ReturnType<typeof step> {
  return step(story.state, { ...fact, nowMs: story.nowMs, wallMs: story.wallMs, random: story.random });
}

/** A neutral fact: what is done after it would have been done anyway, as time has passed. */
const NOTHING: Fact = { type: 'podAbsent', watched: { name: 'nobody', uid: 'nobody' } };

test('any sequence of facts keeps the invariants, and never leaves an elector where nothing wakes it', () => {
  fc.assert(
    fc.property(anyLife(60), (life) => {
      live(life);
    }),
    { numRuns: 1_500 },
  );
});

test('any sequence of facts, told twice each, keeps the invariants', () => {
  fc.assert(
    fc.property(anyLife(40), ({ succession, first, happenings }) => {
      live({ succession, first, happenings: happenings.flatMap((happening) => [happening, happening]) });
    }),
    { numRuns: 500 },
  );
});

test('whatever came before, stop() ends within its limit, even if no request is answered', () => {
  const anyRelease = fc.constantFrom('always' as const, 'ifTerminating' as const);
  fc.assert(
    fc.property(anyLife(40), anyRelease, fc.boolean(), (life, release, drained) => {
      const checker = new InvariantChecker();
      const story = live(life, checker);
      if (story.role.name === 'stopped') return;
      checker.tell(story, { type: 'stopRequested', release });
      const waitsForWork = story.role.name === 'leader' || describeRole(story.role) === 'leaving awaitingWork';
      if (waitsForWork) checker.tell(story, { type: 'workSettled', drained });
      const endLimit = (): void => {
        if (story.role.name !== 'leaving') return;
        story.wait(LEAVING_LIMIT_MS);
        checker.tell(story, { type: 'timerFired', timer: 'leaving' });
      };
      endLimit();
      // It waited for a create before it waited for work. That create may have left a Lease, whose release has the limit.
      if (describeRole(story.role) === 'leaving awaitingWork') {
        checker.tell(story, { type: 'workSettled', drained });
        endLimit();
      }
      // A mark whose Lease cannot be deleted is taken back, which has a limit of its own.
      if (describeRole(story.role) === 'leaving withdrawingRelease') {
        story.wait(WITHDRAWAL_LIMIT_MS);
        checker.tell(story, { type: 'timerFired', timer: 'leaving' });
      }
      assert.equal(story.role.name, 'stopped');
    }),
    { numRuns: 1_000 },
  );
});

test('an answer that nobody waits for changes nothing; a Lease that it shows is taken like one that a watch shows', () => {
  fc.assert(
    fc.property(anyLife(30), anyStaleAnswer, (life, stale) => {
      const story = live(life);
      const shown = stale.type === 'leaseRead' ? stale.lease : null;
      const { state: expected, effects } = stepNow(
        story,
        shown === null ? NOTHING : { type: 'leaseObserved', lease: shown, by: 'get' },
      );
      const step = stepNow(story, stale);
      assert.deepEqual(forgetRefusals(step.state), forgetRefusals(expected));
      // A refusal counts for every request.
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

/** That an answer came at all proves that the token is accepted, and that a Pod in it exists, whether or not the answer is awaited. */
function forgetRefusals(state: ElectionState): ElectionState {
  const { knowledge } = state;
  const failures = { ...knowledge.failures, refusals: {} };
  const announced = { ...knowledge.announced, warnings: [] };
  return { ...state, knowledge: { ...knowledge, failures, announced, ownPodSeen: false } };
}

test('a clock that jumps decides nothing', () => {
  const anyJump = fc.integer({ min: -WALL_MS, max: WALL_MS });
  fc.assert(
    fc.property(anyLife(40), fc.array(anyJump, { minLength: 1, maxLength: 10 }), (life, jumps) => {
      const livesThrough = (jumping: boolean): string[] => {
        const lived: string[] = [];
        live(life, new InvariantChecker(), (story) => {
          // A renewal in the same millisecond as the last one is no news.
          lived.push(
            describeRole(story.role),
            ...story.said.filter((said) => !/^(renewed|(set|clear)Timer stale)/.test(said)),
          );
          if (jumping) story.wallMs = WALL_MS + (jumps[lived.length % jumps.length] ?? 0);
        });
        return lived;
      };
      assert.deepEqual(livesThrough(true), livesThrough(false));
    }),
    { numRuns: 300 },
  );
});
