/** Runs one watch: executes the effects of `core/watch.ts` and passes the results back. */

import type { RequestFailure } from '../core/request-failure.ts';
import {
  INITIAL_WATCH_STATE,
  stepWatch,
  type WatchEffect,
  type WatchEvent,
  type Watched,
  type WatchInput,
  type WatchState,
} from '../core/watch.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import type { Random } from '../runtime/random.ts';
import type { WatchPort, WatchStream } from './ports.ts';
import { restartCause, type WatchRestartCause } from './watch-restart.ts';

const log = debugLog('lease-elector:driver');

/**
 * A timer that fires this many milliseconds after it was due is late: the process was suspended. In a healthy process,
 * Node.js fires timers a few milliseconds late.
 */
const TIMER_LATE_MS = 250;

/** This failure replaces the events that were dropped. It closes the stream, and a list follows with back-off. */
const TOO_MANY_EVENTS: RequestFailure = {
  kind: 'malformed',
  message:
    'the watch is closed: its server sent more events than can be queued. No action is needed, because a list follows',
  retryAfterMs: null,
  missingRule: null,
  cause: null,
};

const REPORT_TYPES = ['present', 'absent', 'deleted', 'failed'] as const;

/** A report of a watch about its object. */
export type WatchReport<Item> = Extract<WatchEffect<Item>, { readonly type: (typeof REPORT_TYPES)[number] }>;

/** Whether the effect is a report, and not an action. */
export function isReport<Item>(effect: WatchEffect<Item>): effect is WatchReport<Item> {
  return REPORT_TYPES.some((type) => type === effect.type);
}

/** The parts of the elector that a watch shares. */
export interface WatchContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Queues the work. The whole elector processes one input at a time. */
  readonly enqueue: (work: () => void) => void;
  /**
   * Queues the work of a stream's event. Returns `false` when too many events already wait. The event is then dropped.
   */
  readonly enqueueEvent: (work: () => void) => boolean;
}

/** The watch of one object. */
export class Watcher<Item extends Watched> {
  readonly #name: string;
  readonly #port: WatchPort<Item>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #enqueue: WatchContext['enqueue'];
  readonly #enqueueEvent: WatchContext['enqueueEvent'];
  readonly #report: (report: WatchReport<Item>) => void;
  readonly #opened: () => void;
  readonly #restarted: (cause: WatchRestartCause) => void;
  #state: WatchState = INITIAL_WATCH_STATE;
  #stream: WatchStream | null = null;
  /**
   * The number of the stream that dropped an event because too many waited; 0: no stream. The numbers of streams begin
   * with 1.
   */
  #overflowedStream = 0;
  #timer: Timer | null = null;

  /** `report` and `opened` are called while the input that caused them is processed. */
  constructor(
    options: WatchContext & {
      /** For the debug log. */
      readonly name: string;
      readonly port: WatchPort<Item>;
      readonly report: (report: WatchReport<Item>) => void;
      /** The API server has accepted a stream. */
      readonly opened: () => void;
      /** A stream was replaced by another stream or by a list. Only for the metrics. */
      readonly restarted?: (cause: WatchRestartCause) => void;
    },
  ) {
    this.#name = options.name;
    this.#port = options.port;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#enqueue = options.enqueue;
    this.#enqueueEvent = options.enqueueEvent;
    this.#report = options.report;
    this.#opened = options.opened;
    this.#restarted = options.restarted ?? (() => undefined);
  }

  start(): void {
    this.#take({ type: 'started' });
  }

  /** Closes the stream and lists immediately, because the watch has missed a change or may be dead. */
  relist(): void {
    this.#take({ type: 'relistRequested' });
  }

  /** Stops for good. Nothing is reported afterwards. */
  stop(): void {
    this.#take({ type: 'stopped' });
  }

  #take(input: WatchInput<Item>): void {
    const { state, effects } = stepWatch(this.#state, input);
    const cause = restartCause(this.#state, input, state);
    this.#state = state;
    if (cause !== null) this.#restarted(cause);
    const reports: WatchReport<Item>[] = [];
    for (const effect of effects) {
      if (isReport(effect)) reports.push(effect);
      else this.#perform(effect);
    }
    // Reports come last, because the election may answer a report with `relist()` or `stop()`.
    for (const report of reports) this.#report(report);
  }

  #takeInTurn(input: WatchInput<Item>): void {
    this.#enqueue(() => this.#take(input));
  }

  #perform(effect: Exclude<WatchEffect<Item>, WatchReport<Item>>): void {
    switch (effect.type) {
      case 'list':
        // A port must not reject. A rejection is a defect, and ends the elector.
        this.#list(effect.request).catch((error: unknown) =>
          this.#enqueue(() => {
            throw error;
          }),
        );
        return;
      case 'open':
        this.#open(effect.stream, effect.resourceVersion, effect.timeoutSeconds);
        return;
      case 'close':
        this.#stream?.close();
        this.#stream = null;
        return;
      case 'setTimer':
        this.#setTimer(effect.afterMs);
        return;
      case 'clearTimer':
        this.#timer?.cancel();
        this.#timer = null;
        return;
    }
  }

  #setTimer(afterMs: number): void {
    if (log.enabled) log('watch of %s: setTimer %d ms', this.#name, Math.ceil(afterMs));
    this.#timer?.cancel();
    const dueMs = this.#clock.nowMs() + afterMs;
    const timer = this.#clock.setTimer(afterMs, () => {
      const late = this.#clock.nowMs() - dueMs >= TIMER_LATE_MS;
      this.#enqueue(() => {
        // If the timer was set again while this callback waited, this callback is ignored.
        if (timer === this.#timer) this.#take({ type: 'timerFired', late });
      });
    });
    this.#timer = timer;
  }

  async #list(request: number): Promise<void> {
    const answer = await this.#port.list();
    if (answer.ok) this.#takeInTurn({ type: 'listed', request, ...answer.value, random: this.#random.next() });
    else this.#takeInTurn({ type: 'listFailed', request, failure: answer.failure, random: this.#random.next() });
  }

  #takeEventInTurn(stream: number, event: WatchEvent<Item>): void {
    // One failure represents all dropped events, so that the queue does not fill with failures.
    if (stream === this.#overflowedStream) return;
    const received = { type: 'received', stream, event, random: this.#random.next() } as const;
    if (this.#enqueueEvent(() => this.#take(received))) return;
    this.#overflowedStream = stream;
    this.#takeInTurn({ ...received, event: { type: 'error', failure: TOO_MANY_EVENTS } });
  }

  #open(stream: number, resourceVersion: string, timeoutSeconds: number): void {
    this.#stream = this.#port.open(resourceVersion, timeoutSeconds, {
      opened: () => {
        this.#enqueue(() => {
          this.#take({ type: 'opened', stream });
          this.#opened();
        });
      },
      event: (event) => this.#takeEventInTurn(stream, event),
      ended: (failure) => this.#takeInTurn({ type: 'ended', stream, failure, random: this.#random.next() }),
    });
  }
}
