/**
 * What only an onlooker knows: the node of the holder's Pod. The states of a Lease are in test/command/explain.test.ts.
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
  test(`a node whose Ready is ${ready} is told before its Pods show it, and the Pod is still the leader`, () => {
    const node = { name: 'node-1', ready, reason: null, readyChangedAtMs: NOW_MS - 20_000 };
    const { answer, reason, since, command, leader } = look(node);
    assert.deepEqual([answer, reason, leader?.name], ['leader', 'holder-node-not-ready', 'web-0']);
    assert.deepEqual([since, command], [new Date(NOW_MS - 20_000), 'kubectl delete pod web-0 -n shop']);
  });
}

for (const node of [null, { name: 'node-1', ready: 'True', reason: null, readyChangedAtMs: null }]) {
  test(`all is well with a leader that renews, ${node === null ? 'its node not known' : 'on a node that is Ready'}`, () => {
    const { answer, reason, message, leader } = look(node);
    assert.deepEqual([answer, reason, leader?.renewTimeAgeMs], ['leader', 'following', 5_000]);
    assert.match(message, /all is well/);
  });
}

test('a Pod whose grace period is over by far may be deleted by force, with a caution', () => {
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

test('a renewal in the future, by a clock that is ahead, counts as one of now', () => {
  const { answer, leader } = look(null, POD, { ...LEASE, renewTimeMs: NOW_MS + 3_600_000 });
  assert.deepEqual([answer, leader?.renewTimeAgeMs], ['leader', 0]);
});

test('a failed Pod whose containers are not known to have ended cannot be told', () => {
  const report = { ...(POD.report as NonNullable<PodRecord['report']>), phase: 'Failed', ready: false };
  assert.equal(look(null, { ...POD, report }).answer, 'unknown');
  const ended = look(null, { ...POD, report: { ...report, containersTerminated: true } });
  assert.deepEqual([ended.answer, ended.reason, ended.leader], ['none', 'holder-failed', null]);
});

/** The reasons that no elector has: a candidate would end each of them within a second. */
const OWN_REASONS: readonly (readonly [
  what: string,
  reason: OnlookerReason,
  look: Pick<LeaseLook, 'lease' | 'pod'>,
])[] = [
  ['there is no Lease', 'no-lease', { lease: { ok: true, value: null } }],
  [
    'the holder gave the Lease up, and no candidate has taken it',
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

const SAID = OWN_REASONS.map(([what, reason, look]) => {
  return { what, reason, said: explainLook({ namespace: 'shop', leaseName: 'app', wallMs: NOW_MS, ...look }) };
});

for (const { what, reason, said } of SAID) {
  test(`${what}: nobody leads, for the reason ${reason}`, () => {
    assert.deepEqual([said.answer, said.reason, said.leader], ['none', reason, null]);
  });
}

checkSection(
  'Only the command',
  () =>
    '| what is so | reason | what `npx lease-elector explain` says | command |\n|---|---|---|---|\n' +
    SAID.map(({ what, said: { reason, message, command } }) => {
      return `| ${what} | \`${reason}\` | ${message} | ${command === null ? 'none' : `\`${command}\``} |\n`;
    }).join(''),
);
