/**
 * Checks what only an onlooker can determine: the node of the holder's Pod. test/command/explain.test.ts checks the
 * states of a Lease.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { NodeRecord } from '../../src/core/node-record.ts';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import { explainLook, type LeaseLook, type OnlookerReason } from '../../src/explain/onlooker.ts';
import { failure } from '../core/story.ts';
import { checkSection } from './explanation-table.ts';

const NOW_MS = 1_800_000_000_000;

const LEASE: LeaseRecord = {
  uid: 'lease',
  resourceVersion: '10',
  holderIdentity: 'web-0',
  owner: { name: 'web-0', uid: 'pod' },
  acquireTimeMs: NOW_MS - 60_000,
  renewTimeMs: NOW_MS - 5_000,
  leaseDurationSeconds: 30,
  leaseTransitions: 0,
  releasedBy: null,
  terminating: false,
  finalizers: [],
  source: null,
};

const POD: PodRecord = {
  name: 'web-0',
  uid: 'pod',
  resourceVersion: '11',
  terminating: false,
  report: {
    phase: 'Running',
    reason: null,
    nodeName: 'node-1',
    containersReady: true,
    ready: true,
    readyReason: null,
    readyChangedAtMs: NOW_MS - 50_000,
    containersTerminated: false,
    waiting: null,
    terminatingSinceMs: null,
    deletionTimestampMs: null,
    gracePeriodMs: null,
  },
};

function look(node: NodeRecord | null, pod: PodRecord = POD, lease: LeaseRecord = LEASE) {
  return explainLook({
    namespace: 'shop',
    leaseName: 'web',
    lease: { ok: true, value: lease },
    pod: { ok: true, value: pod },
    node,
    wallMs: NOW_MS,
  });
}

for (const ready of ['False', 'Unknown']) {
  test(`a node whose Ready is ${ready} is reported before its Pods show it, and the Pod is still the leader`, () => {
    const node = { name: 'node-1', ready, reason: null, readyChangedAtMs: NOW_MS - 20_000 };
    const { answer, reason, since, command, leader } = look(node);
    assert.deepEqual([answer, reason, leader?.name], ['leader', 'holder-node-not-ready', 'web-0']);
    assert.deepEqual([since, command], [new Date(NOW_MS - 20_000), 'kubectl delete pod web-0 -n shop']);
  });
}

for (const node of [null, { name: 'node-1', ready: 'True', reason: null, readyChangedAtMs: null }]) {
  test(`the reason is "leading" when the leader renews ${node === null ? 'and its node is unknown' : 'on a node that is Ready'}`, () => {
    const { answer, reason, message, leader } = look(node);
    assert.deepEqual([answer, reason, leader?.renewTimeAgeMs], ['leader', 'following', 5_000]);
    assert.match(message, /all is well/);
  });
}

test('the command deletes the Pod by force, with a caution, when its grace period has long passed', () => {
  const report = { ...(POD.report as NonNullable<PodRecord['report']>), gracePeriodMs: 30_000 };
  const at = (agoMs: number): PodRecord => ({
    ...POD,
    terminating: true,
    report: { ...report, terminatingSinceMs: NOW_MS - agoMs, deletionTimestampMs: NOW_MS - agoMs + 30_000 },
  });
  const overdue = look(null, at(600_000));
  assert.deepEqual([overdue.answer, overdue.reason], ['leader', 'holder-terminating']);
  assert.equal(overdue.command, 'kubectl delete pod web-0 -n shop --force --grace-period=0');
  assert.match(overdue.caution ?? '', /node is shut down/);
  assert.equal(look(null, at(40_000)).command, null);
});

test('a renewal in the future counts as one of now when the other clock is ahead', () => {
  const { answer, leader } = look(null, POD, { ...LEASE, renewTimeMs: NOW_MS + 3_600_000 });
  assert.deepEqual([answer, leader?.renewTimeAgeMs], ['leader', 0]);
});

test('the answer is "unknown" when the Pod has failed but its containers may run', () => {
  const report = { ...(POD.report as NonNullable<PodRecord['report']>), phase: 'Failed', ready: false };
  assert.equal(look(null, { ...POD, report }).answer, 'unknown');
  const ended = look(null, { ...POD, report: { ...report, containersTerminated: true } });
  assert.deepEqual([ended.answer, ended.reason, ended.leader], ['none', 'holder-failed', null]);
});

/** The reasons that no elector has, because a candidate ends such a state within a second. */
const OWN_REASONS: readonly (readonly [
  what: string,
  reason: OnlookerReason,
  look: Pick<LeaseLook, 'lease' | 'pod'>,
])[] = [
  ['there is no Lease', 'no-lease', { lease: { ok: true, value: null } }],
  [
    'the holder has released the Lease, and no candidate has taken it',
    'released',
    { lease: { ok: true, value: { ...LEASE, releasedBy: 'pod' } }, pod: { ok: true, value: POD } },
  ],
  [
    "the holder's Pod is gone, and no candidate has taken its Lease",
    'holder-gone',
    { lease: { ok: true, value: LEASE }, pod: { ok: true, value: null } },
  ],
  [
    'another Pod has the name of the holder',
    'holder-gone',
    { lease: { ok: true, value: LEASE }, pod: { ok: true, value: { ...POD, uid: 'another' } } },
  ],
];

