/**
 * Tells `step` a story: feeds it facts with a clock of its own, remembers which timers run and which requests
 * wait for an answer, and sums up what it was ordered in short words that a table can hold.
 */

import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Diagnostics, dateSightings, NO_DIAGNOSTICS, recordFact } from '../../src/core/diagnostics.ts';
import type { Announcement, Effect, Leader } from '../../src/core/effect.ts';
import { step } from '../../src/core/election.ts';
import type { Fact, Input, TimerName } from '../../src/core/input.ts';
import type { LeaseContent, LeaseRecord, PodRecord, PodReference, PodReport } from '../../src/core/lease-record.ts';
import { REFUSAL_BELIEVED_MS, type Refusable, type Refusal } from '../../src/core/refusal.ts';
import { refusableOf } from '../../src/core/refusals.ts';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import { type ElectionConfig, type ElectionState, initialElectionState, type Role } from '../../src/core/state.ts';

export const SELF: PodReference = { name: 'app-1', uid: 'pod-1' };
export const RIVAL: PodReference = { name: 'app-2', uid: 'pod-2' };
/** Another Pod that goes by this Pod's name, as in a StatefulSet. */
export const NAMESAKE: PodReference = { name: 'app-1', uid: 'pod-0' };

export const CONFIG: ElectionConfig = {
  self: SELF,
  namespace: 'shop',
  leaseName: 'app',
  renewIntervalMs: 10_000,
  leaseDurationSeconds: 30,
  succession: 'pod-deleted',
  startGraceMs: 30_000,
};

/** The moment at which every story begins, by the wall clock. */
export const WALL_MS = 1_700_000_000_000;

/** Every request is one of these. */
export type RequestEffect = Extract<Effect, { request: number }>;

/** The rival's Lease, or whatever is said instead. */
export function leaseOf(owner: PodReference | null, changes: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    uid: 'lease-1',
    resourceVersion: '20',
    holderIdentity: owner?.name ?? null,
    owner,
    acquireTimeMs: 5_000,
    renewTimeMs: null,
    leaseDurationSeconds: null,
    leaseTransitions: 3,
    releasedBy: null,
    terminating: false,
    finalizers: [],
    source: null,
    ...changes,
  };
}

export function podOf(pod: PodReference, changes: Partial<PodRecord> = {}): PodRecord {
  return { ...pod, resourceVersion: '5', terminating: false, ...changes };
}

/** What is different in a Lease whose deletion was accepted, and that a finalizer keeps. */
export const HELD_BY_FINALIZER = { terminating: true, finalizers: ['example.com/audit'] } as const;

/** What is reported of a Pod that runs, or whatever is said instead. */
export function reportOf(changes: Partial<PodReport> = {}): PodReport {
  return {
    phase: 'Running',
    reason: null,
    nodeName: 'node-1',
    containersReady: true,
    ready: true,
    readyReason: null,
    readyChangedAtMs: WALL_MS,
    containersTerminated: false,
    terminatingSinceMs: null,
    deletionTimestampMs: null,
    gracePeriodMs: null,
    waiting: null,
    ...changes,
  };
}

/** A Pod that was evicted, and whose containers have all ended. */
export function stoppedPod(pod: PodReference, changes: Partial<PodReport> = {}): PodRecord {
  return podOf(pod, {
    report: reportOf({ phase: 'Failed', reason: 'Evicted', containersTerminated: true, ...changes }),
  });
}

/** Every way to fail; the compiler sees to it that none is forgotten. */
export const FAILURE_KINDS: readonly RequestFailureKind[] = Object.keys({
  alreadyExists: true,
  conflict: true,
  notFound: true,
  forbidden: true,
  unauthorized: true,
  throttled: true,
  expired: true,
  rejected: true,
  untrusted: true,
  unavailable: true,
  malformed: true,
} satisfies Record<RequestFailureKind, true>) as RequestFailureKind[];

export function failure(kind: RequestFailureKind, retryAfterMs: number | null = null): RequestFailure {
  return { kind, message: `it failed: ${kind}`, retryAfterMs, missingRule: null, cause: null };
}

