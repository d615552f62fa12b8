// Checks how refusals are recorded: how long they have lasted, what ends them, and which permission a request needs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFUSAL_BELIEVED_MS, type Refusable, type Refusal, remainingDoubtMs } from '../../src/core/refusal.ts';
import { REFUSAL_MEMORY_MS, refusableOf } from '../../src/core/refusals.ts';
import { isUnanswered } from '../../src/core/request-failure.ts';
import {
  checkTable,
  clears,
  creates,
  FAILURE_KINDS,
  failure,
  follows,
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

test('the remaining doubt is infinite when the 5 s are over or the refusal is already believed', () => {
  assert.equal(remainingDoubtMs({ token: refusal() }, 6_000), Number.POSITIVE_INFINITY);
  assert.equal(remainingDoubtMs({ token: refusal() }, 7_000), Number.POSITIVE_INFINITY);
  assert.equal(remainingDoubtMs({ token: refusal({ lastMs: 6_000 }) }, 5_500), Number.POSITIVE_INFINITY);
});

test('the remaining doubt does not depend on the start of the monotonic clock', () => {
  assert.equal(remainingDoubtMs({ token: refusal({ sinceMs: 90_000, lastMs: 91_000 }) }, 92_000), 3_000);
});

test('the remaining doubt is that of the refusal that is believed first', () => {
  const refusals = {
    token: refusal({ sinceMs: 1_500, lastMs: 1_500 }),
    'get pods': refusal(),
    'get leases': refusal({ sinceMs: -9_000 }),
  };
  assert.equal(remainingDoubtMs(refusals, 2_000), 4_000);
});

test('a failure is unanswered when it is not an answer of a working API server', () => {
  assert.deepEqual(
    FAILURE_KINDS.filter((kind) => isUnanswered(failure(kind))),
    ['untrusted', 'unavailable', 'malformed'],
  );
});

/** The number of a request that the process does not await. */
const UNAWAITED = 999;

function refusalsOf({ state }: Story): Refusable[] {
  return Object.keys(state.knowledge.failures.refusals) as Refusable[];
}

function refusalOf({ state }: Story, what: Refusable): Refusal | undefined {
  return state.knowledge.failures.refusals[what];
}

const LIST_REFUSED = { type: 'leaseWatchFailed', failure: failure('forbidden') } as const;

/** A follower whose lists of Leases and of Pods were refused. */
function listsRefused(): Story {
  return follows()
    .take(LIST_REFUSED)
    .take({ type: 'podWatchFailed', watched: RIVAL, failure: failure('forbidden') });
}

const rivals = leaseOf(RIVAL);

/** A leader whose renewal was refused and then failed with `then`. */
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
  'a read of a Pod ends the refusal of reads of Pods, also when it is no longer awaited': [
    () => {
      const story = listsRefused().fail('readPod', 'forbidden', RIVAL.name);
      return story.take({ type: 'podRead', request: UNAWAITED, name: RIVAL.name, pod: podOf(RIVAL) });
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
      const annotated = ownLease({ resourceVersion: '12', releasedBy: SELF.uid });
      const story = leads().stepDown().settled().replaced('12').fail('deleteLease', 'forbidden').fire('retry');
      story.leaseRead(annotated);
      const lease = { ...annotated, resourceVersion: '13', terminating: true, finalizers: ['example.com/audit'] };
      return story.take({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease });
    },
    [],
  ],
};

for (const [rule, [story, left]] of Object.entries(ends)) {
  test(rule, () => assert.deepEqual(refusalsOf(story()).sort(), [...left].sort()));
}

test('a request that is no longer awaited changes no refusal when it fails', () => {
  for (const kind of FAILURE_KINDS) {
    const story = listsRefused();
    const { refusals } = story.state.knowledge.failures;
    story.take({ type: 'requestFailed', request: UNAWAITED, failure: failure(kind) });
    assert.deepEqual(story.state.knowledge.failures.refusals, refusals, kind);
  }
});

test('two refusals belong together when they are at most 150 s apart', () => {
  const after = (gapMs: number) =>
    refusalOf(follows().take(LIST_REFUSED).wait(gapMs).take(LIST_REFUSED), 'list leases');
  assert.equal(after(REFUSAL_MEMORY_MS)?.count, 2);
  assert.equal(after(REFUSAL_MEMORY_MS + 1)?.count, 1);
});

test('a request without an answer interrupts every refusal', () => {
  assert.equal(refusalOf(renewsAfterRefusal('forbidden', 'unavailable'), 'update leases')?.interrupted, true);
  assert.equal(refusalOf(renewsAfterRefusal('forbidden', 'throttled'), 'update leases')?.interrupted, false);
});

