/**
 * The address of the API server and the credentials for it: the service account's files, read again when they change,
 * or a KubeConfig.
 *
 * `@kubernetes/client-node` is loaded only when the options name a kubeconfig file.
 */

import { lstatSync } from 'node:fs';
import type { Agent, AgentOptions } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { LeaseElectorError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTALL_CLIENT, loadKubernetesClient } from '../runtime/kubernetes-client.ts';
import { quote } from '../runtime/quotation.ts';
import { isShortage } from '../runtime/shortage.ts';
import type { Authorization } from './authorization.ts';
import { nameByContext } from './tls-identity.ts';
import { type FileSnapshot, readIfChanged } from './watched-file.ts';

/** The directory in which the kubelet mounts the token of a Pod (Kubernetes, "Accessing the API from within a Pod"). */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The service account's files are checked again when the last check is older than this many milliseconds. */
const FILE_CHECK_INTERVAL_MS = 1_000;

/** The address of the API server. */
export interface ServerAddress {
  readonly protocol: 'https:' | 'http:';
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** `''`, or a prefix such as `/k8s/clusters/c-1` without a trailing slash. */
  readonly basePath: string;
}

/** The credentials of one cluster. */
export interface Credentials {
  readonly server: ServerAddress;
  /**
   * Equal (`===`) for credentials of the same source, so that electors share their connections. Left out: the
   * connections are never shared.
   */
  readonly source?: string | object;
  /** The default namespace, if there is one. Throws when this machine lacks file descriptors or memory. */
  readonly defaultNamespace: () => string | null;
  /**
   * Returns the authorization of a request. Called before every request, so it must be cheap. Rejects when there are no
   * credentials.
   */
  authorize(): Promise<Authorization>;
  /** Called after an answer 401. The next `authorize` reads its sources again. */
  distrust(): void;
  /** Checks immediately whether the sources have changed. Left out when each `authorize` checks it. */
  checkSources?(): void;
  /** Ends the connections that the credentials opened. */
  close?(): void;
}

/**
 * The part of a `KubeConfig` of `@kubernetes/client-node` that this library uses. An object of another version, or of a
 * test, is also accepted. Declared here so that users of this library do not need the types that the client's
 * declarations import.
 */
export interface UsedKubeConfig {
  /** The name of the current context. */
  getCurrentContext(): string;
  /** A context, whose namespace is that of the Lease. */
  getContextObject(name: string): { readonly namespace?: string | undefined } | null;
  /** The cluster of the current context, with the address of the API server. */
  getCurrentCluster(): {
    readonly name: string;
    readonly server: string;
    readonly skipTLSVerify?: boolean | undefined;
    readonly proxyUrl?: string | undefined;
  } | null;
  /** Adds the authentication of a request: headers, certificates, a proxy's agent. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

/** The path of a kubeconfig file; `context` defaults to its current context. */
export interface KubeConfigFile {
  readonly path: string;
  /**
   * Further files of the same KUBECONFIG. The entries of an earlier file take precedence over those of a later file.
   */
  readonly mergedWith?: readonly string[];
  readonly context?: string | undefined;
}

/**
 * Whether a text can be the path of a file. The contents of a kubeconfig have line ends or begin with a brace, so they
 * are not a path.
 */
export function isPath(text: string): boolean {
  return !/\p{Cc}|^\s*\{/u.test(text);
}

/** The environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The credentials of the Pod in which this process runs.
 *
 * @throws LeaseElectorError `ERR_LEASE_ELECTOR_NO_CLUSTER` outside a Pod, `ERR_LEASE_ELECTOR_CREDENTIALS` when the
 * service account's files cannot be read, or the address of the API server is missing or invalid.
 */
export function podCredentials(environment: Environment, directory: string, clock: Clock): Credentials {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') {
    const sign = signOfCluster(environment, directory);
    throw sign === null
      ? new LeaseElectorError(
          'ERR_LEASE_ELECTOR_NO_CLUSTER',
          'This process does not run in a Pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set) and no KubeConfig was given. ' +
            'Give the option `kubeConfig` to take part in the election of a cluster. To lead alone, without a cluster, set LEASE_ELECTOR_LOCAL=leader or the option `local: true`. ' +
            'KUBECONFIG and ~/.kube/config are used only when the option `kubeConfig` names them.',
        )
      : new LeaseElectorError(
          'ERR_LEASE_ELECTOR_CREDENTIALS',
          `This process runs in a Pod, since ${sign}, but the address of the API server is missing. ` +
            'Set KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, as the kubelet does, or give the option `kubeConfig`. In a cluster no process leads alone, not even with `local: true`.',
        );
  }
  if (!/^\d{1,5}$/.test(port)) {
    // There is a cluster, so this process must not lead alone, not even with `local: true`.
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_CREDENTIALS',
      `KUBERNETES_SERVICE_PORT is not a port: ${quote(port)}`,
    );
  }
  return new PodCredentials(
    { protocol: 'https:', hostname: host.replace(/^\[|\]$/g, ''), port: Number(port), basePath: '' },
    directory,
    clock,
  );
}

