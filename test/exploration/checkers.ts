/**
 * The invariants of the design (section 10), checked from outside: what the cluster is made to hold, what the
 * processes announce, and who works at the same time.
 *
 * What a Lease that is deleted by hand excuses, and nothing more: a process that was never told of that Lease (a
 * newcomer, or one whose watch lags) cannot know that its holder exists, so it may create one. From then on, until
 * the holder hears of it and is demoted (`usurped`), both lead. Whoever was told of the Lease must leave it alone.
 */

import type { Announcement } from '../../src/core/effect.ts';
import { isReleased } from '../../src/core/lease-record.ts';
import { type Cluster, exists } from './cluster-model.ts';
import { type Process, Violation } from './process-model.ts';

/** What the checkers remember. */
export interface Record {
  /** The Pod that held the Lease last. */
  readonly holder: string | null;
  /** Whether it gave that Lease up. */
  readonly released: boolean;
  /** The greatest fencing token of a term so far. */
  readonly newestToken: number;
  /** Pods whose Lease was deleted by hand and not restored since. */
  readonly taken: readonly string[];
  /** Pods from which the Lease has moved on after it was deleted by hand, and which were not demoted since. */
  readonly moved: readonly string[];
  /** Pods whose token the API server refuses by now. */
  readonly refused: readonly string[];
}

export const EMPTY_RECORD: Record = {
  holder: null,
  released: false,
  newestToken: 0,
  taken: [],
  moved: [],
  refused: [],
};

/** A holder's time is over: its Pod is gone, or it gave the Lease up; or (`itself`) its Lease is gone. */
export interface Ended {
  readonly holder: string;
  /** The revision of the Lease of its own that is gone; `null` when it is its time that is over. */
  readonly itself: number | null;
}

/** Keeps the record, and throws a `Violation` where a rule is broken. */
export class Ledger {
  record: Record;

  constructor(record: Record) {
    this.record = record;
  }

  #learn(news: Partial<Record>): void {
    this.record = { ...this.record, ...news };
  }

  refuses(uid: string): boolean {
    return this.record.refused.includes(uid);
  }

  refuse(uid: string): void {
    this.#learn({ refused: [...this.record.refused, uid].sort() });
  }

  takenByHand({ lease }: Cluster): void {
    const uid = lease?.owner?.uid;
    if (uid !== undefined && !this.record.taken.includes(uid))
      this.#learn({ taken: [...this.record.taken, uid].sort() });
  }

  /** A process has written or deleted the Lease: invariant 2. */
  written(before: Cluster, after: Cluster, sender: string, knowing: string | null): void {
    const { holder, released, taken, moved } = this.record;
    if (after.lease === null) {
      const owner = before.lease?.owner?.uid;
      if (owner === undefined || before.lease === null) return;
      if (exists(before, owner) && !isReleased(before.lease)) {
        throw new Violation(`${sender} deletes the Lease of ${owner}, whose Pod exists and which did not give it up`);
      }
      return;
    }
    const owner = after.lease.owner?.uid ?? null;
    const free =
      holder === null || !exists(before, holder) || released || (taken.includes(holder) && knowing !== holder);
    if (owner !== holder && !free) {
      throw new Violation(`the Lease moves from ${holder}, whose Pod exists and which did not give it up, to ${owner}`);
    }
    if (owner !== holder && holder !== null && taken.includes(holder))
      this.#learn({ moved: [...moved, holder].sort() });
  }

  /** Takes note of a change of the Lease, whoever made it. */
  changed(before: Cluster, after: Cluster): Ended | null {
    if (before.lease === after.lease) return null;
    const { holder, taken } = this.record;
    if (after.lease === null) {
      return holder === null ? null : { holder, itself: Number(before.lease?.resourceVersion ?? 0) };
    }
    const owner = after.lease.owner?.uid ?? null;
    const released = isReleased(after.lease);
    // Whoever writes its Lease has restored it.
    const stillTaken = owner === null ? taken : taken.filter((uid) => uid !== owner);
    // Whose Pod is gone has had its end.
    const releasedNow = released && !this.record.released && owner !== null && exists(after, owner);
    this.#learn({ holder: owner, released, ...(stillTaken.length < taken.length ? { taken: stillTaken } : {}) });
    return releasedNow ? { holder: owner, itself: null } : null;
  }

  /** Demoted, or killed: it need not hear of a successor any more. */
  leftOffice(uid: string): void {
    const { moved } = this.record;
    if (moved.includes(uid)) this.#learn({ moved: moved.filter((one) => one !== uid) });
  }

  podLost(uid: string): Ended | null {
    // Whoever gave the Lease up has had its end.
    return this.record.holder === uid && !this.record.released ? { holder: uid, itself: null } : null;
  }

  /** A process tells its application something: invariants 2 and 3. (Invariant 4 is checked where it announces.) */
  hear(uid: string, podExists: boolean, announcement: Announcement): void {
    if (announcement.type === 'demoted') {
      const wasTaken = this.record.taken.includes(uid) || this.record.moved.includes(uid);
      if (announcement.reason === 'usurped' && podExists && !wasTaken) {
        throw new Violation(`${uid} is usurped, although nobody took its Lease by hand`);
      }
      this.leftOffice(uid);
    }
    if (announcement.type !== 'elected') return;
    const token = Number(announcement.term.fencingToken);
    const { newestToken, taken } = this.record;
    // A ghost, or one whose Lease was taken meanwhile, may hear late of its own; its successor's token is greater.
    const late = !podExists || taken.includes(uid);
    if (token <= newestToken && !late) {
      throw new Violation(`${uid} is elected with the fencing token ${token}, and ${newestToken} was given before`);
    }
    this.#learn({ newestToken: Math.max(token, newestToken) });
  }
}

/** Whether it leads, or its work may be under way. */
export function isActive({ leading, working }: Process): boolean {
  return leading || working;
}

/** Invariant 1: never two at work whose Pods both exist. `null` when it holds. */
export function findOverlap(cluster: Cluster, processes: readonly Process[], { taken }: Record): string | null {
  const active = processes.filter(
    (process) => isActive(process) && exists(cluster, process.pod.uid) && !taken.includes(process.pod.uid),
  );
  if (active.length <= 1) return null;
  const uids = active.map(({ pod }) => pod.uid);
  return `${uids.join(' and ')} lead, or work, at the same time, and their Pods exist`;
}
