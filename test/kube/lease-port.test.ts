/**
 * Checks the requests about the Lease without a connection: the hook of a write, and the messages about answers that
 * cannot be used.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseContent, LeaseRecord } from '../../src/core/lease-record.ts';
import type { ApiTransport } from '../../src/kube/api-client.ts';
import { leasePort } from '../../src/kube/lease-api.ts';
import { scriptedTransport } from './scripted-transport.ts';
import { failureOf, successOf } from './stub-server.ts';

const LEASE = {
  kind: 'Lease',
  apiVersion: 'coordination.k8s.io/v1',
  metadata: { name: 'web', namespace: 'shop', uid: 'lease-uid', resourceVersion: '42' },
  spec: { holderIdentity: 'web-0' },
};

const CONTENT: LeaseContent = {
  holderIdentity: 'web-0',
  owner: null,
  acquireTimeMs: null,
  renewTimeMs: null,
  leaseDurationSeconds: null,
  leaseTransitions: 0,
  releasedBy: null,
};

const BEFORE: LeaseRecord = {
  ...CONTENT,
  uid: 'lease-uid',
  resourceVersion: '41',
  terminating: false,
  finalizers: [],
  source: LEASE,
};

/** The requests about the Lease `web`, which are answered with this value. */
const answering = (value: unknown) => leasePort(scriptedTransport(() => ({ ok: true, value })).client, 'shop', 'web');

const SUBJECT = 'leases.coordination.k8s.io "web" in namespace "shop"';

test('a replace passes on the hook that is called when it was written, and only if there is one', async () => {
  const hooks: unknown[] = [];
  const client: ApiTransport = {
    async request(_request, given) {
      hooks.push(given);
      return { ok: true, value: LEASE };
    },
    stream: () => assert.fail('no stream is expected'),
  };
  const port = leasePort(client, 'shop', 'web');
  const written = (): void => {};
  successOf(await port.replace(BEFORE, CONTENT, written));
  successOf(await port.replace(BEFORE, CONTENT));
  assert.deepEqual(hooks, [{ written }, {}]);
});

test('an answer that is not the requested Lease is explained', async () => {
  assert.equal(
    failureOf(await answering({ ...LEASE, metadata: null }).read()).message,
    `get ${SUBJECT}: the answer cannot be used: it has no metadata`,
  );
  assert.equal(
    failureOf(await answering(LEASE).replace({ ...BEFORE, uid: 'other' }, CONTENT)).message,
    `update ${SUBJECT}: the answer cannot be used: it has the uid "lease-uid", not "other"`,
  );
});

const SUCCESS = { kind: 'Status', apiVersion: 'v1', status: 'Success' };
const DETAILS = { name: 'web', kind: 'leases', uid: 'lease-uid' };

for (const details of [DETAILS, { ...DETAILS, name: '' }, { ...DETAILS, kind: '' }, { ...DETAILS, uid: '' }, {}]) {
  test(`a Lease is deleted when the Status has the details ${JSON.stringify(details)}`, async () => {
    assert.equal(successOf(await answering({ ...SUCCESS, details }).delete(BEFORE)), null);
  });
}

test('a Status about another object is explained', async () => {
  const details = { ...DETAILS, uid: 'other' };
  assert.equal(
    failureOf(await answering({ ...SUCCESS, details }).delete(BEFORE)).message,
    `delete ${SUBJECT}: the answer is a Status that does not say that this Lease is deleted`,
  );
});
