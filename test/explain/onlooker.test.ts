/**
 * Checks what only an onlooker can determine: the node of the holder's Pod. test/command/explain.test.ts checks the
 * states of a Lease.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { NodeRecord } from '../../src/core/node-record.ts';
import { explainLook, type LeaseLook, type OnlookerReason } from '../../src/explain/onlooker.ts';
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
  return { what, reason, said: explainLook({ namespace: 'shop', leaseName: 'app', wallMs: NOW_MS, ...look }) };
});

for (const { what, reason, said } of ROWS) {
  test(`${what}: nobody leads (${reason})`, () => {
    assert.deepEqual([said.answer, said.reason, said.leader], ['none', reason, null]);
  });
}

checkSection(
  'Only the command',
  () =>
    '| condition | reason | message of `npx lease-elector explain` | command |\n|---|---|---|---|\n' +
    ROWS.map(({ what, said: { reason, message, command } }) => {
      return `| ${what} | \`${reason}\` | ${message} | ${command === null ? 'none' : `\`${command}\``} |\n`;
    }).join(''),
);
