/**
 * What an elector has published, and when: with its terms, and never after `stop()`. The clock and every answer are the
 * test's.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import type { PodMetadata } from '../../src/driver/ports.ts';
import type { LeaseElectorOptions } from '../../src/index.ts';
import { CLOSING_LIMIT_MS } from '../../src/publishing/publisher.ts';
import { promisesSettled, storedLease } from '../driver/scripted-ports.ts';
import { OTHER, OWN_POD, ScriptedElector, SELF } from '../worlds/scripted-elector.ts';

const LABEL = 'app.example.com/leader';
const READ = `read marks of ${SELF.name}`;
const PUT_ON = `patch ${SELF.name} {"${LABEL}":"true"}`;
const TAKE_OFF = `patch ${SELF.name} {"${LABEL}":null}`;

/** The Pod as it is read. */
function podWith(labels: Readonly<Record<string, string>>): PodMetadata {
  return { ...SELF, resourceVersion: '5', labels, annotations: {} };
}

const BARE = podWith({});
const LABELLED = podWith({ [LABEL]: 'true' });

/** The calls that publish something. */
function published({ world }: ScriptedElector): string[] {
  return world.calls.filter((call) => /marks|patch|event/.test(call));
}

/** It leads, and its Pod has the label. */
async function labelled(options: LeaseElectorOptions = {}): Promise<ScriptedElector> {
  const scene = new ScriptedElector({ leaderLabel: LABEL, ...options });
  await scene.lead();
  scene.world.take(READ).succeed(BARE);
  await promisesSettled();
  scene.world.take(PUT_ON).succeed(null);
  await promisesSettled();
  return scene;
}

/** Another Pod's Lease. */
function leaseOfOther(): LeaseRecord {
  const times = { acquireTimeMs: 0, renewTimeMs: null, leaseDurationSeconds: null, leaseTransitions: 0 };
  return storedLease({ holderIdentity: OTHER.name, owner: OTHER, ...times, releasedBy: null }, 7);
}

test('a leader labels its Pod without waiting for it, and takes the label away while its work drains', async () => {
  const scene = await labelled({ onElected: () => new Promise(() => undefined), drainTimeoutMs: 5_000 });
  void scene.elector.stop();
  await promisesSettled();
  scene.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  scene.world.take(TAKE_OFF).succeed(null);
  await promisesSettled();
  assert.ok(!scene.journal.includes('stopped'), 'its work has not ended');
  assert.equal(scene.world.closings, 0);
});

test('stop() resolves, and the connections end, once the label is gone', async () => {
  const scene = await labelled();
  let stopped = false;
  void scene.elector.stop().then(() => {
    stopped = true;
  });
  await promisesSettled();
  scene.world.take(READ).succeed(LABELLED);
  scene.world.take(`read pod ${SELF.name}`).succeed(OWN_POD);
  await promisesSettled();
  assert.deepEqual([stopped, scene.journal.at(-1), scene.world.closings], [false, 'demoted: stopped', 0]);
  scene.world.take(TAKE_OFF).succeed(null);
  await promisesSettled();
  await promisesSettled();
  assert.deepEqual([stopped, scene.journal.at(-1), scene.world.closings], [true, 'stopped', 1]);
});

test('stop() does not wait for an answer that does not come, and publishes nothing afterwards', async () => {
  const scene = await labelled({ events: true });
  let stopped = false;
  void scene.elector.stop().then(() => {
    stopped = true;
  });
  await promisesSettled();
  scene.world.take(`read pod ${SELF.name}`).succeed(OWN_POD);
  await promisesSettled();
  scene.clock.advance(CLOSING_LIMIT_MS - 1);
  await promisesSettled();
  assert.deepEqual([stopped, scene.world.closings], [false, 0]);
  scene.clock.advance(1);
  await promisesSettled();
  assert.deepEqual([stopped, scene.world.closings], [true, 1]);
  const { length } = published(scene);
  for (const { call, succeed } of [...scene.world.pending]) succeed(call === READ ? LABELLED : null);
  await promisesSettled();
  scene.run(120);
  await promisesSettled();
  assert.equal(published(scene).length, length);
});

