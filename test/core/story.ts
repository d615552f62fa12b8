/**
 * Passes facts to `step` in place of the driver: it keeps the clock, the running timers and the unanswered requests,
 * and describes each effect in a few words for the tables.
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
/** An earlier Pod with the name of this Pod, as in a StatefulSet. */
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

/** The wall clock at the start of every story. */
export const WALL_MS = 1_700_000_000_000;

/** An effect that sends a request. */
export type RequestEffect = Extract<Effect, { request: number }>;

/** The Lease of this owner, with changes. */
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

/** The fields of a Lease that is being deleted and that a finalizer keeps. */
export const HELD_BY_FINALIZER = { terminating: true, finalizers: ['example.com/audit'] } as const;

/** The report of a running Pod, with changes. */
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

/** An evicted Pod whose containers have all ended. */
export function stoppedPod(pod: PodReference, changes: Partial<PodReport> = {}): PodRecord {
  return podOf(pod, {
    report: reportOf({ phase: 'Failed', reason: 'Evicted', containersTerminated: true, ...changes }),
  });
}

/** Every kind of failure. The type check fails when one is missing. */
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

/** Describes an effect in a few words. */
export function describeEffect(effect: Effect): string {
  switch (effect.type) {
    case 'createLease':
      return `createLease transitions=${effect.content.leaseTransitions}`;
    case 'replaceLease':
      return `replaceLease ${describeLease(effect.lease)}${describeContent(effect.content)}`;
    case 'deleteLease':
      return `deleteLease ${describeLease(effect.lease)}`;
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
      return describeAnnouncement(effect.announcement);
    case 'shutDown':
      return effect.freeSiblingLock ? 'shutDown' : 'shutDown, socket kept';
    default:
      return effect.type;
  }
}

function describeLease(lease: LeaseRecord): string {
  return `${lease.uid}@${lease.resourceVersion}`;
}

function describeContent(content: LeaseContent): string {
  return content.releasedBy === null ? '' : ` released by ${content.releasedBy}`;
}

function describeAnnouncement(announcement: Announcement): string {
  switch (announcement.type) {
    case 'elected':
      return `elected ${announcement.term.fencingToken}${announcement.term.resumed ? ' resumed' : ''}`;
    case 'demoted':
      return `demoted ${announcement.reason}`;
    case 'leaderChanged':
      return `leaderChanged ${describeLeader(announcement.leader)}`;
    case 'renewed':
      return `renewed ${describeLeader(announcement.leader)}`;
    case 'recovered':
      return `recovered ${describeLeader(announcement.leader)}`;
    case 'stale':
      return `stale ${describeLeader(announcement.leader)} for ${announcement.silentForMs}`;
    case 'warning':
      return `warning ${announcement.code}`;
    case 'failed':
      return `failed ${announcement.failure.kind}`;
    case 'steppedDown':
    case 'stopped':
      return `${announcement.type} ${announcement.released ? 'released' : 'kept'}`;
  }
}

function describeLeader(leader: Leader | null): string {
  return leader === null ? 'nobody' : `${leader.name}${leader.uid === null ? '' : `/${leader.uid}`}`;
}

