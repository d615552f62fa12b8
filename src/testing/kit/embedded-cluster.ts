/**
 * The test kit: a Kubernetes API server in the process of a test, with Pods, faults and a log. This file puts the
 * parts together; embedded-pod.ts has the methods of a Pod, fault-plan.ts the faults.
 */

import { checkKeys, checkNumber, checkWholeNumber } from '../../runtime/argument-check.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { PolicyRule } from '../access/authorization.ts';
import type { Webhook, WebhookOptions } from '../handlers/admission.ts';
import { formatTime } from '../objects/go-time.ts';
import { LEASES, PODS } from '../objects/resources.ts';
import { ApiServer, checkWarmUp, type WarmUpOptions } from '../server/api-server.ts';
import { HttpListener } from '../server/http-listener.ts';
import { kubeConfigText } from '../server/kubeconfig.ts';
import type { TimelineOptions } from '../timeline/timeline-event.ts';
import { EmbeddedPod, type PodSurroundings } from './embedded-pod.ts';
import { Faults } from './faults/fault-plan.ts';
import { IssuedTokens } from './issued-tokens.ts';
import { PodFiles } from './pod-files.ts';
import { KUBE_CONFIG_NAME } from './pod-kube-config.ts';
import { RequestInterceptor } from './request-interceptor.ts';
import { DEFAULT_REQUEST_LOG_LIMIT, RequestLog } from './request-log.ts';
import { TimelineRecorder } from './timeline-recorder.ts';
import { WatchTracker } from './watch-tracker.ts';

/** The namespace of a Pod without the option `namespace`. */
const DEFAULT_NAMESPACE = 'default';
/** The node of a Pod without the option `nodeName`. */
const DEFAULT_NODE_NAME = 'node-1';
/** The labels of a Pod without the option `labels`: electors without the option `lease` compete for the Lease `app`. */
const DEFAULT_POD_LABELS: Readonly<Record<string, string>> = { 'app.kubernetes.io/name': 'app' };
/** How long `until` waits without the option `timeoutMs`, in milliseconds. */
const DEFAULT_UNTIL_TIMEOUT_MS = 10_000;
/** How often `until` checks its condition, in milliseconds. */
const UNTIL_INTERVAL_MS = 5;
const HOST = '127.0.0.1';

/**
 * The permissions that an elector needs: the Role of the README. A service account without `grant` has them (fact 29).
 */
export const ELECTOR_RULES: readonly PolicyRule[] = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
];

/**
 * The options of a LeaseElector that need further permissions. Pass the values that the elector gets; each can be
 * omitted.
 *
 * @example
 * ```ts
 * import { electorRules, type PublishingWishes } from 'lease-elector/testing';
 *
 * const wishes: PublishingWishes = { leaderLabel: 'leader', events: true };
 * console.log(electorRules(wishes).map(({ verbs }) => verbs.join(' ')).slice(2)); // [ 'patch', 'create' ]
 * ```
 */
export interface PublishingWishes {
  /** The label on the leader's Pod: `patch` on pods. @default none */
  readonly leaderLabel?: string | undefined;
  /** The deletion cost on the leader's Pod: `patch` on pods. @default none */
  readonly podDeletionCost?: number | undefined;
  /** Whether Kubernetes Events are written: `create` on events. @default false */
  readonly events?: boolean | undefined;
}

/**
 * The rules of the Role that an elector with these options needs: `ELECTOR_RULES`, and those of the options.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster, electorRules } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * cluster.grant({ rules: electorRules({ leaderLabel: 'leader' }) });
 * await cluster.stop();
 * ```
 */
export function electorRules({ leaderLabel, podDeletionCost, events = false }: PublishingWishes = {}): PolicyRule[] {
  const rules = [...ELECTOR_RULES];
  if (leaderLabel !== undefined || podDeletionCost !== undefined) {
    rules.push({ apiGroups: [''], resources: ['pods'], verbs: ['patch'] });
  }
  if (events) rules.push({ apiGroups: [''], resources: ['events'], verbs: ['create'] });
  return rules;
}

