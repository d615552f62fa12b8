// Checks what is remembered for people: the holder's Pod as last seen, the failure that no answer has followed, and
// what the API server refuses, until it does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Diagnostics, dateSightings, isNotReady, NO_DIAGNOSTICS, recordFact } from '../../src/core/diagnostics.ts';
import type { Fact } from '../../src/core/input.ts';
import type { MissingRule, RequestFailure } from '../../src/core/request-failure.ts';
import { FAILURE_KINDS, failure, leaseOf, podOf, RIVAL, reportOf, SELF } from './story.ts';

const LEASE = leaseOf(RIVAL);
const LISTED: Fact = { type: 'leaseObserved', lease: LEASE, by: 'list' };
const POD = podOf(RIVAL, { resourceVersion: '8', report: reportOf() });

function refusal(verb: string, resource: 'leases' | 'pods'): RequestFailure {
  const missingRule: MissingRule = { verb, resource, apiGroup: '', namespace: 'shop' };
  return { ...failure('forbidden'), missingRule };
}

function failed(why: RequestFailure): Fact {
  return { type: 'requestFailed', request: 1, failure: why };
}

/** What is remembered of these facts, while the rival holds the Lease. */
function heard(...facts: readonly Fact[]): Diagnostics {
  return facts.reduce((news, fact) => recordFact(news, fact, RIVAL), NO_DIAGNOSTICS);
}

/** Every answer of the API server, and the verbs on a resource that it shows to be permitted. */
const ANSWERS: readonly (readonly [Fact, resource: 'leases' | 'pods', ...verbs: string[]])[] = [
  [{ type: 'leaseRead', request: 1, lease: null }, 'leases', 'get'],
  [{ type: 'leaseWritten', request: 1, lease: LEASE }, 'leases', 'create', 'update'],
  [{ type: 'leaseRemoved', request: 1 }, 'leases', 'delete'],
  [{ type: 'leaseDeletionPending', request: 1, lease: LEASE }, 'leases', 'delete'],
  [{ type: 'leaseAbsent', resourceVersion: '9' }, 'leases', 'list'],
  [{ type: 'leaseDeleted', lease: LEASE }, 'leases', 'watch'],
  [{ type: 'leaseObserved', lease: LEASE, by: 'list' }, 'leases', 'list'],
  [{ type: 'leaseObserved', lease: LEASE, by: 'watch' }, 'leases', 'watch'],
  [{ type: 'podRead', request: 1, name: RIVAL.name, pod: null }, 'pods', 'get'],
  [{ type: 'podAbsent', watched: RIVAL }, 'pods', 'list'],
  [{ type: 'podDeleted', watched: RIVAL, pod: podOf(SELF) }, 'pods', 'watch'],
  [{ type: 'podObserved', watched: RIVAL, pod: POD, by: 'list' }, 'pods', 'list'],
  [{ type: 'podObserved', watched: RIVAL, pod: POD, by: 'watch' }, 'pods', 'watch'],
];

const RULES = (['leases', 'pods'] as const).flatMap((resource) =>
  ['get', 'list', 'watch', 'create', 'update', 'delete'].map((verb) => refusal(verb, resource)),
);

for (const [answer, resource, ...verbs] of ANSWERS) {
  const how = 'by' in answer ? ` by ${answer.by}` : '';
  test(`${answer.type}${how} ends a failure, and lifts what it shows to be permitted: ${verbs} ${resource}`, () => {
    assert.equal(heard(failed(failure('unavailable')), answer).failure, null);
    const left = heard(...RULES.map(failed), answer).refusals;
    const stays = ({ missingRule: rule }: RequestFailure): boolean =>
      !(rule?.resource === resource && verbs.includes(rule.verb));
    assert.deepEqual(left, RULES.filter(stays));
  });
}

