// Checks how an election starts, who of several processes in one Pod campaigns, and what the start gives up on.
// The roles have files of their own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fact } from '../../src/core/input.ts';
import { BACKSTOP_INTERVAL_MS } from '../../src/core/observation.ts';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { ElectionConfig } from '../../src/core/state.ts';
import {
  CONFIG,
  checkTable,
  clears,
  creates,
  describeRole,
  failure,
  follows,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  Story,
  starts,
} from './story.ts';

/** Another process of this Pod campaigns, and leads. */
function sibling(): Story {
  return new Story()
    .tell({ type: 'started' })
    .tell({ type: 'siblingLockAnswered', outcome: 'taken' })
    .listed(ownLease())
    .podListed(SELF, podOf(SELF));
}

const start: readonly Row[] = [
  {
    rule: 'a start claims the socket of its Pod, watches the Lease, and looks again once a minute',
    given: () => new Story(),
    when: (story) => story.tell({ type: 'started' }),
    role: 'starting (lock pending)',
    effects: ['claimSiblingLock', 'watchLease', `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'nobody campaigns before the socket was answered',
    given: () => new Story().tell({ type: 'started' }),
    when: (story) => story.absent('10'),
    role: 'starting (lock pending)',
    effects: [],
  },
  {
    rule: 'nobody campaigns before the Lease was seen',
    given: () => new Story().tell({ type: 'started' }),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'who does not get the socket says what it is once the Lease was seen',
    given: () => new Story().tell({ type: 'started' }),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'taken' }),
    role: 'starting (lock taken)',
    effects: [],
  },
  {
    rule: 'whichever comes last begins the campaign: here the socket',
    given: () => new Story().tell({ type: 'started' }).absent('10'),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'an own Lease that was listed, and that the watch repeats, needs no further look',
    given: () => new Story().tell({ type: 'started' }).listed(ownLease()).watched(ownLease()),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
  {
    rule: 'an own Lease that a watch event changed since it was listed is renewed on top of that',
    given: () =>
      new Story()
        .tell({ type: 'started' })
        .listed(ownLease())
        .watched(ownLease({ resourceVersion: '12' })),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@12'],
  },
  {
    rule: 'a process that is not permitted to bind the socket might be a sibling: it warns, and does not campaign',
    given: () => new Story().tell({ type: 'started' }).absent('10'),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EPERM' }),
    role: 'sibling',
    effects: ['warning sibling-lock-refused'],
  },
  {
    rule: 'a sibling warns when it is not permitted to bind the socket later',
    given: () =>
      new Story().tell({ type: 'started' }).absent('10').tell({ type: 'siblingLockAnswered', outcome: 'taken' }),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EPERM' }),
    role: 'sibling',
    effects: ['warning sibling-lock-refused'],
  },
  {
    rule: 'who may bind the socket at last campaigns',
    given: () =>
      new Story()
        .tell({ type: 'started' })
        .absent('10')
        .tell({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EPERM' }),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate backingOff',
    effects: ['readLease'],
  },
  {
    rule: 'where there are no such sockets it says so once and goes on',
    given: () => new Story().tell({ type: 'started' }).absent('10'),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'unsupported' }),
    role: 'candidate deletingOldLease',
    effects: ['warning sibling-lock-unsupported', `readPod ${SELF.name}`],
  },
  {
    rule: 'who leads is known as soon as the Lease was seen',
    given: () => new Story().tell({ type: 'started' }),
    when: (story) => story.listed(leaseOf(RIVAL)),
    role: 'starting (lock pending)',
    effects: [`watchPod ${RIVAL.name}/${RIVAL.uid}`, `leaderChanged ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'that nobody leads is no news at the start: it goes on until somebody does',
    given: starts,
    when: (story) => story.absent('10'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'elected comes before leaderChanged',
    given: creates,
    when: (story) => story.created({ resourceVersion: '11' }),
    role: 'leader',
    effects: [
      `watchPod ${SELF.name}/${SELF.uid}`,
      'setTimer renew 0',
      'elected 11',
      `leaderChanged ${SELF.name}/${SELF.uid}`,
    ],
  },
];

const siblings: readonly Row[] = [
  {
    rule: "a sibling observes: it does not lead although the Lease is its Pod's",
    given: () => new Story().tell({ type: 'started' }).tell({ type: 'siblingLockAnswered', outcome: 'taken' }),
    when: (story) => story.listed(ownLease()),
    role: 'sibling',
    effects: [`watchPod ${SELF.name}/${SELF.uid}`, `leaderChanged ${SELF.name}/${SELF.uid}`],
  },
  {
    rule: 'a sibling does not campaign when there is no Lease',
    given: sibling,
    when: (story) => story.deleted(ownLease({ resourceVersion: '12' })),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling that does not get the socket stays one',
    given: sibling,
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'taken' }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling that gets the socket looks at the Lease before it does anything',
    given: sibling,
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate backingOff',
    effects: ['readLease'],
  },
  {
    rule: 'and then resumes the term of its Pod',
    given: () => sibling().tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    when: (story) => {
      story.leaseRead(ownLease({ resourceVersion: '12' }));
      story.podRead(SELF.name, podOf(SELF)).replaced('13');
    },
    role: 'leader',
    effects: [
      `readPod ${SELF.name}`,
      'replaceLease lease-1@12',
      'setTimer stale 15000',
      `renewed ${SELF.name}/${SELF.uid}`,
      'clearTimer stale',
      'setTimer renew 10000',
      'elected 13 resumed',
    ],
  },
  {
    rule: 'a look that fails is repeated',
    given: () => sibling().tell({ type: 'siblingLockAnswered', outcome: 'held' }),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry').leaseRead(ownLease()),
    role: 'candidate resuming',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
  {
    rule: 'the socket may be granted before the Lease was seen',
    given: () => new Story().tell({ type: 'started' }).tell({ type: 'siblingLockAnswered', outcome: 'taken' }),
    when: (story) => story.tell({ type: 'siblingLockAnswered', outcome: 'held' }).absent('10'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
];

checkTable([...start, ...siblings]);

const FINAL: readonly RequestFailureKind[] = ['forbidden', 'unauthorized', 'untrusted', 'rejected'];
/** What is believed at the start only once it has lasted. */
const LASTING: readonly RequestFailureKind[] = ['forbidden', 'unauthorized', 'rejected'];
const IMPATIENT: ElectionConfig = { ...CONFIG, startGraceMs: 0 };
const PASSING: readonly RequestFailureKind[] = ['unavailable', 'throttled', 'notFound', 'malformed', 'expired'];

for (const kind of FINAL) {
  const ending = { role: 'stopped', said: ['shutDown', `failed ${kind}`] };

  test(`a watch of the Lease that is refused (${kind}) ends a start`, () => {
    const story = starts(IMPATIENT)
      .forget()
      .tell({ type: 'leaseWatchFailed', failure: failure(kind) });
    assert.deepEqual({ role: story.role.name, said: story.said }, ending);
  });

  test(`a create that is refused (${kind}) ends a start`, () => {
    const story = creates(IMPATIENT).forget().fail('createLease', kind);
    assert.deepEqual({ role: story.role.name, said: story.said }, ending);
  });

  test(`a look at the Lease that is refused (${kind}) ends a start`, () => {
    const story = creates(IMPATIENT).fail('createLease', 'alreadyExists').forget().fail('readLease', kind);
    assert.deepEqual({ role: story.role.name, said: story.said }, ending);
  });

  test(`a watch of the Lease that is refused (${kind}) ends a start, also while the Lease is being read`, () => {
    const story = creates(IMPATIENT).fail('createLease', 'alreadyExists').forget();
    story.tell({ type: 'leaseWatchFailed', failure: failure(kind) });
    assert.deepEqual({ role: story.role.name, said: story.said }, ending);
  });

  test(`once a leader is known, a refusal (${kind}) ends nothing`, () => {
    const story = follows().tell({ type: 'leaseWatchFailed', failure: failure(kind) });
    story.fire('backstop').fail('readLease', kind).fire('retry');
    assert.equal(story.role.name, 'candidate');
  });

  test(`a refusal (${kind}) after the leader went ends nothing either`, () => {
    const story = follows().podGone(RIVAL).fire('campaign').podRead(SELF.name, podOf(SELF)).removed();
    assert.equal(story.fail('createLease', kind).role.name, 'candidate');
  });
}

/** The fact is told again every five seconds, as a watch that is refused would be. */
function repeat(story: Story, fact: Fact, forMs: number): Story {
  for (let waitedMs = 5_000; waitedMs <= forMs; waitedMs += 5_000) story.wait(5_000).tell(fact);
  return story.wait(forMs % 5_000);
}

for (const kind of LASTING) {
  test(`a refusal (${kind}) of the first list is retried until the grace is over, and then ends the start`, () => {
    const refused: Fact = { type: 'leaseWatchFailed', failure: failure(kind) };
    const story = repeat(starts().tell(refused), refused, CONFIG.startGraceMs - 1);
    assert.equal(story.role.name, 'starting');
    story.forget().fire('startGrace');
    assert.deepEqual(story.said, ['shutDown', `failed ${kind}`]);
  });

  test(`a refusal (${kind}) that is over before the grace ends nothing, and the start goes on`, () => {
    const story = starts().tell({ type: 'leaseWatchFailed', failure: failure(kind) });
    story
      .wait(CONFIG.startGraceMs - 1)
      .absent('10')
      .fire('startGrace')
      .podRead(SELF.name, podOf(SELF));
    assert.equal(story.created({ resourceVersion: '11' }).role.name, 'leader');
  });
}

for (const kind of ['forbidden', 'rejected'] as const) {
  test(`a create that is refused (${kind}) for the grace ends the start`, () => {
    const story = creates().fail('createLease', kind);
    for (let tries = 2; tries <= 5; tries += 1) {
      story.fire('retry').leaseRead(null).podRead(SELF.name, podOf(SELF)).fail('createLease', kind);
    }
    story.forget().fire('startGrace');
    assert.deepEqual(story.said, ['shutDown', `failed ${kind}`]);
  });
}

for (const kind of PASSING) {
  test(`a start outlasts what may pass: ${kind}`, () => {
    const story = creates()
      .tell({ type: 'leaseWatchFailed', failure: failure(kind) })
      .fail('createLease', kind);
    story.fire('retry').fail('readLease', kind).fire('retry').leaseRead(null).podRead(SELF.name, podOf(SELF));
    assert.equal(story.created({ resourceVersion: '12' }).role.name, 'leader');
  });
}

test('a Pod that cannot be read does not end a start', () => {
  const story = starts().absent('10').refuse('readPod', 'forbidden', SELF.name);
  assert.equal(story.created({ resourceVersion: '11' }).role.name, 'leader');
});

test('a watch of the Lease that is forbidden after the start is warned of once; any other failure passes', () => {
  const story = follows().forget();
  story.tell({ type: 'leaseWatchFailed', failure: failure('unavailable') });
  for (const afterMs of [0, 4_999, 1, 1_000]) {
    assert.deepEqual(story.said, []);
    story.wait(afterMs).tell({ type: 'leaseWatchFailed', failure: failure('forbidden') });
    if (afterMs === 1) break;
  }
  story.wait(1_000).tell({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  assert.deepEqual(story.said, ['warning read-forbidden']);
  story.listed(leaseOf(RIVAL));
  assert.deepEqual(story.said, ['warning read-forbidden', 'warning refusal-over']);
});

/** A 403 that says which verb is missing. */
function without(verb: 'list' | 'watch', resource: 'leases' | 'pods'): RequestFailure {
  const apiGroup = resource === 'pods' ? '' : 'coordination.k8s.io';
  return { ...failure('forbidden'), missingRule: { verb, apiGroup, resource, namespace: CONFIG.namespace } };
}

for (const [resource, code] of [
  ['leases', 'read-forbidden'],
  ['pods', 'pod-read-forbidden'],
] as const) {
  const refuse = (story: Story, verb: 'list' | 'watch'): Story => {
    const why = without(verb, resource);
    return resource === 'leases'
      ? story.tell({ type: 'leaseWatchFailed', failure: why })
      : story.tell({ type: 'podWatchFailed', watched: RIVAL, failure: why });
  };
  const list = (story: Story): Story =>
    resource === 'leases' ? story.listed(leaseOf(RIVAL)) : story.podListed(RIVAL, podOf(RIVAL));
  const warnings = (story: Story): string[] => story.said.filter((line) => line.startsWith('warning'));

  test(`streams of ${resource} that are refused for 5 s are warned of, although each list before them is answered`, () => {
    const story = follows().forget();
    for (const afterMs of [0, 1_000, 2_000, 2_000]) {
      assert.deepEqual(warnings(story), []);
      refuse(list(story.wait(afterMs)), 'watch');
    }
    assert.deepEqual(warnings(list(story)), [`warning ${code}`]);
    assert.deepEqual(warnings(story.tell({ type: 'watchOpened', resource })), [
      `warning ${code}`,
      'warning refusal-over',
    ]);
  });

  test(`a stream of ${resource} that was opened between two refusals restarts their count`, () => {
    const story = refuse(follows().forget(), 'watch').tell({ type: 'watchOpened', resource });
    assert.deepEqual(warnings(refuse(story.wait(5_000), 'watch')), []);
  });

  test(`an opened stream of ${resource} is no answer to a list that was refused`, () => {
    const story = refuse(follows().forget(), 'list').tell({ type: 'watchOpened', resource });
    assert.deepEqual(warnings(refuse(story.wait(5_000), 'list')), [`warning ${code}`]);
  });
}

test('a verb that is refused later does not lengthen the grace of the first', () => {
  const refused: Fact = { type: 'leaseWatchFailed', failure: without('watch', 'leases') };
  const story = repeat(creates().tell(refused), refused, 14_000);
  story.forget().fail('createLease', 'forbidden');
  assert.ok(story.said.includes('setTimer startGrace 16000'), story.said.join());
  repeat(story, refused, 15_000).forget().fire('startGrace');
  assert.deepEqual(story.said, ['shutDown', 'failed forbidden']);
});

test('the grace of a later refusal is waited for once the first was accepted', () => {
  const listRefused: Fact = { type: 'leaseWatchFailed', failure: without('list', 'leases') };
  const story = creates().tell({ type: 'leaseWatchFailed', failure: without('watch', 'leases') });
  story.wait(14_000).tell(listRefused).tell({ type: 'watchOpened', resource: 'leases' });
  repeat(story, listRefused, 25_000);
  assert.equal(story.timers.get('startGrace'), story.nowMs + 5_000);
  story.forget().fire('startGrace');
  assert.deepEqual(story.said, ['shutDown', 'failed forbidden']);
});

test('a read of the Lease for confirm() does not end the refusal of lists', () => {
  const story = leads().refuseLeaseWatch().forget();
  story.tell({ type: 'leaseObserved', lease: ownLease(), by: 'get' });
  assert.deepEqual(story.said, []);
  story.listed(ownLease());
  assert.deepEqual(story.said, ['warning refusal-over']);
});

test('the end of a grace in which the API server went away is waited for once', () => {
  const story = starts().tell({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  story
    .wait(1_000)
    .tell({ type: 'leaseWatchFailed', failure: failure('unavailable') })
    .fire('startGrace');
  assert.equal(story.role.name, 'starting');
  // The next refusal counts for itself.
  assert.ok(!story.timers.has('startGrace'));
});

test('a start that finds a Lease of nobody is ended by streams that are refused for the grace', () => {
  const refused: Fact = { type: 'leaseWatchFailed', failure: without('watch', 'leases') };
  const foreign = leaseOf(null, { leaseDurationSeconds: 3_600 });
  const story = repeat(starts().tell(refused).listed(foreign), refused, CONFIG.startGraceMs - 1);
  story.listed(foreign).forget().fire('startGrace');
  assert.deepEqual(story.said, ['shutDown', 'failed forbidden']);
});

test('with the verbs of the sidecar alone (no update, no delete on leases) one is elected and succeeds', () => {
  const first = leads().fire('renew').refuse('replaceLease', 'forbidden');
  assert.equal(first.role.name, 'leader');
  assert.ok(!first.timers.has('renew'));
  const next = follows().podGone(RIVAL).fire('campaign').refuse('deleteLease', 'forbidden');
  next
    .deleted(leaseOf(RIVAL, { resourceVersion: '30' }))
    .fire('campaign')
    .podRead(SELF.name, podOf(SELF));
  assert.equal(next.created({ uid: 'lease-2', resourceVersion: '31' }).role.name, 'leader');
});

test('the jitter is drawn separately for each process', () => {
  const story = follows();
  story.random = 0;
  assert.deepEqual(story.forget().podGone(RIVAL).said, ['setTimer campaign 0', 'leaderChanged nobody']);
});

test('a start is not ended by one refusal and the outage that follows it', () => {
  const story = starts().tell({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  for (let seconds = 0; seconds < 28; seconds += 2) {
    story.wait(2_000).tell({ type: 'leaseWatchFailed', failure: failure('unavailable') });
  }
  story.forget().fire('startGrace');
  assert.notEqual(story.role.name, 'stopped', story.said.join());
});

test('the start of a sibling is not ended by one refused read: it is repeated before the grace is over', () => {
  const story = new Story().tell({ type: 'started' }).tell({ type: 'siblingLockAnswered', outcome: 'taken' });
  story.absent('10').fire('backstop').fail('readLease', 'forbidden').fire('retry').leaseRead(null);
  story.fire('startGrace');
  assert.equal(story.role.name, 'sibling', story.said.join());
});

test('the first refusal after a long outage is repeated within a second', () => {
  const story = follows().fire('backstop').podRead(RIVAL.name, podOf(RIVAL));
  for (let tries = 0; tries < 8; tries += 1) story.fail('readLease', 'unavailable').fire('retry');
  story.forget().fail('readLease', 'forbidden');
  assert.deepEqual(story.said, ['setTimer retry 750']);
});

/** A candidate whose DELETE was refused once, and that leads because the garbage collector was quicker than the next try. */
function leadsAfterOneRefusal(): Story {
  const story = clears()
    .fail('deleteLease', 'forbidden')
    .deleted(leaseOf(RIVAL, { resourceVersion: '25' }));
  story.fire('campaign').podRead(SELF.name, podOf(SELF)).created({ resourceVersion: '30' }).fire('permission');
  return story.fire('renew').replaced('31').wait(90_000);
}

test('two refusals at two restarts of an API server, with no try between them, are not believed', () => {
  const story = leadsAfterOneRefusal().stepDown().settled().replaced('32').fail('deleteLease', 'forbidden');
  assert.ok(!story.said.includes('warning delete-forbidden'), 'nothing was refused for 5 s');
  assert.equal(describeRole(story.role), 'leaving deleting');
});

test('a start ends within two graces when the token and the permission are refused in turn', () => {
  const token: Fact = { type: 'leaseWatchFailed', failure: failure('unauthorized') };
  const verb: Fact = { type: 'leaseWatchFailed', failure: without('list', 'leases') };
  const story = starts();
  const endMs = story.nowMs + 2 * CONFIG.startGraceMs;
  // The pauses of a refused list without their jitter.
  for (const [fact, pauseMs] of [
    [token, 1_000],
    [token, 2_000],
    [token, 4_000],
    [token, 8_000],
    [verb, 16_000],
    [token, 16_000],
    [verb, 60_000],
  ] as const) {
    const nextMs = story.tell(fact).nowMs + pauseMs;
    for (;;) {
      const dueMs = story.timers.get('startGrace');
      if (dueMs === undefined || dueMs > Math.min(nextMs, endMs)) break;
      story.wait(Math.max(0, dueMs - story.nowMs)).fire('startGrace');
    }
    if (story.role.name === 'stopped') return;
    story.wait(nextMs - story.nowMs);
  }
  assert.fail(`no end after ${story.nowMs - endMs + 2 * CONFIG.startGraceMs} ms`);
});
