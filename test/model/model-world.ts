/**
 * A small model of a cluster for the properties: one revision counter, one Lease, Pods, a garbage collector, and
 * watches that lag. The test chooses when a request is executed and answered, or whether its answer is lost.
 *
 * It has no HTTP. `src/testing` models the answers of a real server.
 */

import type { Effect } from '../../src/core/effect.ts';
import type { Succession } from '../../src/core/holder.ts';
import type { Fact, TimerName } from '../../src/core/input.ts';
import { hasStopped, type LeaseRecord, type PodRecord, type PodReference } from '../../src/core/lease-record.ts';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import {
  leaseDeletionFact,
  leaseFact,
  leaseReadFact,
  leaseWriteFact,
  podFact,
  podReadFact,
} from '../../src/driver/facts.ts';
import type { WatchReport } from '../../src/driver/watcher.ts';
import { InvariantChecker } from '../core/invariant-checker.ts';
import { CONFIG, failure, type RequestEffect, Story, stoppedPod, WALL_MS } from '../core/story.ts';

/** The permissions of every Pod. */
export interface Permissions {
  readonly update: boolean;
  readonly delete: boolean;
  readonly readPods: boolean;
}

/** One event of a watch, in the order of revisions. */
type Event<Item> = Extract<WatchReport<Item>, { readonly type: 'present' | 'deleted' }>;

/** A request in flight. `answer` is `null` until the server has executed the request. */
interface Pending {
  readonly effect: RequestEffect;
  answer: Fact | null;
}

/** A watch that has delivered all events before `position`. With `null`, it lists first. */
interface Watch {
  position: number | null;
}

/** One process: an elector and its connections. */
export class Process {
  readonly pod: PodReference;
  readonly story: Story;
  readonly checker: InvariantChecker = new InvariantChecker();
  readonly pending: Pending[] = [];
  readonly leaseWatch: Watch = { position: null };
  podWatch: (Watch & { readonly watched: PodReference }) | null = null;
  alive = true;
  /** True from `elected` until the work of that term has ended. */
  working = false;
  settling = false;

  constructor(pod: PodReference, succession: Succession) {
    this.pod = pod;
    this.story = new Story({ ...CONFIG, self: pod, succession });
  }
}

export class ModelWorld {
  readonly processes: Process[] = [];
  readonly pods: Map<string, PodRecord> = new Map();
  /** Requests whose sender no longer waits or is gone. They may still be executed. */
  readonly orphanedRequests: { readonly pod: PodReference; readonly effect: RequestEffect }[] = [];
  readonly tokens: bigint[] = [];
  nowMs = 1_000_000;
  random = 0.5;
  lease: LeaseRecord | null = null;
  readonly permissions: Permissions;
  /** The succession policies of the processes in turn. They may differ. */
  readonly #successions: readonly Succession[];
  #revision = 100;
  #names = 0;
  readonly #leaseEvents: Event<LeaseRecord>[] = [];
  readonly #podEvents: Map<string, Event<PodRecord>[]> = new Map();

  constructor(permissions: Permissions, successions: readonly Succession[]) {
    this.permissions = permissions;
    this.#successions = successions;
  }