for (const resource of ['leases', 'pods'] as const) {
  test(`the opening of a watch on ${resource} ends a failure, and shows that it is permitted`, () => {
    const before = heard(
      ...RULES.map(failed),
      { type: 'podRead', request: 1, name: RIVAL.name, pod: POD },
      failed(failure('throttled')),
    );
    const refusals = before.refusals.filter(
      ({ missingRule: rule }) => rule?.resource !== resource || rule.verb !== 'watch',
    );
    assert.equal(refusals.length, before.refusals.length - 1);
    assert.deepEqual(recordFact(before, { type: 'watchOpened', resource }, RIVAL), {
      ...before,
      failure: null,
      refusals,
    });
  });
}

for (const [outcome, takesPart] of [
  ['held', true],
  ['unsupported', true],
  ['taken', false],
] as const) {
  test(`whose socket is ${outcome} takes ${takesPart ? '' : 'no '}part for its Pod, whatever was so before`, () => {
    for (const before of ['held', 'taken'] as const) {
      const facts = [before, outcome].map((answer) => ({ type: 'siblingLockAnswered', outcome: answer }) as const);
      assert.equal(heard(...facts, failed(failure('unavailable')), LISTED).takesPart, takesPart);
    }
  });
}

for (const kind of FAILURE_KINDS) {
  const isRefusal = kind === 'forbidden' || kind === 'rejected';
  const isAnswer = isRefusal || ['alreadyExists', 'conflict', 'expired'].includes(kind);
  test(`${kind} is ${isRefusal ? 'a refusal' : isAnswer ? 'an answer like any other' : 'a failure'}`, () => {
    const why = failure(kind);
    for (const fact of [
      failed(why),
      { type: 'leaseWatchFailed', failure: why },
      { type: 'podWatchFailed', watched: RIVAL, failure: why },
    ] as const) {
      assert.deepEqual(heard(failed(failure('throttled')), fact), {
        ...NO_DIAGNOSTICS,
        failure: isAnswer ? null : why,
        refusals: isRefusal ? [why] : [],
        takesPart: false,
      });
    }
  });
}

test('what is refused again and again is remembered once, in its latest words', () => {
  const again = { ...refusal('get', 'pods'), message: 'again' };
  const first = [refusal('get', 'pods'), refusal('get', 'leases'), refusal('list', 'pods'), failure('rejected')];
  assert.deepEqual(heard(...first.map(failed), failed(again), failed(failure('forbidden'))).refusals, [
    ...first.slice(1, 3),
    again,
    failure('forbidden'),
  ]);
});

test('a refusal that no Role can fix is over when a Lease was written, and not before', () => {
  for (const [answer, , ...verbs] of ANSWERS) {
    const left = heard(failed(failure('rejected')), answer).refusals;
    assert.equal(left.length, verbs.includes('create') ? 0 : 1, answer.type);
  }
});

test('what is no answer of the API server is no news', () => {
  const news = heard(failed(failure('unavailable')), failed(refusal('get', 'pods')), failed(failure('unavailable')));
  for (const fact of [
    { type: 'started' },
    { type: 'timerFired', timer: 'backstop' },
    { type: 'stopRequested', release: 'always' },
  ] as const) {
    assert.equal(recordFact(news, fact, RIVAL), news);
  }
});

test("the holder's Pod is remembered as last seen, without what came with it", () => {
  const labelled = { ...POD, labels: { app: 'web' } };
  assert.deepEqual(heard({ type: 'podRead', request: 1, name: RIVAL.name, pod: labelled }).holderPod, POD);
  assert.deepEqual(heard({ type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(RIVAL) }).holderPod, podOf(RIVAL));
});

const LATER = podOf(RIVAL, { resourceVersion: '10', terminating: true });

