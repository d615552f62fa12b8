/**
 * Requests to the cluster of a kubeconfig, with the permissions of its user.
 */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { loadKubernetesClient } from '../../src/runtime/kubernetes-client.ts';
import { UnsuitableError } from './scenario-run.ts';

/** How long a request may take, in milliseconds. */
const REQUEST_TIMEOUT_MS = 15_000;

/** The answer to a request. */
export interface Answer {
  readonly status: number;
  readonly body: ClusterObject;
}

/** An object of the cluster, or a Status. */
export interface ClusterObject {
  readonly message?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly items?: readonly ClusterObject[];
  readonly status?: { readonly token?: string };
  readonly spec?: { readonly holderIdentity?: string };
}

/** A client of one cluster. */
export class ClusterClient {
  readonly #config: KubeConfig;
  readonly #url: URL;
  /** The certificates that verify the API server. */
  readonly caPem: string;

  private constructor(config: KubeConfig, url: URL, caPem: string) {
    this.#config = config;
    this.#url = url;
    this.caPem = caPem;
  }

  /**
   * A client of the current context.
   *
   * @throws UnsuitableError when no process could reach that cluster as a Pod does
   */
  static async open(kubeconfig: string | undefined): Promise<ClusterClient> {
    if (kubeconfig === undefined || kubeconfig === '') {
      throw new UnsuitableError('KUBECONFIG is not set: no cluster to run against. Set it to the path of a kubeconfig');
    }
    const client = await loadKubernetesClient();
    const config = new client.KubeConfig();
    try {
      config.loadFromFile(kubeconfig);
    } catch (error) {
      throw new UnsuitableError(
        `KUBECONFIG cannot be read: ${(error as Error).message}. Set it to the path of one file`,
      );
    }
    const cluster = config.getCurrentCluster();
    const url = URL.parse(cluster?.server ?? '');
    if (cluster === null || url === null || url.protocol !== 'https:' || url.pathname !== '/') {
      throw new UnsuitableError(
        `the server of the kubeconfig is ${JSON.stringify(cluster?.server)}: a Pod reaches an API server by https, a host and a port. ` +
          'Use a kubeconfig that names the API server itself',
      );
    }
    const { caData, caFile } = cluster;
    const caPem = caData === undefined ? await readCa(caFile) : Buffer.from(caData, 'base64').toString();
    return new ClusterClient(config, url, caPem);
  }

  /** The environment variables of a container. */
  get environment(): Readonly<Record<string, string>> {
    return {
      KUBERNETES_SERVICE_HOST: this.#url.hostname.replace(/^\[|\]$/g, ''),
      KUBERNETES_SERVICE_PORT: this.#url.port === '' ? '443' : this.#url.port,
    };
  }

  /** The address of the API server. */
  get server(): string {
    return this.#url.origin;
  }

  /** Sends a request. Rejects when there is no answer. */
  async send(method: string, path: string, body?: object, contentType = 'application/json'): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: 'application/json',
      // Node.js sends the body of a DELETE without its length otherwise.
      ...(text === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
    };
    const options: https.RequestOptions = { method, headers, timeout: REQUEST_TIMEOUT_MS, agent: false };
    await this.#config.applyToHTTPSOptions(options);
    const request = https.request(new URL(path, this.#url), options);
    request.once('timeout', () =>
      request.destroy(new Error(`${method} ${path}: no answer within ${REQUEST_TIMEOUT_MS} ms`)),
    );
    request.end(text);
    const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
    let answer = '';
    for await (const chunk of response.setEncoding('utf8')) answer += chunk;
    return { status: response.statusCode ?? 0, body: answer === '' ? {} : JSON.parse(answer) };
  }

  /** Sends a request, and rejects unless it succeeds. A missing object is not a failure of a deletion. */
  async demand(method: string, path: string, body?: object, contentType?: string): Promise<ClusterObject> {
    const answer = await this.send(method, path, body, contentType);
    const isGone = method === 'DELETE' && answer.status === 404;
    if (answer.status >= 300 && !isGone) {
      throw new Error(`${method} ${path}: ${answer.status} ${answer.body.message ?? ''}`);
    }
    return answer.body;
  }
}

async function readCa(file: string | undefined): Promise<string> {
  if (file === undefined) {
    throw new UnsuitableError(
      'the kubeconfig names no certificate-authority: a Pod verifies its API server. Add certificate-authority-data',
    );
  }
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UnsuitableError(`certificate-authority cannot be read: ${(error as Error).message}. Correct its path`);
  }
}