test('a candidate behind another leader looks once whether its Pod has the label still', async () => {
  const scene = new ScriptedElector({ leaderLabel: LABEL });
  void scene.elector.start();
  await promisesSettled();
  await scene.shown(leaseOfOther());
  assert.deepEqual(published(scene), [READ]);
  scene.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  assert.deepEqual(published(scene), [READ, TAKE_OFF]);
});

test('a sibling leaves the label of its Pod to the process that campaigns', async () => {
  const scene = new ScriptedElector({ leaderLabel: LABEL, events: true });
  void scene.elector.start();
  await promisesSettled();
  scene.world.tellLock('taken');
  scene.world.take('list lease').succeed({ items: [leaseOfOther()], resourceVersion: '10' });
  await promisesSettled();
  assert.equal(scene.elector.state, 'sibling');
  assert.deepEqual(published(scene), []);
});

test('a leader whose Pod is not found when its label is looked at stops leading at once', async () => {
  const scene = await labelled();
  scene.clock.advance(5_000);
  await promisesSettled();
  scene.world.take(READ).succeed(null);
  await promisesSettled();
  assert.equal(scene.elector.isLeader, false);
  assert.ok(scene.journal.includes('demoted: pod-deleted'));
});

test('an elector that ends by a defect takes its label away', async () => {
  const scene = await labelled();
  scene.elector.on('error', () => undefined);
  scene.clock.advance(10_000);
  await promisesSettled();
  scene.world.take('replace lease').reject(new Error('no port rejects'));
  await promisesSettled();
  assert.equal(scene.elector.isLeader, false);
  scene.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  scene.world.take(TAKE_OFF).succeed(null);
  await promisesSettled();
  await promisesSettled();
  assert.equal(scene.world.closings, 1);
});

test('what is refused is counted and logged as a warning, and the term goes on', async () => {
  const scene = new ScriptedElector({ leaderLabel: LABEL, events: true });
  await scene.lead();
  for (let second = 0; second < 8; second += 1) {
    for (const request of [...scene.world.pending]) {
      if (!/marks|event/.test(request.call)) continue;
      scene.world.take(request.call).fail('forbidden');
    }
    await promisesSettled();
    scene.clock.advance(1_000);
    await promisesSettled();
  }
  assert.deepEqual(scene.journal.filter((line) => line.startsWith('warning')).sort(), [
    'warning: event-create-failing',
    'warning: pod-patch-failing',
  ]);
  assert.match(scene.elector.metrics(), /warnings_total\{name="web",code="pod-patch-failing"\} 1\n/);
  assert.match(scene.elector.metrics(), /warnings_total\{name="web",code="event-create-failing"\} 1\n/);
  assert.equal(scene.elector.isLeader, true);
});

test('without the options nothing is published', async () => {
  const scene = new ScriptedElector();
  await scene.lead();
  scene.run(300);
  await promisesSettled();
  assert.deepEqual(published(scene), []);
});

test('explain() lists the rule that is missing for the label, until the API server accepts the request', async () => {
  const scene = new ScriptedElector({ leaderLabel: LABEL });
  await scene.lead();
  assert.deepEqual(scene.elector.explain().missingRules, []);
  const missingRule = { verb: 'patch', apiGroup: '', resource: 'pods', namespace: 'shop' };
  scene.world.take(READ).succeed(BARE);
  await promisesSettled();
  scene.world.take(PUT_ON).fail('forbidden', 'forbidden', { missingRule });
  await promisesSettled();
  assert.deepEqual(scene.elector.explain().missingRules, [missingRule]);
  scene.clock.advance(60_000);
  await promisesSettled();
  scene.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  assert.deepEqual(scene.elector.explain().missingRules, []);
});
