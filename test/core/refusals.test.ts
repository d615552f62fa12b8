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

test('the remaining doubt is infinite when the refusal is due or believed', () => {
  assert.equal(remainingDoubtMs({ token: refusal() }, 6_000), Number.POSITIVE_INFINITY);
  assert.equal(remainingDoubtMs({ token: refusal() }, 7_000), Number.POSITIVE_INFINITY);
  assert.equal(remainingDoubtMs({ token: refusal({ lastMs: 6_000 }) }, 5_500), Number.POSITIVE_INFINITY);
});

test('the remaining doubt does not depend on the moment at which the monotonic clock began', () => {
  assert.equal(remainingDoubtMs({ token: refusal({ sinceMs: 90_000, lastMs: 91_000 }) }, 92_000), 3_000);
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

/** The number of a request that no role awaits. */
const STRANGE = 999;

function refusalsOf({ state }: Story): Refusable[] {
  return Object.keys(state.knowledge.failures.refusals) as Refusable[];
}

function refusalOf({ state }: Story, what: Refusable): Refusal | undefined {
  return state.knowledge.failures.refusals[what];
}

const LIST_REFUSED = { type: 'leaseWatchFailed', failure: failure('forbidden') } as const;

/** A follower whose list of this kind was refused. */
function listsRefused(): Story {
  return follows()
    .tell(LIST_REFUSED)
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
  'a read of a Pod ends the refusal of reads of Pods, also when it is no longer awaited': [
    () => {
      const story = listsRefused().fail('readPod', 'forbidden', RIVAL.name);
      return story.tell({ type: 'podRead', request: STRANGE, name: RIVAL.name, pod: podOf(RIVAL) });
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

test('a request that is no longer awaited changes no refusal when it fails', () => {
  for (const kind of FAILURE_KINDS) {
    const story = listsRefused();
    const { refusals } = story.state.knowledge.failures;
    story.tell({ type: 'requestFailed', request: STRANGE, failure: failure(kind) });
    assert.deepEqual(story.state.knowledge.failures.refusals, refusals, kind);
  }
});

test('two refusals belong together when they are at most 150 s apart', () => {
  const after = (gapMs: number) =>
    refusalOf(follows().tell(LIST_REFUSED).wait(gapMs).tell(LIST_REFUSED), 'list leases');
  assert.equal(after(REFUSAL_MEMORY_MS)?.count, 2);
  assert.equal(after(REFUSAL_MEMORY_MS + 1)?.count, 1);
});

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

const UNTRUSTED = failure('untrusted');

/** A start whose list of Leases has been refused for as long as a start may take. */
function isRefusedForLong(): Story {
  return starts().tell(LIST_REFUSED).wait(15_000).tell(LIST_REFUSED).wait(15_000);
}

/** The longest gap after which two refusals in a row still stand, in milliseconds: twice the longest delay, and 15 s. */
const LATEST_TRY_MS = 2 * 2_000 + 15_000;

const starting: readonly Row[] = [
  {
    rule: 'a start does not fail when the process leaves and the server is not trusted',
    given: () => creates().stop(),
    when: (story) => story.tell({ type: 'leaseWatchFailed', failure: UNTRUSTED }),
    role: 'leaving awaitingCreate',
    effects: [],
  },
  {
    rule: 'a start does not fail when its grace is over and nothing new was refused',
    given: isRefusedForLong,
    when: (story) => story.tell({ type: 'podAbsent', watched: RIVAL }).tell({ type: 'timerFired', timer: 'recheck' }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a start fails when its grace is over and its timer fires',
    given: isRefusedForLong,
    when: (story) => story.tell({ type: 'timerFired', timer: 'startGrace' }),
    role: 'stopped',
    effects: ['shutDown', 'failed forbidden'],
  },
  {
    rule: 'a start fails at a new refusal after its grace, although another request was refused only before',
    given: () => {
      const story = starts()
        .tell(LIST_REFUSED)
        .tell({ type: 'podWatchFailed', watched: RIVAL, failure: failure('forbidden') });
      return story.wait(15_000).tell(LIST_REFUSED).wait(15_000);
    },
    when: (story) => story.tell(LIST_REFUSED),
    role: 'stopped',
    effects: ['shutDown', 'failed forbidden'],
  },
  {
    rule: 'a start fails when the next try of the refused request is as late as it can be',
    given: () => starts().tell(LIST_REFUSED).wait(15_000).tell(LIST_REFUSED).wait(LATEST_TRY_MS),
    when: (story) => story.tell({ type: 'timerFired', timer: 'startGrace' }),
    role: 'stopped',
    effects: ['shutDown', 'failed forbidden'],
  },
  {
    rule: 'a start does not fail when the next try of the refused request is later than it can be: nothing was tried',
    given: () =>
      starts()
        .tell(LIST_REFUSED)
        .wait(15_000)
        .tell(LIST_REFUSED)
        .wait(LATEST_TRY_MS + 1),
    when: (story) => story.tell({ type: 'timerFired', timer: 'startGrace' }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a start leaves the timer of its grace alone when another timer fires',
    given: () => starts().tell(LIST_REFUSED).wait(10_000),
    when: (story) => story.tell({ type: 'timerFired', timer: 'backstop' }),
    role: 'starting (lock held)',
    effects: ['readLease', 'setTimer backstop 60000'],
  },
  {
    rule: 'a start leaves the timer of its grace alone when a request is refused that it does not need',
    given: () => starts().tell(LIST_REFUSED).wait(10_000),
    when: (story) => story.tell({ type: 'podWatchFailed', watched: RIVAL, failure: failure('forbidden') }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a start sets its timer again when it fires before the grace is over',
    given: () => starts().tell(LIST_REFUSED).wait(10_000),
    when: (story) => story.tell({ type: 'timerFired', timer: 'startGrace' }),
    role: 'starting (lock held)',
    effects: ['setTimer startGrace 20000'],
  },
  {
    rule: 'a start does not fail when a read of its Pod finds no trusted server',
    given: () => starts().absent('10'),
    when: (story) => story.fail('readPod', 'untrusted', SELF.name),
    role: 'candidate backingOff',
    effects: ['setTimer retry 188'],
  },
  {
    rule: 'a start does not fail when a request that a candidate does not await finds no trusted server',
    given: creates,
    when: (story) => story.tell({ type: 'requestFailed', request: STRANGE, failure: UNTRUSTED }),
    role: 'candidate creating',
    effects: [],
  },
  {
    rule: 'a start does not fail when a request that nobody awaits finds no trusted server',
    given: starts,
    when: (story) => story.tell({ type: 'requestFailed', request: STRANGE, failure: UNTRUSTED }),
    role: 'starting (lock held)',
    effects: [],
  },
];

const PENDING = leaseOf(RIVAL, { resourceVersion: '21', ...HELD_BY_FINALIZER });

const pending: readonly Row[] = [
  {
    rule: 'a candidate without an attempt ignores a pending deletion',
    given: follows,
    when: (story) => story.tell({ type: 'leaseDeletionPending', request: STRANGE, lease: PENDING }),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'a candidate that deletes goes on when the answer belongs to another deletion',
    given: clears,
    when: (story) => story.tell({ type: 'leaseDeletionPending', request: STRANGE, lease: leaseOf(RIVAL) }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a candidate whose deletion was answered ignores the answer to another deletion',
    given: () => clears().removed(),
    when: (story) => story.tell({ type: 'leaseDeletionPending', request: STRANGE, lease: leaseOf(RIVAL) }),
    role: 'candidate deletingOldLease',
    effects: [],
  },
  {
    rule: 'a pause goes on when a read that was in flight is answered',
    given: () => {
      const story = clears().tell({ type: 'timerFired', timer: 'backstop' });
      return story.tell({ type: 'leaseDeletionPending', request: story.request('deleteLease'), lease: PENDING });
    },
    when: (story) => story.leaseRead(PENDING),
    role: 'candidate backingOff',
    effects: [],
  },
];

const warned: readonly Row[] = [
  {
    rule: 'the end of two refusals with one warning is announced once',
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
    rule: 'the end of a warned refusal is announced when the refusals that led to the warning are forgotten',
    given: () =>
      follows()
        .refuseLeaseWatch()
        .wait(REFUSAL_MEMORY_MS + 1)
        .tell(LIST_REFUSED),
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
    rule: 'a first refusal is followed by a try within a second, although another request was refused more often',
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
