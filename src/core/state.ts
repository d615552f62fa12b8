/**
 * The state of the election: its knowledge about the cluster, and its role.
 *
 * The state is read-only data. `election.ts` derives the next state from it.
 */

import type { Leader, Term, WarningCode } from './effect.ts';
import type { PodLiveness, Succession } from './holder.ts';
import type { ReleasePolicy } from './input.ts';
import type { LeaseRecord, NamedSuccessor, PodReference } from './lease-record.ts';
import type { Refusals } from './refusal.ts';

/** The values that never change for an elector. */
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

/** The Pod that holds the Lease, or held the last Lease that was seen. */
export interface KnownHolder {
  readonly pod: PodReference;
  readonly liveness: PodLiveness;
  /** The uid of the Lease that showed this holder. */
  readonly leaseUid: string;
  /** Whether the holder released that Lease. */
  readonly released: boolean;
  /** The Pod that should lead next, according to the last Lease that this holder was seen to hold. */
  readonly successor?: NamedSuccessor;
}

/** The Lease as last seen. */
export interface LeaseObservation {
  /** `null`: there is no Lease. */
  readonly lease: LeaseRecord | null;
  /**
   * The monotonic moment since which the record (holder, times, duration, transitions) is unchanged, or since which
   * there is no Lease. A change of labels or annotations alone does not move it, as in client-go.
   */
  readonly sinceMs: number;
  /** The monotonic moment at which its renewTime last changed; `null` when it has no renewTime. */
  readonly renewedAtMs: number | null;
}

/** The requests that are permitted, as far as is known. A permission counts as granted until a request is refused. */
export interface Permissions {
  /** Without it, only the watch shows the Lease. */
  readonly canReadLease: boolean;
  readonly canRenew: boolean;
  readonly canDelete: boolean;
  /** Without it, only the garbage collector shows that the holder is gone. */
  readonly canReadPods: boolean;
}

/** The requests that failed. */
export interface Failures {
  /** The number of requests that failed in a row. It determines the back-off. */
  readonly inARow: number;
  /** The requests that the API server refuses at the moment. */
  readonly refusals: Refusals;
}

/** The state that was last announced to the application. */
export interface Announced {
  /** `undefined` before the first announcement. */
  readonly leader: Leader | null | undefined;
  /**
   * The moment of the leader's last renewal before its silence, as `renewedAtMs`; `null` while the leader is not
   * silent.
   */
  readonly silenceMs: number | null;
  readonly warnings: readonly WarningCode[];
}

