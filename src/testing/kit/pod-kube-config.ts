/**
 * A Pod's credentials in the form of a KubeConfig. `@kubernetes/client-node` (half a second, 90 MB) is loaded only
 * when a test asks for a whole one.
 */

import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';

/** What goes into a kubeconfig. */
export interface KubeConfigContent {
  readonly server: string;
  readonly caPem: string;
  readonly user: string;
  readonly token: string;
  readonly namespace: string;
}

const NAME = 'embedded-cluster';

/** A kubeconfig as text: JSON, which is YAML as well. */
export function kubeConfigText({ server, caPem, user, token, namespace }: KubeConfigContent): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: NAME, cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user, namespace } }],
    'current-context': NAME,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** A KubeConfig of `@kubernetes/client-node`, which must be installed. */
export async function loadKubeConfig(content: KubeConfigContent): Promise<KubeConfig> {
  const client = await import('@kubernetes/client-node');
  const kubeConfig = new client.KubeConfig();
  kubeConfig.loadFromString(kubeConfigText(content));
  return kubeConfig;
}

/** What an elector asks a KubeConfig for. */
export type ElectorKubeConfig = Pick<
  KubeConfig,
  'getCurrentContext' | 'getContextObject' | 'getCurrentCluster' | 'applyToHTTPSOptions'
>;

/**
 * As much of a KubeConfig as an elector asks for, without loading the client.
 *
 * @param content asked for with every request, so that a token that was rotated is sent from then on
 */
export function electorKubeConfig(content: () => KubeConfigContent): ElectorKubeConfig {
  return {
    getCurrentContext: () => NAME,
    getContextObject(name) {
      if (name !== NAME) return null;
      const { user, namespace } = content();
      return { name, cluster: NAME, user, namespace };
    },
    getCurrentCluster() {
      const { server, caPem } = content();
      return { name: NAME, server, caData: Buffer.from(caPem).toString('base64'), skipTLSVerify: false };
    },
    applyToHTTPSOptions(options) {
      const { caPem, token } = content();
      const target = options as RequestOptions;
      target.ca = caPem;
      target.headers = { ...target.headers, authorization: `Bearer ${token}` };
      return Promise.resolve();
    },
  };
}