test('a request without an answer interrupts a new refusal when an earlier one is already interrupted', () => {
  const story = renewsAfterRefusal('forbidden', 'unavailable');
  story.fire('backstop').fail('readLease', 'forbidden');
  assert.equal(refusalOf(story, 'get leases')?.interrupted, false);
  story.fire('renew').fail('replaceLease', 'unavailable');
  assert.equal(refusalOf(story, 'get leases')?.interrupted, true);
});

const needs: Readonly<
  Record<string, readonly [story: () => Story, request: (story: Story) => number, Refusable | null]>
> = {
  'a create of a candidate': [creates, (story) => story.request('createLease'), 'create leases'],
  'another request of a candidate that creates': [creates, () => UNAWAITED, null],
  'another request of a candidate that waits': [follows, () => UNAWAITED, null],
  'another request of a candidate that waits for its jitter': [seesRivalGo, () => UNAWAITED, null],
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
  'another request of a candidate that deletes': [() => seesRivalGo().fire('campaign'), () => UNAWAITED, null],
  'another request of a candidate that resumes': [() => starts().listed(leaseOf(SELF)), () => UNAWAITED, null],
  'another request of a candidate that resumes and whose Pod exists': [
    () => starts().listed(leaseOf(SELF)).podRead(SELF.name, podOf(SELF)),
    () => UNAWAITED,
    null,
  ],
  'a read of its Pod by a leader that restores': [
    () => leads().deleted(ownLease({ resourceVersion: '12' })),
    (story) => story.request('readPod', SELF.name),
    'get pods',
  ],
  'another request of a leader that restores': [
    () => leads().deleted(ownLease({ resourceVersion: '12' })),
    () => UNAWAITED,
    null,
  ],
  'another request of a leader that creates': [
    () =>
      leads()
        .deleted(ownLease({ resourceVersion: '12' }))
        .podRead(SELF.name, podOf(SELF)),
    () => UNAWAITED,
    null,
  ],
  'another request of a process that leaves': [() => leads().stop('always').settled(), () => UNAWAITED, null],
  'another request of a process that has stopped': [() => follows().stop(), () => UNAWAITED, null],
};

for (const [what, [story, request, needed]] of Object.entries(needs)) {
  test(`${what} needs ${needed === null ? 'no permission' : `the permission to ${needed}`}`, () => {
    const taken = story();
    assert.equal(refusableOf(taken.role, taken.state.knowledge, request(taken)), needed);
  });
}

const UNTRUSTED = failure('untrusted');

/** A process whose list of Leases has been refused for as long as the grace of the start. */
function isRefusedForLong(): Story {
  return starts().take(LIST_REFUSED).wait(15_000).take(LIST_REFUSED).wait(15_000);
}

/** The longest gap after a second refusal that still counts, in milliseconds: twice its longest delay (2 s) plus 15 s. */
const LATEST_TRY_MS = 2 * 2_000 + 15_000;

