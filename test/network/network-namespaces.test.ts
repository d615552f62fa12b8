/**
 * A Pod whose packets the kernel drops, and two processes of one Pod in different network namespaces. The test creates
 * the namespaces, and uses real processes and packets. Without root it is skipped.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { CandidateProcess, type CandidateReport, tokenOf } from '../integration/candidate-process.ts';
import { FAST, TestCluster } from '../integration/cluster.ts';
import { until } from '../worlds/until.ts';
import { type Loss, NetworkNamespaces } from './network-namespaces.ts';
import { assertWithin, timeUntil } from './network-setup.ts';

/** How long no packet passes, in milliseconds: longer than the duration of a Lease and the time-out of a request. */
const LOSS_MS = 3_500;
/**
 * The bound after packets pass again, in milliseconds: one request may still have to time out, and the next attempt
 * follows within 2.5 s.
 */
const RECOVERY_BOUND_MS: number = (FAST.requestTimeoutMs ?? 0) + 2_500;
/**
 * The bound until a twin is noticed, in milliseconds: each twin observes a renewal of the other within two renewals,
 * and may need another read.
 */
const TWIN_BOUND_MS: number = 2 * (FAST.renewIntervalMs ?? 0) + 2_500;

const LOSSES: readonly Loss[] = ['link down', 'answers lost', 'requests lost'];

async function stateOf(process: CandidateProcess): Promise<CandidateReport> {
  const count = process.all('state').length;
  process.send('state');
  return process.report('state', undefined, count + 1);
}

test('the leader stays the only leader when the kernel drops its packets', async (t) => {
  const cluster = await TestCluster.start(t);
  const namespaces = await NetworkNamespaces.make(t, cluster, 'a');
  if (typeof namespaces === 'string') return t.skip(namespaces);
  const leader = new CandidateProcess(t, namespaces.podBehind(cluster.addPod('web-0')), {}, namespaces.launch);
  const first = await leader.report('elected');
  const other = new CandidateProcess(t, cluster.addPod('web-1'));
  await other.report('started');
  await other.report('renewed', 'web-0');

  for (const [index, loss] of LOSSES.entries()) {
    namespaces.lose(loss);
    await pause(LOSS_MS);
    await other.report('stale', 'web-0', index + 1);
    const { isLeader, unverifiedForMs = 0 } = await stateOf(leader);
    assert.equal(isLeader, true, loss);
    assert.ok(unverifiedForMs > LOSS_MS - 1_000, `${loss}: unverifiedForMs is ${unverifiedForMs}`);
    assert.deepEqual([other.all('elected').length, leader.all('demoted').length], [0, 0], loss);
    const seen = other.all('renewed').length;
    namespaces.restore(loss);
    const measured = await timeUntil('it renews again', RECOVERY_BOUND_MS, () => other.all('renewed').length > seen);
    assertWithin(t, `${loss}, until it renews after packets pass again`, measured, RECOVERY_BOUND_MS);
  }

  // The Pod is deleted while it is cut off, so its process is a ghost. The ghost ends its term with the first answer
  // that arrives.
  namespaces.lose('answers lost');
  await cluster.delete('pod', 'web-0');
  const next = await other.report('elected');
  assert.ok(tokenOf(next) > tokenOf(first));
  assert.equal((await stateOf(leader)).isLeader, true, 'it has received no event');
  namespaces.restore('answers lost');
  const measured = await timeUntil('the ghost is demoted', RECOVERY_BOUND_MS, () => leader.all('demoted').length > 0);
  assertWithin(t, 'until the ghost is demoted after packets pass again', measured, RECOVERY_BOUND_MS);
  // The Lease of another Pod is a proof, and so is the missing Pod. Either answer may be the first.
  assert.match(leader.all('demoted')[0]?.detail ?? '', /^(usurped|pod-deleted)$/);
});

test('two processes of a Pod warn of each other when they are in different network namespaces', async (t) => {
  const cluster = await TestCluster.start(t);
  const namespaces = await NetworkNamespaces.make(t, cluster, 'b');
  if (typeof namespaces === 'string') return t.skip(namespaces);
  const pod = cluster.addPod('web-0');
  const first = new CandidateProcess(t, namespaces.podBehind(pod), {}, namespaces.launch);
  await first.report('elected');
  const sibling = new CandidateProcess(t, namespaces.podBehind(pod), {}, namespaces.launch);
  assert.equal((await sibling.report('started')).detail, 'sibling', 'the lock works in the same namespace');

  const twin = new CandidateProcess(t, pod);
  assert.equal((await twin.report('elected')).resumed, true, 'the lock does not work in another namespace');
  await until('both have led', () => first.all('elected').length > 0 && twin.all('elected').length > 0);
  const measured = await timeUntil('both warn', TWIN_BOUND_MS, () =>
    [first, twin].every((process) => process.all('warning', 'twin').length > 0),
  );
  assertWithin(t, 'until both warn of a twin', measured, TWIN_BOUND_MS);
});
