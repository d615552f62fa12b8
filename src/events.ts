/** The public types of a term, a leader, and the events. */

import type { WarningCode as CoreWarningCode, DemotionReason } from './core/effect.ts';
import type { LeaseElectorError } from './errors.ts';

export type { DemotionReason };

/** The subject of a warning. docs/operations.md describes for each code what to do, and whether to page a person. */
export type WarningCode =
  | CoreWarningCode
  /**
   * There is no cluster and the option `local` is set, so this process takes part in no real election. Or
   * `LEASE_ELECTOR_LOCAL` is set, but is ignored because there is a cluster.
   */
  | 'local'
  /** The clocks of this machine and of the API server differ by more than a minute. No decision depends on it. */
  | 'clock-skew'
  /** The difference that `clock-skew` reported is over. */
  | 'clock-skew-over'
  /** The endpoint does not listen, or not on all of its addresses. */
  | 'endpoint-unavailable'
  /** No request to the API server has succeeded for 10 s. Once per outage. */
  | 'api-unreachable'
  /** The outage that `api-unreachable` reported is over. */
  | 'api-reachable'
  /** No write of the Lease has succeeded for 10 s, although the API server answers other requests. */
  | 'writes-failing'
  /** A write has succeeded since `writes-failing`. */
  | 'writes-accepted'
  /** The label of `leaderLabel`, or the annotation of `podDeletionCost`, cannot be written to a Pod. */
  | 'pod-patch-failing'
  /** A Kubernetes Event cannot be written. */
  | 'event-create-failing';

/**
 * One unbroken holding of the Lease by this process.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector({
 *   onElected: async (term) => {
 *     while (!term.signal.aborted) {
 *       await new Promise((resolve) => setTimeout(resolve, 1_000)); // Your step.
 *       term.progress();
 *     }
 *     console.log('ended:', JSON.stringify(term), term.signal.reason);
 *   },
 * });
 * await elector.start();
 * ```
 */
export interface Term {
  /** Aborts when the term ends, before `demoted` is emitted. `signal.reason` is an error with the reason. */
  readonly signal: AbortSignal;

  /**
   * Grows from term to term, over all Pods and Leases of the cluster. Send it along with every write to a shared
   * resource, and make the resource reject a token smaller than the largest it has seen.
   *
   * It is the Lease's `resourceVersion` in the answer to the write that began the term. Resource versions are integers
   * that can be compared, as Kubernetes promises since 1.35 (KEP-5504). Without the permission to `update`, a resumed
   * term begins without a write. Its token is the version that was read, which may equal the previous token but is
   * never smaller. A cluster that was restored from a backup continues with smaller versions: see docs/correctness.md.
   *
   * `JSON.stringify` rejects a bigint: write `String(term.fencingToken)`, or the term itself, which has `toJSON`.
   */
  readonly fencingToken: bigint;

  /**
   * True when this Pod held the Lease already, because its container was restarted. There may be unfinished work of the
   * previous process.
   */
  readonly resumed: boolean;

  /** The uid of the Lease at the beginning of the term. */
  readonly leaseUid: string;

  /** The moment at which the Pod acquired the Lease. */
  readonly acquireTime: Date;

  /**
   * Records that the work of the term has made progress. With the option `progressTimeoutMs`, it must be called again
   * within that time. Without the option, and after the term, a call has no effect. A call is cheap enough for the
   * innermost loop.
   */
  progress(): void;

  /** The term in the form that `JSON.stringify` writes: the token as a string, and without the signal. */
  toJSON(): TermRecord;
}

/** A term as JSON. */
export interface TermRecord {
  /** A decimal number of any length. */
  readonly fencingToken: string;
  /** As `term.resumed`. */
  readonly resumed: boolean;
  /** As `term.leaseUid`. */
  readonly leaseUid: string;
  /** ISO 8601, UTC. */
  readonly acquireTime: string;
}

/** The leader, as far as this process knows. */
export interface Leader {
  /** The Pod's name; for a Lease that no Pod owns, its `holderIdentity`. */
  readonly name: string;

  /** The Pod's uid; `null` for a Lease that no Pod owns. */
  readonly uid: string | null;

  /**
   * The moment at which the leader acquired the Lease, by the clock of its machine; `null` when the Lease does not
   * contain it.
   */
  readonly since: Date | null;

  /**
   * The age of the leader's last renewal, in milliseconds by the clock of this process; `null` when the leader does not
   * renew. Only renewals count: no other write, and not the acquisition.
   *
   * It is counted from the moment at which this process observed the renewal, so the true age can be greater. For
   * example, the renewal that a process finds at its start may be old. An age of much more than `renewIntervalMs` means
   * that the leader hangs, or that this process is cut off (`unverifiedForMs`).
   */
  readonly renewTimeAgeMs: number | null;
}