/** What is known about the cluster, in every role. */
export interface Knowledge {
  /** `null` until the first answer. */
  readonly observation: LeaseObservation | null;
  /**
   * The largest resourceVersion of the Lease that was seen, including deletions. Older facts are late and are dropped.
   */
  readonly newestResourceVersion: string;
  /** The uid of the last Lease that was seen with an owner or a holder. */
  readonly namedLeaseUid: string | null;
  /** The count of terms in the last Lease, from which the next term derives its `leaseTransitions`. */
  readonly leaseTransitions: number | null;
  readonly knownHolder: KnownHolder | null;
  /**
   * The consistent read of the Lease that is in flight, and the knowledge when it was sent; `null` without such a read.
   */
  readonly leaseRead: {
    readonly request: number;
    /** The monotonic moment at which it was sent. */
    readonly askedAtMs: number;
    readonly knewResourceVersion: string | null;
    readonly newestResourceVersion: string;
    /** Whether a renewal became overdue after this read was sent, so that only a later read counts. */
    readonly doubted: boolean;
  } | null;
  /** Whether the next read of the Lease is compared with the watch. If the watch missed a change, it lists again. */
  readonly watchInDoubt: boolean;
  /**
   * The consistent read of the holder's Pod that is in flight, and whether a later fact makes another read necessary;
   * `null` without such a read.
   */
  readonly holderRead: { readonly request: number; readonly doubted: boolean } | null;
  /** The reason why this Pod must never campaign again; `null` while it may campaign. */
  readonly disqualifiedBy: 'pod-deleted' | 'pod-terminating' | null;
  /**
   * The resourceVersion for which a release annotation was sent without an answer. The annotation may still be written
   * until another write replaces this version.
   */
  readonly pendingReleaseVersion: string | null;
  /** The monotonic moment at which a write of another process in the name of this Pod was last seen. */
  readonly twinSeenAtMs: number | null;
  /** Whether the API server has ever shown this Pod. */
  readonly ownPodSeen: boolean;
  /** The Lease that this Pod owns, and the monotonic moment at which it was first seen. */
  readonly ownLease: { readonly uid: string; readonly seenAtMs: number } | null;
  /** The number of Leases of this Pod, in a row, that were deleted soon after they were created. */
  readonly shortLives: number;
  /** The monotonic moment at which a renewal was last sent. */
  readonly renewalSentAtMs: number;
  /** The renewTimes that were sent last, with the newest at the end. Renewals whose answer was lost are included. */
  readonly sentRenewTimesMs: readonly number[];
  /** The monotonic moment at which the API server last confirmed the known state of the Lease. */
  readonly verifiedAtMs: number;
  /**
   * The Pod that this process names in its Lease; `null`: no Pod. `undefined` until the first list of its term was
   * answered.
   */
  readonly namedSuccessor: NamedSuccessor | null | undefined;
  /**
   * Whether work of an ended term may still run, because it did not settle in time or nothing waited for it. It may run
   * as long as this process.
   */
  readonly workMayRun: boolean;
  readonly permissions: Permissions;
  readonly failures: Failures;
  readonly announced: Announced;
}

/** The consistent read of this Pod that runs in parallel to a campaign. */
export type OwnPodCheck = { readonly request: number } | 'exists';

/** The step of a candidate on its way to a term. */
export type Attempt =
  /** Waits until the jitter is over. */
  | { readonly step: 'jitter'; readonly over: boolean }
  /** Deletes the Lease of the previous holder, and verifies that this Pod still exists. */
  | {
      readonly step: 'deletingOldLease';
      readonly ownPod: OwnPodCheck;
      /**
       * Whether the Pod that released the Lease is expected to delete it. Until the jitter is over, this candidate does
       * not delete it.
       */
      readonly waitingForReleaser: boolean;
      readonly deletion: { readonly request: number; readonly leaseUid: string } | null;
    }
  /** Waits for the answer to its create. */
  | { readonly step: 'creating'; readonly request: number }
  /**
   * This Pod holds the Lease already. Verifies that this Pod still exists, and renews the Lease. If renewing is not
   * permitted, it reads the Lease instead. Earlier observations may be outdated, so they do not start a term.
   */
  | {
      readonly step: 'resuming';
      readonly ownPod: OwnPodCheck;
      /** The request that is in flight, or the Lease in its answer. `written`: the request was a renewal. */
      readonly proof: { readonly request: number } | { readonly lease: LeaseRecord; readonly written: boolean };
    };

/** The role after the term has ended and leaving is finished. */
export type LeavingFor = 'stopped' | 'candidate';

/** Waits for the socket and for the first observation of the Lease. */
export interface StartingRole {
  readonly name: 'starting';
  readonly siblingLock: 'pending' | 'held' | 'taken';
}

/** Campaigns when nobody holds the Lease. */
export interface CandidateRole {
  readonly name: 'candidate';
  readonly attempt: Attempt | null;
  /** Whether a request failed. No new attempt begins before the Lease was read again. */
  readonly backingOff: boolean;
  /** Whether a create was sent whose outcome is unknown. A Lease of this Pod may be its result. */
  readonly createOutcomeUnknown: boolean;
  /** After a step-down this Pod does not campaign before this monotonic moment, so that the other Pods go first. */
  readonly notBeforeMs: number;
  /** The monotonic moment for which the timer `recheck` is set. */
  readonly recheckAtMs: number | null;
}

/** Another process of the same Pod campaigns. This process only observes. */
export interface SiblingRole {
  readonly name: 'sibling';
  /**
   * Whether the identity of the process that holds the socket is being looked up, because that process does not seem to
   * campaign.
   */
  readonly isHolderSought?: true;
}

