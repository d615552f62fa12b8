/**
 * One run of a Pod's container: a child process, what the director does to it, and what it reports.
 */

import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { Chronicle } from './chronicle.ts';
import type { Event, PodReference } from './happening.ts';
import type { Report } from './report.ts';

const PROGRAM: string = path.join(import.meta.dirname, 'candidate.ts');

/** What a container of the demo is started with. */
export interface ContainerOptions {
  readonly pod: PodReference;
  /** 1 for the first run of the Pod's container, 2 after its first restart. */
  readonly run: number;
  readonly serviceAccountDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly chronicle: Chronicle;
}

/** A running candidate. */
export class CandidateProcess {
  readonly pod: PodReference;
  readonly name: string;
  readonly #chronicle: Chronicle;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor({ pod, run, serviceAccountDirectory, environment, chronicle }: ContainerOptions) {
    this.pod = pod;
    this.name = `${pod.name}#${run}`;
    this.#chronicle = chronicle;
    this.#child = fork(PROGRAM, [], {
      execPath: process.execPath,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // Nothing of the surrounding shell but what a container has too: neither POD_NAME nor NAIS_APP_NAME.
      env: {
        ...environment,
        SERVICE_ACCOUNT_DIRECTORY: serviceAccountDirectory,
        ...(process.env['DEBUG'] === undefined ? {} : { DEBUG: process.env['DEBUG'] }),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const process_ = this.name;
    chronicle.add({ type: 'processStarted', process: process_, pod, pid: this.#child.pid ?? 0 });
    this.#child.on('message', (message) => this.#hear(message as Report));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) {
        if (line.trim() !== '') chronicle.add({ type: 'noted', process: process_, text: line.trim() });
      }
    });
    this.#child.on('error', ({ message }) => chronicle.add({ type: 'noted', process: process_, text: message }));
    this.#ended = new Promise((resolve) => {
      // `close`, unlike `exit`, comes after the last report was read.
      this.#child.once('close', (code, signal) => {
        const how = signal === null ? `exit code ${code}` : signal;
        chronicle.add({ type: 'processEnded', process: process_, how });
        resolve();
      });
    });
  }

  /** SIGKILL: the crash of a container. Resolves when it is over. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM: how the kubelet asks a container to end. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** SIGSTOP: a hang. */
  suspend(): void {
    this.#child.kill('SIGSTOP');
    this.#chronicle.add({ type: 'processSuspended', process: this.name });
  }

  /** SIGCONT: the end of a hang. */
  continue(): void {
    this.#child.kill('SIGCONT');
    this.#chronicle.add({ type: 'processContinued', process: this.name });
  }

  #hear(report: Report): void {
    this.#chronicle.add(eventOf(this.name, report), this.#chronicle.toMs(BigInt(report.atNs)));
  }
}

function eventOf(process: string, { atNs: _atNs, ...report }: Report): Event {
  if ('token' in report) return { ...report, process, token: BigInt(report.token) };
  return { ...report, process };
}
