/**
 * The named successor in a simulated cluster: the named Pod after a step-down, and the delay that a forged name causes.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calmCluster } from './calm-cluster.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import type { SimulatedProcess } from './simulated-process.ts';

const ANNOTATION = 'lease-elector/successor';

/**
 * The longest time without a leader, in seconds: a read of the candidate's Pod, a DELETE and a POST on a healthy
 * network, the head start of the named Pod, and a jitter.
 */
const FORGED_LIMIT_SECONDS = 0.5;

function setUp(seed: number) {
  const { cluster, time, pass } = calmCluster({ seed });
  cluster.calm = true;
  const leader = (): SimulatedProcess => {
    const leaders = cluster.electors.filter(({ leads }) => leads);
    assert.equal(leaders.length, 1);
    return leaders[0] as SimulatedProcess;
  };
  const named = (): string | undefined => cluster.lease()?.metadata.annotations?.[ANNOTATION]?.split(' ')[0];
  return { cluster, time, pass, leader, named };
}

/** Three Pods, created 5 seconds apart. The oldest leads. */
async function threePods(seed: number) {
  const setup = setUp(seed);
  const pods: SimulatedPod[] = [];
  for (const name of ['web-1', 'web-2', 'web-3']) {
    pods.push(setup.cluster.addPod(name));
    await setup.pass(5);
  }
  await setup.pass(90);
  return { ...setup, pods };
}

test('a leader names the newest Pod, but not a Pod that stepped down less than 10 s ago', async () => {
  const { leader, named, pass, pods } = await threePods(1);
  const [oldest, middle, newest] = pods;
  assert.deepEqual([leader().pod, named()], [oldest, newest?.uid]);
  leader().stepDown();
  await pass(15);
  assert.deepEqual([leader().pod, named()], [newest, middle?.uid]);
  leader().stepDown();
  await pass(15);
  assert.deepEqual([leader().pod, named()], [middle, oldest?.uid]);
  // The pause of the newest Pod is over.
  await pass(60);
  assert.equal(named(), newest?.uid);
});

const FORGERIES: Readonly<Record<string, (dead: string, foreignPod: string) => string>> = {
  'a uid that never existed': () => '00000000-0000-4000-8000-000000000000 3',
  'a Pod that is gone': (dead) => `${dead} 3`,
  'a Pod of another program': (_, foreignPod) => `${foreignPod} 3`,
  'a value that cannot be parsed': () => `\u202e${'x'.repeat(300)} 50++`,
};

for (const [what, forge] of Object.entries(FORGERIES)) {
  test(`a forged successor delays the election at most by its head start when it names ${what}`, async () => {
    const { cluster, time, leader, pass } = await threePods(2);
    const dead = cluster.addPod('web-4');
    const foreignPod = cluster.addPod('other', 'sidecar');
    await pass(1);
    cluster.forceDeletePod(dead);
    await pass(1);
    cluster.patchLease(what, { metadata: { annotations: { [ANNOTATION]: forge(dead.uid, foreignPod.uid) } } });
    await pass(0.05);
    const last = leader();
    cluster.forceDeletePod(last.pod);
    last.kill();
    const beganMs = time.nowMs();
    time.setTimer(0, () => undefined);
    await time.runUntil(beganMs + 60_000, () => !cluster.electors.some(({ leads }) => leads));
    const seconds = (time.nowMs() - beganMs) / 1_000;
    assert.ok(seconds < FORGED_LIMIT_SECONDS, `nobody led for ${seconds} s`);
    assert.notEqual(leader().pod, last.pod);
  });
}
