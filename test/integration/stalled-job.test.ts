/**
 * A process that stood still wakes up with timers that are due and with a belief that may be old: its jobs must not
 * run before the API server was asked. Real processes and real signals; a stall is as long as it has to be.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { STALL_MS } from '../../src/leadership/stall-watch.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { CandidateProcess } from './candidate-process.ts';
import { TestCluster, until } from './cluster.ts';

/** A leader whose job runs all the time, and which has stood still for so long that it cannot have missed it. */
async function stalledLeader(
  t: TestContext,
  meanwhile: (cluster: TestCluster) => Promise<void>,
): Promise<{ cluster: TestCluster; leader: CandidateProcess; other: CandidateProcess }> {
  const cluster = await TestCluster.start(t);
  const leader = new CandidateProcess(t, cluster.addPod('web-0'));
  await leader.report('elected');
  const other = new CandidateProcess(t, cluster.addPod('web-1'));
  await other.report('leaderChanged', 'web-0');
  for (const process of [leader, other]) process.tell('schedule');
  await leader.report('job ran', undefined, 3);
  assert.equal(other.all('job ran').length, 0);
  leader.signal('SIGSTOP');
  const stoppedAtMs = systemClock.nowMs();
  await meanwhile(cluster);
  await until('the stall is long enough', () => systemClock.nowMs() - stoppedAtMs > STALL_MS + 500);
  return { cluster, leader, other };
}

describe('after a stall', { concurrency: 2 }, () => {
  test('whose Pod was force-deleted meanwhile: not one job runs beside the successor’s, not even unreachable', async (t) => {
    const { cluster, leader, other } = await stalledLeader(t, async (cluster) => {
      // Its connections are gone: what happened does not wait for it in a socket.
      await cluster.pullThePlug();
      await cluster.plugIn();
      await cluster.delete('pod', 'web-0', { gracePeriodSeconds: 0 });
    });
    await other.report('job ran', undefined, 3);
    await cluster.pullThePlug();
    const { length } = leader.all('job ran');
    leader.signal('SIGCONT');
    for (let count = 1; count <= 20; count += 1) {
      leader.tell('state');
      const { isLeader } = await leader.report('state', undefined, count);
      assert.equal(isLeader, true, 'it cannot know');
      const later = other.all('job ran').length;
      await other.report('job ran', undefined, later + 1);
    }
    assert.equal(leader.all('job ran').length, length);
    await cluster.plugIn();
    await leader.report('demoted');
    assert.equal(leader.all('job ran').length, length);
    assert.equal(leader.all('failed').length, 0);
  });

  test('that changed nothing: its jobs run again, and nobody else’s has run', async (t) => {
    const { leader, other } = await stalledLeader(t, async () => undefined);
    const { length } = leader.all('job ran');
    leader.signal('SIGCONT');
    await leader.report('job ran', undefined, length + 3);
    assert.deepEqual([leader.all('demoted').length, other.all('job ran').length], [0, 0]);
  });
});
