/**
 * The election: `step` takes one fact and tells the next state and what to do. Every rule starts here.
 *
 * Pure: it reads no clock, opens no socket, awaits nothing. What a fact says about the cluster is noted in
 * `observation.ts`, whose the Lease is is judged in `verdict.ts`, and each role has its file.
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

/** What a step leads to. The driver keeps the state first, then carries out the effects in their order. */
export interface Step {
  readonly state: ElectionState;
  readonly effects: readonly Effect[];
}

/**
 * The rules of the election, as a function.
 *
 * @throws {InvariantError} when the next state would break an invariant: a defect, never a matter of input.
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
  if (input.type === 'siblingLockAnswered' && input.refusedBy !== undefined) warnRefusedLock(context, input.refusedBy);
  switch (role.name) {
    case 'starting':
      return stepStarting(context, role, input);
    case 'candidate':
      return stepCandidate(context, role, input);
    case 'sibling':
      if (input.type === 'siblingLockAnswered' && input.outcome === 'held') {
        // What was seen while another process of this Pod was in charge may have been that one's doing.
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

function warnRefusedLock(context: StepContext, refusedBy: string): void {
  context.warn(
    'sibling-lock-refused',
    `The abstract Unix socket of this Pod cannot be bound (${refusedBy}), so nobody can tell whether another process of ` +
      'the Pod leads. This process does not campaign until the bind succeeds. Permit abstract Unix sockets in the ' +
      "seccomp profile and in the AppArmor or SELinux policy of this process's container.",
  );
}

function stepDown(context: StepContext, role: Role): void {
  if (role.name === 'leader') leave(context, 'candidate', 'always');
  // It was demoted before the request had its turn: there is nothing left to give up.
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
    if (input.outcome === 'unsupported') {
      context.warn(
        'sibling-lock-unsupported',
        'Abstract Unix sockets do not exist here, so nothing keeps two processes of one Pod from leading both. ' +
          'Make sure that only one process in each Pod starts an elector.',
      );
    }
  }
  const ready = siblingLock !== 'pending' && context.knowledge.observation !== null;
  if (!ready) context.role = { ...role, siblingLock };
  else context.role = siblingLock === 'held' ? FRESH_CANDIDATE : { name: 'sibling' };
}

/** Before the first leader is known, some failures are final. */
function endsStart(context: StepContext, input: Input): boolean {
  if (context.knowledge.announcedLeader !== undefined || context.role.name === 'leaving') return false;
  // Only a new refusal, or the end of the grace, ends a start.
  const isDue = isNewRefusal(context) || (input.type === 'timerFired' && input.timer === 'startGrace');
  const failure = failureAtOnce(context, input) ?? (isDue ? finalRefusal(context)?.failure : undefined);
  if (failure === undefined) return false;
  context.role = { name: 'stopped' };
  context.emit({ type: 'shutDown', freeSiblingLock: true });
  context.announce({ type: 'failed', failure });
  return true;
}

/** The failure of a request without which nobody can be elected, if a retry cannot help. */
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
  const announced = context.knowledge.announcedLeader;
  // A start without a leader is no change: it goes on until there is one.
  if (leader === null && announced === undefined) return;
  // One's own Lease, seen before the answer to one's own write: `elected` comes first.
  if (leader?.uid === context.config.self.uid && (context.role.name === 'candidate' || context.role.name === 'leaving'))
    return;
  context.updateKnowledge({ announcedLeader: leader });
  if (isSameLeader(leader, announced)) return;
  context.updateKnowledge({ silenceAnnouncedMs: null });
  context.announce({ type: 'leaderChanged', leader });
}

/** A defect of this library, noticed before it could do harm. */
export class InvariantError extends Error {
  override readonly name: string = 'InvariantError';
}

/**
 * What must hold after every step, in production too. The driver answers a broken invariant by stopping
 * this elector: it never leads on.
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
