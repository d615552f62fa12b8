/**
 * Watches one elector from outside and fails the test as soon as a step breaks an invariant, or leaves the
 * elector in a state from which nothing could wake it.
 */

import assert from 'node:assert/strict';
import type { Effect } from '../../src/core/effect.ts';
import type { Fact } from '../../src/core/input.ts';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import type { CandidateRole, ElectionState, OwnPodCheck, Role } from '../../src/core/state.ts';
import { judgeLease } from '../../src/core/verdict.ts';
import { type Story, sayEffect } from './story.ts';

/** Facts on whose word alone nobody begins to lead. */
const UNVERIFIED: readonly string[] = ['leaseDeleted', 'podObserved', 'podDeleted', 'podAbsent', 'leaseWatchFailed'];

export class InvariantChecker {
  /** The fencing tokens of its terms. */
  readonly tokens: bigint[] = [];
  /** Whether `elected` was announced without a `demoted` after it. */
  leading = false;
  #stopped = false;
  readonly #seen: Set<string> = new Set();

  /** Tells the story a fact, and checks what follows from it. */
  tell(story: Story, fact: Fact): readonly Effect[] {
    if ('lease' in fact && fact.lease !== null) this.#seen.add(sayIdentity(fact.lease));
    const before = story.state;
    story.forget().tell(fact);
    for (const effect of story.effects) this.#checkEffect(story.state, effect);
    this.#checkRole(before.role, story.state.role, fact);
    if (!this.#stopped) assertAwake(story);
    return story.effects;
  }

  #checkEffect(state: ElectionState, effect: Effect): void {
    if (this.#stopped) {
      const last = effect.type === 'announce' && ['stopped', 'failed'].includes(effect.announcement.type);
      assert.ok(last, `${sayEffect(effect)} after the end`);
    }
    switch (effect.type) {
      case 'createLease':
        assert.equal(state.knowledge.observation?.lease, null, 'a create while the Lease is believed to exist');
        break;
      case 'replaceLease':
      case 'deleteLease':
        assert.ok(this.#seen.has(sayIdentity(effect.lease)), `${sayEffect(effect)} names a Lease that was never seen`);
        break;
      case 'announce':
        if (effect.announcement.type === 'elected') {
          assert.ok(!this.leading, 'elected twice');
          this.leading = true;
          this.tokens.push(BigInt(effect.announcement.term.fencingToken));
        }
        if (effect.announcement.type === 'demoted') {
          assert.ok(this.leading, 'demoted without having been elected');
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
    assert.equal(this.leading, after.name === 'leader' && after.resigning === null, 'what was told is not what is');
    assert.equal(this.#stopped, after.name === 'stopped');
    if (before.name === 'leader' || after.name !== 'leader') return;
    const unverified = UNVERIFIED.includes(fact.type) || (fact.type === 'leaseObserved' && fact.by === 'watch');
    assert.ok(!unverified, `began to lead on the word of ${fact.type}`);
  }
}

/** Whatever the role waits for must be under way: an answer, a timer, or an event that the watches bring. */
function assertAwake(story: Story): void {
  const { state, timers, inFlight } = story;
  const { role, knowledge } = state;
  const reads = knowledge.leaseRead !== null;
  const rests = (): void => assert.ok(timers.has('retry') || reads, 'rests, and nothing will end it');
  const asks = (request: number): void => assert.ok(inFlight.has(request), `request ${request} was never sent`);
  const checks = (check: OwnPodCheck): void => {
    if (check !== 'exists') asks(check.request);
  };
  if (role.name !== 'starting') assert.ok(timers.has('backstop'), 'nobody looks again');
  if (knowledge.leaseRead !== null) asks(knowledge.leaseRead.request);
  if (knowledge.holderRead !== null) asks(knowledge.holderRead.request);

  switch (role.name) {
    case 'leader':
      if (role.renewal !== null) asks(role.renewal);
      if (role.backingOff) rests();
      if (knowledge.permissions.canRenew) assert.ok(timers.has('renew') || role.renewal !== null, 'never renews again');
      if (role.restoring !== null) {
        if (role.restoring.creation !== null) asks(role.restoring.creation);
        else checks(role.restoring.ownPod);
      }
      if (knowledge.observation?.lease === null)
        assert.ok(role.restoring !== null || role.backingOff, 'never restores');
      break;
    case 'leaving':
      // The application bounds the time of its work.
      if (role.step.name === 'awaitingWork') break;
      assert.ok(timers.has('leaving'), 'may never leave');
      if (role.step.request === null) rests();
      else asks(role.step.request);
      break;
    case 'candidate':
      if (role.backingOff) rests();
      if (role.attempt === null) assertWaits(story, role);
      else assertTries(story, role.attempt, checks, asks);
      break;
    default:
      break;
  }
}

function assertWaits(story: Story, role: CandidateRole): void {
  const { config, knowledge } = story.state;
  const verdict = judgeLease(config, knowledge, story.nowMs);
  assert.notEqual(verdict.kind, 'unknown');
  if (verdict.kind === 'held') {
    if (verdict.recheckAtMs !== null) assert.ok(story.timers.has('recheck'), 'a held Lease is never looked at again');
    return;
  }
  // The timer is set for the end of a pause, or for the moment since which time alone has set the Lease free.
  const waits =
    role.backingOff || knowledge.leaseRead !== null || (verdict.kind === 'free' && story.timers.has('recheck'));
  const barred =
    verdict.kind === 'mine' ? knowledge.disqualifiedBy === 'pod-deleted' : knowledge.disqualifiedBy !== null;
  assert.ok(waits || barred, `does nothing about a Lease that is ${verdict.kind}`);
}

function assertTries(
  story: Story,
  attempt: NonNullable<CandidateRole['attempt']>,
  checks: (check: OwnPodCheck) => void,
  asks: (request: number) => void,
): void {
  switch (attempt.step) {
    case 'jitter':
      assert.ok(story.timers.has('campaign'), 'its jitter never ends');
      break;
    case 'deletingOldLease':
      checks(attempt.ownPod);
      if (attempt.deletion !== null) asks(attempt.deletion.request);
      if (attempt.waitingForReleaser) assert.ok(story.timers.has('campaign'), 'leaves it to the releaser for ever');
      assert.ok(
        attempt.ownPod !== 'exists' || attempt.deletion !== null || attempt.waitingForReleaser,
        'clears nothing',
      );
      break;
    case 'creating':
      asks(attempt.request);
      break;
    case 'resuming':
      checks(attempt.ownPod);
      if ('request' in attempt.proof) asks(attempt.proof.request);
      assert.ok(attempt.ownPod !== 'exists' || 'request' in attempt.proof, 'resumes, and waits for nothing');
      break;
  }
}

function sayIdentity(lease: LeaseRecord): string {
  return `${lease.uid}@${lease.resourceVersion}`;
}
