// Checks how refusals are recorded: how long they have lasted, what ends them, and which permission a request needs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFUSAL_BELIEVED_MS, type Refusable, type Refusal, remainingDoubtMs } from '../../src/core/refusal.ts';
import { refusableOf } from '../../src/core/refusals.ts';
import { isUnanswered } from '../../src/core/request-failure.ts';
import {
  creates,
  FAILURE_KINDS,
  failure,
  follows,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  SELF,
  type Story,
  seesRivalGo,
  starts,
} from './story.ts';

function refusal(changes: Partial<Refusal> = {}): Refusal {
  return {
    sinceMs: 1_000,
    lastMs: 1_000,
    count: 1,
    interrupted: false,
    failure: failure('forbidden'),
    warned: null,
    ...changes,
  };
}

test('the remaining doubt is infinite when nothing is refused', () => {
  assert.equal(remainingDoubtMs({}, 0), Number.POSITIVE_INFINITY);
});

test('the remaining doubt ends 5 s after the first refusal', () => {
  assert.equal(remainingDoubtMs({ token: refusal() }, 2_000), REFUSAL_BELIEVED_MS - 1_000);
  assert.equal(remainingDoubtMs({ token: refusal() }, 5_999), 1);
});

test('the remaining doubt is infinite when the refusal is due or believed', () => {
  assert.equal(remainingDoubtMs({ token: refusal() }, 6_000), Number.POSITIVE_INFINITY);
  assert.equal(remainingDoubtMs({ token: refusal() }, 7_000), Number.POSITIVE_INFINITY);
  assert.equal(remainingDoubtMs({ token: refusal({ lastMs: 6_000 }) }, 5_500), Number.POSITIVE_INFINITY);
});

test('the remaining doubt is that of the refusal which is believed first', () => {
  const refusals = {
    token: refusal({ sinceMs: 1_500, lastMs: 1_500 }),
    'get pods': refusal(),
    'get leases': refusal({ sinceMs: -9_000 }),
  };
  assert.equal(remainingDoubtMs(refusals, 2_000), 4_000);
});

test('a failure is unanswered when no API server that works has answered', () => {
  assert.deepEqual(
    FAILURE_KINDS.filter((kind) => isUnanswered(failure(kind))),
    ['untrusted', 'unavailable', 'malformed'],
  );
});

function refusalsOf({ state }: Story): Refusable[] {
  return Object.keys(state.knowledge.failures.refusals) as Refusable[];
}

function refusalOf({ state }: Story, what: Refusable): Refusal | undefined {
  return state.knowledge.failures.refusals[what];
}

/** A follower whose list of this kind was refused. */
function listsRefused(): Story {
  return follows()
    .tell({ type: 'leaseWatchFailed', failure: failure('forbidden') })
    .tell({ type: 'podWatchFailed', watched: RIVAL, failure: failure('forbidden') });
}

const rivals = leaseOf(RIVAL);

/** A leader whose renewal was refused, and then tried again with this failure. */
function renewsAfterRefusal(refused: 'forbidden' | 'rejected', then: 'conflict' | 'unavailable' | 'throttled'): Story {
  const story = leads().fire('renew').fail('replaceLease', refused).fire('permission').fire('renew').fire('renew');
  return story.fail('replaceLease', then);
}