/** What an effect says, in short. */
export function sayEffect(effect: Effect): string {
  switch (effect.type) {
    case 'createLease':
      return `createLease transitions=${effect.content.leaseTransitions}`;
    case 'replaceLease':
      return `replaceLease ${sayLease(effect.lease)}${sayContent(effect.content)}`;
    case 'deleteLease':
      return `deleteLease ${sayLease(effect.lease)}`;
    case 'readPod':
      return `readPod ${effect.name}`;
    case 'watchPod':
      return `watchPod ${effect.pod === null ? 'none' : `${effect.pod.name}/${effect.pod.uid}`}`;
    case 'relist':
      return `relist ${effect.watch}`;
    case 'setTimer':
      return `setTimer ${effect.timer} ${effect.afterMs}`;
    case 'clearTimer':
      return `clearTimer ${effect.timer}`;
    case 'announce':
      return sayAnnouncement(effect.announcement);
    case 'shutDown':
      return effect.freeSiblingLock ? 'shutDown' : 'shutDown, socket kept';
    default:
      return effect.type;
  }
}

function sayLease(lease: LeaseRecord): string {
  return `${lease.uid}@${lease.resourceVersion}`;
}

function sayContent(content: LeaseContent): string {
  return content.releasedBy === null ? '' : ` released by ${content.releasedBy}`;
}

function sayAnnouncement(announcement: Announcement): string {
  switch (announcement.type) {
    case 'elected':
      return `elected ${announcement.term.fencingToken}${announcement.term.resumed ? ' resumed' : ''}`;
    case 'demoted':
      return `demoted ${announcement.reason}`;
    case 'leaderChanged':
      return `leaderChanged ${sayLeader(announcement.leader)}`;
    case 'renewed':
      return `renewed ${sayLeader(announcement.leader)}`;
    case 'recovered':
      return `recovered ${sayLeader(announcement.leader)}`;
    case 'stale':
      return `stale ${sayLeader(announcement.leader)} for ${announcement.silentForMs}`;
    case 'warning':
      return `warning ${announcement.code}`;
    case 'failed':
      return `failed ${announcement.failure.kind}`;
    case 'steppedDown':
    case 'stopped':
      return `${announcement.type} ${announcement.released ? 'released' : 'kept'}`;
  }
}

function sayLeader(leader: Leader | null): string {
  return leader === null ? 'nobody' : `${leader.name}${leader.uid === null ? '' : `/${leader.uid}`}`;
}

/** What a role says, in short. */
export function describeRole(role: Role): string {
  switch (role.name) {
    case 'starting':
      return `starting (lock ${role.siblingLock})`;
    case 'candidate':
      if (role.attempt !== null) return `candidate ${role.attempt.step}`;
      return role.backingOff ? 'candidate backingOff' : 'candidate';
    case 'leader': {
      const doing = [
        role.renewal === null ? '' : ' renewing',
        role.restoring === null ? '' : ' restoring',
        role.backingOff ? ' backingOff' : '',
        role.resigning === null ? '' : ' resigning',
      ];
      return `leader${doing.join('')}`;
    }
    case 'leaving':
      return `leaving ${role.step.name}`;
    default:
      return role.name;
  }
}

export class Story {
  state: ElectionState;
  diagnostics: Diagnostics = NO_DIAGNOSTICS;
  nowMs = 1_000_000;
  wallMs: number = WALL_MS;
  random = 0.5;
  /** The effects since the story was last asked to forget them. */
  effects: Effect[] = [];
  readonly timers: Map<TimerName, number> = new Map();
  readonly inFlight: Map<number, RequestEffect> = new Map();

  constructor(config: ElectionConfig = CONFIG) {
    this.state = initialElectionState(config);
  }

  get role(): Role {
    return this.state.role;
  }

  /** What was ordered and announced since the last `forget`. */
  get said(): string[] {
    return this.effects.map(sayEffect);
  }

  tell(fact: Fact): this {
    const input: Input = { ...fact, nowMs: this.nowMs, wallMs: this.wallMs, random: this.random };
    if ('request' in fact) this.inFlight.delete(fact.request);
    if (fact.type === 'timerFired') this.timers.delete(fact.timer);
    const { state, effects } = step(this.state, input);
    this.state = state;
    const { knownHolder } = state.knowledge;
    this.diagnostics = dateSightings(
      recordFact(this.diagnostics, fact, knownHolder?.pod ?? null),
      knownHolder,
      this.nowMs,
    );
    for (const effect of effects) this.#perform(effect);
    return this;
  }

