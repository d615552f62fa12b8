// Checks that a timer has no effect when it fires late, and that a role clears the timers of the role before it.

import { LEAVING_LIMIT_MS } from '../../src/core/leaving.ts';
import {
  checkTable,
  clears,
  creates,
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
  seesRivalGo,
} from './story.ts';

const renewing = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 15 });

/**
 * A candidate that lost its term because its token was refused. Its work may still run, and it waits for the next read.
 */
function refused(): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized');
}

const late: readonly Row[] = [
  {
    rule: 'a jitter goes on when another timer fires',
    given: seesRivalGo,
    when: (story) => story.fire('backstop'),
    role: 'candidate jitter',
    effects: ['readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a late timer of the jitter has no effect when the campaign has ended',
    given: follows,
    when: (story) => story.take({ type: 'timerFired', timer: 'campaign' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a second timer of the jitter does not start the attempt again',
    given: clears,
    when: (story) => story.take({ type: 'timerFired', timer: 'campaign' }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'no silence is announced when the Lease is gone',
    given: () => follows(renewing).deleted({ ...renewing, resourceVersion: '25' }),
    when: (story) => story.take({ type: 'timerFired', timer: 'stale' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'no silence is announced when the holder is gone',
    given: () => follows(renewing).podGone(RIVAL).clearEffects(),
    when: (story) => story.take({ type: 'timerFired', timer: 'stale' }),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'a leader reads its Lease only when the timer of a retry fires',
    given: leads,
    when: (story) => story.take({ type: 'timerFired', timer: 'recheck' }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'a leaving process reads its Lease only when the timer of a retry fires',
    given: () => leads().stop('always').settled(),
    when: (story) => story.take({ type: 'timerFired', timer: 'renew' }),
    role: 'leaving releasing',
    effects: [],
  },
];

const left: readonly Row[] = [
  {
    rule: "a campaign ends when the Lease turns out to be this Pod's",
    given: seesRivalGo,
    when: (story) => story.watched(ownLease({ uid: 'lease-2', resourceVersion: '30' })),
    role: 'candidate resuming',
    effects: [
      `watchPod ${SELF.name}/${SELF.uid}`,
      'clearTimer campaign',
      `readPod ${SELF.name}`,
      'replaceLease lease-2@30',
    ],
  },
  {
    rule: 'a new term clears the timer of a retry when another read led to the term',
    given: () => {
      const story = finds(ownLease()).fail('replaceLease', 'unavailable');
      return story.fire('backstop').leaseRead(ownLease()).podRead(SELF.name, podOf(SELF));
    },
    when: (story) => story.replaced('12'),
    role: 'leader',
    effects: [
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer retry',
      'clearTimer stale',
      'setTimer renew 10000',
      'elected 12 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'a process that waits for its work before it leaves clears the timer of a retry',
    given: refused,
    when: (story) => story.stop(),
    role: 'leaving awaitingWork',
    effects: ['clearTimer retry', 'settleWork'],
  },
  {
    rule: 'a process that waits for its work before it leaves clears the recheck of the holder',
    given: () => {
      const story = refused().watched(leaseOf(RIVAL, { resourceVersion: '20' }));
      return story.watched(ownLease({ resourceVersion: '21' }));
    },
    when: (story) => story.stop(),
    role: 'leaving awaitingWork',
    effects: ['clearTimer retry', 'clearTimer recheck', 'settleWork'],
  },
  {
    rule: 'a process clears the limit of leaving when it waits for the work of an earlier term',
    given: () => {
      const story = refused().fire('retry').leaseRead(null).fire('campaign').podRead(SELF.name, podOf(SELF));
      return story.stop();
    },
    when: (story) => story.created({ uid: 'lease-2', resourceVersion: '30' }),
    role: 'leaving awaitingWork',
    effects: ['clearTimer leaving', 'settleWork'],
  },
  {
    rule: 'a process that leaves during a back-off clears the timer of the back-off',
    given: () =>
      leads().stop('always').fire('renew').fail('replaceLease', 'unavailable').fail('readLease', 'unavailable'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [
      'clearTimer retry',
      'clearTimer renew',
      `setTimer leaving ${LEAVING_LIMIT_MS}`,
      `replaceLease lease-1@11 released by ${SELF.uid}`,
    ],
  },
  {
    rule: 'a process that stops with a create in flight clears the recheck of another holder',
    given: () => creates().watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '20' })),
    when: (story) => story.stop(),
    role: 'leaving awaitingCreate',
    effects: ['clearTimer recheck', `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a stepDown() that has run out of time clears the timer of a retry',
    given: () => leads().stepDown().settled().fail('replaceLease', 'unavailable'),
    when: (story) => {
      // The limit passes before the next read is due.
      story.take({ type: 'timerFired', timer: 'leaving' });
    },
    role: 'candidate resuming',
    effects: ['clearTimer retry', 'steppedDown kept', `readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
];

checkTable([...late, ...left]);
