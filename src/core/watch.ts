/**
 * The rules of a watch: list, resume from a resourceVersion, and list again on 410, on a contradiction and on silence.
 *
 * Pure. `kube/watch-stream.ts` opens streams and reads lines. `election.ts` interprets a Lease or a Pod.
 */

import { compareResourceVersions } from './lease-record.ts';
import type { RequestFailure } from './request-failure.ts';
import { atLeastRetryAfterMs, refusalDelayMs, retryDelayMs } from './retry-delay.ts';
import { duplicateNames, silentWatch } from './warnings.ts';

/** One message of a watch stream. */
export type WatchEvent<Item> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly item: Item }
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  | { readonly type: 'error'; readonly failure: RequestFailure };

/**
 * The lifetime of a stream that is requested from the server, in seconds. A stream therefore ends soon after a change
 * of load balancers or certificates. client-go requests 5 to 10 minutes.
 */
export const WATCH_TIMEOUT_SECONDS = 300;

/**
 * A stream without any message for this many milliseconds is considered dead.
 *
 * A real server sends a bookmark about once a minute (Kubernetes "API Concepts", watch bookmarks). After 75 s of
 * silence the connection is gone, although it was never closed.
 */
export const WATCH_SILENCE_MS = 75_000;

/** A stream that was open for this many milliseconds counts as stable. Earlier failures are forgotten. */
export const WATCH_SETTLED_MS = 5_000;

/**
 * The grace period for a silent stream whose timer fired late, in milliseconds. It is granted once.
 *
 * A late timer means that this process was suspended. Node.js then runs its timers before it reads its sockets, so a
 * message may wait there.
 */
export const WATCH_LATE_GRACE_MS = 1_000;

/** A list without an answer after this many milliseconds is repeated, because its answer may have been lost. */
export const WATCH_LIST_TIMEOUT_MS = 60_000;

