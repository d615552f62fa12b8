/**
 * Joins the election: finds the cluster and the identity of this Pod, and retries until there is an answer.
 *
 * `kube/` communicates with the cluster.
 */

import { REFUSAL_BELIEVED_MS } from '../core/refusal.ts';
import { endsStartAtOnce, endsStartWhenLasting, type RequestFailure } from '../core/request-failure.ts';
import { atLeastRetryAfterMs, refusalDelayMs, retryDelayMs } from '../core/retry-delay.ts';
import type { OutageWatch } from '../driver/outage-watch.ts';
import type { Ports, SiblingLockPort } from '../driver/ports.ts';
import { errorOfFailure, LeaseElectorError, stoppedError } from '../errors.ts';
import type { WarningCode } from '../events.ts';
import type { ReportClockSkew } from '../kube/clock-comparison.ts';
import type { Cluster, ConnectOptions } from '../kube/connect.ts';
import type { Identity } from '../kube/identity.ts';
import type { LocalRole, ResolvedOptions } from '../options.ts';
import type { Clock } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import type { Random } from '../runtime/random.ts';
import { isShortage } from '../runtime/shortage.ts';

const log = debugLog('lease-elector');

/**
 * The runtime of an elector. The simulation replaces it.
 *
 * @internal
 */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly connect: (options: Omit<ConnectOptions, 'clock'>) => Promise<Cluster>;
  readonly siblingLock: (identity: Identity) => SiblingLockPort;
}

/** The identity and the ports with which this process takes part in an election. */
export interface JoinedElection {
  readonly identity: Identity;
  readonly ports: Ports;
  /** The role of this process when there is no cluster; `null`: there is a cluster. */
  readonly local: LocalRole | null;
}

/** The application's side of joining. */
export interface Entrance {
  /** Aborts when the elector is stopped. */
  readonly signal: AbortSignal;
  readonly warn: (code: WarningCode, message: string) => void;
  /** Called once a cluster is found, before its first request; must not throw. */
  readonly connected?: () => void;
  /** Receives each failure, for `explain()`. */
  readonly failed: (failure: RequestFailure) => void;
  readonly outages: Pick<OutageWatch, 'requestSent' | 'failed' | 'withdrawn'>;
  /** Called after each request; must not throw. */
  readonly onRequest?: NonNullable<ConnectOptions['onRequest']>;
}

/**
 * Finds the cluster and the identity of this Pod. If there is no cluster, and the option `local` is set, returns ports
 * that need no cluster.
 *
 * @throws {LeaseElectorError} for errors that retrying cannot fix; `ERR_LEASE_ELECTOR_STOPPED` when `signal` aborts
 * @internal
 */
export async function joinElection(
  options: ResolvedOptions,
  runtime: Runtime,
  entrance: Entrance,
): Promise<JoinedElection> {
  const { local, pod, lease, kubeConfig, serviceAccountDirectory, requestTimeoutMs } = options;
  try {
    const reportClockSkew: ReportClockSkew = ({ over, message }) =>
      entrance.warn(over ? 'clock-skew-over' : 'clock-skew', message);
    const { onRequest } = entrance;
    const connectOptions = {
      requestTimeoutMs,
      reportClockSkew,
      ...defined({ kubeConfig, serviceAccountDirectory, onRequest }),
    };
    const cluster = await connect(connectOptions, runtime, entrance);
    entrance.connected?.();
    const identity = await identify(cluster, options, runtime, entrance);
    const ports = { ...cluster.ports(identity), siblingLock: runtime.siblingLock(identity) };
    return { identity, ports, local: null };
  } catch (error) {
    if (local === null || !(error instanceof LeaseElectorError) || error.code !== 'ERR_LEASE_ELECTOR_NO_CLUSTER')
      throw error;
    const { localIdentity, localPorts } = await import('./local-election.ts');
    const identity = localIdentity(pod, lease);
    return { identity, ports: localPorts(identity.pod, local, runtime.clock), local };
  }
}

