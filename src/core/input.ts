/**
 * The facts that the election receives, in the past tense.
 *
 * An answer has the number of its request. `step` ignores an answer that it no longer expects, so a late answer is an
 * input like any other.
 */

import type { LeaseRecord, NamedSuccessor, PodRecord, PodReference } from './lease-record.ts';
import type { RequestFailure } from './request-failure.ts';

/** The timers of the election, by their purpose. Setting a timer again replaces it. */
export type TimerName =
  /** The jitter before a campaign. */
  | 'campaign'
  /** The wait after a failed request. */
  | 'retry'
  /** The next renewal. */
  | 'renew'
  /** The next consistent read that no event has caused. */
  | 'backstop'
  /** The next read of a Lease or a Pod that only time or its holder can change. */
  | 'recheck'
  /**
   * The moment at which a renewal of the leader becomes overdue. The Lease is then read, because the watch may be dead.
   */
  | 'stale'
  /** The end of the time that leaving may take. */
  | 'leaving'
  /** The next attempt of a refused request. */
  | 'permission'
  /** The end of the grace period for a refusal during `start()`. */
  | 'startGrace';

/** Whether leaving releases the Lease: always, or only when this Pod is being deleted and the work is done. */
export type ReleasePolicy = 'ifTerminating' | 'always';

/** A fact: an answer, a watch event, a timer, or a call of the application. */
export type Fact =
  /** `start()` was called. */
  | { readonly type: 'started' }
  /**
   * The bind of the socket that lets one process per Pod campaign has succeeded or failed. `refusedBy` is the error
   * code of a bind that was refused. The outcome is then `taken`, because another process of the Pod might hold the
   * socket.
   */
  | {
      readonly type: 'siblingLockAnswered';
      readonly outcome: 'held' | 'taken' | 'unsupported';
      readonly refusedBy?: string;
    }
  /** The Lease, as shown by a consistent list, a watch event or the read of `confirm()`. */
  | { readonly type: 'leaseObserved'; readonly lease: LeaseRecord; readonly by: 'list' | 'watch' | 'get' }
  /** A DELETED event, with the last content of the Lease and a resourceVersion of its own. */
  | { readonly type: 'leaseDeleted'; readonly lease: LeaseRecord }
  /** A consistent list did not contain the Lease. */
  | { readonly type: 'leaseAbsent'; readonly resourceVersion: string }
  | { readonly type: 'leaseWatchFailed'; readonly failure: RequestFailure }
  /** A Pod with the name of the watched Pod. Its uid shows whether it is the same Pod. */
  | {
      readonly type: 'podObserved';
      readonly watched: PodReference;
      readonly pod: PodRecord;
      readonly by: 'list' | 'watch';
    }
  /** A DELETED event for a Pod with the name of the watched Pod. */
  | { readonly type: 'podDeleted'; readonly watched: PodReference; readonly pod: PodRecord }
  /** A consistent list, sent after the Pod was known, found no Pod of that name. */
  | { readonly type: 'podAbsent'; readonly watched: PodReference }
  | { readonly type: 'podWatchFailed'; readonly watched: PodReference; readonly failure: RequestFailure }
  /** A consistent read of the Lease; `null` when it does not exist. */
  | { readonly type: 'leaseRead'; readonly request: number; readonly lease: LeaseRecord | null }
  /**
   * A create or a replace was executed, and this is the resulting Lease. `altered` names the fields that were answered
   * with a value other than the sent one. It is left out when there are no such fields.
   */
  | {
      readonly type: 'leaseWritten';
      readonly request: number;
      readonly lease: LeaseRecord;
      readonly altered?: readonly string[];
    }
  /** A delete was executed, or there was nothing to delete. */
  | { readonly type: 'leaseRemoved'; readonly request: number }
  /** A consistent read of a Pod by its name; `null` when there is no such Pod. */
  | { readonly type: 'podRead'; readonly request: number; readonly name: string; readonly pod: PodRecord | null }
  | { readonly type: 'requestFailed'; readonly request: number; readonly failure: RequestFailure }
  | { readonly type: 'timerFired'; readonly timer: TimerName }
  | { readonly type: 'stepDownRequested' }
  /** `stop()` was called. */
  | { readonly type: 'stopRequested'; readonly release: ReleasePolicy }
  /** The work of the ended term has finished (`drained`), or its time limit has passed. */
  | { readonly type: 'workSettled'; readonly drained: boolean }
  /** A delete was accepted, but a finalizer keeps the Lease, which now has a `deletionTimestamp`. */
  | { readonly type: 'leaseDeletionPending'; readonly request: number; readonly lease: LeaseRecord }
  /** The process that holds the socket, by its process id and user id; `null` when it cannot be determined. */
  | {
      readonly type: 'siblingLockHolderFound';
      readonly holder: { readonly pid: number; readonly uid: number } | null;
    }
  /**
   * The leader has listed the Pods of its application and chosen the Pod that should lead next; `null`: there is no
   * such Pod.
   */
  | { readonly type: 'successorChosen'; readonly successor: NamedSuccessor | null }
  /** The API server has accepted a watch stream. The first event on it may take a while. */
  | { readonly type: 'watchOpened'; readonly resource: 'leases' | 'pods' };

/** The clocks and the random number that the driver adds when it processes a fact. */
export interface Moment {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Milliseconds since 1970. Written into the Lease for people. The rules compute no duration from it. */
  readonly wallMs: number;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: number;
}

/** A fact and its moment. */
export type Input = Fact & Moment;
