// Checks how a process leaves office by stop(), in every role: it drains its work, and keeps the Lease unless it
// was told otherwise or its Pod is being deleted.

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
/** Work of its term may still run, so that no sibling may begin. */
const KEPT_BUSY = ['shutDown, socket kept', 'stopped kept'];
const KEPT_WARNED = ['warning work-not-drained', ...KEPT_BUSY];
const MARK = `replaceLease lease-1@11 released by ${SELF.uid}`;

/** A leader whose Lease was deleted by hand, and that has sent the create. */
function restores(): Story {
  return leads()
    .deleted(ownLease({ resourceVersion: '12' }))
    .podRead(SELF.name, podOf(SELF));
}

const draining: readonly Row[] = [
  {
    rule: 'a leader that is stopped is demoted first, and waits for its work',
    given: leads,
    when: (story) => story.stop(),
    role: 'leader resigning',
    effects: ['demoted stopped', 'settleWork'],
  },
  {
    rule: 'a leader that steps down is demoted first, and waits for its work',
    given: leads,
    when: (story) => story.stepDown(),
    role: 'leader resigning',
    effects: ['demoted stepped-down', 'settleWork'],
  },
  {
    rule: 'while its work drains it renews the Lease: nobody else may begin',
    given: () => leads().stop(),
    when: (story) => story.fire('renew'),
    role: 'leader renewing resigning',
    effects: ['replaceLease lease-1@11'],
  },
  {
    rule: 'while its work drains it restores the Lease, too',
    given: () => leads().stop(),
    when: (story) => story.deleted(ownLease({ resourceVersion: '12' })),
    role: 'leader restoring resigning',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a leader that stops waits for its work when its Lease is taken, and is not demoted a second time',
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
    rule: 'a leader that stops promises no release after its Lease was taken',
    given: () =>
      leads()
        .stop()
        .watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    when: (story) => story.stop('always').settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'settled work of a term that nobody leaves says nothing',
    given: leads,
    when: (story) => story.settled(),
    role: 'leader',
    effects: [],
  },
];

