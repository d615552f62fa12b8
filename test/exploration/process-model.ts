/**
 * One elector as read-only data: the state of the core, its two watches, its timers, and the requests it waits for.
 *
 * `Turn` feeds it one thing that happened and carries the effects out as `src/driver/driver.ts` and
 * `src/driver/watcher.ts` do: the state is kept first, then the effects follow in their order, and what a watch
 * reports has its turn when the watch has done everything it was ordered.
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
  /** Whether its writes carry preconditions. */
  readonly preconditions: boolean;
  /** How it knows its own Pod. */
  readonly identify: (pod: PodReference) => PodReference;
  /** What it writes for its Pod. */
  readonly sign: (content: LeaseContent, pod: PodReference) => LeaseContent;
}

/** Every name of a timer; the compiler keeps the list whole. */
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

/** A request under way; `answer` is null until the server has carried it out. */
export interface InFlight {
  /** The number by which the core, or the watch that lists, knows it. */
  readonly request: number;
  readonly asks: Request;
  readonly list: Subject | null;
  readonly answer: Answered | null;
  /** Of a create: who held the Lease, as far as the sender had been told when it sent this. */
  readonly knowing: string | null;
}

/** A watch, and what the server has for it that was not delivered yet. */
export interface Watch {
  readonly state: WatchState;
  /** The Pod it is about; `null` for that of the Lease. */
  readonly watched: PodReference | null;
  /** Whether its timer runs. */
  readonly timer: boolean;
  /** Everything since its last list was carried out; `null` before the first. A server keeps it all, so nothing is missed. */
  readonly queue: readonly ClusterEvent[] | null;
}

/** Where what a process is told comes from. */
export type Source = Subject | 'answer';

/** The newest Lease that a process was told of. */
export interface Told {
  readonly revision: number;
  readonly owner: string | null;
}

export interface Process {
  /** Which of the candidates; a Pod that follows another under its name has the same. */
  readonly slot: number;
  readonly pod: PodReference;
  readonly state: ElectionState;
  readonly nowMs: number;
  /** When each of `TIMERS` is due; `null` when it does not run. */
  readonly timers: readonly (number | null)[];
  readonly requests: readonly InFlight[];
  readonly leaseWatch: Watch | null;
  readonly podWatch: Watch | null;
  /** What waits for it, in the order in which the server sent it; `null` where that may come in any order. */
  readonly inbox: readonly Source[] | null;
  /** From `elected` to `demoted`. */
  readonly leading: boolean;
  /** From `elected` until the work of that term is over. */
  readonly working: boolean;
  /** The elector waits for the work. */
  readonly settling: boolean;
  /** The application was asked to end, and has called `stop()`. */
  readonly stopping: boolean;
  /** It promised to give the Lease up, even if its work takes longer than its time. */
  readonly yielding: boolean;
  /** `stopped` was announced; the process may live on. */
  readonly stopped: boolean;
  readonly told: Told;
  /** The holder whose end this Pod did not live to see: it must not succeed it. */
  readonly tooLateFor: string | null;
}

/** A token that was refused as long ago as the end of a term needs. */
export function longRefused(nowMs: number): Pick<Refusal, 'sinceMs' | 'lastMs' | 'interrupted'> {
  const firstMs = nowMs - UNAUTHORIZED_LIMIT_MS;
  return { sinceMs: firstMs, lastMs: firstMs, interrupted: false };
}

/** Written into Leases for people, never compared. */
const WALL_MS = 1_700_000_000_000;

/** The monotonic moment at which a process starts. */
export const START_MS = 1_000_000;

const CONFIG: Omit<ElectionConfig, 'self'> = {
  namespace: 'shop',
  leaseName: 'app',
  renewIntervalMs: 10_000,
  leaseDurationSeconds: 30,
  succession: 'pod-deleted',
  startGraceMs: 30_000,
};

