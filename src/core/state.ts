/**
 * Everything the election remembers: what it knows about the cluster, and the role it plays.
 *
 * All of it is read-only data; `election.ts` makes the next state from it.
 */

import type { Leader, Term, WarningCode } from './effect.ts';
import type { PodLiveness, Succession } from './holder.ts';
import type { ReleasePolicy } from './input.ts';
import type { LeaseRecord, NamedSuccessor, PodReference } from './lease-record.ts';
import type { Refusals } from './refusal.ts';

/** What is fixed for the life of an elector. */
export interface ElectionConfig {
  readonly self: PodReference;
  readonly namespace: string;
  readonly leaseName: string;
  readonly renewIntervalMs: number;
  readonly leaseDurationSeconds: number;
  readonly succession: Succession;
  /** How long a refusal must last before it ends the start, in milliseconds. */
  readonly startGraceMs: number;
}

/** The Pod that holds the Lease, or held the last one seen. */
export interface KnownHolder {
  readonly pod: PodReference;
  readonly liveness: PodLiveness;
  /** The Lease by which it is known. */
  readonly leaseUid: string;
  /** Whether it gave that Lease up. */
  readonly released: boolean;
  /** The Pod that should lead next, as the last Lease said that was seen in this Pod's possession. */
  readonly successor?: NamedSuccessor;
}

/** The Lease as last seen. */
export interface LeaseObservation {
  /** `null`: there is none. */
  readonly lease: LeaseRecord | null;
  /**
   * The monotonic moment since which its record (holder, times, duration, transitions) has looked like this, or since
   * which there is none. A change of labels or annotations alone does not move it, as in client-go.
   */
  readonly sinceMs: number;
  /** The monotonic moment at which its renewTime was last seen to move; `null` when it has none. */
  readonly renewedAtMs: number | null;
}

/** What is known about the cluster, whatever the role. */
export interface Knowledge {
  /** `null` until the first answer. */
  readonly observation: LeaseObservation | null;
  /** The greatest resourceVersion seen of the Lease, deletions included; what is older is late and dropped. */
  readonly newestResourceVersion: string;
  /** The uid of the last Lease that was seen with an owner or a holder. */
  readonly namedLeaseUid: string | null;
  /** The moment of the renewal (as `renewedAtMs`) after which the leader was announced as silent; `null` once it is not. */
  readonly silenceAnnouncedMs: number | null;
  /** The predecessor's count of terms, for the next one's `leaseTransitions`. */
  readonly leaseTransitions: number | null;
  readonly knownHolder: KnownHolder | null;
  /** The consistent read of the Lease in flight, and what was known when it was sent. */
  readonly leaseRead: {
    readonly request: number;
    /** The monotonic moment at which it was sent. */
    readonly askedAtMs: number;
    readonly knewResourceVersion: string | null;
    readonly newestResourceVersion: string;
    /** A renewal became overdue since it was sent, so only a later read counts. */
    readonly doubted: boolean;
  } | null;
  /** Whether the next read of the Lease makes the watch list again, should it show what the watch did not. */
  readonly watchInDoubt: boolean;
  /** The consistent read of the holder's Pod in flight, and whether a doubt arose since it was asked for. */
  readonly holderRead: { readonly request: number; readonly doubted: boolean } | null;
  /** Why this Pod may never campaign again, if it may not. */
  readonly disqualifiedBy: 'pod-deleted' | 'pod-terminating' | null;
  /** False once reading the Lease was forbidden: then only the watch tells of it. */
  readonly canReadLease: boolean;
  readonly canRenew: boolean;
  /**
   * The version of the own Lease on which a mark may yet be put: it was sent, and what became of it is not known. Only
   * another write makes sure that it comes too late.
   */
  readonly pendingReleaseVersion: string | null;
  readonly canDelete: boolean;
  /** The monotonic moment at which a write of another process in the name of this Pod was last seen. */
  readonly twinSeenAtMs: number | null;
  /** Whether the API server has ever shown the own Pod. */
  readonly ownPodSeen: boolean;
  /** The Lease that this Pod owns, and the monotonic moment at which it was first seen. */
  readonly ownLease: { readonly uid: string; readonly seenAtMs: number } | null;
  /** Leases of this Pod in a row that were gone soon after they were created. */
  readonly shortLives: number;
  /** The monotonic moment at which a renewal was last sent. */
  readonly renewalSentAtMs: number;
  /** The renewTimes that were sent last, the newest at the end; also of renewals whose answer was lost. */
  readonly sentRenewTimesMs: readonly number[];
  /** False once reading a Pod was forbidden: then only the garbage collector can tell that the holder is gone. */
  readonly canReadPods: boolean;
  /** The monotonic moment at which the API server last confirmed what is known of the Lease. */
  readonly verifiedAtMs: number;
  /** The Pod that this process names in its Lease; `null`: nobody. `undefined` until a first list of its term was answered. */
  readonly namedSuccessor: NamedSuccessor | null | undefined;
  /** Requests that failed in a row; sets the back-off. */
  readonly failures: number;
  /** What the API server refuses at the moment. */
  readonly refusals: Refusals;
  /** The work of an ended term did not settle in time, or was not waited for, and may run as long as this process does. */
  readonly workMayRun: boolean;
  readonly warned: readonly WarningCode[];
  /** The leader as last announced; `undefined` before the first announcement. */
  readonly announcedLeader: Leader | null | undefined;
}

