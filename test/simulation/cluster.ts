/**
 * The simulated cluster: the embedded API server on the simulation's clock, Pods with their processes, and the actions
 * of a kubelet and of an administrator. `faults.ts` draws when these actions happen.
 */

import type { LeaseElectorOptions } from '../../src/index.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { type ApiResponse, ApiServer, LEASES, PODS } from '../../src/testing/index.ts';
import { FOREIGN_PROCESS_PERMISSIONS, type Permissions, rulesOf } from '../worlds/permissions.ts';
import type { Checkers } from './checkers.ts';
import { ForeignProcess } from './foreign-process.ts';
import { Network } from './network.ts';
import type { SimulationParameters } from './parameters.ts';
import { ProcessClock } from './process-clock.ts';
import { SiblingLocks } from './sibling-locks.ts';
import type { ContainerOptions, SimulatedContainer } from './simulated-container.ts';
import { type Program, SimulatedPod } from './simulated-pod.ts';
import { type AppBehavior, type ElectorFactory, LEASE, NAMESPACE, SimulatedProcess } from './simulated-process.ts';
import { podOf, processEvent, type RecordEvent } from './simulation-record.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Webhook } from './webhook.ts';

const ADMIN_TOKEN = 'the-administrator';
/** The Pods whose permissions the parameters limit. */
const SERVICE_ACCOUNT = 'app';
const FOREIGN_ACCOUNT = 'foreign';
/** The container number of a mirrored process. */
const MIRROR = 9;
const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${LEASE}`;
const PODS_PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;

/** The parts of a cluster. */
export interface ClusterOptions {
  readonly parameters: SimulationParameters;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly checkers: Checkers;
  readonly makeElector: ElectorFactory;
  readonly log: (line: () => string) => void;
  /** @default no record */
  readonly record?: RecordEvent;
}

export class Cluster {
  readonly server: ApiServer;
  readonly network: Network;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly parameters: SimulationParameters;
  readonly log: (line: () => string) => void;
  /** For the timeline. */
  readonly record: RecordEvent;
  /** All Pods, including those that are gone, the newest last. */
  readonly pods: SimulatedPod[] = [];
  #running: SimulatedContainer[] = [];
  readonly siblingLocks: SiblingLocks = new SiblingLocks();
  readonly #checkers: Checkers;
  readonly #makeElector: ElectorFactory;
  #names = 0;
  #releaseCollector: (() => void) | null = null;
  /** The faults are over. A process that starts now has an exact clock and receives no stale lists. */
  calm = false;

  constructor(options: ClusterOptions) {
    const { parameters, time, random, log } = options;
    this.parameters = parameters;
    this.time = time;
    this.random = random;
    this.log = log;
    this.record = options.record ?? (() => undefined);
    this.#checkers = options.checkers;
    this.#makeElector = options.makeElector;
    this.server = new ApiServer({
      clock: time,
      random: seededRandom(Math.floor(random.next() * 2 ** 32)),
      adminToken: ADMIN_TOKEN,
      garbageCollectionDelayMs: () => 5 + this.random.next() * this.parameters.collectorDelayMs,
      garbageCollectionStepMs: () => 1 + this.random.next() * this.parameters.collectorStepMs,
      faults: () => (this.network.statusOfNext === null ? undefined : { status: this.network.statusOfNext }),
    });
    this.server.onWrite(({ type, resource, object }) => {
      if (type !== 'DELETED' || resource !== 'pods') return;
      const pod = this.pods.find(({ uid }) => uid === object.metadata.uid);
      if (pod === undefined) return;
      pod.gone = true;
      this.record({ type: 'podGone', pod: podOf(pod), forced: pod.forced });
      if (parameters.collector === 'old') this.collectByUid(pod.uid);
    });
    this.server.createNamespace(NAMESPACE);
    this.grant(parameters.permissions);
    this.#grant(FOREIGN_ACCOUNT, FOREIGN_PROCESS_PERMISSIONS);
    this.network = new Network({ server: this.server, time, random, conditions: parameters.conditions, log });
    this.network.connectionLimit = parameters.connections;
    if (parameters.collector !== 'real') this.#releaseCollector = this.server.holdGarbageCollector();
  }

  /** Pods whose objects exist. */
  get livePods(): SimulatedPod[] {
    return this.pods.filter((pod) => !pod.gone);
  }

  /** The processes that run, including those of Pods that are gone. */
  get processes(): SimulatedContainer[] {
    return this.pods.flatMap((pod) => pod.processes.filter((process) => process.alive));
  }

  /** The same processes, the oldest first. Cached, because the checkers read it after every event. */
  get running(): readonly SimulatedContainer[] {
    if (!this.#running.every(({ alive }) => alive)) this.#running = this.#running.filter(({ alive }) => alive);
    return this.#running;
  }

  /** The running processes of this library. */
  get electors(): SimulatedProcess[] {
    return this.processes.filter((process) => process instanceof SimulatedProcess);
  }

  /** Logs a line, and notes it in the timeline. */
  note(line: () => string): void {
    this.log(line);
    this.record({ type: 'noted', text: line(), tone: 'note' });
  }

  grant(permissions: Permissions): void {
    this.#grant(SERVICE_ACCOUNT, permissions);
  }

  #grant(serviceAccountName: string, permissions: Permissions): void {
    this.server.grant({
      namespace: NAMESPACE,
      serviceAccountName,
      rules: rulesOf(permissions),
    });
  }

  // --- Pods

  /** Adds a Pod of another program that works with the same Lease. */
  addForeignProcess(program: 'sidecar' | 'expiring elector'): void {
    this.addPod(this.#nextName(program === 'sidecar' ? 'sidecar' : 'expiring'), program);
  }

  /** Creates a Pod and starts its containers. */
  addPod(name: string = this.#nextName('web'), program: Program = 'elector'): SimulatedPod {
    const serviceAccountName = program === 'elector' ? SERVICE_ACCOUNT : FOREIGN_ACCOUNT;
    const { uid } = this.server.createPod({
      namespace: NAMESPACE,
      name,
      nodeName: 'node-1',
      serviceAccountName,
      labels: { app: 'web' },
    });
    const token = this.server.issueToken({
      namespace: NAMESPACE,
      serviceAccountName,
      pod: { name, uid },
    });
    const pod = new SimulatedPod(name, uid, token, program);
    this.pods.push(pod);
    this.log(() => `Pod ${name} is created (uid ${uid})`);
    this.record({ type: 'podCreated', pod: podOf(pod) });
    const containers = program === 'elector' && this.random.next() < this.parameters.siblings ? 2 : 1;
    for (let container = 0; container < containers; container += 1) this.startProcess(pod, container);
    return pod;
  }

  /**
   * Starts a process of the Pod a second time, as from a checkpoint. The second process has its own network namespace,
   * so the sibling lock does not detect it.
   */
  mirror(pod: SimulatedPod, forMs: number): void {
    this.log(() => `a process of ${pod.name} is mirrored for ${Math.round(forMs)} ms`);
    pod.mirrored = true;
    this.startProcess(pod, MIRROR);
    const mirror = pod.processes.at(-1);
    this.time.setTimer(forMs, () => mirror?.kill());
  }

  startProcess(pod: SimulatedPod, container: number): void {
    const { random, time } = this;
    const rate = this.calm || random.next() >= this.parameters.skewedClocks ? 1 : 0.5 + random.next() * 1.5;
    const wallOffsetMs = this.calm ? 0 : (random.next() - 0.5) * this.parameters.wallOffsetMs;
    const process = this.#newProcess({
      pod,
      name: `${pod.name}.${pod.uid.slice(0, 4)}/${container}#${pod.processes.length + 1}`,
      clock: (run) => new ProcessClock(time, rate, wallOffsetMs, run),
      networkNamespace: container === MIRROR ? pod.processes.length + 1 : 0,
      ended: (ended) => this.restartLater(ended),
      changed: (container, what) => this.record(processEvent(container, what)),
    });
    pod.processes.push(process);
    this.#running.push(process);
    process.staleLists = !this.calm && random.next() < this.parameters.staleLists;
    this.log(() => `${process.name} starts, with a clock at rate ${rate.toFixed(2)}`);
    this.record(processEvent(process, 'started'));
    process.start();
  }

  #newProcess(options: ContainerOptions): SimulatedContainer {
    const { random, network, siblingLocks } = this;
    if (options.pod.program !== 'elector') {
      return new ForeignProcess({ ...options, network, lookEveryMs: 1_000 + random.next() * 4_000 });
    }
    return new SimulatedProcess({
      ...options,
      appBehavior: this.#drawAppBehavior(),
      random,
      network,
      siblingLocks,
      observer: this.#checkers,
      makeElector: this.#makeElector,
      options: this.#electorOptions(),
    });
  }

  #electorOptions(): LeaseElectorOptions {
    return {
      requestTimeoutMs: 5_000 + Math.floor(this.random.next() * 2) * 5_000,
      succession: this.random.next() < this.parameters.stoppedCountsAsGone ? 'pod-stopped' : 'pod-deleted',
    };
  }

  #drawAppBehavior(): AppBehavior {
    const { random } = this;
    const { disobedience } = this.parameters;
    const badly = (): boolean => random.next() < disobedience;
    return {
      drainMs: badly() ? (badly() ? null : 40_000 * random.next()) : 100 * random.next(),
      work: badly() ? (random.next() < 0.5 ? 'ends' : 'rejects') : 'lasts',
      onSigterm: badly() ? (random.next() < 0.5 ? 'ignore' : 'exit') : 'stop',
      release: badly(),
      drainTimeoutMs: 1_000 + Math.floor(random.next() * 19_000),
    };
  }

  #nextName(prefix: string): string {
    this.#names += 1;
    return `${prefix}-${this.#names}`;
  }

  // --- Actions of a kubelet

  /** A container crashes. Its kubelet restarts it, if the kubelet is reachable and the Pod may still run. */
  crash(process: SimulatedContainer): void {
    this.log(() => `${process.name} crashes`);
    process.kill();
    this.restartLater(process);
  }

  restartLater(process: SimulatedContainer): void {
    const { pod } = process;
    const container = Number(/\/(\d+)#/.exec(process.name)?.[1] ?? 0);
    this.time.setTimer(100 + this.random.next() * this.parameters.restartWithinMs, () => {
      const isGhost = pod.kubeletUninformed && !this.calm;
      if (container === MIRROR || (!isGhost && (pod.gone || pod.nodeLost))) return;
      if (pod.terminating || pod.finished) return;
      if (!pod.processes.some((other) => other.alive && other.name.includes(`/${container}#`))) {
        this.startProcess(pod, container);
      }
    });
  }

  /** `kubectl delete pod`, a rolling update, or an eviction: the processes have a grace period. */
  deletePod(pod: SimulatedPod, graceSeconds = 30): void {
    if (pod.gone || pod.terminating) return;
    pod.terminating = true;
    this.log(() => `Pod ${pod.name} is being deleted, ${graceSeconds} s are left`);
    this.record({ type: 'podTerminating', pod: podOf(pod) });
    this.#asAdmin('DELETE', `${PODS_PATH}/${pod.name}`, {
      gracePeriodSeconds: graceSeconds,
      preconditions: { uid: pod.uid },
    });
    if (pod.nodeLost) return;
    const noticedMs = this.random.next() * 2_000;
    this.time.setTimer(noticedMs, () => {
      for (const process of pod.processes) process.terminate();
    });
    this.time.setTimer(noticedMs + graceSeconds * 1_000, () => {
      for (const process of pod.processes) process.kill();
    });
    this.#confirmWhenDead(pod, noticedMs);
  }

  /** The kubelet confirms the end of the containers to the API server, shortly after their end. */
  #confirmWhenDead(pod: SimulatedPod, afterMs: number): void {
    this.time.setTimer(afterMs + 100 + this.random.next() * 1_000, () => {
      if (pod.gone || pod.nodeLost) return;
      if (pod.processes.some((process) => process.alive)) return this.#confirmWhenDead(pod, 0);
      this.log(() => `the kubelet confirms the end of Pod ${pod.name}`);
      this.server.confirmPodTermination(NAMESPACE, pod.name);
    });
  }

  /** `kubectl delete pod --force --grace-period=0`: the object is deleted without waiting for the processes. */
  forceDeletePod(pod: SimulatedPod): void {
    if (pod.gone) return;
    this.log(() => `Pod ${pod.name} is deleted by force`);
    pod.forced = true;
    this.#asAdmin('DELETE', `${PODS_PATH}/${pod.name}`, {
      gracePeriodSeconds: 0,
      preconditions: { uid: pod.uid },
    });
    if (pod.nodeLost) return;
    this.time.setTimer(this.random.next() * this.parameters.ghostsLiveMs, () => {
      for (const process of pod.processes) process.kill();
    });
  }

  /** The node evicts the Pod, or its containers end and are not restarted. The object stays. */
  finishPod(pod: SimulatedPod, phase: 'Failed' | 'Succeeded'): void {
    if (pod.gone || pod.finished) return;
    this.log(() => `Pod ${pod.name} is ${phase}`);
    this.record({ type: 'podFinished', pod: podOf(pod), phase });
    pod.finished = true;
    for (const process of pod.processes) process.kill();
    pod.stopped = true;
    const containers = this.storedPod(pod.name)?.status?.['containerStatuses'] as readonly object[];
    const ended = { terminated: { exitCode: 0, finishedAt: '2026-01-01T00:00:00Z' } };
    this.#writeStatus(
      pod,
      phase,
      containers.map((container) => ({ ...container, ready: false, state: ended })),
    );
  }

  /** The control plane sets the phase Failed because the node is unreachable. The processes may continue to run. */
  reportFailed(pod: SimulatedPod): void {
    if (pod.gone || pod.finished) return;
    this.log(() => `Pod ${pod.name} is reported as Failed`);
    this.record({ type: 'podFinished', pod: podOf(pod), phase: 'Failed' });
    pod.finished = true;
    // A deletion of such a Pod removes the object at once, without waiting for its processes.
    pod.forced = true;
    this.#writeStatus(pod, 'Failed', undefined);
  }

  #writeStatus(pod: SimulatedPod, phase: string, containerStatuses: readonly object[] | undefined): void {
    const reason = phase === 'Failed' ? { reason: 'Evicted' } : {};
    const status = { phase, ...reason, ...(containerStatuses === undefined ? {} : { containerStatuses }) };
    this.#asAdmin('PATCH', `${PODS_PATH}/${pod.name}/status`, { status });
  }

  /** A status that the control plane writes. */
  patchPodStatus(pod: SimulatedPod, status: object): void {
    this.#asAdmin('PATCH', `${PODS_PATH}/${pod.name}/status`, { status });
  }

  // --- Actions of an administrator on the Lease

  lease(): ReturnType<ApiServer['store']['get']> {
    return this.server.store.get(LEASES, NAMESPACE, LEASE);
  }

  /**
   * Whether a foreign process has the Lease: its Pod owns the Lease, or the process runs and a Lease without an owner
   * names its Pod.
   */
  get isForeignProcessLease(): boolean {
    const lease = this.lease();
    const owner = lease?.metadata.ownerReferences?.[0]?.uid;
    return this.livePods.some(({ program, uid, name, processes }) => {
      if (program === 'elector') return false;
      if (owner !== undefined) return uid === owner;
      return name === lease?.spec?.['holderIdentity'] && processes.some(({ alive }) => alive);
    });
  }

  /** Whether the API server has a report that all containers of a Pod have ended for good. */
  hasStopped(uid: string): boolean {
    return this.pods.some((pod) => pod.uid === uid && pod.stopped);
  }

  podExists(uid: string): boolean {
    return this.pods.some((pod) => pod.uid === uid && !pod.gone);
  }

  storedPod(name: string): ReturnType<ApiServer['store']['get']> {
    return this.server.store.get(PODS, NAMESPACE, name);
  }

  deleteLease(): void {
    if (this.lease() === undefined) return;
    this.note(() => 'the Lease is deleted by hand');
    this.#byHand('DELETE', undefined);
  }

  patchLease(what: string, patch: unknown): void {
    if (this.lease() === undefined) return;
    this.note(() => `the Lease is edited by hand: ${what}`);
    this.#byHand('PATCH', patch);
  }

  /** The administrator removes the finalizers, so that a deleted Lease is removed now. */
  freeLease(): void {
    if ((this.lease()?.metadata.finalizers ?? []).length === 0) return;
    this.patchLease('no finalizer', { metadata: { finalizers: null } });
  }

  #byHand(method: string, body: unknown): void {
    this.#checkers.isManualWrite = true;
    this.#asAdmin(method, LEASE_PATH, body);
    this.#checkers.isManualWrite = false;
  }

  // --- The control plane

  /** Ends every open watch. For a while, no request is answered. */
  stopServer(forMs: number): void {
    this.log(() => `the API server is down for ${Math.round(forMs)} ms`);
    this.network.down = true;
    this.record({ type: 'outageBegan', what: `is down for ${Math.round(forMs)} ms` });
    this.server.cutWatches();
    this.time.setTimer(forMs, () => {
      this.network.down = false;
      this.record({ type: 'outageEnded' });
      const tokensAtMs = this.time.nowMs() + this.#warmUpMs();
      const rolesAtMs = this.time.nowMs() + this.#warmUpMs();
      if (this.calm) return;
      this.log(
        () => `the API server is up, it accepts tokens from ${tokensAtMs} ms on, and has Roles from ${rolesAtMs} ms on`,
      );
      this.network.warmUp = { tokensAtMs, rolesAtMs };
    });
  }

  /** The caches of an API server usually fill within 5 seconds. Rarely, they take up to 20. */
  #warmUpMs(): number {
    return this.random.next() * (this.random.next() < 0.1 ? 20_000 : 5_000);
  }

  /** For a while, a webhook refuses or changes writes. */
  setWebhook(what: string, webhook: Webhook): void {
    if (this.network.webhook !== null) return;
    this.note(() => `a webhook ${what}`);
    this.network.webhook = webhook;
    this.time.setTimer(this.random.next() ** 2 * 90_000, () => {
      this.note(() => 'the webhook is gone');
      this.network.webhook = null;
    });
  }

  /** The second API server falls behind: from now on, its lists show the present state. */
  freezeLists(): void {
    this.log(() => 'the second API server falls behind with its lists');
    const paths = [
      `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases?fieldSelector=metadata.name%3D${LEASE}`,
      ...this.livePods.map((pod) => `${PODS_PATH}?fieldSelector=metadata.name%3D${pod.name}`),
      // The lists of Pods that do not exist yet.
      ...[1, 2, 3].map((ahead) => `${PODS_PATH}?fieldSelector=metadata.name%3Dweb-${this.#names + ahead}`),
    ];
    void this.network.captureLists(paths, ADMIN_TOKEN);
  }

  /**
   * A collector of an old cluster deletes the Lease of a Pod with only the uid as a precondition, even if its owner has
   * changed since.
   */
  collectByUid(ownerUid: string): void {
    const lease = this.lease();
    if (lease === undefined || lease.metadata.ownerReferences?.[0]?.uid !== ownerUid) return;
    const { uid } = lease.metadata;
    this.time.setTimer(this.random.next() * this.parameters.collectorDelayMs, () => {
      this.#asAdmin('DELETE', LEASE_PATH, { preconditions: { uid } });
    });
  }

  /** From now on, the cluster's own collector works. It also deletes the Leases whose owners are already gone. */
  restoreCollector(): void {
    this.#releaseCollector?.();
    this.#releaseCollector = null;
  }

  #asAdmin(method: string, path: string, body: unknown): void {
    void this.server
      .handle({
        method,
        path,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      .then((response: ApiResponse) => {
        this.log(() => `(${method} ${path.slice(path.lastIndexOf('/') + 1)} → ${response.status})`);
      });
  }
}