/** The prefixes of the variables that the kubelet sets for the Service `kubernetes` (Kubernetes, "Service: environment variables"). */
const VARIABLES_OF_CLUSTER = /^KUBERNETES_(SERVICE|PORT)(_|$)/;

/**
 * The evidence that this process runs in a cluster whose address is unknown; `null` without such evidence.
 *
 * Outside of a cluster a process may lead alone, so every sign of a cluster is checked. A process whose environment was
 * cleared (`env -i`, sudo, an init system) still has the service account's directory.
 */
function signOfCluster(environment: Environment, directory: string): string | null {
  const variable = Object.keys(environment).find((name) => VARIABLES_OF_CLUSTER.test(name) && environment[name] !== '');
  if (variable !== undefined) return `${variable} is set`;
  const found = [directory, SERVICE_ACCOUNT_DIRECTORY].find((path) => mayExist(path));
  return found === undefined ? null : `the service account directory ${found} exists`;
}

/** Whether there is evidence that this process runs in a Pod. */
export function seemsInPod(environment: Environment, directory: string): boolean {
  return signOfCluster(environment, directory) !== null;
}

/** Whether a path may exist. Only two errors prove that it does not exist. A directory that cannot be read exists. */
function mayExist(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'));
  }
}

/**
 * The credentials of a Pod. The service account's files are read synchronously, because they are small, in memory
 * (tmpfs), and rarely change.
 */
class PodCredentials implements Credentials {
  readonly server: ServerAddress;
  readonly source: string;
  readonly #directory: string;
  readonly #clock: Clock;
  #token: FileSnapshot;
  #authority: FileSnapshot;
  #lookedAtMs: number;
  /** Created again only when a file has changed, so that a request does not allocate it. */
  #authorization: Authorization;

  constructor(server: ServerAddress, directory: string, clock: Clock) {
    this.server = server;
    this.source = `service account ${directory}`;
    this.#directory = directory;
    this.#clock = clock;
    this.#token = readIfChanged(`${directory}/token`, null);
    this.#authority = readIfChanged(`${directory}/ca.crt`, null);
    this.#lookedAtMs = clock.nowMs();
    this.#authorization = this.#build();
  }

  defaultNamespace = (): string | null => {
    try {
      return readIfChanged(`${this.#directory}/namespace`, null).text || null;
    } catch (error) {
      // A shortage is temporary, and proves nothing about the file.
      if (isShortage(error)) throw error;
      return null;
    }
  };

