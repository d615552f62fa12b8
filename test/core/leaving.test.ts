// Checks stop() in every role: the process waits for its work, and keeps the Lease unless the release was requested or
// its Pod is being deleted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEAVING_LIMIT_MS, LEAVING_TRIES, STEP_DOWN_PAUSE_MS } from '../../src/core/leaving.ts';
import {
  checkTable,
  clears,
  creates,
  finds,
  follows,
  HELD_BY_FINALIZER,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  Story,
  seesRivalGo,
  starts,
} from './story.ts';

const KEPT = ['shutDown', 'stopped kept'];
/** Work of the term may still run, so the socket is kept and no sibling starts. */
const KEPT_BUSY = ['shutDown, socket kept', 'stopped kept'];
const KEPT_WARNED = ['warning work-not-drained', ...KEPT_BUSY];
const ANNOTATION = `replaceLease lease-1@11 released by ${SELF.uid}`;

/** A leader whose Lease was deleted by hand and that has sent the create. */
function restores(): Story {
  return leads()
    .deleted(ownLease({ resourceVersion: '12' }))
    .podRead(SELF.name, podOf(SELF));
}

const draining: readonly Row[] = [
  {
    rule: 'a leader that stops is demoted first and waits for its work',
    given: leads,
    when: (story) => story.stop(),
    role: 'leader resigning',
    effects: ['demoted stopped', 'settleWork'],
  },
  {
    rule: 'a leader that steps down is demoted first and waits for its work',
    given: leads,
    when: (story) => story.stepDown(),
    role: 'leader resigning',
    effects: ['demoted stepped-down', 'settleWork'],
  },
  {
    rule: 'a leader renews its Lease while its work drains, so that no other Pod takes over',
    given: () => leads().stop(),
    when: (story) => story.fire('renew'),
    role: 'leader renewing resigning',
    effects: ['replaceLease lease-1@11'],
  },
  {
    rule: 'a leader restores its Lease while its work drains',
    given: () => leads().stop(),
    when: (story) => story.deleted(ownLease({ resourceVersion: '12' })),
    role: 'leader restoring resigning',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a leader that stops waits for its work and is not demoted again when its Lease is taken',
    given: () => leads().stop(),
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    role: 'leaving awaitingWork',
    effects: [`watchPod ${RIVAL.name}/${RIVAL.uid}`, 'clearTimer renew', `leaderChanged ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a leader that stops keeps its socket when its Lease was taken and its work may still run',
    given: () =>
      leads()
        .stop()
        .watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    when: (story) => story.settled(false),
    role: 'stopped',
    effects: KEPT_BUSY,
  },
  {
    rule: 'a leader that stops frees its socket when its Lease was taken and its work is done',
    given: () =>
      leads()
        .stop()
        .watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader that stops releases nothing when its Lease was taken',
    given: () =>
      leads()
        .stop()
        .watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    when: (story) => story.stop('always').settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'settled work is ignored when no process leaves',
    given: leads,
    when: (story) => story.settled(),
    role: 'leader',
    effects: [],
  },
];

const keeping: readonly Row[] = [
  {
    rule: 'a leader that stops reads its Pod when its work is done',
    given: () => leads().stop(),
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, 'clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a leader that stops keeps its Lease when its Pod is not being deleted: a restarted container leads again',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader that stops releases its Lease when its Pod is being deleted',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leaving releasing',
    effects: [ANNOTATION],
  },
  {
    rule: 'a leader that stops keeps its Lease when its Pod is gone: the garbage collector deletes it',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, null),
    role: 'stopped',
    effects: ['warning pod-deleted', ...KEPT],
  },
  {
    rule: 'a leader that stops reads its Pod again when the read failed',
    given: () => leads().stop().settled(),
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).fire('retry'),
    role: 'leaving readingOwnPod',
    effects: ['setTimer retry 188', `readPod ${SELF.name}`],
  },
  {
    rule: 'a leader that stops keeps its Lease when five reads of its Pod failed',
    given: () => {
      const story = leads().stop().settled();
      for (let tries = 1; tries < LEAVING_TRIES; tries += 1) {
        story.fail('readPod', 'unavailable', SELF.name).fire('retry');
      }
      return story;
    },
    when: (story) => story.fail('readPod', 'unavailable', SELF.name),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader that stops keeps its Lease at once when reading Pods has been refused for long',
    given: () => leads().stop().settled(),
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name),
    role: 'stopped',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden', ...KEPT],
  },
  {
    rule: 'a leader that stops keeps its Lease when its work may still run',
    given: () => leads().stop(),
    when: (story) => story.settled(false),
    role: 'stopped',
    effects: KEPT_WARNED,
  },
  {
    rule: 'a leader that stops with release: true does not read its Pod',
    given: () => leads().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`, ANNOTATION],
  },
  {
    rule: 'a leader that stops with release: true warns and releases when its work may still run',
    given: () => leads().stop('always'),
    when: (story) => story.settled(false),
    role: 'leaving releasing',
    effects: ['warning work-not-drained', 'clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`, ANNOTATION],
  },
  {
    rule: 'a leader that stops releases nothing when it must not annotate the Lease',
    given: () => leads().fire('renew').refuse('replaceLease', 'forbidden').stop('always'),
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader that stops releases nothing when it must not delete the Lease',
    given: () => {
      const story = clears()
        .refuse('deleteLease', 'forbidden')
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }));
      story.fire('campaign').podRead(SELF.name, podOf(SELF)).created({ uid: 'lease-2', resourceVersion: '26' });
      return story.stop('always');
    },
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
];

