// Checks how facts become knowledge: what is late is dropped, what is doubtful is read, and what is news is told
// once. The same for every role; most rows tell it of a candidate.

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

/** The rival renews: lease-1@20. */
const renewing = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 15 });

function followsRenewing(): Story {
  return follows(renewing);
}

function currentVersion(story: Story): string | null {
  return story.state.knowledge.observation?.lease?.resourceVersion ?? null;
}

const late: readonly Row[] = [
  {
    rule: 'an event that is older than what is known is dropped',
    given: follows,
    when: (story) => story.watched(leaseOf(THIRD, { resourceVersion: '19' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a deletion that is older than what is known is dropped',
    given: follows,
    when: (story) => story.deleted(leaseOf(RIVAL, { resourceVersion: '19' })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a list that found none, but is older than what is known, is dropped',
    given: follows,
    when: (story) => story.absent('19'),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a Lease known to be gone does not come back with a late event',
    given: () =>
      follows()
        .podGone(RIVAL)
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '24' })),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'a Lease that was just deleted does not come back with a repeated event',
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
    rule: 'news of a Pod that is no longer the holder are dropped',
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
    rule: "an answer about the earlier holder's Pod says nothing of the present one",
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
    rule: '"there is none" is not believed when the Lease changed while the answer was under way',
    given: () =>
      follows()
        .fire('backstop')
        .watched(leaseOf(RIVAL, { resourceVersion: '22' })),
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['readLease'],
  },
  {
    rule: '"there is none" is believed when nothing changed in the meantime',
    given: () => follows().fire('backstop'),
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['relist lease', 'setTimer recheck 5000'],
  },
  {
    rule: '"there is none" is not believed when its own DELETE was answered in the meantime: it may be another Lease by now',
    given: () => clears().fire('backstop').removed(),
    when: (story) => story.leaseRead(null),
    role: 'candidate deletingOldLease',
    effects: ['readLease'],
  },
  {
    rule: 'a look that a deletion has overtaken does not bring the Lease back',
    given: () =>
      follows()
        .fire('backstop')
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.leaseRead(leaseOf(RIVAL)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a look that a creation and its deletion have overtaken does not bring that Lease back',
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
    rule: 'an answer older than what was known before it was asked for is believed: the cluster was restored',
    given: () => follows().fire('backstop'),
    when: (story) => story.leaseRead(leaseOf(THIRD, { uid: 'lease-0', resourceVersion: '7' })),
    role: 'candidate',
    effects: ['relist lease', 'watchPod app-3/pod-3', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
];

const news: readonly Row[] = [
  {
    rule: 'a renewal is news',
    given: followsRenewing,
    when: (story) => story.watched({ ...renewing, resourceVersion: '21', renewTimeMs: 11_000 }),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a change that is no renewal is no news',
    given: followsRenewing,
    when: (story) => story.watched({ ...renewing, resourceVersion: '21', leaseTransitions: 9 }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'the same Lease again is no news',
    given: followsRenewing,
    when: (story) => story.watched(renewing).listed(renewing),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a leader that falls silent is news, and nothing more',
    given: followsRenewing,
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['readLease', 'readPod app-2'],
  },
  {
    rule: 'a clock that jumps does not make a leader silent',
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
    rule: 'a leader that does not renew cannot fall silent',
    given: () => finds(leaseOf(RIVAL)),
    when: (story) => story.podListed(RIVAL, podOf(RIVAL)),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
  {
    rule: 'a leader that says when it renewed, but not how often it does, cannot fall silent',
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
    rule: 'a Lease that is gone cannot fall silent',
    given: followsRenewing,
    when: (story) => story.deleted({ ...renewing, resourceVersion: '25' }),
    role: 'candidate',
    effects: ['clearTimer stale', 'setTimer recheck 5000'],
  },
  {
    rule: 'a new leader is news',
    given: follows,
    when: (story) => story.watched(leaseOf(THIRD, { uid: 'lease-2', resourceVersion: '25' })),
    role: 'candidate',
    effects: ['watchPod app-3/pod-3', 'setTimer recheck 5000', 'leaderChanged app-3/pod-3'],
  },
  {
    rule: 'a Pod of the same name and another uid is a new leader',
    given: follows,
    when: (story) => story.watched(leaseOf({ ...RIVAL, uid: 'pod-9' }, { uid: 'lease-2', resourceVersion: '25' })),
    role: 'candidate',
    effects: [`watchPod ${RIVAL.name}/pod-9`, 'setTimer recheck 5000', `leaderChanged ${RIVAL.name}/pod-9`],
  },
  {
    rule: 'a Lease that its holder restores is no news',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '26' })),
    role: 'candidate',
    effects: ['clearTimer recheck'],
  },
];

const doubts: readonly Row[] = [
  {
    rule: 'everything is read again once a minute',
    given: follows,
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a read that is still under way is not sent twice',
    given: () => follows().fire('backstop'),
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: [`setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a read that was answered may be sent again',
    given: () => follows().fire('backstop').leaseRead(leaseOf(RIVAL)).podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a read of the Pod that failed does not make a read of the Lease be sent twice',
    given: () => follows().fire('backstop').fail('readPod', 'unavailable'),
    when: (story) => story.fire('backstop'),
    role: 'candidate',
    effects: [`readPod ${RIVAL.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a minute may pass before the first look is answered: then the Lease is read, and of Pods nothing is known',
    given: starts,
    when: (story) => story.fire('backstop'),
    role: 'starting (lock held)',
    effects: ['readLease', `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'only a leader that is not permitted to renew tries once a minute to renew again',
    given: () => finds(ownLease()).refuse('replaceLease', 'forbidden'),
    when: (story) => story.fire('backstop'),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a holder of whom nothing is known is looked at every five seconds',
    given: () => finds(leaseOf(RIVAL)),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: ['readLease', `readPod ${RIVAL.name}`, 'setTimer recheck 5000'],
  },
];

checkTable([...late, ...news, ...doubts]);

test('a confirmation moves the moment since which nothing is unverified, and only that', () => {
  const story = follows().wait(20_000);
  const before = story.state.knowledge.verifiedAtMs;
  story.fire('backstop').leaseRead(leaseOf(RIVAL));
  assert.ok(story.state.knowledge.verifiedAtMs > before);
  assert.equal(story.state.knowledge.observation?.sinceMs, 1_000_000);
});

test('a list that finds again what is known, that there is none, confirms it', () => {
  const story = follows()
    .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
    .wait(20_000)
    .absent('25');
  assert.equal(story.state.knowledge.verifiedAtMs, story.nowMs);
  assert.equal(story.state.knowledge.observation?.sinceMs, story.nowMs - 20_000);
});

test('silence is measured from the last change that this process saw, by its monotonic clock', () => {
  const story = follows(renewing)
    .wait(3_000)
    .watched({ ...renewing, resourceVersion: '21', renewTimeMs: 2 });
  story.wallMs = 0;
  assert.deepEqual(story.forget().fire('stale').said, ['readLease', 'readPod app-2']);
  story.forget().leaseRead({ ...renewing, resourceVersion: '21', renewTimeMs: 2 });
  assert.deepEqual(story.said, [`stale ${RIVAL.name}/${RIVAL.uid} for 15000`]);
});

test('a leader does not tell of its own silence', () => {
  const story = leads().fire('renew').replaced('12');
  assert.ok(!story.timers.has('stale'));
  story.forget().tell({ type: 'timerFired', timer: 'stale' });
  assert.deepEqual(story.said, []);
});

test('what was seen does not depend on the order in which late events come', () => {
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

test("a mark on this Pod's Lease that names somebody else says nothing", () => {
  const story = leads()
    .forget()
    .watched(ownLease({ resourceVersion: '12', releasedBy: RIVAL.uid }));
  assert.equal(story.role.name, 'leader');
  assert.deepEqual(story.said, []);
  assert.equal(story.state.knowledge.knownHolder?.pod.uid, SELF.uid);
});

test('the age of the last renewal counts from no other write', () => {
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
  assert.equal(age(), null, 'an acquisition is no renewal');
});
