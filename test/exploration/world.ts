/**
 * The whole world of an exploration as read-only data: the cluster, every process, requests whose sender is gone or
 * has given up, what may still go wrong, and what the checkers remember.
 *
 * `Happening` carries out one move (`moves.ts`) on it.
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
import { type InFlight, type Process, startProcess, type Turn } from './process-model.ts';

/**
 * What disturbs the ordinary course of things. All count against one budget: the faults, and what would have no end by
 * itself.
 */
export type Disturbance =
  /** A container is killed and started again. */
  | 'crash'
  /** A Pod is deleted; the kubelet then ends its process and removes it. */
  | 'pod-deleted'
  /** A Pod's object is removed at once, and its process lives on. */
  | 'pod-force-deleted'
  /** By hand. */
  | 'lease-deleted'
  /** The sender gives a request up; it may have been carried out, may be later, or never. */
  | 'answer-lost'
  /** What a process is told comes as late as may be from now on, its watches and answers in any order. */
  | 'lag'
  /** The connection of a watch breaks. */
  | 'watch-cut'
  /** The timer `renew` fires. */
  | 'renewal'
  /** The timer `recheck` or `backstop` fires. */
  | 'look'
  /** The timer `leaving` fires: giving the Lease up takes too long. */
  | 'impatience'
  /** The API server refuses the token of a Pod that is gone, as it does at some moment (wire fact 30). */
  | 'token-refused'
  /** The leader is told to step down. */
  | 'step-down'
  /** A Pod that is gone is followed by one of its name, as in a StatefulSet. */
  | 'namesake';

/** A write whose sender does not wait for it any more; it may yet be carried out, or never. */
export interface OrphanedRequest {
  readonly asks: Request;
  readonly sender: string;
  readonly knowing: string | null;
}

export interface World {
  readonly cluster: Cluster;
  readonly processes: readonly Process[];
  readonly orphanedRequests: readonly OrphanedRequest[];
  /** How many more disturbances there may be. */
  readonly budget: number;
  /** How many Pods followed another under its name. */
  readonly namesakes: number;
  readonly record: Record;
}

/** A Pod's generation has two bits in a fingerprint. */
export const NAMESAKE_LIMIT = 2;

/** What befalls a Pod, or its process. */
type ProcessMove = 'crash' | 'terminate' | 'forceDelete' | 'remove' | 'sigterm' | 'stepDown' | 'refuseToken' | 'lag';

/** One thing that can happen; `process` is a position in the world that it happens to. */
export type Move =
  | { readonly type: 'arrive' | 'answer' | 'lose'; readonly process: number }
  | { readonly type: 'deliver' | 'cut' | 'watchTimer'; readonly process: number; readonly of: 'lease' | 'pod' }
  | { readonly type: 'fire'; readonly process: number; readonly timer: TimerName }
  | { readonly type: 'settle'; readonly process: number; readonly drained: boolean }
  | { readonly type: 'orphanedRequestArrives' | 'orphanedRequestVanishes'; readonly orphanedRequest: number }
  | { readonly type: 'collect' | 'deleteLease' }
  | { readonly type: ProcessMove; readonly process: number }
  | { readonly type: 'recreate'; readonly slot: number; readonly inOrder: boolean };

/** Timers that may fire again and again, so that each time counts. */
export const DISTURBING_TIMERS: { readonly [Timer in TimerName]?: Disturbance } = {
  renew: 'renewal',
  recheck: 'look',
  backstop: 'look',
  leaving: 'impatience',
};

/**
 * Carries out one move.
 *
 * @throws {Violation} when it breaks a rule
 */
export function happen(memory: Memory, world: World, move: Move): World {
  const happening = new Happening(memory, world);
  happening.carryOut(move);
  return happening.end();
}

type Mutable<Data> = { -readonly [Key in keyof Data]: Data[Key] };

const UNAUTHORIZED: Answered = { ok: false, failure: failureOf('unauthorized') };

