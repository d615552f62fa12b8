/**
 * A list of Pods that is never answered must not delay the release of the Lease by a real elector.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseElector } from '../../src/index.ts';
import { LEAVING_LIST_MS } from '../../src/leadership/successor-search.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { EmbeddedCluster, LEASES } from '../../src/testing/index.ts';

/**
 * The limit of the wait for the list, plus time for a busy machine. If the release waited for the connection of the list,
 * it would take 10 s.
 */
const LIMIT_MS = LEAVING_LIST_MS + 4_000;

test('stop() releases the Lease when no list of Pods is answered', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const handle = cluster.server.handle.bind(cluster.server);
  let lists = 0;
  t.mock.method(cluster.server, 'handle', (...args: Parameters<typeof handle>) => {
    if (!args[0].path.includes('/pods?labelSelector=')) return handle(...args);
    lists += 1;
    return new Promise(() => {});
  });
  const pod = cluster.createPod({ name: 'web-0', namespace: 'shop', labels: { app: 'web' } });
  const elector = new LeaseElector({ ...pod.electorOptions(), lease: 'web' });
  await elector.start();
  await cluster.until(() => lists === 1);
  const beganMs = systemClock.nowMs();
  await elector.stop({ release: true });
  const tookMs = systemClock.nowMs() - beganMs;
  assert.equal(lists, 2);
  assert.equal(cluster.server.store.get(LEASES, 'shop', 'web'), undefined);
  assert.ok(tookMs < LIMIT_MS, `stop() took ${tookMs} ms`);
});
