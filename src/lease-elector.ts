/**
 * `LeaseElector`, the class that an application uses. It starts and stops the election and converts its announcements
 * into properties, events and terms. The rules are in `core/`.
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
import {
  callbackError,
  errorOfFailure,
  invariantError,
  LeaseElectorError,
  notLeaderError,
  notReleasedError,
  notStartedError,
  startDefectError,
  stoppedError,
} from './errors.ts';
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
import { type UnhandledEvent, warnNotStarted, warnProcess } from './leadership/process-warning.ts';
import { ProgressWatch } from './leadership/progress-watch.ts';
import { StallWatch } from './leadership/stall-watch.ts';
import { SuccessorSearch } from './leadership/successor-search.ts';
import { TermWork } from './leadership/term-work.ts';
import { ElectorMetrics } from './metrics/elector-metrics.ts';
import { type MetricFamily, writeFamilies } from './metrics/metric-family.ts';
import {
  checkLeaderOnlyOptions,
  checkStopOptions,
  isLocalByVariable,
  type LeaseElectorOptions,
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
import {
  apiReachable,
  apiUnreachable,
  localElection,
  localIgnored,
  writesAccepted,
  writesFailing,
} from './warnings.ts';

const log = debugLog('lease-elector');

/**
 * - `idle`: `start()` was not called yet
 * - `starting`: the first requests are not answered yet
 * - `candidate`: campaigns when nobody holds the Lease
 * - `leader`: this process leads
 * - `sibling`: another process of the same Pod campaigns; this process replaces it when it ends
 * - `stopped`: stopped for good
 */
export type LeaseElectorState = 'idle' | 'starting' | 'candidate' | 'leader' | 'sibling' | 'stopped';