/**
 * The options of a cluster; each can be omitted.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * // The garbage collector deletes a Lease 200 ms after the end of its Pod, as a busy one does.
 * const cluster = await EmbeddedCluster.start({ requestLogLimit: 500, garbageCollectionDelayMs: 200 });
 * await cluster.stop();
 * ```
 */
export interface EmbeddedClusterOptions {
  /** The port of the API server, from 0 to 65535. @default any free port */
  readonly port?: number | undefined;
  /** How many requests the log keeps, from 1 to 10,000,000. The oldest are dropped first. @default 10,000 */
  readonly requestLogLimit?: number | undefined;
  /**
   * How many past writes of each resource are kept for a watch to resume from, from 1 to 10,000,000. A watch from an
   * earlier one is answered 410 (fact 17).
   *
   * @default 10,000
   */
  readonly historyLimit?: number | undefined;
  /**
   * Milliseconds from the end of a Pod until the garbage collector reads its Lease, from 0 to 600,000. A real collector
   * takes 0 to 18 ms, and seconds when it is busy (fact 23).
   *
   * @default 5
   */
  readonly garbageCollectionDelayMs?: number | undefined;
}

/**
 * The options of a Pod. Only the name is required.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const pod = cluster.createPod({
 *   name: 'web-0',
 *   namespace: 'shop',
 *   labels: { app: 'web' },
 *   nodeName: 'node-2',
 *   serviceAccountName: 'web',
 *   gracePeriodSeconds: 5,
 * });
 * console.log(pod.namespace, pod.running); // shop true
 * await cluster.stop();
 * ```
 */
export interface EmbeddedPodOptions {
  /** The name of the Pod. No Pod of this name may exist in the namespace. */
  readonly name: string;
  /** The namespace of the Pod. It is created when it does not exist. @default 'default' */
  readonly namespace?: string | undefined;
  /**
   * The labels of the Pod. Without the option `lease` an elector takes the name of its Lease from them.
   *
   * @default `{ 'app.kubernetes.io/name': 'app' }`
   */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /**
   * The node that the Pod is bound to. `null` for a Pod that no scheduler has bound: it is Pending, and a deletion
   * removes it at once (fact 21).
   *
   * @default 'node-1'
   */
  readonly nodeName?: string | null | undefined;
  /**
   * The service account of the Pod. It has the permissions that an elector needs, unless `grant` or `revoke` has set
   * others.
   *
   * @default 'default'
   */
  readonly serviceAccountName?: string | undefined;
  /**
   * The seconds that a deletion gives the Pod to end. The Pod stays until `confirmTermination()` all the same.
   *
   * @default 30
   */
  readonly gracePeriodSeconds?: number | undefined;
}

/**
 * The permissions of a service account.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * cluster.grant({
 *   rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list', 'watch'] }],
 *   serviceAccountName: 'reader',
 * });
 * await cluster.stop();
 * ```
 */
export interface EmbeddedGrant {
  /** The rules of the Role. They replace all earlier permissions. */
  readonly rules: readonly PolicyRule[];
  /** The namespace of the service account, in which the rules apply. @default 'default' */
  readonly namespace?: string | undefined;
  /** The name of the service account. @default 'default' */
  readonly serviceAccountName?: string | undefined;
}

/**
 * The service account that loses its permissions.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * // As a Deployment that is applied before its Role.
 * cluster.revoke({ keepBinding: true });
 * cluster.createPod({ name: 'web-0' });
 * await cluster.stop();
 * ```
 */
export interface EmbeddedRevocation {
  /** The namespace of the service account. @default 'default' */
  readonly namespace?: string | undefined;
  /** The name of the service account. @default 'default' */
  readonly serviceAccountName?: string | undefined;
  /** The RoleBinding stays, and names a Role that does not exist. @default false */
  readonly keepBinding?: boolean | undefined;
}

/** Stops the garbage collector until `release()` is called. */
export interface GarbageCollectorHold {
  /** Lets the collector continue: it processes everything that is due. A second call does nothing. */
  release(): void;
  /** The same as `release()`, for `using`. */
  [Symbol.dispose](): void;
}