  #perform(effect: Effect): void {
    // To clear a timer that does not run says nothing.
    if (effect.type === 'clearTimer' && !this.timers.delete(effect.timer)) return;
    if (effect.type === 'setTimer') this.timers.set(effect.timer, this.nowMs + effect.afterMs);
    if ('request' in effect) this.inFlight.set(effect.request, effect);
    if (effect.type === 'shutDown') {
      this.timers.clear();
      this.inFlight.clear();
    }
    this.effects.push(effect);
  }

  forget(): this {
    this.effects = [];
    return this;
  }

  wait(ms: number): this {
    this.nowMs += ms;
    this.wallMs += ms;
    return this;
  }

  /** The timer fires when it is due. */
  fire(timer: TimerName): this {
    const dueMs = this.timers.get(timer);
    assert.ok(dueMs !== undefined, `timer ${timer} does not run; these do: ${[...this.timers.keys()]}`);
    this.wait(Math.max(0, dueMs - this.nowMs));
    return this.tell({ type: 'timerFired', timer });
  }

  /** The number of the latest request of this type (of a readPod: of that Pod) that waits for an answer. */
  request(type: RequestEffect['type'], podName?: string): number {
    const waiting = [...this.inFlight.values()].filter(
      (effect) =>
        effect.type === type && (podName === undefined || (effect.type === 'readPod' && effect.name === podName)),
    );
    const latest = waiting.at(-1);
    assert.ok(
      latest !== undefined,
      `no ${type} is under way; these are: ${[...this.inFlight.values()].map(sayEffect)}`,
    );
    return latest.request;
  }

  /** The content of the latest write that waits for an answer. */
  content(type: 'createLease' | 'replaceLease'): LeaseContent {
    const effect = this.inFlight.get(this.request(type));
    assert.ok(effect?.type === 'createLease' || effect?.type === 'replaceLease');
    return effect.content;
  }

  leaseRead(lease: LeaseRecord | null): this {
    return this.tell({ type: 'leaseRead', request: this.request('readLease'), lease });
  }

  podRead(name: string, pod: PodRecord | null): this {
    return this.tell({ type: 'podRead', request: this.request('readPod', name), name, pod });
  }

  created(changes: Partial<LeaseRecord>): this {
    const lease: LeaseRecord = { ...leaseOf(SELF), ...this.content('createLease'), ...changes };
    return this.tell({ type: 'leaseWritten', request: this.request('createLease'), lease });
  }

  /** A replace was carried out: the Lease it was based on, with its content. */
  replaced(resourceVersion: string): this {
    const effect = this.inFlight.get(this.request('replaceLease'));
    assert.ok(effect?.type === 'replaceLease');
    const lease: LeaseRecord = { ...effect.lease, ...effect.content, resourceVersion };
    return this.tell({ type: 'leaseWritten', request: effect.request, lease });
  }

  removed(): this {
    return this.tell({ type: 'leaseRemoved', request: this.request('deleteLease') });
  }

  fail(type: RequestEffect['type'], kind: RequestFailureKind, podName?: string): this {
    return this.tell({ type: 'requestFailed', request: this.request(type, podName), failure: failure(kind) });
  }

  /** A refusal (403, or a webhook's 400) that has lasted for so long that it is believed. */
  refuse(type: RequestEffect['type'], kind: 'forbidden' | 'rejected' = 'forbidden', podName?: string): this {
    const what = refusableOf(this.state.role, this.state.knowledge, this.request(type, podName));
    if (what !== null) this.#believe(what, failure(kind));
    return this.fail(type, kind, podName);
  }

  /** The same for a watch. */
  refuseLeaseWatch(): this {
    this.#believe('list leases', failure('forbidden'));
    return this.tell({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  }

  refusePodWatch(watched: PodReference): this {
    this.#believe('list pods', failure('forbidden'));
    return this.tell({ type: 'podWatchFailed', watched, failure: failure('forbidden') });
  }

  #believe(what: Refusable, why: RequestFailure): void {
    const { failures } = this.state.knowledge;
    const refusal: Refusal = failures.refusals[what] ?? {
      sinceMs: 0,
      lastMs: 0,
      count: 3,
      interrupted: false,
      failure: why,
      warned: null,
    };
    const lasting = { ...refusal, sinceMs: this.nowMs - REFUSAL_BELIEVED_MS, lastMs: this.nowMs };
    const refusals = { ...failures.refusals, [what]: lasting };
    this.state = { ...this.state, knowledge: { ...this.state.knowledge, failures: { ...failures, refusals } } };
  }

  listed(lease: LeaseRecord): this {
    return this.tell({ type: 'leaseObserved', lease, by: 'list' });
  }

  watched(lease: LeaseRecord): this {
    return this.tell({ type: 'leaseObserved', lease, by: 'watch' });
  }

  absent(resourceVersion: string): this {
    return this.tell({ type: 'leaseAbsent', resourceVersion });
  }

  deleted(lease: LeaseRecord): this {
    return this.tell({ type: 'leaseDeleted', lease });
  }

  podListed(watched: PodReference, pod: PodRecord | null): this {
    if (pod === null) return this.tell({ type: 'podAbsent', watched });
    return this.tell({ type: 'podObserved', watched, pod, by: 'list' });
  }

  podWatched(watched: PodReference, pod: PodRecord): this {
    return this.tell({ type: 'podObserved', watched, pod, by: 'watch' });
  }

  podGone(pod: PodReference): this {
    return this.tell({ type: 'podDeleted', watched: pod, pod: podOf(pod) });
  }

  stop(release: 'ifTerminating' | 'always' = 'ifTerminating'): this {
    return this.tell({ type: 'stopRequested', release });
  }

  stepDown(): this {
    return this.tell({ type: 'stepDownRequested' });
  }

  settled(drained = true): this {
    return this.tell({ type: 'workSettled', drained });
  }
}

