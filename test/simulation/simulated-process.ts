/**
 * A process in a Pod with the library's own `LeaseElector`. It runs, hangs and crashes, and its application may make
 * errors. An observer checks it from outside.
 */

import type {
  DemotionReason,
  LeaseElectorEvents,
  LeaseElectorOptions,
  RequestFailureKind,
  Term,
} from '../../src/index.ts';
import type { Runtime } from '../../src/joining/join-election.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { type ConnectOptions, clusterPorts } from '../../src/kube/connect.ts';
import { type Identity, resolveIdentity } from '../../src/kube/identity.ts';
import { readPod } from '../../src/kube/pod-api.ts';
import type { LeaseElector } from '../../src/lease-elector.ts';
import { DEFAULT_LEASE_DURATION_SECONDS } from '../../src/options.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import type { Delivery, Network } from './network.ts';
import { Observations } from './observations.ts';
import type { SiblingLocks } from './sibling-locks.ts';
import { type ContainerOptions, SimulatedContainer } from './simulated-container.ts';

/** How long an elector suspects a twin, in milliseconds: the default duration of a Lease. */
const TWIN_SUSPICION_MS = DEFAULT_LEASE_DURATION_SECONDS * 1_000;

/** The name of the Lease of all electors. */
export const LEASE = 'app';
export const NAMESPACE = 'shop';

/**
 * The maximum number of requests of an elector within a second, without watches. The end of a term and the next
 * election need a few requests each, on a clock at double speed. An elector that sends more repeats requests without a
 * back-off.
 */
export const MAX_REQUESTS_PER_SECOND = 40;

/**
 * The additional requests for each deletion of the Lease that its watch delivers: a read of its own Pod, and at most
 * four requests for the next Lease. A process receives many deletions at once after a suspension.
 */
const REQUESTS_PER_DELETION = 5;

/**
 * The HTTP status of each success. The simulated network does not return it, but the metrics count it.
 */
const STATUS_OF_VERB = { get: 200, list: 200, watch: 200, create: 201, update: 200, patch: 200, delete: 200 } as const;

const STATUS_OF_FAILURE: Readonly<Partial<Record<RequestFailureKind, number>>> = {
  forbidden: 403,
  unauthorized: 401,
  notFound: 404,
  conflict: 409,
  alreadyExists: 409,
  expired: 410,
  throttled: 429,
};

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'delete']);

/** The behavior of an application during its terms. */
export interface AppBehavior {
  /** How long its work continues after its signal was aborted, in milliseconds. `null`: for ever. */
  readonly drainMs: number | null;
  /** Whether its work lasts for the whole term, ends by itself, or rejects. */
  readonly work: 'lasts' | 'ends' | 'rejects';
  /** The reaction to SIGTERM. */
  readonly onSigterm: 'stop' | 'ignore' | 'exit';
  /** Whether it calls `stop()` with `release: true`. */
  readonly release: boolean;
  readonly drainTimeoutMs: number;
}

/** Receives the events of a process. */
export interface ProcessObserver {
  event(
    process: SimulatedProcess,
    name: keyof LeaseElectorEvents,
    term: Term | null,
    /** Only with `demoted`. */
    reason?: DemotionReason | null,
    /** Only with `warning` and `error`. */
    code?: string,
  ): void;
  workBegan(process: SimulatedProcess, term: Term): void;
  workEnded(process: SimulatedProcess, term: Term): void;
  /** The process broke an invariant: its number, and a description. */
  violated(invariant: 1 | 2 | 5, what: string): void;
  /** The elector reports that its Pod is unknown, and no longer campaigns. */
  gaveUp(process: SimulatedProcess): void;
}

/** Makes the elector of a process; the tests of the checkers make broken ones. */
export type ElectorFactory = (
  options: LeaseElectorOptions,
  runtime: Runtime,
  process: SimulatedProcess,
) => LeaseElector;

/** The parts of a process. */
export interface ProcessOptions extends ContainerOptions {
  readonly appBehavior: AppBehavior;
  readonly random: Random;
  readonly network: Network;
  readonly siblingLocks: SiblingLocks;
  readonly observer: ProcessObserver;
  readonly makeElector: ElectorFactory;
  readonly options: LeaseElectorOptions;
}