const sightings: readonly (readonly [rule: string, Fact, after: Diagnostics['holderPod']])[] = [
  ['a later sighting takes its place', { type: 'podObserved', watched: RIVAL, pod: LATER, by: 'watch' }, LATER],
  [
    'of two answers of one version the later stands',
    { type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(RIVAL, { resourceVersion: '8' }) },
    podOf(RIVAL, { resourceVersion: '8' }),
  ],
  [
    'an older one is late',
    { type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(RIVAL, { resourceVersion: '7' }) },
    POD,
  ],
  [
    'another Pod says nothing about it',
    { type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(SELF, { resourceVersion: '10' }) },
    POD,
  ],
  ['nor does the absence of some Pod', { type: 'podRead', request: 1, name: RIVAL.name, pod: null }, POD],
  ['it is forgotten when it is deleted', { type: 'podDeleted', watched: RIVAL, pod: LATER }, null],
  ['the deletion of another Pod of its name leaves it', { type: 'podDeleted', watched: RIVAL, pod: podOf(SELF) }, POD],
];

for (const [rule, fact, after] of sightings) {
  test(`the holder's Pod: ${rule}`, () => {
    const before = heard({ type: 'podObserved', watched: RIVAL, pod: POD, by: 'list' });
    assert.deepEqual(recordFact(before, fact, RIVAL).holderPod, after);
  });
}

test("a former holder's Pod is forgotten", () => {
  const before = heard({ type: 'podObserved', watched: RIVAL, pod: POD, by: 'list' });
  for (const holder of [SELF, null]) {
    assert.equal(recordFact(before, { type: 'leaseRead', request: 1, lease: null }, holder).holderPod, null);
  }
});

test('a sighting of the holder is dated by the clock of this process, once', () => {
  const knownHolder = { pod: RIVAL, liveness: 'alive', leaseUid: 'lease-1', released: false } as const;
  const terminating = (deletionTimestampMs: number): Fact => ({
    type: 'podObserved',
    watched: RIVAL,
    pod: podOf(RIVAL, {
      resourceVersion: '9',
      terminating: true,
      report: reportOf({ ready: false, deletionTimestampMs }),
    }),
    by: 'watch',
  });
  const first = dateSightings(heard(terminating(7)), knownHolder, 100);
  assert.deepEqual(first.sightings, {
    uid: RIVAL.uid,
    terminating: { atMs: 100, deletionTimestampMs: 7 },
    notReadySinceMs: 100,
    goneSinceMs: null,
  });
  const again = dateSightings(recordFact(first, terminating(7), RIVAL), knownHolder, 200);
  assert.deepEqual(again.sightings, first.sightings);
  const shortened = dateSightings(recordFact(again, terminating(5), RIVAL), knownHolder, 300);
  assert.deepEqual(shortened.sightings.terminating, { atMs: 300, deletionTimestampMs: 5 });
  const gone = dateSightings(shortened, { ...knownHolder, liveness: 'gone' }, 400);
  assert.equal(gone.sightings.goneSinceMs, 400);
  assert.equal(dateSightings(gone, { ...knownHolder, liveness: 'gone' }, 500).sightings.goneSinceMs, 400);
  const other = dateSightings({ ...gone, holderPod: null }, { ...knownHolder, pod: SELF }, 600);
  assert.deepEqual(other.sightings, { ...NO_DIAGNOSTICS.sightings, uid: SELF.uid });
});

test('a Pod is not ready when its report says so, or when it is pending without a word', () => {
  assert.equal(isNotReady(podOf(RIVAL)), false);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf() })), false);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ ready: false }) })), true);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ ready: null }) })), false);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ phase: 'Pending', ready: null }) })), true);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ phase: 'Pending', ready: true }) })), false);
});

test('the moments of one holder are forgotten when another Pod holds the Lease', () => {
  const holder = { pod: RIVAL, liveness: 'gone', leaseUid: 'lease-1', released: false } as const;
  const dated = dateSightings(NO_DIAGNOSTICS, holder, 1_000);
  assert.equal(dateSightings(dated, holder, 2_000).sightings.goneSinceMs, 1_000);
  const other = dateSightings(dated, { ...holder, pod: SELF }, 2_000);
  assert.deepEqual(other.sightings, { uid: SELF.uid, terminating: null, notReadySinceMs: null, goneSinceMs: 2_000 });
});
