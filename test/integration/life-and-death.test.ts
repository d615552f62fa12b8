/**
 * Real processes over TLS: a leader that crashes, hangs, restarts, is deleted or hands over. A leader keeps its term as
 * long as its Pod exists.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { until } from '../worlds/until.ts';
import { CandidateProcess, tokenOf } from './candidate-process.ts';
import { TestCluster } from './cluster.ts';

/** Three Pods with one process each. One of them leads. */
async function election(
  t: TestContext,
  podOptions: { readonly nodeName?: string } = {},
): Promise<{ cluster: TestCluster; leader: CandidateProcess; others: CandidateProcess[] }> {
  const cluster = await TestCluster.start(t);
  const processes = ['web-0', 'web-1', 'web-2'].map(
    (name) => new CandidateProcess(t, cluster.addPod(name, podOptions)),
  );
  await Promise.all(processes.map((process) => process.report('started')));
  const leaders = processes.filter((process) => process.leads);
  assert.equal(leaders.length, 1, 'one of three leads');
  const [leader] = leaders as [CandidateProcess];
  const others = processes.filter((process) => process !== leader);
  for (const other of others) await other.report('leaderChanged', leader.pod.name);
  assert.equal(cluster.ownerUid(), leader.pod.uid);
  return { cluster, leader, others };
}

/** No process reported an error. */
function assertQuiet(processes: readonly CandidateProcess[]): void {
  for (const { reports, pod } of processes) {
    const trouble = reports.filter(({ event }) => event === 'error' || event === 'unhandledRejection');
    assert.deepEqual(trouble, [], pod.name);
  }
}

