/**
 * A Pod of an embedded cluster: the credentials of its process, its faults, and its end. The test creates the
 * electors; this file only gives them their credentials.
 */

import { checkKeys, checkWholeNumber } from '../../runtime/argument-check.ts';
import { endedStatus, restartedStatus } from '../kinds/pod-status.ts';
import type { ApiObject } from '../objects/api-object.ts';
import { PODS } from '../objects/resources.ts';
import type { ApiServer } from '../server/api-server.ts';
import type { KubeConfigContent } from '../server/kubeconfig.ts';
import type { Faults, InjectedFault } from './faults/fault-plan.ts';
import type { ContainerRun, IssuedTokens } from './issued-tokens.ts';
import type { PodFiles } from './pod-files.ts';
import { type ClientKubeConfig, type ElectorKubeConfig, electorKubeConfig, loadKubeConfig } from './pod-kube-config.ts';
import type { LoggedRequest, RequestLog } from './request-log.ts';
import type { TimelineRecorder } from './timeline-recorder.ts';
import type { WatchTracker } from './watch-tracker.ts';

/** The exit code of a container that was killed, or that ended in an error: 128 + SIGKILL. */
const KILLED_EXIT_CODE = 137;

/**
 * The options that `new LeaseElector` needs to act for a Pod within the process of the test.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 * import { EmbeddedCluster, type PodElectorOptions } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const options: PodElectorOptions = cluster.createPod({ name: 'web-0' }).electorOptions();
 * const elector = new LeaseElector({ ...options, lease: 'nightly-report' });
 * await elector.start();
 * console.log(elector.leader?.name); // web-0
 * await cluster.stop();
 * ```
 */
export interface PodElectorOptions {
  /**
   * The Pod's credentials, as far as an elector uses them. `pod.kubeConfig()` returns a complete KubeConfig for an API
   * client of the test.
   */
  readonly kubeConfig: ElectorKubeConfig;
  /** Aborts when the container ends, which stops its elector; from then on none of its requests reaches the API server. */
  readonly signal: AbortSignal;
}

/**
 * The options of a deletion.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const pod = cluster.createPod({ name: 'web-0' });
 * await pod.delete({ gracePeriodSeconds: 5 });
 * await pod.confirmTermination();
 * console.log(pod.exists); // false
 * await cluster.stop();
 * ```
 */
export interface DeletePodOptions {
  /**
   * The seconds that the Pod has to end. 0 removes a Pod at once, as `forceDelete()` does. @default that of the Pod, 30
   */
  readonly gracePeriodSeconds?: number | undefined;
}

/**
 * The options of a failure.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const pod = cluster.createPod({ name: 'web-0' });
 * await pod.fail({ reason: 'Evicted', message: 'The node was low on resource: memory.', exitCode: 137 });
 * console.log(pod.object?.status?.['phase']); // Failed
 * await cluster.stop();
 * ```
 */
export interface FailPodOptions {
  /** The `status.reason` of the Pod, such as `Evicted` when the kubelet lacks memory or disk. @default none */
  readonly reason?: string | undefined;
  /** The `status.message` of the Pod. @default none */
  readonly message?: string | undefined;
  /** The exit code of the container, from 1 to 255. @default 1 */
  readonly exitCode?: number | undefined;
}

/** @internal The parts of its cluster that a Pod uses. */
export interface PodSurroundings {
  readonly server: ApiServer;
  readonly tokens: IssuedTokens;
  readonly files: PodFiles;
  readonly faults: Faults;
  readonly watches: WatchTracker;
  readonly log: RequestLog;
  readonly recorder: TimelineRecorder;
  /** Throws when the cluster was stopped. */
  readonly address: () => { readonly host: string; readonly port: number; readonly url: string };
  /** The present time in the format of Kubernetes. */
  readonly now: () => string;
  /** Sends a request of the administrator, which no fault affects. Rejects unless it succeeds. */
  readonly administer: (method: string, path: string, body: unknown, contentType?: string) => Promise<void>;
}

/** @internal The identity of a Pod. */
export interface PodDescription {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly serviceAccountName: string;
  readonly nodeName: string | undefined;
}

/** One run of the container, with its credentials. */
class Container implements ContainerRun {
  readonly podName: string;
  readonly podUid: string;
  readonly controller: AbortController = new AbortController();
  token: string;
  directory: string | undefined;
  running = true;

  constructor(pod: PodDescription, token: string) {
    this.podName = pod.name;
    this.podUid = pod.uid;
    this.token = token;
  }
}

