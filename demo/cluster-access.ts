/**
 * Which cluster the demo plays on: the embedded API server, or the one that a kubeconfig names.
 *
 * `@kubernetes/client-node` is loaded here and only for a kubeconfig; the candidates never see it.
 */

import type { RequestOptions } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { ClusterAccess } from './cluster-client.ts';

/** The given cluster cannot be played on. */
export class UnusableCluster extends Error {
  override readonly name = 'UnusableCluster';
}

/** Starts an API server inside this process. */
export async function embeddedCluster(): Promise<ClusterAccess> {
  const { ApiServer } = await import('../src/testing/index.ts');
  let requests = 0;
  const server = new ApiServer({
    onRequest: ({ user }) => {
      if (user.startsWith('system:serviceaccount:')) requests += 1;
    },
  });
  const { host, port, caPem } = await server.start();
  return {
    title: 'embedded API server',
    hostname: host,
    port,
    caPem,
    authorize: () => Promise.resolve({ headers: { authorization: `Bearer ${server.adminToken}` } }),
    countRequests: () => requests,
    close: () => server.stop(),
  };
}

/**
 * Takes the current context of a kubeconfig file.
 *
 * @throws {UnusableCluster} when a Pod's way in (host, port, `ca.crt`, token) could not reach that cluster
 */
export async function kubeconfigCluster(file: string): Promise<ClusterAccess> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const kubeConfig = new KubeConfig();
  try {
    kubeConfig.loadFromFile(file);
  } catch (error) {
    throw new UnusableCluster(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new UnusableCluster(`the current context of ${file} names no cluster`);
  const url = new URL(cluster.server);
  refuse(url.protocol !== 'https:', cluster.server, 'is not https, and Pods speak nothing else');
  refuse(url.pathname !== '/', cluster.server, 'has a path, which KUBERNETES_SERVICE_HOST cannot express');
  refuse(cluster.skipTLSVerify, cluster.server, 'is not verified, but a Pod verifies it with its ca.crt');
  refuse(cluster.tlsServerName !== undefined, cluster.server, 'is verified by another name, and Pods know none');
  refuse(cluster.proxyUrl !== undefined, cluster.server, 'is behind a proxy, and Pods know none');

  const authorize = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(options);
    // The director keeps connections of its own.
    const { agent: _agent, ...authorization } = options;
    return authorization;
  };
  const { ca } = await authorize();
  return {
    title: kubeConfig.getCurrentContext(),
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 443),
    caPem: ca === undefined ? rootCertificates.join('\n') : String(ca),
    authorize,
    close: () => Promise.resolve(),
  };
}

function refuse(condition: boolean, server: string, why: string): void {
  if (condition) throw new UnusableCluster(`the demo cannot play on ${server}: it ${why}`);
}
