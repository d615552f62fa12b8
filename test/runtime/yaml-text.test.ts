/**
 * Checks the lines of written YAML. A property in test/testing/yaml.test.ts reads what was written.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeYaml } from '../../src/runtime/yaml-text.ts';

const ROWS: Readonly<Record<string, readonly [value: unknown, lines: readonly string[]]>> = {
  'nested maps': [
    { metadata: { name: 'web-0', labels: { app: 'web' } } },
    ['metadata:', '  name: web-0', '  labels:', '    app: web'],
  ],
  'a list in a map': [{ verbs: ['get', 'list'] }, ['verbs:', '- get', '- list']],
  'a list of maps': [{ rules: [{ verbs: ['get'], count: 1 }] }, ['rules:', '- verbs:', '  - get', '  count: 1']],
  'a list of lists': [
    [['a', 'b'], ['c']],
    ['- - a', '  - b', '- - c'],
  ],
  'an empty map and an empty list': [{ map: {}, list: [] }, ['map: {}', 'list: []']],
  'a field that is undefined': [{ name: 'web-0', namespace: undefined }, ['name: web-0']],
  'scalars that are no text': [{ a: 1.5, b: true, c: null }, ['a: 1.5', 'b: true', 'c: null']],
  'a plain text': [{ path: '/api/v1_a', list: '_' }, ['path: /api/v1_a', 'list: _']],
  'texts that look like other values': [
    ['true', 'No', 'on', 'null', '1', '-', ''],
    ['- "true"', '- "No"', '- "on"', '- "null"', '- "1"', '- "-"', '- ""'],
  ],
  'texts with other characters': [
    ['a b', 'a: b', 'a\nb', '*', 'a#'],
    ['- "a b"', '- "a: b"', '- "a\\nb"', '- "*"', '- "a#"'],
  ],
  'a key that is a word of YAML': [{ y: 1, 'a/b.c-d': 2, 'a b': 3 }, ['"y": 1', 'a/b.c-d: 2', '"a b": 3']],
};

for (const [what, [value, lines]] of Object.entries(ROWS)) {
  test(`writeYaml writes ${what} as kubectl does`, () => {
    assert.deepEqual(writeYaml(value).split('\n'), [...lines, '']);
  });
}
