// Checks the rules of a watch. `watch-properties.test.ts` checks what holds for any sequence of inputs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import { RETRY_AFTER_LIMIT_MS } from '../../src/core/retry-delay.ts';
import {
  INITIAL_WATCH_STATE,
  stepWatch,
  WATCH_LATE_GRACE_MS,
  WATCH_LIST_TIMEOUT_MS,
  WATCH_SETTLED_MS,
  WATCH_SILENCE_MS,
  WATCH_TIMEOUT_SECONDS,
  type WatchEffect,
  type WatchInput,
  type WatchState,
} from '../../src/core/watch.ts';
import { failure } from './story.ts';

interface Item {
  readonly uid: string;
  readonly resourceVersion: string;
}

type Input = WatchInput<Item>;
type Effect = WatchEffect<Item>;

const item = (resourceVersion: string, uid = 'a'): Item => ({ uid, resourceVersion });
const open = (stream: number, resourceVersion: string): Effect => ({
  type: 'open',
  stream,
  resourceVersion,
  timeoutSeconds: WATCH_TIMEOUT_SECONDS,
});
const setTimer = (afterMs: number): Effect => ({ type: 'setTimer', afterMs });
const failed = (kind: RequestFailureKind, retryAfterMs: number | null = null): Effect => ({
  type: 'failed',
  failure: failure(kind, retryAfterMs),
});
const received = (stream: number, event: Extract<Input, { type: 'received' }>['event']): Input => ({
  type: 'received',
  stream,
  event,
  random: 0,
});
const ended = (stream: number, kind: RequestFailureKind | null = null): Input => ({
  type: 'ended',
  stream,
  failure: kind === null ? null : failure(kind),
  random: 0,
});
const bookmark = (stream: number, resourceVersion: string): Input =>
  received(stream, { type: 'bookmark', resourceVersion });

const started: Input = { type: 'started' };
const timerFired: Input = { type: 'timerFired', late: false };
const timerFiredLate: Input = { type: 'timerFired', late: true };
const relistRequested: Input = { type: 'relistRequested' };
const stopped: Input = { type: 'stopped' };
const listed = (request: number, items: readonly Item[], resourceVersion: string): Input => ({
  type: 'listed',
  request,
  items,
  resourceVersion,
  random: 0,
});
const listFailed = (request: number, of: RequestFailure): Input => ({
  type: 'listFailed',
  request,
  failure: of,
  random: 0,
});
const opened = (stream: number): Input => ({ type: 'opened', stream });

/** Failures of forbidden lists with the waits between them. */
const refusedLists = (first: number, last: number): readonly Input[] =>
  Array.from({ length: last - first + 1 }, (_, index) => index + first).flatMap((request) => [
    ...(request === 1 ? [] : [timerFired]),
    listFailed(request, failure('forbidden')),
  ]);

/** Successful lists, each with a forbidden stream after it. */
const refusedStreams = (count: number): readonly Input[] =>
  Array.from({ length: count }, (_, index) => index + 1).flatMap((number) => [
    ...(number === 1 ? [] : [timerFired]),
    listed(number, [], '10'),
    ended(number, 'forbidden'),
  ]);

const malformed = (message: string): Effect => ({
  type: 'failed',
  failure: {
    ...failure('malformed'),
    message: `the list cannot be used: ${message}. Check the proxies in front of the API server`,
  },
});

function typeOf(input: Input): string {
  return input.type === 'received' ? `an event ${input.event.type}` : input.type;
}

const LISTED = [started, listed(1, [item('5')], '10')];
const STREAMING = [...LISTED, opened(1)];
const SETTLED = [...STREAMING, timerFired];

/** The effects of the last of the inputs. */
function run(inputs: readonly Input[]): { state: WatchState; effects: readonly Effect[] } {
  let step: { state: WatchState; effects: readonly Effect[] } = { state: INITIAL_WATCH_STATE, effects: [] };
  for (const input of inputs) step = stepWatch(step.state, input);
  return step;
}