/**
 * A candidate that finds its Lease again: its token was refused until the term was lost, and is now accepted. Work of
 * the term may still run.
 */
function findsItsLeaseAgain(): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized').fire('retry').leaseRead(ownLease());
}

/** A candidate that has sent a create after its Lease was taken. */
function createsAgain(): Story {
  const rivals = leaseOf(RIVAL, { resourceVersion: '15' });
  const story = leads().watched(rivals).podListed(RIVAL, podOf(RIVAL)).podGone(RIVAL);
  return story
    .deleted({ ...rivals, resourceVersion: '16' })
    .fire('campaign')
    .podRead(SELF.name, podOf(SELF));
}

const elsewhere: readonly Row[] = [
  {
    rule: 'a process stops at once when it has observed nothing yet',
    given: () => new Story(),
    when: (story) => story.stop('always'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a sibling stops at once and leaves the Lease to the process that leads',
    given: () =>
      new Story().take({ type: 'started' }).take({ type: 'siblingLockAnswered', outcome: 'taken' }).listed(ownLease()),
    when: (story) => story.stop('always'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a candidate stops at once',
    given: follows,
    when: (story) => story.stop('always'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a candidate stops at once when it waits for its jitter',
    given: seesRivalGo,
    when: (story) => story.stop(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a candidate stops at once when it is deleting a Lease',
    given: clears,
    when: (story) => story.stop(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a candidate that stops waits for the answer when its create is in flight',
    given: creates,
    when: (story) => story.stop(),
    role: 'leaving awaitingCreate',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a candidate that stops releases the Lease that its create left when the release was requested',
    given: () => creates().stop('always'),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving releasing',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, ANNOTATION],
  },
  {
    rule: 'a candidate that stops releases the Lease that its create left when its Pod is being deleted',
    given: () => creates().stop().created({ resourceVersion: '11' }),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leaving releasing',
    effects: [ANNOTATION],
  },
  {
    rule: 'a candidate that stops reads the Lease when the answer to its create looks old (a restored cluster)',
    given: () => starts().absent('100').podRead(SELF.name, podOf(SELF)).stop('always'),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving awaitingCreate',
    effects: ['readLease'],
  },
  {
    rule: 'a candidate that stops releases that Lease when the release was requested',
    given: () =>
      starts().absent('100').podRead(SELF.name, podOf(SELF)).stop('always').created({ resourceVersion: '11' }),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving releasing',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, ANNOTATION],
  },
  {
    rule: 'a candidate that stops releases nothing when the Lease that it created is gone again',
    given: () =>
      creates()
        .stop('always')
        .deleted(ownLease({ resourceVersion: '12' }))
        .created({ resourceVersion: '11' }),
    when: (story) => story.leaseRead(null),
    role: 'stopped',
    effects: ['shutDown', 'stopped kept'],
  },
  {
    rule: 'a candidate that stops releases nothing when the answer to its create looks old and it must not read the Lease',
    given: () => {
      const story = starts().absent('100').podRead(SELF.name, podOf(SELF)).fire('backstop').refuse('readLease');
      return story.stop('always');
    },
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'stopped',
    effects: ['shutDown', 'stopped kept'],
  },
  {
    rule: 'a candidate that stops releases nothing when its create is refused',
    given: () => creates().stop('always'),
    when: (story) => story.fail('createLease', 'forbidden'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a candidate that stops releases nothing when a read shows that another create was quicker',
    given: () => creates().stop('always'),
    when: (story) => story.fail('createLease', 'alreadyExists').leaseRead(leaseOf(RIVAL)),
    role: 'stopped',
    effects: ['readLease', `watchPod ${RIVAL.name}/${RIVAL.uid}`, ...KEPT],
  },
  {
    rule: 'a candidate that stops waits for the answer to its create for no longer than the limit',
    given: () => creates().stop('always'),
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'stop() does not end like a failed start() when a permission is missing',
    given: () => creates().stop('always'),
    when: (story) =>
      story.take({
        type: 'leaseWatchFailed',
        failure: { kind: 'forbidden', message: '', retryAfterMs: null, missingRule: null, cause: null },
      }),
    role: 'leaving awaitingCreate',
    effects: [],
  },
  {
    rule: 'a leader that stops releases the Lease that it restores when the release was requested',
    given: () => restores().stop('always'),
    when: (story) => story.settled().created({ uid: 'lease-2', resourceVersion: '13' }),
    role: 'leaving releasing',
    effects: [
      'clearTimer renew',
      `setTimer leaving ${LEAVING_LIMIT_MS}`,
      `replaceLease lease-2@13 released by ${SELF.uid}`,
    ],
  },
  {
    rule: 'a leader that stops releases the Lease that it restores when its Pod is being deleted',
    given: () => restores().stop().settled().created({ uid: 'lease-2', resourceVersion: '13' }),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leaving releasing',
    effects: [`replaceLease lease-2@13 released by ${SELF.uid}`],
  },
  {
    rule: 'a restarted container reads its Pod when it is stopped before it leads',
    given: () => finds(ownLease()).podRead(SELF.name, podOf(SELF)),
    when: (story) => story.stop(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a candidate waits for the work of its lost term before it stops',
    given: () => leads().watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    when: (story) => story.stop(),
    role: 'leaving awaitingWork',
    effects: ['clearTimer recheck', 'settleWork'],
  },
  {
    rule: 'a candidate frees its socket when the work of its lost term is done',
    given: () =>
      leads()
        .watched(leaseOf(RIVAL, { resourceVersion: '15' }))
        .stop(),
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a candidate waits for the work of its lost term when its create was refused after stop()',
    given: () => createsAgain().stop(),
    when: (story) => story.fail('createLease', 'forbidden'),
    role: 'leaving awaitingWork',
    effects: ['clearTimer leaving', 'settleWork'],
  },
  {
    rule: 'a candidate waits for the work of its lost term when its create has no answer after stop()',
    given: () => createsAgain().stop(),
    when: (story) => story.fire('leaving'),
    role: 'leaving awaitingWork',
    effects: ['settleWork'],
  },
  {
    rule: 'a candidate stops when the work of its lost term is done, although its create has no answer',
    given: () => createsAgain().stop().fire('leaving'),
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a process that lost its term and finds its Lease again waits for its work before it leaves',
    given: findsItsLeaseAgain,
    when: (story) => story.stop(),
    role: 'leaving awaitingWork',
    effects: ['settleWork'],
  },
  {
    rule: 'a process that found its Lease again keeps the Lease when the work may still run',
    given: () => findsItsLeaseAgain().stop(),
    when: (story) => story.settled(false),
    role: 'stopped',
    effects: KEPT_WARNED,
  },
  {
    rule: 'a process that found its Lease again reads its Pod when the work is done',
    given: () => findsItsLeaseAgain().stop(),
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a process that found its Lease again waits for its work before it releases the Lease',
    given: findsItsLeaseAgain,
    when: (story) => story.stop('always'),
    role: 'leaving awaitingWork',
    effects: ['settleWork'],
  },
  {
    rule: 'a process that found its Lease again annotates the Lease when the work is done',
    given: () => findsItsLeaseAgain().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, `replaceLease lease-1@11 released by ${SELF.uid}`],
  },
  {
    rule: 'a process that found its Lease again warns and annotates the Lease when the time of the work is over',
    given: () => findsItsLeaseAgain().stop('always'),
    when: (story) => story.settled(false),
    role: 'leaving releasing',
    effects: [
      'warning work-not-drained',
      `setTimer leaving ${LEAVING_LIMIT_MS}`,
      `replaceLease lease-1@11 released by ${SELF.uid}`,
    ],
  },
  {
    rule: 'a second stop() requests the release when the first one still waits for the work',
    given: () => findsItsLeaseAgain().stop().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, `replaceLease lease-1@11 released by ${SELF.uid}`],
  },
  {
    rule: 'a leader keeps the Lease that it restores when its work may still run',
    given: () => restores().stop(),
    when: (story) => story.settled(false),
    role: 'stopped',
    effects: KEPT_WARNED,
  },
  {
    rule: 'a restarted container releases its Lease when it is stopped before it leads and the release was requested',
    given: () => finds(ownLease()),
    when: (story) => story.stop('always'),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, ANNOTATION],
  },
];

/** A leader that stops, and whose token is refused until its term is lost. The Lease still names this Pod. */
function losesItsTermWhileItStops(): Story {
  const story = leads().stop().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized');
}

/** A leader that steps down. The write of the annotation is in flight. */
function stepsDown(): Story {
  return leads().stepDown().settled();
}

const failures: readonly Row[] = [
  {
    rule: 'a leader that stops reads its Pod when its term was lost to a refused token',
    given: losesItsTermWhileItStops,
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a leader that stops sends the promised release when its term was lost to a refused token',
    given: losesItsTermWhileItStops,
    when: (story) => story.stop('always').settled(),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, `replaceLease lease-1@11 released by ${SELF.uid}`],
  },
  {
    rule: 'a candidate releases its Lease when a create without an answer is carried out while its work drains',
    given: () => createsAgain().stop('always').fire('leaving'),
    when: (story) => story.watched(ownLease({ uid: 'lease-3', resourceVersion: '40' })).settled(),
    role: 'leaving releasing',
    effects: [
      `watchPod ${SELF.name}/${SELF.uid}`,
      `setTimer leaving ${LEAVING_LIMIT_MS}`,
      `replaceLease lease-3@40 released by ${SELF.uid}`,
    ],
  },
  {
    rule: 'a leader that stops waits for its work when its Pod is gone',
    given: () => leads().stop().podGone(SELF),
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader annotates its Lease when a single renewal was refused',
    given: () => leads().fire('renew').fail('replaceLease', 'forbidden').stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, ANNOTATION],
  },
  {
    rule: 'a leader sets no timer for its own silence when a refused token ends its term',
    given: () =>
      leads()
        .fire('renew')
        .replaced('12')
        .fire('renew')
        .fail('replaceLease', 'unauthorized')
        .wait(10_000)
        .fire('renew'),
    when: (story) => story.fail('replaceLease', 'unauthorized'),
    role: 'candidate backingOff',
    effects: [
      'warning unauthorized',
      'setTimer renew 1000',
      'clearTimer renew',
      'demoted unauthorized',
      'setTimer retry 750',
    ],
  },
  {
    rule: 'a process that waits for its work ignores the pending deletion of the old Lease',
    given: () => {
      const rivals = leaseOf(RIVAL, { resourceVersion: '15' });
      const story = leads().watched(rivals).podListed(RIVAL, podOf(RIVAL)).podGone(RIVAL).fire('campaign');
      return story.stop();
    },
    when: (story) => {
      const lease = leaseOf(RIVAL, { resourceVersion: '16', ...HELD_BY_FINALIZER });
      story.take({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
    },
    role: 'leaving awaitingWork',
    effects: [],
  },
  {
    rule: 'a process that stops sends a new read when the answer to its create looks old and a read is in flight',
    given: () => starts().absent('100').podRead(SELF.name, podOf(SELF)).fire('backstop').stop('always'),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving awaitingCreate',
    effects: ['readLease'],
  },
  {
    rule: 'a process whose work was waited for stops when its create is refused',
    given: () => restores().stop('always').settled(false),
    when: (story) => story.fail('createLease', 'forbidden'),
    role: 'stopped',
    effects: KEPT_BUSY,
  },
  {
    rule: 'a read of the Lease decides nothing when the next read of its Pod is awaited',
    given: () => leads().fire('backstop').stop().settled().fail('readPod', 'unavailable', SELF.name),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving readingOwnPod',
    effects: [],
  },
  {
    rule: 'a failed read of the Lease changes nothing when the next read of its Pod is awaited',
    given: () => leads().fire('backstop').stop().settled().fail('readPod', 'unavailable', SELF.name),
    when: (story) => story.fail('readLease', 'unavailable'),
    role: 'leaving readingOwnPod',
    effects: [],
  },
  {
    rule: 'a process that stops reads its Pod when a read shows that its create was executed',
    given: () => creates().stop().fail('createLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving readingOwnPod',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `readPod ${SELF.name}`],
  },
  {
    rule: 'a process that stops reads its Pod again when the read was refused for long before and has no answer now',
    given: () =>
      leads()
        .deleted(ownLease({ resourceVersion: '12' }))
        .refuse('readPod', 'forbidden', SELF.name)
        .created({ uid: 'lease-2', resourceVersion: '13' })
        .stop()
        .settled(),
    when: (story) => story.fail('readPod', 'unavailable', SELF.name),
    role: 'leaving readingOwnPod',
    effects: ['setTimer permission 6000', 'setTimer retry 188'],
  },
  {
    rule: 'a process that stops keeps its Lease when the refused reads of its Pod have lasted',
    given: () => {
      const story = leads().stop().settled().fail('readPod', 'forbidden', SELF.name).wait(2_000).fire('retry');
      return story.fail('readPod', 'forbidden', SELF.name).wait(4_000).fire('retry');
    },
    when: (story) => story.fail('readPod', 'forbidden', SELF.name),
    role: 'stopped',
    effects: ['setTimer permission 3000', 'warning pod-read-forbidden', ...KEPT],
  },
  {
    rule: 'a candidate renews when its annotation was throttled until the tries were used up',
    given: () => {
      const story = stepsDown();
      for (let tries = 1; tries < LEAVING_TRIES; tries += 1) {
        story.fail('replaceLease', 'throttled').fire('retry').leaseRead(ownLease());
      }
      return story.fail('replaceLease', 'throttled');
    },
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'candidate resuming',
    effects: [],
  },
  {
    rule: 'a candidate resumes by a read when its annotation was throttled and renewals are refused',
    given: () => {
      const story = stepsDown();
      for (let tries = 1; tries < LEAVING_TRIES; tries += 1) {
        story.fail('replaceLease', 'throttled').fire('retry').leaseRead(ownLease());
      }
      return story.fail('replaceLease', 'throttled');
    },
    when: (story) => story.refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    role: 'candidate resuming',
    effects: ['setTimer permission 6000', 'warning renew-forbidden', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'a candidate resumes by a read when the time was up between two tries to annotate',
    given: () => stepsDown().fail('replaceLease', 'throttled').fire('leaving'),
    when: (story) => story.refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    role: 'candidate resuming',
    effects: ['setTimer permission 6000', 'warning renew-forbidden', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'a candidate deletes its old Lease after its pause when the DELETE had no answer',
    given: () => {
      const story = stepsDown().replaced('12').fail('deleteLease', 'unavailable').fire('leaving');
      return story.wait(STEP_DOWN_PAUSE_MS);
    },
    when: (story) => story.fire('recheck').fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`, 'deleteLease lease-1@12'],
  },
];

checkTable([...draining, ...keeping, ...elsewhere, ...failures]);

/** The messages of the warnings in this story. */
function warningsOf({ effects }: Story): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'announce' && effect.announcement.type === 'warning' ? [effect.announcement.message] : [],
  );
}

test('the warning about unsettled work states whether the Lease is released', () => {
  assert.deepEqual(warningsOf(leads().stop('always').settled(false)), [
    'The Lease is released although the promise of onElected has not settled in time.',
  ]);
  assert.deepEqual(warningsOf(leads().stop().settled(false)), [
    'The promise of onElected has not settled in time. The Lease is kept. No other process of this Pod campaigns ' +
      'before the promise settles or this process ends. End this process.',
  ]);
});

test('a stopped process causes no effect', () => {
  const story = starts().stop().clearEffects();
  story.listed(ownLease()).stepDown().stop().settled().take({ type: 'timerFired', timer: 'backstop' });
  assert.deepEqual(story.texts, []);
});
