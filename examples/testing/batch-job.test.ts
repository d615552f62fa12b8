/**
 * A test that your batch job never runs twice. Its replicas are replaced one after another, on a network that is slow,
 * loses answers and breaks connections. In your project, import from 'lease-elector' and 'lease-elector/testing'.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { LeaseElector, type LeaseElectorOptions } from '../../src/index.ts';
import { EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';

interface Replica {
  readonly pod: EmbeddedPod;
  readonly elector: LeaseElector;
}

/** Replaces the leader three times. Returns the largest number of jobs that ran at once, and the number of all jobs. */
async function replaceTheLeader(t: TestContext, optionsOf: (pod: string) => LeaseElectorOptions): Promise<number[]> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  cluster.faults.random(7, { delay: 0.3, refuse: 0.1, answer: 0.1, dropAnswer: 0.1, cutWatches: 0.1 });
  let [running, most, runs] = [0, 0, 0];
  const deploy = async (name: string): Promise<Replica> => {
    const pod = cluster.createPod({ name });
    let begun = false;
    const elector = new LeaseElector({
      ...pod.electorOptions(),
      ...optionsOf(name),
      onElected: async ({ signal }) => {
        begun = true;
        runs += 1;
        running += 1;
        most = Math.max(most, running);
        await once(signal, 'abort'); // Your job.
        running -= 1;
      },
    });
    await elector.start();
    await cluster.until(() => begun || !elector.isLeader); // The job begins a moment after the election.
    return { pod, elector };
  };

  const replicas = await Promise.all(['web-1', 'web-2', 'web-3'].map(deploy));
  for (const name of ['web-4', 'web-5', 'web-6']) {
    await cluster.until(() => running > 0);
    const leader = replicas.find(({ elector }) => elector.isLeader);
    await leader?.pod.delete();
    await leader?.elector.stop(); // As your process does on SIGTERM.
    await leader?.pod.confirmTermination();
    replicas.push(await deploy(name));
  }
  await cluster.until(() => running > 0);
  return [most, runs];
}

test('the batch job never runs twice at the same time', async (t) => {
  assert.deepEqual(await replaceTheLeader(t, () => ({})), [1, 4]);
});

test('the test can fail: replicas that compete for different Leases are detected', async (t) => {
  const [most] = await replaceTheLeader(t, (name) => ({ lease: name }));
  assert.equal(most, 3);
});
