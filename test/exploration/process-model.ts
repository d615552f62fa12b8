/**
 * One elector as read-only data: the state of the core, its two watches, its timers, and its pending requests.
 *
 * `ProcessStep` gives it one fact and performs the effects as `src/driver/driver.ts` and `src/driver/watcher.ts` do. It
 * stores the state first, then performs the effects in their order. A report of a watch is processed after all effects
 * of the watch.
 */

import type { Announcement, Effect } from '../../src/core/effect.ts';
import type { step } from '../../src/core/election.ts';
import type { Fact, TimerName } from '../../src/core/input.ts';
import type { LeaseContent, PodReference } from '../../src/core/lease-record.ts';
import { type Refusal, UNAUTHORIZED_LIMIT_MS } from '../../src/core/refusal.ts';
import { type ElectionConfig, type ElectionState, initialElectionState } from '../../src/core/state.ts';
import {
  INITIAL_WATCH_STATE,
  type stepWatch,
  type WatchEffect,
  type WatchEvent,
  type WatchInput,
  type WatchState,
} from '../../src/core/watch.ts';
import { type Answered, type ClusterEvent, failureOf, type Request } from './cluster-model.ts';
import { factOfAnswer, factOfReport, type Item } from './facts.ts';

/** The rules under exploration: the production core, or a mutant of it. */
export interface Core {
  readonly step: typeof step;
  readonly stepWatch: typeof stepWatch;
  /** Whether its writes have preconditions. */
  readonly preconditions: boolean;
  /** The reference to its own Pod in its configuration. */
  readonly identify: (pod: PodReference) => PodReference;
  /** The written content, with the reference to its own Pod. */
  readonly sign: (content: LeaseContent, pod: PodReference) => LeaseContent;
}

/** The names of all timers. The compiler rejects an incomplete list. */
export const TIMERS: readonly TimerName[] = Object.keys({
  campaign: true,
  retry: true,
  renew: true,
  backstop: true,
  recheck: true,
  stale: true,
  leaving: true,
  permission: true,
  startGrace: true,
} satisfies Record<TimerName, true>) as TimerName[];

type Subject = 'lease' | 'pod';

/** A request under way. `answer` is `null` until the server has executed the request. */
export interface InFlight {
  /** The number of the request in the core, or in the watch that lists. */
  readonly request: number;
  readonly operation: Request;
  readonly list: Subject | null;
  readonly answer: Answered | null;
  /** The holder of the Lease that the sender of a create had observed when it sent the create. */
  readonly observedHolder: string | null;
}

/** A watch, and the events that the server has not delivered yet. */
export interface Watch {
  readonly state: WatchState;
  /** The watched Pod. `null` for the watch of the Lease. */
  readonly watched: PodReference | null;
  /** Whether its timer runs. */
  readonly timer: boolean;
  /**
   * All events since the server executed its last list. `null` before the first list. The server keeps all events, so
   * none is missed.
   */
  readonly queue: readonly ClusterEvent[] | null;
}

/** The source of a message to a process. */
export type Source = Subject | 'answer';

/** The newest Lease that a process has received. */
export interface ObservedLease {
  readonly revision: number;
  readonly owner: string | null;
}

export interface Process {
  /** The number of the candidate. A re-created Pod of the same name has the same number. */
  readonly slot: number;
  readonly pod: PodReference;
  readonly state: ElectionState;
  readonly nowMs: number;
  /** When each of `TIMERS` is due. `null` for a timer that does not run. */
  readonly timers: readonly (number | null)[];
  readonly requests: readonly InFlight[];
  readonly leaseWatch: Watch | null;
  readonly podWatch: Watch | null;
  /**
   * The sources of the pending messages, in the order in which the server sent them. `null` when messages may arrive in
   * any order.
   */
  readonly inbox: readonly Source[] | null;
  /** From `elected` to `demoted`. */
  readonly leading: boolean;
  /** From `elected` until the work of that term has ended. */
  readonly working: boolean;
  /** Whether the elector waits for the work. */
  readonly settling: boolean;
  /** The application has received SIGTERM and has called `stop()`. */
  readonly stopping: boolean;
  /** It promised to release the Lease, even if its work takes longer than its time limit. */
  readonly releasing: boolean;
  /** `stopped` was announced. The process may continue to run. */
  readonly stopped: boolean;
  readonly observed: ObservedLease;
  /**
   * The holder that this Pod must not take over from, because this Pod was gone or terminating before the end of that
   * holder.
   */
  readonly mustNotFollow: string | null;
}

