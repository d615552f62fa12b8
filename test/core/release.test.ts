// Checks how a Lease is released in two writes, the annotation and the DELETE, for every answer to them, and what
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
const ANNOTATION = `replaceLease lease-1@11 released by ${SELF.uid}`;
/** The Lease after another Pod took it by hand. */
const taken = leaseOf(RIVAL, { resourceVersion: '15' });
const annotated = ownLease({ resourceVersion: '12', releasedBy: SELF.uid });

/** A leader that stops with `release: true`. Its work has settled, and the write of the annotation is in flight. */
function releases(): Story {
  return leads().stop('always').settled();
}

/** The same after the annotation: the DELETE is in flight. */
function deletes(): Story {
  return releases().replaced('12');
}

/** A leader that steps down. The write of the annotation is in flight. */
function stepsDown(): Story {
  return leads().stepDown().settled();
}

const releasing: readonly Row[] = [
  {
    rule: 'a leader deletes its Lease with the resourceVersion of the annotation',
    given: releases,
    when: (story) => story.replaced('12'),
    role: 'leaving deleting',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody'],
  },
  {
    rule: 'a Lease is released when the DELETE was executed',
    given: deletes,
    when: (story) => story.removed(),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a leader reads and annotates its Lease again when the annotation is answered 409',
    given: releases,
    when: (story) => story.fail('replaceLease', 'conflict').leaseRead(ownLease({ resourceVersion: '14' })),
    role: 'leaving releasing',
    effects: ['readLease', `replaceLease lease-1@14 released by ${SELF.uid}`],
  },
  {
    rule: "a leader does not annotate a Lease that is another Pod's by then",
    given: () => releases().fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '14' })),
    role: 'stopped',
    effects: [`watchPod ${RIVAL.name}/${RIVAL.uid}`, ...KEPT],
  },
  {
    rule: 'a leader does not repeat the annotation when it had no answer and was executed',
    given: () => releases().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(annotated),
    role: 'leaving deleting',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody'],
  },
  {
    rule: 'a leader repeats the annotation when it had no answer and was not executed',
    given: () => releases().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(ownLease()),
    role: 'leaving releasing',
    effects: [ANNOTATION],
  },
  {
    rule: 'a Pod has not released a Lease that vanished before the annotation',
    given: () => releases().fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader warns once and releases nothing when the annotation is forbidden',
    given: releases,
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'stopped',
    effects: ['setTimer permission 6000', 'warning renew-forbidden', ...KEPT],
  },
  {
    rule: 'a Lease is released when the DELETE had no answer and was executed',
    given: () => deletes().fail('deleteLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(null),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a leader repeats the DELETE when it had no answer and was not executed',
    given: () => deletes().fail('deleteLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(annotated),
    role: 'leaving deleting',
    effects: ['deleteLease lease-1@12'],
  },
  {
    rule: 'a Lease is released when a successor deleted it first',
    given: () => deletes().fail('deleteLease', 'conflict'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '14' })),
    role: 'stopped',
    effects: [`watchPod ${RIVAL.name}/${RIVAL.uid}`, ...RELEASED],
  },
  {
    rule: 'a leader annotates its Lease again when somebody removed the annotation',
    given: () => deletes().fail('deleteLease', 'conflict'),
    when: (story) => story.leaseRead(ownLease({ resourceVersion: '14' })),
    role: 'leaving releasing',
    effects: [`replaceLease lease-1@14 released by ${SELF.uid}`],
  },
  {
    rule: 'a leader withdraws the release when it must not delete the Lease',
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
    rule: 'a leader keeps the Lease when the release is withdrawn',
    given: () => deletes().refuse('deleteLease', 'forbidden'),
    when: (story) => story.replaced('13'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader repeats the withdrawal when the write failed',
    given: () => deletes().refuse('deleteLease', 'forbidden'),
    when: (story) => story.fail('replaceLease', 'unavailable').fire('retry').leaseRead(annotated),
    role: 'leaving withdrawingRelease',
    effects: ['setTimer retry 188', 'readLease', 'replaceLease lease-1@12'],
  },
  {
    rule: 'a leader does not repeat the withdrawal when it had no answer and was executed',
    given: () => deletes().refuse('deleteLease', 'forbidden').fail('replaceLease', 'unavailable').fire('retry'),
    when: (story) => story.leaseRead(ownLease({ resourceVersion: '13' })),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a Lease is released when a successor deletes it during the withdrawal',
    given: () => deletes().refuse('deleteLease', 'forbidden').fail('replaceLease', 'conflict'),
    when: (story) => story.leaseRead(null),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'a leader warns when it can neither delete the Lease nor withdraw the release, and its attempts are used up',
    given: () => {
      const story = deletes().refuse('deleteLease', 'rejected');
      for (let tries = 1; tries < LEAVING_TRIES; tries += 1) {
        story.fail('replaceLease', 'unavailable').fire('retry').leaseRead(annotated);
      }
      return story;
    },
    when: (story) => story.fail('replaceLease', 'unavailable'),
    role: 'stopped',
    effects: ['warning release-stuck', ...KEPT],
  },
  {
    rule: 'a leader warns when it can neither delete the Lease nor withdraw the release, and its time is up',
    given: () => deletes().refuse('deleteLease', 'rejected'),
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: ['warning release-stuck', ...KEPT],
  },
  {
    rule: 'a leader repeats a DELETE that was refused once',
    given: () => deletes().fail('deleteLease', 'rejected').fire('retry'),
    when: (story) => story.leaseRead(annotated).removed(),
    role: 'stopped',
    effects: ['deleteLease lease-1@12', ...RELEASED],
  },
  {
    rule: 'a leader repeats an annotation that was refused once',
    given: () => releases().fail('replaceLease', 'forbidden').fire('retry'),
    when: (story) => story.leaseRead(ownLease()).replaced('12'),
    role: 'leaving deleting',
    effects: [ANNOTATION, 'deleteLease lease-1@12', 'leaderChanged nobody'],
  },
  {
    rule: 'a leader withdraws the release when the DELETE is still refused at the end of its time',
    given: () => deletes().fail('deleteLease', 'rejected'),
    when: (story) => story.fire('leaving'),
    role: 'leaving withdrawingRelease',
    effects: ['clearTimer retry', `setTimer leaving ${WITHDRAWAL_LIMIT_MS}`, 'replaceLease lease-1@12'],
  },
  {
    rule: 'a leader continues the release with what the watch shows when it must not read the Lease',
    given: () => {
      const story = leads().fire('backstop').refuse('readLease', 'forbidden').stop('always').settled();
      return story.fail('replaceLease', 'unavailable');
    },
    when: (story) => story.watched(annotated).fire('retry'),
    role: 'leaving deleting',
    effects: ['leaderChanged nobody', 'deleteLease lease-1@12'],
  },
  {
    rule: 'leaving ends at its limit and has released nothing when the Lease is not annotated',
    given: releases,
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'leaving ends at its limit and has released the Lease when it is annotated, because a successor may delete it',
    given: deletes,
    when: (story) => story.fire('leaving'),
    role: 'stopped',
    effects: RELEASED,
  },
  {
    rule: 'leaving ends after five failures',
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
    rule: 'a failed read of the Lease changes nothing when the annotation is in flight',
    given: () => {
      const story = leads().stop('always').fire('backstop');
      return story.settled();
    },
    when: (story) => story.refuse('readLease', 'forbidden'),
    role: 'leaving releasing',
    effects: ['warning read-forbidden'],
  },
  {
    rule: 'a late answer to a read that is not awaited changes nothing when another read is awaited',
    given: () => releases().fail('replaceLease', 'unavailable'),
    when: (story) => story.take({ type: 'leaseRead', request: 999, lease: ownLease() }),
    role: 'leaving releasing',
    effects: [],
  },
  {
    rule: 'a late answer to a DELETE that is not awaited has released nothing',
    given: deletes,
    when: (story) => story.take({ type: 'leaseRemoved', request: 999 }),
    role: 'leaving deleting',
    effects: [],
  },
  {
    rule: 'a leader reads the Lease when its last renewal and the annotation overtake each other',
    given: () => leads().fire('renew').stop('always').settled(),
    when: (story) => {
      const [renewal, annotation] = [...story.inFlight.keys()];
      assert.ok(renewal !== undefined && annotation !== undefined);
      const renewed = ownLease({ resourceVersion: '12', renewTimeMs: 1, leaseDurationSeconds: 30 });
      story.take({ type: 'leaseWritten', request: renewal, lease: renewed });
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
    rule: 'a leader neither annotates nor deletes a Lease that another Pod got while this Pod was read',
    given: () => leads().stop().settled().watched(taken),
    when: (story) => story.podRead(SELF.name, podOf(SELF, { terminating: true })),
    role: 'stopped',
    effects: KEPT,
  },
  {
    rule: 'a leader does not withdraw the release from the Lease of another Pod when the DELETE was forbidden',
    given: () => deletes().watched(taken),
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'stopped',
    effects: ['setTimer permission 6000', 'warning delete-forbidden', ...RELEASED],
  },
];

const steppingDown: readonly Row[] = [
  {
    rule: 'a Lease is released after a stepDown(), and this Pod pauses before it campaigns',
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
    rule: 'a Pod that stepped down campaigns again after its pause, so that a single replica leads again',
    given: () => stepsDown().replaced('12').removed(),
    when: (story) => story.fire('recheck').podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=1'],
  },
  {
    rule: 'a Pod that stepped down does not campaign during its pause, whatever happens',
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
    rule: 'a Pod that stepped down follows a successor that leads during the pause',
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
    rule: 'the pause after a stepDown() ends when another Pod was observed to hold the Lease',
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
    rule: 'the pause after a stepDown() continues when another program held the Lease for a second',
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
    rule: 'a late answer to the DELETE does not hide the successor that an event showed',
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
    rule: 'a Pod resumes its term when it could not release its Lease, because no other Pod can lead',
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
    rule: 'a process whose release annotation may still be written renews before it resumes, although renewals are refused',
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
    rule: 'a process whose release annotation may still be written does not resume by a read when a webhook refuses the renewal',
    given: () => stepsDown().fail('replaceLease', 'unavailable').fire('retry').leaseRead(ownLease()).fire('leaving'),
    when: (story) => story.refuse('replaceLease', 'rejected'),
    role: 'candidate backingOff',
    effects: ['setTimer permission 6000', 'warning request-rejected', 'setTimer retry 1500'],
  },
  {
    rule: 'an annotation may still be written when it was in flight at the limit of the release',
    given: () => stepsDown().fire('leaving'),
    when: (story) => story.refuse('replaceLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['setTimer permission 6000', 'warning renew-forbidden', 'setTimer retry 750'],
  },
  {
    rule: 'a refused annotation cannot be written later, so a process that must not renew resumes by a read',
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
    rule: 'a leader renews again when it resumed after a failed release',
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
    rule: 'a term resumes by a read when a later write makes the old annotation impossible',
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
    rule: 'a resumption proves a new Lease again when it replaces the proven one',
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
    rule: 'a process withdraws the release when an annotation arrived late and it must not delete the Lease',
    given: () =>
      stepsDown()
        .fire('leaving')
        .fail('replaceLease', 'conflict')
        .leaseRead(annotated)
        .fire('recheck')
        .fire('campaign'),
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
    rule: 'a process withdraws a release again a second later when the annotation came back',
    given: () => {
      const story = stepsDown().fire('leaving').fail('replaceLease', 'conflict').leaseRead(annotated);
      return story.fire('recheck').fire('campaign').refuse('deleteLease', 'forbidden').replaced('13');
    },
    when: (story) => {
      const again = { ...annotated, resourceVersion: '14' };
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
    rule: 'a process that must not delete its Lease does not annotate it again',
    given: () => {
      const story = stepsDown().replaced('12').refuse('deleteLease', 'forbidden').replaced('13');
      return story.podRead(SELF.name, podOf(SELF)).replaced('14').stepDown();
    },
    when: (story) => story.settled(),
    role: 'candidate resuming',
    effects: ['clearTimer renew', 'steppedDown kept', `readPod ${SELF.name}`, 'replaceLease lease-1@14'],
  },
  {
    rule: 'a process annotates its Lease again when the refusal of the DELETE is old: the permission may have been granted',
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
    rule: 'a Pod withdraws the release and leads again when a webhook refuses the DELETE (400)',
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
    rule: 'stepDown() is answered in another role, because the process may have been demoted in the meantime',
    given: follows,
    when: (story) => story.stepDown(),
    role: 'candidate',
    effects: ['steppedDown kept'],
  },
  {
    rule: 'a second stepDown() has no effect',
    given: () => leads().stepDown(),
    when: (story) => story.stepDown(),
    role: 'leader resigning',
    effects: [],
  },
  {
    rule: 'stop() ends the process and releases the Lease when the work drains for a stepDown()',
    given: () => leads().stepDown().stop(),
    when: (story) => story.settled(),
    role: 'leaving releasing',
    effects: ['clearTimer renew', `setTimer leaving ${LEAVING_LIMIT_MS}`, ANNOTATION],
  },
  {
    rule: 'stop() ends the process after the release when a stepDown() is releasing the Lease',
    given: () => stepsDown().stop(),
    when: (story) => story.replaced('12').removed(),
    role: 'stopped',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody', ...RELEASED],
  },
  {
    rule: 'stepDown() does not bring a stopping process back',
    given: () => leads().stop('always').stepDown().settled().stepDown(),
    when: (story) => story.replaced('12').removed(),
    role: 'stopped',
    effects: ['deleteLease lease-1@12', 'leaderChanged nobody', ...RELEASED],
  },
  {
    rule: 'a stepDown() ends when the Lease is taken away while the work drains',
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
    rule: 'the pause does not begin when another Pod was observed to hold the Lease before the DELETE was answered',
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

test('the annotation writes an owner and a holder again when they were removed by hand: readers and sidecars need them', () => {
  const emptied = ownLease({ resourceVersion: '12', holderIdentity: null });
  assert.equal(leads().watched(emptied).stop('always').settled().content('replaceLease').holderIdentity, SELF.name);

  const orphaned = ownLease({ resourceVersion: '12', owner: null });
  const early = leads().watched(orphaned).fail('replaceLease', 'unavailable').stop('always').settled();
  assert.deepEqual(early.content('replaceLease').owner, SELF);

  const late = leads().stop('always').settled().fail('replaceLease', 'conflict').leaseRead(orphaned);
  assert.equal(describeRole(late.role), 'leaving releasing');
  assert.deepEqual(late.content('replaceLease').owner, SELF);
});

test('the annotation keeps the other fields of the Lease', () => {
  const story = leads().fire('renew').replaced('12').stop('always').settled();
  const { releasedBy, ...content } = story.content('replaceLease');
  assert.equal(releasedBy, SELF.uid);
  const { uid, resourceVersion, terminating, finalizers, source, ...before } =
    story.state.knowledge.observation?.lease ?? ownLease();
  assert.deepEqual({ ...content, releasedBy: null }, before);
});

/** For each step of leaving: how it is reached, its request, and the successful answers after a failure. */
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
  deleting: [deletes, 'deleteLease', (story) => story.leaseRead(annotated).removed()],
};

/** The failures that are possible while no other Pod changes the Lease and the namespace exists. */
const passing = FAILURE_KINDS.filter((kind) => !['alreadyExists', 'notFound', 'expired'].includes(kind));

for (const [step, [story, request, rest]] of Object.entries(steps)) {
  for (const kind of passing) {
    test(`one failure (${kind}) while ${step} does not prevent the release`, () => {
      const leaving = story().fail(request, kind);
      if (!leaving.timers.has('retry')) assert.equal(kind, 'conflict');
      else leaving.fire('retry');
      rest(leaving);
      assert.deepEqual(leaving.texts.slice(-1), ['stopped released']);
    });
  }
}

for (const kind of ['unavailable', 'malformed', 'alreadyExists'] as const) {
  test(`a create that ended in ${kind} while leaving is looked up, and the Lease that it left is released`, () => {
    const leaving = creates().stop('always').fail('createLease', kind);
    if (leaving.timers.has('retry')) leaving.fire('retry');
    leaving.leaseRead(ownLease()).replaced('12').removed();
    assert.deepEqual(leaving.texts.slice(-1), ['stopped released']);
  });
}
