/**
 * The options of a `LeaseElector`, their defaults, and the one place that validates them.
 */

import { isIP } from 'node:net';
import type { Succession } from './core/holder.ts';
import { LeaseElectorError } from './errors.ts';
import type { Term } from './events.ts';
import { isPath, type UsedKubeConfig } from './kube/credentials.ts';
import { expectedName, isName, type NamedKind } from './kube/object-name.ts';
import { cut, quote } from './runtime/quotation.ts';

export type { Succession };

/** The leader renews its Lease this often, in milliseconds. */
export const DEFAULT_RENEW_INTERVAL_MS = 10_000;

/** A leader that has not renewed for so many seconds is reported as `stale`. */
export const DEFAULT_LEASE_DURATION_SECONDS = 30;

/** The work of an ended term is given this long to settle, in milliseconds: a Pod has 30 s in all by default. */
export const DEFAULT_DRAIN_TIMEOUT_MS = 20_000;

/** A request to the API server that is not answered after this many milliseconds has failed. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

/** A refusal of the API server (401, 403) at the start is given this long to pass, in milliseconds. */
export const DEFAULT_START_GRACE_MS = 30_000;

/** A leader is elected for life: until its Pod object is deleted. */
export const DEFAULT_SUCCESSION: Succession = 'pod-deleted';

/** The longest delay that a timer of Node.js can hold, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Which Pod this process runs in, where it cannot be found out. */
export interface PodOptions {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
}

/** Where the endpoint listens. */
export interface EndpointOptions {
  /** 0 stands for any free port. @default 4040 */
  readonly port?: number | undefined;
  /** An IP address, or `localhost` for both loopback addresses. @default 'localhost' */
  readonly host?: string | undefined;
}

/** A kubeconfig file. */
export interface KubeConfigFileOptions {
  readonly path: string;
  /** @default the file's current context */
  readonly context?: string | undefined;
}

/** The options of a `LeaseElector`; every one may be left out. */
export interface LeaseElectorOptions {
  /**
   * The name of the Lease that the Pods compete for.
   *
   * @default `$NAIS_APP_NAME`, else the own Pod's label `app.kubernetes.io/name`, else its label `app`
   */
  readonly lease?: string | undefined;

  /**
   * Called once per term, when this process begins to lead. Its promise is the work of the term: `stop()`
   * waits for it, and so does the next term's call, so that two never overlap in one process (a term that ends
   * before is skipped). When it rejects an `error` is emitted, and leadership is kept.
   */
  readonly onElected?: ((term: Term) => unknown) | undefined;

  /** Stops the elector when it aborts, as `stop()` does. */
  readonly signal?: AbortSignal | undefined;

  /**
   * Which Pod this process runs in. A uid that the token does not name is looked up when the elector starts, where Pods
   * can be read: with one that never existed the Lease would be collected again and again.
   *
   * @default read from the service account's token, else the environment
   */
  readonly pod?: PodOptions | undefined;

  /**
   * How to reach the cluster from outside: a `KubeConfig` of `@kubernetes/client-node`, or a kubeconfig
   * file. `~/.kube/config` is never read unasked: a laptop must not join production's election.
   *
   * @default the service account of the Pod
   */
  readonly kubeConfig?: UsedKubeConfig | KubeConfigFileOptions | undefined;

  /**
   * Leads alone, loudly, when there is no cluster: for a developer's machine. A service account directory, or a variable
   * that the kubelet sets, is a cluster; `start()` then rejects rather than lead alone. @default false
   */
  readonly local?: boolean | undefined;

  /**
   * What ends a leader's life besides its own will. `pod-deleted`: only the deletion of its Pod object. `pod-stopped`:
   * also that its Pod has ended for good, which is to say that its phase is Failed or Succeeded and that every one of
   * its containers is reported as terminated; an evicted Pod then does not hold the Lease until somebody deletes it.
   *
   * Give all electors of one Lease the same. Where they differ nobody leads beside another, but only those with
   * `pod-stopped` succeed a stopped Pod. Needs the permissions to read Pods and to delete Leases: the garbage collector
   * does not delete the Lease of a Pod that exists.
   *
   * @default 'pod-deleted'
   */
  readonly succession?: Succession | undefined;

  /** How often the leader renews, in milliseconds. @default 10000 */
  readonly renewIntervalMs?: number | undefined;

  /**
   * After how many seconds without a renewal the others report the leader as `stale`. Nothing expires
   * because of it. @default 30
   */
  readonly leaseDurationSeconds?: number | undefined;

  /** How long `stop()` and `stepDown()` wait for the promise of `onElected`, in milliseconds. @default 20000 */
  readonly drainTimeoutMs?: number | undefined;