describe('the life of a leader', { concurrency: 2 }, () => {
  test('a leader resumes its term when it is killed and restarted in the same Pod', async (t) => {
    const { cluster, leader, others } = await election(t);
    const before = await leader.report('elected');
    for (const other of others) await other.report('renewed', leader.pod.name);
    await leader.kill();
    for (const other of others) await other.report('stale', leader.pod.name);
    const again = new CandidateProcess(t, leader.pod);
    const after = await again.report('elected');
    assert.equal(after.resumed, true);
    assert.equal(after.detail, before.detail, 'the same Lease');
    assert.ok(tokenOf(after) > tokenOf(before));
    for (const other of others) {
      await other.report('renewed', leader.pod.name, other.all('renewed').length + 1);
      assert.deepEqual([other.leads, other.all('elected').length], [false, 0]);
    }
    assert.equal(cluster.ownerUid(), leader.pod.uid);
    assertQuiet([again, ...others]);
  });

  test('a leader is reported as stale, is not replaced and continues to lead when it hangs', async (t) => {
    const { leader, others } = await election(t);
    for (const other of others) await other.report('renewed', leader.pod.name);
    leader.signal('SIGSTOP');
    for (const other of others) await other.report('stale', leader.pod.name);
    for (const other of others) assert.equal(other.all('elected').length, 0);
    const renewals = others.map((other) => other.all('renewed').length);
    leader.signal('SIGCONT');
    for (const [index, other] of others.entries()) {
      await other.report('renewed', leader.pod.name, (renewals[index] ?? 0) + 1);
    }
    leader.send('state');
    assert.equal((await leader.report('state')).isLeader, true);
    assert.deepEqual([leader.all('elected').length, leader.all('demoted').length], [1, 0]);
    assertQuiet([leader, ...others]);
  });

  test('a leader drains and releases the Lease, and a successor leads at once, on SIGTERM in a Pod that is being deleted', async (t) => {
    const { cluster, leader, others } = await election(t, { nodeName: 'node-1' });
    const before = await leader.report('elected');
    await cluster.delete('pod', leader.pod.name);
    assert.ok(cluster.pod(leader.pod.name)?.metadata.deletionTimestamp, 'the Pod is terminating, and still exists');
    leader.signal('SIGTERM');
    await until('a successor leads', () => others.some((other) => other.leads));
    assert.ok(cluster.pod(leader.pod.name), 'the Pod still exists');
    assert.equal(await leader.ended(), 0, 'the process exits by itself');
    assert.deepEqual(
      leader.reports
        .filter(({ event }) => event !== 'renewed')
        .map(({ event }) => event)
        .slice(-4),
      ['demoted', 'work ended', 'leaderChanged', 'stopped'],
    );
    const successor = others.find((other) => other.leads) as CandidateProcess;
    assert.ok(tokenOf(await successor.report('elected')) > tokenOf(before));
    assert.equal(others.filter((other) => other.leads).length, 1);
    assertQuiet([leader, ...others]);
  });

  test('a leader keeps the Lease, and its restarted container resumes the term, on SIGTERM in a Pod that stays', async (t) => {
    const { cluster, leader, others } = await election(t);
    const before = await leader.report('elected');
    leader.signal('SIGTERM');
    assert.equal(await leader.ended(), 0);
    assert.equal(cluster.ownerUid(), leader.pod.uid);
    for (const other of others) assert.equal(other.all('elected').length, 0);
    const again = new CandidateProcess(t, leader.pod);
    const after = await again.report('elected');
    assert.equal(after.resumed, true);
    assert.ok(tokenOf(after) > tokenOf(before));
    assertQuiet([leader, again, ...others]);
  });

  test('another Pod leads, and the ghost never leads again, when the Pod of the leader is deleted', async (t) => {
    const { cluster, leader, others } = await election(t);
    const before = await leader.report('elected');
    await cluster.delete('pod', leader.pod.name);
    await leader.report('demoted', 'pod-deleted');
    await until('a successor leads', () => others.some((other) => other.leads));
    const successor = others.find((other) => other.leads) as CandidateProcess;
    const third = others.find((other) => !other.leads) as CandidateProcess;
    assert.ok(tokenOf(await successor.report('elected')) > tokenOf(before));

    // If the ghost could lead again, it would do so now.
    await cluster.delete('pod', successor.pod.name);
    await third.report('elected');
    assert.equal(leader.all('elected').length, 1);
    await leader.report('warning', 'pod-deleted');
    await cluster.delete('lease', 'web');
    await until('the third restores it', () => cluster.ownerUid() === third.pod.uid);
    assert.deepEqual([leader.leads, successor.leads, third.leads], [false, false, true]);
    assert.equal(third.all('demoted').length, 0);
    assertQuiet([leader, ...others]);
  });

  test('a Pod does not inherit the term when a StatefulSet re-creates it under the same name', async (t) => {
    const { cluster, leader, others } = await election(t);
    const before = await leader.report('elected');
    await leader.kill();
    await cluster.delete('pod', leader.pod.name);
    const process = new CandidateProcess(t, cluster.addPod(leader.pod.name));
    await until('somebody leads', () => [process, ...others].some((candidate) => candidate.leads));
    const successor = [process, ...others].find((candidate) => candidate.leads) as CandidateProcess;
    const after = await successor.report('elected');
    assert.equal(after.resumed, false, 'a term that is over is not resumed');
    assert.notEqual(after.detail, before.detail, 'a new Lease');
    assert.ok(tokenOf(after) > tokenOf(before));
    await process.report('started');
    assert.equal([process, ...others].filter((candidate) => candidate.leads).length, 1);
    assertQuiet([process, ...others]);
  });

  test('a sibling takes over when the other process of its Pod is killed', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const first = new CandidateProcess(t, pod);
    const before = await first.report('elected');
    const second = new CandidateProcess(t, pod);
    assert.equal((await second.report('started')).detail, 'sibling');
    assert.equal(second.all('elected').length, 0);
    await first.kill();
    const after = await second.report('elected');
    assert.equal(after.resumed, true);
    assert.ok(tokenOf(after) > tokenOf(before));
    assertQuiet([second]);
  });

  test('another Pod leads after stop({ release: true }), and the first Pod can lead again later', async (t) => {
    const { cluster, leader, others } = await election(t);
    leader.send('release');
    assert.equal(await leader.ended(), 0, 'the process exits by itself');
    await until('a successor leads', () => others.some((other) => other.leads));
    const again = new CandidateProcess(t, leader.pod);
    await again.report('started');
    assert.equal(again.leads, false);
    for (const other of others) await cluster.delete('pod', other.pod.name);
    const term = await again.report('elected');
    assert.equal(term.resumed, false);
    assertQuiet([again, ...others]);
  });

  test('an elector does not keep its process alive when its start failed', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    cluster.permit({ leases: [], pods: [] });
    const forbidden = new CandidateProcess(t, pod, { startGraceMs: 500 });
    assert.equal((await forbidden.report('failed')).detail, 'ERR_LEASE_ELECTOR_FORBIDDEN');
    assert.equal(await forbidden.ended(), 0);
    const cleared = new CandidateProcess(t, { ...pod, environment: {} });
    assert.equal((await cleared.report('failed')).detail, 'ERR_LEASE_ELECTOR_CREDENTIALS');
    assert.equal(await cleared.ended(), 0);
    const nowhere = new CandidateProcess(t, { ...pod, environment: {}, directory: '/does/not/exist' });
    assert.equal((await nowhere.report('failed')).detail, 'ERR_LEASE_ELECTOR_NO_CLUSTER');
    assert.equal(await nowhere.ended(), 0);
  });

  test('an elector keeps its process alive in every state when it runs', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const [leader, sibling] = [new CandidateProcess(t, pod), new CandidateProcess(t, pod)];
    const candidate = new CandidateProcess(t, cluster.addPod('web-1'));
    const processes = [leader, sibling, candidate];
    for (const process of processes) await process.report('started');
    await cluster.embedded.stopServer();
    const [first] = processes.filter((process) => process.leads);
    for (const process of processes) process.send('state');
    for (const process of processes) assert.equal((await process.report('state')).isLeader, process === first);
    assert.deepEqual(
      processes.map(({ outcome }) => outcome),
      [null, null, null],
    );
    for (const process of processes) process.send('stop');
    for (const process of processes)
      assert.equal(await process.ended(), 0, 'a stopped elector does not keep its process alive');
  });
});