/** A refusal of the token that is old enough to end a term. */
export function longRefused(nowMs: number): Pick<Refusal, 'sinceMs' | 'lastMs' | 'interrupted'> {
  const firstMs = nowMs - UNAUTHORIZED_LIMIT_MS;
  return { sinceMs: firstMs, lastMs: firstMs, interrupted: false };
}

/** The wall-clock time in Leases. It is never compared. */
const WALL_MS = 1_700_000_000_000;

/** The monotonic time at which a process starts, in milliseconds. */
export const START_MS = 1_000_000;

const CONFIG: Omit<ElectionConfig, 'self'> = {
  namespace: 'shop',
  leaseName: 'app',
  renewIntervalMs: 10_000,
  leaseDurationSeconds: 30,
  succession: 'pod-deleted',
  startGraceMs: 30_000,
};

/**
 * A container that has just started. @param inOrder whether it receives everything in the order in which it was sent
 */
export function startProcess(core: Core, slot: number, pod: PodReference, inOrder: boolean): Process {
  const processStep = new ProcessStep(core, {
    slot,
    pod,
    state: initialElectionState({ ...CONFIG, self: core.identify(pod) }),
    nowMs: START_MS,
    timers: TIMERS.map(() => null),
    requests: [],
    leaseWatch: null,
    podWatch: null,
    inbox: inOrder ? [] : null,
    leading: false,
    working: false,
    settling: false,
    stopping: false,
    releasing: false,
    stopped: false,
    observed: { revision: 0, owner: null },
    mustNotFollow: null,
  });
  processStep.take({ type: 'started' });
  processStep.take({ type: 'siblingLockAnswered', outcome: 'held' });
  return processStep.end();
}

type Mutable<Data> = { -readonly [Key in keyof Data]: Data[Key] };

/** Thrown when the elector breaks an invariant. */
export class Violation extends Error {
  override readonly name: string = 'Violation';
}

/** One step of a process, during its execution. */
export class ProcessStep {
  readonly announcements: Announcement[] = [];
  /** The request that the elector abandoned when it shut down. */
  abandoned: InFlight | undefined;
  readonly #core: Core;
  readonly #process: Mutable<Process>;
  readonly #reports: Fact[] = [];

  constructor(core: Core, process: Process) {
    this.#core = core;
    this.#process = { ...process };
  }

