// Checks the watch with random inputs: it has one stream and one timer, only a list moves its resume point back, and no
// server can make it send requests in a hot loop.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareResourceVersions } from '../../src/core/lease-record.ts';
import {
  INITIAL_WATCH_STATE,
  stepWatch,
  type WatchEffect,
  type WatchInput,
  type WatchState,
} from '../../src/core/watch.ts';
import { isReport } from '../../src/driver/watcher.ts';
import { FAILURE_KINDS, failure } from './story.ts';

interface Item {
  readonly uid: string;
  readonly resourceVersion: string;
}

type Input = WatchInput<Item>;
type Effect = WatchEffect<Item>;

const started: Input = { type: 'started' };
const timerFired: Input = { type: 'timerFired', late: false };
const lateTimerFired: Input = { type: 'timerFired', late: true };
const stopped: Input = { type: 'stopped' };
const listed = (request: number, items: readonly Item[], resourceVersion: string): Input => ({
  type: 'listed',
  request,
  items,
  resourceVersion,
  random: 0,
});
const opened = (stream: number): Input => ({ type: 'opened', stream });

const anyVersion = fc.integer({ min: 1, max: 30 }).map(String);
const anyItem = fc.record({ uid: fc.constantFrom('a', 'b'), resourceVersion: anyVersion });
const anyFailure = fc
  .record({ kind: fc.constantFrom(...FAILURE_KINDS), retryAfterMs: fc.option(fc.nat(100_000)) })
  .map(({ kind, retryAfterMs }) => failure(kind, retryAfterMs));
const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** Mostly the current number, sometimes another one. */
const anyNumber = (current: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(current) }, { weight: 1, arbitrary: fc.nat(20) });
const anyEvent = fc.oneof(
  fc.record({ type: fc.constantFrom('added' as const, 'modified' as const, 'deleted' as const), item: anyItem }),
  fc.record({ type: fc.constant('bookmark' as const), resourceVersion: anyVersion }),
  fc.record({ type: fc.constant('error' as const), failure: anyFailure }),
);

/** Builds an input from the state. The number 0 stands for the current one. */
const anyInput: fc.Arbitrary<(state: WatchState) => Input> = fc.oneof(
  fc.constantFrom(
    () => timerFired,
    () => lateTimerFired,
  ),
  {
    weight: 3,
    arbitrary: fc
      .record({ number: anyNumber(0), items: fc.array(anyItem, { maxLength: 2 }), resourceVersion: anyVersion })
      .map(
        ({ number, items, resourceVersion }) =>
          (state: WatchState) =>
            listed(number || state.lastRequest, items, resourceVersion),
      ),
  },
  fc.record({ number: anyNumber(0), failure: anyFailure, random: anyRandom }).map(
    ({ number, ...rest }) =>
      (state: WatchState) =>
        ({ type: 'listFailed', request: number || state.lastRequest, ...rest }) as const,
  ),
  anyNumber(0).map((number) => (state: WatchState) => opened(number || state.lastStream)),
  {
    weight: 4,
    arbitrary: fc.record({ number: anyNumber(0), event: anyEvent, random: anyRandom }).map(
      ({ number, ...rest }) =>
        (state: WatchState) =>
          ({ type: 'received', stream: number || state.lastStream, ...rest }) as const,
    ),
  },
  fc.record({ number: anyNumber(0), failure: fc.option(anyFailure), random: anyRandom }).map(
    ({ number, ...rest }) =>
      (state: WatchState) =>
        ({ type: 'ended', stream: number || state.lastStream, ...rest }) as const,
  ),
  fc.constant(() => ({ type: 'relistRequested' }) as const),
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      () => started,
      () => started,
      () => stopped,
    ),
  },
);

/** Checks the effects of the watch against what they did before. */
class Observer {
  openStream: number | null = null;
  lastList: number | null = null;
  listAnswered = true;
  resumeFrom = '0';
  timer = false;
  stopped = false;

