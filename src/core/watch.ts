/**
 * The rules of a watch: list, resume from a resourceVersion, relist on 410, give up on silence.
 *
 * Pure. Opening streams and reading lines is the business of `kube/watch-stream.ts`; what a Lease or a
 * Pod means is that of `election.ts`.
 */

import { compareResourceVersions } from './lease-record.ts';
import type { RequestFailure } from './request-failure.ts';
import { atLeastRetryAfterMs, retryDelayMs } from './retry-delay.ts';

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
 * The time to wait after a refusal that only a person can mend (401, 403, an untrusted certificate), in
 * milliseconds, before jitter takes up to half of it away. The watch heals itself when permission returns.
 */
export const WATCH_DENIED_RETRY_MS = 30_000;

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
  /** Streams in a row that fell silent without a single message. */
  readonly silences: number;
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
  | { readonly type: 'timerFired' }
  /** A consistent read showed what this watch did not: its stream cannot be believed. */
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
  silences: 0,
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
      return takeTimer(state);
    case 'relistRequested':
      return relist(state);
    case 'listed':
      if (state.phase !== 'listing' || input.request !== state.request) return unchanged(state);
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
  const { lastRequest, lastStream, attempts, silences } = state;
  return { lastRequest, lastStream, attempts, silences };
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
  return prepend(known, startStream(state, resourceVersion));
}

function takeTimer<Item>(state: Exclude<WatchState, { phase: 'stopped' }>): WatchStep<Item> {
  switch (state.phase) {
    case 'idle':
      return unchanged(state);
    case 'listing':
    case 'waitingToList':
      return startListing(state);
    case 'waitingToOpen':
      return startStream(state, state.resumeFrom);
    case 'streaming':
      if (state.opened && !state.settled) return settle(state);
      return giveUpOnSilence(state);
  }
}

/** Only a list mends a stream that is deaf, since it gives a new resume point. A wait after a failure is not shortened. */
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

function settle<Item>(state: Streaming): WatchStep<Item> {
  // Messages that came meanwhile did not move the timer, so their time is unknown: the silence counts from now.
  return {
    state: { ...state, settled: true, attempts: 0 },
    effects: [setTimer(state.heard ? WATCH_SILENCE_MS : WATCH_SILENCE_MS - WATCH_SETTLED_MS)],
  };
}

/**
 * A silent stream is reopened where it stopped. When the next one is silent too, it is the version: a
 * watch from a version that the server has not reached (a cluster restored from a backup) opens and stays
 * silent (wire fact 18), and only a list finds back.
 */
function giveUpOnSilence<Item>(state: Streaming): WatchStep<Item> {
  const silences = state.heard ? 1 : state.silences + 1;
  const next = { ...state, silences };
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
  return prepend(effects, silences > 1 ? startListing(next) : startStream(next, state.resumeFrom));
}

function takeEvent<Item extends Watched>(state: Streaming, event: WatchEvent<Item>, random: number): WatchStep<Item> {
  if (event.type === 'error') {
    const recovery = recoverStream<Item>(state, event.failure, random);
    return prepend([{ type: 'close', stream: state.stream }, ...reportOf<Item>(event.failure)], recovery);
  }
  const version = event.type === 'bookmark' ? event.resourceVersion : event.item.resourceVersion;
  const order = compareResourceVersions(version, state.resumeFrom);
  const advanced = order > 0;
  const effects: WatchEffect<Item>[] = [];
  if (event.type === 'deleted') {
    // Also at the resume point itself: that the uid is gone stays true, and to miss it would be worse than to hear it twice.
    if (order >= 0) effects.push({ type: 'deleted', item: event.item });
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
      silences: 0,
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
      // The first list comes at once; a server whose lists are too old for its own watches is given time.
      if (attempts === 1) return startListing({ ...state, attempts });
      return waitToList(state, attempts, retryDelayMs(attempts, random));
    case 'unavailable':
    case 'throttled':
      return waitToOpen(state, attempts, delayAfter(failure, attempts, random));
    default:
      // Malformed: the same bytes would come again from the same version. Denied: where only the verb
      // watch is missing, lists still bring news.
      return recoverByListing(state, failure, random);
  }
}

function recoverByListing<Item>(state: WatchState, failure: RequestFailure, random: number): WatchStep<Item> {
  const attempts = state.attempts + 1;
  return waitToList(state, attempts, delayAfter(failure, attempts, random));
}

function delayAfter(failure: RequestFailure, attempts: number, random: number): number {
  const deniedMs = Math.round(WATCH_DENIED_RETRY_MS * (1 - random / 2));
  const ownDelayMs = PASSING_KINDS.has(failure.kind) ? retryDelayMs(attempts, random) : deniedMs;
  return atLeastRetryAfterMs(ownDelayMs, failure.retryAfterMs);
}

/** Everything else is a refusal that asking again soon will not mend. */
const PASSING_KINDS: ReadonlySet<RequestFailure['kind']> = new Set([
  'throttled',
  'expired',
  'unavailable',
  'malformed',
]);