/** Started, with the socket of its Pod; nothing is known of the Lease yet. */
export function starts(config?: ElectionConfig): Story {
  return new Story(config).tell({ type: 'started' }).tell({ type: 'siblingLockAnswered', outcome: 'held' });
}

/** A candidate that found this Lease when it started. */
export function finds(lease: LeaseRecord): Story {
  return starts().listed(lease);
}

/** A candidate that sees the rival lead, and its Pod exist. */
export function follows(lease: LeaseRecord = leaseOf(RIVAL)): Story {
  return finds(lease).podListed(RIVAL, podOf(RIVAL));
}

/** A candidate that has just seen the rival's Pod go, and waits out its jitter; the Lease is still there. */
export function seesRivalGo(): Story {
  return follows().podGone(RIVAL);
}

/** A candidate that clears the dead rival's Lease away. */
export function clears(): Story {
  return seesRivalGo().fire('campaign');
}

/** A candidate that has sent its create; nothing is known of the Lease before resourceVersion 10. */
export function creates(config?: ElectionConfig): Story {
  return starts(config).absent('10').podRead(SELF.name, podOf(SELF));
}

/** The leader of a new Lease: lease-1@11. */
export function leads(): Story {
  return creates().created({ resourceVersion: '11' }).podListed(SELF, podOf(SELF));
}

/** This Pod's Lease as `leads` created it. */
export function ownLease(changes: Partial<LeaseRecord> = {}): LeaseRecord {
  return leaseOf(SELF, { resourceVersion: '11', acquireTimeMs: WALL_MS, leaseTransitions: 0, ...changes });
}

/** One row of a table: a rule in plain words, what went before, what happens, and what follows exactly. */
export interface Row {
  readonly rule: string;
  readonly given: () => Story;
  readonly when: (story: Story) => unknown;
  readonly role: string;
  readonly effects: readonly string[];
}

function record(rule: string, role: string, effects: readonly string[]): void {
  const file = process.env['ROWS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ rule, role, effects })}\n`);
}

/** Makes each row a test. */
export function checkTable(rows: readonly Row[]): void {
  for (const { rule, given, when, role, effects } of rows) {
    test(rule, () => {
      const story = given().forget();
      when(story);
      record(rule, describeRole(story.role), story.said);
      assert.deepEqual({ role: describeRole(story.role), effects: story.said }, { role, effects });
    });
  }
}
