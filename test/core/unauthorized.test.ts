// Checks what follows when the API server refuses the token (401): once is nothing, twice in a row means that the
// Pod is gone, or as good as gone, and ends the term.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTable, failure, leads, ownLease, podOf, type Row, SELF, type Story } from './story.ts';

const RENEW = 'setTimer renew 10000';
const RENEWED = `renewed ${SELF.name}/${SELF.uid}`;

/** A leader whose token was refused twice. */
function refused(): Story {
  return leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew').fail('replaceLease', 'unauthorized');
}

const refusals: readonly Row[] = [
  {
    rule: 'one refused token (401) ends nothing',
    given: () => leads().fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 188'],
  },
  {
    rule: 'a second 401 in a row, after the token was read anew, ends the term',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'candidate resting',
    effects: [
      'setTimer renew 375',
      'warning unauthorized',
      'clearTimer renew',
      'demoted unauthorized',
      'setTimer retry 375',
    ],
  },
  {
    rule: 'an answer between two refusals begins the count anew',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').fire('renew').replaced('12').fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 188'],
  },
  {
    rule: 'a 409 between two refusals begins the count anew: the token was accepted',
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
    effects: ['setTimer renew 750'],
  },
  {
    rule: 'a list between two refusals begins the count anew',
    given: () => leads().fire('renew').fail('replaceLease', 'unauthorized').listed(ownLease()).fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'leader',
    effects: ['setTimer renew 375'],
  },
  {
    rule: 'an event between two refusals does not: a watch goes on after its token has lost its power',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'unauthorized');
      return story.watched(ownLease({ resourceVersion: '12' })).fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unauthorized').forget(),
    role: 'candidate resting',
    effects: [],
  },
  {
    rule: 'a watch whose token is refused is not waited for: the Lease is read',
    given: leads,
    when: (story) => story.tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') }).fire('retry'),
    role: 'leader',
    effects: ['setTimer retry 188', 'readLease'],
  },
  {
    rule: 'a watch and the read after it, both refused, end the term',
    given: () =>
      leads()
        .tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') })
        .fire('retry'),
    when: (story) => story.fail('readLease', 'unauthorized'),
    role: 'candidate resting',
    effects: [
      'setTimer retry 375',
      'warning unauthorized',
      'clearTimer renew',
      'clearTimer retry',
      'demoted unauthorized',
      'setTimer retry 375',
    ],
  },
  {
    rule: 'who was refused keeps asking',
    given: () => refused(),
    when: (story) => story.fire('retry').fail('readLease', 'unauthorized'),
    role: 'candidate resting',
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
      `readPod ${SELF.name}`,
      'replaceLease lease-1@11',
      'setTimer stale 30000',
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
    effects: [`readPod ${SELF.name}`, 'setTimer retry 188'],
  },
  {
    rule: 'the watches of the Lease and of the Pod, both refused, end the term',
    given: () => leads().tell({ type: 'leaseWatchFailed', failure: failure('unauthorized') }),
    when: (story) => story.tell({ type: 'podWatchFailed', watched: SELF, failure: failure('unauthorized') }).forget(),
    role: 'candidate resting',
    effects: [],
  },
  {
    rule: 'a token that is refused while the work drains for stop() ends it: nothing is asked any more',
    given: () => leads().stop().fire('renew').fail('replaceLease', 'unauthorized').fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'stopped',
    effects: [
      'setTimer renew 375',
      'warning unauthorized',
      'clearTimer renew',
      'shutDown, socket kept',
      'stopped kept',
    ],
  },
];

checkTable(refusals);

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
  test(`${name} that is answered between two refusals begins the count anew`, () => {
    const once = leads().fire('renew').fail('replaceLease', 'unauthorized');
    assert.equal(accept(once).fire('renew').fail('replaceLease', 'unauthorized').role.name, 'leader');
  });
}
