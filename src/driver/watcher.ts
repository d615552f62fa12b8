/**
 * Runs one watch: carries out the effects of `core/watch.ts` and feeds it what comes back.
 */

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
 * A timer that fires this many milliseconds after it was due is late: the process stood still. Node.js fires timers a few
 * milliseconds late when it is healthy.
 */
const TIMER_LATE_MS = 250;

/** This failure replaces the events that were dropped. It closes the stream, and a list follows with back-off. */
const TOO_MANY_EVENTS: RequestFailure = {
  kind: 'malformed',
  message:
    'the watch is closed: its server sent more events at once than may wait. No action is needed: a list follows',
  retryAfterMs: null,
  missingRule: null,
  cause: null,
};

/** What a watch tells about its object. */
export type WatchReport<Item> = Extract<
  WatchEffect<Item>,
  { readonly type: 'present' | 'absent' | 'deleted' | 'failed' }
>;

/** What a watch shares with the rest of the elector. */
export interface WatchContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Runs the work in its turn: one input of the whole elector at a time. */
  readonly enqueue: (work: () => void) => void;
  /** The same for an event of a stream; `false` when too many events wait already, and this one is dropped. */
  readonly enqueueEvent: (work: () => void) => boolean;
}

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
  /** The stream of which an event was dropped, because too many waited; numbers of streams begin with 1. */
  #overflowedStream = 0;
  #timer: Timer | null = null;

  /** @param options.opened hears, in its turn, that the API server has granted a stream */
  constructor(
    options: WatchContext & {
      /** For the debug log. */
      readonly name: string;
      readonly port: WatchPort<Item>;
      readonly report: (report: WatchReport<Item>) => void;
      readonly opened: () => void;
      /** A stream was left for another one, or for a list; for the metrics alone. */
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

  /** Closes the stream and lists at once, because a consistent read contradicts the watch. */
  relist(): void {
    this.#take({ type: 'relistRequested' });
  }

  /** Final: nothing is reported any more. */
  stop(): void {
    this.#take({ type: 'stopped' });
  }

  #take(input: WatchInput<Item>): void {
    const { state, effects } = stepWatch(this.#state, input);
    const cause = restartCause(this.#state, input, state);
    this.#state = state;
    if (cause !== null) this.#restarted(cause);
    for (const effect of effects) this.#perform(effect);
  }

  #takeInTurn(input: WatchInput<Item>): void {
    this.#enqueue(() => this.#take(input));
  }

  #perform(effect: WatchEffect<Item>): void {
    switch (effect.type) {
      case 'list':
        // No port rejects; one that does is a defect, which ends the elector in its turn.
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
      default:
        this.#report(effect);
    }
  }

  #setTimer(afterMs: number): void {
    if (log.enabled) log('watch of %s: setTimer %d ms', this.#name, Math.ceil(afterMs));
    this.#timer?.cancel();
    const dueMs = this.#clock.nowMs() + afterMs;
    const timer = this.#clock.setTimer(afterMs, () => {
      const late = this.#clock.nowMs() - dueMs >= TIMER_LATE_MS;
      this.#enqueue(() => {
        // A timer that was set again while this one waited for its turn takes its place.
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
    // One failure stands for all the events that are dropped: the queue must not fill with failures instead.
    if (stream === this.#overflowedStream) return;
    const received = { type: 'received', stream, event, random: this.#random.next() } as const;
    if (this.#enqueueEvent(() => this.#take(received))) return;
    this.#overflowedStream = stream;
    this.#takeInTurn({ ...received, event: { type: 'error', failure: TOO_MANY_EVENTS } });
  }

  #open(stream: number, resourceVersion: string, timeoutSeconds: number): void {
    this.#stream = this.#port.open(resourceVersion, timeoutSeconds, {
      opened: () => {
        this.#takeInTurn({ type: 'opened', stream });
        this.#enqueue(this.#opened);
      },
      event: (event) => this.#takeEventInTurn(stream, event),
      ended: (failure) => this.#takeInTurn({ type: 'ended', stream, failure, random: this.#random.next() }),
    });
  }
}
