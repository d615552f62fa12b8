/**
 * After a suspension, a process has due timers and perhaps an outdated state. Its jobs must not run before the API
 * server has confirmed its leadership. The processes and signals are real, and the suspension is as short as possible.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { STALL_MS } from '../../src/leadership/stall-watch.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { until } from '../worlds/until.ts';
import { CandidateProcess } from './candidate-process.ts';
import { TestCluster } from './cluster.ts';

/** A leader with a repeated job, suspended for long enough to detect the suspension. */
async function stalledLeader(
  t: TestContext,
  during: (cluster: TestCluster) => Promise<void>,
): Promise<{ leader: CandidateProcess; other: CandidateProcess }> {
  const cluster = await TestCluster.start(t);
  const leader = new CandidateProcess(t, cluster.addPod('web-0'));
  await leader.report('elected');
  const other = new CandidateProcess(t, cluster.addPod('web-1'));
  await other.report('leaderChanged', 'web-0');
  for (const process of [leader, other]) process.send('schedule');
  await leader.report('job ran', undefined, 3);
  assert.equal(other.all('job ran').length, 0);
  leader.signal('SIGSTOP');
  const stoppedAtMs = systemClock.nowMs();
  await during(cluster);
  await until('the suspension is long enough', () => systemClock.nowMs() - stoppedAtMs > STALL_MS + 500);
  return { leader, other };
}

describe('after a suspension', { concurrency: 2 }, () => {
  test('a leader runs no job beside its successor when its Pod was force-deleted, even if it is cut off', async (t) => {
    const { leader, other } = await stalledLeader(t, async (cluster) => {
      // Its connections are closed, so that no event waits in a socket.
      cluster.faults.cutWatches({ client: 'web-0' });
      await cluster.delete('pod', 'web-0', { gracePeriodSeconds: 0 });
    });
    await other.report('job ran', undefined, 3);
    leader.pod.embedded.partition();
    const { length } = leader.all('job ran');
    leader.signal('SIGCONT');
    for (let count = 1; count <= 20; count += 1) {
      leader.send('state');
      const { isLeader } = await leader.report('state', undefined, count);
      assert.equal(isLeader, true, 'it has not received the deletion');
      const later = other.all('job ran').length;
      await other.report('job ran', undefined, later + 1);
    }
    assert.equal(leader.all('job ran').length, length);
    leader.pod.embedded.heal();
    await leader.report('demoted');
    assert.equal(leader.all('job ran').length, length);
    assert.equal(leader.all('failed').length, 0);
  });

  test('a leader runs its jobs again when nothing has changed', async (t) => {
    const { leader, other } = await stalledLeader(t, async () => undefined);
    const { length } = leader.all('job ran');
    leader.signal('SIGCONT');
    await leader.report('job ran', undefined, length + 3);
    assert.deepEqual([leader.all('demoted').length, other.all('job ran').length], [0, 0]);
  });
});
