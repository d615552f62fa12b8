/**
 * Reduces a process to its plain form, so that situations without a relevant difference are equal.
 *
 * - Requests get new numbers in the same order.
 * - Time: every process begins each step at the same moment. A moment in its state is either future or past. A timer is
 *   due as if it had just been set. Timers fire at any moment and in any order, so nothing else depends on time.
 * - State that is only reported is left out, and so are announcements, except those that the checkers use.
 * - Events in the queue of a watch are newer than its resume point, so the resume point is 0. The history of the stream
 *   only affects delays.
 */

import type { TimerName } from '../../src/core/input.ts';
import { RESTORATION_INTERVAL_MS } from '../../src/core/leader.ts';
import { STEP_DOWN_PAUSE_MS } from '../../src/core/leaving.ts';
import type { Refusals } from '../../src/core/refusal.ts';
import { RENEWAL_LEAST_INTERVAL_MS } from '../../src/core/renewal.ts';
import type { ElectionState, Knowledge, Role } from '../../src/core/state.ts';
import { RECHECK_INTERVAL_MS } from '../../src/core/verdict.ts';
import { INITIAL_WATCH_STATE, type WatchState } from '../../src/core/watch.ts';
import type { Cluster } from './cluster-model.ts';
import { type InFlight, longRefused, type Process, START_MS, TIMERS, type Watch } from './process-model.ts';

/** The delay of each timer, in milliseconds. */
const DELAYS: { readonly [Timer in TimerName]: number } = {
  campaign: 0,
  // The longest pause that this timer ends.
  retry: RESTORATION_INTERVAL_MS,
  renew: 10_000,
  backstop: 60_000,
  recheck: RECHECK_INTERVAL_MS,
  stale: 30_000,
  leaving: 10_000,
  permission: 1_000,
  startGrace: 30_000,
};

export function plainProcess(process: Process): Process {
  const numbers = numbersOf(process);
  const { nowMs, requests, leaseWatch, podWatch } = process;
  const state = plainState(process.state, nowMs, numbers);
  const pauses = state.role.name === 'candidate' && state.role.notBeforeMs > START_MS;
  return {
    ...process,
    state,
    nowMs: START_MS,
    timers: process.timers.map((dueMs, index) => (dueMs === null ? null : dueOf(TIMERS[index] as TimerName, pauses))),
    requests: requests.map((request) => plainRequest(request, numbers)),
    leaseWatch: leaseWatch === null ? null : plainWatch(leaseWatch),
    podWatch: podWatch === null ? null : plainWatch(podWatch),
  };
}

export function plainCluster(cluster: Cluster): Cluster {
  return withoutCounts({
    ...cluster,
    pods: cluster.pods.toSorted((left, right) => (left.uid < right.uid ? -1 : 1)),
  });
}

function dueOf(timer: TimerName, pauses: boolean): number {
  return START_MS + (timer === 'recheck' && pauses ? STEP_DOWN_PAUSE_MS : DELAYS[timer]);
}

// --- Numbers of requests

const REQUEST_KEYS: ReadonlySet<string> = new Set(['request', 'creation', 'renewal', 'holderRead']);

/** New numbers for the requests that the core still has in its state, and for those that are under way. */
function numbersOf({ state, requests }: Process): ReadonlyMap<number, number> {
  const used = new Set<number>();
  for (const { request, list } of requests) if (list === null) used.add(request);
  collectNumbers(state.role, used);
  collectNumbers({ leaseRead: state.knowledge.leaseRead, holderRead: state.knowledge.holderRead }, used);
  return new Map([...used].sort((left, right) => left - right).map((number, index) => [number, index + 1]));
}

function collectNumbers(value: object, used: Set<number>): void {
  for (const [key, part] of Object.entries(value)) {
    if (typeof part === 'number' && REQUEST_KEYS.has(key)) used.add(part);
    else if (typeof part === 'object' && part !== null) collectNumbers(part, used);
  }
}

function renumber<Value>(value: Value, numbers: ReadonlyMap<number, number>): Value {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const copy: { [key: string]: unknown } = {};
  for (const [key, part] of Object.entries(value)) {
    copy[key] = typeof part === 'number' && REQUEST_KEYS.has(key) ? numbers.get(part) : renumber(part, numbers);
  }
  return copy as Value;
}

function plainRequest(request: InFlight, numbers: ReadonlyMap<number, number>): InFlight {
  const number = request.list === null ? numbers.get(request.request) : 1;
  return withoutCounts({ ...request, request: number ?? 0 });
}

// --- The state of the core

