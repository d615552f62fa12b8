/**
 * An `EmbeddedCluster` of a test, and the checks of its electors. The electors run in this process or in child
 * processes (`candidate-process.ts`).
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LeaseElectorOptions } from '../../src/index.ts';
import type { Runtime } from '../../src/joining/join-election.ts';
import { siblingLock } from '../../src/joining/sibling-lock.ts';
import { connectToCluster } from '../../src/kube/connect.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import {
  type ApiObject,
  type ApiRequest,
  type ApiResponse,
  type ApiServer,
  EmbeddedCluster,
  type EmbeddedClusterOptions,
  type EmbeddedPod,
  type EmbeddedPodOptions,
  type Faults,
  LEASES,
  PODS,
  type RequestLog,
} from '../../src/testing/index.ts';
import { ALL_PERMISSIONS, type Permissions, rulesOf } from '../worlds/permissions.ts';

/** The namespace of all objects. */
export const NAMESPACE = 'shop';
/** The name of the Lease. */
export const LEASE = 'web';

/** The environment of the processes of a test. With the compile cache, they start three times as fast. */
export const PROCESS_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)),
  ...(process.env['DEBUG'] === undefined ? {} : { DEBUG: process.env['DEBUG'] }),
};

/** A Pod, with the directory and the environment of its processes. */
export interface TestPod {
  readonly embedded: EmbeddedPod;
  readonly name: string;
  readonly uid: string;
  /** The directory that the kubelet mounts. */
  readonly directory: string;
  /** The environment variables that the kubelet sets. */
  readonly environment: Readonly<Record<string, string>>;
}

/** An API server with its Pods and electors. */
export class TestCluster {
  readonly embedded: EmbeddedCluster;
  /** A user gave the Lease to another Pod. Two Pods may lead until the leader has received that event. */
  usurpedByHand = false;
  readonly #electors: LeaseElector[] = [];
  readonly #leaders = new Set<TestPod>();
  readonly #broken: string[] = [];
  #lastToken = 0n;

  private constructor(embedded: EmbeddedCluster) {
    this.embedded = embedded;
  }

