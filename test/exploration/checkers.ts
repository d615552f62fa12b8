/**
 * Checks the invariants of the design (section 10) from outside: the writes to the cluster, the announcements of the
 * processes, and that two processes do not work at the same time.
 *
 * A Lease that is deleted by hand allows one exception. A process that has not observed that Lease (a new one, or one
 * whose watch lags) cannot find out its holder, so it may create a Lease. Then both lead until the holder receives that
 * event and is demoted (`usurped`). A process that has observed the deleted Lease must not create one.
 */

import type { Announcement } from '../../src/core/effect.ts';
import { isReleased } from '../../src/core/lease-record.ts';
import { type Cluster, exists } from './cluster-model.ts';
import { type Process, Violation } from './process-model.ts';

/** The state of the checkers. */
export interface Record {
  /** The Pod that held the Lease last. */
  readonly holder: string | null;
  /** Whether it released that Lease. */
  readonly released: boolean;
  /** The greatest fencing token of all terms so far. */
  readonly newestToken: number;
  /** The uids of Pods whose Lease was deleted by hand and not restored since. */
  readonly taken: readonly string[];
  /** The uids of Pods whose Lease was deleted by hand and taken by another Pod, and which were not demoted since. */
  readonly moved: readonly string[];
  /** The uids of Pods whose token the API server refuses. */
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

/** The end of a holder: its Pod is gone, it has released the Lease, or its Lease is deleted. */
export interface Ended {
  readonly holder: string;
  /** The revision of its deleted Lease. `null` if its Pod is gone or it has released the Lease. */
  readonly deletedRevision: number | null;
}

/** Updates the record, and throws a `Violation` when an invariant is broken. */
export class Ledger {
  record: Record;

  constructor(record: Record) {
    this.record = record;
  }

  #update(changes: Partial<Record>): void {
    this.record = { ...this.record, ...changes };
  }

  refuses(uid: string): boolean {
    return this.record.refused.includes(uid);
  }

  refuse(uid: string): void {
    this.#update({ refused: [...this.record.refused, uid].sort() });
  }

  takenByHand({ lease }: Cluster): void {
    const uid = lease?.owner?.uid;
    if (uid !== undefined && !this.record.taken.includes(uid))
      this.#update({ taken: [...this.record.taken, uid].sort() });
  }

  /** Checks a write of a process to the Lease: invariant 2. */
  written(before: Cluster, after: Cluster, sender: string, observedHolder: string | null): void {
    const { holder, released, taken, moved } = this.record;
    if (after.lease === null) {
      const owner = before.lease?.owner?.uid;
      if (owner === undefined || before.lease === null) return;
      if (exists(before, owner) && !isReleased(before.lease)) {
        throw new Violation(`${sender} deletes the Lease of ${owner}, whose Pod exists and which did not release it`);
      }
      return;
    }
    const owner = after.lease.owner?.uid ?? null;
    const free =
      holder === null || !exists(before, holder) || released || (taken.includes(holder) && observedHolder !== holder);
    if (owner !== holder && !free) {
      throw new Violation(`the Lease moves from ${holder}, whose Pod exists and which did not release it, to ${owner}`);
    }
    if (owner !== holder && holder !== null && taken.includes(holder))
      this.#update({ moved: [...moved, holder].sort() });
  }

  /** Records a change of the Lease by any writer. */
  changed(before: Cluster, after: Cluster): Ended | null {
    if (before.lease === after.lease) return null;
    const { holder, taken } = this.record;
    if (after.lease === null) {
      return holder === null ? null : { holder, deletedRevision: Number(before.lease?.resourceVersion ?? 0) };
    }
    const owner = after.lease.owner?.uid ?? null;
    const released = isReleased(after.lease);
    // A holder that writes its Lease has restored it.
    const stillTaken = owner === null ? taken : taken.filter((uid) => uid !== owner);
    // The end of a holder whose Pod is gone is already recorded.
    const releasedNow = released && !this.record.released && owner !== null && exists(after, owner);
    this.#update({ holder: owner, released, ...(stillTaken.length < taken.length ? { taken: stillTaken } : {}) });
    return releasedNow ? { holder: owner, deletedRevision: null } : null;
  }

  /** The process was demoted or killed, so it no longer has to be demoted by the event of a successor. */
  leadershipEnded(uid: string): void {
    const { moved } = this.record;
    if (moved.includes(uid)) this.#update({ moved: moved.filter((one) => one !== uid) });
  }

  podLost(uid: string): Ended | null {
    // The end of a holder that released the Lease is already recorded.
    return this.record.holder === uid && !this.record.released ? { holder: uid, deletedRevision: null } : null;
  }

  /** Checks an announcement of a process: invariants 2 and 3. (`process-model.ts` checks invariant 4.) */
  recordAnnouncement(uid: string, podExists: boolean, announcement: Announcement): void {
    if (announcement.type === 'demoted') {
      const wasTaken = this.record.taken.includes(uid) || this.record.moved.includes(uid);
      if (announcement.reason === 'usurped' && podExists && !wasTaken) {
        throw new Violation(`${uid} is usurped, although its Lease was not deleted by hand`);
      }
      this.leadershipEnded(uid);
    }
    if (announcement.type !== 'elected') return;
    const token = Number(announcement.term.fencingToken);
    const { newestToken, taken } = this.record;
    // A ghost, or a process whose Lease was deleted by hand, may be elected late. The token of its successor is
    // greater.
    const late = !podExists || taken.includes(uid);
    if (token <= newestToken && !late) {
      throw new Violation(`${uid} is elected with the fencing token ${token}, but ${newestToken} was announced before`);
    }
    this.#update({ newestToken: Math.max(token, newestToken) });
  }
}

/** Whether the process leads, or its work may still run. */
export function isActive({ leading, working }: Process): boolean {
  return leading || working;
}

/**
 * The violation of invariant 1: two processes lead or work at the same time, and both their Pods exist. `null` when it
 * holds.
 */
export function findOverlap(cluster: Cluster, processes: readonly Process[], { taken }: Record): string | null {
  const active = processes.filter(
    (process) => isActive(process) && exists(cluster, process.pod.uid) && !taken.includes(process.pod.uid),
  );
  if (active.length <= 1) return null;
  const uids = active.map(({ pod }) => pod.uid);
  return `${uids.join(' and ')} lead, or work, at the same time, and their Pods exist`;
}
