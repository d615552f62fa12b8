/**
 * Runs an example as the process of a Pod's container: `lease-elector` is the source of this repository.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PROCESS_ENVIRONMENT, type TestPod } from '../integration/cluster.ts';

const RESOLVER = new URL('../integration/package-resolver.ts', import.meta.url).href;

/** How long a program may take, in milliseconds. A JVM that compiles its source is slow on a busy machine. */
const PATIENCE_MS = 60_000;

/** Waits for an effect of a program. */
export async function eventually(what: () => string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > endMs) assert.fail(`not within ${PATIENCE_MS / 1_000} s: ${what()}`);
    await pause(10);
  }
}

/** The file of an example. */
export function exampleFile(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
}

/** A running program. */
export class ExampleProcess {
  readonly #child: ChildProcess;
  /** The texts that it has written to stdout and to stderr. */
  output = '';
  errors = '';
  /** The exit code, or the signal that ended it. */
  outcome: number | NodeJS.Signals | null = null;

  constructor(
    t: TestContext,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    const env = { ...PROCESS_ENVIRONMENT, ...environment };
    this.#child = spawn(command, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk) => {
      this.output += chunk;
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.errors += chunk;
    });
    this.#child.once('close', (code, signal) => {
      this.outcome = signal ?? code;
    });
    t.after(() => this.signal('SIGKILL'));
  }

  /** Starts an example in a Pod. */
  static inPod(
    t: TestContext,
    file: string,
    pod: TestPod,
    environment: Readonly<Record<string, string>> = {},
  ): ExampleProcess {
    return new ExampleProcess(t, process.execPath, ['--import', RESOLVER, file], {
      ...pod.environment,
      POD_DIRECTORY: pod.directory,
      ...environment,
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (this.outcome === null) this.#child.kill(signal);
  }

  /** Whole lines of the output. */
  get lines(): readonly string[] {
    return this.output.split('\n').slice(0, -1);
  }

  /** Waits for a line; returns it. */
  async line(pattern: RegExp): Promise<string> {
    const find = (): string | undefined => this.lines.find((line) => pattern.test(line));
    await eventually(
      () => `a line ${pattern} arrives; the output is: ${this.output}${this.errors}`,
      () => {
        if (this.outcome !== null && find() === undefined)
          assert.fail(`it ended with ${this.outcome} before a line ${pattern}: ${this.output}${this.errors}`);
        return find() !== undefined;
      },
    );
    return find() ?? '';
  }

  /** Waits for its end. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await eventually(
      () => `the program ends; it wrote: ${this.output}${this.errors}`,
      () => this.outcome !== null,
    );
    return this.outcome;
  }

  /** Waits until it has reported an error. */
  async error(pattern: RegExp): Promise<void> {
    await eventually(
      () => `an error ${pattern} arrives; the errors are: ${this.errors}`,
      () => this.outcome !== null || pattern.test(this.errors),
    );
    assert.equal(this.outcome, null, `an error has ended the program: ${this.errors}`);
  }
}