const SYSTEM_RUNTIME: Runtime = {
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

/**
 * The longest delay of the work of a new term, in milliseconds. The work waits until the first renewal is written to a
 * socket.
 */
const FIRST_RENEWAL_WAIT_MS = 1_000;

/** An elector as JSON. */
export interface LeaseElectorRecord {
  /** As `elector.state`. */
  readonly state: LeaseElectorState;
  /** As `elector.leader`; `null` without a leader. */
  readonly leader: Leader | null;
  /** As `elector.term`; `null` while this process does not lead. */
  readonly term: TermRecord | null;
  /** As `elector.unverifiedForMs`, in milliseconds. */
  readonly unverifiedForMs: number;
}

/** The future result of `start()`, `stop()` or `stepDown()`. */
interface Outcome extends Omit<PromiseWithResolvers<void>, 'promise'> {
  readonly promise: ObservedPromise<void>;
}

/**
 * Takes part in the election of one leader among the Pods of an application.
 *
 * The elected Pod leads until its Pod object is deleted from the cluster. Crashes, restarts, hangs and outages of the
 * API server do not end its leadership. There may be no leader for a while. There are never two.
 *
 * @example
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
 * async function runBatch(fencingToken: bigint): Promise<void> {
 *   await new Promise((resolve) => setTimeout(resolve, 1_000, fencingToken)); // Your job.
 * }
 * ```
 */
export class LeaseElector extends GuardedEmitter<LeaseElectorEvents> {
  static {
    // Not declared as a method, because its name would have to be inferred (`isolatedDeclarations`).
    Object.defineProperty(LeaseElector.prototype, inspect.custom, { value: printElector });
  }

  readonly #options: ResolvedOptions;
  readonly #runtime: Runtime;
  /** Aborts when `stop()` is called, or when this elector ends. It ends all waits of `start()`. */
  readonly #stopping = new AbortController();
  readonly #stopped: Outcome = outcome();
  /** The HTTP endpoint; `null` unless the option `endpoint` is set. */
  readonly #endpoint: Endpoint | null;
  /**
   * Created only when a job, a metric, the endpoint or `progressTimeoutMs` needs it, because it wakes the process every
   * second. It also runs in a candidate, because the answer that elects this process may have been sent before a stall.
   */
  #stalls: StallWatch | null = null;
  /** `leaderOnly()` was called, so jobs may run after `onElected` has ended. */
  #hasJobs = false;
  #driver: Driver | null = null;
  #ports: Ports | null = null;
  #started: Outcome | null = null;
  #stepDown: Outcome | null = null;
  readonly #work: TermWork;
  readonly #progress: ProgressWatch;
  /** `null` unless the Pods of the application can be listed. */
  #successors: SuccessorSearch | null = null;
  readonly #log: ApplicationLog;
  readonly #outages: OutageWatch;
  readonly #writeFailures: OutageWatch;
  #warnedOfWrites = false;
  /** Read with the options, when this elector is created. */
  readonly #localByVariable: boolean;
  /** A job was skipped before `start()`, and a process warning reported it. */
  #warnedOfStart = false;
  #local = false;
  /** The diagnostics until the driver has its own. */
  #diagnosticsOfJoining: Diagnostics = NO_DIAGNOSTICS;
  /** `start()` has resolved. */
  #hasStarted = false;
  /** The codes of `error` and `warning` events that were printed because they had no listener. */
  readonly #printedCodes = new Set<string>();
  /** The error that ended this elector; `null` if it was stopped. */
  #endedBy: LeaseElectorError | null = null;
  readonly #metrics = new ElectorMetrics();
  /** Writes the label, the annotation and the Events of the leader; `null` unless one of their options is set. */
  #publisher: Publisher | null = null;
  #over = false;
  #startedAtMs = 0;

  /**
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`: an option is unknown, of the wrong type or out of range
   */
  constructor(options?: LeaseElectorOptions);
  /** @internal */
  constructor(options: LeaseElectorOptions | undefined, runtime: Runtime);
  constructor(options: LeaseElectorOptions = {}, runtime: Runtime = SYSTEM_RUNTIME) {
    super();
    this.#options = resolveOptions(options);
    this.#localByVariable = isLocalByVariable();
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
            leaderName: () => this.#answeredName(),
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
   * Begins to campaign. Resolves as soon as a leader is known, this process or another.
   *
   * After a temporary failure (the API server cannot be reached, for example), a request is retried until it succeeds
   * or the elector is stopped. A refused request (401, 403) is retried for `startGraceMs`. After any other failure,
   * `start()` rejects immediately. A running elector keeps the process alive.
   *
   * Further calls return the same promise. Once the elector was started and stopped, a call rejects with
   * `ERR_LEASE_ELECTOR_STOPPED`.
   *
   * If this promise is not awaited, a failure of the start is reported as `error`. It is never an unhandled rejection.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NO_CLUSTER`, `_IDENTITY`, `_CREDENTIALS`, `_OPTION`, `_FORBIDDEN`,
   * `_UNAUTHORIZED`, `_UNTRUSTED`, `_REQUEST`, or `_STOPPED` when the elector was stopped
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
   * Leaves the election. Stops campaigning, aborts `term.signal`, and waits for the promise of `onElected` and for the
   * running jobs of `leaderOnly` (at most `drainTimeoutMs`). Resolves when the elector has ended completely. After
   * that, no callback and no listener is called.
   *
   * The Lease is kept, so that a restarted container is still the leader. It is released when this Pod is being deleted
   * and the work is done, or when `release` is true.
   *
   * Rejects only for invalid options. Further calls return the same promise.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`
   *
   * @example
   * ```ts
   * import { LeaseElector } from 'lease-elector';
   *
   * const elector = new LeaseElector();
   * await elector.start();
   * process.once('SIGTERM', () => elector.stop({ release: true }));
   * ```
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
   * Releases the Lease and becomes a candidate again, which lets the other Pods go first. Resolves when the Lease is
   * released.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NOT_LEADER`; `ERR_LEASE_ELECTOR_NOT_RELEASED` when a permission is
   * missing, the API server could not be reached, or another client took the Lease. If this Pod still holds the Lease,
   * it leads again
   *
   * @example
   * ```ts
   * import { LeaseElector } from 'lease-elector';
   *
   * const elector = new LeaseElector();
   * await elector.start();
   * process.once('SIGUSR2', () => elector.stepDown().catch(console.error));
   * ```
   */
  stepDown(): Promise<void> {
    if (this.#stepDown !== null) return this.#stepDown.promise;
    const driver = this.#driver;
    if (driver === null || !this.isLeader) {
      return Promise.reject(this.#notLeaderError());
    }
    this.#stepDown = outcome();
    const { promise } = this.#stepDown;
    this.#work.leave(() => driver.take({ type: 'stepDownRequested' }));
    return promise;
  }

  /**
   * Confirms with the API server that this process leads, before a write that must not be done twice. Resolves with the
   * current term. Leadership can still change between the answer and the write, so pass `term.fencingToken` along.
   *
   * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NOT_LEADER`; `ERR_LEASE_ELECTOR_UNCONFIRMED` when the API server
   * does not answer, the Lease is missing at the moment, or another process leads in the name of this Pod: do not
   * write, and try again later
   *
   * @example
   * ```ts
   * import { LeaseElector } from 'lease-elector';
   *
   * const elector = new LeaseElector({
   *   onElected: async () => {
   *     const { fencingToken } = await elector.confirm();
   *     console.log('write with the token', fencingToken);
   *   },
   * });
   * await elector.start();
   * ```
   */
  async confirm(): Promise<Term> {
    const term = this.#work.term;
    const driver = this.#driver;
    if (term === undefined || driver === null || this.#ports === null) throw this.#notLeaderError();
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
   * Wraps a job, for any scheduler. The returned function runs the job only while this process leads, with the term and
   * its own arguments. It resolves with the job's result, or with `undefined` when the job was not run. Its calls never
   * overlap. A job that is skipped because `start()` was never called causes one process warning.
   *
   * After this process was suspended for 5 seconds or more (a suspended machine, a stopped process), leadership is
   * confirmed with the API server before the job runs. Without a confirmation no job runs.
   *
   * A running job belongs to the work of its term, as the promise of `onElected` does. It should end when `term.signal`
   * aborts. `stop()` and `stepDown()` wait for it. When it rejects, `onError` is called with the reason. Without
   * `onError` the returned promise rejects, and Node.js ends a process that does not handle the rejection.
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
      skipped: () => this.#noteSkippedJob(),
      failed: () => this.#metrics.workFailed(),
    });
    if (onError === undefined) return run;
    return handlingErrors(run, onError, (cause) => this.#callbackFailed('onError of leaderOnly', 'onError', cause));
  }

  /** Nothing else reports a forgotten `start()`: each job is skipped, as in a candidate. */
  #noteSkippedJob(): void {
    if (this.state !== 'idle' || this.#warnedOfStart) return;
    this.#warnedOfStart = true;
    warnNotStarted(this.explain().message);
  }

  #notLeaderError(): LeaseElectorError {
    return this.state === 'idle' ? notStartedError(this.explain().message) : notLeaderError();
  }

  /** Whether this process leads. False until leadership is proven. */
  get isLeader(): boolean {
    return this.#work.term !== undefined;
  }

  /** The term of this process; `undefined` while it does not lead. */
  get term(): Term | undefined {
    return this.#work.term;
  }

  /** The state of this elector. */
  get state(): LeaseElectorState {
    if (this.#over || this.#stopping.signal.aborted) return 'stopped';
    if (this.#started === null) return 'idle';
    if (this.isLeader) return 'leader';
    const role = this.#driver?.state.role;
    if (role === undefined || role.name === 'starting') return 'starting';
    return role.name === 'sibling' ? 'sibling' : 'candidate';
  }

  /** The leader, as far as this process knows; `undefined` without a leader, or when the leader is unknown. */
  get leader(): Leader | undefined {
    if (this.#driver === null) return undefined;
    const leader = currentLeader(this.#driver.state.knowledge);
    return leader === null ? undefined : this.#toLeader(leader);
  }

  /**
   * The time since the API server last confirmed what this process knows about the Lease, in whole milliseconds; 0
   * before `start()`. It grows while the API server cannot be reached. A leader continues to lead nevertheless.
   */
  get unverifiedForMs(): number {
    if (this.#started === null) return 0;
    const verifiedAtMs = this.#driver?.state.knowledge.verifiedAtMs ?? 0;
    return Math.round(this.#runtime.clock.nowMs() - Math.max(verifiedAtMs, this.#startedAtMs));
  }

  /**
   * Explains why there is or is not a leader, in one sentence and as data to log or to match on. Works in every state,
   * even before `start()` and after `stop()`. Sends no request and never throws.
   *
   * @example
   * ```ts
   * import { LeaseElector } from 'lease-elector';
   *
   * const elector = new LeaseElector();
   * await elector.start();
   * const { reason, message, command } = elector.explain();
   * console.log(reason, message, command);
   * ```
   */
  explain(): Explanation {
    const { clock } = this.#runtime;
    return explain({
      election: this.#driver?.state ?? null,
      diagnostics: this.#driver?.diagnostics ?? this.#diagnosticsOfJoining,
      publishingRules: this.#publisher?.missingRules() ?? [],
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
   * The metrics of this elector in the text format of Prometheus, for the `/metrics` of the application. The texts of
   * two electors cannot be concatenated, because each text declares every metric. Merge their `metricFamilies()`
   * instead.
   *
   * Works in every state, sends no request, and never throws. Stalls of the event loop are detected after the first
   * call.
   */
  metrics(): string {
    return writeFamilies(this.metricFamilies());
  }

  /**
   * The same metrics as plain data, for a registry such as that of prom-client.
   *
   * @example
   * ```ts
   * import { LeaseElector } from 'lease-elector';
   *
   * const elector = new LeaseElector();
   * await elector.start();
   * for (const { name, type, samples } of elector.metricFamilies()) console.log(name, type, samples.length);
   * ```
   */
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

  /** The elector as JSON: the values that `util.inspect` prints, with the token as a string. */
  toJSON(): LeaseElectorRecord {
    const { state, leader, term, unverifiedForMs } = this;
    return { state, leader: leader ?? null, term: term?.toJSON() ?? null, unverifiedForMs };
  }

  /** Reports the failure as `error`. */
  protected override listenerFailed(cause: unknown, event: PropertyKey): void {
    // A failure of a listener of `error` cannot be reported to a listener.
    if (event === 'error') log('a listener of error failed: %o', cause);
    else this.#callbackFailed(`A listener of ${String(event)}`, String(event), cause);
  }

  #callbackFailed(what: string, callback: string, cause: unknown): void {
    this.#reportError(callbackError(what, callback, cause));
  }

  async #begin(): Promise<void> {
    const { clock, random } = this.#runtime;
    if (this.#options.progressTimeoutMs !== null || this.#endpoint !== null) this.#watchStalls();
    // The endpoint listens first, because some clients treat "connection refused" as "I am the leader".
    if (this.#endpoint !== null) {
      await this.#endpoint.open();
      if (this.#over) return;
    }
    const warn = (code: WarningCode, message: string): void => this.#work.outside(() => this.#warn(code, message));
    const { identity, ports, local } = await joinElection(this.#options, this.#runtime, {
      signal: this.#stopping.signal,
      warn,
      connected: () => {
        if (this.#localByVariable) warn(...localIgnored(this.#options.kubeConfig !== undefined));
      },
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
    if (local !== null) this.#warn(...localElection(local, pod.name));
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
        // A job may cause this step. Neither the step nor its listeners belong to the work of that job.
        announce: (announcement) => this.#work.outside(() => this.#apply(announcement)),
        settleWork: () => this.#settleBeforeLeaving(),
        // A role change without an announcement can also change the endpoint's answer: a sibling may lead for this Pod.
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
      (listing, passedOver) => {
        const successor = listing === null ? null : chooseSuccessor(listing, self, passedOver);
        driver.take({ type: 'successorChosen', successor });
      },
    );
  }

  #apply(announcement: Announcement): void {
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
        return this.#finishOnceWritten();
    }
  }

  /**
   * Creates the publisher. Returns ports that close their connections after everything is published. If no option
   * requests a publisher, returns the ports unchanged.
   */
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
      ownPodGone: () => this.#work.outside(() => this.#driver?.takeOwnPodGone()),
    });
    this.#publisher = publisher;
    return { ...ports, close: () => void publisher.close().then(() => ports.close()) };
  }

  /**
   * Removes the label and the annotation that an earlier process of this Pod may have left. Only the candidate of a Pod
   * does so, not its siblings.
   */
  #publishFollowing(): void {
    if (this.#publisher === null || this.#driver === null) return;
    const { role, knowledge, config } = this.#driver.state;
    const leader = currentLeader(knowledge);
    if (role.name === 'candidate' && leader !== null && leader.uid !== config.self.uid) this.#publisher.followed();
  }

  #leaderChanged(core: CoreLeader | null): void {
    this.#publisher?.leaderChanged(core);
    this.#successors?.follow(core?.uid === this.#driver?.state.config.self.uid ? null : (core?.uid ?? null));
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

  /** The reason why a liveness probe should restart this container; `null` if there is none. */
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
    // Registered before the listeners run, so that a job started by one of them counts as work of this term. The work
    // itself starts a moment later.
    const ready = renews ? this.#firstRenewalSent(term.signal) : Promise.resolve();
    this.#work.run(term, ready);
    // The Pods are listed after the first renewal. Otherwise the renewal, and with it the work, would wait until the
    // list frees a connection. The first renewal could not name a Pod of the list in any case.
    void ready.then(() => (term.signal.aborted ? undefined : this.#successors?.begin()));
    this.#log.elected(term);
    if (electedChannel.hasSubscribers) electedChannel.publish(this.#message(term));
    this.emit('elected', term);
  }

  /**
   * Resolves when the first renewal was sent. A job may block the process immediately. Other Pods recognize such a
   * process as hanging only if they have seen a renewal. The answer is not awaited, and a blocked connection is not
   * awaited for long.
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

  /** Starts to detect stalls of the event loop, unless this elector has ended. */
  #watchStalls(): StallWatch {
    this.#stalls ??= new StallWatch(this.#runtime.clock, (forMs) =>
      this.#work.outside(() => this.#stalled({ cause: 'event-loop', forMs })),
    );
    if (!this.#over) this.#stalls.start();
    return this.#stalls;
  }

  /** The message about a term for `node:diagnostics_channel`. */
  #message(term: Term): ElectedMessage {
    const { leaseName = '', namespace = '', self } = this.#driver?.state.config ?? {};
    return { lease: leaseName, namespace, pod: self?.name ?? '', term };
  }

  /**
   * Waits for the work. A leader searches for its successor in parallel, so that the write that releases the Lease can
   * name it.
   */
  #settleBeforeLeaving(): Promise<boolean> {
    const settled = this.#work.settle(this.#runtime.clock, this.#options.drainTimeoutMs);
    if (this.#successors === null || this.#driver?.state.role.name !== 'leader') return settled;
    return Promise.all([settled, this.#successors.listBeforeLeaving()]).then(([drained]) => drained);
  }

  #steppedDown(released: boolean): void {
    const pending = this.#stepDown;
    this.#stepDown = null;
    if (released) pending?.resolve();
    else {
      const refusals = this.#driver?.state.knowledge.failures.refusals;
      const refusal = (refusals?.['delete leases'] ?? refusals?.['update leases'])?.failure;
      pending?.reject(notReleasedError(refusal));
    }
  }

  /** Whether another process has recently written in the name of this Pod. */
  #hasTwin(): boolean {
    if (this.#driver === null) return false;
    const { knowledge, config } = this.#driver.state;
    return isTwinSuspected(knowledge, config, this.#runtime.clock.nowMs());
  }

  /**
   * Ends this elector because an invariant is broken, and reports the error to the application. The process continues.
   */
  #defect(cause: unknown): void {
    const error = invariantError(cause);
    this.#demoted('invariant');
    this.#reportError(error);
    this.#steppedDown(false);
    this.#finish(error);
  }

  /** Ends a failed start. If its promise is not awaited, the failure is reported as an event. */
  #failToStart(cause: unknown): void {
    const error = cause instanceof LeaseElectorError ? cause : startDefectError(cause, wordsOf(cause));
    const isStop = error.code === 'ERR_LEASE_ELECTOR_STOPPED';
    if (!isStop && this.#started?.promise.isAwaited === false) this.#reportError(error);
    this.#finish(error);
  }

  /** Finishes after everything is published: nothing is written after `stopped`. */
  #finishOnceWritten(): void {
    if (this.#publisher === null) this.#finish();
    else void this.#publisher.close().then(() => this.#finish());
  }

  /** @param error the reason with which `start()` rejects, unless it has resolved */
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
    // The port is free before the promises settle, so that another elector can bind it.
    if (this.#endpoint === null && this.#publisher === null) end();
    else void Promise.all([this.#endpoint?.close(), this.#publisher?.close()]).then(end);
  }

  /**
   * The name that the endpoint returns. One process of the Pod has the port, so the answer is about the Pod. A sibling
   * returns the name of this Pod while another process of the Pod leads. A process that is not a sibling returns that
   * name only if it leads itself. The name is never returned for a later Pod of the same name.
   */
  #answeredName(): string | null {
    if (this.#driver === null) return null;
    const { knowledge, config, role } = this.#driver.state;
    const leader = currentLeader(knowledge);
    if (leader?.name !== config.self.name || this.isLeader) return leader?.name ?? null;
    // A refused bind does not prove that another process leads.
    const hasSibling = role.name === 'sibling' && !knowledge.announced.warnings.includes('sibling-lock-refused');
    return hasSibling && leader.uid === config.self.uid ? leader.name : null;
  }

  #noteOutage(report: OutageReport): void {
    if (report.type === 'reachable') {
      this.#warn(...apiReachable());
      // Writes that failed during the outage no longer count.
      return this.#writeFailures.restart();
    }
    this.#warn(...apiUnreachable(UNREACHABLE_AFTER_MS, report.failure));
  }

  /** Warns of failing writes, unless an outage of the API server was reported, which explains them. */
  #noteWrites(report: OutageReport): void {
    if (report.type === 'reachable') {
      if (this.#warnedOfWrites) this.#warn(...writesAccepted());
      this.#warnedOfWrites = false;
      return;
    }
    if (this.#outages.isReported) return;
    this.#warnedOfWrites = true;
    this.#warn(...writesFailing(UNREACHABLE_AFTER_MS, report.failure));
  }

  /** The work of the present term, if it has ended and there is no other work. */
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

  #warnProcess(event: UnhandledEvent): void {
    // The logger has already received the event.
    if (this.#options.logger !== undefined || this.#printedCodes.has(event.code)) return;
    this.#printedCodes.add(event.code);
    warnProcess(event);
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

function outcome(): Outcome {
  const { resolve, reject, promise } = ObservedPromise.withResolvers<void>() as Outcome;
  // The promise may have no handler, because it was not returned to any caller yet.
  promise.tolerateRejection();
  return { resolve, reject, promise };
}
