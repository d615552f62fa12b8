/**
 * What the play needs in the cluster, and its removal: a namespace, a ServiceAccount with the Role of the README,
 * and Pods that no scheduler binds. Also what a Pod's container finds on its disk.
 */

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnusableCluster } from './cluster-access.ts';
import { type ClusterAccess, ClusterClient, RequestRefused, type WatchEvent } from './cluster-client.ts';
import type { PodReference } from './happening.ts';

/** The application's name: the label of its Pods, and so the name of its Lease. */
export const APPLICATION = 'batch';

const SERVICE_ACCOUNT = 'batch';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** Stands for what keeps a Pod until its kubelet has seen the containers end. */
const FINALIZER = 'demo.lease-elector.dev/kubelet';

/** The Role that the README asks for. */
const RULES = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
];

/** How long a new RoleBinding may take to be known to the authorizer, in milliseconds. */
const PERMISSION_LIMIT_MS = 10_000;

/** How long the end of the namespace is waited for, in milliseconds; the cluster goes on without us. */
const REMOVAL_LIMIT_MS = 8_000;

/** The shortest life that a token may have, in seconds. */
const TOKEN_SECONDS = 600;

/** The namespace of one play. */
export class Stage {
  readonly namespace: string = `lease-elector-demo-${randomBytes(3).toString('hex')}`;
  readonly #access: ClusterAccess;
  readonly #client: ClusterClient;
  #directory: string | null = null;
  #built = false;

  constructor(access: ClusterAccess) {
    this.#access = access;
    this.#client = new ClusterClient(access);
  }

