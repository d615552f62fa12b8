/**
 * The loop between the core and the environment: it processes one input at a time, stores the next state, then executes
 * the effects in their order.
 */

import { type Diagnostics, dateSightings, NO_DIAGNOSTICS, recordFact } from '../core/diagnostics.ts';
import type { Announcement, Effect } from '../core/effect.ts';
import { InvariantError, step } from '../core/election.ts';
import type { Fact, TimerName } from '../core/input.ts';
import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../core/lease-record.ts';
import { type ElectionConfig, type ElectionState, initialElectionState } from '../core/state.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import type { Random } from '../runtime/random.ts';
import { leaseDeletionFact, leaseFact, leaseReadFact, leaseWriteFact, podFact, podReadFact } from './facts.ts';
import type { Ports } from './ports.ts';
import { stepLine } from './step-line.ts';
import type { WatchRestartCause } from './watch-restart.ts';
import { type WatchContext, Watcher } from './watcher.ts';

const log = debugLog('lease-elector:driver');

/**
 * The largest number of watch events in the queue, over all watches. The server decides how many it sends, so reaching
 * this limit is not a defect: the watch drops further events and lists again.
 */
export const WATCH_EVENT_QUEUE_LIMIT = 1_000;

/**
 * The largest number of inputs in the queue, including the events. An input waits only while another input is
 * processed, so exceeding this limit is a defect.
 *
 * No server can cause it. The watch events are bounded, and every other answer belongs to a request of this process.
 */
export const INPUT_QUEUE_LIMIT = 10_000;

/** The application's side of the driver. */
export interface Application {
  /** Passes an announcement to the application; must not throw. */
  announce(announcement: Announcement): void;
  /**
   * Waits for the work of the term that just ended. Resolves with `true` when it is done, with `false` when its time is
   * over.
   */
  settleWork(): Promise<boolean>;
  /** Called when the role has changed and the effects of the change were executed. */
  roleChanged?(): void;
  /** Called when a watch has replaced its stream by another stream or by a list; must not throw. */
  watchRestarted?(resource: 'leases' | 'pods', cause: WatchRestartCause): void;
  /** Called when an invariant is broken. The driver has shut everything down. */
  defect(error: unknown): void;
}

/** Runs one election. */
export class Driver {
  readonly #ports: Ports;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #application: Application;
  readonly #timers = new Map<TimerName, Timer>();
  readonly #queue: (() => void)[] = [];
  #state: ElectionState;
  #diagnostics: Diagnostics = NO_DIAGNOSTICS;
  #verifiedWallMs = 0;
  #busy = false;
  #closed = false;
  #broken = false;
  /** The number of waits for work so far. */
  #settlings = 0;
  /** The number of watch events in the queue. */
  #waitingEvents = 0;
  /** Resolves when the next renewal was handed to its socket. */
  #renewalAwaited: PromiseWithResolvers<void> | null = null;
  #lockKept = false;
  #leaseWatcher: Watcher<LeaseRecord> | null = null;
  #podWatcher: Watcher<PodRecord> | null = null;

  constructor(options: {
    readonly config: ElectionConfig;
    readonly ports: Ports;
    readonly clock: Clock;
    readonly random: Random;
    readonly application: Application;
  }) {
    this.#ports = options.ports;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#application = options.application;
    this.#state = initialElectionState(options.config);
  }

  /** The state of the election at the moment. */
  get state(): ElectionState {
    return this.#state;
  }

  /** The diagnostics for `explain()`. */
  get diagnostics(): Diagnostics {
    return this.#diagnostics;
  }

  /**
   * The moment at which the API server last confirmed the knowledge about the Lease, as read from the wall clock at
   * that moment; 0 before.
   */
  get verifiedWallMs(): number {
    return this.#verifiedWallMs;
  }

  /** Resolves when the next renewal was handed to its socket, or answered. */
  nextRenewalWritten(): Promise<void> {
    this.#renewalAwaited ??= Promise.withResolvers<void>();
    return this.#renewalAwaited.promise;
  }