class Happening {
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
    const spent = processes.filter((process) => isSpent(process, cluster, this.#ledger));
    for (const process of spent) {
      this.#strand(process.pod.uid, process.requests[0]);
      this.#world.processes = this.#world.processes.filter((one) => one !== process);
    }
    this.#forgetVainRequests();
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
        return this.#turn(move.process, `deliver ${move.of}`, (turn) => turn.deliver(move.of));
      case 'cut':
        this.#spend();
        return this.#turn(move.process, `cut ${move.of}`, (turn) => turn.cut(move.of));
      case 'watchTimer':
        return this.#turn(move.process, `watchTimer ${move.of}`, (turn) =>
          turn.watch(move.of, { type: 'timerFired', late: false }),
        );
      case 'fire': {
        if (DISTURBING_TIMERS[move.timer] !== undefined) this.#spend();
        return this.#turn(move.process, `fire ${move.timer}`, (turn) => turn.fire(move.timer));
      }
      case 'settle':
        return this.#turn(move.process, `settle ${move.drained}`, (turn) => turn.settle(move.drained));
      case 'orphanedRequestArrives':
      case 'orphanedRequestVanishes':
        return this.#orphanedRequest(move.orphanedRequest, move.type === 'orphanedRequestArrives');
      case 'collect': {
        return this.#change('collect', (cluster) => collect(cluster) ?? { cluster, event: null });
      }
      case 'deleteLease':
        this.#spend();
        this.#ledger.takenByHand(this.#world.cluster);
        return this.#change('deleteLease', withoutLease);
      case 'recreate':
        this.#spend();
        return this.#recreate(move.slot, move.inOrder);
      default:
        return this.#happenToPod(move.type, move.process);
    }
  }

  #happenToPod(type: ProcessMove, index: number): void {
    const process = this.#process(index);
    const { uid } = process.pod;
    switch (type) {
      case 'crash':
        this.#spend();
        this.#ledger.leftOffice(uid);
        this.#strand(uid, process.requests[0]);
        return this.#replace(index, this.#start(process.slot, process.pod, process.inbox !== null));
      case 'terminate':
        this.#spend();
        return this.#change(`terminate ${uid}`, (cluster) => withTerminating(cluster, uid));
      case 'forceDelete':
        this.#spend();
        return this.#losePod(uid);
      case 'remove':
        // The kubelet removes the object after it has killed the containers.
        this.#strand(uid, process.requests[0]);
        this.#world.processes = this.#world.processes.toSpliced(index, 1);
        return this.#losePod(uid);
      case 'sigterm':
        return this.#turn(index, 'stop', (turn) => turn.stop());
      case 'stepDown':
        this.#spend();
        return this.#turn(index, 'stepDown', (turn) => turn.stepDown());
      case 'lag':
        this.#spend();
        return this.#turn(index, 'lag', (turn) => turn.lag());
      case 'refuseToken':
        this.#spend();
        return this.#ledger.refuse(uid);
    }
  }

  #spend(): void {
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

  /** Something happens in a process, and is checked. `name` tells it from everything else that may happen there. */
  #turn(index: number, name: string, happens: (turn: Turn) => void): void {
    const before = this.#process(index);
    const { process, announcements, abandoned } = this.#memory.turn(before, name, happens);
    this.#replace(index, process);
    this.#strand(before.pod.uid, abandoned);
    this.#check(before, announcements);
  }

  #check({ pod }: Process, announcements: readonly Announcement[]): void {
    const podExists = exists(this.#world.cluster, pod.uid);
    for (const announcement of announcements) this.#ledger.hear(pod.uid, podExists, announcement);
  }

  // --- Requests

  #arrive(index: number): void {
    const process = this.#process(index);
    const request = first(process);
    const { uid } = process.pod;
    const answer: Answered = this.#ledger.refuses(uid) ? UNAUTHORIZED : this.#serve(uid, request);
    this.#replace(index, this.#memory.answered(this.#process(index), answer));
  }

  #serve(sender: string, { asks, knowing }: Pick<OrphanedRequest, 'asks' | 'knowing'>): Answered {
    const before = this.#world.cluster;
    const change = this.#memory.serve(before, asks);
    if (change.event !== null) {
      this.#ledger.written(before, change.cluster, sender, knowing);
      this.#become(change);
    }
    return change.answer;
  }

  #answer(type: 'answer' | 'lose', index: number): void {
    const process = this.#process(index);
    const request = first(process);
    if (type === 'answer') {
      const { answer } = request;
      if (answer !== null) this.#turn(index, 'answer', (turn) => turn.answer(request, answer));
      return;
    }
    this.#spend();
    this.#strand(process.pod.uid, request);
    this.#turn(index, 'lose', (turn) => turn.answer(request, { ok: false, failure: failureOf('unavailable') }));
  }

  /** Nobody waits for it any more; those behind it were not sent yet. */
  #strand(sender: string, request: InFlight | undefined): void {
    if (request === undefined || request.answer !== null || !isWrite(request.asks)) return;
    const { asks, knowing } = request;
    const { orphanedRequests } = this.#world;
    this.#world.orphanedRequests = this.#memory.orphanedRequests(orphanedRequests, request, () => [
      ...orphanedRequests,
      { asks, sender, knowing },
    ]);
  }

  /** A write of a version that is no more will be refused, and nobody waits for that answer. */
  #forgetVainRequests(): void {
    const { cluster, orphanedRequests } = this.#world;
    if (!this.#memory.core.preconditions || !orphanedRequests.some(({ asks }) => isVain(asks, cluster))) return;
    this.#world.orphanedRequests = this.#memory.keep(
      'orphanedRequests',
      orphanedRequests.filter(({ asks }) => !isVain(asks, cluster)),
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
    this.#shutOut(this.#ledger.podLost(uid));
  }

  #recreate(slot: number, inOrder: boolean): void {
    this.#world.namesakes += 1;
    const pod = { name: `app-${slot}`, uid: `pod-${slot}.${1 + this.#world.namesakes}` };
    this.#change(`add ${pod.uid}`, (cluster) => withPod(cluster, pod));
    this.#world.processes = [...this.#world.processes, this.#start(slot, pod, inOrder)];
  }

  #change(what: string, change: (cluster: Cluster) => Change): void {
    const { cluster } = this.#world;
    this.#become(this.#memory.change(cluster, what, () => change(cluster)));
  }

  #become({ cluster, event }: Change): void {
    const before = this.#world.cluster;
    this.#world.cluster = cluster;
    if (event === null) return;
    this.#world.processes = this.#world.processes.map((process) => this.#memory.enqueued(process, event));
    this.#shutOut(this.#ledger.changed(before, cluster));
  }

  /** Whoever is gone, or going, when a holder's time ends must not succeed it; nor may a holder that is gone restore. */
  #shutOut(ended: Ended | null): void {
    if (ended === null) return;
    const { holder, itself } = ended;
    const { pods } = this.#world.cluster;
    this.#world.processes = this.#world.processes.map((process) => {
      const { pod, told } = process;
      const found = pods.find((one) => one.uid === pod.uid);
      // Of a Lease that an orphaned request made it may hear later, or never.
      const out =
        itself === null
          ? pod.uid !== holder && found?.terminating !== false
          : pod.uid === holder && found === undefined && told.revision >= itself;
      return out ? this.#memory.keep('process', { ...process, tooLateFor: holder }) : process;
    });
  }
}

function isVain(asks: Request, { lease }: Cluster): boolean {
  if (asks.verb !== 'replaceLease' && asks.verb !== 'deleteLease') return false;
  return asks.lease.uid !== lease?.uid || asks.lease.resourceVersion !== lease.resourceVersion;
}

/** The request that the connection of a process is busy with. */
function first({ requests }: Process): InFlight {
  const [request] = requests;
  if (request === undefined) throw new Error('nothing was asked');
  return request;
}

/**
 * Whether a process can do nothing any more that matters: its Pod is gone, and it knows (so it never campaigns again;
 * `test/core` proves that) or the API server refuses all it asks.
 */
function isSpent({ pod, leading, state, requests }: Process, cluster: Cluster, ledger: Ledger): boolean {
  if (leading || exists(cluster, pod.uid)) return false;
  if (state.knowledge.disqualifiedBy === 'pod-deleted') return true;
  // What was carried out before may still be answered.
  return ledger.refuses(pod.uid) && requests[0]?.answer?.ok !== true;
}
