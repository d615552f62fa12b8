/**
 * Wraps a job, for any scheduler, so that it runs only while this process leads.
 */

import type { Term } from '../events.ts';

/** The checks and callbacks of a guarded job. */
export interface LeadershipGuard {
  /** The term of this process, while it leads. */
  readonly term: () => Term | undefined;
  /**
   * Whether the leadership is in doubt, because the process was suspended, or because another process may lead in the
   * name of this Pod.
   */
  readonly isDoubtful: () => boolean;
  /** Confirms the leadership with the API server; rejects if that fails. */
  readonly confirm: () => Promise<Term>;
  /**
   * Begins work of the term. The Lease is not released until `ended` resolves, because the release waits for the work.
   */
  readonly join: <Result>(ended: Promise<void>, begin: () => Result) => Result;
  /** A job was skipped, because this process does not lead; must not throw. */
  readonly skipped?: () => void;
  /** A job threw, or its promise rejected; must not throw. */
  readonly failed?: () => void;
}

/**
 * The options of `leaderOnly()`.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector();
 * await elector.start();
 * const report = elector.leaderOnly(async () => writeReport(), { onError: console.error });
 * setInterval(report, 60_000);
 *
 * async function writeReport(): Promise<void> {
 *   // Your job.
 * }
 * ```
 */
export interface LeaderOnlyOptions {
  /**
   * Called with the error when the job throws or rejects. The function that `leaderOnly` returns then resolves with
   * `undefined` and never rejects. So the function is safe where its promise is not handled, as in `setInterval`.
   *
   * If `onError` itself fails, an `error` is emitted.
   *
   * @default the returned promise rejects, and the caller must handle it
   */
  readonly onError?: ((error: unknown) => unknown) | undefined;
}

/** Wraps `job`; see `LeaseElector.leaderOnly`. */
export function leaderOnly<Arguments extends readonly unknown[], Result>(
  job: (term: Term, ...args: Arguments) => Result | Promise<Result>,
  guard: LeadershipGuard,
): (...args: Arguments) => Promise<Result | undefined> {
  let running = false;
  return async (...args) => {
    if (running) return undefined;
    if (guard.term() === undefined) {
      guard.skipped?.();
      return undefined;
    }
    running = true;
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    try {
      if (guard.isDoubtful() && !(await isConfirmed(guard))) return undefined;
      const term = guard.term();
      if (term === undefined || guard.isDoubtful()) return undefined;
      return await guard.join(ended, () => job(term, ...args));
    } catch (error) {
      guard.failed?.();
      throw error;
    } finally {
      running = false;
      end();
    }
  };
}

/**
 * A failed confirmation prevents the run, even if the doubt has ended in the meantime: no run is better than a run in
 * parallel with the successor.
 */
function isConfirmed(guard: LeadershipGuard): Promise<boolean> {
  return guard.confirm().then(
    () => true,
    () => false,
  );
}

/**
 * Wraps a run so that it never rejects.
 *
 * @param onError is called when the run rejects
 * @param handlerFailed is called when `onError` throws, or its promise rejects; must not throw
 */
export function handlingErrors<Arguments extends readonly unknown[], Result>(
  run: (...args: Arguments) => Promise<Result | undefined>,
  onError: NonNullable<LeaderOnlyOptions['onError']>,
  handlerFailed: (error: unknown) => void,
): (...args: Arguments) => Promise<Result | undefined> {
  const handle = async (error: unknown): Promise<void> => {
    try {
      await onError(error);
    } catch (failure) {
      handlerFailed(failure);
    }
  };
  return async (...args) => {
    try {
      return await run(...args);
    } catch (error) {
      await handle(error);
      return undefined;
    }
  };
}
