// Checks what is recorded for explain(): the holder's Pod as last seen, the last failure until an answer follows it,
// and each refusal until the API server accepts the request.

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

/** The diagnostics after these facts, while the rival holds the Lease. */
function diagnosticsAfter(...facts: readonly Fact[]): Diagnostics {
  return facts.reduce((diagnostics, fact) => recordFact(diagnostics, fact, RIVAL), NO_DIAGNOSTICS);
}

/** Each answer of the API server, and the verbs on a resource that it shows to be permitted. */
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
  test(`${answer.type}${how} ends a failure and lifts the refusals of ${verbs} ${resource}`, () => {
    assert.equal(diagnosticsAfter(failed(failure('unavailable')), answer).failure, null);
    const left = diagnosticsAfter(...RULES.map(failed), answer).refusals;
    const stays = ({ missingRule: rule }: RequestFailure): boolean =>
      !(rule?.resource === resource && verbs.includes(rule.verb));
    assert.deepEqual(left, RULES.filter(stays));
  });
}

for (const [answer] of ANSWERS) {
  const how = 'by' in answer ? ` by ${answer.by}` : '';
  const isEvent = ('by' in answer && answer.by === 'watch') || /^(lease|pod)Deleted$/.test(answer.type);
  test(`${answer.type}${how} ${isEvent ? 'shows nothing about a token that was refused' : 'shows that the token is accepted'}`, () => {
    const refused = failure('unauthorized');
    assert.equal(diagnosticsAfter(failed(refused), answer).failure, isEvent ? refused : null);
  });
}

for (const resource of ['leases', 'pods'] as const) {
  test(`the opening of a watch on ${resource} shows that the token is accepted`, () => {
    const opened: Fact = { type: 'watchOpened', resource };
    assert.equal(diagnosticsAfter(failed(failure('unauthorized')), opened).failure, null);
  });

  test(`the opening of a watch on ${resource} ends a failure and lifts the refusal of the watch`, () => {
    const before = diagnosticsAfter(
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
  test(`a process takes ${takesPart ? '' : 'no '}part in the election when its socket is ${outcome}`, () => {
    for (const before of ['held', 'taken'] as const) {
      const facts = [before, outcome].map((answer) => ({ type: 'siblingLockAnswered', outcome: answer }) as const);
      assert.equal(diagnosticsAfter(...facts, failed(failure('unavailable')), LISTED).takesPart, takesPart);
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
      assert.deepEqual(diagnosticsAfter(failed(failure('throttled')), fact), {
        ...NO_DIAGNOSTICS,
        failure: isAnswer ? null : why,
        refusals: isRefusal ? [why] : [],
        takesPart: false,
      });
    }
  });
}

test('a refusal is recorded once, with its latest message, when it is repeated', () => {
  const again = { ...refusal('get', 'pods'), message: 'again' };
  const first = [refusal('get', 'pods'), refusal('get', 'leases'), refusal('list', 'pods'), failure('rejected')];
  assert.deepEqual(diagnosticsAfter(...first.map(failed), failed(again), failed(failure('forbidden'))).refusals, [
    ...first.slice(1, 3),
    again,
    failure('forbidden'),
  ]);
});

test('a refusal that no Role can fix ends only when a Lease was written', () => {
  for (const [answer, , ...verbs] of ANSWERS) {
    const left = diagnosticsAfter(failed(failure('rejected')), answer).refusals;
    assert.equal(left.length, verbs.includes('create') ? 0 : 1, answer.type);
  }
});

test('a fact that is not an answer of the API server changes no diagnostics', () => {
  const diagnostics = diagnosticsAfter(
    failed(failure('unavailable')),
    failed(refusal('get', 'pods')),
    failed(failure('unavailable')),
  );
  for (const fact of [
    { type: 'started' },
    { type: 'timerFired', timer: 'backstop' },
    { type: 'stopRequested', release: 'always' },
  ] as const) {
    assert.equal(recordFact(diagnostics, fact, RIVAL), diagnostics);
  }
});

test("the holder's Pod is recorded as last seen, without the other fields of the fact", () => {
  const labelled = { ...POD, labels: { app: 'web' } };
  assert.deepEqual(diagnosticsAfter({ type: 'podRead', request: 1, name: RIVAL.name, pod: labelled }).holderPod, POD);
  assert.deepEqual(
    diagnosticsAfter({ type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(RIVAL) }).holderPod,
    podOf(RIVAL),
  );
});

const LATER = podOf(RIVAL, { resourceVersion: '10', terminating: true });

const sightings: readonly (readonly [rule: string, Fact, after: Diagnostics['holderPod']])[] = [
  ['a later sighting replaces it', { type: 'podObserved', watched: RIVAL, pod: LATER, by: 'watch' }, LATER],
  [
    'the later of two answers replaces it when both have the same version',
    { type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(RIVAL, { resourceVersion: '8' }) },
    podOf(RIVAL, { resourceVersion: '8' }),
  ],
  [
    'an older sighting does not replace it',
    { type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(RIVAL, { resourceVersion: '7' }) },
    POD,
  ],
  [
    'a sighting of another Pod does not replace it',
    { type: 'podRead', request: 1, name: RIVAL.name, pod: podOf(SELF, { resourceVersion: '10' }) },
    POD,
  ],
  ['the absence of another Pod does not remove it', { type: 'podRead', request: 1, name: RIVAL.name, pod: null }, POD],
  ['its deletion removes it', { type: 'podDeleted', watched: RIVAL, pod: LATER }, null],
  [
    'the deletion of another Pod with its name does not remove it',
    { type: 'podDeleted', watched: RIVAL, pod: podOf(SELF) },
    POD,
  ],
];

for (const [rule, fact, after] of sightings) {
  test(`the holder's Pod: ${rule}`, () => {
    const before = diagnosticsAfter({ type: 'podObserved', watched: RIVAL, pod: POD, by: 'list' });
    assert.deepEqual(recordFact(before, fact, RIVAL).holderPod, after);
  });
}

test('the Pod of a former holder is removed', () => {
  const before = diagnosticsAfter({ type: 'podObserved', watched: RIVAL, pod: POD, by: 'list' });
  for (const holder of [SELF, null]) {
    assert.equal(recordFact(before, { type: 'leaseRead', request: 1, lease: null }, holder).holderPod, null);
  }
});

test('a sighting of the holder gets the moment on the clock of this process, once', () => {
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
  const first = dateSightings(diagnosticsAfter(terminating(7)), knownHolder, 100);
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

test('a Pod is not ready when its report says so, or when it is pending without a reason', () => {
  assert.equal(isNotReady(podOf(RIVAL)), false);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf() })), false);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ ready: false }) })), true);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ ready: null }) })), false);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ phase: 'Pending', ready: null }) })), true);
  assert.equal(isNotReady(podOf(RIVAL, { report: reportOf({ phase: 'Pending', ready: true }) })), false);
});

test('the moments of a holder are removed when another Pod holds the Lease', () => {
  const holder = { pod: RIVAL, liveness: 'gone', leaseUid: 'lease-1', released: false } as const;
  const dated = dateSightings(NO_DIAGNOSTICS, holder, 1_000);
  assert.equal(dateSightings(dated, holder, 2_000).sightings.goneSinceMs, 1_000);
  const other = dateSightings(dated, { ...holder, pod: SELF }, 2_000);
  assert.deepEqual(other.sightings, { uid: SELF.uid, terminating: null, notReadySinceMs: null, goneSinceMs: 2_000 });
});
