/**
 * Facts that may come into the election, in the past tense.
 *
 * An answer carries the number of the request it belongs to: `step` drops one that it no longer
 * waits for, so a late answer is an input like any other.
 */

import type { LeaseRecord, NamedSuccessor, PodRecord, PodReference } from './lease-record.ts';
import type { RequestFailure } from './request-failure.ts';

/** What each timer of the election is for; setting one again replaces it. */
export type TimerName =
  /** The jitter before a campaign. */
  | 'campaign'
  /** The wait after a failed request. */
  | 'retry'
  /** The next renewal. */
  | 'renew'
  /** The next consistent read although nothing seems to have changed. */
  | 'backstop'
  /** Another look at a Lease or a Pod that only time or its holder can change. */
  | 'recheck'
  /** The moment at which a renewal of the leader is overdue: the Lease is read, since the watch may be dead. */
  | 'stale'
  /** The end of one's patience while leaving. */
  | 'leaving'
  /** Another try of what was refused. */
  | 'permission'
  /** The end of the time that a refusal at the start is given to pass. */
  | 'startGrace';

/** Whether leaving gives the Lease up: always, or only when the own Pod is being deleted and the work is done. */
export type ReleasePolicy = 'ifTerminating' | 'always';

/** Something that happened. */
export type Fact =
  /** `start()` was called. */
  | { readonly type: 'started' }
  /**
   * The claim on the socket that lets one process per Pod campaign was answered. `refusedBy` is the error code of a
   * bind that was refused: the outcome is then `taken`, since nobody can tell.
   */
  | {
      readonly type: 'siblingLockAnswered';
      readonly outcome: 'held' | 'taken' | 'unsupported';
      readonly refusedBy?: string;
    }
  /** The Lease, as a consistent list, a watch event or the read of `confirm()` showed it. */
  | { readonly type: 'leaseObserved'; readonly lease: LeaseRecord; readonly by: 'list' | 'watch' | 'get' }
  /** A DELETED event, with the last content of the Lease and a resourceVersion of its own. */
  | { readonly type: 'leaseDeleted'; readonly lease: LeaseRecord }
  /** A consistent list found no such Lease. */
  | { readonly type: 'leaseAbsent'; readonly resourceVersion: string }
  | { readonly type: 'leaseWatchFailed'; readonly failure: RequestFailure }
  /** A Pod with the name of the watched one; its uid says whether it is that one. */
  | {
      readonly type: 'podObserved';
      readonly watched: PodReference;
      readonly pod: PodRecord;
      readonly by: 'list' | 'watch';
    }
  /** A DELETED event for a Pod with the name of the watched one. */
  | { readonly type: 'podDeleted'; readonly watched: PodReference; readonly pod: PodRecord }
  /** A consistent list, asked for after the Pod was known, found no Pod of that name. */
  | { readonly type: 'podAbsent'; readonly watched: PodReference }
  | { readonly type: 'podWatchFailed'; readonly watched: PodReference; readonly failure: RequestFailure }
  /** A consistent read of the Lease; `null` when there is none. */
  | { readonly type: 'leaseRead'; readonly request: number; readonly lease: LeaseRecord | null }
  /**
   * A create or a replace was carried out; this is the Lease it left. `altered` names the fields that came back with
   * another value than was sent; it is left out when none did.
   */
  | {
      readonly type: 'leaseWritten';
      readonly request: number;
      readonly lease: LeaseRecord;
      readonly altered?: readonly string[];
    }
  /** A delete was carried out, or there was nothing left to delete. */
  | { readonly type: 'leaseRemoved'; readonly request: number }
  /** A consistent read of a Pod by its name; `null` when there is none. */
  | { readonly type: 'podRead'; readonly request: number; readonly name: string; readonly pod: PodRecord | null }
  | { readonly type: 'requestFailed'; readonly request: number; readonly failure: RequestFailure }
  | { readonly type: 'timerFired'; readonly timer: TimerName }
  | { readonly type: 'stepDownRequested' }
  /** `stop()` was called. */
  | { readonly type: 'stopRequested'; readonly release: ReleasePolicy }
  /** The work of the ended term has finished (`drained`), or the time it was given has passed. */
  | { readonly type: 'workSettled'; readonly drained: boolean }
  /** A delete was accepted, but the Lease is still there, with a `deletionTimestamp`: a finalizer holds it. */
  | { readonly type: 'leaseDeletionPending'; readonly request: number; readonly lease: LeaseRecord }
  /** The process that holds the socket, by its process id and user id; `null` when it cannot be seen. */
  | {
      readonly type: 'siblingLockHolderFound';
      readonly holder: { readonly pid: number; readonly uid: number } | null;
    }
  /** A leader has listed the Pods of its application, and this one should lead next; `null`: there is none. */
  | { readonly type: 'successorChosen'; readonly successor: NamedSuccessor | null }
  /** The API server has granted a stream of a watch, on which nothing may come for a while. */
  | { readonly type: 'watchOpened'; readonly resource: 'leases' | 'pods' };

/** What the driver knows at the moment it takes a fact in its turn. */
export interface Moment {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Milliseconds since 1970: written into the Lease for people, never compared. */
  readonly wallMs: number;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: number;
}

/** A fact and its moment. */
export type Input = Fact & Moment;
