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

  readonly #noteProgress: () => void;

  constructor(core: CoreTerm, signal: AbortSignal, noteProgress: () => void) {
    this.signal = signal;
    this.#noteProgress = noteProgress;
    this.fencingToken = BigInt(core.fencingToken);
    this.resumed = core.resumed;
    this.leaseUid = core.leaseUid;
    this.acquireTime = new Date(core.acquireTimeMs);
  }

  progress(): void {
    // A term that has ended is not asked, and must not answer for the next one.
    if (!this.signal.aborted) this.#noteProgress();
  }

  toJSON(): TermRecord {
    const { fencingToken, resumed, leaseUid, acquireTime } = this;
    return { fencingToken: String(fencingToken), resumed, leaseUid, acquireTime: acquireTime.toISOString() };
  }
}
