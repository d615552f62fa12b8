/**
 * The embedded API server in a child process, and the commands to it.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ControlPlane, InnerControlPlane } from './cluster.ts';
import type { ClusterCommands, Command, CommandAnswer, LoggedEvent } from './cluster-commands.ts';

/** A child process with the embedded API server. */
export class EmbeddedControlPlane implements ControlPlane, InnerControlPlane {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  caPem = '';
  environment: Readonly<Record<string, string>> = {};

  private constructor() {
    this.#process = fork(fileURLToPath(new URL('./cluster-process.ts', import.meta.url)));
    this.#process.on('message', (answer: CommandAnswer) => {
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if ('error' in answer) pending?.reject(new Error(answer.error));
      else pending?.resolve(answer.value);
    });
  }

  static async start(): Promise<EmbeddedControlPlane> {
    const controlPlane = new EmbeddedControlPlane();
    const { port, caPem } = await controlPlane.#command('start', null);
    controlPlane.caPem = caPem;
    controlPlane.environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
    return controlPlane;
  }

  get inner(): InnerControlPlane {
    return this;
  }

  async createPod(name: string, app: string, account: string): Promise<{ uid: string; token: string }> {
    const { pod, token } = await this.#command('createPod', { name, app, account });
    return { uid: pod.uid, token };
  }

  deletePod(name: string, gracefully: boolean): Promise<number> {
    return this.#command('deletePod', { name, gracefully });
  }

  holdCollector(held: boolean): Promise<void> {
    return this.#command('holdCollector', held);
  }

  takeLog(): Promise<LoggedEvent[]> {
    return this.#command('takeLog', null);
  }

  breakDown(forMs: number): Promise<number> {
    return this.#command('breakDown', forMs);
  }

  memoryMib(): Promise<number> {
    return this.#command('memoryMib', null);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    await ended;
  }

  #command<Name extends keyof ClusterCommands>(
    name: Name,
    argument: Parameters<ClusterCommands[Name]>[0],
  ): Promise<Awaited<ReturnType<ClusterCommands[Name]>>> {
    this.#lastId += 1;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(this.#lastId, pending);
    this.#process.send({ id: this.#lastId, name, argument } satisfies Command);
    return pending.promise as Promise<Awaited<ReturnType<ClusterCommands[Name]>>>;
  }
}
