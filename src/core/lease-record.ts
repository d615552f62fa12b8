/**
 * The few fields of a Lease that the rules of the election need, and predicates on them.
 *
 * Reading them from JSON and writing them back is the business of `kube/lease-mapping.ts`.
 */

/** A Pod, told apart from every other that ever had its name. */
export interface PodReference {
  readonly name: string;
  readonly uid: string;
}

/** The Pod that should lead next, as the leader names it. */
export interface NamedSuccessor {
  readonly uid: string;
  /** How many Pods the application had; 50 stands for 50 or more. */
  readonly pods: number;
}

/** What an elector writes into a Lease; `null` leaves the field out. */
export interface LeaseContent {
  /** The leader's Pod name, nothing more: programs compare it with their hostname. */
  readonly holderIdentity: string | null;
  /** The Pod in `metadata.ownerReferences`, which alone decides who holds the Lease. */
  readonly owner: PodReference | null;
  /** When the term began, in milliseconds since 1970. */
  readonly acquireTimeMs: number | null;
  /** When the holder last renewed, in milliseconds since 1970 of the holder's clock: news, never a verdict. */
  readonly renewTimeMs: number | null;
  readonly leaseDurationSeconds: number | null;
  readonly leaseTransitions: number | null;
  /** The annotation `lease-elector/released`: the uid of the Pod that gave the Lease up. */
  readonly releasedBy: string | null;
  /** The annotation `lease-elector/successor`; left out where nobody is named. */
  readonly successor?: NamedSuccessor;
}

/** A Lease as the API server answered it. */
export interface LeaseRecord extends LeaseContent {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Whether it has a `deletionTimestamp`: its deletion was accepted, and waits for its finalizers. */
  readonly terminating: boolean;
  /** What must be removed from it before it goes. */
  readonly finalizers: readonly string[];
  /** The object itself, so that a replace keeps what others wrote into it. The rules never look inside. */
  readonly source: unknown;
}

/** A Pod as the API server answered it. */
export interface PodRecord extends PodReference {
  readonly resourceVersion: string;
  /** Whether it has a `deletionTimestamp`. A terminating Pod still exists. */
  readonly terminating: boolean;
  /** Left out where nothing was reported yet. */
  readonly report?: PodReport;
}

/**
 * What the control plane and the kubelet report of a Pod: news for people. The rules ask `hasStopped` and nothing else
 * of it, and only with `succession: 'pod-stopped'`.
 */
export interface PodReport {
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string | null;
  /** Why it is in this phase, such as `Evicted` or `NodeLost`. */
  readonly reason: string | null;
  readonly nodeName: string | null;
  /** The condition `ContainersReady`, which only the kubelet writes. */
  readonly containersReady: boolean | null;
  /** The condition `Ready`, which the control plane sets to false as well when it has lost the node. */
  readonly ready: boolean | null;
  /** The reason of that condition. */
  readonly readyReason: string | null;
  /** When that condition last changed, in milliseconds since 1970. */
  readonly readyChangedAtMs: number | null;
  /** Whether every single container, of whatever sort, is reported to have ended. */
  readonly containersTerminated: boolean;
  /** The first container that cannot be started, and why; `null` when there is none. */
  readonly waiting: WaitingContainer | null;
  /** When its deletion was asked for, in milliseconds since 1970. */
  readonly terminatingSinceMs: number | null;
  /** Its `deletionTimestamp`: when its grace period ends, in milliseconds since 1970. */
  readonly deletionTimestampMs: number | null;
  /** Its grace period, in milliseconds. It begins with the request for the deletion. */
  readonly gracePeriodMs: number | null;
}

/** A container that waits because something keeps it from running. */
export interface WaitingContainer {
  readonly container: string;
  /** Such as `CrashLoopBackOff` or `ImagePullBackOff`. */
  readonly reason: string;
}

/**
 * Whether a Pod has ended for good although its object exists: a Pod never leaves the phases Failed and Succeeded, and
 * its containers are never started again. The phase alone is no proof: the control plane also writes it for a Pod whose
 * node it has lost, and whose containers may run on.
 */
export function hasStopped({ report }: PodRecord): boolean {
  return report !== undefined && isFinalPhase(report.phase) && report.containersTerminated;
}

/** Whether a Pod of this phase is never started again. */
export function isFinalPhase(phase: string | null): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

/**
 * Orders two resourceVersions; negative when `left` is the older.
 *
 * They are decimal numbers without a bound on their length and come from one counter for the whole
 * cluster, so they also compare across a deletion and a new creation (KEP-5504, promised since
 * Kubernetes 1.35).
 */
export function compareResourceVersions(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

/** Whether the Lease says that somebody holds it, by an identity. */
export function namesSomebody({ holderIdentity }: LeaseContent): boolean {
  return holderIdentity !== null && holderIdentity !== '';
}

/** Whether two states of a Lease have the same record, as client-go compares it, and the same owner: labels and annotations do not count. */
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

/** Whether the Pod that owns the Lease gave it up. An annotation that names anybody else says nothing. */
export function isReleased(lease: LeaseContent): boolean {
  return lease.owner !== null && lease.releasedBy === lease.owner.uid;
}
