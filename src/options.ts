/**
 * The options of a `LeaseElector`, their defaults, and the one place that validates them.
 */

import { isIP } from 'node:net';
import type { Succession } from './core/holder.ts';
import { LeaseElectorError } from './errors.ts';
import type { Term } from './events.ts';
import { isPath, type UsedKubeConfig } from './kube/credentials.ts';
import { EXPECTED_LABEL_KEY, isLabelKey } from './kube/label-key.ts';
import { expectedName, isName, type NamedKind } from './kube/object-name.ts';
import type { Logger } from './leadership/application-log.ts';
import type { LeaderOnlyOptions } from './leadership/leader-only.ts';
import { isObject } from './runtime/object-kind.ts';
import { type OptionReading, readOptionObject } from './runtime/option-object.ts';
import { cut, describe, describeType, quote } from './runtime/quotation.ts';
import { suggestionFor } from './runtime/suggestion.ts';

export type { Succession };

/** The interval in which the leader renews its Lease, in milliseconds. */
export const DEFAULT_RENEW_INTERVAL_MS = 10_000;

/** A leader that has not renewed for this many seconds is reported as `stale`. */
export const DEFAULT_LEASE_DURATION_SECONDS = 30;

/**
 * How long the work of an ended term may take to settle, in milliseconds. By default Kubernetes kills a Pod 30 s after
 * its deletion was requested.
 */
export const DEFAULT_DRAIN_TIMEOUT_MS = 20_000;

/** A request to the API server that is not answered after this many milliseconds has failed. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

/** How long a refusal of the API server (401, 403) is retried at the start, in milliseconds. */
export const DEFAULT_START_GRACE_MS = 30_000;

/** A term lasts until the Pod object of its leader is deleted. */
const DEFAULT_SUCCESSION: Succession = 'pod-deleted';

/** The longest delay of a Node.js timer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The annotation is an `int32` (Kubernetes, "ReplicaSet: Pod deletion cost"). Without it the cost of a Pod is 0. */
const LARGEST_DELETION_COST = 2 ** 31 - 1;

/** The role of a process when there is no cluster. */
export type LocalRole = 'leader' | 'candidate';

/**
 * The Pod of this process, if it cannot be determined automatically. An omitted value is determined automatically.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * // The variables are those of the downward API.
 * const elector = new LeaseElector({
 *   pod: { name: process.env['POD_NAME'], namespace: process.env['POD_NAMESPACE'], uid: process.env['POD_UID'] },
 * });
 * await elector.start();
 * ```
 */
export interface PodOptions {
  /** The name of the Pod. */
  readonly name?: string | undefined;
  /** The namespace of the Pod, and of the Lease. */
  readonly namespace?: string | undefined;
  /** The uid of the Pod. */
  readonly uid?: string | undefined;
}

/**
 * The address of the endpoint, and its access rule.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector({ endpoint: { host: '0.0.0.0', port: 0 } });
 * await elector.start();
 * ```
 */
export interface EndpointOptions {
  /** The TCP port; 0 means any free port. @default 4040 */
  readonly port?: number | undefined;
  /**
   * An IP address, or `localhost` for both loopback addresses. The endpoint listens on loopback in any case. @default
   * 'localhost'
   */
  readonly host?: string | undefined;
  /**
   * Answers `/` and `/sse` on every address of the endpoint, and all paths for every `Host`. By default `/` and `/sse`
   * are answered only on loopback addresses. Probes and metrics are answered on every address. A request to a loopback
   * address, other than a probe, is refused if its `Host` does not name this machine.
   * @default false
   */
  readonly exposeLeader?: boolean | undefined;
}

/**
 * A kubeconfig file, for a process outside of a cluster.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const path = process.env['KUBECONFIG'];
 * const elector = new LeaseElector(path === undefined ? {} : { kubeConfig: { path, context: 'kind-kind' } });
 * await elector.start();
 * ```
 */
export interface KubeConfigFileOptions {
  /** The path of the file. */
  readonly path: string;
  /** @default the file's current context */
  readonly context?: string | undefined;
}

