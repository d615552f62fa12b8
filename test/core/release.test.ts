// Checks how a Lease is given up in two writes, the mark and the DELETE, whatever is answered to them; and what
// follows a stepDown().

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEAVING_LIMIT_MS, LEAVING_TRIES, STEP_DOWN_PAUSE_MS, WITHDRAWAL_LIMIT_MS } from '../../src/core/leaving.ts';
import {
  checkTable,
  creates,
  describeRole,
  FAILURE_KINDS,
  follows,
  leads,
  leaseOf,
  ownLease,
  podOf,
  type RequestEffect,
  RIVAL,
  type Row,
  SELF,
  type Story,
} from './story.ts';

const KEPT = ['shutDown', 'stopped kept'];
const RELEASED = ['shutDown', 'stopped released'];
const MARK = `replaceLease lease-1@11 released by ${SELF.uid}`;
/** What somebody made of it by hand. */
const taken = leaseOf(RIVAL, { resourceVersion: '15' });
const marked = ownLease({ resourceVersion: '12', releasedBy: SELF.uid });

/** A leader that was stopped with `release: true`; its work has settled, and the Lease is being marked. */
function releases(): Story {
  return leads().stop('always').settled();
}

/** The Lease is marked, and the DELETE is under way. */
function deletes(): Story {
  return releases().replaced('12');
}

/** A leader that stepped down; the Lease is being marked. */
function stepsDown(): Story {
  return leads().stepDown().settled();
}

