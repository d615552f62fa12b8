/**
 * A term of this process, as the application is given it.
 */

import type { Term as CoreTerm } from '../core/effect.ts';
import type { Term, TermRecord } from '../events.ts';

export class HeldTerm implements Term {
  readonly signal: AbortSignal;
  readonly fencingToken: bigint;
  readonly resumed: boolean;
  readonly leaseUid: string;
  readonly acquireTime: Date;

  constructor(core: CoreTerm, signal: AbortSignal) {
    this.signal = signal;
    this.fencingToken = BigInt(core.fencingToken);
    this.resumed = core.resumed;
    this.leaseUid = core.leaseUid;
    this.acquireTime = new Date(core.acquireTimeMs);
  }

  toJSON(): TermRecord {
    const { fencingToken, resumed, leaseUid, acquireTime } = this;
    return { fencingToken: String(fencingToken), resumed, leaseUid, acquireTime: acquireTime.toISOString() };
  }
}
