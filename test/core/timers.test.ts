// Checks that a timer which fires late, in a role that does not wait for it, does nothing, and that what follows a
// role does not find a timer of it still running.

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

/** Its token was refused, so the term was lost and its work may still run; it waits to look again. */
function refused(): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized');
}

const late: readonly Row[] = [
  {
    rule: 'only the end of the jitter ends the jitter',
    given: seesRivalGo,
    when: (story) => story.fire('backstop'),
    role: 'candidate jitter',
    effects: ['readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'the end of a jitter that was called off begins nothing',
    given: follows,
    when: (story) => story.tell({ type: 'timerFired', timer: 'campaign' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'the end of a jitter that comes twice does not start the attempt again',
    given: clears,
    when: (story) => story.tell({ type: 'timerFired', timer: 'campaign' }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a Lease that is gone is not told to be silent',
    given: () => follows(renewing).deleted({ ...renewing, resourceVersion: '25' }),
    when: (story) => story.tell({ type: 'timerFired', timer: 'stale' }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a holder that is gone is not told to be silent',
    given: () => follows(renewing).podGone(RIVAL).forget(),
    when: (story) => story.tell({ type: 'timerFired', timer: 'stale' }),
    role: 'candidate jitter',
    effects: [],
  },
  {
    rule: 'only the timer of a retry makes a leader look at its Lease',
    given: leads,
    when: (story) => story.tell({ type: 'timerFired', timer: 'recheck' }),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'only the timer of a retry makes one who leaves look at its Lease',
    given: () => leads().stop('always').settled(),
    when: (story) => story.tell({ type: 'timerFired', timer: 'renew' }),
    role: 'leaving releasing',
    effects: [],
  },
];

const left: readonly Row[] = [
  {
    rule: 'a campaign is called off when the Lease turns out to be its own',
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
    rule: 'a wait to look again does not go on into the term that another look led to',
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
    rule: 'who waits for its work before it leaves has stopped waiting to look again',
    given: refused,
    when: (story) => story.stop(),
    role: 'leaving awaitingWork',
    effects: ['clearTimer retry', 'settleWork'],
  },
  {
    rule: 'who waits for its work before it leaves has stopped looking after the holder that it had',
    given: () => {
      const story = refused().watched(leaseOf(RIVAL, { resourceVersion: '20' }));
      return story.watched(ownLease({ resourceVersion: '21' }));
    },
    when: (story) => story.stop(),
    role: 'leaving awaitingWork',
    effects: ['clearTimer retry', 'clearTimer recheck', 'settleWork'],
  },
  {
    rule: 'the work of an earlier term has the time that the application allows, not what is left of the limit',
    given: () => {
      const story = refused().fire('retry').leaseRead(null).fire('campaign').podRead(SELF.name, podOf(SELF));
      return story.stop();
    },
    when: (story) => story.created({ uid: 'lease-2', resourceVersion: '30' }),
    role: 'leaving awaitingWork',
    effects: ['clearTimer leaving', 'settleWork'],
  },
  {
    rule: 'who leaves while it waits to look again waits no longer',
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
    rule: 'who is stopped while its create is under way has stopped watching a holder that it saw in the meantime',
    given: () => creates().watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '20' })),
    when: (story) => story.stop(),
    role: 'leaving awaitingCreate',
    effects: ['clearTimer recheck', `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a stepDown() that has run out of time leaves no wait behind',
    given: () => leads().stepDown().settled().fail('replaceLease', 'unavailable'),
    when: (story) => {
      // The limit passes before the next look is due.
      story.tell({ type: 'timerFired', timer: 'leaving' });
    },
    role: 'candidate resuming',
    effects: ['clearTimer retry', 'steppedDown kept', `readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
];

checkTable([...late, ...left]);