/**
 * A Pod with one container. `EmbeddedCluster.createPod` creates it. The test creates its electors, and decides its
 * faults and its end.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const [first, second] = [cluster.createPod({ name: 'web-0' }), cluster.createPod({ name: 'web-1' })];
 * const leader = new LeaseElector(first.electorOptions());
 * await leader.start();
 * const candidate = new LeaseElector(second.electorOptions());
 * await candidate.start();
 * first.crash();
 * console.log(cluster.leader()?.name); // web-0
 * await first.forceDelete();
 * await cluster.until(() => candidate.isLeader);
 * console.log(cluster.leader()?.name); // web-1
 * await cluster.stop();
 * ```
 */
export class EmbeddedPod {
  /** The name of the Pod. It is also the host name of its container. */
  readonly name: string;
  /** The namespace of the Pod. */
  readonly namespace: string;
  /** Distinguishes this Pod from an earlier or later one of the same name. */
  readonly uid: string;
  /** The service account that its tokens name. */
  readonly serviceAccountName: string;
  /** The node of the Pod; undefined when it is not bound to one. */
  readonly nodeName: string | undefined;
  readonly #runtime: PodSurroundings;
  #container: Container;
  #partition: readonly InjectedFault[] = [];

  /** @internal */
  constructor(description: PodDescription, runtime: PodSurroundings) {
    this.name = description.name;
    this.namespace = description.namespace;
    this.uid = description.uid;
    this.serviceAccountName = description.serviceAccountName;
    this.nodeName = description.nodeName;
    this.#runtime = runtime;
    this.#container = this.#start();
  }

  // Credentials of its process

  /**
   * The environment variables of its container: `KUBERNETES_SERVICE_HOST` and `_PORT`, `HOSTNAME`, and, as with the
   * downward API, `POD_NAME`, `POD_NAMESPACE`, `POD_UID` and `NODE_NAME`.
   */
  get env(): Readonly<Record<string, string>> {
    const { host, port } = this.#runtime.address();
    return {
      KUBERNETES_SERVICE_HOST: host,
      KUBERNETES_SERVICE_PORT: String(port),
      HOSTNAME: this.name,
      POD_NAME: this.name,
      POD_NAMESPACE: this.namespace,
      POD_UID: this.uid,
      ...(this.nodeName === undefined ? {} : { NODE_NAME: this.nodeName }),
    };
  }

  /**
   * The directory with the files `token`, `ca.crt` and `namespace` of its container, for the option of the same name of a
   * LeaseElector in a separate process. The files are written on the first call, and removed when the cluster is stopped. A
   * restarted container has another directory.
   *
   * @throws {Error} when no container runs
   */
  get serviceAccountDirectory(): string {
    const container = this.#runningContainer();
    const { files, server } = this.#runtime;
    container.directory ??= files.mount(this.name, {
      token: container.token,
      caPem: server.caPem,
      namespace: this.namespace,
    });
    return container.directory;
  }

  /** The latest token of its container. @throws {Error} when no container runs */
  get token(): string {
    return this.#runningContainer().token;
  }

