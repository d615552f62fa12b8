/**
 * A cluster of one API server on a TLS socket, with Pods in which electors run: in this process or in
 * processes of their own (`candidate-process.ts`).
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
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
  ApiServer,
  type ApiServerOptions,
  type FaultHook,
  LEASES,
  PODS,
  type PodIdentity,
  type RequestLogEntry,
} from '../../src/testing/index.ts';
import { HttpListener } from '../../src/testing/server/http-listener.ts';
import { ALL_PERMISSIONS, type Permissions, rulesOf } from '../worlds/permissions.ts';

/** Where everything happens. */
export const NAMESPACE = 'shop';
/** The Lease that is competed for. */
export const LEASE = 'web';
/** How long anything may take before a test is given up, in milliseconds. */
export const PATIENCE_MS = 15_000;

/** What processes of a test run with: they start three times as fast when they do not strip and compile it all anew. */
export const PROCESS_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)),
  ...(process.env['DEBUG'] === undefined ? {} : { DEBUG: process.env['DEBUG'] }),
};

/** Waits until something is so; fails with what was waited for. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > endMs) assert.fail(`in vain waited until ${what}`);
    await pause(3);
  }
}

/** A Pod, as far as a process in it can tell. */
export interface TestPod extends PodIdentity {
  /** What the kubelet mounts. */
  readonly directory: string;
  /** What the kubelet sets. */
  readonly environment: Readonly<Record<string, string>>;
}

/** An API server and what is in it. */
export class TestCluster {
  readonly server: ApiServer;
  readonly requests: RequestLogEntry[] = [];
  /** What goes wrong at the moment. */
  faults: FaultHook | null = null;
  /** Changes answers on their way. */
  tamper: ((request: ApiRequest, answer: ApiResponse) => ApiResponse) | null = null;
  /** A person gave the Lease away: until its leader has seen it, two lead. */
  usurpedByHand = false;
  readonly #electors: LeaseElector[] = [];
  readonly #leaders = new Set<TestPod>();
  readonly #broken: string[] = [];
  #lastToken = 0n;
  readonly #directories: string[] = [];
  #listener: HttpListener | null = null;
  #port = 0;

  private constructor(options: ApiServerOptions) {
    this.server = new ApiServer({
      faults: (request) => this.faults?.(request),
      onRequest: (entry) => this.requests.push(entry),
      ...options,
    });
  }

  /** Starts a server that ends with the test. */
  static async start(
    t: TestContext,
    { permissions = ALL_PERMISSIONS, ...options }: ApiServerOptions & { readonly permissions?: Permissions } = {},
  ): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    cluster.server.createNamespace(NAMESPACE);
    cluster.permit(permissions);
    await cluster.plugIn();
    t.after(() => cluster.#end());
    return cluster;
  }

  /** Fails the test when any of its electors broke a promise: a listener's assertion would not, for it is guarded. */
  async #end(): Promise<void> {
    await Promise.all(this.#electors.map((elector) => elector.stop()));
    await this.pullThePlug();
    await this.server.stop();
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true });
    assert.deepEqual(this.#broken, []);
  }

  /** What the service account of the Pods may do from now on. */
  permit(permissions: Permissions, serviceAccountName: string = 'web'): void {
    this.server.grant({ namespace: NAMESPACE, serviceAccountName, rules: rulesOf(permissions) });
  }

  /** The server can be reached, again at the same port. */
  async plugIn(): Promise<void> {
    this.#listener = new HttpListener(async (request) => {
      const answer = await this.server.handle(request);
      return this.tamper === null ? answer : this.tamper(request, answer);
    }, true);
    this.#port = await this.#listener.listen(this.#port, '127.0.0.1');
  }

  /** The server cannot be reached any more; its controllers go on. */
  async pullThePlug(): Promise<void> {
    await this.#listener?.close();
    this.#listener = null;
  }

  get port(): number {
    return this.#port;
  }

  /** Makes a Pod with what its containers get from the kubelet. */
  addPod(
    name: string,
    options: { readonly nodeName?: string; readonly labels?: Readonly<Record<string, string>> } = {},
  ): TestPod {
    const pod = this.server.createPod({ namespace: NAMESPACE, name, serviceAccountName: 'web', ...options });
    const directory = mkdtempSync(join(tmpdir(), 'lease-elector-pod-'));
    this.#directories.push(directory);
    const inPod: TestPod = {
      ...pod,
      directory,
      environment: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(this.#port) },
    };
    writeFileSync(join(directory, 'ca.crt'), this.server.caPem);
    writeFileSync(join(directory, 'namespace'), NAMESPACE);
    this.giveToken(inPod);
    return inPod;
  }

  /** Writes a token for the Pod into its directory, as the kubelet does in time. */
  giveToken(pod: TestPod, serviceAccountName: string = 'web'): void {
    const { name, uid } = pod;
    const token = this.server.issueToken({ namespace: NAMESPACE, serviceAccountName, pod: { name, uid } });
    writeFileSync(join(pod.directory, 'token'), token);
  }

  /** An elector in that Pod that runs in this process, and ends with the test. */
  elector(pod: TestPod, options: LeaseElectorOptions = {}, runtime: Partial<Runtime> = {}): LeaseElector {
    const elector = new LeaseElector(
      { lease: LEASE, serviceAccountDirectory: pod.directory, ...FAST, ...options },
      { ...surroundingsOf(pod.environment), ...runtime },
    );
    this.#electors.push(elector);
    this.#keepToItsPromises(elector, pod);
    return elector;
  }

  /** Never two leaders whose Pods exist, tokens that grow, `elected` and `demoted` in turn. */
  #keepToItsPromises(elector: LeaseElector, pod: TestPod): void {
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

  /** The Lease as it is. */
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

  /** A request of the cluster's administrator; fails unless it succeeds. */
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

  /** What a kubelet reports of a Pod. */
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

/** Options that let tests see renewals soon. */
export const FAST: LeaseElectorOptions = { renewIntervalMs: 200, leaseDurationSeconds: 1, requestTimeoutMs: 2_000 };

/** What an elector takes from the machine, but with the environment of its Pod. */
export function surroundingsOf(environment: Readonly<Record<string, string>>): Runtime {
  return {
    clock: systemClock,
    random: systemRandom,
    connect: (options) => connectToCluster({ ...options, clock: systemClock, environment, hostname: () => 'nobody' }),
    siblingLock: ({ pod, namespace, lease }) =>
      siblingLock({ podUid: pod.uid, namespace, lease, clock: systemClock, random: systemRandom }),
  };
}

/** A clock of the same day that runs so many times as fast. */
export function fasterClock(factor: number): Clock {
  return {
    nowMs: () => systemClock.nowMs() * factor,
    wallMs: () => systemClock.wallMs(),
    setTimer: (afterMs, callback, options) => systemClock.setTimer(afterMs / factor, callback, options),
  };
}

/** Everything that an elector tells, as lines in their order. */
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