const CLUSTER_KEYS = ['port', 'requestLogLimit', 'historyLimit', 'garbageCollectionDelayMs'];
const RULE_KEYS = ['apiGroups', 'resources', 'resourceNames', 'nonResourceURLs', 'verbs'];
const POD_KEYS = ['name', 'namespace', 'labels', 'nodeName', 'serviceAccountName', 'gracePeriodSeconds'];

/**
 * A Kubernetes API server on a TLS socket of the loopback interface, and the rest of a cluster around it: the garbage
 * collector, and a scheduler and a kubelet that the test controls.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const pod = cluster.createPod({ name: 'web-0' });
 * const elector = new LeaseElector(pod.electorOptions());
 * await elector.start();
 * console.log(elector.isLeader); // true
 * await cluster.stop();
 * ```
 */
export class EmbeddedCluster {
  /** The faults of this cluster; see `Faults`. */
  readonly faults: Faults;
  /** The requests of all clients; see `RequestLog`. */
  readonly requests: RequestLog;
  /** The server behind the faults: `store` reads it, `onWrite` follows it, and `handle` bypasses all faults. */
  readonly server: ApiServer;
  readonly #clock: Clock = systemClock;
  readonly #tokens: IssuedTokens;
  readonly #watches = new WatchTracker();
  readonly #files = new PodFiles();
  readonly #gate: RequestInterceptor;
  readonly #recorder: TimelineRecorder;
  readonly #pods = new Map<string, EmbeddedPod>();
  readonly #granted = new Set<string>();
  #port: number;
  #listener: HttpListener | undefined;
  #releaseCollector: (() => void) | undefined;
  #namespaceCount = 0;
  /** Each stop and restart of the server begins when the previous one has ended. */
  #serverTurn: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  private constructor(options: EmbeddedClusterOptions) {
    const { port = 0, requestLogLimit = DEFAULT_REQUEST_LOG_LIMIT, ...rest } = options;
    this.#port = port;
    this.server = new ApiServer(rest);
    this.#recorder = new TimelineRecorder(this.server, this.#clock);
    this.#tokens = new IssuedTokens(this.server.adminToken);
    this.faults = new Faults(this.#clock, this.#watches);
    this.requests = new RequestLog(requestLogLimit);
    this.#gate = new RequestInterceptor({
      server: this.server,
      clock: this.#clock,
      tokens: this.#tokens,
      faults: this.faults,
      watches: this.#watches,
      log: this.requests,
    });
  }

  /**
   * Starts a cluster. It takes some milliseconds, so each test can have its own.
   *
   * @throws {TypeError | RangeError} for an invalid option; rejects when the port is taken
   */
  static async start(options: EmbeddedClusterOptions = {}): Promise<EmbeddedCluster> {
    checkKeys('EmbeddedCluster.start', options, CLUSTER_KEYS);
    const { port = 0, requestLogLimit = 1, historyLimit = 1, garbageCollectionDelayMs = 0 } = options;
    checkWholeNumber('EmbeddedCluster.start, port,', port, 0, 65_535);
    checkWholeNumber('EmbeddedCluster.start, requestLogLimit,', requestLogLimit, 1, 10_000_000);
    checkWholeNumber('EmbeddedCluster.start, historyLimit,', historyLimit, 1, 10_000_000);
    checkNumber('EmbeddedCluster.start, garbageCollectionDelayMs,', garbageCollectionDelayMs, 0, 600_000);
    const cluster = new EmbeddedCluster(options);
    try {
      await cluster.#listen();
    } catch (error) {
      cluster.#recorder.close();
      throw error;
    }
    return cluster;
  }

  /** The address of the API server, such as `https://127.0.0.1:40123`. @throws {Error} after stop() */
  get url(): string {
    this.#check('url');
    return `https://${HOST}:${this.#port}`;
  }

  /** A kubeconfig of the administrator, as text, for kubectl or a file. @throws {Error} after stop() */
  kubeconfig(): string {
    const { adminToken: token, caPem } = this.server;
    const content = { server: this.url, caPem, user: 'admin', token, namespace: DEFAULT_NAMESPACE };
    return kubeConfigText(KUBE_CONFIG_NAME, content);
  }

  /**
   * Creates the namespace unless it exists, and returns its name. Without a name it creates a new namespace, so that
   * tests that share a cluster do not affect each other.
   *
   * @throws {Error} after `stop()`, or for an invalid name
   */
  namespace(name?: string): string {
    this.#check('namespace');
    this.#namespaceCount += name === undefined ? 1 : 0;
    const chosen = name ?? `test-${this.#namespaceCount}`;
    this.server.createNamespace(chosen);
    return chosen;
  }

  /**
   * Sets the permissions of a service account, instead of the default ones (`ELECTOR_RULES`).
   *
   * @throws {TypeError} for an unknown option or an unknown key of a rule; {Error} after `stop()`
   */
  grant(grant: EmbeddedGrant): void {
    this.#check('grant');
    checkKeys('grant', grant, ['rules', 'namespace', 'serviceAccountName']);
    const { rules, namespace = DEFAULT_NAMESPACE, serviceAccountName = 'default' } = grant;
    for (const rule of rules) checkKeys('grant, rules,', rule, RULE_KEYS);
    this.namespace(namespace);
    this.#granted.add(`${namespace}/${serviceAccountName}`);
    this.server.grant({ namespace, serviceAccountName, rules });
  }

  /**
   * Removes all permissions of a service account, including the default ones, until the next `grant`. A `revoke` before
   * the first Pod makes a cluster whose Role is created late.
   *
   * @throws {TypeError} for an unknown option; {Error} after `stop()`
   */
  revoke(revocation: EmbeddedRevocation = {}): void {
    this.#check('revoke');
    checkKeys('revoke', revocation, ['namespace', 'serviceAccountName', 'keepBinding']);
    const { namespace = DEFAULT_NAMESPACE, serviceAccountName = 'default', keepBinding = false } = revocation;
    const account = { namespace, serviceAccountName };
    this.grant({ ...account, rules: [] });
    this.server.revoke({ ...account, keepBinding });
  }

  /**
   * Creates a Pod whose container runs.
   *
   * @throws {TypeError} for an invalid option; {Error} for a Pod that exists already, or for an invalid name
   */
  createPod(options: EmbeddedPodOptions): EmbeddedPod {
    this.#check('createPod');
    checkKeys('createPod', options, POD_KEYS);
    if (typeof options.name !== 'string') throw new TypeError('createPod needs a name');
    if (options.gracePeriodSeconds !== undefined) {
      checkWholeNumber('createPod, gracePeriodSeconds,', options.gracePeriodSeconds, 0, Number.MAX_SAFE_INTEGER);
    }
    this.#checkServed('createPod');
    const { name, namespace = DEFAULT_NAMESPACE, labels = DEFAULT_POD_LABELS, gracePeriodSeconds } = options;
    const { nodeName = DEFAULT_NODE_NAME, serviceAccountName = 'default' } = options;
    this.namespace(namespace);
    if (this.server.store.get(PODS, namespace, name) !== undefined) {
      throw new Error(`createPod: the Pod ${namespace}/${name} exists already`);
    }
    if (!this.#granted.has(`${namespace}/${serviceAccountName}`)) {
      this.grant({ namespace, serviceAccountName, rules: ELECTOR_RULES });
    }
    const { uid } = this.server.createPod({
      name,
      namespace,
      labels,
      serviceAccountName,
      ...(nodeName === null ? {} : { nodeName }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    });
    const description = { name, namespace, uid, serviceAccountName, nodeName: nodeName ?? undefined };
    const pod = new EmbeddedPod(description, this.#podSurroundings());
    this.#pods.set(uid, pod);
    return pod;
  }

  /** The Pods that exist, in the order of their creation. */
  get pods(): readonly EmbeddedPod[] {
    return [...this.#pods.values()].filter((pod) => pod.exists);
  }

  /**
   * The Pod that owns the Lease, even if it no longer exists; undefined without such a Lease.
   *
   * @param lease @default 'app'
   * @param namespace @default 'default'
   */
  leader(lease = 'app', namespace: string = DEFAULT_NAMESPACE): EmbeddedPod | undefined {
    const owner = this.server.store.get(LEASES, namespace, lease)?.metadata.ownerReferences?.[0];
    return owner === undefined ? undefined : this.#pods.get(owner.uid);
  }

  /**
   * The timeline of the events so far, as a page for a browser: a lane for each Pod and each Lease, with terms, fencing
   * tokens, deletions, crashes and outages. It needs no network; write it to a file when a test fails.
   *
   * The page shows the writes that the server carried out. Terms come from the electors of this process, and for other
   * processes from the owner of the Lease. It also works after `stop()`, and shows the latest 20,000 events.
   *
   * ```ts
   * import { writeFileSync } from 'node:fs';
   * import { LeaseElector } from 'lease-elector';
   * import { EmbeddedCluster } from 'lease-elector/testing';
   *
   * const cluster = await EmbeddedCluster.start();
   * const pod = cluster.createPod({ name: 'web-0' });
   * const elector = new LeaseElector(pod.electorOptions());
   * await elector.start();
   * await cluster.stop();
   * writeFileSync('timeline.html', cluster.timeline({ title: 'web-0 leads' }));
   * ```
   *
   * @param options `title` and `summary`: the heading and a sentence below it
   * @throws {TypeError} for an unknown option
   */
  timeline(options: Pick<TimelineOptions, 'title' | 'summary'> = {}): string {
    checkKeys('timeline', options, ['title', 'summary']);
    return this.#recorder.page(options);
  }

  /**
   * Waits until the condition holds. It checks the condition every few milliseconds. Use it for conditions without an
   * event.
   *
   * @param options `timeoutMs`: the longest wait, in milliseconds. @default 10000
   * @throws {Error} after that time, or when the cluster was stopped; the message names the condition
   */
  async until(condition: () => boolean, options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    checkKeys('until', options, ['timeoutMs']);
    const { timeoutMs = DEFAULT_UNTIL_TIMEOUT_MS } = options;
    const endMs = this.#clock.nowMs() + timeoutMs;
    for (;;) {
      this.#check('until');
      if (condition()) return;
      if (this.#clock.nowMs() >= endMs)
        throw new Error(`the condition did not hold within ${timeoutMs} ms: ${condition}`);
      await new Promise<void>((resolve) => {
        this.#clock.setTimer(UNTIL_INTERVAL_MS, resolve);
      });
    }
  }

  /**
   * Adds an admission webhook, which denies writes or changes them, until it is removed. It does not apply to the garbage
   * collector, nor to the methods of Pods such as `pod.delete()`, which write as an administrator.
   *
   * ```ts
   * import { EmbeddedCluster } from 'lease-elector/testing';
   *
   * const cluster = await EmbeddedCluster.start();
   * const policy = cluster.addWebhook({
   *   name: 'policy.example.com',
   *   verbs: ['update', 'delete'],
   *   resource: 'leases',
   *   deny: { code: 403, message: 'Leases are frozen' },
   * });
   * policy.remove();
   * cluster.addWebhook({
   *   name: 'owners.example.com',
   *   resource: 'leases',
   *   mutate: ({ metadata: { ownerReferences, ...metadata }, ...lease }) => ({ ...lease, metadata }),
   * });
   * await cluster.stop();
   * ```
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  addWebhook(options: WebhookOptions): Webhook {
    this.#check('addWebhook');
    return this.server.addWebhook(options);
  }

  /**
   * Drops all past writes: a watch that resumes from an earlier version is answered 410, and has to list again (fact
   * 17).
   *
   * @throws {Error} after `stop()`
   */
  compactHistory(): void {
    this.#check('compactHistory');
    this.server.compactHistory();
  }

  /**
   * Stops the garbage collector until the returned hold is released: Leases stay although their Pods are gone.
   *
   * @throws {Error} after `stop()`
   */
  holdGarbageCollector(): GarbageCollectorHold {
    this.#check('holdGarbageCollector');
    const release = this.server.holdGarbageCollector();
    return { release, [Symbol.dispose]: release };
  }

  /** Stops the API server: its connections break, and no client can reach it. Its data stays. A second call does nothing. */
  async stopServer(): Promise<void> {
    await this.#inTurn('stopServer', () => this.#stopServer());
  }

  /**
   * Stops the API server, unless it is stopped, and starts it again: same port, same data, same revisions. A real
   * server answers 403 and 401 for a short time after its start, until its caches of roles and Pods are filled.
   *
   * @param options `rbacAfterMs`, `tokensAfterMs`: the length of that time, from the moment at which the server
   * listens. @default 0
   * @throws {TypeError | RangeError} rejects for an invalid option
   */
  async restartServer(options: WarmUpOptions = {}): Promise<void> {
    checkWarmUp('restartServer', options);
    await this.#inTurn('restartServer', async () => {
      await this.#stopServer();
      this.#check('restartServer');
      await this.#listen();
      // The server reads no request before this turn of the event loop ends.
      this.server.warmUp(options);
      this.#recorder.record({ type: 'outageEnded' });
      this.#releaseCollector?.();
      this.#releaseCollector = undefined;
    });
  }

  #inTurn(what: string, action: () => Promise<void>): Promise<void> {
    this.#check(what);
    const turn = this.#serverTurn.then(action);
    this.#serverTurn = turn.catch(() => {});
    return turn;
  }

  async #stopServer(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener === undefined) return;
    this.#recorder.record({ type: 'outageBegan', what: 'goes down' });
    // The collector reaches the objects only through the server.
    this.#releaseCollector = this.server.holdGarbageCollector();
    this.#gate.breakConnections();
    await listener.close();
  }

  /**
   * Ends everything. The electors with `electorOptions()` are stopped, the connections break, the files are removed, and
   * nothing keeps the process alive. Further calls return the same promise.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    // The following events belong to the end of the test, and not to the cluster.
    this.#recorder.close();
    for (const pod of this.#pods.values()) pod.crash();
    this.faults.liftAll();
    this.#gate.breakConnections();
    this.requests.close();
    const listener = this.#listener;
    this.#listener = undefined;
    await Promise.all([listener?.close(), this.server.stop(), this.#serverTurn]);
    this.#files.remove();
  }

  async #listen(): Promise<void> {
    const listener = new HttpListener((request, connection) => this.#gate.handle(request, connection), true);
    this.#port = await listener.listen(this.#port, HOST);
    if (this.#stopped !== undefined) {
      // stop() was called in the meantime, and could not close this listener.
      await listener.close();
      this.#check('restartServer');
    }
    this.#listener = listener;
  }

  #podSurroundings(): PodSurroundings {
    return {
      server: this.server,
      tokens: this.#tokens,
      files: this.#files,
      faults: this.faults,
      watches: this.#watches,
      log: this.requests,
      recorder: this.#recorder,
      address: () => ({ host: HOST, port: this.#port, url: this.url }),
      now: () => formatTime(this.#clock.wallMs()),
      administer: (method, path, body, contentType) => this.#administer(method, path, body, contentType),
    };
  }

  async #administer(method: string, path: string, body: unknown, contentType = 'application/json'): Promise<void> {
    this.#checkServed(`${method} ${path}`);
    const answer = await this.server.handle({
      method,
      path,
      headers: { authorization: `Bearer ${this.server.adminToken}`, 'content-type': contentType },
      body: JSON.stringify(body),
    });
    if (answer.status < 300) return;
    const { message } = JSON.parse(answer.body ?? '{}') as { readonly message?: string };
    throw new Error(`${method} ${path} was answered ${answer.status}: ${message}`);
  }

  #check(what: string): void {
    if (this.#stopped !== undefined) throw new Error(`${what}: the cluster was stopped`);
  }

  #checkServed(what: string): void {
    this.#check(what);
    if (this.#listener !== undefined) return;
    throw new Error(
      `${what}: the API server is down, so the test kit cannot reach it. Call restartServer(), or use pod.partition() to cut off one Pod`,
    );
  }
}
