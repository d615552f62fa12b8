/**
 * Checks `explain()` about another holder. No command deletes the Lease of a leader. Every command that deletes a Pod
 * without its kubelet has a caution.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodRecord, PodReport } from '../../src/core/lease-record.ts';
import { REFUSAL_BELIEVED_MS } from '../../src/core/refusal.ts';
import {
  clears,
  finds,
  follows,
  HELD_BY_FINALIZER,
  leaseOf,
  podOf,
  RIVAL,
  reportOf,
  SELF,
  type Story,
  starts,
  stoppedPod,
  WALL_MS,
} from '../core/story.ts';
import { COUNTS_STOPPED, checkPage, checkTable, explained, forbidden, type Row, sees } from './explanation-table.ts';

const TERMINATING = {
  terminatingSinceMs: WALL_MS - 10_000,
  deletionTimestampMs: WALL_MS + 20_000,
  gracePeriodMs: 30_000,
};
const LOST = { ready: false, readyChangedAtMs: WALL_MS - 60_000 };
const DELETE_RIVAL = 'kubectl delete pod app-2 -n shop';
const FORCE_RIVAL = `${DELETE_RIVAL} --force --grace-period=0`;

/** A candidate that sees the rival lead and renew. */
function renewed(): Story {
  return finds(RENEWING).podListed(RIVAL, podOf(RIVAL));
}

const RENEWING = leaseOf(RIVAL, { renewTimeMs: WALL_MS, leaseDurationSeconds: 30 });

/** The Pod of the rival, which is not ready. */
function unready(changes: Partial<PodReport> = {}): PodRecord {
  const report = reportOf({ ready: false, containersReady: false, readyReason: 'ContainersNotReady', ...changes });
  return podOf(RIVAL, { resourceVersion: '6', report });
}

/** A candidate that sees the rival lead and renew, and its Pod become unready. */
function seesUnready(changes: Partial<PodReport> = {}): Story {
  return renewed().podWatched(RIVAL, unready(changes));
}

/** A candidate that must not watch the rival's Pod, and whose first read of it was refused. */
function refusedToReadPods(): Story {
  return finds(leaseOf(RIVAL))
    .take({ type: 'podWatchFailed', watched: RIVAL, failure: forbidden('list', 'pods') })
    .take({ type: 'requestFailed', request: 1, failure: forbidden('get', 'pods') });
}

/** Reads the Lease a minute later, without a change. */
function readAgain(story: Story): Story {
  const { observation } = story.state.knowledge;
  return story.fire('backstop').leaseRead(observation?.lease ?? null);
}

/** The report of a Pod that was never scheduled, as in a cluster without nodes. */
const NO_KUBELET = { phase: 'Pending', nodeName: null, ready: null, containersReady: null } as const;