/**
 * The options of a `LeaseElector`; all of them are optional.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector({
 *   lease: 'nightly-report',
 *   renewIntervalMs: 5_000,
 *   leaseDurationSeconds: 15,
 *   logger: console,
 * });
 * await elector.start();
 * ```
 */
export interface LeaseElectorOptions {
  /**
   * The name of the Lease for which the Pods compete.
   *
   * @default `$NAIS_APP_NAME`, otherwise this Pod's label `app.kubernetes.io/name`, otherwise its label `app`
   */
  readonly lease?: string | undefined;

  /**
   * Called once per term, when this process begins to lead. The returned promise is the work of the term. `stop()`
   * waits for it. The call for the next term also waits, so two calls never overlap in one process. A term that ends
   * before its call is skipped. When the promise rejects, an `error` is emitted and leadership is kept.
   */
  readonly onElected?: ((term: Term) => unknown) | undefined;

  /** Stops the elector when it aborts, as `stop()` does. */
  readonly signal?: AbortSignal | undefined;

  /**
   * The Pod of this process. If the token does not contain the uid, the elector verifies it at the start, provided that
   * it can read Pods. With a uid that never existed, the garbage collector would delete the Lease again and again.
   *
   * @default read from the service account's token, otherwise from the environment
   */
  readonly pod?: PodOptions | undefined;

  /**
   * The access to the cluster from outside: a `KubeConfig` of `@kubernetes/client-node`, or a kubeconfig file.
   * `~/.kube/config` is never read by default, so that a laptop does not join the election of a production cluster.
   *
   * @default the service account of the Pod
   */
  readonly kubeConfig?: UsedKubeConfig | KubeConfigFileOptions | undefined;

  /**
   * The role of this process when there is no cluster, on a developer's machine. `leader` (or `true`) leads alone, with
   * a warning. `candidate` waits for a leader that does not exist, to test the code of a process that does not lead.
   * Fencing tokens are made from the clock of the machine, so they grow from run to run.
   *
   * The environment variable `LEASE_ELECTOR_LOCAL` (`leader`, `candidate`, `true` or `false`) overrides the option.
   * Neither has an effect in a cluster: there, a failed `start()` rejects, and the process does not lead alone. A
   * cluster is recognized by a service account directory, or by a variable that the kubelet sets. When a cluster is
   * configured, the variable is ignored with a warning.
   * @default false
   */
  readonly local?: boolean | LocalRole | undefined;

  /**
   * The event after which another Pod may take over from a leader that did not release its Lease. `pod-deleted`: only
   * the deletion of its Pod object. `pod-stopped`: also the final end of its Pod, which means that its phase is Failed
   * or Succeeded and that all its containers are reported as terminated. An evicted Pod then does not hold the Lease
   * until it is deleted.
   *
   * Use the same value for all electors of one Lease. If they differ there are never two leaders, but only the electors
   * with `pod-stopped` take over from a stopped Pod. `pod-stopped` needs the permissions to read Pods and to delete
   * Leases, because the garbage collector does not delete the Lease of a Pod that exists.
   *
   * @default 'pod-deleted'
   */
  readonly succession?: Succession | undefined;

  /** The interval of the leader's renewals, in milliseconds. @default 10000 */
  readonly renewIntervalMs?: number | undefined;

  /**
   * After this many seconds without a renewal the other Pods report the leader as `stale`. The term does not expire.
   * @default 30
   */
  readonly leaseDurationSeconds?: number | undefined;

  /**
   * How long `stop()` and `stepDown()` wait for the promise of `onElected` and for running jobs of `leaderOnly`, in
   * milliseconds. @default 20000
   */
  readonly drainTimeoutMs?: number | undefined;

  /**
   * How long a request may wait for its answer after it was sent, in milliseconds. Before that, TCP and TLS may each
   * take the same time.
   *
   * @default 10000
   */
  readonly requestTimeoutMs?: number | undefined;

  /**
   * How long `start()` retries requests that the API server refuses (401, 403, or a webhook's 400) before it rejects,
   * in milliseconds. An API server that has just started refuses permitted requests, and a Role may be created after
   * the Pod. @default 30000
   */
  readonly startGraceMs?: number | undefined;

