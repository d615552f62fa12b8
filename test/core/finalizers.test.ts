// Checks a Lease that is being deleted and that finalizers keep.

import {
  checkTable,
  clears,
  HELD_BY_FINALIZER,
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

const left = leaseOf(RIVAL, { resourceVersion: '21', ...HELD_BY_FINALIZER });

/** A candidate whose DELETE was accepted. Finalizers keep the Lease. */
function waits(): Story {
  const story = clears();
  return story.take({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease: left });
}

/** A leaving process that has written the release annotation and sent the DELETE. */
function deletes(next: 'stop' | 'stepDown'): Story {
  const story = leads();
  return (next === 'stop' ? story.stop('always') : story.stepDown()).settled().replaced('12');
}

const rows: readonly Row[] = [
  {
    rule: 'a candidate waits and warns when its DELETE was accepted and finalizers keep the Lease',
    given: clears,
    when: (story) => story.take({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease: left }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 1000', 'setTimer recheck 4975', 'warning lease-terminating'],
  },
  {
    rule: 'a candidate reads that Lease every 5 s, and deletes and creates nothing',
    given: () => waits().fire('retry').leaseRead(left),
    when: (story) => story.fire('recheck').leaseRead(left).fire('recheck'),
    role: 'candidate',
    effects: ['readLease', 'setTimer recheck 5000', 'readLease', 'setTimer recheck 5000'],
  },
  {
    rule: 'a candidate creates its Lease when that Lease is gone',
    given: () => waits().fire('retry').leaseRead(left),
    when: (story) => story.deleted(left).fire('campaign').podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`, 'createLease transitions=4'],
  },
  {
    rule: 'a candidate sends no DELETE when the Lease is already terminating',
    given: seesRivalGo,
    when: (story) => story.watched(left),
    role: 'candidate',
    effects: ['clearTimer campaign', 'setTimer recheck 5000', 'warning lease-terminating'],
  },
  {
    rule: 'a Pod that stops has released its Lease when the DELETE was accepted',
    given: () => deletes('stop'),
    when: (story) => {
      const lease = ownLease({ resourceVersion: '13', releasedBy: SELF.uid, ...HELD_BY_FINALIZER });
      story.take({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
    },
    role: 'stopped',
    effects: ['shutDown', 'stopped released'],
  },
  {
    rule: 'a Pod that stepped down does not withdraw the release when the DELETE was accepted',
    given: () => deletes('stepDown'),
    when: (story) => {
      const lease = ownLease({ resourceVersion: '13', releasedBy: SELF.uid, ...HELD_BY_FINALIZER });
      story.take({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
    },
    role: 'candidate',
    effects: ['clearTimer leaving', 'steppedDown released', 'setTimer recheck 5000', 'warning lease-terminating'],
  },
  {
    rule: 'a leader continues to lead, warns and writes nothing when its Lease is being deleted',
    given: leads,
    when: (story) => {
      const lease = ownLease({ resourceVersion: '12', ...HELD_BY_FINALIZER });
      story.watched(lease).fire('backstop').leaseRead(lease);
    },
    role: 'leader',
    effects: ['warning lease-terminating', 'readLease', `readPod ${SELF.name}`, 'setTimer backstop 60000'],
  },
  {
    rule: 'a leader restores its Lease when the finalizers are removed and the Lease is gone',
    given: () => leads().watched(ownLease({ resourceVersion: '12', ...HELD_BY_FINALIZER })),
    when: (story) => story.deleted(ownLease({ resourceVersion: '13' })).podRead(SELF.name, podOf(SELF)),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
];

checkTable(rows);
