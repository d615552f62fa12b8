/** A term of this process, in the form that the application receives. */

import type { Term as CoreTerm } from '../core/effect.ts';
import type { Term, TermRecord } from '../events.ts';

/** The term of this process. */
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
    // Progress of a term that has ended must not count for the next term.
    if (!this.signal.aborted) this.#noteProgress();
  }

  toJSON(): TermRecord {
    const { fencingToken, resumed, leaseUid, acquireTime } = this;
    return { fencingToken: String(fencingToken), resumed, leaseUid, acquireTime: acquireTime.toISOString() };
  }
}
