/**
 * `explain()` at the exact limit between two explanations, and in rare situations. docs/explain.md does not show them,
 * because they add no sentence to it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodReport } from '../../src/core/lease-record.ts';
import { explain } from '../../src/explain/explain.ts';
import type { ExplainInput, Explanation } from '../../src/explain/explanation.ts';
import {
  clears,
  describeRole,
  failure,
  finds,
  follows,
  leads,
  leaseOf,
  podOf,
  RIVAL,
  reportOf,
  SELF,
  Story,
  starts,
  WALL_MS,
} from '../core/story.ts';
import { checkTable, explained, forbidden } from './explanation-table.ts';

/** A process whose Pod has another process that campaigns. */
function watchesAsSibling(): Story {
  return new Story()
    .take({ type: 'started' })
    .take({ type: 'siblingLockAnswered', outcome: 'taken' })
    .listed(leaseOf(RIVAL));
}

/** A candidate whose Pod holds the Lease, which has lost its owner. Only a renewal proves that the Pod holds it. */
function provesByRenewal(): Story {
  return finds(leaseOf(SELF)).watched(leaseOf(null, { resourceVersion: '30', holderIdentity: SELF.name }));
}

/** A leader whose renewal is refused, and whose term then ended because its token was refused. */
function losesTermAfterRefusedRenewal(): Story {
  const story = leads().fire('renew');
  story.take({ type: 'requestFailed', request: story.request('replaceLease'), failure: forbidden('update', 'leases') });
  const unauthorized = { type: 'leaseWatchFailed', failure: failure('unauthorized') } as const;
  story.take(unauthorized).wait(10_000).take(unauthorized).settled();
  assert.equal(describeRole(story.role), 'candidate backingOff');
  return story.take({ type: 'watchOpened', resource: 'leases' });
}

/** A candidate that sees the Pod of the rival, which no kubelet has started, with changes. */
function seesPending(changes: Partial<PodReport>): Story {
  const report = reportOf({ phase: 'Pending', nodeName: null, ready: null, containersReady: null, ...changes });
  return follows().podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', report }));
}

/** A candidate that waits for the garbage collector for exactly this long. */
function waitsForCollector(ms: number): Story {
  const story = clears().fail('deleteLease', 'forbidden');
  return story.wait((story.diagnostics.sightings.goneSinceMs ?? Number.NaN) + ms - story.nowMs);
}

