/**
 * Checks `explain()` about this process itself: every state, what ends it, and what to do.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import { LeaseElector } from '../../src/index.ts';
import {
  clears,
  failure,
  finds,
  follows,
  HELD_BY_FINALIZER,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  reportOf,
  SELF,
  Story,
  seesRivalGo,
  starts,
  WALL_MS,
} from '../core/story.ts';
import { checkPage, checkTable, explained, forbidden, type Row } from './explanation-table.ts';

/** A candidate that must not create the Lease after its predecessor. */
function createRefused(refusal: RequestFailure): Story {
  const story = clears().podRead(SELF.name, podOf(SELF)).removed();
  return story.take({ type: 'requestFailed', request: story.request('createLease'), failure: refusal });
}

/** A candidate or a leader whose read of this Pod was refused a moment ago. */
function refusedToReadSelf(story: Story): Story {
  const request = story.request('readPod', SELF.name);
  return story.take({ type: 'requestFailed', request, failure: forbidden('get', 'pods') });
}

/** Refuses the renewal that is in flight. */
function refusedToRenew(story: Story): Story {
  const request = story.request('replaceLease');
  return story.take({ type: 'requestFailed', request, failure: forbidden('update', 'leases') });
}

/** A leader that must not read Pods. Its Lease was deleted three times soon after it was created. */
function deletedThreeTimes(): Story {
  const story = starts().absent('10');
  for (const [lease, version] of [1, 2, 3].map((count) => [`lease-${count}`, 10 + 2 * count] as const)) {
    if (story.timers.has('retry')) story.fire('retry').leaseRead(null);
    story.refuse('readPod', 'forbidden', SELF.name).created({ uid: lease, resourceVersion: String(version) });
    story.deleted(ownLease({ uid: lease, resourceVersion: String(version + 1) }));
  }
  return story;
}

const TERMINATING = {
  terminatingSinceMs: WALL_MS - 10_000,
  deletionTimestampMs: WALL_MS + 20_000,
  gracePeriodMs: 30_000,
};

