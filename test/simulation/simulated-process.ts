/**
 * A process in a Pod, with the library's own `LeaseElector` in it: it runs, hangs, crashes, and its application
 * obeys or does not. An observer records what it does, from outside.
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

/** The Leases of these electors have the default duration, and a twin is suspected for that long. */
const TWIN_SUSPICION_MS = DEFAULT_LEASE_DURATION_SECONDS * 1_000;

/** The name of the Lease that all compete for. */
export const LEASE = 'app';
export const NAMESPACE = 'shop';

/**
 * The most requests that an elector has reason to send within a second, watches left out: a few for a term that is lost
 * and one that is won, on a clock at double speed. One that sends more repeats itself at once.
 */
export const MOST_REQUESTS_A_SECOND = 40;

/**
 * What it has reason to send beside them for each deletion of the Lease that its watch shows: a read of its own Pod, and
 * at most four requests for the Lease that follows. A process that was stopped is shown many at its end.
 */
const REQUESTS_A_DELETION = 5;

/** The simulated network answers with the meaning of a status; the metrics count the status. */
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

/** What an application does with its terms. */
export interface AppBehavior {
  /** How long its work goes on after its signal was aborted, in milliseconds; `null`: for ever. */
  readonly drainMs: number | null;
  /** Its work ends by itself after so many milliseconds, or rejects. */
  readonly work: 'lasts' | 'ends' | 'rejects';
  /** What it does when the kubelet asks it to end. */
  readonly onSigterm: 'stop' | 'ignore' | 'exit';
  /** Whether it stops with `release: true`. */
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
  /** The process did what no elector does: the number of the invariant, and a sentence. */
  violated(invariant: 1 | 2 | 5, what: string): void;
  /** It says that its Pod is unknown, and campaigns no longer. */
  gaveUp(process: SimulatedProcess): void;
}

/** Makes the elector of a process; the tests of the checkers make broken ones. */
export type ElectorFactory = (
  options: LeaseElectorOptions,
  runtime: Runtime,
  process: SimulatedProcess,
) => LeaseElector;

/** What a process is made of. */
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
  /** Takes a Pod that has ended for good, and still exists, for gone. */
  readonly succeedsStopped: boolean;
  readonly knowledge: Observations;
  readonly elector: LeaseElector;
  readonly #network: Network;
  readonly #siblingLocks: SiblingLocks;
  readonly #random: Random;
  readonly #observer: ProcessObserver;
  /** `stepDown()` is under way. */
  #stepsDown = false;
  #second = 0;
  #requestsInSecond = 0;
  /** The deletions of the Lease that it had been shown when the second began. */
  #deletionsBefore = 0;
  /** `stop()` has resolved. */
  stopped = false;
  /** Its elector campaigns no longer: the API server seems not to know its Pod. */
  gaveUp = false;
  /** Its elector has warned that another process writes in its name. */
  warnedOfTwin = false;
  /** How many terms' work is under way. */
  working = 0;

  constructor(options: ProcessOptions) {
    super(options);
    const { pod, random, network, siblingLocks, observer, appBehavior } = options;
    this.appBehavior = appBehavior;
    this.succeedsStopped = options.options.succession === 'pod-stopped';
    this.#network = network;
    this.#siblingLocks = siblingLocks;
    this.#random = random;
    this.#observer = observer;
    this.knowledge = new Observations(pod);
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
      this.knowledge.noteDemotion(network.nowMs);
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

  /** It has a twin, and says so: from now on it neither confirms its term nor runs a guarded job. */
  #noteTwin(): void {
    this.warnedOfTwin = true;
    const warnedAtMs = this.clock.nowMs();
    const acts = (): void => {
      // A slow answer may come when the suspicion has ended.
      if (this.clock.nowMs() - warnedAtMs < TWIN_SUSPICION_MS)
        this.#complain(1, 'acts as the leader although it warned of its twin');
    };
    void this.elector.confirm().then(acts, () => undefined);
    void this.elector
      .leaderOnly(acts)()
      .catch(() => undefined);
  }

  /** Its work ends in time when it is asked to. */
  get obeys(): boolean {
    const { drainMs, drainTimeoutMs } = this.appBehavior;
    return drainMs !== null && drainMs < drainTimeoutMs;
  }

  asks(request: ApiRequest): void {
    this.#countRequest();
    this.knowledge.noteSent(request);
    const writes = request.resource === 'leases' && WRITES.has(request.verb);
    if (writes && !this.#siblingLocks.hasHeld(this))
      this.#complain(1, 'writes to the Lease, although it does not hold the lock of its Pod');
    if (request.resource !== 'leases' || request.verb !== 'create') return;
    const nowMs = this.#network.nowMs;
    if ((this.knowledge.podGoneAtMs ?? nowMs) < nowMs)
      this.#complain(2, 'creates the Lease although it has observed that its own Pod is gone');
    const look = this.knowledge.noteCreate(request, nowMs);
    // A leader restores its Lease, also while its work ends.
    const restores = this.leads || this.stopping || this.#stepsDown;
    if (look.terminating && !restores)
      this.#complain(2, 'campaigns although it has observed that its own Pod is being deleted');
  }

  #complain(invariant: 1 | 2 | 5, what: string): void {
    this.#observer.violated(invariant, `${this.name} ${what}`);
  }

  #countRequest(): void {
    const second = Math.floor(this.#network.nowMs / 1_000);
    const { deletions } = this.knowledge;
    if (second !== this.#second) {
      this.#requestsInSecond = 0;
      this.#deletionsBefore = deletions;
    }
    this.#second = second;
    this.#requestsInSecond += 1;
    if (this.#requestsInSecond > MOST_REQUESTS_A_SECOND + REQUESTS_A_DELETION * (deletions - this.#deletionsBefore))
      this.#complain(5, `has sent ${this.#requestsInSecond} requests within a second`);
  }

  override resume(): void {
    this.knowledge.resumedAtMs = this.#network.nowMs;
    super.resume();
  }

  delivered(request: ApiRequest, delivery: Delivery): void {
    this.knowledge.note(request, delivery, this.#network.nowMs);
  }

  start(): void {
    // What cannot be mended, such as a missing permission, ends the process; its kubelet restarts it.
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

  /** The application leaves the election; its process ends when that is done. */
  stop(): void {
    this.stopping = true;
    void this.elector.stop(this.appBehavior.release ? { release: true } : {}).then(() => {
      this.stopped = true;
      // What the elector left behind would show now.
      this.clock.setTimer(1_000, () => this.exit());
    });
  }

  stepDown(): void {
    this.#stepsDown = true;
    const over = (): void => {
      this.#stepsDown = false;
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
      ports: (place: Pick<Identity, 'namespace' | 'lease'>) => clusterPorts(transport, place, close),
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
