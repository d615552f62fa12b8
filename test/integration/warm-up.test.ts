/**
 * A restarted API server answers permitted requests with 403 and 401 until its caches are filled, and a Role may be
 * created after the Pod. No elector stops, is demoted, or emits a false warning.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { LeaseElector, type LeaseElectorOptions } from '../../src/index.ts';
import { ELECTOR_RULES, EmbeddedCluster, type RequestFilter } from '../../src/testing/index.ts';

interface Member {
  readonly elector: LeaseElector;
  readonly journal: string[];
}

async function startCluster(t: TestContext): Promise<EmbeddedCluster> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  return cluster;
}

function member(cluster: EmbeddedCluster, name: string, options: LeaseElectorOptions = {}): Member {
  const elector = new LeaseElector({ ...cluster.createPod({ name }).electorOptions(), ...options });
  const journal: string[] = [];
  elector.on('elected', () => journal.push('elected'));
  elector.on('demoted', (_term, reason) => journal.push(`demoted: ${reason}`));
  elector.on('warning', ({ code }) => journal.push(`warning: ${code}`));
  elector.on('error', ({ code }) => journal.push(`error: ${code}`));
  return { elector, journal };
}

/** Waits for a request that was answered with this status. */
async function answered(cluster: EmbeddedCluster, filter: RequestFilter, status: number): Promise<void> {
  for (;;) {
    const entry = await cluster.requests.next(filter);
    if (entry.status === status) return;
  }
}

describe('an API server that fills its caches', { concurrency: 8 }, () => {
  for (const [what, warmUp] of [
    ['roles', { rbacAfterMs: 1_500 }],
    ['tokens', { tokensAfterMs: 1_500 }],
    ['roles and tokens', { rbacAfterMs: 1_500, tokensAfterMs: 800 }],
  ] as const) {
    test(`a leader stays leader and does not warn when the server has not loaded its ${what}`, async (t) => {
      const cluster = await startCluster(t);
      const leader = member(cluster, 'web-0', { renewIntervalMs: 200, leaseDurationSeconds: 2 });
      await leader.elector.start();
      const candidate = member(cluster, 'web-1', { renewIntervalMs: 200, leaseDurationSeconds: 2 });
      await candidate.elector.start();
      await cluster.restartServer(warmUp);
      const { status } = await cluster.requests.next({ client: 'web-0' });
      assert.ok(status === 401 || status === 403, `answered ${status}`);
      await answered(cluster, { client: 'web-0', verb: 'update', resource: 'leases' }, 200);
      assert.deepEqual(leader.journal, ['elected']);
      assert.deepEqual(candidate.journal, []);
      assert.ok(leader.elector.isLeader);
    });

    test(`start() waits when the server has not loaded its ${what}`, async (t) => {
      const cluster = await startCluster(t);
      await cluster.restartServer(warmUp);
      const { elector, journal } = member(cluster, 'web-0');
      await elector.start();
      assert.deepEqual(journal, ['elected']);
    });
  }

  test('a candidate is elected soon after the caches are filled when the leader was deleted during the restart', async (t) => {
    const cluster = await startCluster(t);
    const leader = member(cluster, 'web-0');
    await leader.elector.start();
    const candidate = member(cluster, 'web-1');
    await candidate.elector.start();
    await cluster.restartServer({ rbacAfterMs: 800, tokensAfterMs: 800 });
    await cluster.leader()?.forceDelete();
    await cluster.until(() => candidate.elector.isLeader);
    assert.deepEqual(candidate.journal, ['elected']);
  });

  test('start() waits when the Role is created after the Pod', async (t) => {
    const cluster = await startCluster(t);
    cluster.revoke({ keepBinding: true });
    const { elector, journal } = member(cluster, 'web-0');
    const started = elector.start();
    await answered(cluster, { client: 'web-0' }, 403);
    assert.equal(elector.state, 'starting');
    cluster.grant({ rules: ELECTOR_RULES });
    await started;
    await cluster.until(() => elector.isLeader);
    assert.deepEqual(journal, ['elected']);
  });

  test('start() warns after 5 s and rejects after the grace period when there is no Role', async (t) => {
    const cluster = await startCluster(t);
    cluster.revoke({ keepBinding: true });
    const { elector, journal } = member(cluster, 'web-0', { startGraceMs: 6_000 });
    await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_FORBIDDEN', message: /grant|Grant/ });
    assert.deepEqual(journal, ['warning: pod-read-forbidden']);
  });
});
