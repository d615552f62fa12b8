// Checks the start of an election, the choice between several processes of one Pod, and the failures that end a start.
// Each role has its own test file.

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

/** A process whose Pod leads, and whose socket another process holds. */
function sibling(): Story {
  return new Story()
    .take({ type: 'started' })
    .take({ type: 'siblingLockAnswered', outcome: 'taken' })
    .listed(ownLease())
    .podListed(SELF, podOf(SELF));
}

const start: readonly Row[] = [
  {
    rule: 'a process claims the socket of its Pod, watches the Lease and sets the resync when it starts',
    given: () => new Story(),
    when: (story) => story.take({ type: 'started' }),
    role: 'starting (lock pending)',
    effects: ['claimSiblingLock', 'watchLease', `setTimer backstop ${BACKSTOP_INTERVAL_MS}`],
  },
  {
    rule: 'a process does not campaign when the claim of the socket is not answered yet',
    given: () => new Story().take({ type: 'started' }),
    when: (story) => story.absent('10'),
    role: 'starting (lock pending)',
    effects: [],
  },
  {
    rule: 'a process does not campaign when no Lease was observed yet',
    given: () => new Story().take({ type: 'started' }),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'starting (lock held)',
    effects: [],
  },
  {
    rule: 'a process does not become a sibling before a Lease was observed',
    given: () => new Story().take({ type: 'started' }),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'taken' }),
    role: 'starting (lock taken)',
    effects: [],
  },
  {
    rule: 'a process campaigns when the socket is answered after the Lease',
    given: () => new Story().take({ type: 'started' }).absent('10'),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a process renews its listed Lease without a read when the watch only repeats it',
    given: () => new Story().take({ type: 'started' }).listed(ownLease()).watched(ownLease()),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
  {
    rule: 'a process renews the version of the watch event when it is newer than the listed one',
    given: () =>
      new Story()
        .take({ type: 'started' })
        .listed(ownLease())
        .watched(ownLease({ resourceVersion: '12' })),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate resuming',
    effects: [`readPod ${SELF.name}`, 'replaceLease lease-1@12'],
  },
  {
    rule: 'a process warns and does not campaign when it is not permitted to bind the socket',
    given: () => new Story().take({ type: 'started' }).absent('10'),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EPERM' }),
    role: 'sibling',
    effects: ['warning sibling-lock-refused'],
  },
  {
    rule: 'a sibling warns when it is not permitted to bind the socket later',
    given: () =>
      new Story().take({ type: 'started' }).absent('10').take({ type: 'siblingLockAnswered', outcome: 'taken' }),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EPERM' }),
    role: 'sibling',
    effects: ['warning sibling-lock-refused'],
  },
  {
    rule: 'a process reads the Lease to campaign when it can bind the socket after all',
    given: () =>
      new Story()
        .take({ type: 'started' })
        .absent('10')
        .take({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EPERM' }),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate backingOff',
    effects: ['readLease'],
  },
  {
    rule: 'a process warns once and campaigns when the platform has no such sockets',
    given: () => new Story().take({ type: 'started' }).absent('10'),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'unsupported' }),
    role: 'candidate deletingOldLease',
    effects: ['warning sibling-lock-unsupported', `readPod ${SELF.name}`],
  },
  {
    rule: 'a process announces the leader when it has observed the Lease, before the socket is answered',
    given: () => new Story().take({ type: 'started' }),
    when: (story) => story.listed(leaseOf(RIVAL)),
    role: 'starting (lock pending)',
    effects: [`watchPod ${RIVAL.name}/${RIVAL.uid}`, `leaderChanged ${RIVAL.name}/${RIVAL.uid}`],
  },
  {
    rule: 'a process announces no leaderChanged at its start when there is no leader',
    given: starts,
    when: (story) => story.absent('10'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
  {
    rule: 'a leader announces elected before leaderChanged',
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
    rule: 'a sibling does not lead when its Pod owns the Lease',
    given: () => new Story().take({ type: 'started' }).take({ type: 'siblingLockAnswered', outcome: 'taken' }),
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
    rule: 'a sibling remains one when it does not get the socket',
    given: sibling,
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'taken' }),
    role: 'sibling',
    effects: [],
  },
  {
    rule: 'a sibling reads the Lease first when it gets the socket',
    given: sibling,
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'held' }),
    role: 'candidate backingOff',
    effects: ['readLease'],
  },
  {
    rule: 'a sibling resumes the term of its Pod when it has the socket and has read the Lease',
    given: () => sibling().take({ type: 'siblingLockAnswered', outcome: 'held' }),
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
    rule: 'a sibling that has the socket repeats the read of the Lease when it failed',
    given: () => sibling().take({ type: 'siblingLockAnswered', outcome: 'held' }),
    when: (story) => story.fail('readLease', 'unavailable').fire('retry').leaseRead(ownLease()),
    role: 'candidate resuming',
    effects: ['setTimer retry 188', 'readLease', `readPod ${SELF.name}`, 'replaceLease lease-1@11'],
  },
  {
    rule: 'a process campaigns when it gets the socket before a Lease was observed',
    given: () => new Story().take({ type: 'started' }).take({ type: 'siblingLockAnswered', outcome: 'taken' }),
    when: (story) => story.take({ type: 'siblingLockAnswered', outcome: 'held' }).absent('10'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`],
  },
];

checkTable([...start, ...siblings]);

const FINAL: readonly RequestFailureKind[] = ['forbidden', 'unauthorized', 'untrusted', 'rejected'];
/** Failures that end a start only when they have lasted for its grace. */
const LASTING: readonly RequestFailureKind[] = ['forbidden', 'unauthorized', 'rejected'];
const NO_GRACE: ElectionConfig = { ...CONFIG, startGraceMs: 0 };
const PASSING: readonly RequestFailureKind[] = ['unavailable', 'throttled', 'notFound', 'malformed', 'expired'];

for (const kind of FINAL) {
  const ending = { role: 'stopped', texts: ['shutDown', `failed ${kind}`] };

  test(`a watch of the Lease that is refused (${kind}) ends a start`, () => {
    const story = starts(NO_GRACE)
      .clearEffects()
      .take({ type: 'leaseWatchFailed', failure: failure(kind) });
    assert.deepEqual({ role: story.role.name, texts: story.texts }, ending);
  });

  test(`a create that is refused (${kind}) ends a start`, () => {
    const story = creates(NO_GRACE).clearEffects().fail('createLease', kind);
    assert.deepEqual({ role: story.role.name, texts: story.texts }, ending);
  });

  test(`a read of the Lease that is refused (${kind}) ends a start`, () => {
    const story = creates(NO_GRACE).fail('createLease', 'alreadyExists').clearEffects().fail('readLease', kind);
    assert.deepEqual({ role: story.role.name, texts: story.texts }, ending);
  });

  test(`a watch of the Lease that is refused (${kind}) ends a start while the Lease is being read`, () => {
    const story = creates(NO_GRACE).fail('createLease', 'alreadyExists').clearEffects();
    story.take({ type: 'leaseWatchFailed', failure: failure(kind) });
    assert.deepEqual({ role: story.role.name, texts: story.texts }, ending);
  });

  test(`a refusal (${kind}) ends nothing when a leader is known`, () => {
    const story = follows().take({ type: 'leaseWatchFailed', failure: failure(kind) });
    story.fire('backstop').fail('readLease', kind).fire('retry');
    assert.equal(story.role.name, 'candidate');
  });

  test(`a refusal (${kind}) ends nothing when the leader was known and is gone`, () => {
    const story = follows().podGone(RIVAL).fire('campaign').podRead(SELF.name, podOf(SELF)).removed();
    assert.equal(story.fail('createLease', kind).role.name, 'candidate');
  });
}

/** Repeats the fact every 5 s, like a watch that is refused. */
function repeat(story: Story, fact: Fact, forMs: number): Story {
  for (let waitedMs = 5_000; waitedMs <= forMs; waitedMs += 5_000) story.wait(5_000).take(fact);
  return story.wait(forMs % 5_000);
}

for (const kind of LASTING) {
  test(`a refusal (${kind}) of the first list ends the start only when the grace is over`, () => {
    const refused: Fact = { type: 'leaseWatchFailed', failure: failure(kind) };
    const story = repeat(starts().take(refused), refused, CONFIG.startGraceMs - 1);
    assert.equal(story.role.name, 'starting');
    story.clearEffects().fire('startGrace');
    assert.deepEqual(story.texts, ['shutDown', `failed ${kind}`]);
  });

  test(`a start goes on when the refusal (${kind}) has ended before the grace is over`, () => {
    const story = starts().take({ type: 'leaseWatchFailed', failure: failure(kind) });
    story
      .wait(CONFIG.startGraceMs - 1)
      .absent('10')
      .fire('startGrace')
      .podRead(SELF.name, podOf(SELF));
    assert.equal(story.created({ resourceVersion: '11' }).role.name, 'leader');
  });
}

for (const kind of ['forbidden', 'rejected'] as const) {
  test(`a create that is refused (${kind}) ends the start when the grace is over`, () => {
    const story = creates().fail('createLease', kind);
    for (let tries = 2; tries <= 5; tries += 1) {
      story.fire('retry').leaseRead(null).podRead(SELF.name, podOf(SELF)).fail('createLease', kind);
    }
    story.clearEffects().fire('startGrace');
    assert.deepEqual(story.texts, ['shutDown', `failed ${kind}`]);
  });
}

for (const kind of PASSING) {
  test(`a start goes on when a request fails with ${kind}`, () => {
    const story = creates()
      .take({ type: 'leaseWatchFailed', failure: failure(kind) })
      .fail('createLease', kind);
    story.fire('retry').fail('readLease', kind).fire('retry').leaseRead(null).podRead(SELF.name, podOf(SELF));
    assert.equal(story.created({ resourceVersion: '12' }).role.name, 'leader');
  });
}

test('a start goes on when a Pod cannot be read', () => {
  const story = starts().absent('10').refuse('readPod', 'forbidden', SELF.name);
  assert.equal(story.created({ resourceVersion: '11' }).role.name, 'leader');
});

test('a forbidden watch of the Lease causes one warning after the start, and any other failure none', () => {
  const story = follows().clearEffects();
  story.take({ type: 'leaseWatchFailed', failure: failure('unavailable') });
  for (const afterMs of [0, 4_999, 1, 1_000]) {
    assert.deepEqual(story.texts, []);
    story.wait(afterMs).take({ type: 'leaseWatchFailed', failure: failure('forbidden') });
    if (afterMs === 1) break;
  }
  story.wait(1_000).take({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  assert.deepEqual(story.texts, ['warning read-forbidden']);
  story.listed(leaseOf(RIVAL));
  assert.deepEqual(story.texts, ['warning read-forbidden', 'warning refusal-over']);
});

/** A 403 that names the missing verb. */
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
      ? story.take({ type: 'leaseWatchFailed', failure: why })
      : story.take({ type: 'podWatchFailed', watched: RIVAL, failure: why });
  };
  const list = (story: Story): Story =>
    resource === 'leases' ? story.listed(leaseOf(RIVAL)) : story.podListed(RIVAL, podOf(RIVAL));
  const warnings = (story: Story): string[] => story.texts.filter((line) => line.startsWith('warning'));

  test(`streams of ${resource} cause a warning when they are refused for 5 s, although each list is answered`, () => {
    const story = follows().clearEffects();
    for (const afterMs of [0, 1_000, 2_000, 2_000]) {
      assert.deepEqual(warnings(story), []);
      refuse(list(story.wait(afterMs)), 'watch');
    }
    assert.deepEqual(warnings(list(story)), [`warning ${code}`]);
    assert.deepEqual(warnings(story.take({ type: 'watchOpened', resource })), [
      `warning ${code}`,
      'warning refusal-over',
    ]);
  });

  test(`a stream of ${resource} that opens between two refusals restarts the 5 s`, () => {
    const story = refuse(follows().clearEffects(), 'watch').take({ type: 'watchOpened', resource });
    assert.deepEqual(warnings(refuse(story.wait(5_000), 'watch')), []);
  });

  test(`a stream of ${resource} that opens does not end the refusal of lists`, () => {
    const story = refuse(follows().clearEffects(), 'list').take({ type: 'watchOpened', resource });
    assert.deepEqual(warnings(refuse(story.wait(5_000), 'list')), [`warning ${code}`]);
  });
}

test('the refusal of a second verb does not lengthen the grace of the first', () => {
  const refused: Fact = { type: 'leaseWatchFailed', failure: without('watch', 'leases') };
  const story = repeat(creates().take(refused), refused, 14_000);
  story.clearEffects().fail('createLease', 'forbidden');
  assert.ok(story.texts.includes('setTimer startGrace 16000'), story.texts.join());
  repeat(story, refused, 15_000).clearEffects().fire('startGrace');
  assert.deepEqual(story.texts, ['shutDown', 'failed forbidden']);
});

test('the timer of the grace is set for the second refusal when the first has ended', () => {
  const listRefused: Fact = { type: 'leaseWatchFailed', failure: without('list', 'leases') };
  const story = creates().take({ type: 'leaseWatchFailed', failure: without('watch', 'leases') });
  story.wait(14_000).take(listRefused).take({ type: 'watchOpened', resource: 'leases' });
  repeat(story, listRefused, 25_000);
  assert.equal(story.timers.get('startGrace'), story.nowMs + 5_000);
  story.clearEffects().fire('startGrace');
  assert.deepEqual(story.texts, ['shutDown', 'failed forbidden']);
});

test('a read of the Lease for confirm() does not end the refusal of lists', () => {
  const story = leads().refuseLeaseWatch().clearEffects();
  story.take({ type: 'leaseObserved', lease: ownLease(), by: 'get' });
  assert.deepEqual(story.texts, []);
  story.listed(ownLease());
  assert.deepEqual(story.texts, ['warning refusal-over']);
});

test('the timer of the grace is not set again when the API server was unreachable at its end', () => {
  const story = starts().take({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  story
    .wait(1_000)
    .take({ type: 'leaseWatchFailed', failure: failure('unavailable') })
    .fire('startGrace');
  assert.equal(story.role.name, 'starting');
  // The next refusal sets its own timer.
  assert.ok(!story.timers.has('startGrace'));
});

test('streams that are refused for the grace end a start when the Lease has no owner', () => {
  const refused: Fact = { type: 'leaseWatchFailed', failure: without('watch', 'leases') };
  const foreign = leaseOf(null, { leaseDurationSeconds: 3_600 });
  const story = repeat(starts().take(refused).listed(foreign), refused, CONFIG.startGraceMs - 1);
  story.listed(foreign).clearEffects().fire('startGrace');
  assert.deepEqual(story.texts, ['shutDown', 'failed forbidden']);
});

test('a Pod is elected and takes over with the verbs of the sidecar alone (no update, no delete on leases)', () => {
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

test('a process draws its own jitter', () => {
  const story = follows();
  story.random = 0;
  assert.deepEqual(story.clearEffects().podGone(RIVAL).texts, ['setTimer campaign 0', 'leaderChanged nobody']);
});

test('a start goes on when an outage follows one refusal', () => {
  const story = starts().take({ type: 'leaseWatchFailed', failure: failure('forbidden') });
  for (let seconds = 0; seconds < 28; seconds += 2) {
    story.wait(2_000).take({ type: 'leaseWatchFailed', failure: failure('unavailable') });
  }
  story.clearEffects().fire('startGrace');
  assert.notEqual(story.role.name, 'stopped', story.texts.join());
});

test('the start of a sibling goes on when one read was refused, because the read is repeated within the grace', () => {
  const story = new Story().take({ type: 'started' }).take({ type: 'siblingLockAnswered', outcome: 'taken' });
  story.absent('10').fire('backstop').fail('readLease', 'forbidden').fire('retry').leaseRead(null);
  story.fire('startGrace');
  assert.equal(story.role.name, 'sibling', story.texts.join());
});

test('a process retries within a second when the first refusal follows a long outage', () => {
  const story = follows().fire('backstop').podRead(RIVAL.name, podOf(RIVAL));
  for (let tries = 0; tries < 8; tries += 1) story.fail('readLease', 'unavailable').fire('retry');
  story.clearEffects().fail('readLease', 'forbidden');
  assert.deepEqual(story.texts, ['setTimer retry 750']);
});

/** A leader whose DELETE was refused once. The garbage collector deleted the Lease before the next attempt. */
function leadsAfterOneRefusal(): Story {
  const story = clears()
    .fail('deleteLease', 'forbidden')
    .deleted(leaseOf(RIVAL, { resourceVersion: '25' }));
  story.fire('campaign').podRead(SELF.name, podOf(SELF)).created({ resourceVersion: '30' }).fire('permission');
  return story.fire('renew').replaced('31').wait(90_000);
}

test('two refusals are not believed when no attempt was made between them', () => {
  const story = leadsAfterOneRefusal().stepDown().settled().replaced('32').fail('deleteLease', 'forbidden');
  assert.ok(!story.texts.includes('warning delete-forbidden'), 'nothing was refused for 5 s');
  assert.equal(describeRole(story.role), 'leaving deleting');
});

test('a start ends within two graces when the token and the permission are refused in turn', () => {
  const token: Fact = { type: 'leaseWatchFailed', failure: failure('unauthorized') };
  const verb: Fact = { type: 'leaseWatchFailed', failure: without('list', 'leases') };
  const story = starts();
  const endMs = story.nowMs + 2 * CONFIG.startGraceMs;
  // The delays of a refused list, without jitter.
  for (const [fact, pauseMs] of [
    [token, 1_000],
    [token, 2_000],
    [token, 4_000],
    [token, 8_000],
    [verb, 16_000],
    [token, 16_000],
    [verb, 60_000],
  ] as const) {
    const nextMs = story.take(fact).nowMs + pauseMs;
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
