/**
 * The election: `step` takes one fact and returns the next state and the effects. Every rule starts here.
 *
 * Pure: it reads no clock, opens no socket and awaits nothing. `observation.ts` records what a fact shows about the
 * cluster, `verdict.ts` decides who holds the Lease, and each role has its own file.
 */

import { advanceCandidate, stepCandidate } from './candidate.ts';
import type { Effect } from './effect.ts';
import type { Input } from './input.ts';
import { stepLeader } from './leader.ts';
import { leave, settle, stepLeaving } from './leaving.ts';
import { BACKSTOP_INTERVAL_MS, currentLeader, isSameLeader, observe } from './observation.ts';
import { finalRefusal, isNewRefusal, noteRefusals } from './refusals.ts';
import { endsStartAtOnce, type RequestFailure } from './request-failure.ts';
import { noteOwnPodSeen, noteShortLife } from './short-life.ts';
import { stepSibling } from './sibling.ts';
import { type ElectionState, FRESH_CANDIDATE, type Role, type StartingRole } from './state.ts';
import { StepContext } from './step-context.ts';
import { noteAltered } from './term.ts';
import { siblingLockRefused, siblingLockUnsupported } from './warnings.ts';

/** The result of a step. The driver stores the state first, then executes the effects in their order. */
export interface Step {
  readonly state: ElectionState;
  readonly effects: readonly Effect[];
}

/**
 * The rules of the election, as a function.
 *
 * @throws {InvariantError} when the next state would break an invariant. That is always a defect of the rules. No input
 * can cause it.
 */
export function step(state: ElectionState, input: Input): Step {
  if (state.role.name === 'stopped') return { state, effects: [] };
  const context = new StepContext(state, input);
  noteRefusals(context, input);
  noteOwnPodSeen(context, input);
  observe(context, input);
  noteAltered(context, input);
  noteShortLife(context);
  stepRole(context, context.role, input);
  advanceCandidate(context);
  announceLeader(context);
  assertInvariants(context);
  return { state: context.state, effects: context.effects };
}

function stepRole(context: StepContext, role: Role, input: Input): void {
  if (input.type === 'stopRequested') return leave(context, 'stopped', input.release);
  if (input.type === 'stepDownRequested') return stepDown(context, role);
  if (endsStart(context, input)) return;
  if (input.type === 'siblingLockAnswered' && input.refusedBy !== undefined)
    context.warn(siblingLockRefused(input.refusedBy));
  switch (role.name) {
    case 'starting':
      return stepStarting(context, role, input);
    case 'candidate':
      return stepCandidate(context, role, input);
    case 'sibling':
      if (input.type === 'siblingLockAnswered' && input.outcome === 'held') {
        // Another process of this Pod may have written the Lease that was observed so far.
        context.role = { ...FRESH_CANDIDATE, backingOff: true };
        context.readLease();
        return;
      }
      return stepSibling(context, role, input);
    case 'leader':
      if (input.type === 'workSettled') return settle(context, role, input.drained);
      return stepLeader(context, role, input);
    case 'leaving':
      return stepLeaving(context, role, input);
  }
}

function stepDown(context: StepContext, role: Role): void {
  if (role.name === 'leader') leave(context, 'candidate', 'always');
  // The leader was demoted before the request was processed, so there is no Lease to release.
  else if (role.name !== 'leaving') context.announce({ type: 'steppedDown', released: false });
}

function stepStarting(context: StepContext, role: StartingRole, input: Input): void {
  let { siblingLock } = role;
  if (input.type === 'started') {
    context.emit({ type: 'claimSiblingLock' });
    context.emit({ type: 'watchLease' });
    context.setTimer('backstop', BACKSTOP_INTERVAL_MS);
  }
  if (input.type === 'siblingLockAnswered') {
    siblingLock = input.outcome === 'taken' ? 'taken' : 'held';
    if (input.outcome === 'unsupported') context.warn(siblingLockUnsupported());
  }
  const ready = siblingLock !== 'pending' && context.knowledge.observation !== null;
  if (!ready) context.role = { ...role, siblingLock };
  else context.role = siblingLock === 'held' ? FRESH_CANDIDATE : { name: 'sibling' };
}

/** Ends the start if a failure is final, which is possible only before the first leader is known. */
function endsStart(context: StepContext, input: Input): boolean {
  if (context.knowledge.announced.leader !== undefined || context.role.name === 'leaving') return false;
  // Only a new refusal, or the end of the grace period, ends a start.
  const isDue = isNewRefusal(context) || (input.type === 'timerFired' && input.timer === 'startGrace');
  const failure = failureAtOnce(context, input) ?? (isDue ? finalRefusal(context)?.failure : undefined);
  if (failure === undefined) return false;
  context.role = { name: 'stopped' };
  context.emit({ type: 'shutDown', freeSiblingLock: true });
  context.announce({ type: 'failed', failure });
  return true;
}

/** The failure of a request that every election needs, if a retry cannot help. */
function failureAtOnce(context: StepContext, input: Input): RequestFailure | undefined {
  if (input.type !== 'leaseWatchFailed' && input.type !== 'requestFailed') return undefined;
  if (!endsStartAtOnce(input.failure)) return undefined;
  const attempt = context.role.name === 'candidate' ? context.role.attempt : null;
  const essential =
    input.type === 'leaseWatchFailed' ||
    context.wasLeaseRead(input.request) ||
    (attempt?.step === 'creating' && attempt.request === input.request);
  return essential ? input.failure : undefined;
}

function announceLeader(context: StepContext): void {
  if (context.role.name === 'stopped') return;
  const leader = currentLeader(context.knowledge);
  const announced = context.knowledge.announced.leader;
  // A start without a leader is not announced as a change. The start continues until there is a leader.
  if (leader === null && announced === undefined) return;
  // A watch may show this Pod's Lease before the answer to its write. `elected` is announced first.
  if (leader?.uid === context.config.self.uid && (context.role.name === 'candidate' || context.role.name === 'leaving'))
    return;
  context.updateAnnounced({ leader });
  if (isSameLeader(leader, announced)) return;
  context.updateAnnounced({ silenceMs: null });
  context.announce({ type: 'leaderChanged', leader });
}

/** A defect of this library that was detected before it had an effect. */
export class InvariantError extends Error {
  override readonly name: string = 'InvariantError';
}

/**
 * Checks the invariants after every step, also in production. If one is broken, the driver stops this elector, which
 * then never leads again.
 */
function assertInvariants(context: StepContext): void {
  const { role, knowledge, config } = context;
  if (role.name !== 'leader') return;
  const holder = knowledge.knownHolder;
  if (holder?.pod.uid !== config.self.uid) throw new InvariantError('leads with a Lease that its Pod does not hold');
  if (holder.liveness === 'gone' || knowledge.disqualifiedBy === 'pod-deleted')
    throw new InvariantError('leads without its Pod');
  if (holder.released) throw new InvariantError('leads with a Lease that was given up');
}