  /**
   * The options with which a LeaseElector in the process of the test acts as this Pod: its kubeConfig, and a signal that
   * stops the elector when the container ends. Spread them: `new LeaseElector({ ...pod.electorOptions(), onElected })`.
   *
   * @throws {Error} when no container runs
   */
  electorOptions(): PodElectorOptions {
    const container = this.#runningContainer();
    const kubeConfig = electorKubeConfig(() => this.#kubeConfigContent(container));
    return { kubeConfig, signal: container.controller.signal };
  }

  /**
   * A KubeConfig with the present token of this Pod, for an API client of the test. It loads `@kubernetes/client-node`, which
   * takes half a second and must be installed.
   *
   * Its type describes the client's class without importing it. If the class itself is needed, name it:
   * `pod.kubeConfig<KubeConfig>()`.
   *
   * @throws {Error} when no container runs, or when the client is not installed
   */
  async kubeConfig<Config extends ElectorKubeConfig = ClientKubeConfig>(): Promise<Config> {
    const kubeConfig: ElectorKubeConfig = await loadKubeConfig(this.#kubeConfigContent(this.#runningContainer()));
    return kubeConfig as Config;
  }

  // State

  /** The Pod object on the API server; undefined when it is gone. */
  get object(): ApiObject | undefined {
    const object = this.#runtime.server.store.get(PODS, this.namespace, this.name);
    return object?.metadata.uid === this.uid ? object : undefined;
  }

  /** Whether the Pod object exists; another Pod of the same name does not count. */
  get exists(): boolean {
    return this.object !== undefined;
  }

  /** Whether its container runs. It runs until a method of this class ends it. */
  get running(): boolean {
    return this.#container.running;
  }

  /** The requests that were sent with its tokens, the oldest first. */
  get requests(): readonly LoggedRequest[] {
    return this.#runtime.log.filter({ client: this });
  }

  // Faults

  /**
   * Deletes the Pod, as `kubectl delete --wait=false` does. A Pod that is bound to a node stays, terminating, until
   * `confirmTermination()`. Its process continues until the test stops its elector, as SIGTERM would. A Pod that is not
   * bound is gone at once.
   *
   * @throws {Error} when it is already gone
   */
  async delete(options: DeletePodOptions = {}): Promise<void> {
    checkKeys('pod.delete', options, ['gracePeriodSeconds']);
    const { gracePeriodSeconds } = options;
    if (gracePeriodSeconds !== undefined) {
      checkWholeNumber('pod.delete, gracePeriodSeconds,', gracePeriodSeconds, 0, Number.MAX_SAFE_INTEGER);
    }
    await this.#administer('DELETE', '', this.#deleteOptions(options));
  }

  /**
   * Removes the Pod object at once, as `kubectl delete --force` does when a node is lost. Its process keeps running
   * here and becomes a ghost; in a real cluster nobody knows whether it runs.
   *
   * @throws {Error} when it is already gone
   */
  async forceDelete(): Promise<void> {
    await this.#administer('DELETE', '', this.#deleteOptions({ gracePeriodSeconds: 0 }));
  }

  /**
   * Deletes the Pod through the eviction API, as `kubectl drain` does. (A kubelet that lacks memory does not use that
   * API: that is `fail({ reason: 'Evicted' })`.)
   *
   * @throws {Error} when it is already gone
   */
  async evict(): Promise<void> {
    const { name, namespace } = this;
    const deleteOptions = this.#deleteOptions({});
    await this.#administer('POST', '/eviction', {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions,
    });
  }

  /**
   * Ends the container, if it still runs, and acts as the kubelet that removes the object of a deleted Pod.
   *
   * @throws {Error} when the Pod is not being deleted
   */
  async confirmTermination(): Promise<void> {
    const { deletionTimestamp } = this.#existing().metadata;
    if (deletionTimestamp === undefined) throw new Error(`${this.#words} is not being deleted: delete() it first`);
    this.#runtime.address();
    this.#endContainer('its Pod is being deleted', false);
    await this.#administer('DELETE', '', this.#deleteOptions({ gracePeriodSeconds: 0 }));
  }

  /**
   * Ends the container with success. It is not started again: the phase of the Pod is Succeeded.
   *
   * @throws {Error} when the Pod is gone
   */
  async finish(): Promise<void> {
    const object = this.#existing();
    this.#endContainer('success', false);
    await this.#report(endedStatus(object, { phase: 'Succeeded', exitCode: 0 }, this.#runtime.now()));
  }

  /**
   * Ends the container with an error. It is not started again: the phase of the Pod is Failed.
   *
   * @throws {TypeError | RangeError} for an invalid option; {Error} when the Pod is gone
   */
  async fail(options: FailPodOptions = {}): Promise<void> {
    checkKeys('pod.fail', options, ['reason', 'message', 'exitCode']);
    const { exitCode = 1, ...why } = options;
    checkWholeNumber('pod.fail, exitCode,', exitCode, 1, 255);
    const object = this.#existing();
    this.#endContainer(`exit code ${exitCode}`, true);
    await this.#report(endedStatus(object, { phase: 'Failed', exitCode, ...why }, this.#runtime.now()));
  }

  /**
   * Ends the container as SIGKILL does, as seen from outside: its watches break, and none of its requests reaches the
   * server any longer. The Pod object stays.
   *
   * A test cannot kill a part of its own process. So the signal of `electorOptions()` then stops the elector. The work
   * of its term does not just end: its `term.signal` is aborted. If the container is a process that the test has
   * started, the test has to kill it.
   */
  crash(): void {
    this.#endContainer('', true);
  }