/** The consistent read of the own Pod that runs beside a campaign. */
export type OwnPodCheck = { readonly request: number } | 'exists';

/** How far a candidate is on its way to a term. */
export type Attempt =
  /** Waits out the jitter. */
  | { readonly step: 'jitter'; readonly over: boolean }
  /** Deletes what is left of the predecessor, and makes sure that the own Pod still exists. */
  | {
      readonly step: 'deletingOldLease';
      readonly ownPod: OwnPodCheck;
      /** Whoever gave the Lease up is about to delete it, too, and is left to do so until the jitter is over. */
      readonly waitingForReleaser: boolean;
      readonly deletion: { readonly request: number; readonly leaseUid: string } | null;
    }
  /** Waits for the answer to its create. */
  | { readonly step: 'creating'; readonly request: number }
  /**
   * The Lease is its own already: makes sure that the own Pod still exists, and renews; where that is not permitted
   * reads the Lease. What was seen of it before may be long past, so nobody begins to lead on its word.
   */
  | {
      readonly step: 'resuming';
      readonly ownPod: OwnPodCheck;
      readonly proof: { readonly request: number } | { readonly lease: LeaseRecord };
    };

/** What to do once out of office. */
export type LeavingFor = 'stopped' | 'candidate';

/** Waits for the socket and for the first look at the Lease. */
export interface StartingRole {
  readonly name: 'starting';
  readonly siblingLock: 'pending' | 'held' | 'taken';
}

/** Would lead if it could. */
export interface CandidateRole {
  readonly name: 'candidate';
  readonly attempt: Attempt | null;
  /** A request failed: nothing new is tried before the Lease was read again. */
  readonly backingOff: boolean;
  /** A create was sent and it is not known that nothing is left of it: a Lease of one's own may be that one. */
  readonly createOutcomeUnknown: boolean;
  /** After stepping down, the others go first until this monotonic moment. */
  readonly notBeforeMs: number;
  /** The monotonic moment for which the timer `recheck` is set. */
  readonly recheckAtMs: number | null;
}

/** Another process of the same Pod campaigns; this one observes. */
export interface SiblingRole {
  readonly name: 'sibling';
  /** The holder of the socket seems to do nothing, and which process it is, is being looked up. */
  readonly isHolderSought?: true;
}