/** The fields of an object that a watch needs: to recognize the object and to resume after it. */
export interface Watched {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** The counters that every phase keeps. */
interface Counters {
  /** Each number is used once. An answer with a number that is not awaited is stale. */
  readonly lastRequest: number;
  readonly lastStream: number;
  /** The number of failures in a row. A stable stream resets it. */
  readonly attempts: number;
  /** The number of refused lists in a row. A list that succeeds resets it. */
  readonly listRefusals: number;
  /**
   * The number of refused streams in a row. A stable stream resets it.
   *
   * A successful list does not reset the count. If only the verb `watch` is missing, lists succeed and streams are
   * refused in turn, and both must become rare.
   */
  readonly streamRefusals: number;
}

/** The state of a watch. It has one timer in every phase except `idle` and `stopped`. */
export type WatchState = Counters &
  (
    | { readonly phase: 'idle' }
    | { readonly phase: 'listing'; readonly request: number }
    | { readonly phase: 'waitingToList' }
    | { readonly phase: 'waitingToOpen'; readonly resumeFrom: string }
    | {
        readonly phase: 'streaming';
        readonly stream: number;
        /** The resume point: everything up to this version is known. */
        readonly resumeFrom: string;
        readonly opened: boolean;
        /** Whether the stream has been open for WATCH_SETTLED_MS. */
        readonly settled: boolean;
        /** Whether a message was received on this stream. */
        readonly heard: boolean;
        /** Whether the resume point has moved on this stream. */
        readonly advanced: boolean;
        /**
         * Whether the grace period for a late timer was used. It is granted only once. Otherwise a process whose timers
         * are always late would keep a dead stream for good.
         */
        readonly doubted: boolean;
      }
    | { readonly phase: 'stopped' }
  );

/** The inputs of a watch. `random` is from 0 (inclusive) to 1 (exclusive). */
export type WatchInput<Item> =
  | { readonly type: 'started' }
  | {
      readonly type: 'listed';
      readonly request: number;
      readonly items: readonly Item[];
      readonly resourceVersion: string;
      readonly random: number;
    }
  | {
      readonly type: 'listFailed';
      readonly request: number;
      readonly failure: RequestFailure;
      readonly random: number;
    }
  | { readonly type: 'opened'; readonly stream: number }
  | {
      readonly type: 'received';
      readonly stream: number;
      readonly event: WatchEvent<Item>;
      readonly random: number;
    }
  | {
      readonly type: 'ended';
      readonly stream: number;
      /** `null` when the server ended the stream cleanly. */
      readonly failure: RequestFailure | null;
      readonly random: number;
    }
  /** `late`: the timer fired much later than it was due, because the process was suspended. */
  | { readonly type: 'timerFired'; readonly late: boolean }
  /** A consistent read showed a change that this watch missed, or this watch may be dead. */
  | { readonly type: 'relistRequested' }
  | { readonly type: 'stopped' };

/** The effects of a step, and (from `present` on) its results. */
export type WatchEffect<Item> =
  | { readonly type: 'list'; readonly request: number }
  | {
      readonly type: 'open';
      readonly stream: number;
      readonly resourceVersion: string;
      readonly timeoutSeconds: number;
    }
  | { readonly type: 'close'; readonly stream: number }
  /** Each watch has one timer. Setting it replaces the previous setting. */
  | { readonly type: 'setTimer'; readonly afterMs: number }
  | { readonly type: 'clearTimer' }
  | { readonly type: 'present'; readonly item: Item; readonly by: 'list' | 'watch' }
  /** A consistent list did not contain the object. */
  | { readonly type: 'absent'; readonly resourceVersion: string }
  /** A DELETED event. The object with that uid is gone for ever. */
  | { readonly type: 'deleted'; readonly item: Item }
  /**
   * A failure, for people and for the rules about refusals. The watch itself continues. Its kind is never `expired`.
   */
  | { readonly type: 'failed'; readonly failure: RequestFailure };

/** The state of a watch before its start. */
export const INITIAL_WATCH_STATE: WatchState = {
  phase: 'idle',
  lastRequest: 0,
  lastStream: 0,
  attempts: 0,
  listRefusals: 0,
  streamRefusals: 0,
};

/** The state after an input, and its effects in their order. */
export interface WatchStep<Item> {
  readonly state: WatchState;
  readonly effects: readonly WatchEffect<Item>[];
}

type Streaming = Extract<WatchState, { phase: 'streaming' }>;

/** Processes one input. The rules are the rows of `test/core/watch.test.ts`. */
export function stepWatch<Item extends Watched>(state: WatchState, input: WatchInput<Item>): WatchStep<Item> {
  if (state.phase === 'stopped') return unchanged(state);
  switch (input.type) {
    case 'started':
      return state.phase === 'idle' ? startListing(state) : unchanged(state);
    case 'stopped':
      return stop(state);
    case 'timerFired':
      return takeTimer(state, input.late);
    case 'relistRequested':
      return relist(state);
    case 'listed':
      if (state.phase !== 'listing' || input.request !== state.request) return unchanged(state);
      if (input.items.length > 1) {
        const failure = malformedList(input.items.length);
        return prepend([{ type: 'failed', failure }], recoverByListing(state, failure, input.random));
      }
      return takeList(state, input.items, input.resourceVersion);
    case 'listFailed':
      if (state.phase !== 'listing' || input.request !== state.request) return unchanged(state);
      return prepend(reportOf(input.failure), recoverByListing(state, input.failure, input.random));
    case 'opened':
      if (state.phase !== 'streaming' || input.stream !== state.stream || state.opened) return unchanged(state);
      return { state: { ...state, opened: true }, effects: [setTimer(WATCH_SETTLED_MS)] };
    case 'received':
      if (state.phase !== 'streaming' || input.stream !== state.stream) return unchanged(state);
      return takeEvent(state, input.event, input.random);
    case 'ended':
      if (state.phase !== 'streaming' || input.stream !== state.stream) return unchanged(state);
      if (input.failure === null) return reopenAfterOrderlyEnd(state, input.random);
      return prepend(reportOf(input.failure), recoverStream(state, input.failure, input.random));
  }
}

function unchanged<Item>(state: WatchState): WatchStep<Item> {
  return { state, effects: [] };
}

function prepend<Item>(effects: readonly WatchEffect<Item>[], step: WatchStep<Item>): WatchStep<Item> {
  return { state: step.state, effects: [...effects, ...step.effects] };
}

function setTimer(afterMs: number): { readonly type: 'setTimer'; readonly afterMs: number } {
  return { type: 'setTimer', afterMs };
}

function countersOf(state: WatchState): Counters {
  const { lastRequest, lastStream, attempts, listRefusals, streamRefusals } = state;
  return { lastRequest, lastStream, attempts, listRefusals, streamRefusals };
}

/**
 * An expired version is normal after a long interruption and is not reported, because the next list returns a new
 * version.
 */
function reportOf<Item>(failure: RequestFailure): readonly WatchEffect<Item>[] {
  return failure.kind === 'expired' ? [] : [{ type: 'failed', failure }];
}

function startListing<Item>(state: WatchState): WatchStep<Item> {
  const request = state.lastRequest + 1;
  return {
    state: { ...countersOf(state), phase: 'listing', lastRequest: request, request },
    effects: [{ type: 'list', request }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  };
}

function startStream<Item>(state: WatchState, resumeFrom: string): WatchStep<Item> {
  const stream = state.lastStream + 1;
  return {
    state: {
      ...countersOf(state),
      phase: 'streaming',
      lastStream: stream,
      stream,
      resumeFrom,
      opened: false,
      settled: false,
      heard: false,
      advanced: false,
      doubted: false,
    },
    effects: [
      { type: 'open', stream, resourceVersion: resumeFrom, timeoutSeconds: WATCH_TIMEOUT_SECONDS },
      // Until the head of the answer is received, this timer guards against a lost answer.
      setTimer(WATCH_SILENCE_MS),
    ],
  };
}

function waitToList<Item>(state: WatchState, attempts: number, afterMs: number): WatchStep<Item> {
  return { state: { ...countersOf(state), attempts, phase: 'waitingToList' }, effects: [setTimer(afterMs)] };
}

function stop<Item>(state: WatchState): WatchStep<Item> {
  const effects: WatchEffect<Item>[] = [];
  if (state.phase === 'streaming') effects.push({ type: 'close', stream: state.stream });
  if (state.phase !== 'idle') effects.push({ type: 'clearTimer' });
  return { state: { ...countersOf(state), phase: 'stopped' }, effects };
}

function takeList<Item extends Watched>(
  state: WatchState,
  items: readonly Item[],
  resourceVersion: string,
): WatchStep<Item> {
  const known: WatchEffect<Item>[] =
    items.length === 0
      ? [{ type: 'absent', resourceVersion }]
      : items.map((item) => ({ type: 'present', item, by: 'list' }));
  return prepend(known, startStream({ ...state, listRefusals: 0 }, resourceVersion));
}

/** Two objects of one namespace never have the same name, so it is unknown which of them is the right one. */
function malformedList(length: number): RequestFailure {
  return {
    kind: 'malformed',
    message: duplicateNames(length),
    retryAfterMs: null,
    missingRule: null,
    cause: null,
  };
}

function takeTimer<Item>(state: Exclude<WatchState, { phase: 'stopped' }>, late: boolean): WatchStep<Item> {
  switch (state.phase) {
    case 'idle':
      return unchanged(state);
    case 'listing':
    case 'waitingToList':
      return startListing(state);
    case 'waitingToOpen':
      return startStream(state, state.resumeFrom);
    case 'streaming':
      if (state.opened && !state.settled) return markStable(state);
      if (late && !state.doubted) {
        return { state: { ...state, doubted: true }, effects: [setTimer(WATCH_LATE_GRACE_MS)] };
      }
      return giveUpOnSilence(state);
  }
}

/**
 * Lists again, because only a list returns a correct resume point after a stream has missed events. A wait after a
 * failure is not shortened.
 */
function relist<Item>(state: WatchState): WatchStep<Item> {
  switch (state.phase) {
    case 'streaming':
      return prepend([{ type: 'close', stream: state.stream }], startListing(state));
    case 'waitingToOpen':
      // When the current timer fires, a list follows.
      return { state: { ...countersOf(state), phase: 'waitingToList' }, effects: [] };
    default:
      return unchanged(state);
  }
}

function markStable<Item>(state: Streaming): WatchStep<Item> {
  // Messages that were received before this moment did not move the timer, so their time is unknown. The silence is
  // counted from this moment.
  return {
    state: { ...state, settled: true, doubted: false, attempts: 0, streamRefusals: 0 },
    effects: [setTimer(state.heard ? WATCH_SILENCE_MS : WATCH_SILENCE_MS - WATCH_SETTLED_MS)],
  };
}

/**
 * Closes a silent stream and lists again.
 *
 * If the connection is dead, the list costs one small request more than another stream would. The resume point may also
 * be from the future, for example after a backup was restored. A watch from a version that the server has not reached
 * opens and stays silent (wire fact 18), and only a list returns a correct version.
 */
function giveUpOnSilence<Item>(state: Streaming): WatchStep<Item> {
  const effects: WatchEffect<Item>[] = [
    { type: 'close', stream: state.stream },
    {
      type: 'failed',
      failure: {
        kind: 'unavailable',
        message: silentWatch(WATCH_SILENCE_MS),
        retryAfterMs: null,
        missingRule: null,
        cause: null,
      },
    },
  ];
  return prepend(effects, startListing(state));
}

function takeEvent<Item extends Watched>(state: Streaming, event: WatchEvent<Item>, random: number): WatchStep<Item> {
  if (event.type === 'error') {
    const recovery = recoverStream<Item>(state, event.failure, random);
    return prepend([{ type: 'close', stream: state.stream }, ...reportOf<Item>(event.failure)], recovery);
  }
  const version = event.type === 'bookmark' ? event.resourceVersion : event.item.resourceVersion;
  const order = compareResourceVersions(version, state.resumeFrom);
  // A server sends only events after the resume point (wire fact 14). An older event therefore shows that the resume
  // point is wrong: an earlier bookmark or list came from the future.
  if (order < 0) return prepend([{ type: 'close', stream: state.stream }], listAgain(state, random));
  const advanced = order > 0;
  const effects: WatchEffect<Item>[] = [];
  if (event.type === 'deleted') {
    // A deletion is also reported if its version is the resume point itself. The uid is gone in any case, and to miss a
    // deletion would be worse than to report it twice.
    effects.push({ type: 'deleted', item: event.item });
  } else if (event.type !== 'bookmark' && advanced) {
    effects.push({ type: 'present', item: event.item, by: 'watch' });
  }
  // Until the stream is stable, the timer measures its age and is not set again.
  if (state.settled) effects.push(setTimer(WATCH_SILENCE_MS));
  else if (!state.opened) effects.push(setTimer(WATCH_SETTLED_MS));
  return {
    state: {
      ...state,
      opened: true,
      heard: true,
      doubted: false,
      advanced: state.advanced || advanced,
      resumeFrom: advanced ? version : state.resumeFrom,
    },
    effects,
  };
}

/**
 * Reopens a stream that the server ended cleanly. It reopens immediately if the stream was stable. It also reopens
 * immediately, but only the first time, if the stream moved the resume point. Otherwise it backs off, so that a server
 * or proxy that ends every stream does not cause a hot loop.
 */
function reopenAfterOrderlyEnd<Item>(state: Streaming, random: number): WatchStep<Item> {
  if (state.settled) return startStream(state, state.resumeFrom);
  const attempts = state.attempts + 1;
  if (state.advanced && attempts === 1) return startStream({ ...state, attempts }, state.resumeFrom);
  return waitToOpen(state, attempts, retryDelayMs(attempts, random));
}

function waitToOpen<Item>(state: Streaming, attempts: number, afterMs: number): WatchStep<Item> {
  return {
    state: { ...countersOf(state), attempts, phase: 'waitingToOpen', resumeFrom: state.resumeFrom },
    effects: [setTimer(afterMs)],
  };
}

/** Continues after a stream that failed, or never opened. The stream is closed already. */
function recoverStream<Item>(state: Streaming, failure: RequestFailure, random: number): WatchStep<Item> {
  const attempts = state.attempts + 1;
  switch (failure.kind) {
    case 'expired':
      return listAgain(state, random);
    case 'unavailable':
    case 'throttled':
      return waitToOpen(state, attempts, atLeastRetryAfterMs(retryDelayMs(attempts, random), failure.retryAfterMs));
    default:
      // A malformed stream would return the same bytes from the same version. After a refusal, lists may still show
      // changes, if only the verb watch is missing.
      return recoverByListing(state, failure, random);
  }
}

/**
 * Lists again: immediately the first time. If the lists and watches of the server contradict each other again, the next
 * lists follow with back-off.
 */
function listAgain<Item>(state: Streaming, random: number): WatchStep<Item> {
  const attempts = state.attempts + 1;
  if (attempts === 1) return startListing({ ...state, attempts });
  return waitToList(state, attempts, retryDelayMs(attempts, random));
}

function recoverByListing<Item>(
  state: Extract<WatchState, { phase: 'listing' | 'streaming' }>,
  failure: RequestFailure,
  random: number,
): WatchStep<Item> {
  const attempts = state.attempts + 1;
  if (PASSING_KINDS.has(failure.kind)) {
    return waitToList(state, attempts, atLeastRetryAfterMs(retryDelayMs(attempts, random), failure.retryAfterMs));
  }
  const counter = state.phase === 'listing' ? 'listRefusals' : 'streamRefusals';
  const refusals = state[counter] + 1;
  const delayMs = atLeastRetryAfterMs(refusalDelayMs(refusals, random), failure.retryAfterMs);
  return waitToList({ ...state, [counter]: refusals }, attempts, delayMs);
}

/** The kinds of temporary failures. All other kinds are refusals, which usually last. */
const PASSING_KINDS: ReadonlySet<RequestFailure['kind']> = new Set([
  'throttled',
  'expired',
  'unavailable',
  'malformed',
]);
