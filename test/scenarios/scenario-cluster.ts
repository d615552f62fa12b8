/**
 * The cluster of a scenario: the embedded API server, a virtual clock, a network that delivers one message after the
 * other, Pods with their sockets, and the journal. The garbage collector works only during the command
 * `collect-garbage`.
 */

import type { SiblingLockOutcome } from '../../src/driver/ports.ts';
import type { Succession } from '../../src/index.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { type ApiResponse, ApiServer, LEASES, PODS } from '../../src/testing/index.ts';
import { isJsonObject } from '../../src/testing/objects/api-object.ts';
import { httpRequestOf } from '../kube/in-process-api.ts';
import { ExplanationWatch, type Truth } from '../worlds/explanation-watch.ts';
import { ScenarioClock } from './scenario-clock.ts';
import type { NetworkFault } from './scenario-network.ts';
import { ScenarioProcess } from './scenario-process.ts';
import { ScenarioWords, type Wire } from './scenario-words.ts';

export const NAMESPACE = 'shop';
export const LEASE = 'app';
const ADMIN = 'admin';
const ACCOUNT = { namespace: NAMESPACE, serviceAccountName: 'app' };
const API_GROUPS = { leases: 'coordination.k8s.io', pods: '' } as const;

/** A Pod of the story. Several Pods can have the same name, one after the other. */
export interface ScenarioPod {
  readonly name: string;
  readonly uid: string;
  readonly token: string;
}

/** Turns of the microtask queue between two messages: enough for the longest chain of promises. */
const MICROTASK_TURNS = 50;
/** One command may cause at most this many messages. More messages mean an endless loop. */
const MESSAGE_LIMIT = 10_000;

export class ScenarioCluster {
  readonly clock: ScenarioClock = new ScenarioClock();
  readonly words: ScenarioWords;
  readonly server: ApiServer;
  readonly pods: Map<string, ScenarioPod> = new Map();
  readonly processes: Map<string, ScenarioProcess> = new Map();
  /** The verbs that every Pod is permitted. */
  readonly permissions: Readonly<Record<'leases' | 'pods', Set<string>>> = {
    leases: new Set(['get', 'list', 'watch', 'create', 'update', 'delete']),
    pods: new Set(['get', 'list', 'watch']),
  };
  /** The option `succession` of the electors that are started from now on. */
  succession: Succession = 'pod-deleted';
  #socketsExist = true;
  readonly #faults = new Map<string, Map<string, NetworkFault>>();
  #journal: { readonly atMs: number; readonly text: string }[] = [];
  readonly #messages: (() => void | Promise<void>)[] = [];
  /** The processes that claimed the socket of a Pod, by the Pod's uid. The first has it, the others wait. */
  readonly #sockets = new Map<string, { process: ScenarioProcess; got: (outcome: SiblingLockOutcome) => void }[]>();
  #releaseCollector: () => void;
  #defect: Error | null = null;
  readonly #explanations = new ExplanationWatch<ScenarioProcess>();
  #nextExplanationMs = 0;
  #renewTime: unknown = null;
  #renewedAtMs = 0;