const ROWS = OWN_REASONS.map(([what, reason, look]) => {
  return { what, reason, explanation: explainLook({ namespace: 'shop', leaseName: 'app', wallMs: NOW_MS, ...look }) };
});

for (const { what, reason, explanation } of ROWS) {
  test(`${what}: nobody leads (${reason})`, () => {
    assert.deepEqual([explanation.answer, explanation.reason, explanation.leader], ['none', reason, null]);
  });
}

checkSection(
  'Only the command',
  () =>
    '| condition | reason | message of `npx lease-elector explain` | command |\n|---|---|---|---|\n' +
    ROWS.map(({ what, explanation: { reason, message, command } }) => {
      return `| ${what} | \`${reason}\` | ${message} | ${command === null ? 'none' : `\`${command}\``} |\n`;
    }).join(''),
);

const rule = { verb: 'get', apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: '' };

/** The failed reads of a Lease, and their explanations. */
const UNREAD: readonly (readonly [
  what: string,
  failed: RequestFailure,
  reason: OnlookerReason,
  why: string,
  endsWhen: string,
])[] = [
  [
    'its rule has no namespace',
    { ...failure('forbidden'), missingRule: rule },
    'forbidden',
    'the user of this command is not permitted. Grant it `get` on leases.coordination.k8s.io in the whole cluster.',
    'the permission is granted',
  ],
  [
    'its credentials are not accepted',
    failure('unauthorized'),
    'unauthorized',
    'the API server does not accept the credentials of this command. Log in again.',
    'the API server accepts the credentials',
  ],
  [
    'the API server is not available',
    failure('unavailable'),
    'api-unreachable',
    'it failed: unavailable.',
    'the API server answers',
  ],
];

for (const [what, failed, reason, why, endsWhen] of UNREAD) {
  test(`an onlooker reports the reason ${reason} for an unread Lease when ${what}`, () => {
    const explanation = explainLook({
      namespace: 'shop',
      leaseName: 'web',
      lease: { ok: false, failure: failed },
      wallMs: NOW_MS,
    });
    assert.deepEqual([explanation.answer, explanation.reason, explanation.endsWhen], ['unknown', reason, endsWhen]);
    assert.equal(explanation.message, `The leader is unknown, because Lease shop/web cannot be read: ${why}`);
  });
}

test('an onlooker reports that the holder does not renew when the Pod cannot be read and the Lease has no renewTime', () => {
  const { answer, message } = explainLook({
    namespace: 'shop',
    leaseName: 'web',
    lease: { ok: true, value: { ...LEASE, renewTimeMs: null } },
    pod: { ok: false, failure: failure('unavailable') },
    wallMs: NOW_MS,
  });
  assert.equal(answer, 'unknown');
  assert.equal(
    message,
    'Pod web-0 holds Lease shop/web, and it does not renew. It is unknown whether that Pod exists: it failed: unavailable.',
  );
});

for (const [what, changedAgoMs, caution] of [
  ['changed a moment ago', 5_000, null],
  ['has not changed for its duration', 60_000, 'Make sure first that no other program uses it.'],
] as const) {
  test(`nobody leads when the Lease has neither an owner nor a holder, and ${what}`, () => {
    const changedAtMs = NOW_MS - changedAgoMs;
    const lease = { ...LEASE, holderIdentity: null, owner: null, acquireTimeMs: changedAtMs, renewTimeMs: changedAtMs };
    const explanation = explainLook({
      namespace: 'shop',
      leaseName: 'web',
      lease: { ok: true, value: lease },
      wallMs: NOW_MS,
    });
    assert.deepEqual([explanation.answer, explanation.reason, explanation.caution], ['none', 'foreign-lease', caution]);
    const words =
      caution === null ? /is empty: no Pod owns it, and it names no holder\./ : /, which names no holder and /;
    assert.match(explanation.message, words);
  });
}
