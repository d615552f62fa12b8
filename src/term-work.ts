/**
 * The term of this process while it lasts, and the work that belongs to it: `onElected`, one call at a time, and the
 * jobs of `leaderOnly`.
 *
 * When a term begins and ends is decided in `core/`.
 */

import type { Clock } from './clock.ts';
import type { Term as CoreTerm, DemotionReason } from './core/effect.ts';
import { LeaseElectorError } from './errors.ts';
import type { Term } from './events.ts';

export class TermWork {
  readonly #onElected: (term: Term) => unknown;
  readonly #failed: (error: LeaseElectorError) => void;
  #current: { readonly term: Term; readonly controller: AbortController } | null = null;
  /** The work that has not ended; none of it rejects. There is a call of `onElected` per term, and a run of each job. */
  readonly #unfinished = new Set<Promise<void>>();
  /** What was given its time already, and did not settle. */
  #overdue: ReadonlySet<Promise<void>> = new Set();

  /** @param failed is told when `onElected` throws, or its promise rejects */
  constructor(onElected: (term: Term) => unknown, failed: (error: LeaseElectorError) => void) {
    this.#onElected = onElected;
    this.#failed = failed;
  }

  /** The term that lasts. */
  get term(): Term | undefined {
    return this.#current?.term;
  }

  /** A term begins. Its work is begun with `run`. */
  begin(core: CoreTerm): Term {
    const controller = new AbortController();
    const term: Term = {
      signal: controller.signal,
      fencingToken: BigInt(core.fencingToken),
      resumed: core.resumed,
      leaseUid: core.leaseUid,
      acquireTime: new Date(core.acquireTimeMs),
    };
    this.#current = { term, controller };
    return term;
  }

  /** What is left of an earlier term's work goes first: better none than two, within one process, too. */
  run(term: Term): void {
    this.join(Promise.all(this.#unfinished).then(() => this.#call(term)));
  }

  /** Counts as work until it ends, well or badly; it never rejects. */
  join(ended: Promise<void>): void {
    this.#unfinished.add(ended);
    void ended.then(() => this.#unfinished.delete(ended));
  }

  /** The term is over: aborts its signal. `undefined` when there was none. */
  end(reason: DemotionReason): Term | undefined {
    const current = this.#current;
    this.#current = null;
    current?.controller.abort(
      new LeaseElectorError('ERR_LEASE_ELECTOR_NOT_LEADER', `This process does not lead any more: ${reason}.`),
    );
    return current?.term;
  }

  /** Waits for all work, at most `timeoutMs`: `true` when it is done. Work that had its time is not waited for again. */
  async settle(clock: Clock, timeoutMs: number): Promise<boolean> {
    const work = [...this.#unfinished];
    if (work.length > 0 && work.every((one) => this.#overdue.has(one))) return false;
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimer(timeoutMs, resolve);
    const drained = await Promise.race([Promise.all(work).then(() => true), timeout.then(() => false)]);
    timer.cancel();
    if (!drained) this.#overdue = new Set(work);
    return drained;
  }

  /** The promise of `onElected` is owned here: it never goes unhandled. */
  async #call(term: Term): Promise<void> {
    if (term.signal.aborted) return;
    try {
      await this.#onElected(term);
    } catch (cause) {
      this.#failed(
        new LeaseElectorError(
          'ERR_LEASE_ELECTOR_CALLBACK',
          'onElected failed; see `cause`. This process leads on: call stepDown(), or exit, to give leadership up.',
          { cause },
        ),
      );
    }
  }
}
