/**
 * The embedded Kubernetes API server: authentication, authorization, routing, and the actions of a control
 * plane that no HTTP client can perform. The rules are in the files that it puts together.
 */

import { checkKeys, checkNumber } from '../../runtime/argument-check.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { type Random, randomUuid, systemRandom } from '../../runtime/random.ts';
import { ANONYMOUS, Authenticator, type UserInfo } from '../access/authentication.ts';
import { Authorizer } from '../access/authorization.ts';
import { TEST_CA_CERTIFICATE } from '../access/test-certificate.ts';
import {
  ControlPlane,
  type CreatePodOptions,
  type GrantOptions,
  type IssueTokenOptions,
  type PodIdentity,
  type RevokeOptions,
} from '../controllers/control-plane.ts';
import {
  DEFAULT_GARBAGE_COLLECTION_DELAY_MS,
  DEFAULT_GARBAGE_COLLECTION_STEP_MS,
  GarbageCollector,
} from '../controllers/garbage-collector.ts';
import { NamespaceLifecycle } from '../controllers/namespace-lifecycle.ts';
import { Admission, type Webhook, type WebhookOptions } from '../handlers/admission.ts';
import {
  type ApiRequest,
  type ApiResponse,
  errorResponse,
  jsonResponse,
  type RequestContext,
  textResponse,
} from '../handlers/api-request.ts';
import { discover, isKnownGroup } from '../handlers/discovery.ts';
import { ReadRequests } from '../handlers/read.ts';
import { Reviews } from '../handlers/reviews.ts';
import { isWellFormedPath, parseRequest, type RequestInfo } from '../handlers/routes.ts';
import { WriteRequests } from '../handlers/write.ts';
import type { ApiObject } from '../objects/api-object.ts';
import { apiVersionOf, kindOfResource, REVIEW_KINDS, type ResourceKind } from '../objects/resources.ts';
import { methodNotAllowed, noSuchResource, StatusError } from '../objects/status.ts';
import { Registry } from '../storage/registry.ts';
import { Store, type StoreReader } from '../storage/store.ts';
import {
  DEFAULT_HISTORY_AGE_MS,
  DEFAULT_HISTORY_LIMIT,
  type WriteEvent,
  type WriteType,
} from '../storage/watch-history.ts';
import { ConnectionResetError, type Fault, type FaultHook, faultStatus } from './faults.ts';
import { HttpListener, type ListenOptions } from './http-listener.ts';
import { kubeConfigText } from './kubeconfig.ts';

/** One answered request, as `ApiServerOptions.onRequest` receives it. */
export interface RequestLogEntry {
  /** The name of the user; `system:anonymous` for a request without a valid token. */
  readonly user: string;
  /** The verb as RBAC names it, such as `watch`; for a path without a resource the HTTP method in lower case. */
  readonly verb: string;
  /** The resource in the plural, such as `leases`; empty for a path without a resource. */
  readonly resource: string;
  /** The namespace; empty for a request without one. */
  readonly namespace: string;
  /** The name of the object; empty for a request about several objects, and for a create. */
  readonly name: string;
  /** The HTTP status; 0 when the connection was reset instead. */
  readonly status: number;
}

/**
 * The options of an `ApiServer`; each can be omitted.
 *
 * @example
 * ```ts
 * import { ApiServer } from 'lease-elector/testing';
 *
 * const statuses: number[] = [];
 * const server = new ApiServer({
 *   adminToken: 'secret',
 *   historyLimit: 100,
 *   faults: ({ verb }) => (verb === 'delete' ? { status: 503 } : undefined),
 *   onRequest: ({ status }) => statuses.push(status),
 * });
 * await server.handle({
 *   method: 'DELETE',
 *   path: '/api/v1/namespaces/default/pods/web-0',
 *   headers: { authorization: 'Bearer secret' },
 * });
 * console.log(statuses); // [ 503 ]
 * ```
 */
