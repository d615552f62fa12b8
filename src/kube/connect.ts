/**
 * The way into `kube/`: credentials in, a `Cluster` out, which knows who this process is and hands out ports.
 *
 * Nothing here retries. `@kubernetes/client-node` is loaded only when a kubeconfig file was named.
 */

import { hostname } from 'node:os';
import type { Answer, Ports } from '../driver/ports.ts';
import { LeaseElectorError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { isShortage } from '../runtime/shortage.ts';
import { ApiClient, type ApiClientOptions, type ApiTransport } from './api-client.ts';
import { failureOfError } from './api-error.ts';
import type { ApiRequest } from './api-request.ts';
import type { ReportClockSkew } from './clock-comparison.ts';
import {
  type Credentials,
  type Environment,
  type KubeConfigFile,
  kubeConfigCredentials,
  kubeConfigFileCredentials,
  podCredentials,
  SERVICE_ACCOUNT_DIRECTORY,
  type UsedKubeConfig,
} from './credentials.ts';
import { type Identity, type IdentitySources, type PodOption, resolveIdentity } from './identity.ts';
import { leasePort, leaseWatchPort } from './lease-api.ts';
import { podPort, podWatchPort, readPod } from './pod-api.ts';
import { publishingPort } from './publishing-api.ts';

/** How to reach the cluster. */
export interface ConnectOptions {
  /** A KubeConfig object, or a file to load one from. Left out: the service account of this Pod. */
  readonly kubeConfig?: UsedKubeConfig | KubeConfigFile;
  /** @default '/var/run/secrets/kubernetes.io/serviceaccount' */
  readonly serviceAccountDirectory?: string;
  /** For an answer once its request is sent, in milliseconds; for a watch, for the head; likewise for each step before. */
  readonly requestTimeoutMs: number;
  /** Is told of each request that has ended; must not throw. */
  readonly onRequest?: NonNullable<ApiClientOptions['onRequest']>;
  readonly clock: Clock;
  /** Receives a difference between the clocks of this machine and of the API server. */
  readonly reportClockSkew?: ReportClockSkew;
  /** @default process.env */
  readonly environment?: Environment;
  /** @default os.hostname */
  readonly hostname?: () => string;
}

/** What the application said about itself. */
export interface IdentifyOptions {
  readonly pod?: PodOption;
  readonly lease?: string;
}

/** Everything outside but the sibling lock, which is no business of the cluster. */
export type ClusterPorts = Omit<Ports, 'siblingLock'>;

/** A cluster that can be spoken to. */
export interface Cluster {
  /**
   * Which Pod, namespace and Lease. Makes no request when the token's claims and a configured Lease name
   * suffice, else one read of the own Pod; a failure that may pass is answered, to be asked again.
   *
   * @throws LeaseElectorError for what asking again will not mend; see `resolveIdentity`.
   */
  identify(options: IdentifyOptions): Promise<Answer<Identity>>;
  ports(identity: Pick<Identity, 'namespace' | 'lease'>): ClusterPorts;
  /** Ends the connections; the `close` of the ports is the same. */
  close(): void;
}

/**
 * Takes up the credentials. Opens no connection yet.
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

/** What could not be asked, for the message; which Pod is not known yet. */
const READ_OF_OWN_POD: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace: '', name: '' };

/** A shortage of this machine passes, like a failed request; every other error is final. */
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

function bearerToken(headers: Readonly<Record<string, string>>): string | null {
  const header = headers['authorization'] ?? headers['Authorization'] ?? '';
  return header.startsWith('Bearer ') ? header.slice('Bearer '.length) : null;
}
