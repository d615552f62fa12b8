/**
 * Objects that were created and deleted leave nothing behind, neither in the server's collections nor in the memory of the
 * process.
 */

import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { type ApiServer, EmbeddedCluster } from '../../src/testing/index.ts';
import { heapBytes } from '../worlds/heap-bytes.ts';
import type { ManualClock } from '../worlds/manual-clock.ts';
import { LEASES_PATH, leaseBody, makeServer, openWatch, PODS_PATH, send } from './api-client.ts';

const ROUNDS = 10_000;
/** Rounds until code is compiled and bounded collections are full. */
const WARM_UP_ROUNDS = 6000;
/** Every object is larger than this many bytes. Compiled code sometimes takes up to half of it. */
const MAX_GROWTH_BYTES_PER_ROUND = 75;
const MAX_GROWTH_BYTES = ROUNDS * MAX_GROWTH_BYTES_PER_ROUND;
const HISTORY_LIMIT = 50;

/** Signing tokens takes most of the time, so only some Pods get one. */
const ROUNDS_PER_TOKEN = 50;

/** Creates a Pod, perhaps with a token, its Lease and a watch. Then it deletes the Pod, and everything with it. */
async function round(server: ApiServer, clock: ManualClock, count: number): Promise<void> {
  const pod = server.createPod({ namespace: 'ns', name: 'p' });
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid }];
  await send(server, 'POST', LEASES_PATH, leaseBody('a', { metadata: { ownerReferences } }));
  const watch = await openWatch(server, `${LEASES_PATH}?watch=1&allowWatchBookmarks=true`);
  if (count % ROUNDS_PER_TOKEN === 0) {
    const token = server.issueToken({ namespace: 'ns', serviceAccountName: 'default', pod });
    await send(server, 'GET', `${LEASES_PATH}/a`, undefined, { token });
  }
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  clock.advance(1000);
  assert.equal(watch.events.at(-1)?.type, 'DELETED');
  watch.close();
}

test(`${ROUNDS} rounds of creating and deleting leave nothing behind`, async () => {
  const { server, clock } = makeServer({ historyLimit: HISTORY_LIMIT });
  const before = server.stats();
  for (let count = 0; count < WARM_UP_ROUNDS; count += 1) await round(server, clock, count);
  const warmBytes = heapBytes();
  for (let count = 0; count < ROUNDS; count += 1) await round(server, clock, count);
  const growth = heapBytes() - warmBytes;
  assert.ok(growth < MAX_GROWTH_BYTES, `the heap grew by ${growth} bytes`);
  const { history, verifiedTokens, ...left } = server.stats();
  const { history: _history, verifiedTokens: _tokens, ...atFirst } = before;
  assert.deepEqual(left, { ...atFirst, watches: 0, owners: 0, collections: 0 });
  assert.ok(history <= 2 * 2 * HISTORY_LIMIT + before.history, `${history} past writes are kept`);
  assert.ok(verifiedTokens <= 1, `${verifiedTokens} tokens are remembered`);
});

test('the measurement of the heap finds an object that is kept', async () => {
  const { server, clock } = makeServer({ historyLimit: 100_000, historyAgeMs: Number.POSITIVE_INFINITY });
  await round(server, clock, 0);
  const bytes = heapBytes();
  for (let count = 0; count < 1000; count += 1) await round(server, clock, count);
  assert.ok(heapBytes() - bytes > MAX_GROWTH_BYTES);
  assert.ok(server.stats().history > 4000);
});

test('a cluster does not listen to electors after its stop, or when it could not start', async () => {
  const cluster = await EmbeddedCluster.start();
  assert.equal(channel('lease-elector:elected').hasSubscribers, true);
  await assert.rejects(EmbeddedCluster.start({ port: Number(new URL(cluster.url).port) }), { code: 'EADDRINUSE' });
  await cluster.stop();
  for (const event of ['elected', 'demoted'])
    assert.equal(channel(`lease-elector:${event}`).hasSubscribers, false, event);
});
