/**
 * Checks when a leader lists the Pods of its application, and what it does with the answers.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodListing } from '../../src/core/successor.ts';
import type { Answer } from '../../src/driver/ports.ts';
import {
  LEAVING_LIST_MS,
  LIST_INTERVAL_MS,
  PASSED_OVER_MS,
  SuccessorSearch,
} from '../../src/leadership/successor-search.ts';
import { failure } from '../core/story.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const LISTING: PodListing = { pods: [], more: false };

class Searching {
  readonly clock = new ManualClock();
  readonly pending: ((answer: Answer<PodListing>) => void)[] = [];
  readonly listed: (PodListing | null)[] = [];
  readonly passedOver: (string | null)[] = [];
  readonly search = new SuccessorSearch(
    this.clock,
    () => new Promise((resolve) => this.pending.push(resolve)),
    (listing, passedOver) => {
      this.listed.push(listing);
      this.passedOver.push(passedOver);
    },
  );

  async answer(answer: Answer<PodListing> = { ok: true, value: LISTING }): Promise<void> {
    this.pending.shift()?.(answer);
    await promisesSettled();
  }
}

test('a leader lists Pods at the start of its term and then once a minute', async () => {
  const { search, pending, clock, listed } = new Searching();
  search.begin();
  assert.equal(pending.length, 1);
  pending.shift()?.({ ok: true, value: LISTING });
  await promisesSettled();
  assert.deepEqual(listed, [LISTING]);
  clock.advance(LIST_INTERVAL_MS - 1);
  assert.equal(pending.length, 0);
  clock.advance(1);
  assert.equal(pending.length, 1);
});

test('a list is not sent again when the last one is unanswered', () => {
  const { search, pending, clock } = new Searching();
  search.begin();
  clock.advance(3 * LIST_INTERVAL_MS);
  assert.equal(pending.length, 1);
});

test('no list is sent after the term', () => {
  const { search, pending, clock } = new Searching();
  search.begin();
  search.end();
  clock.advance(3 * LIST_INTERVAL_MS);
  assert.equal(pending.length, 1);
});

test('an answer to a list of an earlier term is dropped', async () => {
  const searching = new Searching();
  searching.search.begin();
  searching.search.end();
  await searching.answer();
  assert.deepEqual(searching.listed, []);
});

test('a failed list changes nothing, and a forbidden list removes the choice', async () => {
  const searching = new Searching();
  searching.search.begin();
  await searching.answer({ ok: false, failure: failure('unavailable') });
  assert.deepEqual(searching.listed, []);
  searching.clock.advance(LIST_INTERVAL_MS);
  await searching.answer({ ok: false, failure: failure('forbidden') });
  assert.deepEqual(searching.listed, [null]);
});

test('a leader waits for one more list when it leaves', async () => {
  const searching = new Searching();
  let over = false;
  void searching.search.listBeforeLeaving().then(() => {
    over = true;
  });
  await promisesSettled();
  assert.equal(over, false);
  await searching.answer();
  assert.equal(over, true);
  assert.deepEqual(searching.listed, [LISTING]);
  assert.equal(searching.clock.timers.size, 0);
});

test('a leader that leaves ignores the answer to its earlier list', async () => {
  const searching = new Searching();
  searching.search.begin();
  void searching.search.listBeforeLeaving();
  await searching.answer();
  assert.deepEqual(searching.listed, []);
  await searching.answer();
  assert.deepEqual(searching.listed, [LISTING]);
});

test('a leader waits for that list for at most 500 ms and drops a later answer', async () => {
  const searching = new Searching();
  const listed = searching.search.listBeforeLeaving();
  await promisesSettled();
  searching.clock.advance(LEAVING_LIST_MS);
  await listed;
  await searching.answer();
  assert.deepEqual(searching.listed, []);
});

test('a term that begins during the list of a leaving process keeps its own lists', async () => {
  const searching = new Searching();
  const { search, clock, pending } = searching;
  const listed = search.listBeforeLeaving();
  // The Lease was given to another Pod by hand, and then back, so the step-down ended without this list.
  search.begin();
  clock.advance(LEAVING_LIST_MS);
  await listed;
  pending.shift();
  await searching.answer();
  assert.deepEqual(searching.listed, [LISTING]);
  clock.advance(LIST_INTERVAL_MS);
  assert.equal(pending.length, 1);
});

test('no Pod is skipped when the last other leader was not seen to leave', async () => {
  const searching = new Searching();
  searching.search.follow('pod-2');
  searching.search.begin();
  await searching.answer();
  assert.deepEqual(searching.passedOver, [null]);
});

test('the Pod that led before is skipped until 10 s after its term', async () => {
  const searching = new Searching();
  const { search, clock } = searching;
  const list = async (): Promise<void> => {
    search.begin();
    await searching.answer();
  };
  search.follow(null);
  await list();
  search.follow('pod-2');
  clock.advance(PASSED_OVER_MS);
  search.follow(null);
  await list();
  clock.advance(PASSED_OVER_MS - 1);
  // This Pod leads, which does not change the time of the other Pod.
  search.follow(null);
  await list();
  clock.advance(1);
  await list();
  assert.deepEqual(searching.passedOver, [null, 'pod-2', 'pod-2', null]);
});