export interface ApiServerOptions {
  /** The time of the server, and its timers. @default the system's clock */
  readonly clock?: Clock | undefined;
  /** The source of uids, generated names and time-outs. @default random numbers that cannot be repeated */
  readonly random?: Random | undefined;
  /** Milliseconds from the end of an owner to the collector's first read. @default 5 */
  readonly garbageCollectionDelayMs?: number | (() => number) | undefined;
  /** Milliseconds between one request of the collector and the next. @default 1 */
  readonly garbageCollectionStepMs?: number | (() => number) | undefined;
  /**
   * `'rbac'`: the Roles and ClusterRoles in the store decide. `'always-allow'`: every request is allowed, except one
   * with an invalid token.
   *
   * @default 'rbac'
   */
  readonly authorization?: 'rbac' | 'always-allow' | undefined;
  /** The token of the user `admin`, in the group system:masters. @default a random one */
  readonly adminToken?: string | undefined;
  /**
   * How many past writes of each resource are kept for a watch to resume from. A watch from an earlier one is answered
   * 410 (fact 17).
   *
   * @default 10,000
   */
  readonly historyLimit?: number | undefined;
  /** How many milliseconds a past write is kept for a watch to resume from. @default 300,000 */
  readonly historyAgeMs?: number | undefined;
  /** Decides the fault of each request. It must not throw. @default no faults */
  readonly faults?: FaultHook | undefined;
  /** Called after every request, even after one without a valid token. It must not throw. @default none */
  readonly onRequest?: ((entry: RequestLogEntry) => void) | undefined;
}

/** The address at which a started server listens. */
export interface ApiServerAddress {
  /** The address as a URL, such as `https://127.0.0.1:40123`. */
  readonly url: string;
  /** The host, as it was passed to `start`. */
  readonly host: string;
  /** The port at which it listens. It is never 0. */
  readonly port: number;
  /** The certificate of the authority that a client must trust, in PEM. */
  readonly caPem: string;
}

/** A committed write, as a listener of `ApiServer.onWrite` receives it. */
export interface ObservedWrite {
  /** The effect of the write on the object. */
  readonly type: WriteType;
  /** The resource in the plural, such as `leases`. */
  readonly resource: string;
  /**
   * The object after the write. After a deletion it is the last content of the object, with the resourceVersion of the
   * deletion (fact 12).
   */
  readonly object: ApiObject;
  /** The `metadata.resourceVersion` of `object`. It grows from write to write, over all resources (fact 13). */
  readonly resourceVersion: string;
}

/**
 * How long a server that has just started lacks its caches.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * // For the first 50 ms no Role is found: each request of a Pod is answered 403.
 * await cluster.restartServer({ rbacAfterMs: 50 });
 * await cluster.stop();
 * ```
 */
export interface WarmUpOptions {
  /** Milliseconds during which no Role is found: 403 for all users outside of `system:masters`. @default 0 */
  readonly rbacAfterMs?: number | undefined;
  /** Milliseconds during which no Pod is found: 401 for every token that is bound to a Pod. @default 0 */
  readonly tokensAfterMs?: number | undefined;
}

/** The longest warm-up, in milliseconds: a test that waits for minutes is a mistake. */
const LONGEST_WARM_UP_MS = 600_000;

/** Checks the options of a warm-up. @throws {TypeError | RangeError} */
export function checkWarmUp(what: string, options: WarmUpOptions): void {
  checkKeys(what, options, ['rbacAfterMs', 'tokensAfterMs']);
  for (const [key, ms] of Object.entries(options)) {
    if (ms !== undefined) checkNumber(`${what}, ${key},`, ms, 0, LONGEST_WARM_UP_MS);
  }
}

/** The numbers of things that a server keeps, for tests that search for leaks. */
export interface ServerStatistics {
  /** The objects of all resources. */
  readonly objects: number;
  /** Past writes that a watch could resume from. */
  readonly history: number;
  /** The open watches. */
  readonly watches: number;
  /** Uids that objects name as owners. */
  readonly owners: number;
  /** Pending steps of the garbage collector. */
  readonly collections: number;
  /** Verified tokens in the cache. */
  readonly verifiedTokens: number;
}

