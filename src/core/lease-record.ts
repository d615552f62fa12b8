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
}

/** A Lease as the API server answered it. */
export interface LeaseRecord extends LeaseContent {
  readonly uid: string;
  readonly resourceVersion: string;
  /** The object itself, so that a replace keeps what others wrote into it. The rules never look inside. */
  readonly source: unknown;
}

/** A Pod as the API server answered it. */
export interface PodRecord extends PodReference {
  readonly resourceVersion: string;
  /** Whether it has a `deletionTimestamp`. A terminating Pod still exists. */
  readonly terminating: boolean;
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

/** Whether the Pod that owns the Lease gave it up. An annotation that names anybody else says nothing. */
export function isReleased(lease: LeaseContent): boolean {
  return lease.owner !== null && lease.releasedBy === lease.owner.uid;
}
