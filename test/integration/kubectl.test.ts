/**
 * Edits with kubectl, and Leases that no Pod owns: their effects on a leader and on a candidate.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EMPTY_LEASE_MS } from '../../src/core/verdict.ts';
import type { Warning } from '../../src/index.ts';
import { until } from '../worlds/until.ts';
import { fasterClock, journalOf, TestCluster } from './cluster.ts';
import { pair, renewals, withoutStale } from './pair.ts';

describe('edits with kubectl', { concurrency: 8 }, () => {
  test('the leader restores the Lease in the same term when it is deleted by hand', async (t) => {
    const { cluster, pod, leader, leaderJournal, otherJournal } = await pair(t);
    const { term } = leader;
    const before = cluster.lease()?.metadata.uid;
    for (let round = 0; round < 3; round += 1) {
      await cluster.delete('lease', 'web');
      await until('the Lease exists again', () => cluster.ownerUid() === pod.uid);
      await renewals(leader, 1);
    }
    assert.notEqual(cluster.lease()?.metadata.uid, before);
    assert.equal(leader.term, term);
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    assert.deepEqual(withoutStale(otherJournal), ['leader: web-0']);
  });

  test('the leader is usurped, and another Pod leads, when the Lease is given to that Pod by hand', async (t) => {
    const { cluster, leader, leaderJournal, other, otherPod } = await pair(t);
    const { name, uid } = otherPod;
    cluster.usurpedByHand = true;
    await cluster.patch('lease', 'web', {
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] },
      spec: { holderIdentity: name },
    });
    await until('it is demoted', () => leaderJournal.includes('demoted: usurped'));
    await until('the other leads', () => other.isLeader);
    assert.equal(leader.state, 'candidate');
    assert.equal(cluster.ownerUid(), uid);
  });

  test('the leader restores the owner, continues to lead and warns when the Lease is orphaned by hand', async (t) => {
    const { cluster, pod, leaderJournal, otherJournal } = await pair(t);
    await cluster.patch('lease', 'web', { metadata: { ownerReferences: null } });
    await until('the owner is restored', () => cluster.ownerUid() === pod.uid);
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0', 'warning: owner-removed']);
    assert.deepEqual(withoutStale(otherJournal), ['leader: web-0']);
  });

  test('a renewal keeps labels and annotations when a user has written them into the Lease', async (t) => {
    const { cluster, leader } = await pair(t);
    await cluster.patch('lease', 'web', { metadata: { annotations: { note: 'mine' }, labels: { team: 'shop' } } });
    await renewals(leader);
    assert.equal(cluster.lease()?.metadata.annotations?.['note'], 'mine');
    assert.deepEqual(cluster.lease()?.metadata.labels, {
      'app.kubernetes.io/managed-by': 'lease-elector',
      team: 'shop',
    });
  });

  test('the leader continues to lead when a release annotation has no uid or the uid of another Pod', async (t) => {
    const { cluster, leader, leaderJournal, otherPod, otherJournal } = await pair(t);
    for (const uid of ['', 'nobody', otherPod.uid]) {
      await cluster.patch('lease', 'web', { metadata: { annotations: { 'lease-elector/released': uid } } });
      await renewals(leader, 1);
    }
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    assert.deepEqual(withoutStale(otherJournal), ['leader: web-0']);
  });

  test('a candidate waits for the duration when a Lease has no owner', async (t) => {
    const cluster = await TestCluster.start(t);
    await cluster.createLease({
      holderIdentity: 'somebody',
      leaseDurationSeconds: 1,
      renewTime: '2020-01-01T00:00:00.000000Z',
    });
    const elector = cluster.elector(cluster.addPod('web-0'));
    const journal = journalOf(elector);
    await elector.start();
    assert.deepEqual(journal, ['leader: somebody']);
    // The Lease changes, so its holder is alive.
    await cluster.patch('lease', 'web', { spec: { renewTime: '2020-01-01T00:00:09.000000Z' } });
    const movedAtMs = performance.now();
    await until('the elector leads', () => elector.isLeader);
    assert.ok(
      performance.now() - movedAtMs > 900,
      "its duration counts from the last change, on the candidate's clock",
    );
    assert.deepEqual(journal.at(-1), 'leader: web-0');
  });

  test('a candidate warns and waits for a deletion when a Lease has a holder, but neither owner nor duration', async (t) => {
    const cluster = await TestCluster.start(t);
    await cluster.createLease({ holderIdentity: 'somebody' });
    const elector = cluster.elector(cluster.addPod('web-0'));
    const journal = journalOf(elector);
    const warnings: Warning[] = [];
    elector.on('warning', (warning) => warnings.push(warning));
    const started = elector.start();
    await until('the elector has warned', () => warnings.length > 0);
    assert.equal(warnings[0]?.code, 'foreign-lease');
    assert.match(warnings[0]?.message ?? '', /kubectl delete lease web -n shop/);
    assert.equal(elector.state, 'candidate');
    await cluster.delete('lease', 'web');
    await started;
    await until('it leads', () => elector.isLeader);
    assert.equal(journal.filter((line) => line.startsWith('warning')).length, 1);
  });

  for (const [what, spec] of [
    ['without a spec', undefined],
    ['with an empty spec', {}],
    ['with no holder and no duration', { holderIdentity: '' }],
  ] as const) {
    test(`a candidate leads when a Lease without owner ${what} has not changed for half a minute`, async (t) => {
      const cluster = await TestCluster.start(t);
      await cluster.createLease(spec);
      // Half a minute takes half a second of real time.
      const clock = fasterClock(60);
      const elector = cluster.elector(cluster.addPod('web-0'), {}, { clock });
      const journal = journalOf(elector);
      const startedAtMs = clock.nowMs();
      const started = elector.start();
      await until('it leads', () => elector.isLeader);
      await started;
      assert.ok(clock.nowMs() - startedAtMs >= EMPTY_LEASE_MS, 'a live leader would have written the Lease before');
      assert.deepEqual(journal, ['elected', 'leader: web-0']);
    });
  }

  test('a candidate leads when the duration of a Lease without owner and holder is over', async (t) => {
    const cluster = await TestCluster.start(t);
    await cluster.createLease({ leaseDurationSeconds: 1 });
    const elector = cluster.elector(cluster.addPod('web-0'));
    await elector.start();
    assert.equal(elector.isLeader, true);
  });

  test('a candidate waits without a hot loop when the duration of a foreign Lease exceeds the limit of timers', async (t) => {
    const cluster = await TestCluster.start(t);
    await cluster.createLease({
      holderIdentity: 'somebody',
      leaseDurationSeconds: 2_147_483_647,
      renewTime: '2020-01-01T00:00:00.000000Z',
    });
    const overflows: string[] = [];
    process.on('warning', ({ name }) => overflows.push(name));
    const elector = cluster.elector(cluster.addPod('web-0'));
    await elector.start();
    const { length } = cluster.requests;
    // Long enough to detect a hot loop.
    await until('some time has passed', () => elector.unverifiedForMs > 300);
    assert.ok(cluster.requests.length - length < 10, `${cluster.requests.length - length} requests`);
    assert.equal(elector.leader?.name, 'somebody');
    assert.ok(!overflows.includes('TimeoutOverflowWarning'));
  });
});
