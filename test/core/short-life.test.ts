// Checks that a Lease which is collected three times in a row ends the campaign, where Pods cannot be read.

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

/** The leader of a Lease that has just been created, in a cluster that lets no Pod be read. */
function leadsBlindly(): Story {
  return starts().absent('10').refuse('readPod', 'forbidden', SELF.name).created({ resourceVersion: '11' });
}

/** Its Lease is collected at this version. */
function collected(story: Story, uid: string, resourceVersion: string): Story {
  return story.deleted(ownLease({ uid, resourceVersion }));
}

/** The Lease is restored at this version, a second after the last time. */
function restored(story: Story, uid: string, resourceVersion: string): Story {
  if (story.timers.has('retry')) story.fire('retry').leaseRead(null);
  return story.refuse('readPod', 'forbidden', SELF.name).created({ uid, resourceVersion });
}

/** Collected twice, and restored twice. */
function restoresTwice(): Story {
  const story = restored(collected(leadsBlindly(), 'lease-1', '12'), 'lease-2', '13');
  return restored(collected(story, 'lease-2', '14'), 'lease-3', '15');
}

const rows: readonly Row[] = [
  {
    rule: 'a Lease that is collected twice is restored',
    given: () => restored(collected(leadsBlindly(), 'lease-1', '12'), 'lease-2', '13'),
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
    rule: 'a Lease that is collected three times in a row ends the campaign: the API server does not know this Pod',
    given: restoresTwice,
    when: (story) => collected(story, 'lease-3', '16'),
    role: 'candidate',
    effects: ['warning pod-unknown', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'a Lease that a person gave to another Pod before it was deleted does not count',
    given: () => restoresTwice().watched(leaseOf(RIVAL, { uid: 'lease-3', resourceVersion: '16' })),
    when: (story) => story.deleted(leaseOf(RIVAL, { uid: 'lease-3', resourceVersion: '17' })),
    role: 'candidate',
    effects: ['setTimer recheck 10000'],
  },
  {
    rule: 'the process never campaigns again',
    given: () => collected(restoresTwice(), 'lease-3', '16'),
    when: (story) => story.fire('backstop').leaseRead(null),
    role: 'candidate',
    effects: ['readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a Lease that stood for a while in between begins the count again',
    given: () => {
      const story = restored(collected(leadsBlindly(), 'lease-1', '12'), 'lease-2', '13');
      story.wait(SHORT_LIFE_MS);
      restored(collected(story, 'lease-2', '14'), 'lease-3', '15');
      return restored(collected(story, 'lease-3', '16'), 'lease-4', '17');
    },
    when: (story) => collected(story, 'lease-4', '18'),
    role: 'leader backingOff',
    effects: ['setTimer retry 1000'],
  },
  {
    rule: 'a Lease that was given to somebody else by hand, and deleted then, was not collected from this Pod',
    given: () => {
      const story = restoresTwice();
      return story.watched(leaseOf(RIVAL, { uid: 'lease-3', resourceVersion: '16' }));
    },
    when: (story) => story.deleted(leaseOf(RIVAL, { uid: 'lease-3', resourceVersion: '17' })),
    role: 'candidate',
    effects: ['setTimer recheck 10000'],
  },
  {
    rule: 'nor was one that was released and that a successor deleted',
    given: () => restoresTwice().stepDown().settled().fire('leaving'),
    when: (story) => {
      const released = ownLease({ uid: 'lease-3', resourceVersion: '16', releasedBy: SELF.uid });
      story.watched(released).deleted({ ...released, resourceVersion: '17' });
    },
    role: 'candidate',
    effects: ['setTimer recheck 10000', 'leaderChanged nobody'],
  },
  {
    rule: 'a Pod that the watch shows alive is known to the API server, although single reads are refused',
    given: () => {
      const seen = leadsBlindly().tell({ type: 'podObserved', watched: SELF, pod: podOf(SELF), by: 'list' });
      const story = restored(collected(seen, 'lease-1', '12'), 'lease-2', '13');
      return restored(collected(story, 'lease-2', '14'), 'lease-3', '15');
    },
    when: (story) => collected(story, 'lease-3', '16'),
    role: 'leader backingOff',
    effects: ['setTimer retry 1000'],
  },
  {
    rule: 'when this Pod can be read, a Lease that somebody deletes again and again is restored',
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

/** What is known of the Lease that this Pod owns. */
function ownLeaseOf({ state }: Story) {
  return state.knowledge.ownLease;
}

test('an own Lease is known since it was first seen', () => {
  assert.equal(ownLeaseOf(follows()), null);
  const story = leads();
  const own = { uid: 'lease-1', seenAtMs: story.nowMs };
  assert.deepEqual(ownLeaseOf(story), own);
  assert.deepEqual(ownLeaseOf(story.wait(1_000).watched(ownLease({ resourceVersion: '12' }))), own);
});

test('an own Lease is forgotten when another Pod owns it, and not when another Lease appears', () => {
  assert.equal(ownLeaseOf(leads().watched(leaseOf(RIVAL, { resourceVersion: '15' }))), null);
  assert.equal(ownLeaseOf(leads().watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })))?.uid, 'lease-1');
});

test('an own Lease is forgotten when it was released and deleted', () => {
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