  /**
   * The longest time between two calls of `term.progress()` by the work of a term, in milliseconds. When a call is
   * late, `stalled` is emitted and `/healthz` of the endpoint returns 503. A liveness probe can then restart the
   * container, whose next process resumes the term. Leadership is kept. @default none: no progress is expected
   */
  readonly progressTimeoutMs?: number | undefined;

  /**
   * Answers `http://localhost:4040/` as the NAIS elector sidecar does, for code that polls it: `true`, or another port
   * and host. The endpoint listens before the election starts, and closes just before `stop()` resolves. If it cannot
   * listen, the elector warns.
   *
   * The answer is about the Pod. One process of the Pod has the port. That process returns the name of this Pod also
   * while a sibling leads, such as another worker of node:cluster. In a process that has siblings, use `isLeader`. The
   * answer is `{}` when no Pod is proven to lead, or when a later Pod of the same name leads.
   * @default false
   */
  readonly endpoint?: boolean | EndpointOptions | undefined;

  /**
   * Sets `ELECTOR_PATH`, `ELECTOR_GET_URL` and `ELECTOR_SSE_URL` in `process.env` when the endpoint listens, for code
   * of the same process. The values of a sidecar's webhook are replaced. Nothing is set if neither this process nor (in
   * a worker of node:cluster) another worker listens. The variables remain when the elector has stopped. @default false
   */
  readonly exportEnv?: boolean | undefined;

  /**
   * Receives one structured line for each warning, error, election and hand-over: `console`, or a logger of pino or
   * winston. Renewals are written with `debug`. A logger that throws has no effect on the election. @default none
   */
  readonly logger?: Logger | undefined;

  /**
   * Puts this label with the value `true` on the leader's Pod, so that a Service can select it, and removes it when the
   * Pod no longer leads. A Service only routes requests. It does not guarantee that only one Pod receives them: see
   * docs/usage.md.
   *
   * Needs `get` and `patch` on Pods. Without them there is one warning, and the election continues. @default none
   */
  readonly leaderLabel?: string | undefined;

  /**
   * Sets the annotation `controller.kubernetes.io/pod-deletion-cost` of the leader's Pod to this number, so that a
   * ReplicaSet that is scaled down deletes other Pods first. It is removed when the Pod no longer leads, so do not set
   * it in the template of the Pods.
   *
   * Needs `get` and `patch` on Pods. Without them there is one warning, and the election continues. @default none
   */
  readonly podDeletionCost?: number | undefined;

  /**
   * Writes a Kubernetes Event about the Lease when this Pod begins to lead and when it stops leading, as client-go
   * does: reason `LeaderElection`, `web-0 became leader`, `web-0 stopped leading: stepped-down`.
   *
   * Needs `create` on Events. Without it there is one warning, and the election continues. @default false
   */
  readonly events?: boolean | undefined;

  /**
   * The directory of the files `token`, `ca.crt` and `namespace`. @default
   * '/var/run/secrets/kubernetes.io/serviceaccount'
   */
  readonly serviceAccountDirectory?: string | undefined;
}

/** The options with their defaults filled in. */
export interface ResolvedOptions
  extends Omit<LeaseElectorOptions, 'endpoint' | 'leaderLabel' | 'local' | 'podDeletionCost' | 'progressTimeoutMs'> {
  /** `null`: there is no endpoint. */
  readonly endpoint: EndpointOptions | null;
  readonly exportEnv: boolean;
  /** `null`: without a cluster the start fails. */
  readonly local: LocalRole | null;
  readonly succession: Succession;
  readonly renewIntervalMs: number;
  readonly leaseDurationSeconds: number;
  readonly drainTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly startGraceMs: number;
  /** `null`: no progress is expected. */
  readonly progressTimeoutMs: number | null;
  /** `null`: the leader's Pod is not labelled. */
  readonly leaderLabel: string | null;
  /** `null`: the leader's Pod is not annotated. */
  readonly podDeletionCost: number | null;
  readonly events: boolean;
}

