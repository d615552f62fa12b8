/**
 * Every option of the test kit can be `undefined`, as its types permit. Then it counts as left out.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiServer, EmbeddedCluster } from '../../src/testing/index.ts';

test('an option that is undefined counts as left out', async (t) => {
  const cluster = await EmbeddedCluster.start({
    port: undefined,
    requestLogLimit: undefined,
    historyLimit: undefined,
    garbageCollectionDelayMs: undefined,
  });
  t.after(() => cluster.stop());
  const pod = cluster.createPod({
    name: 'web-1',
    namespace: undefined,
    labels: undefined,
    nodeName: undefined,
    serviceAccountName: undefined,
    gracePeriodSeconds: undefined,
  });
  const watches = { client: undefined, resource: undefined };
  const filter = { ...watches, verb: undefined };
  const option = { ...filter, times: undefined };
  const { faults } = cluster;
  const none = { delay: undefined, refuse: undefined, answer: undefined, dropAnswer: undefined };
  for (const fault of [
    faults.refuse(option),
    faults.answer(500, option),
    faults.dropAnswer(option),
    faults.closeConnection({ ...option, announced: undefined }),
    faults.resetReused(option),
    faults.sickServer({ ...option, status: undefined, of: undefined, seed: undefined }),
    faults.silenceWatches(watches),
    faults.random(
      1,
      { ...none, cutWatches: undefined, silenceWatches: undefined },
      { ...option, maxDelayMs: undefined, statuses: undefined },
    ),
  ]) {
    fault.lift();
  }
  assert.equal(faults.cutWatches(watches), 0);
  assert.equal(cluster.requests.count(filter), 0);
  const webhook = cluster.addWebhook({
    name: 'policy.example.com',
    verbs: undefined,
    resource: undefined,
    deny: () => ({ code: undefined, message: undefined }),
    mutate: undefined,
  });
  webhook.remove();
  await pod.fail({ reason: undefined, message: undefined, exitCode: undefined });
  assert.equal(pod.object?.status?.['phase'], 'Failed');
  assert.equal('reason' in (pod.object?.status ?? {}), false);
  await cluster.restartServer({ rbacAfterMs: undefined, tokensAfterMs: undefined });
  await pod.delete({ gracePeriodSeconds: undefined });
  await cluster.until(() => true, { timeoutMs: undefined });
});

test('an option of the server that is undefined counts as left out', async (t) => {
  const server = new ApiServer({
    clock: undefined,
    random: undefined,
    garbageCollectionDelayMs: undefined,
    garbageCollectionStepMs: undefined,
    authorization: undefined,
    adminToken: undefined,
    historyLimit: undefined,
    historyAgeMs: undefined,
    faults: undefined,
    onRequest: undefined,
  });
  const { port } = await server.start({ port: undefined, host: undefined, tls: undefined });
  t.after(() => server.stop());
  assert.ok(port > 0);
  assert.notEqual(server.adminToken, '');
});
