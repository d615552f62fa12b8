/**
 * Checks the reason for which a watch left its stream, and that the driver reports it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import {
  INITIAL_WATCH_STATE,
  stepWatch,
  WATCH_SETTLED_MS,
  type WatchInput,
  type WatchState,
} from '../../src/core/watch.ts';
import { restartCause } from '../../src/driver/watch-restart.ts';
import { ScriptedElector } from '../worlds/scripted-elector.ts';

interface Item {
  readonly uid: string;
  readonly resourceVersion: string;
}

const take = (state: WatchState, input: WatchInput<Item>): WatchState => stepWatch(state, input).state;

function streaming(): WatchState {
  const listing = take(INITIAL_WATCH_STATE, { type: 'started' });
  const opening = take(listing, { type: 'listed', request: 1, items: [], resourceVersion: '10', random: 0.5 });
  return take(opening, { type: 'opened', stream: 1 });
}

const failure = (kind: RequestFailure['kind']): RequestFailure => ({
  kind,
  message: '',
  retryAfterMs: null,
  missingRule: null,
  cause: null,
});

const ended = (kind: RequestFailure['kind'] | null): WatchInput<Item> => ({
  type: 'ended',
  stream: 1,
  failure: kind === null ? null : failure(kind),
  random: 0.5,
});

const received = (event: Extract<WatchInput<Item>, { type: 'received' }>['event']): WatchInput<Item> => ({
  type: 'received',
  stream: 1,
  event,
  random: 0.5,
});

const ROWS: readonly (readonly [name: string, input: WatchInput<Item>, cause: string | null])[] = [
  ['the server ends it without an error', ended(null), 'ended'],
  ['the connection breaks', ended('unavailable'), 'failed'],
  ['the server is busy', ended('throttled'), 'failed'],
  ['the permission is taken away', ended('forbidden'), 'refused'],
  ['the token is refused', ended('unauthorized'), 'refused'],
  ['a webhook or a quota rejects it', ended('rejected'), 'refused'],
  ['410 as an event', received({ type: 'error', failure: failure('expired') }), 'expired'],
  ['an event that cannot be parsed', received({ type: 'error', failure: failure('malformed') }), 'failed'],
  ['an event from before the resume point', received({ type: 'bookmark', resourceVersion: '5' }), 'contradicted'],
  ['a read contradicts it', { type: 'relistRequested' }, 'contradicted'],
  ['an event', received({ type: 'bookmark', resourceVersion: '11' }), null],
  ['another stream ends', { type: 'ended', stream: 7, failure: null, random: 0.5 }, null],
  ['the stream settles', { type: 'timerFired', late: false }, null],
  ['the watch is stopped', { type: 'stopped' }, null],
];

for (const [name, input, cause] of ROWS) {
  test(`${name}: ${cause ?? 'no restart'}`, () => {
    const before = streaming();
    assert.equal(restartCause(before, input, take(before, input)), cause);
  });
}

test('the server ends a settled stream without an error, and another stream follows immediately: ended', () => {
  const settled = take(streaming(), { type: 'timerFired', late: false });
  const after = take(settled, ended(null));
  assert.equal(after.phase, 'streaming');
  assert.equal(restartCause(settled, ended(null), after), 'ended');
});

test('a settled stream without messages: silent', () => {
  const settled = take(streaming(), { type: 'timerFired', late: false });
  const silence: WatchInput<Item> = { type: 'timerFired', late: false };
  assert.equal(restartCause(settled, silence, take(settled, silence)), 'silent');
});

for (const [kind, cause] of [
  ['unavailable', null],
  ['expired', 'expired'],
  ['forbidden', 'refused'],
] as const) {
  test(`a stream that never opened (${kind}): ${cause ?? 'no restart'}`, () => {
    const listing = take(INITIAL_WATCH_STATE, { type: 'started' });
    const opening = take(listing, { type: 'listed', request: 1, items: [], resourceVersion: '10', random: 0.5 });
    assert.equal(restartCause(opening, ended(kind), take(opening, ended(kind))), cause);
  });
}

test('a failed list does not count as a restart of a stream', () => {
  const listing = take(INITIAL_WATCH_STATE, { type: 'started' });
  const input: WatchInput<Item> = { type: 'listFailed', request: 1, failure: failure('unavailable'), random: 0.5 };
  assert.equal(restartCause(listing, input, take(listing, input)), null);
});

test('the metrics of an elector count the restart by resource', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  scripted.clock.advance(WATCH_SETTLED_MS);
  const count = (): string | undefined =>
    /watch_restarts_total\{name="web",resource="leases",cause="ended"\} (\d+)/.exec(scripted.elector.metrics())?.[1];
  assert.equal(count(), '0');
  scripted.world.stream('lease').sink.ended(null);
  assert.equal(count(), '1');
});
