/**
 * Checks the answers to the reads of `confirm()` that an event has overtaken, and the end of a refusal.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { forbidden } from '../explain/explanation-table.ts';
import { OTHER, OWN_POD, ScriptedElector, SELF } from '../worlds/scripted-elector.ts';

/** The Lease of the answer, which is older than that of the event. */
const OVERTAKEN: Readonly<Record<string, Partial<LeaseRecord>>> = {
  'belonged to another Pod': { owner: OTHER, holderIdentity: OTHER.name },
  'belonged to no Pod': { owner: null, holderIdentity: '' },
  'was released': { releasedBy: SELF.uid },
};

for (const [what, changes] of Object.entries(OVERTAKEN)) {
  test(`confirm() rejects and keeps the term when the Lease ${what} before an event gave it back`, async () => {
    const scripted = new ScriptedElector();
    await scripted.lead();
    const { lease } = scripted;
    assert.ok(lease);
    const rejected = assert.rejects(scripted.elector.confirm(), { code: 'ERR_LEASE_ELECTOR_NOT_LEADER' });
    scripted.world.stream('lease').sink.event({ type: 'modified', item: { ...lease, resourceVersion: '30' } as never });
    await scripted.confirms({ ...lease, ...changes, resourceVersion: '20' });
    await rejected;
    assert.equal(scripted.elector.isLeader, true);
  });
}

test('a refusal to read the Lease is over when confirm() reads it', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  const { world, clock, elector } = scripted;
  world.take('list pod web-0').succeed({ items: [OWN_POD], resourceVersion: '10' });
  let version = 12;
  for (let second = 0; second < 60; second += 1) {
    clock.advance(1_000);
    for (const { call, content, succeed, fail } of world.pending.splice(0)) {
      version += 1;
      if (call === 'read lease')
        fail('forbidden', 'forbidden', { missingRule: forbidden('get', 'leases').missingRule });
      else if (call === 'replace lease') {
        scripted.lease = { ...(scripted.lease as LeaseRecord), ...content, resourceVersion: String(version) };
        succeed(scripted.lease);
      } else succeed(OWN_POD);
    }
    await promisesSettled();
  }
  const verbs = (): string[] => elector.explain().missingRules.map(({ verb, resource }) => `${verb} ${resource}`);
  assert.deepEqual(verbs(), ['get leases']);
  const confirmed = elector.confirm();
  await scripted.confirms();
  await confirmed;
  assert.deepEqual(verbs(), []);
});
