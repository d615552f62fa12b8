/**
 * The actions of a cluster that no HTTP client can perform: creates Pods as if they ran, ends them, issues
 * tokens. All writes follow the same rules as over HTTP.
 */

import type { Authenticator } from '../access/authentication.ts';
import type { PolicyRule } from '../access/authorization.ts';
import { withCondition } from '../kinds/pod-strategy.ts';
import type { ApiObject } from '../objects/api-object.ts';
import { apiVersionOf, PODS, type ResourceKind, ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS } from '../objects/resources.ts';
import type { Registry } from '../storage/registry.ts';
import type { StoreReader } from '../storage/store.ts';

/**
 * The fields of a Pod that `ApiServer.createPod` creates.
 *
 * @example
 * ```ts
 * import { ApiServer } from 'lease-elector/testing';
 *
 * const server = new ApiServer();
 * const bound = server.createPod({ namespace: 'default', name: 'web-0', nodeName: 'node-1' });
 * const pending = server.createPod({ namespace: 'default', name: 'web-1' });
 * console.log(bound.uid === pending.uid); // false
 * ```
 */
export interface CreatePodOptions {
  /** The namespace of the Pod. It must exist: see `ApiServer.createNamespace`. */
  readonly namespace: string;
  /** The name of the Pod. It must be free in the namespace. */
  readonly name: string;
  /** The labels of the Pod. @default none */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /**
   * The node that the Pod is bound to. A bound Pod runs, and is deleted gracefully. A Pod without a node is Pending,
   * and a deletion removes it at once (fact 21).
   *
   * @default none
   */
  readonly nodeName?: string | undefined;
  /** The service account of the Pod. @default 'default' */
  readonly serviceAccountName?: string | undefined;
  /** The grace period of a deletion, in seconds. @default 30 */
  readonly gracePeriodSeconds?: number | undefined;
}

/** A Pod that was created. The uid distinguishes it from a later Pod of the same name. */
export interface PodIdentity {
  /** The name of the Pod. */
  readonly name: string;
  /** The namespace of the Pod. */
  readonly namespace: string;
  /** The `metadata.uid` of the Pod, which the server has chosen. */
  readonly uid: string;
}

/**
 * The service account that a token names, and the Pod that it is bound to.
 *
 * @example
 * ```ts
 * import { ApiServer } from 'lease-elector/testing';
 *
 * const server = new ApiServer();
 * const { name, uid } = server.createPod({ namespace: 'default', name: 'web-0', nodeName: 'node-1' });
 * const token = server.issueToken({
 *   namespace: 'default',
 *   serviceAccountName: 'default',
 *   pod: { name, uid },
 *   expirationSeconds: 600,
 * });
 * const answer = await server.handle({
 *   method: 'GET',
 *   path: '/version',
 *   headers: { authorization: `Bearer ${token}` },
 * });
 * console.log(answer.status); // 200
 * ```
 */
export interface IssueTokenOptions {
  /** The namespace of the service account, and of the Pod. */
  readonly namespace: string;
  /** The name of the service account. It is created when it does not exist. */
  readonly serviceAccountName: string;
  /**
   * The Pod that the token is bound to. After the end of this Pod the server answers 401, at the latest 10 s later
   * (fact 30).
   *
   * @default none: the token is valid until it expires
   */
  readonly pod?: { readonly name: string; readonly uid: string } | undefined;
  /** The seconds until the token expires. @default 3600 */
  readonly expirationSeconds?: number | undefined;
}

/**
 * Permissions for a service account of an `ApiServer`. They replace those of an earlier `grant`.
 *
 * @example
 * ```ts
 * import { ApiServer } from 'lease-elector/testing';
 *
 * const server = new ApiServer();
 * server.grant({
 *   namespace: 'default',
 *   serviceAccountName: 'reader',
 *   rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list', 'watch'] }],
 * });
 * const token = server.issueToken({ namespace: 'default', serviceAccountName: 'reader' });
 * const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
 * const { status } = await server.handle({ method: 'GET', path, headers: { authorization: `Bearer ${token}` } });
 * console.log(status); // 200
 * ```
 */
export interface GrantOptions {
  /** The namespace of the service account, in which the rules apply. */
  readonly namespace: string;
  /** The name of the service account, which is also the name of the Role and of the RoleBinding. */
  readonly serviceAccountName: string;
  /** The rules of the Role. An empty list allows nothing. */
  readonly rules: readonly PolicyRule[];
}

/**
 * The service account of an `ApiServer` that loses its permissions.
 *
 * @example
 * ```ts
 * import { ApiServer } from 'lease-elector/testing';
 *
 * const server = new ApiServer();
 * const account = { namespace: 'default', serviceAccountName: 'reader' };
 * server.grant({ ...account, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }] });
 * server.revoke({ ...account, keepBinding: true });
 * const token = server.issueToken(account);
 * const { status } = await server.handle({
 *   method: 'GET',
 *   path: '/api/v1/namespaces/default/pods',
 *   headers: { authorization: `Bearer ${token}` },
 * });
 * console.log(status); // 403
 * ```
 */