export class SimulatedProcess extends SimulatedContainer {
  readonly appBehavior: AppBehavior;
  /** Its elector has the succession `pod-stopped`: a Pod whose containers have all ended counts as gone. */
  readonly stoppedCountsAsGone: boolean;
  readonly observations: Observations;
  readonly elector: LeaseElector;
  readonly #network: Network;
  readonly #siblingLocks: SiblingLocks;
  readonly #random: Random;
  readonly #observer: ProcessObserver;
  /** `stepDown()` is under way. */
  #isSteppingDown = false;
  #second = 0;
  #requestsInSecond = 0;
  /** The number of deletions of the Lease that its watch had delivered when the second began. */
  #deletionsBefore = 0;
  /** `stop()` has resolved. */
  stopped = false;
  /** Its elector no longer campaigns, because the API server seems not to have its Pod. */
  gaveUp = false;
  /** Its elector has warned that another process has the same identity. */
  warnedOfTwin = false;
  /** The number of terms whose work runs. */
  working = 0;

  constructor(options: ProcessOptions) {
    super(options);
    const { pod, random, network, siblingLocks, observer, appBehavior } = options;
    this.appBehavior = appBehavior;
    this.stoppedCountsAsGone = options.options.succession === 'pod-stopped';
    this.#network = network;
    this.#siblingLocks = siblingLocks;
    this.#random = random;
    this.#observer = observer;
    this.observations = new Observations(pod);
    const runtime: Runtime = {
      clock: this.clock,
      random: seededRandom(Math.floor(random.next() * 2 ** 32)),
      connect: async ({ requestTimeoutMs, onRequest }) => this.#connect(requestTimeoutMs, onRequest),
      siblingLock: () => siblingLocks.lock(this),
    };
    this.elector = options.makeElector(
      {
        ...options.options,
        lease: LEASE,
        drainTimeoutMs: appBehavior.drainTimeoutMs,
        onElected: (term) => this.#work(term, observer),
      },
      runtime,
      this,
    );
    const { elector } = this;
    elector.on('elected', (term) => observer.event(this, 'elected', term));
    elector.on('demoted', (term, reason) => {
      this.observations.noteDemotion(network.nowMs);
      observer.event(this, 'demoted', term, reason);
    });
    elector.on('stopped', () => observer.event(this, 'stopped', null));
    for (const name of ['leaderChanged', 'renewed', 'stale', 'recovered'] as const) {
      elector.on(name, () => observer.event(this, name, null));
    }
    for (const name of ['warning', 'error'] as const) {
      elector.on(name, ({ code }: { readonly code: string }) => observer.event(this, name, null, null, code));
    }
    elector.on('warning', ({ code }) => {
      if (code === 'twin') this.#noteTwin();
      if (code !== 'pod-unknown') return;
      this.gaveUp = true;
      observer.gaveUp(this);
    });
  }

  get leads(): boolean {
    return this.alive && this.elector.isLeader;
  }