function milliseconds(option: number | (() => number) | undefined, otherwise: number): () => number {
  if (typeof option === 'function') return option;
  return () => option ?? otherwise;
}

/** Go's answer for a path without a handler. */
const PAGE_NOT_FOUND = textResponse(404, '404 page not found\n');
/** Go's answer to a request that it cannot parse. */
const MALFORMED_PATH: ApiResponse = { ...textResponse(400, '400 Bad Request'), closes: 'announced' };

/** Subresources that are actions: they can only be created, and are answered at once. */
const SUBRESOURCE_REQUESTS: Readonly<Record<string, 'requestToken' | 'evict' | 'bind' | undefined>> = {
  token: 'requestToken',
  eviction: 'evict',
  binding: 'bind',
};

/**
 * A Kubernetes API server in this process, over a socket or without one. It has the control plane that no HTTP client
 * can reach: Pods are created as if they ran, tokens are issued, the garbage collector collects. `EmbeddedCluster` adds
 * faults, a request log and the credentials of Pods to it.
 *
 * Its answers are compared with recordings of a real kube-apiserver.
 *
 * @example
 * ```ts
 * import { ApiServer } from 'lease-elector/testing';
 *
 * const server = new ApiServer();
 * const { url } = await server.start();
 * server.createPod({ namespace: 'default', name: 'web-0', nodeName: 'node-1' });
 * const { status } = await server.handle({
 *   method: 'GET',
 *   path: '/api/v1/namespaces/default/pods/web-0',
 *   headers: { authorization: `Bearer ${server.adminToken}` },
 * });
 * console.log(url.startsWith('https://127.0.0.1:'), status); // true 200
 * await server.stop();
 * ```
 */
export class ApiServer {
  /** The token of the user `admin`, who is in the group system:masters and is permitted to do everything. */
  readonly adminToken: string;
  /**
   * The certificate of the authority that a client must trust, in PEM. It is the same for every server, and for tests
   * only.
   */
  readonly caPem: string = TEST_CA_CERTIFICATE;
  readonly #clock: Clock;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #authenticator: Authenticator;
  readonly #authorizer: Authorizer;
  readonly #admission = new Admission();
  readonly #reads: ReadRequests;
  readonly #writes: WriteRequests;
  readonly #reviews: Reviews;
  readonly #garbageCollector: GarbageCollector;
  readonly #namespaces: NamespaceLifecycle;
  readonly #controlPlane: ControlPlane;
  readonly #faults: FaultHook | undefined;
  readonly #onRequest: ((entry: RequestLogEntry) => void) | undefined;
  #listener: HttpListener | undefined;
  #address: ApiServerAddress | undefined;

