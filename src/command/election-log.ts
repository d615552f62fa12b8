/**
 * The elections that a watch of Leases observes: the present holder of each Lease, and each change as an event.
 *
 * It prints nothing. The table, the lines and the page of a timeline use the same events.
 */

import { isReleased, type LeaseRecord } from '../core/lease-record.ts';
import { renewalAgeMs } from '../explain/onlooker.ts';
import type { NamedLease } from '../kube/lease-list.ts';
import type { Clock } from '../runtime/clock.ts';

/** The kind of a change. */
export type ElectionChange =
  /** The Lease existed when the watch began. */
  | 'found'
  /** A holder began a term. */
  | 'elected'
  /** The Lease was deleted, and its holder has restored it for the same term. */
  | 'restored'
  /** The holder released the Lease. */
  | 'released'
  /** The Lease is gone. */
  | 'deleted'
  /** The holder has not renewed for the duration of its Lease. It is still the leader. */
  | 'silent'
  /** A silent holder renews again. */
  | 'renewing';

/** One change of one election. */
export interface ElectionEvent {
  /** The time at which the watch observed the change. */
  readonly at: Date;
  readonly namespace: string;
  readonly lease: string;
  readonly change: ElectionChange;
  /** The holder of the Lease after the change, or its last holder. */
  readonly holder: string | null;
  readonly holderUid: string | null;
  readonly leaseUid: string;
  readonly previousHolder: string | null;
  readonly fencingToken: string | null;
  /** False when the beginning of the term was not observed. The token is then at most `fencingToken`. */
  readonly tokenIsExact: boolean;
}

interface ElectionHolder {
  readonly name: string;
  readonly uid: string | null;
}

/** The present state of one election. */
export interface ElectionRow {
  readonly namespace: string;
  readonly name: string;
  /** `null`: the Lease has no holder. */
  readonly holder: string | null;
  readonly holderUid: string | null;
  readonly leaseUid: string;
  readonly acquireTimeMs: number | null;
  readonly fencingToken: string | null;
  readonly tokenIsExact: boolean;
  /** The moment of the last renewal on the monotonic clock; `null` when none is known. */
  readonly renewedAtMs: number | null;
  readonly renewTimeMs: number | null;
  readonly leaseDurationSeconds: number | null;
  readonly isSilent: boolean;
  readonly isReleased: boolean;
  /** The holder, or the last holder of a Lease that has none; `null` when no holder was observed. */
  readonly lastHolder: ElectionHolder | null;
  /** The number of times that another holder was elected since the watch began. */
  readonly changes: number;
  readonly last: ElectionEvent;
}

/**
 * The largest number of deleted Leases that are kept, because a watch can run for months while applications are
 * removed.
 */
export const KEPT_ENDED = 100;

/** Follows any number of elections. */
export class ElectionLog {
  readonly #clock: Clock;
  readonly #listener: (event: ElectionEvent) => void;
  readonly #rows = new Map<string, ElectionRow>();
  #isLive = false;
  #hasBegun = false;