const releasing: readonly Row[] = [
  {
    rule: 'the marked Lease is deleted, with the resourceVersion of the mark',
    given: releases,
    when: (story) => story.replaced('12'),
    role: 'leaving deleting',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody'],
  },
  {
    rule: 'and then it is released',
    given: deletes,
    when: (story) => story.removed(),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'somebody else wrote first (409 on the mark): it is read and marked again',
    given: releases,
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(ownLease({ resourceVersion: '14' })),
    role: 'leaving releasing',
    effects: ['readLease', `replaceLease lease-1@14 released by ${SELF.uid}`],
  },
  {
    rule: "a Lease that is another's by then is not marked",
    given: () => releases().fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '14' })),
    role: 'stopped',
    effects: [`watchPod ${RIVAL.name}/${RIVAL.uid}`, ...KEPT],
  },
  {
    rule: 'a mark whose answer never came, but that was carried out, is not repeated',
    given: () => releases().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(marked),
    role: 'leaving deleting',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody'],
  },
  {
    rule: 'a mark whose answer never came, and that was not carried out, is repeated',
    given: () => releases().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving releasing',
    effects: [MARK],
  },
  {
    rule: 'a Lease that vanished before it was marked was not released by this Pod',
    given: () => releases().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a mark that is forbidden releases nothing, with one warning',
    given: releases,
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'stopped',
    effects: ['setTimer permission 6000', 'warning renew-forbidden', ...KEPT],
  },
  {
    rule: 'a delete whose answer never came, but that was carried out, has released the Lease',
    given: () => deletes().fail('deleteLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a delete whose answer never came, and that was not carried out, is repeated',
    given: () => deletes().fail('deleteLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(marked),
    role: 'leaving deleting',
    effects: ['deleteLease lease-1@12'],
  },
  {
    rule: 'a successor that was quicker has deleted it: released',
    given: () => deletes().fail('deleteLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '14' })),
    role: 'stopped',
    effects: [`watchPod ${RIVAL.name}/${RIVAL.uid}`, ...RELEASED],
  },
  {
    rule: 'a mark that somebody took away in the meantime is made again',
    given: () => deletes().fail('deleteLease', 'conflict'),
    when: (story) => story.leaseRead(ownLease({ resourceVersion: '14' })),
    role: 'leaving releasing',
    effects: [`replaceLease lease-1@14 released by ${SELF.uid}`],
  },
  {
    rule: 'the release is withdrawn when the Lease cannot be deleted',
    given: deletes,
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'leaving withdrawingRelease',
    effects: [
      'setTimer permission 6000',
      'warning delete-forbidden',
      `setTimer leaving ${WITHDRAWAL_LIMIT_MS}`,
      'replaceLease lease-1@12',
    ],
  },
  {
    rule: 'and the Lease is kept',
    given: () => deletes().refuse('deleteLease', 'forbidden'),
    when: (story) => story.replaced('13'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a mark that could not be taken back is tried to be taken back again',
    given: () => deletes().refuse('deleteLease', 'forbidden'),
    when: (story) => story.fail('replaceLease', 'unavailable').fire('retry').leaseRead(marked),
    role: 'leaving withdrawingRelease',
    effects: ['setTimer retry 188', 'readLease', 'replaceLease lease-1@12'],
  },
  {
    rule: 'a mark that was taken back although the answer was lost is not taken back again',
    given: () => deletes().refuse('deleteLease', 'forbidden').fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(ownLease({ resourceVersion: '13' })),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a Lease that a successor deletes while its mark is being taken back is released',
    given: () => deletes().refuse('deleteLease', 'forbidden').fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(null),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a mark that can be neither followed by the DELETE nor taken back is warned of when the tries are used up',
    given: () => {
      const story = deletes().refuse('deleteLease', 'rejected');
      for (let tries = 1; tries < LEAVING_TRIES; tries += 1) {
        story.fail('replaceLease', 'unavailable').fire('retry').leaseRead(marked);
      }
      return story;
    },
    when: (story) => story.fail('replaceLease', 'unavailable'),
    role: 'stopped',
    effects: ['warning release-stuck', ...KEPT],
  },
  {
    rule: 'or when the time is up',
    given: () => deletes().refuse('deleteLease', 'rejected'),
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: ['warning release-stuck', ...KEPT],
  },
  {
    rule: 'a DELETE that is refused once may pass: it is tried again',
    given: () => deletes().fail('deleteLease', 'rejected').fire('retry'),
    when: (story) => story.leaseRead(marked).removed(),
    role: 'stopped',
    effects: ['deleteLease lease-1@12', ...RELEASED],
  },
  {
    rule: 'a mark that is refused once may pass: it is tried again',
    given: () => releases().fail('replaceLease', 'forbidden').fire('retry'),
    when: (story) => story.leaseRead(ownLease()).replaced('12'),
    role: 'leaving deleting',
    effects: [MARK, 'deleteLease lease-1@12', 'leaderChanged nobody'],
  },
  {
    rule: 'a DELETE that is still refused when the time is up makes the mark be taken back',
    given: () => deletes().fail('deleteLease', 'rejected'),
    when: (story) => story.fire('leaving'),
    role: 'leaving withdrawingRelease',
    effects: ['clearTimer retry', `setTimer leaving ${WITHDRAWAL_LIMIT_MS}`, 'replaceLease lease-1@12'],
  },
  {
    rule: 'where the Lease cannot be read the watch shows how far giving it up has come',
    given: () => {
      const story = leads().fire('backstop').refuse('readLease', 'forbidden').stop('always').settled();
      return story.fail('replaceLease', 'unavailable');
    },
    when: (story) => story.watched(marked).fire('retry'),
    role: 'leaving deleting',
    effects: ['leaderChanged nobody', 'deleteLease lease-1@12'],
  },
  {
    rule: 'leaving ends after its limit: before the mark nothing was released',
    given: releases,
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'leaving ends after its limit: an annotated Lease is released, because a successor may delete it',
    given: deletes,
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'five failures are enough',
    given: () => {
      const story = releases();
      for (let round = 0; round < 4; round++) {
        story.fail('replaceLease', 'unavailable').fire('retry').leaseRead(ownLease());
      }
      return story;
    },
    when: (story) => story.fail('replaceLease', 'unavailable'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a look at the Lease that fails while the mark is under way does not disturb it',
    given: () => {
      const story = leads().stop('always').fire('backstop');
      return story.settled();
    },
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'leaving releasing',
    effects: ['warning read-forbidden'],
  },
  {
    rule: 'a late answer to a look at the Lease that nobody waits for does not disturb the wait for another',
    given: () => releases().fail('replaceLease', 'unavailable'),
    when: (story) => story.tell({ type: 'leaseRead', request: 999, lease: ownLease() }),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'an answer to a DELETE that nobody waits for has released nothing',
    given: deletes,
    when: (story) => story.tell({ type: 'leaseRemoved', request: 999 }),
    role: 'leaving deleting',
    effects: [],
  },
  {
    rule: 'a renewal that is still under way is overtaken by the mark or overtakes it, and is met by a look',
    given: () => leads().fire('renew').stop('always').settled(),
    when: (story) => {
      const [renewal, mark] = [...story.inFlight.keys()];
      assert.ok(renewal !== undefined && mark !== undefined);
      const renewed = ownLease({ resourceVersion: '12', renewTimeMs: 1, leaseDurationSeconds: 30 });
      story.tell({ type: 'leaseWritten', request: renewal, lease: renewed });
      story.fail('replaceLease', 'conflict').leaseRead(renewed);
    },
    role: 'leaving releasing',
    effects: [
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'readLease',
      `replaceLease lease-1@12 released by ${SELF.uid}`,
    ],
  },
];

const lost: readonly Row[] = [
  {
    rule: 'a Lease that was given to somebody else while this Pod was read is not marked, and not deleted',
    given: () => leads().stop().settled().watched(taken),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'nor is a mark taken back from it, when the delete was forbidden',
    given: () => deletes().watched(taken),
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'stopped',
    effects: ['setTimer permission 6000', 'warning delete-forbidden', ...RELEASED],
  },
];

const steppingDown: readonly Row[] = [
  {
    rule: 'a Lease that was stepped down from is released, and the others go first',
    given: stepsDown,
    when: (story) => story.replaced('12').removed(),
    role: 'candidate',
    effects: [
      'deleteLease lease-1@12',
      'leaderChanged nobody',
      'clearTimer leaving',
      'steppedDown released',
      `setTimer recheck ${STEP_DOWN_PAUSE_MS}`,
    ],
  },
  {
    rule: 'after its pause a Pod that stepped down campaigns again: a single replica would else never lead',
    given: () => stepsDown().replaced('12').removed(),
    when: (story) => story.fire('recheck').podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=1'],
  },
  {
    rule: 'during the pause nothing that happens makes it campaign',
    given: () =>
      stepsDown()
        .replaced('12')
        .removed()
        .wait(STEP_DOWN_PAUSE_MS - 1),
    when: (story) => story.deleted(ownLease({ resourceVersion: '13' })).podListed(SELF, podOf(SELF)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a successor that leads in the meantime is followed',
    given: () => stepsDown().replaced('12').removed(),
    when: (story) => story.watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: 'the pause after a step-down is over once another Pod was seen to hold the Lease',
    given: () => {
      const story = stepsDown().replaced('12').removed().wait(1_000);
      story.watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })).podListed(RIVAL, podOf(RIVAL));
      return story.podGone(RIVAL).fire('campaign');
    },
    when: (story) => story.podRead(SELF.name, podOf(SELF)).removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'the pause after a step-down goes on when a program that is no Pod held the Lease for a second',
    given: () =>
      stepsDown()
        .replaced('12')
        .removed()
        .watched(leaseOf(RIVAL, { owner: null, leaseDurationSeconds: 1, uid: 'lease-2', resourceVersion: '15' }))
        .wait(1_000),
    when: (story) => story.fire('recheck'),
    role: 'candidate',
    effects: [`setTimer recheck ${STEP_DOWN_PAUSE_MS - 1_000}`],
  },
  {
    rule: 'a late answer to its DELETE does not make it forget the successor that events have shown already',
    given: () => {
      const story = stepsDown()
        .replaced('12')
        .deleted(ownLease({ resourceVersion: '13' }));
      story.watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' })).removed();
      return story.wait(STEP_DOWN_PAUSE_MS).podGone(RIVAL);
    },
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-2@15'],
  },
  {
    rule: 'who could not give its Lease up resumes: nobody else can lead',
    given: stepsDown,
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'candidate resuming',
    effects: [
      'setTimer permission 6000',
      'warning renew-forbidden',
      'clearTimer leaving',
      'steppedDown kept',
      `readPod ${SELF.name}`,
      'readLease',
    ],
  },
  {
    rule: 'a process whose release annotation may still be written does not resume by a read when renewing is refused: it retries the renewal',
    given: () => stepsDown().fail('replaceLease', 'unavailable').fire('retry').leaseRead(ownLease()),
    when: (story) => {
      story.refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF));
      story.refuse('replaceLease', 'forbidden');
    },
    role: 'candidate backingOff',
    effects: [
      'setTimer permission 6000',
      'warning renew-forbidden',
      'clearTimer leaving',
      'steppedDown kept',
      `readPod ${SELF.name}`,
      'replaceLease lease-1@11',
      'setTimer permission 12000',
      'setTimer retry 1500',
    ],
  },
  {
    rule: 'a webhook that refuses that renewal does not make it lead on a read, either',
    given: () => stepsDown().fail('replaceLease', 'unavailable').fire('retry').leaseRead(ownLease()).fire('leaving'),
    when: (story) => story.refuse('replaceLease', 'rejected'),
    role: 'candidate backingOff',
    effects: ['setTimer permission 6000', 'warning request-rejected', 'setTimer retry 1500'],
  },
  {
    rule: 'an annotation that was in flight when the release took too long may still be written',
    given: () => stepsDown().fire('leaving'),
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['setTimer permission 6000', 'warning renew-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'an annotation that was refused cannot be written: a process that is not permitted to renew resumes by a read',
    given: stepsDown,
    when: (story) => {
      story.refuse('replaceLease', 'rejected').podRead(SELF.name, podOf(SELF)).leaseRead(ownLease());
    },
    role: 'leader',
    effects: [
      'setTimer permission 6000',
      'warning request-rejected',
      'clearTimer leaving',
      'steppedDown kept',
      `readPod ${SELF.name}`,
      'readLease',
      'elected 11 resumed',
    ],
  },
  {
    rule: 'an annotation for an earlier version can no longer be written',
    given: () =>
      stepsDown()
        .watched(ownLease({ resourceVersion: '15' }))
        .fire('leaving'),
    when: (story) => story.refuse('replaceLease', 'forbidden').podRead(SELF.name, podOf(SELF)),
    role: 'candidate resuming',
    effects: ['setTimer permission 6000', 'warning renew-forbidden', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'once it may renew again, it goes on renewing',
    given: () => stepsDown().fire('leaving').refuse('replaceLease', 'forbidden').fire('retry').leaseRead(ownLease()),
    when: (story) => story.podRead(SELF.name, podOf(SELF)).replaced('12'),
    role: 'leader',
    effects: [
      'warning refusal-over',
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      'setTimer renew 10000',
      'elected 12 resumed',
    ],
  },
  {
    rule: 'a term resumes by a read when the Lease was written since: the annotation can no longer be written',
    given: () => stepsDown().fire('leaving').refuse('replaceLease', 'forbidden'),
    when: (story) =>
      story
        .watched(ownLease({ resourceVersion: '15' }))
        .fire('retry')
        .leaseRead(ownLease({ resourceVersion: '15' })),
    role: 'candidate resuming',
    effects: ['readLease', `readPod ${SELF.name}`, 'readLease'],
  },
  {
    rule: 'what a resumption found out about one Lease proves nothing of the next one',
    given: () => {
      const story = stepsDown()
        .fire('leaving')
        .replaced('12')
        .deleted(ownLease({ resourceVersion: '13' }));
      return story.podRead(SELF.name, podOf(SELF));
    },
    when: (story) => story.watched(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-2@14'],
  },
  {
    rule: 'a Lease that was marked after all, but cannot be deleted, is withdrawn: no other Pod could lead',
    given: () =>
      stepsDown().fire('leaving').fail('replaceLease', 'conflict').leaseRead(marked).fire('recheck').fire('campaign'),
    when: (story) => {
      story.refuse('deleteLease', 'forbidden').podRead(SELF.name, podOf(SELF));
    },
    role: 'candidate resuming',
    effects: [
      'setTimer permission 6000',
      'warning delete-forbidden',
      `readPod ${SELF.name}`,
      'replaceLease lease-1@12',
    ],
  },
  {
    rule: 'a Lease that was given up again since it was taken back is taken back again a second later, not led with',
    given: () => {
      const story = stepsDown().fire('leaving').fail('replaceLease', 'conflict').leaseRead(marked);
      return story.fire('recheck').fire('campaign').refuse('deleteLease', 'forbidden').replaced('13');
    },
    when: (story) => {
      const again = { ...marked, resourceVersion: '14' };
      story.watched(again).podRead(SELF.name, podOf(SELF)).fire('retry').leaseRead(again);
    },
    role: 'candidate resuming',
    effects: [
      'clearTimer stale',
      'setTimer retry 1000',
      'readLease',
      `readPod ${SELF.name}`,
      'replaceLease lease-1@14',
    ],
  },
  {
    rule: 'a process that is not permitted to delete its Lease does not annotate it again',
    given: () => {
      const story = stepsDown().replaced('12').refuse('deleteLease', 'forbidden').replaced('13');
      return story.podRead(SELF.name, podOf(SELF)).replaced('14').stepDown();
    },
    when: (story) => story.settled(),
    role: 'candidate resuming',
    effects: ['clearTimer renew', 'steppedDown kept', `readPod ${SELF.name}`, 'replaceLease lease-1@14'],
  },
  {
    rule: 'it tries again once the refusal is old: the permission may have been granted',
    given: () => {
      const story = stepsDown().replaced('12').refuse('deleteLease', 'forbidden').replaced('13');
      return story.podRead(SELF.name, podOf(SELF)).replaced('14').fire('permission').stepDown();
    },
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: [
      'clearTimer renew',
      `setTimer leaving ${LEAVING_LIMIT_MS}`,
      `replaceLease lease-1@14 released by ${SELF.uid}`,
    ],
  },
  {
    rule: 'a webhook that refuses the DELETE (400) is a refusal like 403: the Pod takes its Lease back and leads again',
    given: () => stepsDown().replaced('12').refuse('deleteLease', 'rejected'),
    when: (story) => story.replaced('13').podRead(SELF.name, podOf(SELF)).replaced('14'),
    role: 'leader',
    effects: [
      'clearTimer leaving',
      'steppedDown kept',
      `readPod ${SELF.name}`,
      'replaceLease lease-1@13',
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      'setTimer renew 10000',
      'elected 14 resumed',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
  {
    rule: 'stepDown() in another role is answered, too: it may have been demoted in the meantime',
    given: follows,
    when: (story) => story.stepDown(),
    role: 'candidate',
    effects: ['steppedDown kept'],
  },
  {
    rule: 'a second stepDown() says nothing new',
    given: () => leads().stepDown(),
    when: (story) => story.stepDown(),
    role: 'leader resigning',
    effects: [],
  },
  {
    rule: 'stop() while the work drains for a stepDown() ends it, and still releases the Lease',
    given: () => leads().stepDown().stop(),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`, MARK],
  },
  {
    rule: 'stop() while the Lease is being given up for a stepDown() ends it after that',
    given: () => stepsDown().stop(),
    when: (story) => story.replaced('12').removed(),
    role: 'stopped',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody', ...RELEASED],
  },
  {
    rule: 'stepDown() while it stops does not bring it back',
    given: () => leads().stop('always').stepDown().settled().stepDown(),
    when: (story) => story.replaced('12').removed(),
    role: 'stopped',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody', ...RELEASED],
  },
  {
    rule: 'a stepDown() whose Lease is taken away while the work drains is over',
    given: () => leads().stepDown(),
    when: (story) => story.watched(leaseOf(RIVAL, { resourceVersion: '15' })),
    role: 'candidate',
    effects: [
      `watchPod ${RIVAL.name}/${RIVAL.uid}`,
      'clearTimer renew',
      'steppedDown kept',
      'setTimer recheck 5000',
      `leaderChanged ${RIVAL.name}/${RIVAL.uid}`,
    ],
  },
  {
    rule: 'the pause does not begin where another Pod was seen to hold the Lease before the DELETE was answered',
    given: () => {
      const story = leads().stepDown().settled().replaced('12');
      story.deleted(ownLease({ resourceVersion: '13', releasedBy: SELF.uid }));
      story
        .watched(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '14' }))
        .removed()
        .podListed(RIVAL, podOf(RIVAL));
      return story.deleted(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '15' }));
    },
    when: (story) => story.podGone(RIVAL),
    role: 'candidate jitter',
    effects: ['setTimer campaign 25', 'leaderChanged nobody'],
  },
];

checkTable([...releasing, ...lost, ...steppingDown]);

test('the mark puts back what was taken away by hand: an owner, or nobody heeds it, and a holder, which sidecars need', () => {
  const emptied = ownLease({ resourceVersion: '12', holderIdentity: null });
  assert.equal(leads().watched(emptied).stop('always').settled().content('replaceLease').holderIdentity, SELF.name);

  const orphaned = ownLease({ resourceVersion: '12', owner: null });
  const early = leads().watched(orphaned).fail('replaceLease', 'unavailable').stop('always').settled();
  assert.deepEqual(early.content('replaceLease').owner, SELF);

  const late = leads().stop('always').settled().fail('replaceLease', 'conflict').leaseRead(orphaned);
  assert.equal(describeRole(late.role), 'leaving releasing');
  assert.deepEqual(late.content('replaceLease').owner, SELF);
});

test('the mark keeps everything else as it was', () => {
  const story = leads().fire('renew').replaced('12').stop('always').settled();
  const { releasedBy, ...content } = story.content('replaceLease');
  assert.equal(releasedBy, SELF.uid);
  const { uid, resourceVersion, terminating, finalizers, source, ...before } =
    story.state.knowledge.observation?.lease ?? ownLease();
  assert.deepEqual({ ...content, releasedBy: null }, before);
});

/** What is asked for in each step of leaving, how the step is reached, and how the rest goes well. */
const steps: Readonly<
  Record<string, readonly [story: () => Story, request: RequestEffect['type'], rest: (story: Story) => Story]>
> = {
  'reading this Pod': [
    () => leads().stop().settled(),
    'readPod',
    (story) =>
      story
        .podRead(SELF.name, podOf(SELF, { terminating: true }))
        .replaced('12')
        .removed(),
  ],
  releasing: [releases, 'replaceLease', (story) => story.leaseRead(ownLease()).replaced('12').removed()],
  deleting: [deletes, 'deleteLease', (story) => story.leaseRead(marked).removed()],
};

/** Nobody else changed the Lease, and the namespace is there. */
const passing = FAILURE_KINDS.filter((kind) => !['alreadyExists', 'notFound', 'expired'].includes(kind));

for (const [step, [story, request, rest]] of Object.entries(steps)) {
  for (const kind of passing) {
    test(`one failure (${kind}) while ${step} does not lose the hand-over`, () => {
      const leaving = story().fail(request, kind);
      if (!leaving.timers.has('retry')) assert.equal(kind, 'conflict');
      else leaving.fire('retry');
      rest(leaving);
      assert.deepEqual(leaving.said.slice(-1), ['stopped released']);
    });
  }
}

for (const kind of ['unavailable', 'malformed', 'alreadyExists'] as const) {
  test(`a create that ended in ${kind} while leaving may have left a Lease: it is looked for, and given up`, () => {
    const leaving = creates().stop('always').fail('createLease', kind);
    if (leaving.timers.has('retry')) leaving.fire('retry');
    leaving.leaseRead(ownLease()).replaced('12').removed();
    assert.deepEqual(leaving.said.slice(-1), ['stopped released']);
  });
}
