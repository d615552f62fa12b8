/**
 * Decides when a publication is attempted, how long it backs off, and when its failure causes a warning.
 */

import { REFUSAL_BELIEVED_MS } from '../core/refusal.ts';
import { isOvertaken, isRefusal, type MissingRule, type RequestFailure } from '../core/request-failure.ts';
import { atLeastRetryAfterMs, refusalDelayMs, retryDelayMs } from '../core/retry-delay.ts';
import type { WarningCode } from '../events.ts';
import type { Clock } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import type { Random } from '../runtime/random.ts';
import type { Publication } from './publication.ts';

const log = debugLog('lease-elector:publishing');

/** A temporary failure causes a warning after this many milliseconds. */
export const PASSING_FAILURE_MS = 60_000;

/** The number of temporary failures in a row that are retried soon. Each later pause is longer, up to a minute. */
const SOON_TRIES = 4;

/** The texts of an outlet's warnings. */
export interface OutletWords {
  readonly code: WarningCode;
  /** The consequence of the failure, after its message. */
  readonly consequence: string;
  /** The refused request, for the message that the refusal is over. */
  readonly title: string;
}

/** The dependencies of an outlet. */
export interface OutletOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly warn: (code: WarningCode, message: string) => void;
  /** Whether the election has reported that the API server does not answer. */
  readonly isOutageReported: () => boolean;
}

/** Consecutive failures of one kind. */
interface Failing {
  readonly isRefusal: boolean;
  readonly sinceMs: number;
  readonly count: number;
  /** The permission that the last failure names. */
  readonly missingRule: MissingRule | null;
}

export class Outlet {
  readonly #publication: Publication;
  readonly #words: OutletWords;
  readonly #options: OutletOptions;
  #failing: Failing | null = null;
  #warned = false;
  /** Set by `close()`: a failure is then not retried. */
  #isClosing = false;
  /** The monotonic moment of the next attempt; `null`: there is nothing to do. */
  dueAtMs: number | null = null;

  constructor(publication: Publication, words: OutletWords, options: OutletOptions) {
    this.#publication = publication;
    this.#words = words;
    this.#options = options;
  }

  /** The permission that is missing at present; `null` when no permission is known to be missing. */
  get missingRule(): MissingRule | null {
    return this.#failing?.missingRule ?? null;
  }

  /** Schedules an attempt immediately if the wanted state is not written yet. */
  wake(): void {
    if (this.#publication.isPending) this.dueAtMs = this.#options.clock.nowMs();
  }

  /**
   * Prepares the end: a pending publication has one more attempt, unless it was refused. An attempt that ends with a
   * conflict is repeated.
   */
  close(): void {
    this.#isClosing = true;
    this.dueAtMs = null;
    if (this.#failing?.isRefusal !== true) this.wake();
  }

  async attempt(): Promise<void> {
    const outcome = await this.#publication.attempt();
    // If another state was requested during the attempt, it is pending and is handled below.
    this.dueAtMs = null;
    if (typeof outcome === 'object') this.#noteFailure(outcome);
    else this.#noteSuccess(outcome === 'written');
  }

  /** Stops for good. The publication sends nothing afterwards. */
  stop(): void {
    this.dueAtMs = null;
    this.#publication.stop();
  }

  #noteSuccess(wasWritten: boolean): void {
    this.#failing = null;
    const { isPending, recheckAfterMs } = this.#publication;
    if (isPending) this.wake();
    else if (recheckAfterMs !== null && !this.#isClosing) this.#tryAfter(recheckAfterMs);
    if (!this.#warned || !wasWritten) return;
    this.#warned = false;
    this.#options.warn('refusal-over', `${this.#words.title} is accepted again.`);
  }

  #noteFailure(failure: RequestFailure): void {
    const nowMs = this.#options.clock.nowMs();
    const refused = isRefusal(failure);
    const before = this.#failing?.isRefusal === refused ? this.#failing : null;
    const failing = {
      isRefusal: refused,
      sinceMs: before?.sinceMs ?? nowMs,
      count: (before?.count ?? 0) + 1,
      missingRule: failure.missingRule,
    };
    this.#failing = failing;
    log('attempt %d failed: %s', failing.count, failure.message);
    this.#warnOf(failure, failing, nowMs - failing.sinceMs);
    // The wanted state may have changed during the attempt. The next attempt writes the present wanted state.
    if (!this.#isClosing) this.#tryAfter(atLeastRetryAfterMs(this.#pauseMs(failing, nowMs), failure.retryAfterMs));
    else if (isOvertaken(failure)) this.#tryAfter(retryDelayMs(1, this.#options.random.next()));
  }

  /** The pause before the next attempt, in milliseconds. It ends at the latest when the refusal would be believed. */
  #pauseMs({ isRefusal, sinceMs, count }: Failing, nowMs: number): number {
    const random = this.#options.random.next();
    if (!isRefusal) return count <= SOON_TRIES ? retryDelayMs(count, random) : refusalDelayMs(count - 2, random);
    const believedInMs = sinceMs + REFUSAL_BELIEVED_MS - nowMs;
    return believedInMs > 0 ? Math.min(refusalDelayMs(count, random), believedInMs) : refusalDelayMs(count, random);
  }

  #warnOf(failure: RequestFailure, failing: Failing, lastedMs: number): void {
    if (this.#warned || lastedMs < (failing.isRefusal ? REFUSAL_BELIEVED_MS : PASSING_FAILURE_MS)) return;
    // The election itself reports an outage and a refused token.
    if (this.#options.isOutageReported() || failure.kind === 'unauthorized') return;
    this.#warned = true;
    this.#options.warn(this.#words.code, `${failure.message}. ${this.#words.consequence}`);
  }

  #tryAfter(pauseMs: number): void {
    this.dueAtMs = this.#options.clock.nowMs() + pauseMs;
  }
}