const starting: readonly Row[] = [
  {
    rule: 'a start does not fail when the process leaves and the server is not trusted',
    given: () => creates().stop(),
    when: (story) => story.take({ type: 'leaseWatchFailed', failure: UNTRUSTED }),
    role: 'leaving awaitingCreate',
    effects: [],
  },
  {
    rule: 'a start does not fail when its grace is over and nothing new was refused',
    given: isRefusedForLong,
    when: (story) => story.take({ type: 'podAbsent', watched: RIVAL }).take({ type: 'timerFired', timer: 'recheck' }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a start fails when its grace is over and its timer fires',
    given: isRefusedForLong,
    when: (story) => story.take({ type: 'timerFired', timer: 'startGrace' }),
    role: 'stopped',
    effects: ['shutDown', 'failed forbidden'],
  },
  {
    rule: 'a start fails at a new refusal after its grace, even if another request was refused before',
    given: () => {
      const story = starts()
        .take(LIST_REFUSED)
        .take({ type: 'podWatchFailed', watched: RIVAL, failure: failure('forbidden') });
      return story.wait(15_000).take(LIST_REFUSED).wait(15_000);
    },
    when: (story) => story.take(LIST_REFUSED),
    role: 'stopped',
    effects: ['shutDown', 'failed forbidden'],
  },
  {
    rule: 'a start fails when the gap after the last refusal is the longest that counts',
    given: () => starts().take(LIST_REFUSED).wait(15_000).take(LIST_REFUSED).wait(LATEST_TRY_MS),
    when: (story) => story.take({ type: 'timerFired', timer: 'startGrace' }),
    role: 'stopped',
    effects: ['shutDown', 'failed forbidden'],
  },
  {
    rule: 'a start does not fail when the gap after the last refusal is longer than that',
    given: () =>
      starts()
        .take(LIST_REFUSED)
        .wait(15_000)
        .take(LIST_REFUSED)
        .wait(LATEST_TRY_MS + 1),
    when: (story) => story.take({ type: 'timerFired', timer: 'startGrace' }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a start does not set the timer of its grace when another timer fires',
    given: () => starts().take(LIST_REFUSED).wait(10_000),
    when: (story) => story.take({ type: 'timerFired', timer: 'backstop' }),
    role: 'starting (lock held)',
    effects: ['readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a start does not set the timer of its grace when a refused request is not needed for the start',
    given: () => starts().take(LIST_REFUSED).wait(10_000),
    when: (story) => story.take({ type: 'podWatchFailed', watched: RIVAL, failure: failure('forbidden') }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a start sets its timer again when it fires before the grace is over',
    given: () => starts().take(LIST_REFUSED).wait(10_000),
    when: (story) => story.take({ type: 'timerFired', timer: 'startGrace' }),
    role: 'starting (lock held)',
    effects: ['setTimer startGrace 20000'],
  },
  {
    rule: 'a start does not fail when the server is untrusted for a read of this Pod',
    given: () => starts().absent('10'),
    when: (story) => story.fail('readPod', 'untrusted', SELF.name),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a start does not fail when the server is untrusted for a request that a candidate does not await',
    given: creates,
    when: (story) => story.take({ type: 'requestFailed', request: UNAWAITED, failure: UNTRUSTED }),
    role: 'candidate creating',
    effects: [],
  },
  {
    rule: 'a start does not fail when the server is untrusted for a request that no role awaits',
    given: starts,
    when: (story) => story.take({ type: 'requestFailed', request: UNAWAITED, failure: UNTRUSTED }),
    role: 'starting (lock held)',
    effects: [],
  },
];

const PENDING = leaseOf(RIVAL, { resourceVersion: '21', ...HELD_BY_FINALIZER });

const pending: readonly Row[] = [
  {
    rule: 'a candidate without an attempt ignores a pending deletion',
    given: follows,
    when: (story) => story.take({ type: 'leaseDeletionPending', request: UNAWAITED, lease: PENDING }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate that deletes waits on when another deletion is answered',
    given: clears,
    when: (story) => story.take({ type: 'leaseDeletionPending', request: UNAWAITED, lease: leaseOf(RIVAL) }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a candidate whose deletion was answered ignores the answer to another deletion',
    given: () => clears().removed(),
    when: (story) => story.take({ type: 'leaseDeletionPending', request: UNAWAITED, lease: leaseOf(RIVAL) }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a pause continues when a read that was in flight is answered',
    given: () => {
      const story = clears().take({ type: 'timerFired', timer: 'backstop' });
      return story.take({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease: PENDING });
    },
    when: (story) => story.leaseRead(PENDING),
    role: 'candidate backingOff',
    effects: [],
  },
];

const warned: readonly Row[] = [
  {
    rule: 'the end of two refusals is announced once when they have one warning',
    given: () => follows().refuseLeaseWatch().fire('backstop').refuse('readLease'),
    when: (story) => story.listed(rivals).fire('backstop').leaseRead(rivals),
    role: 'candidate',
    effects: ['warning refusal-over', 'readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a refusal is warned of again when it had ended',
    given: () => follows().refuseLeaseWatch().listed(rivals),
    when: (story) => story.refuseLeaseWatch(),
    role: 'candidate',
    effects: ['warning read-forbidden'],
  },
  {
    rule: 'the end of a refusal is announced when the refusal that caused the warning is no longer recorded',
    given: () =>
      follows()
        .refuseLeaseWatch()
        .wait(REFUSAL_MEMORY_MS + 1)
        .take(LIST_REFUSED),
    when: (story) => story.listed(rivals),
    role: 'candidate',
    effects: ['warning refusal-over'],
  },
  {
    rule: 'a refusal is not warned of again when another one has ended',
    given: () => follows().refusePodWatch(RIVAL).refuseLeaseWatch().listed(rivals),
    when: (story) => story.refusePodWatch(RIVAL),
    role: 'candidate',
    effects: [],
  },
];

const delays: readonly Row[] = [
  {
    rule: 'a first refusal is followed by an attempt within a second when another request was refused more often',
    given: () => {
      const story = follows().refusePodWatch(RIVAL).fire('backstop');
      for (let tries = 0; tries < 4; tries += 1) story.fail('readLease', 'unavailable').fire('retry');
      return story;
    },
    when: (story) => story.fail('readLease', 'forbidden'),
    role: 'candidate backingOff',
    effects: ['setTimer retry 750'],
  },
];

checkTable([...starting, ...pending, ...warned, ...delays]);

test('Pods count as unreadable when the refused reads of this Pod have lasted', () => {
  const canReadPods = ({ state }: Story) => state.knowledge.permissions.canReadPods;
  assert.equal(canReadPods(starts().absent('10').refuse('readPod', 'forbidden', SELF.name)), false);
  const restores = leads().deleted(ownLease({ resourceVersion: '12' }));
  assert.equal(canReadPods(restores.refuse('readPod', 'forbidden', SELF.name)), false);
});
