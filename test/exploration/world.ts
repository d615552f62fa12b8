/**
 * The world of an exploration as read-only data: the cluster, the processes, the orphaned requests, the number of
 * disturbances left, and the record of the checkers.
 *
 * `MoveExecution` applies one move (`moves.ts`) to it.
 */

import type { Announcement } from '../../src/core/effect.ts';
import type { TimerName } from '../../src/core/input.ts';
import type { PodReference } from '../../src/core/lease-record.ts';
import { type Ended, Ledger, type Record } from './checkers.ts';
import {
  type Answered,
  type Change,
  type Cluster,
  collect,
  exists,
  failureOf,
  isWrite,
  type Request,
  withoutLease,
  withoutPod,
  withPod,
  withTerminating,
} from './cluster-model.ts';
import type { Memory } from './memory.ts';
import { type InFlight, type Process, type ProcessStep, startProcess } from './process-model.ts';

/**
 * The disturbances of the ordinary flow: the faults, and the moves that could repeat without end. All count against one
 * budget.
 */
export type Disturbance =
  /** A container is killed and started again. */
  | 'crash'
  /** A Pod is deleted. The kubelet then ends its process and removes it. */
  | 'pod-deleted'
  /** A Pod's object is removed at once, and its process continues to run. */
  | 'pod-force-deleted'
  /** A user deletes the Lease. */
  | 'lease-deleted'
  /** A request times out. It was executed before, or is executed later, or never. */
  | 'answer-lost'
  /** From now on, a process receives events and answers with any lag and in any order. */
  | 'lag'
  /** The connection of a watch breaks. */
  | 'watch-cut'
  /** The timer `renew` fires. */
  | 'renewal'
  /** The timer `recheck` or `backstop` fires. */
  | 'resync'
  /** The timer `leaving` fires: the release of the Lease takes too long. */
  | 'release-timeout'
  /** The API server begins to refuse the token of a Pod that is gone (wire fact 30). */
  | 'token-refused'
  /** The application of the leader calls `stepDown()`. */
  | 'step-down'
  /** A Pod that is gone is re-created under its name, as in a StatefulSet. */
  | 'namesake';

/** A write whose sender no longer waits for the answer. It may still be executed, or never. */
export interface OrphanedRequest {
  readonly operation: Request;
  readonly sender: string;
  readonly observedHolder: string | null;
}

export interface World {
  readonly cluster: Cluster;
  readonly processes: readonly Process[];
  readonly orphanedRequests: readonly OrphanedRequest[];
  /** The number of disturbances left. */
  readonly budget: number;
  /** The number of Pods that were re-created under a name. */
  readonly namesakes: number;
  readonly record: Record;
}

/** At most this many Pods are re-created: a fingerprint has three bits for their number. */
export const NAMESAKE_LIMIT = 2;

/** The moves from outside that apply to a Pod or its process. */
type ProcessMove = 'crash' | 'terminate' | 'forceDelete' | 'remove' | 'sigterm' | 'stepDown' | 'refuseToken' | 'lag';

/** One possible event. `process` is a position in the world. */
export type Move =
  | { readonly type: 'arrive' | 'answer' | 'lose'; readonly process: number }
  | { readonly type: 'deliver' | 'cut' | 'watchTimer'; readonly process: number; readonly of: 'lease' | 'pod' }
  | { readonly type: 'fire'; readonly process: number; readonly timer: TimerName }
  | { readonly type: 'settle'; readonly process: number; readonly drained: boolean }
  | { readonly type: 'orphanedRequestArrives' | 'orphanedRequestVanishes'; readonly orphanedRequest: number }
  | { readonly type: 'collect' | 'deleteLease' }
  | { readonly type: ProcessMove; readonly process: number }
  | { readonly type: 'recreate'; readonly slot: number; readonly inOrder: boolean };

/** Timers that may fire repeatedly. Each firing counts as this disturbance. */
export const DISTURBING_TIMERS: { readonly [Timer in TimerName]?: Disturbance } = {
  renew: 'renewal',
  recheck: 'resync',
  backstop: 'resync',
  leaving: 'release-timeout',
};

/**
 * Applies one move.
 *
 * @throws {Violation} when it breaks a rule
 */
export function applyMove(memory: Memory, world: World, move: Move): World {
  const execution = new MoveExecution(memory, world);
  execution.carryOut(move);
  return execution.end();
}

type Mutable<Data> = { -readonly [Key in keyof Data]: Data[Key] };

const UNAUTHORIZED: Answered = { ok: false, failure: failureOf('unauthorized') };

class MoveExecution {
  readonly #memory: Memory;
  readonly #world: Mutable<World>;
  readonly #ledger: Ledger;

  constructor(memory: Memory, world: World) {
    this.#memory = memory;
    this.#world = { ...world };
    this.#ledger = new Ledger(world.record);
  }

