/**
 * The identity and the ports of a process without a cluster: what each request returns.
 */

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import type { LeaseContent } from '../../src/core/lease-record.ts';
import type { Answer, Ports } from '../../src/driver/ports.ts';
import { localIdentity, localPorts } from '../../src/joining/local-election.ts';
import type { LocalRole } from '../../src/options.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const SELF = { name: 'laptop', uid: 'pod-uid' };
const SELF_POD = { ...SELF, resourceVersion: '1', terminating: false };
const OTHER_POD = { name: 'local-leader', uid: 'local-leader', resourceVersion: '1', terminating: false };

const CONTENT: LeaseContent = {
  holderIdentity: SELF.name,
  owner: SELF,
  acquireTimeMs: 1_000,
  renewTimeMs: null,
  leaseDurationSeconds: 30,
  leaseTransitions: 0,
  releasedBy: null,
};

function portsOf(role: LocalRole): { readonly ports: Ports; readonly clock: ManualClock } {
  const clock = new ManualClock();
  return { ports: localPorts(SELF, role, clock), clock };
}

/** The value of an answer that is not a failure. */
async function answered<Value>(answer: Promise<Answer<Value>>): Promise<Value> {
  const settled = await answer;
  assert.ok(settled.ok);
  return settled.value;
}

test('the identity has default names, and a uid of its own for each process', () => {
  const [first, second] = [localIdentity(undefined, undefined), localIdentity(undefined, undefined)];
  assert.deepEqual([first.pod.name, first.namespace, first.lease], [hostname(), 'local', 'local']);
  assert.match(first.pod.uid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.notEqual(first.pod.uid, second.pod.uid);
});

test('the identity has the names of the options', () => {
  assert.deepEqual(localIdentity({ ...SELF, namespace: 'home' }, 'nightly'), {
    pod: SELF,
    namespace: 'home',
    lease: 'nightly',
  });
});

test('a local leader finds no Lease, and a local candidate finds the Lease of another Pod', async () => {
  assert.equal(await answered(portsOf('leader').ports.lease.read()), null);
  const { ports, clock } = portsOf('candidate');
  const lease = {
    holderIdentity: 'local-leader',
    owner: { name: 'local-leader', uid: 'local-leader' },
    acquireTimeMs: clock.wallMs(),
    renewTimeMs: null,
    leaseDurationSeconds: null,
    leaseTransitions: 0,
    releasedBy: null,
    uid: 'local-lease',
    resourceVersion: '1',
    terminating: false,
    finalizers: [],
    source: null,
  };
  assert.deepEqual(await answered(ports.lease.read()), lease);
  assert.deepEqual(await answered(ports.leaseWatch.list()), { items: [lease], resourceVersion: '1' });
});

test('a created Lease is stored with its content, and a replaced one keeps its uid', async () => {
  const { ports, clock } = portsOf('leader');
  assert.deepEqual(await answered(ports.leaseWatch.list()), { items: [], resourceVersion: '1' });
  const created = await answered(ports.lease.create(CONTENT));
  const firstRevision = clock.wallMs() * 1_000;
  const stored = { terminating: false, finalizers: [], source: null, uid: created.uid };
  assert.deepEqual(created, { ...CONTENT, ...stored, resourceVersion: String(firstRevision) });
  assert.deepEqual(await answered(ports.lease.read()), created);

  const renewed = { ...CONTENT, renewTimeMs: 2_000 };
  const replaced = await answered(ports.lease.replace(created, renewed));
  assert.deepEqual(replaced, { ...renewed, ...stored, resourceVersion: String(firstRevision + 1) });
  assert.deepEqual(await answered(ports.leaseWatch.list()), { items: [replaced], resourceVersion: '1' });

  assert.equal(await answered(ports.lease.delete(replaced)), null);
  assert.equal(await answered(ports.lease.read()), null);
});

for (const [name, pod] of [
  ['laptop', SELF_POD],
  ['local-leader', OTHER_POD],
  ['unknown', null],
] as const) {
  test(`a read and a list return the Pod of this name, or no Pod: ${name}`, async () => {
    const { ports } = portsOf('leader');
    assert.deepEqual(await answered(ports.pod.read(name)), pod);
    const items = pod === null ? [] : [pod];
    assert.deepEqual(await answered(ports.podWatch(name).list()), { items, resourceVersion: '1' });
  });
}

test('the sibling lock is held immediately, because no other process takes part', () => {
  const outcomes: string[] = [];
  portsOf('leader').ports.siblingLock.claim((outcome) => outcomes.push(outcome));
  assert.deepEqual(outcomes, ['held']);
});

test('a stream sends nothing, and can be closed', () => {
  const { ports } = portsOf('leader');
  const received: string[] = [];
  const sink = {
    opened: () => received.push('opened'),
    event: () => received.push('event'),
    ended: () => received.push('ended'),
  };
  ports.leaseWatch.open('1', 300, sink).close();
  assert.deepEqual(received, []);
});