  authorize(): Promise<Authorization> {
    if (this.#clock.nowMs() - this.#lookedAtMs >= FILE_CHECK_INTERVAL_MS) this.#look();
    return Promise.resolve(this.#authorization);
  }

  distrust(): void {
    this.#look(true);
  }

  checkSources(): void {
    this.#look();
  }

  /** @param distrustful also reads files that seem unchanged, because times and sizes of files are only hints */
  #look(distrustful = false): void {
    this.#lookedAtMs = this.#clock.nowMs();
    const [token, authority] = [this.#token, this.#authority];
    try {
      this.#token = readIfChanged(token.path, distrustful ? null : token);
      this.#authority = readIfChanged(authority.path, distrustful ? null : authority);
    } catch {
      // The credentials that were read before may still be valid. If they are not, the API server answers 401.
    }
    if (token !== this.#token || authority !== this.#authority) this.#authorization = this.#build();
  }

  #build(): Authorization {
    return {
      headers: { authorization: `Bearer ${this.#token.text}` },
      options: { ca: this.#authority.text },
      proxyAgent: null,
    };
  }
}

/**
 * The credentials of a KubeConfig object, including its auth plug-ins, client certificates and proxy.
 *
 * @param reload loads the KubeConfig again after a 401; `null` when there is no file to read
 * @throws LeaseElectorError `ERR_LEASE_ELECTOR_CREDENTIALS` when the KubeConfig has no usable cluster.
 */
export function kubeConfigCredentials(kubeConfig: UsedKubeConfig, reload: (() => UsedKubeConfig) | null): Credentials {
  return new KubeConfigCredentials(kubeConfig, reload, (used) => used);
}

/**
 * Loads a kubeconfig file and `@kubernetes/client-node`, which takes about 90 MB and half a second.
 *
 * @throws LeaseElectorError `ERR_LEASE_ELECTOR_CREDENTIALS`, also when the client is not installed
 */
export async function kubeConfigFileCredentials(file: KubeConfigFile): Promise<Credentials> {
  const { KubeConfig } = await loadKubernetesClient().catch((error: unknown) => {
    // A shortage of file descriptors is temporary, and the caller tries again.
    if (isShortage(error)) throw error;
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_CREDENTIALS',
      `The kubeconfig ${pathForMessage(file.path)} cannot be loaded without the package @kubernetes/client-node: ` +
        `${error instanceof Error ? error.message : error}. ${INSTALL_CLIENT}.`,
      { cause: error },
    );
  });
  const load = (): KubeConfig => {
    const kubeConfig = new KubeConfig();
    loadInto(kubeConfig, file.path);
    for (const path of file.mergedWith ?? []) {
      const further = new KubeConfig();
      loadInto(further, path);
      merge(kubeConfig, further);
    }
    if (file.context !== undefined) {
      if (kubeConfig.getContextObject(file.context) === null) {
        throw new LeaseElectorError(
          'ERR_LEASE_ELECTOR_CREDENTIALS',
          `The kubeconfig ${pathForMessage(file.path)} has no context ${quote(file.context)}`,
        );
      }
      kubeConfig.setCurrentContext(file.context);
    }
    return kubeConfig;
  };
  return new KubeConfigCredentials(load(), load, (kubeConfig) => `kubeconfig ${digestOf(file, kubeConfig)}`);
}

/**
 * A value that differs whenever the kubeconfig differs. It is a digest, so that the secrets in the kubeconfig are not
 * stored a second time.
 */
function digestOf(file: KubeConfigFile, { clusters, users, contexts, currentContext }: KubeConfig): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const text = JSON.stringify([file, clusters, users, contexts, currentContext]);
  return createHash('sha256').update(text).digest('hex');
}

function loadInto(kubeConfig: KubeConfig, path: string): void {
  try {
    kubeConfig.loadFromFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * Merges as kubectl does: the first file that has an entry of a name defines it. `mergeConfig` cannot be used, because
 * it refuses a second entry of the same name.
 */
function merge(first: KubeConfig, further: KubeConfig): void {
  const added = <Named extends { readonly name: string }>(known: readonly Named[], more: readonly Named[]): Named[] => [
    ...known,
    ...more.filter(({ name }) => !known.some((one) => one.name === name)),
  ];
  first.loadFromOptions({
    clusters: added(first.clusters, further.clusters),
    users: added(first.users, further.users),
    contexts: added(first.contexts, further.contexts),
    currentContext: first.currentContext || further.currentContext,
  });
}

/**
 * A path of more characters is not shown, because it is probably the contents of a kubeconfig. Linux allows a name of
 * 255 bytes.
 */
const SHOWN_PATH_LIMIT = 255;

function pathForMessage(path: string): string {
  const isShown = path.length <= SHOWN_PATH_LIMIT && isPath(path);
  return isShown
    ? path
    : `(a path of ${path.length} characters, which is not shown: it may be the text of a kubeconfig)`;
}

/**
 * The reason why a kubeconfig could not be read, without any of its contents.
 *
 * The error of the YAML parser quotes the lines around its position, and contains the whole text. Therefore neither its
 * message nor the error itself is included.
 */
function unreadable(path: string, error: unknown): LeaseElectorError {
  const { code, message, mark } = error instanceof Error ? (error as ParserError) : ({} as ParserError);
  const failed = `The kubeconfig ${pathForMessage(path)} cannot be read`;
  if (typeof code === 'string') {
    // An error of the file system contains the path, and none of the contents.
    const isPathShown = pathForMessage(path) === path;
    return new LeaseElectorError('ERR_LEASE_ELECTOR_CREDENTIALS', `${failed}: ${isPathShown ? message : code}`, {
      cause: isPathShown ? error : Object.assign(new Error(code), { code }),
    });
  }
  const { line, column } = mark ?? {};
  const where =
    typeof line === 'number' && typeof column === 'number' ? ` at line ${line + 1}, column ${column + 1}` : '';
  const what = INCOMPLETE_KUBECONFIG.test(message ?? '') ? `: ${message}` : where === '' ? '' : ': it is not YAML';
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_CREDENTIALS',
    `${failed}${what}${where}. Its contents are not shown, since they are secret: look at it with \`kubectl config view --kubeconfig\``,
  );
}

/** The fields of errors of the file system and of js-yaml. Lines and columns are counted from 0. */
interface ParserError {
  readonly code?: unknown;
  readonly message?: string;
  readonly mark?: { readonly line?: unknown; readonly column?: unknown };
}

/**
 * The message of `@kubernetes/client-node` about a missing field of a kubeconfig, which contains only positions and
 * names of fields.
 */
const INCOMPLETE_KUBECONFIG = /^(clusters|users|contexts)\[\d+\][.a-z]* is missing$/;

class KubeConfigCredentials<Used extends UsedKubeConfig> implements Credentials {
  readonly server: ServerAddress;
  readonly #reload: (() => Used) | null;
  readonly #sourceOf: (kubeConfig: Used) => string | object;
  #kubeConfig: Used;
  #source: string | object;
  /** The agent of a SOCKS proxy, and the address of the proxy. */
  #socks: { readonly url: string; readonly agent: Agent; readonly isOwn: boolean } | null = null;

  constructor(kubeConfig: Used, reload: (() => Used) | null, sourceOf: (kubeConfig: Used) => string | object) {
    this.#kubeConfig = kubeConfig;
    this.#reload = reload;
    this.#sourceOf = sourceOf;
    this.#source = sourceOf(kubeConfig);
    this.server = serverOf(kubeConfig);
    proxyOf(kubeConfig);
  }

  /**
   * The source of the present contents. After `distrust` they may differ from the first contents, which another elector
   * may still use.
   */
  get source(): string | object {
    return this.#source;
  }

  defaultNamespace = (): string | null =>
    this.#kubeConfig.getContextObject(this.#kubeConfig.getCurrentContext())?.namespace ?? null;

  /** Called for every request, because plug-ins renew their tokens only when they are called. */
  async authorize(): Promise<Authorization> {
    const applied: RequestOptions = { headers: {} };
    try {
      await this.#kubeConfig.applyToHTTPSOptions(applied);
    } catch (error) {
      throw unusable(error) ?? withoutSecrets(error);
    }
    const { headers, agent, ...options } = applied;
    const proxy = proxyOf(this.#kubeConfig);
    const isSocks = proxy?.protocol.startsWith('socks') === true;
    return {
      headers: headers as Record<string, string>,
      options: options as Authorization['options'],
      // In all other cases this library uses its own agents, which keep connections and use a renewed client
      // certificate.
      proxyAgent: isSocks ? this.#socksAgent(proxy, agent) : null,
      ...(proxy === null || isSocks ? {} : { proxy }),
    };
  }

  close(): void {
    if (this.#socks?.isOwn) this.#socks.agent.destroy();
  }

  /**
   * Returns an agent that keeps connections. The client's agent would open a connection for each request, and the
   * application may also use it.
   */
  #socksAgent({ href: url, host }: URL, given: RequestOptions['agent']): Agent {
    if (typeof given !== 'object' || given === null) throw missingAgent(host);
    if (this.#socks?.url === url) return this.#socks.agent;
    this.close();
    const isOwn = given.constructor.name === 'SocksProxyAgent';
    const agent = isOwn ? new (given.constructor as SocksProxyAgent)(url, { keepAlive: true }) : given;
    if (isOwn) nameByContext(agent);
    this.#socks = { url, agent, isOwn };
    return agent;
  }

  distrust(): void {
    if (this.#reload === null) return;
    try {
      this.#kubeConfig = this.#reload();
      this.#source = this.#sourceOf(this.#kubeConfig);
    } catch {
      // The file is being written, or is gone. The configuration that was loaded before remains in use.
    }
  }
}

/** The error when requests would bypass the proxy. */
function missingAgent(proxy: string): LeaseElectorError {
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_CREDENTIALS',
    `The cluster of the kubeconfig has the SOCKS proxy ${proxy}, but the KubeConfig gives no agent for it. ` +
      'Set `agent` in the method applyToHTTPSOptions',
  );
}

/** The system calls on files, as the errors of Node.js name them. */
const FILE_CALLS: ReadonlySet<string> = new Set(['open', 'read', 'stat', 'lstat', 'access', 'realpath', 'scandir']);

/**
 * The error of a plug-in or a file that a retry cannot fix: the command of an exec plug-in cannot be started, or a file
 * in the kubeconfig cannot be read. `null` for all other errors, such as a plug-in that runs and fails, or a shortage.
 */
function unusable(error: unknown): LeaseElectorError | null {
  if (!(error instanceof Error) || isShortage(error)) return null;
  const { code = '', syscall = '', path = '' } = error as NodeJS.ErrnoException;
  const cause = Object.assign(new Error(code), { code });
  if (/^spawn( |$)/.test(syscall)) return missingPlugin(syscall.slice('spawn '.length), code, cause);
  if (!FILE_CALLS.has(syscall)) return null;
  // The error of a `read`, as of a directory, has no path.
  const file =
    path === '' ? 'A file that the kubeconfig names' : `The file ${pathForMessage(path)}, which the kubeconfig names,`;
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_CREDENTIALS',
    `${file} cannot be read (${code}). Provide it, or correct its path in the kubeconfig`,
    { cause },
  );
}

/**
 * The error when a plug-in cannot be started. It contains the command without its arguments. An error that `spawn`
 * throws does not contain the command.
 */
function missingPlugin(command: string, code: string, cause: Error): LeaseElectorError {
  const why = PLUGIN_PROBLEMS[code] ?? `the system answered ${code}`;
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_CREDENTIALS',
    `The credential plug-in ${command === '' ? '' : `${quote(command)} `}of the kubeconfig cannot be started: ${why}. ` +
      'Install it, or correct `command` of the user in the kubeconfig, and PATH',
    { cause },
  );
}

const PLUGIN_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'it was not found',
  ENOTDIR: 'it was not found',
  EACCES: 'this user is not permitted to execute it',
  ENOEXEC: 'it is not a program for this machine',
};

/** A message of an auth plug-in is cut to this many characters. */
const PLUGIN_MESSAGE_LIMIT = 200;

/**
 * The error of an auth plug-in without its secrets. The error of a JSON parser quotes the output, and the error of a
 * process contains its arguments.
 */
function withoutSecrets(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('the auth plug-in of the kubeconfig failed');
  const message =
    error instanceof SyntaxError
      ? 'the auth plug-in of the kubeconfig printed something that is not JSON'
      : error.message
          .replace(/\p{Cc}+/gu, ' ')
          .trim()
          .slice(0, PLUGIN_MESSAGE_LIMIT);
  return Object.assign(new Error(message), 'code' in error ? { code: error.code } : {});
}

/** The class of the package `socks-proxy-agent`, which `@kubernetes/client-node` uses. */
type SocksProxyAgent = new (url: string, options: AgentOptions) => Agent;

const PROXY_PROTOCOLS: ReadonlySet<string> = new Set([
  'http:',
  'https:',
  'socks:',
  'socks4:',
  'socks4a:',
  'socks5:',
  'socks5h:',
]);

/** The proxy in front of the cluster; `null` when there is none. */
function proxyOf(kubeConfig: UsedKubeConfig): URL | null {
  const { name = '', proxyUrl } = kubeConfig.getCurrentCluster() ?? {};
  if (!proxyUrl) return null;
  const url = URL.canParse(proxyUrl) ? new URL(proxyUrl) : null;
  if (url !== null && PROXY_PROTOCOLS.has(url.protocol) && url.hostname !== '') return url;
  // The value is not shown, because it can contain a password.
  throw new LeaseElectorError(
    'ERR_LEASE_ELECTOR_CREDENTIALS',
    `The KubeConfig's cluster ${quote(name)} has a \`proxy-url\` that names no proxy. Set it to an address that begins with http://, https:// or socks5://`,
  );
}

function serverOf(kubeConfig: UsedKubeConfig): ServerAddress {
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) {
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_CREDENTIALS',
      `The KubeConfig's current context (${quote(kubeConfig.getCurrentContext() ?? '')}) names no cluster`,
    );
  }
  const url = URL.canParse(cluster.server) ? new URL(cluster.server) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_CREDENTIALS',
      `The KubeConfig's cluster ${quote(cluster.name)} has no http(s) address. Set its \`server\` to the address of the API server`,
    );
  }
  if (url.protocol === 'http:' && !cluster.skipTLSVerify) {
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_CREDENTIALS',
      `The KubeConfig's cluster ${quote(cluster.name)} has a plain http address, which @kubernetes/client-node accepts only with \`insecure-skip-tls-verify: true\``,
    );
  }
  return {
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    basePath: url.pathname.replace(/\/+$/, ''),
  };
}
