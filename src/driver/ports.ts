/**
 * What the driver asks of the world. `kube/` implements it over HTTPS, the tests in memory.
 *
 * Nothing here throws or rejects: every request ends in exactly one `Answer`.
 */

import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../core/lease-record.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import type { PodListing } from '../core/successor.ts';
import type { WatchEvent } from '../core/watch.ts';

/** How a request ended. */
export type Answer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: RequestFailure };

/** How a create or a replace ended. */
export type WriteAnswer = Answer<LeaseRecord> & {
  /** The fields that came back with another value than was sent, such as `metadata.ownerReferences`; left out when none did. */
  readonly altered?: readonly string[];
};

/** The one Lease of the election. Every step of a method ends within the request time-out. */
export interface LeasePort {
  /** A consistent read (no `resourceVersion`); `null` when there is no such Lease. */
  read(): Promise<Answer<LeaseRecord | null>>;
  create(content: LeaseContent): Promise<WriteAnswer>;
  /**
   * PUT on top of `lease`, with its uid and resourceVersion: never creates, never overwrites unseen changes.
   *
   * @param written called when the request was handed to its socket; a port without sockets need not call it
   */
  replace(lease: LeaseRecord, content: LeaseContent, written?: () => void): Promise<WriteAnswer>;
  /**
   * DELETE with both preconditions: `null` when the Lease is gone, also when there is nothing left to delete (404), and
   * the Lease when it is still there with a `deletionTimestamp`, because a finalizer holds it.
   */
  delete(lease: Pick<LeaseRecord, 'uid' | 'resourceVersion'>): Promise<Answer<LeaseRecord | null>>;
}

/** Pods of the own namespace. */
export interface PodPort {
  /** A consistent read (no `resourceVersion`); `null` when no Pod has that name. */
  read(name: string): Promise<Answer<PodRecord | null>>;
  /**
   * A consistent list of at most 50 running Pods of the application to which this Pod belongs, by its labels. Left out where
   * there is no application. None are listed where the Pod has no labels, or was never read.
   *
   * @param ignoredLabel a label that only the leader's Pod has
   */
  listApplication?(pod: PodReference, ignoredLabel: string | null): Promise<Answer<PodListing>>;
}

/** A Pod's labels and annotations, and what a write on top of them needs. */
export interface PodMetadata extends PodReference {
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The entries to change; `null` removes one. */
export interface PodMetadataPatch {
  readonly labels: Readonly<Record<string, string | null>>;
  readonly annotations: Readonly<Record<string, string | null>>;
}

/** A Kubernetes Event about a Lease. */
export interface LeaseEvent {
  /** No other Event of the namespace has it. So a second attempt to write the same Event finds the first one. */
  readonly name: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** When it happened, in milliseconds since 1970. */
  readonly wallMs: number;
  readonly leaseUid: string;
  /** The name of the Pod that reports it. */
  readonly reporter: string;
}

/** What is written beside the election, for others to see. None of it is sent on a connection of the election. */
export interface PublishingPort {
  /** A consistent read (no `resourceVersion`); `null` when no Pod has that name. */
  readPodMetadata(name: string): Promise<Answer<PodMetadata | null>>;
  /** PATCH on top of what was read, with its uid and resourceVersion: it never reaches a later Pod of the same name. */
  patchPodMetadata(pod: PodMetadata, patch: PodMetadataPatch): Promise<Answer<null>>;
  createEvent(event: LeaseEvent): Promise<Answer<null>>;
}

/** Receives a stream in order. After `ended` nothing more is called. */
export interface WatchSink<Item> {
  /** The answer's head was 200. */
  opened(): void;
  event(event: WatchEvent<Item>): void;
  /** The stream is over: `null` when the server ended it in order, else why (also when it never opened). */
  ended(failure: RequestFailure | null): void;
}

/** An open stream; closing it is final and silent: its sink is not called again. */
export interface WatchStream {
  close(): void;
}

/** Lists and watches the one object with a given name. */
export interface WatchPort<Item> {
  /** A consistent list (no `resourceVersion`) of the objects with that name: none or one. */
  list(): Promise<Answer<{ readonly items: readonly Item[]; readonly resourceVersion: string }>>;
  /** Watches from `resourceVersion`, with bookmarks; the server is asked to end it after `timeoutSeconds`. */
  open(resourceVersion: string, timeoutSeconds: number, sink: WatchSink<Item>): WatchStream;
}

/** Outcome of the claim on the abstract socket that lets one process per Pod campaign. */
export type SiblingLockOutcome = 'held' | 'taken' | 'unsupported';

/** What goes with an outcome. */
export interface SiblingLockDetail {
  /** With `taken`: the bind was refused with this error code, so nobody can tell whether another process holds the socket. */
  readonly refusedBy?: string;
}

/** A process, as the kernel knows it. */
export interface SiblingLockHolder {
  readonly pid: number;
  /** The id of its user. */
  readonly uid: number;
}

/** Receives each outcome of a claim. */
export type SiblingLockListener = (outcome: SiblingLockOutcome, detail?: SiblingLockDetail) => void;

/** One campaigner per Pod: an abstract Unix socket named after the Pod's uid and the Lease. */
export interface SiblingLockPort {
  /**
   * Tries to bind it. After `taken` it keeps waiting for the holder to die and tries again, and
   * calls back with `held` once it has it. A refused bind counts as `taken`, and is tried again, too.
   */
  claim(listener: SiblingLockListener): void;
  /** Gives it up, or stops waiting for it. */
  free(): void;
  /** The process that holds it; `null` when it cannot be seen. Left out where nobody can be seen. */
  findHolder?(): Promise<SiblingLockHolder | null>;
}

/** Everything outside. */
export interface Ports {
  readonly lease: LeasePort;
  readonly leaseWatch: WatchPort<LeaseRecord>;
  readonly pod: PodPort;
  readonly podWatch: (name: string) => WatchPort<PodRecord>;
  readonly siblingLock: SiblingLockPort;
  /** Left out where there is no cluster. The driver does not use it. */
  readonly publishing?: PublishingPort;
  /** Ends idle connections. Called once, last. */
  close(): void;
}