export interface RevokeOptions {
  /** The namespace of the service account. */
  readonly namespace: string;
  /** The name of the service account, as it was passed to `grant`. */
  readonly serviceAccountName: string;
  /** The RoleBinding stays, and names a Role that does not exist. @default false */
  readonly keepBinding?: boolean | undefined;
}

/** Acts as the scheduler, the kubelet and the administrator. */
export class ControlPlane {
  readonly #store: StoreReader;
  readonly #registry: Registry;
  readonly #authenticator: Authenticator;

  constructor(store: StoreReader, registry: Registry, authenticator: Authenticator) {
    this.#store = store;
    this.#registry = registry;
    this.#authenticator = authenticator;
  }

  createPod(options: CreatePodOptions): PodIdentity {
    const { namespace, name, labels, nodeName, serviceAccountName = 'default', gracePeriodSeconds } = options;
    const pod = this.#registry.create(PODS, namespace, {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: {
        name,
        uid: '',
        resourceVersion: '',
        creationTimestamp: '',
        ...(labels === undefined ? {} : { labels }),
      },
      spec: {
        containers: [{ name: 'main', image: 'example.invalid/app:1' }],
        serviceAccountName,
        ...(nodeName === undefined ? {} : { nodeName }),
        ...(gracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds: gracePeriodSeconds }),
      },
    });
    if (nodeName !== undefined) this.#run(pod);
    return { name, namespace, uid: pod.metadata.uid };
  }

  /** A kubelet's first report: the Pod runs and is ready. */
  #run(pod: ApiObject): void {
    const now = pod.metadata.creationTimestamp;
    const { name, namespace = '' } = pod.metadata;
    const ready = withCondition(pod, { type: 'Ready' }, now);
    this.#registry.change(PODS, namespace, name, () => ({
      ...ready,
      status: {
        ...ready.status,
        phase: 'Running',
        startTime: now,
        containerStatuses: [
          {
            name: 'main',
            state: { running: { startedAt: now } },
            lastState: {},
            ready: true,
            restartCount: 0,
            image: 'example.invalid/app:1',
            imageID: '',
            started: true,
          },
        ],
      },
    }));
  }

  confirmPodTermination(namespace: string, name: string): void {
    const pod = this.#registry.get(PODS, namespace, name);
    if (pod.metadata.deletionTimestamp === undefined)
      throw new Error(`the Pod ${namespace}/${name} is not being deleted`);
    this.#registry.delete(PODS, namespace, name, {
      gracePeriodSeconds: 0,
      preconditions: { uid: pod.metadata.uid },
    });
  }

  issueToken(options: IssueTokenOptions): string {
    const { namespace, serviceAccountName, pod, expirationSeconds } = options;
    const account = this.#serviceAccount(namespace, serviceAccountName);
    const nodeName = pod === undefined ? undefined : this.#store.get(PODS, namespace, pod.name)?.spec?.['nodeName'];
    const { token } = this.#authenticator.issue({
      namespace,
      serviceAccount: { name: serviceAccountName, uid: account.metadata.uid },
      ...(pod === undefined ? {} : { pod: { ...pod, ...(typeof nodeName === 'string' ? { nodeName } : {}) } }),
      ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
    });
    return token;
  }

  #serviceAccount(namespace: string, name: string): ApiObject {
    const found = this.#store.get(SERVICE_ACCOUNTS, namespace, name);
    if (found !== undefined) return found;
    const metadata = { name, uid: '', resourceVersion: '', creationTimestamp: '' };
    return this.#registry.create(SERVICE_ACCOUNTS, namespace, { kind: 'ServiceAccount', apiVersion: 'v1', metadata });
  }

  grant(options: GrantOptions): void {
    const { namespace, serviceAccountName: name, rules } = options;
    this.#serviceAccount(namespace, name);
    const metadata = { name, namespace, uid: '', resourceVersion: '', creationTimestamp: '' };
    const roleRef = { apiGroup: ROLES.group, kind: 'Role', name };
    const subjects = [{ kind: 'ServiceAccount', name, namespace }];
    this.#replaceOrCreate(ROLES, { kind: 'Role', apiVersion: apiVersionOf(ROLES), metadata, rules });
    this.#replaceOrCreate(ROLE_BINDINGS, {
      kind: 'RoleBinding',
      apiVersion: apiVersionOf(ROLE_BINDINGS),
      metadata,
      subjects,
      roleRef,
    });
  }

  revoke(options: RevokeOptions): void {
    const { namespace, serviceAccountName: name, keepBinding = false } = options;
    for (const kind of keepBinding ? [ROLES] : [ROLE_BINDINGS, ROLES]) {
      if (this.#store.get(kind, namespace, name) !== undefined) this.#registry.delete(kind, namespace, name);
    }
  }

  #replaceOrCreate(kind: ResourceKind, object: ApiObject): void {
    const { namespace = '', name } = object.metadata;
    if (this.#store.get(kind, namespace, name) === undefined) this.#registry.create(kind, namespace, object);
    else this.#registry.update(kind, namespace, name, () => object);
  }
}
