/**
 * The cluster that a kubeconfig names. The benchmark creates a namespace in it, and deletes it at the end.
 *
 * No scheduler runs the Pods. The measured processes run on this machine, each with the token of one Pod.
 */

import { ELECTOR_RULES } from '../src/testing/index.ts';
import { ClusterClient } from '../test/e2e/cluster-client.ts';
import type { ControlPlane } from './cluster.ts';
import { NAMESPACE, nowMs } from './cluster-commands.ts';

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const ACCOUNTS = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
const RBAC = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;

/** A cluster that exists without this benchmark. */
export class RemoteControlPlane implements ControlPlane {
  readonly #client: ClusterClient;
  readonly #accounts = new Set<string>();
  /** The requests to this cluster are not logged, and its collector cannot be held back. */
  readonly inner = null;

  private constructor(client: ClusterClient) {
    this.#client = client;
  }

  static async open(kubeconfig: string): Promise<RemoteControlPlane> {
    const client = await ClusterClient.open(kubeconfig);
    await client.demand('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE },
    });
    await client.demand('POST', `${RBAC}/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'candidate', namespace: NAMESPACE },
      rules: ELECTOR_RULES,
    });
    return new RemoteControlPlane(client);
  }

  get caPem(): string {
    return this.#client.caPem;
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#client.environment;
  }

  async createPod(name: string, app: string, account: string): Promise<{ uid: string; token: string }> {
    await this.#createAccount(account);
    const pod = await this.#client.demand('POST', PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app } },
      spec: {
        schedulerName: 'none',
        serviceAccountName: account,
        containers: [{ name: 'main', image: 'example.invalid/app:1' }],
      },
    });
    // Without a node no kubelet reports the phase, and a leader names only a running Pod as its successor.
    await this.#client.demand(
      'PATCH',
      `${PODS}/${name}/status`,
      { status: { phase: 'Running' } },
      'application/merge-patch+json',
    );
    const uid = pod.metadata?.uid ?? '';
    const { status } = await this.#client.demand('POST', `${ACCOUNTS}/${account}/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 3_600, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
    });
    return { uid, token: status?.token ?? '' };
  }

  async deletePod(name: string, gracefully: boolean): Promise<number> {
    await this.#client.demand('DELETE', `${PODS}/${name}${gracefully ? '' : '?gracePeriodSeconds=0'}`);
    return nowMs();
  }

  async stop(): Promise<void> {
    await this.#client.demand('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
  }

  async #createAccount(account: string): Promise<void> {
    if (this.#accounts.has(account)) return;
    this.#accounts.add(account);
    const metadata = { name: account, namespace: NAMESPACE };
    await this.#client.demand('POST', ACCOUNTS, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    await this.#client.demand('POST', `${RBAC}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'candidate' },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: NAMESPACE }],
    });
  }
}
