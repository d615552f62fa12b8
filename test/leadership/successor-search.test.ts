/**
 * When a leader lists the Pods of its application, and what it does with the answers.
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

test('a leader lists at the beginning of its term, and then once a minute', async () => {
  const { search, pending, clock, listed, ...searching } = new Searching();
  search.begin();
  assert.equal(pending.length, 1);
  pending.shift()?.({ ok: true, value: LISTING });
  await promisesSettled();
  assert.deepEqual(listed, [LISTING]);
  clock.advance(LIST_INTERVAL_MS - 1);
  assert.equal(pending.length, 0);
  clock.advance(1);
  assert.equal(pending.length, 1);
  assert.ok(searching);
});

test('a list that is still under way is not asked for a second time', () => {
  const { search, pending, clock } = new Searching();
  search.begin();
  clock.advance(3 * LIST_INTERVAL_MS);
  assert.equal(pending.length, 1);
});

test('nothing is listed after the term', () => {
  const { search, pending, clock } = new Searching();
  search.begin();
  search.end();
  clock.advance(3 * LIST_INTERVAL_MS);
  assert.equal(pending.length, 1);
});

test('an answer that belongs to an earlier term is dropped', async () => {
  const searching = new Searching();
  searching.search.begin();
  searching.search.end();
  await searching.answer();
  assert.deepEqual(searching.listed, []);
});

test('a list that fails changes nothing; one that is forbidden names nobody', async () => {
  const searching = new Searching();
  searching.search.begin();
  await searching.answer({ ok: false, failure: failure('unavailable') });
  assert.deepEqual(searching.listed, []);
  searching.clock.advance(LIST_INTERVAL_MS);
  await searching.answer({ ok: false, failure: failure('forbidden') });
  assert.deepEqual(searching.listed, [null]);
});

test('a leader that leaves waits for one more list', async () => {
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
});

test('but for no longer than 500 ms, and what comes later is dropped', async () => {
  const searching = new Searching();
  const looked = searching.search.listBeforeLeaving();
  await promisesSettled();
  searching.clock.advance(LEAVING_LIST_MS);
  await looked;
  await searching.answer();
  assert.deepEqual(searching.listed, []);
});

test('a term that begins while a list before leaving is under way is searched to its end', async () => {
  const searching = new Searching();
  const { search, clock, pending } = searching;
  const looked = search.listBeforeLeaving();
  // The Lease was taken by hand, and came back: the step-down ended without this list.
  search.begin();
  clock.advance(LEAVING_LIST_MS);
  await looked;
  pending.shift();
  await searching.answer();
  assert.deepEqual(searching.listed, [LISTING]);
  clock.advance(LIST_INTERVAL_MS);
  assert.equal(pending.length, 1);
});

test('the Pod that led before is passed over until 10 s after it led', async () => {
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
  // This Pod leads, which is no news of the other.
  search.follow(null);
  await list();
  clock.advance(1);
  await list();
  assert.deepEqual(searching.passedOver, [null, 'pod-2', 'pod-2', null]);
});