  /** Starts a server that ends with the test. */
  static async start(
    t: TestContext,
    { permissions = ALL_PERMISSIONS, ...options }: EmbeddedClusterOptions & { readonly permissions?: Permissions } = {},
  ): Promise<TestCluster> {
    const cluster = new TestCluster(await EmbeddedCluster.start(options));
    cluster.permit(permissions);
    t.after(() => cluster.#end());
    return cluster;
  }

  /**
   * Fails the test when an elector broke a promise. An assertion in a listener would not, because the elector catches
   * its errors.
   */
  async #end(): Promise<void> {
    await Promise.all(this.#electors.map((elector) => elector.stop()));
    await this.embedded.stop();
    assert.deepEqual(this.#broken, []);
  }

  get server(): ApiServer {
    return this.embedded.server;
  }

  get faults(): Faults {
    return this.embedded.faults;
  }

  get requests(): RequestLog {
    return this.embedded.requests;
  }

  get port(): number {
    return Number(new URL(this.embedded.url).port);
  }

  /** Changes answers before they are sent, also those to requests of the test itself. */
  tamper(change: (request: ApiRequest, answer: ApiResponse) => ApiResponse): void {
    const { server } = this;
    const handle = server.handle.bind(server);
    server.handle = async (request) => change(request, await handle(request));
  }

  /** Sets the permissions of the service account of the Pods. */
  permit(permissions: Permissions): void {
    this.embedded.grant({ namespace: NAMESPACE, serviceAccountName: 'web', rules: rulesOf(permissions) });
  }

  /** Creates a Pod, and the files and variables that the kubelet gives its containers. */
  addPod(name: string, options: Pick<EmbeddedPodOptions, 'labels' | 'nodeName'> = {}): TestPod {
    const identity = { namespace: NAMESPACE, name, serviceAccountName: 'web' };
    const embedded = this.embedded.createPod({ ...identity, labels: {}, nodeName: null, ...options });
    return {
      embedded,
      name,
      uid: embedded.uid,
      directory: embedded.serviceAccountDirectory,
      environment: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(this.port) },
    };
  }

  /** An elector of that Pod, in this process. It is stopped when the test ends. */
  elector(pod: TestPod, options: LeaseElectorOptions = {}, runtime: Partial<Runtime> = {}): LeaseElector {
    const elector = new LeaseElector(
      { lease: LEASE, serviceAccountDirectory: pod.directory, ...FAST, ...options },
      { ...runtimeOf(pod.environment), ...runtime },
    );
    this.#electors.push(elector);
    this.#checkPromises(elector, pod);
    return elector;
  }

  /**
   * Checks the promises: never two leaders whose Pods exist, tokens that grow, and alternating `elected` and `demoted`.
   */
  #checkPromises(elector: LeaseElector, pod: TestPod): void {
    let leads = false;
    elector.on('elected', ({ fencingToken }) => {
      const others = [...this.#leaders].filter(({ name, uid }) => this.pod(name)?.metadata.uid === uid);
      if (others.length > 0 && !this.usurpedByHand) this.#broken.push(`${pod.name} leads beside ${others[0]?.name}`);
      if (fencingToken <= this.#lastToken) this.#broken.push(`token ${fencingToken} after ${this.#lastToken}`);
      if (leads) this.#broken.push('elected twice');
      leads = true;
      this.#lastToken = fencingToken;
      this.#leaders.add(pod);
    });
    elector.on('demoted', (term) => {
      if (!leads) this.#broken.push('demoted without having been elected');
      if (!term.signal.aborted) this.#broken.push('demoted before its signal was aborted');
      leads = false;
      this.#leaders.delete(pod);
    });
    elector.on('error', ({ code, cause }) => {
      if (code === 'ERR_LEASE_ELECTOR_INVARIANT') this.#broken.push(`an invariant: ${String(cause)}`);
    });
  }

  /** The stored Lease. */
  lease(name: string = LEASE): ApiObject | undefined {
    return this.server.store.get(LEASES, NAMESPACE, name);
  }

  /** The uid of the Pod that owns the Lease. */
  ownerUid(name: string = LEASE): string | undefined {
    return this.lease(name)?.metadata.ownerReferences?.[0]?.uid;
  }

  pod(name: string): ApiObject | undefined {
    return this.server.store.get(PODS, NAMESPACE, name);
  }

  /** Sends a request as the cluster's administrator. Fails if the request fails. */
  async administer(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<void> {
    const answer = await this.server.handle({
      method,
      path,
      headers: { authorization: `Bearer ${this.server.adminToken}`, 'content-type': contentType },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body}`);
  }

  /** `kubectl patch`, with a merge patch. */
  patch(resource: 'lease' | 'pod', name: string, patch: unknown): Promise<void> {
    return this.administer('PATCH', pathOf(resource, name), patch, 'application/merge-patch+json');
  }

  /** Writes the status of a Pod, as a kubelet does. */
  patchStatus(pod: string, status: unknown): Promise<void> {
    const path = `${pathOf('pod', pod)}/status`;
    return this.administer('PATCH', path, { status }, 'application/merge-patch+json');
  }

  /** `kubectl delete`. */
  delete(resource: 'lease' | 'pod', name: string, options?: { readonly gracePeriodSeconds?: number }): Promise<void> {
    const body = options === undefined ? undefined : { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    return this.administer('DELETE', pathOf(resource, name), body);
  }

  /** `kubectl create` of a Lease. */
  createLease(spec: unknown, metadata: Readonly<Record<string, unknown>> = {}): Promise<void> {
    return this.administer('POST', pathOf('lease', '').replace(/\/$/, ''), {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: LEASE, ...metadata },
      ...(spec === undefined ? {} : { spec }),
    });
  }
}

/** Options with short intervals, so that renewals happen soon. */
export const FAST: LeaseElectorOptions = { renewIntervalMs: 200, leaseDurationSeconds: 1, requestTimeoutMs: 2_000 };

/** The real runtime of an elector, with the environment of its Pod. */
export function runtimeOf(environment: Readonly<Record<string, string>>): Runtime {
  return {
    clock: systemClock,
    random: systemRandom,
    connect: (options) => connectToCluster({ ...options, clock: systemClock, environment, hostname: () => 'nobody' }),
    siblingLock: ({ pod, namespace, lease }) =>
      siblingLock({ podUid: pod.uid, namespace, lease, clock: systemClock, random: systemRandom }),
  };
}

/** A clock that runs faster by a factor. Its wall clock is the real one. */
export function fasterClock(factor: number): Clock {
  return {
    nowMs: () => systemClock.nowMs() * factor,
    wallMs: () => systemClock.wallMs(),
    setTimer: (afterMs, callback, options) => systemClock.setTimer(afterMs / factor, callback, options),
  };
}

/** The events of an elector as lines, in their order. */
export function journalOf(elector: LeaseElector): string[] {
  const lines: string[] = [];
  elector.on('elected', (term) => lines.push(term.resumed ? 'elected again' : 'elected'));
  elector.on('demoted', (_term, reason) => lines.push(`demoted: ${reason}`));
  elector.on('leaderChanged', (leader) => lines.push(`leader: ${leader?.name ?? 'nobody'}`));
  elector.on('stale', (leader) => lines.push(`stale: ${leader.name}`));
  elector.on('warning', (warning) => lines.push(`warning: ${warning.code}`));
  elector.on('error', (error) => lines.push(`error: ${error.code}`));
  elector.on('stopped', () => lines.push('stopped'));
  return lines;
}

function pathOf(resource: 'lease' | 'pod', name: string): string {
  return resource === 'pod'
    ? `/api/v1/namespaces/${NAMESPACE}/pods/${name}`
    : `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${name}`;
}
