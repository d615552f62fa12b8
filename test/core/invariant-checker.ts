/**
 * Checks one elector at its interface. It fails the test as soon as a step breaks an invariant, or leaves the elector
 * in a state that nothing ends.
 */

import assert from 'node:assert/strict';
import type { Effect } from '../../src/core/effect.ts';
import type { Fact } from '../../src/core/input.ts';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import type { CandidateRole, ElectionState, OwnPodCheck, Role } from '../../src/core/state.ts';
import { judgeLease } from '../../src/core/verdict.ts';
import { describeEffect, type Story } from './story.ts';

/** Facts that alone must not begin a term. */
const UNVERIFIED: readonly string[] = ['leaseDeleted', 'podObserved', 'podDeleted', 'podAbsent', 'leaseWatchFailed'];

export class InvariantChecker {
  /** The fencing tokens of its terms. */
  readonly tokens: bigint[] = [];
  /** Whether `elected` was announced without a `demoted` after it. */
  leading = false;
  #stopped = false;
  readonly #seen: Set<string> = new Set();

  /** Passes the fact to the story, and checks the effects and the new state. */
  take(story: Story, fact: Fact): readonly Effect[] {
    if ('lease' in fact && fact.lease !== null) this.#seen.add(describeIdentity(fact.lease));
    const before = story.state;
    story.clearEffects().take(fact);
    for (const effect of story.effects) this.#checkEffect(story.state, effect);
    this.#checkRole(before.role, story.state.role, fact);
    if (!this.#stopped) assertNotStuck(story);
    return story.effects;
  }

  #checkEffect(state: ElectionState, effect: Effect): void {
    if (this.#stopped) {
      const last = effect.type === 'announce' && ['stopped', 'failed'].includes(effect.announcement.type);
      assert.ok(last, `${describeEffect(effect)} after the end`);
    }
    switch (effect.type) {
      case 'createLease':
        assert.equal(state.knowledge.observation?.lease, null, 'a create while a Lease is known');
        break;
      case 'replaceLease':
      case 'deleteLease':
        assert.ok(
          this.#seen.has(describeIdentity(effect.lease)),
          `${describeEffect(effect)} uses a Lease that was never observed`,
        );
        break;
      case 'announce':
        if (effect.announcement.type === 'elected') {
          assert.ok(!this.leading, 'elected twice in a row');
          this.leading = true;
          this.tokens.push(BigInt(effect.announcement.term.fencingToken));
        }
        if (effect.announcement.type === 'demoted') {
          assert.ok(this.leading, 'demoted without elected');
          this.leading = false;
        }
        if (['steppedDown', 'stopped', 'failed'].includes(effect.announcement.type)) {
          assert.ok(!this.leading, `${effect.announcement.type} before demoted`);
        }
        break;
      case 'shutDown':
        this.#stopped = true;
        break;
      default:
        break;
    }
  }

  #checkRole(before: Role, after: Role, fact: Fact): void {
    assert.equal(
      this.leading,
      after.name === 'leader' && after.resigning === null,
      'the announcements do not match the role',
    );
    assert.equal(this.#stopped, after.name === 'stopped');
    if (before.name === 'leader' || after.name !== 'leader') return;
    const unverified = UNVERIFIED.includes(fact.type) || (fact.type === 'leaseObserved' && fact.by === 'watch');
    assert.ok(!unverified, `a term began because of ${fact.type}`);
  }
}

/** Everything that the role waits for is under way: a request, a timer, or an event of a watch. */
function assertNotStuck(story: Story): void {
  const { state, timers, inFlight } = story;
  const { role, knowledge } = state;
  const isReading = knowledge.leaseRead !== null;
  const assertRetryDue = (): void =>
    assert.ok(timers.has('retry') || isReading, 'no timer and no read ends the back-off');
  const assertInFlight = (request: number): void =>
    assert.ok(inFlight.has(request), `request ${request} was never sent`);
  const assertCheckInFlight = (check: OwnPodCheck): void => {
    if (check !== 'exists') assertInFlight(check.request);
  };
  if (role.name !== 'starting') assert.ok(timers.has('backstop'), 'no resync is due');
  if (knowledge.leaseRead !== null) assertInFlight(knowledge.leaseRead.request);
  if (knowledge.holderRead !== null) assertInFlight(knowledge.holderRead.request);

  switch (role.name) {
    case 'leader':
      if (role.renewal !== null) assertInFlight(role.renewal);
      if (role.backingOff) assertRetryDue();
      if (knowledge.permissions.canRenew) assert.ok(timers.has('renew') || role.renewal !== null, 'no renewal is due');
      if (role.restoring !== null) {
        if (role.restoring.creation !== null) assertInFlight(role.restoring.creation);
        else assertCheckInFlight(role.restoring.ownPod);
      }
      if (knowledge.observation?.lease === null)
        assert.ok(role.restoring !== null || role.backingOff, 'no restoration is under way');
      break;
    case 'leaving':
      // The application limits the time of its work.
      if (role.step.name === 'awaitingWork') break;
      assert.ok(timers.has('leaving'), 'no limit for leaving is set');
      if (role.step.request === null) assertRetryDue();
      else assertInFlight(role.step.request);
      break;
    case 'candidate':
      if (role.backingOff) assertRetryDue();
      if (role.attempt === null) assertWaiting(story, role);
      else assertAttempt(story, role.attempt, assertCheckInFlight, assertInFlight);
      break;
    default:
      break;
  }
}

function assertWaiting(story: Story, role: CandidateRole): void {
  const { config, knowledge } = story.state;
  const verdict = judgeLease(config, knowledge, story.nowMs);
  assert.notEqual(verdict.kind, 'unknown');
  if (verdict.kind === 'held') {
    if (verdict.recheckAtMs !== null) assert.ok(story.timers.has('recheck'), 'no recheck of the held Lease is due');
    return;
  }
  // The timer ends a pause, or it fires when the Lease becomes free because of time alone.
  const waits =
    role.backingOff || knowledge.leaseRead !== null || (verdict.kind === 'free' && story.timers.has('recheck'));
  const disqualified =
    verdict.kind === 'mine' ? knowledge.disqualifiedBy === 'pod-deleted' : knowledge.disqualifiedBy !== null;
  assert.ok(waits || disqualified, `nothing is under way for a Lease that is ${verdict.kind}`);
}

function assertAttempt(
  story: Story,
  attempt: NonNullable<CandidateRole['attempt']>,
  assertCheckInFlight: (check: OwnPodCheck) => void,
  assertInFlight: (request: number) => void,
): void {
  switch (attempt.step) {
    case 'jitter':
      assert.ok(story.timers.has('campaign'), 'no timer ends the jitter');
      break;
    case 'deletingOldLease':
      assertCheckInFlight(attempt.ownPod);
      if (attempt.deletion !== null) assertInFlight(attempt.deletion.request);
      if (attempt.waitingForReleaser)
        assert.ok(story.timers.has('campaign'), 'no timer ends the wait for the releaser');
      assert.ok(
        attempt.ownPod !== 'exists' || attempt.deletion !== null || attempt.waitingForReleaser,
        'no deletion is under way',
      );
      break;
    case 'creating':
      assertInFlight(attempt.request);
      break;
    case 'resuming':
      assertCheckInFlight(attempt.ownPod);
      if ('request' in attempt.proof) assertInFlight(attempt.proof.request);
      assert.ok(attempt.ownPod !== 'exists' || 'request' in attempt.proof, 'no proof is under way');
      break;
  }
}

function describeIdentity(lease: LeaseRecord): string {
  return `${lease.uid}@${lease.resourceVersion}`;
}