  end(): Process {
    return inOrder(this.#process);
  }

  take(fact: Fact): void {
    if (this.#process.stopped) return;
    this.#note(fact);
    if ('failure' in fact && fact.failure.kind === 'unauthorized') this.#ageRefusal();
    const { nowMs } = this.#process;
    // The random number only affects delays, and timers fire at any moment here, so 0 is enough.
    const { state, effects } = this.#core.step(this.#process.state, { ...fact, nowMs, wallMs: WALL_MS, random: 0 });
    this.#process.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  /** Makes the first refusal of the token old enough to end a term. */
  #ageRefusal(): void {
    const { state, nowMs } = this.#process;
    const { failures } = state.knowledge;
    const { token } = failures.refusals;
    if (token === undefined) return;
    const refusals = { ...failures.refusals, token: { ...token, ...longRefused(nowMs) } };
    this.#process.state = { ...state, knowledge: { ...state.knowledge, failures: { ...failures, refusals } } };
  }

  /** Fires a timer. The time of the process is then at least the time for which the timer was set. */
  fire(timer: TimerName): void {
    const index = TIMERS.indexOf(timer);
    const dueMs = this.#process.timers[index];
    if (dueMs == null) return;
    this.#process.nowMs = Math.max(this.#process.nowMs, dueMs);
    this.#process.timers = this.#process.timers.with(index, null);
    this.take({ type: 'timerFired', timer });
  }

  /** From now on, messages arrive in any order and with any lag. */
  lag(): void {
    this.#process.inbox = null;
  }

  /** Delivers the answer to a request. */
  answer(inFlight: InFlight, answer: Answered): void {
    this.#process.requests = this.#process.requests.filter((one) => one !== inFlight);
    if (inFlight.list !== null) return this.#takeList(inFlight.list, inFlight.request, answer);
    this.take(factOfAnswer(inFlight.request, inFlight.operation, answer));
  }

  /** Delivers the next pending event of a watch. */
  deliver(of: Subject): void {
    const watch = this.#watch(of);
    const event = watch?.queue?.[0];
    if (watch?.state.phase !== 'streaming' || watch.queue == null || event === undefined) return;
    this.#setWatch(of, { ...watch, queue: watch.queue.slice(1) });
    this.watch(of, { type: 'received', stream: watch.state.stream, event: event as WatchEvent<Item>, random: 0 });
  }

  /** Gives an input to a watch. Its reports are processed afterwards. */
  watch(of: Subject, input: WatchInput<Item>): void {
    this.#stepWatch(of, input);
    for (let fact = this.#reports.shift(); fact !== undefined; fact = this.#reports.shift()) this.take(fact);
  }

  /** Breaks the connection of a watch. */
  cut(of: Subject): void {
    const { state } = this.#watch(of) ?? { state: INITIAL_WATCH_STATE };
    if (state.phase !== 'streaming') return;
    this.watch(of, { type: 'ended', stream: state.stream, failure: failureOf('unavailable'), random: 0 });
  }

  /** Runs the application's SIGTERM handler. */
  stop(): void {
    this.#process.stopping = true;
    this.take({ type: 'stopRequested', release: 'ifTerminating' });
  }

  stepDown(): void {
    this.#process.releasing = true;
    this.take({ type: 'stepDownRequested' });
  }

  /** The work of the ended term has ended, or continues after its time limit. */
  settle(drained: boolean): void {
    this.#process.settling = false;
    // The elector waited for the work of the ended term, not for that of the present term.
    if (drained) this.#process.working = this.#process.leading;
    this.take({ type: 'workSettled', drained });
  }

  #takeList(of: Subject, request: number, answer: Answered): void {
    if (!answer.ok) return this.watch(of, { type: 'listFailed', request, failure: answer.failure, random: 0 });
    const list = answer.value;
    if (list !== null && 'items' in list) this.watch(of, { type: 'listed', request, ...list, random: 0 });
  }

  #stepWatch(of: Subject, input: WatchInput<Item>): void {
    const watch = this.#watch(of);
    if (watch === null) return;
    const { state, effects } = this.#core.stepWatch(watch.state, input);
    this.#setWatch(of, { ...watch, state });
    for (const effect of effects) this.#performWatch(of, effect);
  }

  #performWatch(of: Subject, effect: WatchEffect<Item>): void {
    const watch = this.#watch(of);
    if (watch === null) return;
    switch (effect.type) {
      case 'list': {
        const operation: Request =
          watch.watched === null ? { verb: 'listLease' } : { verb: 'listPod', name: watch.watched.name };
        return this.#send(operation, effect.request, of);
      }
      case 'open':
        // The head of the response arrives before the first event, and only affects a timer.
        return this.#stepWatch(of, { type: 'opened', stream: effect.stream });
      case 'close':
        return;
      case 'setTimer':
        return this.#setWatch(of, { ...watch, timer: true });
      case 'clearTimer':
        return this.#setWatch(of, { ...watch, timer: false });
      default:
        this.#reports.push(factOfReport(watch.watched, effect));
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'announce':
        return this.#announce(effect.announcement);
      case 'setTimer':
        return this.#setTimer(effect.timer, this.#process.nowMs + effect.afterMs);
      case 'clearTimer':
        return this.#setTimer(effect.timer, null);
      case 'watchLease':
        return this.#startWatch('lease', null);
      case 'watchPod':
        return this.#startWatch('pod', effect.pod);
      case 'relist':
        return this.#stepWatch(effect.watch, { type: 'relistRequested' });
      case 'readLease':
        return this.#send({ verb: 'readLease' }, effect.request, null);
      case 'createLease':
        this.#checkCampaign();
        return this.#send({ verb: 'createLease', content: this.#sign(effect.content) }, effect.request, null);
      case 'replaceLease': {
        const { lease, content } = effect;
        return this.#send({ verb: 'replaceLease', lease, content: this.#sign(content) }, effect.request, null);
      }
      case 'deleteLease':
        return this.#send({ verb: 'deleteLease', lease: effect.lease }, effect.request, null);
      case 'readPod':
        return this.#send({ verb: 'readPod', name: effect.name }, effect.request, null);
      case 'settleWork':
        this.#process.settling = true;
        return;
      case 'claimSiblingLock':
      case 'findSiblingLockHolder':
        return;
      case 'shutDown':
        this.#process.stopped = true;
        this.abandoned = this.#process.requests[0];
        this.#process.requests = [];
        this.#process.timers = TIMERS.map(() => null);
        this.#process.leaseWatch = null;
        this.#process.podWatch = null;
    }
  }

