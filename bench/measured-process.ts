/**
 * Starts the measured processes, reads their output, and reads their memory from the kernel.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { BenchPod } from './cluster.ts';

/** The use of memory, in MiB, and of processors by a process, as Linux counts it. */
export interface Usage {
  /** Resident: `VmRSS`. */
  readonly rss: number;
  /** The part without a file behind it, which no process shares: `RssAnon`. */
  readonly anonymous: number;
  /** Resident, with each shared page divided by the number of processes that share it: `Pss`. */
  readonly proportional: number;
  /** The processor time of all its threads so far, in milliseconds. */
  readonly cpuMs: number;
}

/** The running processes. An interrupted benchmark ends them. */
const RUNNING = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of RUNNING) child.kill('SIGKILL');
});

/** A process that is being measured. */
export class MeasuredProcess {
  readonly #process: ChildProcess;
  readonly #spawnedAt: bigint;
  readonly #exited: Promise<unknown>;
  #output = '';
  #onOutput: (() => void) | null = null;

  constructor(
    script: string,
    options: {
      readonly pod: BenchPod;
      readonly arguments?: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
    },
  ) {
    this.#spawnedAt = process.hrtime.bigint();
    // No IPC channel: it would load modules into the child that the library does not need.
    this.#process = spawn(process.execPath, [script, ...(options.arguments ?? [])], {
      env: { ...options.pod.environment, ...options.environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#exited = new Promise((resolve) => this.#process.once('exit', resolve));
    RUNNING.add(this.#process);
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
      this.#onOutput?.();
    });
  }

  /** Milliseconds from the spawn until the process reported that it is `elected`, `following` or `up`. */
  async reportedAfterMs(word: string): Promise<number> {
    const pattern = new RegExp(`^${word} (\\d+)$`, 'm');
    const deadline = AbortSignal.timeout(30_000);
    for (;;) {
      const moment = pattern.exec(this.#output)?.[1];
      if (moment !== undefined) return Number(BigInt(moment) - this.#spawnedAt) / 1e6;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#onOutput = resolve;
      deadline.onabort = () => reject(new Error(`a process did not report "${word}"; its output: ${this.#output}`));
      await promise;
    }
  }

  usage(): Usage {
    const { pid } = this.#process;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return {
      rss: megabytes(status, 'VmRSS'),
      anonymous: megabytes(status, 'RssAnon'),
      proportional: megabytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss'),
      // In nanoseconds; `/proc/<pid>/stat` counts steps of 10 ms.
      cpuMs: readdirSync(`/proc/${pid}/task`)
        .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
        .reduce((sum, value) => sum + value, 0),
    };
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#process.kill(signal);
    await this.#exited;
    RUNNING.delete(this.#process);
  }
}

function megabytes(text: string, field: string): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (kilobytes === undefined) throw new Error(`the kernel does not report ${field}`);
  return Number(kilobytes) / 1024;
}
