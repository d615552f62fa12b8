/**
 * The candidates of one Lease, each in a separate process, and the replacement of their leader.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { CandidateProcess } from './candidate-process.ts';
import type { BenchPod, Cluster } from './cluster.ts';
import { nowMs } from './cluster-commands.ts';

/** The longest time without a leader, in milliseconds. */
const PATIENCE_MS = 60_000;

interface Member {
  readonly pod: BenchPod;
  readonly process: CandidateProcess;
}

/** A change of the leader. */
export interface Failover {
  /** From the answer to the deletion of the leader's Pod to the election of another Pod. */
  readonly tookMs: number;
  readonly deletedAtMs: number;
  readonly electedAtMs: number;
  /** The name of the Pod that leads now, which is its service account in the log of requests. */
  readonly successor: string;
}

/** Some candidates of one kind. */
export class CandidateGroup {
  readonly #cluster: Cluster;
  readonly #script: string;
  readonly #name: string;
  readonly #kind: string;
  readonly #members: Member[] = [];
  #lastPod = 0;
  #elected = Promise.withResolvers<{ pod: string; atMs: number }>();
  #leader = '';

  /**
   * @param script the built `candidate-host`
   * @param kind `lease-elector`, or a variant of the bare candidate
   */
  constructor(cluster: Cluster, script: string, name: string, kind: string) {
    this.#cluster = cluster;
    this.#script = script;
    this.#name = name;
    this.#kind = kind;
  }

  async start(size: number): Promise<void> {
    for (let member = 0; member < size; member += 1) await this.#add();
    this.#leader = (await this.#elected.promise).pod;
  }

  /** Deletes the leader's Pod and kills its process. Then a new candidate joins. */
  async replaceKilledLeader(): Promise<Failover> {
    const { pod, process } = this.#takeLeader();
    const deletedAtMs = await this.#cluster.deletePod(pod.name);
    const ended = process.end();
    const failover = await this.#awaitSuccessor(deletedAtMs);
    await ended;
    await this.#add();
    return failover;
  }

  /** Deletes the leader's Pod, as a rolling update does, and calls `stop()` in its process. Then a new candidate joins. */
  async replaceStoppedLeader(): Promise<Failover> {
    const { pod, process } = this.#takeLeader();
    const deletedAtMs = await this.#cluster.deletePod(pod.name, true);
    // The leader sees that its Pod is being deleted, as it does in the milliseconds before the signal of the kubelet.
    await sleep(100);
    const stoppedAtMs = nowMs();
    const stopped = process.stop(pod);
    const failover = await this.#awaitSuccessor(stoppedAtMs);
    await stopped;
    await this.#cluster.deletePod(pod.name);
    await process.end();
    await this.#add();
    return { ...failover, deletedAtMs };
  }

  async end(): Promise<void> {
    for (const { process } of this.#members.splice(0)) await process.end();
  }

  #takeLeader(): Member {
    this.#elected = Promise.withResolvers();
    const index = this.#members.findIndex(({ pod }) => pod.name === this.#leader);
    const [leader] = this.#members.splice(index, 1);
    if (index === -1 || leader === undefined) throw new Error(`${this.#leader} is not a member`);
    return leader;
  }

  async #awaitSuccessor(sinceMs: number): Promise<Failover> {
    const late = setTimeout(
      () => this.#elected.reject(new Error(`no ${this.#kind} leads after ${PATIENCE_MS} ms`)),
      PATIENCE_MS,
    );
    const { pod, atMs } = await this.#elected.promise;
    clearTimeout(late);
    this.#leader = pod;
    return { tookMs: atMs - sinceMs, deletedAtMs: sinceMs, electedAtMs: atMs, successor: pod };
  }

  async #add(): Promise<void> {
    this.#lastPod += 1;
    const name = `${this.#name}-${this.#lastPod}`;
    const pod = await this.#cluster.createPod(name, this.#name, name);
    const process = new CandidateProcess(this.#script, this.#kind, (election) => this.#elected.resolve(election));
    this.#members.push({ pod, process });
    await process.join(pod, this.#name);
  }
}
