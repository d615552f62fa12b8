/**
 * How a term begins and how it ends, whatever led to it.
 */

import type { DemotionReason } from './effect.ts';
import type { Input } from './input.ts';
import type { LeaseRecord } from './lease-record.ts';
import { awaitRenewal, renewalPauseMs } from './renewal.ts';
import { sayAbsence } from './short-life.ts';
import { FRESH_CANDIDATE, type LeaderRole, type LeavingFor } from './state.ts';
import type { Turn } from './step-context.ts';
import { holderOf } from './verdict.ts';

/**
 * A restored Lease is renewed for the first time after this many milliseconds: until then it says nothing of renewals, so
 * nobody could see that its holder hangs. The Lease of a new term is renewed at once, before the work begins.
 */
export const FIRST_RENEWAL_MS = 1_000;

/** Begins a term with `lease`, as the write that began it left it behind. */
export function beginTerm(turn: Turn, lease: LeaseRecord, resumed: boolean): void {
  turn.role = {
    name: 'leader',
    term: {
      fencingToken: lease.resourceVersion,
      leaseUid: lease.uid,
      acquireTimeMs: lease.acquireTimeMs ?? turn.moment.wallMs,
      resumed,
    },
    renewal: null,
    restoring: null,
    overtakenCreation: null,
    createdUnawares: turn.role.name === 'candidate' && turn.role.createdUnawares,
    restoredAtMs: Number.NEGATIVE_INFINITY,
    resting: false,
    draining: null,
  };
  turn.clearTimers('retry', 'recheck', 'stale');
  const renews = lease.renewTimeMs === null && turn.knowledge.canRenew;
  if (renews) turn.setTimer('renew', renewalPauseMs(turn));
  else scheduleRenewal(turn, lease);
  turn.announce({ type: 'elected', term: turn.role.term, renews });
}

/** Has `lease` (`null`: it is missing) renewed in its turn. */
export function scheduleRenewal(turn: Turn, lease: LeaseRecord | null): void {
  if (!turn.knowledge.canRenew) return;
  const { renewIntervalMs } = turn.config;
  turn.setTimer('renew', lease?.renewTimeMs === null ? Math.min(renewIntervalMs, FIRST_RENEWAL_MS) : renewIntervalMs);
}

/** Ends a term against this process's will. Work that was draining already has been told. */
export function endTerm(turn: Turn, role: LeaderRole, reason: DemotionReason): void {
  turn.clearTimers('renew', 'retry');
  // Nobody waits for the work of this term: it counts as running until a later term has drained.
  turn.learn({ workMayRun: true });
  if (role.draining === null) {
    turn.role = FRESH_CANDIDATE;
    // A leader has no timer for the silence of a holder. The one that took the Lease may never renew it.
    if (reason === 'usurped') awaitRenewal(turn);
    turn.announce({ type: 'demoted', reason });
  } else {
    leaveOffice(turn, role.draining.next, false);
  }
}

/**
 * How long a Pod that stepped down lets the others go first, in milliseconds. It campaigns again
 * afterwards: a single replica would else never lead again.
 */
export const STEP_DOWN_PAUSE_MS = 10_000;

/** Nothing is left to do with the Lease: stops for good, or becomes a candidate again. */
export function leaveOffice(turn: Turn, next: LeavingFor, released: boolean): void {
  if (next === 'stopped') {
    turn.role = { name: 'stopped' };
    turn.order({ type: 'shutDown', freeSiblingLock: !turn.knowledge.workMayRun });
    turn.announce({ type: 'stopped', released });
    return;
  }
  turn.clearTimers('renew', 'retry', 'leaving');
  const { config, knowledge, lease, moment } = turn;
  const holder = lease === null ? null : holderOf(lease, knowledge.incumbent, config.self);
  // A successor may be quicker than the answer to the DELETE: then the others went first already.
  const isSucceeded = holder !== null && holder.uid !== config.self.uid;
  turn.role = { ...FRESH_CANDIDATE, notBeforeMs: isSucceeded ? 0 : moment.nowMs + STEP_DOWN_PAUSE_MS };
  turn.announce({ type: 'steppedDown', released });
}

/** The own Pod is gone, or counts as gone: whatever this process is, it must never lead again. */
export function barDeleted(turn: Turn): void {
  const { uid } = turn.config.self;
  const { incumbent } = turn.knowledge;
  turn.learn({ barred: 'pod-deleted' });
  if (incumbent?.pod.uid === uid) turn.learn({ incumbent: { ...incumbent, fate: 'gone' } });
  turn.warn('pod-deleted', `${sayAbsence(turn)} This process still runs, but it does not lead again. End it.`);
}

/** Deletions are refused: what a predecessor left is the garbage collector's until the next try. */
export function noteDeleteRefused(turn: Turn): void {
  turn.learn({ canDelete: false });
}

/** Renewals are refused: the Lease is kept all the same, since nothing expires. They are tried again by `permission`. */
export function noteRenewRefused(turn: Turn): void {
  turn.learn({ canRenew: false });
}

/** The Lease has lost its owner, so that the garbage collector would leave it behind. */
export function warnOwnerRemoved(turn: Turn): void {
  const { namespace, leaseName } = turn.config;
  turn.warn(
    'owner-removed',
    `Lease ${namespace}/${leaseName} has lost its owner (metadata.ownerReferences). Most likely an admission webhook ` +
      'takes it away, or a person did. Without it a process that starts now does not see whose the Lease is. A leader puts it back, at most once a second. ' +
      'Exempt this Lease from the webhook.',
  );
}

/** What came back from a write is not what was sent. */
export function noteAltered(turn: Turn, input: Input): void {
  if (input.type !== 'leaseWritten' || input.altered === undefined || input.altered.length === 0) return;
  const { namespace, leaseName } = turn.config;
  turn.warn(
    'write-altered',
    `Lease ${namespace}/${leaseName} came back from a write with another value than was sent in ` +
      `${input.altered.join(', ')}. Most likely an admission webhook changes it. Exempt this Lease from the webhook.`,
  );
}

/** The deletion of the Lease was accepted, and its finalizers keep it. */
export function warnTerminating(turn: Turn, lease: LeaseRecord): void {
  const { namespace, leaseName } = turn.config;
  turn.warn(
    'lease-terminating',
    `Lease ${namespace}/${leaseName} is being deleted, but its finalizers keep it: ${lease.finalizers.join(', ')}. No ` +
      'other Pod can be elected before it is gone. If nothing removes them, do it: kubectl patch lease ' +
      `${leaseName} -n ${namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`,
  );
}
