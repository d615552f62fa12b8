/**
 * The whole explanation of one look at the API server, for every state of the Lease and of the holder's Pod. The
 * command that prints it is tested in test/command/explain.test.ts.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord, PodRecord, PodReport } from '../../src/core/lease-record.ts';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import { explainLook, type LeaseLook, type Look, type OnlookerExplanation } from '../../src/explain/onlooker.ts';
import { failure, leaseOf, podOf, reportOf, WALL_MS } from '../core/story.ts';
import { forbidden } from './explanation-table.ts';

const HOLDER = { name: 'web-0', uid: 'pod' };

/** The Lease of the holder, which renews, with changes. */
function lease(changes: Partial<LeaseRecord> = {}): LeaseLook['lease'] {
  const times = { acquireTimeMs: WALL_MS - 600_000, renewTimeMs: WALL_MS - 5_000, leaseDurationSeconds: 30 };
  return { ok: true, value: leaseOf(HOLDER, { ...times, ...changes }) };
}

/** A Lease that no Pod owns, with changes. */
function foreign(changes: Partial<LeaseRecord> = {}): Pick<LeaseLook, 'lease'> {
  return { lease: lease({ owner: null, holderIdentity: 'other', ...changes }) };
}

/** The holder's Pod with this report. */
function pod(report: Partial<PodReport> = {}, changes: Partial<PodRecord> = {}): Look<PodRecord> {
  return { ok: true, value: podOf(HOLDER, { report: reportOf(report), ...changes }) };
}

function unread(failed: RequestFailure): { readonly ok: false; readonly failure: RequestFailure } {
  return { ok: false, failure: failed };
}

const UNREADY = { ready: false, containersReady: false };
const FINALIZED = { terminating: true, finalizers: ['example.com/audit', 'example.com/backup'] };

/** The fields of an explanation that are compared; a field that is `null` or empty is left out. */
function partsOf(explanation: OnlookerExplanation): Record<string, unknown> {
  const {
    answer,
    reason,
    message,
    endsWhen,
    since,
    command,
    caution,
    leader,
    holderPod,
    missingRules,
    failure,
    error,
  } = explanation;
  const parts = {
    answer,
    reason,
    message,
    endsWhen,
    since: since === null ? null : since.getTime() - WALL_MS,
    command,
    caution,
    leader: leader === null ? null : `${leader.name}/${leader.uid} ${leader.renewTimeAgeMs}`,
    holderPod: holderPod === null ? null : `${holderPod.name}/${holderPod.uid} ${holderPod.phase}`,
    missing: missingRules.map(({ verb, resource }) => `${verb} ${resource}`).join() || null,
    failure,
    error,
  };
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== null));
}

/** One row: a look, and its explanation. Times are in milliseconds from now. */
interface Row {
  readonly what: string;
  readonly look: () => Pick<LeaseLook, 'lease' | 'pod'>;
  readonly parts: Readonly<Record<string, unknown>>;
}

