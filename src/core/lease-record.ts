/**
 * The few fields of a Lease that the rules of the election need, and predicates on them.
 *
 * `kube/lease-mapping.ts` reads them from JSON and writes them back.
 */

/** A Pod. Its uid distinguishes it from every other Pod that ever had its name. */
export interface PodReference {
  readonly name: string;
  readonly uid: string;
}

/** The Pod that should lead next, as the leader names it. */
export interface NamedSuccessor {
  readonly uid: string;
  /** The number of Pods of the application; 50 means 50 or more. */
  readonly pods: number;
}

/** The content that an elector writes into a Lease. `null` leaves the field out. */
export interface LeaseContent {
  /** The name of the leader's Pod, without any addition, because programs compare it with their hostname. */
  readonly holderIdentity: string | null;
  /** The Pod in `metadata.ownerReferences`. It holds the Lease. For a Lease without an owner, see `holderOf`. */
  readonly owner: PodReference | null;
  /** The moment at which the term began, in milliseconds since 1970. */
  readonly acquireTimeMs: number | null;
  /**
   * The moment of the last renewal, in milliseconds since 1970 of the holder's clock. It is for people. The rules only
   * compare it for equality: another value is another renewal.
   */
  readonly renewTimeMs: number | null;
  readonly leaseDurationSeconds: number | null;
  readonly leaseTransitions: number | null;
  /** The annotation `lease-elector/released`: the uid of the Pod that released the Lease. */
  readonly releasedBy: string | null;
  /** The annotation `lease-elector/successor`; left out if no Pod is named. */
  readonly successor?: NamedSuccessor;
}

/** A Lease as the API server returned it. */
export interface LeaseRecord extends LeaseContent {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Whether it has a `deletionTimestamp`: its deletion was accepted and waits for its finalizers. */
  readonly terminating: boolean;
  /** The finalizers that must be removed before it is deleted. */
  readonly finalizers: readonly string[];
  /** The original object, so that a replace keeps the fields that others wrote. The rules never read it. */
  readonly source: unknown;
}

/** A Pod as the API server returned it. */
export interface PodRecord extends PodReference {
  readonly resourceVersion: string;
  /** Whether it has a `deletionTimestamp`. A terminating Pod still exists. */
  readonly terminating: boolean;
  /** Left out if nothing was reported yet. */
  readonly report?: PodReport;
}

/**
 * The status of a Pod as the control plane and the kubelet report it, for people. The rules read it only through
 * `hasStopped`, and only with `succession: 'pod-stopped'`.
 */
export interface PodReport {
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string | null;
  /** The reason for this phase, such as `Evicted` or `NodeLost`. */
  readonly reason: string | null;
  readonly nodeName: string | null;
  /** The condition `ContainersReady`, which only the kubelet writes. */
  readonly containersReady: boolean | null;
  /** The condition `Ready`. The control plane also sets it to false when it has lost the node. */
  readonly ready: boolean | null;
  /** The reason of that condition. */
  readonly readyReason: string | null;
  /** The moment at which that condition last changed, in milliseconds since 1970. */
  readonly readyChangedAtMs: number | null;
  /** Whether every container, of every kind, is reported to have ended. */
  readonly containersTerminated: boolean;
  /** The first container that cannot be started, with the reason; `null` when there is none. */
  readonly waiting: WaitingContainer | null;
  /** The moment at which its deletion was requested, in milliseconds since 1970. */
  readonly terminatingSinceMs: number | null;
  /** Its `deletionTimestamp`: the end of its grace period, in milliseconds since 1970. */
  readonly deletionTimestampMs: number | null;
  /** Its grace period, in milliseconds, from the request for the deletion. */
  readonly gracePeriodMs: number | null;
}

/** A container that cannot run yet. */
export interface WaitingContainer {
  readonly container: string;
  /** Such as `CrashLoopBackOff` or `ImagePullBackOff`. */
  readonly reason: string;
}

/**
 * Whether a Pod has ended for good although its object exists. A Pod never leaves the phases Failed and Succeeded, and
 * its containers are never started again. The phase alone does not prove that they have stopped. The control plane also
 * writes it for a Pod on a lost node, where containers may continue to run.
 */
export function hasStopped({ report }: PodRecord): boolean {
  return report !== undefined && isFinalPhase(report.phase) && report.containersTerminated;
}

/** Whether a Pod of this phase is never started again. */
export function isFinalPhase(phase: string | null): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

/**
 * Compares two resourceVersions; negative when `left` is older.
 *
 * They are decimal numbers of any length, from one counter for the whole cluster. Versions from before a deletion and
 * after a new creation can also be compared (KEP-5504, promised since Kubernetes 1.35).
 */
export function compareResourceVersions(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

/** Whether the Lease names a holder in holderIdentity. */
export function namesSomebody({ holderIdentity }: LeaseContent): boolean {
  return holderIdentity !== null && holderIdentity !== '';
}

/**
 * Whether two states of a Lease have the same record, as client-go compares it, and the same owner. Labels and
 * annotations do not count.
 */
export function isSameRecord(left: LeaseRecord | null, right: LeaseRecord): boolean {
  return (
    left !== null &&
    left.uid === right.uid &&
    left.owner?.uid === right.owner?.uid &&
    left.holderIdentity === right.holderIdentity &&
    left.acquireTimeMs === right.acquireTimeMs &&
    left.renewTimeMs === right.renewTimeMs &&
    left.leaseDurationSeconds === right.leaseDurationSeconds &&
    left.leaseTransitions === right.leaseTransitions
  );
}

/** Whether the Pod that owns the Lease has released it. An annotation that names another Pod has no meaning. */
export function isReleased(lease: LeaseContent): boolean {
  return lease.owner !== null && lease.releasedBy === lease.owner.uid;
}
