// Checks what a sibling says of a process that holds the socket of their Pod and gives no sign of life.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockHolderSilent, SILENT_HOLDER_MS } from '../../src/core/sibling.ts';
import { CONFIG, checkTable, leaseOf, ownLease, podOf, RIVAL, type Row, SELF, Story } from './story.ts';

/** Another process of this Pod holds the socket. */
function sibling(): Story {
  return new Story().tell({ type: 'started' }).tell({ type: 'siblingLockAnswered', outcome: 'taken' });
}

/** A Lease of this Pod that was renewed. */
const RENEWED = ownLease({ resourceVersion: '12', renewTimeMs: 6_000, leaseDurationSeconds: 30 });

/** There is no Lease, and nothing comes of it. */
function silent(): Story {
  return sibling().absent('10').wait(SILENT_HOLDER_MS).absent('11');
}

const rows: readonly Row[] = [
  {
    rule: 'a holder that creates no Lease for 30 s is looked up',
    given: () => sibling().absent('10').wait(SILENT_HOLDER_MS),
    when: (story) => story.absent('11'),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'a shorter silence says nothing',
    given: () =>
      sibling()
        .absent('10')
        .wait(SILENT_HOLDER_MS - 1),
    when: (story) => story.absent('11'),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a silence that no answer confirms may be that of the API server',
    given: () =>
      sibling()
        .absent('10')
        .wait(10 * SILENT_HOLDER_MS),
    when: (story) => story.tell({ type: 'podAbsent', watched: RIVAL }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a holder that does not restore the Lease of its Pod for 30 s is looked up',
    given: () => sibling().listed(ownLease()).podListed(SELF, podOf(SELF)).deleted(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.absent('13'),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'a Lease that another Pod restores is no matter of the holder',
    given: () =>
      sibling()
        .listed(leaseOf(RIVAL))
        .podListed(RIVAL, podOf(RIVAL))
        .deleted(leaseOf(RIVAL, { resourceVersion: '21' }))
        .wait(SILENT_HOLDER_MS),
    when: (story) => story.absent('22'),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a holder that renewed and stopped to renew is looked up',
    given: () => sibling().listed(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(RENEWED),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'a holder with a longer duration has longer to renew',
    given: () =>
      sibling()
        .listed({ ...RENEWED, leaseDurationSeconds: 60 })
        .wait(SILENT_HOLDER_MS),
    when: (story) => story.listed({ ...RENEWED, leaseDurationSeconds: 60 }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a holder that renews is alive',
    given: () =>
      sibling()
        .listed(RENEWED)
        .wait(SILENT_HOLDER_MS)
        .watched({ ...RENEWED, resourceVersion: '13' })
        .wait(1),
    when: (story) => story.listed({ ...RENEWED, resourceVersion: '13' }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a holder that is not permitted to renew never does: its silence says nothing',
    given: () => sibling().listed(ownLease()).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(ownLease()),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'while another Pod leads there is nothing for the holder to do',
    given: () => sibling().listed(leaseOf(RIVAL)).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(leaseOf(RIVAL)),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'the holder is looked up once',
    given: silent,
    when: (story) => story.absent('12'),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'the holder is named in the warning',
    given: silent,
    when: (story) => story.tell({ type: 'siblingLockHolderFound', holder: { pid: 17, uid: 1000 } }),
    role: 'sibling',
    effects: ['warning sibling-lock-held'],
  },
  {
    rule: 'the warning comes also when the holder cannot be seen',
    given: silent,
    when: (story) => story.tell({ type: 'siblingLockHolderFound', holder: null }),
    role: 'sibling',
    effects: ['warning sibling-lock-held'],
  },
  {
    rule: 'the warning comes once',
    given: () => silent().tell({ type: 'siblingLockHolderFound', holder: null }),
    when: (story) => story.wait(SILENT_HOLDER_MS).absent('12'),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a holder that creates the Lease while it is looked up is not warned of',
    given: () => silent().watched(ownLease({ resourceVersion: '12' })),
    when: (story) => story.tell({ type: 'siblingLockHolderFound', holder: { pid: 17, uid: 1000 } }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling looks nobody up when the Lease of another Pod is renewed no longer',
    given: () =>
      sibling()
        .listed({ ...RENEWED, holderIdentity: RIVAL.name, owner: RIVAL })
        .wait(SILENT_HOLDER_MS),
    when: (story) => story.listed({ ...RENEWED, holderIdentity: RIVAL.name, owner: RIVAL }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling looks nobody up when no Pod owns the Lease',
    given: () =>
      sibling()
        .listed({ ...RENEWED, owner: null })
        .wait(SILENT_HOLDER_MS),
    when: (story) => story.listed({ ...RENEWED, owner: null }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling reads nothing when another timer than that of a retry fires',
    given: () => sibling().absent('10'),
    when: (story) => story.tell({ type: 'timerFired', timer: 'startGrace' }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'the holder is looked up again when it renewed and is silent again',
    given: () => silent().watched(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(RENEWED),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'the holder is not looked up again when the warning was announced',
    given: () =>
      silent().tell({ type: 'siblingLockHolderFound', holder: null }).watched(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(RENEWED),
    role: 'sibling',
    effects: [],
  },
];

checkTable(rows);

test('the holder is not silent when no Lease was seen', () => {
  assert.equal(isLockHolderSilent(CONFIG, new Story().state.knowledge), false);
});
