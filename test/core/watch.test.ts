// Checks the rules of a watch, one row each. What holds for any sequence of inputs is in `watch-properties.test.ts`.

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

/** The failures of lists that are forbidden, with the waits between them. */
const refusedLists = (first: number, last: number): readonly Input[] =>
  Array.from({ length: last - first + 1 }, (_, index) => index + first).flatMap((request) => [
    ...(request === 1 ? [] : [timerFired]),
    listFailed(request, failure('forbidden')),
  ]);

/** Lists that succeed, each followed by a stream that is forbidden. */
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
  { rule: 'it starts only once', inputs: [started, started], effects: [] },
  { rule: 'nothing happens before the start', inputs: [timerFired], effects: [] },
  {
    rule: 'what a list found is present, and the watch goes on from its version',
    inputs: LISTED,
    effects: [{ type: 'present', item: item('5'), by: 'list' }, open(1, '10'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a list that found nothing says so, with its version',
    inputs: [started, listed(1, [], '10')],
    effects: [{ type: 'absent', resourceVersion: '10' }, open(1, '10'), setTimer(WATCH_SILENCE_MS)],
  },
  { rule: 'the answer of another list is stale', inputs: [started, listed(2, [], '10')], effects: [] },
  { rule: 'a second answer of the same list is stale', inputs: [...LISTED, listed(1, [], '10')], effects: [] },
  {
    rule: 'the failure of another list is stale',
    inputs: [started, listFailed(7, failure('unavailable'))],
    effects: [],
  },
  {
    rule: 'a list without an answer is asked again',
    inputs: [started, timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a list that failed is repeated with back-off',
    inputs: [started, listFailed(1, failure('unavailable'))],
    effects: [failed('unavailable'), setTimer(125)],
  },
  {
    rule: 'the back-off grows with every failure',
    inputs: [started, listFailed(1, failure('unavailable')), timerFired, listFailed(2, failure('unavailable'))],
    effects: [failed('unavailable'), setTimer(250)],
  },
  {
    rule: 'the back-off of a list ends in a list',
    inputs: [started, listFailed(1, failure('unavailable')), timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'Retry-After is followed',
    inputs: [started, listFailed(1, failure('throttled', 4_000))],
    effects: [failed('throttled', 4_000), setTimer(4_000)],
  },
  {
    rule: 'Retry-After is followed up to a limit',
    inputs: [started, listFailed(1, failure('throttled', 86_400_000))],
    effects: [failed('throttled', 86_400_000), setTimer(RETRY_AFTER_LIMIT_MS)],
  },
  {
    rule: 'a Retry-After shorter than the back-off does not shorten it',
    inputs: [started, listFailed(1, failure('throttled', 1))],
    effects: [failed('throttled', 1), setTimer(125)],
  },
  ...(['unauthorized', 'forbidden', 'untrusted', 'rejected', 'notFound'] as const).map((kind) => ({
    rule: `a list that is ${kind} is reported, and repeated after half a second to a second`,
    inputs: [started, listFailed(1, failure(kind))],
    effects: [failed(kind), setTimer(500)],
  })),
  {
    rule: 'a list that is refused again and again is repeated later each time',
    inputs: [started, ...refusedLists(1, 3)],
    effects: [failed('forbidden'), setTimer(2_000)],
  },
  {
    rule: 'a list that is refused for half a minute is repeated once a minute',
    inputs: [started, ...refusedLists(1, 7)],
    effects: [failed('forbidden'), setTimer(30_000)],
  },
  {
    rule: 'a list that succeeds forgives the refused lists before it',
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
    rule: 'a list that is unavailable between refused lists does not count as a refusal',
    inputs: [started, ...refusedLists(1, 2), timerFired, listFailed(3, failure('unavailable')), ...refusedLists(4, 4)],
    effects: [failed('forbidden'), setTimer(2_000)],
  },
  {
    rule: 'a refusal with a Retry-After is repeated after it',
    inputs: [started, { type: 'listFailed', request: 1, failure: failure('forbidden', 5_000), random: 0 }],
    effects: [failed('forbidden', 5_000), setTimer(5_000)],
  },
  {
    rule: 'a list of one name with two objects is malformed, and repeated with back-off',
    inputs: [started, listed(1, [item('5'), item('6', 'b')], '10')],
    effects: [malformed('it has 2 objects of one name'), setTimer(125)],
  },
  {
    rule: 'a list of one name with 1,002 objects is one failure',
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
    rule: 'the wait after a list with two objects ends in a list',
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
    rule: 'a message that waited in the socket ends the silence',
    inputs: [...SETTLED, timerFiredLate, bookmark(1, '11')],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a late timer of a stream that has not settled settles it',
    inputs: [...STREAMING, timerFiredLate],
    effects: [setTimer(WATCH_SILENCE_MS - WATCH_SETTLED_MS)],
  },
  {
    rule: 'the silence after a message is doubted again when its timer fires late',
    inputs: [...SETTLED, timerFiredLate, bookmark(1, '11'), timerFiredLate],
    effects: [setTimer(WATCH_LATE_GRACE_MS)],
  },
  {
    rule: 'the silence after the settling is doubted again when its timer fires late',
    inputs: [...LISTED, timerFiredLate, opened(1), timerFired, timerFiredLate],
    effects: [setTimer(WATCH_LATE_GRACE_MS)],
  },
  ...([timerFired, timerFiredLate] as const).map((input) => ({
    rule: `a list is repeated when its timer fires ${input === timerFired ? 'in time' : 'late'}: the newer answer is as good`,
    inputs: [started, input],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)] as const,
  })),
  {
    rule: 'a stream that opened has to prove itself',
    inputs: STREAMING,
    effects: [setTimer(WATCH_SETTLED_MS)],
  },
  { rule: 'a second head of the same stream says nothing', inputs: [...STREAMING, opened(1)], effects: [] },
  {
    rule: 'a settled stream may be silent for the rest of WATCH_SILENCE_MS',
    inputs: SETTLED,
    effects: [setTimer(WATCH_SILENCE_MS - WATCH_SETTLED_MS)],
  },
  {
    rule: 'the silence of a stream that spoke counts from its settling',
    inputs: [...STREAMING, bookmark(1, '11'), timerFired],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'an added object is present',
    inputs: [...SETTLED, received(1, { type: 'added', item: item('11') })],
    effects: [{ type: 'present', item: item('11'), by: 'watch' }, setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a modified object is present',
    inputs: [...SETTLED, received(1, { type: 'modified', item: item('11') })],
    effects: [{ type: 'present', item: item('11'), by: 'watch' }, setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a deleted object is gone',
    inputs: [...SETTLED, received(1, { type: 'deleted', item: item('11') })],
    effects: [{ type: 'deleted', item: item('11') }, setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a bookmark ends the silence',
    inputs: [...SETTLED, bookmark(1, '11')],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'before the stream has settled an event leaves the timer alone',
    inputs: [...STREAMING, received(1, { type: 'added', item: item('11') })],
    effects: [{ type: 'present', item: item('11'), by: 'watch' }],
  },
  {
    rule: 'an event opens a stream whose head was not noticed',
    inputs: [...LISTED, bookmark(1, '11')],
    effects: [setTimer(WATCH_SETTLED_MS)],
  },
  {
    rule: 'an object that is not newer than the resume point is old news',
    inputs: [...SETTLED, received(1, { type: 'modified', item: item('10') })],
    effects: [setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a deletion at the resume point is heard twice rather than never',
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
      rule: `${typeOf(input)} before the resume point leads to a list at once: the resume point is from the future`,
      inputs: [...SETTLED, input],
      effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)] as const,
    },
    {
      rule: `${typeOf(input)} before the resume point leads to a list at once, also on a stream that has not settled`,
      inputs: [...STREAMING, input],
      effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)] as const,
    },
  ]),
  {
    rule: 'the watch resumes from the version of the list after a bookmark from the future, although it is smaller',
    inputs: [
      ...SETTLED,
      bookmark(1, '999'),
      received(1, { type: 'modified', item: item('11') }),
      listed(2, [item('11')], '12'),
    ],
    effects: [{ type: 'present', item: item('11'), by: 'list' }, open(2, '12'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a second stream in a row that goes back before its resume point is followed by a list with back-off',
    inputs: [...STREAMING, bookmark(1, '9'), listed(2, [], '10'), opened(2), bookmark(2, '9')],
    effects: [{ type: 'close', stream: 2 }, setTimer(250)],
  },
  { rule: 'an event of another stream is stale', inputs: [...SETTLED, bookmark(2, '99')], effects: [] },
  { rule: 'the end of another stream is stale', inputs: [...SETTLED, ended(2)], effects: [] },
  { rule: 'the head of another stream is stale', inputs: [...LISTED, opened(2)], effects: [] },
  {
    rule: 'a settled stream that ended in order is reopened at once from the resume point',
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
    rule: 'a young stream that brought news and ended in order is reopened at once',
    inputs: [...STREAMING, bookmark(1, '12'), ended(1)],
    effects: [open(2, '12'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a second young stream that ended in order is reopened with back-off, whatever it brought',
    inputs: [...STREAMING, bookmark(1, '12'), ended(1), opened(2), bookmark(2, '13'), ended(2)],
    effects: [setTimer(250)],
  },
  {
    rule: 'a stream that ended in order at once is reopened with back-off: no hot loop',
    inputs: [...STREAMING, ended(1)],
    effects: [setTimer(125)],
  },
  {
    rule: 'a stream that repeated an old bookmark and ended brought no news',
    inputs: [...STREAMING, bookmark(1, '10'), ended(1)],
    effects: [setTimer(125)],
  },
  {
    rule: 'the back-off of a stream ends in a stream from the resume point',
    inputs: [...STREAMING, ended(1), timerFired],
    effects: [open(2, '10'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a stream whose transport failed is reopened with back-off',
    inputs: [...SETTLED, ended(1, 'unavailable')],
    effects: [failed('unavailable'), setTimer(125)],
  },
  {
    rule: 'the back-off of a stream grows with every failure of its transport',
    inputs: [...STREAMING, ended(1, 'unavailable'), timerFired, ended(2, 'unavailable')],
    effects: [failed('unavailable'), setTimer(250)],
  },
  {
    rule: 'a settled stream forgives the failures before it',
    inputs: [...STREAMING, ended(1), timerFired, opened(2), timerFired, ended(2, 'unavailable')],
    effects: [failed('unavailable'), setTimer(125)],
  },
  {
    rule: 'a stream that was throttled waits for Retry-After',
    inputs: [...LISTED, { type: 'ended', stream: 1, failure: failure('throttled', 2_000), random: 0 }],
    effects: [failed('throttled', 2_000), setTimer(2_000)],
  },
  ...(['unavailable', 'throttled'] as const).map((kind) => ({
    rule: `the wait after a stream that was ${kind} ends in a stream from the resume point`,
    inputs: [...SETTLED, ended(1, kind), timerFired],
    effects: [open(2, '10'), setTimer(WATCH_SILENCE_MS)],
  })),
  {
    rule: 'a list that has expired is repeated with back-off, and is no news',
    inputs: [started, listFailed(1, failure('expired'))],
    effects: [setTimer(125)],
  },
  {
    rule: 'an expired version leads to a list at once, and is no news',
    inputs: [...SETTLED, received(1, { type: 'error', failure: failure('expired') })],
    effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'HTTP 410 in place of a stream leads to a list at once',
    inputs: [...LISTED, ended(1, 'expired')],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a list whose version has expired again is repeated with back-off: no hot loop',
    inputs: [...LISTED, ended(1, 'expired'), listed(2, [], '11'), ended(2, 'expired')],
    effects: [setTimer(250)],
  },
  {
    rule: 'an ERROR event of another kind closes the stream and backs off',
    inputs: [...SETTLED, received(1, { type: 'error', failure: failure('unavailable', 1_000) })],
    effects: [{ type: 'close', stream: 1 }, failed('unavailable', 1_000), setTimer(1_000)],
  },
  {
    rule: 'the end of a stream after its ERROR event says nothing more',
    inputs: [...SETTLED, received(1, { type: 'error', failure: failure('unavailable') }), ended(1)],
    effects: [],
  },
  {
    rule: 'a malformed line is reported and waits for a list: the same bytes would come again',
    inputs: [...SETTLED, ended(1, 'malformed')],
    effects: [failed('malformed'), setTimer(125)],
  },
  {
    rule: 'the wait after a malformed line ends in a list',
    inputs: [...SETTLED, ended(1, 'malformed'), timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  ...(['unauthorized', 'forbidden', 'untrusted'] as const).map((kind) => ({
    rule: `a stream that is ${kind} is reported, and followed by a list after half a second to a second`,
    inputs: [...LISTED, ended(1, kind)],
    effects: [failed(kind), setTimer(500)],
  })),
  {
    rule: 'a stream that is refused by an ERROR event counts as a refusal',
    inputs: [...STREAMING, received(1, { type: 'error', failure: failure('unauthorized') })],
    effects: [{ type: 'close', stream: 1 }, failed('unauthorized'), setTimer(500)],
  },
  {
    rule: 'refused streams become rare although each list between them succeeds',
    inputs: [started, ...refusedStreams(7)],
    effects: [failed('forbidden'), setTimer(30_000)],
  },
  {
    rule: 'a stream that settled forgives the refused streams before it',
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
    rule: 'a stream that is refused after it opened does not forgive the refused streams before it',
    inputs: [started, ...refusedStreams(3), timerFired, listed(4, [], '10'), opened(4), ended(4, 'forbidden')],
    effects: [failed('forbidden'), setTimer(4_000)],
  },
  {
    rule: 'where only watching is forbidden, lists still bring news',
    inputs: [...LISTED, ended(1, 'forbidden'), timerFired, listed(2, [item('20')], '20')],
    effects: [{ type: 'present', item: item('20'), by: 'list' }, open(2, '20'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a watch lists at once when a consistent read contradicts it',
    inputs: [...SETTLED, relistRequested],
    effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a watch lists at once when a consistent read contradicts it before the stream has opened',
    inputs: [...LISTED, relistRequested],
    effects: [{ type: 'close', stream: 1 }, { type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  {
    rule: 'a watch resumes from the version of the requested list, also when it is smaller',
    inputs: [...SETTLED, bookmark(1, '999'), relistRequested, listed(2, [item('5')], '11')],
    effects: [{ type: 'present', item: item('5'), by: 'list' }, open(2, '11'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'a watch resumes from the version of the requested list when the first list came from the future',
    inputs: [started, listed(1, [], '999'), opened(1), timerFired, relistRequested, listed(2, [], '11')],
    effects: [{ type: 'absent', resourceVersion: '11' }, open(2, '11'), setTimer(WATCH_SILENCE_MS)],
  },
  {
    rule: 'the end of the contradicted stream is stale',
    inputs: [...SETTLED, relistRequested, ended(1)],
    effects: [],
  },
  { rule: 'a requested list changes nothing before the start', inputs: [relistRequested], effects: [] },
  {
    rule: 'a requested list changes nothing while a list is under way',
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
    rule: 'the wait after a failed stream ends in the requested list',
    inputs: [...SETTLED, ended(1, 'unavailable'), relistRequested, timerFired],
    effects: [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)],
  },
  { rule: 'a requested list changes nothing after the stop', inputs: [started, stopped, relistRequested], effects: [] },
  {
    rule: 'a stopped watch closes its stream and its timer',
    inputs: [...SETTLED, stopped],
    effects: [{ type: 'close', stream: 1 }, { type: 'clearTimer' }],
  },
  {
    rule: 'a watch stopped while it lists clears its timer',
    inputs: [started, stopped],
    effects: [{ type: 'clearTimer' }],
  },
  { rule: 'a watch that never started has nothing to stop', inputs: [stopped], effects: [] },
  { rule: 'after the stop nothing happens', inputs: [started, stopped, listed(1, [item('5')], '10')], effects: [] },
  { rule: 'a second stop says nothing', inputs: [started, stopped, stopped], effects: [] },
  { rule: 'a timer that fires after the stop says nothing', inputs: [started, stopped, timerFired], effects: [] },
  { rule: 'a stopped watch does not start again', inputs: [started, stopped, started], effects: [] },
];

for (const { rule, inputs, effects } of ROWS) {
  test(rule, () => assert.deepEqual(run(inputs).effects, effects));
}

test('a stream that falls silent is closed, reported and followed by a list', () => {
  const { effects } = run([...SETTLED, timerFired]);
  assert.deepEqual(effects[0], { type: 'close', stream: 1 });
  assert.ok(effects[1]?.type === 'failed');
  assert.equal(effects[1].failure.kind, 'unavailable');
  assert.match(effects[1].failure.message, /^no event or bookmark on the watch for 75 s/);
  assert.deepEqual(effects.slice(2), [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)]);
});

for (const [rule, inputs] of [
  ['a stream whose head never comes is silent, too', [...LISTED, timerFired]],
  ['a stream that spoke before it fell silent is followed by a list', [...SETTLED, bookmark(1, '11'), timerFired]],
  [
    'the silence of a stream is doubted once, also when each timer fires late',
    [...SETTLED, timerFiredLate, timerFiredLate],
  ],
  ['the silence of a stream is believed after the doubt', [...SETTLED, timerFiredLate, timerFired]],
] as const) {
  test(rule, () => {
    const { effects } = run(inputs);
    assert.deepEqual(effects.slice(2), [{ type: 'list', request: 2 }, setTimer(WATCH_LIST_TIMEOUT_MS)]);
  });
}

test('chance lengthens the wait after a refusal to twice its fixed half at most', () => {
  const { effects } = run([
    started,
    { type: 'listFailed', request: 1, failure: failure('forbidden'), random: 0.999999 },
  ]);
  assert.deepEqual(effects[1], setTimer(1_000));
});
