import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFieldSelector } from '../../src/testing/formats/field-selector.ts';
import { parseLabelSelector } from '../../src/testing/formats/label-selector.ts';
import type { ApiObject } from '../../src/testing/index.ts';
import { LEASES, PODS } from '../../src/testing/objects/resources.ts';

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
  ['app in (x,)', { app: '' }, true],
  ['app=', { app: '' }, true],
  ['in in (in)', { in: 'in' }, true],
  ['constructor', {}, false],
  ['n>3', { n: '4' }, true],
  ['n>3', { n: 'x' }, false],
  ['n<3', {}, false],
  ['n<10', { n: '9' }, true],
];

for (const [selector, labels, selected] of LABELS) {
  test(`label selector ${selector || '(none)'} and ${JSON.stringify(labels)}: ${selected}`, () => {
    assert.equal(parseLabelSelector(selector)(object(labels)), selected);
  });
}

const MALFORMED_LABELS: readonly (readonly [selector: string, message: RegExp])[] = [
  ['app in x', /^unable to parse requirement: found 'x' expected: '\('$/],
  ['app=a b', /^found 'b', expected: ',' or 'end of string'$/],
  ['=x', /^found '=', expected: !, identifier, or 'end of string'$/],
  ['app=x,', /^found '', expected: identifier after ','$/],
  ['!', /^unable to parse requirement: found '', expected: identifier$/],
  ['app ~ x', /^unable to parse requirement: found '~', expected: in, notin, =, ==, !=, gt, lt$/],
  ['app=(x)', /^unable to parse requirement: found '\(', expected: identifier$/],
  ['app in (x', /^unable to parse requirement: found '', expected: ',' or '\)'$/],
  ['app in (=)', /^unable to parse requirement: found '=', expected: ',', '\)' or identifier$/],
  ['app in ()', /^unable to parse requirement: values: Invalid value: \[\]: for 'in', 'notin' operators/],
  ['-app=x', /^unable to parse requirement: <nil>: Invalid value: "-app": name part must consist of/],
  ['a/b/c', /^unable to parse requirement: <nil>: Invalid value: "a\/b\/c": a qualified name must/],
  ['app=-x', /^unable to parse requirement: values\[0\]\[app\]: Invalid value: "-x": a valid label must/],
  ['app in (b,-a)', /^unable to parse requirement: values\[0\]\[app\]: Invalid value: "-a"/],
  ['n>x', /^unable to parse requirement: values\[0\]: Invalid value: "x": for 'Gt', 'Lt' operators, the value/],
];

for (const [selector, message] of MALFORMED_LABELS) {
  test(`label selector ${selector} is 400`, () => {
    assert.throws(() => parseLabelSelector(selector), { code: 400, message });
  });
}

const POD_VALUES = { spec: { nodeName: 'n', hostNetwork: true }, status: { phase: 'Running' } };
const FIELDS: readonly (readonly [selector: string, selected: boolean])[] = [
  ['metadata.name=a,spec.nodeName=n', true],
  ['metadata.name==a', true],
  ['status.phase!=Running', false],
  ['spec.host=n', true],
  ['spec.hostNetwork=true', true],
  ['spec.hostNetwork=false', false],
  ['status.podIP=', true],
  ['metadata.name=a,', true],
  ['metadata.name=a\\,b', false],
];

for (const [selector, selected] of FIELDS) {
  test(`field selector ${selector}: ${selected}`, () => {
    assert.equal(parseFieldSelector(PODS, selector)(object({}, POD_VALUES)), selected);
  });
}

const MALFORMED_FIELDS: readonly (readonly [selector: string, message: string])[] = [
  ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
  ['metadata.name=a=b', 'invalid field selector: unescaped character in value: 61'],
  ['metadata.name=a\\b', 'invalid field selector: invalid escape sequence: \\b'],
  ['z=1,spec.image=1', 'field label not supported: spec.image'],
];

for (const [selector, message] of MALFORMED_FIELDS) {
  test(`field selector ${selector} is 400`, () => {
    assert.throws(() => parseFieldSelector(PODS, selector), { code: 400, message });
  });
}

test('a field selector is refused with the message of the kind when the kind does not support the field', () => {
  assert.throws(() => parseFieldSelector(LEASES, 'spec.holderIdentity=a'), {
    message: '"spec.holderIdentity" is not a known field selector: only "metadata.name", "metadata.namespace"',
  });
  assert.throws(() => parseFieldSelector(PODS, 'spec.image=a'), { message: 'field label not supported: spec.image' });
});