/**
 * The options of `stop()`.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector();
 * await elector.start();
 * // A successor leads at once, also when this process ends without its Pod.
 * process.once('SIGTERM', () => elector.stop({ release: true }));
 * ```
 */
export interface StopOptions {
  /**
   * Releases the Lease even when this Pod is not being deleted, so that a successor starts immediately.
   *
   * @default false: the Lease is released only when the Pod is being deleted and its work is done
   */
  readonly release?: boolean | undefined;
}

interface Rule {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** The fields of an object. Each is read once, before the check, and the values that were read replace the object. */
  readonly fields?: Readonly<Record<string, Rule>>;
  /** The value is never shown in an error. */
  readonly isSecret?: true;
}

const NON_EMPTY_STRING: Rule = {
  expected: 'a non-empty string',
  accepts: (value) => typeof value === 'string' && value !== '',
};

const FUNCTION: Rule = { expected: 'a function', accepts: (value) => typeof value === 'function' };

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

function objectOf(fields: Readonly<Record<string, Rule>>, expected: string): Rule {
  return {
    expected,
    fields,
    accepts: (value) =>
      isObject(value) &&
      Object.entries(value).every(([key, entry]) => entry === undefined || fields[key]?.accepts(entry) === true),
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
  // A host name would have to be resolved, but the endpoint listens before anything else.
  accepts: (value) => typeof value === 'string' && (value === 'localhost' || isIP(value) !== 0),
};

const ENDPOINT = objectOf({ port: PORT, host: HOST, exposeLeader: BOOLEAN }, '');

const LOGGER_METHODS = ['debug', 'info', 'warn', 'error'] as const;

const OPTIONS: Readonly<Record<keyof LeaseElectorOptions, Rule>> = {
  lease: {
    expected: `a non-empty string, the name of a Lease: ${expectedName('Lease')}`,
    accepts: name('Lease').accepts,
  },
  onElected: FUNCTION,
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
  pod: POD,
  kubeConfig: {
    isSecret: true,
    expected: 'a KubeConfig of @kubernetes/client-node, or an object with the strings path and (optional) context',
    fields: KUBE_CONFIG_FILE.fields ?? {},
    accepts: (value) =>
      isKubeConfig(value) || (KUBE_CONFIG_FILE.accepts(value) && isObject(value) && value['path'] !== undefined),
  },
  local: {
    expected: "true, false, 'leader' or 'candidate'",
    accepts: (value) => typeof value === 'boolean' || value === 'leader' || value === 'candidate',
  },
  succession: {
    expected: `'pod-deleted' or 'pod-stopped'`,
    accepts: (value) => value === 'pod-deleted' || value === 'pod-stopped',
  },
  renewIntervalMs: integer(100, LONGEST_TIMER_MS),
  leaseDurationSeconds: integer(1, Math.floor(LONGEST_TIMER_MS / 1000)),
  drainTimeoutMs: integer(0, LONGEST_TIMER_MS),
  requestTimeoutMs: integer(100, LONGEST_TIMER_MS),
  startGraceMs: integer(0, LONGEST_TIMER_MS),
  progressTimeoutMs: integer(100, LONGEST_TIMER_MS),
  leaderLabel: { expected: EXPECTED_LABEL_KEY, accepts: (value) => typeof value === 'string' && isLabelKey(value) },
  podDeletionCost: integer(1, LARGEST_DELETION_COST),
  events: BOOLEAN,
  endpoint: {
    expected: `true, or an object with the port (${PORT.expected}), the host (${HOST.expected}) and exposeLeader (${BOOLEAN.expected}), or some of them`,
    fields: ENDPOINT.fields ?? {},
    accepts: (value) => typeof value === 'boolean' || ENDPOINT.accepts(value),
  },
  exportEnv: BOOLEAN,
  logger: {
    expected: `an object with the methods ${LOGGER_METHODS.join(', ')}, such as console`,
    accepts: isLogger,
  },
  serviceAccountDirectory: NON_EMPTY_STRING,
};

const STOP_OPTIONS: Readonly<Record<keyof StopOptions, Rule>> = { release: BOOLEAN };

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`: names the expected and the given value
 */
export function resolveOptions(
  given: LeaseElectorOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedOptions {
  const options: LeaseElectorOptions = check('options', given, OPTIONS);
  if (options.pod !== undefined) check('options.pod', options.pod, POD_FIELDS);
  const resolved: ResolvedOptions = {
    ...options,
    endpoint: options.endpoint === true ? {} : options.endpoint || null,
    exportEnv: options.exportEnv ?? false,
    local: localRole(options.local, environment[LOCAL_VARIABLE]),
    succession: options.succession ?? DEFAULT_SUCCESSION,
    renewIntervalMs: options.renewIntervalMs ?? DEFAULT_RENEW_INTERVAL_MS,
    leaseDurationSeconds: options.leaseDurationSeconds ?? DEFAULT_LEASE_DURATION_SECONDS,
    drainTimeoutMs: options.drainTimeoutMs ?? DEFAULT_DRAIN_TIMEOUT_MS,
    requestTimeoutMs: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    startGraceMs: options.startGraceMs ?? DEFAULT_START_GRACE_MS,
    progressTimeoutMs: options.progressTimeoutMs ?? null,
    leaderLabel: options.leaderLabel ?? null,
    podDeletionCost: options.podDeletionCost ?? null,
    events: options.events ?? false,
  };
  if (resolved.leaseDurationSeconds * 1000 <= resolved.renewIntervalMs) {
    throw optionError(
      'leaseDurationSeconds',
      `options.leaseDurationSeconds (${resolved.leaseDurationSeconds}) must be longer than options.renewIntervalMs ` +
        `(${resolved.renewIntervalMs} ms), or a healthy leader would look stale. Three times as long is usual.`,
    );
  }
  if (resolved.exportEnv && resolved.endpoint === null) {
    throw optionError(
      'exportEnv',
      'options.exportEnv exports the address of the endpoint, but there is no endpoint. Also set options.endpoint.',
    );
  }
  return resolved;
}

/** Sets the option `local` without a change of the code. */
const LOCAL_VARIABLE = 'LEASE_ELECTOR_LOCAL';

/** Whether `LEASE_ELECTOR_LOCAL` sets a role for a process without a cluster. */
export function isLocalByVariable(environment: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return localRole(undefined, environment[LOCAL_VARIABLE]) !== null;
}

function localRole(option: LeaseElectorOptions['local'], variable = ''): LocalRole | null {
  switch (variable === '' ? option : variable) {
    case true:
    case 'true':
    case 'leader':
      return 'leader';
    case 'candidate':
      return 'candidate';
    case undefined:
    case false:
    case 'false':
      return null;
    default:
      throw optionError(
        'local',
        `The environment variable ${LOCAL_VARIABLE} must be leader, candidate, true or false, but is ${quote(variable)}.`,
      );
  }
}

/**
 * Checks the options of `stop()`, and returns the values that were read. @throws {LeaseElectorError}
 * `ERR_LEASE_ELECTOR_OPTION`
 */
export function checkStopOptions(options: StopOptions): StopOptions {
  return check('stop options', options, STOP_OPTIONS);
}

const LEADER_ONLY_OPTIONS: Readonly<Record<keyof LeaderOnlyOptions, Rule>> = { onError: FUNCTION };

/**
 * Checks the arguments of `leaderOnly()`, and returns the option values that were read. Without this check an invalid
 * `onError` would be detected only when a job fails.
 *
 * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_OPTION`
 */
export function checkLeaderOnlyOptions(job: unknown, options: LeaderOnlyOptions): LeaderOnlyOptions {
  if (!FUNCTION.accepts(job)) {
    throw optionError('job', `the job of leaderOnly() must be ${FUNCTION.expected}, but is ${describe(job)}.`);
  }
  return check('leaderOnly options', options, LEADER_ONLY_OPTIONS);
}

/** Reads each option once, and checks the values. */
function check(what: string, options: unknown, rules: Readonly<Record<string, Rule>>): Record<string, unknown> {
  const names = Object.keys(rules);
  const reading = readOptionObject(options, names);
  if (reading.kind === 'notObject') throw wrong(what, 'an object', options);
  if (reading.kind === 'unknown') {
    const suggested = didYouMean('', suggestionFor(reading.name, names, rules === OPTIONS));
    throw optionError(
      nameOf(`${what}.${cut(reading.name)}`),
      `${what}.${cut(reading.name)} does not exist.${suggested} Known options: ${names.join(', ')}.`,
    );
  }
  if (reading.kind !== 'values') throw notPlain(what, reading);
  // Without a prototype, so that a polluted Object.prototype sets no option.
  const checked: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(reading.values)) {
    const rule = rules[name] as Rule;
    checked[name] = value === undefined ? undefined : checkOne(`${what}.${name}`, value, rule);
  }
  return checked;
}