const rows: readonly Row[] = [
  {
    what: 'before the first answer',
    story: () => starts(),
    reason: 'starting',
    message: 'This elector waits for the first answer about Lease shop/app.',
    endsWhen: 'the API server answers',
  },
  {
    what: 'the API server cannot be reached at the start',
    story: () => starts().take({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    reason: 'api-unreachable',
    message:
      'A request about Lease shop/app has failed and is repeated; no leader is known. The last failure: it failed: unavailable',
    endsWhen: 'that request succeeds',
    since: '2023-11-14T22:13:20.000Z',
  },
  ...(['list', 'watch'] as const).map((verb) => ({
    what: `the ${verb} of the Lease is refused at the start`,
    story: () => starts().take({ type: 'leaseWatchFailed', failure: forbidden(verb, 'leases') }),
    reason: 'forbidden' as const,
    message: `Pod app-1 cannot determine the leader: it was answered 403. Grant \`${verb}\` on leases`,
    endsWhen: 'the permission is granted',
    missing: [`${verb} leases`],
  })),
  {
    what: 'a request is rejected at the start, and not because of a permission',
    story: () => starts().take({ type: 'leaseWatchFailed', failure: failure('rejected') }),
    reason: 'forbidden',
    message: 'Pod app-1 cannot determine the leader: it failed: rejected',
    endsWhen: 'the API server accepts the request',
  },
  {
    what: 'the API server does not accept the token at the start',
    story: () => starts().take({ type: 'leaseWatchFailed', failure: failure('unauthorized') }),
    reason: 'unauthorized',
    message:
      'The API server does not accept the token of Pod app-1: the Pod may be deleted; if it exists, check its ServiceAccount.',
    endsWhen: 'the API server accepts the token',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'this process leads',
    story: leads,
    reason: 'leading',
    message: 'This process leads, in Pod app-1.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a leader whose Lease was deleted by hand',
    story: () => leads().deleted(ownLease({ resourceVersion: '12' })),
    reason: 'leading',
    message: 'This process leads, in Pod app-1; its Lease was deleted and is being restored.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a leader without an API server',
    story: () =>
      leads()
        .wait(42_000)
        .take({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    reason: 'leading',
    message:
      'This process leads, in Pod app-1; the API server has confirmed nothing for 42 s, which does not end the term.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a leader whose own Pod is being deleted',
    story: () => leads().podWatched(SELF, podOf(SELF, { terminating: true, report: reportOf(TERMINATING) })),
    reason: 'leading',
    message: 'This process leads, in Pod app-1; its Pod is being deleted, so call stop() to hand over immediately.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a leader that drains',
    story: () => leads().stop(),
    reason: 'leaving',
    message:
      'This process has ended its term. It waits until its work has settled, or until the API server has recorded that Lease shop/app is released.',
    endsWhen: 'the promise of onElected settles or drainTimeoutMs is over, and the Lease is released or kept',
  },
  {
    what: 'a leader that releases its Lease',
    story: () => leads().stop('always').settled(),
    reason: 'leaving',
    message:
      'This process has ended its term. It waits until its work has settled, or until the API server has recorded that Lease shop/app is released.',
    endsWhen: 'the promise of onElected settles or drainTimeoutMs is over, and the Lease is released or kept',
  },
  {
    what: 'stopped, and the Lease is kept',
    story: () => leads().stop().settled().podRead(SELF.name, podOf(SELF)),
    reason: 'stopped',
    message:
      'This elector has stopped and Pod app-1 keeps the Lease, so that no other Pod leads before that Pod is deleted. Restart its container, and it leads again.',
    endsWhen: 'a new process of this Pod starts an elector, or the Pod is deleted',
    command: 'kubectl delete pod app-1 -n shop',
    cautious: true,
  },
  {
    what: 'a sibling whose socket is held by a process that does nothing',
    story: () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken' })
        .absent('10')
        .wait(30_000)
        .absent('11'),
    reason: 'sibling',
    message:
      'Another process holds the socket that lets one process of Pod app-1 campaign, but is not known to campaign. This process only watches, and takes its place when that process ends.',
    endsWhen: 'that process ends (end it if it hangs or is not an elector), or stops its elector',
  },
  ...(['sibling', 'starting'] as const).map((role) => ({
    what: `stopped while ${role}, and another process of the Pod may lead`,
    story: () => {
      const story = new Story().take({ type: 'started' }).listed(leaseOf(SELF));
      if (role === 'sibling') story.take({ type: 'siblingLockAnswered', outcome: 'taken' });
      assert.equal(story.role.name, role);
      return story.stop();
    },
    reason: 'stopped' as const,
    message:
      'This elector has stopped, and does not take part in the election. To take part again, create a new elector.',
    endsWhen: 'a new elector is started',
  })),
  {
    what: 'stopped, and another leads',
    story: () => follows().stop(),
    reason: 'stopped',
    message:
      'This elector has stopped, and does not take part in the election. To take part again, create a new elector.',
    endsWhen: 'a new elector is started',
  },
  {
    what: 'another process of the Pod has the socket',
    story: () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken' })
        .listed(leaseOf(RIVAL)),
    reason: 'sibling',
    message:
      'Another process of Pod app-1 takes part in the election for this Pod. This process only watches, and takes its place when that process ends.',
    endsWhen: 'that process ends, or stops its elector',
  },
  {
    what: 'another process of the Pod has the socket, and the API server cannot be reached',
    story: () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken' })
        .listed(leaseOf(RIVAL))
        .wait(42_000)
        .take({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    reason: 'sibling',
    message:
      'Another process of Pod app-1 takes part in the election for this Pod. This process only watches, and takes its place when that process ends. ' +
      'The API server has confirmed nothing for 42 s: it failed: unavailable',
    endsWhen: 'that process ends, or stops its elector',
  },
  {
    what: 'this Pod holds the Lease: the process resumes the term',
    story: () => finds(leaseOf(SELF)),
    reason: 'resuming',
    message: 'Pod app-1 holds Lease shop/app, and this process leads as soon as the API server confirms that.',
    endsWhen: 'the API server confirms it',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'this Pod holds the Lease, but its release may still be written, and renewing is not permitted',
    story: () => refusedToRenew(leads().stepDown().settled().fire('leaving')),
    reason: 'forbidden',
    message: 'Pod app-1 cannot be elected: it was answered 403. Grant `update` on leases',
    endsWhen: 'the permission is granted',
    missing: ['update leases'],
  },
  {
    what: 'the Lease of this Pod has lost its owner, and renewing is not permitted',
    story: () => {
      const story = finds(leaseOf(SELF));
      story.watched(leaseOf(null, { resourceVersion: '30', holderIdentity: SELF.name }));
      return refusedToRenew(story);
    },
    reason: 'forbidden',
    message:
      'Lease shop/app has lost its owner, and only a renewal proves that this Pod still holds it. Pod app-1 cannot be elected: ' +
      'it was answered 403. Grant `update` on leases',
    endsWhen: 'the permission is granted',
    missing: ['update leases'],
    command: 'kubectl delete lease app -n shop',
  },
  {
    what: 'nobody leads',
    story: seesRivalGo,
    reason: 'campaigning',
    message: 'Nobody leads, and Pod app-1 campaigns: wait for the API server to answer.',
    endsWhen: 'this or another Pod is elected',
  },
  {
    what: 'nobody leads, and a create is forbidden',
    story: () => createRefused(forbidden('create', 'leases')),
    reason: 'forbidden',
    message: 'Pod app-1 cannot be elected: it was answered 403. Grant `create` on leases',
    endsWhen: 'the permission is granted',
    missing: ['create leases'],
  },
  {
    what: 'nobody leads, and a create is rejected',
    story: () => createRefused(failure('rejected')),
    reason: 'forbidden',
    message: 'Pod app-1 cannot be elected: it failed: rejected',
    endsWhen: 'the API server accepts the request',
  },
  {
    what: 'the Lease can no longer be read',
    story: () =>
      follows()
        .fire('backstop')
        .take({ type: 'requestFailed', request: 1, failure: forbidden('get', 'leases') }),
    reason: 'forbidden',
    message: 'Pod app-1 cannot verify the leader: it was answered 403. Grant `get` on leases',
    endsWhen: 'the permission is granted',
    missing: ['get leases'],
  },
  {
    what: 'nobody leads, and this Pod is being deleted',
    story: () =>
      clears()
        .podRead(SELF.name, podOf(SELF, { terminating: true }))
        .removed(),
    reason: 'own-pod-terminating',
    message:
      'Nobody leads, and Pod app-1 does not campaign because it is being deleted: wait until another Pod is elected.',
    endsWhen: 'another Pod is elected',
  },
  {
    what: 'this Pod is gone',
    story: () => clears().podRead(SELF.name, null),
    reason: 'own-pod-deleted',
    message:
      'Pod app-1 (uid pod-1) does not exist, and the API server has never shown it: either it was gone before, or its uid is wrong. This process does not lead. Correct the option `pod`, or end the process.',
    endsWhen: 'never: end this process',
  },
  {
    what: 'nobody leads, because this process stepped down',
    story: () => leads().stepDown().settled().replaced('12').removed(),
    reason: 'stepped-down',
    message: 'Nobody leads: Pod app-1 released the Lease, and lets the other Pods go first for another 10 s.',
    endsWhen: 'another Pod is elected, or 10 s have passed',
  },
  {
    what: 'the API server cannot be reached, and another leads',
    story: () =>
      follows()
        .wait(42_000)
        .take({ type: 'leaseWatchFailed', failure: failure('unavailable') }),
    reason: 'api-unreachable',
    message:
      'The API server has confirmed nothing about Lease shop/app for 42 s. Requests are repeated; as far as this process knows, app-2 leads. The last failure: it failed: unavailable',
    endsWhen: 'the API server answers',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the API server does not accept the token',
    story: () => follows().take({ type: 'leaseWatchFailed', failure: failure('unauthorized') }),
    reason: 'unauthorized',
    message:
      'The API server does not accept the token of Pod app-1: the Pod may be deleted; if it exists, check its ServiceAccount.',
    endsWhen: 'the API server accepts the token',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'this Pod is gone, and was observed before',
    story: () => leads().podGone(SELF),
    reason: 'own-pod-deleted',
    message: 'Pod app-1 (uid pod-1) is gone, and this process does not lead again. End this process.',
    endsWhen: 'never: end this process',
  },
  {
    what: 'the Pod of a sibling is gone',
    story: () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken' })
        .listed(leaseOf(SELF))
        .podGone(SELF),
    reason: 'own-pod-deleted',
    message: 'Pod app-1 (uid pod-1) is gone, and this process does not lead again. End this process.',
    endsWhen: 'never: end this process',
  },
  {
    what: 'the bind of the socket was refused',
    story: () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EMFILE' })
        .listed(leaseOf(RIVAL)),
    reason: 'sibling',
    message:
      'This process is not permitted to bind the socket that lets one process of Pod app-1 campaign, so another process might hold it. This process only watches until it can bind the socket.',
    endsWhen: 'the socket can be bound, and no other process has it',
  },
  {
    what: 'a leader whose token is refused',
    story: () => leads().take({ type: 'leaseWatchFailed', failure: failure('unauthorized') }),
    reason: 'leading',
    message: 'This process leads, in Pod app-1; the API server refuses its token, which ends the term after 10 s.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a leader beside its twin',
    story: () => leads().watched(ownLease({ resourceVersion: '12', renewTimeMs: 7_000, leaseDurationSeconds: 30 })),
    reason: 'leading',
    message:
      'This process leads, in Pod app-1; another process has written its Lease in its name, so most likely two processes lead: end one of them.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a leader whose renewals are refused',
    story: () => refusedToRenew(leads().fire('renew')),
    reason: 'leading',
    message:
      'This process leads, in Pod app-1; its renewals are refused, so the other Pods cannot see whether it hangs (it was answered 403. Grant `update` on leases).',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
    missing: ['update leases'],
  },
  {
    what: 'a leader whose Lease is kept by a finalizer',
    story: () => leads().watched(ownLease({ resourceVersion: '12', ...HELD_BY_FINALIZER })),
    reason: 'leading',
    message: 'This process leads, in Pod app-1; its Lease is being deleted, and only its finalizers keep it.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a leader that cannot restore its Lease',
    story: () => {
      const story = leads()
        .deleted(ownLease({ resourceVersion: '12' }))
        .podRead(SELF.name, podOf(SELF));
      const request = story.request('createLease');
      return story.take({ type: 'requestFailed', request, failure: forbidden('create', 'leases') });
    },
    reason: 'leading',
    message:
      'This process leads, in Pod app-1; its Lease was deleted and cannot be restored (it was answered 403. Grant `create` on leases).',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
    missing: ['create leases'],
  },
  {
    what: 'the token has expired',
    story: () =>
      follows().take({
        type: 'leaseWatchFailed',
        failure: { ...failure('unauthorized'), tokenProblem: 'it expired at noon' },
      }),
    reason: 'unauthorized',
    message: 'The API server does not accept the token of Pod app-1: it expired at noon.',
    endsWhen: 'the API server accepts the token',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'nobody leads, and a finalizer keeps the Lease that is to be deleted',
    story: () => follows(leaseOf(RIVAL, { finalizers: ['example.com/audit'] })).podGone(RIVAL),
    reason: 'campaigning',
    message:
      'Nobody leads, and Pod app-1 campaigns. Lease shop/app has finalizers, and stays until they are removed: example.com/audit.',
    endsWhen: 'the finalizers are removed, and this or another Pod is elected',
  },
  {
    what: 'nobody leads, and a request failed',
    story: () => clears().fail('deleteLease', 'unavailable').take({ type: 'watchOpened', resource: 'leases' }),
    reason: 'campaigning',
    message: 'Nobody leads, and Pod app-1 campaigns. Its last attempt failed, and it retries: wait.',
    endsWhen: 'this or another Pod is elected',
  },
  {
    what: 'nobody leads, and reading Pods is refused',
    story: () => refusedToReadSelf(clears()),
    reason: 'campaigning',
    message:
      'Nobody leads, and Pod app-1 campaigns. It repeats a request that was refused: it was answered 403. Grant `get` on pods',
    endsWhen: 'the permission is granted, or this or another Pod is elected',
    missing: ['get pods'],
  },
  {
    what: 'nobody leads, and the next attempt waits after a refusal to read Pods',
    story: () => {
      const story = refusedToReadSelf(clears()).removed();
      assert.ok(story.role.name === 'candidate' && story.role.backingOff);
      return story;
    },
    reason: 'campaigning',
    message:
      'Nobody leads, and Pod app-1 campaigns. It repeats a request that was refused: it was answered 403. Grant `get` on pods',
    endsWhen: 'the permission is granted, or this or another Pod is elected',
    missing: ['get pods'],
  },
  {
    what: 'this Pod holds the Lease, and reading Pods is refused',
    story: () => refusedToReadSelf(finds(leaseOf(SELF))),
    reason: 'resuming',
    message:
      'Pod app-1 holds Lease shop/app, and this process leads as soon as the API server confirms that. It repeats a request that was refused: it was answered 403. Grant `get` on pods',
    endsWhen: 'the permission is granted, or the API server confirms it',
    since: '1970-01-01T00:00:05.000Z',
    missing: ['get pods'],
  },
  {
    what: 'a leader that restores its Lease, and reading Pods is refused',
    story: () => refusedToReadSelf(leads().deleted(ownLease({ resourceVersion: '12' }))),
    reason: 'leading',
    message:
      'This process leads, in Pod app-1; its Lease was deleted and is being restored, and a request for it was refused (it was answered 403. Grant `get` on pods).',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
    missing: ['get pods'],
  },
  {
    what: 'a leader that releases its Lease, and renewing is refused',
    story: () => refusedToRenew(leads().stop('always').settled()),
    reason: 'leaving',
    message:
      'This process has ended its term. It waits until its work has settled, or until the API server has recorded that Lease shop/app is released. It repeats a request that was refused: it was answered 403. Grant `update` on leases',
    endsWhen:
      'the permission is granted, or the promise of onElected settles or drainTimeoutMs is over, and the Lease is released or kept',
    missing: ['update leases'],
  },
  {
    what: 'another process of the Pod has the socket, and the list of the Lease is refused',
    story: () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken' })
        .listed(leaseOf(RIVAL))
        .take({ type: 'leaseWatchFailed', failure: forbidden('list', 'leases') }),
    reason: 'sibling',
    message:
      'Another process of Pod app-1 takes part in the election for this Pod. This process only watches, and takes its place when that process ends. It cannot determine the leader: it was answered 403. Grant `list` on leases',
    endsWhen: 'that process ends, or stops its elector',
    missing: ['list leases'],
  },
  {
    what: 'a leader, and another program writes its name into the Lease',
    story: () => leads().watched(ownLease({ resourceVersion: '12', holderIdentity: 'other' })),
    reason: 'leading',
    message:
      'This process leads, in Pod app-1; its Lease names "other" as its holder, so another program writes it: give that program another Lease.',
    endsWhen:
      'its Pod is deleted, it releases the Lease, the Lease is given to another Pod by hand, or its token is refused for 10 s',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'Pods cannot be read, and the Lease of this Pod was deleted three times soon after it was created',
    story: deletedThreeTimes,
    reason: 'own-pod-deleted',
    message:
      'Pod app-1 (uid pod-1) is most likely gone, or its uid is wrong: its Lease was deleted again and again soon after it was created. This process does not campaign again. Compare the uid with the option `pod`, and start a new process.',
    endsWhen: 'never: end this process',
  },
];

checkTable(rows);
checkPage('This process', rows);

test('explain() has a reason before start(), without a cluster and after stop()', async () => {
  const elector = new LeaseElector({ lease: 'web', serviceAccountDirectory: '/nowhere' });
  const before = elector.explain();
  assert.deepEqual([before.reason, before.lease, before.leader, before.holderPod], ['not-started', null, null, null]);
  const started = assert.rejects(elector.start());
  assert.equal(elector.explain().reason, 'starting');
  await started;
  assert.equal(elector.explain().reason, 'stopped');
  await elector.stop();
  assert.equal(elector.explain().reason, 'stopped');
});

test('an explanation is plain data, and its JSON has the Pod of the holder and the last failure', () => {
  const report = reportOf({ ...TERMINATING, reason: 'Evicted', ready: false });
  const story = follows().podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', terminating: true, report }));
  const explanation = explained(story.wait(5_000).take({ type: 'leaseWatchFailed', failure: failure('unavailable') }));
  assert.deepEqual(JSON.parse(JSON.stringify(explanation)), {
    reason: 'api-unreachable',
    message: explanation.message,
    lease: { namespace: 'shop', name: 'app' },
    leader: { name: 'app-2', uid: 'pod-2', since: '1970-01-01T00:00:05.000Z', renewTimeAgeMs: null },
    holderPod: {
      name: 'app-2',
      uid: 'pod-2',
      phase: 'Running',
      reason: 'Evicted',
      nodeName: 'node-1',
      ready: false,
      containersReady: true,
      containersTerminated: false,
      waiting: null,
      terminating: true,
      terminatingSince: '2023-11-14T22:13:10.000Z',
      deletionTimestamp: '2023-11-14T22:13:40.000Z',
    },
    since: '2023-11-14T22:13:20.000Z',
    endsWhen: 'the API server answers',
    command: null,
    caution: null,
    missingRules: [],
    unverifiedForMs: 5_000,
    failure: 'it failed: unavailable',
    error: null,
  });
});

test('an explanation leaves out times that a Date cannot represent', () => {
  const report = reportOf({ terminatingSinceMs: -1e20, deletionTimestampMs: 1e20 });
  const story = follows().podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', terminating: true, report }));
  const { since, holderPod, message } = explained(story);
  assert.deepEqual([since, holderPod?.terminatingSince, holderPod?.deletionTimestamp], [null, null, null]);
  assert.match(message, /is being deleted and leads until it is gone: wait\.$/);
});
