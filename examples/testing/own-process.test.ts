/**
 * Your application in a separate process, which a test can kill. In your project, import from
 * 'lease-elector/testing'.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';

/** Starts the process of a Pod's container, as a kubelet does. */
function startProcess(pod: EmbeddedPod): ChildProcess {
  return fork(fileURLToPath(new URL('worker.ts', import.meta.url)), {
    env: { ...process.env, ...pod.env, SERVICE_ACCOUNT_DIRECTORY: pod.serviceAccountDirectory },
  });
}

test('a process that is killed and started again is still the leader', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'web-1' });

  const killed = startProcess(pod);
  assert.deepEqual(await once(killed, 'message'), ['elected', undefined]);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  await pod.restartContainer();

  const restarted = startProcess(pod);
  assert.deepEqual(await once(restarted, 'message'), ['resumed', undefined]);
  await pod.delete();
  restarted.kill('SIGTERM');
  assert.deepEqual(await once(restarted, 'exit'), [0, null]);
  assert.equal(cluster.leader(), undefined, 'it handed over');
  await pod.confirmTermination();
});