  constructor(clock: Clock, listener: (event: ElectionEvent) => void) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /**
   * The elections, by namespace and name. A deleted Lease stays in the list for a while, because its election may
   * continue.
   */
  rows(): readonly ElectionRow[] {
    return [...this.#rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
  }

  /** Processes the list of all Leases that exist. */
  listed(items: readonly NamedLease[]): void {
    const present = new Set(items.map(keyOf));
    for (const [key, row] of this.#rows) if (!present.has(key) && row.last.change !== 'deleted') this.#remove(key, row);
    for (const item of items) this.#put(item, false);
    this.#isLive = true;
    this.#hasBegun = true;
  }

  /**
   * Processes a write of a Lease. `isNew`: the Lease was created just now, so its resourceVersion is the token of the
   * term.
   */
  written(item: NamedLease, isNew: boolean): void {
    this.#put(item, isNew);
  }

  deleted(item: NamedLease): void {
    const key = keyOf(item);
    const row = this.#rows.get(key);
    if (row !== undefined) this.#remove(key, row);
  }

  /** Records that no renewal can be observed until the next list, so that no holder counts as silent. */
  lost(): void {
    this.#isLive = false;
  }

  /** Reports the holders whose renewal is late. Must be called about once a second. */
  checkSilence(): void {
    if (!this.#isLive) return;
    for (const [key, row] of this.#rows) {
      if (row.isSilent || row.holder === null || row.renewedAtMs === null || row.leaseDurationSeconds === null)
        continue;
      if (this.#clock.nowMs() - row.renewedAtMs < row.leaseDurationSeconds * 1000) continue;
      this.#change(key, { ...row, isSilent: true }, 'silent', row.holder);
    }
  }

  #put({ namespace, name, lease }: NamedLease, isNew: boolean): void {
    const key = keyOf({ namespace, name });
    const before = this.#rows.get(key);
    const moved = before === undefined || before.renewTimeMs !== lease.renewTimeMs;
    const holder = lease.owner?.name ?? (lease.holderIdentity || null);
    const holderUid = lease.owner?.uid ?? null;
    const { acquireTimeMs, renewTimeMs, leaseDurationSeconds, resourceVersion } = lease;
    const isSameTerm =
      before !== undefined &&
      before.holder === holder &&
      before.holderUid === holderUid &&
      before.acquireTimeMs === acquireTimeMs;
    const row: Omit<ElectionRow, 'last'> = {
      namespace,
      name,
      holder,
      holderUid,
      leaseUid: lease.uid,
      acquireTimeMs,
      fencingToken: isSameTerm ? before.fencingToken : resourceVersion,
      tokenIsExact: isSameTerm ? before.tokenIsExact : isNew,
      renewedAtMs: moved ? this.#renewedAtMs(lease, before !== undefined || isNew) : before.renewedAtMs,
      renewTimeMs,
      leaseDurationSeconds,
      isSilent: !moved && before.isSilent,
      isReleased: isReleased(lease),
      lastHolder: holder === null ? (before?.lastHolder ?? null) : { name: holder, uid: holderUid },
      changes: before?.changes ?? 0,
    };
    this.#note(key, row, before);
  }

  /** Compares an election with its earlier state, and reports the change. A renewal alone is not an event. */
  #note(key: string, row: Omit<ElectionRow, 'last'>, before: ElectionRow | undefined): void {
    if (before === undefined) return this.#change(key, row, this.#hasBegun ? 'elected' : 'found', null);
    const wasDeleted = before.last.change === 'deleted';
    const { lastHolder } = before;
    const previous = lastHolder?.name ?? null;
    const isSame = row.holder === before.holder && row.holderUid === before.holderUid;
    if (!isSame || row.acquireTimeMs !== before.acquireTimeMs) {
      if (row.holder === null) return this.#change(key, row, 'released', previous);
      const isAnother = row.holder !== lastHolder?.name || row.holderUid !== lastHolder.uid;
      return this.#change(key, { ...row, changes: before.changes + (isAnother ? 1 : 0) }, 'elected', previous);
    }
    if (wasDeleted) return this.#change(key, row, row.holder === null ? 'released' : 'restored', previous);
    if (row.isReleased && !before.isReleased) return this.#change(key, row, 'released', previous);
    if (before.isSilent && !row.isSilent) return this.#change(key, row, 'renewing', previous);
    this.#rows.set(key, { ...row, last: before.last });
  }

  #remove(key: string, row: ElectionRow): void {
    this.#change(key, { ...row, isSilent: false, renewedAtMs: null }, 'deleted', row.lastHolder?.name ?? null);
    const ended = [...this.#rows].filter(([, { last }]) => last.change === 'deleted');
    if (ended.length <= KEPT_ENDED) return;
    const [oldest] = ended.sort(([, left], [, right]) => left.last.at.getTime() - right.last.at.getTime());
    if (oldest !== undefined) this.#rows.delete(oldest[0]);
  }

  /**
   * The monotonic moment of the last renewal. The first read calculates it from the times in the Lease, which come from
   * another clock.
   */
  #renewedAtMs(lease: LeaseRecord, isSeenNow: boolean): number | null {
    const ageMs = isSeenNow && lease.renewTimeMs !== null ? 0 : renewalAgeMs(lease, this.#clock.wallMs());
    return ageMs === null ? null : this.#clock.nowMs() - ageMs;
  }

  #change(key: string, row: Omit<ElectionRow, 'last'>, change: ElectionChange, previousHolder: string | null): void {
    const { namespace, name: lease, holder, holderUid, leaseUid, fencingToken, tokenIsExact } = row;
    const at = new Date(this.#clock.wallMs());
    const held = { holder, holderUid, leaseUid, previousHolder, fencingToken, tokenIsExact };
    const event = { at, namespace, lease, change, ...held };
    this.#rows.set(key, { ...row, last: event });
    this.#listener(event);
  }
}

/** The key of an election. No name contains a slash. */
function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
