/**
 * Checks `stop()` while work of a lost term may run: the announcements, and what remains open until the work ends.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { OTHER, ScriptedElector, takenBy } from '../worlds/scripted-elector.ts';

const DRAIN_TIMEOUT_MS = 5_000;

function loses(scripted: ScriptedElector): void {
  scripted.world.stream('lease').sink.event({ type: 'MODIFIED', item: takenBy(scripted.lease, OTHER) } as never);
}

for (const release of [true, false]) {
  test(`stop({ release: ${release} }) reports nothing about the Lease of another Pod when lost work never ends`, async () => {
    const scripted = new ScriptedElector({
      onElected: () => new Promise(() => undefined),
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
    });
    const warnings: string[] = [];
    scripted.elector.on('warning', ({ code }) => warnings.push(code));
    await scripted.lead();
    loses(scripted);
    await promisesSettled();
    let resolved = false;
    void scripted.elector.stop({ release }).then(() => {
      resolved = true;
    });
    await promisesSettled();
    assert.equal(resolved, false);
    scripted.run(DRAIN_TIMEOUT_MS / 1_000 + 1);
    await promisesSettled();
    assert.equal(resolved, true);
    assert.equal(scripted.world.lockIsFree, false);
    assert.equal(scripted.world.closings, 1);
    assert.ok(!warnings.includes('work-not-drained'), warnings.join());
  });
}

test('stop() keeps connections and lock until the work ends when the Lease is taken during the wait', async () => {
  const { promise: work, resolve: endWork } = Promise.withResolvers<void>();
  const scripted = new ScriptedElector({ drainTimeoutMs: DRAIN_TIMEOUT_MS, onElected: () => work });
  await scripted.lead();
  const outcomes: string[] = [];
  const note = (outcome: string): number => outcomes.push(outcome);
  scripted.elector.stepDown().then(
    () => note('stepped down'),
    ({ code }) => note(code),
  );
  void scripted.elector.stop({ release: true }).then(() => note('stopped'));
  await promisesSettled();
  loses(scripted);
  await promisesSettled();
  assert.deepEqual([outcomes, scripted.world.closings, scripted.world.lockIsFree], [[], 0, false]);
  endWork();
  await promisesSettled();
  assert.deepEqual([...outcomes].sort(), ['ERR_LEASE_ELECTOR_NOT_RELEASED', 'stopped']);
  assert.deepEqual([scripted.world.closings, scripted.world.lockIsFree], [1, true]);
  const calls = scripted.world.calls.length;
  scripted.run(200);
  await promisesSettled();
  assert.equal(scripted.world.calls.length, calls);
});
