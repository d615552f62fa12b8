/**
 * The types of an explanation: what `explain()` is given, and what it returns.
 */

import type { Diagnostics } from '../core/diagnostics.ts';
import type { NodeRecord } from '../core/node-record.ts';
import type { MissingRule } from '../core/request-failure.ts';
import type { ElectionState } from '../core/state.ts';
import type { Leader } from '../events.ts';

export type { MissingRule };

/** Why there is, or is no, leader. A new version may know more reasons. */
export type ExplanationReason =
  /** `start()` was not called. */
  | 'not-started'
  /** The first answers of the API server are awaited. */
  | 'starting'
  /** This process leads. */
  | 'leading'
  /** This process leads, but the promise of `onElected` has settled: its work has failed or ended. */
  | 'leading-idle'
  /** This process has ended its term (`stop()`, `stepDown()`); its work drains, or it gives the Lease up. */
  | 'leaving'
  /** This elector is over. */
  | 'stopped'
  /** Another process of the same Pod takes part in the election. */
  | 'sibling'
  /** The API server cannot be reached, or does not answer as it should. */
  | 'api-unreachable'
  /** The API server does not accept the token. */
  | 'unauthorized'
  /** A permission is missing, or the API server rejects what is asked: this Pod cannot be elected, or not be sure who leads. */
  | 'forbidden'
  /** The own Pod is gone, and this process still runs. */
  | 'own-pod-deleted'
  /** Nobody leads; the own Pod is being deleted, so it does not campaign. */
  | 'own-pod-terminating'
  /** Nobody leads; this process gave the Lease up a moment ago, and lets the others go first. */
  | 'stepped-down'
  /** Nobody leads; this process is about to. */
  | 'campaigning'
  /** The own Pod holds the Lease; this process is about to lead on. */
  | 'resuming'
  /** Another Pod leads, and nothing is known to be wrong; the message says "all is well" only if it renews. */
  | 'following'
  /** Another Pod holds the Lease; whether it exists is not known. */
  | 'holder-unknown'
  /** The holder's Pod is being deleted. */
  | 'holder-terminating'
  /** The holder's Pod has failed (it was evicted, for example), and exists. */
  | 'holder-failed'
  /** The holder's Pod has finished, and exists. */
  | 'holder-succeeded'
  /** The holder's Pod is not Ready, or a container of it cannot be started (`CrashLoopBackOff`, for example). */
  | 'holder-not-ready'
  /** The control plane has lost the node of the holder's Pod. */
  | 'holder-node-not-ready'
  /** The holder does not renew: it hangs, has ended, or cannot reach the API server. */
  | 'holder-silent'
  /** The Lease is gone; the Pod that held it exists, and is expected to restore it. */
  | 'lease-missing'
  /** The Lease is being deleted, but its finalizers keep it. */
  | 'lease-terminating'
  /** The holder is gone, and its Lease is left to the garbage collector. */
  | 'waiting-for-collector'
  /** The holder gave the Lease up, but nobody may delete it. */
  | 'released-not-deletable'
  /** No Pod owns the Lease. */
  | 'foreign-lease';

/** The Pod that holds the Lease, as last seen; the fields are those of its status, `null` where it says nothing. */
export interface HolderPod {
  readonly name: string;
  readonly uid: string;
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string | null;
  /** Why it is in this phase, such as `Evicted`. */
  readonly reason: string | null;
  readonly nodeName: string | null;
  /** The condition `Ready`. False while `containersReady` is true: the control plane has lost the node. */
  readonly ready: boolean | null;
  /** The condition `ContainersReady`. */
  readonly containersReady: boolean | null;
  /** Whether every container is reported as terminated. */
  readonly containersTerminated: boolean;
  /** The first container that cannot be started, and why. */
  readonly waiting: { readonly container: string; readonly reason: string } | null;
  /** Whether it is being deleted. */
  readonly terminating: boolean;
  /** When its deletion was asked for. */
  readonly terminatingSince: Date | null;
  /** When its grace period ends. */
  readonly deletionTimestamp: Date | null;
}

/** Why there is, or is no, leader. Plain data: `JSON.stringify` writes all of it. */
export interface Explanation {
  /** What to match on. */
  readonly reason: ExplanationReason;
  /** The same for people: what is so, and what to do or to wait for. Its wording may change. */
  readonly message: string;
  /** `null` until it is known which Lease is competed for. */
  readonly lease: { readonly namespace: string; readonly name: string } | null;
  /** As `elector.leader`: who leads, as far as this process knows. */
  readonly leader: Leader | null;
  /** `null` when no Pod is known to hold the Lease, or it was not seen. */
  readonly holderPod: HolderPod | null;
  /**
   * Since when it is so; `null` where that is not known. A time that an object of the API holds is by the clock of the
   * machine that wrote it.
   */
  readonly since: Date | null;
  /** What would end it. */
  readonly endsWhen: string;
  /** A command with which an administrator may end it; `null` when there is none, or nothing to mend. Read `caution` first. */
  readonly command: string | null;
  /** What to make sure of before the command is used. */
  readonly caution: string | null;
  /** The permissions that were found to be missing, as rules of a Role. */
  readonly missingRules: readonly MissingRule[];
  /** As `elector.unverifiedForMs`. */
  readonly unverifiedForMs: number;
  /** How the last request failed, if the API server has answered none since. */
  readonly failure: string | null;
  /** What the work of the present term failed with (`leading-idle`), or what ended this elector (`stopped`). */
  readonly error: string | null;
}

/** Work that has ended while its term lasts. */
export interface IdleWork {
  /** A monotonic moment. */
  readonly endedAtMs: number;
  /** `null` when it did not fail. */
  readonly error: string | null;
}

/** What is to be explained. */
export interface ExplainInput {
  /** `null` until the cluster is found. */
  readonly election: ElectionState | null;
  readonly diagnostics: Diagnostics;
  readonly started: boolean;
  /** There is no cluster, and the option `local` is set. */
  readonly local: boolean;
  readonly over: boolean;
  /** The message of the error that ended this elector; `null` when it was stopped, or is not over. */
  readonly endedBy: string | null;
  readonly idleWork: IdleWork | null;
  /** For how long `term.progress()` was not called, once that is too long. */
  readonly noProgressForMs?: number | null;
  readonly leader: Leader | null;
  /** The node of the holder's Pod. An elector does not read Nodes, so only the command gives it. */
  readonly holderNode?: NodeRecord | null;
  readonly unverifiedForMs: number;
  readonly nowMs: number;
  readonly wallMs: number;
}

/** The same, once the election is under way. */
export type RunningInput = ExplainInput & { readonly election: ElectionState };

/** What differs from reason to reason; times in milliseconds since 1970. */
export interface ReasonDetails {
  readonly reason: ExplanationReason;
  readonly message: string;
  readonly endsWhen: string;
  readonly sinceMs?: number | null;
  readonly command?: string | null;
  readonly caution?: string | null;
  readonly error?: string | null;
}