/** A problem that does not stop the election. Each `code` is reported once as long as it lasts. */
export interface Warning {
  /** The subject of the warning, as a stable string: match on it. */
  readonly code: WarningCode;
  /** The problem, and what to do about it. */
  readonly message: string;
}

/** A stall of the work or of the process. */
export interface Stall {
  /**
   * - `progress`: `term.progress()` was not called for `progressTimeoutMs`. The stall may continue.
   * - `event-loop`: the whole process was suspended, stopped or blocked, and runs again.
   */
  readonly cause: 'progress' | 'event-loop';
  /** The duration, in milliseconds. */
  readonly forMs: number;
}

/**
 * The events of a `LeaseElector`, and the arguments of their listeners.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector();
 * elector.on('elected', ({ fencingToken, resumed }) => console.log('leads', fencingToken, resumed));
 * elector.on('demoted', (_term, reason) => console.log('leads no longer:', reason));
 * elector.on('warning', ({ code, message }) => console.warn(code, message));
 * await elector.start();
 * ```
 */
export interface LeaseElectorEvents {
  /** This process leads from now on. */
  elected: [term: Term];
  /** This process no longer leads. `term.signal` is aborted already. Follows an `elected` of the same term. */
  demoted: [term: Term, reason: DemotionReason];
  /** The leader has changed, to this Pod or to another; `null` when there is no leader. */
  leaderChanged: [leader: Leader | null];
  /** The leader, this process or another, has renewed its Lease. */
  renewed: [leader: Leader];
  /**
   * The leader has not renewed for `leaseDurationSeconds`: it hangs, or cannot reach the API. It is still the leader.
   */
  stale: [leader: Leader];
  /**
   * The leader that `stale` reported renews again. This event does not follow when another Pod leads instead: see
   * `leaderChanged`.
   */
  recovered: [leader: Leader];
  /**
   * The work of the term makes no progress, or the event loop was blocked and runs again. The leadership does not
   * change.
   */
  stalled: [stall: Stall];
  /** Without a listener, it is a process warning of the type `LeaseElectorWarning`, once per code. */
  warning: [warning: Warning];
  /**
   * A failure that concerns the application: a rejected `onElected`, a listener that threw, a failed start whose
   * promise is not awaited, a defect. Without a listener, it is a process warning of the type `LeaseElectorError`, once
   * per code.
   */
  error: [error: LeaseElectorError];
  /** `stop()` is finished. No event follows. */
  stopped: [];
}

/**
 * The message on the channel `lease-elector:elected` of `node:diagnostics_channel`.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 * import { type ElectedMessage, LeaseElector } from 'lease-elector';
 *
 * subscribe('lease-elector:elected', (message) => {
 *   const { lease, pod, term } = message as ElectedMessage;
 *   console.log(pod, 'leads', lease, 'with the token', term.fencingToken);
 * });
 * await new LeaseElector().start();
 * ```
 */
export interface ElectedMessage {
  /** The name of the Lease. */
  readonly lease: string;
  /** The namespace of the Lease and of the Pod. */
  readonly namespace: string;
  /** The name of the Pod of this process. */
  readonly pod: string;
  /** The term that has begun or, in a `DemotedMessage`, ended. */
  readonly term: Term;
}

/** The message on the channel `lease-elector:demoted`. `term.signal` is aborted already. */
export interface DemotedMessage extends ElectedMessage {
  /** The reason for the end of the term. */
  readonly reason: DemotionReason;
}

/**
 * The message on the channel `lease-elector:request`, published when a request to the API server was answered or has
 * failed. For a watch, the head of the answer counts.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 * import { LeaseElector, type RequestMessage } from 'lease-elector';
 *
 * subscribe('lease-elector:request', (message) => {
 *   const { verb, resource, status, durationMs } = message as RequestMessage;
 *   console.log(verb, resource, status, durationMs);
 * });
 * await new LeaseElector().start();
 * ```
 */
export interface RequestMessage {
  /** The verb of the request, as a Role names it. */
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  /** The API group; `''` for the core group. */
  readonly apiGroup: string;
  /** The plural name of the resource, such as `leases`. */
  readonly resource: string;
  /** The namespace of the resource; `''` for a resource without one. */
  readonly namespace: string;
  /** The name of the object; `''` for a request about several objects. */
  readonly name: string;
  /** The HTTP status; `null` when there was no answer. */
  readonly status: number | null;
  /** The time from the first attempt to the end, in milliseconds. */
  readonly durationMs: number;
  /** The failure; `null` when the request succeeded. */
  readonly failure: string | null;
}