  #endContainer(how: string, crashed: boolean): void {
    const container = this.#container;
    if (!container.running) return;
    container.running = false;
    this.#recordOfProcess({ type: 'processEnded', how, crashed });
    this.#runtime.watches.cut((_watch, bearer) => bearer === container);
    container.controller.abort(new Error(`the container of ${this.#words} has ended`));
  }

  /**
   * Ends the container, if it still runs (see `crash`), and starts it again: same Pod, same uid, new credentials. Call
   * `electorOptions()` or read `serviceAccountDirectory` again, and create the elector that the new process would create. It
   * is a `sibling` until the work of the previous elector in this process has ended.
   *
   * @throws {Error} when the Pod is gone, is being deleted, or has finished or failed
   */
  async restartContainer(): Promise<void> {
    const object = this.#existing();
    const phase = object.status?.['phase'];
    if (object.metadata.deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed') {
      const why = object.metadata.deletionTimestamp === undefined ? `has the phase ${phase}` : 'is being deleted';
      throw new Error(`${this.#words} ${why}: no kubelet would start its container again`);
    }
    this.#runtime.address();
    this.crash();
    this.#container = this.#start();
    await this.#report(restartedStatus(object, KILLED_EXIT_CODE, this.#runtime.now()));
  }

  /**
   * Makes the server answer 401 to the present token, until `rotateToken()` gives the container a new one.
   *
   * @throws {Error} when no container runs
   */
  expireToken(): void {
    this.#runtime.address();
    this.#runtime.tokens.expire(this.#runningContainer().token);
  }

  /**
   * Gives the container a new token, as the kubelet does before the old one expires. The old one stays valid.
   *
   * @throws {Error} when no container runs, or when the Pod is gone
   */
  rotateToken(): void {
    const container = this.#runningContainer();
    this.#existing();
    container.token = this.#issueToken();
    this.#runtime.tokens.add(container.token, container);
    if (container.directory !== undefined) {
      this.#runtime.files.replaceToken(container.directory, container.token);
    }
  }

  /**
   * Cuts this Pod off until `heal()`: its requests are refused, and its watches stay open but silent. A second call
   * does nothing.
   *
   * @throws {Error} after the stop of the cluster
   */
  partition(): void {
    this.#runtime.address();
    if (this.isPartitioned) return;
    const { faults } = this.#runtime;
    this.#partition = [faults.refuse({ client: this }), faults.silenceWatches({ client: this })];
    this.#recordOfProcess({ type: 'processCutOff' });
  }

  /** Ends the partition: requests pass, and its watches deliver the withheld events. */
  heal(): void {
    if (this.isPartitioned) this.#recordOfProcess({ type: 'processReconnected' });
    for (const fault of this.#partition) fault.lift();
    this.#partition = [];
  }

  /** Whether `partition()` is in force. */
  get isPartitioned(): boolean {
    return this.#partition.some((fault) => fault.active);
  }

  #recordOfProcess(
    content:
      | { readonly type: 'processEnded'; readonly how: string; readonly crashed: boolean }
      | { readonly type: 'processCutOff' | 'processReconnected' },
  ): void {
    const { recorder } = this.#runtime;
    const pod = { name: this.name, uid: this.uid };
    recorder.record({ ...content, pod, process: recorder.processOf(pod) });
  }

  #start(): Container {
    const container = new Container(this, this.#issueToken());
    this.#runtime.recorder.noteStart(this);
    this.#runtime.tokens.add(container.token, container);
    return container;
  }

  #issueToken(): string {
    const { namespace, serviceAccountName, name, uid } = this;
    return this.#runtime.server.issueToken({ namespace, serviceAccountName, pod: { name, uid } });
  }

  #runningContainer(): Container {
    this.#runtime.address();
    if (!this.#container.running)
      throw new Error(`the container of ${this.#words} has ended: restartContainer() first`);
    return this.#container;
  }

  #kubeConfigContent({ token }: Container): KubeConfigContent {
    const { server, address } = this.#runtime;
    return { server: address().url, caPem: server.caPem, user: this.name, token, namespace: this.namespace };
  }

  #existing(): ApiObject {
    const { object } = this;
    if (object === undefined) throw new Error(`${this.#words} is gone`);
    return object;
  }

  #deleteOptions(options: DeletePodOptions): object {
    return { apiVersion: 'v1', kind: 'DeleteOptions', ...options, preconditions: { uid: this.uid } };
  }

  async #report(status: object): Promise<void> {
    await this.#administer('PATCH', '/status', { status }, 'application/merge-patch+json');
  }

  async #administer(method: string, subresource: string, body: unknown, contentType?: string): Promise<void> {
    this.#existing();
    const path = `/api/v1/namespaces/${this.namespace}/pods/${this.name}${subresource}`;
    await this.#runtime.administer(method, path, body, contentType);
  }

  get #words(): string {
    return `the Pod ${this.namespace}/${this.name} (uid ${this.uid})`;
  }
}
