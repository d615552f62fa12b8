/**
 * The term of this process while it lasts, and the work of the term: `onElected`, one call at a time, and the jobs of
 * `leaderOnly`.
 *
 * `core/` decides when a term begins and ends.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Term as CoreTerm, DemotionReason } from '../core/effect.ts';
import { LeaseElectorError } from '../errors.ts';
import type { Term } from '../events.ts';
import type { Clock } from '../runtime/clock.ts';
import { wordsOf } from '../runtime/quotation.ts';
import { isThenable } from './guarded-emitter.ts';
import { HeldTerm } from './held-term.ts';
import type { ProgressWatch } from './progress-watch.ts';

/** One call of `onElected`, or one run of a job. */
interface Work {
  /** Never rejects. */
  readonly ended: Promise<void>;
  /**
   * Resolves when this work calls a method that ends the term. The work may await that call, so nothing waits for the
   * work.
   */
  readonly asked: Promise<void>;
  readonly ask: () => void;
  /** The work that began this work, and may wait for it. */
  readonly outer: Work | undefined;
}

/** The end of the work of a term that still lasts. */
export interface WorkEnd {
  /** The monotonic moment. */
  readonly atMs: number;
  /** `null` when the work did not fail. */
  readonly failure: { readonly cause: unknown } | null;
}

const STILL_LEADS =
  'This process stays the leader, without its work. Exit the process: the restarted container leads again and tries ' +
  'again. Or call stepDown() to hand over to another Pod.';

const TERM_OVER = 'The term of this work had already ended, so no action is needed if the work should end then.';

/** The current term and its work. */
export class TermWork {
  readonly #onElected: (term: Term) => unknown;
  readonly #failed: (error: LeaseElectorError) => void;
  readonly #nowMs: () => number;
  readonly #progress: ProgressWatch;
  #current: { readonly term: Term; readonly controller: AbortController } | null = null;
  #workEnd: WorkEnd | null = null;
  /** The work that has not ended: a call of `onElected` per term, and a run of each job. */
  readonly #unfinished = new Set<Work>();
  /** The work that did not settle within its time limit. */
  #overdue: ReadonlySet<Work> = new Set();
  /** The part of `#unfinished` that called a method which ends the term. */
  readonly #asking = new Set<Work>();
  /** The work that runs at the moment. Continuations of the work and timers that it sets have the same value. */
  readonly #caller = new AsyncLocalStorage<Work | undefined>();

  /**
   * @param failed called when `onElected` throws, or its promise rejects
   * @param nowMs the monotonic clock
   * @param progress detects that the work of a term makes no progress
   */
  constructor(
    onElected: (term: Term) => unknown,
    failed: (error: LeaseElectorError) => void,
    nowMs: () => number,
    progress: ProgressWatch,
  ) {
    this.#progress = progress;
    this.#onElected = onElected;
    this.#failed = failed;
    this.#nowMs = nowMs;
  }

  /** The current term. */
  get term(): Term | undefined {
    return this.#current?.term;
  }

  /**
   * The end of `onElected` in the current term; `null` while it runs. Also `null` if it returned no promise, because
   * the end of its work is then unknown.
   */
  get workEnd(): WorkEnd | null {
    return this.#workEnd;
  }

  /** The number of work items that have not ended. */
  get running(): number {
    return this.#unfinished.size;
  }

  /** Begins a term. `run` starts its work. */
  begin(core: CoreTerm): Term {
    const controller = new AbortController();
    const term = new HeldTerm(core, controller.signal, () => this.#progress.progress());
    this.#current = { term, controller };
    this.#workEnd = null;
    this.#progress.begin();
    return term;
  }

  /**
   * Calls `onElected` after the work of earlier terms has ended, so that it never runs beside that work in one process.
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

  /** Resolves when all the current work has ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#unfinished].map(({ ended }) => ended));
  }

  /**
   * Calls a method that ends the term. The end of the term does not wait for the work that calls this method, because
   * that work may await the end of the term.
   */
  leave<Result>(request: () => Result): Result {
    for (let work = this.#caller.getStore(); work !== undefined; work = work.outer) {
      if (!this.#unfinished.has(work)) continue;
      this.#asking.add(work);
      work.ask();
    }
    return this.outside(request);
  }

  /** Calls a function that does not belong to the work, such as a listener. */
  outside<Result>(call: () => Result): Result {
    return this.#caller.run(undefined, call);
  }

  /** Ends the term: aborts its signal. Returns `undefined` when there was no term. */
  end(reason: DemotionReason): Term | undefined {
    const current = this.#current;
    this.#current = null;
    this.#progress.end();
    this.#workEnd = null;
    current?.controller.abort(
      new LeaseElectorError('ERR_LEASE_ELECTOR_NOT_LEADER', `This process no longer leads: ${reason}.`, {
        demotionReason: reason,
      }),
    );
    return current?.term;
  }

  /**
   * Waits for all work, at most `timeoutMs` milliseconds. Resolves with `true` when it is done. A second call does not
   * wait again for work that has used up its time.
   *
   * It does not wait for work that called a method which ends the term. While such work runs, the result is `false`,
   * because the work may continue.
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

  /** Calls `onElected` and handles its promise, so that no rejection is unhandled. */
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