checkTable([
  {
    what: 'a candidate without a Lease campaigns and names no finalizers',
    story: () => starts().absent('10'),
    reason: 'campaigning',
    message: 'Nobody leads, and Pod app-1 campaigns: wait for the API server to answer.',
    endsWhen: 'this or another Pod is elected',
  },
  {
    what: 'a candidate names every finalizer when the Lease has two',
    story: () => follows(leaseOf(RIVAL, { finalizers: ['example.com/audit', 'example.com/backup'] })).podGone(RIVAL),
    reason: 'campaigning',
    message:
      'Nobody leads, and Pod app-1 campaigns. Lease shop/app has finalizers, and stays until they are removed: example.com/audit, example.com/backup.',
    endsWhen: 'the finalizers are removed, and this or another Pod is elected',
  },
  {
    what: 'a candidate campaigns again when exactly the pause after its step-down has passed',
    story: () => leads().stepDown().settled().replaced('12').removed().wait(10_000),
    reason: 'campaigning',
    message: 'Nobody leads, and Pod app-1 campaigns: wait for the API server to answer.',
    endsWhen: 'this or another Pod is elected',
  },
  {
    what: 'a candidate resumes its term when its Lease has lost its owner and no renewal was refused',
    story: provesByRenewal,
    reason: 'resuming',
    message: 'Pod app-1 holds Lease shop/app, and this process leads as soon as the API server confirms that.',
    endsWhen: 'the API server confirms it',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'a candidate cannot be elected when a webhook rejects the renewal that proves its term',
    story: () => provesByRenewal().fail('replaceLease', 'rejected'),
    reason: 'forbidden',
    message: 'Pod app-1 cannot be elected: it failed: rejected',
    endsWhen: 'the API server accepts the request',
  },
  {
    what: 'a candidate resumes its term when renewals are refused but a read proves the term',
    story: losesTermAfterRefusedRenewal,
    reason: 'resuming',
    message:
      'Pod app-1 holds Lease shop/app, and this process leads as soon as the API server confirms that. It repeats a request that was refused: it was answered 403. Grant `update` on leases',
    endsWhen: 'the permission is granted, or the API server confirms it',
    since: '2023-11-14T22:13:20.000Z',
    missing: ['update leases'],
  },
  {
    what: 'a Pod without a report is overdue when the assumed grace period and the slack have passed',
    story: () =>
      follows()
        .podWatched(RIVAL, podOf(RIVAL, { terminating: true }))
        .wait(660_001),
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone, but the deletion was seen to begin 660 s ago, and its grace period has passed. Repair or remove the node. Delete the Pod by force only as a last resort.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    command: 'kubectl delete pod app-2 -n shop --force --grace-period=0',
    cautious: true,
  },
  {
    what: 'a Pod that no kubelet has started is normal when it never renews',
    story: () => seesPending({}),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, although no kubelet has started its containers. This is normal with the embedded API server, where the process runs outside of its Pod: there is nothing to do.',
    endsWhen: 'a kubelet starts its containers, or its Pod is deleted',
  },
  {
    what: 'a Pod without a node has a kubelet when its containers are reported',
    story: () => seesPending({ containersReady: false }),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but its containers have not all been started yet. It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: 'kubectl delete pod app-2 -n shop',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a Pod without a node has a kubelet when one of its containers waits',
    story: () => seesPending({ waiting: { container: 'app', reason: 'ImagePullBackOff' } }),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but its container app waits (ImagePullBackOff). It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: 'kubectl delete pod app-2 -n shop',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a Lease that is being deleted without finalizers needs no command',
    story: () => clears().watched(leaseOf(RIVAL, { resourceVersion: '21', terminating: true })),
    reason: 'lease-terminating',
    message: 'Nobody leads: Lease shop/app is being deleted: wait.',
    endsWhen: 'the Lease is gone',
  },
  {
    what: 'a Pod that released its Lease does not wait for its own end when it is not permitted to delete the Lease',
    story: () =>
      finds(leaseOf(SELF, { releasedBy: SELF.uid }))
        .fire('campaign')
        .refuse('deleteLease'),
    reason: 'released-not-deletable',
    message:
      'Nobody leads: Pod app-1 released Lease shop/app, but app-1 is not allowed to delete it. Grant `delete` on leases.coordination.k8s.io.',
    endsWhen: 'that Pod is gone or withdraws the release, or the permission is granted',
  },
  {
    what: 'a holder has not restored its Lease when exactly 10 s have passed',
    story: () =>
      follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .wait(10_000),
    reason: 'lease-missing',
    message:
      'Lease shop/app is missing, but Pod app-2, which held it, exists and has not restored it for 10 s, so its process has most likely ended, hangs, or cannot reach the API server: restart it, or delete that Pod.',
    endsWhen: 'that Pod restores the Lease, or its Pod is deleted',
    command: 'kubectl delete pod app-2 -n shop',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a candidate misses renewals when exactly the duration has passed',
    story: () => follows(leaseOf(RIVAL, { renewTimeMs: WALL_MS, leaseDurationSeconds: 30 })).wait(30_000),
    reason: 'following',
    message:
      'Pod app-2 leads, as far as this process knows. This process has received no renewal of Lease shop/app for 30 s, and is reading the Lease: wait.',
    endsWhen: 'the API server answers, its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  ...[{ finalizers: ['example.com/audit'] }, { holderIdentity: null }].map((changes) => ({
    what: `a candidate sees no problem when the Lease of the leader has ${JSON.stringify(changes)}`,
    story: () => follows(leaseOf(RIVAL, changes)),
    reason: 'following' as const,
    message:
      'Pod app-2 leads. It does not renew Lease shop/app, so the other Pods cannot see whether its process hangs.',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  })),
  {
    what: 'a Lease is foreign when it names a Pod that is gone and that owned another Lease',
    story: () =>
      follows()
        .watched(
          leaseOf(null, {
            uid: 'lease-2',
            resourceVersion: '30',
            holderIdentity: RIVAL.name,
            leaseDurationSeconds: 30,
          }),
        )
        .podGone(RIVAL),
    reason: 'foreign-lease',
    message:
      'Lease shop/app names "app-2" as its holder, and no Pod owns it. It counts as held until it has been unchanged for 30 s.',
    endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:50.000Z, or is deleted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a sibling cannot determine the leader when its read of the Lease is refused',
    story: () => watchesAsSibling().take({ type: 'leaseWatchFailed', failure: forbidden('get', 'leases') }),
    reason: 'sibling',
    message:
      'Another process of Pod app-1 takes part in the election for this Pod. This process only watches, and takes its place when that process ends. It cannot determine the leader: it was answered 403. Grant `get` on leases',
    endsWhen: 'that process ends, or stops its elector',
    missing: ['get leases'],
  },
  ...(['list', 'watch'] as const).map((verb) => ({
    what: `a candidate does not know whether the holder exists when the ${verb} of its Pod is refused`,
    story: () =>
      finds(leaseOf(RIVAL)).take({ type: 'podWatchFailed', watched: RIVAL, failure: forbidden(verb, 'pods') }),
    reason: 'holder-unknown' as const,
    message: `Pod app-2 holds Lease shop/app. It is unknown whether that Pod exists. app-1 repeats a request that was refused: it was answered 403. Grant \`${verb}\` on pods`,
    endsWhen: 'the permission is granted, or its Lease is gone',
    since: '1970-01-01T00:00:05.000Z',
    missing: [`${verb} pods`],
  })),
  ...(
    [
      ['list', 'leases'],
      ['watch', 'leases'],
      ['list', 'pods'],
      ['watch', 'pods'],
    ] as const
  ).map(([verb, resource]) => ({
    what: `a candidate sees changes late when the ${verb} of ${resource} is refused`,
    story: () => {
      const refusal = forbidden(verb, resource);
      if (resource === 'leases') return follows().take({ type: 'leaseWatchFailed', failure: refusal });
      return follows().take({ type: 'podWatchFailed', watched: RIVAL, failure: refusal });
    },
    reason: 'following' as const,
    message: `Pod app-2 leads, but this process sees changes late, because it cannot watch: it was answered 403. Grant \`${verb}\` on ${resource}`,
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
    missing: [`${verb} ${resource}`],
  })),
  ...[89_999, 90_000].map((forMs) => ({
    what: `the garbage collector is ${forMs < 90_000 ? 'not late' : 'late'} when it has left the Lease for ${forMs} ms`,
    story: () => waitsForCollector(forMs),
    reason: 'waiting-for-collector' as const,
    message:
      'Nobody leads: Pod app-2 is gone, and app-1 is not allowed to delete Lease shop/app. ' +
      (forMs < 90_000
        ? 'Grant `delete` on leases.coordination.k8s.io, or wait for the garbage collector.'
        : 'The garbage collector has left the Lease for 90 s: it does not run, or its request is refused. Grant `delete` on leases.coordination.k8s.io, or delete the Lease.'),
    endsWhen: 'the garbage collector deletes the Lease, or the permission is granted',
    since: '2023-11-14T22:13:20.000Z',
    ...(forMs < 90_000 ? {} : { command: 'kubectl delete lease app -n shop', cautious: true }),
  })),
]);

