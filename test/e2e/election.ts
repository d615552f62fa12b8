/**
 * The election of the run: a new namespace, Pods without a node, and a process on this machine for each Pod.
 */

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type InstallationSettings, installation } from '../../src/command/installation.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { ClusterClient, ClusterObject } from './cluster-client.ts';
import { ElectorProcess } from './elector-process.ts';

/** Name of the application, and so of its Lease. */
const APPLICATION = 'elector';
/** Keeps the object of a deleted Pod until its process has ended, as a kubelet does. */
const FINALIZER = 'lease-elector.example.com/process-runs';
const MERGE_PATCH = 'application/merge-patch+json';
/** The interval between two checks of a condition, in milliseconds. */
const LOOK_INTERVAL_MS = 20;
/** The interval between two checks of the removed namespace, in milliseconds. */
const CLEANUP_INTERVAL_MS = 200;
/** The longest time for the removal of the namespace, in milliseconds. */
const CLEANUP_TIMEOUT_MS = 120_000;

/** A Pod of the run. */
export interface Pod {
  readonly name: string;
  readonly uid: string;
  /** The directory in which a kubelet would mount the token. */
  readonly directory: string;
}

/** The report of an elected process. */
export interface Elected {
  readonly process: ElectorProcess;
  readonly token: bigint;
  readonly leaseUid: string;
}

/** Pods, their processes, and the Lease. */
export class Election {
  readonly namespace: string = `lease-elector-e2e-${randomBytes(4).toString('hex')}`;
  readonly pods: Map<string, Pod> = new Map<string, Pod>();
  /** All started processes, the oldest first. */
  readonly processes: ElectorProcess[] = [];
  readonly #client: ClusterClient;
  readonly #patienceMs: number;
  readonly #interrupted: AbortSignal;
  #directory: string | null = null;
  #isMade = false;

  /** @param patienceMs the longest time for each condition */
  constructor(client: ClusterClient, patienceMs: number, interrupted: AbortSignal) {
    this.#client = client;
    this.#patienceMs = patienceMs;
    this.#interrupted = interrupted;
  }

