/**
 * Runs `children/candidate-host.ts`: a process with one candidate or many.
 */

import { type ChildProcess, fork } from 'node:child_process';
import type { HostReport, Order } from './children/candidate-host.ts';
import type { BenchPod } from './cluster.ts';

/** The longest wait for a report, in milliseconds. */
const PATIENCE_MS = 60_000;

const RUNNING = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of RUNNING) child.kill('SIGKILL');
});

/** A process with candidates. */
export class CandidateProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  /** The reports of `elected`, in their order. */
  readonly #elections: (election: HostReport) => void;
  readonly #waiting = new Map<string, PromiseWithResolvers<number>>();

  /**
   * @param script the built `candidate-host`
   * @param kind `lease-elector`, or a variant of the bare candidate
   */
  constructor(script: string, kind: string, elected: (election: HostReport) => void, renewIntervalMs: number = 1_000) {
    this.#child = fork(script, [kind, String(renewIntervalMs)], { execArgv: [] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#elections = elected;
    RUNNING.add(this.#child);
    this.#child.on('message', (report: HostReport) => this.#take(report));
  }

  /** Adds a candidate; resolves when it knows the leader. */
  async join(pod: BenchPod, lease: string): Promise<void> {
    const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = pod.environment;
    const directory = pod.serviceAccountDirectory;
    await this.#order({ command: 'join', pod: pod.name, lease, directory, host, port }, 'joined');
  }

  /** Stops a candidate; resolves when it has stopped. */
  async stop(pod: BenchPod): Promise<void> {
    await this.#order({ command: 'stop', pod: pod.name }, 'stopped');
  }

  /** Ends one of the candidates of this process, and does not wait for its end. */
  drop(pod: BenchPod): void {
    this.#child.send({ command: 'kill', pod: pod.name } satisfies Order);
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    RUNNING.delete(this.#child);
  }

  #order(order: Order, awaited: 'joined' | 'stopped'): Promise<number> {
    const pending = Promise.withResolvers<number>();
    this.#waiting.set(`${awaited} ${order.pod}`, pending);
    const late = setTimeout(() => pending.reject(new Error(`${order.pod} was not ${awaited} in time`)), PATIENCE_MS);
    this.#child.send(order);
    return pending.promise.finally(() => clearTimeout(late));
  }

  #take(report: HostReport): void {
    const { event, pod, atMs, detail } = report;
    if (event === 'elected') this.#elections(report);
    else if (event === 'failed') console.error(`${pod}: ${detail}`);
    else this.#waiting.get(`${event} ${pod}`)?.resolve(atMs);
  }
}
