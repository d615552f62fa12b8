/**
 * `confirm()`: two consistent reads before a write that must not be done twice. It resolves when both the Lease and
 * this Pod say that this process leads; whatever it learns otherwise, the election learns, too.
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
  test('resolves with the term when the Lease and this Pod say so', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const confirmed = scripted.elector.confirm();
    await scripted.confirms();
    assert.equal(await confirmed, term);
    assert.equal(scripted.elector.term, term);
  });

  test('the election takes each answer as it comes: a term that is lost is over before the other one is there', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const rejected = assert.rejects(scripted.elector.confirm(), NOT_LEADER);
    scripted.world.take('read lease').succeed(takenBy(scripted.lease, OTHER));
    await promisesSettled();
    assert.deepEqual([scripted.elector.isLeader, term.signal.aborted], [false, true]);
    scripted.world.take('read pod web-0').succeed(OWN_POD);
    await rejected;
  });

  test('names start() when the elector was never started, as stepDown() does', async () => {
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

  test('who does not lead is told so, and nothing is asked', async () => {
    const { elector, world } = new ScriptedElector();
    await assert.rejects(elector.confirm(), NOT_LEADER);
    void elector.start();
    await promisesSettled();
    await assert.rejects(elector.confirm(), NOT_LEADER);
    assert.ok(!world.calls.includes('read lease'));
    await elector.stop();
    await assert.rejects(elector.confirm(), NOT_LEADER);
  });

  // What ends the term

  const LOST: readonly (readonly [
    what: string,
    lease: (mine: LeaseRecord | null) => LeaseRecord | null,
    pod: unknown,
    reason: string,
  ])[] = [
    ['the Lease is another Pod’s', (mine) => takenBy(mine, OTHER), OWN_POD, 'usurped'],
    ['the Lease is a later Pod’s of the same name', (mine) => takenBy(mine, { ...SELF, uid: 'x' }), OWN_POD, 'usurped'],
    ['this Pod is gone, and its Lease not yet', (mine) => mine, null, 'pod-deleted'],
    ['a later Pod has the name of this Pod', (mine) => mine, { ...OWN_POD, uid: 'x' }, 'pod-deleted'],
    ['this Pod and its Lease are gone', () => null, null, 'pod-deleted'],
  ];

  for (const [what, lease, pod, reason] of LOST) {
    test(`${what}: it rejects, and the term is over by then`, async () => {
      const scripted = new ScriptedElector();
      const term = await scripted.lead();
      const rejected = assert.rejects(scripted.elector.confirm(), NOT_LEADER);
      await scripted.confirms(lease(scripted.lease), pod);
      await rejected;
      assert.deepEqual([scripted.elector.isLeader, term.signal.aborted], [false, true]);
      assert.ok(scripted.journal.includes(`demoted: ${reason}`), scripted.journal.join());
    });
  }

  test('a Lease that was released by hand is not confirmed', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const { lease } = scripted;
    assert.ok(lease);
    const rejected = assert.rejects(scripted.elector.confirm(), NOT_LEADER);
    await scripted.confirms({ ...lease, resourceVersion: '20', releasedBy: SELF.uid });
    await rejected;
  });

  test('a term that ends while it asks is not confirmed by the answers to come', async () => {
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

  // What says nothing

  test('an answer that events have overtaken counts as well', async () => {
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

  test('a Lease that is missing leaves it open: it rejects, and the term goes on', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const rejected = assert.rejects(scripted.elector.confirm(), { ...UNCONFIRMED, message: /the Lease is missing/ });
    await scripted.confirms(null);
    await rejected;
    assert.equal(scripted.elector.isLeader, true);
  });

  test('a twin leaves it open for as long as it renews: it rejects, and the term goes on', async () => {
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

    // The next renewal is its own, and no other has come for the duration of a Lease.
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
    test(`the Lease cannot be read (${kind}): it rejects, and the term goes on`, async () => {
      const scripted = new ScriptedElector();
      await scripted.lead();
      const rejected = assert.rejects(scripted.elector.confirm(), { ...UNCONFIRMED, message: new RegExp(kind) });
      scripted.world.take('read lease').fail(kind);
      scripted.world.take('read pod web-0').succeed(OWN_POD);
      await rejected;
      assert.equal(scripted.elector.isLeader, true);
    });
  }

  test('this Pod cannot be read at the moment: it rejects, and the term goes on', async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const rejected = assert.rejects(scripted.elector.confirm(), UNCONFIRMED);
    scripted.world.take('read lease').succeed(scripted.lease);
    scripted.world.take('read pod web-0').fail('unavailable');
    await rejected;
    assert.equal(scripted.elector.isLeader, true);
  });

  test('the Lease alone decides when Pods cannot be read', async () => {
    const scripted = new ScriptedElector();
    const term = await scripted.lead();
    const confirmed = scripted.elector.confirm();
    scripted.world.take('read lease').succeed(scripted.lease);
    scripted.world.take('read pod web-0').fail('forbidden');
    assert.equal(await confirmed, term);
  });
});

// With an API server

test('it asks for the Lease and for this Pod, without a resourceVersion: nothing of a cache', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { renewIntervalMs: 60_000, leaseDurationSeconds: 120 });
  await elector.start();
  const asked: string[] = [];
  cluster.tamper((request, answer) => {
    if (request.method === 'GET' && !request.path.includes('fieldSelector=')) asked.push(request.path);
    return answer;
  });
  assert.equal(await elector.confirm(), elector.term);
  const namespace = `namespaces/${NAMESPACE}`;
  assert.deepEqual(asked.sort(), [
    `/api/v1/${namespace}/pods/web-0`,
    `/apis/coordination.k8s.io/v1/${namespace}/leases/${LEASE}`,
  ]);
});

for (const [what, permissions] of [
  ['with all permissions', ALL_PERMISSIONS],
  ['without reading Pods', { ...ALL_PERMISSIONS, pods: [] }],
] as const) {
  test(`${what}: confirmed while it leads; not without an API server; and again`, async (t) => {
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

test('alone on a machine without a cluster, it is confirmed', async (t) => {
  const elector = new LeaseElector({ local: true }, runtimeOf({}));
  t.after(() => elector.stop());
  await elector.start();
  assert.equal(await elector.confirm(), elector.term);
  assert.notEqual(elector.term, undefined);
});

test('the ghost of a Pod that was force-deleted is not confirmed, whether or not it has heard of that', async (t) => {
  const cluster = await TestCluster.start(t, { garbageCollectionDelayMs: 60_000 });
  const elector = cluster.elector(cluster.addPod('web-0'));
  await elector.start();
  await cluster.delete('pod', 'web-0', { gracePeriodSeconds: 0 });
  assert.notEqual(cluster.lease(), undefined, 'its Lease is there still');
  await assert.rejects(elector.confirm());
  await until('it has heard', () => !elector.isLeader);
  await assert.rejects(elector.confirm(), NOT_LEADER);
});