  constructor() {
    this.server = new ApiServer({
      clock: this.clock,
      random: seededRandom(1),
      adminToken: ADMIN,
      garbageCollectionDelayMs: 0,
      garbageCollectionStepMs: 0,
    });
    this.server.createNamespace(NAMESPACE);
    this.server.onWrite(({ resource, object }) => {
      const renewTime = object.spec?.['renewTime'] ?? null;
      if (resource !== 'leases' || renewTime === this.#renewTime) return;
      this.#renewTime = renewTime;
      this.#renewedAtMs = this.clock.nowMs();
    });
    this.grant();
    this.words = new ScenarioWords(this.server.store.revision);
    this.#releaseCollector = this.server.holdGarbageCollector();
  }

  record(text: string): void {
    this.#journal.push({ atMs: this.clock.nowMs(), text });
  }

  /** The entries since the last call. */
  takeJournal(): { readonly atMs: number; readonly text: string }[] {
    const journal = this.#journal;
    this.#journal = [];
    return journal;
  }

  // --- The network, and time

  send(message: () => void | Promise<void>): void {
    this.#messages.push(message);
  }

  /** Sends a request to the API server. */
  handle(token: string, request: ApiRequest): Promise<ApiResponse> {
    return this.server.handle(httpRequestOf(request, token));
  }

  /** An elector reported a broken invariant. The story fails, so that no golden file can contain it. */
  recordDefect(cause: unknown): void {
    this.#defect ??= new Error('an invariant of the election broke', { cause });
  }

  /** Delivers the messages and fires the timers that are due now. */
  async settle(): Promise<void> {
    for (let count = 0; count < MESSAGE_LIMIT; count += 1) {
      for (let turn = 0; turn < MICROTASK_TURNS; turn += 1) await null;
      if (this.#defect !== null) throw this.#defect;
      const message = this.#messages.shift();
      if (message !== undefined) await message();
      else if (!this.clock.fireNext(this.clock.nowMs())) return;
    }
    throw new Error(`one command caused more than ${MESSAGE_LIMIT} messages`);
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.clock.nowMs() + ms;
    while (this.clock.fireNext(endMs)) {
      await this.settle();
      this.#checkExplanations();
    }
    this.#checkExplanations();
  }

  /** Fails when an explanation of a process has contradicted the state of the cluster for too long. */
  #checkExplanations(): void {
    const nowMs = this.clock.nowMs();
    if (nowMs < this.#nextExplanationMs) return;
    this.#nextExplanationMs = nowMs + 1_000;
    const truth = this.#truth();
    for (const process of this.processes.values()) {
      if (!process.alive || process.hangs) continue;
      const contradiction = this.#explanations.check(process, process.explainer, truth);
      if (contradiction !== null) throw new Error(contradiction);
    }
  }

  #truth(): Truth {
    const ownerUid = this.server.store.get(LEASES, NAMESPACE, LEASE)?.metadata.ownerReferences?.[0]?.uid ?? null;
    const { status } = [...this.pods.values()]
      .map(({ name }) => this.server.store.get(PODS, NAMESPACE, name))
      .find((pod) => pod?.metadata.uid === ownerUid) ?? { status: undefined };
    const conditions = Array.isArray(status?.['conditions']) ? status['conditions'].filter(isJsonObject) : [];
    const exists = (uid: string): boolean =>
      [...this.pods.values()].some(({ name }) => this.server.store.get(PODS, NAMESPACE, name)?.metadata.uid === uid);
    const leading = [...this.processes.values()].filter(
      ({ alive, hangs, elector, pod }) => alive && !hangs && elector.isLeader && exists(pod.uid),
    );
    return {
      nowMs: this.clock.nowMs(),
      ownerUid,
      ownerReady:
        ['Running', 'Pending'].includes(String(status?.['phase'])) &&
        conditions.every(({ type, status: value }) => type !== 'Ready' || value !== 'False'),
      renewedAtMs: this.#renewedAtMs,
      leading: new Set(leading.map(({ pod }) => pod.uid)),
    };
  }

  // --- Pods and processes

  createPod(story: string, name: string): void {
    const pod = this.server.createPod({ ...ACCOUNT, name, nodeName: 'node' });
    this.words.namePod(pod.uid, story);
    this.pods.set(story, { name, uid: pod.uid, token: this.server.issueToken({ ...ACCOUNT, pod }) });
  }

  startProcess(label: string): void {
    const [story = ''] = label.split('/');
    const pod = this.pod(story);
    if (this.processes.get(label)?.alive === true) throw new Error(`${label} runs already`);
    // Each Pod always draws the same number: a has the shortest jitter, b a longer one, c the longest.
    const random = ([...this.pods.keys()].indexOf(story) + 1) / 10;
    const process = new ScenarioProcess(this, label, pod, random);
    this.processes.set(label, process);
    process.start();
  }

  process(label: string): ScenarioProcess {
    const process = this.processes.get(label);
    if (process === undefined) throw new Error(`there is no process ${label}`);
    return process;
  }

  /** The faults for the next requests of this process, by verb. The process need not run yet. */
  faultsOf(label: string): Map<string, NetworkFault> {
    const faults = this.#faults.get(label) ?? new Map<string, NetworkFault>();
    this.#faults.set(label, faults);
    return faults;
  }

  pod(story: string): ScenarioPod {
    const pod = this.pods.get(story);
    if (pod === undefined) throw new Error(`there is no Pod ${story}`);
    return pod;
  }

  /** The kubelet confirms that the containers have ended, and the Pod object is deleted. */
  endPod(story: string): void {
    const pod = this.pod(story);
    this.killProcesses(pod);
    this.server.confirmPodTermination(NAMESPACE, pod.name);
  }

  killProcesses(pod: ScenarioPod): void {
    for (const process of this.processes.values()) if (process.pod === pod && process.alive) process.kill();
  }

  useSuccession(policy: string): void {
    if (policy !== 'pod-deleted' && policy !== 'pod-stopped') throw new Error(`${policy} is not a succession policy`);
    this.succession = policy;
  }

  /** From now on, the machine has no abstract sockets. */
  disableSockets(): void {
    this.#socketsExist = false;
  }

  claimSocket(process: ScenarioProcess, got: (outcome: SiblingLockOutcome) => void): void {
    if (!this.#socketsExist) return got('unsupported');
    const claims = this.#sockets.get(process.pod.uid) ?? [];
    this.#sockets.set(process.pod.uid, claims);
    claims.push({ process, got });
    got(claims.length === 1 ? 'held' : 'taken');
  }

  /** The process exits or frees the socket. The next waiting process gets the socket. */
  freeSocket(process: ScenarioProcess): void {
    const claims = this.#sockets.get(process.pod.uid) ?? [];
    const index = claims.findIndex((claim) => claim.process === process);
    if (index < 0) return;
    claims.splice(index, 1);
    const next = index === 0 ? claims[0] : undefined;
    next?.process.record('has the socket of its Pod now');
    next?.got('held');
  }

  // --- The control plane, and people

  grant(): void {
    const rules = (['leases', 'pods'] as const).map((resource) => ({
      apiGroups: [API_GROUPS[resource]],
      resources: [resource],
      verbs: [...this.permissions[resource]],
    }));
    this.server.grant({ ...ACCOUNT, rules });
  }

  /** Lets the collector work, and holds it again when it has finished. */
  async collectGarbage(): Promise<void> {
    let found = false;
    const stopListening = this.server.onWrite(({ type, resource, object }) => {
      if (type !== 'DELETED' || resource !== 'leases') return;
      found = true;
      this.record(`collector: deletes ${this.words.nameOf(object.metadata.uid)}`);
    });
    this.#releaseCollector();
    await this.settle();
    stopListening();
    this.#releaseCollector = this.server.holdGarbageCollector();
    if (!found) this.record('collector: finds nothing to delete');
  }

  /**
   * Sends a request as an administrator with kubectl does. Its object is the Lease, unless the request names another.
   */
  async administer(
    request: Partial<ApiRequest> & Pick<ApiRequest, 'verb'>,
    { mayFailWith = [] }: { readonly mayFailWith?: readonly number[] } = {},
  ): Promise<{ status: number; object: Wire }> {
    const lease = { apiGroup: API_GROUPS.leases, resource: 'leases', namespace: NAMESPACE, name: LEASE };
    const { status, body = '{}' } = await this.handle(ADMIN, { ...lease, ...request });
    if (status >= 300 && !mayFailWith.includes(status)) throw new Error(`kubectl was answered ${status}: ${body}`);
    return { status, object: JSON.parse(body) };
  }
}
