/**
 * Checks the read of the node of a Pod.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiAnswer } from '../../src/kube/api-client.ts';
import { pathOf } from '../../src/kube/api-request.ts';
import { readNode } from '../../src/kube/node-api.ts';
import { scriptedTransport } from './scripted-transport.ts';

const transport = (answer: ApiAnswer) => scriptedTransport(() => answer);

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1', uid: 'u', resourceVersion: '5' },
  status: {
    conditions: [
      { type: 'MemoryPressure', status: 'Unknown' },
      { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', lastTransitionTime: '2026-11-28T10:00:00Z' },
    ],
  },
};

test('a Node is read at a path without a namespace, and its condition Ready is kept', async () => {
  const { client, requests } = transport({ ok: true, value: NODE });
  assert.deepEqual(await readNode(client, 'node-1'), {
    ok: true,
    value: {
      name: 'node-1',
      ready: 'Unknown',
      reason: 'NodeStatusUnknown',
      readyChangedAtMs: Date.parse('2026-11-28T10:00:00Z'),
    },
  });
  assert.deepEqual(requests.map(pathOf), ['/api/v1/nodes/node-1']);
});

test('a Node without a status has no condition', async () => {
  const { status: _status, ...bare } = NODE;
  const answer = await readNode(transport({ ok: true, value: bare }).client, 'node-1');
  assert.deepEqual(answer, { ok: true, value: { name: 'node-1', ready: null, reason: null, readyChangedAtMs: null } });
});

test('a condition that is not an object is ignored', async () => {
  const status = { conditions: [null, 'Ready', ...NODE.status.conditions] };
  const answer = await readNode(transport({ ok: true, value: { ...NODE, status } }).client, 'node-1');
  assert.equal(answer.ok && answer.value?.ready, 'Unknown');
});

test('a Node that does not exist is null, and an object of another kind is a failure', async () => {
  const failure = { kind: 'notFound', message: '404', retryAfterMs: null, missingRule: null, cause: null } as const;
  const gone = await readNode(transport({ ok: false, failure, absent: true }).client, 'node-1');
  assert.deepEqual(gone, { ok: true, value: null });
  const other = await readNode(transport({ ok: true, value: { ...NODE, kind: 'Pod' } }).client, 'node-1');
  assert.equal(!other.ok && other.failure.kind, 'malformed');
});

test('no request is sent for an invalid name of a Node', async () => {
  const { client, requests } = transport({ ok: true, value: NODE });
  assert.equal((await readNode(client, '..')).ok, false);
  assert.deepEqual(requests, []);
});