/** Holds the Lease. */
export interface LeaderRole {
  readonly name: 'leader';
  readonly term: Term;
  /** The renewal in flight. */
  readonly renewal: number | null;
  /** The restoration of a missing Lease; `null` while the Lease exists. */
  readonly restoring: { readonly ownPod: OwnPodCheck; readonly creation: number | null } | null;
  /**
   * Whether the answer to a create was lost, so that a Lease of this Pod may be its result. Stays true until such a
   * Lease is seen, because the create may be executed at any moment.
   */
  readonly createOutcomeUnknown: boolean;
  /**
   * The number of a create whose answer is still awaited, although an event has shown a Lease that seems to be its
   * result.
   */
  readonly overtakenCreation: number | null;
  /** The monotonic moment at which the Lease was last restored. */
  readonly restoredAtMs: number;
  /** Whether a request failed. The Lease is not restored before it was read again. */
  readonly backingOff: boolean;
  /**
   * Set when the term has ended for the application. The work may still run, so the Lease is kept until the work has
   * settled.
   */
  readonly resigning: { readonly next: LeavingFor; readonly release: ReleasePolicy } | null;
}

/** The term has ended. This process decides whether to release its Lease, or is releasing it. */
export interface LeavingRole {
  readonly name: 'leaving';
  readonly next: LeavingFor;
  readonly step: LeavingStep;
  /** The number of requests that failed while leaving. Withdrawing a release starts again from 0. */
  readonly tries: number;
}

/** The progress of leaving. A request of `null` means that the step waits for its next attempt. */
export type LeavingStep =
  /**
   * Waits for a create that was in flight when leaving began. Its answer decides whether there is a Lease to release.
   */
  | {
      readonly name: 'awaitingCreate';
      readonly request: number | null;
      readonly release: ReleasePolicy;
      /** Whether the work is done; `null`: nothing has waited for it. */
      readonly drained: boolean | null;
    }
  /** Waits for the work of a lost term, which may still run. */
  | { readonly name: 'awaitingWork'; readonly request: null; readonly release: ReleasePolicy }
  /** Reads whether this Pod is being deleted. */
  | { readonly name: 'readingOwnPod'; readonly request: number | null }
  /** Writes the annotation which shows that this Pod released the Lease. */
  | { readonly name: 'releasing'; readonly request: number | null; readonly version: string }
  /** Deletes the Lease that has the annotation. */
  | { readonly name: 'deleting'; readonly request: number | null }
  /** Removes the annotation again, because the DELETE was refused. */
  | { readonly name: 'withdrawingRelease'; readonly request: number | null };

/** Stopped for good. */
export interface StoppedRole {
  readonly name: 'stopped';
}

/** The role of the elector at the moment. */
export type Role = StartingRole | CandidateRole | SiblingRole | LeaderRole | LeavingRole | StoppedRole;

/** A candidate without an attempt. */
export const FRESH_CANDIDATE: CandidateRole = {
  name: 'candidate',
  attempt: null,
  backingOff: false,
  createOutcomeUnknown: false,
  notBeforeMs: 0,
  recheckAtMs: null,
};

/** The whole state of the election. */
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
      leaseTransitions: null,
      knownHolder: null,
      leaseRead: null,
      watchInDoubt: false,
      holderRead: null,
      disqualifiedBy: null,
      pendingReleaseVersion: null,
      twinSeenAtMs: null,
      ownPodSeen: false,
      ownLease: null,
      shortLives: 0,
      renewalSentAtMs: Number.NEGATIVE_INFINITY,
      sentRenewTimesMs: [],
      verifiedAtMs: 0,
      namedSuccessor: undefined,
      workMayRun: false,
      permissions: { canReadLease: true, canRenew: true, canDelete: true, canReadPods: true },
      failures: { inARow: 0, refusals: {} },
      announced: { leader: undefined, silenceMs: null, warnings: [] },
    },
    role: { name: 'starting', siblingLock: 'pending' },
  };
}
