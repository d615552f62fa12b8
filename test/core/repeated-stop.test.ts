// Checks what a stop() or stepDown() means that comes on top of another, at any point of leaving, and how leaving
// ends where the world does not let it go on.

import {
  checkTable,
  creates,
  finds,
  follows,
  leads,
  leaseOf,
  NAMESAKE,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
} from './story.ts';

const LIMIT = 'setTimer leaving 10000';
const KEPT = ['shutDown', 'stopped kept'];
const RELEASED = ['shutDown', 'stopped released'];
const MARK = `replaceLease lease-1@11 released by ${SELF.uid}`;

/** Its token was refused, so the term was lost and its work may still run; then it was accepted again. */
function findsItsLeaseAgain(): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized').fire('retry').leaseRead(ownLease());
}

/** The Lease is being marked. */
function marks(): Story {
  return leads().stop('always').settled();
}

/** The Lease is marked, and the DELETE is under way. */
function deletes(): Story {
  return marks().replaced('12');
}

const marked = ownLease({ resourceVersion: '12', releasedBy: SELF.uid });

const twice: readonly Row[] = [
  {
    rule: 'a second stop() while the work drains changes nothing',
    given: () => leads().stop().stop(),
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, 'clearTimer renew', LIMIT],
  },
  {
    rule: 'a second stop() while the work drains may ask for the release',
    given: () => leads().stop().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', LIMIT, MARK],
  },
  {
    rule: 'a second stop() while the work drains does not take the promise of the first one back',
    given: () => leads().stop('always').stop(),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', LIMIT, MARK],
  },
  {
    rule: 'a stop() while the work drains for a stepDown() is the end, after the release',
    given: () => leads().stepDown().stop().settled().replaced('12'),
    when: (story) => story.removed(),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a stepDown() while the work drains for a stop() leaves it the end',
    given: () => leads().stop().stepDown().settled(),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a second stop() while the work of a lost term drains changes nothing',
    given: () => findsItsLeaseAgain().stop().stop(),
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, LIMIT],
  },
  {
    rule: 'a second stop() while the work of a lost term drains does not take the promise of the first one back',
    given: () => findsItsLeaseAgain().stop('always').stop(),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [LIMIT, MARK],
  },
  {
    rule: 'a second stop() while the answer to the create is awaited may ask for the release',
    given: () => creates().stop().stop('always'),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving releasing',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, MARK],
  },
  {
    rule: 'a second stop() while the answer to the create is awaited changes nothing',
    given: () => creates().stop().stop(),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving readingOwnPod',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`],
  },
  {
    rule: 'a stepDown() while the Lease is being given up is answered when that is over',
    given: () => leads().stepDown().settled(),
    when: (story) => story.stepDown(),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'a stepDown() of a candidate makes it no less of one: it does not let the others go first',
    given: () => follows().stepDown(),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
];

const obstacles: readonly Row[] = [
  {
    rule: 'who may still work, and promised to release, waits for the answer to its create and gives that Lease up',
    given: () =>
      leads()
        .deleted(ownLease({ resourceVersion: '12' }))
        .podRead(SELF.name, podOf(SELF))
        .stop('always'),
    when: (story) => story.settled(false).created({ uid: 'lease-2', resourceVersion: '13' }),
    role: 'leaving releasing',
    effects: ['warning work-not-drained', 'clearTimer renew', LIMIT, `replaceLease lease-2@13 released by ${SELF.uid}`],
  },
  {
    rule: 'a Pod that is known to be gone writes nothing when it stops, whatever its Lease says',
    given: () => finds(ownLease()).podGone(SELF),
    when: (story) => story.stop('always'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'the Lease of a Pod whose name carries another uid is kept, even if that one is being deleted',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE, { terminating: true })),
    role: 'stopped',
    effects: ['warning pod-deleted', ...KEPT],
  },
  {
    rule: 'a Lease that was made foreign in the meantime is not marked',
    given: () => marks().fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(null, { resourceVersion: '14', holderIdentity: 'somebody' })),
    role: 'stopped',
    effects: ['watchPod none', ...KEPT],
  },
  {
    rule: 'a look that fails while the Lease is given up is repeated after a wait, and counts as a failure',
    given: () => marks().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry'),
    role: 'leaving releasing',
    effects: ['setTimer retry 375', 'readLease'],
  },
  {
    rule: 'a look that is forbidden while the Lease is given up is no missing permission to write',
    given: () => deletes().fail('deleteLease', 'unavailable').fire('retry'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'leaving deleting',
    effects: ['warning read-forbidden', 'setTimer retry 1500'],
  },
  {
    rule: 'five failures are enough: a Lease that was marked is released all the same',
    given: () => {
      const story = deletes();
      for (let round = 0; round < 4; round++) {
        story.fail('deleteLease', 'unavailable').fire('retry').leaseRead(marked);
      }
      return story;
    },
    when: (story) => story.fail('deleteLease', 'unavailable'),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'while the work of a lost term drains, a look at the Lease decides nothing',
    given: () => findsItsLeaseAgain().stop().fire('backstop'),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving awaitingWork',
    effects: [],
  },
  {
    rule: 'while the work of a lost term drains, a look that fails costs nothing',
    given: () => findsItsLeaseAgain().stop().fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'leaving awaitingWork',
    effects: [],
  },
];

checkTable([...twice, ...obstacles]);
