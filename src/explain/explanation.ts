/** The types of an explanation: the input and the result of `explain()`. */

import type { Diagnostics } from '../core/diagnostics.ts';
import type { NodeRecord } from '../core/node-record.ts';
import type { MissingRule } from '../core/request-failure.ts';
import type { ElectionState } from '../core/state.ts';
import type { Leader } from '../events.ts';

export type { MissingRule };

/** The reason why there is or is not a leader. A new version may have more reasons. */
export type ExplanationReason =
  /** `start()` was not called. */
  | 'not-started'
  /** The API server has not answered the first requests yet. */
  | 'starting'
  /** This process leads. */
  | 'leading'
  /** This process leads, but the promise of `onElected` has settled: its work has failed or ended. */
  | 'leading-idle'
  /** This process has ended its term (`stop()`, `stepDown()`). It waits for its work, or releases the Lease. */
  | 'leaving'
  /** This elector has stopped or failed. */
  | 'stopped'
  /** Another process of the same Pod takes part in the election. */
  | 'sibling'
  /** The API server cannot be reached, or does not answer correctly. */
  | 'api-unreachable'
  /** The API server does not accept the token. */
  | 'unauthorized'
  /**
   * A permission is missing, or the API server rejects the request: this Pod cannot be elected, or cannot verify the
   * leader.
   */
  | 'forbidden'
  /** This Pod is gone, and this process still runs. */
  | 'own-pod-deleted'
  /** Nobody leads. This Pod is being deleted, so it does not campaign. */
  | 'own-pod-terminating'
  /** Nobody leads. This process released the Lease a moment ago, and lets the other Pods go first. */
  | 'stepped-down'
  /** Nobody leads, and this process campaigns. */
  | 'campaigning'
  /** This Pod holds the Lease, and this process is about to resume the term. */
  | 'resuming'
  /** Another Pod leads, and no problem is known. The message contains "all is well" only if that Pod renews. */
  | 'following'
  /** Another Pod holds the Lease. It is unknown whether that Pod exists. */
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
  /** The Lease is gone. The Pod that held it exists, or may exist, and is expected to restore it. */
  | 'lease-missing'
  /** The Lease is being deleted, but its finalizers keep it. */
  | 'lease-terminating'
  /** The holder is gone, and its Lease is left to the garbage collector. */
  | 'waiting-for-collector'
  /** The holder released the Lease, but this process is not permitted to delete it. */
  | 'released-not-deletable'
  /** No Pod owns the Lease. */
  | 'foreign-lease';

/** The Pod that holds the Lease, as last seen. The fields are those of its status; `null` if it has no value. */
export interface HolderPod {
  /** The name of the Pod. */
  readonly name: string;
  /** The uid of the Pod. */
  readonly uid: string;
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string | null;
  /** The reason for this phase, such as `Evicted`. */
  readonly reason: string | null;
  /** The node of the Pod; `null` before the Pod is scheduled. */
  readonly nodeName: string | null;
  /**
   * The condition `Ready`. False while `containersReady` is true: the control plane has lost the node, or a readiness
   * gate is not met.
   */
  readonly ready: boolean | null;
  /** The condition `ContainersReady`. */
  readonly containersReady: boolean | null;
  /** Whether every container is reported as terminated. */
  readonly containersTerminated: boolean;
  /** The first container that cannot be started, with the reason. */
  readonly waiting: { readonly container: string; readonly reason: string } | null;
  /** Whether it is being deleted. */
  readonly terminating: boolean;
  /** The moment at which its deletion was requested. */
  readonly terminatingSince: Date | null;
  /** The moment at which its grace period ends. */
  readonly deletionTimestamp: Date | null;
}

/** The explanation of why there is or is not a leader. Plain data: `JSON.stringify` writes all of it. */
export interface Explanation {
  /** The value to match on. */
  readonly reason: ExplanationReason;
  /** The explanation for people: the situation, and what to do or to wait for. The wording may change. */
  readonly message: string;
  /** The Lease of the election; `null` until its name is known. */
  readonly lease: { readonly namespace: string; readonly name: string } | null;
  /** The leader, as far as this process knows: the same as `elector.leader`. */
  readonly leader: Leader | null;
  /** The Pod that holds the Lease; `null` when no such Pod is known, or when it was not observed. */
  readonly holderPod: HolderPod | null;
  /**
   * The beginning of the situation; `null` if it is unknown. A time from an object of the API is by the clock of the
   * machine that wrote it.
   */
  readonly since: Date | null;
  /** The event that would end the situation. */
  readonly endsWhen: string;
  /**
   * A command with which an administrator can end the situation; `null` when no command helps, or when there is nothing
   * to repair. Read `caution` first.
   */
  readonly command: string | null;
  /** What to verify before the command is used; `null` when there is nothing to verify. */
  readonly caution: string | null;
  /** The permissions that were found to be missing, as rules of a Role. */
  readonly missingRules: readonly MissingRule[];
  /** The same as `elector.unverifiedForMs`. */
  readonly unverifiedForMs: number;
  /** The failure of the last request; `null` once the API server has answered a request. */
  readonly failure: string | null;
  /** The error of the work of the present term (`leading-idle`), or the error that ended this elector (`stopped`). */
  readonly error: string | null;
}

/** Work that has ended while its term lasts. */
export interface IdleWork {
  /** The monotonic moment of the end. */
  readonly endedAtMs: number;
  /** The error of the work; `null` when the work did not fail. */
  readonly error: string | null;
}

/** The input of an explanation. */
export interface ExplainInput {
  /** `null` until the cluster is found. */
  readonly election: ElectionState | null;
  readonly diagnostics: Diagnostics;
  /** The permissions that are missing for labels and Events. The election does not need them. @default none */
  readonly publishingRules?: readonly MissingRule[];
  readonly started: boolean;
  /** There is no cluster, and the option `local` is set. */
  readonly local: boolean;
  readonly over: boolean;
  /** The message of the error that ended this elector; `null` when the elector was stopped, or has not ended. */
  readonly endedBy: string | null;
  readonly idleWork: IdleWork | null;
  /** The time since the last `term.progress()`, in milliseconds, when that is too long; otherwise `null`. */
  readonly noProgressForMs?: number | null;
  readonly leader: Leader | null;
  /** The node of the holder's Pod. An elector does not read Nodes, so only the command sets it. */
  readonly holderNode?: NodeRecord | null;
  readonly unverifiedForMs: number;
  readonly nowMs: number;
  readonly wallMs: number;
}

/** The input after the election has begun. */
export type RunningInput = ExplainInput & { readonly election: ElectionState };

/** The parts that differ from reason to reason. Times are in milliseconds since 1970. */
export interface ReasonDetails {
  readonly reason: ExplanationReason;
  readonly message: string;
  readonly endsWhen: string;
  readonly sinceMs?: number | null;
  readonly command?: string | null;
  readonly caution?: string | null;
  readonly error?: string | null;
}
