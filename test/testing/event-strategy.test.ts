/**
 * The rules for Events that the recordings do not show. Source: kubernetes, pkg/apis/core/validation/events.go.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServer } from '../../src/testing/index.ts';
import { type Answer, makeServer, send } from './api-client.ts';

const EVENT_TIME = '2026-03-01T10:00:00.000000Z';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };
const MISMATCH = 'does not match event.namespace';

/** Creates an Event in one of the two groups. */
function create(server: ApiServer, group: 'core' | 'v1', namespace: string, more: object): Promise<Answer> {
  const [path, apiVersion, regarding] =
    group === 'core'
      ? ['/api/v1', 'v1', 'involvedObject']
      : ['/apis/events.k8s.io/v1', 'events.k8s.io/v1', 'regarding'];
  const reporter = group === 'core' ? 'reportingComponent' : 'reportingController';
  return send(server, 'POST', `${path}/namespaces/${namespace}/events`, {
    ...{ apiVersion, kind: 'Event', metadata: { name: 'e' }, type: 'Normal', action: 'a', reason: 'r' },
    ...{ [regarding]: { kind: 'Lease', name: 'l', namespace }, eventTime: EVENT_TIME },
    ...{ [reporter]: 'example.com/c', reportingInstance: 'i' },
    ...more,
  });
}

interface Row {
  readonly rule: string;
  readonly group: 'core' | 'v1';
  readonly namespace: string;
  readonly more: object;
  readonly status: number;
  readonly message?: string;
}

const TABLE: readonly Row[] = [
  {
    rule: 'an Event with an eventTime may be in another namespace than its object',
    ...{ group: 'v1', namespace: 'ns', more: { regarding: { namespace: 'elsewhere' } }, status: 201 },
  },
  {
    rule: 'an Event of the core group with an eventTime may be in another namespace than its object',
    ...{ group: 'core', namespace: 'ns', more: { involvedObject: { namespace: 'elsewhere' } }, status: 201 },
  },
  {
    rule: 'an Event without an eventTime must be in the namespace of its object',
    ...{ group: 'core', namespace: 'ns', more: { involvedObject: { namespace: 'elsewhere' }, eventTime: null } },
    ...{ status: 422, message: `involvedObject.namespace: Invalid value: "elsewhere": ${MISMATCH}` },
  },
  {
    rule: 'an Event about an object without a namespace may be in default',
    ...{ group: 'v1', namespace: 'default', more: { regarding: { kind: 'Node' } }, status: 201 },
  },
  {
    rule: 'an Event about an object without a namespace may be in kube-system',
    ...{ group: 'v1', namespace: 'kube-system', more: { regarding: { kind: 'Node' } }, status: 201 },
  },
  {
    rule: 'an Event about an object without a namespace must not be in another namespace',
    ...{ group: 'v1', namespace: 'ns', more: { regarding: { kind: 'Node' } }, status: 422 },
    message: `involvedObject.namespace: Invalid value: "": ${MISMATCH}`,
  },
  {
    rule: 'an Event without an eventTime about an object without a namespace must not be in kube-system',
    ...{ group: 'core', namespace: 'kube-system', more: { involvedObject: {}, eventTime: null }, status: 422 },
    message: `involvedObject.namespace: Invalid value: "": ${MISMATCH}`,
  },
  {
    rule: 'an Event of the core group needs a reportingComponent',
    ...{ group: 'core', namespace: 'ns', more: { reportingComponent: '' }, status: 422 },
    message: 'reportingComponent: Required value',
  },
  {
    rule: 'an Event of the core group without an eventTime needs no reporter',
    ...{ group: 'core', namespace: 'ns', more: { reportingComponent: '', action: '', eventTime: null }, status: 201 },
  },
  {
    rule: 'an Event of events.k8s.io must not have a count',
    ...{ group: 'v1', namespace: 'ns', more: { deprecatedCount: 2 }, status: 422 },
    message: 'count: Invalid value: "": needs to be unset',
  },
  {
    rule: 'an Event of events.k8s.io must not have a source',
    ...{ group: 'v1', namespace: 'ns', more: { deprecatedSource: { component: 'c' } }, status: 422 },
    message: 'source: Invalid value: "": needs to be unset',
  },
  {
    rule: 'a series must have at least two Events',
    ...{ group: 'v1', namespace: 'ns', more: { series: { count: 1, lastObservedTime: EVENT_TIME } }, status: 422 },
    message: 'series.count: Invalid value: "": should be at least 2',
  },
  {
    rule: 'a series must have a time',
    ...{ group: 'v1', namespace: 'ns', more: { series: { count: 2 } }, status: 422 },
    message: 'series.lastObservedTime: Required value',
  },
];

for (const { rule, group, namespace, more, status, message } of TABLE) {
  test(`events: ${rule}`, async () => {
    const { server } = makeServer();
    const answer = await create(server, group, namespace, more);
    assert.equal(answer.status, status, answer.body.message);
    if (message !== undefined) assert.ok(answer.body.message.includes(message), answer.body.message);
  });
}

for (const group of ['core', 'v1'] as const) {
  test(`events: a list of the group ${group} has each Event as a read returns it`, async () => {
    const { server } = makeServer();
    await create(server, group, 'ns', {});
    const path = `${group === 'core' ? '/api/v1' : '/apis/events.k8s.io/v1'}/namespaces/ns/events`;
    const {
      kind: _kind,
      apiVersion: _version,
      ...read
    } = (await send(server, 'GET', `${path}/e`)).body as object & {
      kind: string;
      apiVersion: string;
    };
    const list = await send(server, 'GET', path);
    assert.deepEqual((list.body as unknown as { items: unknown[] }).items, [read]);
  });
}

test('events: only the series of an Event of events.k8s.io can be changed', async () => {
  const { server } = makeServer();
  await create(server, 'v1', 'ns', {});
  const patch = (body: object): Promise<Answer> =>
    send(server, 'PATCH', '/apis/events.k8s.io/v1/namespaces/ns/events/e', body, MERGE);
  assert.equal((await patch({ series: { count: 2, lastObservedTime: EVENT_TIME } })).status, 200);
  assert.equal((await patch({ series: { count: 1 } })).status, 422);
  const { status, body } = await patch({ reason: 'other' });
  assert.equal(status, 422);
  assert.match(body.message, /: reason: Invalid value: "other": field is immutable$/);
  const reporter = await patch({ reportingController: 'example.com/d' });
  assert.match(reporter.body.message, /reportingController: Invalid value: "example.com\/d": field is immutable$/);
});