  get #settings(): InstallationSettings {
    return { name: APPLICATION, namespace: this.namespace, image: 'example.invalid/none:1', lease: APPLICATION };
  }

  get #leasePath(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.namespace}/leases/${APPLICATION}`;
  }

  #podPath(name: string): string {
    return `/api/v1/namespaces/${this.namespace}/pods/${name}`;
  }

  /** Creates the namespace, and the ServiceAccount, Role and RoleBinding that `lease-elector manifests` prints. */
  async prepare(): Promise<void> {
    this.#directory = await mkdtemp(path.join(tmpdir(), 'lease-elector-e2e-'));
    // A request without an answer may have created it.
    this.#isMade = true;
    const { status, body } = await this.#client.send('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: this.namespace, labels: { 'app.kubernetes.io/managed-by': 'lease-elector-e2e' } },
    });
    if (status !== 201) {
      this.#isMade = false;
      throw new Error(`cannot create a namespace: ${status} ${body.message ?? ''}. Grant create on namespaces`);
    }
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${this.namespace}`;
    const paths: Readonly<Record<string, string>> = {
      ServiceAccount: `/api/v1/namespaces/${this.namespace}/serviceaccounts`,
      Role: `${rbac}/roles`,
      RoleBinding: `${rbac}/rolebindings`,
    };
    for (const { object } of installation(this.#settings)) {
      const collection = paths[String(object['kind'])];
      if (collection !== undefined) await this.#client.demand('POST', collection, object);
    }
  }

  /** Ends every process and removes everything, in any state. */
  async remove(): Promise<void> {
    for (const process of this.processes) process.signal('SIGKILL');
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
    if (!this.#isMade) return;
    const endMs = systemClock.nowMs() + CLEANUP_TIMEOUT_MS;
    for (;;) {
      const failure = await this.#removeNamespace();
      if (failure === null) return;
      if (systemClock.nowMs() > endMs) {
        throw new Error(
          `the namespace ${this.namespace} is still there: ${failure}. Run kubectl delete namespace ${this.namespace}`,
        );
      }
      await pause(CLEANUP_INTERVAL_MS);
    }
  }

  /** Makes one attempt. Returns the reason why the namespace still exists, or `null`. */
  async #removeNamespace(): Promise<string | null> {
    const namespacePath = `/api/v1/namespaces/${this.namespace}`;
    try {
      const { status, body } = await this.#client.send('GET', namespacePath);
      if (status === 404) return null;
      if (body.metadata?.deletionTimestamp === undefined) await this.#client.demand('DELETE', namespacePath);
      const { items = [] } = await this.#client.demand('GET', `${namespacePath}/pods`);
      for (const { metadata } of items) {
        if ((metadata?.finalizers ?? []).length > 0) await this.#removeFinalizer(metadata?.name ?? '');
      }
      return 'it is being deleted';
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Waits for a condition. Rejects after the time limit, or when the run is interrupted. */
  async until<Value>(
    what: string,
    look: () => Value | undefined | false | Promise<Value | undefined | false>,
  ): Promise<Value> {
    const endMs = systemClock.nowMs() + this.#patienceMs;
    for (;;) {
      this.#interrupted.throwIfAborted();
      const value = await look();
      if (value !== undefined && value !== false) return value;
      if (systemClock.nowMs() > endMs) throw new Error(`not within ${this.#patienceMs / 1_000} s: ${what}`);
      await pause(LOOK_INTERVAL_MS);
    }
  }

  /** Creates a Pod that no scheduler assigns to a node, with a bound token. */
  async createPod(name: string): Promise<Pod> {
    const { object } = installation(this.#settings).find(({ object }) => object['kind'] === 'Deployment') ?? {};
    const { template } = (object?.['spec'] ?? {}) as { template: { metadata: object; spec: object } };
    const { metadata } = await this.#client.demand('POST', `/api/v1/namespaces/${this.namespace}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...template.metadata, name, finalizers: [FINALIZER] },
      spec: { ...template.spec, schedulerName: 'none' },
    });
    const pod = { name, uid: metadata?.uid ?? '', directory: path.join(this.#directory ?? tmpdir(), name) };
    await mkdir(pod.directory);
    await writeFile(path.join(pod.directory, 'ca.crt'), this.#client.caPem);
    await writeFile(path.join(pod.directory, 'namespace'), this.namespace);
    await writeFile(path.join(pod.directory, 'token'), await this.#boundToken(pod), { mode: 0o600 });
    this.pods.set(name, pod);
    return pod;
  }

  async #boundToken({ name, uid }: Pod): Promise<string> {
    const accounts = `/api/v1/namespaces/${this.namespace}/serviceaccounts`;
    const { status } = await this.#client.demand('POST', `${accounts}/${APPLICATION}/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 3_600, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
    });
    return status?.token ?? '';
  }

  /** Starts the process of a Pod, and waits until its `start()` has resolved. */
  async startProcess(pod: Pod): Promise<ElectorProcess> {
    const process = new ElectorProcess(pod.name, {
      ...this.#client.environment,
      HOSTNAME: pod.name,
      SERVICE_ACCOUNT_DIRECTORY: pod.directory,
    });
    this.processes.push(process);
    await this.until(`${pod.name} starts`, () => {
      if (process.outcome !== null) throw new Error(`the process of ${pod.name} ended with ${process.outcome}`);
      return process.all('started').length > 0;
    });
    return process;
  }

  /** Waits for the leading process. */
  async leader(what: string, isRight: (process: ElectorProcess) => boolean = () => true): Promise<Elected> {
    const process = await this.until(what, () =>
      this.processes.find((process) => process.leads && !process.isGhost && isRight(process)),
    );
    const { token = '', detail } = process.last('elected') ?? {};
    return { process, token: BigInt(token), leaseUid: detail ?? '' };
  }

  pod(name: string): Pod {
    const pod = this.pods.get(name);
    if (pod === undefined) throw new Error(`there is no Pod ${name}`);
    return pod;
  }

  /** The Lease. `undefined` when there is none. */
  async lease(): Promise<ClusterObject | undefined> {
    const { status, body } = await this.#client.send('GET', this.#leasePath);
    return status === 200 ? body : undefined;
  }

  async deleteLease(): Promise<void> {
    await this.#client.demand('DELETE', this.#leasePath);
  }

  /** Deletes a Pod. Its object is terminating, and stays until `finishDeletion`. */
  async deletePod(name: string): Promise<void> {
    await this.#client.demand('DELETE', this.#podPath(name));
  }

  /** Removes the object of a deleted Pod, as the kubelet does after its process has ended. */
  async finishDeletion(name: string): Promise<void> {
    await this.#removeFinalizer(name);
    await this.until(`the Pod ${name} is gone`, async () => {
      const { status } = await this.#client.send('GET', this.#podPath(name));
      return status === 404;
    });
    this.pods.delete(name);
  }

  /** Removes the object of a Pod at once, while its process may still run. */
  async forceDeletePod(name: string): Promise<void> {
    await this.#removeFinalizer(name);
    await this.#client.demand('DELETE', this.#podPath(name), {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
    });
    this.pods.delete(name);
  }

  async #removeFinalizer(name: string): Promise<void> {
    const { status, body } = await this.#client.send(
      'PATCH',
      this.#podPath(name),
      { metadata: { finalizers: null } },
      MERGE_PATCH,
    );
    if (status >= 300 && status !== 404)
      throw new Error(`PATCH ${this.#podPath(name)}: ${status} ${body.message ?? ''}`);
  }

  /** Ends a process by SIGTERM, as a kubelet ends a container. */
  async terminate(process: ElectorProcess): Promise<void> {
    process.signal('SIGTERM');
    await this.until(`the process of ${process.podName} ends`, () => process.outcome !== null);
    if (process.outcome !== 0) throw new Error(`the process of ${process.podName} ended with ${process.outcome}`);
  }
}