const rows: readonly Row[] = [
  {
    what: 'the holder renews',
    look: () => ({ lease: lease(), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message: 'Pod web-0 leads, and all is well: there is nothing to do.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      since: -600000,
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'the holder has not renewed for exactly its duration',
    look: () => ({ lease: lease({ renewTimeMs: WALL_MS - 30_000 }), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'holder-silent',
      message:
        'Pod web-0 leads but has not renewed Lease shop/app for 30 s: it hangs, has ended, cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
      endsWhen: 'it renews, or its Pod is deleted',
      since: -30000,
      command: 'kubectl delete pod web-0 -n shop',
      caution:
        'Make sure first that the leader does not renew: the clocks of two machines were compared, and one may be wrong. `lease-elector watch` shows each renewal.',
      leader: 'web-0/pod 30000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'the holder has renewed 1 ms before the end of its duration',
    look: () => ({ lease: lease({ renewTimeMs: WALL_MS - 29_999 }), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message: 'Pod web-0 leads, and all is well: there is nothing to do.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      since: -600000,
      leader: 'web-0/pod 29999',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'the holder never renews',
    look: () => ({ lease: lease({ renewTimeMs: null }), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message:
        'Pod web-0 leads. It does not renew Lease shop/app, so the other Pods cannot see whether its process hangs.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      since: -600000,
      leader: 'web-0/pod null',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'the Lease has no duration',
    look: () => ({ lease: lease({ renewTimeMs: WALL_MS - 300_000, leaseDurationSeconds: null }), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message:
        'Pod web-0 leads. It does not renew Lease shop/app, so the other Pods cannot see whether its process hangs.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      since: -600000,
      leader: 'web-0/pod 300000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'the Lease has no times',
    look: () => ({ lease: lease({ acquireTimeMs: null, renewTimeMs: null }), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message:
        'Pod web-0 leads. It does not renew Lease shop/app, so the other Pods cannot see whether its process hangs.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      leader: 'web-0/pod null',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'a foreign Lease is renewed',
    look: () => foreign(),
    parts: {
      answer: 'leader',
      reason: 'foreign-lease',
      message:
        'Lease shop/app names "other" as its holder, and no Pod owns it. It counts as held until it has been unchanged for 30 s.',
      endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:45.000Z, or is deleted',
      since: -5000,
      leader: 'other/null 5000',
    },
  },
  {
    what: 'a foreign Lease has no times',
    look: () => foreign({ acquireTimeMs: null, renewTimeMs: null }),
    parts: {
      answer: 'leader',
      reason: 'foreign-lease',
      message:
        'Lease shop/app names "other" as its holder, and no Pod owns it. It counts as held until it has been unchanged for 30 s.',
      endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:50.000Z, or is deleted',
      since: 0,
      leader: 'other/null null',
    },
  },
  {
    what: 'a foreign Lease was acquired after its last renewal',
    look: () => foreign({ acquireTimeMs: WALL_MS - 5_000, renewTimeMs: WALL_MS - 60_000 }),
    parts: {
      answer: 'leader',
      reason: 'foreign-lease',
      message:
        'Lease shop/app names "other" as its holder, and no Pod owns it. It counts as held until it has been unchanged for 30 s.',
      endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:45.000Z, or is deleted',
      since: -5000,
      leader: 'other/null 60000',
    },
  },
  {
    what: 'a foreign Lease has only the time of its acquisition',
    look: () => foreign({ acquireTimeMs: WALL_MS - 20_000, renewTimeMs: null }),
    parts: {
      answer: 'leader',
      reason: 'foreign-lease',
      message:
        'Lease shop/app names "other" as its holder, and no Pod owns it. It counts as held until it has been unchanged for 30 s.',
      endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:30.000Z, or is deleted',
      since: -20000,
      leader: 'other/null null',
    },
  },
  {
    what: 'a foreign Lease has only the time of its renewal',
    look: () => foreign({ acquireTimeMs: null, renewTimeMs: WALL_MS - 20_000 }),
    parts: {
      answer: 'leader',
      reason: 'foreign-lease',
      message:
        'Lease shop/app names "other" as its holder, and no Pod owns it. It counts as held until it has been unchanged for 30 s.',
      endsWhen: 'the Lease stays unchanged until 2023-11-14T22:13:30.000Z, or is deleted',
      since: -20000,
      leader: 'other/null 20000',
    },
  },
  {
    what: 'a foreign Lease has no duration',
    look: () => foreign({ leaseDurationSeconds: null }),
    parts: {
      answer: 'unknown',
      reason: 'foreign-lease',
      message:
        'Lease shop/app names "other" as its holder, and no Pod owns it. It has no leaseDurationSeconds, so its end cannot be determined: an administrator must delete it.',
      endsWhen: 'the Lease is deleted',
      since: -5000,
      command: 'kubectl delete lease app -n shop',
      caution: 'Make sure first that "other" no longer leads.',
      leader: 'other/null 5000',
    },
  },
  {
    what: 'a foreign Lease has not changed for its duration',
    look: () => foreign({ renewTimeMs: WALL_MS - 60_000 }),
    parts: {
      answer: 'none',
      reason: 'foreign-lease',
      message:
        'Nobody leads: no Pod owns Lease shop/app, which names "other" and has not changed for its duration. A candidate deletes it and leads within a second. If this lasts, no candidate runs, or none is permitted to delete Leases.',
      endsWhen: 'a candidate deletes the Lease and creates its own',
      command: 'kubectl delete lease app -n shop',
      caution: 'Make sure first that "other" no longer leads.',
    },
  },
  {
    what: 'there is no Lease',
    look: () => ({ lease: { ok: true, value: null } }),
    parts: {
      answer: 'none',
      reason: 'no-lease',
      message:
        'Nobody leads: there is no Lease shop/app. A candidate creates it within a second, so no candidate runs, or none is permitted to create it. Check the name and the namespace (`lease-elector list -A` shows all), the Pods of the application, and their logs.',
      endsWhen: 'a candidate creates the Lease',
    },
  },
  {
    what: 'the holder released the Lease',
    look: () => ({ lease: lease({ releasedBy: HOLDER.uid }), pod: pod() }),
    parts: {
      answer: 'none',
      reason: 'released',
      message:
        'Nobody leads: Pod web-0 released Lease shop/app, and the Lease still exists. A candidate deletes it and leads within a second. If this lasts, no candidate runs, or none is permitted to delete Leases.',
      endsWhen: 'a candidate deletes the Lease and creates its own',
      command: 'kubectl delete lease app -n shop',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the holder's Pod is gone",
    look: () => ({ lease: lease(), pod: { ok: true, value: null } }),
    parts: {
      answer: 'none',
      reason: 'holder-gone',
      message:
        'Nobody leads: Pod web-0, which owns Lease shop/app, is gone, and the Lease still exists. A candidate deletes it and leads within a second. If this lasts, no candidate runs, or none is permitted to delete Leases. The garbage collector also deletes it within about a minute.',
      endsWhen: 'a candidate deletes the Lease and creates its own',
      command: 'kubectl delete lease app -n shop',
      caution: 'Make sure first that no process of Pod web-0 still runs, on a lost node for example.',
    },
  },
  {
    what: "another Pod has the name of the holder's Pod",
    look: () => ({ lease: lease(), pod: pod({}, { uid: 'another' }) }),
    parts: {
      answer: 'none',
      reason: 'holder-gone',
      message:
        'Nobody leads: Pod web-0, which owns Lease shop/app, is gone, and the Lease still exists. A candidate deletes it and leads within a second. If this lasts, no candidate runs, or none is permitted to delete Leases. The garbage collector also deletes it within about a minute.',
      endsWhen: 'a candidate deletes the Lease and creates its own',
      command: 'kubectl delete lease app -n shop',
      caution: 'Make sure first that no process of Pod web-0 still runs, on a lost node for example.',
    },
  },
  {
    what: 'finalizers keep the Lease of a Pod that is gone',
    look: () => ({ lease: lease(FINALIZED), pod: { ok: true, value: null } }),
    parts: {
      answer: 'none',
      reason: 'lease-terminating',
      message:
        'Nobody leads: Lease shop/app is being deleted, but its finalizers keep it: example.com/audit, example.com/backup.',
      endsWhen: 'the finalizers are removed, and the Lease is gone',
      command: 'kubectl patch lease app -n shop --type=merge -p \'{"metadata":{"finalizers":null}}\'',
      caution: 'Make sure first that the task of each finalizer is done, or is not needed.',
    },
  },
  {
    what: 'finalizers keep the Lease of a leader',
    look: () => ({ lease: lease(FINALIZED), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message:
        'Pod web-0 leads, but Lease shop/app is being deleted and its finalizers keep it: example.com/audit, example.com/backup. No other Pod can be elected until they are removed.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      since: -600000,
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'the Lease of a leader is being deleted without finalizers',
    look: () => ({ lease: lease({ terminating: true }), pod: pod() }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message: 'Pod web-0 leads, and all is well: there is nothing to do.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      since: -600000,
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the holder's Pod must not be read",
    look: () => ({ lease: lease(), pod: unread(forbidden('get', 'pods')) }),
    parts: {
      answer: 'unknown',
      reason: 'holder-unknown',
      message:
        'Pod web-0 holds Lease shop/app, and it renewed 5 s ago. It is unknown whether that Pod exists: the user of this command is not permitted. Grant it `get` on pods in namespace "shop".',
      endsWhen: 'the permission is granted',
      since: -600000,
      leader: 'web-0/pod 5000',
      missing: 'get pods',
    },
  },
  {
    what: "the holder's Pod cannot be read",
    look: () => ({ lease: lease(), pod: unread(failure('unavailable')) }),
    parts: {
      answer: 'unknown',
      reason: 'holder-unknown',
      message:
        'Pod web-0 holds Lease shop/app, and it renewed 5 s ago. It is unknown whether that Pod exists: it failed: unavailable.',
      endsWhen: 'the API server answers',
      since: -600000,
      leader: 'web-0/pod 5000',
      failure: 'it failed: unavailable',
    },
  },
  {
    what: "the holder's Pod cannot be read and the Lease has no times",
    look: () => ({ lease: lease({ acquireTimeMs: null, renewTimeMs: null }), pod: unread(failure('unavailable')) }),
    parts: {
      answer: 'unknown',
      reason: 'holder-unknown',
      message:
        'Pod web-0 holds Lease shop/app, and it does not renew. It is unknown whether that Pod exists: it failed: unavailable.',
      endsWhen: 'the API server answers',
      leader: 'web-0/pod null',
      failure: 'it failed: unavailable',
    },
  },
  {
    what: "the holder's Pod cannot be read and the Lease was released",
    look: () => ({ lease: lease({ releasedBy: HOLDER.uid }), pod: unread(failure('unavailable')) }),
    parts: {
      answer: 'none',
      reason: 'released',
      message:
        'Nobody leads: Pod web-0 released Lease shop/app, and the Lease still exists. A candidate deletes it and leads within a second. If this lasts, no candidate runs, or none is permitted to delete Leases.',
      endsWhen: 'a candidate deletes the Lease and creates its own',
      command: 'kubectl delete lease app -n shop',
      failure: 'it failed: unavailable',
    },
  },
  {
    what: 'the Lease must not be read',
    look: () => ({ lease: unread(forbidden('get', 'leases')) }),
    parts: {
      answer: 'unknown',
      reason: 'forbidden',
      message:
        'The leader is unknown, because Lease shop/app cannot be read: the user of this command is not permitted. Grant it `get` on leases.coordination.k8s.io in namespace "shop".',
      endsWhen: 'the permission is granted',
      missing: 'get leases',
    },
  },
  {
    what: 'the Lease cannot be read',
    look: () => ({ lease: unread(failure('unavailable')) }),
    parts: {
      answer: 'unknown',
      reason: 'api-unreachable',
      message: 'The leader is unknown, because Lease shop/app cannot be read: it failed: unavailable.',
      endsWhen: 'the API server answers',
      failure: 'it failed: unavailable',
    },
  },
  {
    what: "the holder's Pod has no report",
    look: () => ({ lease: lease(), pod: { ok: true, value: podOf(HOLDER) } }),
    parts: {
      answer: 'leader',
      reason: 'following',
      message: 'Pod web-0 leads, and all is well: there is nothing to do.',
      endsWhen: 'its Pod is deleted, or it releases the Lease',
      since: -600000,
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod null',
    },
  },
  {
    what: "the holder's Pod is being deleted and has no report",
    look: () => ({ lease: lease(), pod: { ok: true, value: podOf(HOLDER, { terminating: true }) } }),
    parts: {
      answer: 'leader',
      reason: 'holder-terminating',
      message: 'Pod web-0 is being deleted and leads until it is gone: wait.',
      endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod null',
    },
  },
  {
    what: "the holder's Pod is being deleted",
    look: () => ({
      lease: lease(),
      pod: pod(
        { terminatingSinceMs: WALL_MS - 10_000, deletionTimestampMs: WALL_MS + 20_000, gracePeriodMs: 30_000 },
        { terminating: true },
      ),
    }),
    parts: {
      answer: 'leader',
      reason: 'holder-terminating',
      message:
        'Pod web-0 is being deleted and leads until it is gone: wait until its grace period is over, in 20 s at the latest.',
      endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
      since: -10000,
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the grace period of the holder's Pod ends now",
    look: () => ({
      lease: lease(),
      pod: pod(
        { terminatingSinceMs: WALL_MS - 30_000, deletionTimestampMs: WALL_MS, gracePeriodMs: 30_000 },
        { terminating: true },
      ),
    }),
    parts: {
      answer: 'leader',
      reason: 'holder-terminating',
      message:
        'Pod web-0 is being deleted and leads until it is gone: wait for the kubelet, because its grace period is over.',
      endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
      since: -30000,
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the holder's Pod is not ready and its process renews",
    look: () => ({ lease: lease(), pod: pod({ ...UNREADY, readyChangedAtMs: WALL_MS - 50_000 }) }),
    parts: {
      answer: 'leader',
      reason: 'holder-not-ready',
      message:
        'Pod web-0 leads, but it is not Ready, although it renewed Lease shop/app 5 s ago. It stays the leader. Look at its events and its log.',
      endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
      since: -50000,
      command: 'kubectl delete pod web-0 -n shop',
      caution: 'Make sure first that its work can be interrupted: its process still renews Lease shop/app.',
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the holder's Pod is not ready and has been silent for longer",
    look: () => ({
      lease: lease({ renewTimeMs: WALL_MS - 300_000 }),
      pod: pod({ ...UNREADY, readyChangedAtMs: WALL_MS - 50_000 }),
    }),
    parts: {
      answer: 'leader',
      reason: 'holder-silent',
      message:
        'Pod web-0 leads but has not renewed Lease shop/app for 300 s: it hangs, has ended, cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
      endsWhen: 'it renews, or its Pod is deleted',
      since: -300000,
      command: 'kubectl delete pod web-0 -n shop',
      caution:
        'Make sure first that the leader does not renew: the clocks of two machines were compared, and one may be wrong. `lease-elector watch` shows each renewal.',
      leader: 'web-0/pod 300000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the holder's Pod has been unready for longer than its silence",
    look: () => ({
      lease: lease({ renewTimeMs: WALL_MS - 300_000 }),
      pod: pod({ ...UNREADY, readyChangedAtMs: WALL_MS - 400_000 }),
    }),
    parts: {
      answer: 'leader',
      reason: 'holder-not-ready',
      message:
        'Pod web-0 leads, but it is not Ready, and it has not renewed Lease shop/app for 300 s. It stays the leader. Look at its events and its log.',
      endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
      since: -400000,
      command: 'kubectl delete pod web-0 -n shop',
      leader: 'web-0/pod 300000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'a container of a ready Pod waits',
    look: () => ({
      lease: lease({ renewTimeMs: WALL_MS - 300_000 }),
      pod: pod({ waiting: { container: 'app', reason: 'CrashLoopBackOff' } }),
    }),
    parts: {
      answer: 'leader',
      reason: 'holder-not-ready',
      message:
        'Pod web-0 leads, but its container app waits (CrashLoopBackOff), and it has not renewed Lease shop/app for 300 s. It stays the leader. Look at its events and its log.',
      endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
      since: 0,
      command: 'kubectl delete pod web-0 -n shop',
      leader: 'web-0/pod 300000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'a running Pod is not ready and has no node and no report of its containers',
    look: () => ({ lease: lease(), pod: pod({ ready: false, containersReady: null, nodeName: null }) }),
    parts: {
      answer: 'leader',
      reason: 'holder-not-ready',
      message:
        'Pod web-0 leads, but it is not Ready, although it renewed Lease shop/app 5 s ago. It stays the leader. Look at its events and its log.',
      endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
      since: 0,
      command: 'kubectl delete pod web-0 -n shop',
      caution: 'Make sure first that its work can be interrupted: its process still renews Lease shop/app.',
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the holder's Pod has failed",
    look: () => ({ lease: lease(), pod: pod({ phase: 'Failed', containersTerminated: true }) }),
    parts: {
      answer: 'none',
      reason: 'holder-failed',
      message: 'Pod web-0 has failed and holds the Lease as long as it exists: delete it.',
      endsWhen: 'the Pod is deleted',
      command: 'kubectl delete pod web-0 -n shop',
      holderPod: 'web-0/pod Failed',
    },
  },
  {
    what: "the holder's Pod has failed and its containers may run",
    look: () => ({ lease: lease(), pod: pod({ phase: 'Failed' }) }),
    parts: {
      answer: 'unknown',
      reason: 'holder-failed',
      message:
        'Pod web-0 has failed and holds the Lease as long as it exists, and not all of its containers are reported to have ended: make sure that they have, then delete it.',
      endsWhen: 'the Pod is deleted',
      command: 'kubectl delete pod web-0 -n shop',
      caution:
        'Make sure first that the node is shut down or cannot come back: this command does not wait for the process, which may still run where the API server cannot reach it. Then two processes would work until the old process detects that its Pod is gone.',
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Failed',
    },
  },
  {
    what: "the holder's Pod is not ready and never renews",
    look: () => ({ lease: lease({ renewTimeMs: null }), pod: pod(UNREADY) }),
    parts: {
      answer: 'leader',
      reason: 'holder-not-ready',
      message: 'Pod web-0 leads, but it is not Ready. It stays the leader. Look at its events and its log.',
      endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
      since: 0,
      command: 'kubectl delete pod web-0 -n shop',
      leader: 'web-0/pod null',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: "the holder's Pod is not ready and its Lease has no duration",
    look: () => ({ lease: lease({ leaseDurationSeconds: null }), pod: pod(UNREADY) }),
    parts: {
      answer: 'leader',
      reason: 'holder-not-ready',
      message:
        'Pod web-0 leads, but it is not Ready, although it renewed Lease shop/app 5 s ago. It stays the leader. Look at its events and its log.',
      endsWhen: 'its containers run and it is Ready, or its Pod is deleted',
      since: 0,
      command: 'kubectl delete pod web-0 -n shop',
      caution: 'Make sure first that its work can be interrupted: its process still renews Lease shop/app.',
      leader: 'web-0/pod 5000',
      holderPod: 'web-0/pod Running',
    },
  },
  {
    what: 'finalizers keep a released Lease and the Pod cannot be read',
    look: () => ({ lease: lease({ releasedBy: HOLDER.uid, ...FINALIZED }), pod: unread(failure('unavailable')) }),
    parts: {
      answer: 'none',
      reason: 'lease-terminating',
      message:
        'Nobody leads: Lease shop/app is being deleted, but its finalizers keep it: example.com/audit, example.com/backup.',
      endsWhen: 'the finalizers are removed, and the Lease is gone',
      command: `kubectl patch lease app -n shop --type=merge -p '{"metadata":{"finalizers":null}}'`,
      caution: 'Make sure first that the task of each finalizer is done, or is not needed.',
      failure: 'it failed: unavailable',
    },
  },
  {
    what: "the holder's Pod was not read",
    look: () => ({ lease: lease() }),
    parts: {
      answer: 'unknown',
      reason: 'holder-unknown',
      message:
        'Pod web-0 holds Lease shop/app; it is unknown whether that Pod exists: wait for an answer of the API server.',
      endsWhen: 'the API server answers',
      since: -600_000,
      leader: 'web-0/pod 5000',
    },
  },
];

for (const { what, look, parts } of rows) {
  test(`a look is explained completely when ${what}`, () => {
    assert.deepEqual(partsOf(explainLook({ namespace: 'shop', leaseName: 'app', wallMs: WALL_MS, ...look() })), parts);
  });
}