  end(): World {
    this.#world.record = this.#memory.keep('record', this.#ledger.record);
    const { cluster, processes } = this.#world;
    const irrelevant = processes.filter((process) => isIrrelevant(process, cluster, this.#ledger));
    for (const process of irrelevant) {
      this.#orphan(process.pod.uid, process.requests[0]);
      this.#world.processes = this.#world.processes.filter((one) => one !== process);
    }
    this.#dropFutileRequests();
    return this.#world;
  }

  carryOut(move: Move): void {
    switch (move.type) {
      case 'arrive':
        return this.#arrive(move.process);
      case 'answer':
      case 'lose':
        return this.#answer(move.type, move.process);
      case 'deliver':
        return this.#runStep(move.process, `deliver ${move.of}`, (step) => step.deliver(move.of));
      case 'cut':
        this.#spendBudget();
        return this.#runStep(move.process, `cut ${move.of}`, (step) => step.cut(move.of));
      case 'watchTimer':
        return this.#runStep(move.process, `watchTimer ${move.of}`, (step) =>
          step.watch(move.of, { type: 'timerFired', late: false }),
        );
      case 'fire': {
        if (DISTURBING_TIMERS[move.timer] !== undefined) this.#spendBudget();
        return this.#runStep(move.process, `fire ${move.timer}`, (step) => step.fire(move.timer));
      }
      case 'settle':
        return this.#runStep(move.process, `settle ${move.drained}`, (step) => step.settle(move.drained));
      case 'orphanedRequestArrives':
      case 'orphanedRequestVanishes':
        return this.#orphanedRequest(move.orphanedRequest, move.type === 'orphanedRequestArrives');
      case 'collect': {
        return this.#change('collect', (cluster) => collect(cluster) ?? { cluster, event: null });
      }
      case 'deleteLease':
        this.#spendBudget();
        this.#ledger.takenByHand(this.#world.cluster);
        return this.#change('deleteLease', withoutLease);
      case 'recreate':
        this.#spendBudget();
        return this.#recreate(move.slot, move.inOrder);
      default:
        return this.#applyToPod(move.type, move.process);
    }
  }

  #applyToPod(type: ProcessMove, index: number): void {
    const process = this.#process(index);
    const { uid } = process.pod;
    switch (type) {
      case 'crash':
        this.#spendBudget();
        this.#ledger.leadershipEnded(uid);
        this.#orphan(uid, process.requests[0]);
        return this.#replace(index, this.#start(process.slot, process.pod, process.inbox !== null));
      case 'terminate':
        this.#spendBudget();
        return this.#change(`terminate ${uid}`, (cluster) => withTerminating(cluster, uid));
      case 'forceDelete':
        this.#spendBudget();
        return this.#losePod(uid);
      case 'remove':
        // The kubelet removes the object after it has killed the containers.
        this.#orphan(uid, process.requests[0]);
        this.#world.processes = this.#world.processes.toSpliced(index, 1);
        return this.#losePod(uid);
      case 'sigterm':
        return this.#runStep(index, 'stop', (step) => step.stop());
      case 'stepDown':
        this.#spendBudget();
        return this.#runStep(index, 'stepDown', (step) => step.stepDown());
      case 'lag':
        this.#spendBudget();
        return this.#runStep(index, 'lag', (step) => step.lag());
      case 'refuseToken':
        this.#spendBudget();
        return this.#ledger.refuse(uid);
    }
  }

