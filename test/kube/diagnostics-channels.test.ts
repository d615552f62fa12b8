/**
 * Checks the messages on the channels of `node:diagnostics_channel`.
 */

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type TestContext, test } from 'node:test';
import type { DemotedMessage, ElectedMessage, RequestMessage } from '../../src/index.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { fasterClock, TestCluster } from '../integration/cluster.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { OTHER, ScriptedElector, takenBy } from '../worlds/scripted-elector.ts';
import { until } from '../worlds/until.ts';

/** The messages on a channel from now on. */
function messagesOn<Message>(t: TestContext, name: string): Message[] {
  const messages: Message[] = [];
  const note = (message: unknown): number => messages.push(message as Message);
  subscribe(name, note);
  t.after(() => unsubscribe(name, note));
  return messages;
}

test('elected and demoted carry the term, the Lease and the Pod', async (t) => {
  const elected = messagesOn<ElectedMessage>(t, 'lease-elector:elected');
  const demoted = messagesOn<DemotedMessage>(t, 'lease-elector:demoted');
  const scripted = new ScriptedElector();
  const term = await scripted.lead();
  const place = { lease: 'web', namespace: 'shop', pod: 'web-0' };
  assert.deepEqual(elected, [{ ...place, term }]);
  assert.equal(elected[0]?.term, term);
  const item = takenBy(scripted.lease, OTHER);
  scripted.world.stream('lease').sink.event({ type: 'MODIFIED', item } as never);
  await promisesSettled();
  assert.deepEqual(demoted, [{ ...place, term, reason: 'usurped' }]);
  assert.equal(demoted[0]?.term.signal.aborted, true);
});

test('every request is published once, with its status and its duration', async (t) => {
  const requests = messagesOn<RequestMessage>(t, 'lease-elector:request');
  const cluster = await TestCluster.start(t, {
    permissions: { ...ALL_PERMISSIONS, leases: ['get', 'list', 'watch', 'create', 'delete'] },
  });
  const elector = cluster.elector(cluster.addPod('web-0'), {}, { clock: fasterClock(25) });
  await elector.start();
  await until('the renewal is refused', () => requests.some(({ verb }) => verb === 'update'));
  await elector.stop({ release: true });
  const created = requests.filter(({ verb }) => verb === 'create');
  assert.equal(created.length, 1);
  const { durationMs, ...rest } = created[0] as RequestMessage;
  assert.deepEqual(rest, {
    verb: 'create',
    apiGroup: 'coordination.k8s.io',
    resource: 'leases',
    namespace: 'shop',
    name: 'web',
    status: 201,
    failure: null,
  });
  assert.ok(durationMs > 0);
  const refused = requests.find(({ verb }) => verb === 'update');
  assert.equal(refused?.status, 403);
  assert.match(String(refused?.failure), /update leases\.coordination\.k8s\.io "web" in namespace "shop".*403/);
  assert.equal(requests.filter(({ verb, resource }) => verb === 'watch' && resource === 'leases').length, 1);
  for (const { status } of requests) assert.ok(status !== null);
  assert.equal(requests.length, cluster.requests.count({ resource: ['leases', 'pods'] }));
});

test('a request without an answer has no status', async (t) => {
  const requests = messagesOn<RequestMessage>(t, 'lease-elector:request');
  const cluster = await TestCluster.start(t);
  const pod = cluster.addPod('web-0');
  await cluster.embedded.stopServer();
  const elector = cluster.elector(pod);
  const started = elector.start().catch(() => undefined);
  await until('a request has failed', () => requests.length > 0);
  await elector.stop();
  await started;
  assert.equal(requests[0]?.status, null);
  assert.match(String(requests[0]?.failure), /ECONNREFUSED/);
});