/** Describes a role in a few words. */
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
  /** The effects since the last `clearEffects`. */
  effects: Effect[] = [];
  readonly timers: Map<TimerName, number> = new Map();
  readonly inFlight: Map<number, RequestEffect> = new Map();

  constructor(config: ElectionConfig = CONFIG) {
    this.state = initialElectionState(config);
  }

  get role(): Role {
    return this.state.role;
  }

  /** The descriptions of these effects. */
  get texts(): string[] {
    return this.effects.map(describeEffect);
  }

  take(fact: Fact): this {
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
    // Clearing a timer that does not run has no effect.
    if (effect.type === 'clearTimer' && !this.timers.delete(effect.timer)) return;
    if (effect.type === 'setTimer') this.timers.set(effect.timer, this.nowMs + effect.afterMs);
    if ('request' in effect) this.inFlight.set(effect.request, effect);
    if (effect.type === 'shutDown') {
      this.timers.clear();
      this.inFlight.clear();
    }
    this.effects.push(effect);
  }

  clearEffects(): this {
    this.effects = [];
    return this;
  }

  wait(ms: number): this {
    this.nowMs += ms;
    this.wallMs += ms;
    return this;
  }

  /** Waits until the timer is due, and fires it. */
  fire(timer: TimerName): this {
    const dueMs = this.timers.get(timer);
    assert.ok(dueMs !== undefined, `timer ${timer} does not run; these do: ${[...this.timers.keys()]}`);
    this.wait(Math.max(0, dueMs - this.nowMs));
    return this.take({ type: 'timerFired', timer });
  }

  /** The number of the latest unanswered request of this type. For `readPod`, `podName` selects the Pod. */
  request(type: RequestEffect['type'], podName?: string): number {
    const waiting = [...this.inFlight.values()].filter(
      (effect) =>
        effect.type === type && (podName === undefined || (effect.type === 'readPod' && effect.name === podName)),
    );
    const latest = waiting.at(-1);
    assert.ok(
      latest !== undefined,
      `no ${type} is under way; these are: ${[...this.inFlight.values()].map(describeEffect)}`,
    );
    return latest.request;
  }

  /** The content of the latest unanswered write. */
  content(type: 'createLease' | 'replaceLease'): LeaseContent {
    const effect = this.inFlight.get(this.request(type));
    assert.ok(effect?.type === 'createLease' || effect?.type === 'replaceLease');
    return effect.content;
  }

  leaseRead(lease: LeaseRecord | null): this {
    return this.take({ type: 'leaseRead', request: this.request('readLease'), lease });
  }

  podRead(name: string, pod: PodRecord | null): this {
    return this.take({ type: 'podRead', request: this.request('readPod', name), name, pod });
  }

  created(changes: Partial<LeaseRecord>): this {
    const lease: LeaseRecord = { ...leaseOf(SELF), ...this.content('createLease'), ...changes };
    return this.take({ type: 'leaseWritten', request: this.request('createLease'), lease });
  }

  /** Answers the replace as executed: its Lease with its content and this resourceVersion. */
  replaced(resourceVersion: string): this {
    const effect = this.inFlight.get(this.request('replaceLease'));
    assert.ok(effect?.type === 'replaceLease');
    const lease: LeaseRecord = { ...effect.lease, ...effect.content, resourceVersion };
    return this.take({ type: 'leaseWritten', request: effect.request, lease });
  }

  removed(): this {
    return this.take({ type: 'leaseRemoved', request: this.request('deleteLease') });
  }

  fail(type: RequestEffect['type'], kind: RequestFailureKind, podName?: string): this {
    return this.take({ type: 'requestFailed', request: this.request(type, podName), failure: failure(kind) });
  }

  /** Fails the request with a refusal (403, or 400 of a webhook) that has lasted long enough to count. */
  refuse(type: RequestEffect['type'], kind: 'forbidden' | 'rejected' = 'forbidden', podName?: string): this {
    const what = refusableOf(this.state.role, this.state.knowledge, this.request(type, podName));
    if (what !== null) this.#believe(what, failure(kind));
    return this.fail(type, kind, podName);
  }

  /** Fails the list of Leases in the same way. */
  refuseLeaseWatch(): this {
    this.#believe('list leases', failure('forbidden'));
    return this.take({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  }

  refusePodWatch(watched: PodReference): this {
    this.#believe('list pods', failure('forbidden'));
    return this.take({ type: 'podWatchFailed', watched, failure: failure('forbidden') });
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
    return this.take({ type: 'leaseObserved', lease, by: 'list' });
  }

  watched(lease: LeaseRecord): this {
    return this.take({ type: 'leaseObserved', lease, by: 'watch' });
  }

  absent(resourceVersion: string): this {
    return this.take({ type: 'leaseAbsent', resourceVersion });
  }

  deleted(lease: LeaseRecord): this {
    return this.take({ type: 'leaseDeleted', lease });
  }

  podListed(watched: PodReference, pod: PodRecord | null): this {
    if (pod === null) return this.take({ type: 'podAbsent', watched });
    return this.take({ type: 'podObserved', watched, pod, by: 'list' });
  }

  podWatched(watched: PodReference, pod: PodRecord): this {
    return this.take({ type: 'podObserved', watched, pod, by: 'watch' });
  }

  podGone(pod: PodReference): this {
    return this.take({ type: 'podDeleted', watched: pod, pod: podOf(pod) });
  }

  stop(release: 'ifTerminating' | 'always' = 'ifTerminating'): this {
    return this.take({ type: 'stopRequested', release });
  }

  stepDown(): this {
    return this.take({ type: 'stepDownRequested' });
  }

  settled(drained = true): this {
    return this.take({ type: 'workSettled', drained });
  }
}

/** A candidate that has the socket of its Pod and knows nothing of the Lease. */
export function starts(config?: ElectionConfig): Story {
  return new Story(config).take({ type: 'started' }).take({ type: 'siblingLockAnswered', outcome: 'held' });
}

/** A candidate that found this Lease at its start. */
export function finds(lease: LeaseRecord): Story {
  return starts().listed(lease);
}

/** A candidate that follows the rival, whose Pod exists. */
export function follows(lease: LeaseRecord = leaseOf(RIVAL)): Story {
  return finds(lease).podListed(RIVAL, podOf(RIVAL));
}

/** A candidate that has seen the rival's Pod deleted and waits for its jitter. The Lease still exists. */
export function seesRivalGo(): Story {
  return follows().podGone(RIVAL);
}

/** A candidate that deletes the Lease of the rival, whose Pod is gone. */
export function clears(): Story {
  return seesRivalGo().fire('campaign');
}

/** A candidate that has sent its create. The list at resourceVersion 10 showed no Lease. */
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

/** One row of a table. `rule` names the test. `role` and `effects` are exactly what `when` must lead to. */
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
      const story = given().clearEffects();
      when(story);
      record(rule, describeRole(story.role), story.texts);
      assert.deepEqual({ role: describeRole(story.role), effects: story.texts }, { role, effects });
    });
  }
}
