/**
 * Checks what an elector publishes with its terms, and that it publishes nothing after `stop()`. The tests control the
 * clock and every answer.
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
const READ = `read metadata of ${SELF.name}`;
const ADD_LABEL = `patch ${SELF.name} {"${LABEL}":"true"}`;
const REMOVE_LABEL = `patch ${SELF.name} {"${LABEL}":null}`;

/** The Pod in the answer to a read. */
function podWith(labels: Readonly<Record<string, string>>): PodMetadata {
  return { ...SELF, resourceVersion: '5', labels, annotations: {} };
}

const BARE = podWith({});
const LABELLED = podWith({ [LABEL]: 'true' });

/** The calls that publish. */
function published({ world }: ScriptedElector): string[] {
  return world.calls.filter((call) => /metadata|patch|event/.test(call));
}

/** Makes the elector the leader, with the label on its Pod. */
async function labelled(options: LeaseElectorOptions = {}): Promise<ScriptedElector> {
  const scripted = new ScriptedElector({ leaderLabel: LABEL, ...options });
  await scripted.lead();
  scripted.world.take(READ).succeed(BARE);
  await promisesSettled();
  scripted.world.take(ADD_LABEL).succeed(null);
  await promisesSettled();
  return scripted;
}

/** The Lease of another Pod. */
function leaseOfOther(): LeaseRecord {
  const times = { acquireTimeMs: 0, renewTimeMs: null, leaseDurationSeconds: null, leaseTransitions: 0 };
  return storedLease({ holderIdentity: OTHER.name, owner: OTHER, ...times, releasedBy: null }, 7);
}

test('a leader labels its Pod without waiting, and removes the label while its work drains', async () => {
  const scripted = await labelled({ onElected: () => new Promise(() => undefined), drainTimeoutMs: 5_000 });
  void scripted.elector.stop();
  await promisesSettled();
  scripted.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  scripted.world.take(REMOVE_LABEL).succeed(null);
  await promisesSettled();
  assert.ok(!scripted.journal.includes('stopped'), 'the work has not ended');
  assert.equal(scripted.world.closings, 0);
});

test('stop() resolves and closes the connections when the label is removed', async () => {
  const scripted = await labelled();
  let stopped = false;
  void scripted.elector.stop().then(() => {
    stopped = true;
  });
  await promisesSettled();
  scripted.world.take(READ).succeed(LABELLED);
  scripted.world.take(`read pod ${SELF.name}`).succeed(OWN_POD);
  await promisesSettled();
  assert.deepEqual([stopped, scripted.journal.at(-1), scripted.world.closings], [false, 'demoted: stopped', 0]);
  scripted.world.take(REMOVE_LABEL).succeed(null);
  await promisesSettled();
  await promisesSettled();
  assert.deepEqual([stopped, scripted.journal.at(-1), scripted.world.closings], [true, 'stopped', 1]);
});

test('stop() resolves and publishes nothing more when an answer does not arrive', async () => {
  const scripted = await labelled({ events: true });
  let stopped = false;
  void scripted.elector.stop().then(() => {
    stopped = true;
  });
  await promisesSettled();
  scripted.world.take(`read pod ${SELF.name}`).succeed(OWN_POD);
  await promisesSettled();
  scripted.clock.advance(CLOSING_LIMIT_MS - 1);
  await promisesSettled();
  assert.deepEqual([stopped, scripted.world.closings], [false, 0]);
  scripted.clock.advance(1);
  await promisesSettled();
  assert.deepEqual([stopped, scripted.world.closings], [true, 1]);
  const { length } = published(scripted);
  for (const { call, succeed } of [...scripted.world.pending]) succeed(call === READ ? LABELLED : null);
  await promisesSettled();
  scripted.run(120);
  await promisesSettled();
  assert.equal(published(scripted).length, length);
});

test('a candidate reads the label of its Pod once when another Pod leads', async () => {
  const scripted = new ScriptedElector({ leaderLabel: LABEL });
  void scripted.elector.start();
  await promisesSettled();
  await scripted.shown(leaseOfOther());
  assert.deepEqual(published(scripted), [READ]);
  scripted.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  assert.deepEqual(published(scripted), [READ, REMOVE_LABEL]);
});

test('a sibling does not write the label of its Pod', async () => {
  const scripted = new ScriptedElector({ leaderLabel: LABEL, events: true });
  void scripted.elector.start();
  await promisesSettled();
  scripted.world.reportLock('taken');
  scripted.world.take('list lease').succeed({ items: [leaseOfOther()], resourceVersion: '10' });
  await promisesSettled();
  assert.equal(scripted.elector.state, 'sibling');
  assert.deepEqual(published(scripted), []);
});

test('a leader is demoted at once when the read of its label does not find its Pod', async () => {
  const scripted = await labelled();
  scripted.clock.advance(5_000);
  await promisesSettled();
  scripted.world.take(READ).succeed(null);
  await promisesSettled();
  assert.equal(scripted.elector.isLeader, false);
  assert.ok(scripted.journal.includes('demoted: pod-deleted'));
});

test('an elector removes its label when a defect ends it', async () => {
  const scripted = await labelled();
  scripted.elector.on('error', () => undefined);
  scripted.clock.advance(10_000);
  await promisesSettled();
  scripted.world.take('replace lease').reject(new Error('no port rejects'));
  await promisesSettled();
  assert.equal(scripted.elector.isLeader, false);
  scripted.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  scripted.world.take(REMOVE_LABEL).succeed(null);
  await promisesSettled();
  await promisesSettled();
  assert.equal(scripted.world.closings, 1);
});

test('an elector warns, counts and continues its term when a publication is refused', async () => {
  const scripted = new ScriptedElector({ leaderLabel: LABEL, events: true });
  await scripted.lead();
  for (let second = 0; second < 8; second += 1) {
    for (const request of [...scripted.world.pending]) {
      if (!/metadata|event/.test(request.call)) continue;
      scripted.world.take(request.call).fail('forbidden');
    }
    await promisesSettled();
    scripted.clock.advance(1_000);
    await promisesSettled();
  }
  assert.deepEqual(scripted.journal.filter((line) => line.startsWith('warning')).sort(), [
    'warning: event-create-failing',
    'warning: pod-patch-failing',
  ]);
  assert.match(scripted.elector.metrics(), /warnings_total\{name="web",code="pod-patch-failing"\} 1\n/);
  assert.match(scripted.elector.metrics(), /warnings_total\{name="web",code="event-create-failing"\} 1\n/);
  assert.equal(scripted.elector.isLeader, true);
});

test('an elector publishes nothing when the options are not set', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  scripted.run(300);
  await promisesSettled();
  assert.deepEqual(published(scripted), []);
});

test('explain() lists the missing rule of the label until the API server accepts the request', async () => {
  const scripted = new ScriptedElector({ leaderLabel: LABEL });
  await scripted.lead();
  assert.deepEqual(scripted.elector.explain().missingRules, []);
  const missingRule = { verb: 'patch', apiGroup: '', resource: 'pods', namespace: 'shop' };
  scripted.world.take(READ).succeed(BARE);
  await promisesSettled();
  scripted.world.take(ADD_LABEL).fail('forbidden', 'forbidden', { missingRule });
  await promisesSettled();
  assert.deepEqual(scripted.elector.explain().missingRules, [missingRule]);
  scripted.clock.advance(60_000);
  await promisesSettled();
  scripted.world.take(READ).succeed(LABELLED);
  await promisesSettled();
  assert.deepEqual(scripted.elector.explain().missingRules, []);
});