for (const [what, story, caution] of [
  [
    'the garbage collector is late',
    () => waitsForCollector(90_000),
    'no process of Pod app-2 still runs, on a lost node for example',
  ],
  ['a Lease names another program', () => finds(leaseOf(null, { holderIdentity: 'web-x' })), '"web-x" no longer leads'],
  [
    'a Lease names this Pod',
    () => finds(leaseOf(null, { holderIdentity: SELF.name })),
    'no other process leads under the name app-1; this process does not lead',
  ],
  [
    'a Lease names no holder',
    () =>
      finds(leaseOf(null, { leaseDurationSeconds: 15 }))
        .wait(15_000)
        .take({ type: 'timerFired', timer: 'recheck' })
        .fail('deleteLease', 'forbidden'),
    'no other program uses it',
  ],
] as const) {
  test(`the caution of a command says what to verify when ${what}`, () => {
    assert.equal(explained(story()).caution, `Make sure first that ${caution}.`);
  });
}

test('the caution of a forced deletion says what to verify, and why', () => {
  const report = reportOf({ phase: 'Failed', containersTerminated: false });
  const { caution } = explained(follows().podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', report })));
  assert.equal(
    caution,
    'Make sure first that the node is shut down or cannot come back: this command does not wait for the process, which may ' +
      'still run where the API server cannot reach it. Then two processes would work until the old process detects that its Pod is gone.',
  );
});

test('an explanation names no moment when the end of a foreign Lease is no date', () => {
  const { endsWhen } = explained(finds(leaseOf(null, { holderIdentity: 'web-x', leaseDurationSeconds: 1e15 })));
  assert.equal(endsWhen, 'the Lease stays unchanged until an unknown moment, or is deleted');
});

test("an explanation shows the holder's containers as not terminated when nothing was reported about its Pod", () => {
  assert.equal(explained(follows()).holderPod?.containersTerminated, false);
});

test("an explanation shows the holder's Pod as ready, with the container that waits, when both are reported", () => {
  const waiting = { container: 'app', reason: 'CrashLoopBackOff' };
  const report = reportOf({ waiting });
  const { holderPod } = explained(follows().podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', report })));
  assert.deepEqual([holderPod?.ready, holderPod?.waiting], [true, waiting]);
});

test("an explanation does not show the holder's Pod when a read has proven that it is gone", () => {
  const { holderPod } = explained(follows().fire('backstop').podRead(RIVAL.name, null));
  assert.equal(holderPod, null);
});

test('a leader does not report its Lease as deleted when a webhook rejects its renewal', () => {
  const story = leads().fire('renew').fail('replaceLease', 'rejected');
  assert.doesNotMatch(explained(story).message, /deleted/);
});

test('a process is starting when the Lease was listed before the socket of its Pod was bound', () => {
  assert.equal(explained(new Story().take({ type: 'started' }).listed(leaseOf(RIVAL))).reason, 'starting');
});

/** The explanation of an elector at the end of this story. */
function explainedWith({ state, diagnostics, nowMs, wallMs }: Story, changes: Partial<ExplainInput>): Explanation {
  return explain({
    election: state,
    diagnostics,
    started: true,
    local: false,
    over: false,
    endedBy: null,
    idleWork: null,
    leader: null,
    unverifiedForMs: 0,
    nowMs,
    wallMs,
    ...changes,
  });
}

test('an elector does not take part when start() was not called', () => {
  const { reason, message, endsWhen } = explainedWith(new Story(), { election: null, started: false });
  assert.deepEqual(
    [reason, message, endsWhen],
    ['not-started', 'This elector does not take part in the election yet: call start().', 'start() is called'],
  );
});

test('an elector is leaving when its role is stopped and its last writes are still under way', () => {
  const story = leads().stop().settled().podRead(SELF.name, podOf(SELF));
  assert.equal(describeRole(story.role), 'stopped');
  assert.equal(explainedWith(story, { over: false }).reason, 'leaving');
});

test('an elector that has stopped needs no command when nobody leads', () => {
  const story = starts().absent('10').stop();
  const { reason, command } = explainedWith(story, { over: true, leader: null });
  assert.deepEqual([reason, command], ['stopped', null]);
});

for (const [what, failed, unverifiedForMs, note] of [
  ['no request has failed', false, 3_000, ''],
  ['a request failed 2999 ms after the last answer', true, 2_999, ''],
  [
    'a request failed 3000 ms after the last answer',
    true,
    3_000,
    ' The API server has confirmed nothing for 3 s: it failed: unavailable',
  ],
] as const) {
  test(`a sibling ${note === '' ? 'reports no' : 'reports an'} outage when ${what}`, () => {
    const story = watchesAsSibling();
    if (failed) story.take({ type: 'leaseWatchFailed', failure: failure('unavailable') });
    assert.equal(
      explainedWith(story, { unverifiedForMs }).message,
      `Another process of Pod app-1 takes part in the election for this Pod. This process only watches, and takes its place when that process ends.${note}`,
    );
  });
}