  constructor(options: ApiServerOptions = {}) {
    const random = options.random ?? systemRandom;
    this.#clock = options.clock ?? systemClock;
    this.adminToken = options.adminToken ?? randomUuid(random);
    this.#store = new Store({
      limit: options.historyLimit ?? DEFAULT_HISTORY_LIMIT,
      ageMs: options.historyAgeMs ?? DEFAULT_HISTORY_AGE_MS,
      nowMs: () => this.#clock.nowMs(),
    });
    this.#registry = new Registry(this.#store, this.#clock, random);
    this.#authenticator = new Authenticator(this.#store, this.#clock, random, this.adminToken);
    this.#authorizer = new Authorizer(this.#store, this.#clock, options.authorization ?? 'rbac');
    this.#reads = new ReadRequests(this.#store, this.#registry, this.#clock, random);
    this.#writes = new WriteRequests(this.#reads, this.#registry, this.#authorizer, this.#admission, this.#clock);
    this.#reviews = new Reviews(this.#registry, this.#authenticator, this.#authorizer, this.#clock);
    this.#garbageCollector = new GarbageCollector(this.#store, this.#registry, this.#clock, {
      delayMs: milliseconds(options.garbageCollectionDelayMs, DEFAULT_GARBAGE_COLLECTION_DELAY_MS),
      stepMs: milliseconds(options.garbageCollectionStepMs, DEFAULT_GARBAGE_COLLECTION_STEP_MS),
    });
    this.#namespaces = new NamespaceLifecycle(this.#store, this.#registry);
    this.#controlPlane = new ControlPlane(this.#store, this.#registry, this.#authenticator);
    this.#faults = options.faults;
    this.#onRequest = options.onRequest;
    for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system']) this.createNamespace(name);
  }

  /** Read access to all objects, without authorization. */
  get store(): StoreReader {
    return this.#store;
  }

  /** The numbers of things that the server keeps, for tests that search for leaks. */
  stats(): ServerStatistics {
    return {
      ...this.#store.count(),
      watches: this.#reads.watches.size,
      owners: this.#garbageCollector.ownerCount,
      collections: this.#garbageCollector.pendingCount,
      verifiedTokens: this.#authenticator.verifiedCount,
    };
  }

  /** Answers a request, without a socket. Rejects only when a fault resets the connection. */
  handle(request: ApiRequest): Promise<ApiResponse> {
    const [path = '/', ...queryParts] = request.path.split('?');
    if (!isWellFormedPath(path)) return Promise.resolve(MALFORMED_PATH);
    const query = new URLSearchParams(queryParts.join('?'));
    const info = parseRequest(request.method, path, query);
    let user = ANONYMOUS;
    try {
      user = this.#authenticator.authenticate(request.headers['authorization']);
    } catch (error) {
      return this.#finish(info, user, failure(error));
    }
    const context = { request, info, query, user };
    const { verb, resource, name } = info;
    const fault = this.#faults?.({ user: user.username, verb, resource, namespace: info.namespace ?? '', name });
    if (fault !== undefined) return this.#handleWithFault(context, fault);
    return this.#carryOut(context);
  }

  async #handleWithFault(context: RequestContext, fault: Fault): Promise<ApiResponse> {
    const { info, user } = context;
    if (fault.delayMs !== undefined) await this.#delay(fault.delayMs);
    if (fault.refuse === true) return this.#reset(info, user);
    if (fault.status !== undefined) return this.#finish(info, user, errorResponse(faultStatus(fault.status)));
    const response = await this.#carryOut(context);
    if (fault.dropAnswer !== true) return response;
    response.stream?.close();
    throw new ConnectionResetError();
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(ms, resolve, { background: true });
    });
  }

  #reset(info: RequestInfo, user: UserInfo): never {
    this.#log(info, user, 0);
    throw new ConnectionResetError();
  }

  #carryOut(context: RequestContext): Promise<ApiResponse> {
    const { info, user } = context;
    let response: ApiResponse | Promise<ApiResponse>;
    try {
      response = this.#dispatch(context);
    } catch (error) {
      return this.#finish(info, user, failure(error));
    }
    if (!(response instanceof Promise)) return this.#finish(info, user, response);
    return response.then(
      (answer) => this.#finish(info, user, answer),
      (error: unknown) => this.#finish(info, user, failure(error)),
    );
  }

  #finish(info: RequestInfo, user: UserInfo, response: ApiResponse): Promise<ApiResponse> {
    this.#log(info, user, response.status);
    return Promise.resolve(response);
  }

  #log(info: RequestInfo, user: UserInfo, status: number): void {
    if (this.#onRequest === undefined) return;
    const { verb, resource, name, namespace = '' } = info;
    this.#onRequest({ user: user.username, verb, resource, namespace, name, status });
  }

  #dispatch(context: RequestContext): ApiResponse | Promise<ApiResponse> {
    const { info, request, query, user } = context;
    this.#authorizer.check(user, info);
    if (!info.isResource) {
      return discover(request.method, info.path, query, request.headers['accept'] ?? '') ?? PAGE_NOT_FOUND;
    }
    // A real server has no handler for a group that it does not know.
    if (!isKnownGroup(info.group)) return PAGE_NOT_FOUND;
    const apiVersion = apiVersionOf(info);
    const review = REVIEW_KINDS.find((kind) => apiVersionOf(kind) === apiVersion && kind.resource === info.resource);
    if (review !== undefined) {
      if (request.method !== 'POST' || info.name !== '') throw methodNotAllowed();
      return this.#reviews.review(review, context);
    }
    const kind = kindOfResource(apiVersion, info.resource);
    if (kind === undefined || info.tooDeep) throw noSuchResource();
    if (info.subresource !== '' && !kind.subresources.includes(info.subresource)) throw noSuchResource();
    if (!kind.namespaced && info.namespace !== undefined && kind.resource !== 'namespaces') throw noSuchResource();
    return this.#resourceRequest(context, kind);
  }

  #resourceRequest(context: RequestContext, kind: ResourceKind): ApiResponse | Promise<ApiResponse> {
    const { info, request } = context;
    const target = { ...context, kind, namespace: kind.namespaced ? (info.namespace ?? '') : '' };
    const isObject = info.subresource !== '' || (info.name !== '' && !['list', 'deletecollection'].includes(info.verb));
    const everywhere = kind.namespaced && info.namespace === undefined;
    if (info.verb === 'watch') return this.#reads.watch(target);
    if (info.verb === 'list') return this.#reads.list(target);
    if (everywhere) throw methodNotAllowed();
    const special = SUBRESOURCE_REQUESTS[info.subresource];
    if (special !== undefined) {
      if (request.method !== 'POST') throw methodNotAllowed();
      return this.#reviews[special](target);
    }
    if (request.method === 'GET' && isObject) return this.#reads.get(target);
    if (request.method === 'PUT' && isObject) return this.#writes.replace(target);
    if (request.method === 'PATCH' && isObject) return this.#writes.patch(target);
    if (request.method === 'DELETE' && isObject && info.subresource === '') return this.#writes.delete(target);
    if (request.method === 'POST' && !isObject) return this.#writes.create(target);
    if (info.verb === 'deletecollection' && kind.verbs.includes('deletecollection')) {
      return this.#writes.deleteCollection(target);
    }
    throw methodNotAllowed();
  }

  /**
   * Starts listening, on loopback unless another host is given. Requests without a socket (`handle`) also work before
   * that.
   *
   * @throws {Error} rejects when it was started already, or when the address cannot be used (`EADDRINUSE`, for example)
   */
  async start(options: ListenOptions = {}): Promise<ApiServerAddress> {
    if (this.#listener !== undefined) throw new Error('the server was started already');
    const { port = 0, host = '127.0.0.1', tls = true } = options;
    const listener = new HttpListener((request) => this.handle(request), tls);
    this.#listener = listener;
    const actualPort = await listener.listen(port, host);
    const urlHost = host.includes(':') ? `[${host}]` : host;
    const url = `${tls ? 'https' : 'http'}://${urlHost}:${actualPort}`;
    this.#address = { url, host, port: actualPort, caPem: this.caPem };
    return this.#address;
  }

  /** Ends all watches cleanly, stops collecting and stops listening. The objects stay. */
  async stop(): Promise<void> {
    for (const watch of [...this.#reads.watches]) watch.end();
    this.#garbageCollector.stop();
    this.#namespaces.stop();
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.close();
  }

  /**
   * A kubeconfig for the user `admin`, in JSON, which is also YAML. @param namespace that of its context
   *
   * @throws {Error} before `start()`
   */
  kubeconfig(namespace: string = 'default'): string {
    if (this.#address === undefined) throw new Error('the server has no address before start()');
    const { adminToken: token, caPem } = this;
    const content = { server: this.#address.url, caPem, user: 'admin', token, namespace };
    return kubeConfigText('lease-elector', content);
  }

  /** Creates a namespace with its service account `default`. Does nothing when it exists. */
  createNamespace(name: string): void {
    this.#namespaces.create(name);
  }

  /**
   * Creates a Pod. With a `nodeName` it runs, as if a scheduler had bound it and a kubelet had started it.
   *
   * @throws {Error} for a Pod that exists already, for a namespace that does not exist, or for an invalid name
   */
  createPod(options: CreatePodOptions): PodIdentity {
    return this.#controlPlane.createPod(options);
  }

  /**
   * Ends the graceful deletion of a Pod, as the kubelet does when its containers are gone: the Pod object is removed
   * (fact 21).
   *
   * @throws {Error} when the Pod does not exist, or is not being deleted
   */
  confirmPodTermination(namespace: string, name: string): void {
    this.#controlPlane.confirmPodTermination(namespace, name);
  }

  /** Issues a token, as for a kubelet that mounts it into a Pod. The service account is created unless it exists. */
  issueToken(options: IssueTokenOptions): string {
    return this.#controlPlane.issueToken(options);
  }

  /** Grants a service account permissions in its namespace: writes a Role and a RoleBinding with its name. */
  grant(options: GrantOptions): void {
    this.#controlPlane.grant(options);
  }

  /**
   * Removes what `grant` has written: the Role and the RoleBinding, or the Role alone. A later `grant` then acts as a
   * Role that is created after the Pods that need it.
   */
  revoke(options: RevokeOptions): void {
    this.#controlPlane.revoke(options);
  }

  /**
   * Answers from now on as a server that has just started. Its cache of verified tokens is empty. For `rbacAfterMs` it
   * finds no Role and answers 403, `RBAC: role.rbac.authorization.k8s.io "name" not found`. For `tokensAfterMs` it finds
   * no Pod and answers 401 to tokens that are bound to a Pod. Each call replaces the window of the previous one. Objects,
   * revisions and open watches stay: `cutWatches()` breaks the watches.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  warmUp(options: WarmUpOptions = {}): void {
    checkWarmUp('warmUp', options);
    this.#authorizer.warmUp(options.rbacAfterMs ?? 0);
    this.#authenticator.warmUp(options.tokensAfterMs ?? 0);
  }

  /**
   * Adds an admission webhook. It changes or denies the writes of clients before they are stored. It does not apply to the
   * writes of the garbage collector and of the methods of this class.
   *
   * @throws {TypeError | RangeError} for an invalid option
   */
  addWebhook(options: WebhookOptions): Webhook {
    return this.#admission.add(options);
  }

  /**
   * Cuts all open watches without a clean end, as a broken connection does. Returns their number. For the watches of one
   * client or resource, use `faults.cutWatches()` of an `EmbeddedCluster`.
   */
  cutWatches(): number {
    const open = [...this.#reads.watches];
    for (const watch of open) watch.end(new ConnectionResetError());
    return open.length;
  }

  /** Drops all past writes: a watch that resumes from an earlier version is answered 410. */
  compactHistory(): void {
    this.#store.compact();
  }

  /** Stops the garbage collector until the returned function is called; the collector then processes everything that is due. */
  holdGarbageCollector(): () => void {
    return this.#garbageCollector.hold();
  }

  /** Calls back after every committed write, in the order of revisions; must not throw. Returns the function that ends this. */
  onWrite(listener: (write: ObservedWrite) => void): () => void {
    return this.#store.onWrite(({ type, kind, object }: WriteEvent) =>
      listener({ type, resource: kind.resource, object, resourceVersion: object.metadata.resourceVersion }),
    );
  }
}

function failure(error: unknown): ApiResponse {
  if (error instanceof StatusError) return errorResponse(error);
  // A bug of this server: the message contains the stack, so that a test need not guess.
  const message = `Internal error occurred: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  return jsonResponse(500, JSON.stringify(new StatusError(500, 'InternalError', message).body));
}