const ROWS: readonly { rule: string; inputs: readonly Input[]; effects: readonly Effect[] }[] = [
  {
    rule: 'a watch begins with a list',
    inputs: [started],
    effects: [{ type: 'list', request: 1 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  { rule: 'a watch starts only once', inputs: [started, started], effects: [] },
  { rule: 'a watch ignores a timer before its start', inputs: [timerFired], effects: [] },
  {
    rule: 'a watch reports a listed object and opens a stream from the version of the list',
    inputs: LISTED,
    effects: [{ type: 'present', item: item('5'), by: 'list' }, open(1, '10'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a watch reports an empty list with its version',
    inputs: [started, listed(1, [], '10')],
    effects: [{ type: 'absent', resourceVersion: '10' }, open(1, '10'), setTimer(WATCH_SILENCE_MS)],
  },
  { rule: 'a watch ignores the answer of another list', inputs: [started, listed(2, [], '10')], effects: [] },
  { rule: 'a watch ignores a second answer of the same list', inputs: [...LISTED, listed(1, [], '10')], effects: [] },
  {
    rule: 'a watch ignores the failure of another list',
    inputs: [started, listFailed(7, failure('unavailable'))],
    effects: [],
  },
  {
    rule: 'a watch repeats a list that has no answer',
    inputs: [started, timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a watch repeats a failed list with back-off',
    inputs: [started, listFailed(1, failure('unavailable'))],
    effects: [failed('unavailable'), setTimer(125)],
  },
  {
    rule: 'the back-off of a list grows with every failure',
    inputs: [started, listFailed(1, failure('unavailable')), timerFired, listFailed(2, failure('unavailable'))],
    effects: [failed('unavailable'), setTimer(250)],
  },
  {
    rule: 'the back-off of a list ends with a list',
    inputs: [started, listFailed(1, failure('unavailable')), timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a failed list is repeated after its Retry-After',
    inputs: [started, listFailed(1, failure('throttled', 4_000))],
    effects: [failed('throttled', 4_000), setTimer(4_000)],
  },
  {
    rule: 'a failed list is repeated at the limit when its Retry-After is longer',
    inputs: [started, listFailed(1, failure('throttled', 86_400_000))],
    effects: [failed('throttled', 86_400_000), setTimer(RETRY_AFTER_LIMIT_MS)],
  },
  {
    rule: 'a Retry-After does not shorten the back-off',
    inputs: [started, listFailed(1, failure('throttled', 1))],
    effects: [failed('throttled', 1), setTimer(125)],
  },
  ...(['unauthorized', 'forbidden', 'untrusted', 'rejected', 'notFound'] as const).map((kind) => ({
    rule: `a list that is ${kind} is reported and repeated after half a second to a second`,
    inputs: [started, listFailed(1, failure(kind))],
    effects: [failed(kind), setTimer(500)],
  })),
  {
    rule: 'a list is repeated later each time when it is refused again and again',
    inputs: [started, ...refusedLists(1, 3)],
    effects: [failed('forbidden'), setTimer(2_000)],
  },
  {
    rule: 'a list is repeated once a minute when it has been refused for half a minute',
    inputs: [started, ...refusedLists(1, 7)],
    effects: [failed('forbidden'), setTimer(30_000)],
  },
  {
    rule: 'a successful list resets the count of refused lists',
    inputs: [
      started,
      ...refusedLists(1, 3),
      timerFired,
      listed(4, [], '10'),
      ended(1, 'malformed'),
      timerFired,
      listFailed(5, failure('forbidden')),
    ],
    effects: [failed('forbidden'), setTimer(500)],
  },
  {
    rule: 'an unavailable list does not count as a refusal when it is between refused lists',
    inputs: [started, ...refusedLists(1, 2), timerFired, listFailed(3, failure('unavailable')), ...refusedLists(4, 4)],
    effects: [failed('forbidden'), setTimer(2_000)],
  },
  {
    rule: 'a refused list is repeated after its Retry-After',
    inputs: [started, { type: 'listFailed', request: 1, failure: failure('forbidden', 5_000), random: 0 }],
    effects: [failed('forbidden', 5_000), setTimer(5_000)],
  },
  {
    rule: 'a list of one name is malformed and repeated with back-off when it has two objects',
    inputs: [started, listed(1, [item('5'), item('6', 'b')], '10')],
    effects: [malformed('it has 2 objects of one name'), setTimer(125)],
  },
  {
    rule: 'a list of one name is one failure when it has 1,002 objects',
    inputs: [
      started,
      listed(
        1,
        Array.from({ length: 1_002 }, () => item('5')),
        '10',
      ),
    ],
    effects: [malformed('it has 1002 objects of one name'), setTimer(125)],
  },
  {
    rule: 'the wait after a list with two objects ends with a list',
    inputs: [started, listed(1, [item('5'), item('6', 'b')], '10'), timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'the silence of a stream is doubted when its timer fires late',
    inputs: [...SETTLED, timerFiredLate],
    effects: [setTimer(WATCH_LATE_GRACE_MS)],
  },
  {
    rule: 'the missing head of a stream is doubted when its timer fires late',
    inputs: [...LISTED, timerFiredLate],
    effects: [setTimer(WATCH_LATE_GRACE_MS)],
  },
  {
    rule: 'a message in the socket ends the silence when the timer fired late',
    inputs: [...SETTLED, timerFiredLate, bookmark(1, '11')],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a stream settles when its timer fires late',
    inputs: [...STREAMING, timerFiredLate],
    effects: [setTimer(WATCH_SILENCE_MS - WATCH_SETTLED_MS)],
  },
  {
    rule: 'the silence after a message is doubted again when the timer fires late again',
    inputs: [...SETTLED, timerFiredLate, bookmark(1, '11'), timerFiredLate],
    effects: [setTimer(WATCH_LATE_GRACE_MS)],
  },
  {
    rule: 'the silence of a settled stream is doubted again when the timer fires late again',
    inputs: [...LISTED, timerFiredLate, opened(1), timerFired, timerFiredLate],
    effects: [setTimer(WATCH_LATE_GRACE_MS)],
  },
  ...([timerFired, timerFiredLate] as const).map((input) => ({
    rule: `a list is repeated when its timer fires ${input === timerFired ? 'in time' : 'late'}`,
    inputs: [started, input],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)] as const,
  })),
  {
    rule: 'a stream settles after WATCH_SETTLED_MS when it has opened',
    inputs: STREAMING,
    effects: [setTimer(WATCH_SETTLED_MS)],
  },
  { rule: 'a watch ignores a second head of the same stream', inputs: [...STREAMING, opened(1)], effects: [] },
  {
    rule: 'a settled stream is silent after the rest of WATCH_SILENCE_MS',
    inputs: SETTLED,
    effects: [setTimer(WATCH_SILENCE_MS - WATCH_SETTLED_MS)],
  },
  {
    rule: 'the silence counts from the settling when the stream has sent a message',
    inputs: [...STREAMING, bookmark(1, '11'), timerFired],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'an added object is reported as present',
    inputs: [...SETTLED, received(1, { type: 'added', item: item('11') })],
    effects: [{ type: 'present', item: item('11'), by: 'watch' }, setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a modified object is reported as present',
    inputs: [...SETTLED, received(1, { type: 'modified', item: item('11') })],
    effects: [{ type: 'present', item: item('11'), by: 'watch' }, setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a deleted object is reported as deleted',
    inputs: [...SETTLED, received(1, { type: 'deleted', item: item('11') })],
    effects: [{ type: 'deleted', item: item('11') }, setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a bookmark ends the silence',
    inputs: [...SETTLED, bookmark(1, '11')],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'an event does not set the timer when the stream has not settled',
    inputs: [...STREAMING, received(1, { type: 'added', item: item('11') })],
    effects: [{ type: 'present', item: item('11'), by: 'watch' }],
  },
  {
    rule: 'an event opens a stream when its head was not noticed',
    inputs: [...LISTED, bookmark(1, '11')],
    effects: [setTimer(WATCH_SETTLED_MS)],
  },
  {
    rule: 'an object is ignored when it is not newer than the resume point',
    inputs: [...SETTLED, received(1, { type: 'modified', item: item('10') })],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a deletion at the resume point is reported, because a repeated report does no harm',
    inputs: [...SETTLED, received(1, { type: 'deleted', item: item('10') })],
    effects: [{ type: 'deleted', item: item('10') }, setTimer(WATCH_SILENCE_MS)],
  },
  ...[
    received(1, { type: 'added', item: item('9') }),
    received(1, { type: 'modified', item: item('9') }),
    received(1, { type: 'deleted', item: item('9') }),
    bookmark(1, '9'),
  ].flatMap((input) => [
    {
      rule: `${typeOf(input)} before the resume point leads to a list at once, because the resume point is from the future`,
      inputs: [...SETTLED, input],
      effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)] as const,
    },
    {
      rule: `${typeOf(input)} before the resume point leads to a list at once when the stream has not settled`,
      inputs: [...STREAMING, input],
      effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)] as const,
    },
  ]),
  {
    rule: 'a watch resumes from the smaller version of the list when a bookmark was from the future',
    inputs: [
      ...SETTLED,
      bookmark(1, '999'),
      received(1, { type: 'modified', item: item('11') }),
      listed(2, [item('11')], '12'),
    ],
    effects: [{ type: 'present', item: item('11'), by: 'list' }, open(2, '12'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a second stream in a row is followed by a list with back-off when it goes back before its resume point',
    inputs: [...STREAMING, bookmark(1, '9'), listed(2, [], '10'), opened(2), bookmark(2, '9')],
    effects: [{ type: 'close', stream: 2 }, setTimer(250)],
  },
  { rule: 'a watch ignores an event of another stream', inputs: [...SETTLED, bookmark(2, '99')], effects: [] },
  { rule: 'a watch ignores the end of another stream', inputs: [...SETTLED, ended(2)], effects: [] },
  { rule: 'a watch ignores the head of another stream', inputs: [...LISTED, opened(2)], effects: [] },
  {
    rule: 'a settled stream is reopened at once from the resume point when it ended without an error',
    inputs: [...SETTLED, bookmark(1, '12'), ended(1)],
    effects: [open(2, '12'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'an event moves the resume point',
    inputs: [...SETTLED, received(1, { type: 'modified', item: item('11') }), ended(1)],
    effects: [open(2, '11'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a bookmark at the resume point does not move it',
    inputs: [...SETTLED, bookmark(1, '10'), ended(1)],
    effects: [open(2, '10'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a young stream is reopened at once when it brought an event and ended without an error',
    inputs: [...STREAMING, bookmark(1, '12'), ended(1)],
    effects: [open(2, '12'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a second young stream is reopened with back-off when it ended without an error, whatever it brought',
    inputs: [...STREAMING, bookmark(1, '12'), ended(1), opened(2), bookmark(2, '13'), ended(2)],
    effects: [setTimer(250)],
  },
  {
    rule: 'a stream is reopened with back-off when it ended at once without an error: no hot loop',
    inputs: [...STREAMING, ended(1)],
    effects: [setTimer(125)],
  },
  {
    rule: 'a stream that only repeated an old bookmark counts as one without events',
    inputs: [...STREAMING, bookmark(1, '10'), ended(1)],
    effects: [setTimer(125)],
  },
  {
    rule: 'the back-off of a stream ends with a stream from the resume point',
    inputs: [...STREAMING, ended(1), timerFired],
    effects: [open(2, '10'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a stream is reopened with back-off when its transport failed',
    inputs: [...SETTLED, ended(1, 'unavailable')],
    effects: [failed('unavailable'), setTimer(125)],
  },
  {
    rule: 'the back-off of a stream grows with every failure of its transport',
    inputs: [...STREAMING, ended(1, 'unavailable'), timerFired, ended(2, 'unavailable')],
    effects: [failed('unavailable'), setTimer(250)],
  },
  {
    rule: 'a settled stream resets the count of failures',
    inputs: [...STREAMING, ended(1), timerFired, opened(2), timerFired, ended(2, 'unavailable')],
    effects: [failed('unavailable'), setTimer(125)],
  },
  {
    rule: 'a throttled stream is reopened after its Retry-After',
    inputs: [...LISTED, { type: 'ended', stream: 1, failure: failure('throttled', 2_000), random: 0 }],
    effects: [failed('throttled', 2_000), setTimer(2_000)],
  },
  ...(['unavailable', 'throttled'] as const).map((kind) => ({
    rule: `the wait after a stream that was ${kind} ends with a stream from the resume point`,
    inputs: [...SETTLED, ended(1, kind), timerFired],
    effects: [open(2, '10'), setTimer(WATCH_SILENCE_MS)],
  })),
  {
    rule: 'a list is repeated with back-off and without a report when it has expired',
    inputs: [started, listFailed(1, failure('expired'))],
    effects: [setTimer(125)],
  },
  {
    rule: 'an expired version leads to a list at once, without a report',
    inputs: [...SETTLED, received(1, { type: 'error', failure: failure('expired') })],
    effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'HTTP 410 instead of a stream leads to a list at once',
    inputs: [...LISTED, ended(1, 'expired')],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a list is repeated with back-off when its version has expired again: no hot loop',
    inputs: [...LISTED, ended(1, 'expired'), listed(2, [], '11'), ended(2, 'expired')],
    effects: [setTimer(250)],
  },
  {
    rule: 'an ERROR event of another kind closes the stream and starts a back-off',
    inputs: [...SETTLED, received(1, { type: 'error', failure: failure('unavailable', 1_000) })],
    effects: [{ type: 'close', stream: 1 }, failed('unavailable', 1_000), setTimer(1_000)],
  },
  {
    rule: 'a watch ignores the end of a stream after its ERROR event',
    inputs: [...SETTLED, received(1, { type: 'error', failure: failure('unavailable') }), ended(1)],
    effects: [],
  },
  {
    rule: 'a malformed line is reported and leads to a list after a wait, because a new stream would bring the same bytes',
    inputs: [...SETTLED, ended(1, 'malformed')],
    effects: [failed('malformed'), setTimer(125)],
  },
  {
    rule: 'the wait after a malformed line ends with a list',
    inputs: [...SETTLED, ended(1, 'malformed'), timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  ...(['unauthorized', 'forbidden', 'untrusted'] as const).map((kind) => ({
    rule: `a stream that is ${kind} is reported and followed by a list after half a second to a second`,
    inputs: [...LISTED, ended(1, kind)],
    effects: [failed(kind), setTimer(500)],
  })),
  {
    rule: 'an ERROR event counts as a refusal when it refuses the stream',
    inputs: [...STREAMING, received(1, { type: 'error', failure: failure('unauthorized') })],
    effects: [{ type: 'close', stream: 1 }, failed('unauthorized'), setTimer(500)],
  },
  {
    rule: 'refused streams become rare when each list between them succeeds',
    inputs: [started, ...refusedStreams(7)],
    effects: [failed('forbidden'), setTimer(30_000)],
  },
  {
    rule: 'a settled stream resets the count of refused streams',
    inputs: [
      started,
      ...refusedStreams(3),
      timerFired,
      listed(4, [], '10'),
      opened(4),
      timerFired,
      ended(4, 'forbidden'),
    ],
    effects: [failed('forbidden'), setTimer(500)],
  },
  {
    rule: 'a stream that is refused after it opened does not reset the count of refused streams',
    inputs: [started, ...refusedStreams(3), timerFired, listed(4, [], '10'), opened(4), ended(4, 'forbidden')],
    effects: [failed('forbidden'), setTimer(4_000)],
  },
  {
    rule: 'lists report changes when only watching is forbidden',
    inputs: [...LISTED, ended(1, 'forbidden'), timerFired, listed(2, [item('20')], '20')],
    effects: [{ type: 'present', item: item('20'), by: 'list' }, open(2, '20'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a watch lists at once when a consistent read contradicts it',
    inputs: [...SETTLED, relistRequested],
    effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a watch lists at once when a consistent read contradicts it and the stream has not opened',
    inputs: [...LISTED, relistRequested],
    effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a watch resumes from the version of the requested list when that version is smaller',
    inputs: [...SETTLED, bookmark(1, '999'), relistRequested, listed(2, [item('5')], '11')],
    effects: [{ type: 'present', item: item('5'), by: 'list' }, open(2, '11'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a watch resumes from the version of the requested list when the first list was from the future',
    inputs: [started, listed(1, [], '999'), opened(1), timerFired, relistRequested, listed(2, [], '11')],
    effects: [{ type: 'absent', resourceVersion: '11' }, open(2, '11'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a watch ignores the end of the contradicted stream',
    inputs: [...SETTLED, relistRequested, ended(1)],
    effects: [],
  },
  { rule: 'a requested list has no effect before the start', inputs: [relistRequested], effects: [] },
  {
    rule: 'a requested list has no effect when a list is in flight',
    inputs: [started, relistRequested],
    effects: [],
  },
  {
    rule: 'a requested list does not shorten the wait after a failed list',
    inputs: [started, listFailed(1, failure('unavailable')), relistRequested],
    effects: [],
  },
  {
    rule: 'a requested list does not shorten the wait after a failed stream',
    inputs: [...SETTLED, ended(1, 'unavailable'), relistRequested],
    effects: [],
  },
  {
    rule: 'the wait after a failed stream ends with the requested list',
    inputs: [...SETTLED, ended(1, 'unavailable'), relistRequested, timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  { rule: 'a requested list has no effect after the stop', inputs: [started, stopped, relistRequested], effects: [] },
  {
    rule: 'a watch closes its stream and clears its timer when it is stopped',
    inputs: [...SETTLED, stopped],
    effects: [{ type: 'close', stream: 1 }, { type: 'clearTimer' }],
  },
  {
    rule: 'a watch clears its timer when it is stopped during a list',
    inputs: [started, stopped],
    effects: [{ type: 'clearTimer' }],
  },
  { rule: 'a watch has nothing to stop when it never started', inputs: [stopped], effects: [] },
  {
    rule: 'a watch ignores an answer after the stop',
    inputs: [started, stopped, listed(1, [item('5')], '10')],
    effects: [],
  },
  { rule: 'a watch ignores a second stop', inputs: [started, stopped, stopped], effects: [] },
  { rule: 'a watch ignores a timer after the stop', inputs: [started, stopped, timerFired], effects: [] },
  { rule: 'a watch does not start again after the stop', inputs: [started, stopped, started], effects: [] },
];

for (const { rule, inputs, effects } of ROWS) {
  test(rule, () => assert.deepEqual(run(inputs).effects, effects));
}

test('a silent stream is closed, reported and followed by a list', () => {
  const { effects } = run([...SETTLED, timerFired]);
  assert.deepEqual(effects[0], { type: 'close', stream: 1 });
  assert.ok(effects[1]?.type === 'failed');
  assert.equal(effects[1].failure.kind, 'unavailable');
  assert.match(effects[1].failure.message, /^no event or bookmark on the watch for 75 s/);
  assert.deepEqual(effects.slice(2), [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)]);
});

for (const [rule, inputs] of [
  ['the silence counts when the head of the stream never comes', [...LISTED, timerFired]],
  ['the silence counts when the stream sent a message before', [...SETTLED, bookmark(1, '11'), timerFired]],
  ['the silence is doubted only once when each timer fires late', [...SETTLED, timerFiredLate, timerFiredLate]],
  ['the silence is believed when a timer in time follows the late one', [...SETTLED, timerFiredLate, timerFired]],
] as const) {
  test(rule, () => {
    const { effects } = run(inputs);
    assert.deepEqual(effects.slice(2), [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)]);
  });
}

test('a watch waits for at most a second after the first refusal, whatever the random number', () => {
  const { effects } = run([
    started,
    { type: 'listFailed', request: 1, failure: failure('forbidden'), random: 0.999999 },
  ]);
  assert.deepEqual(effects[1], setTimer(1_000));
});