  /**
   * How long the answer to a request may take once it is sent, in milliseconds; likewise making its connection.
   *
   * @default 10000
   */
  readonly requestTimeoutMs?: number | undefined;

  /**
   * How long `start()` retries what the API server refuses (401, 403, or a webhook's 400) before it rejects, in
   * milliseconds. An API server that has just started refuses what is allowed, and a Role may arrive after the Pod.
   * @default 30000
   */
  readonly startGraceMs?: number | undefined;

  /**
   * Answers `http://localhost:4040/` as the NAIS elector sidecar does, for code that polls it: `true`, or another port
   * and host. It listens before anything else, and until `stop()` has resolved; where it cannot, that is a warning.
   *
   * The name of the own Pod is told only while this very process leads: not while a sibling of its leads (there are
   * then two processes with one hostname), nor a later Pod of the same name. `{}` is told instead. @default false
   */
  readonly endpoint?: boolean | EndpointOptions | undefined;

  /**
   * Sets `ELECTOR_PATH`, `ELECTOR_GET_URL` and `ELECTOR_SSE_URL` in `process.env` once the endpoint listens, for code
   * of the same process; what a sidecar's webhook set is replaced, and nothing is set where it does not listen.
   * They stay when the elector has stopped. @default false
   */
  readonly exportEnv?: boolean | undefined;

  /** Where the files `token`, `ca.crt` and `namespace` are. @default '/var/run/secrets/kubernetes.io/serviceaccount' */
  readonly serviceAccountDirectory?: string | undefined;
}

/** The options with their defaults filled in. */
export interface ResolvedOptions extends Omit<LeaseElectorOptions, 'endpoint'> {
  /** `null`: none is wanted. */
  readonly endpoint: EndpointOptions | null;
  readonly exportEnv: boolean;
  readonly local: boolean;
  readonly succession: Succession;
  readonly renewIntervalMs: number;
  readonly leaseDurationSeconds: number;
  readonly drainTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly startGraceMs: number;
}

/** How `stop()` treats the Lease. */
export interface StopOptions {
  /**
   * Gives the Lease up even when the own Pod is not being deleted: the successor starts at once.
   *
   * @default false: the Lease is given up only when the Pod is being deleted and its work is done
   */
  readonly release?: boolean | undefined;
}

interface Rule {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** Nothing of the value is shown in an error. */
  readonly isSecret?: true;
}

const NON_EMPTY_STRING: Rule = {
  expected: 'a non-empty string',
  accepts: (value) => typeof value === 'string' && value !== '',
};

const BOOLEAN: Rule = { expected: 'a boolean', accepts: (value) => typeof value === 'boolean' };

function name(kind: NamedKind): Rule {
  return {
    expected: expectedName(kind),
    accepts: (value) => typeof value === 'string' && isName(kind, value),
  };
}

