/**
 * The election: `step` takes one fact and tells the next state and what to do. Every rule starts here.
 *
 * Pure: it reads no clock, opens no socket, awaits nothing. What a fact says about the cluster is noted in
 * `observation.ts`, whose the Lease is is judged in `verdict.ts`, and each role has its file.
 */

import { pursue, stepCandidate } from './candidate.ts';
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
import { Turn } from './step-context.ts';
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
  const turn = new Turn(state, input);
  noteRefusals(turn, input);
  noteOwnPodSeen(turn, input);
  observe(turn, input);
  noteAltered(turn, input);
  noteShortLife(turn);
  stepRole(turn, turn.role, input);
  pursue(turn);
  announceLeader(turn);
  assertInvariants(turn);
  return { state: turn.state, effects: turn.effects };
}

function stepRole(turn: Turn, role: Role, input: Input): void {
  if (input.type === 'stopRequested') return leave(turn, 'stopped', input.release);
  if (input.type === 'stepDownRequested') return stepDown(turn, role);
  if (endsStart(turn, input)) return;
  if (input.type === 'siblingLockAnswered' && input.refusedBy !== undefined) warnRefusedLock(turn, input.refusedBy);
  switch (role.name) {
    case 'starting':
      return stepStarting(turn, role, input);
    case 'candidate':
      return stepCandidate(turn, role, input);
    case 'sibling':
      if (input.type === 'siblingLockAnswered' && input.outcome === 'held') {
        // What was seen while another process of this Pod was in charge may have been that one's doing.
        turn.role = { ...FRESH_CANDIDATE, resting: true };
        turn.readLease();
        return;
      }
      return stepSibling(turn, role, input);
    case 'leader':
      if (input.type === 'workSettled') return settle(turn, role, input.drained);
      return stepLeader(turn, role, input);
    case 'leaving':
      return stepLeaving(turn, role, input);
  }
}

function warnRefusedLock(turn: Turn, refusedBy: string): void {
  turn.warn(
    'sibling-lock-refused',
    `The abstract Unix socket of this Pod cannot be bound (${refusedBy}), so nobody can tell whether another process of ` +
      'the Pod leads. This process does not campaign until the bind succeeds. Permit abstract Unix sockets in the ' +
      "seccomp profile and in the AppArmor or SELinux policy of this process's container.",
  );
}

function stepDown(turn: Turn, role: Role): void {
  if (role.name === 'leader') leave(turn, 'candidate', 'always');
  // It was demoted before the request had its turn: there is nothing left to give up.
  else if (role.name !== 'leaving') turn.announce({ type: 'steppedDown', released: false });
}

function stepStarting(turn: Turn, role: StartingRole, input: Input): void {
  let { siblingLock } = role;
  if (input.type === 'started') {
    turn.order({ type: 'claimSiblingLock' });
    turn.order({ type: 'watchLease' });
    turn.setTimer('backstop', BACKSTOP_INTERVAL_MS);
  }
  if (input.type === 'siblingLockAnswered') {
    siblingLock = input.outcome === 'taken' ? 'taken' : 'held';
    if (input.outcome === 'unsupported') {
      turn.warn(
        'sibling-lock-unsupported',
        'Abstract Unix sockets do not exist here, so nothing keeps two processes of one Pod from leading both. ' +
          'Make sure that only one process in each Pod starts an elector.',
      );
    }
  }
  const ready = siblingLock !== 'pending' && turn.knowledge.observation !== null;
  if (!ready) turn.role = { ...role, siblingLock };
  else turn.role = siblingLock === 'held' ? FRESH_CANDIDATE : { name: 'sibling' };
}

/** Before the first leader is known, some failures are final. */
function endsStart(turn: Turn, input: Input): boolean {
  if (turn.knowledge.announcedLeader !== undefined || turn.role.name === 'leaving') return false;
  // Only a new refusal, or the end of the grace, ends a start.
  const isDue = isNewRefusal(turn) || (input.type === 'timerFired' && input.timer === 'startGrace');
  const failure = failureAtOnce(turn, input) ?? (isDue ? finalRefusal(turn)?.failure : undefined);
  if (failure === undefined) return false;
  turn.role = { name: 'stopped' };
  turn.order({ type: 'shutDown', freeSiblingLock: true });
  turn.announce({ type: 'failed', failure });
  return true;
}

/** The failure of a request without which nobody can be elected, if a retry cannot help. */
function failureAtOnce(turn: Turn, input: Input): RequestFailure | undefined {
  if (input.type !== 'leaseWatchFailed' && input.type !== 'requestFailed') return undefined;
  if (!endsStartAtOnce(input.failure)) return undefined;
  const attempt = turn.role.name === 'candidate' ? turn.role.attempt : null;
  const essential =
    input.type === 'leaseWatchFailed' ||
    turn.wasLeaseRead(input.request) ||
    (attempt?.step === 'creating' && attempt.request === input.request);
  return essential ? input.failure : undefined;
}

function announceLeader(turn: Turn): void {
  if (turn.role.name === 'stopped') return;
  const leader = currentLeader(turn.knowledge);
  const announced = turn.knowledge.announcedLeader;
  // A start without a leader is no change: it goes on until there is one.
  if (leader === null && announced === undefined) return;
  // One's own Lease, seen before the answer to one's own write: `elected` comes first.
  if (leader?.uid === turn.config.self.uid && (turn.role.name === 'candidate' || turn.role.name === 'leaving')) return;
  turn.learn({ announcedLeader: leader });
  if (isSameLeader(leader, announced)) return;
  turn.learn({ silenceAnnouncedMs: null });
  turn.announce({ type: 'leaderChanged', leader });
}

/** A defect of this library, noticed before it could do harm. */
export class InvariantError extends Error {
  override readonly name: string = 'InvariantError';
}

/**
 * What must hold after every step, in production too. The driver answers a broken invariant by stopping
 * this elector: it never leads on.
 */
function assertInvariants(turn: Turn): void {
  const { role, knowledge, config } = turn;
  if (role.name !== 'leader') return;
  const holder = knowledge.incumbent;
  if (holder?.pod.uid !== config.self.uid) throw new InvariantError('leads with a Lease that its Pod does not hold');
  if (holder.fate === 'gone' || knowledge.barred === 'pod-deleted') throw new InvariantError('leads without its Pod');
  if (holder.released) throw new InvariantError('leads with a Lease that was given up');
}
