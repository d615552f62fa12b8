import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonSyntaxError, readJson } from '../../src/testing/formats/json-reader.ts';

for (const text of [
  '{"a":[1,-2.5e3,"x\\n\\u0041",true,null],"b":{}}',
  '[]',
  '"é\\\\"',
  ' {"__proto__": 1} ',
  '{"a":""}',
]) {
  test(`reads ${text} as JSON.parse does`, () => {
    assert.deepEqual(readJson(text).value, JSON.parse(text));
  });
}

const BROKEN: readonly (readonly [text: string, message: string])[] = [
  ['', 'unexpected end of JSON input'],
  ['{"a":', 'unexpected end of JSON input'],
  ['{"a":"x', 'unexpected end of JSON input'],
  ['hello', "invalid character 'h' looking for beginning of value"],
  ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ['[1 2]', "invalid character '2' after array element"],
  ['{} x', "invalid character 'x' after top-level value"],
  ['nul!', "invalid character '!' in literal null (expecting 'l')"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
];

for (const [text, message] of BROKEN) {
  test(`refuses ${JSON.stringify(text)} with the message of Go`, () => {
    assert.throws(() => readJson(text), new JsonSyntaxError(message));
  });
}

test('reports fields that occur twice, and keeps the last', () => {
  const { value, duplicateFields } = readJson('{"spec":{"a":1,"a":2}}');
  assert.deepEqual(value, { spec: { a: 2 } });
  assert.deepEqual(duplicateFields, ['spec.a']);
});

test('keeps the text of a number when JavaScript would write it differently', () => {
  assert.deepEqual([...readJson('{"a":15.0,"b":15}').numberTexts], [['a', '15.0']]);
});

test('reads a string of a megabyte', () => {
  const text = JSON.stringify('x'.repeat(1_000_000));
  assert.equal(readJson(text).value, JSON.parse(text));
});
