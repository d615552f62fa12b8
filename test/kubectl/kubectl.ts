/**
 * Runs kubectl with a separate home directory.
 */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { systemClock } from '../../src/runtime/clock.ts';

/** The result of a command. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The reason to skip the tests, or `false` when kubectl is installed. */
export function whyNoKubectl(): string | false {
  const { error, status } = spawnSync('kubectl', ['version', '--client']);
  return error === undefined && status === 0 ? false : 'kubectl is not installed';
}

/** A command that still runs. */
export class RunningCommand {
  readonly #child: ChildProcessWithoutNullStreams;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  async result(): Promise<CommandResult> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    return { exitCode: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** Waits for this many lines, ends the command, and returns its output. */
  async linesThenStop(count: number, timeoutMs: number): Promise<string> {
    const deadlineMs = systemClock.nowMs() + timeoutMs;
    while (this.#stdout.split('\n').length <= count && systemClock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => {
        systemClock.setTimer(10, resolve);
      });
    }
    this.#child.kill('SIGINT');
    return (await this.result()).stdout;
  }
}

/** kubectl for one server and one namespace. */
export class Kubectl {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #namespace: string;

  /** @param folder for its home and its caches */
  constructor(folder: string, kubeconfig: string, namespace: string) {
    this.#environment = { PATH: process.env['PATH'], HOME: path.join(folder, 'home'), KUBECONFIG: kubeconfig };
    this.#namespace = namespace;
  }

  /** @param command as recorded: words separated by spaces, beginning with `kubectl` */
  start(command: string, stdin = ''): RunningCommand {
    const words = command.split(' ').slice(1);
    const child = spawn('kubectl', ['--namespace', this.#namespace, ...words], { env: this.#environment });
    child.stdin.end(stdin);
    return new RunningCommand(child);
  }

  run(command: string, stdin = ''): Promise<CommandResult> {
    return this.start(command, stdin).result();
  }
}