function plainState(state: ElectionState, nowMs: number, numbers: ReadonlyMap<number, number>): ElectionState {
  return {
    config: state.config,
    lastRequest: numbers.size,
    knowledge: withoutCounts(renumber(plainKnowledge(state.knowledge, nowMs), numbers)),
    role: withoutCounts(plainRole(renumber(state.role, numbers), nowMs)),
  };
}

function plainKnowledge(knowledge: Knowledge, nowMs: number): Knowledge {
  const { observation, announced, failures, pendingReleaseVersion, leaseRead } = knowledge;
  const renewedJustNow = knowledge.renewalSentAtMs + RENEWAL_LEAST_INTERVAL_MS > nowMs;
  return {
    ...knowledge,
    observation:
      observation === null
        ? null
        : { ...observation, sinceMs: START_MS, renewedAtMs: observation.renewedAtMs === null ? null : START_MS },
    verifiedAtMs: 0,
    // This matters only for an empty Lease, which no move creates.
    namedLeaseUid: null,
    leaseRead: leaseRead === null ? null : { ...leaseRead, askedAtMs: START_MS },
    failures: { ...failures, refusals: plainRefusals(failures.refusals) },
    renewalSentAtMs: renewedJustNow ? START_MS : Number.NEGATIVE_INFINITY,
    sentRenewTimesMs: [],
    // A twin only causes a warning. Short lives matter only when Pods cannot be read.
    twinSeenAtMs: null,
    ownPodSeen: true,
    ownLease: null,
    shortLives: 0,
    // A version that is no longer the newest has no further effect.
    pendingReleaseVersion: observation?.lease?.resourceVersion === pendingReleaseVersion ? pendingReleaseVersion : null,
    announced: { leader: announced.leader === undefined ? undefined : null, silenceMs: null, warnings: [] },
  };
}

/**
 * Only the token is refused here. The first refusal counts as old enough to end a term. A shorter time has the same
 * effect as the first refusal.
 */
function plainRefusals({ token }: Refusals): Refusals {
  if (token === undefined) return {};
  return { token: { ...token, ...longRefused(START_MS), count: 1, warned: null } };
}

function plainRole(role: Role, nowMs: number): Role {
  if (role.name === 'candidate') {
    const pauses = role.notBeforeMs > nowMs;
    const recheckMs = pauses ? STEP_DOWN_PAUSE_MS : RECHECK_INTERVAL_MS;
    const { recheckAtMs } = role;
    return {
      ...role,
      // Whether a term was resumed is only reported.
      createOutcomeUnknown: false,
      notBeforeMs: pauses ? START_MS + STEP_DOWN_PAUSE_MS : 0,
      recheckAtMs: recheckAtMs === null ? null : START_MS + (recheckAtMs > nowMs ? recheckMs : 0),
    };
  }
  if (role.name !== 'leader') return role;
  const restoredNow = role.restoredAtMs + RESTORATION_INTERVAL_MS > nowMs;
  return {
    ...role,
    // The core announces the term once, and never reads it again.
    term: { ...role.term, fencingToken: '0', leaseUid: 'lease-0', resumed: false },
    // A twin only causes a warning.
    createOutcomeUnknown: false,
    overtakenCreation: null,
    restoredAtMs: restoredNow ? START_MS : Number.NEGATIVE_INFINITY,
  };
}

/** Sets `leaseTransitions` to 0: no rule reads it. */
function withoutCounts<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutCounts) as Value;
  const copy: { [key: string]: unknown } = {};
  for (const [key, part] of Object.entries(value)) {
    copy[key] = key === 'leaseTransitions' && typeof part === 'number' ? 0 : withoutCounts(part);
  }
  return copy as Value;
}

// --- Watches

function plainWatch(watch: Watch): Watch {
  return { ...watch, state: plainWatchState(watch.state), queue: withoutCounts(watch.queue) };
}

function plainWatchState(state: WatchState): WatchState {
  const counters = { ...INITIAL_WATCH_STATE, lastRequest: 1, lastStream: 1 };
  switch (state.phase) {
    case 'listing':
      return { ...counters, phase: 'listing', request: 1 };
    case 'waitingToOpen':
      return { ...counters, phase: 'waitingToOpen', resumeFrom: '0' };
    case 'streaming':
      return {
        ...counters,
        phase: 'streaming',
        stream: 1,
        resumeFrom: '0',
        opened: true,
        settled: false,
        heard: false,
        advanced: false,
        doubted: false,
      };
    default:
      return { ...counters, phase: state.phase };
  }
}
