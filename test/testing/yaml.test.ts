import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeYaml } from '../../src/runtime/yaml-text.ts';
import { readYaml, YamlSyntaxError } from '../../src/testing/formats/yaml.ts';

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

test('what it writes, it reads again', () => {
  const value = { a: 'x', b: [1, { c: 'true', d: [] }, 'two words'], e: {}, f: null, g: { h: '2026-03-01T10:00:00Z' } };
  assert.deepEqual(readYaml(writeYaml(value)), value);
});

test('what it does not know, it refuses', () => {
  for (const text of ['a: |\n  text', 'a: &x 1', 'a\nb']) assert.throws(() => readYaml(text), YamlSyntaxError, text);
});