function checkOne(what: string, value: unknown, rule: Rule): unknown {
  const { fields, isSecret = false } = rule;
  let judged = value;
  if (fields !== undefined && typeof value === 'object' && !isKubeConfig(value)) {
    const reading = readOptionObject(value, Object.keys(fields));
    if (reading.kind === 'inherited' || reading.kind === 'unreadable') throw notPlain(what, reading, isSecret);
    if (reading.kind === 'unknown') {
      const suggested = suggestionFor(reading.name, Object.keys(fields), false);
      throw wrong(what, rule.expected, value, isSecret, didYouMean(`${nameOf(what)}.`, suggested));
    }
    if (reading.kind !== 'values') throw wrong(what, rule.expected, value, isSecret);
    judged = reading.values;
  }
  if (!rule.accepts(judged)) throw wrong(what, rule.expected, judged, isSecret);
  return judged;
}

/**
 * The error for an object that cannot be read as options. For a secret, the error that its getter threw is left out.
 */
function notPlain(
  what: string,
  reading: OptionReading & { readonly kind: 'inherited' | 'unreadable' },
  isSecret = false,
): LeaseElectorError {
  const advice = 'Copy the options into a plain object.';
  if (reading.kind === 'inherited') {
    return optionError(
      nameOf(what),
      `${what} must be a plain object, but inherits ${quote(reading.name)}, which is not an option. ${advice}`,
    );
  }
  const { name, cause } = reading;
  const which = name === null ? what : `${what}.${name}`;
  return optionError(
    nameOf(which),
    `${which} cannot be read: a getter or a Proxy threw. ${advice}`,
    isSecret ? {} : { cause },
  );
}