/** Reads the credentials. Retries after a shortage of file descriptors, because it is temporary. */
async function connect(
  options: Parameters<Runtime['connect']>[0],
  runtime: Runtime,
  { signal, failed }: Entrance,
): Promise<Cluster> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runtime.connect(options);
    } catch (error) {
      if (!isShortage(error)) throw error;
      const failure = shortageFailure(error);
      failed(failure);
      log('reading the credentials again: %s', failure.message);
    }
    const { clock, random } = runtime;
    if (!signal.aborted) await pause(clock, retryDelayMs(attempt, random.next()), signal);
    if (signal.aborted) throw stoppedError();
  }
}

/** Converts a shortage into a failed request, so that `explain()` reports it in the same way. */
function shortageFailure(error: unknown): RequestFailure {
  const words = error instanceof Error ? error.message : String(error);
  const message = `the credentials cannot be read at the moment: ${words}. The read is repeated`;
  return { kind: 'unavailable', message, retryAfterMs: null, missingRule: null, cause: error };
}

/** Determines the identity of this Pod, and retries until there is an answer. */
async function identify(
  cluster: Cluster,
  { pod, lease, startGraceMs }: ResolvedOptions,
  { clock, random }: Runtime,
  { signal, warn, failed, outages }: Entrance,
): Promise<Identity> {
  // Ends the requests in flight, so that a server that does not answer does not keep a stopped process alive.
  const close = (): void => cluster.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    // The elector was stopped while the cluster was being found, so no request is sent.
    if (signal.aborted) throw stoppedError();
    let refusedSinceMs: number | null = null;
    let refusals = 0;
    let warned = false;
    for (let attempt = 1; ; attempt += 1) {
      outages.requestSent();
      const answer = await cluster.identify(defined({ pod, lease }));
      // If the token contains the identity, no request is sent, so a success does not show that the API server answers.
      if (answer.ok) outages.withdrawn();
      else outages.failed(answer.failure);
      if (signal.aborted) throw stoppedError();
      if (answer.ok) {
        if (warned) warn('refusal-over', 'The API server accepts the request for this Pod again.');
        return answer.value;
      }
      const { failure } = answer;
      failed(failure);
      if (endsStartAtOnce(failure)) throw errorOfFailure(failure);
      let delayMs = retryDelayMs(attempt, random.next());
      if (endsStartWhenLasting(failure)) {
        // A refusal is believed only when it lasts: an API server that has just started refuses permitted requests.
        refusedSinceMs ??= clock.nowMs();
        refusals += 1;
        const refusedForMs = clock.nowMs() - refusedSinceMs;
        if (refusedForMs >= startGraceMs) throw errorOfFailure(failure);
        if (!warned && refusedForMs >= REFUSAL_BELIEVED_MS) warn(warningCodeOf(failure), failure.message);
        warned ||= refusedForMs >= REFUSAL_BELIEVED_MS;
        // An attempt is due when the refusal would be believed, and the last attempt when the grace period is over.
        const believedInMs = warned ? Number.POSITIVE_INFINITY : REFUSAL_BELIEVED_MS - refusedForMs;
        delayMs = Math.min(refusalDelayMs(refusals, random.next()), believedInMs, startGraceMs - refusedForMs);
      } else {
        refusedSinceMs = null;
        refusals = 0;
      }
      const pauseMs = atLeastRetryAfterMs(delayMs, failure.retryAfterMs);
      log('requesting the identity of this Pod again in %d ms: %s', Math.ceil(pauseMs), failure.message);
      await pause(clock, pauseMs, signal);
      if (signal.aborted) throw stoppedError();
    }
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function warningCodeOf({ kind }: RequestFailure): WarningCode {
  if (kind === 'unauthorized') return 'unauthorized';
  return kind === 'forbidden' ? 'pod-read-forbidden' : 'request-rejected';
}

/** Waits, and ends early when `signal` aborts. */
async function pause(clock: Clock, durationMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(durationMs, resolve);
  const stop = (): void => {
    timer.cancel();
    resolve();
  };
  signal.addEventListener('abort', stop, { once: true });
  await promise;
  signal.removeEventListener('abort', stop);
}

/** Returns the object without the properties that are undefined. */
function defined<Given extends object>(given: Given): { [Key in keyof Given]?: Exclude<Given[Key], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Given]?: Exclude<Given[Key], undefined>;
  };
}
