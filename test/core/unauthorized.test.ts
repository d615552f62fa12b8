// Checks refusals of the token (401). A token that is refused for 10 s ends the term. A shorter refusal does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNAUTHORIZED_LIMIT_MS } from '../../src/core/refusal.ts';
import { isTokenDead, REFUSAL_MEMORY_MS } from '../../src/core/refusals.ts';
import { checkTable, failure, leads, ownLease, podOf, type Row, SELF, type Story } from './story.ts';

const RENEW = 'setTimer renew 10000';
const RENEWED = `renewed ${SELF.name}/${SELF.uid}`;

/** A candidate that lost its term because its token was refused for 10 s. */
function refused(): Story {
  return leads()
    .fire('renew')
    .fail('replaceLease', 'unauthorized')
    .wait(10_000)
    .fire('renew')
    .fail('replaceLease', 'unauthorized');
}

/** A leader whose renewal was refused with this failure, 5 s after a 401, and is sent again after 5 s more. */
function refusedByAnother(kind: 'forbidden' | 'rejected'): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(5_000).fire('renew');
  return story.fail('replaceLease', kind).wait(5_000).fire('permission').fire('renew');
}

const refusals: readonly Row[] = [
  {
    rule: 'one refused token (401) does not end the term',
    given: () => leads().fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'a second 401 a moment later does not end the term: an API server that has just started refuses valid tokens',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1500'],
  },
  {
    rule: 'a token ends the term when it is refused for 10 s, each time after it was read again',
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
    rule: 'a token does not end the term when it is refused for a millisecond less',
    given: () =>
      leads()
        .fire('renew')
        .fail('replaceLease', 'unauthorized')
        .wait(UNAUTHORIZED_LIMIT_MS - 1)
        .fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized').clearEffects(),
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
    rule: 'a leader whose token was refused backs off as usual when the API server is unreachable',
    given: () =>
      leads()
        .take({ type: 'leaseWatchFailed', failure: failure('unauthorized') })
        .wait(UNAUTHORIZED_LIMIT_MS - 200)
        .fire('retry'),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'leader backingOff',
    effects: ['setTimer retry 375'],
  },
  {
    rule: 'a missing permission (403) restarts the 10 s, because it shows that the token is accepted',
    given: () => refusedByAnother('forbidden'),
    when: (story) => story.fail('replaceLease', 'unauthorized').clearEffects(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a refusal by a webhook (400) restarts the 10 s, because it shows that the token is accepted',
    given: () => refusedByAnother('rejected'),
    when: (story) => story.fail('replaceLease', 'unauthorized').clearEffects(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a list for the successor restarts the 10 s, because it shows that the token is accepted',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000);
      return story.take({ type: 'successorChosen', successor: null }).fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized').clearEffects(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a single refusal does not end the term, however long ago it was',
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
    rule: 'an answer between two refusals restarts the 10 s',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew').replaced('12').fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'a 409 between two refusals restarts the 10 s, because the token was accepted',
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
    rule: 'a list between two refusals restarts the 10 s',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').listed(ownLease()).fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
  {
    rule: 'an event between two refusals does not restart the 10 s, because a watch outlives its token',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized');
      return story
        .watched(ownLease({ resourceVersion: '12' }))
        .wait(UNAUTHORIZED_LIMIT_MS)
        .fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized').clearEffects(),
    role: 'candidate backingOff',
    effects: [],
  },
  {
    rule: 'a leader reads the Lease when its watch is refused with 401',
    given: leads,
    when: (story) => story.take({ type: 'leaseWatchFailed', failure: failure('unauthorized') }).fire('retry'),
    role: 'leader',
    effects: ['setTimer retry 750', 'readLease'],
  },
  {
    rule: 'a watch and a read end the term when both are refused, 10 s apart',
    given: () =>
      leads()
        .take({ type: 'leaseWatchFailed', failure: failure('unauthorized') })
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
    rule: 'a demoted leader reads again after at most 1, 2, 4 s when three requests were refused at once',
    given: () => {
      const story = leads();
      for (const waitMs of [0, 2_000, 3_000, UNAUTHORIZED_LIMIT_MS - 5_000]) {
        story.wait(waitMs).take({ type: 'leaseWatchFailed', failure: failure('unauthorized') });
        story.take({ type: 'podWatchFailed', watched: SELF, failure: failure('unauthorized') });
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
    rule: 'a demoted leader reads the Lease again when the read is refused',
    given: () => refused(),
    when: (story) => story.fire('retry').fail('readLease', 'unauthorized'),
    role: 'candidate backingOff',
    effects: ['readLease', 'setTimer retry 750'],
  },
  {
    rule: "a demoted leader resumes its term when its token is accepted and the Lease is still its Pod's",
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
    rule: 'a leader ignores a watch that fails for another reason',
    given: leads,
    when: (story) => story.take({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader reads its Pod when the watch of the Pod is refused with 401',
    given: leads,
    when: (story) => story.take({ type: 'podWatchFailed', watched: SELF, failure: failure('unauthorized') }),
    role: 'leader',
    effects: [`readPod ${SELF.name}`, 'setTimer retry 750'],
  },
  {
    rule: 'the watches of Lease and Pod do not end the term when they are refused at the same moment',
    given: () => leads().take({ type: 'leaseWatchFailed', failure: failure('unauthorized') }),
    when: (story) =>
      story.take({ type: 'podWatchFailed', watched: SELF, failure: failure('unauthorized') }).clearEffects(),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader that stops renews no longer and waits for its work when its token is refused for 10 s',
    given: () =>
      leads().stop().fire('renew').fail('replaceLease', 'unauthorized').wait(UNAUTHORIZED_LIMIT_MS).fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leaving awaitingWork',
    effects: ['warning unauthorized', 'setTimer renew 1000', 'clearTimer renew'],
  },
  {
    rule: 'a 409 restarts the 10 s when the read after it is refused',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew');
      return story.fail('replaceLease', 'conflict').wait(UNAUTHORIZED_LIMIT_MS);
    },
    when: (story) => story.fail('readLease', 'unauthorized').clearEffects(),
    role: 'leader backingOff',
    effects: [],
  },
  {
    rule: 'two refusals with an outage of a minute between them do not end the term, because each start of a server refuses valid tokens',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized');
      for (let seconds = 0; seconds < 60; seconds += 2) {
        story.wait(2_000).take({ type: 'leaseWatchFailed', failure: failure('unavailable') });
      }
      return story.fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized').clearEffects(),
    role: 'leader',
    effects: [],
  },
];

checkTable(refusals);

test('a token is dead when two answers 401 are 10 s apart, and never after one', () => {
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

/** Answers for which the API server has accepted the token. */
const acceptances: Readonly<Record<string, (story: Story) => Story>> = {
  'a read of the Lease': (story) => story.take({ type: 'leaseRead', request: 999, lease: ownLease() }),
  'a write': (story) => story.take({ type: 'leaseWritten', request: 999, lease: ownLease() }),
  'a DELETE that waits for a finalizer': (story) =>
    story.take({ type: 'leaseDeletionPending', request: 999, lease: ownLease() }),
  'a delete': (story) => story.take({ type: 'leaseRemoved', request: 999 }),
  'a read of a Pod': (story) => story.take({ type: 'podRead', request: 999, name: SELF.name, pod: podOf(SELF) }),
  'a list that shows the Lease': (story) => story.listed(ownLease()),
  'a list without the Lease': (story) => story.absent('9'),
};

for (const [name, accept] of Object.entries(acceptances)) {
  test(`${name} that is answered between two refusals restarts the 10 s`, () => {
    const once = leads().fire('renew').fail('replaceLease', 'unauthorized');
    assert.equal(accept(once).fire('renew').fail('replaceLease', 'unauthorized').role.name, 'leader');
  });
}
