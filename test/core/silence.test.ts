// Checks a follower when a renewal is overdue. It reads the Lease, to distinguish a dead watch, a silent leader, and
// its own suspension.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirmedSilenceMs } from '../../src/core/observation.ts';
import {
  checkTable,
  failure,
  follows,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  Story,
  starts,
  WALL_MS,
} from './story.ts';

const renewing = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 30 });
const renewed = { ...renewing, resourceVersion: '21', renewTimeMs: 11_000 };
const STALE = `stale ${RIVAL.name}/${RIVAL.uid}`;

/** A third Pod. */
const OTHER = { name: 'app-3', uid: 'pod-3' };

/** A follower whose leader has not renewed for 15 s. */
function waits(): Story {
  return follows(renewing).fire('stale');
}

/** A follower that has read twice, the second time after the duration of the Lease. */
function waitsLonger(): Story {
  const story = waits().leaseRead(renewing);
  return story.podRead(RIVAL.name, podOf(RIVAL)).fire('stale');
}

/** A follower that relies on lists and its watch, because reads of the Lease are refused. */
function refusedToRead(): Story {
  return waits().refuse('readLease').fire('retry').podRead(RIVAL.name, podOf(RIVAL));
}

const rows: readonly Row[] = [
  {
    rule: 'a former leader waits for a renewal of the new holder when its Lease was given away',
    given: () => leads().fire('renew').replaced('12'),
    when: (story) => story.watched(leaseOf(RIVAL, { ...renewing, uid: 'lease-1', resourceVersion: '20' })),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      `renewed ${RIVAL.name}/${RIVAL.uid}`,
      'clearTimer renew',
      'setTimer stale 15000',
      'demoted usurped',
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: "a follower reads the Lease and the holder's Pod when a renewal is half an interval overdue",
    given: () => follows(renewing),
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'readLease', `readPod ${RIVAL.name}`],
  },
  {
    rule: 'a read makes the watch list again when it shows a renewal that the watch did not show',
    given: waits,
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a read that shows nothing new leaves the watch alone, and no silence is announced yet',
    given: waits,
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a read leaves the watch alone when the watch showed the renewal before the answer',
    given: () => waits().watched(renewed),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a read makes the watch list again when it shows that the Lease is gone',
    given: waits,
    when: (story) => story.leaseRead(null),
    role: 'candidate',
    effects: ['relist lease', 'clearTimer stale', 'setTimer recheck 5000'],
  },
  {
    rule: "a follower campaigns when its read shows that the holder's Pod is gone and the watch did not",
    given: () => waits().leaseRead(renewing),
    when: (story) => story.podRead(RIVAL.name, null),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
  {
    rule: 'a silence is announced when the answering read was sent after the duration of the Lease',
    given: waitsLonger,
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: [`${STALE} for 30000`],
  },
  {
    rule: 'a silence is not announced again when the Lease has lost its renewTime',
    given: () => {
      const story = waitsLonger().leaseRead(renewing);
      return story.watched({ ...renewing, resourceVersion: '21', renewTimeMs: null }).fire('backstop');
    },
    when: (story) => story.leaseRead({ ...renewing, resourceVersion: '21', renewTimeMs: null }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a recovery is announced when a silent leader renews again',
    given: () => waitsLonger().leaseRead(renewing),
    when: (story) => story.watched(renewed),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`, `recovered ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a recovery is announced when a silent leader restores its Lease',
    given: () =>
      waitsLonger()
        .leaseRead(renewing)
        .deleted({ ...renewing, resourceVersion: '21' }),
    when: (story) => story.watched({ ...renewed, uid: 'lease-2', resourceVersion: '22' }),
    role: 'candidate',
    effects: ['setTimer stale 15000', `recovered ${RIVAL.name}/${RIVAL.uid}`, 'clearTimer recheck'],
  },
  {
    rule: 'a change of leaders ends a silence without a recovery',
    given: () => waitsLonger().leaseRead(renewing),
    when: (story) => story.watched({ ...renewed, owner: OTHER, holderIdentity: OTHER.name }),
    role: 'candidate',
    effects: [
      `watchPod ${OTHER.name}/${OTHER.uid}`,
      'setTimer stale 15000',
      `renewed ${OTHER.name}/${OTHER.uid}`,
      'setTimer recheck 5000',
      `leaderChanged ${OTHER.name}/${OTHER.uid}`,
    ],
  },
  {
    rule: 'a recovery is announced once',
    given: () => waitsLonger().leaseRead(renewing).watched(renewed),
    when: (story) => story.watched({ ...renewed, resourceVersion: '22', renewTimeMs: 21_000 }),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a silence is announced once',
    given: () => waitsLonger().leaseRead(renewing).fire('backstop'),
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a follower reads again and announces no silence when its read was sent before the end of the duration',
    given: () => waits().fire('stale'),
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: ['readLease'],
  },
  {
    rule: 'a follower that was suspended processes the renewals in its sockets and announces no silence',
    given: () => follows(renewing).wait(60_000).take({ type: 'timerFired', timer: 'stale' }).watched(renewed),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a follower announces no silence when the API server is unreachable',
    given: waitsLonger,
    when: (story) =>
      story.fail('readLease', 'unavailable').take({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a follower lists the Lease before it announces a silence when it must not read it',
    given: refusedToRead,
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000'],
  },
  {
    rule: 'a silence is announced when a list shows nothing new and the Lease cannot be read',
    given: () => refusedToRead().fire('stale'),
    when: (story) => story.listed(renewing),
    role: 'candidate',
    effects: [`${STALE} for 30000`],
  },
  {
    rule: 'a silence is not announced when a list shows a renewal',
    given: () => refusedToRead().fire('stale'),
    when: (story) => story.listed(renewed),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a follower lists again and announces no silence when it can neither read nor list the Lease',
    given: () =>
      refusedToRead()
        .fire('stale')
        .take({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000'],
  },
  {
    rule: 'a silence continues when only labels change',
    given: () => follows(renewing).wait(10_000),
    when: (story) => story.watched({ ...renewing, resourceVersion: '21' }).fire('stale'),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'readLease', `readPod ${RIVAL.name}`],
  },
  {
    rule: 'a follower waits for no renewal when the Lease has no renewal fields',
    given: () => follows(renewing),
    when: (story) => story.watched({ ...renewing, resourceVersion: '21', renewTimeMs: null }),
    role: 'candidate',
    effects: ['clearTimer stale'],
  },
  {
    rule: 'a read brings the Lease back when a DELETED event had the version of the Lease itself',
    given: () => follows(renewing).deleted(renewing).fire('recheck'),
    when: (story) => story.leaseRead(renewing),
    role: 'candidate',
    effects: ['setTimer stale 15000', 'clearTimer recheck'],
  },
  {
    rule: 'a leader reads its Lease and keeps its term when its create is answered 409 after such an event',
    given: () => {
      const story = leads().deleted(ownLease()).podRead(SELF.name, podOf(SELF)).fail('createLease', 'alreadyExists');
      return story;
    },
    when: (story) => story.leaseRead(ownLease()),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a read makes the watch list again when it succeeds only at the second attempt',
    given: () => waits().fail('readLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
];

/** The same Lease with another label. */
const labelled = { ...renewing, resourceVersion: '21' };
/** A Lease with a renewTime and without a duration. */
const endless = { ...renewing, leaseDurationSeconds: null };

/** A process that has waited for the socket of its Pod, gets it, and reads the rival's Lease. */
function getsSocket(): Story {
  return new Story()
    .take({ type: 'started' })
    .take({ type: 'siblingLockAnswered', outcome: 'taken' })
    .listed(renewing)
    .podListed(RIVAL, podOf(RIVAL))
    .take({ type: 'siblingLockAnswered', outcome: 'held' });
}

/** Fires the resync, which reads the Lease. */
function resyncs(story: Story): Story {
  return story.take({ type: 'timerFired', timer: 'backstop' });
}

const conditions: readonly Row[] = [
  {
    rule: 'a follower announces no silence when the watch shows a new label and reads are refused',
    given: () => refusedToRead().wait(60_000),
    when: (story) => story.watched(labelled),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a leader remains silent when the watch shows a new label',
    given: () => waitsLonger().leaseRead(renewing),
    when: (story) => story.watched(labelled),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a leader remains silent when its renewTime is removed',
    given: () => waitsLonger().leaseRead(renewing),
    when: (story) => story.watched({ ...labelled, renewTimeMs: null }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a follower waits for no renewal when the duration of the Lease is removed',
    given: () => follows(renewing),
    when: (story) => story.watched({ ...labelled, leaseDurationSeconds: null }),
    role: 'candidate',
    effects: ['clearTimer stale'],
  },
  {
    rule: 'a follower waits for a renewal when the Lease gets a duration',
    given: () => follows(endless),
    when: (story) => story.watched(labelled),
    role: 'candidate',
    effects: ['setTimer stale 15000'],
  },
  {
    rule: 'a follower announces no renewal when the Lease has no duration',
    given: () => follows(endless),
    when: (story) => story.watched({ ...endless, resourceVersion: '21', renewTimeMs: 11_000 }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a process reads nothing when the timer for the silence fires before a Lease was seen',
    given: starts,
    when: (story) => story.take({ type: 'timerFired', timer: 'stale' }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a follower reads nothing when the timer for the silence fires and the Lease has no renewTime',
    given: () => follows(leaseOf(RIVAL, { leaseDurationSeconds: 30 })),
    when: (story) => story.take({ type: 'timerFired', timer: 'stale' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a follower reads nothing when the timer for the silence fires and the Lease has no duration',
    given: () => follows(endless),
    when: (story) => story.take({ type: 'timerFired', timer: 'stale' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a follower waits for the rest of the duration when it is shorter than the usual wait',
    given: () => follows({ ...renewing, leaseDurationSeconds: 20 }),
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['setTimer stale 5000', 'readLease', `readPod ${RIVAL.name}`],
  },
  {
    rule: 'a follower reads the Lease when the duration is not over, although reads were refused',
    given: () => resyncs(follows(renewing)).refuse('readLease').podRead(RIVAL.name, podOf(RIVAL)),
    when: (story) => story.fire('stale'),
    role: 'candidate backingOff',
    effects: ['setTimer stale 15000', 'readLease', `readPod ${RIVAL.name}`],
  },
  {
    rule: 'a follower lists nothing when the silence is announced and reads are refused',
    given: () => refusedToRead().fire('stale').listed(renewing),
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a follower reads the Lease again when reads are permitted again',
    given: () => resyncs(refusedToRead()).leaseRead(renewing),
    when: (story) => story.fire('stale'),
    role: 'candidate',
    effects: ['readLease'],
  },
  {
    rule: 'a read that another rule sent makes the watch list again when a renewal is overdue',
    given: () => getsSocket().fire('stale'),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`, 'readLease'],
  },
  {
    rule: 'a second read makes the watch list again when it shows a renewal, and the first was sent too early',
    given: () => resyncs(follows(renewing)).fire('stale').leaseRead(renewing),
    when: (story) => story.leaseRead(renewed),
    role: 'candidate',
    effects: ['relist lease', 'setTimer stale 15000', `renewed ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a read announces no silence when the Pod of the holder is gone',
    given: () => resyncs(follows(renewing).podGone(RIVAL).wait(60_000)),
    when: (story) => story.leaseRead(renewing),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'a leader announces no silence of its own when it reads its Lease',
    given: () => resyncs(leads().fire('renew').replaced('12').wait(60_000)),
    when: (story) =>
      story.leaseRead(ownLease({ resourceVersion: '12', renewTimeMs: WALL_MS, leaseDurationSeconds: 30 })),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a read announces no silence when the Lease has no renewTime',
    given: () => resyncs(follows(leaseOf(RIVAL, { leaseDurationSeconds: 30 })).wait(60_000)),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { leaseDurationSeconds: 30 })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a read announces no silence when the Lease has no duration',
    given: () => resyncs(follows(endless).wait(60_000)),
    when: (story) => story.leaseRead(endless),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate sets no timer for a renewal when it repeats refused requests',
    given: () => starts().listed(leaseOf(SELF)).podRead(SELF.name, podOf(SELF)).refuse('replaceLease'),
    when: (story) => story.fire('permission'),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'a leader that can renew sets no other timer for it when it repeats refused requests',
    given: () =>
      leads()
        .deleted(ownLease({ resourceVersion: '12' }))
        .fail('readPod', 'forbidden', SELF.name),
    when: (story) => story.fire('permission'),
    role: 'leader backingOff',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a new leader has not recovered when it renews after the silence of another leader',
    given: () =>
      waitsLonger()
        .leaseRead(renewing)
        .watched({ ...renewing, uid: 'lease-2', owner: OTHER, holderIdentity: OTHER.name, resourceVersion: '30' }),
    when: (story) =>
      story.watched({
        ...renewing,
        uid: 'lease-2',
        owner: OTHER,
        holderIdentity: OTHER.name,
        resourceVersion: '31',
        renewTimeMs: 21_000,
      }),
    role: 'candidate',
    effects: ['setTimer stale 15000', `renewed ${OTHER.name}/${OTHER.uid}`],
  },
  {
    rule: 'a leader whose Lease was taken waits for no renewal when the Lease has no renewTime',
    given: leads,
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '15', leaseDurationSeconds: 30 })),
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
    rule: 'a leader whose Lease was taken waits for no renewal when the Lease has no duration',
    given: leads,
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '15', renewTimeMs: 1_000 })),
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
    rule: 'a leader does not warn of an altered write when no field was altered',
    given: () => leads().fire('renew'),
    when: (story) => {
      const lease = ownLease({ ...story.content('replaceLease'), resourceVersion: '12' });
      story.take({ type: 'leaseWritten', request: story.request('replaceLease'), lease, altered: [] });
    },
    role: 'leader',
    effects: [`renewed ${SELF.name}/${SELF.uid}`, 'setTimer renew 10000'],
  },
  {
    rule: 'a failure counts as the first one when a write succeeded before it',
    given: () => {
      const story = leads().fire('renew');
      for (let tries = 0; tries < 5; tries += 1) story.fail('replaceLease', 'unavailable').fire('renew');
      return story.replaced('12').fire('renew');
    },
    when: (story) => story.fail('replaceLease', 'unavailable'),
    role: 'leader',
    effects: ['setTimer renew 1000'],
  },
];

checkTable([...rows, ...conditions]);

test('the confirmed silence is the time between the last renewal and the last confirmation by the API server', () => {
  const story = waitsLonger();
  assert.equal(confirmedSilenceMs(story.state.knowledge), null);
  story.leaseRead(renewing);
  assert.equal(confirmedSilenceMs(story.state.knowledge), 30_000);
  assert.equal(confirmedSilenceMs(story.wait(5_000).state.knowledge), 30_000);
  story.listed(renewing);
  assert.equal(confirmedSilenceMs(story.state.knowledge), 35_000);
  assert.equal(confirmedSilenceMs(follows().state.knowledge), null);
  assert.equal(confirmedSilenceMs(starts().state.knowledge), null);
});

test('a Lease with an owner counts as held when it names no holder', () => {
  const { namedLeaseUid } = follows(leaseOf(RIVAL, { holderIdentity: null })).state.knowledge;
  assert.equal(namedLeaseUid, 'lease-1');
});
