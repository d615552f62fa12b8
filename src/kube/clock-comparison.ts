/**
 * Compares the wall clock of this machine with the header `Date` of the API server's answers.
 *
 * The result is reported, and decides nothing. When clocks differ, tokens and certificates fail, and times in logs and
 * objects mislead.
 */

import type { Clock } from '../runtime/clock.ts';

/** A difference of more than this many milliseconds is reported. Tokens are granted less leeway than that. */
const CLOCK_SKEW_LIMIT_MS = 60_000;

/**
 * This many answers in a row must agree. A single one can have waited in a socket while this machine slept, and one of
 * several API servers can have a different clock.
 */
const AGREEING_ANSWERS = 3;

/** A date in seconds is up to this many milliseconds older than the clock that wrote it. */
const DATE_RESOLUTION_MS = 1_000;

/** Reports the difference of the clocks: once when it begins, and once when it has ended. */
export type ReportClockSkew = (skew: { readonly over: boolean; readonly message: string }) => void;

/** The observations of the two clocks. */
export class ClockComparison {
  readonly #clock: Clock;
  readonly #report: ReportClockSkew;
  #reported = false;
  /** Answers in a row that contradict the last report. */
  #contradictions = 0;

  constructor(clock: Clock, report: ReportClockSkew) {
    this.#clock = clock;
    this.#report = report;
  }

  /** @param sentAtMs the monotonic moment before which the server cannot have answered */
  note(date: string | undefined, sentAtMs: number): void {
    const dateMs = readDate(date);
    if (dateMs === null) return;
    const wallMs = this.#clock.wallMs();
    const roundTripMs = this.#clock.nowMs() - sentAtMs;
    // The server's clock minus this one, at the moment of the answer: at least, and at most.
    const leastMs = dateMs - wallMs;
    const mostMs = dateMs + DATE_RESOLUTION_MS - (wallMs - roundTripMs);
    const skewMs = leastMs > CLOCK_SKEW_LIMIT_MS ? leastMs : mostMs < -CLOCK_SKEW_LIMIT_MS ? mostMs : null;
    this.#contradictions = (skewMs !== null) === this.#reported ? 0 : this.#contradictions + 1;
    if (this.#contradictions < AGREEING_ANSWERS) return;
    this.#contradictions = 0;
    this.#reported = skewMs !== null;
    this.#report(
      skewMs === null
        ? { over: true, message: 'The clocks of this machine and of the API server agree again, to a minute.' }
        : { over: false, message: describeSkew(skewMs) },
    );
  }
}

function describeSkew(skewMs: number): string {
  const seconds = Math.floor(Math.abs(skewMs) / 1_000);
  return (
    `The clock of this machine is at least ${seconds} s ${skewMs < 0 ? 'ahead of' : 'behind'} the clock of the API server. ` +
    'The election does not depend on it, but tokens and certificates may be refused. Correct the clock of this machine ' +
    '(NTP), or that of the API server if this one is right.'
  );
}

/** The header `Date`, in milliseconds since 1970; `null` when it is missing or cannot be parsed. */
export function readDate(date: string | undefined): number | null {
  const wallMs = date === undefined || date.length > LONGEST_DATE ? Number.NaN : Date.parse(date);
  return Number.isNaN(wallMs) ? null : wallMs;
}

/** A longer header is not parsed, in characters. `Sun, 06 Nov 1994 08:49:37 GMT` has 29 (RFC 9110). */
const LONGEST_DATE = 64;
