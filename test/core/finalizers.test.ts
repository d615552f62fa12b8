// Checks what is done with a Lease whose deletion was accepted, but that its finalizers keep.

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

/** Its DELETE was accepted. */
function waits(): Story {
  const story = clears();
  return story.tell({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease: left });
}

/** A leaving Pod whose Lease is marked. */
function deletes(next: 'stop' | 'stepDown'): Story {
  const story = leads();
  return (next === 'stop' ? story.stop('always') : story.stepDown()).settled().replaced('12');
}

const rows: readonly Row[] = [
  {
    rule: 'a candidate whose DELETE was accepted waits for the finalizers, and says so',
    given: clears,
    when: (story) => story.tell({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease: left }),
    role: 'candidate backingOff',
    effects: ['setTimer retry 1000', 'setTimer recheck 4975', 'warning lease-terminating'],
  },
  {
    rule: 'it looks again every 5 s, and deletes and creates nothing',
    given: () => waits().fire('retry').leaseRead(left),
    when: (story) => story.fire('recheck').leaseRead(left).fire('recheck'),
    role: 'candidate',
    effects: ['readLease', 'setTimer recheck 5000', 'readLease', 'setTimer recheck 5000'],
  },
  {
    rule: 'it creates its own once that Lease is gone',
    given: () => waits().fire('retry').leaseRead(left),
    when: (story) => story.deleted(left).fire('campaign').podRead(SELF.name, podOf(SELF)),
    role: 'candidate creating',
    effects: ['setTimer campaign 25', `readPod ${SELF.name}`, 'createLease transitions=4'],
  },
  {
    rule: 'a Lease that is seen to be terminating is not deleted again',
    given: seesRivalGo,
    when: (story) => story.watched(left),
    role: 'candidate',
    effects: ['clearTimer campaign', 'setTimer recheck 5000', 'warning lease-terminating'],
  },
  {
    rule: 'a Pod that leaves has released its Lease when the DELETE was accepted',
    given: () => deletes('stop'),
    when: (story) => {
      const lease = ownLease({ resourceVersion: '13', releasedBy: SELF.uid, ...HELD_BY_FINALIZER });
      story.tell({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
    },
    role: 'stopped',
    effects: ['shutDown', 'stopped released'],
  },
  {
    rule: 'a Pod that stepped down does not take such a Lease back',
    given: () => deletes('stepDown'),
    when: (story) => {
      const lease = ownLease({ resourceVersion: '13', releasedBy: SELF.uid, ...HELD_BY_FINALIZER });
      story.tell({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
    },
    role: 'candidate',
    effects: ['clearTimer leaving', 'steppedDown released', 'setTimer recheck 5000', 'warning lease-terminating'],
  },
  {
    rule: 'a leader whose own Lease is being deleted keeps leading, says so, and writes nothing',
    given: leads,
    when: (story) => {
      const lease = ownLease({ resourceVersion: '12', ...HELD_BY_FINALIZER });
      story.watched(lease).fire('backstop').leaseRead(lease);
    },
    role: 'leader',
    effects: ['warning lease-terminating', 'readLease', `readPod ${SELF.name}`, 'setTimer backstop 60000'],
  },
  {
    rule: 'and restores it once it is gone',
    given: () => leads().watched(ownLease({ resourceVersion: '12', ...HELD_BY_FINALIZER })),
    when: (story) => story.deleted(ownLease({ resourceVersion: '13' })).podRead(SELF.name, podOf(SELF)),
    role: 'leader restoring',
    effects: [`readPod ${SELF.name}`, 'createLease transitions=0'],
  },
];

checkTable(rows);
