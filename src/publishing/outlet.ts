/**
 * Decides when a publication is tried, how long it backs off, and when its failure becomes a warning.
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

/** A failure that may pass by itself becomes a warning after this time, in milliseconds. */
export const PASSING_FAILURE_MS = 60_000;

/** The number of such failures in a row that are retried soon. Each later pause is longer, up to a minute. */
const SOON_TRIES = 4;

/** The texts of an outlet's warnings. */
export interface OutletWords {
  readonly code: WarningCode;
  /** The consequence of the failure, after its message. */
  readonly consequence: string;
  /** The refused request, for the message that the refusal is over. */
  readonly title: string;
}

/** The surroundings of an outlet. */
export interface OutletOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly warn: (code: WarningCode, message: string) => void;
  /** The election has reported that the API server does not answer. */
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
  /** No new attempt follows a failure. */
  #isClosing = false;
  /** The moment of the next attempt on the monotonic clock; `null`: there is nothing to do. */
  dueAtMs: number | null = null;

  constructor(publication: Publication, words: OutletWords, options: OutletOptions) {
    this.#publication = publication;
    this.#words = words;
    this.#options = options;
  }

  /** The permission that is missing at present; `null` when none is known to be missing. */
  get missingRule(): MissingRule | null {
    return this.#failing?.missingRule ?? null;
  }

  /** Another state is wanted than before. */
  wake(): void {
    if (this.#publication.isPending) this.dueAtMs = this.#options.clock.nowMs();
  }

  /** The elector is stopping: a pending publication has one more attempt, unless it was refused. */
  close(): void {
    this.#isClosing = true;
    this.dueAtMs = null;
    if (this.#failing?.isRefusal !== true) this.wake();
  }

  async attempt(): Promise<void> {
    const outcome = await this.#publication.attempt();
    // A state that was wanted during the attempt is pending, and is handled below.
    this.dueAtMs = null;
    if (typeof outcome === 'object') this.#noteFailure(outcome);
    else this.#noteSuccess(outcome === 'written');
  }

  /** Final: the publication sends nothing from now on. */
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
    // The wanted state may have changed during the attempt. The next attempt writes it.
    if (!this.#isClosing) this.#tryAfter(atLeastRetryAfterMs(this.#pauseMs(failing, nowMs), failure.retryAfterMs));
    else if (isOvertaken(failure)) this.#tryAfter(retryDelayMs(1, this.#options.random.next()));
  }

  /** The pause ends in time for the attempt after which the refusal is believed. */
  #pauseMs({ isRefusal, sinceMs, count }: Failing, nowMs: number): number {
    const random = this.#options.random.next();
    if (!isRefusal) return count <= SOON_TRIES ? retryDelayMs(count, random) : refusalDelayMs(count - 2, random);
    const believedInMs = sinceMs + REFUSAL_BELIEVED_MS - nowMs;
    return believedInMs > 0 ? Math.min(refusalDelayMs(count, random), believedInMs) : refusalDelayMs(count, random);
  }

  #warnOf(failure: RequestFailure, failing: Failing, lastedMs: number): void {
    if (this.#warned || lastedMs < (failing.isRefusal ? REFUSAL_BELIEVED_MS : PASSING_FAILURE_MS)) return;
    // The election itself reports both.
    if (this.#options.isOutageReported() || failure.kind === 'unauthorized') return;
    this.#warned = true;
    this.#options.warn(this.#words.code, `${failure.message}. ${this.#words.consequence}`);
  }

  #tryAfter(pauseMs: number): void {
    this.dueAtMs = this.#options.clock.nowMs() + pauseMs;
  }
}