const rows: readonly Row[] = [
  {
    what: 'another Pod leads',
    story: follows,
    reason: 'following',
    message:
      'Pod app-2 leads. It does not renew Lease shop/app, so the other Pods cannot see whether its process hangs.',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'another Pod leads, and a stopped Pod counts as gone',
    story: () => starts(COUNTS_STOPPED).listed(leaseOf(RIVAL)).podListed(RIVAL, podOf(RIVAL)),
    reason: 'following',
    message:
      'Pod app-2 leads. It does not renew Lease shop/app, so the other Pods cannot see whether its process hangs.',
    endsWhen: 'its Pod stops or is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'another Pod leads, and one of its readiness gates is not ready',
    story: () => sees({ ...LOST, readyReason: 'ReadinessGatesNotReady' }),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but it is not Ready (ReadinessGatesNotReady). It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:12:20.000Z',
  },
  {
    what: 'another Pod leads, and its containers are not ready',
    story: () => sees({ ...LOST, containersReady: false }),
    reason: 'holder-not-ready',
    message: 'Pod app-2 leads, but it is not Ready. It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:12:20.000Z',
  },
  {
    what: 'it is not known yet whether the holder exists',
    story: () => finds(leaseOf(RIVAL)),
    reason: 'holder-unknown',
    message:
      'Pod app-2 holds Lease shop/app; it is unknown whether that Pod exists: wait for an answer of the API server.',
    endsWhen: 'the API server answers',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'reading Pods was refused a moment ago',
    story: refusedToReadPods,
    reason: 'holder-unknown',
    message:
      'Pod app-2 holds Lease shop/app. It is unknown whether that Pod exists. app-1 repeats a request that was refused: it was answered 403. Grant `get` on pods',
    endsWhen: 'the permission is granted, or its Lease is gone',
    since: '1970-01-01T00:00:05.000Z',
    missing: ['list pods', 'get pods'],
  },
  {
    what: 'reading Pods has been refused for long, so it is unknown whether the holder exists',
    story: () =>
      refusedToReadPods()
        .wait(REFUSAL_BELIEVED_MS)
        .fire('permission')
        .take({ type: 'requestFailed', request: 2, failure: forbidden('get', 'pods') }),
    reason: 'holder-unknown',
    message:
      'Pod app-2 holds Lease shop/app; app-1 is not allowed to read Pods, so the end of that Pod is visible only when its Lease is deleted: grant `get`, `list` and `watch` on pods.',
    endsWhen: 'its Lease is gone, or the permission is granted',
    since: '1970-01-01T00:00:05.000Z',
    missing: ['list pods', 'get pods'],
  },
  {
    what: "the holder's Pod is being deleted",
    story: () => sees(TERMINATING, true),
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone: wait until its grace period is over, in 30 s at the latest.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: "the holder's Pod is being deleted, and nothing else is known",
    story: () => follows().podWatched(RIVAL, podOf(RIVAL, { terminating: true })),
    reason: 'holder-terminating',
    message: 'Pod app-2 is being deleted and leads until it is gone: wait.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
  },
  {
    what: "the grace period of the holder's Pod has long passed",
    story: () => sees(TERMINATING, true).wait(90_001),
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone, but the deletion was seen to begin 90 s ago, and its grace period has passed. Repair or remove the node. Delete the Pod by force only as a last resort.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    command: FORCE_RIVAL,
    cautious: true,
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: "the grace period of the holder's Pod has passed, and its kubelet may need a moment",
    story: () => sees(TERMINATING, true).wait(90_000),
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone: wait for the kubelet, because its grace period is over.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: "the holder's Pod is being deleted, and its node is lost",
    story: () => sees({ ...TERMINATING, ...LOST }, true),
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone, and its node node-1 is lost: repair or remove the node, or wait until its grace period is over, in 30 s at the latest.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: "the holder's Pod has ended, and a finalizer keeps it",
    story: () => sees({ ...TERMINATING, containersTerminated: true }, true).wait(90_001),
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone; its containers have ended, so its finalizers keep it: look at its metadata.finalizers.',
    endsWhen: 'its finalizers are removed',
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: "the holder's Pod was evicted",
    story: () => follows().podWatched(RIVAL, stoppedPod(RIVAL, { ready: false })),
    reason: 'holder-failed',
    message: 'Pod app-2 has failed (Evicted) and holds the Lease as long as it exists: delete it.',
    endsWhen: 'the Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: "the holder's Pod has failed, but its containers may run",
    story: () => follows().podWatched(RIVAL, stoppedPod(RIVAL, { reason: null, containersTerminated: false })),
    reason: 'holder-failed',
    message:
      'Pod app-2 has failed and holds the Lease as long as it exists, and not all of its containers are reported to have ended: make sure that they have, then delete it.',
    endsWhen: 'the Pod is deleted',
    command: DELETE_RIVAL,
    cautious: true,
  },
  {
    what: "the holder's Pod has finished",
    story: () => follows().podWatched(RIVAL, stoppedPod(RIVAL, { phase: 'Succeeded', reason: null })),
    reason: 'holder-succeeded',
    message: 'Pod app-2 has finished and holds the Lease as long as it exists: delete it.',
    endsWhen: 'the Pod is deleted',
    command: DELETE_RIVAL,
  },
  {
    what: "the holder's Pod has stopped and counts as gone, but its Lease cannot be deleted",
    story: () =>
      starts(COUNTS_STOPPED)
        .listed(leaseOf(RIVAL))
        .podListed(RIVAL, stoppedPod(RIVAL))
        .fire('campaign')
        .take({ type: 'requestFailed', request: 2, failure: forbidden('delete', 'leases') }),
    reason: 'holder-failed',
    message:
      'Pod app-2 has failed (Evicted), but this process is not permitted to delete its Lease: grant `delete` on leases.coordination.k8s.io, or delete the Pod.',
    endsWhen: 'the Pod is deleted, or the permission is granted',
    command: DELETE_RIVAL,
    missing: ['delete leases'],
  },
  {
    what: "the node of the holder's Pod is lost",
    story: () => sees(LOST),
    reason: 'holder-node-not-ready',
    message:
      'Pod app-2 leads, but the control plane has lost its node node-1, and its process may still run there. Repair or remove the node, or delete the Pod, whose object then disappears when the node is back or removed.',
    endsWhen: 'the node comes back, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:12:20.000Z',
  },
  {
    what: 'the holder hangs',
    story: () => readAgain(renewed()).wait(5_000),
    reason: 'holder-silent',
    message:
      'Pod app-2 leads but has not renewed Lease shop/app for 60 s: it hangs, has ended, cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
    endsWhen: 'it renews, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'no renewal has arrived, and no answer of the API server',
    story: () => renewed().wait(40_000),
    reason: 'following',
    message:
      'Pod app-2 leads, as far as this process knows. This process has received no renewal of Lease shop/app for 40 s, and is reading the Lease: wait.',
    endsWhen: 'the API server answers, its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'the holder renews in time',
    story: () => renewed().wait(29_000),
    reason: 'following',
    message: 'Pod app-2 leads, and all is well: there is nothing to do.',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'the Lease is missing, and its holder exists',
    story: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    reason: 'lease-missing',
    message: 'Lease shop/app is missing, but Pod app-2, which held it, exists and restores it immediately: wait.',
    endsWhen: 'that Pod restores the Lease, or its Pod is deleted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the Lease has been missing for long, and its holder exists',
    story: () =>
      follows()
        .deleted(leaseOf(RIVAL, { resourceVersion: '25' }))
        .wait(12_000),
    reason: 'lease-missing',
    message:
      'Lease shop/app is missing, but Pod app-2, which held it, exists and has not restored it for 12 s, so its process has most likely ended, hangs, or cannot reach the API server: restart it, or delete that Pod.',
    endsWhen: 'that Pod restores the Lease, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the holder is gone, and only the garbage collector may delete its Lease',
    story: () => clears().fail('deleteLease', 'forbidden'),
    reason: 'waiting-for-collector',
    message:
      'Nobody leads: Pod app-2 is gone, and app-1 is not allowed to delete Lease shop/app. Grant `delete` on leases.coordination.k8s.io, or wait for the garbage collector.',
    endsWhen: 'the garbage collector deletes the Lease, or the permission is granted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the holder is gone, and a finalizer keeps its Lease',
    story: () => clears().watched(leaseOf(RIVAL, { resourceVersion: '21', ...HELD_BY_FINALIZER })),
    reason: 'lease-terminating',
    message: 'Nobody leads: Lease shop/app is being deleted, but its finalizers keep it: example.com/audit.',
    endsWhen: 'the finalizers are removed, and the Lease is gone',
    command: `kubectl patch lease app -n shop --type=merge -p '{"metadata":{"finalizers":null}}'`,
    cautious: true,
  },
  {
    what: 'the Lease is released, and cannot be deleted',
    story: () =>
      follows()
        .watched(leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid }))
        .fire('campaign')
        .fail('deleteLease', 'forbidden'),
    reason: 'released-not-deletable',
    message:
      'Nobody leads: Pod app-2 released Lease shop/app, but app-1 is not allowed to delete it. Grant `delete` on leases.coordination.k8s.io, or wait until that Pod is gone.',
    endsWhen: 'that Pod is gone or withdraws the release, or the permission is granted',
  },
  {
    what: 'a foreign Lease without a duration',
    story: () => finds(leaseOf(null, { holderIdentity: 'web-x' })),
    reason: 'foreign-lease',
    message:
      'Lease shop/app names "web-x" as its holder, and no Pod owns it. It has no leaseDurationSeconds, so its end cannot be determined: an administrator must delete it.',
    endsWhen: 'the Lease is deleted',
    command: 'kubectl delete lease app -n shop',
    cautious: true,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a foreign Lease with a duration',
    story: () => finds(leaseOf(null, { holderIdentity: 'web-x', leaseDurationSeconds: 15 })),
    reason: 'foreign-lease',
    message:
      'Lease shop/app names "web-x" as its holder, and no Pod owns it. It counts as held until it has been unchanged for 15 s.',
    endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:35.000Z, or is deleted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a Lease that names this Pod, lost its owner, and has a duration',
    story: () => finds(leaseOf(null, { holderIdentity: SELF.name, leaseDurationSeconds: 30 })),
    reason: 'foreign-lease',
    message:
      'Lease shop/app has the name of this Pod (app-1) as its holder, but no Pod owns it: its owner was removed, or another program wrote it. It counts as held until it has been unchanged for 30 s.',
    endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:50.000Z, or is deleted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a Lease that names this Pod, lost its owner, and has no duration',
    story: () => finds(leaseOf(null, { holderIdentity: SELF.name })),
    reason: 'foreign-lease',
    message:
      'Lease shop/app has the name of this Pod (app-1) as its holder, but no Pod owns it: its owner was removed, or another program wrote it. It has no leaseDurationSeconds, so its end cannot be determined: an administrator must delete it.',
    endsWhen: 'the Lease is deleted',
    command: 'kubectl delete lease app -n shop',
    cautious: true,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'an empty Lease in which no holder was ever observed',
    story: () => finds(leaseOf(null)),
    reason: 'foreign-lease',
    message:
      'Lease shop/app is empty: no Pod owns it, and it names no holder. It counts as held until it has been unchanged for 30 s.',
    endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:50.000Z, or is deleted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a foreign Lease that was unchanged, and cannot be deleted',
    story: () =>
      finds(leaseOf(null, { holderIdentity: null, leaseDurationSeconds: 15 }))
        .wait(15_000)
        .take({ type: 'timerFired', timer: 'recheck' })
        .fail('deleteLease', 'forbidden'),
    reason: 'foreign-lease',
    message:
      'Lease shop/app is empty: no Pod owns it, and it names no holder. It has not changed for its duration, but app-1 is not allowed to delete it: an administrator must delete it.',
    endsWhen: 'the Lease is deleted',
    command: 'kubectl delete lease app -n shop',
    cautious: true,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a Pod that has failed is not proven to have stopped',
    story: () =>
      starts(COUNTS_STOPPED)
        .listed(leaseOf(RIVAL))
        .podListed(RIVAL, stoppedPod(RIVAL, { containersTerminated: false })),
    reason: 'holder-failed',
    message:
      'Pod app-2 has failed (Evicted) and holds the Lease as long as it exists, and not all of its containers are reported to have ended: make sure that they have, then delete it.',
    endsWhen: 'all of its containers are reported as terminated, or it is deleted',
    command: DELETE_RIVAL,
    cautious: true,
  },
  {
    what: 'an owner whose name has a meaning for a shell',
    story: () =>
      readAgain(
        finds(leaseOf({ name: 'x; reboot', uid: 'pod-2' }, { renewTimeMs: WALL_MS, leaseDurationSeconds: 30 })),
      ),
    reason: 'holder-silent',
    message:
      'Pod x; reboot leads but has not renewed Lease shop/app for 60 s: it hangs, has ended, cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
    endsWhen: 'it renews, or its Pod is deleted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: "the node of the holder's Pod is lost, as reported by older clusters",
    story: () => sees({ phase: 'Unknown', reason: 'NodeLost' }),
    reason: 'holder-node-not-ready',
    message:
      'Pod app-2 leads, but the control plane has lost its node node-1, and its process may still run there. Repair or remove the node, or delete the Pod, whose object then disappears when the node is back or removed.',
    endsWhen: 'the node comes back, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'another Pod leads and renews',
    story: renewed,
    reason: 'following',
    message: 'Pod app-2 leads, and all is well: there is nothing to do.',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'another Pod leads, and renews with a Lease that is being deleted',
    story: () => renewed().watched({ ...RENEWING, resourceVersion: '21', ...HELD_BY_FINALIZER }),
    reason: 'following',
    message:
      'Pod app-2 leads, but Lease shop/app is being deleted and its finalizers keep it: example.com/audit. No other Pod can be elected until they are removed.',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'a container of the holder crashes again and again',
    story: () => seesUnready({ waiting: { container: 'app', reason: 'CrashLoopBackOff' } }),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but its container app waits (CrashLoopBackOff), although it renewed Lease shop/app 0 s ago. It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: DELETE_RIVAL,
    cautious: true,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'a container of the holder crashes again and again, and nobody renews',
    story: () => readAgain(seesUnready({ waiting: { container: 'app', reason: 'CrashLoopBackOff' } })),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but its container app waits (CrashLoopBackOff), and it has not renewed Lease shop/app for 60 s. It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'another Pod leads, and the watch of the Lease is refused',
    story: () => follows().take({ type: 'leaseWatchFailed', failure: forbidden('watch', 'leases') }),
    reason: 'following',
    message:
      'Pod app-2 leads, but this process sees changes late, because it cannot watch: it was answered 403. Grant `watch` on leases',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
    missing: ['watch leases'],
  },
  {
    what: 'the holder is not ready, and renews',
    story: () => seesUnready().wait(4_000),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but it is not Ready (ContainersNotReady), although it renewed Lease shop/app 4 s ago. It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: DELETE_RIVAL,
    cautious: true,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the holder is not ready for longer than its renewals are missing',
    story: () => readAgain(seesUnready()),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but it is not Ready (ContainersNotReady), and it has not renewed Lease shop/app for 60 s. It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the holder hangs, and has not been ready since then',
    story: () => {
      const story = readAgain(renewed());
      return story.podWatched(RIVAL, unready());
    },
    reason: 'holder-silent',
    message:
      'Pod app-2 leads but has not renewed Lease shop/app for 60 s: it hangs, has ended, cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
    endsWhen: 'it renews, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the containers of the holder have not been started',
    story: () => seesUnready({ phase: 'Pending', ready: null, containersReady: null }),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, but its containers have not all been started yet, although it renewed Lease shop/app 0 s ago. It stays the leader. Look at its events and its log.',
    endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
    command: DELETE_RIVAL,
    cautious: true,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'no kubelet has started the containers of the holder, which renews',
    story: () => seesUnready(NO_KUBELET).wait(4_000),
    reason: 'holder-not-ready',
    message:
      'Pod app-2 leads, although no kubelet has started its containers. This is normal with the embedded API server, where the process runs outside of its Pod: there is nothing to do. It renewed Lease shop/app 4 s ago.',
    endsWhen: 'a kubelet starts its containers, or its Pod is deleted',
  },
  {
    what: 'no kubelet has started the containers of the holder, and nobody renews',
    story: () => readAgain(seesUnready(NO_KUBELET)),
    reason: 'holder-silent',
    message:
      'Pod app-2 leads but has not renewed Lease shop/app for 60 s: it hangs, has ended, cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
    endsWhen: 'it renews, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: "the holder's Pod is being deleted, and this clock is 10 minutes ahead of the API server's",
    story: () => {
      const story = follows();
      story.wallMs += 600_000;
      const report = reportOf({ ...TERMINATING, gracePeriodMs: 300_000, deletionTimestampMs: WALL_MS + 300_000 });
      return story.podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', terminating: true, report })).wait(500);
    },
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone: wait until its grace period is over, in 300 s at the latest.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: "the holder's Pod is being deleted, its node is lost, and its grace period has passed here",
    story: () => sees({ ...TERMINATING, ...LOST }, true).wait(30_001),
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone, but its node node-1 is lost; the deletion was seen to begin 30 s ago, and its grace period has passed. Repair or remove the node. Delete the Pod by force only as a last resort.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    command: FORCE_RIVAL,
    cautious: true,
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: 'a second deletion has a longer grace period',
    story: () => {
      const report = reportOf({ ...TERMINATING, deletionTimestampMs: WALL_MS + 400_000, gracePeriodMs: 300_000 });
      const story = sees(TERMINATING, true).wait(80_000);
      return story.podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '7', terminating: true, report })).wait(20_000);
    },
    reason: 'holder-terminating',
    message:
      'Pod app-2 is being deleted and leads until it is gone: wait until its grace period is over, in 280 s at the latest.',
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
    since: '2023-11-14T22:13:10.000Z',
  },
  {
    what: 'the holder is gone, and the garbage collector has not deleted its Lease for long',
    story: () => clears().fail('deleteLease', 'forbidden').wait(90_000),
    reason: 'waiting-for-collector',
    message:
      'Nobody leads: Pod app-2 is gone, and app-1 is not allowed to delete Lease shop/app. The garbage collector has left the Lease for 90 s: it does not run, or its request is refused. Grant `delete` on leases.coordination.k8s.io, or delete the Lease.',
    endsWhen: 'the garbage collector deletes the Lease, or the permission is granted',
    command: 'kubectl delete lease app -n shop',
    cautious: true,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the Lease is missing, and whether its holder exists is not known',
    story: () => finds(leaseOf(RIVAL)).deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    reason: 'lease-missing',
    message: 'Lease shop/app is missing, but Pod app-2, which held it, may still exist, and then restores it: wait.',
    endsWhen: 'that Pod restores the Lease, or its Pod is deleted',
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'the holder hangs, and a person has edited the Lease',
    story: () => {
      const story = renewed()
        .wait(20_000)
        .watched({ ...RENEWING, resourceVersion: '21', leaseTransitions: 7 });
      return readAgain(story);
    },
    reason: 'holder-silent',
    message:
      'Pod app-2 leads but has not renewed Lease shop/app for 60 s: it hangs, has ended, cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
    endsWhen: 'it renews, or its Pod is deleted',
    command: DELETE_RIVAL,
    since: '2023-11-14T22:13:20.000Z',
  },
  {
    what: 'another Pod owns the Lease, and another program writes its name into it',
    story: () =>
      renewed().watched({ ...RENEWING, resourceVersion: '21', renewTimeMs: WALL_MS + 1, holderIdentity: 'other' }),
    reason: 'following',
    message:
      'Pod app-2 owns Lease shop/app and so leads, but the Lease names "other" as its holder. Another program writes it, and may also lead: give that program another Lease.',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
  {
    what: 'another Pod leads, and a webhook removes the owner of its Lease',
    story: () => renewed().watched({ ...RENEWING, resourceVersion: '21', renewTimeMs: WALL_MS + 1, owner: null }),
    reason: 'following',
    message:
      'Pod app-2 leads, but Lease shop/app has lost its owner, so a process that starts now cannot determine the holder. The leader writes the owner again if its Pod may `update` the Lease. If the owner is removed again, exempt the Lease from the webhook that removes it.',
    endsWhen: 'its Pod is deleted, or it releases the Lease',
    since: '1970-01-01T00:00:05.000Z',
  },
];

checkTable(rows);
checkPage('Another holder', rows);

test('no sentence has control characters when the names in a Lease have', () => {
  const name = 'a\u001b[2Jb\u0000c\r\nd\u007fe\u009bf';
  const stories = [
    finds(leaseOf(null, { holderIdentity: name })),
    finds(leaseOf({ name, uid: 'pod-2' })),
    readAgain(finds(leaseOf({ name, uid: 'pod-2' }, { renewTimeMs: WALL_MS, leaseDurationSeconds: 30 }))),
  ];
  for (const story of stories) {
    const { message, endsWhen, caution } = explained(story);
    assert.match(message, /a \[2Jb c {2}d e f/);
    assert.doesNotMatch(`${message}${endsWhen}${caution}`, /\p{Cc}/u);
  }
  assert.match(explained(stories[0] ?? follows()).caution ?? '', /"a \[2Jb c {2}d e f"/);
});
