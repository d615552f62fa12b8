/**
 * The term of this process while it lasts, and the work that belongs to it: `onElected`, one call at a time, and the
 * jobs of `leaderOnly`.
 *
 * When a term begins and ends is decided in `core/`.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Term as CoreTerm, DemotionReason } from '../core/effect.ts';
import { LeaseElectorError } from '../errors.ts';
import type { Term } from '../events.ts';
import type { Clock } from '../runtime/clock.ts';
import { wordsOf } from '../runtime/quotation.ts';
import { isThenable } from './guarded-emitter.ts';
import { HeldTerm } from './held-term.ts';

/** One call of `onElected`, or one run of a job. */
interface Work {
  /** Never rejects. */
  readonly ended: Promise<void>;
  /** Resolves when this work asks to leave: it may wait for the answer, so nobody waits for it. */
  readonly asked: Promise<void>;
  readonly ask: () => void;
  /** The work that began this one, and that may wait for it. */
  readonly outer: Work | undefined;
}

/** How the work of a term has ended while the term lasts. */
export interface WorkEnd {
  /** The monotonic moment. */
  readonly atMs: number;
  /** `null` when it did not fail. */
  readonly failure: { readonly cause: unknown } | null;
}

const STILL_LEADS =
  'This process stays the leader, without its work. Exit the process: the restarted container leads again and tries ' +
  'again. Or call stepDown() to hand over to another Pod.';

const TERM_OVER = 'Its term had ended before, so no action is needed if the work was to end.';

export class TermWork {
  readonly #onElected: (term: Term) => unknown;
  readonly #failed: (error: LeaseElectorError) => void;
  readonly #nowMs: () => number;
  #current: { readonly term: Term; readonly controller: AbortController } | null = null;
  #workEnd: WorkEnd | null = null;
  /** The work that has not ended. There is a call of `onElected` per term, and a run of each job. */
  readonly #unfinished = new Set<Work>();
  /** What was given its time already, and did not settle. */
  #overdue: ReadonlySet<Work> = new Set();
  /** That part of `#unfinished` which asked to leave. */
  readonly #asking = new Set<Work>();
  /** The work that calls, across everything that it awaits, and in the timers that it sets. */
  readonly #caller = new AsyncLocalStorage<Work | undefined>();

  /**
   * @param failed is told when `onElected` throws, or its promise rejects
   * @param nowMs the monotonic clock
   */
  constructor(onElected: (term: Term) => unknown, failed: (error: LeaseElectorError) => void, nowMs: () => number) {
    this.#onElected = onElected;
    this.#failed = failed;
    this.#nowMs = nowMs;
  }

  /** The term that lasts. */
  get term(): Term | undefined {
    return this.#current?.term;
  }

  /**
   * How `onElected` has ended in the term that lasts. `null` while it runs, and where it returned no promise: such a
   * call has begun work whose end cannot be known.
   */
  get workEnd(): WorkEnd | null {
    return this.#workEnd;
  }

  /** How much of the work has not ended. */
  get running(): number {
    return this.#unfinished.size;
  }

  /** A term begins. Its work is begun with `run`. */
  begin(core: CoreTerm): Term {
    const controller = new AbortController();
    const term = new HeldTerm(core, controller.signal);
    this.#current = { term, controller };
    this.#workEnd = null;
    return term;
  }

  /**
   * Calls `onElected`. What is left of an earlier term's work goes first: better none than two, within one process, too.
   *
   * @param ready the work begins once this has resolved; it must not reject
   */
  run(term: Term, ready: Promise<void>): void {
    const earlier = this.idle();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.join(ended, () => {
      void Promise.all([earlier, ready])
        .then(() => this.#call(term))
        .then(end);
    });
  }

  /** Begins work, which counts until `ended` resolves. */
  join<Result>(ended: Promise<void>, begin: () => Result): Result {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const work: Work = { ended, asked, ask, outer: this.#caller.getStore() };
    this.#unfinished.add(work);
    void ended.then(() => {
      this.#unfinished.delete(work);
      this.#asking.delete(work);
    });
    return this.#caller.run(work, begin);
  }

  /** Resolves when all work has ended that runs now. */
  async idle(): Promise<void> {
    await Promise.all([...this.#unfinished].map(({ ended }) => ended));
  }

  /** Calls what ends the term. Work that called it, and may await it, is not waited for: it would wait for itself. */
  leave<Result>(request: () => Result): Result {
    for (let work = this.#caller.getStore(); work !== undefined; work = work.outer) {
      if (!this.#unfinished.has(work)) continue;
      this.#asking.add(work);
      work.ask();
    }
    return this.outside(request);
  }

  /** Calls something that is none of the work, such as a listener. */
  outside<Result>(call: () => Result): Result {
    return this.#caller.run(undefined, call);
  }

  /** The term is over: aborts its signal. `undefined` when there was none. */
  end(reason: DemotionReason): Term | undefined {
    const current = this.#current;
    this.#current = null;
    this.#workEnd = null;
    current?.controller.abort(
      new LeaseElectorError('ERR_LEASE_ELECTOR_NOT_LEADER', `This process does not lead any more: ${reason}.`, {
        demotionReason: reason,
      }),
    );
    return current?.term;
  }

  /**
   * Waits for all work, at most `timeoutMs`: `true` when it is done. Work that had its time is not waited for again.
   *
   * Work that asked to leave is not waited for at all. While it runs, the answer is `false`: it may go on working.
   */
  async settle(clock: Clock, timeoutMs: number): Promise<boolean> {
    const work = [...this.#unfinished].filter((one) => !this.#asking.has(one));
    if (work.length > 0 && work.every((one) => this.#overdue.has(one))) return false;
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimer(timeoutMs, resolve);
    const drained = await Promise.race([
      Promise.all(work.map(endedOrAsked)).then(() => true),
      timeout.then(() => false),
    ]);
    timer.cancel();
    if (!drained) this.#overdue = new Set(work);
    return drained && this.#asking.size === 0;
  }

  /** The promise of `onElected` is owned here: it never goes unhandled. */
  async #call(term: Term): Promise<void> {
    if (term.signal.aborted) return;
    try {
      const work = this.#onElected(term);
      await work;
      if (isThenable(work)) this.#noteEnd(term, null);
    } catch (cause) {
      this.#noteEnd(term, { cause });
      this.#failed(
        new LeaseElectorError(
          'ERR_LEASE_ELECTOR_CALLBACK',
          `onElected failed: ${wordsOf(cause)}. ${this.#current?.term === term ? STILL_LEADS : TERM_OVER}`,
          { cause, callback: 'onElected' },
        ),
      );
    }
  }

  #noteEnd(term: Term, failure: WorkEnd['failure']): void {
    if (this.#current?.term === term) this.#workEnd = { atMs: this.#nowMs(), failure };
  }
}

function endedOrAsked({ ended, asked }: Work): Promise<void> {
  return Promise.race([ended, asked]);
}
