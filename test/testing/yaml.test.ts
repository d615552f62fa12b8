import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeYaml } from '../../src/runtime/yaml-text.ts';
import { readYaml } from '../../src/testing/formats/yaml.ts';

const MANIFEST = `# a comment
apiVersion: v1
kind: Pod
metadata:
  name: "p"
  labels: {}
spec:
  containers:
  - name: main
    image: example.invalid/app:1
    args: ["a", "b"]
  - name: other
    ports:
      - containerPort: 80
`;

test('reads maps, lists and scalars', () => {
  assert.deepEqual(readYaml(MANIFEST), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: {} },
    spec: {
      containers: [
        { name: 'main', image: 'example.invalid/app:1', args: ['a', 'b'] },
        { name: 'other', ports: [{ containerPort: 80 }] },
      ],
    },
  });
});

test('y and on are booleans, as in YAML 1.1 (wire recording lease-bad-requests)', () => {
  assert.deepEqual(readYaml('a: y\nb: on\nc: "y"'), { a: true, b: true, c: 'y' });
});

test('reads the value that it has written', () => {
  const value = { a: 'x', b: [1, { c: 'true', d: [] }, 'two words'], e: {}, f: null, g: { h: '2026-03-01T10:00:00Z' } };
  assert.deepEqual(readYaml(writeYaml(value)), value);
});

for (const [rule, text, value] of [
  ['a # within quotes is not a comment', 'a: "x #b"\nb: \'y # z\' # c', { a: 'x #b', b: 'y # z' }],
  ['block scalars are text', 'a: |\n  one\n  two\nb: >-\n  one\n  two', { a: 'one\ntwo\n', b: 'one two' }],
  [
    'a flow collection may have several lines',
    'a: [1,\n  2]\nb: {c: d,\n  e: }',
    { a: [1, 2], b: { c: 'd', e: null } },
  ],
  [
    'an alias repeats its anchor',
    'a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}',
    { a: { k: 1 }, b: { k: 1 }, c: { k: 1, l: 2 } },
  ],
  ['a key with quotes may contain anything', '"a: b": 1\n\'c #d\': 2', { 'a: b': 1, 'c #d': 2 }],
  [
    'dates and times of day are text',
    'a: 2026-03-01T10:00:00Z\nb: 2026-03-01\nc: 1:30',
    { a: '2026-03-01T10:00:00Z', b: '2026-03-01', c: '1:30' },
  ],
  ['octal and hexadecimal numbers are those of YAML 1.1', 'a: 0644\nb: 0x1f', { a: 420, b: 31 }],
  ['a key that is a boolean becomes its name', 'on: 1', { true: 1 }],
  ['a repeated field replaces the one before', 'a: 1\na: 2', { a: 2 }],
  ['of several documents the first is read', '---\na: 1\n---\nb: 2', { a: 1 }],
  ['JSON with tabs is YAML', '{\n\t"a": [1.5, "x"]\n}', { a: [1.5, 'x'] }],
  ['an empty document is null', '# only a comment\n', null],
] as const) {
  test(rule, () => assert.deepEqual(readYaml(text), value));
}

for (const [rule, text, message] of [
  ['an unclosed quote', 'b: 1\na: "x', /^yaml: line 2: Missing closing/],
  ['a tab as indentation', 'a:\n\tb: 1', /^yaml: line 2: Tabs/],
  ['a map within a line of another map', 'a: b: c', /^yaml: line 1: Nested mappings/],
  ['an alias without its anchor', 'a: *nothing', /^yaml: .*nothing/],
  ['an infinite number', 'a: [-.inf]', /^json: unsupported value: -Inf$/],
  [
    'aliases that multiply',
    `a0: &a0 [x]\n${Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`).join('\n')}`,
    /^yaml: Excessive alias count/,
  ],
  ['a nesting that is too deep', '['.repeat(100_000), /^yaml: /],
] as const) {
  test(`refuses ${rule}`, () => assert.throws(() => readYaml(text), { name: 'YamlSyntaxError', message }));
}