  /** How a Pod's environment names the API server. */
  get environment(): Readonly<Record<string, string>> {
    return {
      KUBERNETES_SERVICE_HOST: this.#access.hostname,
      KUBERNETES_SERVICE_PORT: String(this.#access.port),
    };
  }

  /** Whether there is a namespace on a cluster that lives on; the embedded one ends with its server. */
  get takesTimeToRemove(): boolean {
    return this.#built && this.#access.countRequests === undefined;
  }

  /**
   * Makes the namespace and everything in it but the Pods.
   *
   * @throws {UnusableCluster} when the cluster does not answer, or does not let us
   */
  async build(): Promise<void> {
    const { namespace } = this;
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'lease-elector' };
    await this.#createNamespace();
    await this.#client.request('POST', this.#core('serviceaccounts'), { metadata: { name: SERVICE_ACCOUNT } });
    await this.#client.request('POST', `${RBAC}/namespaces/${namespace}/roles`, {
      metadata: { name: roleRef.name },
      rules: RULES,
    });
    await this.#client.request('POST', `${RBAC}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: roleRef.name },
      roleRef,
      subjects: [{ kind: 'ServiceAccount', name: SERVICE_ACCOUNT, namespace }],
    });
    this.#directory = await mkdtemp(path.join(tmpdir(), 'lease-elector-demo-'));
  }

  /** Watches the Leases and the Pods of the namespace; `lost` is told when that is over before the play is. */
  async watch(
    leases: (event: WatchEvent) => void,
    pods: (event: WatchEvent) => void,
    lost: (reason: string) => void,
  ): Promise<void> {
    await this.#client.watch(this.#leases(), leases, lost);
    await this.#client.watch(this.#core('pods'), pods, lost);
  }

  async createPod(name: string): Promise<PodReference> {
    const { metadata } = await this.#client.request('POST', this.#core('pods'), {
      metadata: { name, labels: { 'app.kubernetes.io/name': APPLICATION } },
      spec: {
        // Nobody binds it to a node, so nothing is ever pulled or run: the demo's process stands for its container.
        schedulerName: 'none',
        serviceAccountName: SERVICE_ACCOUNT,
        automountServiceAccountToken: false,
        // What the strictest Pod Security Standard asks for.
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'main',
            image: 'demo.invalid/batch:1',
            resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1m', memory: '1Mi' } },
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    });
    return { name: metadata.name, uid: metadata.uid };
  }

  /** Writes what the kubelet mounts for a container: token, authorities, namespace. Answers with their directory. */
  async mountServiceAccount(pod: PodReference): Promise<string> {
    const { status } = await this.#client.request('POST', this.#core(`serviceaccounts/${SERVICE_ACCOUNT}/token`), {
      spec: {
        audiences: [],
        expirationSeconds: TOKEN_SECONDS,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
      },
    });
    const token = status?.token ?? '';
    await this.#permitted(token);
    const directory = path.join(this.#directory ?? '', pod.name);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(path.join(directory, 'token'), token, { mode: 0o600 });
    await writeFile(path.join(directory, 'ca.crt'), this.#access.caPem);
    await writeFile(path.join(directory, 'namespace'), this.namespace);
    return directory;
  }

  /** Deletes a Pod; as no node has it, it is gone at once unless its end is held up. */
  async deletePod(pod: PodReference): Promise<void> {
    const preconditions = { uid: pod.uid };
    await this.#client.request('DELETE', this.#core(`pods/${pod.name}`), { preconditions });
  }

  /** Lets a Pod that is deleted stay, with a `deletionTimestamp`, as one does whose containers still run. */
  async holdUpEnd(pod: PodReference): Promise<void> {
    await this.#client.request('PATCH', this.#core(`pods/${pod.name}`), {
      metadata: { uid: pod.uid, finalizers: [FINALIZER] },
    });
  }

  /** The containers have ended: the Pod may go. */
  async confirmEnd(pod: PodReference): Promise<void> {
    await this.#client.request('PATCH', this.#core(`pods/${pod.name}`), {
      metadata: { uid: pod.uid, finalizers: null },
    });
  }

  /** Deletes the Lease, as somebody with kubectl might. */
  async deleteLease(): Promise<void> {
    await this.#client.request('DELETE', `${this.#leases()}/${APPLICATION}`);
  }

  /** How many requests the candidates have made, where that is known. */
  countRequests(): number | null {
    return this.#access.countRequests?.() ?? null;
  }

  /** Removes all of it. Answers with what could not be removed, in words, or null. */
  async remove(): Promise<string | null> {
    try {
      return this.#built ? await this.#removeNamespace() : null;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return `namespace ${this.namespace} could not be removed (${why}): kubectl delete namespace ${this.namespace}`;
    } finally {
      this.#client.close();
      if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
      await this.#access.close();
    }
  }

  async #createNamespace(): Promise<void> {
    try {
      await this.#client.request('GET', '/version');
      // Set before the request: an answer that is lost must not leave a namespace behind.
      this.#built = true;
      await this.#client.request('POST', '/api/v1/namespaces', { metadata: { name: this.namespace } });
    } catch (error) {
      if (error instanceof RequestRefused) this.#built = false;
      throw new UnusableCluster(
        `the demo cannot play there: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  async #removeNamespace(): Promise<string | null> {
    const deadlineMs = performance.now() + REMOVAL_LIMIT_MS;
    await this.#releasePods();
    const name = `/api/v1/namespaces/${this.namespace}`;
    if (!(await this.#exists('DELETE', name))) return null;
    while (performance.now() < deadlineMs) {
      if (!(await this.#exists('GET', name))) return null;
      await sleep(100);
    }
    return `namespace ${this.namespace} is still being deleted; the cluster goes on with it`;
  }

  /** A namespace waits for ever for Pods whose end is held up. */
  async #releasePods(): Promise<void> {
    const list = await this.#client.request('GET', this.#core('pods'));
    for (const { metadata } of (list as unknown as { items: WatchEvent['object'][] }).items) {
      if (metadata.finalizers?.includes(FINALIZER)) await this.confirmEnd(metadata);
    }
  }

  async #exists(method: string, name: string): Promise<boolean> {
    try {
      await this.#client.request(method, name);
      return true;
    } catch (error) {
      if (error instanceof RequestRefused && error.status === 404) return false;
      throw error;
    }
  }

  /** An authorizer learns of a new RoleBinding a little later; the elector takes a refusal at its start for final. */
  async #permitted(token: string): Promise<void> {
    const deadlineMs = performance.now() + PERMISSION_LIMIT_MS;
    for (;;) {
      try {
        await this.#client.request('GET', this.#leases(), undefined, token);
        return;
      } catch (error) {
        const early = error instanceof RequestRefused && error.status === 403 && performance.now() < deadlineMs;
        if (!early) throw error;
        await sleep(100);
      }
    }
  }

  #core(rest: string): string {
    return `/api/v1/namespaces/${this.namespace}/${rest}`;
  }

  #leases(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.namespace}/leases`;
  }
}
