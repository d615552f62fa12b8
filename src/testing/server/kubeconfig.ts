/**
 * The text of a kubeconfig: of a Pod, or of the administrator.
 */

/** The contents of a kubeconfig. */
export interface KubeConfigContent {
  readonly server: string;
  readonly caPem: string;
  readonly user: string;
  readonly token: string;
  readonly namespace: string;
}

/** A kubeconfig in JSON, which is also YAML. @param name the name of its cluster and of its context */
export function kubeConfigText(name: string, { server, caPem, user, token, namespace }: KubeConfigContent): string {
  const ca = { 'certificate-authority-data': Buffer.from(caPem).toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, ...(server.startsWith('https:') ? ca : {}) } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user, namespace } }],
    'current-context': name,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
