/**
 * What a process was told by the API server, noted on the way in: the checkers ask what it could have known, and
 * do not believe what it says it knows.
 */

import type { PodReference } from '../../src/core/lease-record.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import type { News } from './network.ts';

interface WireObject {
  readonly kind?: string;
  readonly spec?: { readonly holderIdentity?: string | null };
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly ownerReferences?: readonly { readonly uid: string; readonly name: string }[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export class Told {
  readonly #self: PodReference;
  /** A proof that the own Pod does not exist any more: a DELETED event, or a read that finds none or another. */
  podGone = false;
  /** By the uid of each Pod that was seen to own the Lease: which versions of it, and when that was told. */
  readonly owners: Map<string, { readonly version: bigint; readonly atMs: number }[]> = new Map();
  /** The last read of a Pod was forbidden: for all it knows, it may not tell a dead holder from a live one. */
  podsForbidden = false;
  /** The Pod that was last seen to own the Lease, and whether it had given it up. */
  lastOwner: { readonly uid: string; readonly name: string; readonly released: boolean } | null = null;
  /** The newest Lease seen that another Pod owns. */
  newestOfAnother = 0n;
  /** The newest version of the Lease, or of its deletion, that was seen. */
  newest = 0n;

  constructor(self: PodReference) {
    this.#self = self;
  }

  note(request: ApiRequest, news: News, nowMs: number): void {
    if (news.type === 'line') {
      const { type, object } = JSON.parse(news.line) as { type: string; object: WireObject };
      if (type === 'ERROR' || type === 'BOOKMARK') return;
      if (request.resource === 'leases') this.#noteLease(object, nowMs);
      else if (type === 'DELETED' && object.metadata?.uid === this.#self.uid) this.podGone = true;
      return;
    }
    const { answer } = news;
    if (request.resource === 'pods') {
      if (request.verb === 'get') this.podsForbidden = !answer.ok && answer.failure.kind === 'forbidden';
      if (request.verb !== 'get' || request.name !== this.#self.name) return;
      const uid = answer.ok ? (answer.value as WireObject).metadata?.uid : undefined;
      if (answer.ok ? uid !== this.#self.uid : answer.absent) this.podGone = true;
      return;
    }
    if (!answer.ok) return;
    const { items } = answer.value as { items?: readonly WireObject[] };
    for (const lease of items ?? [answer.value as WireObject]) this.#noteLease(lease, nowMs);
  }

  #noteLease({ metadata, spec }: WireObject, nowMs: number): void {
    if (metadata?.resourceVersion === undefined) return;
    const version = BigInt(metadata.resourceVersion);
    // What is older than what it knows already is no news: it may not say whose the Lease is now.
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
