/**
 * Follows Leases by a list, then a watch, then a list again.
 *
 * After every watch it lists again, instead of resuming the watch. This is sufficient, because the result is for
 * people, and no election depends on it.
 */

import type { RequestFailure } from '../core/request-failure.ts';
import type { WatchPort, WatchStream } from '../driver/ports.ts';
import type { NamedLease } from '../kube/lease-list.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

/**
 * The requested duration of a watch, in seconds. The next list shows changes that a broken connection did not deliver.
 */
export const WATCH_SECONDS = 60;

/** A watch that is still open this many milliseconds after its requested duration counts as dead. */
export const WATCH_SLACK_MS = 10_000;

/** The pause between the end of a watch, or a failure, and the next list, in milliseconds. */
export const LIST_PAUSE_MS = 2_000;

/** Receives the changes of the Leases, in order. */
export interface LeaseFeedSink {
  /** Receives all Leases that exist. */
  listed(items: readonly NamedLease[]): void;
  /** Receives a written Lease, and whether it was created just now. */
  written(item: NamedLease, isNew: boolean): void;
  deleted(item: NamedLease): void;
  /** Called when further changes are unknown until the next list. */
  lost(failure: RequestFailure): void;
}

/** Follows Leases until it is stopped. */
export class LeaseFeed {
  readonly #port: WatchPort<NamedLease>;
  readonly #clock: Clock;
  readonly #sink: LeaseFeedSink;
  #stream: WatchStream | null = null;
  #timer: Timer | null = null;
  #over = false;

  constructor(port: WatchPort<NamedLease>, clock: Clock, sink: LeaseFeedSink) {
    this.#port = port;
    this.#clock = clock;
    this.#sink = sink;
  }

  /** Lists the Leases, and continues by itself. If the first list fails, the feed stops and returns the failure. */
  async start(): Promise<RequestFailure | null> {
    const failure = await this.#list();
    if (failure !== null) this.stop();
    return failure;
  }

  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#stream?.close();
  }

  async #list(): Promise<RequestFailure | null> {
    const answer = await this.#port.list();
    if (this.#over) return null;
    if (!answer.ok) return answer.failure;
    this.#sink.listed(answer.value.items);
    this.#watch(answer.value.resourceVersion);
    return null;
  }

  #watch(resourceVersion: string): void {
    this.#setTimer(WATCH_SECONDS * 1000 + WATCH_SLACK_MS, () => {
      this.#stream?.close();
      this.#listLater();
    });
    this.#stream = this.#port.open(resourceVersion, WATCH_SECONDS, {
      opened: () => {},
      event: (event) => {
        if (event.type === 'added' || event.type === 'modified') this.#sink.written(event.item, event.type === 'added');
        if (event.type === 'deleted') this.#sink.deleted(event.item);
        if (event.type === 'error') {
          this.#stream?.close();
          this.#listLater();
        }
      },
      ended: (failure) => {
        if (failure !== null) this.#sink.lost(failure);
        this.#listLater();
      },
    });
  }

  #listLater(): void {
    this.#setTimer(LIST_PAUSE_MS, async () => {
      const failure = await this.#list();
      if (failure === null || this.#over) return;
      this.#sink.lost(failure);
      this.#listLater();
    });
  }

  #setTimer(afterMs: number, callback: () => unknown): void {
    this.#timer?.cancel();
    if (!this.#over) this.#timer = this.#clock.setTimer(afterMs, callback);
  }
}
