/**
 * Compares the wall clock of this machine with the header `Date` of the API server's answers.
 *
 * The result is only reported. No rule depends on it. When clocks differ, tokens and certificates may be refused, and
 * times in logs and objects are misleading.
 */

import type { Clock } from '../runtime/clock.ts';

/** A difference of more than this many milliseconds is reported. The tolerance for tokens is smaller. */
const CLOCK_SKEW_LIMIT_MS = 60_000;

/**
 * This many answers in a row must agree. A single answer may have waited in a socket while this machine was suspended,
 * or may come from one of several API servers, whose clock differs.
 */
const AGREEING_ANSWERS = 3;

/** A date has whole seconds, so it is up to this many milliseconds older than the clock that wrote it. */
const DATE_RESOLUTION_MS = 1_000;

/** Receives a report once when a difference of the clocks begins, and once when it has ended. */
export type ReportClockSkew = (skew: { readonly over: boolean; readonly message: string }) => void;

/** The observations of the two clocks. */
export class ClockComparison {
  readonly #clock: Clock;
  readonly #report: ReportClockSkew;
  #reported = false;
  /** The number of answers in a row that contradict the last report. */
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
    // The server's clock minus this machine's clock, at the moment of the answer: the least and the greatest possible
    // value.
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

/** A header of more characters is not parsed. `Sun, 06 Nov 1994 08:49:37 GMT` has 29 (RFC 9110). */
const LONGEST_DATE = 64;
