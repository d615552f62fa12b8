/**
 * The observations of a process: everything that the API server sent to it, recorded when it arrives. The checkers use
 * these observations, and do not trust what the process reports about itself.
 */

import type { PodReference } from '../../src/core/lease-record.ts';
import { isUncertain } from '../../src/core/request-failure.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { QUEUE_TIMEOUTS } from '../../src/kube/exchange.ts';
import type { Delivery } from './network.ts';

interface WireObject {
  readonly kind?: string;
  readonly spec?: { readonly holderIdentity?: string | null };
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly uid: string; readonly name: string }[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** What the reads of its own Pod said before a process sent a create, or may begin to lead. */
export interface OwnPodLook {
  /** One of them, asked for in this attempt, showed the Pod, or Pods may not be read. */
  readonly looked: boolean;
  /** Each that showed the Pod showed it with a deletionTimestamp. */
  readonly terminating: boolean;
}

/**
 * The read of the own Pod belongs to one attempt, so it is at most so old when the create is sent, in milliseconds: as
 * long as two requests, one after the other, wait for a connection and for their answers, on a clock at half the speed.
 * A process that stood still since cannot know.
 */
const LOOK_VALID_MS = 2 * 2 * (QUEUE_TIMEOUTS + 1) * 10_000;

export class Observations {
  readonly #self: PodReference;
  /** The reads of the own Pod that count for the attempt under way. */
  #ownPodReads: { readonly askedAtMs: number; readonly terminating: boolean }[] = [];
  readonly #creates = new WeakMap<ApiRequest, OwnPodLook>();
  /** When the process last went on after it had stood still. */
  resumedAtMs: number = Number.NEGATIVE_INFINITY;
  /** A proof that the own Pod does not exist any more: a DELETED event, or a read that finds none or another. */
  podGoneAtMs: number | null = null;
  /** By the uid of each Pod that was seen to own the Lease: which versions of it, and when each was observed. */
  readonly owners: Map<string, { readonly version: bigint; readonly atMs: number }[]> = new Map();
  /** The last read of a Pod that was answered was forbidden: for all it knows, it may not tell a dead holder from a live one. */
  podsForbidden = false;
  /** The Pod that was last seen to own the Lease, and whether it had given it up. */
  lastOwner: { readonly uid: string; readonly name: string; readonly released: boolean } | null = null;
  /** The newest Lease seen that another Pod owns. */
  newestOfAnother = 0n;
  /** Each `renewTime` that it has sent. */
  readonly sentRenewTimes: Set<unknown> = new Set();
  /** How many deletions of the Lease its watches have shown. */
  deletions = 0;
  /** How many of its creates may have been carried out, for all that it was answered. */
  uncertainCreates = 0;
  /** Answers 401 in a row, without a good one between, and when the first of them came. */
  unauthorized: { readonly count: number; readonly sinceMs: number } | null = null;
  /** The newest version of the Lease, or of its deletion, that was seen. */
  newest = 0n;

  constructor(self: PodReference) {
    this.#self = self;
  }

  /** A request is sent. */
  noteSent({ body }: ApiRequest): void {
    const { spec } = (body ?? {}) as { readonly spec?: { readonly renewTime?: unknown } };
    if (spec?.renewTime !== undefined) this.sentRenewTimes.add(spec.renewTime);
  }

  /** A create is sent: each begins a term, or restores a Lease, and the next one needs a look of its own. */
  noteCreate(request: ApiRequest, nowMs: number): OwnPodLook {
    const look = this.lookAtOwnPod(nowMs);
    this.#creates.set(request, look);
    this.#ownPodReads = [];
    return look;
  }

  /** A term has ended: what was read in it begins no other. */
  noteDemotion(nowMs: number): void {
    this.#ownPodReads = this.#ownPodReads.filter(({ askedAtMs }) => askedAtMs >= nowMs);
  }

  /** How the process had looked at its own Pod when it sent this create. */
  lookBefore(create: ApiRequest): OwnPodLook | undefined {
    return this.#creates.get(create);
  }

  /** How it has looked at its own Pod in the attempt under way. */
  lookAtOwnPod(nowMs: number): OwnPodLook {
    const reads = this.#ownPodReads.filter(
      ({ askedAtMs }) => nowMs - askedAtMs <= LOOK_VALID_MS || this.resumedAtMs >= askedAtMs,
    );
    return { looked: reads.length > 0, terminating: reads.length > 0 && reads.every(({ terminating }) => terminating) };
  }

  get podGone(): boolean {
    return this.podGoneAtMs !== null;
  }

  note(request: ApiRequest, delivery: Delivery, nowMs: number): void {
    if (delivery.type === 'line') {
      const { type, object } = JSON.parse(delivery.line) as { type: string; object: WireObject };
      if (type === 'ERROR' || type === 'BOOKMARK') return;
      if (request.resource === 'leases' && type === 'DELETED') this.deletions += 1;
      if (request.resource === 'leases') this.#noteLease(object, nowMs);
      else if (type === 'DELETED' && object.metadata?.uid === this.#self.uid) this.podGoneAtMs ??= nowMs;
      return;
    }
    const { answer } = delivery;
    if (request.verb === 'create' && !answer.ok && isUncertain(answer.failure)) this.uncertainCreates += 1;
    if (answer.ok) this.unauthorized = null;
    else if (answer.failure.kind === 'unauthorized') {
      const { count, sinceMs } = this.unauthorized ?? { count: 0, sinceMs: nowMs };
      this.unauthorized = { count: count + 1, sinceMs };
    }
    if (request.resource === 'pods') {
      const forbidden = !answer.ok && answer.failure.kind === 'forbidden';
      // That a read has failed for another reason says nothing of permissions.
      if (request.verb === 'get' && (forbidden || answer.ok || answer.absent)) this.podsForbidden = forbidden;
      if (request.verb !== 'get' || request.name !== this.#self.name) return;
      const metadata = answer.ok ? (answer.value as WireObject).metadata : undefined;
      if (answer.ok ? metadata?.uid !== this.#self.uid : answer.absent) this.podGoneAtMs ??= nowMs;
      else if (answer.ok || forbidden) {
        const terminating = metadata?.deletionTimestamp !== undefined;
        this.#ownPodReads.push({ askedAtMs: delivery.askedAtMs, terminating });
      }
      return;
    }
    if (!answer.ok) return;
    const { items } = answer.value as { items?: readonly WireObject[] };
    for (const lease of items ?? [answer.value as WireObject]) this.#noteLease(lease, nowMs);
  }

  #noteLease({ metadata, spec }: WireObject, nowMs: number): void {
    if (metadata?.resourceVersion === undefined) return;
    const version = BigInt(metadata.resourceVersion);
    // What is older than what it knows already is no delivery: it may not say whose the Lease is now.
    if (version < this.newest) return;
    this.newest = version;
    const { uid: owner, name } = metadata.ownerReferences?.[0] ?? {};
    if (owner === undefined || name === undefined) {
      const holder = spec?.holderIdentity ?? '';
      if (holder !== '' && holder !== this.lastOwner?.name) this.lastOwner = null;
      return;
    }
    const tidings = this.owners.get(owner) ?? [];
    this.owners.set(owner, tidings);
    tidings.push({ version, atMs: nowMs });
    this.lastOwner = { uid: owner, name, released: metadata.annotations?.['lease-elector/released'] === owner };
    if (owner !== this.#self.uid && version > this.newestOfAnother) this.newestOfAnother = version;
  }
}
