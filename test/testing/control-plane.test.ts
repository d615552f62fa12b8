import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeServer, openWatch, PODS_PATH, send, summary } from './api-client.ts';

test('a Pod with a node runs and is ready, and a Pod without a node is Pending', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'bound', nodeName: 'n', labels: { app: 'x' } });
  server.createPod({ namespace: 'ns', name: 'loose' });
  const bound = await send(server, 'GET', `${PODS_PATH}/bound`);
  assert.equal(bound.body.status.phase, 'Running');
  assert.deepEqual(bound.body.metadata.labels, { app: 'x' });
  assert.equal((await send(server, 'GET', `${PODS_PATH}/loose`)).body.status.phase, 'Pending');
});

test('confirmPodTermination fails for a Pod that is not being deleted', () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n' });
  assert.throws(() => server.confirmPodTermination('ns', 'p'), /is not being deleted/);
});

test('a confirmed termination causes two events, as a kubelet does', async () => {
  const { server } = makeServer();
  server.createPod({ namespace: 'ns', name: 'p', nodeName: 'n' });
  const watch = await openWatch(server, `${PODS_PATH}?watch=1`);
  await send(server, 'DELETE', `${PODS_PATH}/p`);
  server.confirmPodTermination('ns', 'p');
  assert.deepEqual(summary(watch), ['ADDED p', 'MODIFIED p', 'MODIFIED p', 'DELETED p']);
});
