// Checks how a leader restores a Lease that was deleted by hand: for the same term, however often, and only
// while its Pod exists.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkTable,
  clears,
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
/** A restored Lease says nothing of renewals: until the next one nobody could see that its holder hangs. */
const RENEW_SOON = 'setTimer renew 1000';

/** A leader that has renewed once: lease-1@12. */
function renews(): Story {
  return leads().fire('renew').replaced('12');
}

/** Its Lease was deleted by hand, at resourceVersion 13. */
function loses(): Story {
  return renews().deleted(ownLease({ resourceVersion: '13' }));
}

/** It has sent the create of its Lease again. */
function restores(): Story {
  return loses().podRead(SELF.name, podOf(SELF));
}

const restoration: readonly Row[] = [
  {
    rule: 'a Lease that was deleted by hand is created again, once this Pod is known to exist',
    given: renews,
    when: (story) => story.deleted(ownLease({ resourceVersion: '13' })).podRead(SELF.name, podOf(SELF)),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'the term is the same then: nobody is told anything, and renewals go on, the first one soon, as of any new Lease',
    given: restores,
    when: (story) => story.created({ uid: 'lease-2', resourceVersion: '14' }).fire('renew'),
    role: 'leader renewing',
    effects: [RENEW_SOON, 'replaceLease lease-2@14'],
  },
  {
    rule: 'in a cluster restored from a backup the answer looks old: a read finds the Lease, the term goes on, and no twin is seen',
    given: () => {
      const story = leads().fire('renew').replaced('100').fire('backstop').leaseRead(null);
      return story.podRead(SELF.name, podOf(SELF)).created({ uid: 'lease-2', resourceVersion: '14' }).wait(1_000);
    },
    when: (story) =>
      story
        .fire('retry')
        .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' }))
        .fire('renew'),
    role: 'leader renewing',
    effects: ['readLease', 'replaceLease lease-2@14'],
  },
  {
    rule: 'a Pod that is being deleted restores its Lease, too',
    given: loses,
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leader restoring',
    effects: ['createLease transitions=0'],
  },
  {
    rule: 'a Lease that goes because this Pod is gone ends the term',
    given: loses,
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a Lease that goes because this Pod was replaced by another of its name ends the term',
    given: loses,
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a leader that is not permitted to renew restores its Lease, and renews it no more than before',
    given: () => {
      const story = leads().fire('renew').refuse('replaceLease', 'forbidden');
      return story.deleted(ownLease({ resourceVersion: '13' })).podRead(SELF.name, podOf(SELF));
    },
    when: (story) => story.created({ uid: 'lease-2', resourceVersion: '14' }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'this Pod is believed to exist when Pods cannot be read',
    given: loses,
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name),
    role: 'leader restoring',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden', 'createLease transitions=0'],
  },
  {
    rule: 'a refusal to read Pods that lasted does not excuse a leader from a read of its Pod that fails in another way',
    given: () => {
      const story = loses()
        .refuse('readPod', 'forbidden', SELF.name)
        .created({ uid: 'lease-2', resourceVersion: '14' });
      return story.wait(1_000).deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' }));
    },
    when: (story) => story.fail('readPod', 'unavailable', SELF.name),
    role: 'leader backingOff',
    effects: ['setTimer permission 6000', 'setTimer retry 188'],
  },
  {
    rule: 'an own Pod that can be read shows that Pods may be read again',
    given: () => {
      const story = loses()
        .refuse('readPod', 'forbidden', SELF.name)
        .created({ uid: 'lease-2', resourceVersion: '14' });
      return story.wait(1_000).deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' }));
    },
    when: (story) => story.podRead(SELF.name, podOf(SELF)).fire('backstop'),
    role: 'leader restoring',
    effects: [
      'warning refusal-over',
      'createLease transitions=0',
      'readLease',
      `readPod ${SELF.name}`,
      'setTimer backstop 60000',
    ],
  },
  {
    rule: 'a read of this Pod that fails otherwise is repeated after a look at the Lease',
    given: loses,
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).fire('retry').leaseRead(null),
    role: 'leader restoring',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`],
  },
  {
    rule: 'who finds another Lease in its place (409) reads it',
    given: restores,
    when: (story) => story.fail('createLease', 'alreadyExists'),
    role: 'leader backingOff',
    effects: ['readLease'],
  },
  {
    rule: "and stops leading when it is another's",
    given: () => restores().fail('createLease', 'alreadyExists'),
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
    rule: 'a create whose answer never came, but that was carried out, restores the Lease',
    given: () => restores().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a create whose answer never came, and that was not carried out, is repeated',
    given: () => restores().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null).podRead(SELF.name, podOf(SELF)),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a Lease that is restored and known to be deleted again before the answer came is restored again',
    given: () => restores().deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
    when: (story) => {
      story.created({ uid: 'lease-2', resourceVersion: '14' });
      story.fire('retry').leaseRead(null).podRead(SELF.name, podOf(SELF));
    },
    role: 'leader restoring',
    effects: [RENEW, 'setTimer retry 1000', 'readLease', `readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a Lease that goes again at once is restored once a second: a client that deletes it again and again is not fought',
    given: () => restores().created({ uid: 'lease-2', resourceVersion: '14' }).wait(400),
    when: (story) => story.deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
    role: 'leader backingOff',
    effects: ['setTimer retry 600'],
  },
  {
    rule: 'a Lease that stood for a while is restored at once',
    given: () => restores().created({ uid: 'lease-2', resourceVersion: '14' }).wait(1_000),
    when: (story) => story.deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a look at the Lease that fails does not make a create that is under way be forgotten',
    given: () => restores().fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'leader restoring backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a Lease that comes back by itself needs no restoration',
    given: loses,
    when: (story) => story.watched(ownLease({ uid: 'lease-2', resourceVersion: '14' })).podRead(SELF.name, podOf(SELF)),
    role: 'leader',
    effects: ['warning twin', RENEW_SOON],
  },
  {
    rule: 'without permission to create it tries again, with one warning',
    given: restores,
    when: (story) => story.refuse('createLease', 'forbidden').fire('retry'),
    role: 'leader backingOff',
    effects: ['warning create-forbidden', 'setTimer retry 750', 'readLease'],
  },
  {
    rule: 'the turn of a renewal while there is no Lease is not the last one',
    given: restores,
    when: (story) => story.fire('renew'),
    role: 'leader restoring',
    effects: [RENEW],
  },
];

checkTable(restoration);

test('a restored Lease keeps when the term began and how often the Lease changed hands', () => {
  const story = clears().podRead(SELF.name, podOf(SELF)).removed();
  story.created({ uid: 'lease-2', resourceVersion: '30' }).wait(5_000);
  story.deleted(ownLease({ uid: 'lease-2', resourceVersion: '31' })).podRead(SELF.name, podOf(SELF));
  const { acquireTimeMs, leaseTransitions } = story.content('createLease');
  assert.equal(leaseTransitions, 4);
  assert.equal(acquireTimeMs, WALL_MS + 25);
});

test('renewals go on after a restoration, however it came about', () => {
  const stories: Record<string, Story> = {
    answered: restores().created({ uid: 'lease-2', resourceVersion: '14' }),
    'answer lost': restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
    'created by an earlier attempt': restores()
      .fail('createLease', 'alreadyExists')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
    'the renewal came while it was missing': restores()
      .fire('renew')
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
  };
  for (const [name, story] of Object.entries(stories)) {
    assert.ok(story.timers.has('renew'), name);
    story.forget().fire('renew');
    assert.deepEqual(story.said, ['replaceLease lease-2@14'], name);
  }
});
