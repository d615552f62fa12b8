/**
 * A Pod's credentials in the form of a KubeConfig. `@kubernetes/client-node` (half a second, 90 MB) is loaded only
 * when a test requests a complete one.
 */

import type { RequestOptions } from 'node:https';
import { INSTALL_CLIENT, loadKubernetesClient } from '../../runtime/kubernetes-client.ts';
import { type KubeConfigContent, kubeConfigText } from '../server/kubeconfig.ts';

/** The name of the cluster and of the context. */
export const KUBE_CONFIG_NAME = 'embedded-cluster';

/** The part of a KubeConfig of `@kubernetes/client-node` that an elector uses. Pass it as the option `kubeConfig`. */
export interface ElectorKubeConfig {
  /** The name of the current context. */
  getCurrentContext(): string;
  /** A context by its name; null when there is no such context. Its namespace is that of the Pod. */
  getContextObject(name: string): {
    readonly name: string;
    readonly cluster: string;
    readonly user: string;
    readonly namespace?: string;
  } | null;
  /** The cluster of the current context, with its address and its authority in base64. */
  getCurrentCluster(): {
    readonly name: string;
    readonly server: string;
    readonly caData?: string;
    readonly skipTLSVerify: boolean;
  } | null;
  /**
   * Adds the credentials to the options of a request. An elector calls it for each request, so that a rotated token is
   * used from then on.
   */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

/**
 * A complete KubeConfig, described without the types of `@kubernetes/client-node`, which need not be
 * installed.
 */
export interface ClientKubeConfig extends ElectorKubeConfig {
  /** Makes an API client, such as `kubeConfig.makeApiClient(CoordinationV1Api)`. */
  makeApiClient<Api>(type: new (configuration: never) => Api): Api;
  /** The user of the current context, with the token. */
  getCurrentUser(): { readonly name: string; readonly token?: string } | null;
  /** The kubeconfig as JSON. It contains the token. */
  exportConfig(): string;
}

/**
 * A KubeConfig of `@kubernetes/client-node`.
 *
 * @throws {Error} with the code `ERR_LEASE_ELECTOR_CREDENTIALS` where the client is not installed
 */
export async function loadKubeConfig(content: KubeConfigContent): Promise<ElectorKubeConfig> {
  const { KubeConfig } = await loadKubernetesClient().catch((error: unknown) => {
    const message = `pod.kubeConfig() needs the package @kubernetes/client-node: ${error instanceof Error ? error.message : error}. ${INSTALL_CLIENT}.`;
    throw Object.assign(new Error(message, { cause: error }), { code: 'ERR_LEASE_ELECTOR_CREDENTIALS' });
  });
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(kubeConfigText(KUBE_CONFIG_NAME, content));
  return kubeConfig;
}

/**
 * The part of a KubeConfig that an elector uses, without loading the client.
 *
 * @param content called for every request, so that a rotated token is used from then on
 */
export function electorKubeConfig(content: () => KubeConfigContent): ElectorKubeConfig {
  return {
    getCurrentContext: () => KUBE_CONFIG_NAME,
    getContextObject(name) {
      if (name !== KUBE_CONFIG_NAME) return null;
      const { user, namespace } = content();
      return { name, cluster: KUBE_CONFIG_NAME, user, namespace };
    },
    getCurrentCluster() {
      const { server, caPem } = content();
      return { name: KUBE_CONFIG_NAME, server, caData: Buffer.from(caPem).toString('base64'), skipTLSVerify: false };
    },
    applyToHTTPSOptions(options) {
      const { caPem, token } = content();
      options.ca = caPem;
      options.headers = { ...options.headers, authorization: `Bearer ${token}` };
      return Promise.resolve();
    },
  };
}