/** A container that has just been started. @param inOrder whether it is told everything in the order in which it was sent */
export function startProcess(core: Core, slot: number, pod: PodReference, inOrder: boolean): Process {
  const turn = new Turn(core, {
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
    yielding: false,
    stopped: false,
    told: { revision: 0, owner: null },
    tooLateFor: null,
  });
  turn.take({ type: 'started' });
  turn.take({ type: 'siblingLockAnswered', outcome: 'held' });
  return turn.end();
}

type Mutable<Data> = { -readonly [Key in keyof Data]: Data[Key] };

/** Thrown where the elector does what it must never do. */
export class Violation extends Error {
  override readonly name: string = 'Violation';
}

/** One thing that happens to a process, while it happens. */
export class Turn {
  readonly announcements: Announcement[] = [];
  /** The request that nobody waits for any more because the elector has shut down. */
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
    // The draw of chance sets nothing but delays, and timers fire at any moment here.
    const { state, effects } = this.#core.step(this.#process.state, { ...fact, nowMs, wallMs: WALL_MS, random: 0 });
    this.#process.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  /** As much time may have passed since the token was first refused as the end of a term needs. */
  #ageRefusal(): void {
    const { state, nowMs } = this.#process;
    const { failures } = state.knowledge;
    const { token } = failures.refusals;
    if (token === undefined) return;
    const refusals = { ...failures.refusals, token: { ...token, ...longRefused(nowMs) } };
    this.#process.state = { ...state, knowledge: { ...state.knowledge, failures: { ...failures, refusals } } };
  }

  /** The timer fires; time has come to the moment for which it was set, at least. */
  fire(timer: TimerName): void {
    const index = TIMERS.indexOf(timer);
    const dueMs = this.#process.timers[index];
    if (dueMs == null) return;
    this.#process.nowMs = Math.max(this.#process.nowMs, dueMs);
    this.#process.timers = this.#process.timers.with(index, null);
    this.take({ type: 'timerFired', timer });
  }

  /** From now on what it is told comes in any order, and as late as may be. */
  lag(): void {
    this.#process.inbox = null;
  }

  /** The answer to this request comes in. */
  answer(inFlight: InFlight, answer: Answered): void {
    this.#process.requests = this.#process.requests.filter((one) => one !== inFlight);
    if (inFlight.list !== null) return this.#takeList(inFlight.list, inFlight.request, answer);
    this.take(factOfAnswer(inFlight.request, inFlight.asks, answer));
  }

  /** The watch delivers the next event that waits. */
  deliver(of: Subject): void {
    const watch = this.#watch(of);
    const event = watch?.queue?.[0];
    if (watch?.state.phase !== 'streaming' || watch.queue == null || event === undefined) return;
    this.#setWatch(of, { ...watch, queue: watch.queue.slice(1) });
    this.watch(of, { type: 'received', stream: watch.state.stream, event: event as WatchEvent<Item>, random: 0 });
  }

  /** One input for a watch; what it reports has its turn afterwards. */
  watch(of: Subject, input: WatchInput<Item>): void {
    this.#stepWatch(of, input);
    for (let fact = this.#reports.shift(); fact !== undefined; fact = this.#reports.shift()) this.take(fact);
  }

  /** The connection of the watch breaks. */
  cut(of: Subject): void {
    const { state } = this.#watch(of) ?? { state: INITIAL_WATCH_STATE };
    if (state.phase !== 'streaming') return;
    this.watch(of, { type: 'ended', stream: state.stream, failure: failureOf('unavailable'), random: 0 });
  }

  /** The application's SIGTERM handler. */
  stop(): void {
    this.#process.stopping = true;
    this.take({ type: 'stopRequested', release: 'ifTerminating' });
  }

  stepDown(): void {
    this.#process.yielding = true;
    this.take({ type: 'stepDownRequested' });
  }

  /** The work of the ended term is done, or has had its time and goes on. */
  settle(drained: boolean): void {
    this.#process.settling = false;
    // The work of the term that lasts is not what was waited for.
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
        const asks: Request =
          watch.watched === null ? { verb: 'listLease' } : { verb: 'listPod', name: watch.watched.name };
        return this.#send(asks, effect.request, of);
      }
      case 'open':
        // Its head comes before its first event, and moves nothing but a timer.
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

  #send(asks: Request, request: number, list: Subject | null): void {
    const knowing = asks.verb === 'createLease' ? this.#process.told.owner : null;
    this.#process.requests = [...this.#process.requests, { request, asks, list, answer: null, knowing }];
  }

  #setTimer(timer: TimerName, dueMs: number | null): void {
    this.#process.timers = this.#process.timers.with(TIMERS.indexOf(timer), dueMs);
  }

  #startWatch(of: Subject, watched: PodReference | null): void {
    // The answer to a list of the watch before has nobody to go to.
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

  /** Keeps the newest Lease of which it is told, for the checkers. */
  #note(fact: Fact): void {
    if (!('lease' in fact) || fact.lease === null || fact.type === 'leaseDeleted') return;
    const revision = Number(fact.lease.resourceVersion);
    if (revision <= this.#process.told.revision) return;
    this.#process.told = { revision, owner: fact.lease.owner?.uid ?? null };
  }

  /** Design, section 4: the own Pod's consistent read runs beside a campaign, so who is gone when it begins stays out. */
  #checkCampaign(): void {
    const { told, tooLateFor, pod } = this.#process;
    if (tooLateFor !== null && tooLateFor === told.owner) {
      throw new Violation(`${pod.uid} creates a Lease, although its Pod was gone, or going, before it could begin to`);
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
        this.#process.yielding = false;
        return;
      case 'demoted': {
        if (!leading) throw new Violation(`${pod.uid} is demoted, but did not lead`);
        this.#process.leading = false;
        const willing = announcement.reason === 'stopped' || announcement.reason === 'stepped-down';
        // Against its will there is no time to drain: the signal is all that there is.
        if (!willing && !settling) this.#process.working = false;
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

/** The server has carried out the first request. A list is where its watch begins: what is written from now on waits there. */
export function withAnswer(process: Process, answer: Answered): Process {
  const [request, ...others] = process.requests;
  if (request === undefined) throw new Error('nothing was asked');
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

/** The server has an event for every watch that is about its object. */
export function enqueue(process: Process, event: ClusterEvent): Process {
  const watch = event.of === 'lease' ? process.leaseWatch : process.podWatch;
  if (watch === null || watch.queue === null) return process;
  if (event.of === 'pod' && watch.watched?.name !== event.item.name) return process;
  const next: Watch = { ...watch, queue: [...watch.queue, event] };
  return inOrder(event.of === 'lease' ? { ...process, leaseWatch: next } : { ...process, podWatch: next }, event.of);
}

/**
 * What waits for the process, in its order. Of what does not wait any more (it was told, or a watch began anew) the place
 * goes, too.
 */
function inOrder(process: Process, ...added: readonly Source[]): Process {
  if (process.inbox === null) return process;
  const { leaseWatch, podWatch, requests } = process;
  const waiting = {
    lease: leaseWatch?.queue?.length ?? 0,
    pod: podWatch?.queue?.length ?? 0,
    answer: requests[0]?.answer == null ? 0 : 1,
  };
  // From the newest on, since what is gone came first.
  const inbox: Source[] = [];
  for (const source of [...process.inbox, ...added].reverse()) {
    if (waiting[source] === 0) continue;
    waiting[source] -= 1;
    inbox.unshift(source);
  }
  return { ...process, inbox };
}

/** Whether the watch can deliver what waits there. */
function delivers(watch: Watch | null): boolean {
  return watch?.state.phase === 'streaming' && watch.queue !== null && watch.queue.length > 0;
}

/** Where the next thing that it is told may come from. */
export function nextSources({ inbox, requests, leaseWatch, podWatch }: Process): readonly Source[] {
  const ready: Source[] = [];
  if (requests[0]?.answer != null) ready.push('answer');
  if (delivers(leaseWatch)) ready.push('lease');
  if (delivers(podWatch)) ready.push('pod');
  const next = inbox?.find((source) => ready.includes(source));
  return next === undefined ? ready : [next];
}