  #sign(content: LeaseContent): LeaseContent {
    return this.#core.sign(content, this.#process.pod);
  }

  #send(operation: Request, request: number, list: Subject | null): void {
    const observedHolder = operation.verb === 'createLease' ? this.#process.observed.owner : null;
    this.#process.requests = [...this.#process.requests, { request, operation, list, answer: null, observedHolder }];
  }

  #setTimer(timer: TimerName, dueMs: number | null): void {
    this.#process.timers = this.#process.timers.with(TIMERS.indexOf(timer), dueMs);
  }

  #startWatch(of: Subject, watched: PodReference | null): void {
    // The answer to a list of the previous watch is no longer needed.
    this.#process.requests = this.#process.requests.filter((one) => one.list !== of);
    if (of === 'pod' && watched === null) {
      this.#process.podWatch = null;
      return;
    }
    this.#setWatch(of, { state: INITIAL_WATCH_STATE, watched, timer: false, queue: null });
    this.#stepWatch(of, { type: 'started' });
  }

  #watch(of: Subject): Watch | null {
    return of === 'lease' ? this.#process.leaseWatch : this.#process.podWatch;
  }

  #setWatch(of: Subject, watch: Watch): void {
    if (of === 'lease') this.#process.leaseWatch = watch;
    else this.#process.podWatch = watch;
  }

  /** Records the newest received Lease, for the checkers. */
  #note(fact: Fact): void {
    if (!('lease' in fact) || fact.lease === null || fact.type === 'leaseDeleted') return;
    const revision = Number(fact.lease.resourceVersion);
    if (revision <= this.#process.observed.revision) return;
    this.#process.observed = { revision, owner: fact.lease.owner?.uid ?? null };
  }

  /**
   * Design, section 4: a campaign includes a consistent read of the process's own Pod. So a Pod that was gone before
   * the campaign creates no Lease.
   */
  #checkCampaign(): void {
    const { observed, mustNotFollow, pod } = this.#process;
    if (mustNotFollow !== null && mustNotFollow === observed.owner) {
      throw new Violation(`${pod.uid} creates a Lease, although its Pod was gone or terminating before its campaign`);
    }
  }

  #announce(announcement: Announcement): void {
    this.announcements.push(announcement);
    const { pod, leading, settling, stopped } = this.#process;
    if (stopped && announcement.type !== 'stopped' && announcement.type !== 'failed') {
      throw new Violation(`${pod.uid} announces ${announcement.type} after its end`);
    }
    switch (announcement.type) {
      case 'elected':
        if (leading) throw new Violation(`${pod.uid} is elected twice`);
        this.#process.leading = true;
        this.#process.working = true;
        this.#process.releasing = false;
        return;
      case 'demoted': {
        if (!leading) throw new Violation(`${pod.uid} is demoted, but did not lead`);
        this.#process.leading = false;
        const voluntary = announcement.reason === 'stopped' || announcement.reason === 'stepped-down';
        // An involuntary demotion does not wait for the work: the signal ends it.
        if (!voluntary && !settling) this.#process.working = false;
        return;
      }
      case 'steppedDown':
      case 'stopped':
        if (leading) throw new Violation(`${pod.uid} announces ${announcement.type} before it is demoted`);
        return;
      default:
        return;
    }
  }
}

