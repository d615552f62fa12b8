/**
 * The rules of a watch: list, resume from a resourceVersion, list again on 410, on a contradiction and on silence.
 *
 * Pure. Opening streams and reading lines is the business of `kube/watch-stream.ts`; what a Lease or a
 * Pod means is that of `election.ts`.
 */

import { compareResourceVersions } from './lease-record.ts';
import type { RequestFailure } from './request-failure.ts';
import { atLeastRetryAfterMs, refusalDelayMs, retryDelayMs } from './retry-delay.ts';

/** One message of a watch stream. */
export type WatchEvent<Item> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly item: Item }
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  | { readonly type: 'error'; readonly failure: RequestFailure };

/**
 * The server is asked to end a stream after this many seconds, so that no stream outlives a change of
 * load balancers or certificates for long. client-go asks for 5 to 10 minutes.
 */
export const WATCH_TIMEOUT_SECONDS = 300;

/**
 * A stream on which nothing came for this long is dead, in milliseconds.
 *
 * A real server sends a bookmark about once a minute (Kubernetes "API Concepts", watch bookmarks), so a
 * whole minute and a quarter of silence means that the connection is gone and nobody told us.
 */
export const WATCH_SILENCE_MS = 75_000;

/** A stream that was open for this long, in milliseconds, has proved itself: earlier failures are forgotten. */
export const WATCH_SETTLED_MS = 5_000;

/**
 * How long the silence of a stream is doubted once, in milliseconds, when its timer fired late.
 *
 * A late timer means that this process stood still. Node.js then runs its timers before it reads its sockets, so a
 * message may wait there.
 */
export const WATCH_LATE_GRACE_MS = 1_000;

/** A list that has no answer after this many milliseconds is asked again, should its answer have been lost. */
export const WATCH_LIST_TIMEOUT_MS = 60_000;

/** What a watch tells of an object: enough to know it again and to resume after it. */
export interface Watched {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** What every phase keeps. */
interface Counters {
  /** Numbers are given once: an answer with another number than the one waited for is stale. */
  readonly lastRequest: number;
  readonly lastStream: number;
  /** Failures in a row; a stream that settled starts again from 0. */
  readonly attempts: number;
  /** Refused lists in a row; a list that succeeds starts again from 0. */
  readonly listRefusals: number;
  /**
   * Refused streams in a row; a stream that settled starts again from 0.
   *
   * A list that succeeds does not reset this count. Where only the verb `watch` is missing, lists succeed and streams are
   * refused in turn, and both must become rare.
   */
  readonly streamRefusals: number;
}

/** Where a watch stands. One timer belongs to it in every phase but `idle` and `stopped`. */
export type WatchState = Counters &
  (
    | { readonly phase: 'idle' }
    | { readonly phase: 'listing'; readonly request: number }
    | { readonly phase: 'waitingToList' }
    | { readonly phase: 'waitingToOpen'; readonly resumeFrom: string }
    | {
        readonly phase: 'streaming';
        readonly stream: number;
        /** Everything up to this version is known. */
        readonly resumeFrom: string;
        readonly opened: boolean;
        /** Open for WATCH_SETTLED_MS. */
        readonly settled: boolean;
        /** Any message came on this stream. */
        readonly heard: boolean;
        /** The resume point moved on this stream. */
        readonly advanced: boolean;
        /**
         * Its silence was doubted because a timer fired late. It is doubted once only: a process whose timers are always
         * late would keep a dead stream for good.
         */
        readonly doubted: boolean;
      }
    | { readonly phase: 'stopped' }
  );

/** What happened. `random` is drawn from 0 (inclusive) to 1 (exclusive). */
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
      /** `null` when the server ended it in order. */
      readonly failure: RequestFailure | null;
      readonly random: number;
    }
  /** `late`: much later than it was due, because the process stood still. */
  | { readonly type: 'timerFired'; readonly late: boolean }
  /** A consistent read showed what this watch did not: its stream is deaf. */
  | { readonly type: 'relistRequested' }
  | { readonly type: 'stopped' };

/** What is to be done, and (from `present` on) what is now known. */
export type WatchEffect<Item> =
  | { readonly type: 'list'; readonly request: number }
  | {
      readonly type: 'open';
      readonly stream: number;
      readonly resourceVersion: string;
      readonly timeoutSeconds: number;
    }
  | { readonly type: 'close'; readonly stream: number }
  /** One timer per watch: setting it replaces the one before. */
  | { readonly type: 'setTimer'; readonly afterMs: number }
  | { readonly type: 'clearTimer' }
  | { readonly type: 'present'; readonly item: Item; readonly by: 'list' | 'watch' }
  /** A consistent list found none. */
  | { readonly type: 'absent'; readonly resourceVersion: string }
  /** A DELETED event: the object with that uid is gone for ever. */
  | { readonly type: 'deleted'; readonly item: Item }
  /** News for people and for degradation; the watch itself goes on. Never of kind `expired`. */
  | { readonly type: 'failed'; readonly failure: RequestFailure };

