/**
 * `LeaseElector`, the one class an application meets: it starts and stops the election and turns its
 * announcements into properties, events and terms. The rules are not here but in `core/`.
 */

import { inspect } from 'node:util';
import { type Diagnostics, NO_DIAGNOSTICS, recordFact } from './core/diagnostics.ts';
import type { Announcement, Leader as CoreLeader, Term as CoreTerm, DemotionReason } from './core/effect.ts';
import { currentLeader } from './core/observation.ts';
import { chooseSuccessor } from './core/successor.ts';
import { isTwinSuspected } from './core/twin.ts';
import { Driver } from './driver/driver.ts';
import { observedPorts } from './driver/observed-ports.ts';
import { type OutageReport, OutageWatch, UNREACHABLE_AFTER_MS } from './driver/outage-watch.ts';
import type { Ports } from './driver/ports.ts';
import { Endpoint } from './endpoint/endpoint.ts';
import { detailsOfFailure, errorOfFailure, LeaseElectorError, notLeaderError, stoppedError } from './errors.ts';
import type { ElectedMessage, Leader, LeaseElectorEvents, Stall, Term, TermRecord, WarningCode } from './events.ts';
import { explain } from './explain/explain.ts';
import type { Explanation, IdleWork } from './explain/explanation.ts';
import { printElector } from './explain/printed-elector.ts';
import { joinElection, type Runtime } from './joining/join-election.ts';
import { siblingLock } from './joining/sibling-lock.ts';
import { connectToCluster } from './kube/connect.ts';
import type { Identity } from './kube/identity.ts';
import { ApplicationLog } from './leadership/application-log.ts';
import { confirm } from './leadership/confirm.ts';
import { GuardedEmitter } from './leadership/guarded-emitter.ts';
import { handlingErrors, type LeaderOnlyOptions, leaderOnly } from './leadership/leader-only.ts';
import { ObservedPromise } from './leadership/observed-promise.ts';
import { type UnheardEvent, warnProcess } from './leadership/process-warning.ts';
import { ProgressWatch } from './leadership/progress-watch.ts';
import { StallWatch } from './leadership/stall-watch.ts';
import { SuccessorSearch } from './leadership/successor-search.ts';
import { TermWork } from './leadership/term-work.ts';
import { ElectorMetrics } from './metrics/elector-metrics.ts';
import { type MetricFamily, writeFamilies } from './metrics/metric-family.ts';
import {
  checkLeaderOnlyOptions,
  checkStopOptions,
  type LeaseElectorOptions,
  type LocalRole,
  type ResolvedOptions,
  resolveOptions,
  type StopOptions,
} from './options.ts';
import { Publisher, wantsPublishing } from './publishing/publisher.ts';
import { systemClock } from './runtime/clock.ts';
import { debugLog } from './runtime/debug-log.ts';
import { demotedChannel, electedChannel } from './runtime/diagnostics-channels.ts';
import { wordsOf } from './runtime/quotation.ts';
import { systemRandom } from './runtime/random.ts';

const log = debugLog('lease-elector');

/**
 * - `idle`: `start()` was not called yet
 * - `starting`: nobody is known to lead yet
 * - `candidate`: would lead if it could
 * - `leader`: this process leads
 * - `sibling`: another process of the same Pod campaigns; this one takes its place when it ends
 * - `stopped`: over, for good
 */
export type LeaseElectorState = 'idle' | 'starting' | 'candidate' | 'leader' | 'sibling' | 'stopped';

const REAL_SURROUNDINGS: Runtime = {
  clock: systemClock,
  random: systemRandom,
  connect: (options) => connectToCluster({ ...options, clock: systemClock }),
  siblingLock: (identity) =>
    siblingLock({
      podUid: identity.pod.uid,
      namespace: identity.namespace,
      lease: identity.lease,
      clock: systemClock,
      random: systemRandom,
    }),
};

/** The work of a new term waits so long, in milliseconds, for its first renewal to be written to a socket. */
const FIRST_RENEWAL_WAIT_MS = 1_000;

/** An elector as JSON. */
export interface LeaseElectorRecord {
  readonly state: LeaseElectorState;
  readonly leader: Leader | null;
  readonly term: TermRecord | null;
  readonly unverifiedForMs: number;
}

/** How `start()` or `stepDown()` will end. */
interface Outcome extends Omit<PromiseWithResolvers<void>, 'promise'> {
  readonly promise: ObservedPromise<void>;
}

