// Checks how facts become knowledge: late facts are dropped, doubtful ones are read, and changes are announced once.
// The rules are the same in every role; most rows use a candidate.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKSTOP_INTERVAL_MS, currentLeader } from '../../src/core/observation.ts';
import {
  checkTable,
  clears,
  finds,
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

const THIRD = { name: 'app-3', uid: 'pod-3' };

/** The rival's Lease with a renewal: lease-1@20. */
const renewing = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 15 });

function followsRenewing(): Story {
  return follows(renewing);
}

function currentVersion(story: Story): string | null {
  return story.state.knowledge.observation?.lease?.resourceVersion ?? null;
}

const late: readonly Row[] = [
  {
    rule: 'an event is dropped when it is older than what is known',
    given: follows,
    when: (story) => story.watched(leaseOf(THIRD, { resourceVersion: '19' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a deletion is dropped when it is older than what is known',
    given: follows,
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '19' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a list without a Lease is dropped when it is older than what is known',
    given: follows,
    when: (story) => story.absent('19'),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Lease that is gone does not come back because of a late event',
    given: () =>
      follows()
        .podGone(RIVAL)
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '24' })),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'a Lease that was just deleted does not come back because of a repeated event',
    given: () => follows().podGone(RIVAL).fire('campaign').removed(),
    when: (story) => story.watched(leaseOf(RIVAL)),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'resourceVersions are compared as numbers: 100 is newer than 20',
    given: follows,
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '100' })),
    role: 'candidate',
    effects: ['setTimer recheck 5000'],
  },
  {
    rule: 'a fact about a Pod is dropped when the Pod is no longer the holder',
    given: () => follows().watched(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '25' })),
    when: (story) =>
      story
        .podGone(RIVAL)
        .podListed(RIVAL, null)
        .podWatched(RIVAL, podOf({ ...RIVAL, uid: 'pod-9' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: "an answer about the earlier holder's Pod does not change what is known of the present holder",
    given: () => {
      const story = follows().fire('backstop');
      story.leaseRead(leaseOf({ ...RIVAL, uid: 'pod-9' }, { uid: 'lease-2', resourceVersion: '25' }));
      return story;
    },
    when: (story) => story.podRead(RIVAL.name, podOf(RIVAL)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a read that finds no Lease is not believed when the Lease changed while it was in flight',
    given: () =>
      follows()
        .fire('backstop')
        .watched(leaseOf(RIVAL, { resourceVersion: '22' })),
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['readLease'],
  },
  {
    rule: 'a read that finds no Lease is believed when nothing changed while it was in flight',
    given: () => follows().fire('backstop'),
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['relist lease', 'setTimer recheck 5000'],
  },
  {
    rule: 'a read that finds no Lease is not believed when a DELETE of this process was answered while it was in flight',
    given: () => clears().fire('backstop').removed(),
    when: (story) => story.leaseRead(null),
    role: 'candidate deletingOldLease',
    effects: ['readLease'],
  },
  {
    rule: 'a read does not bring the Lease back when a deletion overtook it',
    given: () =>
      follows()
        .fire('backstop')
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(leaseOf(RIVAL)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a read does not bring the Lease back when a creation and its deletion overtook it',
    given: () => {
      const story = follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .fire('recheck');
      const again = leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '27' });
      return story.watched(again).deleted({ ...again, resourceVersion: '28' });
    },
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '27' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'an answer is believed when it is older than what was known before the request: the cluster was restored',
    given: () => follows().fire('backstop'),
    when: (story) => story.leaseRead(leaseOf(THIRD, { uid: 'lease-0', resourceVersion: '7' })),
    role: 'candidate',
    effects: ['relist lease', 'watchPod app-3/pod-3', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
];

const changes: readonly Row[] = [
  {
    rule: 'a renewal is announced',
    given: followsRenewing,
    when: (story) => story.watched({ ...renewing, resourceVersion: '21', renewTimeMs: 11_000 }),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a change of the Lease is not announced when it is not a renewal',
    given: followsRenewing,
    when: (story) => story.watched({ ...renewing, resourceVersion: '21', leaseTransitions: 9 }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Lease is not announced again when nothing changed',
    given: followsRenewing,
    when: (story) => story.watched(renewing).listed(renewing),
    role: 'candidate',
    effects: [],
  },
  {
    rule: "a follower reads the Lease and the holder's Pod when the duration is over, and announces no silence yet",
    given: followsRenewing,
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['readLease', 'readPod app-2'],
  },
  {
    rule: 'a jump of the wall clock does not make a leader silent',
    given: () => {
      const story = followsRenewing();
      story.wallMs += 86_400_000;
      return story;
    },
    when: (story) =>
      story.watched({ ...renewing, resourceVersion: '21', renewTimeMs: 11_000 }).podListed(RIVAL, podOf(RIVAL)),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a leader that does not renew is never silent',
    given: () => finds(leaseOf(RIVAL)),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: 'a leader with a renewTime but no duration is never silent',
    given: starts,
    when: (story) => story.listed({ ...renewing, leaseDurationSeconds: null }),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: 'a leader is not silent when its Lease is gone',
    given: followsRenewing,
    when: (story) => story.deleted({ ...renewing, resourceVersion: '25' }),
    role: 'candidate',
    effects: ['clearTimer stale', 'setTimer recheck 5000'],
  },
  {
    rule: 'a new leader is announced',
    given: follows,
    when: (story) => story.watched(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '25' })),
    role: 'candidate',
    effects: ['watchPod app-3/pod-3', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
  {
    rule: 'a Pod of the same name with another uid is announced as a new leader',
    given: follows,
    when: (story) => story.watched(leaseOf({ ...RIVAL, uid: 'pod-9' }, { uid: 'lease-2', resourceVersion: '25' })),
    role: 'candidate',
    effects: [`watchPod ${RIVAL.name}/pod-9`, 'setTimer recheck 5000', `leaderChanged ${RIVAL.name}/pod-9`],
  },
  {
    rule: 'a Lease that its holder restores is not announced',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '26' })),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
];

const doubts: readonly Row[] = [
  {
    rule: "the Lease and the holder's Pod are read again once a minute",
    given: follows,
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a read is not sent again when it is still in flight',
    given: () => follows().fire('backstop'),
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: [`setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a read is sent again when it was answered',
    given: () => follows().fire('backstop').leaseRead(leaseOf(RIVAL)).podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a read of the Lease is not sent again when only the read of the Pod failed',
    given: () => follows().fire('backstop').fail('readPod', 'unavailable'),
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a resync reads only the Lease when a minute has passed without a first answer',
    given: starts,
    when: (story) => story.fire('backstop'),
    role: 'starting (lock held)',
    effects: ['readLease', `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a resync does not repeat a renewal when the process does not lead',
    given: () => finds(ownLease()).refuse('replaceLease', 'forbidden'),
    when: (story) => story.fire('backstop'),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'the holder is read every five seconds when nothing is known of its Pod',
    given: () => finds(leaseOf(RIVAL)),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
];

checkTable([...late, ...changes, ...doubts]);

test('a read that shows no change changes the moment of the last confirmation, and not that of the observation', () => {
  const story = follows().wait(20_000);
  const before = story.state.knowledge.verifiedAtMs;
  story.fire('backstop').leaseRead(leaseOf(RIVAL));
  assert.ok(story.state.knowledge.verifiedAtMs > before);
  assert.equal(story.state.knowledge.observation?.sinceMs, 1_000_000);
});

test('a list confirms an absent Lease when it shows again that the Lease does not exist', () => {
  const story = follows()
    .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
    .wait(20_000)
    .absent('25');
  assert.equal(story.state.knowledge.verifiedAtMs, story.nowMs);
  assert.equal(story.state.knowledge.observation?.sinceMs, story.nowMs - 20_000);
});

test('the silence is measured from the last change that was observed, by the monotonic clock', () => {
  const story = follows(renewing)
    .wait(3_000)
    .watched({ ...renewing, resourceVersion: '21', renewTimeMs: 2 });
  story.wallMs = 0;
  assert.deepEqual(story.clearEffects().fire('stale').texts, ['readLease', 'readPod app-2']);
  story.clearEffects().leaseRead({ ...renewing, resourceVersion: '21', renewTimeMs: 2 });
  assert.deepEqual(story.texts, [`stale ${RIVAL.name}/${RIVAL.uid} for 15000`]);
});

test('a leader does not announce its own silence', () => {
  const story = leads().fire('renew').replaced('12');
  assert.ok(!story.timers.has('stale'));
  story.clearEffects().take({ type: 'timerFired', timer: 'stale' });
  assert.deepEqual(story.texts, []);
});

test('the order of late events does not change what was observed', () => {
  const events: readonly ((story: Story) => Story)[] = [
    (story) => story.watched(leaseOf(RIVAL)),
    (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '21' })),
    (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '22' })),
    (story) => story.watched(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '23' })),
  ];
  for (const first of events) {
    const story = starts().absent('10');
    for (const event of [first, ...events.toReversed(), ...events]) event(story);
    assert.equal(currentVersion(story), '23');
    assert.equal(story.state.knowledge.knownHolder?.pod.uid, THIRD.uid);
  }
});

test("a release annotation on this Pod's Lease is ignored when it names another Pod", () => {
  const story = leads()
    .clearEffects()
    .watched(ownLease({ resourceVersion: '12', releasedBy: RIVAL.uid }));
  assert.equal(story.role.name, 'leader');
  assert.deepEqual(story.texts, []);
  assert.equal(story.state.knowledge.knownHolder?.pod.uid, SELF.uid);
});

test('only a renewal restarts the age of the last renewal', () => {
  const renewing = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 30 });
  const story = follows(renewing);
  const renewedAtMs = story.nowMs;
  const age = (): number | null | undefined => currentLeader(story.state.knowledge)?.renewalObservedAtMs;
  story.wait(5_000).watched({ ...renewing, resourceVersion: '21', acquireTimeMs: 9_000, leaseTransitions: 8 });
  story.wait(5_000).watched({ ...renewing, resourceVersion: '22', releasedBy: null, finalizers: ['example.com/a'] });
  assert.equal(age(), renewedAtMs);
  story.watched({ ...renewing, resourceVersion: '23', renewTimeMs: 11_000 });
  assert.equal(age(), story.nowMs);
  story.watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '24' }));
  assert.equal(age(), null, 'an acquisition is not a renewal');
});
