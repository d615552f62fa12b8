import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { PodFiles } from '../../src/testing/kit/pod-files.ts';

test('each container has its files in a separate directory, and all are removed', () => {
  const files = new PodFiles();
  const content = { token: 't', caPem: 'c', namespace: 'n' };
  const [first, second] = [files.mount('web-0', content), files.mount('web-0', content)];
  assert.notEqual(first, second);
  files.replaceToken(first, 'rotated');
  const read = (directory: string): string[] =>
    readdirSync(directory).map((name) => `${name}: ${readFileSync(join(directory, name), 'utf8')}`);
  assert.deepEqual(read(first).sort(), ['ca.crt: c', 'namespace: n', 'token: rotated']);
  assert.deepEqual(read(second).sort(), ['ca.crt: c', 'namespace: n', 'token: t']);
  files.remove();
  files.remove();
  assert.equal(existsSync(dirname(first)), false);
});