const keeping: readonly Row[] = [
  {
    rule: 'stop() looks whether this Pod is being deleted',
    given: () => leads().stop(),
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, 'clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'the Lease of a Pod that is not being deleted is kept: a restarted container is still the leader',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, podOf(SELF)),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'the Lease of a Pod that is being deleted is released, so that the successor starts now',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leaving releasing',
    effects: [MARK],
  },
  {
    rule: 'the Lease of a Pod that is gone is kept: the garbage collector has it',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, null),
    role: 'stopped',
    effects: ['warning pod-deleted', ...KEPT],
  },
  {
    rule: 'an own Pod that could not be read is read again',
    given: () => leads().stop().settled(),
    when: (story) => story.fail('readPod', 'unavailable', SELF.name).fire('retry'),
    role: 'leaving readingOwnPod',
    effects: ['setTimer retry 188', `readPod ${SELF.name}`],
  },
  {
    rule: 'the Lease is kept when this Pod cannot be read five times',
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
    rule: 'the Lease is kept at once where reading Pods has been refused for long',
    given: () => leads().stop().settled(),
    when: (story) => story.refuse('readPod', 'forbidden', SELF.name),
    role: 'stopped',
    effects: ['setTimer permission 6000', 'warning pod-read-forbidden', ...KEPT],
  },
  {
    rule: 'the Lease is kept while work may still run',
    given: () => leads().stop(),
    when: (story) => story.settled(false),
    role: 'stopped',
    effects: KEPT_WARNED,
  },
  {
    rule: 'release: true does not ask about the Pod',
    given: () => leads().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`, MARK],
  },
  {
    rule: 'release: true releases even if work may still run, and warns of it',
    given: () => leads().stop('always'),
    when: (story) => story.settled(false),
    role: 'leaving releasing',
    effects: ['warning work-not-drained', 'clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`, MARK],
  },
  {
    rule: 'nothing is released when the Lease cannot be annotated',
    given: () => leads().fire('renew').refuse('replaceLease', 'forbidden').stop('always'),
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'nothing is released when the Lease cannot be deleted',
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

/** Its token was refused, so the term was lost and its work may still run; then it was accepted again. */
function findsItsLeaseAgain(): Story {
  const story = leads().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized').fire('retry').leaseRead(ownLease());
}

/** A leader whose Lease was taken campaigns again. */
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
    rule: 'who has not found out anything stops at once',
    given: () => new Story(),
    when: (story) => story.stop('always'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a sibling stops at once, and leaves the Lease to the process that leads',
    given: () =>
      new Story().tell({ type: 'started' }).tell({ type: 'siblingLockAnswered', outcome: 'taken' }).listed(ownLease()),
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
    rule: 'a candidate that waits out its jitter stops at once',
    given: seesRivalGo,
    when: (story) => story.stop(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a candidate that clears a Lease away stops at once',
    given: clears,
    when: (story) => story.stop(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'who is stopped while its create is under way waits for the answer',
    given: creates,
    when: (story) => story.stop(),
    role: 'leaving awaitingCreate',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'a Lease that was created although nobody wants it is given up if that was asked for',
    given: () => creates().stop('always'),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving releasing',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, MARK],
  },
  {
    rule: 'a Lease that was created although nobody wants it is given up if this Pod is being deleted',
    given: () => creates().stop().created({ resourceVersion: '11' }),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leaving releasing',
    effects: [MARK],
  },
  {
    rule: 'an answer that looks old, as in a cluster restored from a backup, leaves a Lease to look for',
    given: () => starts().absent('100').podRead(SELF.name, podOf(SELF)).stop('always'),
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leaving awaitingCreate',
    effects: ['readLease'],
  },
  {
    rule: 'that Lease is given up as it was asked for',
    given: () =>
      starts().absent('100').podRead(SELF.name, podOf(SELF)).stop('always').created({ resourceVersion: '11' }),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving releasing',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, MARK],
  },
  {
    rule: 'a Lease that was created, and is gone again, leaves nothing to give up',
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
    rule: 'when the Lease cannot be read, an answer that looks old is all there is',
    given: () => {
      const story = starts().absent('100').podRead(SELF.name, podOf(SELF)).fire('backstop').refuse('readLease');
      return story.stop('always');
    },
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'stopped',
    effects: ['shutDown', 'stopped kept'],
  },
  {
    rule: 'a create that is refused while its answer is awaited leaves nothing to give up',
    given: () => creates().stop('always'),
    when: (story) => story.fail('createLease', 'forbidden'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: "a create that was overtaken by another's leaves nothing to give up, as a look at the Lease shows",
    given: () => creates().stop('always'),
    when: (story) => story.fail('createLease', 'alreadyExists').leaseRead(leaseOf(RIVAL)),
    role: 'stopped',
    effects: ['readLease', `watchPod ${RIVAL.name}/${RIVAL.uid}`, ...KEPT],
  },
  {
    rule: 'a create whose answer never comes is not waited for longer than the limit',
    given: () => creates().stop('always'),
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a permission that is missing while it leaves does not turn stop() into a failed start()',
    given: () => creates().stop('always'),
    when: (story) =>
      story.tell({
        type: 'leaseWatchFailed',
        failure: { kind: 'forbidden', message: '', retryAfterMs: null, missingRule: null, cause: null },
      }),
    role: 'leaving awaitingCreate',
    effects: [],
  },
  {
    rule: 'a leader that is stopped while it restores its Lease waits for the answer, and gives it up',
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
    rule: 'a leader that is stopped while it restores its Lease gives it up if this Pod is being deleted',
    given: () => restores().stop().settled().created({ uid: 'lease-2', resourceVersion: '13' }),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'leaving releasing',
    effects: [`replaceLease lease-2@13 released by ${SELF.uid}`],
  },
  {
    rule: 'a restarted container that is stopped before it leads looks whether this Pod is being deleted',
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
    rule: 'a candidate waits for the work of its lost term when its create is not answered after stop()',
    given: () => createsAgain().stop(),
    when: (story) => story.fire('leaving'),
    role: 'leaving awaitingWork',
    effects: ['settleWork'],
  },
  {
    rule: 'a candidate stops once the work of its lost term is done, although its create had no answer',
    given: () => createsAgain().stop().fire('leaving'),
    when: (story) => story.settled(),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'who was demoted against its will, and finds its Lease again, waits for its work before it leaves',
    given: findsItsLeaseAgain,
    when: (story) => story.stop(),
    role: 'leaving awaitingWork',
    effects: ['settleWork'],
  },
  {
    rule: 'and keeps the Lease when the work may still run',
    given: () => findsItsLeaseAgain().stop(),
    when: (story) => story.settled(false),
    role: 'stopped',
    effects: KEPT_WARNED,
  },
  {
    rule: 'and looks whether its Pod is being deleted when the work is done',
    given: () => findsItsLeaseAgain().stop(),
    when: (story) => story.settled(),
    role: 'leaving readingOwnPod',
    effects: [`readPod ${SELF.name}`, `setTimer leaving ${LEAVING_LIMIT_MS}`],
  },
  {
    rule: 'to give the Lease up it waits for that work, too: a successor must not begin beside it',
    given: findsItsLeaseAgain,
    when: (story) => story.stop('always'),
    role: 'leaving awaitingWork',
    effects: ['settleWork'],
  },
  {
    rule: 'and marks the Lease when the work is done',
    given: () => findsItsLeaseAgain().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, `replaceLease lease-1@11 released by ${SELF.uid}`],
  },
  {
    rule: 'or, with a warning, when the work has had its time',
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
    rule: 'a stop() that asks for the release while another one waits for the work is heard',
    given: () => findsItsLeaseAgain().stop().stop('always'),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, `replaceLease lease-1@11 released by ${SELF.uid}`],
  },
  {
    rule: 'a leader whose work may still run keeps the Lease that it restores',
    given: () => restores().stop(),
    when: (story) => story.settled(false),
    role: 'stopped',
    effects: KEPT_WARNED,
  },
  {
    rule: 'a restarted container that is stopped before it leads gives its Lease up if that was asked for',
    given: () => finds(ownLease()),
    when: (story) => story.stop('always'),
    role: 'leaving releasing',
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, MARK],
  },
];

