// Checks how a leader renews its Lease, and what ends its term without a call of its application: its Pod no longer
// holds the Lease, its Pod is gone, or its token has been refused for 10 s.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkTable,
  leads,
  leaseOf,
  NAMESAKE,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  WALL_MS,
} from './story.ts';

const RENEW = 'setTimer renew 10000';
const RENEWED = `renewed ${SELF.name}/${SELF.uid}`;

/** A leader that must not renew. */
function leadsUnrenewed(): Story {
  return leads().fire('renew').refuse('replaceLease', 'forbidden');
}

/** Fires the timer of the refusal and, when it is set, that of the next renewal. */
function triesAgain(story: Story): Story {
  story.fire('permission').fire('renew');
  return story.state.role.name === 'leader' && story.state.role.renewal === null ? story.fire('renew') : story;
}

const renewal: readonly Row[] = [
  {
    rule: 'a leader renews the last version of its Lease that it observed',
    given: leads,
    when: (story) => story.fire('renew'),
    role: 'leader renewing',
    effects: ['replaceLease lease-1@11'],
  },
  {
    rule: 'a leader announces a renewal and sets the timer of the next one when the write was executed',
    given: () => leads().fire('renew'),
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: [RENEWED, RENEW],
  },
  {
    rule: 'a leader sends no second renewal when the first one is unanswered',
    given: () => leads().fire('renew'),
    when: (story) => story.take({ type: 'timerFired', timer: 'renew' }),
    role: 'leader renewing',
    effects: [],
  },
  {
    rule: 'a leader reads the Lease at once and renews again after a second when its renewal is answered 409',
    given: () => leads().fire('renew'),
    when: (story) => story.fail('replaceLease', 'conflict'),
    role: 'leader',
    effects: ['setTimer renew 1000', 'readLease'],
  },
  {
    rule: 'a leader renews the version that it read when it renews again',
    given: () => leads().fire('renew').fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(ownLease({ resourceVersion: '15' })).fire('renew'),
    role: 'leader renewing',
    effects: ['replaceLease lease-1@15'],
  },
  {
    rule: 'a leader waits longer when more renewals in a row are answered 409',
    given: () => {
      const story = leads().fire('renew');
      for (const resourceVersion of ['15', '16', '17']) {
        story.fail('replaceLease', 'conflict').leaseRead(ownLease({ resourceVersion })).fire('renew');
      }
      return story;
    },
    when: (story) => story.fail('replaceLease', 'conflict'),
    role: 'leader',
    effects: ['setTimer renew 1500', 'readLease'],
  },
  {
    rule: "a 409 ends the term when the Lease is another Pod's by now",
    given: () => leads().fire('renew').fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      'clearTimer renew',
      'demoted usurped',
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: 'a leader reads the Lease when its renewal had no answer',
    given: () => leads().fire('renew'),
    when: (story) => story.fail('replaceLease', 'unavailable'),
    role: 'leader',
    effects: ['setTimer renew 1000', 'readLease'],
  },
  {
    rule: 'a leader continues to lead when the API server is unreachable, however long',
    given: () => leads().fire('renew'),
    when: (story) => {
      for (let round = 0; round < 20; round++) {
        story.fail('replaceLease', 'unavailable').fail('readLease', 'unavailable').fire('renew').fire('retry');
      }
      story.clearEffects();
    },
    role: 'leader renewing backingOff',
    effects: [],
  },
  {
    rule: 'a leader warns and tries again when the server rejects its renewal',
    given: () => leads().fire('renew'),
    when: (story) => story.refuse('replaceLease', 'rejected'),
    role: 'leader',
    effects: ['setTimer permission 6000', 'warning request-rejected'],
  },
  {
    rule: 'a leader warns once and continues to lead when it must not renew',
    given: () => leads().fire('renew'),
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'leader',
    effects: ['setTimer permission 6000', 'warning renew-forbidden'],
  },
  {
    rule: 'a leader repeats a refused renewal after at most 1, 2, 4 s, and so on',
    given: () => leads().fire('renew').fail('replaceLease', 'forbidden'),
    when: (story) => triesAgain(story).fail('replaceLease', 'forbidden').fire('permission'),
    role: 'leader',
    effects: [
      'setTimer renew 0',
      'setTimer renew 250',
      'replaceLease lease-1@11',
      'setTimer permission 1500',
      'setTimer renew 0',
    ],
  },
  {
    rule: 'a leader repeats a refused renewal once a minute when it has been refused for half a minute',
    given: () => {
      const story = leads().fire('renew').fail('replaceLease', 'forbidden');
      for (let tries = 2; tries <= 6; tries += 1) triesAgain(story).fail('replaceLease', 'forbidden');
      return triesAgain(story);
    },
    when: (story) => story.fail('replaceLease', 'forbidden'),
    role: 'leader',
    effects: ['setTimer permission 45000'],
  },
  {
    rule: 'a leader does not warn again when the permission is still missing',
    given: () => leadsUnrenewed().fire('permission').fire('renew'),
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'leader',
    effects: ['setTimer permission 12000'],
  },
  {
    rule: 'a leader reports the end of the refusal and renews again when the permission is granted',
    given: () => leadsUnrenewed().fire('permission').fire('renew'),
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: ['warning refusal-over', `renewed ${SELF.name}/${SELF.uid}`, 'setTimer renew 10000'],
  },
  {
    rule: 'a leader renews at once and writes its owner again when the owner was removed by hand',
    given: leads,
    when: (story) => story.watched(ownLease({ owner: null, resourceVersion: '12' })),
    role: 'leader renewing',
    effects: ['warning owner-removed', 'replaceLease lease-1@12'],
  },
  {
    rule: 'a leader writes its owner again at most once a second when every renewal loses it',
    given: () => leads().watched(ownLease({ owner: null, resourceVersion: '12' })),
    when: (story) => {
      for (const resourceVersion of ['13', '14']) {
        const content = story.content('replaceLease');
        const lease = ownLease({ ...content, owner: null, resourceVersion });
        story
          .take({ type: 'leaseWritten', request: story.request('replaceLease'), lease })
          .watched(lease)
          .fire('renew');
      }
    },
    role: 'leader renewing',
    effects: [RENEWED, RENEW, 'setTimer renew 1000', 'setTimer renew 1000', 'replaceLease lease-1@13'].concat([
      RENEWED,
      RENEW,
      'setTimer renew 1000',
      'setTimer renew 1000',
      'replaceLease lease-1@14',
    ]),
  },
  {
    rule: 'a leader warns and relies on its watch when reading the Lease is forbidden',
    given: () => leads().fire('backstop'),
    when: (story) => story.refuse('readLease', 'forbidden').fire('retry'),
    role: 'leader',
    effects: ['warning read-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'a leader reads its Lease and its Pod once a minute, and keeps the timer of its renewal',
    given: leads,
    when: (story) => story.fire('backstop'),
    role: 'leader',
    effects: ['readLease', `readPod ${SELF.name}`, 'setTimer backstop 60000'],
  },
  {
    rule: 'a leader writes its owner again with the next renewal when the first write failed',
    given: () => leads().watched(ownLease({ owner: null, resourceVersion: '12' })),
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(ownLease({ owner: null, resourceVersion: '14' })),
    role: 'leader',
    effects: ['setTimer renew 1000', 'readLease'],
  },
  {
    rule: 'a leader keeps a Lease that has lost its owner when it must not renew',
    given: leadsUnrenewed,
    when: (story) => story.watched(ownLease({ owner: null, resourceVersion: '12' })),
    role: 'leader',
    effects: ['warning owner-removed'],
  },
];

const ends: readonly Row[] = [
  {
    rule: "a watch event ends the term at once when it shows that the Lease is another Pod's",
    given: leads,
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      'clearTimer renew',
      'demoted usurped',
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: 'a Lease that was made foreign by hand ends the term',
    given: leads,
    when: (story) => story.watched(leaseOf(null, { resourceVersion: '15', holderIdentity: 'somebody' })),
    role: 'candidate',
    effects: [
      'watchPod none',
      'clearTimer renew',
      'demoted usurped',
      'warning foreign-lease',
      'leaderChanged somebody',
    ],
  },
  {
    rule: 'a release annotation that was written by hand ends the term',
    given: leads,
    when: (story) => story.watched(ownLease({ resourceVersion: '15', releasedBy: SELF.uid })),
    role: 'candidate deletingOldLease',
    effects: [
      'clearTimer renew',
      'demoted usurped',
      'setTimer campaign 25',
      `readPod ${SELF.name}`,
      'leaderChanged nobody',
    ],
  },
  {
    rule: "a late event of another Pod's Lease does not end the term",
    given: leads,
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '9' })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a change by hand does not end the term when the owner remains',
    given: leads,
    when: (story) => story.watched(ownLease({ resourceVersion: '15', holderIdentity: 'edited', leaseTransitions: 99 })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'the deletion of this Pod ends the term',
    given: leads,
    when: (story) => story.podGone(SELF),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'the pending deletion of this Pod does not end the term',
    given: leads,
    when: (story) => story.podWatched(SELF, podOf(SELF, { terminating: true })),
    role: 'leader',
    effects: [],
  },
  {
    rule: "a consistent read ends the term when it shows this Pod's name with another uid",
    given: () => leads().podWatched(SELF, podOf(NAMESAKE)),
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a leader reads its Pod when a list or watch event shows another uid or no Pod',
    given: leads,
    when: (story) => story.podWatched(SELF, podOf(NAMESAKE)).podListed(SELF, podOf(NAMESAKE)).podListed(SELF, null),
    role: 'leader',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a Pod that was deleted never campaigns again',
    given: () => leads().podGone(SELF),
    when: (story) => story.deleted(ownLease({ resourceVersion: '13' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Pod that was deleted never resumes its term',
    given: () => leads().podGone(SELF),
    when: (story) => story.fire('backstop').leaseRead(ownLease({ resourceVersion: '13' })),
    role: 'candidate',
    effects: ['readLease', 'setTimer backstop 60000', 'relist lease'],
  },
];

checkTable([...renewal, ...ends]);

test('a renewal adds renewTime and leaseDurationSeconds and keeps the other fields', () => {
  const story = leads().fire('renew');
  assert.deepEqual(story.content('replaceLease'), {
    holderIdentity: SELF.name,
    owner: SELF,
    acquireTimeMs: WALL_MS,
    renewTimeMs: WALL_MS,
    leaseDurationSeconds: 30,
    leaseTransitions: 0,
    releasedBy: null,
  });
});

test('a renewal corrects the fields of a Lease that was edited by hand', () => {
  const story = leads();
  story.watched(ownLease({ resourceVersion: '12', owner: null, leaseDurationSeconds: 1, releasedBy: 'somebody' }));
  const content = story.content('replaceLease');
  assert.deepEqual(content.owner, SELF);
  assert.equal(content.leaseDurationSeconds, 30);
  assert.equal(content.releasedBy, null);
});

test('a jump of the wall clock changes only the times that are written', () => {
  const story = leads();
  story.wallMs -= 86_400_000;
  story.clearEffects().fire('renew').replaced('12').fire('renew');
  assert.deepEqual(story.texts, ['replaceLease lease-1@11', RENEWED, RENEW, 'replaceLease lease-1@12']);
  assert.equal(story.content('replaceLease').renewTimeMs, WALL_MS - 86_400_000 + 10_000);
});