function integer(from: number, to: number): Rule {
  return {
    expected: `a whole number from ${from} to ${to}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to,
  };
}

function objectOf(rules: Readonly<Record<string, Rule>>, expected: string): Rule {
  return {
    expected,
    accepts: (value) =>
      isPlainObject(value) &&
      Object.entries(value).every(
        ([key, entry]) => Object.hasOwn(rules, key) && (entry === undefined || rules[key]?.accepts(entry) === true),
      ),
  };
}

const POD = objectOf(
  { name: NON_EMPTY_STRING, namespace: NON_EMPTY_STRING, uid: NON_EMPTY_STRING },
  'an object with the strings name, namespace and uid, or some of them',
);

const POD_FIELDS: Readonly<Record<keyof PodOptions, Rule>> = {
  name: name('Pod'),
  namespace: name('namespace'),
  uid: name('uid'),
};

const KUBE_CONFIG_PATH: Rule = {
  expected: 'the path of a file',
  accepts: (value) => typeof value === 'string' && value !== '' && isPath(value),
};

const KUBE_CONFIG_FILE = objectOf({ path: KUBE_CONFIG_PATH, context: NON_EMPTY_STRING }, '');

const PORT = integer(0, 65_535);

const HOST: Rule = {
  expected: 'an IP address, or localhost',
  // A name would have to be looked up, and the endpoint listens before anything else.
  accepts: (value) => typeof value === 'string' && (value === 'localhost' || isIP(value) !== 0),
};

const ENDPOINT = objectOf({ port: PORT, host: HOST }, '');

const OPTIONS: Readonly<Record<keyof LeaseElectorOptions, Rule>> = {
  lease: {
    expected: `a non-empty string, the name of a Lease: ${expectedName('Lease')}`,
    accepts: name('Lease').accepts,
  },
  onElected: { expected: 'a function', accepts: (value) => typeof value === 'function' },
  signal: { expected: 'an AbortSignal', accepts: (value) => value instanceof AbortSignal },
  pod: POD,
  kubeConfig: {
    isSecret: true,
    expected: 'a KubeConfig of @kubernetes/client-node, or an object with the strings path and (optional) context',
    accepts: (value) =>
      isKubeConfig(value) || (KUBE_CONFIG_FILE.accepts(value) && isRecord(value) && value['path'] !== undefined),
  },
  local: BOOLEAN,
  succession: {
    expected: `'pod-deleted' or 'pod-stopped'`,
    accepts: (value) => value === 'pod-deleted' || value === 'pod-stopped',
  },
  renewIntervalMs: integer(100, LONGEST_TIMER_MS),
  leaseDurationSeconds: integer(1, Math.floor(LONGEST_TIMER_MS / 1000)),
  drainTimeoutMs: integer(0, LONGEST_TIMER_MS),
  requestTimeoutMs: integer(100, LONGEST_TIMER_MS),
  startGraceMs: integer(0, LONGEST_TIMER_MS),
  endpoint: {
    expected: `true, or an object with the port (${PORT.expected}) and the host (${HOST.expected}), or one of them`,
    accepts: (value) => typeof value === 'boolean' || ENDPOINT.accepts(value),
  },
  exportEnv: BOOLEAN,
  serviceAccountDirectory: NON_EMPTY_STRING,
};

const STOP_OPTIONS: Readonly<Record<keyof StopOptions, Rule>> = { release: BOOLEAN };

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`: says what was expected and what was given
 */
export function resolveOptions(options: LeaseElectorOptions): ResolvedOptions {
  check('options', options, OPTIONS);
  if (options.pod !== undefined) check('options.pod', options.pod, POD_FIELDS);
  const resolved: ResolvedOptions = {
    ...options,
    endpoint: options.endpoint === true ? {} : options.endpoint || null,
    exportEnv: options.exportEnv ?? false,
    local: options.local ?? false,
    succession: options.succession ?? DEFAULT_SUCCESSION,
    renewIntervalMs: options.renewIntervalMs ?? DEFAULT_RENEW_INTERVAL_MS,
    leaseDurationSeconds: options.leaseDurationSeconds ?? DEFAULT_LEASE_DURATION_SECONDS,
    drainTimeoutMs: options.drainTimeoutMs ?? DEFAULT_DRAIN_TIMEOUT_MS,
    requestTimeoutMs: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    startGraceMs: options.startGraceMs ?? DEFAULT_START_GRACE_MS,
  };
  if (resolved.leaseDurationSeconds * 1000 <= resolved.renewIntervalMs) {
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_OPTION',
      `options.leaseDurationSeconds (${resolved.leaseDurationSeconds}) must be longer than options.renewIntervalMs ` +
        `(${resolved.renewIntervalMs} ms), or a healthy leader would look stale; three times as long is usual.`,
    );
  }
  if (resolved.exportEnv && resolved.endpoint === null) {
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_OPTION',
      'options.exportEnv tells where the endpoint is, but there is none: set options.endpoint, too.',
    );
  }
  return resolved;
}

/** Checks the options of `stop()`. @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION` */
export function checkStopOptions(options: StopOptions): void {
  check('stop options', options, STOP_OPTIONS);
}

function check(what: string, options: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (!isRecord(options)) throw wrong(what, 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      throw new LeaseElectorError(
        'ERR_LEASE_ELECTOR_OPTION',
        `${what}.${cut(name)} does not exist. Known are: ${Object.keys(rules).join(', ')}.`,
      );
    }
    if (value !== undefined && !rule.accepts(value)) {
      throw wrong(`${what}.${name}`, rule.expected, value, rule.isSecret);
    }
  }
}

function wrong(what: string, expected: string, given: unknown, isSecret = false): LeaseElectorError {
  const shown = isSecret ? describeType(given) : describe(given);
  return new LeaseElectorError('ERR_LEASE_ELECTOR_OPTION', `${what} must be ${expected}, but is ${shown}.`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (isRecord(value)) return `an object with the keys ${cut(JSON.stringify(Object.keys(value)))}`;
  return typeof value === 'object' || typeof value === 'function' ? describeType(value) : cut(String(value));
}

/** What sort of value it is, without a word of what it holds. */
function describeType(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length} characters, which is not shown`;
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a URL or a Map holds is no property of its own, and would be passed over in silence. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** Known by what it can do: loading the client only to ask for its class would cost 90 MB. */
function isKubeConfig(value: unknown): value is UsedKubeConfig {
  return isRecord(value) && typeof value['getCurrentCluster'] === 'function';
}
