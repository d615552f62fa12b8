// Checks what follows when the API server refuses the token (401): for a moment it is nothing, for 10 s it means that
// the Pod is gone, or as good as gone, and ends the term.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNAUTHORIZED_LIMIT_MS } from '../../src/core/refusal.ts';
import { isTokenDead, REFUSAL_MEMORY_MS } from '../../src/core/refusals.ts';
import { checkTable, failure, leads, ownLease, podOf, type Row, SELF, type Story } from './story.ts';

const RENEW = 'setTimer renew 10000';
const RENEWED = `renewed ${SELF.name}/${SELF.uid}`;

/** A leader whose token was refused twice. */
function refused(): Story {
  return leads()
    .fire('renew')
    .fail('replaceLease', 'unauthorized')
    .wait(10_000)
    .fire('renew')
    .fail('replaceLease', 'unauthorized');
}

/** A leader whose renewal was refused with this failure, 5 s after a 401, and is tried again after 5 s more. */
function refusedByAnother(kind: 'forbidden' | 'rejected'): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(5_000).fire('renew');
  return story.fail('replaceLease', kind).wait(5_000).fire('permission').fire('renew');
}

const refusals: readonly Row[] = [
  {
    rule: 'one refused token (401) ends nothing',
    given: () => leads().fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'a second 401 a moment later ends nothing: an API server that has just started refuses good tokens',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1500'],
  },
  {
    rule: 'a token that was refused for 10 s, each time after it was read again, ends the term',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').wait(UNAUTHORIZED_LIMIT_MS).fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'candidate backingOff',
    effects: [
      'warning unauthorized',
      'setTimer renew 1000',
      'clearTimer renew',
      'demoted unauthorized',
      'setTimer retry 750',
    ],
  },
  {
    rule: 'a token that was refused for a millisecond less ends nothing',
    given: () =>
      leads()
        .fire('renew')
        .fail('replaceLease', 'unauthorized')
        .wait(UNAUTHORIZED_LIMIT_MS - 1)
        .fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized').forget(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader tries a refused token again when the 10 s are over, however long the back-off',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(4_000).fire('renew');
      return story.fail('replaceLease', 'unauthorized').wait(5_000).fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['warning unauthorized', 'setTimer renew 1000'],
  },
  {
    rule: 'a leader whose token was refused retries no sooner than others when the API server is not reachable',
    given: () =>
      leads()
        .tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') })
        .wait(UNAUTHORIZED_LIMIT_MS - 200)
        .fire('retry'),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'leader backingOff',
    effects: ['setTimer retry 375'],
  },
  {
    rule: 'a permission that is missing (403) shows that the token is accepted, so the 10 s begin again',
    given: () => refusedByAnother('forbidden'),
    when: (story) => story.fail('replaceLease', 'unauthorized').forget(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a webhook that refuses (400) shows that the token is accepted, so the 10 s begin again',
    given: () => refusedByAnother('rejected'),
    when: (story) => story.fail('replaceLease', 'unauthorized').forget(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a list for the successor shows that the token is accepted, so the 10 s begin again',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000);
      return story.tell({ type: 'successorChosen', successor: null }).fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized').forget(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a single refusal, however long ago, ends nothing',
    given: () =>
      leads()
        .fire('renew')
        .fail('replaceLease', 'unauthorized')
        .wait(REFUSAL_MEMORY_MS + 1)
        .fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'an answer between two refusals restarts the count',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew').replaced('12').fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'a 409 between two refusals restarts the count: the token was accepted',
    given: () =>
      leads()
        .fire('renew')
        .fail('replaceLease', 'unauthorized')
        .fire('renew')
        .fail('replaceLease', 'conflict')
        .leaseRead(ownLease())
        .fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'a list between two refusals restarts the count',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').listed(ownLease()).fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'an event between two refusals does not: a watch goes on after its token has lost its power',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized');
      return story
        .watched(ownLease({ resourceVersion: '12' }))
        .wait(UNAUTHORIZED_LIMIT_MS)
        .fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized').forget(),
    role: 'candidate backingOff',
    effects: [],
  },
  {
    rule: 'a watch whose token is refused is not waited for: the Lease is read',
    given: leads,
    when: (story) => story.tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') }).fire('retry'),
    role: 'leader',
    effects: ['setTimer retry 750', 'readLease'],
  },
  {
    rule: 'a watch and a read 10 s after it, both refused, end the term',
    given: () =>
      leads()
        .tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') })
        .wait(UNAUTHORIZED_LIMIT_MS)
        .fire('retry'),
    when: (story) => story.fail('readLease', 'unauthorized'),
    role: 'candidate backingOff',
    effects: [
      'warning unauthorized',
      'setTimer retry 250',
      'clearTimer renew',
      'clearTimer retry',
      'demoted unauthorized',
      'setTimer retry 750',
    ],
  },
  {
    rule: 'a leader demoted by refusals of three requests at once asks again after 1, 2, 4 s, not after a minute',
    given: () => {
      const story = leads();
      for (const waitMs of [0, 2_000, 3_000, UNAUTHORIZED_LIMIT_MS - 5_000]) {
        story.wait(waitMs).tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') });
        story.tell({ type: 'podWatchFailed', watched: SELF, failure: failure('unauthorized') });
        if (story.role.name === 'leader') story.fire('renew').fail('replaceLease', 'unauthorized');
      }
      return story;
    },
    when: (story) => {
      for (let tries = 0; tries < 3; tries += 1) story.fire('retry').fail('readLease', 'unauthorized');
    },
    role: 'candidate backingOff',
    effects: [
      'readLease',
      'setTimer retry 750',
      'readLease',
      'setTimer retry 1500',
      'readLease',
      'setTimer retry 3000',
    ],
  },
  {
    rule: 'who was refused keeps asking',
    given: () => refused(),
    when: (story) => story.fire('retry').fail('readLease', 'unauthorized'),
    role: 'candidate backingOff',
    effects: ['readLease', 'setTimer retry 750'],
  },
  {
    rule: 'who is accepted again, and whose Lease it still is, resumes the term',
    given: () => refused().fire('retry'),
    when: (story) => {
      story.leaseRead(ownLease());
      story.podRead(SELF.name, podOf(SELF)).replaced('14');
    },
    role: 'leader',
    effects: [
      'warning refusal-over',
      `readPod ${SELF.name}`,
      'replaceLease lease-1@11',
      'setTimer stale 15000',
      RENEWED,
      'clearTimer stale',
      RENEW,
      'elected 14 resumed',
    ],
  },
  {
    rule: 'a watch that fails otherwise goes on by itself, and is nothing to a leader',
    given: leads,
    when: (story) => story.tell({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a watch of its Pod whose token is refused is not waited for either',
    given: leads,
    when: (story) => story.tell({ type: 'podWatchFailed', watched: SELF, failure: failure('unauthorized') }),
    role: 'leader',
    effects: [`readPod ${SELF.name}`, 'setTimer retry 750'],
  },
  {
    rule: 'the watches of the Lease and of the Pod, refused at the same moment, end nothing',
    given: () => leads().tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') }),
    when: (story) => story.tell({ type: 'podWatchFailed', watched: SELF, failure: failure('unauthorized') }).forget(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader that stops renews no longer when its token is refused for 10 s, and waits for its work',
    given: () =>
      leads().stop().fire('renew').fail('replaceLease', 'unauthorized').wait(UNAUTHORIZED_LIMIT_MS).fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leaving awaitingWork',
    effects: ['warning unauthorized', 'setTimer renew 1000', 'clearTimer renew'],
  },
  {
    rule: 'a 409 alone restarts the count, too, when the read after it is refused',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew');
      return story.fail('replaceLease', 'conflict').wait(UNAUTHORIZED_LIMIT_MS);
    },
    when: (story) => story.fail('readLease', 'unauthorized').forget(),
    role: 'leader backingOff',
    effects: [],
  },
  {
    rule: 'two refused tokens with an outage of a minute between them end nothing: each start of a server refuses good ones',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized');
      for (let seconds = 0; seconds < 60; seconds += 2) {
        story.wait(2_000).tell({ type: 'leaseWatchFailed', failure: failure('unavailable') });
      }
      return story.fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized').forget(),
    role: 'leader',
    effects: [],
  },
];

checkTable(refusals);

test('a token is dead after two answers 401 that are 10 s apart, and never after one', () => {
  const { knowledge } = leads().fire('renew').fail('replaceLease', 'unauthorized').state;
  const { token } = knowledge.failures.refusals;
  assert.ok(token !== undefined);
  const isDeadAfter = (count: number, lastedMs: number) => {
    const refusals = { token: { ...token, count, lastMs: token.sinceMs + lastedMs } };
    return isTokenDead({ ...knowledge, failures: { ...knowledge.failures, refusals } });
  };
  assert.equal(isDeadAfter(2, UNAUTHORIZED_LIMIT_MS), true);
  assert.equal(isDeadAfter(2, UNAUTHORIZED_LIMIT_MS - 1), false);
  assert.equal(isDeadAfter(1, UNAUTHORIZED_LIMIT_MS), false);
});

/** What the API server accepted the token for. */
const acceptances: Readonly<Record<string, (story: Story) => Story>> = {
  'a read of the Lease': (story) => story.tell({ type: 'leaseRead', request: 999, lease: ownLease() }),
  'a write': (story) => story.tell({ type: 'leaseWritten', request: 999, lease: ownLease() }),
  'a delete that waits for a finalizer': (story) =>
    story.tell({ type: 'leaseDeletionPending', request: 999, lease: ownLease() }),
  'a delete': (story) => story.tell({ type: 'leaseRemoved', request: 999 }),
  'a read of a Pod': (story) => story.tell({ type: 'podRead', request: 999, name: SELF.name, pod: podOf(SELF) }),
  'a list that shows the Lease': (story) => story.listed(ownLease()),
  'a list without the Lease': (story) => story.absent('9'),
};

for (const [name, accept] of Object.entries(acceptances)) {
  test(`${name} that is answered between two refusals restarts the count`, () => {
    const once = leads().fire('renew').fail('replaceLease', 'unauthorized');
    assert.equal(accept(once).fire('renew').fail('replaceLease', 'unauthorized').role.name, 'leader');
  });
}
