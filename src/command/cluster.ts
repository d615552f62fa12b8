/**
 * The cluster of the shell: its kubeconfig, its context and its namespace.
 *
 * An elector never uses ~/.kube/config without an option. The command uses it, because a person at a terminal has
 * called it.
 */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ApiClient } from '../kube/api-client.ts';
import {
  type Credentials,
  type Environment,
  kubeConfigFileCredentials,
  podCredentials,
  SERVICE_ACCOUNT_DIRECTORY,
} from '../kube/credentials.ts';
import { isName } from '../kube/object-name.ts';
import { systemClock } from '../runtime/clock.ts';
import { quote } from '../runtime/quotation.ts';
import { UsageError } from './verb.ts';

/** The options of a verb that reads a cluster, for `parseArgs`. */
export const CLUSTER_OPTIONS = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  json: { type: 'boolean', default: false },
} as const;

/** The text of `--help` about these options. */
export const CLUSTER_USAGE = `  -n, --namespace NS  the namespace (default: the namespace of the context, otherwise default)
  --kubeconfig FILE   default: $KUBECONFIG, otherwise ~/.kube/config, otherwise the service account of this Pod
  --context NAME      a context of the kubeconfig (default: its current context)
  --json              print JSON
  --help              print this text
`;

/** The values of `CLUSTER_OPTIONS`. */
export interface ClusterArguments {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

/** A cluster that can be read. */
export interface ReadableCluster {
  readonly client: ApiClient;
  /** The namespace of the option, or the default namespace. */
  readonly namespace: string;
  close(): void;
}

/** The time-out of a request, in milliseconds. A person waits for it at a terminal. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Opens the cluster with the credentials of the shell. @throws {LeaseElectorError} when there are no credentials */
export async function openCluster(
  given: ClusterArguments,
  environment: Environment,
  complain: (text: string) => void,
): Promise<ReadableCluster> {
  if (given.namespace !== undefined && !isName('namespace', given.namespace)) {
    throw new UsageError(
      `--namespace ${quote(given.namespace)} is not a valid name: expected at most 63 lower-case letters, digits and "-"`,
    );
  }
  const credentials = await credentialsOf(given, environment);
  const client = new ApiClient({
    credentials,
    requestTimeoutMs: ANSWER_TIMEOUT_MS,
    clock: systemClock,
    // Ages are calculated from times that other machines wrote.
    reportClockSkew: ({ message }) => complain(`${message}\n`),
  });
  return {
    client,
    namespace: given.namespace ?? credentials.defaultNamespace() ?? 'default',
    close: () => client.close(),
  };
}

/** The npx command with both packages, for a person who has installed neither. */
const NPX_ADVICE = 'With npx alone: npx -p @kubernetes/client-node -p lease-elector lease-elector VERB';

async function credentialsOf(
  { kubeconfig, context }: ClusterArguments,
  environment: Environment,
): Promise<Credentials> {
  const [path, ...mergedWith] = kubeconfig === undefined ? kubeconfigsOf(environment) : [kubeconfig];
  if (path !== undefined) {
    const file = { path, mergedWith, ...(context === undefined ? {} : { context }) };
    return kubeConfigFileCredentials(file).catch((error: unknown) => {
      const isMissing = error instanceof Error && error.message.includes('npm install @kubernetes/client-node');
      throw isMissing ? new Error(`${error.message} ${NPX_ADVICE}.`, { cause: error }) : error;
    });
  }
  if (context !== undefined)
    throw new UsageError('--context needs a kubeconfig, and none was found. Set KUBECONFIG, or give --kubeconfig FILE');
  if ((environment['KUBERNETES_SERVICE_HOST'] ?? '') === '') {
    throw new Error('No cluster is known: there is no kubeconfig. Set KUBECONFIG, or give --kubeconfig FILE.');
  }
  return podCredentials(environment, SERVICE_ACCOUNT_DIRECTORY, systemClock);
}

/** The kubeconfig files that kubectl would use. KUBECONFIG can name several files, and some of them can be missing. */
function kubeconfigsOf(environment: Environment): readonly string[] {
  const named = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (named.length > 0) {
    const existing = named.filter((path) => existsSync(path));
    // If all files are missing, the error names the first file.
    return existing.length > 0 ? existing : named.slice(0, 1);
  }
  const usual = join(environment['HOME'] ?? homedir(), '.kube', 'config');
  return existsSync(usual) ? [usual] : [];
}
