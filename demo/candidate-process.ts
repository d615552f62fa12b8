/**
 * One run of a Pod's container: a child process, the signals that the demo sends to it, and the reports that it sends.
 */

import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { EmbeddedPod } from '../src/testing/index.ts';
import type { Report } from './demo-event.ts';
import type { EventLog } from './event-log.ts';

/** A running candidate. */
export class CandidateProcess {
  readonly pod: EmbeddedPod;
  /** Such as `batch-a#2`. */
  readonly name: string;
  readonly #log: EventLog;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  /** @param run 1 for the first run of the Pod's container, 2 after its first restart */
  constructor(pod: EmbeddedPod, run: number, log: EventLog) {
    this.pod = pod;
    this.name = `${pod.name}#${run}`;
    this.#log = log;
    this.#child = fork(path.join(import.meta.dirname, 'candidate.ts'), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // The variables of a container, and none of the shell.
      env: { ...pod.env, SERVICE_ACCOUNT_DIRECTORY: pod.serviceAccountDirectory },
      // It transfers a bigint.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const { name } = this;
    log.add({ type: 'processStarted', process: name, pod, pid: this.#child.pid ?? 0 });
    this.#child.on('message', (message) => {
      const { atNs, ...content } = message as Report;
      log.add({ ...content, process: name }, log.toMs(atNs));
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) log.add({ type: 'noted', process: name, text: line });
    });
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        log.add({ type: 'processEnded', process: name, how });
        resolve();
      };
      // Unlike `exit`, `close` comes after the last report.
      this.#child.once('close', (code, signal) => end(signal ?? `exit code ${code}`));
      this.#child.once('error', ({ message }) => end(message));
    });
  }

  /** SIGKILL is the crash of a container, SIGTERM its end by the kubelet, SIGSTOP a hang. Returns the time. */
  send(signal: NodeJS.Signals): number {
    this.#child.kill(signal);
    return this.#log.add({ type: 'signalled', process: this.name, signal });
  }

  /** Ends the process at once if it still runs. Resolves after its end. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