/** A watch that was not started yet. */
export const INITIAL_WATCH_STATE: WatchState = {
  phase: 'idle',
  lastRequest: 0,
  lastStream: 0,
  attempts: 0,
  listRefusals: 0,
  streamRefusals: 0,
};

/** The state after an input, and what follows from it, in order. */
export interface WatchStep<Item> {
  readonly state: WatchState;
  readonly effects: readonly WatchEffect<Item>[];
}

type Streaming = Extract<WatchState, { phase: 'streaming' }>;

/** Takes one input in. The rules are the rows of `test/core/watch.test.ts`. */
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

/** A version that is too old is the ordinary end of a long absence, and the list that follows mends it: no news. */
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
      // Until the head has come this guards against an answer that was lost.
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

/** No two objects of a namespace have the same name, so it is unknown which of them is the right one. */
function malformedList(length: number): RequestFailure {
  return {
    kind: 'malformed',
    message: `the list cannot be used: it has ${length} objects of one name. Check the proxies before the API server`,
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

/** Only a list gives a right resume point to a deaf stream. A wait after a failure is not shortened. */
function relist<Item>(state: WatchState): WatchStep<Item> {
  switch (state.phase) {
    case 'streaming':
      return prepend([{ type: 'close', stream: state.stream }], startListing(state));
    case 'waitingToOpen':
      // The timer that is set now ends in a list.
      return { state: { ...countersOf(state), phase: 'waitingToList' }, effects: [] };
    default:
      return unchanged(state);
  }
}

function markStable<Item>(state: Streaming): WatchStep<Item> {
  // Messages that came meanwhile did not move the timer, so their time is unknown: the silence counts from now.
  return {
    state: { ...state, settled: true, doubted: false, attempts: 0, streamRefusals: 0 },
    effects: [setTimer(state.heard ? WATCH_SILENCE_MS : WATCH_SILENCE_MS - WATCH_SETTLED_MS)],
  };
}

/**
 * A silent stream is followed by a list. The connection may be dead; then the list costs one small request more than
 * another stream. Or the resume point is from the future, for example after a backup was restored. A watch from a version
 * that the server has not reached opens and stays silent (wire fact 18), and only a list gives a right version.
 */
function giveUpOnSilence<Item>(state: Streaming): WatchStep<Item> {
  const effects: WatchEffect<Item>[] = [
    { type: 'close', stream: state.stream },
    {
      type: 'failed',
      failure: {
        kind: 'unavailable',
        message: `nothing came on the watch for ${WATCH_SILENCE_MS / 1000} s, not even a bookmark: its connection is taken for dead`,
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
  // A server sends only what came after the resume point (wire fact 14). So the resume point is wrong: an earlier
  // bookmark or list came from the future.
  if (order < 0) return prepend([{ type: 'close', stream: state.stream }], listAgain(state, random));
  const advanced = order > 0;
  const effects: WatchEffect<Item>[] = [];
  if (event.type === 'deleted') {
    // Also at the resume point itself: that the uid is gone stays true, and to miss it would be worse than to hear it twice.
    effects.push({ type: 'deleted', item: event.item });
  } else if (event.type !== 'bookmark' && advanced) {
    effects.push({ type: 'present', item: event.item, by: 'watch' });
  }
  // Before the stream has settled the timer measures its age, and is left alone.
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
 * At once when the stream lived or, the first time, when it moved the resume point; else with back-off, so
 * that a server (or a proxy before it) that ends every stream at once is not asked in a hot loop.
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

/** What follows a stream that failed, or never opened. It is closed already. */
function recoverStream<Item>(state: Streaming, failure: RequestFailure, random: number): WatchStep<Item> {
  const attempts = state.attempts + 1;
  switch (failure.kind) {
    case 'expired':
      return listAgain(state, random);
    case 'unavailable':
    case 'throttled':
      return waitToOpen(state, attempts, atLeastRetryAfterMs(retryDelayMs(attempts, random), failure.retryAfterMs));
    default:
      // Malformed: the same bytes would come again from the same version. Refused: where only the verb
      // watch is missing, lists still bring news.
      return recoverByListing(state, failure, random);
  }
}

/** The first list comes at once. A server whose lists and watches contradict each other again is asked with back-off. */
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

/** Everything else is a refusal, which usually stays. */
const PASSING_KINDS: ReadonlySet<RequestFailure['kind']> = new Set([
  'throttled',
  'expired',
  'unavailable',
  'malformed',
]);
