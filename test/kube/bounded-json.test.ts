/**
 * Checks how bytes become one text and a text becomes a value, and that values above the limits are refused.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JSON_DEPTH_LIMIT, JSON_VALUE_LIMIT, parseJson } from '../../src/kube/bounded-json.ts';
import { GrowingBuffer } from '../../src/kube/growing-buffer.ts';

const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);

const TEXTS: readonly { readonly rule: string; readonly text: string; readonly problem: RegExp | null }[] = [
  { rule: 'JSON of the deepest level is parsed', text: nested(JSON_DEPTH_LIMIT), problem: null },
  { rule: 'deeper lists are refused', text: nested(JSON_DEPTH_LIMIT + 1), problem: /more than 100 levels/ },
  {
    rule: 'deeper objects are refused',
    text: `${'{"a":'.repeat(JSON_DEPTH_LIMIT + 1)}1${'}'.repeat(JSON_DEPTH_LIMIT + 1)}`,
    problem: /more than 100 levels/,
  },
  { rule: 'depth is refused before the text is complete', text: '['.repeat(1_000_000), problem: /levels/ },
  { rule: 'brackets inside strings do not count', text: JSON.stringify('[{'.repeat(1_000)), problem: null },
  { rule: 'an escaped quote does not end a string', text: JSON.stringify(`"${'['.repeat(1_000)}`), problem: null },
  {
    rule: 'an escaped backslash ends before the quote',
    text: `["\\\\",${nested(JSON_DEPTH_LIMIT)}]`,
    problem: /levels/,
  },
  { rule: 'lists side by side are not deep', text: `[${Array(1_000).fill('[]').join(',')}]`, problem: null },
  {
    rule: 'as many values as the limit are parsed',
    // The list itself is one value, and the text another one.
    text: `[${'0,'.repeat(JSON_VALUE_LIMIT - 2)}0]`,
    problem: null,
  },
  {
    rule: 'more values than the limit are refused',
    text: `[${'{},'.repeat(JSON_VALUE_LIMIT)}{}]`,
    problem: /more than 100000 values/,
  },
  { rule: 'half a text is not JSON', text: '{"a":', problem: /is not JSON/ },
  { rule: 'half a string is not JSON', text: '"a\\', problem: /is not JSON/ },
  { rule: 'an empty text is not JSON', text: '', problem: /is not JSON/ },
];
for (const { rule, text, problem } of TEXTS) {
  test(rule, () => {
    const parsed = parseJson(text);
    // The first assertion comes before the values, whose difference would be printed.
    assert.match(parsed.ok ? 'parsed' : parsed.problem, problem ?? /^parsed$/);
    if (parsed.ok) assert.deepEqual(parsed.value, JSON.parse(text));
  });
}

test('the problem of a text does not quote the text', () => {
  const parsed = parseJson('{"token":"secret"');
  assert.ok(!parsed.ok && !parsed.problem.includes('secret'));
});

test('bytes make the same text wherever the chunks are cut', () => {
  const text = 'blåbærsyltetøy-🫐'.repeat(1_000);
  const bytes = Buffer.from(text);
  for (const size of [1, 3, 4_095, 4_096, 4_097, bytes.length]) {
    const buffer = new GrowingBuffer(bytes.length);
    for (let start = 0; start < bytes.length; start += size) {
      assert.equal(buffer.append(bytes.subarray(start, start + size)), true);
    }
    assert.equal(buffer.take(), text);
    assert.equal(buffer.take(), '', 'the next text begins');
  }
});

test('a text longer than the limit is refused and dropped', () => {
  const buffer = new GrowingBuffer(10);
  assert.equal(buffer.append(Buffer.alloc(10, 'x')), true);
  assert.equal(buffer.append(Buffer.alloc(1)), false);
  assert.equal(buffer.take(), '');
  assert.equal(buffer.append(Buffer.alloc(11)), false);
});

test('the chunks of a text are not kept', () => {
  const buffer = new GrowingBuffer(10);
  const chunk = Buffer.from('ab');
  buffer.append(chunk);
  chunk.fill('z');
  assert.equal(buffer.take(), 'ab');
});