/** Holds the Lease. */
export interface LeaderRole {
  readonly name: 'leader';
  readonly term: Term;
  /** The renewal in flight. */
  readonly renewal: number | null;
  /** The Lease is missing: the way back to it. */
  readonly restoring: { readonly ownPod: OwnPodCheck; readonly creation: number | null } | null;
  /**
   * The answer to a create was lost: a Lease of its own may be that one. True to the end of the term, since the create may
   * be carried out at any moment.
   */
  readonly createOutcomeUnknown: boolean;
  /** The create whose answer was overtaken by the event of a Lease that seems to be its own. */
  readonly overtakenCreation: number | null;
  /** The monotonic moment at which the Lease was last back. */
  readonly restoredAtMs: number;
  /** A request failed: nothing is restored before the Lease was read again. */
  readonly backingOff: boolean;
  /** The term has ended for the application; its work may still run, so the Lease is kept until it has settled. */
  readonly resigning: { readonly next: LeavingFor; readonly release: ReleasePolicy } | null;
}

/** Out of office, and still busy with the Lease. */
export interface LeavingRole {
  readonly name: 'leaving';
  readonly next: LeavingFor;
  readonly step: LeavingStep;
  /** Requests that failed on the way. */
  readonly tries: number;
}

/** How far leaving has come; a request of `null` waits for the next try. */
export type LeavingStep =
  /** Stopped while a create was under way: its answer decides whether there is something to give up. */
  | {
      readonly name: 'awaitingCreate';
      readonly request: number | null;
      readonly release: ReleasePolicy;
      /** Whether the work was waited for, and is done; `null`: it was not waited for. */
      readonly drained: boolean | null;
    }
  /** Waits for what is left of the work of a term that was lost. */
  | { readonly name: 'awaitingWork'; readonly request: null; readonly release: ReleasePolicy }
  /** Is the own Pod being deleted? */
  | { readonly name: 'readingOwnPod'; readonly request: number | null }
  /** Writes the annotation that tells everybody that this Pod gave the Lease up. */
  | { readonly name: 'releasing'; readonly request: number | null; readonly version: string }
  /** Deletes the marked Lease. */
  | { readonly name: 'deleting'; readonly request: number | null }
  /** The DELETE is refused, so nothing is released: takes the annotation back. */
  | { readonly name: 'withdrawingRelease'; readonly request: number | null };

/** Over. */
export interface StoppedRole {
  readonly name: 'stopped';
}

/** What the elector is at the moment. */
export type Role = StartingRole | CandidateRole | SiblingRole | LeaderRole | LeavingRole | StoppedRole;

/** A candidate that has not tried anything yet. */
export const FRESH_CANDIDATE: CandidateRole = {
  name: 'candidate',
  attempt: null,
  backingOff: false,
  createOutcomeUnknown: false,
  notBeforeMs: 0,
  recheckAtMs: null,
};

/** The whole state. */
export interface ElectionState {
  readonly config: ElectionConfig;
  /** The number of the last request. */
  readonly lastRequest: number;
  readonly knowledge: Knowledge;
  readonly role: Role;
}

/** The state before `start()`. */
export function initialElectionState(config: ElectionConfig): ElectionState {
  return {
    config,
    lastRequest: 0,
    knowledge: {
      observation: null,
      newestResourceVersion: '0',
      namedLeaseUid: null,
      silenceAnnouncedMs: null,
      leaseTransitions: null,
      knownHolder: null,
      leaseRead: null,
      watchInDoubt: false,
      holderRead: null,
      disqualifiedBy: null,
      canReadLease: true,
      canRenew: true,
      pendingReleaseVersion: null,
      canDelete: true,
      twinSeenAtMs: null,
      ownPodSeen: false,
      ownLease: null,
      shortLives: 0,
      renewalSentAtMs: Number.NEGATIVE_INFINITY,
      sentRenewTimesMs: [],
      canReadPods: true,
      verifiedAtMs: 0,
      namedSuccessor: undefined,
      failures: 0,
      refusals: {},
      workMayRun: false,
      warned: [],
      announcedLeader: undefined,
    },
    role: { name: 'starting', siblingLock: 'pending' },
  };
}
