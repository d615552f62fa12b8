/**
 * Detects that the API server has answered nothing for a while, and that it answers again. It reports both and decides
 * nothing.
 *
 * One watch is used from the start of an elector to its end: for the search for its Pod, the start of the election, and
 * every later outage.
 */

import { isUnanswered, type RequestFailure } from '../core/request-failure.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

/** After this many milliseconds without an answer, the API server is reported as unreachable. */
export const UNREACHABLE_AFTER_MS = 10_000;

/**
 * The time without an answer is counted in pulses of this length, in milliseconds.
 *
 * A late pulse counts once. A process that was suspended for a minute has therefore counted one second, and reports no
 * outage: the answers may wait in its sockets.
 */
const PULSE_MS = 1_000;

const UNREACHABLE_PULSES = UNREACHABLE_AFTER_MS / PULSE_MS;

/**
 * The number of pulses for which a failure counts as recent. After a temporary failure, a request is repeated within 2
 * s (`RETRY_CAP_MS`). During an outage there is therefore always a recent failure, or a request in flight.
 */
const RECENT_PULSES = 3;

/** The beginning or the end of an outage. */
export type OutageReport =
  | { readonly type: 'unreachable'; readonly failure: RequestFailure | null }
  | { readonly type: 'reachable' };

/** Counts the time without an answer of the API server. */
export class OutageWatch {
  readonly #clock: Clock;
  readonly #report: (report: OutageReport) => void;
  /** The number of requests in flight, and of streams that are not open yet. */
  #pending = 0;
  /** The last failure since the last answer. */
  #failure: RequestFailure | null = null;
  /** The number of pulses since the first request without an answer. */
  #pulses = 0;
  /** The number of pulses before the last failure. */
  #failedAtPulse = 0;
  /** Whether a request was pending at the last pulse. */
  #wasPending = false;
  #reported = false;
  #stopped = false;
  #timer: Timer | null = null;

  /** @param report receives the beginning of each outage once, and its end; must not throw */
  constructor(clock: Clock, report: (report: OutageReport) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Records that a request was sent. Exactly one of `answered`, `failed` and `withdrawn` follows. */
  requestSent(): void {
    this.#pending += 1;
    this.#count();
  }

  /** Records that a request was answered, with any status that an API server uses. */
  answered(): void {
    this.#pending -= 1;
    this.received();
  }

  /** Records that a request failed. */
  failed(failure: RequestFailure): void {
    this.#pending -= 1;
    this.streamFailed(failure);
  }

  /** Records that a request has ended, without knowledge whether the API server answered. */
  withdrawn(): void {
    this.#pending -= 1;
    this.#rest();
  }

  /** Records that a message was received on a stream. */
  received(): void {
    this.#failure = null;
    this.#pulses = 0;
    const wasReported = this.#reported;
    this.#reported = false;
    this.#rest();
    if (wasReported && !this.#stopped) this.#report({ type: 'reachable' });
  }

  /** Records that an open stream has ended with a failure. */
  streamFailed(failure: RequestFailure): void {
    if (!isUnanswered(failure)) return this.received();
    this.#failure = failure;
    this.#failedAtPulse = this.#pulses;
    this.#count();
    if (this.#pulses >= UNREACHABLE_PULSES) this.#reportOutage();
  }

  /** Whether an outage was reported and is not over. */
  get isReported(): boolean {
    return this.#reported;
  }

  /** Discards earlier counts and reports. */
  restart(): void {
    this.#reported = false;
    this.#failure = null;
    this.#pulses = 0;
    this.#rest();
  }

  /** Stops for good. Nothing is reported afterwards. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #count(): void {
    if (this.#stopped || this.#reported) return;
    this.#timer ??= this.#clock.setTimer(PULSE_MS, () => this.#beat(), { background: true });
  }

  /** Stops the count when no request is pending and none has failed. */
  #rest(): void {
    if (this.#pending > 0) return this.#count();
    if (this.#failure !== null) return;
    this.#pulses = 0;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #beat(): void {
    this.#timer = null;
    this.#pulses += 1;
    if (this.#pulses >= UNREACHABLE_PULSES && this.#isAsking()) this.#reportOutage();
    this.#wasPending = this.#pending > 0;
    this.#count();
  }

  /** Whether requests still get no answer. A single failure long ago, without a request since, is not an outage. */
  #isAsking(): boolean {
    if (this.#failure !== null && this.#pulses - this.#failedAtPulse <= RECENT_PULSES) return true;
    if (!this.#wasPending || this.#pending === 0) return false;
    // By default a request times out after 10 s, so one more pulse is granted to receive its failure.
    return this.#failure !== null || this.#pulses > UNREACHABLE_PULSES;
  }

  #reportOutage(): void {
    if (this.#stopped || this.#reported) return;
    this.#reported = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#report({ type: 'unreachable', failure: this.#failure });
  }
}