  /** The elector has warned of a twin. From now on it must neither confirm its term nor run a guarded job. */
  #noteTwin(): void {
    this.warnedOfTwin = true;
    const warnedAtMs = this.clock.nowMs();
    const acts = (): void => {
      // A slow answer may arrive after the end of the suspicion.
      if (this.clock.nowMs() - warnedAtMs < TWIN_SUSPICION_MS)
        this.#reportViolation(1, 'acts as the leader although it warned of its twin');
    };
    void this.elector.confirm().then(acts, () => undefined);
    void this.elector
      .leaderOnly(acts)()
      .catch(() => undefined);
  }

  /** Whether its work ends in time after the abort of its signal. */
  get endsWorkInTime(): boolean {
    const { drainMs, drainTimeoutMs } = this.appBehavior;
    return drainMs !== null && drainMs < drainTimeoutMs;
  }

  noteRequest(request: ApiRequest): void {
    this.#countRequest();
    this.observations.noteSent(request);
    const writes = request.resource === 'leases' && WRITES.has(request.verb);
    if (writes && !this.#siblingLocks.hasHeld(this))
      this.#reportViolation(1, 'writes to the Lease, although it does not hold the lock of its Pod');
    if (request.resource !== 'leases' || request.verb !== 'create') return;
    const nowMs = this.#network.nowMs;
    if ((this.observations.podGoneAtMs ?? nowMs) < nowMs)
      this.#reportViolation(2, 'creates the Lease although it has observed that its own Pod is gone');
    const ownPodRead = this.observations.noteCreate(request, nowMs);
    // A leader restores its Lease, even while its work ends.
    const restores = this.leads || this.stopping || this.#isSteppingDown;
    if (ownPodRead.terminating && !restores)
      this.#reportViolation(2, 'campaigns although it has observed that its own Pod is being deleted');
  }

  #reportViolation(invariant: 1 | 2 | 5, what: string): void {
    this.#observer.violated(invariant, `${this.name} ${what}`);
  }

  #countRequest(): void {
    const second = Math.floor(this.#network.nowMs / 1_000);
    const { deletions } = this.observations;
    if (second !== this.#second) {
      this.#requestsInSecond = 0;
      this.#deletionsBefore = deletions;
    }
    this.#second = second;
    this.#requestsInSecond += 1;
    if (this.#requestsInSecond > MAX_REQUESTS_PER_SECOND + REQUESTS_PER_DELETION * (deletions - this.#deletionsBefore))
      this.#reportViolation(5, `has sent ${this.#requestsInSecond} requests within a second`);
  }

  override resume(): void {
    this.observations.resumedAtMs = this.#network.nowMs;
    super.resume();
  }

  delivered(request: ApiRequest, delivery: Delivery): void {
    this.observations.note(request, delivery, this.#network.nowMs);
  }

  start(): void {
    // An error that a retry cannot fix, such as a missing permission, ends the process. Its kubelet restarts it.
    this.elector.start().catch(() => {
      if (!this.stopping) this.exit();
    });
  }

  terminate(): void {
    this.run(() => {
      if (this.appBehavior.onSigterm === 'exit') this.exit();
      else if (this.appBehavior.onSigterm === 'stop') this.stop();
    });
  }

  /** The application leaves the election. Then its process ends. */
  stop(): void {
    this.stopping = true;
    void this.elector.stop(this.appBehavior.release ? { release: true } : {}).then(() => {
      this.stopped = true;
      // During this second, events of an elector that has not stopped completely would show.
      this.clock.setTimer(1_000, () => this.exit());
    });
  }

  stepDown(): void {
    this.#isSteppingDown = true;
    const over = (): void => {
      this.#isSteppingDown = false;
    };
    this.elector.stepDown().then(over, over);
  }

  override kill(): void {
    if (!this.alive) return;
    super.kill();
    this.working = 0;
    this.#siblingLocks.died(this);
  }

  async #connect(requestTimeoutMs: number, onRequest: ConnectOptions['onRequest']) {
    const wire = this.#network.transport(this, requestTimeoutMs);
    const transport: typeof wire = {
      ...wire,
      request: async (request, hooks) => {
        const beganAtMs = this.clock.nowMs();
        const answer = await wire.request(request, hooks);
        const failure = answer.ok ? null : answer.failure.message;
        const status = answer.ok ? STATUS_OF_VERB[request.verb] : (STATUS_OF_FAILURE[answer.failure.kind] ?? null);
        onRequest?.({ ...request, status, durationMs: this.clock.nowMs() - beganAtMs, failure });
        return answer;
      },
    };
    const close = (): void => transport.close();
    return {
      identify: ({ lease }: { lease?: string }) =>
        resolveIdentity({
          ...(lease === undefined ? {} : { lease }),
          environment: {},
          token: this.token,
          defaultNamespace: () => null,
          hostname: () => this.pod.name,
          readPod: (namespace, name) => readPod(transport, namespace, name),
        }),
      ports: (identity: Pick<Identity, 'namespace' | 'lease'>) => clusterPorts(transport, identity, close),
      close,
    };
  }

  async #work(term: Term, observer: ProcessObserver): Promise<void> {
    const { work, drainMs } = this.appBehavior;
    this.working += 1;
    observer.workBegan(this, term);
    const end = Promise.withResolvers<void>();
    term.signal.addEventListener('abort', () => {
      if (drainMs !== null) this.clock.setTimer(drainMs, end.resolve);
    });
    if (work !== 'lasts') this.clock.setTimer(this.#random.next() * 60_000, end.resolve);
    await end.promise;
    this.working -= 1;
    observer.workEnded(this, term);
    if (work === 'rejects') throw new Error('the job failed');
  }
}
