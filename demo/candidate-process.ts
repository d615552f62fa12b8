/**
 * One run of a Pod's container: a child process, the signals that the demo sends to it, and the reports that it sends.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { wordsOf } from '../src/runtime/quotation.ts';
import type { EmbeddedPod } from '../src/testing/index.ts';
import type { ProcessContent, Report } from './demo-event.ts';
import type { EventLog } from './event-log.ts';

/** A running candidate. */
export class CandidateProcess {
  readonly pod: EmbeddedPod;
  /** Such as `batch-a#2`. */
  readonly name: string;
  readonly #log: EventLog;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** @param run 1 for the first run of the Pod's container, 2 after its first restart */
  constructor(pod: EmbeddedPod, run: number, log: EventLog) {
    this.pod = pod;
    this.name = `${pod.name}#${run}`;
    this.#log = log;
    this.#child = fork(new URL('candidate.ts', import.meta.url), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // The variables of a container, and none of the shell.
      env: { ...pod.env, SERVICE_ACCOUNT_DIRECTORY: pod.serviceAccountDirectory },
      // The reports contain a bigint.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#report({ type: 'processStarted', pid: this.#child.pid ?? 0 });
    this.#child.on('message', (message) => {
      const { atNs, ...content } = message as Report;
      this.#report(content, log.toMs(atNs));
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) this.#report({ type: 'noted', text: line, tone: 'trouble' });
    });
    // Unlike `exit`, `close` comes after the last report.
    this.#ended = once(this.#child, 'close')
      .then(([code, signal]) => signal ?? `exit code ${code}`, wordsOf)
      .then((how) => this.#report({ type: 'processEnded', how, crashed: how !== 'exit code 0' }));
  }

  /** SIGKILL is the crash of a container, SIGTERM its end by the kubelet, SIGSTOP a hang. Returns the time. */
  send(signal: NodeJS.Signals): number {
    this.#child.kill(signal);
    return this.#report({ type: 'signalled', signal });
  }

  /** Ends the process at once if it still runs. Resolves after its end. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #report(content: ProcessContent, atMs?: number): number {
    const { name, uid } = this.pod;
    return this.#log.add({ ...content, pod: { name, uid }, process: this.name }, atMs);
  }
}
