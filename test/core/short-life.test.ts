// Checks that a process stops campaigning when Pods cannot be read and its Lease is deleted three times in a row soon
// after its creation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHORT_LIFE_MS } from '../../src/core/short-life.ts';
import {
  checkTable,
  follows,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  starts,
} from './story.ts';

/** A leader that must not read Pods and has just created its Lease. */
function leadsWithoutReads(): Story {
  return starts().absent('10').refuse('readPod', 'forbidden', SELF.name).created({ resourceVersion: '11' });
}

/** The garbage collector deletes the Lease at this version. */
function collected(story: Story, uid: string, resourceVersion: string): Story {
  return story.deleted(ownLease({ uid, resourceVersion }));
}

/** The leader restores its Lease at this version, a second later. */
function restored(story: Story, uid: string, resourceVersion: string): Story {
  if (story.timers.has('retry')) story.fire('retry').leaseRead(null);
  return story.refuse('readPod', 'forbidden', SELF.name).created({ uid, resourceVersion });
}

/** A leader whose Lease was deleted twice and restored twice. */
function restoresTwice(): Story {
  const story = restored(collected(leadsWithoutReads(), 'lease-1', '12'), 'lease-2', '13');
  return restored(collected(story, 'lease-2', '14'), 'lease-3', '15');
}

const rows: readonly Row[] = [
  {
    rule: 'a leader restores its Lease when it was deleted twice',
    given: () => restored(collected(leadsWithoutReads(), 'lease-1', '12'), 'lease-2', '13'),
    when: (story) => restored(collected(story, 'lease-2', '14'), 'lease-3', '15'),
    role: 'leader',
    effects: [
      'setTimer retry 1000',
      'readLease',
      `readPod ${SELF.name}`,
      'setTimer permission 12000',
      'createLease transitions=0',
      'setTimer renew 1000',
    ],
  },
  {
    rule: 'a leader stops campaigning when its Lease was deleted three times in a row: the API server does not know this Pod',
    given: restoresTwice,
    when: (story) => collected(story, 'lease-3', '16'),
    role: 'candidate',
    effects: ['warning pod-unknown', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a deletion does not count when a person gave the Lease to another Pod before',
    given: () => restoresTwice().watched(leaseOf(RIVAL, { uid: 'lease-3', resourceVersion: '16' })),
    when: (story) => story.deleted(leaseOf(RIVAL, { uid: 'lease-3', resourceVersion: '17' })),
    role: 'candidate',
    effects: ['setTimer recheck 10000'],
  },
  {
    rule: 'a process that stopped campaigning never campaigns again',
    given: () => collected(restoresTwice(), 'lease-3', '16'),
    when: (story) => story.fire('backstop').leaseRead(null),
    role: 'candidate',
    effects: ['readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a deletion counts as the first one when the Lease existed for a while before',
    given: () => {
      const story = restored(collected(leadsWithoutReads(), 'lease-1', '12'), 'lease-2', '13');
      story.wait(SHORT_LIFE_MS);
      restored(collected(story, 'lease-2', '14'), 'lease-3', '15');
      return restored(collected(story, 'lease-3', '16'), 'lease-4', '17');
    },
    when: (story) => collected(story, 'lease-4', '18'),
    role: 'leader backingOff',
    effects: ['setTimer retry 1000'],
  },
  {
    rule: 'the deletion of a released Lease by a successor does not count',
    given: () => restoresTwice().stepDown().settled().fire('leaving'),
    when: (story) => {
      const released = ownLease({ uid: 'lease-3', resourceVersion: '16', releasedBy: SELF.uid });
      story.watched(released).deleted({ ...released, resourceVersion: '17' });
    },
    role: 'candidate',
    effects: ['setTimer recheck 10000', 'leaderChanged nobody'],
  },
  {
    rule: 'a leader restores its Lease when a watch shows its Pod alive, although reads of it are refused',
    given: () => {
      const seen = leadsWithoutReads().take({ type: 'podObserved', watched: SELF, pod: podOf(SELF), by: 'list' });
      const story = restored(collected(seen, 'lease-1', '12'), 'lease-2', '13');
      return restored(collected(story, 'lease-2', '14'), 'lease-3', '15');
    },
    when: (story) => collected(story, 'lease-3', '16'),
    role: 'leader backingOff',
    effects: ['setTimer retry 1000'],
  },
  {
    rule: 'a leader restores its Lease whenever it is deleted when its Pod can be read',
    given: () => {
      const story = starts().absent('10').podRead(SELF.name, podOf(SELF)).created({ resourceVersion: '11' });
      for (const [uid, next, version] of [
        ['lease-1', 'lease-2', 12],
        ['lease-2', 'lease-3', 14],
      ] as const) {
        collected(story, uid, String(version));
        if (story.timers.has('retry')) story.fire('retry').leaseRead(null);
        story.podRead(SELF.name, podOf(SELF)).created({ uid: next, resourceVersion: String(version + 1) });
      }
      return story;
    },
    when: (story) => collected(story, 'lease-3', '16'),
    role: 'leader backingOff',
    effects: ['setTimer retry 1000'],
  },
];

checkTable(rows);

/** The knowledge of the Lease that this Pod owns. */
function ownLeaseOf({ state }: Story) {
  return state.knowledge.ownLease;
}

test('a Lease of this Pod is known from its first observation', () => {
  assert.equal(ownLeaseOf(follows()), null);
  const story = leads();
  const own = { uid: 'lease-1', seenAtMs: story.nowMs };
  assert.deepEqual(ownLeaseOf(story), own);
  assert.deepEqual(ownLeaseOf(story.wait(1_000).watched(ownLease({ resourceVersion: '12' }))), own);
});

test('a Lease of this Pod is forgotten when another Pod owns it, but not when another Lease appears', () => {
  assert.equal(ownLeaseOf(leads().watched(leaseOf(RIVAL, { resourceVersion: '15' }))), null);
  assert.equal(ownLeaseOf(leads().watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })))?.uid, 'lease-1');
});

test('a Lease of this Pod is forgotten when it was released and deleted', () => {
  const released = ownLease({ resourceVersion: '15', releasedBy: SELF.uid });
  const story = leads()
    .stepDown()
    .settled()
    .watched(released)
    .deleted({ ...released, resourceVersion: '16' });
  assert.equal(ownLeaseOf(story), null);
});

test('a Lease that is deleted while its process leaves does not count as short-lived', () => {
  const deleted = ownLease({ resourceVersion: '12' });
  assert.equal(leads().deleted(deleted).state.knowledge.shortLives, 1);
  assert.equal(leads().stop().settled().deleted(deleted).state.knowledge.shortLives, 0);
});
