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

/** The fields of a Pod. */
export interface CreatePodOptions {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** A Pod that is bound to a node runs, and is deleted gracefully. Without a node it is Pending and is gone at once. */
  readonly nodeName?: string | undefined;
  /** @default 'default' */
  readonly serviceAccountName?: string | undefined;
  /** @default 30 */
  readonly gracePeriodSeconds?: number | undefined;
}

/** A Pod that was created. */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** A token to be issued. */
export interface IssueTokenOptions {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly pod?: { readonly name: string; readonly uid: string } | undefined;
  /** @default 3600 */
  readonly expirationSeconds?: number | undefined;
}

/** Permissions to grant to a service account. */
export interface GrantOptions {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly rules: readonly PolicyRule[];
}

/** The service account that loses its permissions. */
export interface RevokeOptions {
  readonly namespace: string;
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
