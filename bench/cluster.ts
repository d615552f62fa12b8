/**
 * A cluster to measure against: the embedded API server in a child process, or the cluster that KUBECONFIG names.
 * Its Pods have their service account files on disk, as the kubelet would have mounted them.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LoggedEvent, NAMESPACE } from './cluster-commands.ts';
import { EmbeddedControlPlane } from './embedded-control-plane.ts';
import { RemoteControlPlane } from './remote-control-plane.ts';

/** A Pod, with the files and the environment of a process in it. */
export interface BenchPod {
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountDirectory: string;
  /** The environment of a process in this Pod. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The requests of a benchmark to its cluster, with an administrator's permissions. */
export interface ControlPlane {
  /** The address of the API server. */
  readonly environment: Readonly<Record<string, string>>;
  /** The certificates that sign the certificate of the API server. */
  readonly caPem: string;
  createPod(name: string, app: string, account: string): Promise<{ readonly uid: string; readonly token: string }>;
  deletePod(name: string, gracefully: boolean): Promise<number>;
  /** The request log, the collector and the outage; `null` for the cluster of a kubeconfig. */
  readonly inner: InnerControlPlane | null;
  stop(): Promise<void>;
}

/** The commands that only the embedded API server has. */
export interface InnerControlPlane {
  holdCollector(held: boolean): Promise<void>;
  takeLog(): Promise<readonly LoggedEvent[]>;
  breakDown(forMs: number): Promise<number>;
  memoryMib(): Promise<number>;
}

/** One cluster, and its Pods. */
export class Cluster {
  readonly #controlPlane: ControlPlane;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'lease-elector-bench-pods-'));

  private constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
  }

  /** Starts the embedded API server, even if KUBECONFIG is set. */
  static async startEmbedded(): Promise<Cluster> {
    return new Cluster(await EmbeddedControlPlane.start());
  }

  /** @param kubeconfig the file of another cluster; `undefined`: the embedded API server */
  static async start(kubeconfig: string | undefined): Promise<Cluster> {
    if (kubeconfig === undefined) return Cluster.startEmbedded();
    return new Cluster(await RemoteControlPlane.open(kubeconfig));
  }

  get inner(): InnerControlPlane | null {
    return this.#controlPlane.inner;
  }

  /**
   * @param app the value of its label `app`
   * @param account its service account, by which the request log distinguishes Pods
   */
  async createPod(name: string, app: string = name, account: string = 'candidate'): Promise<BenchPod> {
    const { environment, caPem } = this.#controlPlane;
    const { uid, token } = await this.#controlPlane.createPod(name, app, account);
    const directory = path.join(this.#directory, name);
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'token'), token);
    writeFileSync(path.join(directory, 'ca.crt'), caPem);
    writeFileSync(path.join(directory, 'namespace'), NAMESPACE);
    return {
      name,
      uid,
      serviceAccountDirectory: directory,
      environment: { ...environment, SERVICE_ACCOUNT_DIRECTORY: directory },
    };
  }

  /** The moment of the answer, in milliseconds of the monotonic clock that all processes share. */
  deletePod(name: string, gracefully: boolean = false): Promise<number> {
    return this.#controlPlane.deletePod(name, gracefully);
  }

  async stop(): Promise<void> {
    await this.#controlPlane.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
