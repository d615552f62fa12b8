// Checks how a leader restores a Lease that was deleted by hand: for the same term, any number of times, and only while
// its Pod exists.

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
/** A restored Lease has no renewal fields. Until the next renewal, no other Pod can see whether its holder hangs. */
const RENEW_SOON = 'setTimer renew 1000';

/** A leader that has renewed once: lease-1@12. */
function renews(): Story {
  return leads().fire('renew').replaced('12');
}

/** A leader whose Lease was deleted by hand at resourceVersion 13. */
function loses(): Story {
  return renews().deleted(ownLease({ resourceVersion: '13' }));
}

/** A leader that has sent the create of its Lease again. */
function restores(): Story {
  return loses().podRead(SELF.name, podOf(SELF));
}

const restoration: readonly Row[] = [
  {
    rule: 'a leader creates its Lease again when it was deleted by hand and this Pod exists',
    given: renews,
    when: (story) => story.deleted(ownLease({ resourceVersion: '13' })).podRead(SELF.name, podOf(SELF)),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a leader announces nothing and renews soon when it has restored its Lease',
    given: restores,
    when: (story) => story.created({ uid: 'lease-2', resourceVersion: '14' }).fire('renew'),
    role: 'leader renewing',
    effects: [RENEW_SOON, 'replaceLease lease-2@14'],
  },
  {
    rule: 'a leader reads its restored Lease when the answer of its create looks old (a restored cluster), and suspects no twin',
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
    rule: 'a leader restores its Lease when its Pod is being deleted',
    given: loses,
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leader restoring',
    effects: ['createLease transitions=0'],
  },
  {
    rule: 'a deletion of the Lease ends the term when this Pod is gone',
    given: loses,
    when: (story) => story.podRead(SELF.name, null),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: "a deletion of the Lease ends the term when another Pod has this Pod's name",
    given: loses,
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a leader that must not renew restores its Lease and still does not renew',
    given: () => {
      const story = leads().fire('renew').refuse('replaceLease', 'forbidden');
      return story.deleted(ownLease({ resourceVersion: '13' })).podRead(SELF.name, podOf(SELF));
    },
    when: (story) => story.created({ uid: 'lease-2', resourceVersion: '14' }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader restores its Lease without a read of its Pod when Pods cannot be read',
    given: loses,
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name),
    role: 'leader restoring',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden', 'createLease transitions=0'],
  },
  {
    rule: 'a leader repeats a read of its Pod that fails for another reason, although reads of Pods have been refused',
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
    rule: 'a read of this Pod shows that Pods can be read again',
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
    rule: 'a leader repeats a failed read of its Pod after a read of the Lease',
    given: loses,
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).fire('retry').leaseRead(null),
    role: 'leader restoring',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`],
  },
  {
    rule: 'a leader reads the Lease when its create is answered 409',
    given: restores,
    when: (story) => story.fail('createLease', 'alreadyExists'),
    role: 'leader backingOff',
    effects: ['readLease'],
  },
  {
    rule: "a leader stops leading when it reads another Pod's Lease after a 409",
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
    rule: 'a Lease is restored when the create had no answer and was executed',
    given: () => restores().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leader repeats the create when it had no answer and was not executed',
    given: () => restores().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null).podRead(SELF.name, podOf(SELF)),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a leader restores its Lease again when the answer to the create comes after the next deletion',
    given: () => restores().deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
    when: (story) => {
      story.created({ uid: 'lease-2', resourceVersion: '14' });
      story.fire('retry').leaseRead(null).podRead(SELF.name, podOf(SELF));
    },
    role: 'leader restoring',
    effects: [RENEW, 'setTimer retry 1000', 'readLease', `readPod ${SELF.name}`, 'createLease transitions=0'],
  },
  {
    rule: 'a leader restores its Lease once a second when a client deletes it again and again',
    given: () => restores().created({ uid: 'lease-2', resourceVersion: '14' }).wait(400),
    when: (story) => story.deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
    role: 'leader backingOff',
    effects: ['setTimer retry 600'],
  },
  {
    rule: 'a leader restores its Lease at once when it existed for a while',
    given: () => restores().created({ uid: 'lease-2', resourceVersion: '14' }).wait(1_000),
    when: (story) => story.deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a failed read of the Lease does not stop a create that is in flight',
    given: () => restores().fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'leader restoring backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a leader creates no Lease and warns of a twin when another process has restored its Lease',
    given: loses,
    when: (story) => story.watched(ownLease({ uid: 'lease-2', resourceVersion: '14' })).podRead(SELF.name, podOf(SELF)),
    role: 'leader',
    effects: ['warning twin', RENEW_SOON],
  },
  {
    rule: 'a leader warns once and tries again when it must not create the Lease',
    given: restores,
    when: (story) => story.refuse('createLease', 'forbidden').fire('retry'),
    role: 'leader backingOff',
    effects: ['warning create-forbidden', 'setTimer retry 750', 'readLease'],
  },
  {
    rule: 'the timer of the renewal is set again when it fires while there is no Lease',
    given: restores,
    when: (story) => story.fire('renew'),
    role: 'leader restoring',
    effects: [RENEW],
  },
];

checkTable(restoration);

test('a restored Lease keeps the acquireTime and the transitions of its term', () => {
  const story = clears().podRead(SELF.name, podOf(SELF)).removed();
  story.created({ uid: 'lease-2', resourceVersion: '30' }).wait(5_000);
  story.deleted(ownLease({ uid: 'lease-2', resourceVersion: '31' })).podRead(SELF.name, podOf(SELF));
  const { acquireTimeMs, leaseTransitions } = story.content('createLease');
  assert.equal(leaseTransitions, 4);
  assert.equal(acquireTimeMs, WALL_MS + 25);
});

test('a leader renews again after every kind of restoration', () => {
  const stories: Record<string, Story> = {
    answered: restores().created({ uid: 'lease-2', resourceVersion: '14' }),
    'answer lost': restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
    'created by an earlier attempt': restores()
      .fail('createLease', 'alreadyExists')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
    'the timer of the renewal fired while the Lease was missing': restores()
      .fire('renew')
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
  };
  for (const [name, story] of Object.entries(stories)) {
    assert.ok(story.timers.has('renew'), name);
    story.clearEffects().fire('renew');
    assert.deepEqual(story.texts, ['replaceLease lease-2@14'], name);
  }
});