  #spendBudget(): void {
    this.#world.budget -= 1;
  }

  #process(index: number): Process {
    const process = this.#world.processes[index];
    if (process === undefined) throw new Error(`there is no process ${index}`);
    return process;
  }

  #replace(index: number, process: Process): void {
    this.#world.processes = this.#world.processes.with(index, process);
  }

  /** Runs a step of a process, and checks its announcements. `name` identifies the step in the cache. */
  #runStep(index: number, name: string, action: (step: ProcessStep) => void): void {
    const before = this.#process(index);
    const { process, announcements, abandoned } = this.#memory.runStep(before, name, action);
    this.#replace(index, process);
    this.#orphan(before.pod.uid, abandoned);
    this.#check(before, announcements);
  }

  #check({ pod }: Process, announcements: readonly Announcement[]): void {
    const podExists = exists(this.#world.cluster, pod.uid);
    for (const announcement of announcements) this.#ledger.recordAnnouncement(pod.uid, podExists, announcement);
  }

  // --- Requests

  #arrive(index: number): void {
    const process = this.#process(index);
    const request = first(process);
    const { uid } = process.pod;
    const answer: Answered = this.#ledger.refuses(uid) ? UNAUTHORIZED : this.#serve(uid, request);
    this.#replace(index, this.#memory.answered(this.#process(index), answer));
  }

  #serve(
    sender: string,
    { operation, observedHolder }: Pick<OrphanedRequest, 'operation' | 'observedHolder'>,
  ): Answered {
    const before = this.#world.cluster;
    const change = this.#memory.serve(before, operation);
    if (change.event !== null) {
      this.#ledger.written(before, change.cluster, sender, observedHolder);
      this.#setCluster(change);
    }
    return change.answer;
  }

  #answer(type: 'answer' | 'lose', index: number): void {
    const process = this.#process(index);
    const request = first(process);
    if (type === 'answer') {
      const { answer } = request;
      if (answer !== null) this.#runStep(index, 'answer', (step) => step.answer(request, answer));
      return;
    }
    this.#spendBudget();
    this.#orphan(process.pod.uid, request);
    this.#runStep(index, 'lose', (step) => step.answer(request, { ok: false, failure: failureOf('unavailable') }));
  }

  /** Makes a write an orphaned request. The requests behind it were not sent yet. */
  #orphan(sender: string, request: InFlight | undefined): void {
    if (request === undefined || request.answer !== null || !isWrite(request.operation)) return;
    const { operation, observedHolder } = request;
    const { orphanedRequests } = this.#world;
    this.#world.orphanedRequests = this.#memory.orphanedRequests(orphanedRequests, request, () => [
      ...orphanedRequests,
      { operation, sender, observedHolder },
    ]);
  }

  /** Drops orphaned writes to an old version: the server will refuse them, and no process waits for the answer. */
  #dropFutileRequests(): void {
    const { cluster, orphanedRequests } = this.#world;
    if (!this.#memory.core.preconditions || !orphanedRequests.some(({ operation }) => isFutile(operation, cluster)))
      return;
    this.#world.orphanedRequests = this.#memory.keep(
      'orphanedRequests',
      orphanedRequests.filter(({ operation }) => !isFutile(operation, cluster)),
    );
  }

  #orphanedRequest(index: number, arrives: boolean): void {
    const { orphanedRequests } = this.#world;
    const orphanedRequest = orphanedRequests[index];
    this.#world.orphanedRequests = this.#memory.orphanedRequests(orphanedRequests, index, () =>
      orphanedRequests.toSpliced(index, 1),
    );
    if (orphanedRequest !== undefined && arrives && !this.#ledger.refuses(orphanedRequest.sender))
      this.#serve(orphanedRequest.sender, orphanedRequest);
  }

  // --- The cluster

  #start(slot: number, pod: PodReference, inOrder: boolean): Process {
    return this.#memory.keep('process', startProcess(this.#memory.core, slot, pod, inOrder));
  }

  #losePod(uid: string): void {
    this.#change(`remove ${uid}`, (cluster) => withoutPod(cluster, uid));
    this.#exclude(this.#ledger.podLost(uid));
  }

  #recreate(slot: number, inOrder: boolean): void {
    this.#world.namesakes += 1;
    const pod = { name: `app-${slot}`, uid: `pod-${slot}.${1 + this.#world.namesakes}` };
    this.#change(`add ${pod.uid}`, (cluster) => withPod(cluster, pod));
    this.#world.processes = [...this.#world.processes, this.#start(slot, pod, inOrder)];
  }

  #change(what: string, change: (cluster: Cluster) => Change): void {
    const { cluster } = this.#world;
    this.#setCluster(this.#memory.change(cluster, what, () => change(cluster)));
  }

  #setCluster({ cluster, event }: Change): void {
    const before = this.#world.cluster;
    this.#world.cluster = cluster;
    if (event === null) return;
    this.#world.processes = this.#world.processes.map((process) => this.#memory.enqueued(process, event));
    this.#exclude(this.#ledger.changed(before, cluster));
  }

  /**
   * A Pod that is gone or terminating at the end of a holder must not take over from it. A holder that is gone must not
   * restore its Lease.
   */
  #exclude(ended: Ended | null): void {
    if (ended === null) return;
    const { holder, deletedRevision } = ended;
    const { pods } = this.#world.cluster;
    this.#world.processes = this.#world.processes.map((process) => {
      const { pod, observed } = process;
      const found = pods.find((one) => one.uid === pod.uid);
      // An orphaned request may have created the deleted Lease. Then the holder receives that Lease later, or never.
      const out =
        deletedRevision === null
          ? pod.uid !== holder && found?.terminating !== false
          : pod.uid === holder && found === undefined && observed.revision >= deletedRevision;
      return out ? this.#memory.keep('process', { ...process, mustNotFollow: holder }) : process;
    });
  }
}

function isFutile(operation: Request, { lease }: Cluster): boolean {
  if (operation.verb !== 'replaceLease' && operation.verb !== 'deleteLease') return false;
  return operation.lease.uid !== lease?.uid || operation.lease.resourceVersion !== lease.resourceVersion;
}

/** The request that a process has sent and that is not settled. */
function first({ requests }: Process): InFlight {
  const [request] = requests;
  if (request === undefined) throw new Error('the process has no request');
  return request;
}

/**
 * Whether a process can no longer do anything relevant. Its Pod is gone, and either its core has recorded that (then it
 * never campaigns again, which `test/core` checks) or the API server refuses all its requests.
 */
function isIrrelevant({ pod, leading, state, requests }: Process, cluster: Cluster, ledger: Ledger): boolean {
  if (leading || exists(cluster, pod.uid)) return false;
  if (state.knowledge.disqualifiedBy === 'pod-deleted') return true;
  // A request that was executed before may still be answered.
  return ledger.refuses(pod.uid) && requests[0]?.answer?.ok !== true;
}
