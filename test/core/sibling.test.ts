// Checks the warning of a sibling about a process that holds the socket of their Pod and does not campaign.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockHolderSilent, SILENT_HOLDER_MS } from '../../src/core/sibling.ts';
import { CONFIG, checkTable, leaseOf, ownLease, podOf, RIVAL, type Row, SELF, Story } from './story.ts';

/** Another process of this Pod holds the socket. */
function sibling(): Story {
  return new Story().take({ type: 'started' }).take({ type: 'siblingLockAnswered', outcome: 'taken' });
}

/** The Lease of this Pod after a renewal. */
const RENEWED = ownLease({ resourceVersion: '12', renewTimeMs: 6_000, leaseDurationSeconds: 30 });

/** A sibling that has waited for 30 s without a Lease. */
function silent(): Story {
  return sibling().absent('10').wait(SILENT_HOLDER_MS).absent('11');
}

const rows: readonly Row[] = [
  {
    rule: 'a sibling looks the socket holder up when that process creates no Lease for 30 s',
    given: () => sibling().absent('10').wait(SILENT_HOLDER_MS),
    when: (story) => story.absent('11'),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'a sibling does not look the socket holder up when that process is silent for less than 30 s',
    given: () =>
      sibling()
        .absent('10')
        .wait(SILENT_HOLDER_MS - 1),
    when: (story) => story.absent('11'),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling does not look the socket holder up when no answer confirms the silence',
    given: () =>
      sibling()
        .absent('10')
        .wait(10 * SILENT_HOLDER_MS),
    when: (story) => story.take({ type: 'podAbsent', watched: RIVAL }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling looks the socket holder up when that process does not restore the Lease of its Pod for 30 s',
    given: () => sibling().listed(ownLease()).podListed(SELF, podOf(SELF)).deleted(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.absent('13'),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'a sibling does not look the socket holder up when another Pod must restore the Lease',
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
    rule: 'a sibling looks the socket holder up when that process renewed and stopped renewing',
    given: () => sibling().listed(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(RENEWED),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'a sibling waits for the duration of the Lease when it is longer than 30 s',
    given: () =>
      sibling()
        .listed({ ...RENEWED, leaseDurationSeconds: 60 })
        .wait(SILENT_HOLDER_MS),
    when: (story) => story.listed({ ...RENEWED, leaseDurationSeconds: 60 }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling does not look the socket holder up when that process renews',
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
    rule: 'a sibling does not look the socket holder up when that process must not renew',
    given: () => sibling().listed(ownLease()).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(ownLease()),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling does not look the socket holder up when another Pod leads',
    given: () => sibling().listed(leaseOf(RIVAL)).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(leaseOf(RIVAL)),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling looks the socket holder up once',
    given: silent,
    when: (story) => story.absent('12'),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling names the socket holder in its warning',
    given: silent,
    when: (story) => story.take({ type: 'siblingLockHolderFound', holder: { pid: 17, uid: 1000 } }),
    role: 'sibling',
    effects: ['warning sibling-lock-held'],
  },
  {
    rule: 'a sibling warns when it cannot find the socket holder',
    given: silent,
    when: (story) => story.take({ type: 'siblingLockHolderFound', holder: null }),
    role: 'sibling',
    effects: ['warning sibling-lock-held'],
  },
  {
    rule: 'a sibling warns once',
    given: () => silent().take({ type: 'siblingLockHolderFound', holder: null }),
    when: (story) => story.wait(SILENT_HOLDER_MS).absent('12'),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling does not warn when the socket holder creates the Lease during the search',
    given: () => silent().watched(ownLease({ resourceVersion: '12' })),
    when: (story) => story.take({ type: 'siblingLockHolderFound', holder: { pid: 17, uid: 1000 } }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling does not look the socket holder up when another Pod stops renewing its Lease',
    given: () =>
      sibling()
        .listed({ ...RENEWED, holderIdentity: RIVAL.name, owner: RIVAL })
        .wait(SILENT_HOLDER_MS),
    when: (story) => story.listed({ ...RENEWED, holderIdentity: RIVAL.name, owner: RIVAL }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling does not look the socket holder up when no Pod owns the Lease',
    given: () =>
      sibling()
        .listed({ ...RENEWED, owner: null })
        .wait(SILENT_HOLDER_MS),
    when: (story) => story.listed({ ...RENEWED, owner: null }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling reads nothing when a timer other than that of a retry fires',
    given: () => sibling().absent('10'),
    when: (story) => story.take({ type: 'timerFired', timer: 'startGrace' }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling looks the socket holder up again when that process renewed and is silent again',
    given: () => silent().watched(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(RENEWED),
    role: 'sibling',
    effects: ['findSiblingLockHolder'],
  },
  {
    rule: 'a sibling does not look the socket holder up again when the sibling has warned',
    given: () =>
      silent().take({ type: 'siblingLockHolderFound', holder: null }).watched(RENEWED).wait(SILENT_HOLDER_MS),
    when: (story) => story.listed(RENEWED),
    role: 'sibling',
    effects: [],
  },
];

checkTable(rows);

test('a socket holder is not silent when no Lease was observed', () => {
  assert.equal(isLockHolderSilent(CONFIG, new Story().state.knowledge), false);
});
