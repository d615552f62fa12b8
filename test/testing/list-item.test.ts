/**
 * The text of a list item: the object without kind and apiVersion, for every order of its fields.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApiObject, encodeListItem } from '../../src/testing/objects/api-object.ts';

const METADATA = { name: 'web', uid: 'u', resourceVersion: '7', creationTimestamp: '2026-03-01T10:00:00Z' };
const HEAD = { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1' };
const SPEC = { spec: { holderIdentity: 'web-0' } };

for (const [order, object] of [
  ['kind and apiVersion first', { ...HEAD, metadata: METADATA, ...SPEC }],
  ['kind and apiVersion last', { metadata: METADATA, ...SPEC, ...HEAD }],
  ['apiVersion before kind', { apiVersion: HEAD.apiVersion, kind: HEAD.kind, metadata: METADATA, ...SPEC }],
] as const) {
  test(`the text has no kind and no apiVersion when the object has ${order}`, () => {
    const text = encodeListItem(object as unknown as ApiObject);
    assert.deepEqual(JSON.parse(text), { metadata: METADATA, ...SPEC });
  });
}
