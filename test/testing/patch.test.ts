import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyJsonPatch, applyMergePatch, applyStrategicPatch } from '../../src/testing/formats/patch.ts';

test('a merge patch removes with null, merges objects and replaces the rest', () => {
  const target = { a: { b: 1, c: 2 }, list: [1, 2], keep: true };
  const patch = { a: { b: null, d: 3 }, list: [3] };
  assert.deepEqual(applyMergePatch(target, patch), { a: { c: 2, d: 3 }, list: [3], keep: true });
});

const OPERATIONS: readonly (readonly [why: string, patch: readonly object[], result: unknown])[] = [
  ['replace', [{ op: 'replace', path: '/a', value: 2 }], { a: 2, l: [1, 2] }],
  ['replace of a missing field adds it', [{ op: 'replace', path: '/z', value: 2 }], { a: 1, l: [1, 2], z: 2 }],
  ['remove', [{ op: 'remove', path: '/a' }], { l: [1, 2] }],
  ['add to a list', [{ op: 'add', path: '/l/1', value: 9 }], { a: 1, l: [1, 9, 2] }],
  ['add at the end of a list', [{ op: 'add', path: '/l/-', value: 9 }], { a: 1, l: [1, 2, 9] }],
  ['add before the last', [{ op: 'add', path: '/l/-2', value: 9 }], { a: 1, l: [1, 9, 2] }],
  ['remove from the end', [{ op: 'remove', path: '/l/-1' }], { a: 1, l: [1] }],
  ['escaped names', [{ op: 'add', path: '/x~1y~0z', value: 9 }], { a: 1, l: [1, 2], 'x/y~z': 9 }],
  ['move', [{ op: 'move', from: '/a', path: '/b' }], { b: 1, l: [1, 2] }],
  ['copy', [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1, l: [1, 2] }],
  ['test that holds', [{ op: 'test', path: '/a', value: 1 }], { a: 1, l: [1, 2] }],
];

for (const [why, patch, result] of OPERATIONS) {
  test(`JSON patch: ${why}`, () => {
    assert.deepEqual(applyJsonPatch({ a: 1, l: [1, 2] }, patch), result);
  });
}

const REJECTED: readonly (readonly [why: string, operation: object])[] = [
  ['test that fails', { op: 'test', path: '/a', value: 2 }],
  ['remove of a missing field', { op: 'remove', path: '/z' }],
  ['an unknown operation', { op: 'frob', path: '/a' }],
  ['an index before the list', { op: 'remove', path: '/l/-2' }],
  ['a path into the prototype of an object', { op: 'add', path: '/__proto__/x', value: 1 }],
  ['a path into a number', { op: 'add', path: '/a/b', value: 1 }],
  ['an index beyond the list', { op: 'add', path: '/l/7', value: 1 }],
];

for (const [why, operation] of REJECTED) {
  test(`JSON patch: ${why} is 422`, () => {
    assert.throws(() => applyJsonPatch({ a: 1, l: [1] }, [operation]), { code: 422 });
  });
}

test('a JSON patch does not change its arguments', () => {
  const target = { l: [1] };
  applyJsonPatch(target, [{ op: 'add', path: '/l/-', value: 2 }]);
  assert.deepEqual(target, { l: [1] });
});

test('a strategic merge patch adds finalizers, and removes single ones', () => {
  const target = { metadata: { finalizers: ['one'] } };
  const added = applyStrategicPatch(target, { metadata: { finalizers: ['two'] } });
  assert.deepEqual(added, { metadata: { finalizers: ['two', 'one'] } });
  const removed = applyStrategicPatch(added, { metadata: { '$deleteFromPrimitiveList/finalizers': ['one'] } });
  assert.deepEqual(removed, { metadata: { finalizers: ['two'] } });
});

test('a patch does not reach the prototype of objects', () => {
  const patch = JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}') as object;
  for (const apply of [applyMergePatch, applyStrategicPatch]) {
    apply({}, patch);
    assert.equal(({} as { x?: number }).x, undefined);
  }
});
