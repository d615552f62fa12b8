/**
 * The entry to `kube/`: reads credentials and returns a `Cluster`, which identifies this process and creates the ports.
 *
 * This file never retries. `@kubernetes/client-node` is loaded only when the options name a kubeconfig file.
 */

import { hostname } from 'node:os';
import type { Answer, Ports } from '../driver/ports.ts';
import { LeaseElectorError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { isShortage } from '../runtime/shortage.ts';
import { ApiClient, type ApiClientOptions, type ApiTransport } from './api-client.ts';
import { failureOfError } from './api-error.ts';
import type { ApiRequest } from './api-request.ts';
import { bearerToken } from './authorization.ts';
import type { ReportClockSkew } from './clock-comparison.ts';
import {
  type Credentials,
  type Environment,
  type KubeConfigFile,
  kubeConfigCredentials,
  kubeConfigFileCredentials,
  podCredentials,
  SERVICE_ACCOUNT_DIRECTORY,
  seemsInPod,
  type UsedKubeConfig,
} from './credentials.ts';
import { type Identity, type IdentitySources, type PodOption, resolveIdentity } from './identity.ts';
import { leasePort, leaseWatchPort } from './lease-api.ts';
import { namespaceExists } from './namespace-api.ts';
import { podPort, podWatchPort, readPod } from './pod-api.ts';
import { publishingPort } from './publishing-api.ts';

/** The options for the connection to a cluster. */
export interface ConnectOptions {
  /** A KubeConfig object, or a file to load one from. If omitted: the service account of this Pod. */
  readonly kubeConfig?: UsedKubeConfig | KubeConfigFile;
  /** @default '/var/run/secrets/kubernetes.io/serviceaccount' */
  readonly serviceAccountDirectory?: string;
  /**
   * The longest time between a sent request and its answer (of a watch: the head), in milliseconds. Each earlier step
   * has the same limit, except the wait for a free connection.
   */
  readonly requestTimeoutMs: number;
  /** Receives a report of each request that has ended; must not throw. */
  readonly onRequest?: NonNullable<ApiClientOptions['onRequest']>;
  readonly clock: Clock;
  /** Receives a difference between the clocks of this machine and of the API server. */
  readonly reportClockSkew?: ReportClockSkew;
  /** @default process.env */
  readonly environment?: Environment;
  /** @default os.hostname */
  readonly hostname?: () => string;
}

/** The identity that the application configured. */
export interface IdentifyOptions {
  readonly pod?: PodOption;
  readonly lease?: string;
}

/** All ports except the sibling lock, which needs no cluster. */
export type ClusterPorts = Omit<Ports, 'siblingLock'>;

/** A cluster that this process can reach. */
export interface Cluster {
  /**
   * Finds the Pod, the namespace and the Lease. Sends no request when the token's claims and a configured Lease name
   * are sufficient; otherwise reads this Pod once. Returns a temporary failure, after which the caller tries again.
   *
   * @throws LeaseElectorError for an error that a retry cannot fix; see `resolveIdentity`.
   */
  identify(options: IdentifyOptions): Promise<Answer<Identity>>;
  ports(identity: Pick<Identity, 'namespace' | 'lease'>): ClusterPorts;
  /** Ends the connections; the `close` of the ports does the same. */
  close(): void;
}

/**
 * Reads the credentials. Opens no connection yet.
 *
 * @throws LeaseElectorError `ERR_LEASE_ELECTOR_NO_CLUSTER`, `ERR_LEASE_ELECTOR_CREDENTIALS`
 */
export async function connectToCluster(options: ConnectOptions): Promise<Cluster> {
  const { environment = process.env, clock, requestTimeoutMs, onRequest } = options;
  const credentials = await credentialsOf(options, environment);
  const client = new ApiClient({
    credentials,
    requestTimeoutMs,
    clock,
    ...(options.reportClockSkew === undefined ? {} : { reportClockSkew: options.reportClockSkew }),
    ...(onRequest === undefined ? {} : { onRequest }),
  });
  const close = (): void => client.close();
  const isInPod = seemsInPod(environment, options.serviceAccountDirectory ?? SERVICE_ACCOUNT_DIRECTORY);
  return {
    async identify({ pod, lease }) {
      const authorization = await client.authorize().catch((error: unknown) => error as Error);
      if (authorization instanceof LeaseElectorError) throw authorization;
      if (authorization instanceof Error) {
        return { ok: false, failure: failureOfError(READ_OF_OWN_POD, authorization) };
      }
      return identityOrShortage({
        ...(pod === undefined ? {} : { pod }),
        ...(lease === undefined ? {} : { lease }),
        environment,
        token: bearerToken(authorization.headers),
        defaultNamespace: credentials.defaultNamespace,
        hostname: options.hostname ?? hostname,
        readPod: (namespace, name) => readPod(client, namespace, name),
        ...(isInPod ? {} : { namespaceExists: (namespace: string) => namespaceExists(client, namespace) }),
      });
    },
    ports: (place) => clusterPorts(client, place, close),
    close,
  };
}

/** The ports of an election over a transport. */
export function clusterPorts(
  client: ApiTransport,
  { namespace, lease }: Pick<Identity, 'namespace' | 'lease'>,
  close: () => void,
): ClusterPorts {
  return {
    lease: leasePort(client, namespace, lease),
    leaseWatch: leaseWatchPort(client, namespace, lease),
    pod: podPort(client, namespace),
    podWatch: (name) => podWatchPort(client, namespace, name),
    publishing: publishingPort(client, namespace, lease),
    close,
  };
}

/** The request that failed, for the message; the name of the Pod is not known yet. */
const READ_OF_OWN_POD: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: '', name: '' };

/**
 * Resolves the identity. A shortage of this machine is temporary and counts as a failed request. Every other error is
 * final.
 */
async function identityOrShortage(sources: IdentitySources): Promise<Answer<Identity>> {
  try {
    return await resolveIdentity(sources);
  } catch (error) {
    if (!isShortage(error)) throw error;
    return { ok: false, failure: failureOfError(READ_OF_OWN_POD, error) };
  }
}

async function credentialsOf(options: ConnectOptions, environment: Environment): Promise<Credentials> {
  const { kubeConfig, serviceAccountDirectory = SERVICE_ACCOUNT_DIRECTORY, clock } = options;
  if (kubeConfig === undefined) return podCredentials(environment, serviceAccountDirectory, clock);
  return isFile(kubeConfig) ? kubeConfigFileCredentials(kubeConfig) : kubeConfigCredentials(kubeConfig, null);
}

function isFile(kubeConfig: UsedKubeConfig | KubeConfigFile): kubeConfig is KubeConfigFile {
  return 'path' in kubeConfig && typeof kubeConfig.path === 'string';
}
