/**
 * Notices that the API server has answered nothing for a while, and that it answers again. It warns, and decides nothing.
 *
 * One watch serves the whole life of an elector: the search for its Pod, the start of the election, and every later outage.
 */

import { isUnanswered, type RequestFailure } from '../core/request-failure.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

/** An API server that has answered no request for this long, in milliseconds, is warned of. */
export const UNREACHABLE_AFTER_MS = 10_000;

/**
 * The time without an answer is counted in pulses of this length, in milliseconds.
 *
 * A pulse that comes late counts once. So a process that stood still for a minute has counted one second, and not an
 * outage: the answers may wait in its sockets.
 */
const PULSE_MS = 1_000;

const UNREACHABLE_PULSES = UNREACHABLE_AFTER_MS / PULSE_MS;

/**
 * A failure is recent for this many pulses. A request that fails in a passing way is repeated after 2 s at most (the
 * constant `RETRY_CAP_MS`), so while an outage lasts there is always a recent failure, or a request under way.
 */
const RECENT_PULSES = 3;

/** How an outage begins and ends. */
export type OutageReport =
  | { readonly type: 'unreachable'; readonly failure: RequestFailure | null }
  | { readonly type: 'reachable' };

export class OutageWatch {
  readonly #clock: Clock;
  readonly #report: (report: OutageReport) => void;
  /** Requests under way, and streams that are not open yet. */
  #pending = 0;
  /** The last failure since the last answer. */
  #failure: RequestFailure | null = null;
  /** Pulses since the first request without an answer. */
  #pulses = 0;
  /** The pulse before which the last failure came. */
  #failedAtPulse = 0;
  #wasPending = false;
  #reported = false;
  #stopped = false;
  #timer: Timer | null = null;

  /** @param report receives the beginning of each outage once, and its end; must not throw */
  constructor(clock: Clock, report: (report: OutageReport) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** A request was sent. Exactly one of `answered`, `failed` and `withdrawn` follows. */
  asked(): void {
    this.#pending += 1;
    this.#count();
  }

  /** A request was answered, by whatever status an API server answers with. */
  answered(): void {
    this.#pending -= 1;
    this.heard();
  }

  /** A request failed. */
  failed(failure: RequestFailure): void {
    this.#pending -= 1;
    this.broke(failure);
  }

  /** A request has ended, and it is not known whether the API server answered. */
  withdrawn(): void {
    this.#pending -= 1;
    this.#rest();
  }

  /** A message came on a stream. */
  heard(): void {
    this.#failure = null;
    this.#pulses = 0;
    this.#wasPending = false;
    const wasReported = this.#reported;
    this.#reported = false;
    this.#rest();
    if (wasReported && !this.#stopped) this.#report({ type: 'reachable' });
  }

  /** A stream that was open has ended with a failure. */
  broke(failure: RequestFailure): void {
    if (!isUnanswered(failure)) return this.heard();
    this.#failure = failure;
    this.#failedAtPulse = this.#pulses;
    this.#count();
    if (this.#pulses >= UNREACHABLE_PULSES) this.#reportOutage();
  }

  /** Whether an outage was reported that is not over. */
  get isReported(): boolean {
    return this.#reported;
  }

  /** Begins again: what was counted or reported before is forgotten. */
  restart(): void {
    this.#reported = false;
    this.#failure = null;
    this.#pulses = 0;
    this.#wasPending = false;
    this.#rest();
  }

  /** Final: nothing is reported from now on. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #count(): void {
    if (this.#stopped || this.#reported) return;
    this.#timer ??= this.#clock.setTimer(PULSE_MS, () => this.#beat(), { background: true });
  }

  /** Nothing is waited for, so nothing is counted. */
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

  /** Whether requests go on without an answer: one failure long ago, and none asked since, is no outage. */
  #isAsking(): boolean {
    if (this.#failure !== null && this.#pulses - this.#failedAtPulse <= RECENT_PULSES) return true;
    if (!this.#wasPending || this.#pending === 0) return false;
    // By default a request times out after 10 s, and its failure is worth another pulse.
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
