/**
 * Makes situations equal that differ in nothing that matters, by giving a process the plainest form it can have.
 *
 * - Requests are numbered anew, in their order.
 * - Time: every process begins each turn at the same moment, a moment of its state is ahead or past, and a timer is due
 *   when it would be had it just been set. Since timers fire at any moment and in any order, no more is needed of time.
 * - What only people read is left out, as is what the application is told, but for what the checkers note.
 * - What waits on a watch is newer than its resume point, which can so be 0; how the stream fared sets delays alone.
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

/** How long after it was set a timer is due. */
const DELAYS: { readonly [Timer in TimerName]: number } = {
  campaign: 0,
  // As long as the longest pause that it ends.
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

/** New numbers for those that the core still knows, or that are under way. */
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
    // Only an empty Lease, which nobody makes here, asks whether it was ever held; a silence is only reported.
    namedLeaseUid: null,
    leaseRead: leaseRead === null ? null : { ...leaseRead, askedAtMs: START_MS },
    failures: { ...failures, refusals: plainRefusals(failures.refusals) },
    renewalSentAtMs: renewedJustNow ? START_MS : Number.NEGATIVE_INFINITY,
    sentRenewTimesMs: [],
    // A twin is only warned of, and short lives count three in a row where Pods cannot be read.
    twinSeenAtMs: null,
    ownPodSeen: true,
    ownLease: null,
    shortLives: 0,
    // Of a version that was followed by another it is never asked again.
    pendingReleaseVersion: observation?.lease?.resourceVersion === pendingReleaseVersion ? pendingReleaseVersion : null,
    announced: { leader: announced.leader === undefined ? undefined : null, silenceMs: null, warnings: [] },
  };
}

/**
 * Only the token is refused here. As much time may have passed since the first refusal as the end of a term needs: what
 * follows if less has passed is what follows after the first.
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
      // It says whether a term was resumed, which is only reported.
      createOutcomeUnknown: false,
      notBeforeMs: pauses ? START_MS + STEP_DOWN_PAUSE_MS : 0,
      recheckAtMs: recheckAtMs === null ? null : START_MS + (recheckAtMs > nowMs ? recheckMs : 0),
    };
  }
  if (role.name !== 'leader') return role;
  const restoredNow = role.restoredAtMs + RESTORATION_INTERVAL_MS > nowMs;
  return {
    ...role,
    // The core tells it once, and never looks at it again.
    term: { ...role.term, fencingToken: '0', leaseUid: 'lease-0', resumed: false },
    // A twin is only warned of.
    createOutcomeUnknown: false,
    overtakenCreation: null,
    restoredAtMs: restoredNow ? START_MS : Number.NEGATIVE_INFINITY,
  };
}

/** `leaseTransitions` is a hint for people. */
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
