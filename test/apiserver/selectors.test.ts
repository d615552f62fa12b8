import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject } from '../../src/apiserver/index.ts';
import { LEASES, PODS } from '../../src/apiserver/resources.ts';
import { parseFieldSelector, parseLabelSelector } from '../../src/apiserver/selectors.ts';

function object(labels: Record<string, string>, more: object = {}): ApiObject {
  const metadata = { name: 'a', namespace: 'ns', uid: 'u', resourceVersion: '1', creationTimestamp: '', labels };
  return { kind: 'Pod', apiVersion: 'v1', metadata, ...more };
}

const LABELS: readonly (readonly [selector: string, labels: Record<string, string>, selected: boolean])[] = [
  ['', {}, true],
  ['app=x', { app: 'x' }, true],
  ['app==x', { app: 'y' }, false],
  ['app!=x', {}, true],
  ['app', { app: '' }, true],
  ['!app', { app: '' }, false],
  ['app in (x, y)', { app: 'y' }, true],
  ['app notin (x,y)', {}, true],
  ['app notin (x,y)', { app: 'x' }, false],
  ['app=x,tier!=one', { app: 'x', tier: 'one' }, false],
  ['example.com/app=x', { 'example.com/app': 'x' }, true],
  ['n>3', { n: '4' }, true],
];

for (const [selector, labels, selected] of LABELS) {
  test(`label selector ${selector || '(none)'} and ${JSON.stringify(labels)}: ${selected}`, () => {
    assert.equal(parseLabelSelector(selector)(object(labels)), selected);
  });
}

test('malformed label selectors are 400', () => {
  assert.throws(() => parseLabelSelector('app in x'), {
    message: "unable to parse requirement: found 'x' expected: '('",
  });
  assert.throws(() => parseLabelSelector('app=a b'), { message: "found 'b', expected: ',' or 'end of string'" });
});

test('field selectors compare, negate and join', () => {
  const pod = object({}, { spec: { nodeName: 'n' }, status: { phase: 'Running' } });
  assert.equal(parseFieldSelector(PODS, 'metadata.name=a,spec.nodeName=n')(pod), true);
  assert.equal(parseFieldSelector(PODS, 'status.phase!=Running')(pod), false);
});

test('fields a kind cannot be selected by are 400, in the words of the kind', () => {
  assert.throws(() => parseFieldSelector(LEASES, 'spec.holderIdentity=a'), {
    message: '"spec.holderIdentity" is not a known field selector: only "metadata.name", "metadata.namespace"',
  });
  assert.throws(() => parseFieldSelector(PODS, 'spec.image=a'), { message: 'field label not supported: spec.image' });
});