  /** The processes whose work may run, and whose Pods exist. */
  get workers(): Process[] {
    return this.processes.filter((process) => process.alive && process.working && this.#exists(process.pod));
  }

  /** The processes that lead. */
  get leaders(): Process[] {
    return this.processes.filter((process) => process.alive && process.checker.leading && this.#exists(process.pod));
  }

  // --- Pods and their processes

  addPod(name: string): Process {
    this.#names += 1;
    const pod: PodRecord = { name, uid: `${name}-${this.#names}`, resourceVersion: this.#next(), terminating: false };
    this.pods.set(pod.uid, pod);
    this.#podLog(name).push({ type: 'present', item: pod, by: 'watch' });
    return this.startProcess(pod);
  }

  startProcess(pod: PodReference): Process {
    const succession = this.#successions[this.processes.length % this.#successions.length] ?? 'pod-deleted';
    const process = new Process({ name: pod.name, uid: pod.uid }, succession);
    this.processes.push(process);
    this.take(process, { type: 'started' });
    this.take(process, { type: 'siblingLockAnswered', outcome: 'held' });
    return process;
  }

  terminate(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined || pod.terminating) return;
    const item = { ...pod, terminating: true, resourceVersion: this.#next() };
    this.pods.set(uid, item);
    this.#podLog(pod.name).push({ type: 'present', item, by: 'watch' });
  }

  /** The containers of a Pod end and are not started again. The object stays. */
  stopPod(uid: string): void {
    for (const process of this.processes) if (process.alive && process.pod.uid === uid) this.kill(process);
    this.#fail(uid, true);
  }

  /** The control plane sets the phase Failed because the node is lost. The processes continue to run. */
  markFailed(uid: string): void {
    this.#fail(uid, false);
  }

  #fail(uid: string, containersTerminated: boolean): void {
    const pod = this.pods.get(uid);
    if (pod === undefined || hasStopped(pod)) return;
    const { terminating } = pod;
    const item = { ...stoppedPod(pod, { containersTerminated }), terminating, resourceVersion: this.#next() };
    this.pods.set(uid, item);
    this.#podLog(pod.name).push({ type: 'present', item, by: 'watch' });
  }

  /** Whether the containers of a Pod may be started again. */
  mayRun(uid: string): boolean {
    const pod = this.pods.get(uid);
    return pod !== undefined && !hasStopped(pod);
  }

  /** Whether every elector considers a stopped Pod gone and may take over from it. */
  get takesOverStopped(): boolean {
    const { readPods, delete: deletes } = this.permissions;
    return readPods && deletes && this.#successions.every((succession) => succession === 'pod-stopped');
  }

  /** Deletes the object of a Pod. Its process may continue to run, like that of a force-deleted Pod. */
  deletePod(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined) return;
    this.pods.delete(uid);
    this.#podLog(pod.name).push({ type: 'deleted', item: { ...pod, resourceVersion: this.#next() } });
  }

  kill(process: Process): void {
    process.alive = false;
    process.working = false;
    for (const { effect, answer } of process.pending.splice(0)) {
      if (answer === null) this.orphanedRequests.push({ pod: process.pod, effect });
    }
  }

  collectGarbage(): void {
    if (this.lease?.owner != null && !this.pods.has(this.lease.owner.uid)) this.deleteLease();
  }

  /** Deletes the Lease, for the garbage collector, a person or a request. */
  deleteLease(): void {
    if (this.lease === null) return;
    this.#leaseEvents.push({ type: 'deleted', item: { ...this.lease, resourceVersion: this.#next() } });
    this.lease = null;
  }

  // --- Time

  fire(process: Process, timer: TimerName): void {
    const dueMs = process.story.timers.get(timer);
    if (dueMs === undefined) return;
    this.nowMs = Math.max(this.nowMs, dueMs);
    this.take(process, { type: 'timerFired', timer });
  }

  /** Fires the timer that is due first. */
  fireNext(): void {
    const due = this.processes
      .filter((process) => process.alive)
      .flatMap((process) => [...process.story.timers].map(([timer, dueMs]) => ({ process, timer, dueMs })))
      .toSorted((left, right) => left.dueMs - right.dueMs)[0];
    if (due !== undefined) this.fire(due.process, due.timer);
  }

  // --- Requests

  /** Executes a request at the server. Its answer is then in flight. */
  arrive(process: Process, pending: Pending, tokenRefused: boolean): void {
    pending.answer ??= this.#execute(process.pod, pending.effect, tokenRefused);
  }

  /** Delivers the answer. */
  answer(process: Process, pending: Pending): void {
    if (pending.answer === null) return;
    process.pending.splice(process.pending.indexOf(pending), 1);
    this.take(process, pending.answer);
  }

  /** Ends the wait of the sender. The request was executed, or may be executed later. */
  lose(process: Process, pending: Pending, kind: RequestFailureKind): void {
    process.pending.splice(process.pending.indexOf(pending), 1);
    if (pending.answer === null) this.orphanedRequests.push({ pod: process.pod, effect: pending.effect });
    this.take(process, { type: 'requestFailed', request: pending.effect.request, failure: failure(kind) });
  }

  /** Executes an orphaned request late. */
  arriveOrphanedRequest(index: number): void {
    const orphanedRequest = this.orphanedRequests.splice(index, 1)[0];
    if (orphanedRequest !== undefined) this.#execute(orphanedRequest.pod, orphanedRequest.effect, false);
  }

  #execute(sender: PodReference, effect: RequestEffect, tokenRefused: boolean): Fact {
    const { request } = effect;
    const failed = (kind: RequestFailureKind): Fact => ({ type: 'requestFailed', request, failure: failure(kind) });
    if (tokenRefused && !this.#exists(sender)) return failed('unauthorized');
    switch (effect.type) {
      case 'readLease':
        return leaseReadFact(request, { ok: true, value: this.lease });
      case 'readPod':
        if (!this.permissions.readPods) return failed('forbidden');
        return podReadFact(request, effect.name, { ok: true, value: this.#podNamed(effect.name) });
      case 'createLease':
        if (this.lease !== null) return failed('alreadyExists');
        this.#names += 1;
        return this.#write(request, {
          ...effect.content,
          uid: `lease-${this.#names}`,
          terminating: false,
          finalizers: [],
          source: null,
        });
      case 'replaceLease':
        if (!this.permissions.update) return failed('forbidden');
        if (!this.#isCurrent(effect.lease)) return failed('conflict');
        return this.#write(request, { ...effect.lease, ...effect.content });
      case 'deleteLease':
        if (!this.permissions.delete) return failed('forbidden');
        if (this.lease !== null && !this.#isCurrent(effect.lease)) return failed('conflict');
        this.deleteLease();
        return leaseDeletionFact(request, { ok: true, value: null });
    }
  }

  /** Writes the Lease without a relevant change. */
  touchLease(): void {
    if (this.lease !== null) this.#write(0, this.lease);
  }

  #write(request: number, content: Omit<LeaseRecord, 'resourceVersion'>): Fact {
    const lease: LeaseRecord = { ...content, resourceVersion: this.#next() };
    this.lease = lease;
    this.#leaseEvents.push({ type: 'present', item: lease, by: 'watch' });
    return leaseWriteFact(request, { ok: true, value: lease });
  }

  #isCurrent(lease: LeaseRecord): boolean {
    return this.lease?.uid === lease.uid && this.lease.resourceVersion === lease.resourceVersion;
  }

  // --- Watches

  /** Delivers the next event of the watch of the Lease, if there is one. */
  deliverLease(process: Process): boolean {
    const { position } = process.leaseWatch;
    if (position === null) {
      process.leaseWatch.position = this.#leaseEvents.length;
      if (this.lease !== null) this.take(process, leaseFact({ type: 'present', item: this.lease, by: 'list' }));
      else this.take(process, leaseFact({ type: 'absent', resourceVersion: String(this.#revision) }));
      return true;
    }
    const event = this.#leaseEvents[position];
    if (event === undefined) return false;
    process.leaseWatch.position = position + 1;
    this.take(process, leaseFact(event));
    return true;
  }

  /** Delivers the next event of the watch of the holder's Pod, if there is one. */
  deliverPod(process: Process): boolean {
    const watch = process.podWatch;
    if (watch === null) return false;
    const { watched, position } = watch;
    const log = this.#podLog(watched.name);
    if (position === null) {
      watch.position = log.length;
      const pod = this.#podNamed(watched.name);
      if (!this.permissions.readPods) {
        this.take(process, podFact(watched, { type: 'failed', failure: failure('forbidden') }));
      } else if (pod === null)
        this.take(process, podFact(watched, { type: 'absent', resourceVersion: String(this.#revision) }));
      else this.take(process, podFact(watched, { type: 'present', item: pod, by: 'list' }));
      return true;
    }
    const event = log[position];
    if (event === undefined || !this.permissions.readPods) return false;
    watch.position = position + 1;
    this.take(process, podFact(watched, event));
    return true;
  }

  // --- The elector's side

  take(process: Process, fact: Fact): void {
    const { story, checker } = process;
    story.nowMs = this.nowMs;
    story.wallMs = WALL_MS + this.nowMs;
    story.random = this.random;
    if (fact.type === 'workSettled') {
      process.settling = false;
      process.working = false;
    }
    for (const effect of [...checker.take(story, fact)]) this.#perform(process, effect);
  }

  #perform(process: Process, effect: Effect): void {
    switch (effect.type) {
      case 'watchPod':
        process.podWatch = effect.pod === null ? null : { watched: effect.pod, position: null };
        break;
      case 'relist':
        if (effect.watch === 'lease') process.leaseWatch.position = null;
        else if (process.podWatch !== null) process.podWatch.position = null;
        break;
      case 'settleWork':
        process.settling = true;
        break;
      case 'shutDown':
        this.kill(process);
        break;
      case 'announce':
        if (effect.announcement.type === 'elected') {
          process.working = true;
          // A ghost may receive the answer to its create when its Pod is gone. Its token is then smaller than that of
          // its successor.
          if (this.#exists(process.pod)) this.tokens.push(BigInt(effect.announcement.term.fencingToken));
        }
        // An involuntary demotion has no time to drain. After any other demotion, the work ends when it has settled.
        if (effect.announcement.type === 'demoted' && !process.settling && !isVoluntary(effect.announcement.reason)) {
          process.working = false;
        }
        if (effect.announcement.type === 'steppedDown') process.working = false;
        break;
      default:
        if ('request' in effect) process.pending.push({ effect, answer: null });
        break;
    }
  }

  #exists(pod: PodReference): boolean {
    return this.pods.has(pod.uid);
  }

  hasPodNamed(name: string): boolean {
    return this.#podNamed(name) !== null;
  }

  #podNamed(name: string): PodRecord | null {
    return [...this.pods.values()].find((pod) => pod.name === name) ?? null;
  }

  #podLog(name: string): Event<PodRecord>[] {
    const log = this.#podEvents.get(name) ?? [];
    this.#podEvents.set(name, log);
    return log;
  }

  #next(): string {
    this.#revision += 1;
    return String(this.#revision);
  }
}

function isVoluntary(reason: string): boolean {
  return reason === 'stopped' || reason === 'stepped-down';
}