const ends: Readonly<Record<string, readonly [story: () => Story, left: readonly Refusable[]]>> = {
  'a list of Leases ends the refusal of lists of Leases alone': [() => listsRefused().listed(rivals), ['list pods']],
  'a list without Leases ends the refusal of lists of Leases alone': [() => listsRefused().absent('90'), ['list pods']],
  'an event of the watch of Leases ends no refusal': [
    () => listsRefused().watched(rivals),
    ['list leases', 'list pods'],
  ],
  'a list of Pods ends the refusal of lists of Pods alone': [
    () => listsRefused().podListed(RIVAL, podOf(RIVAL)),
    ['list leases'],
  ],
  'a list without Pods ends the refusal of lists of Pods alone': [
    () => listsRefused().podListed(RIVAL, null),
    ['list leases'],
  ],
  'an event of the watch of Pods ends no refusal': [
    () => listsRefused().podWatched(RIVAL, podOf(RIVAL)),
    ['list leases', 'list pods'],
  ],
  'a read of a Pod ends the refusal of reads of Pods alone': [
    () => {
      const story = listsRefused().fail('readPod', 'forbidden', RIVAL.name).fire('permission');
      return story.podRead(RIVAL.name, podOf(RIVAL));
    },
    ['list leases', 'list pods'],
  ],
  'a read of the Lease ends the refusal of reads of the Lease': [
    () => follows().fire('backstop').fail('readLease', 'forbidden').fire('backstop').leaseRead(rivals),
    [],
  ],
  'a conflict ends the refusal of renewals when it was a missing permission': [
    () => renewsAfterRefusal('forbidden', 'conflict'),
    [],
  ],
  'a conflict ends no refusal of renewals when it came from a webhook': [
    () => renewsAfterRefusal('rejected', 'conflict'),
    ['update leases'],
  ],
  'a throttled renewal ends no refusal of renewals': [
    () => renewsAfterRefusal('forbidden', 'throttled'),
    ['update leases'],
  ],
  'a removed Lease ends the refusal of deletions': [
    () =>
      leads()
        .stepDown()
        .settled()
        .replaced('12')
        .fail('deleteLease', 'forbidden')
        .fire('retry')
        .leaseRead(ownLease({ resourceVersion: '12', releasedBy: SELF.uid }))
        .removed(),
    [],
  ],
  'a pending deletion ends the refusal of deletions': [
    () => {
      const marked = ownLease({ resourceVersion: '12', releasedBy: SELF.uid });
      const story = leads().stepDown().settled().replaced('12').fail('deleteLease', 'forbidden').fire('retry');
      story.leaseRead(marked);
      const lease = { ...marked, resourceVersion: '13', terminating: true, finalizers: ['example.com/audit'] };
      return story.tell({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
    },
    [],
  ],
};

for (const [rule, [story, left]] of Object.entries(ends)) {
  test(rule, () => assert.deepEqual(refusalsOf(story()).sort(), [...left].sort()));
}

test('a request without an answer interrupts every refusal', () => {
  assert.equal(refusalOf(renewsAfterRefusal('forbidden', 'unavailable'), 'update leases')?.interrupted, true);
  assert.equal(refusalOf(renewsAfterRefusal('forbidden', 'throttled'), 'update leases')?.interrupted, false);
});

test('a request without an answer interrupts the new refusal when an earlier one is interrupted already', () => {
  const story = renewsAfterRefusal('forbidden', 'unavailable');
  story.fire('backstop').fail('readLease', 'forbidden');
  assert.equal(refusalOf(story, 'get leases')?.interrupted, false);
  story.fire('renew').fail('replaceLease', 'unavailable');
  assert.equal(refusalOf(story, 'get leases')?.interrupted, true);
});

/** The number of a request that no role awaits. */
const STRANGE = 999;

const needs: Readonly<
  Record<string, readonly [story: () => Story, request: (story: Story) => number, Refusable | null]>
> = {
  'a create of a candidate': [creates, (story) => story.request('createLease'), 'create leases'],
  'a strange request of a candidate that creates': [creates, () => STRANGE, null],
  'a strange request of a candidate that waits': [follows, () => STRANGE, null],
  'a strange request of a candidate that waits out its jitter': [seesRivalGo, () => STRANGE, null],
  'a read of its Pod by a candidate that deletes': [
    () => seesRivalGo().fire('campaign'),
    (story) => story.request('readPod', SELF.name),
    'get pods',
  ],
  'a deletion by a candidate': [
    () => seesRivalGo().fire('campaign'),
    (story) => story.request('deleteLease'),
    'delete leases',
  ],
  'a strange request of a candidate that deletes': [() => seesRivalGo().fire('campaign'), () => STRANGE, null],
  'a strange request of a candidate that resumes': [() => starts().listed(leaseOf(SELF)), () => STRANGE, null],
  'a strange request of a candidate that resumes and whose Pod exists': [
    () => starts().listed(leaseOf(SELF)).podRead(SELF.name, podOf(SELF)),
    () => STRANGE,
    null,
  ],
  'a read of its Pod by a leader that restores': [
    () => leads().deleted(ownLease({ resourceVersion: '12' })),
    (story) => story.request('readPod', SELF.name),
    'get pods',
  ],
  'a strange request of a leader that restores': [
    () => leads().deleted(ownLease({ resourceVersion: '12' })),
    () => STRANGE,
    null,
  ],
  'a strange request of a leader that creates': [
    () =>
      leads()
        .deleted(ownLease({ resourceVersion: '12' }))
        .podRead(SELF.name, podOf(SELF)),
    () => STRANGE,
    null,
  ],
  'a strange request of a process that leaves': [() => leads().stop('always').settled(), () => STRANGE, null],
  'a strange request of a process that has stopped': [() => follows().stop(), () => STRANGE, null],
};

for (const [what, [story, request, needed]] of Object.entries(needs)) {
  test(`${what} needs ${needed === null ? 'no permission' : `the permission to ${needed}`}`, () => {
    const told = story();
    assert.equal(refusableOf(told.role, told.state.knowledge, request(told)), needed);
  });
}