/** The server has executed the first request. A list is the start of its watch: later writes wait in its queue. */
export function withAnswer(process: Process, answer: Answered): Process {
  const [request, ...others] = process.requests;
  if (request === undefined) throw new Error('the process has no request');
  const begun = (watch: Watch | null, of: Subject): Watch | null =>
    watch !== null && request.list === of ? { ...watch, queue: [] } : watch;
  const answered: Process = {
    ...process,
    requests: [{ ...request, answer }, ...others],
    leaseWatch: begun(process.leaseWatch, 'lease'),
    podWatch: begun(process.podWatch, 'pod'),
  };
  return inOrder(answered, 'answer');
}

/** Adds an event to the queue of each watch of its object. */
export function enqueue(process: Process, event: ClusterEvent): Process {
  const watch = event.of === 'lease' ? process.leaseWatch : process.podWatch;
  if (watch === null || watch.queue === null) return process;
  if (event.of === 'pod' && watch.watched?.name !== event.item.name) return process;
  const next: Watch = { ...watch, queue: [...watch.queue, event] };
  return inOrder(event.of === 'lease' ? { ...process, leaseWatch: next } : { ...process, podWatch: next }, event.of);
}

/**
 * The process with an updated inbox: new messages are added, and messages that no longer wait (delivered, or dropped by
 * a new watch) are removed.
 */
function inOrder(process: Process, ...added: readonly Source[]): Process {
  if (process.inbox === null) return process;
  const { leaseWatch, podWatch, requests } = process;
  const waiting = {
    lease: leaseWatch?.queue?.length ?? 0,
    pod: podWatch?.queue?.length ?? 0,
    answer: requests[0]?.answer == null ? 0 : 1,
  };
  // From the newest message on, because the removed messages are the oldest.
  const inbox: Source[] = [];
  for (const source of [...process.inbox, ...added].reverse()) {
    if (waiting[source] === 0) continue;
    waiting[source] -= 1;
    inbox.unshift(source);
  }
  return { ...process, inbox };
}

/** Whether the watch can deliver a pending event. */
function delivers(watch: Watch | null): boolean {
  return watch?.state.phase === 'streaming' && watch.queue !== null && watch.queue.length > 0;
}

/** The possible sources of the next message. */
export function nextSources({ inbox, requests, leaseWatch, podWatch }: Process): readonly Source[] {
  const ready: Source[] = [];
  if (requests[0]?.answer != null) ready.push('answer');
  if (delivers(leaseWatch)) ready.push('lease');
  if (delivers(podWatch)) ready.push('pod');
  const next = inbox?.find((source) => ready.includes(source));
  return next === undefined ? ready : [next];
}