/**
 * Takes part in the election of one leader among the Pods of an application.
 *
 * The Pod that wins leads until its Pod object is deleted from the cluster: through crashes, restarts,
 * hangs and outages of the API. For a while there may be no leader; there are never two.
 *
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector({
 *   onElected: async (term) => {
 *     while (!term.signal.aborted) await runBatch(term.fencingToken);
 *   },
 * });
 * await elector.start();
 *
 * async function runBatch(fencingToken: bigint): Promise<void> {}
 * ```
 */
export class LeaseElector extends GuardedEmitter<LeaseElectorEvents> {
  static {
    // No declaration of a method: its name would have to be inferred (`isolatedDeclarations`).
    Object.defineProperty(LeaseElector.prototype, inspect.custom, { value: printElector });
  }

  readonly #options: ResolvedOptions;
  readonly #runtime: Runtime;
  /** Aborts when `stop()` is called: ends what `start()` is still waiting for. */
  readonly #stopping = new AbortController();
  readonly #stopped: Outcome = outcome();
  /** Tells whoever asks over HTTP, if that is wanted. */
  readonly #endpoint: Endpoint | null;
  /** Only where a job or a metric asked for it: it wakes the process every second. While a candidate, too: what elects it may be old. */
  #stalls: StallWatch | null = null;
  /** `leaderOnly()` was called, so work can be due although `onElected` has ended. */
  #hasJobs = false;
  #driver: Driver | null = null;
  #ports: Ports | null = null;
  #started: Outcome | null = null;
  #stepDown: Outcome | null = null;
  readonly #work: TermWork;
  readonly #progress: ProgressWatch;
  /** Only where the Pods of the application can be listed. */
  #successors: SuccessorSearch | null = null;
  readonly #log: ApplicationLog;
  readonly #outages: OutageWatch;
  readonly #writeFailures: OutageWatch;
  #warnedOfWrites = false;
  #local = false;
  /** What there is to tell people until the driver has news of its own. */
  #diagnosticsOfJoining: Diagnostics = NO_DIAGNOSTICS;
  /** `start()` has resolved. */
  #hasStarted = false;
  /** The codes of `error` and `warning` that were printed because nobody listened. */
  readonly #unheard = new Set<string>();
  /** What ended this elector, unless it was stopped. */
  #endedBy: LeaseElectorError | null = null;
  readonly #metrics = new ElectorMetrics();
  /** Writes into the cluster who leads, if that is wanted. */
  #publisher: Publisher | null = null;
  #over = false;
  #startedAtMs = 0;

