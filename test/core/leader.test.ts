// Checks how a leader renews its Lease, and what ends its term: the Lease is another's, its Pod is gone, or its
// token is refused again and again. Nothing else does.

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

/** A leader without permission to renew. */
function leadsUnrenewed(): Story {
  return leads().fire('renew').refuse('replaceLease', 'forbidden');
}

/** It renews again, once it may try and a second has passed since the last renewal. */
function triesAgain(story: Story): Story {
  story.fire('permission').fire('renew');
  return story.state.role.name === 'leader' && story.state.role.renewal === null ? story.fire('renew') : story;
}

const renewal: readonly Row[] = [
  {
    rule: 'a leader renews its Lease on top of what it saw last',
    given: leads,
    when: (story) => story.fire('renew'),
    role: 'leader renewing',
    effects: ['replaceLease lease-1@11'],
  },
  {
    rule: 'a renewal that was carried out is news, and sets the next',
    given: () => leads().fire('renew'),
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: [RENEWED, RENEW],
  },
  {
    rule: 'while a renewal is unanswered no other is sent',
    given: () => leads().fire('renew'),
    when: (story) => story.tell({ type: 'timerFired', timer: 'renew' }),
    role: 'leader renewing',
    effects: [],
  },
  {
    rule: 'a 409 on a renewal is no loss: the Lease is read at once, and the renewal repeated after a second',
    given: () => leads().fire('renew'),
    when: (story) => story.fail('replaceLease', 'conflict'),
    role: 'leader',
    effects: ['setTimer renew 1000', 'readLease'],
  },
  {
    rule: 'the repeated renewal is based on what was read',
    given: () => leads().fire('renew').fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(ownLease({ resourceVersion: '15' })).fire('renew'),
    role: 'leader renewing',
    effects: ['replaceLease lease-1@15'],
  },
  {
    rule: 'more conflicts in a row make the next wait longer',
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
    rule: "a 409 because the Lease is another's by now ends the term",
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
    rule: 'a renewal whose answer never came is followed by a look at the Lease',
    given: () => leads().fire('renew'),
    when: (story) => story.fail('replaceLease', 'unavailable'),
    role: 'leader',
    effects: ['setTimer renew 1000', 'readLease'],
  },
  {
    rule: 'an API server that cannot be reached ends nothing, however long',
    given: () => leads().fire('renew'),
    when: (story) => {
      for (let round = 0; round < 20; round++) {
        story.fail('replaceLease', 'unavailable').fail('readLease', 'unavailable').fire('renew').fire('retry');
      }
      story.forget();
    },
    role: 'leader renewing backingOff',
    effects: [],
  },
  {
    rule: 'a renewal that the server rejects is warned of, and tried again',
    given: () => leads().fire('renew'),
    when: (story) => story.refuse('replaceLease', 'rejected'),
    role: 'leader',
    effects: ['setTimer permission 6000', 'warning request-rejected'],
  },
  {
    rule: 'without permission to renew it continues to lead, with one warning',
    given: () => leads().fire('renew'),
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'leader',
    effects: ['setTimer permission 6000', 'warning renew-forbidden'],
  },
  {
    rule: 'a refused renewal is tried again after 1, 2, 4 s, and so on: the refusal may pass',
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
    rule: 'a renewal that was refused for half a minute is tried again once a minute',
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
    rule: 'a permission that is still missing is not warned of again',
    given: () => leadsUnrenewed().fire('permission').fire('renew'),
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'leader',
    effects: ['setTimer permission 12000'],
  },
  {
    rule: 'a permission that is granted after a warning is reported, and the renewals go on',
    given: () => leadsUnrenewed().fire('permission').fire('renew'),
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: ['warning refusal-over', `renewed ${SELF.name}/${SELF.uid}`, 'setTimer renew 10000'],
  },
  {
    rule: 'a Lease orphaned by hand is renewed at once, which puts the owner back',
    given: leads,
    when: (story) => story.watched(ownLease({ owner: null, resourceVersion: '12' })),
    role: 'leader renewing',
    effects: ['warning owner-removed', 'replaceLease lease-1@12'],
  },
  {
    rule: 'an owner that goes again with every renewal is put back once a second, not as fast as the server answers',
    given: () => leads().watched(ownLease({ owner: null, resourceVersion: '12' })),
    when: (story) => {
      for (const resourceVersion of ['13', '14']) {
        const content = story.content('replaceLease');
        const lease = ownLease({ ...content, owner: null, resourceVersion });
        story
          .tell({ type: 'leaseWritten', request: story.request('replaceLease'), lease })
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
    rule: 'a look at the Lease that is forbidden is warned of; after a wait the leader goes by its watch',
    given: () => leads().fire('backstop'),
    when: (story) => story.refuse('readLease', 'forbidden').fire('retry'),
    role: 'leader',
    effects: ['warning read-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'who may renew looks again once a minute, and renews in its turn',
    given: leads,
    when: (story) => story.fire('backstop'),
    role: 'leader',
    effects: ['readLease', `readPod ${SELF.name}`, 'setTimer backstop 60000'],
  },
  {
    rule: 'should that fail, the owner is put back with the next renewal, not in a hot loop',
    given: () => leads().watched(ownLease({ owner: null, resourceVersion: '12' })),
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(ownLease({ owner: null, resourceVersion: '14' })),
    role: 'leader',
    effects: ['setTimer renew 1000', 'readLease'],
  },
  {
    rule: 'an orphaned Lease that cannot be renewed is kept all the same',
    given: leadsUnrenewed,
    when: (story) => story.watched(ownLease({ owner: null, resourceVersion: '12' })),
    role: 'leader',
    effects: ['warning owner-removed'],
  },
];

const ends: readonly Row[] = [
  {
    rule: "a Lease that a watch shows to be another's ends the term at once",
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
    rule: 'a Lease that was marked released by hand ends the term',
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
    rule: "a late event of somebody else's Lease ends nothing",
    given: leads,
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '9' })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a change of the Lease by hand that leaves the owner ends nothing',
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
    rule: 'an own Pod that is being deleted ends nothing',
    given: leads,
    when: (story) => story.podWatched(SELF, podOf(SELF, { terminating: true })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'an own name that carries another uid in a consistent read ends the term',
    given: () => leads().podWatched(SELF, podOf(NAMESAKE)),
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'an own name that carries another uid, or that is missing, in a list or a watch event is read',
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
    rule: 'a Pod that was deleted never resumes its term either',
    given: () => leads().podGone(SELF),
    when: (story) => story.fire('backstop').leaseRead(ownLease({ resourceVersion: '13' })),
    role: 'candidate',
    effects: ['readLease', 'setTimer backstop 60000', 'relist lease'],
  },
];

checkTable([...renewal, ...ends]);

test('a renewal adds renewTime and leaseDurationSeconds, and keeps the rest', () => {
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

test('a renewal after the Lease was edited by hand puts it right', () => {
  const story = leads();
  story.watched(ownLease({ resourceVersion: '12', owner: null, leaseDurationSeconds: 1, releasedBy: 'somebody' }));
  const content = story.content('replaceLease');
  assert.deepEqual(content.owner, SELF);
  assert.equal(content.leaseDurationSeconds, 30);
  assert.equal(content.releasedBy, null);
});

test('a clock that jumps changes what is written, and nothing else', () => {
  const story = leads();
  story.wallMs -= 86_400_000;
  story.forget().fire('renew').replaced('12').fire('renew');
  assert.deepEqual(story.said, ['replaceLease lease-1@11', RENEWED, RENEW, 'replaceLease lease-1@12']);
  assert.equal(story.content('replaceLease').renewTimeMs, WALL_MS - 86_400_000 + 10_000);
});
