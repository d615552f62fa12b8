/**
 * The observations of a process: everything that it received from the API server. The checkers use these observations,
 * and not the reports of the process about itself.
 */

import type { PodReference } from '../../src/core/lease-record.ts';
import { isRefusal, isUncertain } from '../../src/core/request-failure.ts';
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

/** The result of the reads of its own Pod, before a process sends a create or begins to lead. */
export interface OwnPodRead {
  /** A read in this attempt showed the Pod, or reads of Pods are forbidden. */
  readonly wasRead: boolean;
  /** Each read that showed the Pod showed it with a deletionTimestamp. */
  readonly terminating: boolean;
}

/**
 * The longest time between a read of the process's own Pod and the create that depends on it, in milliseconds. During
 * one attempt, two successive requests wait for a connection and for their answers, on a clock at half speed. A
 * suspension in between does not count.
 */
const READ_VALID_MS = 2 * 2 * (QUEUE_TIMEOUTS + 1) * 10_000;

export class Observations {
  readonly #self: PodReference;
  /** The reads of the process's own Pod that count for the current attempt. */
  #ownPodReads: { readonly requestedAtMs: number; readonly terminating: boolean }[] = [];
  readonly #creates = new WeakMap<ApiRequest, OwnPodRead>();
  /** When the process last continued after a suspension. */
  resumedAtMs: number = Number.NEGATIVE_INFINITY;
  /**
   * When the process received a proof that its own Pod is gone: a DELETED event, or a read that finds no Pod or another
   * uid.
   */
  podGoneAtMs: number | null = null;
  /** The observed versions of the Lease, and when each was observed, by the uid of the owner. */
  readonly owners: Map<string, { readonly version: bigint; readonly atMs: number }[]> = new Map();
  /** The last answered read of a Pod was forbidden, so the process cannot distinguish a dead holder from a live one. */
  podsForbidden = false;
  /** The last observed owner of the Lease, and whether it had released the Lease. */
  lastOwner: { readonly uid: string; readonly name: string; readonly released: boolean } | null = null;
  /** The newest observed version of the Lease that another Pod owns. */
  newestOfAnother = 0n;
  /** Each `renewTime` that the process has sent. */
  readonly sentRenewTimes: Set<unknown> = new Set();
  /** The number of deletions of the Lease that its watches have delivered. */
  deletions = 0;
  /** The number of its creates with an unknown outcome. */
  uncertainCreates = 0;
  /** The number of answers 401 since the token was last accepted, and when the first of them arrived. */
  unauthorized: { readonly count: number; readonly sinceMs: number } | null = null;
  /** The newest observed version of the Lease, or of its deletion. */
  newest = 0n;

  constructor(self: PodReference) {
    this.#self = self;
  }

  /** A request is sent. */
  noteSent({ body }: ApiRequest): void {
    const { spec } = (body ?? {}) as { readonly spec?: { readonly renewTime?: unknown } };
    if (spec?.renewTime !== undefined) this.sentRenewTimes.add(spec.renewTime);
  }

  /** A create is sent. It begins a term or restores a Lease, and the next create needs another read of the Pod. */
  noteCreate(request: ApiRequest, nowMs: number): OwnPodRead {
    const read = this.ownPodRead(nowMs);
    this.#creates.set(request, read);
    this.#ownPodReads = [];
    return read;
  }

  /** A term has ended. Reads from this term do not count for the next one. */
  noteDemotion(nowMs: number): void {
    this.#ownPodReads = this.#ownPodReads.filter(({ requestedAtMs }) => requestedAtMs >= nowMs);
  }

  /** The reads of its own Pod before the process sent this create. */
  ownPodReadBefore(create: ApiRequest): OwnPodRead | undefined {
    return this.#creates.get(create);
  }

  /** The reads of its own Pod in the current attempt. */
  ownPodRead(nowMs: number): OwnPodRead {
    const reads = this.#ownPodReads.filter(
      ({ requestedAtMs }) => nowMs - requestedAtMs <= READ_VALID_MS || this.resumedAtMs >= requestedAtMs,
    );
    return {
      wasRead: reads.length > 0,
      terminating: reads.length > 0 && reads.every(({ terminating }) => terminating),
    };
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
    // Authorization and webhooks come after the authentication, so their refusals show that the token was accepted.
    if (answer.ok || isRefusal(answer.failure)) this.unauthorized = null;
    else if (answer.failure.kind === 'unauthorized') {
      const { count, sinceMs } = this.unauthorized ?? { count: 0, sinceMs: nowMs };
      this.unauthorized = { count: count + 1, sinceMs };
    }
    if (request.resource === 'pods') {
      const forbidden = !answer.ok && answer.failure.kind === 'forbidden';
      // A read that fails for another reason does not show whether it is permitted.
      if (request.verb === 'get' && (forbidden || answer.ok || answer.absent)) this.podsForbidden = forbidden;
      if (request.verb !== 'get' || request.name !== this.#self.name) return;
      const metadata = answer.ok ? (answer.value as WireObject).metadata : undefined;
      if (answer.ok ? metadata?.uid !== this.#self.uid : answer.absent) this.podGoneAtMs ??= nowMs;
      else if (answer.ok || forbidden) {
        const terminating = metadata?.deletionTimestamp !== undefined;
        this.#ownPodReads.push({ requestedAtMs: delivery.requestedAtMs, terminating });
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
    // An older version than the newest one is ignored: it does not show the present owner.
    if (version < this.newest) return;
    this.newest = version;
    const { uid: owner, name } = metadata.ownerReferences?.[0] ?? {};
    if (owner === undefined || name === undefined) {
      const holder = spec?.holderIdentity ?? '';
      if (holder !== '' && holder !== this.lastOwner?.name) this.lastOwner = null;
      return;
    }
    const sightings = this.owners.get(owner) ?? [];
    this.owners.set(owner, sightings);
    sightings.push({ version, atMs: nowMs });
    this.lastOwner = { uid: owner, name, released: metadata.annotations?.['lease-elector/released'] === owner };
    if (owner !== this.#self.uid && version > this.newestOfAnother) this.newestOfAnother = version;
  }
}
