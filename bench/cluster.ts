/**
 * A cluster to measure against: the embedded API server in a child process, and Pods with their service
 * account files on disk, as the kubelet would have mounted them.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClusterCommands, type Command, type CommandAnswer, NAMESPACE } from './cluster-process.ts';

/** A Pod, and what a process in it finds. */
export interface BenchPod {
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountDirectory: string;
  /** The environment of a process in this Pod. */
  readonly environment: Readonly<Record<string, string>>;
}

/** One embedded API server, and its Pods. */
export class Cluster {
  readonly #process: ChildProcess;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'lease-elector-bench-pods-'));
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #caPem = '';
  #environment: Readonly<Record<string, string>> = {};

  private constructor() {
    this.#process = fork(fileURLToPath(new URL('./cluster-process.ts', import.meta.url)));
    this.#process.on('message', (answer: CommandAnswer) => {
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if ('error' in answer) pending?.reject(new Error(answer.error));
      else pending?.resolve(answer.value);
    });
  }

  static async start(): Promise<Cluster> {
    const cluster = new Cluster();
    const { port, caPem } = await cluster.#command('start', '');
    cluster.#caPem = caPem;
    cluster.#environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
    return cluster;
  }

  async createPod(name: string): Promise<BenchPod> {
    const { pod, token } = await this.#command('createPod', name);
    const directory = path.join(this.#directory, name);
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'token'), token);
    writeFileSync(path.join(directory, 'ca.crt'), this.#caPem);
    writeFileSync(path.join(directory, 'namespace'), NAMESPACE);
    return {
      name,
      uid: pod.uid,
      serviceAccountDirectory: directory,
      environment: { ...this.#environment, SERVICE_ACCOUNT_DIRECTORY: directory },
    };
  }

  /** The moment of the deletion, in nanoseconds of the monotonic clock that all processes share. */
  async deletePod(name: string): Promise<bigint> {
    return BigInt(await this.#command('deletePod', name));
  }

  takeRequests(): Promise<string[]> {
    return this.#command('takeRequests', '');
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #command<Name extends keyof ClusterCommands>(
    name: Name,
    argument: string,
  ): Promise<Awaited<ReturnType<ClusterCommands[Name]>>> {
    this.#lastId += 1;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(this.#lastId, pending);
    this.#process.send({ id: this.#lastId, name, argument } satisfies Command);
    return pending.promise as Promise<Awaited<ReturnType<ClusterCommands[Name]>>>;
  }
}
