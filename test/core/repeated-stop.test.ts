// Checks a second stop() or stepDown() in each step of leaving, and how leaving ends when requests fail.

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
const ANNOTATION = `replaceLease lease-1@11 released by ${SELF.uid}`;

/**
 * A candidate that finds its Lease again: its token was refused until the term was lost, and is now accepted. Work of
 * the term may still run.
 */
function findsItsLeaseAgain(): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized').fire('retry').leaseRead(ownLease());
}

/** A leader that stops. The write of the annotation is in flight. */
function annotates(): Story {
  return leads().stop('always').settled();
}

/** The same after the annotation: the DELETE is in flight. */
function deletes(): Story {
  return annotates().replaced('12');
}

const annotated = ownLease({ resourceVersion: '12', releasedBy: SELF.uid });

const twice: readonly Row[] = [
  {
    rule: 'a second stop() while the work drains changes nothing',
    given: () => leads().stop().stop(),
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, 'clearTimer renew', LIMIT],
  },
  {
    rule: 'a second stop() while the work drains can request the release',
    given: () => leads().stop().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', LIMIT, ANNOTATION],
  },
  {
    rule: 'a second stop() while the work drains does not cancel the release that the first one requested',
    given: () => leads().stop('always').stop(),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', LIMIT, ANNOTATION],
  },
  {
    rule: 'a stop() while the work drains for a stepDown() ends the process after the release',
    given: () => leads().stepDown().stop().settled().replaced('12'),
    when: (story) => story.removed(),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a stepDown() while the work drains for a stop() does not keep the process from ending',
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
    rule: 'a second stop() while the work of a lost term drains does not cancel the release that the first one requested',
    given: () => findsItsLeaseAgain().stop('always').stop(),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [LIMIT, ANNOTATION],
  },
  {
    rule: 'a second stop() while the answer to the create is awaited can request the release',
    given: () => creates().stop().stop('always'),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving releasing',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, ANNOTATION],
  },
  {
    rule: 'a second stop() while the answer to the create is awaited changes nothing',
    given: () => creates().stop().stop(),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving readingOwnPod',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`],
  },
  {
    rule: 'a stepDown() while the Lease is being released is answered after the release',
    given: () => leads().stepDown().settled(),
    when: (story) => story.stepDown(),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'a candidate campaigns without a pause after its stepDown()',
    given: () => follows().stepDown(),
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
];

const obstacles: readonly Row[] = [
  {
    rule: 'a leader that must release waits for the answer to its create and releases that Lease when work may still run',
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
    rule: 'a Pod that is gone writes nothing when it stops, although it owns the Lease',
    given: () => finds(ownLease()).podGone(SELF),
    when: (story) => story.stop('always'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a process keeps the Lease when its Pod has another uid, even if that Pod is being deleted',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, podOf(NAMESAKE, { terminating: true })),
    role: 'stopped',
    effects: ['warning pod-deleted', ...KEPT],
  },
  {
    rule: 'a leader does not annotate a Lease that was made foreign in the meantime',
    given: () => annotates().fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(null, { resourceVersion: '14', holderIdentity: 'somebody' })),
    role: 'stopped',
    effects: ['watchPod none', ...KEPT],
  },
  {
    rule: 'a failed read during the release is repeated after a wait and counts as a failure',
    given: () => annotates().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry'),
    role: 'leaving releasing',
    effects: ['setTimer retry 375', 'readLease'],
  },
  {
    rule: 'a forbidden read during the release does not count as a missing permission to write',
    given: () => deletes().fail('deleteLease', 'unavailable').fire('retry'),
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'leaving deleting',
    effects: ['warning read-forbidden', 'setTimer retry 1500'],
  },
  {
    rule: 'a process that has annotated its Lease has released it when five requests failed',
    given: () => {
      const story = deletes();
      for (let round = 0; round < 4; round++) {
        story.fail('deleteLease', 'unavailable').fire('retry').leaseRead(annotated);
      }
      return story;
    },
    when: (story) => story.fail('deleteLease', 'unavailable'),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a read of the Lease decides nothing when the work of a lost term drains',
    given: () => findsItsLeaseAgain().stop().fire('backstop'),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving awaitingWork',
    effects: [],
  },
  {
    rule: 'a failed read of the Lease does not count when the work of a lost term drains',
    given: () => findsItsLeaseAgain().stop().fire('backstop'),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'leaving awaitingWork',
    effects: [],
  },
];

checkTable([...twice, ...obstacles]);
