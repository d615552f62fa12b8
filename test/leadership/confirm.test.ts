/**
 * Checks `confirm()`, two consistent reads before a write that must not be done twice. It resolves when the Lease and
 * this Pod confirm the leader. The election receives both answers.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import type { RequestFailureKind } from '../../src/core/request-failure.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { LEASE, NAMESPACE, runtimeOf, TestCluster } from '../integration/cluster.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { OTHER, OWN_POD, ScriptedElector, SELF, takenBy } from '../worlds/scripted-elector.ts';
import { until } from '../worlds/until.ts';

const NOT_LEADER = { code: 'ERR_LEASE_ELECTOR_NOT_LEADER' };
const UNCONFIRMED = { code: 'ERR_LEASE_ELECTOR_UNCONFIRMED' };

describe('confirm()', () => {
  test('resolves with the term when the Lease and this Pod confirm it', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const confirmed = scripted.elector.confirm();
    await scripted.confirms();
    assert.equal(await confirmed, term);
    assert.equal(scripted.elector.term, term);
  });

  test('ends a lost term with the first answer, before the second one arrives', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const rejected = assert.rejects(scripted.elector.confirm(), NOT_LEADER);
    scripted.world.take('read lease').succeed(takenBy(scripted.lease, OTHER));
    await promisesSettled();
    assert.deepEqual([scripted.elector.isLeader, term.signal.aborted], [false, true]);
    scripted.world.take('read pod web-0').succeed(OWN_POD);
    await rejected;
  });

  test('rejects with the advice to call start() when the elector was never started, like stepDown()', async () => {
    const { elector } = new ScriptedElector();
    const notStarted = { ...NOT_LEADER, message: elector.explain().message };
    assert.match(notStarted.message, /call start\(\)/);
    await assert.rejects(elector.confirm(), notStarted);
    await assert.rejects(elector.stepDown(), notStarted);
    await elector.stop();
    await assert.rejects(elector.confirm(), { ...NOT_LEADER, message: /does not lead/ });
  });

  test('waits for both answers', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    let settled = false;
    const confirmed = scripted.elector.confirm().finally(() => {
      settled = true;
    });
    scripted.world.take('read lease').succeed(scripted.lease);
    await promisesSettled();
    assert.equal(settled, false);
    scripted.world.take('read pod web-0').succeed(OWN_POD);
    await confirmed;
  });

  test('rejects without a request when this process does not lead', async () => {
    const { elector, world } = new ScriptedElector();
    await assert.rejects(elector.confirm(), NOT_LEADER);
    void elector.start();
    await promisesSettled();
    await assert.rejects(elector.confirm(), NOT_LEADER);
    assert.ok(!world.calls.includes('read lease'));
    await elector.stop();
    await assert.rejects(elector.confirm(), NOT_LEADER);
  });

  // Answers that end the term

  const LOST: readonly (readonly [
    what: string,
    lease: (mine: LeaseRecord | null) => LeaseRecord | null,
    pod: unknown,
    reason: string,
  ])[] = [
    ['the Lease is another Pod’s', (mine) => takenBy(mine, OTHER), OWN_POD, 'usurped'],
    ['the Lease is a later Pod’s of the same name', (mine) => takenBy(mine, { ...SELF, uid: 'x' }), OWN_POD, 'usurped'],
    ['this Pod is gone, but not its Lease', (mine) => mine, null, 'pod-deleted'],
    ['a later Pod has the name of this Pod', (mine) => mine, { ...OWN_POD, uid: 'x' }, 'pod-deleted'],
    ['this Pod and its Lease are gone', () => null, null, 'pod-deleted'],
  ];

  for (const [what, lease, pod, reason] of LOST) {
    test(`rejects after the end of the term when ${what}`, async () => {
      const scripted = new ScriptedElector();
      const term = await scripted.lead();
      const rejected = assert.rejects(scripted.elector.confirm(), NOT_LEADER);
      await scripted.confirms(lease(scripted.lease), pod);
      await rejected;
      assert.deepEqual([scripted.elector.isLeader, term.signal.aborted], [false, true]);
      assert.ok(scripted.journal.includes(`demoted: ${reason}`), scripted.journal.join());
    });
  }

  test('rejects when the Lease was released by hand', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const { lease } = scripted;
    assert.ok(lease);
    const rejected = assert.rejects(scripted.elector.confirm(), NOT_LEADER);
    await scripted.confirms({ ...lease, resourceVersion: '20', releasedBy: SELF.uid });
    await rejected;
  });

  test('rejects when the term ends before the answers', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const rejected = assert.rejects(scripted.elector.confirm(), NOT_LEADER);
    const stopped = scripted.elector.stop();
    scripted.world.take('read lease').fail('unavailable');
    scripted.world.take('read pod web-0').succeed(OWN_POD);
    await rejected;
    await promisesSettled();
    scripted.world.take('read pod web-0').succeed(OWN_POD);
    await stopped;
  });

  // Answers that prove nothing

  test('resolves when an event overtook the answer', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const { lease } = scripted;
    assert.ok(lease);
    const confirmed = scripted.elector.confirm();
    scripted.world.stream('lease').sink.event({
      type: 'MODIFIED',
      item: { ...lease, resourceVersion: '30' } as never,
    } as never);
    await scripted.confirms();
    assert.equal(await confirmed, term);
  });

  test('rejects and keeps the term when the Lease is missing', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const rejected = assert.rejects(scripted.elector.confirm(), { ...UNCONFIRMED, message: /the Lease is missing/ });
    await scripted.confirms(null);
    await rejected;
    assert.equal(scripted.elector.isLeader, true);
  });

  test('rejects and keeps the term while a twin renews the Lease', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const { lease } = scripted;
    assert.ok(lease);
    const foreign = { ...lease, resourceVersion: '30', renewTimeMs: 77 };
    const rejected = assert.rejects(scripted.elector.confirm(), { ...UNCONFIRMED, message: /twin/ });
    await scripted.confirms(foreign);
    await rejected;
    assert.equal(scripted.elector.isLeader, true);

    const runs: unknown[] = [];
    const job = scripted.elector.leaderOnly((own) => runs.push(own));
    const skipped = job();
    await scripted.confirms(foreign);
    await skipped;
    assert.deepEqual(runs, []);

    // No foreign renewal was observed for the duration of the Lease.
    scripted.clock.advance(30_000);
    const confirmed = scripted.elector.confirm();
    await scripted.confirms(foreign);
    assert.equal(await confirmed, term);
  });

  const FAILURES: readonly RequestFailureKind[] = [
    'unavailable',
    'malformed',
    'throttled',
    'unauthorized',
    'forbidden',
  ];

  for (const kind of FAILURES) {
    test(`rejects and keeps the term when the Lease cannot be read (${kind})`, async () => {
      const scripted = new ScriptedElector();
      await scripted.lead();
      const rejected = assert.rejects(scripted.elector.confirm(), { ...UNCONFIRMED, message: new RegExp(kind) });
      scripted.world.take('read lease').fail(kind);
      scripted.world.take('read pod web-0').succeed(OWN_POD);
      await rejected;
      assert.equal(scripted.elector.isLeader, true);
    });
  }

  test('rejects and keeps the term when a read of this Pod fails', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const rejected = assert.rejects(scripted.elector.confirm(), UNCONFIRMED);
    scripted.world.take('read lease').succeed(scripted.lease);
    scripted.world.take('read pod web-0').fail('unavailable');
    await rejected;
    assert.equal(scripted.elector.isLeader, true);
  });

  test('resolves with the Lease alone when reading Pods is forbidden', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const confirmed = scripted.elector.confirm();
    scripted.world.take('read lease').succeed(scripted.lease);
    scripted.world.take('read pod web-0').fail('forbidden');
    assert.equal(await confirmed, term);
  });
});

// With an API server

test('confirm() reads the Lease and this Pod without a resourceVersion, so no answer comes from a cache', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { renewIntervalMs: 60_000, leaseDurationSeconds: 120 });
  await elector.start();
  const reads: string[] = [];
  cluster.tamper((request, answer) => {
    if (request.method === 'GET' && !request.path.includes('fieldSelector=')) reads.push(request.path);
    return answer;
  });
  assert.equal(await elector.confirm(), elector.term);
  const namespace = `namespaces/${NAMESPACE}`;
  assert.deepEqual(reads.sort(), [
    `/api/v1/${namespace}/pods/web-0`,
    `/apis/coordination.k8s.io/v1/${namespace}/leases/${LEASE}`,
  ]);
});

for (const [what, permissions] of [
  ['with all permissions', ALL_PERMISSIONS],
  ['without reading Pods', { ...ALL_PERMISSIONS, pods: [] }],
] as const) {
  test(`confirm() ${what} resolves while this process leads, and rejects while the API server is away`, async (t) => {
    const cluster = await TestCluster.start(t, { permissions });
    const elector = cluster.elector(cluster.addPod('web-0'));
    await elector.start();
    const { term } = elector;
    assert.equal(await elector.confirm(), term);
    await cluster.embedded.stopServer();
    await assert.rejects(elector.confirm(), UNCONFIRMED);
    assert.equal(elector.isLeader, true);
    await cluster.embedded.restartServer();
    assert.equal(await elector.confirm(), term);
  });
}

test('confirm() resolves when there is no cluster', async (t) => {
  const elector = new LeaseElector({ local: true }, runtimeOf({}));
  t.after(() => elector.stop());
  await elector.start();
  assert.equal(await elector.confirm(), elector.term);
  assert.notEqual(elector.term, undefined);
});

test('confirm() rejects in the ghost of a force-deleted Pod, before and after its term has ended', async (t) => {
  const cluster = await TestCluster.start(t, { garbageCollectionDelayMs: 60_000 });
  const elector = cluster.elector(cluster.addPod('web-0'));
  await elector.start();
  await cluster.delete('pod', 'web-0', { gracePeriodSeconds: 0 });
  assert.notEqual(cluster.lease(), undefined, 'the Lease still exists');
  await assert.rejects(elector.confirm());
  await until('the term has ended', () => !elector.isLeader);
  await assert.rejects(elector.confirm(), NOT_LEADER);
});
