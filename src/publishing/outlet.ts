/**
 * When a publication is tried, how long it backs off, and when its failure is worth a warning.
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

/** A failure that may pass by itself is warned of when it has lasted for so long, in milliseconds. */
export const PASSING_FAILURE_MS = 60_000;

/** How many passing failures in a row are repeated soon. Each later pause is longer, up to a minute. */
const SOON_TRIES = 4;

/** What an outlet says when it fails. */
export interface OutletWords {
  readonly code: WarningCode;
  /** What follows from the failure, behind its message. */
  readonly consequence: string;
  /** What was refused, for the end of the refusal. */
  readonly title: string;
}

/** What an outlet needs of its surroundings. */
export interface OutletOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly warn: (code: WarningCode, message: string) => void;
  /** The election has reported that the API server does not answer. */
  readonly isOutageReported: () => boolean;
}

/** Failures in a row that are of one sort. */
interface Failing {
  readonly isRefusal: boolean;
  readonly sinceMs: number;
  readonly count: number;
  /** The permission that the last of them names. */
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
  /** The monotonic moment of the next attempt; `null`: there is nothing to do. */
  dueAtMs: number | null = null;

  constructor(publication: Publication, words: OutletWords, options: OutletOptions) {
    this.#publication = publication;
    this.#words = words;
    this.#options = options;
  }

  /** The permission without which nothing is written at present; `null` when none is known to be missing. */
  get missingRule(): MissingRule | null {
    return this.#failing?.missingRule ?? null;
  }

  /** Something else is wanted than before. */
  wake(): void {
    if (this.#publication.isPending) this.dueAtMs = this.#options.clock.nowMs();
  }

  /** The end is near: what is pending has one attempt, unless it is refused. */
  close(): void {
    this.#isClosing = true;
    this.dueAtMs = null;
    if (this.#failing?.isRefusal !== true) this.wake();
  }

  async attempt(): Promise<void> {
    const outcome = await this.#publication.attempt();
    // A wish that came during the attempt is pending, and is seen below.
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
    // What is wanted may have changed during the attempt. Its turn comes with the next one.
    if (!this.#isClosing) this.#tryAfter(atLeastRetryAfterMs(this.#pauseMs(failing, nowMs), failure.retryAfterMs));
    else if (isOvertaken(failure)) this.#tryAfter(retryDelayMs(1, this.#options.random.next()));
  }

  /** The try that makes a refusal believed comes in time. */
  #pauseMs({ isRefusal, sinceMs, count }: Failing, nowMs: number): number {
    const random = this.#options.random.next();
    if (!isRefusal) return count <= SOON_TRIES ? retryDelayMs(count, random) : refusalDelayMs(count - 2, random);
    const believedInMs = sinceMs + REFUSAL_BELIEVED_MS - nowMs;
    return believedInMs > 0 ? Math.min(refusalDelayMs(count, random), believedInMs) : refusalDelayMs(count, random);
  }

  #warnOf(failure: RequestFailure, failing: Failing, lastedMs: number): void {
    if (this.#warned || lastedMs < (failing.isRefusal ? REFUSAL_BELIEVED_MS : PASSING_FAILURE_MS)) return;
    // The election warns of both.
    if (this.#options.isOutageReported() || failure.kind === 'unauthorized') return;
    this.#warned = true;
    this.#options.warn(this.#words.code, `${failure.message}. ${this.#words.consequence}`);
  }

  #tryAfter(pauseMs: number): void {
    this.dueAtMs = this.#options.clock.nowMs() + pauseMs;
  }
}