  /**
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`: an option is unknown, of the wrong type or out of range
   */
  constructor(options?: LeaseElectorOptions);
  /** @internal */
  constructor(options: LeaseElectorOptions | undefined, runtime: Runtime);
  constructor(options: LeaseElectorOptions = {}, runtime: Runtime = REAL_SURROUNDINGS) {
    super();
    this.#options = resolveOptions(options);
    this.#runtime = runtime;
    this.#log = new ApplicationLog(this.#options.logger);
    this.#progress = new ProgressWatch(runtime.clock, this.#options.progressTimeoutMs, (forMs) =>
      this.#work.outside(() => this.#stalled({ cause: 'progress', forMs })),
    );
    this.#work = new TermWork(
      (term) => this.#options.onElected?.(term),
      (error) => {
        this.#metrics.workFailed();
        this.#reportError(error);
      },
      () => runtime.clock.nowMs(),
      this.#progress,
    );
    this.#outages = new OutageWatch(runtime.clock, (report) => this.#work.outside(() => this.#noteOutage(report)));
    this.#writeFailures = new OutageWatch(runtime.clock, (report) =>
      this.#work.outside(() => this.#noteWrites(report)),
    );
    const { signal, endpoint, exportEnv } = this.#options;
    this.#endpoint =
      endpoint === null
        ? null
        : new Endpoint(endpoint, exportEnv, {
            clock: runtime.clock,
            leaderName: () => this.#nameToTell(),
            verifiedWallMs: () => this.#driver?.verifiedWallMs ?? 0,
            health: () => this.#health(),
            metrics: () => this.metrics(),
            warn: (code, message) => this.#warn(code, message),
          });
    if (signal === undefined) return;
    const stop = (): void => void this.stop();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true, signal: this.#stopping.signal });
  }

  /**
   * Begins to campaign; resolves as soon as it is known who leads, this process or another.
   *
   * A failure that may pass (an API server that cannot be reached, for example) is retried until it succeeds or the
   * elector is stopped. A refusal (401, 403) is retried for `startGraceMs`. Any other failure is an error at once.
   * A running elector keeps the process alive.
   *
   * Calling it again gives the same promise; once a started elector was stopped, it rejects with `_STOPPED`.
   *
   * A failure of a start is reported as `error` if nobody waits for this promise. It is never an unhandled rejection.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NO_CLUSTER`, `_IDENTITY`, `_CREDENTIALS`, `_OPTION`,
   * `_FORBIDDEN`, `_UNAUTHORIZED`, `_UNTRUSTED`, `_REQUEST`, or `_STOPPED` when the elector was stopped
   */
  start(): Promise<void> {
    if (this.#hasStarted && (this.#over || this.#stopping.signal.aborted)) {
      const tooLate = outcome();
      tooLate.reject(stoppedError());
      return tooLate.promise;
    }
    if (this.#started !== null) return this.#started.promise;
    this.#started = outcome();
    this.#startedAtMs = this.#runtime.clock.nowMs();
    if (this.#over || this.#stopping.signal.aborted) this.#started.reject(stoppedError());
    else void this.#begin().catch((error: unknown) => this.#failToStart(error));
    return this.#started.promise;
  }

  /**
   * Leaves the election: stops campaigning, aborts `term.signal`, waits for the promise of `onElected` and for the
   * jobs of `leaderOnly` that run (at most `drainTimeoutMs`), and resolves when nothing of the elector is left.
   * Nothing is called after that.
   *
   * The Lease is kept, so that a restarted container is still the leader; it is given up when the own Pod is
   * being deleted and the work is done, or when `release` is true.
   *
   * Never rejects but for wrong options. Calling it again gives the same promise.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`
   */
  stop(options: StopOptions = {}): Promise<void> {
    let checked: StopOptions;
    try {
      checked = checkStopOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#stopping.abort();
    const driver = this.#driver;
    const release = checked.release === true ? 'always' : 'ifTerminating';
    this.#work.leave(() => (driver === null ? this.#finish() : driver.take({ type: 'stopRequested', release })));
    return this.#stopped.promise;
  }

  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Gives leadership up and becomes a candidate again, one that lets the others go first. Resolves when the
   * Lease is released.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NOT_LEADER`; `ERR_LEASE_ELECTOR_NOT_RELEASED` when a permission
   * is missing or the API server could not be reached: this Pod then holds the Lease still, and leads again
   */
  stepDown(): Promise<void> {
    if (this.#stepDown !== null) return this.#stepDown.promise;
    const driver = this.#driver;
    if (driver === null || !this.isLeader) {
      return Promise.reject(notLeaderError());
    }
    this.#stepDown = outcome();
    const { promise } = this.#stepDown;
    this.#work.leave(() => driver.take({ type: 'stepDownRequested' }));
    return promise;
  }

  /**
   * Asks the API server whether this process leads, before a write that must not be done twice. Between the answer
   * and the write there is still time: send `term.fencingToken` along.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NOT_LEADER`; `ERR_LEASE_ELECTOR_UNCONFIRMED` when the API server
   * cannot be asked, the Lease is missing at the moment, or another process leads in the name of this Pod: leave the
   * write, and try again
   */
  async confirm(): Promise<Term> {
    const term = this.#work.term;
    const driver = this.#driver;
    if (term === undefined || driver === null || this.#ports === null) throw notLeaderError();
    const askedAtMs = this.#runtime.clock.nowMs();
    await confirm(
      driver,
      this.#ports,
      () => this.#work.term === term,
      () => this.#hasTwin(),
    );
    this.#stalls?.forgive(askedAtMs);
    return term;
  }

  /**
   * Wraps a job, for any scheduler: the function it returns runs the job only while this process leads, gives it the
   * term and its own arguments, and resolves with its result, or with `undefined` when it was not run. It never runs
   * beside itself. After this process stood still for 5 seconds or more (a suspended machine, a stopped process),
   * leadership is confirmed with the API server before the job runs; while it cannot be, no job runs.
   *
   * A job that runs is work of its term, as that of `onElected` is: it should end when `term.signal` aborts, and
   * `stop()` and `stepDown()` wait for it. When it rejects, `onError` is called with the reason. Without `onError` the
   * returned promise rejects, and Node.js ends a process that does not handle it.
   *
   * ```ts
   * import { LeaseElector } from 'lease-elector';
   *
   * const elector = new LeaseElector();
   * await elector.start();
   * const job = elector.leaderOnly((term) => sendReminders(term.signal), { onError: console.error });
   * setInterval(job, 60_000);
   *
   * async function sendReminders(signal: AbortSignal): Promise<void> {}
   * ```
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`
   */
  leaderOnly<Arguments extends readonly unknown[], Result>(
    job: (term: Term, ...args: Arguments) => Result | Promise<Result>,
    options: LeaderOnlyOptions = {},
  ): (...args: Arguments) => Promise<Result | undefined> {
    const { onError } = checkLeaderOnlyOptions(job, options);
    const stalls = this.#watchStalls();
    this.#hasJobs = true;
    const run = leaderOnly(job, {
      term: () => this.term,
      isDoubtful: () => stalls.stalledAtMs !== null || this.#hasTwin(),
      confirm: () => this.confirm(),
      join: (ended, begin) => this.#work.join(ended, begin),
      failed: () => this.#metrics.workFailed(),
    });
    if (onError === undefined) return run;
    return handlingErrors(run, onError, (cause) => this.#callbackFailed('onError of leaderOnly', 'onError', cause));
  }

  /** Whether this process leads. False until it is proven. */
  get isLeader(): boolean {
    return this.#work.term !== undefined;
  }

  /** The term of this process, while it leads. */
  get term(): Term | undefined {
    return this.#work.term;
  }

  /** What this elector is at the moment. */
  get state(): LeaseElectorState {
    if (this.#over || this.#stopping.signal.aborted) return 'stopped';
    if (this.#started === null) return 'idle';
    if (this.isLeader) return 'leader';
    const role = this.#driver?.state.role;
    if (role === undefined || role.name === 'starting') return 'starting';
    return role.name === 'sibling' ? 'sibling' : 'candidate';
  }

  /** Who leads, as far as this process knows; `undefined` when nobody does, or nothing is known. */
  get leader(): Leader | undefined {
    if (this.#driver === null) return undefined;
    const leader = currentLeader(this.#driver.state.knowledge);
    return leader === null ? undefined : this.#toLeader(leader);
  }

  /**
   * For how long the API server has not confirmed what this process believes about the Lease, in whole milliseconds.
   * It grows while the API cannot be reached; a leader leads on all the same.
   */
  get unverifiedForMs(): number {
    if (this.#started === null) return 0;
    const verifiedAtMs = this.#driver?.state.knowledge.verifiedAtMs ?? 0;
    return Math.round(this.#runtime.clock.nowMs() - Math.max(verifiedAtMs, this.#startedAtMs));
  }

  /**
   * Why there is, or is no, leader: in one sentence, and as data to log or to match on. Works in every state, before
   * `start()` and after `stop()` too, asks nobody, and never throws.
   */
  explain(): Explanation {
    const { clock } = this.#runtime;
    return explain({
      election: this.#driver?.state ?? null,
      diagnostics: this.#driver?.diagnostics ?? this.#diagnosticsOfJoining,
      started: this.#started !== null,
      local: this.#local,
      over: this.#over,
      endedBy: this.#endedBy?.message ?? null,
      idleWork: this.#idleWork(),
      noProgressForMs: this.#progress.lateForMs,
      leader: this.leader ?? null,
      unverifiedForMs: this.unverifiedForMs,
      nowMs: clock.nowMs(),
      wallMs: clock.wallMs(),
    });
  }

  /**
   * The metrics of this elector in the text format of Prometheus, for the `/metrics` of the application. Those of two electors
   * cannot be concatenated, since each names every metric; merge their `metricFamilies()` instead.
   *
   * Works in every state, asks nobody, and never throws. Stalls of the event loop are noticed from the first call on.
   */
  metrics(): string {
    return writeFamilies(this.metricFamilies());
  }

  /** The same as plain data, for a registry such as that of prom-client. */
  metricFamilies(): readonly MetricFamily[] {
    this.#watchStalls();
    const { leader } = this;
    return this.#metrics.families({
      leaseName: this.#driver?.state.config.leaseName ?? this.#options.lease ?? '',
      isLeader: this.isLeader,
      leaderKnown: leader !== undefined,
      unverifiedForMs: this.unverifiedForMs,
      renewTimeAgeMs: leader?.renewTimeAgeMs ?? null,
      reason: this.explain().reason,
      workRunning: this.#work.running,
      workStalled: this.#progress.lateForMs !== null,
    });
  }

  /** As JSON: what `util.inspect` shows, with the token as a string. */
  toJSON(): LeaseElectorRecord {
    const { state, leader, term, unverifiedForMs } = this;
    return { state, leader: leader ?? null, term: term?.toJSON() ?? null, unverifiedForMs };
  }

  protected override listenerFailed(cause: unknown, event: PropertyKey): void {
    // A listener of `error` that fails itself has nobody left to tell.
    if (event === 'error') log('a listener of error failed: %o', cause);
    else this.#callbackFailed(`A listener of ${String(event)}`, String(event), cause);
  }

  #callbackFailed(what: string, callback: string, cause: unknown): void {
    this.#reportError(
      new LeaseElectorError('ERR_LEASE_ELECTOR_CALLBACK', `${what} failed; see \`cause\`.`, { cause, callback }),
    );
  }

  async #begin(): Promise<void> {
    const { clock, random } = this.#runtime;
    if (this.#options.progressTimeoutMs !== null || this.#endpoint !== null) this.#watchStalls();
    // First of all: there are clients that take "connection refused" for "I lead".
    if (this.#endpoint !== null) {
      await this.#endpoint.open();
      if (this.#over) return;
    }
    const warn = (code: WarningCode, message: string): void => this.#work.outside(() => this.#warn(code, message));
    const { identity, ports, local } = await joinElection(this.#options, this.#runtime, {
      signal: this.#stopping.signal,
      warn,
      failed: (failure) => {
        this.#diagnosticsOfJoining = recordFact(NO_DIAGNOSTICS, { type: 'requestFailed', request: 0, failure }, null);
      },
      outages: this.#outages,
      onRequest: (request) => this.#metrics.requestEnded(request),
    });
    if (this.#stopping.signal.aborted) {
      ports.close();
      return;
    }
    const { pod, namespace, lease } = identity;
    this.#log.about(identity);
    this.#local = local !== null;
    if (local !== null) this.#warn('local', localWarning(local, pod.name));
    log('Pod %s (uid %s) campaigns for Lease %s/%s', pod.name, pod.uid, namespace, lease);
    this.#ports = this.#withPublisher(observedPorts(ports, this.#outages, this.#writeFailures), identity);
    this.#driver = new Driver({
      config: {
        self: pod,
        namespace,
        leaseName: lease,
        renewIntervalMs: this.#options.renewIntervalMs,
        leaseDurationSeconds: this.#options.leaseDurationSeconds,
        succession: this.#options.succession,
        startGraceMs: this.#options.startGraceMs,
      },
      ports: this.#ports,
      clock,
      random,
      application: {
        // A step that a job brought about is none of that job's work, nor are its listeners.
        announce: (announcement) => this.#work.outside(() => this.#hear(announcement)),
        settleWork: () => this.#settleBeforeLeaving(),
        // Whether a sibling leads in the name of this Pod is no announcement.
        roleChanged: () => {
          this.#endpoint?.publish();
          this.#publishFollowing();
        },
        watchRestarted: (resource, cause) => this.#metrics.watchRestarted(resource, cause),
        defect: (error) => this.#work.outside(() => this.#defect(error)),
      },
    });
    this.#successors = this.#searchForSuccessors(this.#driver, this.#ports);
    this.#driver.take({ type: 'started' });
  }

  #searchForSuccessors(driver: Driver, { pod }: Ports): SuccessorSearch | null {
    const { self } = driver.state.config;
    const listApplication = pod.listApplication?.bind(pod);
    if (listApplication === undefined) return null;
    return new SuccessorSearch(
      this.#runtime.clock,
      () => listApplication(self, this.#options.leaderLabel),
      (listing) => {
        const successor = listing === null ? null : chooseSuccessor(listing, self);
        driver.take({ type: 'successorChosen', successor });
      },
    );
  }

  #hear(announcement: Announcement): void {
    switch (announcement.type) {
      case 'elected':
        return this.#elected(announcement.term, announcement.renews);
      case 'demoted':
        return this.#demoted(announcement.reason);
      case 'leaderChanged':
        this.#hasStarted = true;
        this.#started?.resolve();
        this.#endpoint?.publish();
        return this.#leaderChanged(announcement.leader);
      case 'renewed':
      case 'stale':
      case 'recovered':
        return this.#reportLeader(announcement.type, announcement.leader);
      case 'warning':
        return this.#warn(announcement.code, announcement.message);
      case 'failed':
        return this.#failToStart(errorOfFailure(announcement.failure));
      case 'steppedDown':
        return this.#steppedDown(announcement.released);
      case 'stopped':
        this.#steppedDown(announcement.released);
        // Also the work of a term that ended against this process's will, which nobody has waited for yet.
        void this.#settleWork().then(() => this.#finishOnceWritten());
        return;
    }
  }

  /** The ports whose connections end once everything is written, and the publisher that writes it; both as they are if nothing is wanted. */
  #withPublisher(ports: Ports, { pod, lease }: Identity): Ports {
    const { leaderLabel, podDeletionCost, events, requestTimeoutMs } = this.#options;
    const wishes = { leaderLabel, podDeletionCost, events };
    if (ports.publishing === undefined || !wantsPublishing(wishes)) return ports;
    const publisher = new Publisher({
      ...{ port: ports.publishing, wishes, self: pod, lease, requestTimeoutMs },
      clock: this.#runtime.clock,
      random: this.#runtime.random,
      warn: (code, message) => this.#work.outside(() => this.#warn(code, message)),
      isOutageReported: () => this.#outages.isReported,
      ownPodGone: () => this.#work.outside(() => this.#notePodGone()),
    });
    this.#publisher = publisher;
    return { ...ports, close: () => void publisher.close().then(() => ports.close()) };
  }

  /** What one part of a process has learnt, no other part may ignore. */
  #notePodGone(): void {
    const self = this.#driver?.state.config.self;
    if (self === undefined) return;
    this.#driver?.take({
      type: 'podDeleted',
      watched: self,
      pod: { ...self, resourceVersion: '0', terminating: true },
    });
  }

  /** An earlier process of this Pod may have left its mark. A sibling leaves that to the process that campaigns. */
  #publishFollowing(): void {
    if (this.#publisher === null || this.#driver === null) return;
    const { role, knowledge, config } = this.#driver.state;
    const leader = currentLeader(knowledge);
    if (role.name === 'candidate' && leader !== null && leader.uid !== config.self.uid) this.#publisher.followed();
  }

  #leaderChanged(core: CoreLeader | null): void {
    this.#publisher?.leaderChanged(core);
    this.#publishFollowing();
    const leader = core === null ? null : this.#toLeader(core);
    this.#metrics.leaderChanged(core);
    this.#log.leaderChanged(leader);
    this.emit('leaderChanged', leader);
  }

  #stalled(stall: Stall): void {
    log('stalled: %s for %d ms', stall.cause, stall.forMs);
    this.#metrics.stalled(stall.cause);
    this.#log.stalled(stall);
    this.emit('stalled', stall);
  }

  /** Why a liveness probe should restart this container; `null` when it should not. */
  #health(): string | null {
    const lateForMs = this.#progress.lateForMs;
    if (lateForMs === null) return null;
    return `The work of this leader has made no progress for ${Math.round(lateForMs / 1000)} s: term.progress() was not called.`;
  }

  #reportLeader(event: 'renewed' | 'stale' | 'recovered', core: CoreLeader): void {
    const leader = this.#toLeader(core);
    this.#log[event](leader);
    this.emit(event, leader);
  }

  /** @param renews whether the first renewal is about to be sent */
  #elected(core: CoreTerm, renews: boolean): void {
    const term = this.#work.begin(core);
    this.#metrics.elected(core.resumed ? 'resumed' : 'elected');
    this.#endpoint?.publish();
    this.#publisher?.elected(core);
    log('elected: term %s%s', core.fencingToken, core.resumed ? ' (resumed)' : '');
    // First, though it begins a moment later: a job that a listener starts is not an earlier term's.
    this.#work.run(term, renews ? this.#firstRenewalSent(term.signal) : Promise.resolve());
    this.#successors?.begin();
    this.#log.elected(term);
    if (electedChannel.hasSubscribers) electedChannel.publish(this.#message(term));
    this.emit('elected', term);
  }

  /**
   * A job that blocks the process with its first words must be seen to hang, so its Lease says first that it is renewed.
   * Nobody waits for the answer, and nobody waits long for a connection that is stuck.
   */
  #firstRenewalSent(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // A term that has ended begins no work, so there is nothing to wait for.
    signal.addEventListener('abort', () => resolve(), { once: true });
    const timer = this.#runtime.clock.setTimer(FIRST_RENEWAL_WAIT_MS, resolve);
    void this.#driver?.nextRenewalWritten().then(resolve);
    return promise.then(() => timer.cancel());
  }

  #demoted(reason: DemotionReason): void {
    this.#successors?.end();
    const term = this.#work.end(reason);
    if (term === undefined) return;
    this.#metrics.demoted(reason);
    this.#endpoint?.publish();
    this.#publisher?.demoted(reason);
    log('demoted: %s', reason);
    this.#log.demoted(term, reason);
    if (demotedChannel.hasSubscribers) demotedChannel.publish({ ...this.#message(term), reason });
    this.emit('demoted', term, reason);
  }

  /** Notices from now on that the event loop stood still, unless this elector is over. */
  #watchStalls(): StallWatch {
    this.#stalls ??= new StallWatch(this.#runtime.clock, (forMs) =>
      this.#work.outside(() => this.#stalled({ cause: 'event-loop', forMs })),
    );
    if (!this.#over) this.#stalls.start();
    return this.#stalls;
  }

  /** What tracing is told of a term. */
  #message(term: Term): ElectedMessage {
    const { leaseName = '', namespace = '', self } = this.#driver?.state.config ?? {};
    return { lease: leaseName, namespace, pod: self?.name ?? '', term };
  }

  /** The successor is looked for beside the work that drains, so that the write that releases the Lease can name it. */
  async #settleBeforeLeaving(): Promise<boolean> {
    if (this.#successors === null) return this.#settleWork();
    const [drained] = await Promise.all([this.#settleWork(), this.#successors.lookBeforeLeaving()]);
    return drained;
  }

  #settleWork(): Promise<boolean> {
    return this.#work.settle(this.#runtime.clock, this.#options.drainTimeoutMs);
  }

  #steppedDown(released: boolean): void {
    const pending = this.#stepDown;
    this.#stepDown = null;
    if (released) pending?.resolve();
    else {
      const refusals = this.#driver?.state.knowledge.refusals;
      const refusal = (refusals?.['delete leases'] ?? refusals?.['update leases'])?.failure;
      const why = refusal?.message ?? 'the API server could not be reached, or the Lease was taken away';
      pending?.reject(
        new LeaseElectorError(
          'ERR_LEASE_ELECTOR_NOT_RELEASED',
          `The Lease was not released: ${why}. This Pod leads again if it still holds the Lease. Remove the cause, and call stepDown() again.`,
          { cause: refusal?.cause ?? refusal, ...(refusal == null ? {} : detailsOfFailure(refusal)) },
        ),
      );
    }
  }

  /** Whether another process was seen a moment ago to lead in the name of this Pod. */
  #hasTwin(): boolean {
    if (this.#driver === null) return false;
    const { knowledge, config } = this.#driver.state;
    return isTwinSuspected(knowledge, config, this.#runtime.clock.nowMs());
  }

  /** A broken invariant: this elector ends, and the application is told; its process goes on. */
  #defect(cause: unknown): void {
    const error = new LeaseElectorError(
      'ERR_LEASE_ELECTOR_INVARIANT',
      'An invariant of the election broke, so this elector stopped for safety. Please report it, with `cause`. To take part again, make a new elector.',
      { cause },
    );
    this.#demoted('invariant');
    this.#reportError(error);
    this.#steppedDown(false);
    this.#finish(error);
  }

  /** A start has failed. Nobody may wait for its promise, so then it is an event. */
  #failToStart(cause: unknown): void {
    const error = cause instanceof LeaseElectorError ? cause : defectOfStart(cause);
    const isStop = error.code === 'ERR_LEASE_ELECTOR_STOPPED';
    if (!isStop && this.#started?.promise.isAwaited === false) this.#reportError(error);
    this.#finish(error);
  }

  /** Nothing is written after `stopped`. */
  #finishOnceWritten(): void {
    if (this.#publisher === null) this.#finish();
    else void this.#publisher.close().then(() => this.#finish());
  }

  /** @param error what `start()` rejects with, unless it has resolved */
  #finish(error: LeaseElectorError = stoppedError()): void {
    if (this.#over) return;
    this.#over = true;
    if (error.code !== 'ERR_LEASE_ELECTOR_STOPPED') this.#endedBy = error;
    this.#outages.stop();
    this.#writeFailures.stop();
    this.#stopping.abort();
    this.#stalls?.stop();
    this.#successors?.end();
    this.#log.stopped();
    this.emit('stopped');
    // While work may run, no sibling and no other elector of this process may campaign.
    void this.#work.idle().then(() => this.#driver?.freeSiblingLock());
    const end = (): void => {
      this.#started?.reject(error);
      this.#stopped.resolve();
    };
    // Whoever tries again with another elector finds the port free.
    if (this.#endpoint === null && this.#publisher === null) end();
    else void Promise.all([this.#endpoint?.close(), this.#publisher?.close()]).then(end);
  }

  /**
   * The name that the endpoint returns. It speaks for the Pod, since one process of the Pod has the port: a sibling names
   * this Pod while another process leads for it. This process itself must lead if it is no sibling. A later Pod of the
   * same name is never named.
   */
  #nameToTell(): string | null {
    if (this.#driver === null) return null;
    const { knowledge, config, role } = this.#driver.state;
    const leader = currentLeader(knowledge);
    if (leader?.name !== config.self.name || this.isLeader) return leader?.name ?? null;
    // A refused bind does not prove that another process leads.
    const hasSibling = role.name === 'sibling' && !knowledge.warned.includes('sibling-lock-refused');
    return hasSibling && leader.uid === config.self.uid ? leader.name : null;
  }

  #noteOutage(report: OutageReport): void {
    if (report.type === 'reachable') {
      this.#warn('api-reachable', 'The API server answers again.');
      // Writes that failed in the outage say nothing about the time after it.
      return this.#writeFailures.restart();
    }
    const last = report.failure === null ? '' : `; the last failure: ${report.failure.message}`;
    this.#warn(
      'api-unreachable',
      `No request to the API server has succeeded for ${UNREACHABLE_AFTER_MS / 1000} s${last}. If nothing else is named ` +
        'as the cause, check the NetworkPolicy and the address of the API server. Requests go on until it answers.',
    );
  }

  /** In an outage of the API server, that warning says it all. */
  #noteWrites(report: OutageReport): void {
    if (report.type === 'reachable') {
      if (this.#warnedOfWrites) this.#warn('writes-accepted', 'The API server accepts writes of the Lease again.');
      this.#warnedOfWrites = false;
      return;
    }
    if (this.#outages.isReported) return;
    this.#warnedOfWrites = true;
    const last = report.failure === null ? '' : `: ${report.failure.message}`;
    this.#warn(
      'writes-failing',
      `No write of the Lease has succeeded for ${UNREACHABLE_AFTER_MS / 1000} s, although the API server answers other ` +
        `requests${last}. Check the admission webhooks and etcd. Writes are tried again until one succeeds.`,
    );
  }

  /** The work of the present term, if it has ended while other work may be missing. */
  #idleWork(): IdleWork | null {
    const end = this.#work.workEnd;
    if (end === null || (end.failure === null && this.#hasJobs)) return null;
    return { endedAtMs: end.atMs, error: end.failure === null ? null : wordsOf(end.failure.cause) };
  }

  #warn(code: WarningCode, message: string): void {
    log('warning: %s: %s', code, message);
    if (this.#over) return;
    this.#metrics.warned(code);
    this.#log.warning({ code, message });
    if (!this.emit('warning', { code, message })) this.#warnProcess({ event: 'warning', code, message });
  }

  #reportError(error: LeaseElectorError): void {
    log('error: %s: %o', error.message, error.cause);
    if (this.#over) return;
    this.#log.error(error);
    const { code, message, cause } = error;
    if (!this.emit('error', error)) this.#warnProcess({ event: 'error', code, message, cause });
  }

  #warnProcess(unheard: UnheardEvent): void {
    // A logger has it already.
    if (this.#options.logger !== undefined || this.#unheard.has(unheard.code)) return;
    this.#unheard.add(unheard.code);
    warnProcess(unheard);
  }

  #toLeader(leader: CoreLeader): Leader {
    const { name, uid, acquireTimeMs, renewalObservedAtMs } = leader;
    return {
      name,
      uid,
      since: acquireTimeMs === null ? null : new Date(acquireTimeMs),
      renewTimeAgeMs:
        renewalObservedAtMs === null ? null : Math.round(this.#runtime.clock.nowMs() - renewalObservedAtMs),
    };
  }
}

function localWarning(role: LocalRole, name: string): string {
  return role === 'leader'
    ? `There is no cluster here and the option local is set: ${name} leads alone.`
    : `There is no cluster here and the option local is 'candidate': ${name} waits behind a leader that does not exist.`;
}

function outcome(): Outcome {
  const { resolve, reject, promise } = ObservedPromise.withResolvers<void>() as Outcome;
  // Whoever was given the promise handles it; nobody may have been.
  promise.tolerateRejection();
  return { resolve, reject, promise };
}

/** Every failure that is known to be possible is a LeaseElectorError already. */
function defectOfStart(cause: unknown): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_INVARIANT',
    `The elector could not start: ${wordsOf(cause)}. Please report it, with \`cause\`.`,
    { cause },
  );
}
