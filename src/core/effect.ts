/** The effects that the election returns, in the imperative, and its announcements to the application. */

import type { TimerName } from './input.ts';
import type { LeaseContent, LeaseRecord, PodReference } from './lease-record.ts';
import type { RequestFailure } from './request-failure.ts';

/** One effect. The driver executes the effects in the given order. The answers to requests arrive later, as inputs. */
export type Effect =
  | { readonly type: 'claimSiblingLock' }
  | { readonly type: 'watchLease' }
  /** Watches this Pod instead of the previous one; `null` watches no Pod. */
  | { readonly type: 'watchPod'; readonly pod: PodReference | null }
  /**
   * A consistent read showed a change that this watch missed. Or the Lease cannot be read, and this watch may be dead.
   * Its stream is closed, and a list follows immediately. The watch does not limit how often this happens. By default
   * the election returns this effect about every 15 s at most (1.5 times `renewIntervalMs`).
   */
  | { readonly type: 'relist'; readonly watch: 'lease' | 'pod' }
  | { readonly type: 'readLease'; readonly request: number }
  | { readonly type: 'createLease'; readonly request: number; readonly content: LeaseContent }
  | {
      readonly type: 'replaceLease';
      readonly request: number;
      readonly lease: LeaseRecord;
      readonly content: LeaseContent;
    }
  | { readonly type: 'deleteLease'; readonly request: number; readonly lease: LeaseRecord }
  | { readonly type: 'readPod'; readonly request: number; readonly name: string }
  | { readonly type: 'setTimer'; readonly timer: TimerName; readonly afterMs: number }
  | { readonly type: 'clearTimer'; readonly timer: TimerName }
  /** Waits for the work of the term that just ended, up to the limit that the application sets. */
  | { readonly type: 'settleWork' }
  | { readonly type: 'announce'; readonly announcement: Announcement }
  /**
   * Ends every watch and timer. No input follows, and the only effects that follow are announcements. The socket is
   * kept while work of its term may still run, because a sibling must not begin beside that work.
   */
  | { readonly type: 'shutDown'; readonly freeSiblingLock: boolean }
  /** Looks up the process that holds the socket which lets one process per Pod campaign. */
  | { readonly type: 'findSiblingLockHolder' };

/** One unbroken holding of the Lease by this process. */
export interface Term {
  /**
   * The resourceVersion in the answer that began the term. It grows with every term that begins with a write. A term
   * that is resumed by a read can have the same token as before.
   */
  readonly fencingToken: string;
  /** The uid of the Lease at the beginning of the term. */
  readonly leaseUid: string;
  /** The moment at which the Pod acquired the Lease, in milliseconds since 1970. */
  readonly acquireTimeMs: number;
  /**
   * Whether the Pod held the Lease before this process became leader, for example because its container was restarted.
   */
  readonly resumed: boolean;
}

/** The leader, as far as this process knows. */
export interface Leader {
  /** The Pod's name; for a foreign Lease, its holderIdentity. */
  readonly name: string;
  /** The Pod's uid; `null` for a foreign Lease. */
  readonly uid: string | null;
  /** The moment at which the leader acquired the Lease, in milliseconds since 1970, by the clock of its machine. */
  readonly acquireTimeMs: number | null;
  /**
   * The monotonic moment at which this process observed the leader's last renewal; `null` when the leader does not
   * renew.
   */
  readonly renewalObservedAtMs: number | null;
}

/** The reason why a process stopped leading. */
export type DemotionReason =
  /** `stop()`. */
  | 'stopped'
  /** `stepDown()`. */
  | 'stepped-down'
  /** A person or another program gave the Lease to another holder. */
  | 'usurped'
  /** This Pod no longer exists, or (with `succession: 'pod-stopped'`) is reported to have stopped. */
  | 'pod-deleted'
  /** The API server keeps refusing the token, as it does when the Pod is gone. */
  | 'unauthorized'
  /** A defect of this library was detected. */
  | 'invariant';

/**
 * A condition that does not stop the election, but that an administrator must know. Each is announced once as long as
 * it lasts.
 */
export type WarningCode =
  /** The leader cannot renew: `update` on leases is missing. The other Pods cannot see whether it hangs. */
  | 'renew-forbidden'
  /** `delete` on leases is missing. A successor waits for the garbage collector. */
  | 'delete-forbidden'
  /** `create` on leases is missing. This Pod cannot be elected. */
  | 'create-forbidden'
  /** The Lease cannot be listed, watched or read: a verb on leases is missing. */
  | 'read-forbidden'
  /** Pods cannot be read: a verb on pods is missing. The end of the leader's Pod is seen late. */
  | 'pod-read-forbidden'
  /** No Pod owns the Lease, and it has no duration. It counts as held until it is deleted. */
  | 'foreign-lease'
  /** The Pod of this process is being deleted, so it does not campaign. */
  | 'pod-terminating'
  /** The Pod of this process is gone, but the process still runs. It never leads again. */
  | 'pod-deleted'
  /** The API server has refused the token for 5 seconds. After 10 seconds a leader stops leading. */
  | 'unauthorized'
  /** An admission webhook, a quota or a validation refuses a request. */
  | 'request-rejected'
  /** The work of the term has not ended in time. The Lease is released nevertheless, or kept: see the message. */
  | 'work-not-drained'
  /** Abstract Unix sockets are not available on this platform, so several processes of one Pod may all lead. */
  | 'sibling-lock-unsupported'
  /** A request or a token that an earlier warning reported as refused is accepted again. */
  | 'refusal-over'
  /** The socket that lets one process per Pod campaign cannot be bound, so this process does not campaign. */
  | 'sibling-lock-refused'
  /**
   * Another process holds the socket that lets one process per Pod campaign, but no process of the Pod leads, campaigns
   * or renews.
   */
  | 'sibling-lock-held'
  /** The Lease has lost its owner: an admission webhook, a controller or a person removed the owner. */
  | 'owner-removed'
  /** The Lease is marked as released, but this process could neither delete it nor withdraw the release. */
  | 'release-stuck'
  /** The Lease is being deleted, but its finalizers keep it. */
  | 'lease-terminating'
  /** The answer to a write has other values than were sent. */
  | 'write-altered'
  /** Another process writes the Lease in the name of this Pod. */
  | 'twin'
  /** The Leases of this Pod are deleted soon after they are created. Most likely no Pod has the uid of this Pod. */
  | 'pod-unknown';

/** An announcement to the application. */
export type Announcement =
  /**
   * `renews`: the first renewal is scheduled by the timer `renew`, which is due immediately, or a second after an
   * earlier renewal.
   */
  | { readonly type: 'elected'; readonly term: Term; readonly renews: boolean }
  | { readonly type: 'demoted'; readonly reason: DemotionReason }
  | { readonly type: 'leaderChanged'; readonly leader: Leader | null }
  | { readonly type: 'renewed'; readonly leader: Leader }
  | { readonly type: 'stale'; readonly leader: Leader; readonly silentForMs: number }
  /** The leader that was reported as stale renews again. */
  | { readonly type: 'recovered'; readonly leader: Leader }
  | { readonly type: 'warning'; readonly code: WarningCode; readonly message: string }
  /** `start()` cannot succeed. */
  | { readonly type: 'failed'; readonly failure: RequestFailure }
  /** `stepDown()` is over. */
  | { readonly type: 'steppedDown'; readonly released: boolean }
  /** `stop()` is over. */
  | { readonly type: 'stopped'; readonly released: boolean };