/** A leader that stops, and whose token is refused until its term is lost. The Lease still names this Pod. */
function losesItsTermWhileItStops(): Story {
  const story = leads().stop().fire('renew').fail('replaceLease', 'unauthorized').wait(10_000).fire('renew');
  return story.fail('replaceLease', 'unauthorized');
}

/** A leader that steps down. The annotation is being written. */
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
    effects: [`setTimer leaving ${LEAVING_LIMIT_MS}`, MARK],
  },
  {
    rule: 'a lost leader sets no timer for its own silence when its token is refused',
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
      story.tell({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
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

/** The messages of the warnings that this story announced. */
function warningsOf({ effects }: Story): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'announce' && effect.announcement.type === 'warning' ? [effect.announcement.message] : [],
  );
}

test('the warning about unsettled work says whether the Lease is released', () => {
  assert.deepEqual(warningsOf(leads().stop('always').settled(false)), [
    'The Lease is released although the promise of onElected has not settled in time.',
  ]);
  assert.deepEqual(warningsOf(leads().stop().settled(false)), [
    'The promise of onElected has not settled in time. The Lease is kept, and no other process of this Pod campaigns ' +
      'before this process has ended. End this process.',
  ]);
});

test('nothing comes after it stopped', () => {
  const story = starts().stop().forget();
  story.listed(ownLease()).stepDown().stop().settled().tell({ type: 'timerFired', timer: 'backstop' });
  assert.deepEqual(story.said, []);
});