  /** Applies the input before the watch steps. */
  before(input: Input): void {
    if (input.type === 'ended' && input.stream === this.openStream) this.openStream = null;
    if (input.type === 'timerFired') this.timer = false;
    if (input.type === 'listed' && input.request === this.lastList && !this.listAnswered) {
      this.listAnswered = true;
      // Only the answer to a list moves the resume point back.
      this.resumeFrom = input.resourceVersion;
    }
  }

  take(effect: Effect): void {
    assert.ok(!this.stopped, 'an effect after the stop');
    switch (effect.type) {
      case 'list':
        assert.equal(this.openStream, null, 'a list while a stream is open');
        this.lastList = effect.request;
        this.listAnswered = false;
        break;
      case 'open':
        assert.equal(this.openStream, null, 'a second stream while one is open');
        assert.ok(
          compareResourceVersions(effect.resourceVersion, this.resumeFrom) >= 0,
          'the resume point moved back without a list',
        );
        this.openStream = effect.stream;
        this.resumeFrom = effect.resourceVersion;
        break;
      case 'close':
        assert.equal(effect.stream, this.openStream, 'the closed stream is not the open one');
        this.openStream = null;
        break;
      case 'setTimer':
        assert.ok(effect.afterMs > 0 && Number.isInteger(effect.afterMs), 'the delay is not a positive integer');
        this.timer = true;
        break;
      case 'clearTimer':
        this.timer = false;
        break;
      case 'present':
        if (effect.by === 'watch') {
          assert.ok(
            compareResourceVersions(effect.item.resourceVersion, this.resumeFrom) > 0,
            'an object that is not newer than the resume point',
          );
          this.resumeFrom = effect.item.resourceVersion;
        }
        break;
      case 'failed':
        assert.notEqual(effect.failure.kind, 'expired');
        break;
      case 'absent':
      case 'deleted':
        break;
    }
  }
}

test('a watch keeps one stream, one timer and its resume point, and is silent after the stop, for any inputs', () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 60 }), (inputs) => {
      const observer = new Observer();
      let state = stepWatch<Item>(INITIAL_WATCH_STATE, started).state;
      for (const effect of stepWatch<Item>(INITIAL_WATCH_STATE, started).effects) observer.take(effect);
      for (const make of inputs) {
        // A timer that is not set does not fire.
        const input = make(state);
        if (input.type === 'timerFired' && !observer.timer) continue;
        observer.before(input);
        const step = stepWatch(state, input);
        for (const effect of step.effects) observer.take(effect);
        const timers = step.effects.filter((effect) => effect.type === 'setTimer').length;
        assert.ok(timers <= 1, 'two timers set by one input');
        // The election sends these inputs from inside a step. A report would start a second step inside it.
        if (input.type === 'started' || input.type === 'relistRequested' || input.type === 'stopped')
          assert.ok(!step.effects.some(isReport), `${input.type} caused a report`);
        state = step.state;
        if (input.type === 'stopped') observer.stopped = true;
        else if (!observer.stopped) assert.ok(observer.timer, 'a running watch without a timer');
        assert.equal(state.phase === 'streaming' ? state.stream : null, observer.openStream);
      }
      if (observer.stopped) assert.ok(!observer.timer && observer.openStream === null);
    }),
    { numRuns: 2_000 },
  );
});

test('a watch sends at most four requests without a wait for any inputs', () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 60 }), (inputs) => {
      let state = stepWatch<Item>(INITIAL_WATCH_STATE, started).state;
      let requests = 1;
      for (const make of inputs) {
        const input = make(state);
        // Only a timer shows that time has passed.
        if (input.type === 'timerFired') requests = 0;
        // The election sends this input and waits between two of them. A server cannot cause it.
        if (input.type === 'relistRequested') requests = 0;
        const step = stepWatch(state, input);
        requests += step.effects.filter((effect) => effect.type === 'list' || effect.type === 'open').length;
        assert.ok(requests <= 4, `${requests} requests without a wait`);
        state = step.state;
      }
    }),
    { numRuns: 2_000 },
  );
});