  /** Frees the sibling lock, if it was kept when everything else was shut down. */
  freeSiblingLock(): void {
    if (this.#lockKept) this.#ports.siblingLock.free();
    this.#lockKept = false;
  }

  /** Processes a fact: immediately, or after the input that is being processed. */
  take(fact: Fact): void {
    this.#enqueue(() => this.#step(fact));
  }

  /** Processes the fact that this Pod is gone, which a request outside of the election has shown. */
  takeOwnPodGone(): void {
    const { self } = this.#state.config;
    this.take({ type: 'podDeleted', watched: self, pod: { ...self, resourceVersion: '0', terminating: true } });
  }

  #enqueue(work: () => void): void {
    if (this.#closed) return;
    this.#queue.push(work);
    if (this.#busy) {
      if (this.#queue.length > INPUT_QUEUE_LIMIT)
        this.#giveUp(new InvariantError(`more than ${INPUT_QUEUE_LIMIT} inputs wait`));
      return;
    }
    this.#busy = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    } catch (error) {
      this.#giveUp(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Queues the work of a watch event. Returns `false` when too many events wait; this event is then dropped. */
  #enqueueEvent(work: () => void): boolean {
    if (this.#waitingEvents >= WATCH_EVENT_QUEUE_LIMIT) return false;
    this.#waitingEvents += 1;
    this.#enqueue(() => {
      this.#waitingEvents -= 1;
      work();
    });
    return true;
  }

  #step(fact: Fact): void {
    if (this.#closed) return;
    const moment = { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs(), random: this.#random.next() };
    const { state, effects } = step(this.#state, { ...fact, ...moment });
    if (log.enabled) log('%s', stepLine(fact, state, effects));
    // Recorded now, because computing it later from the monotonic clock would lose the time for which the machine was
    // suspended.
    if (state.knowledge.verifiedAtMs !== this.#state.knowledge.verifiedAtMs) this.#verifiedWallMs = moment.wallMs;
    const isRoleNew = state.role.name !== this.#state.role.name;
    this.#state = state;
    const { knownHolder } = state.knowledge;
    this.#diagnostics = dateSightings(
      recordFact(this.#diagnostics, fact, knownHolder?.pod ?? null),
      knownHolder,
      moment.nowMs,
    );
    for (const effect of effects) {
      // An earlier effect may have shut the driver down.
      if (this.#broken) return;
      this.#perform(effect);
    }
    if (isRoleNew) this.#application.roleChanged?.();
  }

  /** Shuts everything down, because a process with an inconsistent state must not continue to lead. */
  #giveUp(error: unknown): void {
    if (this.#closed) return;
    this.#broken = true;
    this.#shutDown(false);
    this.#application.defect(error);
  }

  /** Handles a rejected promise of a port. The rejection is a defect, but does not end the process. */
  readonly #reportDefect = (error: unknown): void =>
    this.#enqueue(() => {
      throw error;
    });

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'announce':
        return this.#application.announce(effect.announcement);
      case 'setTimer':
        return this.#setTimer(effect.timer, effect.afterMs);
      case 'clearTimer':
        return this.#clearTimer(effect.timer);
      case 'watchLease':
        return this.#watchLease();
      case 'watchPod':
        return this.#watchPod(effect.pod);
      case 'relist':
        return effect.watch === 'lease' ? this.#leaseWatcher?.relist() : this.#podWatcher?.relist();
      case 'readLease':
        return this.#ask(this.#ports.lease.read(), (answer) => leaseReadFact(effect.request, answer));
      case 'createLease':
        return this.#ask(this.#ports.lease.create(effect.content), (answer) => leaseWriteFact(effect.request, answer));
      case 'replaceLease':
        return this.#replace(effect.request, effect.lease, effect.content);
      case 'deleteLease':
        return this.#ask(this.#ports.lease.delete(effect.lease), (answer) => leaseDeletionFact(effect.request, answer));
      case 'readPod':
        return this.#ask(this.#ports.pod.read(effect.name), (answer) =>
          podReadFact(effect.request, effect.name, answer),
        );
      case 'claimSiblingLock':
        return this.#ports.siblingLock.claim((outcome, { refusedBy } = {}) =>
          this.take({ type: 'siblingLockAnswered', outcome, ...(refusedBy === undefined ? {} : { refusedBy }) }),
        );
      case 'findSiblingLockHolder':
        return this.#findSiblingLockHolder();
      case 'settleWork':
        return this.#settleWork();
      case 'shutDown':
        return this.#shutDown(effect.freeSiblingLock);
    }
  }

  #replace(request: number, lease: LeaseRecord, content: LeaseContent): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer = this.#ports.lease.replace(lease, content, resolve);
    // A port without a socket does not call `resolve`. In that case the answer resolves the promise.
    void answer.then(
      () => resolve(),
      () => resolve(),
    );
    this.#renewalAwaited?.resolve(promise);
    this.#renewalAwaited = null;
    this.#ask(answer, (written) => leaseWriteFact(request, written));
  }

  #ask<Settled>(answer: Promise<Settled>, factOf: (answer: Settled) => Fact): void {
    answer.then((settled) => this.take(factOf(settled))).catch(this.#reportDefect);
  }

  #findSiblingLockHolder(): void {
    const found = this.#ports.siblingLock.findHolder?.() ?? Promise.resolve(null);
    this.#ask(found, (holder) => ({ type: 'siblingLockHolderFound', holder }));
  }

  #settleWork(): void {
    this.#settlings += 1;
    const settling = this.#settlings;
    this.#application
      .settleWork()
      // An answer for an earlier term does not apply to the work of the next term.
      .then((drained) => (settling === this.#settlings ? this.take({ type: 'workSettled', drained }) : undefined))
      .catch(this.#reportDefect);
  }

  #setTimer(timer: TimerName, afterMs: number): void {
    this.#clearTimer(timer);
    const handle = this.#clock.setTimer(afterMs, () =>
      this.#enqueue(() => {
        // A timer that was set again or cleared while this callback waited is ignored.
        if (this.#timers.get(timer) !== handle) return;
        this.#timers.delete(timer);
        this.#step({ type: 'timerFired', timer });
      }),
    );
    this.#timers.set(timer, handle);
  }

  #clearTimer(timer: TimerName): void {
    this.#timers.get(timer)?.cancel();
    this.#timers.delete(timer);
  }

  #watchLease(): void {
    this.#leaseWatcher = new Watcher<LeaseRecord>({
      name: 'Lease',
      port: this.#ports.leaseWatch,
      ...this.#watchContext,
      opened: () => this.#step({ type: 'watchOpened', resource: 'leases' }),
      restarted: (cause) => this.#application.watchRestarted?.('leases', cause),
      report: (report) => this.#step(leaseFact(report)),
    });
    this.#leaseWatcher.start();
  }

  #watchPod(watched: PodReference | null): void {
    this.#podWatcher?.stop();
    this.#podWatcher = null;
    if (watched === null) return;
    this.#podWatcher = new Watcher<PodRecord>({
      name: `Pod ${watched.name}`,
      port: this.#ports.podWatch(watched.name),
      ...this.#watchContext,
      opened: () => this.#step({ type: 'watchOpened', resource: 'pods' }),
      restarted: (cause) => this.#application.watchRestarted?.('pods', cause),
      report: (report) => this.#step(podFact(watched, report)),
    });
    this.#podWatcher.start();
  }

  get #watchContext(): WatchContext {
    return {
      clock: this.#clock,
      random: this.#random,
      enqueue: (work) => this.#enqueue(work),
      enqueueEvent: (work) => this.#enqueueEvent(work),
    };
  }

  #shutDown(freeSiblingLock: boolean): void {
    this.#closed = true;
    this.#queue.length = 0;
    this.#leaseWatcher?.stop();
    this.#podWatcher?.stop();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    if (freeSiblingLock) this.#ports.siblingLock.free();
    this.#lockKept = !freeSiblingLock;
    this.#ports.close();
  }
}
