/**
 * The driver's interface to its environment. `kube/` implements it over HTTPS, the tests in memory.
 *
 * No method throws or rejects: every request ends in exactly one `Answer`.
 */

import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../core/lease-record.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import type { PodListing } from '../core/successor.ts';
import type { WatchEvent } from '../core/watch.ts';

/** The result of a request. */
export type Answer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: RequestFailure };

/** The result of a create or a replace. */
export type WriteAnswer = Answer<LeaseRecord> & {
  /**
   * The fields that were answered with a value other than the sent one, such as `metadata.ownerReferences`; left out
   * when there are no such fields.
   */
  readonly altered?: readonly string[];
};

/** The requests about the Lease of the election. Every step of a request has a time-out. */
export interface LeasePort {
  /** A consistent read (no `resourceVersion`); `null` when there is no such Lease. */
  read(): Promise<Answer<LeaseRecord | null>>;
  create(content: LeaseContent): Promise<WriteAnswer>;
  /**
   * PUT based on `lease`, with its uid and resourceVersion. It never creates a Lease and never overwrites unseen
   * changes.
   *
   * @param written called when the request was written to its socket; a port without sockets need not call it
   */
  replace(lease: LeaseRecord, content: LeaseContent, written?: () => void): Promise<WriteAnswer>;
  /**
   * DELETE with both preconditions. Returns `null` when the Lease is gone, also when it did not exist (404). Returns
   * the Lease when it still exists with a `deletionTimestamp`, because a finalizer keeps it.
   */
  delete(lease: Pick<LeaseRecord, 'uid' | 'resourceVersion'>): Promise<Answer<LeaseRecord | null>>;
}

/** The requests about the Pods of this namespace. */
export interface PodPort {
  /** A consistent read (no `resourceVersion`); `null` when no Pod has that name. */
  read(name: string): Promise<Answer<PodRecord | null>>;
  /**
   * A consistent list of at most 50 running Pods of the application to which this Pod belongs, by its labels. Left out
   * when there is no application. The list is empty when the Pod has no labels, or was never read.
   *
   * @param ignoredLabel a label that only the leader's Pod has
   */
  listApplication?(pod: PodReference, ignoredLabel: string | null): Promise<Answer<PodListing>>;
}

/** A Pod's labels and annotations, with the fields that a patch of them needs. */
export interface PodMetadata extends PodReference {
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The entries to change; the value `null` removes an entry. */
export interface PodMetadataPatch {
  readonly labels: Readonly<Record<string, string | null>>;
  readonly annotations: Readonly<Record<string, string | null>>;
}

/** A Kubernetes Event about a Lease. */
export interface LeaseEvent {
  /**
   * The name is unique in the namespace, so a second attempt to write the same Event gets a conflict with the first.
   */
  readonly name: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** The moment of the event, in milliseconds since 1970. */
  readonly wallMs: number;
  readonly leaseUid: string;
  /** The name of the Pod that reports it. */
  readonly reporter: string;
}

/** The writes outside of the election, which other programs read. None of them uses a connection of the election. */
export interface PublishingPort {
  /** A consistent read (no `resourceVersion`); `null` when no Pod has that name. */
  readPodMetadata(name: string): Promise<Answer<PodMetadata | null>>;
  /**
   * PATCH based on the state that was read, with its uid and resourceVersion. It never changes a later Pod of the same
   * name.
   */
  patchPodMetadata(pod: PodMetadata, patch: PodMetadataPatch): Promise<Answer<null>>;
  createEvent(event: LeaseEvent): Promise<Answer<null>>;
}

/** Receives the events of a stream in their order. No method is called after `ended`. */
export interface WatchSink<Item> {
  /** The status of the answer was 200. */
  opened(): void;
  event(event: WatchEvent<Item>): void;
  /**
   * The stream is over. `null`: the server ended it cleanly; otherwise the failure, also for a stream that never
   * opened.
   */
  ended(failure: RequestFailure | null): void;
}

/** An open stream. Closing it is final: its sink is not called again. */
export interface WatchStream {
  close(): void;
}

/** Lists and watches the one object with a given name. */
export interface WatchPort<Item> {
  /** A consistent list (no `resourceVersion`) of the objects with that name: zero or one. */
  list(): Promise<Answer<{ readonly items: readonly Item[]; readonly resourceVersion: string }>>;
  /** Watches from `resourceVersion`, with bookmarks. The server ends the stream after `timeoutSeconds`. */
  open(resourceVersion: string, timeoutSeconds: number, sink: WatchSink<Item>): WatchStream;
}

/** The outcome of a claim on the abstract socket that lets one process per Pod campaign. */
export type SiblingLockOutcome = 'held' | 'taken' | 'unsupported';

/** The details of an outcome. */
export interface SiblingLockDetail {
  /** With `taken`: the bind was refused with this error code, so another process might hold the socket. */
  readonly refusedBy?: string;
}

/** A process, as the kernel identifies it. */
export interface SiblingLockHolder {
  readonly pid: number;
  /** The id of its user. */
  readonly uid: number;
}

/** Receives each outcome of a claim. */
export type SiblingLockListener = (outcome: SiblingLockOutcome, detail?: SiblingLockDetail) => void;

/**
 * The sibling lock: only one process per Pod campaigns. It is an abstract Unix socket named after the Pod's uid and the
 * Lease.
 */
export interface SiblingLockPort {
  /**
   * Tries to bind the socket. After `taken` it waits until the holding process ends, tries again, and calls the
   * listener with `held` when it succeeds. A refused bind counts as `taken`, and is also retried.
   */
  claim(listener: SiblingLockListener): void;
  /** Closes the socket, or stops waiting for it. */
  free(): void;
  /** The process that holds the socket; `null` when it cannot be determined. Left out if it can never be determined. */
  findHolder?(): Promise<SiblingLockHolder | null>;
}

/** The whole environment of the driver. */
export interface Ports {
  readonly lease: LeasePort;
  readonly leaseWatch: WatchPort<LeaseRecord>;
  readonly pod: PodPort;
  readonly podWatch: (name: string) => WatchPort<PodRecord>;
  readonly siblingLock: SiblingLockPort;
  /** Left out if there is no cluster. The driver does not use it. */
  readonly publishing?: PublishingPort;
  /** Ends requests, streams and connections. Called once. Only `siblingLock.free` can be called afterwards. */
  close(): void;
}