function wrong(
  what: string,
  expected: string,
  given: unknown,
  isSecret = false,
  suggested: string = '',
): LeaseElectorError {
  const shown = isSecret ? describeType(given) : describe(given);
  return optionError(nameOf(what), `${what} must be ${expected}, but is ${shown}.${suggested}`);
}

function optionError(option: string, message: string, cause: ErrorOptions = {}): LeaseElectorError {
  return new LeaseElectorError('ERR_LEASE_ELECTOR_OPTION', message, { ...cause, option });
}

/** The name of an option, without the words before it, such as `stop options`; `''` for all options together. */
function nameOf(what: string): string {
  return what.replace(/^.*?\boptions\.?/, '');
}

function didYouMean(prefix: string, suggested: string | null): string {
  return suggested === null ? '' : ` Did you mean ${prefix}${suggested}?`;
}

function isLogger(value: unknown): boolean {
  try {
    return isObject(value) && LOGGER_METHODS.every((method) => typeof value[method] === 'function');
  } catch {
    // A getter or a Proxy threw.
    return false;
  }
}

function isAbortSignal(value: unknown): boolean {
  try {
    return value instanceof AbortSignal;
  } catch {
    // A revoked Proxy threw.
    return false;
  }
}

/** Checks for a method, because `instanceof` would need the client, which takes 90 MB. */
function isKubeConfig(value: unknown): value is UsedKubeConfig {
  try {
    return isObject(value) && typeof value['getCurrentCluster'] === 'function';
  } catch {
    return false;
  }
}
